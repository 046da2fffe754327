// Compiled kernels on disk, so that a model that was compiled before runs at once. In: a key, the whole of what decides what
// the object files do: the program's text, the options, the processor, and the versions of LLVM and of this code. Out: the object
// files, or nothing: a file that is cut short, damaged, or of another key counts as missing and is written anew. Files come into
// place in one step, so that processes may race; the oldest go when the folder grows beyond its bound. What cannot be written
// is not: a cache never fails.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace alea {

struct CachedKernel {
  int64_t workspace_bytes = 0, uniform_bytes = 0, most_groups = 1;
  std::vector<std::string> objects;
};

inline constexpr int64_t largest_cache = 256 << 20;

// $XDG_CACHE_HOME/alea or ~/.cache/alea; empty where neither is set or ALEA_CACHE is `off`.
std::string default_cache_folder();
// The build of this code, from what the linker left in the file that it was loaded from; empty where there is nothing.
std::string code_version();

std::optional<CachedKernel> load_kernel(const std::string& folder, const std::string& key);
void save_kernel(const std::string& folder, const std::string& key, const CachedKernel&, int64_t bound = largest_cache);

}  // namespace alea
