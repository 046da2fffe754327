// A file is a Header, the key, the objects' sizes, the objects. Its name is a hash of the key.
#include "runtime/kernel_cache.h"

#include <elf.h>
#include <fmt/format.h>
#include <link.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <thread>
#include <vector>

#include "runtime/errors.h"
#include "runtime/file.h"

namespace alea {

namespace {

namespace fs = std::filesystem;

struct Header {
  char magic[8] = {'A', 'l', 'e', 'a', ' ', 'k', ' ', '3'};
  uint64_t checksum = 0;  // of what follows it
  uint64_t key_bytes = 0, object_count = 0;
  int64_t workspace_bytes = 0, uniform_bytes = 0, most_groups = 1;
};
constexpr size_t unchecked_bytes = 16;

// FNV-1a over words, mixed at the end.
uint64_t hash(std::string_view bytes, uint64_t start) {
  uint64_t h = start ^ bytes.size();
  while (!bytes.empty()) {
    uint64_t word = 0;
    const size_t count = std::min<size_t>(8, bytes.size());
    std::memcpy(&word, bytes.data(), count);
    h = (h ^ word) * 0x9E3779B97F4A7C15;
    h ^= h >> 29;
    bytes.remove_prefix(count);
  }
  return h ^ (h >> 32);
}

fs::path file_of(const std::string& folder, const std::string& key) {
  return fs::path(folder) / fmt::format("{:016x}{:016x}.kernel", hash(key, 1), hash(key, 2));
}

// Removes the files used longest ago until the rest take at most `bound` bytes.
void keep_within(const std::string& folder, int64_t bound) {
  struct File {
    fs::path path;
    fs::file_time_type used;
    int64_t bytes;
  };
  std::error_code error;
  std::vector<File> files;
  int64_t total = 0;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    std::error_code gone;  // by another process
    const auto bytes = static_cast<int64_t>(at->file_size(gone));
    const auto used = at->last_write_time(gone);
    if (gone) continue;
    files.push_back({at->path(), used, bytes});
    total += bytes;
  }
  std::ranges::sort(files, {}, &File::used);
  for (const File& file : files) {
    if (total <= bound) return;
    fs::remove(file.path, error);
    total -= file.bytes;
  }
}

struct BuildId {
  uintptr_t inside;  // an address of this code
  std::string text;
};

int find_build_id(dl_phdr_info* info, size_t, void* data) {
  auto& wanted = *static_cast<BuildId*>(data);
  const auto* headers = info->dlpi_phdr;
  const auto* end = headers + info->dlpi_phnum;
  const bool here = std::any_of(headers, end, [&](const auto& header) {
    return header.p_type == PT_LOAD && wanted.inside - (info->dlpi_addr + header.p_vaddr) < header.p_memsz;
  });
  if (!here) return 0;
  for (const auto* header = headers; header != end; ++header) {
    if (header->p_type != PT_NOTE) continue;
    const auto* at = reinterpret_cast<const char*>(info->dlpi_addr + header->p_vaddr);
    const char* const last = at + header->p_memsz;
    while (at + sizeof(ElfW(Nhdr)) <= last) {
      ElfW(Nhdr) note;
      std::memcpy(&note, at, sizeof note);
      const auto padded = [](size_t bytes) { return (bytes + 3) / 4 * 4; };
      const char* name = at + sizeof note;
      const char* content = name + padded(note.n_namesz);
      if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && std::memcmp(name, "GNU", 4) == 0)
        for (size_t k = 0; k < note.n_descsz; ++k) wanted.text += fmt::format("{:02x}", static_cast<unsigned char>(content[k]));
      at = content + padded(note.n_descsz);
    }
  }
  return 1;
}

}  // namespace

std::string default_cache_folder() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  if (variable("ALEA_CACHE") == "off") return {};
  if (const std::string root = variable("XDG_CACHE_HOME"); !root.empty()) return root + "/alea";
  if (const std::string home = variable("HOME"); !home.empty()) return home + "/.cache/alea";
  return {};
}

std::string code_version() {
  BuildId wanted{reinterpret_cast<uintptr_t>(&find_build_id), {}};
  dl_iterate_phdr(find_build_id, &wanted);
  return wanted.text;
}

std::optional<CachedKernel> load_kernel(const std::string& folder, const std::string& key) {
  const fs::path path = file_of(folder, key);
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return std::nullopt;
  std::string bytes;
  try {
    bytes = read_file(path.string());
  } catch (const FileError&) { return std::nullopt; }
  Header header;
  if (bytes.size() < sizeof header + key.size()) return std::nullopt;
  std::memcpy(&header, bytes.data(), sizeof header);
  if (std::memcmp(header.magic, Header{}.magic, sizeof header.magic) != 0 ||
      header.checksum != hash(std::string_view(bytes).substr(unchecked_bytes), 3) || header.key_bytes != key.size() ||
      bytes.compare(sizeof header, key.size(), key) != 0)
    return std::nullopt;
  CachedKernel kernel{header.workspace_bytes, header.uniform_bytes, header.most_groups, {}};
  std::string_view sizes = std::string_view(bytes).substr(sizeof header + key.size());
  if (sizes.size() / sizeof(uint64_t) < header.object_count) return std::nullopt;
  std::string_view objects = sizes.substr(header.object_count * sizeof(uint64_t));
  for (uint64_t k = 0; k < header.object_count; ++k) {
    uint64_t size = 0;
    std::memcpy(&size, sizes.data() + k * sizeof size, sizeof size);
    if (objects.size() < size) return std::nullopt;
    kernel.objects.emplace_back(objects.substr(0, size));
    objects.remove_prefix(size);
  }
  if (!objects.empty()) return std::nullopt;
  fs::last_write_time(path, fs::file_time_type::clock::now(), error);
  return kernel;
}

void save_kernel(const std::string& folder, const std::string& key, const CachedKernel& kernel, int64_t bound) {
  Header header;
  header.key_bytes = key.size();
  header.object_count = kernel.objects.size();
  header.workspace_bytes = kernel.workspace_bytes;
  header.uniform_bytes = kernel.uniform_bytes;
  header.most_groups = kernel.most_groups;
  std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
  bytes += key;
  for (const std::string& object : kernel.objects) {
    const uint64_t size = object.size();
    bytes.append(reinterpret_cast<const char*>(&size), sizeof size);
  }
  for (const std::string& object : kernel.objects) bytes += object;
  header.checksum = hash(std::string_view(bytes).substr(unchecked_bytes), 3);
  std::memcpy(bytes.data(), &header, sizeof header);
  if (static_cast<int64_t>(bytes.size()) > bound / 4) return;
  std::error_code error;
  fs::create_directories(folder, error);
  fs::permissions(folder, fs::perms::owner_all, error);
  const fs::path path = file_of(folder, key);
  // Another thread of this process may be at the same file.
  const std::string written = fmt::format("{}.{}", path.string(), std::hash<std::thread::id>()(std::this_thread::get_id()));
  try {
    write_file(written, bytes);
  } catch (const FileError&) { return; }
  fs::rename(written, path, error);
  keep_within(folder, bound);
}

}  // namespace alea
