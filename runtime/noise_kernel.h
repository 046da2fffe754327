// Blocks of draws with vectors of `vector_bytes`. Included by one file per processor; everything is internal to it.
// In: as NoiseFill and NoiseDraw in compiler/codegen/abi.h. Out: the draws of compiler/kernel/philox.h and draws.h.
//
// Philox runs in 64-bit lanes, one counter a lane, its words in the low halves; the high halves hold rubbish, which
// neither the multiplication nor the last step reads. Several counters' chains are interleaved round by round.
#pragma once
#include <cstdint>
#include <cstring>

#include "compiler/kernel/draws_laws.h"
#include "compiler/kernel/elementary_vector.h"
#include "compiler/kernel/philox.h"
#include "runtime/noise.h"

namespace alea {

namespace {

template <int vector_bytes>
struct NoiseBlocks {
  using Words [[gnu::vector_size(vector_bytes)]] = uint64_t;
  static constexpr int word_lanes = vector_bytes / 8;

  static Words multiply_low(Words a, uint32_t by) {
#if defined(__AVX512F__)
    if constexpr (vector_bytes == 64) return (Words)_mm512_mul_epu32((__m512i)a, _mm512_set1_epi64(by));
#endif
#if defined(__AVX2__)
    if constexpr (vector_bytes == 32) return (Words)_mm256_mul_epu32((__m256i)a, _mm256_set1_epi64x(by));
#endif
    return (a & 0xffffffff) * by;
  }

  static Words exclusive_or(Words a, Words b, uint32_t c) {
#if defined(__AVX512F__)
    if constexpr (vector_bytes == 64) return (Words)_mm512_ternarylogic_epi64((__m512i)a, (__m512i)b, _mm512_set1_epi64(c), 0x96);
#endif
    return a ^ b ^ uint64_t { c };
  }

  // The low halves of `low`, and above each the low half of `high`; what is in the high halves does not matter.
  static Words joined(Words low, Words high) {
#if defined(__AVX512F__)
    if constexpr (vector_bytes == 64) return (Words)_mm512_mask_moveldup_ps((__m512)low, 0xaaaa, (__m512)high);
#endif
#if defined(__AVX2__)
    if constexpr (vector_bytes == 32) return (Words)_mm256_blend_ps((__m256)low, _mm256_moveldup_ps((__m256)high), 0xaa);
#endif
    return (low & 0xffffffff) | high << 32;
  }

  template <int chains>
  struct Counters {
    Words c[4][chains];
  };

  template <int chains>
  [[gnu::always_inline]] static void philox_rounds_of(Counters<chains>& counters, uint64_t key) {
    auto k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
    auto& c = counters.c;
#pragma GCC unroll 10
    for (int round = 0; round < philox_rounds; ++round) {
#pragma GCC unroll 8
      for (int i = 0; i < chains; ++i) {
        const Words p0 = multiply_low(c[0][i], philox_multiplier[0]), p1 = multiply_low(c[2][i], philox_multiplier[1]);
        c[0][i] = exclusive_or(p1 >> 32, c[1][i], k0);
        c[1][i] = p1;
        c[2][i] = exclusive_or(p0 >> 32, c[3][i], k1);
        c[3][i] = p0;
      }
      k0 += philox_weyl[0];
      k1 += philox_weyl[1];
    }
  }

  // The counters of the samples first + stride k for lane k.
  static Words sample_words(uint64_t first, uint64_t stride) {
    alignas(64) static constexpr uint64_t lane_numbers[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    static_assert(word_lanes <= 8);
    Words numbers;
    std::memcpy(&numbers, lane_numbers, sizeof numbers);
    return numbers * stride + (first & 0xffffffff);
  }

  template <class T>
  static constexpr int lanes = vector_bytes / static_cast<int>(sizeof(T));
  // Chains for one vector of T: a float vector takes two, for its even and its odd lanes.
  template <class T>
  static constexpr int chains_per_vector = static_cast<int>(8 / sizeof(T));

  // Draws for `vectors` vectors of counters, the first from sample `first` on, the next `apart` samples on: out[draw][vector].
  template <class T, bool normal, int vectors, uint64_t apart = lanes<T>>
  [[gnu::always_inline]] static void draw(
      uint64_t key, uint64_t first, uint64_t time, uint64_t element,
      typename elementary::VectorBuilder<T, lanes<T>>::Value (&out)[draws_per_call<T>][vectors]) {
    using B = elementary::VectorBuilder<T, lanes<T>>;
    constexpr int chains = vectors * chains_per_vector<T>, parts = chains_per_vector<T>, n = draws_per_call<T>;
    Counters<chains> counters;
#pragma GCC unroll 8
    for (int i = 0; i < chains; ++i) {
      const uint64_t own = first + static_cast<uint64_t>(i / parts) * apart;
      counters.c[0][i] = sample_words(own + static_cast<uint64_t>(i % parts), parts);
      counters.c[1][i] = Words{} + (own >> 32 & 0xffff);
      counters.c[2][i] = Words{} + (time & 0xffffffff);
      counters.c[3][i] = Words{} + (element & 0xffffffff);
    }
    philox_rounds_of(counters, key);
    B builder;
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v) {
      // Two words are one double's, or two of a float's lanes.
      elementary::Whole<B> word[n];
      const auto& c = counters.c;
#pragma GCC unroll 4
      for (int k = 0; k < n; ++k) {
        Words both;
        if constexpr (sizeof(T) == 8) both = joined(c[2 * k][v], c[2 * k + 1][v]);
        else both = joined(c[k][2 * v], c[k][2 * v + 1]);
        word[k] = {&builder, (typename B::Whole)both};
      }
#pragma GCC unroll 4
      for (int k = 0; k < n; k += normal ? 2 : 1)
        if constexpr (normal) {
          const auto pair = normal_pair(word[k], word[k + 1]);
          out[k][v] = pair.x.value, out[k + 1][v] = pair.y.value;
        } else {
          out[k][v] = uniform_of_word(word[k]).value;
        }
    }
  }

