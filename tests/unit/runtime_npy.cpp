// NumPy's formats: what NumPy writes is read, what we write reads back to the bit, and damaged bytes are refused
// without being believed.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "runtime/errors.h"
#include "runtime/npy.h"

using namespace alea;

namespace {

std::string npy(const std::string& header, const std::string& data) {
  std::string text = header;
  while ((10 + text.size() + 1) % 64 != 0) text += ' ';
  text += '\n';
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes += static_cast<char>(text.size() & 0xFF);
  bytes += static_cast<char>(text.size() >> 8);
  return bytes + text + data;
}

}  // namespace

TEST_CASE("an array that is written reads back to the bit") {
  const Array array{{2, 3}, {0.1, -0.0, 1e-310, 1e308, 3, std::numeric_limits<double>::infinity()}};
  const Array back = read_npy(write_npy(array), "a");
  REQUIRE(back.shape == array.shape);
  for (size_t i = 0; i < array.values.size(); ++i) {
    CHECK(back.values[i] == array.values[i]);
    CHECK(std::signbit(back.values[i]) == std::signbit(array.values[i]));
  }
}

TEST_CASE("scalars, empty arrays and archives read back") {
  CHECK(read_npy(write_npy({{}, {2.5}}), "a").values == std::vector<double>{2.5});
  CHECK(read_npy(write_npy({{0, 3}, {}}), "a").shape == Shape{0, 3});
  const NamedArrays arrays{{"theta", {{2}, {1, 2}}}, {"mean.layer.0.W", {{1, 1}, {7}}}};
  const NamedArrays back = read_npz(write_npz(arrays), "a");
  REQUIRE(back.size() == 2);
  CHECK(back.at("theta").values == std::vector<double>{1, 2});
  CHECK(back.at("mean.layer.0.W").shape == Shape{1, 1});
}

TEST_CASE("other element types, byte orders and Fortran order are read") {
  CHECK(read_npy(npy("{'descr': '>i2', 'fortran_order': False, 'shape': (2,), }", std::string("\x00\x05\xFF\xFE", 4)), "a")
            .values == std::vector<double>{5, -2});
  CHECK(read_npy(npy("{'descr': '|b1', 'fortran_order': False, 'shape': (3,), }", std::string("\x01\x00\x01", 3)), "a").values ==
        std::vector<double>{1, 0, 1});
  CHECK(read_npy(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", std::string("\x00\x00\x20\x40", 4)), "a")
            .values == std::vector<double>{2.5});
  // [[0, 1, 2], [3, 4, 5]], columns first
  CHECK(
      read_npy(npy("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }", std::string("\x00\x03\x01\x04\x02\x05", 6)), "a")
          .values == std::vector<double>{0, 1, 2, 3, 4, 5});
}

TEST_CASE("headers that claim more than is there are refused") {
  for (const char* header : {
           "{'descr': '<f8', 'fortran_order': False, 'shape': (4611686018427387904,), }",
           "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 1000000, 1000000, 1000000), }",
           "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }",
           "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
           "{'descr': '<f8', 'shape': (1,), }",
           "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }",
           "{'descr': '<f8', 'fortran_order': False, 'shape': (1,)",
           "[1, 2]",
           "",
       }) {
    INFO(header);
    CHECK_THROWS_AS(read_npy(npy(header, std::string(8, '\0')), "a"), FileError);
  }
}

TEST_CASE("a damaged archive is refused wherever it is damaged") {
  const std::string whole = write_npz({{"a", {{4}, {1, 2, 3, 4}}}, {"b", {{}, {5}}}});
  size_t refused = 0;
  for (size_t i = 0; i < whole.size(); ++i) {
    std::string cut = whole.substr(0, i), flipped = whole;
    flipped[i] = static_cast<char>(flipped[i] ^ 0xFF);
    CHECK_THROWS_AS(read_npz(cut, "a"), FileError);
    try {
      read_npz(flipped, "a");  // a date or an attribute may be anything
    } catch (const FileError&) { ++refused; }
  }
  CHECK(refused > whole.size() / 2);
}
