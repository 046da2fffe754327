// One draw after another: the laws of draws_laws.h over single numbers.
#include "compiler/kernel/draws.h"

#include "compiler/kernel/draws_laws.h"

namespace alea {

namespace {

using Builder = elementary::ScalarBuilder<double>;

elementary::Words<Builder> words_of(Builder& builder, const DrawAddress& at, uint64_t attempt) {
  const PhiloxWords words = philox(philox_counter(at.sample, attempt, at.time, at.element), at.key);
  return {{{&builder, words[0]}, {&builder, words[1]}, {&builder, words[2]}, {&builder, words[3]}}};
}

template <class Law>
double draw(const DrawAddress& at, double first, double second) {
  if (!Law::valid(first, second)) return std::numeric_limits<double>::quiet_NaN();
  Builder builder;
  const elementary::Real<Builder> a{&builder, first}, b{&builder, second};
  if constexpr (Law::searches)
    if (Law::searched(first, second)) {
      auto search = Law::begin(words_of(builder, at, 0), a, b);
      while (search.more.value) Law::advance(search, a, b);
      return Law::found(search, a, b).value;
    }
  for (uint64_t attempt = 1; attempt <= elementary::last_attempt; ++attempt) {
    auto proposal = Law::attempt(words_of(builder, at, attempt), a, b);
    if (!proposal.accepted.value) continue;
    if constexpr (Law::finishes)
      if (Law::finished(first, second)) proposal.value = Law::finish(words_of(builder, at, 0), proposal.value, a, b);
    return proposal.value.value;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

double draw_gamma(const DrawAddress& at, double shape) { return draw<elementary::GammaLaw>(at, shape, 0); }
double draw_poisson(const DrawAddress& at, double rate) { return draw<elementary::PoissonLaw>(at, rate, 0); }
double draw_binomial(const DrawAddress& at, double n, double p) { return draw<elementary::BinomialLaw>(at, n, p); }
double draw_von_mises(const DrawAddress& at, double concentration) { return draw<elementary::VonMisesLaw>(at, concentration, 0); }

template <>
double gamma_as<double>(const DrawAddress& at, double shape) {
  return draw_gamma(at, shape);
}
template <>
float gamma_as<float>(const DrawAddress& at, float shape) {
  return elementary::GammaLaw::rounded<float>(draw_gamma(at, shape));
}
template <>
double von_mises_as<double>(const DrawAddress& at, double concentration) {
  return draw_von_mises(at, concentration);
}
template <>
float von_mises_as<float>(const DrawAddress& at, float concentration) {
  return elementary::VonMisesLaw::rounded<float>(draw_von_mises(at, concentration));
}

}  // namespace alea