  // So many vectors of a group at once.
  template <class T>
  static constexpr int at_once = sizeof(T) == 8 ? 4 : 2;

  // The draws of one call whose times are within first_time … end - 1: where a stretch of time begins or ends within a call.
  template <class T, bool normal>
  [[gnu::noinline, gnu::flatten]] static void fill_edge(uint64_t key, uint64_t first_sample, uint64_t call, uint64_t first_time,
                                                        uint64_t end, int64_t element_count, T* to) {
    constexpr int64_t n = draws_per_call<T>;
    for (int64_t lane = 0; lane < 64; lane += at_once<T> * lanes<T>)
      for (int64_t element = 0; element < element_count; ++element) {
        typename elementary::VectorBuilder<T, lanes<T>>::Value draws[n][at_once<T>];
        draw<T, normal, at_once<T>>(key, first_sample + static_cast<uint64_t>(lane), call, static_cast<uint64_t>(element), draws);
        for (int64_t k = 0; k < n; ++k) {
          const uint64_t time = call * n + static_cast<uint64_t>(k);
          if (time < first_time || time >= end) continue;
          const auto row = static_cast<int64_t>(time - first_time) * element_count + element;
          std::memcpy(to + row * 64 + lane, draws[k], sizeof draws[k]);
        }
      }
  }

  template <class T, bool normal>
  [[gnu::flatten]] static void fill(uint64_t key, uint64_t first_sample, uint64_t first_time, int64_t time_count,
                                    int64_t element_count, void* out) {
    constexpr int64_t n = draws_per_call<T>;
    T* const to = static_cast<T*>(out);
    const auto end = first_time + static_cast<uint64_t>(time_count);
    const auto draw_block = [&](int64_t lane, uint64_t call, int64_t element) {
      typename elementary::VectorBuilder<T, lanes<T>>::Value draws[n][at_once<T>];
      draw<T, normal, at_once<T>>(key, first_sample + static_cast<uint64_t>(lane), call, static_cast<uint64_t>(element), draws);
      const auto row = static_cast<int64_t>(call * n - first_time) * element_count + element;
      for (int64_t k = 0; k < n; ++k) std::memcpy(to + (row + k * element_count) * 64 + lane, draws[k], sizeof draws[k]);
    };
    uint64_t call = first_time / n;
    if (first_time % n != 0) fill_edge<T, normal>(key, first_sample, call++, first_time, end, element_count, to);
    // A loop over the one element there is would be prepared for anew each time; what the first rounds make of samples and of
    // times is the same for many.
    if (element_count == 1)
      for (; (call + 1) * n <= end; ++call)
        for (int64_t lane = 0; lane < 64; lane += at_once<T> * lanes<T>) draw_block(lane, call, 0);
    else
      for (; (call + 1) * n <= end; ++call)
        for (int64_t lane = 0; lane < 64; lane += at_once<T> * lanes<T>)
          for (int64_t element = 0; element < element_count; ++element) draw_block(lane, call, element);
    if (call * n < end) fill_edge<T, normal>(key, first_sample, call, first_time, end, element_count, to);
  }

