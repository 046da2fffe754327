// Log densities, entropies and divergences of the language against references of 50 digits, natively in both
// precisions: densities at what the law draws and at some values far out, entropies and divergences against integrals
// and sums of the references' own densities.
#include <fmt/format.h>

#include <boost/math/quadrature/tanh_sinh.hpp>
#include <boost/math/special_functions.hpp>
#include <cmath>

#include "distributions_references.h"

using namespace alea;
using namespace alea::test;

namespace {

std::string inputs_text(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += fmt::format("  input {}: real\n", name);
  return text;
}
// binomial's n is an integer.
std::string arguments_text(const Reference& law, const std::string& suffix = "") {
  std::string text;
  for (const std::string& formal : law.formals)
    text += (text.empty() ? "" : ", ") + (formal == "n" ? fmt::format("int(n{})", suffix) : formal + suffix);
  return text;
}
std::vector<std::vector<double>> columns(const std::vector<double>& point) {
  std::vector<std::vector<double>> result;
  for (const double value : point) result.push_back({value});
  return result;
}

template <class T>
void check_density(const Reference& law) {
  constexpr bool single = std::is_same_v<T, float>;
  NativeModel draws(
      fmt::format("graph g {{\n{}  drawn ~ {}({})\n  cost drawn\n}}\n", inputs_text(law.formals), law.name, arguments_text(law)),
      single);
  const std::string value = law.name == "bernoulli" ? "x > 0" : law.discrete ? "int(x)" : "x";
  NativeModel densities(fmt::format("graph g {{\n{}  input x: real\n  cost {}.logpdf({}, {})\n}}\n", inputs_text(law.formals),
                                    law.name, value, arguments_text(law)),
                        single);
  for (std::vector<double> point : law.points) {
    // In single precision such laws are narrower than what separates two numbers.
    if (single && std::ranges::any_of(point, [](double x) { return x > 1e5 && std::isfinite(x); })) continue;
    WidePoint wide;
    for (double& argument : point) {
      argument = static_cast<T>(argument);
      wide.emplace_back(argument);
    }
    auto inputs = columns(point);
    std::vector<double> xs = draws.objectives({}, inputs, 60);
    for (const double x : law.further)
      if (x >= law.low(point) && x <= law.high(point) && (!single || (std::fabs(x) < 1e15 && (x == 0 || std::fabs(x) > 1e-30))))
        xs.push_back(static_cast<T>(x));
    inputs.push_back(xs);
    const std::vector<double> values = densities.objectives({}, inputs, static_cast<int64_t>(xs.size()));
    for (size_t k = 0; k < xs.size(); ++k) {
      const double truth = static_cast<double>(law.log_density(wide, Wide(xs[k])));
      INFO(fmt::format("{} ({}) at {} {}: {} for {}", law.name, fmt::join(point, ", "), xs[k], single ? "f32" : "f64", values[k],
                       truth));
      CHECK(std::fabs(values[k] - truth) <= (single ? 5e-5 : 1e-12) * std::max(1.0, std::fabs(truth)));
    }
  }
}

// Points whose densities have no pole and little mass beyond what an integral sees.
bool gentle(const std::vector<double>& point) {
  return std::ranges::all_of(point, [](double x) { return std::fabs(x) < 45 && (x == 0 || std::fabs(x) > 0.2); });
}

// ∫ p f or Σ p f for a function of the value and its log density. Over the whole line both may have a kink at the
// first argument and at `other`.
template <class Function>
double expectation(const Reference& law, const std::vector<double>& point, Function f, double other) {
  const WidePoint wide(point.begin(), point.end());
  if (law.discrete) {
    Wide sum = 0, mass = 0;
    const double high = std::min(law.high(point), 1e5);
    for (int64_t k = 0; static_cast<double>(k) <= high && mass < 1 - Wide(1e-25); ++k) {
      const Wide log_density = law.log_density(wide, Wide(k));
      mass += exp(log_density);
      sum += exp(log_density) * f(Wide(k), log_density);
    }
    return static_cast<double>(sum);
  }
  boost::math::quadrature::tanh_sinh<Wide> rule(9);
  const double low = law.low(point), high = law.high(point);
  const auto integrand = [&](const Wide& x) {
    const Wide log_density = law.log_density(wide, x);
    if (log_density < -1000) return Wide(0);
    return Wide(exp(log_density) * f(x, log_density));
  };
  // An infinite end by x = end ± t/(1 - t), both by halves from 0.
  const auto half = [&](double from, int sign) {
    return rule.integrate(
        [&](const Wide& t, const Wide& to_end) {
          const Wide rest = t < 0.5 ? Wide(1 - t) : Wide(abs(to_end));
          if (rest == 0) return Wide(0);
          return Wide(integrand(Wide(from + sign * t / rest)) / (rest * rest));
        },
        Wide(0), Wide(1), Wide(1e-15));
  };
  if (std::isinf(low) && std::isinf(high)) {
    const auto [left, right] = std::minmax(point[0], other);
    Wide sum = half(left, -1) + half(right, 1);
    if (left < right) sum += rule.integrate(integrand, Wide(left), Wide(right), Wide(1e-15));
    return static_cast<double>(sum);
  }
  if (std::isinf(high)) return static_cast<double>(half(low, 1));
  if (std::isinf(low)) return static_cast<double>(half(high, -1));
  return static_cast<double>(rule.integrate(integrand, Wide(low), Wide(high), Wide(1e-15)));
}

}  // namespace

