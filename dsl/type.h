// Types: a scalar kind and a static shape. `cat(K)` is an integer in 0..K-1 whose K is part of the type.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace alea {

enum class Scalar : uint8_t { real, integer, boolean, category };

using Shape = std::vector<int64_t>;  // empty for a scalar

struct Type {
  Scalar scalar = Scalar::real;
  int64_t categories = 0;  // K of cat(K), else 0
  Shape shape;
  bool operator==(const Type&) const = default;
};

// Number of elements; the checker guarantees at most max_elements, so this never overflows.
int64_t element_count(const Shape&);
inline constexpr int64_t max_elements = 10'000'000;
std::string to_string(const Type&);   // as in the language: real[3, 4], cat(5), bool
std::string to_string(const Shape&);  // [3, 4]

}  // namespace alea
