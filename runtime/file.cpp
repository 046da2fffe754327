// Reading follows no size that the file system claims: pipes and devices have none.
#include "runtime/file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

#include "runtime/errors.h"

namespace alea {

namespace {

struct Close {
  void operator()(std::FILE* file) const {
    if (file != stdin && file != stdout) std::fclose(file);
  }
};
using FileHandle = std::unique_ptr<std::FILE, Close>;

[[noreturn]] void fail(const char* what, const std::string& path, const char* why) {
  throw FileError{fmt::format("cannot {} {}: {}", what, path, why)};
}

}  // namespace

std::string read_file(const std::string& path, size_t limit) {
  std::error_code error;
  if (path != "-" && std::filesystem::is_directory(path, error)) fail("read", path, "it is a folder");
  const FileHandle file(path == "-" ? stdin : std::fopen(path.c_str(), "rb"));
  if (!file) fail("read", path, std::strerror(errno));
  std::string contents;
  char buffer[1 << 16];
  while (contents.size() < limit) {
    const size_t count = std::fread(buffer, 1, std::min(sizeof buffer, limit - contents.size()), file.get());
    if (count == 0) break;
    contents.append(buffer, count);
  }
  if (std::ferror(file.get())) fail("read", path, std::strerror(errno));
  return contents;
}

void write_file(const std::string& path, std::string_view contents) {
  std::error_code error;
  // What is no ordinary file (/dev/null, a pipe) is written in place.
  const bool in_place = path == "-" || (std::filesystem::exists(path, error) && !std::filesystem::is_regular_file(path, error));
  const std::string written = in_place ? path : fmt::format("{}.{}.part", path, getpid());
  FileHandle file(path == "-" ? stdout : std::fopen(written.c_str(), "wb"));
  if (!file) fail("write", path, std::strerror(errno));
  const bool whole =
      std::fwrite(contents.data(), 1, contents.size(), file.get()) == contents.size() && std::fflush(file.get()) == 0;
  const int reason = errno;
  file.reset();
  if (!whole) {
    if (!in_place) std::filesystem::remove(written, error);
    fail("write", path, std::strerror(reason));
  }
  if (in_place) return;
  std::filesystem::rename(written, path, error);
  if (error) {
    const std::string why = error.message();
    std::filesystem::remove(written, error);
    fail("write", path, why.c_str());
  }
}

}  // namespace alea
