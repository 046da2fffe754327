// Functions that native code calls over arrays: against MPFR, against derivatives of the CDF by quadrature, and against
// the one-number forms to the bit.
#include <mpfr.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <random>
#include <tuple>
#include <vector>

#include "compiler/kernel/elementary.h"
#include "compiler/kernel/rare.h"

using namespace alea;

namespace {

constexpr double epsilon = std::numeric_limits<double>::epsilon();

std::vector<double> arguments(double low, double high, int count, bool logarithmic) {
  std::mt19937_64 random(5);
  std::uniform_real_distribution<double> uniform(logarithmic ? std::log(low) : low, logarithmic ? std::log(high) : high);
  std::vector<double> values;
  for (int i = 0; i < count; ++i) values.push_back(logarithmic ? std::exp(uniform(random)) : uniform(random));
  return values;
}

double exact(int (*function)(mpfr_t, const mpfr_t, mpfr_rnd_t), double x) {
  mpfr_t value;
  mpfr_init2(value, 200);
  mpfr_set_d(value, x, MPFR_RNDN);
  function(value, value, MPFR_RNDN);
  const double result = mpfr_get_d(value, MPFR_RNDN);
  mpfr_clear(value);
  return result;
}

// ψ' as the central difference of MPFR's digamma at 400 bits, h = 2^-100: an error of 1e-60.
double exact_trigamma(double x) {
  mpfr_t above, below;
  mpfr_init2(above, 500);
  mpfr_init2(below, 500);
  mpfr_t h;
  mpfr_init2(h, 500);
  mpfr_set_ui_2exp(h, 1, -100, MPFR_RNDN);
  mpfr_add_d(above, h, x, MPFR_RNDN);
  mpfr_d_sub(below, x, h, MPFR_RNDN);
  mpfr_digamma(above, above, MPFR_RNDN);
  mpfr_digamma(below, below, MPFR_RNDN);
  mpfr_sub(above, above, below, MPFR_RNDN);
  mpfr_mul_2ui(above, above, 99, MPFR_RNDN);
  const double result = mpfr_get_d(above, MPFR_RNDN);
  mpfr_clears(above, below, h, static_cast<mpfr_ptr>(nullptr));
  return result;
}

// The largest error in units of the last place of the value, or of `floor` where that is larger.
template <class Exact>
double worst(Op op, const std::vector<double>& xs, double floor, Exact exact_value) {
  double error = 0;
  for (const double x : xs) {
    const double value = elementary::apply(op, x), truth = exact_value(x);
    error = std::max(error, std::fabs(value - truth) / std::ldexp(epsilon, std::ilogb(std::max(std::fabs(truth), floor))));
  }
  return error;
}

// The fixed-point of many decimals for gamma: P(a, x) by the series at 300 bits, its derivative in a by differences.
void gamma_cdf(mpfr_t result, const mpfr_t a, double x) {
  mpfr_t term, sum, part;
  mpfr_inits2(400, term, sum, part, static_cast<mpfr_ptr>(nullptr));
  mpfr_set_ui(term, 1, MPFR_RNDN);
  mpfr_set_ui(sum, 1, MPFR_RNDN);
  for (int n = 1; n < 100000; ++n) {
    mpfr_add_ui(part, a, static_cast<unsigned long>(n), MPFR_RNDN);
    mpfr_mul_d(term, term, x, MPFR_RNDN);
    mpfr_div(term, term, part, MPFR_RNDN);
    mpfr_add(sum, sum, term, MPFR_RNDN);
    if (n > x && mpfr_get_exp(term) < mpfr_get_exp(sum) - 380) break;
  }
  // x^a e^-x / Γ(a + 1)
  mpfr_set_d(part, x, MPFR_RNDN);
  mpfr_log(part, part, MPFR_RNDN);
  mpfr_mul(part, part, a, MPFR_RNDN);
  mpfr_sub_d(part, part, x, MPFR_RNDN);
  mpfr_add_ui(term, a, 1, MPFR_RNDN);
  mpfr_lngamma(term, term, MPFR_RNDN);
  mpfr_sub(part, part, term, MPFR_RNDN);
  mpfr_exp(part, part, MPFR_RNDN);
  mpfr_mul(result, part, sum, MPFR_RNDN);
  mpfr_clears(term, sum, part, static_cast<mpfr_ptr>(nullptr));
}
double exact_gamma_grad(double a, double x) {
  mpfr_t shape, above, below;
  mpfr_inits2(400, shape, above, below, static_cast<mpfr_ptr>(nullptr));
  mpfr_set_d(shape, a, MPFR_RNDN);
  mpfr_t h;
  mpfr_init2(h, 400);
  mpfr_set_d(h, a, MPFR_RNDN);
  mpfr_mul_2si(h, h, -90, MPFR_RNDN);
  mpfr_add(shape, shape, h, MPFR_RNDN);
  gamma_cdf(above, shape, x);
  mpfr_set_d(shape, a, MPFR_RNDN);
  mpfr_sub(shape, shape, h, MPFR_RNDN);
  gamma_cdf(below, shape, x);
  mpfr_sub(above, below, above, MPFR_RNDN);
  mpfr_div(above, above, h, MPFR_RNDN);
  mpfr_div_2ui(above, above, 1, MPFR_RNDN);
  // divided by the density x^(a-1) e^-x / Γ(a)
  mpfr_set_d(below, x, MPFR_RNDN);
  mpfr_log(below, below, MPFR_RNDN);
  mpfr_mul_d(below, below, a - 1, MPFR_RNDN);
  mpfr_sub_d(below, below, x, MPFR_RNDN);
  mpfr_set_d(shape, a, MPFR_RNDN);
  mpfr_lngamma(shape, shape, MPFR_RNDN);
  mpfr_sub(below, below, shape, MPFR_RNDN);
  mpfr_exp(below, below, MPFR_RNDN);
  mpfr_div(above, above, below, MPFR_RNDN);
  const double result = mpfr_get_d(above, MPFR_RNDN);
  mpfr_clears(shape, above, below, h, static_cast<mpfr_ptr>(nullptr));
  return result;
}

}  // namespace

