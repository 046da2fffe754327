// Every distribution's native draws against its distribution function, computed here by Boost: Kolmogorov and Smirnov's
// distance for continuous laws, Pearson's chi-squared for discrete ones, over 10^6 draws at each parameter point. Laws of
// vectors are tested by projections whose laws are known. A right sampler fails a check once in 10^5 seeds.
#include <fmt/format.h>

#include <algorithm>
#include <boost/math/distributions.hpp>
#include <cmath>
#include <functional>

#include "distributions_support.h"

using namespace alea;
using namespace alea::test;

namespace {

constexpr int64_t draw_count = 1'000'000;
constexpr double infinity = std::numeric_limits<double>::infinity();

using Point = std::vector<double>;
using Function = std::function<double(const Point& arguments, double x)>;

// The inputs a, b, c, d hold the point; `body` draws and costs what is tested.
struct Law {
  std::string name, body;
  std::vector<Point> points;  // the first one in single precision too
  Function cdf;
};

// Throws nothing: arguments that Boost would refuse are infinities in the tails.
template <class Distribution>
double cdf_of(const Distribution& law, double x) {
  if (x == infinity) return 1;
  if (x == -infinity) return 0;
  return boost::math::cdf(law, x);
}

std::string model(const Law& law) {
  const char* names[] = {"a", "b", "c", "d"};
  std::string text = "graph g {\n";
  for (size_t k = 0; k < law.points[0].size(); ++k) text += fmt::format("  input {}: real\n", names[k]);
  return text + "  " + law.body + "\n}\n";
}

std::vector<double> draws_of(NativeModel& native, const Point& point) {
  std::vector<std::vector<double>> inputs;
  for (const double value : point) inputs.push_back({value});
  return native.objectives({}, inputs, draw_count);
}

// The largest distance at every 50th draw, and so within 50 / n of the largest at all. What would round to an end of the
// open unit interval lies at the number next to it, where the two functions need not agree.
template <class T>
double distance(std::vector<double> draws, const std::function<double(double)>& cdf) {
  constexpr double smallest = std::numeric_limits<T>::min(), below_one = 1 - std::numeric_limits<T>::epsilon() / 2;
  std::sort(draws.begin(), draws.end());
  const auto n = static_cast<double>(draws.size());
  double worst = 0;
  for (size_t i = 0; i < draws.size(); i += 50) {
    if (std::fabs(draws[i]) == smallest || draws[i] == below_one) continue;
    const double f = cdf(draws[i]);
    // Draws of single precision repeat: both ends of the run of equals.
    const auto run = std::equal_range(draws.begin(), draws.end(), draws[i]);
    const bool repeats = run.second - run.first > 1;
    worst = std::max(worst, static_cast<double>(run.second - draws.begin()) / n - f);
    if (!repeats) worst = std::max(worst, f - static_cast<double>(i) / n);
  }
  return worst;
}

void check_continuous(const Law& law) {
  for (const bool single : {false, true}) {
    NativeModel native(model(law), single);
    for (const Point& point : law.points) {
      const std::vector<double> draws = draws_of(native, point);
      INFO(fmt::format("{} ({}) {}", law.name, fmt::join(point, ", "), single ? "f32" : "f64"));
      const auto at_point = [&](double x) { return law.cdf(point, x); };
      const double worst = single ? distance<float>(draws, at_point) : distance<double>(draws, at_point);
      CHECK(worst < 2.47 / std::sqrt(static_cast<double>(draw_count)));
      if (single) break;
    }
  }
}

// At most 100 cells of about equal probability, each a run of integers; their bounds by bisection of the CDF.
void check_discrete(const Law& law) {
  for (const bool single : {false, true}) {
    NativeModel native(model(law), single);
    for (const Point& point : law.points) {
      const std::vector<double> draws = draws_of(native, point);
      INFO(fmt::format("{} ({}) {}", law.name, fmt::join(point, ", "), single ? "f32" : "f64"));
      const auto cdf = [&](double k) { return k < 0 ? 0.0 : law.cdf(point, k); };
      const auto quantile = [&](double p) {
        double low = -1, high = 1;
        while (cdf(high) < p && high < 1e9) high *= 2;
        while (high - low > 1) {
          const double middle = std::floor(0.5 * (low + high));
          (cdf(middle) < p ? low : high) = middle;
        }
        return high;
      };
      std::vector<double> bounds;  // cell k: bounds[k-1] < draw ≤ bounds[k]
      for (int k = 0; k < 100; ++k) {
        const double bound = quantile((k + 0.5) / 100);
        if (bounds.empty() || bound > bounds.back()) bounds.push_back(bound);
      }
      if (1 - cdf(bounds.back()) < 1e-5) bounds.pop_back();
      std::vector<double> counts(bounds.size() + 1, 0);
      for (const double x : draws) {
        if (!(x >= 0 && x == std::floor(x))) FAIL("a draw of " << x);
        ++counts[static_cast<size_t>(std::lower_bound(bounds.begin(), bounds.end(), x) - bounds.begin())];
      }
      if (bounds.empty()) {  // one outcome but for less than 10 of the draws
        CHECK(std::ranges::all_of(draws, [&](double x) { return cdf(x) >= 1e-5; }));
      } else {
        double statistic = 0;
        for (size_t k = 0; k <= bounds.size(); ++k) {
          const double above = k < bounds.size() ? cdf(bounds[k]) : 1, below = k > 0 ? cdf(bounds[k - 1]) : 0;
          const double expected = (above - below) * static_cast<double>(draw_count);
          statistic += (counts[k] - expected) * (counts[k] - expected) / expected;
        }
        const boost::math::chi_squared reference(static_cast<double>(bounds.size()));
        CHECK(boost::math::cdf(boost::math::complement(reference, statistic)) > 1e-5);
      }
      if (single) break;
    }
  }
}

// F of a centred von Mises law: the trapezium rule on a window of twelve standard deviations, linear between its points.
double von_mises_cdf(double concentration, double x) {
  static double known = -1, window = 0;
  static std::vector<double> cumulative;
  constexpr int steps = 20000;
  if (known != concentration) {
    known = concentration;
    window = std::min(M_PI, 12 / std::sqrt(concentration));
    cumulative.assign(1, 0);
    const auto density = [&](int i) {
      const double s = std::sin(0.5 * window * (2.0 * i / steps - 1));
      return std::exp(-2 * concentration * s * s);
    };
    for (int i = 0; i < steps; ++i) cumulative.push_back(cumulative.back() + 0.5 * (density(i) + density(i + 1)));
  }
  const double place = std::clamp((x / window + 1) / 2 * steps, 0.0, steps - 1.0);
  const auto i = static_cast<size_t>(place);
  return (cumulative[i] + (place - static_cast<double>(i)) * (cumulative[i + 1] - cumulative[i])) / cumulative[steps];
}

// In the tail where the interval lies.
double truncated_normal_cdf(const Point& p, double x) {
  const double low = (p[2] - p[0]) / p[1], high = (p[3] - p[0]) / p[1], z = (x - p[0]) / p[1];
  const auto upper = [](double t) { return 0.5 * std::erfc(t / std::sqrt(2.0)); };
  if (low + high > 0) return (upper(low) - upper(z)) / (upper(low) - upper(high));
  return (upper(-z) - upper(-low)) / (upper(-high) - upper(-low));
}

using namespace boost::math;

}  // namespace