TEST_CASE("log densities agree with 50 digits", "[density]") {
  for (const Reference& law : references()) {
    check_density<double>(law);
    check_density<float>(law);
  }
}

// By central differences of the reference in 50 digits. Relative to what one argument's own size makes of a change of the log
// density by 1.
TEST_CASE("derivatives of log densities in the arguments agree with 50 digits", "[density]") {
  for (const Reference& law : references()) {
    // A count and the bounds of a support are data here: no slope is asked for in them.
    std::vector<size_t> varied, fixed;
    for (size_t k = 0; k < law.formals.size(); ++k)
      (law.formals[k] == "n" || law.formals[k] == "low" || law.formals[k] == "high" ? fixed : varied).push_back(k);
    if (varied.empty()) continue;
    std::string declarations;
    for (const size_t k : varied) declarations += fmt::format("  param {}: real\n", law.formals[k]);
    for (const size_t k : fixed) declarations += fmt::format("  input {}: real\n", law.formals[k]);
    const std::string value = law.name == "bernoulli" ? "x > 0" : law.discrete ? "int(x)" : "x";
    NativeModel draws(fmt::format("graph g {{\n{}  drawn ~ {}({})\n  cost drawn\n}}\n", inputs_text(law.formals), law.name,
                                  arguments_text(law)));
    NativeModel densities(fmt::format("graph g {{\n{}  input x: real\n  cost {}.logpdf({}, {})\n}}\n", declarations, law.name,
                                      value, arguments_text(law)));
    for (const std::vector<double>& point : law.points)
      for (const double x : draws.objectives({}, columns(point), 12)) {
        std::vector<double> params;
        for (const size_t k : varied) params.push_back(point[k]);
        std::vector<std::vector<double>> inputs;
        for (const size_t k : fixed) inputs.push_back({point[k]});
        inputs.push_back({x});
        const auto sample = densities.single_samples(params, 1, inputs)[0];
        for (size_t k = 0; k < varied.size(); ++k) {
          WidePoint wide(point.begin(), point.end());
          Wide& moved = wide[varied[k]];
          const Wide size = moved != 0 ? Wide(abs(moved)) : Wide(1), step = size * Wide(1e-16);
          moved += step;
          const Wide above = law.log_density(wide, Wide(x));
          moved -= 2 * step;
          const double truth = static_cast<double>(Wide((above - law.log_density(wide, Wide(x))) / (2 * step)));
          INFO(fmt::format("{} ({}) at {}, {}: {} for {}", law.name, fmt::join(point, ", "), x, law.formals[varied[k]],
                           sample.gradient[k], truth));
          CHECK(std::fabs(sample.gradient[k] - truth) <= 1e-10 * std::max(std::fabs(truth), 1 / static_cast<double>(size)));
        }
      }
  }
}

