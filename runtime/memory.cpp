// Allocation by huge pages, and the way back of what compiling leaves (memory.h).
#include "runtime/memory.h"

#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

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

namespace {

// A page whose content is not the file's (a debugger's breakpoint, say) stays: dropped, it would come back without it. Which
// those are, the kernel tells, a word a page. Where it does not, all stays.
void give_back_pages(int page_map, uintptr_t begin, uintptr_t end) {
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  constexpr uint64_t present = uint64_t{1} << 63, swapped = uint64_t{1} << 62, of_file = uint64_t{1} << 61;
  begin = (begin + page - 1) / page * page;
  end = end / page * page;
  if (begin >= end) return;
  std::vector<uint64_t> states((end - begin) / page);
  const size_t bytes = states.size() * sizeof(uint64_t);
  if (pread(page_map, states.data(), bytes, static_cast<off_t>(begin / page * sizeof(uint64_t))) != static_cast<ssize_t>(bytes))
    return;
  const auto is_own = [&](uint64_t state) { return (state & (present | swapped)) != 0 && (state & of_file) == 0; };
  for (auto from = states.begin(); from != states.end();) {
    const auto to = std::find_if(from, states.end(), is_own);
    const auto first = begin + static_cast<uintptr_t>(from - states.begin()) * page;
    // A wish, too.
    if (from != to) madvise(reinterpret_cast<void*>(first), static_cast<size_t>(to - from) * page, MADV_DONTNEED);
    from = std::find_if_not(to, states.end(), is_own);
  }
}

// The segments that nobody writes to, of the object that this function is in.
int give_back_segments(dl_phdr_info* info, size_t, void* page_map) {
  const auto begin = [&](const ElfW(Phdr) & segment) { return static_cast<uintptr_t>(info->dlpi_addr + segment.p_vaddr); };
  const auto here = reinterpret_cast<uintptr_t>(&give_back_segments);
  const std::vector<ElfW(Phdr)> segments(info->dlpi_phdr, info->dlpi_phdr + info->dlpi_phnum);
  const bool ours = std::ranges::any_of(
      segments, [&](const ElfW(Phdr) & segment) { return segment.p_type == PT_LOAD && here - begin(segment) < segment.p_memsz; });
  if (!ours) return 0;
  for (const ElfW(Phdr) & segment : segments)
    if (segment.p_type == PT_LOAD && (segment.p_flags & PF_W) == 0)
      give_back_pages(*static_cast<const int*>(page_map), begin(segment), begin(segment) + segment.p_memsz);
  return 1;
}

}  // namespace

void give_back_after_compiling() {
  malloc_trim(0);
  int page_map = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  if (page_map < 0) return;
  dl_iterate_phdr(give_back_segments, &page_map);
  close(page_map);
}

}  // namespace alea
