// Powers, hyperbolic functions, and the exponentials and logarithms that keep digits around 0, over a builder
// (elementary_builder.h); exp and log themselves are in elementary_table.h. In: any argument. Out: within 4 ULP of the exact
// value, with the limits at infinities and domain edges of C.
// Coefficients come from Sollya's fpminimax on the intervals named.
#pragma once
#include "compiler/kernel/elementary_builder.h"
#include "compiler/kernel/elementary_table.h"

namespace alea::elementary {

// x = k ln 2 + r with |r| ≤ ln 2 / 2, k in two's complement.
template <class B>
struct ReducedExponent {
  Real<B> r;
  Whole<B> whole;
};
template <class B>
ReducedExponent<B> reduce_exponent(Real<B> x) {
  using F = Format<B>;
  const Real<B> shifted = fma(x, log2_e, F::rounder);
  const Real<B> k = shifted - F::rounder;
  return {fma(k, -ln2_low<B>, fma(k, -ln2_high<B>, x)), bits(shifted) - F::bits_of(F::rounder)};
}

// (e^r - 1 - r) / r² on |r| ≤ ln 2 / 2
template <class B>
Real<B> exp_tail(Real<B> r) {
  if constexpr (is_double<B>)
    return polynomial(r, 0x1p-1, 0x1.555555555554dp-3, 0x1.5555555553ce3p-5, 0x1.11111111144cfp-7, 0x1.6c16c178a7e8fp-10,
                      0x1.a01a018c37bb6p-13, 0x1.a019b8c29e372p-16, 0x1.71de59ecd1ad2p-19, 0x1.2891c8575acf4p-22,
                      0x1.aeabdb6c9fb07p-26);
  else return polynomial(r, 0x1p-1, 0x1.5554dep-3, 0x1.55556cp-5, 0x1.120ac6p-7, 0x1.6ca99cp-10);
}

// e^(x + low) 2^shift, |low| tiny. x within clamp_exponent's range.
template <class B>
Real<B> exp_extended(Real<B> x, Real<B> low, uint64_t shift = 0) {
  const ReducedExponent<B> reduced = reduce_exponent(x);
  const Real<B> r = reduced.r + low;
  return scale(fma(fma(exp_tail(r), r, 1.0), r, 1.0), reduced.whole + shift);
}

// e^x - 1 = 2^k (e^r - 1) + (2^k - 1), by halves of 2^k because 2^1024 is no number. -0 gives 0.
template <class B>
Real<B> expm1_unsigned(Real<B> x) {
  using F = Format<B>;
  constexpr double low = is_double<B> ? -40 : -20, high = is_double<B> ? 710 : 89;
  const ReducedExponent<B> reduced = reduce_exponent(clamp(x, low, high));
  const Real<B> r = reduced.r;
  const Real<B> half = value((reduced.whole + static_cast<uint64_t>(F::bias - 1)) << F::mantissa_bits);
  return 2.0 * fma(half, fma(exp_tail(r), r * r, r), half - 0.5);
}

template <class B>
Real<B> expm1(Real<B> x) {
  // Halving loses the last bit of subnormals and the sign of zero.
  return select(abs(x) < 0x1p-60, x, expm1_unsigned(x));
}

// x = 2^e (1 + f), 1 + f in [√½, √2), for normal positive x.
template <class B>
struct Significand {
  Real<B> f, e;
  Whole<B> biased;  // e + bias
};
template <class B>
Significand<B> split_significand(Real<B> x) {
  using F = Format<B>;
  constexpr uint64_t root_half = is_double<B> ? 0x3fe6a09e667f3bcd : 0x3f3504f3;
  const Whole<B> shifted = bits(x) + (F::bits_of(1.0) - root_half);
  const Whole<B> biased = shifted >> F::mantissa_bits;
  const Real<B> one_plus_f = value((shifted & ((uint64_t{1} << F::mantissa_bits) - 1)) + root_half);
  return {one_plus_f - 1.0, to_real(biased, -F::bias), biased};
}

// (2 atanh(s) / s - 2) / s², z = s² ≤ (√2 - 1)² / (√2 + 1)²
template <class B>
Real<B> log_tail(Real<B> z) {
  return polynomial(z, 0x1.5555555555558p-1, 0x1.9999999995321p-2, 0x1.2492492def064p-2, 0x1.c71c62e62a529p-3,
                    0x1.7462b4c5f6f18p-3, 0x1.39fe57d2513a1p-3, 0x1.2b58d77a44819p-3);
}

// e ln 2 + log(1 + f)
template <class B>
Real<B> log_of(Real<B> f, Real<B> e) {
  if constexpr (is_double<B>) {
    // s = f / (2 + f), log(1 + f) = 2 s + s³ T(s²) = f + s (s² T - f)
    const Real<B> s = f / (f + 2.0);
    const Real<B> z = s * s;
    const Real<B> rest = fma(s, fma(z, log_tail(z), -f), e * ln2_low<B>);
    return fma(e, ln2_high<B>, f + rest);
  } else {
    // log(1 + f) = f - f²/2 + f³ T(f)
    const Real<B> tail = polynomial(f, 0x1.555554p-2, -0x1.0000ccp-2, 0x1.999f42p-3, -0x1.54d13ep-3, 0x1.231304p-3,
                                    -0x1.0a1986p-3, 0x1.02d7e8p-3, -0x1.4555f8p-4);
    const Real<B> square = f * f;
    const Real<B> rest = fma(square * f, tail, fma(square, -0.5, e * ln2_low<B>));
    return fma(e, ln2_high<B>, f + rest);
  }
}

// log(1 + x): the exponent from the rounded 1 + x, the significand from x itself: f = 2^-e x + (2^-e - 1).
template <class B>
Real<B> log1p(Real<B> x) {
  using F = Format<B>;
  const Real<B> sum = x + 1.0;
  const Significand<B> split = split_significand(sum);
  const Real<B> inverse = value((uint64_t{2 * F::bias} - split.biased) << F::mantissa_bits);
  // From 2^60 on the 1 is lost anyway, and 2^-e may be subnormal.
  const Real<B> f = select(x < 0x1p60, fma(x, inverse, inverse - 1.0), split.f);
  const Real<B> edge = select(sum == 0.0, -F::infinity, select(sum < 0.0, F::nan, x));
  return select((0.0 < sum) & (sum < F::infinity), log_of(f, split.e), edge);
}

// log(x.high + x.low) for x.high normal, positive and less than 2^bias.
template <class B>
Real<B> log_of_pair(Pair<B> x) {
  using F = Format<B>;
  const Significand<B> split = split_significand(x.high);
  const Real<B> inverse = value((uint64_t{2 * F::bias} - split.biased) << F::mantissa_bits);
  return log_of(fma(x.low, inverse, split.f), split.e);
}

// log(1 + e^x) = max(x, 0) + log1p(e^-|x|)
template <class B>
Real<B> softplus(Real<B> x) {
  return select(0.0 < x, x, 0.0) + log1p(exp(-abs(x)));
}

// (tanh(y) / y - 1) / y² on |y| ≤ ln 2 / 4, of y² = z unit; over it. `unit` is a power of two.
template <class B>
Real<B> tanh_tail(Real<B> z, double unit = 1) {
  const double u = unit, u2 = u * u, u4 = u2 * u2;
  if constexpr (is_double<B>)
    return polynomial(z, -0x1.555555555554cp-2 * u, 0x1.11111111065dcp-3 * u2, -0x1.ba1ba1795c37bp-5 * u2 * u,
                      0x1.664f00a509371p-6 * u4, -0x1.224a121f3d4afp-7 * u4 * u, 0x1.c601bba6ba03fp-9 * u4 * u2);
  else return polynomial(z, -0x1.555554p-2 * u, 0x1.110b3cp-3 * u2, -0x1.b218ep-5 * u2 * u);
}

// With t = tanh(y), |x| = k ln 2 / 2 + y: e^2|x| = 2^k (1 + t) / (1 - t), so that
//   tanh |x| = (e^2|x| - 1) / (e^2|x| + 1) = ((2^k - 1) + t (2^k + 1)) / ((2^k + 1) + t (2^k - 1)),
// t itself for k = 0; 1 from 22 (f32: 10) on. What rounding k ln 2 / 2 does to y is lost where k is large, for tanh is flat
// there.
template <class B>
Real<B> tanh(Real<B> x) {
  using F = Format<B>;
  constexpr double saturated = is_double<B> ? 22 : 10;
  const Real<B> a = abs(x), bounded = select(saturated < a, saturated, a);
  const Real<B> shifted = fma(bounded, 2 * log2_e, F::rounder);
  const Real<B> y = fma(shifted - F::rounder, -ln2_high<B> / 2, bounded);
  const Real<B> z = y * y;
  const Real<B> t = fma(y * z, tanh_tail(z), y);
  const Real<B> power = value((bits(shifted) << F::mantissa_bits) + F::bits_of(1.0));
  const Real<B> less = power - 1.0, more = power + 1.0;
  return copy_sign(fma(t, more, less) / fma(t, less, more), x);
}

// 1 / (1 + e^-x). With s = 2 tanh(r / 2), |x| = k ln 2 + r: e^-|x| = 2^-k (2 - s) / (2 + s). 2^-k is 0 beyond the clamp.
template <class B>
Real<B> sigmoid(Real<B> x) {
  using F = Format<B>;
  constexpr double high = is_double<B> ? 746 : 104;
  const Real<B> a = abs(x), bounded = select(high < a, high, a);
  const Real<B> minus_k = F::rounder - fma(bounded, log2_e, F::rounder);
  const Real<B> r = fma(minus_k, ln2_low<B>, fma(minus_k, ln2_high<B>, bounded));
  const Real<B> square = r * r;
  const Real<B> s = fma(r * square, tanh_tail(square, 0.25), r);
  const Real<B> more = s + 2.0;
  const Real<B> less = {x.builder, x.builder->scale((2.0 - s).value, minus_k.value)};
  return select(x < 0.0, less, more) / (more + less);
}

// e^|x| / 2 without overflow before cosh overflows.
template <class B>
Real<B> half_exp(Real<B> magnitude) {
  constexpr double high = is_double<B> ? 711 : 90;
  return exp_extended(select(high < magnitude, high, magnitude), constant_like(magnitude, 0.0), ~uint64_t{0});
}

template <class B>
Real<B> sinh(Real<B> x) {
  const Real<B> a = abs(x);
  const Real<B> e = expm1_unsigned(a);
  const Real<B> half = half_exp(a);
  // e = e^a - 1: sinh = (e + e / (e + 1)) / 2; beyond 1 from e^a / 2.
  const Real<B> magnitude = select(a < 1.0, 0.5 * (e + e / (e + 1.0)), half - 0.25 / half);
  return copy_sign(select(a < 0x1p-30, a, magnitude), x);
}

template <class B>
Real<B> cosh(Real<B> x) {
  const Real<B> half = half_exp(abs(x));
  return half + 0.25 / half;
}

// log x to about twice the bits, for normal positive x.
template <class B>
Pair<B> log_extended(Real<B> x) {
  const Significand<B> split = split_significand(x);
  const Real<B> f = split.f, e = split.e;
  // s = f / (2 + f) as s + s_low: the remainder of the division, with 2 + f = d + d_low exactly.
  const Real<B> d = f + 2.0;
  const Real<B> d_low = f - (d - 2.0);
  const Real<B> s = f / d;
  const Real<B> s_low = (fma(-s, d, f) - s * d_low) / d;
  // s² = z + z_low
  const Real<B> z = s * s;
  const Real<B> z_low = fma(s, s, -z) + 2.0 * (s * s_low);
  // 2 atanh(s) = 2 s + s³ (2/3 + z T): t = 2/3 + z T as t + t_low
  constexpr double two_thirds = is_double<B> ? 0x1.5555555555555p-1 : 0x1.555556p-1;
  constexpr double two_thirds_low = is_double<B> ? 0x1.5555555555555p-55 : -0x1.555556p-26;
  Real<B> rest = z;
  if constexpr (is_double<B>)
    rest = z * polynomial(z, 0x1.999999999999ap-2, 0x1.2492492492492p-2, 0x1.c71c71c71c71cp-3, 0x1.745d1745d1746p-3,
                          0x1.3b13b13b13b14p-3, 0x1.1111111111111p-3, 0x1.e1e1e1e1e1e1ep-4, 0x1.af286bca1af28p-4,
                          0x1.8618618618618p-4, 0x1.642c8590b2164p-4);
  else rest = z * polynomial(z, 0x1.99999ap-2, 0x1.24924ap-2, 0x1.c71c72p-3, 0x1.745d18p-3);
  const Real<B> t = rest + two_thirds;
  const Real<B> t_low = (rest - (t - two_thirds)) + two_thirds_low;
  // c = s z t as c + c_low
  const Real<B> zt = z * t;
  const Real<B> zt_low = fma(z, t, -zt) + fma(z, t_low, z_low * t);
  const Real<B> c = s * zt;
  const Real<B> c_low = fma(s, zt, -c) + fma(s, zt_low, s_low * zt);
  // e ln 2 + 2 s + c, by exact sums of decreasing terms
  const Real<B> a = e * ln2_high<B>;
  const Real<B> a_low = fma(e, ln2_high<B>, -a) + e * ln2_low<B>;
  const Real<B> s2 = 2.0 * s;
  const Real<B> u = s2 + c;
  const Real<B> u_low = (c - (u - s2)) + fma(s_low, 2.0, c_low);
  const Real<B> sum = a + u;
  const Real<B> back = sum - a;
  const Real<B> sum_low = (a - (sum - back)) + (u - back) + (a_low + u_low);
  const Real<B> high = sum + sum_low;
  return {high, sum_low - (high - sum)};
}

// |x|^y by e^(y log |x|) in twice the precision; signs, zeros and infinities as C's pow.
template <class B>
Real<B> pow(Real<B> x, Real<B> y) {
  using F = Format<B>;
  const Real<B> a = abs(x);
  const Mask<B> subnormal = a < F::min_normal;
  const Pair<B> l = log_extended(select(subnormal, a * (is_double<B> ? 0x1p54 : 0x1p25), a));
  // The lifted exponent is taken off in the same precision.
  const Real<B> lift = select(subnormal, is_double<B> ? -54.0 : -25.0, constant_like(x, 0.0));
  const Real<B> lifted = fma(lift, ln2_high<B>, l.high);
  const Real<B> lifted_low = fma(lift, ln2_high<B>, l.high - lifted) + fma(lift, ln2_low<B>, l.low);
  const Real<B> product = y * lifted;
  const Real<B> product_low = fma(y, lifted, -product) + y * lifted_low;
  const Real<B> inside = clamp_exponent(product);
  const Real<B> low = select(inside == product, product_low, 0.0);
  const Real<B> magnitude = exp_extended(inside, low);
  // x zero or infinite: 0 or infinity by the sign of y; |x| = 1 gives 1; y infinite: by |x| < 1.
  const Mask<B> infinite = ((a < 1.0) & (y < 0.0)) | ((1.0 < a) & (0.0 < y));
  const Mask<B> edge = (a == 0.0) | (a == F::infinity) | (abs(y) == F::infinity);
  Real<B> result = select(edge, select(infinite, constant_like(x, F::infinity), 0.0), magnitude);
  result = select(a == 1.0, 1.0, result);
  // Negative x: an odd whole y turns the sign, a fraction gives NaN.
  const Mask<B> whole = floor(y) == y;
  const Mask<B> odd = whole & !(floor(0.5 * y) == 0.5 * y);
  const Real<B> turned = select(odd, copy_sign(result, x), result);
  const Mask<B> undefined = (x < 0.0) & !whole & !(a == F::infinity);
  result = select(undefined, F::nan, turned);
  const Mask<B> number = (x == x) & (y == y);
  result = select(number, result, F::nan);
  return select((y == 0.0) | (x == 1.0), 1.0, result);
}

}  // namespace alea::elementary
