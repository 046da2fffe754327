// The language that elementary functions are written in, so that each is written once and has the same bits
// in the interpreter (one number), in the noise kernels (GCC vectors) and in native code (LLVM values).
//
// A builder B offers, besides the types
//   Real        double or float: the arithmetic. Every operation rounds to it once, to nearest even.
//   Value       lanes of Real
//   Whole       lanes of unsigned integers of the same width
//   Mask        lanes of truth
// these members and nothing more:
//   Value constant(double)                rounded to Real
//   Value add sub mul div(Value, Value)   Value fma(Value a, Value b, Value c): a b + c, rounded once
//   Value neg abs sqrt floor round_even(Value)
//   Mask less less_equal equal(Value, Value)        false where an operand is NaN
//   Value select(Mask, Value then, Value otherwise)
//   Mask mask_and mask_or(Mask, Mask)     Mask mask_not(Mask)
//   Whole bits(Value)                     Value value(Whole): the same bits
//   Whole whole_constant(uint64_t)        Whole whole_add whole_sub whole_and whole_or whole_xor(Whole, Whole)
//   Whole whole_shift_left whole_shift_right(Whole, int count)    logical
//   Mask whole_nonzero(Whole)             Value number(Whole)     the whole number, rounded
//   Value scale(Value x, Value k)         x 2^⌊k⌋ rounded once; NaN where k is; by one instruction, and then for any k, where
//                                         `limits`, else scale_by_halves, for |k| ≤ 2 bias
//   bool limits()                         whether there are instructions for `scale` and for
//   Value limit(Value x, double bound)    x where |x| ≤ bound, else some number in -bound … bound; never NaN; needs `limits`
//   bool split(Value x, Value& m, Value& e)  x = 2^e m, m in [¾, 3/2), as split_any (elementary_table.h), by instructions
//                                         for it; false: there are none
//   Value look_up(const Real (&table)[n], Whole)  the element at the index mod n; n is 16 for double, 32 for float
//   void large(Large, Whole count, uint64_t least, Value x, Value& first, Value& second)
//                                         first and second stay, but become what large_values (elementary_large.h) gives for x
//                                         where count ≥ least, a power of two. Almost never is it in any lane.
//   Value exp_or(Value usual, Whole count, uint64_t least, Value x)
//                                         usual, or exp_of_any(x) (elementary_table.h) where count ≥ least, a power of two, in
//                                         some lane; where it is not, the two are the same to the bit. Seldom is it in any.
// Functions never branch on a value; they compute all cases and select.
#pragma once
#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace alea::elementary {

// Functions of arguments so large that their reduction needs hundreds of digits of pi.
enum class Large : uint8_t { sin_and_cos, wrap };

template <class B>
inline constexpr bool is_double = std::is_same_v<typename B::Real, double>;

// Bit layout of Real.
template <class B>
struct Format {
  using Real = typename B::Real;
  static constexpr int mantissa_bits = is_double<B> ? 52 : 23;
  static constexpr int width = is_double<B> ? 64 : 32;
  static constexpr int bias = is_double<B> ? 1023 : 127;
  static constexpr double max = std::numeric_limits<Real>::max();
  static constexpr double min_normal = std::numeric_limits<Real>::min();
  static constexpr double infinity = std::numeric_limits<double>::infinity();
  static constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  static constexpr double unit = is_double<B> ? 0x1p52 : 0x1p23;  // integers below it are exact
  // Adding it rounds to an integer, which is then in the low bits.
  static constexpr double rounder = 1.5 * unit;
  static constexpr uint64_t bits_of(double x) {
    if constexpr (is_double<B>) return std::bit_cast<uint64_t>(x);
    else return std::bit_cast<uint32_t>(static_cast<float>(x));
  }
};

template <class B>
struct Real {
  B* builder;
  typename B::Value value;
};
// high + low, where low is no more than a few units in the last place of high.
template <class B>
struct Pair {
  Real<B> high, low;
};
template <class B>
struct Whole {
  B* builder;
  typename B::Whole value;
};
template <class B>
struct Mask {
  B* builder;
  typename B::Mask value;
};

