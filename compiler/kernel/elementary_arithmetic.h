// The elementwise operations of op.def that are a few arithmetic operations, over a builder
// (elementary_builder.h): what they give for NaN, ties and negative operands is defined here.
#pragma once
#include <cmath>
#include <optional>

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

// 1 / divisor as a sum of two numbers of the same sign: the first is rounded towards zero, the second is the rest.
template <class T>
struct Reciprocal {
  T high, low;
};
// Null where a quotient of ordinary size might leave the range of T on the way.
template <class T>
std::optional<Reciprocal<T>> reciprocal_of(T divisor) {
  constexpr int most = std::numeric_limits<T>::max_exponent / 2;
  if (!(std::fabs(divisor) < std::ldexp(T{1}, most) && std::fabs(divisor) > std::ldexp(T{1}, -most))) return {};
  T high = 1 / divisor;
  const T excess = std::fma(high, divisor, T{-1});  // exact
  if (excess > 0) high = std::nextafter(high, T{0});
  return Reciprocal<T>{high, std::fma(-high, divisor, T{1}) / divisor};
}
// x / divisor without dividing: x high + x low. The product x low is off by 2^-p of itself, so by 2^-2p of the quotient: what
// fma rounds lies on the quotient's side of a tie, but for a few x in 2^(p-3) (Brisebarre, Muller and Raina 2004).
// Quotients that are numbers of T are exact, and infinities and signs of zeros are those of a division.
template <class B>
Real<B> divide_by_constant(Real<B> x, typename B::Real divisor) {
  const auto reciprocal = reciprocal_of(divisor);
  if (!reciprocal) return x / static_cast<double>(divisor);
  if (reciprocal->low == 0) return x * static_cast<double>(reciprocal->high);
  return fma(x, static_cast<double>(reciprocal->high), x * static_cast<double>(reciprocal->low));
}

}  // namespace alea::elementary
