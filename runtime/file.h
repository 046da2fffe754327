// Whole files in and out. A file that cannot be read or written is a FileError (runtime/errors.h), never a diagnostic.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace alea {

// The whole file, or its first `limit` bytes; "-" is standard input.
std::string read_file(const std::string& path, size_t limit = SIZE_MAX);
// Replaces the file in one step: a reader sees the old or the new contents; "-" is standard output.
void write_file(const std::string& path, std::string_view contents);

}  // namespace alea
