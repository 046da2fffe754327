// Blocks of draws with arguments: compiler/kernel/draws.h, one after another.
#include "compiler/kernel/draws.h"
#include "runtime/noise_targets.h"

namespace alea {

namespace {

template <class T, T (*draw)(const DrawAddress&, T first, T second)>
void fill(uint64_t key, uint64_t first_sample, uint64_t time, int64_t element_count, int64_t lanes, const void* first,
          const void* second, void* out) {
  for (int64_t element = 0; element < element_count; ++element)
    for (int64_t lane = 0; lane < lanes; ++lane) {
      const int64_t i = element * lanes + lane;
      const DrawAddress address{key, first_sample + static_cast<uint64_t>(lane), time, static_cast<uint64_t>(element)};
      static_cast<T*>(out)[i] =
          draw(address, static_cast<const T*>(first)[i], second == nullptr ? T{0} : static_cast<const T*>(second)[i]);
    }
}

template <class T>
T gamma(const DrawAddress& at, T shape, T) {
  return gamma_as<T>(at, shape);
}
template <class T>
T poisson(const DrawAddress& at, T rate, T) {
  return static_cast<T>(draw_poisson(at, static_cast<double>(rate)));
}
template <class T>
T binomial(const DrawAddress& at, T n, T p) {
  return static_cast<T>(draw_binomial(at, static_cast<double>(n), static_cast<double>(p)));
}
template <class T>
T von_mises(const DrawAddress& at, T concentration, T) {
  return von_mises_as<T>(at, concentration);
}

template <class T>
NoiseFunctions functions(NoiseFill uniform, NoiseFill normal) {
  return {uniform, normal, fill<T, gamma<T>>, fill<T, poisson<T>>, fill<T, binomial<T>>, fill<T, von_mises<T>>};
}

}  // namespace

NoiseFunctions noise_draws_double(NoiseFill uniform, NoiseFill normal) { return functions<double>(uniform, normal); }
NoiseFunctions noise_draws_single(NoiseFill uniform, NoiseFill normal) { return functions<float>(uniform, normal); }

}  // namespace alea
