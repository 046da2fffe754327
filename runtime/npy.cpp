// The formats: NumPy's NEP 1 for .npy; PKWARE's application note for the zip around .npz, of which we read the central
// directory (local headers may leave the sizes out) and write the smallest useful part.
#include "runtime/npy.h"

#include <fmt/format.h>
#include <zlib.h>

#include <bit>
#include <cctype>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <optional>

#include "runtime/errors.h"

namespace alea {

namespace {

[[noreturn]] void fail(const std::string& name, std::string_view why) {
  throw FileError{fmt::format("cannot read {}: {}", name, why)};
}

// Little-endian integers at an offset; the caller has checked that they lie inside.
uint64_t little_endian(std::string_view bytes, size_t offset, size_t size) {
  uint64_t value = 0;
  for (size_t k = size; k-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[offset + k]);
  return value;
}

void append(std::string& out, uint64_t value, int size) {
  for (int k = 0; k < size; ++k) out += static_cast<char>(value >> (8 * k) & 0xFF);
}

// ---- .npy

struct ElementType {
  char kind = 'f';  // f, i, u, b
  size_t size = 8;
  bool big_endian = false;
};

struct NpyHeader {
  ElementType type;
  bool fortran_order = false;
  Shape shape;
};

// The header is a Python dictionary with exactly three keys: {'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }
class HeaderReader {
 public:
  HeaderReader(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  NpyHeader read() {
    NpyHeader header;
    bool has_type = false, has_order = false, has_shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string_view key = quoted();
      expect(':');
      if (key == "descr") {
        header.type = element_type(quoted());
        has_type = true;
      } else if (key == "fortran_order") {
        header.fortran_order = boolean();
        has_order = true;
      } else if (key == "shape") {
        header.shape = shape();
        has_shape = true;
      } else {
        fail(name_, "its header has an unknown key");
      }
      if (!accept(',') && !peek('}')) fail(name_, "its header is damaged");
    }
    if (!has_type || !has_order || !has_shape) fail(name_, "its header is incomplete");
    return header;
  }

 private:
  void skip_spaces() {
    while (position_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[position_]))) ++position_;
  }
  bool peek(char c) {
    skip_spaces();
    return position_ < text_.size() && text_[position_] == c;
  }
  bool accept(char c) {
    if (!peek(c)) return false;
    ++position_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) fail(name_, "its header is damaged");
  }
  std::string_view quoted() {
    const char quote = peek('"') ? '"' : '\'';
    expect(quote);
    const size_t end = text_.find(quote, position_);
    if (end == std::string_view::npos) fail(name_, "its header is damaged");
    const std::string_view word = text_.substr(position_, end - position_);
    position_ = end + 1;
    return word;
  }
  bool boolean() {
    skip_spaces();
    for (const bool value : {true, false}) {
      const std::string_view word = value ? "True" : "False";
      if (text_.substr(position_).starts_with(word)) {
        position_ += word.size();
        return value;
      }
    }
    fail(name_, "its header is damaged");
  }
  Shape shape() {
    Shape shape;
    expect('(');
    while (!accept(')')) {
      skip_spaces();
      int64_t length = 0;
      const size_t begin = position_;
      for (; position_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[position_])); ++position_) {
        length = length * 10 + (text_[position_] - '0');
        if (length > (int64_t{1} << 40)) fail(name_, "it claims to be larger than any memory");
      }
      if (position_ == begin) fail(name_, "its header is damaged");
      shape.push_back(length);
      if (!accept(',') && !peek(')')) fail(name_, "its header is damaged");
    }
    return shape;
  }
  ElementType element_type(std::string_view word) {
    ElementType type;
    if (word.size() == 3 && std::string_view("<>=|").find(word[0]) != std::string_view::npos) {
      type.big_endian = word[0] == '>';
      type.kind = word[1];
      type.size = static_cast<size_t>(word[2] - '0');
      const bool integer =
          (type.kind == 'i' || type.kind == 'u') && (type.size == 1 || type.size == 2 || type.size == 4 || type.size == 8);
      if (integer || (type.kind == 'f' && (type.size == 4 || type.size == 8)) || (type.kind == 'b' && type.size == 1))
        return type;
    }
    fail(name_, fmt::format("its elements have type `{}`; numbers and booleans of up to 8 bytes can be read", word));
  }

  std::string_view text_;
  const std::string& name_;
  size_t position_ = 0;
};

