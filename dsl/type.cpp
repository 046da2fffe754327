// Types as the language writes them, and how many elements a shape has.
#include "dsl/type.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace alea {

int64_t element_count(const Shape& shape) {
  int64_t count = 1;
  for (const int64_t extent : shape) count *= extent;
  return count;
}

std::string to_string(const Shape& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

std::string to_string(const Type& type) {
  std::string text;
  switch (type.scalar) {
    case Scalar::real: text = "real"; break;
    case Scalar::integer: text = "int"; break;
    case Scalar::boolean: text = "bool"; break;
    case Scalar::category: text = fmt::format("cat({})", type.categories); break;
  }
  return type.shape.empty() ? text : text + to_string(type.shape);
}

}  // namespace alea
