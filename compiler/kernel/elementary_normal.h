// The error functions and the normal distribution over a builder (elementary_builder.h). In: any argument.
// Out: within 4 ULP. All rest on erfcx(y) = e^(y²) erfc(y) for y ≥ 0, a polynomial in (y - K) / (y + K).
#pragma once
#include "compiler/kernel/elementary_exp.h"

namespace alea::elementary {

// erfcx(y), y ≥ 0 and finite: P(t) / (1 + 2 y)
template <class B>
Real<B> scaled_erfc(Real<B> y) {
  constexpr double centre = is_double<B> ? 4 : 2;
  const Real<B> t = (y - centre) / (y + centre);
  const Real<B> divisor = fma(y, 2.0, 1.0);
  if constexpr (is_double<B>)
    return polynomial(t, 0x1.3ba5916e9fd7fp+0, -0x1.1df1ad154a28ep-3, 0x1.f7f5df66fc17fp-7, 0x1.16ecefcfa5214p-4,
                      -0x1.9ddb23c3e0c24p-4, 0x1.7fee004e16d41p-4, -0x1.0fb06dfee4790p-4, 0x1.3079edf5d9d05p-5,
                      -0x1.0962386da3254p-6, 0x1.49c672b9685cep-8, -0x1.8d4aaa8fbedbcp-11, -0x1.a1df4a1e543bcp-13,
                      0x1.3be12bafabe1fp-13, -0x1.99551e5f87e20p-16, -0x1.78a738afaf645p-17, 0x1.7f01a118598aep-18,
                      0x1.400a0021a32f2p-22, -0x1.b9339da7bf70bp-21, 0x1.31744dd9b56cdp-24, 0x1.cad9b27d6d660p-24,
                      -0x1.1904891a069adp-26, -0x1.af097381d256ep-27, 0x1.afe473b55266fp-30, 0x1.0967e52791194p-30) /
           divisor;
  else
    return polynomial(t, 0x1.46e80e0000000p+0, -0x1.7bf5ea0000000p-4, -0x1.54081c0000000p-3, 0x1.4ff9b60000000p-3,
                      -0x1.bc1acc0000000p-5, -0x1.06f4640000000p-7, 0x1.1cbabc0000000p-7, 0x1.4291ac0000000p-10,
                      -0x1.6de6e40000000p-10, -0x1.84f2560000000p-12, 0x1.514e800000000p-13, 0x1.1d87220000000p-14) /
           divisor;
}

// e^(-scale y²) for scale 1 or ½, with the square in twice the precision.
template <class B>
Real<B> exp_minus_square(Real<B> y, double scale) {
  constexpr double far = is_double<B> ? 50 : 20;
  const Real<B> bounded = select(far < y, far, y);
  const Real<B> square = bounded * bounded;
  const Real<B> low = fma(bounded, bounded, -square);
  const Real<B> exponent = clamp_exponent(-scale * square);
  return exp_extended(exponent, select(exponent == -scale * square, -scale * low, 0.0));
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

// erfc(y) for y ≥ 0
template <class B>
Real<B> upper_erfc(Real<B> y) {
  return exp_minus_square(y, 1.0) * scaled_erfc(select(50.0 < y, 50.0, y));
}

template <class B>
Real<B> erf(Real<B> x) {
  const Real<B> y = abs(x);
  const Real<B> small = fma(y, erf_tail(y * y), y);
  return copy_sign(select(y < 0.85, small, 1.0 - upper_erfc(y)), x);
}

template <class B>
Real<B> erfc(Real<B> x) {
  const Real<B> y = abs(x);
  const Real<B> upper = upper_erfc(y);
  const Real<B> small = fma(x, erf_tail(x * x), x);
  return select(y < 0.5, 1.0 - small, select(x < 0.0, 2.0 - upper, upper));
}

// log Φ(x). With h = erfcx(|x| / √2) / 2: x ≤ -½: log h - x²/2; x ≥ 1: log(1 - h e^(-x²/2)); between them
// log(1 - (1 - erf(x / √2)) / 2), where h would lose digits. One log1p for all.
template <class B>
Real<B> log_normal_cdf(Real<B> x) {
  constexpr double far = is_double<B> ? 1e150 : 1e18;
  const Real<B> a = abs(x);
  const Real<B> bounded = select(far < a, far, a);
  const Real<B> y = bounded * 0x1.6a09e667f3bcdp-1;
  const Real<B> h = 0.5 * scaled_erfc(y);
  const Real<B> small = x * 0x1.6a09e667f3bcdp-1;
  const Mask<B> middle = (-0.5 < x) & (x < 1.0);
  const Mask<B> negative = x <= -0.5;
  // Where h is lost beside 1, log h is lost beside x²/2.
  constexpr double lowest = is_double<B> ? -1 + 0x1p-53 : -1 + 0x1p-24;
  const Real<B> less = h - 1.0;
  const Real<B> above = select(middle, fma(fma(small, erf_tail(small * small), small), -0.5, 0.5), h * exp_minus_square(a, 0.5));
  const Real<B> argument = select(negative, select(less < lowest, lowest, less), -above);
  const Real<B> result = log1p(argument) - select(negative, 0.5 * x * x, 0.0);
  return select(x == x, result, x);
}

// Φ⁻¹(p): Wichura's AS 241 (PPND16). q = p - ½; in the tails r = √(-log of the smaller tail).
template <class B>
Real<B> normal_quantile(Real<B> p) {
  using F = Format<B>;
  const Real<B> q = p - 0.5;
  const Real<B> central = fma(-q, q, 0.180625);
  const Real<B> c = q *
                    polynomial(central, 3.387132872796366608, 133.14166789178437745, 1971.5909503065514427, 13731.693765509461125,
                               45921.953931549871457, 67265.770927008700853, 33430.575583588128105, 2509.0809287301226727) /
                    polynomial(central, 1.0, 42.313330701600911252, 687.1870074920579083, 5394.1960214247511077,
                               21213.794301586595867, 39307.89580009271061, 28729.085735721942674, 5226.495278852545925);
  const Real<B> r = sqrt(-log(select(q < 0.0, p, 1.0 - p)));
  const Real<B> n = r - 1.6;
  const Real<B> near =
      polynomial(n, 1.42343711074968357734, 4.6303378461565452959, 5.7694972214606914055, 3.64784832476320460504,
                 1.27045825245236838258, 0.24178072517745061177, 0.0227238449892691845833, 7.7454501427834140764e-4) /
      polynomial(n, 1.0, 2.05319162663775882187, 1.6763848301838038494, 0.68976733498510000455, 0.14810397642748007459,
                 0.0151986665636164571966, 5.475938084995344946e-4, 1.05075007164441684324e-9);
  const Real<B> m = r - 5.0;
  const Real<B> far =
      polynomial(m, 6.6579046435011037772, 5.4637849111641143699, 1.7848265399172913358, 0.29656057182850489123,
                 0.026532189526576123093, 0.0012426609473880784386, 2.71155556874348757815e-5, 2.01033439929228813265e-7) /
      polynomial(m, 1.0, 0.59983220655588793769, 0.13692988092273580531, 0.0148753612908506148525, 7.868691311456132591e-4,
                 1.8463183175100546818e-5, 1.4215117583164458887e-7, 2.04426310338993978564e-15);
  const Real<B> tail = select(r < 5.0, near, far);
  const Real<B> inside = select(abs(q) < 0.425, c, select(q < 0.0, -tail, tail));
  const Real<B> edge = select(p == 0.0, -F::infinity, select(p == 1.0, F::infinity, constant_like(p, F::nan)));
  return select((0.0 < p) & (p < 1.0), inside, edge);
}

}  // namespace alea::elementary
