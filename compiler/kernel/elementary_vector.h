// The builder of `lanes` numbers side by side in a GCC vector (see elementary_builder.h). Internal to each file that
// includes it, because files are compiled for different processors: nothing of it may be shared by the linker.
#pragma once
#if defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
#endif

#include <cmath>
#include <cstddef>
#include <type_traits>

#include "compiler/kernel/elementary_exp.h"
#include "compiler/kernel/elementary_large.h"

namespace alea::elementary {

namespace {

// The operations that GCC's vectors lack: by an instruction for the whole vector where the processor compiled for has
// one, else one lane after another.
#if defined(__AVX512DQ__)
#define ALEA_NATIVE_512(type, count, expression) \
  if constexpr (std::is_same_v<T, type> && lanes == count) return (Value)(expression);
#else
#define ALEA_NATIVE_512(type, count, expression)
#endif
#if defined(__AVX2__) && defined(__FMA__)
#define ALEA_NATIVE_256(type, count, expression) \
  if constexpr (std::is_same_v<T, type> && lanes == count) return (Value)(expression);
#else
#define ALEA_NATIVE_256(type, count, expression)
#endif

template <class T, int lanes>
struct VectorBuilder {
  using Real = T;
  using Word = std::conditional_t<std::is_same_v<T, double>, uint64_t, uint32_t>;
  using SignedWord = std::conditional_t<std::is_same_v<T, double>, int64_t, int32_t>;
  using Value [[gnu::vector_size(sizeof(T) * lanes)]] = T;
  using Whole [[gnu::vector_size(sizeof(T) * lanes)]] = Word;
  using Mask [[gnu::vector_size(sizeof(T) * lanes)]] = SignedWord;

  Value constant(double x) { return Value{} + static_cast<T>(x); }
  Value add(Value a, Value b) { return a + b; }
  Value sub(Value a, Value b) { return a - b; }
  Value mul(Value a, Value b) { return a * b; }
  Value div(Value a, Value b) { return a / b; }
  Value fma(Value a, Value b, Value c) {
    ALEA_NATIVE_512(double, 8, _mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c))
    ALEA_NATIVE_512(float, 16, _mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c))
    ALEA_NATIVE_256(double, 4, _mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c))
    ALEA_NATIVE_256(float, 8, _mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c))
    for (int i = 0; i < lanes; ++i) a[i] = std::fma(a[i], b[i], c[i]);
    return a;
  }
  Value neg(Value a) { return -a; }
  Value abs(Value a) { return value(bits(a) & (static_cast<Word>(~Word{0}) >> 1)); }
  Value sqrt(Value a) {
    ALEA_NATIVE_512(double, 8, _mm512_sqrt_pd((__m512d)a))
    ALEA_NATIVE_512(float, 16, _mm512_sqrt_ps((__m512)a))
    ALEA_NATIVE_256(double, 4, _mm256_sqrt_pd((__m256d)a))
    ALEA_NATIVE_256(float, 8, _mm256_sqrt_ps((__m256)a))
    for (int i = 0; i < lanes; ++i) a[i] = std::sqrt(a[i]);
    return a;
  }
  Value floor(Value a) {
    ALEA_NATIVE_512(double, 8, _mm512_roundscale_pd((__m512d)a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC))
    ALEA_NATIVE_512(float, 16, _mm512_roundscale_ps((__m512)a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC))
    ALEA_NATIVE_256(double, 4, _mm256_round_pd((__m256d)a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC))
    ALEA_NATIVE_256(float, 8, _mm256_round_ps((__m256)a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC))
    for (int i = 0; i < lanes; ++i) a[i] = std::floor(a[i]);
    return a;
  }
  Value round_even(Value a) {
    ALEA_NATIVE_512(double, 8, _mm512_roundscale_pd((__m512d)a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC))
    ALEA_NATIVE_512(float, 16, _mm512_roundscale_ps((__m512)a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC))
    ALEA_NATIVE_256(double, 4, _mm256_round_pd((__m256d)a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC))
    ALEA_NATIVE_256(float, 8, _mm256_round_ps((__m256)a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC))
    for (int i = 0; i < lanes; ++i) a[i] = std::nearbyint(a[i]);
    return a;
  }
  Mask less(Value a, Value b) { return a < b; }
  Mask less_equal(Value a, Value b) { return a <= b; }
  Mask equal(Value a, Value b) { return a == b; }
  Value select(Mask mask, Value a, Value b) { return mask ? a : b; }
  Mask mask_and(Mask a, Mask b) { return a & b; }
  Mask mask_or(Mask a, Mask b) { return a | b; }
  Mask mask_not(Mask a) { return ~a; }
  Whole bits(Value a) { return reinterpret_cast<Whole>(a); }
  Value value(Whole a) { return reinterpret_cast<Value>(a); }
  Whole whole_constant(uint64_t a) { return Whole{} + static_cast<Word>(a); }
  Whole whole_add(Whole a, Whole b) { return a + b; }
  Whole whole_sub(Whole a, Whole b) { return a - b; }
  Whole whole_and(Whole a, Whole b) { return a & b; }
  Whole whole_or(Whole a, Whole b) { return a | b; }
  Whole whole_xor(Whole a, Whole b) { return a ^ b; }
  Whole whole_shift_left(Whole a, int count) { return a << count; }
  Whole whole_shift_right(Whole a, int count) { return a >> count; }
  Mask whole_nonzero(Whole a) { return a != 0; }
  // In two instructions each, where there are such, what GCC does in more.