TEST_CASE("log gamma and its derivatives agree with MPFR", "[rare]") {
  const auto log_gamma = [](double x) { return exact(mpfr_lngamma, x); };
  const auto digamma = [](double x) { return exact(mpfr_digamma, x); };
  CHECK(worst(Op::lgamma, arguments(1e-300, 1e300, 5000, true), 1, log_gamma) <= 4);
  CHECK(worst(Op::lgamma, arguments(1e-3, 20, 20000, false), 1, log_gamma) <= 4);
  // Near its zeros 1 and 2 it keeps its digits.
  CHECK(worst(Op::lgamma, arguments(0.9, 2.2, 5000, false), 0, log_gamma) <= 8);
  for (const auto& [low, high, count] : {std::tuple{1e-3, 20.0, 5000}, {0.3, 0.8, 8000}, {0.9, 2.2, 4000}, {9.0, 11.0, 1500}})
    CHECK(worst(Op::digamma, arguments(low, high, count, false), 1, digamma) <= 3.5);
  CHECK(worst(Op::digamma, arguments(1e-300, 1e300, 5000, true), 1, digamma) <= 3.5);
  for (const auto& [low, high, count] : {std::tuple{0.01, 20.0, 1200}, {0.05, 1.0, 1500}, {9.0, 11.0, 300}})
    CHECK(worst(Op::trigamma, arguments(low, high, count, false), 0, exact_trigamma) <= 3);
  CHECK(worst(Op::trigamma, arguments(1e-8, 1e8, 1200, true), 0, exact_trigamma) <= 3);
  for (const Op op : {Op::digamma, Op::trigamma}) {
    CHECK(elementary::apply(op, std::numeric_limits<double>::infinity()) == (op == Op::digamma ? INFINITY : 0));
    CHECK(elementary::apply(op, 1e-310) == (op == Op::digamma ? -INFINITY : INFINITY));
  }
  // By reflection: relative to the terms that cancel.
  CHECK(worst(Op::trigamma, arguments(-8, 0, 2000, false), 1, exact_trigamma) <= 8);
  CHECK(worst(Op::digamma, arguments(-8, 0, 2000, false), 30, digamma) <= 8);
  CHECK(worst(Op::lgamma, arguments(-8, 0, 2000, false), 10, [](double x) {
          mpfr_t value;
          int sign = 0;
          mpfr_init2(value, 200);
          mpfr_set_d(value, x, MPFR_RNDN);
          mpfr_lgamma(value, &sign, value, MPFR_RNDN);
          const double result = mpfr_get_d(value, MPFR_RNDN);
          mpfr_clear(value);
          return result;
        }) <= 8);
  CHECK(std::isinf(elementary::apply(Op::lgamma, 0.0)));
  CHECK(std::isinf(elementary::apply(Op::lgamma, -3.0)));
  CHECK(elementary::apply(Op::lgamma, 1.0) == 0);
  CHECK(elementary::apply(Op::lgamma, 2.0) == 0);
  CHECK(std::isnan(elementary::apply(Op::digamma, -1.0)));
}

