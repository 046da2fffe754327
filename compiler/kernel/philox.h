// The noise, as numbers: which random word stands behind each draw, and what uniform and normal values are made
// of it. In: a key, from the seed and the noise's qualified name, and the sample, time and element of the draw.
// Out: the same bits always, whoever asks and in which order. This is the reference; runtime/noise.h fills blocks.
//
// Philox4x32-10 (Salmon et al. 2011) maps the counter (sample low 32, sample high 16 | attempt << 16, time, element)
// to four words: two double or four single draws. In a phase with time they go to the times t, t+1 (… t+3), the
// counter holding t/2 (t/4); without time to the samples s, s+32 (s, s+16, s+32, s+48) of a group of 64, the
// counter holding 64 ⌊s/64⌋ + s mod 32 (mod 16) and time 0.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "compiler/kernel/elementary_scalar.h"
#include "compiler/kernel/elementary_table.h"

namespace alea {

using PhiloxWords = std::array<uint32_t, 4>;

inline constexpr uint32_t philox_multiplier[2] = {0xD2511F53, 0xCD9E8D57};
inline constexpr uint32_t philox_weyl[2] = {0x9E3779B9, 0xBB67AE85};
inline constexpr int philox_rounds = 10;

inline PhiloxWords philox(PhiloxWords counter, uint64_t key) {
  auto k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < philox_rounds; ++round) {
    const uint64_t p0 = uint64_t{philox_multiplier[0]} * counter[0], p1 = uint64_t{philox_multiplier[1]} * counter[2];
    counter = {static_cast<uint32_t>(p1 >> 32) ^ counter[1] ^ k0, static_cast<uint32_t>(p1),
               static_cast<uint32_t>(p0 >> 32) ^ counter[3] ^ k1, static_cast<uint32_t>(p0)};
    k0 += philox_weyl[0];
    k1 += philox_weyl[1];
  }
  return counter;
}

inline PhiloxWords philox_counter(uint64_t sample, uint64_t attempt, uint64_t time, uint64_t element) {
  return {static_cast<uint32_t>(sample), static_cast<uint32_t>((sample >> 32 & 0xffff) | attempt << 16),
          static_cast<uint32_t>(time), static_cast<uint32_t>(element)};
}

// FNV-1a over the name, then mixed with the seed (the finaliser of SplitMix64, twice).
inline uint64_t noise_key(uint64_t seed, std::string_view name) {
  const auto mix = [](uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  };
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return mix(mix(seed + 0x9e3779b97f4a7c15) ^ hash);
}

namespace elementary {

// A word as wide as Real, of two words for a double.
template <class B>
Whole<B> joined_words(Whole<B> low, Whole<B> high) {
  return (high << 32) | low;
}
// The upper 52 (f32: 23) bits, each value the middle of its step, so in the open interval (0, 1).
template <class B>
Real<B> uniform_of_word(Whole<B> word) {
  using F = Format<B>;
  return value((word >> (F::width - F::mantissa_bits)) | F::bits_of(1.0)) - (1 - 0.5 / F::unit);
}
// For the logarithm: in single precision (word + ½) / 2^32, so that the tail reaches 6.6 standard deviations. The word is
// rounded first.
template <class B>
Real<B> fine_uniform_of_word(Whole<B> word) {
  if constexpr (is_double<B>) return uniform_of_word(word);
  else return fma(number(word), 0x1p-32, 0x1p-33);
}

// A point on the unit circle: (cos, sin) of f pi/2 with |f| < ½, to 2^-53 (f32: 2^-24), reflected by the word's highest bit and
// its axes exchanged by the next. f is an odd multiple of 2^-52 (2^-23), never 0. Coefficients from Sollya's fpminimax on 0 … ½.
template <class B>
struct Point {
  Real<B> x, y;
};
template <class B>
[[gnu::always_inline]] inline Point<B> direction_of_word(Whole<B> word) {
  using F = Format<B>;
  constexpr uint64_t drawn = (uint64_t{1} << F::mantissa_bits) - 2;  // bits of f; the last one is 1
  const Whole<B> one = {word.builder, word.builder->whole_constant(F::bits_of(1.0) | 1)};
  const Real<B> f = value(with_bits(one, word >> (F::width - F::mantissa_bits - 2), drawn)) - 1.5, z = f * f;
  Real<B> cosine = f, sine = f;
  if constexpr (is_double<B>) {
    cosine = polynomial(z, 1.0, -0x1.3bd3cc9be45a3p+0, 0x1.03c1f081b137bp-2, -0x1.55d3c7dca1afcp-6, 0x1.e1f4fbe98197dp-11,
                        -0x1.a6c9f8bd1834dp-16, 0x1.f3ecbdedd6adap-22);
    sine = f * polynomial(z, 0x1.921fb54442d18p+0, -0x1.4abbce625be09p-1, 0x1.466bc67754fffp-4, -0x1.32d2ccdfe9424p-8,
                          0x1.50782d5f14823p-13, -0x1.e2fe76fdff88ap-19, 0x1.e357ef99c0be5p-25);
  } else {
    cosine = polynomial(z, 1.0, -0x1.3bd3ap+0, 0x1.03b132p-2, -0x1.4ea1aep-6);
    sine = f * polynomial(z, 0x1.921fb6p+0, -0x1.4abbecp-1, 0x1.466b2p-4, -0x1.2f5992p-8);
  }
  const uint64_t top = uint64_t{1} << (F::width - 1);
  Point<B> point = {value(with_bits_turned(bits(cosine), word, top)), sine};
  exchange(point.x, point.y, word, top >> 1);
  return point;
}

// Box and Muller: √(-2 log u) times a direction.
template <class B>
[[gnu::always_inline]] inline Point<B> normal_pair(Whole<B> for_radius, Whole<B> for_direction) {
  const Real<B> radius = sqrt(minus_two_log(fine_uniform_of_word(for_radius)));
  const Point<B> direction = direction_of_word(for_direction);
  return {radius * direction.x, radius * direction.y};
}

}  // namespace elementary