  // Two groups at a time, where the counters of one are but a vector.
  template <class T, bool normal>
  [[gnu::flatten]] static void fill_groups(uint64_t key, uint64_t first_sample, int64_t group_count, int64_t group_bytes,
                                           int64_t element_count, void* out) {
    using Value = typename elementary::VectorBuilder<T, lanes<T>>::Value;
    constexpr int64_t n = draws_per_call<T>, span = 64 / n;  // counters a group
    constexpr int vectors = span / lanes<T> < at_once<T> ? span / lanes<T> : at_once<T>;
    const auto place = [&](int64_t group, int64_t element) {
      return reinterpret_cast<T*>(static_cast<char*>(out) + group * group_bytes) + element * 64;
    };
    const auto draw_two = [&](int64_t group, int64_t element) {
      Value draws[n][2];
      draw<T, normal, 2, 64>(key, first_sample + static_cast<uint64_t>(group) * 64, 0, static_cast<uint64_t>(element), draws);
      for (int64_t k = 0; k < n; ++k) {
        std::memcpy(place(group, element) + k * span, &draws[k][0], sizeof draws[k][0]);
        std::memcpy(place(group + 1, element) + k * span, &draws[k][1], sizeof draws[k][1]);
      }
    };
    const auto draw_one = [&](int64_t group, int64_t element) {
      for (int64_t lane = 0; lane < span; lane += vectors * lanes<T>) {
        Value draws[n][vectors];
        draw<T, normal, vectors>(key, first_sample + static_cast<uint64_t>(group * 64 + lane), 0, static_cast<uint64_t>(element),
                                 draws);
        for (int64_t k = 0; k < n; ++k) std::memcpy(place(group, element) + k * span + lane, draws[k], sizeof draws[k]);
      }
    };
    const int64_t in_twos = vectors == 1 ? group_count / 2 * 2 : 0;
    // A loop over the one element there is would be prepared for each group anew.
    if (element_count == 1) {
      for (int64_t group = 0; group < in_twos; group += 2) draw_two(group, 0);
      for (int64_t group = in_twos; group < group_count; ++group) draw_one(group, 0);
      return;
    }
    for (int64_t group = 0; group < in_twos; group += 2)
      for (int64_t element = 0; element < element_count; ++element) draw_two(group, element);
    for (int64_t group = in_twos; group < group_count; ++group)
      for (int64_t element = 0; element < element_count; ++element) draw_one(group, element);
  }

  // Laws with arguments, a block of draws at a time: those that wait for an attempt are taken a vector at a time, those
  // refused wait for the next one. What a vector has beyond the waiting repeats the last of them.
  using DoubleBuilder = elementary::VectorBuilder<double, word_lanes>;
  using Doubles = typename DoubleBuilder::Value;
  static constexpr int block_size = 256;
  struct Block {
    uint64_t key, time;
    int count = 0;
    uint64_t sample[block_size], element[block_size];
    double first[block_size], second[block_size], value[block_size];
  };
  struct Waiting {
    int count = 0;
    uint16_t index[block_size];
    void add(int at) { index[count++] = static_cast<uint16_t>(at); }
    int at(int k) const { return index[k < count ? k : count - 1]; }
    // Whether a vector's draws lie side by side in the block.
    bool is_run(int begin) const {
      return begin + word_lanes <= count && index[begin + word_lanes - 1] == index[begin] + word_lanes - 1;
    }
  };

  template <class Vector, class From>
  static Vector gather(const From* from, const Waiting& waiting, int begin) {
    Vector result;
    if (waiting.is_run(begin)) {
      std::memcpy(&result, from + waiting.index[begin], sizeof result);
      return result;
    }
    From values[word_lanes];
    for (int k = 0; k < word_lanes; ++k) values[k] = from[waiting.at(begin + k)];
    std::memcpy(&result, values, sizeof result);
    return result;
  }

  static elementary::Words<DoubleBuilder> words_of(DoubleBuilder& builder, const Block& block, const Waiting& waiting, int begin,
                                                   uint64_t attempt) {
    const auto sample = gather<Words>(block.sample, waiting, begin), element = gather<Words>(block.element, waiting, begin);
    Counters<1> counters;
    counters.c[0][0] = sample & 0xffffffff;
    counters.c[1][0] = (sample >> 32 & 0xffff) | attempt << 16;
    counters.c[2][0] = Words{} + (block.time & 0xffffffff);
    counters.c[3][0] = element & 0xffffffff;
    philox_rounds_of(counters, block.key);
    elementary::Words<DoubleBuilder> words;
    for (int k = 0; k < 4; ++k) words.word[k] = {&builder, (typename DoubleBuilder::Whole)(counters.c[k][0] & 0xffffffff)};
    return words;
  }