TEST_CASE("the forms over arrays give the bits of the one-number forms", "[rare]") {
  std::vector<double> xs = arguments(1e-4, 40, 101, true);
  for (int i = 0; i < 30; ++i) xs[static_cast<size_t>(i)] = -xs[static_cast<size_t>(i)];
  std::vector<double> out(xs.size());
  const auto same = [&](Op op) {
    for (size_t i = 0; i < xs.size(); ++i) {
      const double one = elementary::apply(op, xs[i]);
      if (std::memcmp(&one, &out[i], sizeof one) != 0) return false;
    }
    return true;
  };
  const auto count = static_cast<int64_t>(xs.size());
  rare::lgamma(count, xs.data(), out.data());
  CHECK(same(Op::lgamma));
  rare::digamma(count, xs.data(), out.data());
  CHECK(same(Op::digamma));
  rare::trigamma(count, xs.data(), out.data());
  CHECK(same(Op::trigamma));
  std::vector<float> narrow(xs.begin(), xs.end()), narrow_out(xs.size());
  rare::lgamma(count, narrow.data(), narrow_out.data());
  for (size_t i = 0; i < xs.size(); ++i) CHECK(narrow_out[i] == elementary::apply(Op::lgamma, narrow[i]));
}

TEST_CASE("the gamma draw's derivative has the same bits whatever stands beside it", "[rare]") {
  const std::vector<double> values = arguments(1e-3, 40, 67, true);
  std::vector<double> out(values.size());
  const auto check = [&](const std::vector<double>& shapes) {
    rare::gamma_grad(static_cast<int64_t>(values.size()), shapes.data(), values.data(), out.data());
    for (size_t i = 0; i < values.size(); ++i) CHECK(out[i] == rare::gamma_grad(shapes[i], values[i]));
  };
  for (const double shape : {0.05, 2.5, 12.0, 30.0}) check(std::vector<double>(values.size(), shape));
  std::vector<double> mixed;
  for (size_t i = 0; i < values.size(); ++i) mixed.push_back(std::array{0.05, 2.5, 30.0, 2.5, 12.0}[i % 5]);
  check(mixed);
}

TEST_CASE("the gamma draw's derivative in the shape", "[rare]") {
  double error = 0;
  for (const double a : {1e-3, 0.03, 0.3, 0.9999, 1.0, 1.7, 5.0, 40.0, 900.0, 1e4})
    for (const double z : {-4.0, -2.0, -1.0, -0.1, 0.0, 0.3, 1.0, 2.0, 4.0, 6.0}) {
      // Quantiles, roughly: Wilson and Hilferty's for larger shapes, powers of small numbers for small ones.
      const double root = 1 - 1 / (9 * a) + z / (3 * std::sqrt(a));
      const double x = a >= 1 && root > 0 ? a * root * root * root : std::exp((z - 6) / std::max(a, 0.01) / 10) + (z > 3 ? z : 0);
      const double truth = exact_gamma_grad(a, x), value = rare::gamma_grad(a, x);
      INFO(a << " " << x << " " << value << " " << truth);
      CHECK(std::fabs(value - truth) <= 1e-8 * std::fabs(truth));
      error = std::max(error, std::fabs(value / truth - 1));
    }
  // Where the number of terms changes, as far as the sums reach, and a step beyond.
  for (const double a : {0.02, 0.0999, 0.4999, 1.2, 1.9, 2.7499, 4.5, 7.0, 9.0, 12.9999, 13.0, 13.0001})
    for (const double part : {1e-6, 0.3, 0.7, 0.95, 0.9999, 1.0001, 1.2}) {
      const double x = part * (a + 4 * std::sqrt(a) + 1), truth = exact_gamma_grad(a, x), value = rare::gamma_grad(a, x);
      INFO(a << " " << x << " " << value << " " << truth);
      CHECK(std::fabs(value - truth) <= 1e-9 * std::fabs(truth));
    }
  std::printf("gamma_grad       largest relative error %.1e\n", error);
  CHECK(std::isnan(rare::gamma_grad(-1, 1)));
  CHECK(rare::gamma_grad(2, 0) == 0);
  // Beyond the series' range, against the law of a nearly normal draw: x = a + z √a, dx/da = 1 + z / (2 √a).
  CHECK(rare::gamma_grad(1e10, 1e10 + 2e5) == Approx(1 + 1e-5).epsilon(1e-9));
}

