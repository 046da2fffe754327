// In: a finite number beyond largest_reduced, an infinity or NaN. Out: the function's value as accurate as for
// small arguments; NaN for infinities.
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
  double high, low;  // x = quadrant pi/2 + high + low mod 2 pi, |high| ≤ pi/4
};

// x = m 2^e with a 53-bit whole m. Words of 2/pi whose product with 2^e is a multiple of 4 are left out; four
// further words give at least 128 bits below the point after the 53 of m.
Reduction reduce(double x) {
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
  Reduction result{quadrant, std::ldexp(high, -zeros), std::ldexp(low, -zeros)};
  if (negative != std::signbit(x)) {
    result.high = -result.high;
    result.low = -result.low;
  }
  if (std::signbit(x)) result.quadrant = 0 - quadrant;
  return result;
}

// x is past its half turn or before it: quadrant pi/2 + r in [-pi, pi).
double wrapped(const Reduction& reduction) {
  constexpr double half_pi = half_pi_high<ScalarBuilder<double>>, half_pi_rest = half_pi_middle<ScalarBuilder<double>>;
  const double quadrant = static_cast<double>(reduction.quadrant & 3);
  const bool past = quadrant == 3 || (quadrant == 2 && reduction.high >= 0);
  const double turns = past ? quadrant - 4 : quadrant;
  const double base = turns * half_pi;
  const double sum = base + reduction.high;
  const double result = sum + ((reduction.high - (sum - base)) + (reduction.low + turns * half_pi_rest));
  return result >= 2 * half_pi ? -2 * half_pi : result;
}

}  // namespace

double rare_value(Rare function, double x) {
  if (!(std::fabs(x) <= Format<ScalarBuilder<double>>::max)) return Format<ScalarBuilder<double>>::nan;
  using B = ScalarBuilder<double>;
  B builder;
  const Reduction reduction = reduce(x);
  const SinCos<B> both = of_quadrant(Real<B>{&builder, reduction.high + reduction.low}, Whole<B>{&builder, reduction.quadrant});
  switch (function) {
    case Rare::sin: return both.sin.value;
    case Rare::cos: return both.cos.value;
    case Rare::wrap: return wrapped(reduction);
  }
  return x;
}

// Double precision has room for both the argument and the value.
float rare_value(Rare function, float x) {
  using B = ScalarBuilder<double>;
  B builder;
  const Real<B> wide{&builder, x};
  switch (function) {
    case Rare::sin: return static_cast<float>(sin(wide).value);
    case Rare::cos: return static_cast<float>(cos(wide).value);
    case Rare::wrap: {
      constexpr float pi = static_cast<float>(2 * half_pi_high<ScalarBuilder<float>>);
      const float result = static_cast<float>(wrap(wide).value);
      return result >= pi ? -pi : result;
    }
  }
  return x;
}

}  // namespace alea::elementary