TEST_CASE("continuous distributions draw from their laws", "[sampling]") {
  const std::vector<Law> laws = {
      {"normal",
       "x ~ normal(a, b)  cost x",
       {{-3, 0.5}, {1e6, 1e-3}, {0, 1e20}},
       [](const Point& p, double x) { return cdf_of(normal(p[0], p[1]), x); }},
      {"laplace",
       "x ~ laplace(a, b)  cost x",
       {{1, 2}, {0, 1e-6}, {-3, 100}},
       [](const Point& p, double x) { return cdf_of(laplace(p[0], p[1]), x); }},
      {"logistic",
       "x ~ logistic(a, b)  cost x",
       {{1, 2}, {0, 1e-6}, {-3, 100}},
       [](const Point& p, double x) { return cdf_of(logistic(p[0], p[1]), x); }},
      {"gumbel",
       "x ~ gumbel(a, b)  cost x",
       {{1, 2}, {0, 1e-6}, {-3, 100}},
       [](const Point& p, double x) { return cdf_of(extreme_value(p[0], p[1]), x); }},
      {"cauchy",
       "x ~ cauchy(a, b)  cost x",
       {{1, 2}, {0, 1e-6}, {-3, 100}},
       [](const Point& p, double x) { return cdf_of(cauchy(p[0], p[1]), x); }},
      {"student_t",
       "x ~ student_t(a, b, c)  cost x",
       {{3, 1, 2}, {0.2, 0, 1}, {1, -1, 0.5}, {30, 0, 1}, {1e4, 2, 3}},
       [](const Point& p, double x) { return cdf_of(students_t(p[0]), (x - p[1]) / p[2]); }},
      {"uniform",
       "x ~ uniform(a, b)  cost x",
       {{-1, 2}, {0, 1e-9}, {-1e9, 3e9}},
       [](const Point& p, double x) { return std::clamp((x - p[0]) / (p[1] - p[0]), 0.0, 1.0); }},
      {"lognormal",
       "x ~ lognormal(a, b)  cost x",
       {{0.5, 1}, {-30, 0.01}, {0, 20}},
       [](const Point& p, double x) { return cdf_of(normal(p[0], p[1]), std::log(x)); }},
      {"exponential",
       "x ~ exponential(a)  cost x",
       {{2}, {1e-6}, {1e6}},
       [](const Point& p, double x) { return -std::expm1(-p[0] * x); }},
      {"weibull",
       "x ~ weibull(a, b)  cost x",
       {{1.5, 2}, {0.1, 1}, {50, 3}},
       [](const Point& p, double x) { return -std::expm1(-std::pow(x / p[1], p[0])); }},
  };
  for (const Law& law : laws) check_continuous(law);
}