#if defined(__AVX512DQ__)
  template <int table>
  static Whole of_three_bits(Whole a, Whole b, uint64_t c) {
    const auto all = (__m512i)(Whole{} + static_cast<Word>(c));
    return (Whole)_mm512_ternarylogic_epi64((__m512i)a, (__m512i)b, all, table);
  }
  Whole with_bits(Whole a, Whole b, uint64_t mask)
    requires(sizeof(Value) == 64)
  {
    return of_three_bits<0xf8>(a, b, mask);
  }
  Whole with_bits_turned(Whole a, Whole b, uint64_t mask)
    requires(sizeof(Value) == 64)
  {
    return of_three_bits<0x78>(a, b, mask);
  }
  void exchange(Value& x, Value& y, Whole bits, uint64_t bit)
    requires(sizeof(Value) == 64)
  {
    const auto all = (__m512i)(Whole{} + static_cast<Word>(bit));
    const Value first = x;
    if constexpr (sizeof(T) == 8) {
      const __mmask8 mask = _mm512_test_epi64_mask((__m512i)bits, all);
      x = (Value)_mm512_mask_blend_pd(mask, (__m512d)x, (__m512d)y);
      y = (Value)_mm512_mask_blend_pd(mask, (__m512d)y, (__m512d)first);
    } else {
      const __mmask16 mask = _mm512_test_epi32_mask((__m512i)bits, all);
      x = (Value)_mm512_mask_blend_ps(mask, (__m512)x, (__m512)y);
      y = (Value)_mm512_mask_blend_ps(mask, (__m512)y, (__m512)first);
    }
  }
#endif
  Value number(Whole a) { return __builtin_convertvector(a, Value); }
  Value scale(Value x, Value k) {
    ALEA_NATIVE_512(double, 8, _mm512_scalef_pd((__m512d)x, (__m512d)k))
    ALEA_NATIVE_512(float, 16, _mm512_scalef_ps((__m512)x, (__m512)k))
    return scale_by_halves(elementary::Real<VectorBuilder>{this, x}, elementary::Real<VectorBuilder>{this, k}).value;
  }
  bool limits() {
#if defined(__AVX512DQ__)
    return sizeof(Value) == 64;
#else
    return false;
#endif
  }
  Value limit(Value x, [[maybe_unused]] double bound) {
    [[maybe_unused]] constexpr int least_magnitude = 2;
    ALEA_NATIVE_512(double, 8, _mm512_range_pd((__m512d)x, (__m512d)constant(bound), least_magnitude))
    ALEA_NATIVE_512(float, 16, _mm512_range_ps((__m512)x, (__m512)constant(bound), least_magnitude))
    return x;
  }
  bool split([[maybe_unused]] Value x, [[maybe_unused]] Value& m, [[maybe_unused]] Value& e) {
#if defined(__AVX512DQ__)
    if constexpr (std::is_same_v<T, double> && lanes == 8) {
      const __m512d part = _mm512_getmant_pd((__m512d)x, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_nan);
      m = (Value)part;
      e = (Value)_mm512_getexp_pd((__m512d)x) - (Value)_mm512_getexp_pd(part);
      return true;
    }
    if constexpr (std::is_same_v<T, float> && lanes == 16) {
      const __m512 part = _mm512_getmant_ps((__m512)x, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_nan);
      m = (Value)part;
      e = (Value)_mm512_getexp_ps((__m512)x) - (Value)_mm512_getexp_ps(part);
      return true;
    }
#endif
    return false;
  }
  template <size_t n>
  Value look_up(const T (&table)[n], Whole index) {
    ALEA_NATIVE_512(double, 8, _mm512_permutex2var_pd(_mm512_load_pd(table), (__m512i)index, _mm512_load_pd(table + n / 2)))
    ALEA_NATIVE_512(float, 16, _mm512_permutex2var_ps(_mm512_load_ps(table), (__m512i)index, _mm512_load_ps(table + n / 2)))
    ALEA_NATIVE_256(double, 4, _mm256_i64gather_pd(table, (__m256i)(index & (n - 1)), 8))
    ALEA_NATIVE_256(float, 8, _mm256_i32gather_ps(table, (__m256i)(index & (n - 1)), 4))
    Value found{};
    for (int i = 0; i < lanes; ++i) found[i] = table[index[i] % n];
    return found;
  }
  // Beyond what builders share: whether it is true in a lane.
  static bool any(Mask mask) {
#if defined(__AVX512DQ__)
    if constexpr (sizeof(Mask) == 64) return _mm512_test_epi64_mask((__m512i)mask, (__m512i)mask) != 0;
#endif
#if defined(__AVX2__)
    if constexpr (sizeof(Mask) == 32) return _mm256_testz_si256((__m256i)mask, (__m256i)mask) == 0;
#endif
    SignedWord any = 0;
    for (int i = 0; i < lanes; ++i) any |= mask[i];
    return any != 0;
  }
  Value exp_or(Value usual, Whole count, uint64_t least, Value x) {
    if (any(count >= static_cast<Word>(least))) [[unlikely]]
      return exp_of_any(elementary::Real<VectorBuilder>{this, x}).value;
    return usual;
  }
  void large(Large function, Whole count, uint64_t least, Value x, Value& first, Value& second) {
    if (any(count >= static_cast<Word>(least))) [[unlikely]]
      for (int i = 0; i < lanes; ++i)
        if (count[i] >= least) {
          const LargeValues<T> values = large_values(function, static_cast<T>(x[i]));
          first[i] = values.first;
          second[i] = values.second;
        }
  }
};

#undef ALEA_NATIVE_512
#undef ALEA_NATIVE_256

}  // namespace

}  // namespace alea::elementary
