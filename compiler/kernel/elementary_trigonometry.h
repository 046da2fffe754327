// Trigonometric functions and their inverses over a builder (elementary_builder.h). In: any argument. Out:
// within 4 ULP. Arguments of up to 2^44 (f32: 2^17) quadrants are reduced by three parts of pi/2 with fused steps, which is
// exact but for the last; beyond, the builder's `large` gives the value.
#pragma once
#include "compiler/kernel/elementary_builder.h"

namespace alea::elementary {

inline constexpr double two_over_pi = 0x1.45f306dc9c883p-1;

// pi/2 = high + middle + low, each with all bits of Real.
template <class B>
inline constexpr double half_pi_high = is_double<B> ? 0x1.921fb54442d18p+0 : 0x1.921fb6p+0;
template <class B>
inline constexpr double half_pi_middle = is_double<B> ? 0x1.1a62633145c07p-54 : -0x1.777a5cp-25;
template <class B>
inline constexpr double half_pi_low = is_double<B> ? -0x1.f1976b7ed8fbcp-110 : -0x1.ee59dap-50;

// sin r for |r| ≤ 0.8, cos r for |r| ≤ 0.7855
template <class B>
Real<B> sin_polynomial(Real<B> r) {
  const Real<B> z = r * r;
  if constexpr (is_double<B>)
    return fma(r * z,
               polynomial(z, -0x1.5555555555554p-3, 0x1.11111111109c4p-7, -0x1.a01a019e24c31p-13, 0x1.71de3728c0744p-19,
                          -0x1.ae5fa115615edp-26, 0x1.5de719acc2b4p-33),
               r);
  else return fma(r * z, polynomial(z, -0x1.555552p-3, 0x1.110ba4p-7, -0x1.9a8acap-13), r);
}
template <class B>
Real<B> cos_polynomial(Real<B> r) {
  const Real<B> z = r * r;
  if constexpr (is_double<B>)
    return polynomial(z, 1.0, -0x1.fffffffffffap-2, 0x1.555555554f7c2p-5, -0x1.6c16c16475c98p-10, 0x1.a019f8746239ep-16,
                      -0x1.27df668211809p-22, 0x1.1b9487f207823p-29);
  else return polynomial(z, 1.0, -0x1.ffffb8p-2, 0x1.553f6p-5, -0x1.646e24p-10);
}

template <class B>
struct SinCos {
  Real<B> sin, cos;
};

// sin and cos of quadrant pi/2 + r.
template <class B>
SinCos<B> of_quadrant(Real<B> r, Whole<B> quadrant) {
  SinCos<B> both{sin_polynomial(r), cos_polynomial(r)};
  exchange(both.sin, both.cos, quadrant, 1);
  constexpr int to_sign = Format<B>::width - 2;
  constexpr uint64_t sign = uint64_t{2} << to_sign;
  return {value(with_bits_turned(bits(both.sin), quadrant << to_sign, sign)),
          value(with_bits_turned(bits(both.cos), (quadrant + 1) << to_sign, sign))};
}

// x = quadrant pi/2 + r mod 2 pi with |r| at most pi/4 and a rounding; only the last two bits of the quadrant count. The count
// is above count_limit where x is too large for this, no number or infinite: with most = 2^n quadrants, a multiple of 4, the
// bits of rounder + most + k are those of the rounder and, below 2^(n+1), the whole number most + k, as long as -most ≤ k < most.
template <class B>
struct Reduced {
  Real<B> r;
  Whole<B> quadrant, count;
};
template <class B>
inline constexpr uint64_t count_limit = uint64_t{2} << (is_double<B> ? 44 : 17);
template <class B>
Reduced<B> reduce(Real<B> x) {
  using F = Format<B>;
  constexpr double rounder = F::rounder + count_limit<B> / 2;
  const Real<B> shifted = fma(x, two_over_pi, rounder), k = shifted - rounder;
  const Real<B> r = fma(k, -half_pi_low<B>, fma(k, -half_pi_middle<B>, fma(k, -half_pi_high<B>, x)));
  return {r, bits(shifted), bits(shifted) ^ F::bits_of(F::rounder)};
}

template <class B>
SinCos<B> sincos(Real<B> x) {
  const Reduced<B> reduced = reduce(x);
  SinCos<B> both = of_quadrant(reduced.r, reduced.quadrant);
  x.builder->large(Large::sin_and_cos, reduced.count.value, count_limit<B>, x.value, both.sin.value, both.cos.value);
  return both;
}

// sin and cos of 2 pi u, 0 ≤ u ≤ 1: the reduction is exact.
template <class B>
SinCos<B> sincos_of_turns(Real<B> u) {
  const Real<B> shifted = fma(u, 4.0, Format<B>::rounder);
  return of_quadrant(fma(u, 4.0, -(shifted - Format<B>::rounder)) * half_pi_high<B>, bits(shifted));
}

template <class B>
Real<B> sin(Real<B> x) {
  return sincos(x).sin;
}
template <class B>
Real<B> cos(Real<B> x) {
  return sincos(x).cos;
}
template <class B>
Real<B> tan(Real<B> x) {
  const SinCos<B> both = sincos(x);
  return both.sin / both.cos;
}

// quadrant pi/2 + r into [-pi, pi), where the rounded pi itself counts as -pi: r - q pi/2 with q = 0, -1, ±2 or 1 in quadrant
// 0, 1, 2 or 3, the sign for 2 being that of r.
template <class B>
Real<B> wrap_of_quadrant(Real<B> r, Whole<B> quadrant) {
  const Mask<B> odd = nonzero(quadrant & 1), second_half = nonzero(quadrant & 2);
  const Real<B> zero = constant_like(r, 0.0);
  const Real<B> across = select(r < 0.0, -2.0, constant_like(r, 2.0));
  const Real<B> quarters = select(odd, select(second_half, 1.0, constant_like(r, -1.0)), select(second_half, across, zero));
  const Real<B> wrapped = fma(quarters, -half_pi_high<B>, fma(quarters, -half_pi_middle<B>, r));
  return select(2 * half_pi_high<B> <= wrapped, -2 * half_pi_high<B>, wrapped);
}

template <class B>
Real<B> wrap(Real<B> x) {
  const Reduced<B> reduced = reduce(x);
  Real<B> wrapped = wrap_of_quadrant(reduced.r, reduced.quadrant), unused = x;
  x.builder->large(Large::wrap, reduced.count.value, count_limit<B>, x.value, wrapped.value, unused.value);
  return wrapped;
}

// (atan t - t) / t³ on |t| ≤ tan(pi/8), of z = t²
template <class B>
Real<B> atan_tail(Real<B> z) {
  if constexpr (is_double<B>)
    return polynomial(z, -0x1.5555555555555p-2, 0x1.9999999999429p-3, -0x1.249249243d5b1p-3, 0x1.c71c7188a8d82p-4,
                      -0x1.745d0b9950424p-4, 0x1.3b126bad6f088p-4, -0x1.10fae1bfac062p-4, 0x1.dfecac135c776p-5,
                      -0x1.a0b7ad5ba7592p-5, 0x1.41b1c56eb5c06p-5, -0x1.3ae34f61f11f2p-6);
  else return polynomial(z, -0x1.555554p-2, 0x1.99970ap-3, -0x1.241d42p-3, 0x1.b7e4dap-4, -0x1.07d9c6p-4);
}

// The angle of the point (x, y): with a ≤ b the two magnitudes, atan(a/b), or pi/4 + atan((a-b)/(a+b)), then
// reflected at the diagonal and the axes.
template <class B>
Real<B> atan2(Real<B> y, Real<B> x) {
  using F = Format<B>;
  const Real<B> abs_x = abs(x), abs_y = abs(y);
  const Mask<B> steep = abs_x < abs_y;
  const Real<B> raw_a = select(steep, abs_x, abs_y), raw_b = select(steep, abs_y, abs_x);
  // a + b must not overflow.
  const Mask<B> huge = 0.25 * F::max < raw_b;
  const Real<B> a = select(huge, 0.25 * raw_a, raw_a), b = select(huge, 0.25 * raw_b, raw_b);
  const Mask<B> middle = (0.41421356 * b < a) | (raw_a == F::infinity);
  Real<B> t = select(middle, a - b, a) / select(middle, a + b, b);
  // 0/0 and infinity/infinity have angles too.
  t = select((raw_b == 0.0) | (raw_a == F::infinity), 0.0, t);
  const Real<B> small = fma(t * (t * t), atan_tail(t * t), t);
  // base + small with base a multiple of pi/4 as high + low
  const Real<B> zero = constant_like(x, 0.0);
  const Real<B> eighth = select(middle, 1.0, zero);
  const Mask<B> left = bits_negative(x);
  // |angle| = q pi/4 ± small
  const Real<B> within = select(steep, 2.0 - eighth, eighth);
  const Real<B> quarters = select(left, 4.0 - within, within);
  const Real<B> sign_of_small = select(steep, -1.0, constant_like(x, 1.0)) * select(left, -1.0, constant_like(x, 1.0));
  const Real<B> high = quarters * (0.5 * half_pi_high<B>);
  const Real<B> high_low = fma(quarters, 0.5 * half_pi_high<B>, -high) + quarters * (0.5 * half_pi_middle<B>);
  const Real<B> angle = high + fma(sign_of_small, small, high_low);
  const Real<B> result = copy_sign(angle, y);
  return select((x == x) & (y == y), result, F::nan);
}

template <class B>
Real<B> atan(Real<B> x) {
  return atan2(x, constant_like(x, 1.0));
}

// (asin t - t) / t³ on |t| ≤ ½, of z = t²
template <class B>
Real<B> asin_tail(Real<B> z) {
  if constexpr (is_double<B>)
    return polynomial(z, 0x1.555555555554ep-3, 0x1.3333333337269p-4, 0x1.6db6db67f1612p-5, 0x1.f1c71fc03ce43p-6,
                      0x1.6e8b25e014fep-6, 0x1.1c59a07163e01p-6, 0x1.c86948fe0ee2cp-7, 0x1.8567416c7a83cp-7, 0x1.fccbd3d93e5cp-8,
                      0x1.08a85a539406p-6, -0x1.66c56113f5e3p-7, 0x1.cfeb6b627c8f3p-6);
  else return polynomial(z, 0x1.555554p-3, 0x1.3334c8p-4, 0x1.6d4028p-5, 0x1.ff9638p-6, 0x1.10a158p-6, 0x1.1a3058p-5);
}

// asin t for |t| ≤ ½, where z is its square; for larger |x| t = √((1 - |x|) / 2) gives pi/2 - asin |x| = 2 asin t.
template <class B>
struct HalfAngle {
  Mask<B> large;
  Real<B> angle;
};
template <class B>
HalfAngle<B> half_angle(Real<B> x) {
  const Real<B> a = abs(x);
  const Mask<B> large = 0.5 < a;
  const Real<B> z = select(large, 0.5 * (1.0 - a), a * a);
  const Real<B> t = select(large, sqrt(z), a);
  return {large, fma(t * z, asin_tail(z), t)};
}

template <class B>
Real<B> asin(Real<B> x) {
  const HalfAngle<B> half = half_angle(x);
  const Real<B> rest = fma(half.angle, -2.0, half_pi_middle<B>) + half_pi_high<B>;
  return copy_sign(select(half.large, rest, half.angle), x);
}

template <class B>
Real<B> acos(Real<B> x) {
  const HalfAngle<B> half = half_angle(x);
  const Mask<B> negative = x < 0.0;
  const Real<B> twice = 2.0 * half.angle;
  const Real<B> outer = select(negative, 2 * half_pi_high<B> - (twice - 2 * half_pi_middle<B>), twice);
  const Real<B> signed_angle = copy_sign(half.angle, x);
  const Real<B> inner = half_pi_high<B> - (signed_angle - half_pi_middle<B>);
  return select(half.large, outer, inner);
}

}  // namespace alea::elementary
