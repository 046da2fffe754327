// Memory that kernels work in. In: a number of bytes. Out: that many at least, aligned to a cache line; large ones to a huge
// page, which the system is asked for: their places in the caches do not change from process to process then, and a sweep
// over a tape of many pages finds their addresses. And what compiling leaves behind, to be given back before large ones are had.
#pragma once
#include <cstdint>
#include <cstdlib>
#include <memory>

namespace alea {

struct FreeMemory {
  void operator()(void* memory) const { std::free(memory); }
};
using Memory = std::unique_ptr<void, FreeMemory>;

Memory allocate(int64_t bytes);  // null: there is not as much

// The free pages of the heap, and the pages of this program's code and constants that are as its file has them: two thirds of
// what a process has after compiling. Code comes back from the system's cache of files as it is next read.
void give_back_after_compiling();

}  // namespace alea
