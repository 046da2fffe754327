// The logarithm by a table of 16 (f32: 32) middles of the significand's range, over a builder (elementary_builder.h): without a
// division, and in fewer steps than log. In: normal positive x. Out: log x to 2^-52 absolute (f32: 2^-23), and relative next to
// 1; but to a few more ULP than log where log x is small and x is not next to 1: good for noise. Coefficients come from Sollya's
// fpminimax on |r| ≤ 1/32 (1/64).
#pragma once
#include "compiler/kernel/elementary_builder.h"

namespace alea::elementary {

// 1/c and log c, c the middle of part k of [1 - 1/64, 2 - 1/32) (f32: [1 - 1/128, 2 - 1/64)); 1 and 0 for the part around 1.
alignas(64) inline constexpr double log_inverses_double[16] = {0x1p+0,
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
alignas(64) inline constexpr double log_middles_double[16] = {0x0p+0,
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
alignas(64) inline constexpr float log_inverses_single[32] = {
    0x1p+0f,        0x1.f07c2p-1f,  0x1.e1e1e2p-1f, 0x1.d41d42p-1f, 0x1.c71c72p-1f, 0x1.bacf92p-1f, 0x1.af286cp-1f,
    0x1.a41a42p-1f, 0x1.99999ap-1f, 0x1.8f9c18p-1f, 0x1.861862p-1f, 0x1.7d05f4p-1f, 0x1.745d18p-1f, 0x1.6c16c2p-1f,
    0x1.642c86p-1f, 0x1.5c9882p-1f, 0x1.555556p-1f, 0x1.4e5e0ap-1f, 0x1.47ae14p-1f, 0x1.414142p-1f, 0x1.3b13b2p-1f,
    0x1.3521dp-1f,  0x1.2f684cp-1f, 0x1.29e412p-1f, 0x1.24924ap-1f, 0x1.1f7048p-1f, 0x1.1a7b96p-1f, 0x1.15b1e6p-1f,
    0x1.111112p-1f, 0x1.0c9714p-1f, 0x1.08421p-1f,  0x1.041042p-1f};
alignas(64) inline constexpr float log_middles_single[32] = {
    0x0p+0f,        0x1.f8299p-6f,  0x1.f0a30ap-5f, 0x1.6f0d28p-4f, 0x1.e27074p-4f, 0x1.29552cp-3f, 0x1.5ff306p-3f,
    0x1.9525a8p-3f, 0x1.c8ff7ap-3f, 0x1.fb918cp-3f, 0x1.1675cap-2f, 0x1.2e8e2cp-2f, 0x1.4618bap-2f, 0x1.5d1bdap-2f,
    0x1.739d7ep-2f, 0x1.89a33ap-2f, 0x1.9f323cp-2f, 0x1.b44f7ap-2f, 0x1.c8ff7ep-2f, 0x1.dd469ep-2f, 0x1.f128f4p-2f,
    0x1.02552ap-1f, 0x1.0be72ep-1f, 0x1.154c3ep-1f, 0x1.1e85f4p-1f, 0x1.2795ep-1f,  0x1.307d74p-1f, 0x1.393e0ep-1f,
    0x1.41d8fcp-1f, 0x1.4a4f88p-1f, 0x1.52a2d4p-1f, 0x1.5ad402p-1f};

// x = 2^e c (1 + r): log x = e ln 2 + log c + log(1 + r)
template <class B>
Real<B> log_by_table(Real<B> x) {
  using F = Format<B>;
  constexpr int index_bits = is_double<B> ? 4 : 5;
  constexpr uint64_t half_part = uint64_t{1} << (F::mantissa_bits - index_bits - 1);
  constexpr uint64_t significand = (uint64_t{1} << F::mantissa_bits) - 1;
  const auto look_up = [&](const auto& doubles, const auto& singles, Whole<B> index) -> Real<B> {
    if constexpr (is_double<B>) return {x.builder, x.builder->look_up(doubles, index.value)};
    else return {x.builder, x.builder->look_up(singles, index.value)};
  };
  const Whole<B> shifted = bits(x) + half_part;
  const Whole<B> index = shifted >> (F::mantissa_bits - index_bits);
  const Real<B> near_one = value(bits(x) - (shifted & ~significand) + F::bits_of(1.0));
  const Real<B> e = to_real(shifted >> F::mantissa_bits, -F::bias);
  const Real<B> r = fma(near_one, look_up(log_inverses_double, log_inverses_single, index), -1.0);
  Real<B> tail = r;
  if constexpr (is_double<B>)
    tail = polynomial(r, -0x1.ffffffffffff3p-2, 0x1.55555555554f8p-2, -0x1.0000000066edep-2, 0x1.9999999b9ac0ap-3,
                      -0x1.555545496c7f8p-3, 0x1.2492305e2f0e3p-3, -0x1.0066915a0ef5cp-3, 0x1.c805804fdec58p-4);
  else tail = polynomial(r, -0x1p-1, 0x1.555efp-2, -0x1.0009c8p-2);
  const Real<B> base = fma(e, 0x1.62e42fefa39efp-1, look_up(log_middles_double, log_middles_single, index));
  return base + fma(r * r, tail, r);
}

}  // namespace alea::elementary
