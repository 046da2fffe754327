// log gamma and its derivatives over a builder of doubles (elementary_builder.h). In: any argument. Out: an
// error of at most 4 ULP of max(|result|, 1) for positive arguments and of the larger reflected term for
// negative ones; poles give infinity (digamma: NaN).
#pragma once
#include "compiler/kernel/elementary_exp.h"
#include "compiler/kernel/elementary_trigonometry.h"

namespace alea::elementary {

// lgamma(1 + z) / z on [-0.31, 0.55] and lgamma(2 + z) / z on [-0.51, 1.01]: Chebyshev fits
template <class B>
Real<B> lgamma_at_one(Real<B> z) {
  return polynomial(z, -0x1.2788cfc6fb619p-1, 0x1.a51a6625307d3p-1, -0x1.9a4d55beab2fbp-2, 0x1.151322ac7d70bp-2,
                    -0x1.a8b9c17aa0edep-3, 0x1.5b40cb101ee60p-3, -0x1.2703a1df38d2ap-3, 0x1.010b36ad1a7a9p-3,
                    -0x1.c8066f611452ap-4, 0x1.9a01e2dd10dddp-4, -0x1.748c553519407p-4, 0x1.556b1817bdc11p-4,
                    -0x1.3b1b1fc2a710ep-4, 0x1.248ee9db95c56p-4, -0x1.112a4f03859bbp-4, 0x1.007db1330b036p-4,
                    -0x1.e19cc780b3e2dp-5, 0x1.bf3ce2b490be5p-5, -0x1.a530a55d2461ap-5, 0x1.b25ec82fd2a71p-5,
                    -0x1.d3f353965aa31p-5, 0x1.9eb3fe22ef15ap-5, -0x1.d319849e6b692p-6, 0x1.dc00edb0d93f0p-8);
}
template <class B>
Real<B> lgamma_at_two(Real<B> z) {
  return polynomial(z, 0x1.b0ee6072093cep-2, 0x1.4a34cc4a60fa6p-2, -0x1.13e001a557606p-4, 0x1.51322ac7d8457p-6,
                    -0x1.e404fc218f636p-8, 0x1.7add6eadbb9c8p-9, -0x1.38ac5c2bff1e4p-10, 0x1.0b36af8455685p-11,
                    -0x1.d3fd4c6c3a78bp-13, 0x1.a127b1b5a429ap-14, -0x1.78de5f1c3da01p-15, 0x1.580dba1e4abe3p-16,
                    -0x1.3cbc12c3340bbp-17, 0x1.2598839d82e03p-18, -0x1.11be29189b1cbp-19, 0x1.006d2dbe3afb3p-20,
                    -0x1.e167e0afff48ap-22, 0x1.c4da34c2093c2p-23, -0x1.b25ae81a74d1dp-24, 0x1.b10d8fc0e514ap-25,
                    -0x1.a521d7719fabfp-26, 0x1.504d082f99191p-27, -0x1.62497145d5815p-29, 0x1.5e3dfbad41dc6p-32);
}

// sin and cos of pi x, from the exact distance to the nearest integer; the sign is that of x's own half turn.
template <class B>
SinCos<B> sincos_of_half_turns(Real<B> x) {
  const Real<B> f = x - 2.0 * round_even(0.5 * x);
  const Real<B> quarter = round_even(2.0 * f);
  const Real<B> r = (f - 0.5 * quarter) * (2 * half_pi_high<B>);
  return of_quadrant(r, bits(quarter + Format<B>::rounder));
}

// Positive finite x. Below 8 by Γ(x) = (x-1) … (x-n) Γ(x-n) with x - n in [2, 3), below 0.7 by Γ(x) = Γ(x+1) / x,
// from 8 on by Stirling: (x - ½)(log x - 1) + (log 2π - 1)/2 + Σ B_2k / (2k (2k-1) x^(2k-1)).
template <class B>
Real<B> lgamma_positive(Real<B> x) {
  const Mask<B> small = x < 0.7;
  Real<B> w = select(8.0 < x, 8.0, x);
  Real<B> product = constant_like(x, 1.0);
  for (int step = 0; step < 6; ++step) {
    const Mask<B> above = 3.0 <= w;
    w = select(above, w - 1.0, w);
    product = select(above, product * w, product);
  }
  const Real<B> from_one = select(small, x, w - 1.0), from_two = select(small, x - 1.0, w - 2.0);
  const Real<B> base = select(from_one < 0.55, from_one * lgamma_at_one(from_one), from_two * lgamma_at_two(from_two));
  const Mask<B> large = 8.0 <= x;
  const Real<B> logarithm = log(select(large | small, x, product));
  const Real<B> near = select(small, base - logarithm, base + logarithm);
  const Real<B> inverse = 1.0 / x;
  const Real<B> series = inverse * polynomial(inverse * inverse, 1.0 / 12, -1.0 / 360, 1.0 / 1260, -1.0 / 1680, 5.0 / 5940,
                                              -691.0 / 360360, 7.0 / 1092, -3617.0 / 122400, 43867.0 / 244188);
  const Real<B> stirling = fma(x - 0.5, logarithm - 1.0, series + 0x1.acfe390c97d69p-2);
  return select(large, stirling, near);
}

// Γ(-x) Γ(x) = -π / (x sin πx)
template <class B>
Real<B> lgamma(Real<B> x) {
  using F = Format<B>;
  const Real<B> a = abs(x);
  const Real<B> positive = lgamma_positive(a);
  const Real<B> sine = abs(sincos_of_half_turns(a).sin);
  const Real<B> reflected = (0x1.250d048e7a1bdp+0 - log(sine) - log(a)) - positive;
  const Real<B> result = select(x < 0.0, reflected, positive);
  const Mask<B> pole = (x <= 0.0) & (floor(x) == x);
  return select(pole | (a == F::infinity), F::infinity, select(x == x, result, x));
}

// The sum of 1/(x+i) (power 1) or 1/(x+i)² (power 2) over the steps that bring x to 10 or more. The terms fall, so that
// what each addition loses is known.
template <class B>
struct Shifted {
  Real<B> x;
  Pair<B> sum;
};
template <class B>
Shifted<B> shift_to_ten(Real<B> x, int power) {
  const Real<B> zero = constant_like(x, 0.0);
  Shifted<B> result{x, {zero, zero}};
  for (int step = 0; step < 10; ++step) {
    const Mask<B> below = result.x < 10.0;
    const Real<B> inverse = 1.0 / result.x;
    const Real<B> term = select(below, power == 1 ? inverse : inverse * inverse, 0.0);
    const Real<B> sum = result.sum.high + term;
    result.sum = {sum, result.sum.low + (term - (sum - result.sum.high))};
    result.x = select(below, result.x + 1.0, result.x);
  }
  result.sum.low = select(result.sum.high < Format<B>::infinity, result.sum.low, 0.0);
  return result;
}

// ψ(x) = log x - 1/2x - Σ B_2k / (2k x^2k);  ψ(-x) = ψ(x) + 1/x + π cot πx
template <class B>
Real<B> digamma(Real<B> x) {
  const Real<B> a = abs(x);
  const Shifted<B> shifted = shift_to_ten(a, 1);
  const Real<B> inverse = 1.0 / shifted.x;
  const Real<B> square = inverse * inverse;
  const Real<B> series = square * polynomial(square, -1.0 / 12, 1.0 / 120, -1.0 / 252, 1.0 / 240, -1.0 / 132, 691.0 / 32760,
                                             -1.0 / 12, 3617.0 / 8160, -43867.0 / 14364);
  const Pair<B> logarithm = log_pair_of_split(split_of(shifted.x));
  const Real<B> logarithm_low = select(shifted.x < Format<B>::infinity, logarithm.low, 0.0);
  const Real<B> low = (logarithm_low - shifted.sum.low) + fma(inverse, -0.5, series);
  const Real<B> positive = (logarithm.high - shifted.sum.high) + low;
  const SinCos<B> turn = sincos_of_half_turns(a);
  const Real<B> reflected = positive + 1.0 / a + (2 * half_pi_high<B>)*(turn.cos / turn.sin);
  const Mask<B> pole = (x <= 0.0) & (floor(x) == x);
  return select(pole, Format<B>::nan, select(x < 0.0, reflected, positive));
}

// ψ'(x) = 1/x + 1/2x² + Σ B_2k / x^(2k+1);  ψ'(-x) = π² / sin² πx + 1/x² - ψ'(x)
template <class B>
Real<B> trigamma(Real<B> x) {
  const Real<B> a = abs(x);
  const Shifted<B> shifted = shift_to_ten(a, 2);
  const Real<B> inverse = 1.0 / shifted.x;
  const Real<B> square = inverse * inverse;
  const Real<B> series = inverse * square *
                         polynomial(square, 1.0 / 6, -1.0 / 30, 1.0 / 42, -1.0 / 30, 5.0 / 66, -691.0 / 2730, 7.0 / 6,
                                    -3617.0 / 510, 43867.0 / 798, -174611.0 / 330);
  const Real<B> positive = shifted.sum.high + (inverse + (fma(square, 0.5, series) + shifted.sum.low));
  const Real<B> ratio = (2 * half_pi_high<B>) / sincos_of_half_turns(a).sin;
  const Real<B> reflected = fma(ratio, ratio, 1.0 / (a * a) - positive);
  const Mask<B> pole = (x <= 0.0) & (floor(x) == x);
  return select(pole, Format<B>::infinity, select(x < 0.0, reflected, positive));
}

}  // namespace alea::elementary
