#include "runtime/memory.h"

#include <sys/mman.h>

#include <algorithm>

namespace alea {

Memory allocate(int64_t bytes) {
  constexpr size_t line = 64, page = size_t{1} << 21;
  const auto wanted = static_cast<size_t>(std::max<int64_t>(bytes, 1));
  const bool large = wanted >= page / 8;
  const size_t unit = large ? page : line, rounded = (wanted + unit - 1) / unit * unit;
  Memory memory(std::aligned_alloc(unit, rounded));
  // A wish: without huge pages all is the same but slower.
  if (memory && large) madvise(memory.get(), rounded, MADV_HUGEPAGE);
  return memory;
}

}  // namespace alea