double element(const ElementType& type, std::string_view bytes, size_t offset) {
  uint64_t bits = 0;
  for (size_t k = 0; k < type.size; ++k) {
    const size_t at = offset + (type.big_endian ? k : type.size - 1 - k);
    bits = bits << 8 | static_cast<unsigned char>(bytes[at]);
  }
  if (type.kind == 'f')
    return type.size == 8 ? std::bit_cast<double>(bits) : double{std::bit_cast<float>(static_cast<uint32_t>(bits))};
  if (type.kind == 'i') {
    const int unused = 64 - 8 * static_cast<int>(type.size);
    return static_cast<double>(static_cast<int64_t>(bits << unused) >> unused);
  }
  return static_cast<double>(bits);
}

// Fortran order has the first index fastest: walk row-major, with the strides of the column-major layout.
std::vector<size_t> fortran_offsets(const Shape& shape, size_t count) {
  std::vector<size_t> strides(shape.size()), index(shape.size(), 0), offsets(count);
  size_t stride = 1;
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    strides[axis] = stride;
    stride *= static_cast<size_t>(shape[axis]);
  }
  for (size_t position = 0; position < count; ++position) {
    offsets[position] = std::inner_product(index.begin(), index.end(), strides.begin(), size_t{0});
    for (size_t axis = shape.size(); axis-- > 0;) {
      if (++index[axis] < static_cast<size_t>(shape[axis])) break;
      index[axis] = 0;
    }
  }
  return offsets;
}

// ---- .zip

struct ZipEntry {
  std::string name;
  uint16_t method = 0;
  uint32_t checksum = 0;
  uint64_t compressed_size = 0, size = 0, offset = 0;
};

std::vector<ZipEntry> central_directory(std::string_view bytes, const std::string& name) {
  constexpr size_t end_size = 22, entry_size = 46;
  // The end record is last, before a comment of at most 65,535 bytes.
  const size_t signature = bytes.rfind(std::string_view("PK\5\6", 4));
  if (signature == std::string_view::npos || bytes.size() - signature < end_size)
    fail(name, "it is no .npz archive, or is cut off");
  const uint64_t entry_count = little_endian(bytes, signature + 10, 2);
  uint64_t at = little_endian(bytes, signature + 16, 4);
  std::vector<ZipEntry> entries;
  for (uint64_t k = 0; k < entry_count; ++k) {
    if (at > bytes.size() || bytes.size() - at < entry_size || bytes.substr(at, 4) != std::string_view("PK\1\2", 4))
      fail(name, "its directory is damaged");
    ZipEntry entry;
    entry.method = static_cast<uint16_t>(little_endian(bytes, at + 10, 2));
    entry.checksum = static_cast<uint32_t>(little_endian(bytes, at + 16, 4));
    entry.compressed_size = little_endian(bytes, at + 20, 4);
    entry.size = little_endian(bytes, at + 24, 4);
    const uint64_t name_size = little_endian(bytes, at + 28, 2), extra_size = little_endian(bytes, at + 30, 2);
    const uint64_t comment_size = little_endian(bytes, at + 32, 2);
    entry.offset = little_endian(bytes, at + 42, 4);
    if (bytes.size() - at - entry_size < name_size + extra_size + comment_size) fail(name, "its directory is damaged");
    entry.name = bytes.substr(at + entry_size, name_size);
    // Sizes beyond 32 bits stand in the extra field 1, in this order, those only that did not fit.
    const std::string_view extra = bytes.substr(at + entry_size + name_size, extra_size);
    for (size_t field = 0; field + 4 <= extra.size();) {
      const uint64_t id = little_endian(extra, field, 2), size = little_endian(extra, field + 2, 2);
      if (size > extra.size() - field - 4) break;
      size_t value = field + 4;
      if (id == 1)
        for (uint64_t* wide : {&entry.size, &entry.compressed_size, &entry.offset})
          if (*wide == 0xFFFFFFFF && value + 8 <= field + 4 + size) {
            *wide = little_endian(extra, value, 8);
            value += 8;
          }
      field += 4 + size;
    }
    entries.push_back(std::move(entry));
    at += entry_size + name_size + extra_size + comment_size;
  }
  return entries;
}

