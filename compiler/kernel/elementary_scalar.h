// The builder of one number (see elementary_builder.h): the interpreter's and constant folding's arithmetic.
#pragma once
#include <bit>
#include <cmath>
#include <cstddef>

#include "compiler/kernel/elementary_exp.h"
#include "compiler/kernel/elementary_large.h"

namespace alea::elementary {

template <class T>
struct ScalarBuilder {
  using Real = T;
  using Value = T;
  using Whole = std::conditional_t<std::is_same_v<T, double>, uint64_t, uint32_t>;
  using Mask = bool;

  T constant(double x) { return static_cast<T>(x); }
  T add(T a, T b) { return a + b; }
  T sub(T a, T b) { return a - b; }
  T mul(T a, T b) { return a * b; }
  T div(T a, T b) { return a / b; }
  T fma(T a, T b, T c) { return std::fma(a, b, c); }
  T neg(T a) { return -a; }
  T abs(T a) { return std::fabs(a); }
  T sqrt(T a) { return std::sqrt(a); }
  T floor(T a) { return std::floor(a); }
  T round_even(T a) { return std::nearbyint(a); }
  bool less(T a, T b) { return a < b; }
  bool less_equal(T a, T b) { return a <= b; }
  bool equal(T a, T b) { return a == b; }
  T select(bool mask, T a, T b) { return mask ? a : b; }
  bool mask_and(bool a, bool b) { return a && b; }
  bool mask_or(bool a, bool b) { return a || b; }
  bool mask_not(bool a) { return !a; }
  Whole bits(T a) { return std::bit_cast<Whole>(a); }
  T value(Whole a) { return std::bit_cast<T>(a); }
  Whole whole_constant(uint64_t a) { return static_cast<Whole>(a); }
  Whole whole_add(Whole a, Whole b) { return a + b; }
  Whole whole_sub(Whole a, Whole b) { return a - b; }
  Whole whole_and(Whole a, Whole b) { return a & b; }
  Whole whole_or(Whole a, Whole b) { return a | b; }
  Whole whole_xor(Whole a, Whole b) { return a ^ b; }
  Whole whole_shift_left(Whole a, int count) { return a << count; }
  Whole whole_shift_right(Whole a, int count) { return a >> count; }
  bool whole_nonzero(Whole a) { return a != 0; }
  T number(Whole a) { return static_cast<T>(a); }
  T scale(T x, T k) {
    return scale_by_halves(elementary::Real<ScalarBuilder>{this, x}, elementary::Real<ScalarBuilder>{this, k}).value;
  }
  bool limits() { return false; }
  T limit(T x, double) { return x; }
  bool split(T, T&, T&) { return false; }
  template <size_t n>
  T look_up(const T (&table)[n], Whole index) {
    return table[index % n];
  }
  T exp_or(T usual, Whole count, uint64_t least, T x) {
    return count < least ? usual : exp_of_any(elementary::Real<ScalarBuilder>{this, x}).value;
  }
  void large(Large function, Whole count, uint64_t least, T x, T& first, T& second) {
    if (count < least) return;
    const LargeValues<T> values = large_values(function, x);
    first = values.first;
    second = values.second;
  }
};

}  // namespace alea::elementary