// A constant beside a value.
template <class B>
typename B::Value lift(const Real<B>& like, double x) {
  return like.builder->constant(x);
}
template <class B>
typename B::Value lift(const Real<B>&, const Real<B>& x) {
  return x.value;
}
template <class B>
Real<B> constant_like(const Real<B>& like, double x) {
  return {like.builder, like.builder->constant(x)};
}

#define ALEA_BINARY(symbol, member)                                         \
  template <class B>                                                        \
  Real<B> operator symbol(Real<B> a, Real<B> b) {                           \
    return {a.builder, a.builder->member(a.value, b.value)};                \
  }                                                                         \
  template <class B>                                                        \
  Real<B> operator symbol(Real<B> a, double b) {                            \
    return {a.builder, a.builder->member(a.value, a.builder->constant(b))}; \
  }                                                                         \
  template <class B>                                                        \
  Real<B> operator symbol(double a, Real<B> b) {                            \
    return {b.builder, b.builder->member(b.builder->constant(a), b.value)}; \
  }
ALEA_BINARY(+, add)
ALEA_BINARY(-, sub)
ALEA_BINARY(*, mul)
ALEA_BINARY(/, div)
#undef ALEA_BINARY

#define ALEA_COMPARISON(symbol, member)                                     \
  template <class B>                                                        \
  Mask<B> operator symbol(Real<B> a, Real<B> b) {                           \
    return {a.builder, a.builder->member(a.value, b.value)};                \
  }                                                                         \
  template <class B>                                                        \
  Mask<B> operator symbol(Real<B> a, double b) {                            \
    return {a.builder, a.builder->member(a.value, a.builder->constant(b))}; \
  }                                                                         \
  template <class B>                                                        \
  Mask<B> operator symbol(double a, Real<B> b) {                            \
    return {b.builder, b.builder->member(b.builder->constant(a), b.value)}; \
  }
ALEA_COMPARISON(<, less)
ALEA_COMPARISON(<=, less_equal)
ALEA_COMPARISON(==, equal)
#undef ALEA_COMPARISON

template <class B>
Real<B> operator-(Real<B> a) {
  return {a.builder, a.builder->neg(a.value)};
}
template <class B, class Y, class Z>
Real<B> fma(Real<B> x, Y y, Z z) {
  return {x.builder, x.builder->fma(x.value, lift(x, y), lift(x, z))};
}
template <class B>
Real<B> abs(Real<B> x) {
  return {x.builder, x.builder->abs(x.value)};
}
template <class B>
Real<B> sqrt(Real<B> x) {
  return {x.builder, x.builder->sqrt(x.value)};
}
template <class B>
Real<B> limit(Real<B> x, double bound) {
  return {x.builder, x.builder->limit(x.value, bound)};
}
template <class B>
Real<B> floor(Real<B> x) {
  return {x.builder, x.builder->floor(x.value)};
}
template <class B>
Real<B> round_even(Real<B> x) {
  return {x.builder, x.builder->round_even(x.value)};
}
template <class B>
Mask<B> operator&(Mask<B> a, Mask<B> b) {
  return {a.builder, a.builder->mask_and(a.value, b.value)};
}
template <class B>
Mask<B> operator|(Mask<B> a, Mask<B> b) {
  return {a.builder, a.builder->mask_or(a.value, b.value)};
}
template <class B>
Mask<B> operator!(Mask<B> a) {
  return {a.builder, a.builder->mask_not(a.value)};
}
template <class B>
Real<B> select(Mask<B> mask, Real<B> a, Real<B> b) {
  return {mask.builder, mask.builder->select(mask.value, a.value, b.value)};
}
template <class B>
Real<B> select(Mask<B> mask, Real<B> a, double b) {
  return {mask.builder, mask.builder->select(mask.value, a.value, mask.builder->constant(b))};
}
template <class B>
Real<B> select(Mask<B> mask, double a, Real<B> b) {
  return {mask.builder, mask.builder->select(mask.value, mask.builder->constant(a), b.value)};
}
template <class B>
Real<B> select(Mask<B> mask, double a, double b) {
  return {mask.builder, mask.builder->select(mask.value, mask.builder->constant(a), mask.builder->constant(b))};
}

