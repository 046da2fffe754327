// Every draw reads words of its own attempts: attempt 0 for the one uniform of an inversion or of the boost of
// small shapes, attempts 1, 2, … for proposals, two uniforms each.
#include "compiler/kernel/draws.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "compiler/kernel/elementary.h"
#include "compiler/kernel/philox.h"

namespace alea {

namespace {

using elementary::apply;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double pi = 2 * elementary::half_pi_high<elementary::ScalarBuilder<double>>;
constexpr uint64_t last_attempt = 0xffff;

struct Uniforms {
  double first, second;
  bool coin;  // a bit that the first two leave out
};
Uniforms uniforms(const DrawAddress& at, uint64_t attempt) {
  const PhiloxWords words = philox(philox_counter(at.sample, attempt, at.time, at.element), at.key);
  const auto both = uniforms_of<double>(words);
  return {both[0], both[1], (words[2] & 1) != 0};
}

// log k! - its Stirling form is not needed: lgamma is exact enough.
double log_factorial(double k) { return apply(Op::lgamma, k + 1); }

// log of the gamma(shape, 1) draw for shape ≥ 1: d (1 + c z)³ with d = shape - 1/3, c = 1/√(9 d); accepted when
// log u < z²/2 + d (1 - v + log v), v = (1 + c z)³.
struct GammaDraw {
  double scale, cube;  // the draw is their product
};
GammaDraw marsaglia_tsang(const DrawAddress& at, double shape) {
  const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  for (uint64_t attempt = 1; attempt <= last_attempt; ++attempt) {
    const Uniforms u = uniforms(at, attempt);
    const double z = apply(Op::normal_quantile, u.first);
    const double root = std::fma(c, z, 1);
    if (root <= 0) continue;
    const double v = root * root * root;
    if (apply(Op::log, u.second) < 0.5 * z * z + d * (1 - v + apply(Op::log, v))) return {d, v};
  }
  return {nan, nan};
}

double poisson_by_inversion(double u, double rate) {
  double k = 0, probability = apply(Op::exp, -rate), sum = probability;
  while (u > sum && k < 1000) {
    ++k;
    probability *= rate / k;
    sum += probability;
  }
  return k;
}

// Hörmann 1993, PTRS.
double poisson_by_rejection(const DrawAddress& at, double rate) {
  const double log_rate = apply(Op::log, rate);
  const double b = 0.931 + 2.53 * std::sqrt(rate), a = -0.059 + 0.02483 * b;
  const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4), v_r = 0.9277 - 3.6224 / (b - 2);
  for (uint64_t attempt = 1; attempt <= last_attempt; ++attempt) {
    const Uniforms uniform = uniforms(at, attempt);
    const double u = uniform.first - 0.5, v = uniform.second;
    const double us = 0.5 - std::fabs(u);
    const double k = std::floor((2 * a / us + b) * u + rate + 0.43);
    if (us >= 0.07 && v <= v_r) return k;
    if (k < 0 || (us < 0.013 && v > us)) continue;
    if (apply(Op::log, v * inverse_alpha / (a / (us * us) + b)) <= k * log_rate - rate - log_factorial(k)) return k;
  }
  return nan;
}

// p ≤ ½ and n p < 10: the sum of the probabilities P_k = P_{k-1} (n - k + 1) p / (k (1 - p)).
double binomial_by_inversion(double u, double n, double p) {
  double k = 0, probability = apply(Op::exp, n * apply(Op::log1p, -p)), sum = probability;
  const double odds = p / (1 - p);
  while (u > sum && k < n) {
    ++k;
    probability *= odds * (n - k + 1) / k;
    sum += probability;
    if (probability == 0) break;
  }
  return k;
}

// Hörmann 1993, BTRS, p ≤ ½ and n p ≥ 10.
double binomial_by_rejection(const DrawAddress& at, double n, double p) {
  const double deviation = std::sqrt(n * p * (1 - p));
  const double b = 1.15 + 2.53 * deviation, a = -0.0873 + 0.0248 * b + 0.01 * p, c = n * p + 0.5;
  const double alpha = (2.83 + 5.1 / b) * deviation, v_r = 0.92 - 4.2 / b;
  const double mode = std::floor((n + 1) * p), log_odds = apply(Op::log, p / (1 - p));
  const double h = log_factorial(mode) + log_factorial(n - mode);
  for (uint64_t attempt = 1; attempt <= last_attempt; ++attempt) {
    const Uniforms uniform = uniforms(at, attempt);
    const double u = uniform.first - 0.5, v = uniform.second;
    const double us = 0.5 - std::fabs(u);
    const double k = std::floor((2 * a / us + b) * u + c);
    if (k < 0 || k > n) continue;
    if (us >= 0.07 && v <= v_r) return k;
    if (apply(Op::log, v * alpha / (a / (us * us) + b)) <= h - log_factorial(k) - log_factorial(n - k) + (k - mode) * log_odds)
      return k;
  }
  return nan;
}

}  // namespace

