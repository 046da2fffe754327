// The builder of `lanes` numbers side by side in a GCC vector (see elementary_builder.h). Internal to each file that
// includes it, because files are compiled for different processors: nothing of it may be shared by the linker.
#pragma once
#include <cmath>
#include <type_traits>

#include "compiler/kernel/elementary_builder.h"
#include "compiler/kernel/elementary_large.h"

namespace alea::elementary {

namespace {

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
    Value result;
    for (int i = 0; i < lanes; ++i) result[i] = std::fma(a[i], b[i], c[i]);
    return result;
  }
  Value neg(Value a) { return -a; }
  Value abs(Value a) { return value(bits(a) & (static_cast<Word>(~Word{0}) >> 1)); }
  Value sqrt(Value a) {
    Value result;
    for (int i = 0; i < lanes; ++i) result[i] = std::sqrt(a[i]);
    return result;
  }
  Value floor(Value a) {
    Value result;
    for (int i = 0; i < lanes; ++i) result[i] = std::floor(a[i]);
    return result;
  }
  Value round_even(Value a) {
    Value result;
    for (int i = 0; i < lanes; ++i) result[i] = std::nearbyint(a[i]);
    return result;
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
  Value rare(Rare function, Mask where, Value x, Value usual) {
    SignedWord any = 0;
    for (int i = 0; i < lanes; ++i) any |= where[i];
    if (any != 0) [[unlikely]]
      for (int i = 0; i < lanes; ++i)
        if (where[i] != 0) usual[i] = rare_value(function, static_cast<T>(x[i]));
    return usual;
  }
};

}  // namespace

}  // namespace alea::elementary
