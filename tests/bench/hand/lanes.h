// Vectors as wide as the processor's, elementary functions inlined for them, and blocks of noise: what the hand-written
// gradients share. Everything is internal to the file that includes it. Functions hold for the arguments that the
// workloads have (no infinities, no subnormals), to about 2 ULP, tanh to 1e-16 absolute.
#pragma once
#include <immintrin.h>

#include <cstdint>
#include <cstring>
#include <utility>

#include "tests/bench/hand/hand.h"

namespace alea::bench {

namespace {

#if defined(__AVX512F__) && defined(__AVX512DQ__)
constexpr int vector_bytes = 64;
#else
constexpr int vector_bytes = 32;
#endif

template <class T>
struct Types;
template <>
struct Types<double> {
  typedef double Value __attribute__((vector_size(vector_bytes)));
  typedef uint64_t Word __attribute__((vector_size(vector_bytes)));
};
template <>
struct Types<float> {
  typedef float Value __attribute__((vector_size(vector_bytes)));
  typedef uint32_t Word __attribute__((vector_size(vector_bytes)));
};
template <class T>
using Vector = typename Types<T>::Value;
template <class T>
using WordVector = typename Types<T>::Word;
template <class T>
constexpr int lanes = vector_bytes / static_cast<int>(sizeof(T));

#define ALEA_INLINE [[gnu::always_inline]] inline

template <class T>
ALEA_INLINE Vector<T> splat(T x) {
  return Vector<T>{} + x;
}
template <class T>
ALEA_INLINE Vector<T> load(const T* from) {
  return *reinterpret_cast<const Vector<T>*>(from);
}
template <class T>
ALEA_INLINE void store(T* to, Vector<T> x) {
  *reinterpret_cast<Vector<T>*>(to) = x;
}
template <class T>
ALEA_INLINE double sum_of_lanes(Vector<T> x) {
  double sum = 0;
  for (int i = 0; i < lanes<T>; ++i) sum += static_cast<double>(x[i]);
  return sum;
}
template <class V>
ALEA_INLINE V min(V a, V b) {
  return a < b ? a : b;
}
ALEA_INLINE Vector<double> square_root(Vector<double> x) {
#if defined(__AVX512F__)
  return (Vector<double>)_mm512_sqrt_pd((__m512d)x);
#else
  return (Vector<double>)_mm256_sqrt_pd((__m256d)x);
#endif
}
ALEA_INLINE Vector<float> square_root(Vector<float> x) {
#if defined(__AVX512F__)
  return (Vector<float>)_mm512_sqrt_ps((__m512)x);
#else
  return (Vector<float>)_mm256_sqrt_ps((__m256)x);
#endif
}

// table[index mod 16] resp. mod 32
ALEA_INLINE Vector<double> look_up(const double* table, WordVector<double> index) {
#if defined(__AVX512F__)
  return (Vector<double>)_mm512_permutex2var_pd(_mm512_load_pd(table), (__m512i)index, _mm512_load_pd(table + 8));
#else
  return (Vector<double>)_mm256_i64gather_pd(table, (__m256i)(index & 15), 8);
#endif
}
ALEA_INLINE Vector<float> look_up(const float* table, WordVector<float> index) {
#if defined(__AVX512F__)
  return (Vector<float>)_mm512_permutex2var_ps(_mm512_load_ps(table), (__m512i)index, _mm512_load_ps(table + 16));
#else
  return (Vector<float>)_mm256_i32gather_ps(table, (__m256i)(index & 31), 4);
#endif
}

// c0 + x (c1 + x (c2 + …))
template <class V, class T>
ALEA_INLINE V polynomial(V, T c0) {
  return V{} + c0;
}
template <class V, class T, class... Rest>
ALEA_INLINE V polynomial(V x, T c0, Rest... rest) {
  return polynomial(x, rest...) * x + c0;
}

// Adding it rounds to an integer, which is then in the low bits (this needs -fno-associative-math).
constexpr double rounder = 0x1.8p52;
constexpr float rounder_single = 0x1.8p23f;

// 2^(j/16) with j/16 taken off where the exponent is, so that adding k = 16 m + j there makes it 2^(k/16).
alignas(64) constexpr double powers_of_two[16] = {0x1p+0,
                                                  0x1.fb5586cf9890fp-1,
                                                  0x1.f72b83c7d517bp-1,
                                                  0x1.f387a6e756238p-1,
                                                  0x1.f06fe0a31b715p-1,
                                                  0x1.edea64c123422p-1,
                                                  0x1.ebfdad5362a27p-1,
                                                  0x1.eab07dd485429p-1,
                                                  0x1.ea09e667f3bcdp-1,
                                                  0x1.ea11473eb0187p-1,
                                                  0x1.eace5422aa0dbp-1,
                                                  0x1.ec49182a3f09p-1,
                                                  0x1.ee89f995ad3adp-1,
                                                  0x1.f199bdd85529cp-1,
                                                  0x1.f5818dcfba487p-1,
                                                  0x1.fa4afa2a490dap-1};
// 1/c and log c for the middle c of each sixteenth of the significand; 1 and 0 around 1.
alignas(64) constexpr double log_inverses[16] = {0x1p+0,
                                                 0x1.e1e1e1e1e1e1ep-1,
                                                 0x1.c71c71c71c71cp-1,
                                                 0x1.af286bca1af28p-1,
                                                 0x1.999999999999ap-1,
                                                 0x1.8618618618618p-1,
                                                 0x1.745d1745d1746p-1,
                                                 0x1.642c8590b2164p-1,
                                                 0x1.5555555555555p-1,
                                                 0x1.47ae147ae147bp-1,
                                                 0x1.3b13b13b13b14p-1,
                                                 0x1.2f684bda12f68p-1,
                                                 0x1.2492492492492p-1,
                                                 0x1.1a7b9611a7b96p-1,
                                                 0x1.1111111111111p-1,
                                                 0x1.0842108421084p-1};
alignas(64) constexpr double log_values[16] = {0x0p+0,
                                               0x1.f0a30c01162a8p-5,
                                               0x1.e27076e2af2eap-4,
                                               0x1.5ff3070a793d6p-3,
                                               0x1.c8ff7c79a9a2p-3,
                                               0x1.1675cababa60fp-2,
                                               0x1.4618bc21c5ec2p-2,
                                               0x1.739d7f6bbd007p-2,
                                               0x1.9f323ecbf984dp-2,
                                               0x1.c8ff7c79a9a21p-2,
                                               0x1.f128f5faf06ecp-2,
                                               0x1.0be72e4252a83p-1,
                                               0x1.1e85f5e7040d1p-1,
                                               0x1.307d7334f10bep-1,
                                               0x1.41d8fe84672afp-1,
                                               0x1.52a2d265bc5abp-1};
alignas(64) constexpr float log_inverses_single[32] = {
    0x1p+0f,        0x1.f07c2p-1f,  0x1.e1e1e2p-1f, 0x1.d41d42p-1f, 0x1.c71c72p-1f, 0x1.bacf92p-1f, 0x1.af286cp-1f,
    0x1.a41a42p-1f, 0x1.99999ap-1f, 0x1.8f9c18p-1f, 0x1.861862p-1f, 0x1.7d05f4p-1f, 0x1.745d18p-1f, 0x1.6c16c2p-1f,
    0x1.642c86p-1f, 0x1.5c9882p-1f, 0x1.555556p-1f, 0x1.4e5e0ap-1f, 0x1.47ae14p-1f, 0x1.414142p-1f, 0x1.3b13b2p-1f,
    0x1.3521dp-1f,  0x1.2f684cp-1f, 0x1.29e412p-1f, 0x1.24924ap-1f, 0x1.1f7048p-1f, 0x1.1a7b96p-1f, 0x1.15b1e6p-1f,
    0x1.111112p-1f, 0x1.0c9714p-1f, 0x1.08421p-1f,  0x1.041042p-1f};
alignas(64) constexpr float log_values_single[32] = {
    0x0p+0f,        0x1.f8299p-6f,  0x1.f0a30ap-5f, 0x1.6f0d28p-4f, 0x1.e27074p-4f, 0x1.29552cp-3f, 0x1.5ff306p-3f,
    0x1.9525a8p-3f, 0x1.c8ff7ap-3f, 0x1.fb918cp-3f, 0x1.1675cap-2f, 0x1.2e8e2cp-2f, 0x1.4618bap-2f, 0x1.5d1bdap-2f,
    0x1.739d7ep-2f, 0x1.89a33ap-2f, 0x1.9f323cp-2f, 0x1.b44f7ap-2f, 0x1.c8ff7ep-2f, 0x1.dd469ep-2f, 0x1.f128f4p-2f,
    0x1.02552ap-1f, 0x1.0be72ep-1f, 0x1.154c3ep-1f, 0x1.1e85f4p-1f, 0x1.2795ep-1f,  0x1.307d74p-1f, 0x1.393e0ep-1f,
    0x1.41d8fcp-1f, 0x1.4a4f88p-1f, 0x1.52a2d4p-1f, 0x1.5ad402p-1f};

// x = (16 m + j) ln 2 / 16 + r: e^x = 2^m 2^(j/16) e^r
ALEA_INLINE Vector<double> exponential(Vector<double> x) {
  const Vector<double> shifted = x * (16 / 0.693147180559945309417) + rounder, k = shifted - rounder;
  const WordVector<double> index = (WordVector<double>)shifted;
  const Vector<double> r = (x - k * (0x1.62e42fefa39efp-1 / 16)) - k * (0x1.abc9e3b39803fp-56 / 16);
  const Vector<double> power = (Vector<double>)((WordVector<double>)look_up(powers_of_two, index) + (index << 48));
  return power * (r * polynomial(r, 1.0, 0.5, 0x1.55555554dd44dp-3, 0x1.55555554c7f93p-5, 0x1.11120af7020b6p-7,
                                 0x1.6c18130571cfep-10)) +
         power;
}
ALEA_INLINE Vector<float> exponential(Vector<float> x) {
  const Vector<float> shifted = x * 1.44269504f + rounder_single, k = shifted - rounder_single;
  const Vector<float> r = (x - k * 0x1.62e430p-1f) + k * 0x1.05c610p-29f;
  const Vector<float> e = polynomial(r, 1.0f, 1.0f, 0x1p-1f, 0x1.5554dep-3f, 0x1.55556cp-5f, 0x1.120ac6p-7f, 0x1.6ca99cp-10f);
  return (Vector<float>)((WordVector<float>)e + ((WordVector<float>)shifted << 23));
}

// x = 2^e c (1 + r): log x = e ln 2 + log c + log(1 + r), with 1/c from a table by the highest bits of the significand,
// whose first part lies around 1, where log c = 0.
template <class T>
struct LogarithmParts {
  Vector<T> e, r;
  WordVector<T> index;
};
ALEA_INLINE LogarithmParts<double> parts_of(Vector<double> x) {
  const WordVector<double> bits = (WordVector<double>)x, shifted = bits + 0x0000800000000000;
  const WordVector<double> index = shifted >> 48;
  const Vector<double> z = (Vector<double>)(bits - (shifted & 0xfff0000000000000) + 0x3ff0000000000000);
  const Vector<double> e = (Vector<double>)((shifted >> 52) | 0x4330000000000000) - (0x1p52 + 1023);
  return {e, z * look_up(log_inverses, index) - 1.0, index};
}
ALEA_INLINE LogarithmParts<float> parts_of(Vector<float> x) {
  const WordVector<float> bits = (WordVector<float>)x, shifted = bits + 0x00020000;
  const WordVector<float> index = shifted >> 18;
  const Vector<float> z = (Vector<float>)(bits - (shifted & 0xff800000) + 0x3f800000);
  const Vector<float> e = (Vector<float>)((shifted >> 23) | 0x4b000000) - (0x1p23f + 127);
  return {e, z * look_up(log_inverses_single, index) - 1.0f, index};
}
ALEA_INLINE Vector<double> logarithm(Vector<double> x) {
  const auto [e, r, index] = parts_of(x);
  const Vector<double> tail =
      polynomial(r, -0x1.ffffffffffff3p-2, 0x1.55555555554f8p-2, -0x1.0000000066edep-2, 0x1.9999999b9ac0ap-3,
                 -0x1.555545496c7f8p-3, 0x1.2492305e2f0e3p-3, -0x1.0066915a0ef5cp-3, 0x1.c805804fdec58p-4);
  return (e * 0x1.62e42fefa39efp-1 + look_up(log_values, index)) + (r + r * r * tail);
}
ALEA_INLINE Vector<float> logarithm(Vector<float> x) {
  const auto [e, r, index] = parts_of(x);
  return (e * 0x1.62e430p-1f + look_up(log_values_single, index)) +
         (r + r * r * polynomial(r, -0.5f, 0x1.555efp-2f, -0x1.0009c8p-2f));
}
// -2 log x to 2^-53 (2^-24), for normal draws.
ALEA_INLINE Vector<double> minus_two_logarithm(Vector<double> x) {
  const auto [e, r, index] = parts_of(x);
  const Vector<double> tail =
      polynomial(r, -2.0, 0x1.fffffffffff1bp-1, -0x1.55555555fd94p-1, 0x1.00000001e869dp-1, -0x1.99998181b7f87p-2,
                 0x1.55552ed8df7afp-2, -0x1.251726f23e09dp-2, 0x1.00974ef3ced29p-2);
  return r * tail + (e * -0x1.62e42fefa39efp+0 - 2 * look_up(log_values, index));
}
ALEA_INLINE Vector<float> minus_two_logarithm(Vector<float> x) {
  const auto [e, r, index] = parts_of(x);
  return r * polynomial(r, -2.0f, 0x1.0006d4p+0f, -0x1.55628cp-1f) +
         (e * -0x1.62e430p+0f - 2 * look_up(log_values_single, index));
}

template <class T>
struct SineCosine {
  Vector<T> sine, cosine;
};
// of quadrant pi/2 + r, |r| ≤ pi/4
ALEA_INLINE SineCosine<double> of_quadrant(Vector<double> r, WordVector<double> quadrant) {
  const Vector<double> z = r * r;
  const Vector<double> s = r + r * z *
                                   polynomial(z, -0x1.5555555555554p-3, 0x1.11111111109c4p-7, -0x1.a01a019e24c31p-13,
                                              0x1.71de3728c0744p-19, -0x1.ae5fa115615edp-26, 0x1.5de719acc2b4p-33);
  const Vector<double> c = polynomial(z, 1.0, -0.5, 0x1.5555555555555p-5, -0x1.6c16c16c16871p-10, 0x1.a01a019f1f892p-16,
                                      -0x1.27e4f9e14f407p-22, 0x1.1eeb34457502p-29, -0x1.9059d7a53646cp-37);
  const auto swap = (quadrant & 1) != 0;
  const Vector<double> sine = swap ? c : s, cosine = swap ? s : c;
  return {(Vector<double>)((WordVector<double>)sine ^ ((quadrant & 2) << 62)),
          (Vector<double>)((WordVector<double>)cosine ^ (((quadrant + 1) & 2) << 62))};
}
ALEA_INLINE SineCosine<float> of_quadrant(Vector<float> r, WordVector<float> quadrant) {
  const Vector<float> z = r * r;
  const Vector<float> s = r + r * z * polynomial(z, -0x1.555552p-3f, 0x1.110ba4p-7f, -0x1.9a8acap-13f);
  const Vector<float> c = polynomial(z, 1.0f, -0.5f, 0x1.555554p-5f, -0x1.6c126ap-10f, 0x1.9ba6c8p-16f);
  const auto swap = (quadrant & 1) != 0;
  const Vector<float> sine = swap ? c : s, cosine = swap ? s : c;
  return {(Vector<float>)((WordVector<float>)sine ^ ((quadrant & 2) << 30)),
          (Vector<float>)((WordVector<float>)cosine ^ (((quadrant + 1) & 2) << 30))};
}
// Cody and Waite's reduction: two parts of pi/2, in single three.
ALEA_INLINE SineCosine<double> sine_cosine(Vector<double> x) {
  const Vector<double> shifted = x * 0x1.45f306dc9c883p-1 + rounder, k = shifted - rounder;
  const Vector<double> r = (x - k * 0x1.921fb54442d18p+0) - k * 0x1.1a62633145c07p-54;
  return of_quadrant(r, (WordVector<double>)shifted);
}
ALEA_INLINE SineCosine<float> sine_cosine(Vector<float> x) {
  const Vector<float> shifted = x * 0x1.45f306p-1f + rounder_single, k = shifted - rounder_single;
  const Vector<float> r = ((x - k * 0x1.921fb6p+0f) + k * 0x1.777a5cp-25f) + k * 0x1.ee59dap-50f;
  return of_quadrant(r, (WordVector<float>)shifted);
}
// 1 - 2 / (e^2x + 1)
template <class V>
ALEA_INLINE V hyperbolic_tangent(V x) {
  return 1 - 2 / (exponential(x + x) + 1);
}
template <class V>
ALEA_INLINE V logistic(V x) {
  return 1 / (1 + exponential(-x));
}

// --- noise: Philox4x32-10, the same draws as Alea's. One counter a 64-bit lane, its words in the low halves; the high
// halves hold rubbish, which multiplication ignores. `chains` counters are interleaved round by round.
using Words = WordVector<double>;
#if defined(__AVX512F__) && defined(__AVX512DQ__)
constexpr Words lane_numbers = {0, 1, 2, 3, 4, 5, 6, 7};
#else
constexpr Words lane_numbers = {0, 1, 2, 3};
#endif

ALEA_INLINE Words multiply_low(Words a, uint32_t by) {
#if defined(__AVX512F__)
  return (Words)_mm512_mul_epu32((__m512i)a, _mm512_set1_epi64(by));
#else
  return (Words)_mm256_mul_epu32((__m256i)a, _mm256_set1_epi64x(by));
#endif
}
ALEA_INLINE Words exclusive_or(Words a, Words b, uint64_t c) {
#if defined(__AVX512F__)
  return (Words)_mm512_ternarylogic_epi64((__m512i)a, (__m512i)b, _mm512_set1_epi64(static_cast<int64_t>(c)), 0x96);
#else
  return a ^ b ^ c;
#endif
}

template <int chains>
ALEA_INLINE void philox(Words (&c)[4][chains], uint64_t key) {
  uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
#pragma GCC unroll 10
  for (int round = 0; round < 10; ++round) {
#pragma GCC unroll 8
    for (int i = 0; i < chains; ++i) {
      const Words p0 = multiply_low(c[0][i], 0xD2511F53), p1 = multiply_low(c[2][i], 0xCD9E8D57);
      c[0][i] = exclusive_or(p1 >> 32, c[1][i], k0);
      c[1][i] = p1;
      c[2][i] = exclusive_or(p0 >> 32, c[3][i], k1);
      c[3][i] = p0;
    }
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
}

// The counters sample, sample + stride, … a lane; time already divided by the draws of a counter.
template <int chains>
ALEA_INLINE void set_counters(Words (&c)[4][chains], int chain, uint64_t sample, int stride, uint64_t time, uint64_t element) {
  c[0][chain] = lane_numbers * static_cast<uint64_t>(stride) + sample;
  c[1][chain] = Words{} + (sample >> 32 & 0xffff);
  c[2][chain] = Words{} + time;
  c[3][chain] = Words{} + element;
}

// The low halves of two vectors of words, side by side.
ALEA_INLINE Words joined(Words low, Words high) {
#if defined(__AVX512F__)
  return (Words)_mm512_mask_moveldup_ps((__m512)low, 0xaaaa, (__m512)high);
#else
  return (Words)_mm256_blend_ps((__m256)low, _mm256_moveldup_ps((__m256)high), 0xaa);
#endif
}
ALEA_INLINE Vector<double> uniform_of(WordVector<double> word) {
  return (Vector<double>)((word >> 12) | 0x3ff0000000000000) - (1 - 0x1p-53);
}
ALEA_INLINE Vector<float> uniform_of(WordVector<float> word) {
  return (Vector<float>)((word >> 9) | 0x3f800000) - (1 - 0x1p-24f);
}
// All 32 bits, for the logarithm.
ALEA_INLINE Vector<float> fine_uniform_of(WordVector<float> word) {
  return __builtin_convertvector(word, Vector<float>) * 0x1p-32f + 0x1p-33f;
}
ALEA_INLINE Vector<double> fine_uniform_of(WordVector<double> word) { return uniform_of(word); }

// A point on the unit circle: within an eighth of the turn about (1, 0), reflected by one bit, its axes exchanged by another.
template <class T>
ALEA_INLINE SineCosine<T> direction_of(WordVector<T> word) {
  Vector<T> s, c;
  WordVector<T> top;
  if constexpr (sizeof(T) == 8) {
    const Vector<T> f = (Vector<T>)(((word << 2) >> 12) | 0x3ff0000000000001) - 1.5, z = f * f;
    s = f * polynomial(z, 0x1.921fb54442d18p+0, -0x1.4abbce625be09p-1, 0x1.466bc67754fffp-4, -0x1.32d2ccdfe9424p-8,
                       0x1.50782d5f14823p-13, -0x1.e2fe76fdff88ap-19, 0x1.e357ef99c0be5p-25);
    c = polynomial(z, 1.0, -0x1.3bd3cc9be45a3p+0, 0x1.03c1f081b137bp-2, -0x1.55d3c7dca1afcp-6, 0x1.e1f4fbe98197dp-11,
                   -0x1.a6c9f8bd1834dp-16, 0x1.f3ecbdedd6adap-22);
    top = WordVector<T>{} + (uint64_t{1} << 63);
  } else {
    const Vector<T> f = (Vector<T>)(((word << 2) >> 9) | 0x3f800001) - 1.5f, z = f * f;
    s = f * polynomial(z, 0x1.921fb6p+0f, -0x1.4abbecp-1f, 0x1.466b2p-4f, -0x1.2f5992p-8f);
    c = polynomial(z, 1.0f, -0x1.3bd3ap+0f, 0x1.03b132p-2f, -0x1.4ea1aep-6f);
    top = WordVector<T>{} + (uint32_t{1} << 31);
  }
  c = (Vector<T>)((WordVector<T>)c ^ (word & top));
  const auto exchanged = (word & (top >> 1)) != 0;
  return {exchanged ? c : s, exchanged ? s : c};
}

template <class T>
constexpr int draws_per_call = 16 / static_cast<int>(sizeof(T));

// Draws of `count` vectors of samples: out[draw][vector].
template <class T, bool normal, int count>
ALEA_INLINE void draw(uint64_t key, uint64_t sample, uint64_t time, uint64_t element,
                      Vector<T> (&out)[draws_per_call<T>][count]) {
  constexpr int parts = sizeof(T) == 4 ? 2 : 1;
  Words c[4][count * parts];
#pragma GCC unroll 8
  for (int i = 0; i < count * parts; ++i)
    set_counters(c, i, sample + static_cast<uint64_t>(i / parts * lanes<T> + i % parts), parts, time, element);
  philox(c, key);
#pragma GCC unroll 8
  for (int v = 0; v < count; ++v) {
    constexpr int n = draws_per_call<T>;
    WordVector<T> words[n];
#pragma GCC unroll 4
    for (int k = 0; k < n; ++k)
      if constexpr (sizeof(T) == 8) words[k] = joined(c[2 * k][v], c[2 * k + 1][v]);
      else words[k] = (WordVector<T>)joined(c[k][2 * v], c[k][2 * v + 1]);
#pragma GCC unroll 4
    for (int k = 0; k < n; k += normal ? 2 : 1)
      if constexpr (normal) {
        const Vector<T> radius = square_root(minus_two_logarithm(fine_uniform_of(words[k])));
        const SineCosine<T> direction = direction_of<T>(words[k + 1]);
        out[k][v] = radius * direction.cosine;
        out[k + 1][v] = radius * direction.sine;
      } else {
        out[k][v] = uniform_of(words[k]);
      }
  }
}

// out[time][element][width], for the samples from `sample` on, times begin … begin + count - 1, multiples of 4.
template <class T, bool normal, int width = 64>
void fill_in_time(uint64_t key, uint64_t sample, int64_t begin, int64_t count, int64_t elements, T* out) {
  constexpr int n = draws_per_call<T>, vectors = sizeof(T) == 8 ? 4 : 2;
  for (int64_t t = 0; t < count; t += n)
    for (int64_t element = 0; element < elements; ++element)
      for (int lane = 0; lane < width; lane += vectors * lanes<T>) {
        Vector<T> drawn[n][vectors];
        draw<T, normal, vectors>(key, sample + static_cast<uint64_t>(lane), static_cast<uint64_t>((begin + t) / n),
                                 static_cast<uint64_t>(element), drawn);
        for (int k = 0; k < n; ++k)
          for (int v = 0; v < vectors; ++v)
            store(out + ((t + k) * elements + element) * width + lane + v * lanes<T>, drawn[k][v]);
      }
}
// out[element][64], for draws outside time: a counter serves the samples s, s + 64/n, …
template <class T, bool normal>
void fill(uint64_t key, uint64_t sample, int64_t elements, T* out) {
  constexpr int n = draws_per_call<T>, span = 64 / n, vectors = span / lanes<T> >= 4 ? 4 : span / lanes<T>;
  for (int64_t element = 0; element < elements; ++element)
    for (int lane = 0; lane < span; lane += vectors * lanes<T>) {
      Vector<T> drawn[n][vectors];
      draw<T, normal, vectors>(key, sample + static_cast<uint64_t>(lane), 0, static_cast<uint64_t>(element), drawn);
      for (int k = 0; k < n; ++k)
        for (int v = 0; v < vectors; ++v) store(out + element * 64 + k * span + lane + v * lanes<T>, drawn[k][v]);
    }
}

}  // namespace

}  // namespace alea::bench