TEST_CASE("the von Mises draw's derivative in the concentration", "[rare]") {
  // F(x; κ) by Simpson's rule on 20,000 steps in long double; its derivative in κ by differences of fourth order.
  const auto cdf = [](long double kappa, long double x) {
    constexpr int steps = 20000;
    const auto integral = [&](long double from, long double to) {
      const long double h = (to - from) / steps;
      long double sum = 0;
      for (int i = 0; i <= steps; ++i)
        sum += (i == 0 || i == steps ? 1.0L : i % 2 == 1 ? 4.0L : 2.0L) * std::exp(kappa * (std::cos(from + i * h) - 1));
      return sum * h / 3;
    };
    const long double pi = 3.14159265358979323846264338327950288L;
    return integral(-pi, x) / integral(-pi, pi);
  };
  const auto density = [&](long double kappa, long double x) {
    const long double h = 1e-3L;
    return (8 * (cdf(kappa, x + h) - cdf(kappa, x - h)) - (cdf(kappa, x + 2 * h) - cdf(kappa, x - 2 * h))) / (12 * h);
  };
  for (const double kappa : {0.05, 0.7, 3.0, 30.0})
    for (const double z : {-2.5, -0.8, 0.3, 1.5}) {
      const double x = std::clamp(z / std::sqrt(std::max(kappa, 0.7)), -3.1, 3.1);
      const long double h = 1e-3L * kappa;
      const long double slope =
          (8 * (cdf(kappa + h, x) - cdf(kappa - h, x)) - (cdf(kappa + 2 * h, x) - cdf(kappa - 2 * h, x))) / (12 * h);
      INFO(kappa << " " << x);
      CHECK(rare::von_mises_grad(kappa, x) == Approx(static_cast<double>(-slope / density(kappa, x))).epsilon(1e-8));
      CHECK(rare::von_mises_grad(kappa, -x) == -rare::von_mises_grad(kappa, x));
    }
  CHECK(rare::von_mises_grad(2, 0) == 0);
  // Nearly normal: x = z / √κ, dx/dκ = -x / (2 κ).
  CHECK(rare::von_mises_grad(1e6, 2e-3) == Approx(-1e-9).epsilon(1e-5));
  CHECK(std::isnan(rare::von_mises_grad(-1, 0.5)));
}

TEST_CASE("linear algebra over lanes", "[rare]") {
  constexpr int64_t n = 3, lanes = 5;
  std::vector<double> a(n * n * lanes), b(n * 2 * lanes);
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal;
  for (int64_t lane = 0; lane < lanes; ++lane) {
    double m[n][n];
    for (auto& row : m)
      for (double& x : row) x = normal(random);
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = 0; j < n; ++j) {
        double sum = i == j ? 1 : 0;
        for (int64_t k = 0; k < n; ++k) sum += m[i][k] * m[j][k];
        a[static_cast<size_t>((i * n + j) * lanes + lane)] = sum;
      }
  }
  for (double& x : b) x = normal(random);
  std::vector<double> lower(a.size()), x(b.size()), y(b.size()), z(b.size()), determinant(lanes);
  rare::cholesky(n, lanes, a.data(), lower.data());
  rare::solve(n, 2, lanes, a.data(), b.data(), x.data());
  rare::solve_lower(n, 2, lanes, lower.data(), b.data(), y.data());
  rare::logdet(n, lanes, a.data(), determinant.data());
  std::vector<double> upper(a.size());
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < n; ++j)
      for (int64_t lane = 0; lane < lanes; ++lane)
        upper[static_cast<size_t>((i * n + j) * lanes + lane)] = lower[static_cast<size_t>((j * n + i) * lanes + lane)];
  rare::solve_upper(n, 2, lanes, upper.data(), y.data(), z.data());
  for (size_t i = 0; i < x.size(); ++i) CHECK(x[i] == Approx(z[i]).margin(1e-10));
  for (int64_t lane = 0; lane < lanes; ++lane) {
    double sum = 0;
    for (int64_t i = 0; i < n; ++i) sum += 2 * std::log(lower[static_cast<size_t>((i * n + i) * lanes + lane)]);
    CHECK(determinant[static_cast<size_t>(lane)] == Approx(sum));
  }
}

TEST_CASE("sorting over lanes is stable, NaN last", "[rare]") {
  const double nan = std::nan("");
  const std::vector<double> x = {3, 1, nan, 1, 1, 2};  // [3][2]: lanes (3, nan, 1) and (1, 1, 2)
  std::vector<double> sorted(6), order(6);
  rare::sort(3, 2, x.data(), sorted.data());
  rare::argsort(3, 2, x.data(), order.data());
  CHECK(sorted[0] == 1);
  CHECK(sorted[2] == 3);
  CHECK(std::isnan(sorted[4]));
  CHECK(std::vector<double>{sorted[1], sorted[3], sorted[5]} == std::vector<double>{1, 1, 2});
  CHECK(order == std::vector<double>{2, 0, 0, 1, 1, 2});
}
