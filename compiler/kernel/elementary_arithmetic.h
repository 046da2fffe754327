// The elementwise operations of op.def that are a few arithmetic operations, over a builder
// (elementary_builder.h): what they give for NaN, ties and negative operands is defined here.
#pragma once
#include "compiler/kernel/elementary_builder.h"

namespace alea::elementary {

template <class B>
Real<B> ceil(Real<B> x) {
  return -floor(-x);
}
template <class B>
Real<B> truncate(Real<B> x) {
  return copy_sign(floor(abs(x)), x);
}
// -1, 1, and a zero or NaN itself.
template <class B>
Real<B> sign(Real<B> x) {
  return select(x < 0.0, -1.0, select(0.0 < x, 1.0, x));
}
// Ties: the first; NaN wins.
template <class B>
Real<B> max(Real<B> a, Real<B> b) {
  return select((a < b) | !(b == b), b, a);
}
template <class B>
Real<B> min(Real<B> a, Real<B> b) {
  return select((b < a) | !(b == b), b, a);
}
template <class B>
Real<B> floor_divide(Real<B> a, Real<B> b) {
  return floor(a / b);
}
// a - b floor(a / b), the product and difference rounded once
template <class B>
Real<B> modulo(Real<B> a, Real<B> b) {
  return fma(-floor(a / b), b, a);
}

}  // namespace alea::elementary
