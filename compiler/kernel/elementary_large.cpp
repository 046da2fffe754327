// In: a finite number that large, an infinity or NaN. Out: the functions' values, as accurate as for small arguments.
#include "compiler/kernel/elementary_large.h"

#include <array>
#include <cmath>

#include "compiler/kernel/elementary_scalar.h"
#include "compiler/kernel/elementary_trigonometry.h"

namespace alea::elementary {

namespace {

__extension__ using Wide = unsigned __int128;

// 2/pi = Σ word[i] 2^(-64 i)
constexpr std::array<uint64_t, 21> two_over_pi_words = {0,
                                                        0xa2f9836e4e441529,
                                                        0xfc2757d1f534ddc0,
                                                        0xdb6295993c439041,
                                                        0xfe5163abdebbc561,
                                                        0xb7246e3a424dd2e0,
                                                        0x06492eea09d1921c,
                                                        0xfe1deb1cb129a73e,
                                                        0xe88235f52ebb4484,
                                                        0xe99c7026b45f7e41,
                                                        0x3991d639835339f4,
                                                        0x9c845f8bbdf9283b,
                                                        0x1ff897ffde05980f,
                                                        0xef2f118b5a0a6d1f,
                                                        0x6d367ecf27cb09b7,
                                                        0x4f463f669e5fea2d,
                                                        0x7527bac7ebe5f17b,
                                                        0x3d0739f78a5292ea,
                                                        0x6bfb5fb11f8d5d08,
                                                        0x56033046fc7b6bab,
                                                        0xf0cfbc209af4361d};

struct Reduction {
  uint64_t quadrant;
  double r;  // x = quadrant pi/2 + r mod 2 pi, |r| ≤ pi/4
};

// x = m 2^e with a 53-bit whole m. Words of 2/pi whose product with 2^e is a multiple of 4 are left out; four
// further words give at least 128 bits below the point after the 53 of m.
Reduction reduce_finite(double x) {
  const uint64_t pattern = std::bit_cast<uint64_t>(x);
  const int exponent = static_cast<int>(pattern >> 52 & 0x7ff) - 1075;
  const uint64_t significand = (pattern & 0xfffffffffffff) | 0x10000000000000;
  const int first = (exponent + 62) / 64;
  // The lowest bit of the product of m with four words weighs 2^(exponent - 64 (first + 3)); it is taken modulo 2^256.
  std::array<uint64_t, 5> product{};
  Wide carry = 0;
  for (int i = 3; i >= 0; --i) {
    carry += static_cast<Wide>(significand) * two_over_pi_words[static_cast<size_t>(first + i)];
    product[static_cast<size_t>(i)] = static_cast<uint64_t>(carry);
    carry >>= 64;
  }
  // Shifted left until the two bits above the point are on top: what leaves are multiples of 4.
  const int shift = (exponent + 62) % 64;
  std::array<uint64_t, 4> fraction{};
  for (size_t i = 0; i < 4; ++i)
    fraction[i] = static_cast<uint64_t>((static_cast<Wide>(product[i]) << 64 | product[i + 1]) << shift >> 64);
  uint64_t quadrant = fraction[0] >> 62;
  Wide top = (static_cast<Wide>(fraction[0]) << 64 | fraction[1]) << 2 | fraction[2] >> 62;
  Wide rest = static_cast<Wide>(fraction[2] << 2 | fraction[3] >> 62) << 64 | fraction[3] << 2;
  // top.rest / 2^256 in [0, 1): beyond ½ count from the next quadrant.
  const bool negative = top >> 127 != 0;
  if (negative) {
    ++quadrant;
    rest = ~rest + 1;
    top = ~top + (rest == 0 ? 1 : 0);
  }
  int zeros = 0;
  while (top >> 127 == 0 && zeros < 127) {
    top = top << 1 | rest >> 127;
    rest <<= 1;
    ++zeros;
  }
  // f = (a + b) 2^(-zeros), a of 53 bits
  const double a = std::ldexp(static_cast<double>(static_cast<uint64_t>(top >> 75)), -53);
  const double b = std::ldexp(static_cast<double>(static_cast<uint64_t>((top << 53) >> 75)), -106);
  const double high = a * half_pi_high<ScalarBuilder<double>>;
  const double low = std::fma(a, half_pi_high<ScalarBuilder<double>>, -high) + a * half_pi_middle<ScalarBuilder<double>> +
                     b * half_pi_high<ScalarBuilder<double>>;
  const double r = std::ldexp(high + low, -zeros);
  return {std::signbit(x) ? 0 - quadrant : quadrant, negative != std::signbit(x) ? -r : r};
}

}  // namespace

LargeValues<double> large_values(Large function, double x) {
  if (!(std::fabs(x) <= Format<ScalarBuilder<double>>::max))
    return {Format<ScalarBuilder<double>>::nan, Format<ScalarBuilder<double>>::nan};
  using B = ScalarBuilder<double>;
  B builder;
  const Reduction reduction = reduce_finite(x);
  const Real<B> r{&builder, reduction.r};
  const Whole<B> quadrant{&builder, reduction.quadrant};
  switch (function) {
    case Large::sin_and_cos: {
      const SinCos<B> both = of_quadrant(r, quadrant);
      return {both.sin.value, both.cos.value};
    }
    case Large::wrap: {
      const double wrapped = wrap_of_quadrant(r, quadrant).value;
      return {wrapped, wrapped};
    }
  }
  return {x, x};
}

// Double precision has room for both the argument and the value.
LargeValues<float> large_values(Large function, float x) {
  using B = ScalarBuilder<double>;
  B builder;
  const Real<B> wide{&builder, x};
  switch (function) {
    case Large::sin_and_cos: {
      const SinCos<B> both = sincos(wide);
      return {static_cast<float>(both.sin.value), static_cast<float>(both.cos.value)};
    }
    case Large::wrap: {
      constexpr float pi = static_cast<float>(2 * half_pi_high<ScalarBuilder<float>>);
      const float rounded = static_cast<float>(wrap(wide).value), wrapped = rounded >= pi ? -pi : rounded;
      return {wrapped, wrapped};
    }
  }
  return {x, x};
}

}  // namespace alea::elementary