template <class B>
Whole<B> bits(Real<B> x) {
  return {x.builder, x.builder->bits(x.value)};
}
template <class B>
Real<B> value(Whole<B> x) {
  return {x.builder, x.builder->value(x.value)};
}
#define ALEA_WHOLE(symbol, member)                                                \
  template <class B>                                                              \
  Whole<B> operator symbol(Whole<B> a, Whole<B> b) {                              \
    return {a.builder, a.builder->member(a.value, b.value)};                      \
  }                                                                               \
  template <class B>                                                              \
  Whole<B> operator symbol(Whole<B> a, uint64_t b) {                              \
    return {a.builder, a.builder->member(a.value, a.builder->whole_constant(b))}; \
  }
ALEA_WHOLE(+, whole_add)
ALEA_WHOLE(-, whole_sub)
ALEA_WHOLE(&, whole_and)
ALEA_WHOLE(|, whole_or)
ALEA_WHOLE(^, whole_xor)
#undef ALEA_WHOLE
template <class B>
Whole<B> operator-(uint64_t a, Whole<B> b) {
  return {b.builder, b.builder->whole_sub(b.builder->whole_constant(a), b.value)};
}
template <class B>
Whole<B> operator<<(Whole<B> a, int count) {
  return {a.builder, a.builder->whole_shift_left(a.value, count)};
}
template <class B>
Whole<B> operator>>(Whole<B> a, int count) {
  return {a.builder, a.builder->whole_shift_right(a.value, count)};
}
template <class B>
Mask<B> nonzero(Whole<B> a) {
  return {a.builder, a.builder->whole_nonzero(a.value)};
}

// Three operations on bits that a builder may have instructions for.
// a, which has none of the bits of `mask`, with those of b.
template <class B>
Whole<B> with_bits(Whole<B> a, Whole<B> b, uint64_t mask) {
  if constexpr (requires { b.builder->with_bits(a.value, b.value, mask); })
    return {b.builder, b.builder->with_bits(a.value, b.value, mask)};
  else return (b & mask) | a;
}
// a with the bits of `mask` turned that b has.
template <class B>
Whole<B> with_bits_turned(Whole<B> a, Whole<B> b, uint64_t mask) {
  if constexpr (requires { b.builder->with_bits_turned(a.value, b.value, mask); })
    return {b.builder, b.builder->with_bits_turned(a.value, b.value, mask)};
  else return a ^ (b & mask);
}
// x and y change places where `bits` has the bit.
template <class B>
void exchange(Real<B>& x, Real<B>& y, Whole<B> bits, uint64_t bit) {
  if constexpr (requires { bits.builder->exchange(x.value, y.value, bits.value, bit); }) {
    bits.builder->exchange(x.value, y.value, bits.value, bit);
  } else {
    const Mask<B> exchanged = nonzero(bits & bit);
    const Real<B> first = select(exchanged, y, x);
    y = select(exchanged, x, y);
    x = first;
  }
}

template <class B>
Real<B> number(Whole<B> a) {
  return {a.builder, a.builder->number(a.value)};
}

// c0 + x (c1 + x (c2 + …))
template <class B>
Real<B> polynomial(Real<B> x, double c0) {
  return constant_like(x, c0);
}
template <class B>
Real<B> polynomial(Real<B> x, double c0, double c1) {
  return fma(x, c1, c0);
}
template <class B, class... Rest>
Real<B> polynomial(Real<B> x, double c0, double c1, double c2, Rest... rest) {
  return fma(polynomial(x, c1, c2, rest...), x, c0);
}

// The integer k, 0 ≤ k < 2^mantissa_bits, as a number, plus `offset` (an integer).
template <class B>
Real<B> to_real(Whole<B> k, double offset) {
  using F = Format<B>;
  return value(k | F::bits_of(F::unit)) - (F::unit - offset);
}

// |x| with the sign of `sign`.
template <class B>
Real<B> copy_sign(Real<B> x, Real<B> sign) {
  const uint64_t top = uint64_t{1} << (Format<B>::width - 1);
  return value((bits(x) & (top - 1)) | (bits(sign) & top));
}

// The sign bit: true for -0 as well.
template <class B>
Mask<B> bits_negative(Real<B> x) {
  return nonzero(bits(x) >> (Format<B>::width - 1));
}

}  // namespace alea::elementary
