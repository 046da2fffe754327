#include "distributions_references.h"

#include <boost/math/constants/constants.hpp>
#include <boost/math/special_functions.hpp>
#include <cmath>

namespace alea::test {

namespace {

using std::vector;
constexpr double infinity = std::numeric_limits<double>::infinity();
const Wide pi = boost::math::constants::pi<Wide>();

Wide log_gamma(const Wide& x) { return boost::math::lgamma(x); }

// x log y, 0 where x is 0.
Wide times_log(const Wide& x, const Wide& y) { return x == 0 ? Wide(0) : Wide(x * log(y)); }

Wide log_normal(const WidePoint& p, const Wide& x) {
  const Wide r = (x - p[0]) / p[1];
  return -r * r / 2 - log(p[1]) - log(2 * pi) / 2;
}

auto always(double value) {
  return [value](const vector<double>&) { return value; };
}
auto argument(size_t k) {
  return [k](const vector<double>& p) { return p[k]; };
}

}  // namespace

Wide log_normal_mass(const Wide& low, const Wide& high) {
  const auto upper = [](const Wide& z) { return Wide(boost::math::erfc(Wide(z / sqrt(Wide(2)))) / 2); };
  return low + high > 0 ? log(Wide(upper(low) - upper(high))) : log(Wide(upper(-high) - upper(-low)));
}

const vector<Reference>& references() {
  static const vector<Reference> all = {
      {"normal",
       {"mean", "std"},
       {{-3, 0.5}, {1e6, 1e-3}, {0, 1e20}},
       log_normal,
       false,
       {40},
       always(-infinity),
       always(infinity),
       true,
       true},
      {"laplace",
       {"mean", "scale"},
       {{1, 2}, {0, 1e-6}, {-3, 100}},
       [](const WidePoint& p, const Wide& x) { return Wide(-abs(x - p[0]) / p[1] - log(2 * p[1])); },
       false,
       {40},
       always(-infinity),
       always(infinity),
       true,
       true},
      {"logistic",
       {"mean", "scale"},
       {{1, 2}, {0, 1e-6}, {-3, 100}},
       [](const WidePoint& p, const Wide& x) {
         const Wide r = abs(x - p[0]) / p[1];
         return Wide(-r - 2 * log1p(exp(-r)) - log(p[1]));
       },
       false,
       {-700, 700},
       always(-infinity),
       always(infinity),
       true,
       false},
      {"gumbel",
       {"loc", "scale"},
       {{1, 2}, {0, 1e-6}, {-3, 100}},
       [](const WidePoint& p, const Wide& x) {
         const Wide r = (x - p[0]) / p[1];
         return Wide(-r - exp(-r) - log(p[1]));
       },
       false,
       {40},
       always(-infinity),
       always(infinity),
       true,
       true},
      {"cauchy",
       {"loc", "scale"},
       {{1, 2}, {0, 1e-6}, {-3, 100}},
       [](const WidePoint& p, const Wide& x) {
         const Wide r = (x - p[0]) / p[1];
         return Wide(-log(1 + r * r) - log(pi * p[1]));
       },
       false,
       {1e30},
       always(-infinity),
       always(infinity),
       true,
       true},
      {"student_t",
       {"dof", "loc", "scale"},
       {{3, 1, 2}, {0.2, 0, 1}, {1, -1, 0.5}, {30, 0, 1}, {1e4, 2, 3}, {1e6, 0, 1}},
       [](const WidePoint& p, const Wide& x) {
         const Wide r = (x - p[1]) / p[2], h = (p[0] + 1) / 2;
         return Wide(log_gamma(h) - log_gamma(p[0] / 2) - log(p[0] * pi) / 2 - log(p[2]) - h * log1p(r * r / p[0]));
       },
       false,
       {1e20},
       always(-infinity),
       always(infinity),
       true,
       false},
      {"uniform",
       {"low", "high"},
       {{-1, 2}, {0, 1e-9}, {-1e9, 3e9}},
       [](const WidePoint& p, const Wide&) { return Wide(-log(p[1] - p[0])); },
       false,
       {},
       argument(0),
       argument(1),
       true,
       true},
      {"lognormal",
       {"mean", "std"},
       {{0.5, 1}, {-30, 0.01}, {0, 20}},
       [](const WidePoint& p, const Wide& x) { return Wide(log_normal(p, log(x)) - log(x)); },
       false,
       {1e-300},
       always(0),
       always(infinity),
       true,
       true},
      {"exponential",
       {"rate"},
       {{2}, {1e-6}, {1e6}},
       [](const WidePoint& p, const Wide& x) { return Wide(log(p[0]) - p[0] * x); },
       false,
       {0},
       always(0),
       always(infinity),
       true,
       true},
      {"weibull",
       {"shape", "scale"},
       {{1.5, 2}, {0.1, 1}, {50, 3}},
       [](const WidePoint& p, const Wide& x) {
         const Wide r = log(Wide(x / p[1]));
         return Wide(log(p[0] / p[1]) + (p[0] - 1) * r - exp(p[0] * r));
       },
       false,
       {1e-10},
       always(0),
       always(infinity),
       true,
       true},
      {"gamma",
       {"shape", "rate"},
       {{3.7, 2}, {1e-3, 1}, {0.03, 1}, {0.7, 1e-3}, {1, 5}, {100, 1}, {1e4, 1}, {1e6, 3}},
       [](const WidePoint& p, const Wide& x) {
         return Wide(p[0] * log(p[1]) + (p[0] - 1) * log(x) - p[1] * x - log_gamma(p[0]));
       },
       false,
       {1e-300, 900},
       always(0),
       always(infinity),
       true,
       true},
      {"beta",
       {"a", "b"},
       {{2, 3}, {0.5, 0.5}, {0.02, 3}, {0.3, 0.1}, {1e4, 300}, {1e-3, 2e-3}, {1e6, 2e6}},
       [](const WidePoint& p, const Wide& x) {
         return Wide((p[0] - 1) * log(x) + (p[1] - 1) * log1p(-x) + log_gamma(Wide(p[0] + p[1])) - log_gamma(p[0]) -
                     log_gamma(p[1]));
       },
       false,
       {1e-300, 0.3},
       always(0),
       always(1),
       true,
       true},
      {"truncated_normal",
       {"mean", "std", "low", "high"},
       {{0.5, 2, -1, 2}, {0, 1, 8, 9}, {0, 1, -infinity, -5}, {3, 1, -20, infinity}, {0, 1, 30, 30.5}, {0, 1, -1e-3, 1e-3}},
       [](const WidePoint& p, const Wide& x) {
         return Wide(log_normal(p, x) - log_normal_mass(Wide((p[2] - p[0]) / p[1]), Wide((p[3] - p[0]) / p[1])));
       },
       false,
       {},
       argument(2),
       argument(3),
       true,
       false},
      {"von_mises",
       {"mean", "concentration"},
       {{0.3, 4}, {0, 1e-3}, {1, 0.5}, {-2, 30}, {0, 1e3}, {0, 1e6}},
       [](const WidePoint& p, const Wide& x) {
         return Wide(p[1] * cos(x - p[0]) - log(2 * pi) - log(boost::math::cyl_bessel_i(0, p[1])));
       },
       false,
       {3},
       always(-M_PI),
       always(M_PI),
       true,
       true},
      {"bernoulli",
       {"p"},
       {{0.3}, {1e-4}, {0.9999}},
       [](const WidePoint& p, const Wide& x) { return Wide(x == 0 ? log1p(-p[0]) : log(p[0])); },
       true,
       {0, 1},
       always(0),
       always(1),
       true,
       true},
      {"poisson",
       {"rate"},
       {{4}, {1e-3}, {0.3}, {10}, {60}, {1e3}, {1e6}},
       [](const WidePoint& p, const Wide& x) { return Wide(times_log(x, p[0]) - p[0] - log_gamma(Wide(x + 1))); },
       true,
       {0, 9, 10, 11, 500},
       always(0),
       always(infinity),
       false,
       true},
      {"binomial",
       {"n", "p"},
       {{20, 0.9}, {1, 0.5}, {5, 0.3}, {200, 0.75}, {1e6, 1e-6}, {1e6, 0.3}},
       [](const WidePoint& p, const Wide& x) {
         return Wide(log_gamma(Wide(p[0] + 1)) - log_gamma(Wide(x + 1)) - log_gamma(Wide(p[0] - x + 1)) + times_log(x, p[1]) +
                     (p[0] - x) * log1p(-p[1]));
       },
       true,
       {0, 1},
       always(0),
       argument(0),
       false,
       false},
      {"geometric",
       {"p"},
       {{0.3}, {1e-3}, {0.99}},
       [](const WidePoint& p, const Wide& x) { return Wide(log(p[0]) + x * log1p(-p[0])); },
       true,
       {0, 500},
       always(0),
       always(infinity),
       true,
       true},
  };
  return all;
}

}  // namespace alea::test
