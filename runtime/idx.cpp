// Unsigned bytes are what there is in practice; the other element types are refused by name.
#include "runtime/idx.h"

#include <fmt/format.h>
#include <zlib.h>

#include "runtime/errors.h"

namespace alea {

namespace {

constexpr size_t most_bytes = size_t{1} << 31;

[[noreturn]] void fail(const std::string& name, std::string_view why) {
  throw FileError{fmt::format("cannot read {}: {}", name, why)};
}

std::string unpacked(std::string_view compressed, const std::string& name) {
  z_stream stream{};
  constexpr int gzip_window = 16 + MAX_WBITS;
  if (inflateInit2(&stream, gzip_window) != Z_OK) fail(name, "not enough memory");
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(compressed.data()));
  stream.avail_in = static_cast<uInt>(compressed.size());
  std::string contents;
  char buffer[1 << 16];
  int state = Z_OK;
  while (state == Z_OK && contents.size() <= most_bytes) {
    stream.next_out = reinterpret_cast<Bytef*>(buffer);
    stream.avail_out = sizeof buffer;
    state = inflate(&stream, Z_NO_FLUSH);
    contents.append(buffer, sizeof buffer - stream.avail_out);
  }
  inflateEnd(&stream);
  if (state != Z_STREAM_END) fail(name, "its compressed data are damaged");
  return contents;
}

}  // namespace

Array read_idx(std::string_view bytes, const std::string& name) {
  if (bytes.size() > most_bytes) fail(name, "it is too large");
  std::string contents;
  if (bytes.starts_with("\x1f\x8b")) {
    contents = unpacked(bytes, name);
    bytes = contents;
  }
  constexpr int unsigned_bytes = 0x08;
  const auto byte = [&](size_t at) { return static_cast<unsigned char>(bytes[at]); };
  if (bytes.size() < 4 || byte(0) != 0 || byte(1) != 0) fail(name, "it is no IDX file");
  if (byte(2) != unsigned_bytes)
    fail(name, fmt::format("its elements are of type {:#x}; unsigned bytes (0x8) are read", byte(2)));
  const size_t axes = byte(3);
  if (axes == 0 || bytes.size() < 4 + 4 * axes) fail(name, "it is no IDX file");
  Array array;
  size_t count = 1;
  for (size_t k = 0; k < axes; ++k) {
    size_t length = 0;
    for (size_t b = 0; b < 4; ++b) length = length << 8 | byte(4 + 4 * k + b);
    if (length > 0 && count > most_bytes / length) fail(name, "it is too large");
    count *= length;
    array.shape.push_back(static_cast<int64_t>(length));
  }
  const std::string_view elements = bytes.substr(4 + 4 * axes);
  if (elements.size() != count) fail(name, fmt::format("it has {} elements where its axes say {}", elements.size(), count));
  array.values.reserve(count);
  for (const char element : elements) array.values.push_back(static_cast<unsigned char>(element));
  return array;
}

}  // namespace alea
