// Exponential and logarithm by tables, over a builder (elementary_builder.h): with short polynomials and without a division.
// In: any x. Out: within 3 ULP, with the limits of C. Coefficients come from Sollya's fpminimax on |r| ≤ 1/30 (f32: 1/63)
// for the logarithm, ln 2 / 32 (f32: ln 2 / 64) for the exponential.
#pragma once
#include <bit>
#include <cstddef>

#include "compiler/kernel/elementary_builder.h"

namespace alea::elementary {

// 1/c and log c for c = k/20, 15 ≤ k ≤ 30, at k mod 16; f32: c = k/42, 32 ≤ k < 64, at k mod 32. Without an error for c = 1.
alignas(64) inline constexpr double log_inverses_double[16] = {0x1.4p+0,
                                                               0x1.2d2d2d2d2d2d3p+0,
                                                               0x1.1c71c71c71c72p+0,
                                                               0x1.0d79435e50d79p+0,
                                                               0x1p+0,
                                                               0x1.e79e79e79e79ep-1,
                                                               0x1.d1745d1745d17p-1,
                                                               0x1.bd37a6f4de9bdp-1,
                                                               0x1.aaaaaaaaaaaabp-1,
                                                               0x1.999999999999ap-1,
                                                               0x1.89d89d89d89d9p-1,
                                                               0x1.7b425ed097b42p-1,
                                                               0x1.6db6db6db6db7p-1,
                                                               0x1.611a7b9611a7cp-1,
                                                               0x1.5555555555555p-1,
                                                               0x1.5555555555555p+0};
alignas(64) inline constexpr double log_middles_double[16] = {
    -0x1.c8ff7c79a9a22p-3, -0x1.4cd6b97964179p-3, -0x1.af8e8210a4161p-4, -0x1.a431d5bcc193p-5, 0x0p+0,
    0x1.8fb063ef2c7f1p-5,  0x1.8663f793c46c9p-4,  0x1.1e3b825dd05edp-3,  0x1.7565011e49675p-3, 0x1.c8ff7c79a9a2p-3,
    0x1.0ca937be1b9dbp-2,  0x1.334e9e47d07f6p-2,  0x1.588c2d913348fp-2,  0x1.7c7b282d0d46ap-2, 0x1.9f323ecbf984dp-2,
    -0x1.269621134db91p-2};
alignas(64) inline constexpr float log_inverses_single[32] = {
    0x1.5p+0f,      0x1.45d174p+0f, 0x1.3c3c3cp+0f, 0x1.333334p+0f, 0x1.2aaaaap+0f, 0x1.229838p+0f, 0x1.1af286p+0f,
    0x1.13b13cp+0f, 0x1.0cccccp+0f, 0x1.063e7p+0f,  0x1p+0f,        0x1.f417dp-1f,  0x1.e8ba2ep-1f, 0x1.dddddep-1f,
    0x1.d37a7p-1f,  0x1.c9882cp-1f, 0x1.cp-1f,      0x1.b6db6ep-1f, 0x1.ae147ap-1f, 0x1.a5a5a6p-1f, 0x1.9d89d8p-1f,
    0x1.95bc6p-1f,  0x1.8e38e4p-1f, 0x1.86fb58p-1f, 0x1.8p-1f,      0x1.79435ep-1f, 0x1.72c234p-1f, 0x1.6c797ep-1f,
    0x1.666666p-1f, 0x1.60864cp-1f, 0x1.5ad6b6p-1f, 0x1.555556p-1f};
alignas(64) inline constexpr float log_middles_single[32] = {
    -0x1.1675cap-2f, -0x1.ede65ep-3f, -0x1.b0c2dp-3f,  -0x1.756506p-3f, -0x1.3bb356p-3f, -0x1.03966ap-3f, -0x1.99f112p-4f,
    -0x1.2f8be6p-4f, -0x1.8fb04cp-5f, -0x1.8ad05cp-6f, 0x0p+0f,         0x1.81861cp-6f,  0x1.7d1794p-5f,  0x1.1a9844p-4f,
    0x1.749eccp-4f,  0x1.ccb5b2p-4f,  0x1.1178e8p-3f,  0x1.3bb358p-3f,  0x1.651368p-3f,  0x1.8da1aap-3f,  0x1.b5665ap-3f,
    0x1.dc6918p-3f,  0x1.01589p-2f,   0x1.1422bp-2f,   0x1.269622p-2f,  0x1.38b5f8p-2f,  0x1.4a851ep-2f,  0x1.5c065p-2f,
    0x1.6d3c34p-2f,  0x1.7e294p-2f,   0x1.8ecfdap-2f,  0x1.9f323cp-2f};

// 2^(j/16); f32: 2^(j/32)
alignas(64) inline constexpr double powers_double[16] = {0x1p+0,
                                                         0x1.0b5586cf9890fp+0,
                                                         0x1.172b83c7d517bp+0,
                                                         0x1.2387a6e756238p+0,
                                                         0x1.306fe0a31b715p+0,
                                                         0x1.3dea64c123422p+0,
                                                         0x1.4bfdad5362a27p+0,
                                                         0x1.5ab07dd485429p+0,
                                                         0x1.6a09e667f3bcdp+0,
                                                         0x1.7a11473eb0187p+0,
                                                         0x1.8ace5422aa0dbp+0,
                                                         0x1.9c49182a3f09p+0,
                                                         0x1.ae89f995ad3adp+0,
                                                         0x1.c199bdd85529cp+0,
                                                         0x1.d5818dcfba487p+0,
                                                         0x1.ea4afa2a490dap+0};
alignas(64) inline constexpr float powers_single[32] = {
    0x1p+0f,        0x1.059b0ep+0f, 0x1.0b5586p+0f, 0x1.11301ep+0f, 0x1.172b84p+0f, 0x1.1d4874p+0f, 0x1.2387a6p+0f,
    0x1.29e9ep+0f,  0x1.306fep+0f,  0x1.371a74p+0f, 0x1.3dea64p+0f, 0x1.44e086p+0f, 0x1.4bfdaep+0f, 0x1.5342b6p+0f,
    0x1.5ab07ep+0f, 0x1.6247ecp+0f, 0x1.6a09e6p+0f, 0x1.71f75ep+0f, 0x1.7a1148p+0f, 0x1.82589ap+0f, 0x1.8ace54p+0f,
    0x1.93737cp+0f, 0x1.9c4918p+0f, 0x1.a5503cp+0f, 0x1.ae89fap+0f, 0x1.b7f77p+0f,  0x1.c199bep+0f, 0x1.cb720ep+0f,
    0x1.d5818ep+0f, 0x1.dfc974p+0f, 0x1.ea4afap+0f, 0x1.f50766p+0f};

template <class B>
Real<B> look_up(const double (&doubles)[16], const float (&singles)[32], Whole<B> index) {
  if constexpr (is_double<B>) return {index.builder, index.builder->look_up(doubles, index.value)};
  else return {index.builder, index.builder->look_up(singles, index.value)};
}

inline constexpr double log2_e = 0x1.71547652b82fep+0;

// ln 2 = high + low, high with all bits of Real.
template <class B>
inline constexpr double ln2_high = is_double<B> ? 0x1.62e42fefa39efp-1 : 0x1.62e430p-1;
template <class B>
inline constexpr double ln2_low = is_double<B> ? 0x1.abc9e3b39803fp-56 : -0x1.05c610p-29;

// x 2^k for -2 bias ≤ k ≤ 2 bias, rounded once: by two factors, so that neither over- nor underflows alone.
template <class B>
Real<B> scale(Real<B> x, Whole<B> k) {
  using F = Format<B>;
  const Whole<B> biased = k + static_cast<uint64_t>(2 * F::bias);
  const Whole<B> first = biased >> 1;
  return x * value(first << F::mantissa_bits) * value((biased - first) << F::mantissa_bits);
}

// x 2^⌊k⌋, as builders do it that have no instruction for it.
template <class B>
Real<B> scale_by_halves(Real<B> x, Real<B> k) {
  using F = Format<B>;
  return scale(x, bits(floor(k) + F::rounder) - F::bits_of(F::rounder));
}

// x within low … high, by one instruction each. NaN stays.
template <class B>
Real<B> clamp(Real<B> x, double low, double high) {
  const Real<B> bounded = select(high < x, high, x);
  return select(bounded < low, low, bounded);
}

// Beyond these arguments e^x is 0 or infinite. NaN stays.
template <class B>
Real<B> clamp_exponent(Real<B> x) {
  constexpr double low = is_double<B> ? -746 : -104, high = is_double<B> ? 710 : 89;
  return clamp(x, low, high);
}

template <class T, size_t n>
struct Table {
  alignas(64) T values[n];
};

// e^x = 2^⌊k⌋ 2^(k - ⌊k⌋) e^r with x = k ln 2 + r, k a multiple of 1/16 (f32: 1/32), whose last bits are the table's index.
template <class B>
inline constexpr int powers_in_table = is_double<B> ? 16 : 32;

// e^r - 1
template <class B>
Real<B> exp_less_one(Real<B> r) {
  if constexpr (is_double<B>)
    return r * polynomial(r, 0x1.000000000000ap+0, 0x1.0000000000007p-1, 0x1.55555554062f1p-3, 0x1.5555555438b9dp-5,
                          0x1.11126ea07ff0fp-7, 0x1.6c1874c6b9bd7p-10);
  else return r * polynomial(r, 0x1.0000f6p+0, 0x1.0000a4p-1);
}

// Of an x whose r means nothing, so large it is, k alone decides: r must only give something positive.
template <class B>
Real<B> exp_of_any(Real<B> x) {
  constexpr double rounder = Format<B>::rounder / powers_in_table<B>;
  const bool limits = x.builder->limits();
  const Real<B> bounded = limits ? x : clamp_exponent(x);
  const Real<B> shifted = fma(bounded, log2_e, rounder), k = shifted - rounder;
  const Real<B> rest = fma(k, -ln2_low<B>, fma(k, -ln2_high<B>, bounded)), r = limits ? limit(rest, 0.5) : rest;
  const Real<B> power = look_up(powers_double, powers_single, bits(shifted));
  return {x.builder, x.builder->scale(fma(power, exp_less_one(r), power).value, k.value)};
}

// The table so that adding the bits of k + most, moved to the exponent, gives 2^k: less those of the index and of `most`.
template <class T, class Bits, size_t n>
constexpr Table<T, n> without_index(const T (&table)[n], int mantissa_bits, int most) {
  Table<T, n> result{};
  for (size_t j = 0; j < n; ++j) {
    const auto index = static_cast<Bits>((static_cast<Bits>(j) << mantissa_bits) / n),
               exponent = static_cast<Bits>(static_cast<Bits>(most) << mantissa_bits);
    result.values[j] = std::bit_cast<T>(static_cast<Bits>(std::bit_cast<Bits>(table[j]) - index - exponent));
  }
  return result;
}
inline constexpr int usual_exponents_double = 512, usual_exponents_single = 64;
inline constexpr auto powers_without_index_double = without_index<double, uint64_t>(powers_double, 52, usual_exponents_double);
inline constexpr auto powers_without_index_single = without_index<float, uint32_t>(powers_single, 23, usual_exponents_single);

// Without instructions for any k: where -most ≤ k < most neither 2^k nor e^x can over- or underflow, and the exponent is added to
// the table's entry. With n entries the bits of rounder + most + k are those of the rounder and, below 2 n most, a power of two,
// the whole number n (most + k).
template <class B>
Real<B> exp(Real<B> x) {
  using F = Format<B>;
  if (x.builder->limits()) return exp_of_any(x);
  constexpr int most = is_double<B> ? usual_exponents_double : usual_exponents_single, n = powers_in_table<B>;
  constexpr double rounder = F::rounder / n;
  const Real<B> shifted = fma(x, log2_e, rounder + most), k = shifted - (rounder + most);
  const Real<B> r = fma(k, -ln2_low<B>, fma(k, -ln2_high<B>, x));
  const Whole<B> entry = bits(look_up(powers_without_index_double.values, powers_without_index_single.values, bits(shifted)));
  const Real<B> power = value(entry + (bits(shifted) << (F::mantissa_bits - std::countr_zero(static_cast<unsigned>(n)))));
  const Real<B> usual = fma(power, exp_less_one(r), power);
  const Whole<B> count = bits(shifted) ^ F::bits_of(rounder);
  return {x.builder, x.builder->exp_or(usual.value, count.value, uint64_t{2} * n * most, x.value)};
}

// x = 2^e m, m in [¾, 3/2).
template <class B>
struct Split {
  Real<B> m, e;
};

// For normal positive x.
template <class B>
Split<B> split_normal(Real<B> x) {
  using F = Format<B>;
  constexpr uint64_t lowest = F::bits_of(0.75), significand = (uint64_t{1} << F::mantissa_bits) - 1;
  const Whole<B> shifted = bits(x) + (F::bits_of(1.0) - lowest);
  return {value((shifted & significand) + lowest), to_real(shifted >> F::mantissa_bits, -F::bias)};
}

// For any x: e is log x where that is infinite or no number, and m is finite.
template <class B>
Split<B> split_any(Real<B> x) {
  using F = Format<B>;
  const Mask<B> subnormal = x < F::min_normal;
  const Split<B> split = split_normal(select(subnormal, x * (is_double<B> ? 0x1p54 : 0x1p25), x));
  const Real<B> e = split.e - select(subnormal, is_double<B> ? 54.0 : 25.0, 0.0);
  const Real<B> edge = select(x == 0.0, -F::infinity, select(x < 0.0, F::nan, x));
  return {split.m, select((0.0 < x) & (x < F::infinity), e, edge)};
}

// The same by instructions, where the builder has them.
template <class B>
Split<B> split_of(Real<B> x) {
  Split<B> split{x, x};
  if (!x.builder->split(x.value, split.m.value, split.e.value)) split = split_any(x);
  return split;
}
template <class B>
Split<B> split_of_normal(Real<B> x) {
  Split<B> split{x, x};
  if (!x.builder->split(x.value, split.m.value, split.e.value)) split = split_normal(x);
  return split;
}

// m = c (1 + r) with the nearest c.
template <class B>
struct Nearest {
  Whole<B> index;
  Real<B> r;
};
template <class B>
Nearest<B> nearest_to(Real<B> m) {
  const Whole<B> index = bits(fma(m, is_double<B> ? 20.0 : 42.0, Format<B>::rounder));
  return {index, fma(m, look_up(log_inverses_double, log_inverses_single, index), -1.0)};
}

// log(c (1 + r)) = log c + log(1 + r)
template <class B>
Real<B> log_of_significand(Real<B> m) {
  const auto [index, r] = nearest_to(m);
  Real<B> tail = r;
  if constexpr (is_double<B>)
    tail = polynomial(r, -0x1.fffffffffffebp-2, 0x1.55555555554b9p-2, -0x1.00000000963fcp-2, 0x1.9999999c8d62ep-3,
                      -0x1.555540a1edba1p-3, 0x1.24922911364b3p-3, -0x1.00749073b500ap-3, 0x1.c825a5e9a8081p-4);
  else tail = polynomial(r, -0x1p-1, 0x1.555f3ep-2, -0x1.000a18p-2);
  return look_up(log_middles_double, log_middles_single, index) + fma(r * r, tail, r);
}

// log(2^e m) = e ln 2 + log m; e is 0 where that is small, so that nothing cancels.
template <class B>
Real<B> log_of_split(Split<B> split) {
  return fma(split.e, ln2_high<B>, log_of_significand(split.m));
}
// The same and what its last rounding took: within 2^-53 (f32: 2^-24), however large it is.
template <class B>
Pair<B> log_pair_of_split(Split<B> split) {
  const Real<B> of_m = log_of_significand(split.m);
  const Real<B> high = fma(split.e, ln2_high<B>, of_m);
  return {high, fma(split.e, ln2_low<B>, fma(split.e, ln2_high<B>, -high) + of_m)};
}

template <class T, size_t n>
constexpr Table<T, n> doubled_and_negated(const T (&table)[n]) {
  Table<T, n> result{};
  for (size_t i = 0; i < n; ++i) result.values[i] = -2 * table[i];
  return result;
}
inline constexpr auto minus_two_log_middles_double = doubled_and_negated(log_middles_double);
inline constexpr auto minus_two_log_middles_single = doubled_and_negated(log_middles_single);

// -2 log x for a normal x in (0, 1], within 2 ULP where it is above 1 and within 2 ULP of 1 below: what a normal draw needs.
template <class B>
Real<B> minus_two_log(Real<B> x) {
  const Split<B> split = split_of_normal(x);
  const auto [index, r] = nearest_to(split.m);
  // -2 log(1 + r) = r T(r)
  Real<B> tail = r;
  if constexpr (is_double<B>)
    tail = polynomial(r, -2.0, 0x1.fffffffffff1bp-1, -0x1.55555555fd94p-1, 0x1.00000001e869dp-1, -0x1.99998181b7f87p-2,
                      0x1.55552ed8df7afp-2, -0x1.251726f23e09dp-2, 0x1.00974ef3ced29p-2);
  else tail = polynomial(r, -2.0, 0x1.0006d4p+0, -0x1.55628cp-1);
  const Real<B> of_m = fma(r, tail, look_up(minus_two_log_middles_double.values, minus_two_log_middles_single.values, index));
  return fma(split.e, -0x1.62e42fefa39efp+0, of_m);
}

template <class B>
Real<B> log(Real<B> x) {
  return log_of_split(split_of(x));
}

// The same for normal positive x.
template <class B>
Real<B> log_of_normal(Real<B> x) {
  return log_of_split(split_of_normal(x));
}

}  // namespace alea::elementary