TEST_CASE("log densities of categorical outcomes and vectors agree with 50 digits", "[density]") {
  // Rows of logits from -500 to 500.
  NativeModel categorical(
      "graph g {\n  input a: real\n  input b: real\n  input k: real\n"
      "  cost categorical.logpdf(int(k), logits = [a, b, 0.25])\n}\n");
  for (const auto& [a, b] : {std::pair{1.0, -1.0}, {500.0, 499.0}, {-500.0, 500.0}}) {
    const std::vector<double> values = categorical.objectives({}, {{a}, {b}, {0, 1, 2}}, 3);
    const Wide logits[] = {Wide(a), Wide(b), Wide(0.25)};
    for (size_t k = 0; k < 3; ++k) {
      const double truth = static_cast<double>(Wide(logits[k] - log(exp(logits[0]) + exp(logits[1]) + exp(logits[2]))));
      CHECK(std::fabs(values[k] - truth) <= 1e-12 * std::max(1.0, std::fabs(truth)));
    }
  }
  NativeModel bernoulli("graph g {\n  input a: real\n  input x: real\n  cost bernoulli.logpdf(x > 0, logits = a)\n}\n");
  for (const double a : {-500.0, -3.0, 0.5, 40.0, 500.0}) {
    const std::vector<double> values = bernoulli.objectives({}, {{a}, {0, 1}}, 2);
    for (size_t k = 0; k < 2; ++k) {
      const double truth = static_cast<double>(Wide(-log1p(exp(Wide(k == 0 ? a : -a)))));
      CHECK(std::fabs(values[k] - truth) <= 1e-12 * std::max(1.0, std::fabs(truth)));
    }
  }
  NativeModel dirichlet(
      "graph g {\n  input a: real\n  input b: real\n  input c: real\n  input x: real\n  input y: real\n"
      "  cost dirichlet.logpdf([x, y, 1 - x - y], [a, b, c])\n}\n");
  for (const std::vector<double>& p : {std::vector<double>{2, 3, 4}, {1e-3, 2e-3, 0.5}, {0.25, 1, 1e4}, {3e3, 1e3, 4e3}})
    for (const auto& [x, y] : {std::pair{0.375, 0.125}, {0.001953125, 0.5}}) {
      const double value = dirichlet.objectives({}, {{p[0]}, {p[1]}, {p[2]}, {x}, {y}}, 1)[0];
      const double point[] = {x, y, 1 - x - y};
      Wide truth = boost::math::lgamma(Wide(Wide(p[0]) + p[1] + p[2]));
      for (size_t k = 0; k < 3; ++k) truth += (p[k] - 1) * log(Wide(point[k])) - boost::math::lgamma(Wide(p[k]));
      INFO(fmt::format("dirichlet ({}) at {} {}: {} for {}", fmt::join(p, ", "), x, y, value, static_cast<double>(truth)));
      CHECK(std::fabs(value - static_cast<double>(truth)) <= 1e-12 * std::max(1.0, std::fabs(static_cast<double>(truth))));
    }
  // Two dimensions: z = L⁻¹ (x - mean), log p = -z·z/2 - log |L| - log 2 pi. What is above the diagonal does not count.
  NativeModel mvnormal(
      "graph g {\n  input x: real\n  input y: real\n  cost mvnormal.logpdf([x, y], [0.5, -1.0], [[2.0, 9.0], [-0.75, "
      "0.125]])\n}\n");
  for (const auto& [x, y] : {std::pair{0.3, 0.7}, {-40.0, 11.0}}) {
    const Wide z = (Wide(x) - 0.5) / 2, w = (Wide(y) + 1 + 0.75 * z) / 0.125;
    const double truth =
        static_cast<double>(Wide(-(z * z + w * w) / 2 - log(Wide(0.25)) - log(2 * boost::math::constants::pi<Wide>())));
    CHECK(mvnormal.objectives({}, {{x}, {y}}, 1)[0] == Approx(truth).epsilon(1e-12));
  }
  // Maddison, Mnih and Teh (2017): (n-1)! τ^(n-1) Π π_k x_k^(-τ-1) / (Σ π_k x_k^-τ)^n
  NativeModel relaxed(
      "graph g {\n  input x: real\n  input y: real\n  cost gumbel_softmax.logpdf([x, y, 1 - x - y], [1.5, -1.0, 0.25], "
      "0.375)\n}\n");
  for (const auto& [x, y] : {std::pair{0.375, 0.125}, {0.001953125, 0.5}}) {
    const Wide tau = 0.375, point[] = {Wide(x), Wide(y), Wide(1 - x - y)}, logits[] = {Wide(1.5), Wide(-1), Wide(0.25)};
    Wide sum = 0, truth = log(Wide(2)) + 2 * log(tau);
    for (size_t k = 0; k < 3; ++k) {
      sum += exp(logits[k]) * pow(point[k], -tau);
      truth += logits[k] - (tau + 1) * log(point[k]);
    }
    CHECK(relaxed.objectives({}, {{x}, {y}}, 1)[0] == Approx(static_cast<double>(Wide(truth - 3 * log(sum)))).epsilon(1e-12));
  }
}

