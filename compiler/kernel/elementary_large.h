// The rare case of elementary_builder.h: arguments too large for elementary_trigonometry.h's `reduce`, by Payne and Hanek's
// reduction with as many digits of 2/pi as the argument's exponent asks for. One number at a time.
#pragma once
#include "compiler/kernel/elementary_builder.h"

namespace alea::elementary {

// sin and cos, or wrap twice. NaN for infinities and NaN.
template <class T>
struct LargeValues {
  T first, second;
};
LargeValues<double> large_values(Large, double x);
LargeValues<float> large_values(Large, float x);

}  // namespace alea::elementary
