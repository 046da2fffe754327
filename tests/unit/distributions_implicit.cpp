// Derivatives of native draws in the arguments of their laws. Where the draw is a function of one noise, at fixed
// distribution function: dx/dθ = -(∂F/∂θ)/p (Figurnov, Mohamed, Mnih 2018), to 1e-8 against 50 digits at what is drawn.
// Beta, dirichlet and student_t are made of several noises: their derivatives agree with the implicit ones in the mean
// given x, and so in the derivatives of expectations, which have closed forms.
#include <fmt/format.h>

#include <boost/math/quadrature/gauss.hpp>
#include <boost/math/special_functions.hpp>
#include <cmath>

#include "distributions_references.h"
#include "runtime/driver.h"

using namespace alea;
using namespace alea::test;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// ∂F/∂shape of gamma(shape, 1) by a central difference, in the tail where x lies.
Wide gamma_derivative(double shape, double x) {
  const Wide a(shape), at(x), h = a * Wide(1e-15);
  const auto tail = [&](const Wide& b) { return x < shape ? boost::math::gamma_p(b, at) : Wide(-boost::math::gamma_q(b, at)); };
  const Wide slope = (tail(a + h) - tail(a - h)) / (2 * h);
  const Wide density = exp(Wide((a - 1) * log(at) - at - boost::math::lgamma(a)));
  return -slope / density;
}

// -∫_0^x (cos t - A) e^(κ (cos t - cos x)) dt, the integrand being even.
Wide von_mises_derivative(double concentration, double x) {
  const Wide k(concentration), to(x);
  const Wide mean = boost::math::cyl_bessel_i(1, k) / boost::math::cyl_bessel_i(0, k);
  const auto integrand = [&](const Wide& t) { return Wide((cos(t) - mean) * exp(Wide(k * (cos(t) - cos(to))))); };
  Wide sum = 0;
  constexpr int panels = 8;
  for (int panel = 0; panel < panels; ++panel)
    sum += boost::math::quadrature::gauss<Wide, 30>::integrate(integrand, Wide(to * panel / panels),
                                                               Wide(to * (panel + 1) / panels));
  return -sum;
}

void check_close(const std::string& what, double value, const Wide& exact) {
  const double truth = static_cast<double>(exact);
  INFO(fmt::format("{}: {} for {}", what, value, truth));
  CHECK(std::fabs(value - truth) <= 1e-8 * std::fabs(truth));
}

Wide cumulative(const Wide& z) { return Wide(boost::math::erfc(Wide(-z / sqrt(Wide(2)))) / 2); }

}  // namespace

TEST_CASE("the derivative of gamma draws in the shape", "[implicit]") {
  NativeModel native("graph g {\n  param a: real\n  x ~ gamma(a, 1) by reparam\n  cost x\n}\n");
  for (const double shape : {1e-3, 0.01, 0.2, 0.9, 1.0, 1.5, 4.0, 20.0, 100.0, 1e3, 1e4}) {
    int tested = 0;
    for (const auto& sample : native.single_samples({shape}, 60)) {
      if (sample.objective == std::numeric_limits<double>::min()) continue;  // what underflowed does not move
      check_close(fmt::format("gamma({}) at {}", shape, sample.objective), sample.gradient[0],
                  gamma_derivative(shape, sample.objective));
      ++tested;
    }
    CHECK(tested > 20);
  }
}

TEST_CASE("the derivative of von Mises draws in the concentration", "[implicit]") {
  NativeModel native("graph g {\n  param k: real\n  x ~ von_mises(0, k) by reparam\n  cost x\n}\n");
  for (const double concentration : {1e-3, 0.1, 1.0, 7.0, 50.0, 1e3, 1e6})
    for (const auto& sample : native.single_samples({concentration}, 40))
      check_close(fmt::format("von_mises({}) at {}", concentration, sample.objective), sample.gradient[0],
                  von_mises_derivative(concentration, sample.objective));
}