TEST_CASE("outside its support a density is 0", "[density]") {
  for (const char* outside :
       {"uniform.logpdf(x, 0, 1)", "exponential.logpdf(-x, 2)", "truncated_normal.logpdf(x, 0, 1, -1, 1)",
        "poisson.logpdf(int(-x), 3)", "binomial.logpdf(int(x), 1, 0.5)", "geometric.logpdf(int(-x), 0.5)"}) {
    INFO(outside);
    NativeModel native(fmt::format("graph g {{\n  input x: real\n  cost if {} == -inf then 1.0 else 0.0\n}}\n", outside));
    CHECK(native.objectives({}, {{2}}, 1)[0] == 1);
  }
}

TEST_CASE("entropies agree with integrals of the density", "[density]") {
  for (const Reference& law : references()) {
    if (!law.entropy) continue;
    NativeModel native(
        fmt::format("graph g {{\n{}  cost {}.entropy({})\n}}\n", inputs_text(law.formals), law.name, arguments_text(law)));
    int tested = 0;
    for (const std::vector<double>& point : law.points) {
      const bool infinite_end = std::ranges::any_of(point, [](double x) { return std::isinf(x); });
      if (!gentle(point) && !infinite_end) continue;
      if (law.name == "student_t" && point[0] < 1) continue;  // too heavy tails for the integral
      const double truth =
          expectation(law, point, [](const Wide&, const Wide& log_density) { return Wide(-log_density); }, point[0]);
      const double value = native.objectives({}, columns(point), 1)[0];
      INFO(fmt::format("{} ({}): {} for {}", law.name, fmt::join(point, ", "), value, truth));
      CHECK(std::fabs(value - truth) <= 1e-10 * std::max(1.0, std::fabs(truth)));
      ++tested;
    }
    INFO(law.name);
    CHECK(tested > 0);
  }
}

TEST_CASE("divergences agree with integrals of the densities", "[density]") {
  for (const Reference& law : references()) {
    if (!law.divergence) continue;
    std::vector<std::string> names;
    for (const char* suffix : {"1", "2"})
      for (const std::string& formal : law.formals) names.push_back(formal + suffix);
    NativeModel native(fmt::format("graph g {{\n{}  cost {}.kl({}, {})\n}}\n", inputs_text(names), law.name,
                                   arguments_text(law, "1"), arguments_text(law, "2")));
    std::vector<double> first = law.points[0], second = first;
    second.back() = law.high(second) <= 1 && law.high(first) != M_PI ? 0.5 * second.back() : 1.25 * second.back();
    if (second.size() > 1 && law.name != "uniform") second[0] = second[0] + 0.25;
    for (const bool swapped : {false, true}) {
      if (swapped) {
        if (law.name == "uniform") break;  // the first must lie within the second
        std::swap(first, second);
      }
      const WidePoint other(second.begin(), second.end());
      const double truth = expectation(
          law, first, [&](const Wide& x, const Wide& log_density) { return Wide(log_density - law.log_density(other, x)); },
          second[0]);
      std::vector<double> both = first;
      both.insert(both.end(), second.begin(), second.end());
      const double value = native.objectives({}, columns(both), 1)[0];
      INFO(fmt::format("{} ({}) and ({}): {} for {}", law.name, fmt::join(first, ", "), fmt::join(second, ", "), value, truth));
      CHECK(std::fabs(value - truth) <= 1e-10 * std::max(1.0, std::fabs(truth)));
      CHECK(value > 0);
    }
  }
}