std::string inflate_raw(std::string_view compressed, size_t size, const std::string& name) {
  std::string out(size, '\0');
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) fail(name, "not enough memory");
  size_t read = 0, written = 0;
  int state = Z_OK;
  // zlib counts in 32 bits: feed and drain in pieces.
  constexpr size_t piece = 1u << 30;
  while (state == Z_OK) {
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(compressed.data() + read));
    stream.avail_in = static_cast<uInt>(std::min(piece, compressed.size() - read));
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + written);
    stream.avail_out = static_cast<uInt>(std::min(piece, size - written));
    const uInt in = stream.avail_in, room = stream.avail_out;
    state = inflate(&stream, Z_NO_FLUSH);
    read += in - stream.avail_in;
    written += room - stream.avail_out;
  }
  inflateEnd(&stream);
  if (state != Z_STREAM_END || written != size) fail(name, "its compressed data are damaged");
  return out;
}

std::string unpack(std::string_view bytes, const ZipEntry& entry, const std::string& name) {
  constexpr size_t local_size = 30;
  if (entry.offset > bytes.size() || bytes.size() - entry.offset < local_size ||
      bytes.substr(entry.offset, 4) != std::string_view("PK\3\4", 4))
    fail(name, "its directory is damaged");
  const uint64_t skipped = local_size + little_endian(bytes, entry.offset + 26, 2) + little_endian(bytes, entry.offset + 28, 2);
  const uint64_t room = bytes.size() - entry.offset;
  if (skipped > room || entry.compressed_size > room - skipped) fail(name, "it is cut off");
  const std::string_view data = bytes.substr(entry.offset + skipped, entry.compressed_size);
  std::string contents;
  if (entry.method == 0) {
    if (entry.size != entry.compressed_size) fail(name, "its directory is damaged");
    contents = data;
  } else if (entry.method == 8) {
    // Deflate shrinks at most 1032-fold, so that a false size allocates no more than a true one could.
    if (entry.size > entry.compressed_size * 1032 + 64) fail(name, "its directory is damaged");
    contents = inflate_raw(data, entry.size, name);
  } else {
    fail(name, fmt::format("compression method {} is not known; numpy.savez and savez_compressed can be read", entry.method));
  }
  const auto checksum = crc32_z(0, reinterpret_cast<const Bytef*>(contents.data()), contents.size());
  if (static_cast<uint32_t>(checksum) != entry.checksum) fail(name, "its checksum is wrong: the file is damaged");
  return contents;
}

}  // namespace

