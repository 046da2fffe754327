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
#include "compiler/kernel/elementary_trigonometry.h"

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

// Double: 52 bits of two words, each value the middle of its step, so in the open interval (0, 1).
template <class B>
Real<B> uniform_of_words(Whole<B> low, Whole<B> high) {
  return value((((high << 32) | low) >> 12) | Format<B>::bits_of(1.0)) - (1 - 0x1p-53);
}
// Single: 23 bits of one word, likewise.
template <class B>
Real<B> uniform_of_word(Whole<B> word) {
  return value((word >> 9) | Format<B>::bits_of(1.0)) - (1 - 0x1p-24);
}
// Single, for the logarithm: (word + ½) / 2^32 rounded once, so that the tail reaches 6.6 standard deviations.
template <class B>
Real<B> fine_uniform_of_word(Whole<B> word) {
  const Real<B> low = to_real(word & 0xffff, 0), high = to_real(word >> 16, 0);
  return fma(high, 0x1p-16, fma(low, 0x1p-32, 0x1p-33));
}

// Box and Muller: √(-2 log u) (cos 2 pi v, sin 2 pi v)
template <class B>
struct NormalPair {
  Real<B> first, second;
};
template <class B>
[[gnu::always_inline]] inline NormalPair<B> normal_pair(Real<B> u, Real<B> v) {
  const Real<B> radius = sqrt(-2.0 * log_of_normal(u));
  const SinCos<B> angle = sincos_of_turns(v);
  return {radius * angle.cos, radius * angle.sin};
}

}  // namespace elementary

// Of one counter's words: 2 doubles or 4 floats.
template <class T>
inline constexpr size_t draws_per_call = std::is_same_v<T, double> ? 2 : 4;

template <class T>
std::array<T, draws_per_call<T>> uniforms_of(const PhiloxWords& words) {
  using B = elementary::ScalarBuilder<T>;
  B builder;
  const auto word = [&](size_t k) { return elementary::Whole<B>{&builder, words[k]}; };
  if constexpr (std::is_same_v<T, double>)
    return {uniform_of_words(word(0), word(1)).value, uniform_of_words(word(2), word(3)).value};
  else
    return {uniform_of_word(word(0)).value, uniform_of_word(word(1)).value, uniform_of_word(word(2)).value,
            uniform_of_word(word(3)).value};
}

template <class T>
std::array<T, draws_per_call<T>> normals_of(const PhiloxWords& words) {
  using B = elementary::ScalarBuilder<T>;
  B builder;
  const auto word = [&](size_t k) { return elementary::Whole<B>{&builder, words[k]}; };
  if constexpr (std::is_same_v<T, double>) {
    const auto pair = normal_pair(uniform_of_words(word(0), word(1)), uniform_of_words(word(2), word(3)));
    return {pair.first.value, pair.second.value};
  } else {
    const auto one = normal_pair(fine_uniform_of_word(word(0)), uniform_of_word(word(1)));
    const auto two = normal_pair(fine_uniform_of_word(word(2)), uniform_of_word(word(3)));
    return {one.first.value, one.second.value, two.first.value, two.second.value};
  }
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
