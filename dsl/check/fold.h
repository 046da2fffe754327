// What the builtins do to constants: compile-time values in, the compile-time result out. Integers are held
// in doubles and stay exact up to 2^53; booleans are 0 and 1. A result that is too large to hold is refused,
// never partly computed.
#pragma once
#include <optional>
#include <span>
#include <vector>

#include "dsl/typed_model.h"

namespace alea::check {

struct Constant {
  Type type;
  std::vector<double> values;  // one for all elements, or one each in row-major order
  bool splat() const { return values.size() == 1; }
  double at(int64_t element) const { return values[splat() ? 0 : static_cast<size_t>(element)]; }
};

inline constexpr int64_t max_folded_elements = 1 << 22;
inline constexpr double max_exact_integer = 9007199254740992.0;  // 2^53

// Empty where the result is not worth or not capable of being a constant: `stop`, `nonzero`, too many
// elements, a matrix that has no factor.
std::optional<Constant> fold(typed::Builtin, const Type& result, std::span<const int64_t> attributes,
                             std::span<const Constant* const> operands);

}  // namespace alea::check