  template <class Law>
  [[gnu::flatten]] static void search(Block& block, const Waiting& waiting) {
    DoubleBuilder builder;
    for (int begin = 0; begin < waiting.count; begin += word_lanes) {
      const elementary::Real<DoubleBuilder> a{&builder, gather<Doubles>(block.first, waiting, begin)},
          b{&builder, gather<Doubles>(block.second, waiting, begin)};
      auto state = Law::begin(words_of(builder, block, waiting, begin, 0), a, b);
      // A step too many changes nothing, and asking costs more than a step.
      while (DoubleBuilder::any(state.more.value)) Law::advance(state, a, b), Law::advance(state, a, b);
      const Doubles found = Law::found(state, a, b).value;
      for (int k = 0; k < word_lanes; ++k) block.value[waiting.at(begin + k)] = found[k];
    }
  }

  template <class Law>
  [[gnu::flatten]] static void attempt(Block& block, const Waiting& waiting, uint64_t attempt, Waiting& refused) {
    DoubleBuilder builder;
    for (int begin = 0; begin < waiting.count; begin += word_lanes) {
      const elementary::Real<DoubleBuilder> a{&builder, gather<Doubles>(block.first, waiting, begin)},
          b{&builder, gather<Doubles>(block.second, waiting, begin)};
      const auto proposal = Law::attempt(words_of(builder, block, waiting, begin, attempt), a, b);
      for (int k = 0; k < word_lanes && begin + k < waiting.count; ++k) {
        const int at = waiting.index[begin + k];
        block.value[at] = proposal.value.value[k];
        if (proposal.accepted.value[k] == 0) refused.add(at);
      }
    }
  }

  template <class Law>
  [[gnu::flatten]] static void finish(Block& block, const Waiting& waiting) {
    DoubleBuilder builder;
    for (int begin = 0; begin < waiting.count; begin += word_lanes) {
      const elementary::Real<DoubleBuilder> a{&builder, gather<Doubles>(block.first, waiting, begin)},
          b{&builder, gather<Doubles>(block.second, waiting, begin)},
          value{&builder, gather<Doubles>(block.value, waiting, begin)};
      const Doubles finished = Law::finish(words_of(builder, block, waiting, begin, 0), value, a, b).value;
      for (int k = 0; k < word_lanes && begin + k < waiting.count; ++k) block.value[waiting.index[begin + k]] = finished[k];
    }
  }

  template <class T, class Law>
  static void draw_law(uint64_t key, uint64_t first_sample, uint64_t time, int64_t element_count, int64_t lanes,
                       const void* first, const void* second, void* out) {
    Block block;
    block.key = key;
    block.time = time;
    const int64_t total = element_count * lanes;
    int64_t lane = 0;
    uint64_t element = 0;
    for (int64_t begin = 0; begin < total; begin += block_size) {
      block.count = static_cast<int>(total - begin < block_size ? total - begin : block_size);
      Waiting searched, attempted, refused, finished;
      for (int k = 0; k < block.count; ++k) {
        block.sample[k] = first_sample + static_cast<uint64_t>(lane);
        block.element[k] = element;
        if (++lane == lanes) lane = 0, ++element;
        const double a = static_cast<double>(static_cast<const T*>(first)[begin + k]);
        const double b = second == nullptr ? 0 : static_cast<double>(static_cast<const T*>(second)[begin + k]);
        block.first[k] = a;
        block.second[k] = b;
        block.value[k] = elementary::Format<DoubleBuilder>::nan;
        if (!Law::valid(a, b)) continue;
        if constexpr (Law::searches)
          if (Law::searched(a, b)) {
            searched.add(k);
            continue;
          }
        attempted.add(k);
        if constexpr (Law::finishes)
          if (Law::finished(a, b)) finished.add(k);
      }
      if constexpr (Law::searches) search<Law>(block, searched);
      for (uint64_t number = 1; attempted.count > 0 && number <= elementary::last_attempt; ++number) {
        refused.count = 0;
        attempt<Law>(block, attempted, number, refused);
        attempted = refused;
      }
      for (int k = 0; k < attempted.count; ++k) block.value[attempted.index[k]] = elementary::Format<DoubleBuilder>::nan;
      if constexpr (Law::finishes) finish<Law>(block, finished);
      for (int k = 0; k < block.count; ++k) static_cast<T*>(out)[begin + k] = Law::template rounded<T>(block.value[k]);
    }
  }

  template <class T>
  static constexpr NoiseFunctions functions() {
    return {fill<T, false>,
            fill<T, true>,
            fill_groups<T, false>,
            fill_groups<T, true>,
            draw_law<T, elementary::GammaLaw>,
            draw_law<T, elementary::PoissonLaw>,
            draw_law<T, elementary::BinomialLaw>,
            draw_law<T, elementary::VonMisesLaw>};
  }
  static constexpr NoiseKernel kernel(std::string_view name) { return {name, functions<double>(), functions<float>()}; }
};

}  // namespace

}  // namespace alea