Array read_npy(std::string_view bytes, const std::string& name) {
  if (bytes.size() < 10 || !bytes.starts_with("\x93NUMPY")) fail(name, "it is no .npy file");
  const int version = static_cast<unsigned char>(bytes[6]);
  if (version < 1 || version > 3) fail(name, fmt::format(".npy version {} is not known", version));
  const size_t length_size = version == 1 ? 2 : 4;
  if (bytes.size() < 8 + length_size) fail(name, "it is cut off");
  const uint64_t header_size = little_endian(bytes, 8, length_size);
  if (header_size > bytes.size() - 8 - length_size) fail(name, "it is cut off");
  const NpyHeader header = HeaderReader(bytes.substr(8 + length_size, header_size), name).read();
  const std::string_view data = bytes.substr(8 + length_size + header_size);

  size_t count = 1;
  for (const int64_t length : header.shape) {
    // An empty axis empties the array, whatever the others claim; otherwise the elements must be there.
    if (length != 0 && count > data.size() / static_cast<size_t>(length))
      fail(name, "it has fewer elements than its header says");
    count *= static_cast<size_t>(length);
  }
  if (count > data.size() / header.type.size) fail(name, "it has fewer elements than its header says");
  if (count * header.type.size != data.size()) fail(name, "it has more elements than its header says");

  Array array{header.shape, std::vector<double>(count)};
  if (header.fortran_order && header.shape.size() > 1) {
    const std::vector<size_t> offsets = fortran_offsets(header.shape, count);
    for (size_t i = 0; i < count; ++i) array.values[i] = element(header.type, data, offsets[i] * header.type.size);
  } else {
    for (size_t i = 0; i < count; ++i) array.values[i] = element(header.type, data, i * header.type.size);
  }
  return array;
}

NamedArrays read_npz(std::string_view bytes, const std::string& name) {
  NamedArrays arrays;
  for (const ZipEntry& entry : central_directory(bytes, name)) {
    std::string key = entry.name;
    if (!key.ends_with(".npy")) continue;
    key.resize(key.size() - 4);
    const std::string place = fmt::format("{}:{}", name, key);
    arrays[key] = read_npy(unpack(bytes, entry, place), place);
  }
  return arrays;
}

std::string write_npy(const Array& array) {
  std::string shape;
  for (const int64_t length : array.shape) shape += fmt::format("{},", length);
  std::string header = fmt::format("{{'descr': '<f8', 'fortran_order': False, 'shape': ({}), }}", shape);
  // The data begin at a multiple of 64 bytes; the header ends with a newline.
  while ((10 + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  std::string bytes("\x93NUMPY\x01\x00", 8);
  append(bytes, header.size(), 2);
  bytes += header;
  bytes.reserve(bytes.size() + 8 * array.values.size());
  for (const double value : array.values) append(bytes, std::bit_cast<uint64_t>(value), 8);
  return bytes;
}

std::string write_npz(const NamedArrays& arrays) {
  std::string bytes, directory;
  for (const auto& [key, array] : arrays) {
    const std::string contents = write_npy(array), name = key + ".npy";
    const auto checksum = static_cast<uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(contents.data()), contents.size()));
    if (contents.size() > 0xFFFFFFFEu || bytes.size() > 0xFFFFFFFEu)
      throw FileError{"the arrays are too large for one .npz file (4 GiB)"};
    // What local header and directory entry share: version 2.0, flags (names are UTF-8), stored, 1980-01-01, sizes.
    std::string shared;
    append(shared, 20, 2);
    append(shared, 1 << 11, 2);
    append(shared, 0, 2);
    append(shared, 0, 2);
    append(shared, 1 << 5 | 1, 2);
    append(shared, checksum, 4);
    append(shared, contents.size(), 4);
    append(shared, contents.size(), 4);
    append(shared, name.size(), 2);
    append(shared, 0, 2);
    directory += std::string("PK\1\2\x14\0", 6) + shared;
    directory.append(2 + 2 + 2 + 4, '\0');  // comment, disk, attributes
    append(directory, bytes.size(), 4);
    directory += name;
    bytes += std::string("PK\3\4", 4) + shared + name + contents;
  }
  const size_t start = bytes.size();
  bytes += directory;
  bytes += std::string("PK\5\6\0\0\0\0", 8);
  append(bytes, arrays.size(), 2);
  append(bytes, arrays.size(), 2);
  append(bytes, directory.size(), 4);
  append(bytes, start, 4);
  append(bytes, 0, 2);
  return bytes;
}

}  // namespace alea