// Of one counter's words: 2 doubles or 4 floats.
template <class T>
inline constexpr size_t draws_per_call = std::is_same_v<T, double> ? 2 : 4;

// The words that draws are made of, as wide as T: draws_per_call of them.
template <class T>
auto draw_words(elementary::ScalarBuilder<T>& builder, const PhiloxWords& words) {
  using B = elementary::ScalarBuilder<T>;
  std::array<elementary::Whole<B>, draws_per_call<T>> result;
  const auto word = [&](size_t k) { return elementary::Whole<B>{&builder, words[k]}; };
  for (size_t k = 0; k < result.size(); ++k)
    if constexpr (std::is_same_v<T, double>) result[k] = joined_words(word(2 * k), word(2 * k + 1));
    else result[k] = word(k);
  return result;
}

template <class T>
std::array<T, draws_per_call<T>> uniforms_of(const PhiloxWords& words) {
  elementary::ScalarBuilder<T> builder;
  std::array<T, draws_per_call<T>> draws;
  const auto word = draw_words(builder, words);
  for (size_t k = 0; k < draws.size(); ++k) draws[k] = uniform_of_word(word[k]).value;
  return draws;
}

template <class T>
std::array<T, draws_per_call<T>> normals_of(const PhiloxWords& words) {
  elementary::ScalarBuilder<T> builder;
  std::array<T, draws_per_call<T>> draws;
  const auto word = draw_words(builder, words);
  for (size_t k = 0; k < draws.size(); k += 2) {
    const auto pair = normal_pair(word[k], word[k + 1]);
    draws[k] = pair.x.value, draws[k + 1] = pair.y.value;
  }
  return draws;
}

// Where a uniform or normal draw is found: which counter, and which of its draws.
struct NoisePlace {
  PhiloxWords counter;
  size_t index;
};
template <class T>
NoisePlace noise_place(bool timed, uint64_t sample, uint64_t time, uint64_t element) {
  constexpr uint64_t n = draws_per_call<T>, stride = 64 / n;
  if (timed) return {philox_counter(sample, 0, time / n, element), time % n};
  return {philox_counter(sample / 64 * 64 + sample % stride, 0, 0, element), sample % 64 / stride};
}
template <class T>
T uniform_draw(uint64_t key, bool timed, uint64_t sample, uint64_t time, uint64_t element) {
  const NoisePlace place = noise_place<T>(timed, sample, time, element);
  return uniforms_of<T>(philox(place.counter, key))[place.index];
}
template <class T>
T normal_draw(uint64_t key, bool timed, uint64_t sample, uint64_t time, uint64_t element) {
  const NoisePlace place = noise_place<T>(timed, sample, time, element);
  return normals_of<T>(philox(place.counter, key))[place.index];
}

}  // namespace alea