// For shape < 1: gamma(shape + 1) u^(1/shape), in logarithms; what underflows is the smallest normal number.
double draw_gamma(const DrawAddress& at, double shape) {
  if (!(shape > 0) || std::isinf(shape)) return nan;
  const GammaDraw draw = marsaglia_tsang(at, shape < 1 ? shape + 1 : shape);
  double value = draw.scale * draw.cube;
  if (shape < 1) value = apply(Op::exp, apply(Op::log, value) + apply(Op::log, uniforms(at, 0).first) / shape);
  return apply(Op::max, value, std::numeric_limits<double>::min());
}

double draw_poisson(const DrawAddress& at, double rate) {
  if (!(rate >= 0) || std::isinf(rate)) return nan;
  return rate < 10 ? poisson_by_inversion(uniforms(at, 0).first, rate) : poisson_by_rejection(at, rate);
}

double draw_binomial(const DrawAddress& at, double n, double p) {
  if (!(n >= 0) || std::isinf(n) || n != std::floor(n) || !(p >= 0 && p <= 1)) return nan;
  const double smaller = std::min(p, 1 - p);
  const double k =
      n * smaller < 10 ? binomial_by_inversion(uniforms(at, 0).first, n, smaller) : binomial_by_rejection(at, n, smaller);
  return p <= 0.5 ? k : n - k;
}

// Best and Fisher: a wrapped Cauchy envelope. Its parameter loses its digits at small concentrations, where a
// uniform envelope does as well, and at large ones, where the draw is normal: asin of a rejected-once normal is
// not needed, the law differs from normal(0, 1/√κ) by less than 1/(8 κ).
double draw_von_mises(const DrawAddress& at, double concentration) {
  if (!(concentration >= 0) || std::isinf(concentration)) return nan;
  if (concentration > 1e7) return apply(Op::normal_quantile, uniforms(at, 0).first) / std::sqrt(concentration);
  const double tau = 1 + std::sqrt(1 + 4 * concentration * concentration);
  const double rho = (tau - std::sqrt(2 * tau)) / (2 * concentration);
  const double r = (1 + rho * rho) / (2 * rho);
  for (uint64_t attempt = 1; attempt <= last_attempt; ++attempt) {
    const Uniforms u = uniforms(at, attempt);
    if (concentration < 0.1) {
      const double x = pi * (2 * u.first - 1);
      if (apply(Op::log, u.second) < concentration * (apply(Op::cos, x) - 1)) return x;
      continue;
    }
    const double z = apply(Op::cos, pi * u.first);
    const double f = (1 + r * z) / (r + z);
    const double c = concentration * (r - f);
    if (c * (2 - c) > u.second || apply(Op::log, c / u.second) + 1 >= c) {
      const double x = apply(Op::acos, std::clamp(f, -1.0, 1.0));
      return u.coin || x >= pi ? -x : x;
    }
  }
  return nan;
}

template <>
double gamma_as<double>(const DrawAddress& at, double shape) {
  return draw_gamma(at, shape);
}
template <>
float gamma_as<float>(const DrawAddress& at, float shape) {
  return apply(Op::max, static_cast<float>(draw_gamma(at, shape)), std::numeric_limits<float>::min());
}
template <>
double von_mises_as<double>(const DrawAddress& at, double concentration) {
  return draw_von_mises(at, concentration);
}
// The single-precision pi is beyond pi: it counts as -pi.
template <>
float von_mises_as<float>(const DrawAddress& at, float concentration) {
  constexpr float single_pi = static_cast<float>(pi);
  const auto x = static_cast<float>(draw_von_mises(at, concentration));
  return x >= single_pi ? -single_pi : x;
}

}  // namespace alea