TEST_CASE("distributions made of gamma draws draw from their laws", "[sampling]") {
  const auto beta_cdf = [](double a, double b, double x) { return x <= 0 ? 0.0 : x >= 1 ? 1.0 : ibeta(a, b, x); };
  const std::vector<Law> laws = {
      {"gamma",
       "x ~ gamma(a, b)  cost x",
       {{3.7, 2}, {1e-3, 1}, {0.03, 1}, {0.7, 1e-3}, {1, 5}, {100, 1}, {1e4, 1}},
       [](const Point& p, double x) { return gamma_p(p[0], p[1] * x); }},
      {"beta",
       "x ~ beta(a, b)  cost x",
       {{2, 3}, {0.5, 0.5}, {0.02, 3}, {0.3, 0.1}, {1, 1}, {1e4, 300}, {1e-2, 40}, {1e-3, 2e-3}},
       [=](const Point& p, double x) { return beta_cdf(p[0], p[1], x); }},
      {"dirichlet, one of three",
       "x ~ dirichlet([a, b, c])  cost x[0]",
       {{2, 3, 4}, {1e-3, 2e-3, 5e-4}, {1e4, 1, 100}},
       [=](const Point& p, double x) { return beta_cdf(p[0], p[1] + p[2], x); }},
      {"dirichlet, two of three",
       "x ~ dirichlet([a, b, c])  cost x[0] + x[1]",
       {{2, 3, 4}, {0.02, 0.03, 0.5}, {1e4, 1, 100}},
       [=](const Point& p, double x) { return beta_cdf(p[0] + p[1], p[2], x); }},
  };
  for (const Law& law : laws) check_continuous(law);
}

TEST_CASE("truncated normal and von Mises distributions draw from their laws", "[sampling]") {
  const std::vector<Law> laws = {
      {"truncated_normal",
       "x ~ truncated_normal(a, b, c, d)  cost x",
       {{0.5, 2, -1, 2}, {0, 1, 8, 9}, {0, 1, -infinity, -5}, {3, 1, -20, infinity}, {0, 1, 30, 30.5}, {0, 1, -1e-3, 1e-3}},
       truncated_normal_cdf},
      {"von_mises",
       "x ~ von_mises(0, a)  cost x",
       {{4}, {1e-3}, {0.5}, {30}, {1e3}, {1e6}},
       [](const Point& p, double x) { return von_mises_cdf(p[0], x); }},
      // Turned by b: brought back, it is centred again.
      {"von_mises, turned",
       "x ~ von_mises(b, a)  cost wrap(x - b)",
       {{4, 3}, {0.5, -2}, {4, 100}},
       [](const Point& p, double x) { return von_mises_cdf(p[0], x); }},
  };
  for (const Law& law : laws) check_continuous(law);
}

