// Elementwise operations on numbers with the functions of the C library.
#include "compiler/graph/elementary_value.h"

#include <cmath>
#include <limits>
#include <numbers>

#include "dsl/diagnostic.h"

namespace alea {

namespace {

constexpr double pi = std::numbers::pi;

double sigmoid(double x) { return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x)); }
double softplus(double x) { return std::fmax(x, 0) + std::log1p(std::exp(-std::fabs(x))); }

double digamma(double x) {
  if (x <= 0 && std::floor(x) == x) return std::nan("");
  if (x < 0) return digamma(1 - x) - pi / std::tan(pi * x);
  double shift = 0;
  for (; x < 12; x += 1) shift -= 1 / x;
  const double r = 1 / (x * x);
  return shift + std::log(x) - 0.5 / x - r * (1.0 / 12 - r * (1.0 / 120 - r * (1.0 / 252 - r * (1.0 / 240 - r / 132))));
}

double trigamma(double x) {
  if (x <= 0 && std::floor(x) == x) return std::numeric_limits<double>::infinity();
  if (x < 0) return pi * pi / (std::sin(pi * x) * std::sin(pi * x)) - trigamma(1 - x);
  double shift = 0;
  for (; x < 12; x += 1) shift += 1 / (x * x);
  const double r = 1 / (x * x);
  return shift + 1 / x + r / 2 + r / x * (1.0 / 6 - r * (1.0 / 30 - r * (1.0 / 42 - r * (1.0 / 30 - r * 5 / 66))));
}

double log_normal_cdf(double x) {
  if (x > -20) return std::log(0.5 * std::erfc(-x / std::numbers::sqrt2));
  const double r = 1 / (x * x);
  return -0.5 * x * x - std::log(-x) - 0.5 * std::log(2 * pi) + std::log1p(-r * (1 - 3 * r * (1 - 5 * r * (1 - 7 * r))));
}

// Newton on log Φ from a bracket.
double normal_quantile(double p) {
  if (!(p > 0 && p < 1)) return p == 0 ? -INFINITY : p == 1 ? INFINITY : std::nan("");
  if (p > 0.5) return -normal_quantile(1 - p);
  double x = p > 0.1 ? 0.0 : -std::sqrt(-2 * std::log(p));
  for (int i = 0; i < 60; ++i) {
    const double value = log_normal_cdf(x);
    const double slope = std::exp(-0.5 * x * x - 0.5 * std::log(2 * pi) - value);
    const double next = x - (value - std::log(p)) / slope;
    if (next == x) break;
    x = next;
  }
  return x;
}

double wrap(double x) {
  const double r = x - 2 * pi * std::floor((x + pi) / (2 * pi));
  return r >= pi ? r - 2 * pi : r < -pi ? -pi : r;
}

}  // namespace

double elementary_value(Op op, std::span<const double> x) {
  const double a = x[0], b = x.size() > 1 ? x[1] : 0;
  switch (op) {
    case Op::negate: return -a;
    case Op::abs: return std::fabs(a);
    case Op::sign: return a > 0 ? 1 : a < 0 ? -1 : a;
    case Op::floor: return std::floor(a);
    case Op::ceil: return std::ceil(a);
    case Op::round: return std::nearbyint(a);
    case Op::truncate: return std::trunc(a);
    case Op::convert: return a;
    case Op::sqrt: return std::sqrt(a);
    case Op::exp: return std::exp(a);
    case Op::expm1: return std::expm1(a);
    case Op::log: return std::log(a);
    case Op::log1p: return std::log1p(a);
    case Op::sin: return std::sin(a);
    case Op::cos: return std::cos(a);
    case Op::tan: return std::tan(a);
    case Op::asin: return std::asin(a);
    case Op::acos: return std::acos(a);
    case Op::atan: return std::atan(a);
    case Op::sinh: return std::sinh(a);
    case Op::cosh: return std::cosh(a);
    case Op::tanh: return std::tanh(a);
    case Op::sigmoid: return sigmoid(a);
    case Op::softplus: return softplus(a);
    case Op::erf: return std::erf(a);
    case Op::erfc: return std::erfc(a);
    case Op::lgamma: return std::lgamma(a);
    case Op::digamma: return digamma(a);
    case Op::trigamma: return trigamma(a);
    case Op::normal_quantile: return normal_quantile(a);
    case Op::log_normal_cdf: return log_normal_cdf(a);
    case Op::wrap: return wrap(a);
    case Op::logical_not: return a == 0;
    case Op::add: return a + b;
    case Op::sub: return a - b;
    case Op::mul: return a * b;
    case Op::div: return a / b;
    case Op::pow: return std::pow(a, b);
    case Op::atan2: return std::atan2(a, b);
    case Op::max: return std::isnan(a) || a >= b ? a : b;
    case Op::min: return std::isnan(a) || a <= b ? a : b;
    case Op::floor_divide: return std::floor(a / b);
    case Op::modulo: return a - b * std::floor(a / b);
    case Op::less: return a < b;
    case Op::less_equal: return a <= b;
    case Op::equal: return a == b;
    case Op::not_equal: return a != b;
    case Op::logical_and: return a != 0 && b != 0;
    case Op::logical_or: return a != 0 || b != 0;
    case Op::select: return a != 0 ? b : x[2];
    default: internal_error(std::string("`") + std::string(text(op)) + "` is not folded");
  }
}

}  // namespace alea
