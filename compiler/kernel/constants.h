// What a program's constants are in the precision of a run. In: a constant as the model has it, a double. Out: the
// nearest number of that precision, but for the two ends of the open unit interval, which a law's support excludes 0
// and 1 by: the smallest normal number and the largest below 1 become those of single precision, not 0 and 1.
#pragma once
#include <limits>

namespace alea {

template <class T>
T constant_in(double value) {
  constexpr double epsilon = std::numeric_limits<double>::epsilon();
  if (value == std::numeric_limits<double>::min()) return std::numeric_limits<T>::min();
  if (value == 1 - epsilon / 2) return 1 - std::numeric_limits<T>::epsilon() / 2;
  return static_cast<T>(value);
}

}  // namespace alea
