// The error functions and the normal distribution over a builder (elementary_builder.h). In: any argument.
// Out: within 4 ULP. All but the quantile rest on erfcx(y) = e^(y²) erfc(y) for y ≥ 0, a polynomial in (y - K) / (y + K).
#pragma once
#include "compiler/kernel/elementary_exp.h"

namespace alea::elementary {

// (P(t) - P(0)) / t, where erfcx(y) = P(t) / (1 + 2 y). P is between 1 and 1.3, and flat.
template <class B>
Real<B> scaled_erfc_slope(Real<B> t) {
  if constexpr (is_double<B>)
    return polynomial(t, -0x1.1df1ad154a28ep-3, 0x1.f7f5df66fc17fp-7, 0x1.16ecefcfa5214p-4, -0x1.9ddb23c3e0c24p-4,
                      0x1.7fee004e16d41p-4, -0x1.0fb06dfee4790p-4, 0x1.3079edf5d9d05p-5, -0x1.0962386da3254p-6,
                      0x1.49c672b9685cep-8, -0x1.8d4aaa8fbedbcp-11, -0x1.a1df4a1e543bcp-13, 0x1.3be12bafabe1fp-13,
                      -0x1.99551e5f87e20p-16, -0x1.78a738afaf645p-17, 0x1.7f01a118598aep-18, 0x1.400a0021a32f2p-22,
                      -0x1.b9339da7bf70bp-21, 0x1.31744dd9b56cdp-24, 0x1.cad9b27d6d660p-24, -0x1.1904891a069adp-26,
                      -0x1.af097381d256ep-27, 0x1.afe473b55266fp-30, 0x1.0967e52791194p-30);
  else
    return polynomial(t, -0x1.7bf5ea0000000p-4, -0x1.54081c0000000p-3, 0x1.4ff9b60000000p-3, -0x1.bc1acc0000000p-5,
                      -0x1.06f4640000000p-7, 0x1.1cbabc0000000p-7, 0x1.4291ac0000000p-10, -0x1.6de6e40000000p-10,
                      -0x1.84f2560000000p-12, 0x1.514e800000000p-13, 0x1.1d87220000000p-14);
}

template <class B>
struct ScaledErfc {
  Real<B> t, slope, numerator, divisor;  // numerator = P(0) + t slope
};
template <class B>
inline constexpr double scaled_erfc_centre = is_double<B> ? 0x1.3ba5916e9fd7fp+0 : 0x1.46e80ep+0;
template <class B>
ScaledErfc<B> scaled_erfc_parts(Real<B> y) {
  constexpr double centre = is_double<B> ? 4 : 2;
  const Real<B> t = (y - centre) / (y + centre);
  const Real<B> slope = scaled_erfc_slope(t);
  return {t, slope, fma(t, slope, scaled_erfc_centre<B>), fma(y, 2.0, 1.0)};
}

// erfcx(y + y_low), y ≥ 0 and finite, |y_low| tiny: the quotient and what rounding its parts took from it.
template <class B>
Pair<B> scaled_erfc(Real<B> y, Real<B> y_low) {
  const ScaledErfc<B> parts = scaled_erfc_parts(y);
  const Real<B> numerator_low = fma(parts.t, parts.slope, scaled_erfc_centre<B> - parts.numerator);
  const Real<B> divisor_low = fma(y_low, 2.0, fma(y, 2.0, 1.0 - parts.divisor));
  const Real<B> inverse = 1.0 / parts.divisor;
  const Real<B> high = parts.numerator * inverse;
  return {high, inverse * (fma(-high, parts.divisor, parts.numerator) + fma(-high, divisor_low, numerator_low))};
}

// factor e^(-weight y²) for weight 1 or ½, with the square in twice the precision.
template <class B>
Real<B> times_exp_minus_square(Pair<B> factor, Real<B> y, double weight) {
  constexpr double far = is_double<B> ? 50 : 20;
  const Real<B> bounded = select(far < y, far, y);
  const Real<B> square = bounded * bounded;
  const Real<B> low = fma(bounded, bounded, -square);
  const Real<B> exponent = clamp_exponent(-weight * square);
  const ReducedExponent<B> reduced = reduce_exponent(exponent);
  const Real<B> r = reduced.r + select(exponent == -weight * square, -weight * low, 0.0);
  const Real<B> less_one = fma(exp_tail(r) * r, r, r);
  return scale(fma(factor.high, less_one, factor.low) + factor.high, reduced.whole);
}

// erf(y) / y - 1 on |y| ≤ 0.85, of z = y²
template <class B>
Real<B> erf_tail(Real<B> z) {
  if constexpr (is_double<B>)
    return polynomial(z, 0x1.06eba8214db69p-3, -0x1.812746b037a04p-2, 0x1.ce2f21a043dacp-4, -0x1.b82ce312d9a19p-6,
                      0x1.565bcd1b6b9bcp-8, -0x1.c02db69bb1902p-11, 0x1.f9a37f12d6b7p-14, -0x1.f4da3a0300c0ap-17,
                      0x1.ba612bb3e3eaap-20, -0x1.64701a8750fedp-23, 0x1.1fa04b118dd1p-26, -0x1.2812b469e01adp-29,
                      0x1.3298d5e5526b7p-32);
  else
    return polynomial(z, 0x1.06eba8p-3, -0x1.812744p-2, 0x1.ce2e7ep-4, -0x1.b81af8p-6, 0x1.5555cap-8, -0x1.afe9bap-11,
                      0x1.72344p-14);
}

template <class B>
Real<B> erf(Real<B> x) {
  const Real<B> y = abs(x), zero = constant_like(x, 0.0);
  const Real<B> small = fma(y, erf_tail(y * y), y);
  // Beyond 0.85 an error of erfc is small beside 1.
  const ScaledErfc<B> parts = scaled_erfc_parts(select(50.0 < y, 50.0, y));
  const Real<B> upper = times_exp_minus_square(Pair<B>{parts.numerator / parts.divisor, zero}, y, 1.0);
  return copy_sign(select(y < 0.85, small, 1.0 - upper), x);
}

template <class B>
Real<B> erfc(Real<B> x) {
  const Real<B> y = abs(x), zero = constant_like(x, 0.0);
  const Real<B> upper = times_exp_minus_square(scaled_erfc(select(50.0 < y, 50.0, y), zero), y, 1.0);
  const Real<B> small = fma(x, erf_tail(x * x), x);
  return select(y < 0.5, 1.0 - small, select(x < 0.0, 2.0 - upper, upper));
}

// √½ = root_half + root_half_low
template <class B>
inline constexpr double root_half = is_double<B> ? 0x1.6a09e667f3bcdp-1 : 0x1.6a09e6p-1;
template <class B>
inline constexpr double root_half_low = is_double<B> ? -0x1.bdd3413b26456p-55 : 0x1.9fcef4p-27;

// log Φ(x). With h = erfcx(|x| / √2) / 2: x ≤ -½: log h - x²/2; beyond, with the smaller tail t = h e^(-x²/2): x < 0: log t,
// else log(1 - t); between -½ and 1 t is (1 - erf(|x| / √2)) / 2, where h would lose digits. One logarithm for all.
template <class B>
Real<B> log_normal_cdf(Real<B> x) {
  constexpr double far = is_double<B> ? 1e150 : 1e18;
  const Real<B> a = abs(x);
  const Real<B> bounded = select(far < a, far, a);
  const Real<B> y = bounded * root_half<B>;
  const Real<B> y_low = fma(bounded, root_half_low<B>, fma(bounded, root_half<B>, -y));
  const Pair<B> scaled = scaled_erfc(y, y_low);
  const Pair<B> h = {0.5 * scaled.high, 0.5 * scaled.low};
  // erf(y) = y + (y tail + y_low)
  const Real<B> near = fma(fma(y, erf_tail(y * y), y_low), -0.5, fma(y, -0.5, 0.5));
  const Real<B> tail = select((-0.5 < x) & (x < 1.0), near, times_exp_minus_square(h, a, 0.5));
  const Mask<B> lower = x <= -0.5, left = x < 0.0;
  const Real<B> rest = 1.0 - tail;
  const Real<B> high = select(lower, h.high, select(left, tail, rest));
  const Real<B> low = select(lower, h.low, select(left, 0.0, (1.0 - rest) - tail));
  const Real<B> logarithm = log_of_pair(Pair<B>{high, low});
  const Real<B> result = select(lower, fma(-0.5 * x, x, logarithm), logarithm);
  return select(x == x, result, x);
}

// (Φ⁻¹(½ + q) / q - √2π) / q² on q² ≤ 0.180625, of z = 0.180625 - q², and √2 r - Φ⁻¹(1 - e^(-r²)) on r ≥ 1.6 up to the
// least number's, of n = r - 1.5, as fractions whose coefficients are all positive.
template <class B>
struct Fraction {
  Real<B> numerator, denominator;
};
template <class B>
Fraction<B> central_quantile(Real<B> z) {
  if constexpr (is_double<B>)
    return {polynomial(z, 0x1.37fc2a497deabp+2, 0x1.7c4a402968e15p+7, 0x1.5c4c059656e26p+11, 0x1.2a7afa2dd416dp+14,
                       0x1.e5b996ccb1347p+15, 0x1.506fd5e19f897p+16, 0x1.1e637d54e145ep+15, 0x1.1d9c754151bc4p+9),
            polynomial(z, 0x1p+0, 0x1.683e0c907f533p+5, 0x1.8baf23831b312p+9, 0x1.ae3399941c70dp+12, 0x1.e55489b3adf6dp+14,
                       0x1.106b53f9631f6p+16, 0x1.08ddf629024e1p+16, 0x1.371d9515f84d5p+14)};
  else
    return {polynomial(z, 0x1.37fc2ap+2, 0x1.16ea6ep+6, 0x1.8b4dfep+7, 0x1.9ed13ap+4),
            polynomial(z, 0x1p+0, 0x1.4540eep+4, 0x1.be0fbap+6, 0x1.23e0b2p+7)};
}
template <class B>
Fraction<B> tail_quantile(Real<B> n) {
  if constexpr (is_double<B>)
    return {polynomial(n, 0x1.bd69bf5d0e904p-1, 0x1.c5f7d54f00261p+0, 0x1.7a9f8220ef775p+0, 0x1.530540feaa02ep-1,
                       0x1.63f54677e36ccp-3, 0x1.b8b02976dd091p-6, 0x1.32d36a541201ap-9, 0x1.ba576566e7c28p-14,
                       0x1.233dba6bd32edp-19, 0x1.19b71e0cd9937p-26, 0x1.dfd0b621b0adp-36),
            polynomial(n, 0x1p+0, 0x1.33fdb6b88c5a4p+1, 0x1.360d7734358abp+1, 0x1.56ac59a935976p+0, 0x1.c91039a203d0ap-2,
                       0x1.799900183e023p-4, 0x1.7a6f27e0669adp-7, 0x1.b27b66f0d43abp-11, 0x1.0548b61bc9f37p-15,
                       0x1.1f9418b5bf13fp-21, 0x1.c8d2eb6ec1666p-29, 0x1.271ea2fb876fap-38)};
  else
    return {polynomial(n, 0x1.bd69bap-1, 0x1.43c8b4p-1, 0x1.a4e574p-4, 0x1.6e7b58p-9),
            polynomial(n, 0x1p+0, 0x1.183dcep+0, 0x1.6e983p-2, 0x1.1d649p-5, 0x1.36ab66p-11)};
}

// √2π and √2 = high + low
template <class B>
inline constexpr double root_two_pi_high = is_double<B> ? 0x1.40d931ff62706p+1 : 0x1.40d932p+1;
template <class B>
inline constexpr double root_two_pi_low = is_double<B> ? -0x1.a6a0d6f814637p-53 : -0x1.3b1f4ep-32;
template <class B>
inline constexpr double root_two_high = 2 * root_half<B>;
template <class B>
inline constexpr double root_two_low = 2 * root_half_low<B>;

// Φ⁻¹(p). With q = p - ½, in the centre q √2π + q³ R(q²); in the tails √2 r - g(r), where r = √(-log of the smaller tail).
// What rounding took from q and r comes back by the derivative, which may be rough for that.
template <class B>
Real<B> normal_quantile(Real<B> p) {
  using F = Format<B>;
  const Real<B> q = p - 0.5;
  const Real<B> a = abs(q);
  const Mask<B> central = a < 0.425;
  const Real<B> square = a * a;
  const Fraction<B> of_centre = central_quantile(fma(-a, a, 0.180625));
  // q is exact for p ≥ ¼; below, the derivative is 0.7 + 33 q² to a tenth.
  const Real<B> a_low = (q + 0.5) - p;
  const Real<B> centre_low = a_low * fma(square, 33.0, 0.7);

  const Pair<B> logarithm = log_pair_of_split(split_of(select(q < 0.0, p, 1.0 - p)));
  const Real<B> r = sqrt(-logarithm.high);
  const Fraction<B> of_tail = tail_quantile(r - 1.5);
  // The derivative by r² is (√2 + 0.4 / r) / 2r to a hundredth.
  const Real<B> inverse = 1.0 / r;
  const Real<B> square_low = fma(-r, r, -logarithm.high) - logarithm.low;
  const Real<B> tail_low = square_low * inverse * fma(inverse, 0.2, root_two_high<B> / 2);

  const Real<B> fraction =
      select(central, of_centre.numerator, of_tail.numerator) / select(central, of_centre.denominator, of_tail.denominator);
  const Real<B> curve = select(central, fma(a * square, fraction, centre_low), tail_low - fraction);
  const Real<B> base = select(central, a, r);
  const Real<B> low = fma(base, select(central, root_two_pi_low<B>, constant_like(p, root_two_low<B>)), curve);
  const Real<B> high = select(central, root_two_pi_high<B>, constant_like(p, root_two_high<B>));
  const Real<B> inside = copy_sign(fma(base, high, low), q);
  const Real<B> edge = select(p == 0.0, -F::infinity, select(p == 1.0, F::infinity, constant_like(p, F::nan)));
  return select((0.0 < p) & (p < 1.0), inside, edge);
}

}  // namespace alea::elementary
