// The rare case of elementary_builder.h: arguments of more than most_quadrants, by Payne and Hanek's reduction with as many
// digits of 2/pi as the argument's exponent asks for. One number at a time.
#pragma once
#include "compiler/kernel/elementary_builder.h"

namespace alea::elementary {

// x = quadrant pi/2 + r mod 2 pi, |r| ≤ pi/4 and a rounding, quadrant 0 … 3. For infinities and NaN r is NaN.
template <class T>
struct LargeReduction {
  T r;
  uint64_t quadrant;
};
LargeReduction<double> reduce_large(double x);
LargeReduction<float> reduce_large(float x);

}  // namespace alea::elementary