TEST_CASE("distributions of vectors draw from their laws", "[sampling]") {
  const std::vector<Law> laws = {
      // w·x with w = (1, -2): mean a - 2 b, and Lᵀw = (c - 2 d, -2 · 0.7)
      {"mvnormal",
       "x ~ mvnormal([a, b], [[c, 99.0], [d, 0.7]])  cost x[0] - 2*x[1]",
       {{1, -1, 2, 0.5}, {0, 3, 0.1, -4}},
       [](const Point& p, double x) { return cdf_of(normal(p[0] - 2 * p[1], std::hypot(p[2] - 2 * p[3], 1.4)), x); }},
      {"mvnormal, second",
       "x ~ mvnormal([a, b], [[c, 99.0], [d, 0.7]])  cost x[1]",
       {{1, -1, 2, 0.5}, {0, 3, 0.1, -4}},
       [](const Point& p, double x) { return cdf_of(normal(p[1], std::hypot(p[3], 0.7)), x); }},
      // The difference of two Gumbel variables is logistic.
      {"gumbel_softmax",
       "x ~ gumbel_softmax([a, b, 0.3], c)  cost log(x[0]) - log(x[1])",
       {{1, -1, 0.5}, {0, 2, 3}},
       [](const Point& p, double x) { return cdf_of(logistic((p[0] - p[1]) / p[2], 1 / p[2]), x); }},
  };
  for (const Law& law : laws) check_continuous(law);
  // The largest element of a relaxed one-hot is the categorical's outcome.
  const auto categorical_cdf = [](const Point& p, double k) {
    const double w[] = {std::exp(p[0]), std::exp(p[1]), std::exp(0.3)};
    double sum = 0;
    for (int i = 0; i <= std::min(k, 2.0); ++i) sum += w[i];
    return sum / (w[0] + w[1] + w[2]);
  };
  check_discrete({"gumbel_softmax, largest",
                  "x ~ gumbel_softmax([a, b, 0.3], c)  cost argmax(x)",
                  {{1, -1, 0.5}, {0, 2, 0.1}},
                  categorical_cdf});
  check_discrete({"categorical, logits",
                  "x ~ categorical(logits = [a, b, 0.3])  cost x",
                  {{1, -1}, {500, 499}, {-500, 500}},
                  categorical_cdf});
}

TEST_CASE("discrete distributions draw from their laws", "[sampling]") {
  const std::vector<Law> laws = {
      {"bernoulli",
       "x ~ bernoulli(a)  cost if x then 1.0 else 0.0",
       {{0.3}, {1e-4}, {0.9999}, {0}, {1}},
       [](const Point& p, double k) { return k < 1 ? 1 - p[0] : 1.0; }},
      {"bernoulli, logits",
       "x ~ bernoulli(logits = a)  cost if x then 1.0 else 0.0",
       {{-0.4}, {7}, {500}, {-500}},
       [](const Point& p, double k) { return k < 1 ? 1 / (1 + std::exp(p[0])) : 1.0; }},
      {"categorical",
       "x ~ categorical([a, b, c])  cost x",
       {{0.2, 0.5, 0.3}, {2e-3, 1, 7}, {0, 1, 2}},
       [](const Point& p, double k) { return (p[0] + (k >= 1 ? p[1] : 0) + (k >= 2 ? p[2] : 0)) / (p[0] + p[1] + p[2]); }},
      {"poisson",
       "x ~ poisson(a)  cost x",
       {{4}, {1e-3}, {0.3}, {9.99}, {10}, {60}, {1e3}, {1e6}},
       [](const Point& p, double k) { return gamma_q(std::floor(k) + 1, p[0]); }},
      {"binomial",
       "x ~ binomial(int(a), b)  cost x",
       {{20, 0.9}, {1, 0.5}, {5, 0.3}, {60, 0.4}, {200, 0.75}, {1e6, 1e-6}, {1e6, 0.3}},
       [](const Point& p, double k) { return k >= p[0] ? 1.0 : cdf(binomial(p[0], p[1]), k); }},
      {"geometric",
       "x ~ geometric(a)  cost x",
       {{0.3}, {1e-3}, {0.99}, {1}},
       [](const Point& p, double k) { return -std::expm1((std::floor(k) + 1) * std::log1p(-p[0])); }},
  };
  for (const Law& law : laws) check_discrete(law);
}

TEST_CASE("a point mass is its point", "[sampling]") {
  NativeModel native("graph g {\n  input a: real\n  x ~ delta(a)\n  cost x\n}\n");
  for (const double x : native.objectives({}, {{0.1, -7}}, 4)) CHECK((x == 0.1 || x == -7));
}