// With z the standardised draw and u = (Φ(z) - Φ(a)) / (Φ(b) - Φ(a)): dz/da = (1 - u) φ(a)/φ(z), dz/db = u φ(b)/φ(z).
TEST_CASE("the derivative of truncated normal draws in mean, std and bounds", "[implicit]") {
  const auto check = [](NativeModel& native, const std::vector<double>& params, double low, double high) {
    const Wide mean(params[0]), std(params[1]);
    for (const auto& sample : native.single_samples(params, 60)) {
      const Wide a = (Wide(low) - mean) / std, b = (Wide(high) - mean) / std, z = (Wide(sample.objective) - mean) / std;
      // In the tail where they lie.
      const auto between = [](const Wide& from, const Wide& to) {
        return from + to > 0 ? Wide(cumulative(-from) - cumulative(-to)) : Wide(cumulative(to) - cumulative(from));
      };
      const Wide mass = between(a, b), below = between(a, z) / mass, above = between(z, b) / mass;
      const Wide by_a = std::isinf(low) ? Wide(0) : Wide(above * exp((z * z - a * a) / 2));
      const Wide by_b = std::isinf(high) ? Wide(0) : Wide(below * exp((z * z - b * b) / 2));
      const Wide truths[] = {1 - by_a - by_b,
                             z - (std::isinf(low) ? Wide(0) : Wide(a * by_a)) - (std::isinf(high) ? Wide(0) : Wide(b * by_b)),
                             by_a, by_b};
      for (size_t k = 0; k < params.size(); ++k)
        check_close(fmt::format("truncated_normal({}) on [{}, {}] at {}, argument {}", fmt::join(params, ", "), low, high,
                                sample.objective, k),
                    sample.gradient[k], truths[k]);
    }
  };
  NativeModel all(
      "graph g {\n  param m: real\n  param s: real\n  param l: real\n  param h: real\n"
      "  x ~ truncated_normal(m, s, l, h) by reparam\n  cost x\n}\n");
  for (const std::vector<double>& p :
       {std::vector<double>{0.5, 2, -1, 2}, {0, 1, 8, 9}, {0, 1, -31, -30}, {0, 1, -3, 40}, {1, 1e-3, 0, 5}, {-1, 1, -1.5, -0.5}})
    check(all, p, p[2], p[3]);
  NativeModel tail("graph g {\n  param m: real\n  param s: real\n  x ~ truncated_normal(m, s, 4, inf) by reparam\n  cost x\n}\n");
  for (const std::vector<double>& p : {std::vector<double>{5, 1}, {3, 1}, {-26, 1}, {3.9, 1e-2}}) check(tail, p, 4, infinity);
  NativeModel lower(
      "graph g {\n  param m: real\n  param s: real\n  x ~ truncated_normal(m, s, -inf, 4) by reparam\n  cost x\n}\n");
  for (const std::vector<double>& p : {std::vector<double>{5, 1}, {3, 1}, {34, 1}}) check(lower, p, -infinity, 4);
}

namespace {

// Four standard errors, and these below 1 % of the truth.
void check_expectation(const std::string& body, const std::vector<double>& params, const std::vector<double>& truths,
                       int64_t samples = 400'000) {
  SourceMap sources;
  Diagnostics diagnostics;
  std::string text = "graph g {\n";
  const char* names[] = {"a", "b", "c"};
  for (size_t k = 0; k < params.size(); ++k) text += fmt::format("  param {}: real = {}\n", names[k], params[k]);
  const SourceId main = sources.add("model.alea", text + "  " + body + "\n}\n");
  const auto files = parse_files(sources, main, file_loader(), diagnostics);
  const auto compiled = compile(sources, *files, {}, diagnostics);
  REQUIRE(compiled);
  const CompiledKernel kernel(compiled->program, {});
  DriverOptions options;
  options.threads = 1;
  Driver driver(compiled->program, &kernel, options);
  ParamArrays values;
  for (const double value : params) values.push_back({value});
  RunOptions run;
  run.samples = samples;
  run.seed = 11;
  const Estimate estimate = driver.run(values, run);
  for (size_t k = 0; k < truths.size(); ++k) {
    const double mean = estimate.gradient[k].mean[0], error = estimate.gradient[k].standard_error[0];
    INFO(fmt::format("{} ({}), argument {}: {} ± {} for {}", body, fmt::join(params, ", "), k, mean, error, truths[k]));
    CHECK(std::fabs(mean - truths[k]) <= 4 * error + 1e-12 * std::fabs(truths[k]));
    CHECK(error <= 0.01 * std::fabs(truths[k]));
  }
}

}  // namespace

TEST_CASE("derivatives of expectations over draws of several noises", "[implicit]") {
  using boost::math::trigamma;
  // E log x = ψ(a) - ψ(a + b); E x = a / (a + b)
  for (const auto& [a, b] : {std::pair{0.1, 0.2}, {0.5, 0.5}, {2.0, 3.0}, {40.0, 9.0}, {1e4, 1e3}}) {
    check_expectation("x ~ beta(a, b) by reparam  cost log(x)", {a, b}, {trigamma(a) - trigamma(a + b), -trigamma(a + b)});
    check_expectation("x ~ beta(a, b) by reparam  cost x", {a, b}, {b / ((a + b) * (a + b)), -a / ((a + b) * (a + b))});
  }
  // E x₀ x₁ = a b / (s (s + 1)), s = a + b + c
  for (const auto& [a, b, c] : {std::tuple{0.3, 0.4, 0.5}, {2.0, 3.0, 4.0}, {100.0, 1.0, 30.0}}) {
    const double s = a + b + c, product = a * b / (s * (s + 1)), scale = -(2 * s + 1) / (s * (s + 1));
    check_expectation("x ~ dirichlet([a, b, c]) by reparam  cost x[0] * x[1]", {a, b, c},
                      {product * (1 / a + scale), product * (1 / b + scale), product * scale});
  }
  // E log |x| = (log n + ψ(1/2) - ψ(n/2)) / 2
  for (const double n : {0.1, 1.0, 4.0, 30.0})
    check_expectation("x ~ student_t(a, 0, 1) by reparam  cost log(x*x + 1e-300)", {n}, {1 / n - 0.5 * trigamma(0.5 * n)});
}
