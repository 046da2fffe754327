// Every elementary function against exact values: random arguments over its whole domain and where its branches, tables and
// ranges meet, and edges. The largest error in units of the last place is printed and bounded. Most arguments are compared in
// long double; one in 300, and each that would be the worst, with MPFR.
#include <mpfr.h>

#include <array>
#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdio>
#include <limits>
#include <random>
#include <vector>

#include "compiler/kernel/elementary.h"
#include "compiler/kernel/elementary_scalar.h"
#include "compiler/kernel/elementary_table.h"
#include "elementary_exact.h"

namespace {

using namespace alea;
using namespace alea::exact;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr int samples = 10000;       // of two arguments, and where long double has no value
constexpr int many_samples = 30000;  // of each range
constexpr int exact_every = 300;

// |value - exact| in units of the last place of the exact result as a T.
template <class T>
double ulp_error(T value, const mpfr_t exact) {
  using Limits = std::numeric_limits<T>;
  const double rounded =
      std::is_same_v<T, double> ? mpfr_get_d(exact, MPFR_RNDN) : static_cast<double>(mpfr_get_flt(exact, MPFR_RNDN));
  if (std::isnan(rounded)) return std::isnan(value) ? 0 : infinity;
  if (std::isinf(rounded)) return static_cast<double>(value) == rounded || std::fabs(value) == Limits::max() ? 0 : infinity;
  if (std::isnan(value)) return infinity;
  if (std::isinf(value)) return std::fabs(rounded) >= static_cast<double>(Limits::max()) ? 1 : infinity;
  int exponent = std::is_same_v<T, double> ? -1074 : -149;
  if (rounded != 0) exponent = std::max(exponent, std::ilogb(rounded) - (Limits::digits - 1));
  Number error;
  mpfr_set_d(error.value, static_cast<double>(value), MPFR_RNDN);
  mpfr_sub(error.value, error.value, exact, MPFR_RNDN);
  mpfr_mul_2si(error.value, error.value, -exponent, MPFR_RNDN);
  return std::fabs(mpfr_get_d(error.value, MPFR_RNDN));
}

struct Range {
  double low, high;
  bool logarithmic = false;  // both signs of low: ± e^uniform
};

struct Worst {
  double error = 0, x = 0, y = 0;
  double apart = 0;  // between an error by long double and the same by MPFR
};

template <class T>
double exact_error(T value, const Exact& exact, T x, T y) {
  Number mx, my, result;
  mpfr_set_d(mx.value, static_cast<double>(x), MPFR_RNDN);
  mpfr_set_d(my.value, static_cast<double>(y), MPFR_RNDN);
  exact(result.value, mx.value, my.value);
  return ulp_error(value, result.value);
}

template <class T>
void check(Worst& worst, Op op, int arity, const Exact& exact, double x, double y) {
  const T tx = static_cast<T>(x), ty = static_cast<T>(y);
  const double error = exact_error(arity == 1 ? elementary::apply(op, tx) : elementary::apply(op, tx, ty), exact, tx, ty);
  if (!(error <= worst.error)) worst = {error, static_cast<double>(tx), static_cast<double>(ty), worst.apart};
}

// As ulp_error, within a hundredth; NaN where one of the two is no finite number.
template <class T>
double quick_error(T value, long double nearly_exact) {
  const T rounded = static_cast<T>(nearly_exact);
  if (!std::isfinite(value) || !std::isfinite(rounded)) return std::nan("");
  int exponent = std::is_same_v<T, double> ? -1074 : -149;
  if (rounded != 0) exponent = std::max(exponent, std::ilogb(rounded) - (std::numeric_limits<T>::digits - 1));
  return static_cast<double>(std::ldexp(std::fabs(static_cast<long double>(value) - nearly_exact), -exponent));
}

double draw(const Range& range, std::mt19937_64& random) {
  const double u = std::uniform_real_distribution<double>(0, 1)(random);
  if (!range.logarithmic) return range.low + u * (range.high - range.low);
  const double magnitude = std::exp(std::log(std::fabs(range.low)) + u * (std::log(range.high) - std::log(std::fabs(range.low))));
  return range.low < 0 && (random() & 1) != 0 ? -magnitude : magnitude;
}

struct Case {
  Op op;
  Exact exact;
  Quick quick;  // or null
  double bound;
  std::vector<Range> ranges;
};

template <class T>
Worst worst_of(const Case& test, const std::vector<double>& edges) {
  std::mt19937_64 random(17);
  Worst worst;
  for (const Range& range : test.ranges)
    for (int i = 0; i < (test.quick != nullptr ? many_samples : samples); ++i) {
      const T x = static_cast<T>(draw(range, random)), value = elementary::apply(test.op, x);
      const double quick = test.quick != nullptr ? quick_error(value, test.quick(x)) : std::nan("");
      if (i % exact_every != 0 && quick <= worst.error) continue;
      const double error = exact_error(value, test.exact, x, T{0});
      if (!std::isnan(quick)) worst.apart = std::max(worst.apart, std::fabs(error - quick));
      if (!(error <= worst.error)) worst = {error, static_cast<double>(x), 0, worst.apart};
    }
  for (const double x : edges) check<T>(worst, test.op, 1, test.exact, x, 0);
  return worst;
}

const std::vector<double> edges = {0.0,    -0.0,    5e-324, -5e-324,  1e-310,    -1e-310,     2.2250738585072014e-308,
                                   1e-45,  1.2e-38, 1e-40,  1e-20,    -1e-20,    0.5,         -0.5,
                                   1.0,    -1.0,    2.0,    -2.0,     709.78,    709.79,      710.4,
                                   710.48, -708.4,  -745.1, -745.2,   -746.0,    88.7,        88.8,
                                   89.4,   -87.5,   -103.9, -104.1,   1e300,     -1e300,      1.79e308,
                                   3.4e38, -3.4e38, 1e30,   infinity, -infinity, std::nan("")};

// The bounds are a little above the worst of millions of arguments, and never above the 4 ULP promised.
const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {Op::exp,
       unary(mpfr_exp),
       expl,
       2,
       {{-750, 715}, {-110, 90}, {-1, 1}, {-0.4, 0.4}, {-746, -707}, {-104, -86}, {-1e-20, 1, true}}},
      {Op::expm1, unary(mpfr_expm1), expm1l, 2, {{-750, 715}, {-40, 90}, {-3, 3}, {0.3, 0.5}, {-0.7, -0.3}, {-5e-324, 1, true}}},
      {Op::log,
       unary(mpfr_log),
       logl,
       2,
       {{5e-324, 1.79e308, true},
        {1e-45, 3.4e38, true},
        {5e-324, 1e-307, true},
        {0.5, 2},
        {0.97, 1.04},
        {0.7, 0.8},
        {1.4, 1.6},
        {0.999, 1.001}}},
      {Op::log1p,
       unary(mpfr_log1p),
       log1pl,
       2,
       {{-1, 1}, {1e-300, 1.79e308, true}, {-5e-324, 0.9, true}, {-0.3, -0.28}, {0.4, 0.5}, {-1, -0.9}}},
      {Op::sin,
       unary(mpfr_sin),
       sinl,
       2,
       {{-10, 10},
        {-1e5, 1e5},
        {-5e-324, 1.79e308, true},
        {1e10, 1e38, true},
        {-1e14, 1e14},
        {0.7, 0.9},
        {3.1, 3.2},
        {-2e5, 2e5},
        {-2e13, 2e13}}},
      {Op::cos,
       unary(mpfr_cos),
       cosl,
       2,
       {{-10, 10},
        {-1e5, 1e5},
        {-1e-20, 1.79e308, true},
        {1e10, 1e38, true},
        {-1e14, 1e14},
        {0.7, 0.9},
        {1.5, 1.6},
        {-2e5, 2e5},
        {-2e13, 2e13}}},
      {Op::tan,
       unary(mpfr_tan),
       tanl,
       3.5,
       {{-10, 10}, {-1e5, 1e5}, {-5e-324, 1.79e308, true}, {1e10, 1e38, true}, {0.7, 0.9}, {1.5, 1.6}, {3.1, 3.2}}},
      {Op::asin, unary(mpfr_asin), asinl, 3, {{-1, 1}, {-5e-324, 1, true}, {0.45, 0.6}, {0.999, 1}}},
      {Op::acos, unary(mpfr_acos), acosl, 2, {{-1, 1}, {-1e-20, 1, true}, {0.45, 0.6}, {-0.55, -0.45}, {0.999, 1}, {-1, -0.999}}},
      {Op::atan,
       unary(mpfr_atan),
       atanl,
       2.75,
       {{-3, 3}, {-5e-324, 1.79e308, true}, {-1e-20, 1e20, true}, {0.38, 0.48}, {2.3, 2.5}}},
      {Op::sinh,
       unary(mpfr_sinh),
       sinhl,
       2.5,
       {{-711, 711}, {-90, 90}, {-2, 2}, {0.3, 0.5}, {0.9, 1.2}, {700, 710.5}, {85, 89.5}, {-5e-324, 1, true}}},
      {Op::cosh, unary(mpfr_cosh), coshl, 1.5, {{-711, 711}, {-90, 90}, {-2, 2}, {700, 710.5}, {85, 89.5}}},
      {Op::tanh, unary(mpfr_tanh), tanhl, 3, {{-25, 25}, {-1, 1}, {0.15, 0.2}, {0.5, 0.6}, {-5e-324, 1, true}}},
      {Op::sigmoid, exact_sigmoid, quick_sigmoid, 2.75, {{-750, 750}, {-100, 100}, {-5, 5}, {-40, 0}, {-746, -705}, {-104, -86}}},
      {Op::softplus,
       exact_softplus,
       quick_softplus,
       3.25,
       {{-750, 750}, {-100, 100}, {-5, 5}, {-1, 1}, {-746, -705}, {-104, -86}}},
      {Op::erf, unary(mpfr_erf), erfl, 1.5, {{-6, 6}, {-1, 1}, {0.8, 1.1}, {-5e-324, 1, true}}},
      {Op::erfc,
       unary(mpfr_erfc),
       erfcl,
       3,
       {{-6, 28}, {-1, 1}, {0, 11}, {0.45, 0.6}, {0.5, 2}, {6, 9.2}, {12, 18}, {26, 27.3}, {9, 10.1}}},
      {Op::log_normal_cdf,
       exact_log_normal_cdf,
       quick_log_normal_cdf,
       3,
       {{-140, 40}, {-1000, 10}, {-2, 2}, {-10, 10}, {-0.6, -0.4}, {0.8, 1.1}, {1, 8.5}, {8, 38.6}, {-1e-20, 1, true}}},
      {Op::wrap, exact_wrap, nullptr, 1.5, {{-10, 10}, {-1e5, 1e5}, {-1e-20, 1e150, true}, {3.1, 3.2}}},
      {Op::sqrt, unary(mpfr_sqrt), sqrtl, 0.51, {{0, 100}}},
      {Op::normal_quantile,
       exact_normal_quantile,
       quick_normal_quantile,
       2.5,
       {{0, 1},
        {5e-324, 1, true},
        {1e-45, 1, true},
        {0.49, 0.51},
        {0.2, 0.8},
        {0.07, 0.08},
        {0.92, 0.93},
        {0.01, 0.1},
        {0.9, 1},
        {0.9997, 0.9999},
        {5e-324, 1e-306, true}}},
  };
  return all;
}

template <class T>
void compare(const char* precision) {
  for (const Case& test : cases()) {
    const Worst worst = worst_of<T>(test, edges);
    std::printf("%-16s %s %6.2f ULP at %.17g\n", std::string(text(test.op)).c_str(), precision, worst.error, worst.x);
    INFO(text(test.op) << " " << precision << " at " << worst.x << ": " << worst.error << " ULP");
    CHECK(worst.error <= test.bound);
    CHECK(worst.apart < 0.02);
  }
}

}  // namespace

TEST_CASE("elementary functions are within 4 ULP of the exact value in double precision") { compare<double>("f64"); }
TEST_CASE("elementary functions are within 4 ULP of the exact value in single precision") { compare<float>("f32"); }

TEST_CASE("functions of two arguments are within 4 ULP") {
  struct Binary {
    Op op;
    int (*function)(mpfr_t, const mpfr_t, const mpfr_t, mpfr_rnd_t);
    double bound;
    std::vector<std::array<Range, 2>> ranges;
  };
  const std::vector<Binary> binaries = {{Op::pow,
                                         mpfr_pow,
                                         1.5,
                                         {{{{0, 10}, {-10, 10}}},
                                          {{{0.9, 1.1}, {-5000, 5000}}},
                                          {{{0.7, 1.42}, {-200, 200}}},
                                          {{{1e-310, 1e308, true}, {-3, 3}}},
                                          {{{1e-44, 1e38, true}, {-3, 3}}}}},
                                        {Op::atan2,
                                         mpfr_atan2,
                                         2.75,
                                         {{{{-2, 2}, {-2, 2}}},
                                          {{{0.38, 0.48}, {0.99, 1.01}}},
                                          {{{-1e-300, 1e300, true}, {-1e-300, 1e300, true}}},
                                          {{{-1e-30, 1e30, true}, {-1e-30, 1e30, true}}}}}};
  std::vector<double> both = edges;
  both.insert(both.end(), {3.0, -3.0, 4.0, 2.5, -2.5, 1.0000001, 0.99999994, 1e16});
  for (const Binary& test : binaries) {
    const Exact exact = [&](mpfr_t result, const mpfr_t x, const mpfr_t y) { test.function(result, x, y, MPFR_RNDN); };
    Worst wide, narrow;
    std::mt19937_64 random(3);
    for (const auto& range : test.ranges)
      for (int i = 0; i < 4 * samples; ++i) {
        const double x = draw(range[0], random), y = draw(range[1], random);
        check<double>(wide, test.op, 2, exact, x, y);
        check<float>(narrow, test.op, 2, exact, x, y);
      }
    for (const double x : both)
      for (const double y : both) {
        check<double>(wide, test.op, 2, exact, x, y);
        check<float>(narrow, test.op, 2, exact, x, y);
      }
    std::printf("%-16s f64 %6.2f ULP at (%.17g, %.17g), f32 %6.2f at (%.9g, %.9g)\n", std::string(text(test.op)).c_str(),
                wide.error, wide.x, wide.y, narrow.error, narrow.x, narrow.y);
    INFO(text(test.op));
    CHECK(wide.error <= test.bound);
    CHECK(narrow.error <= test.bound);
  }
}

namespace {

// The worst error of the logarithm of normal positive numbers, in ULP.
template <class T>
double worst_log_of_normal(double low, double high) {
  std::mt19937_64 random(5);
  double worst = 0;
  for (int i = 0; i < samples; ++i) {
    const T x = std::fabs(static_cast<T>(draw({low, high, low < 0.5}, random)));
    elementary::ScalarBuilder<T> builder;
    const T value = elementary::log_of_normal(elementary::Real<elementary::ScalarBuilder<T>>{&builder, x}).value;
    CHECK(std::bit_cast<std::array<std::byte, sizeof(T)>>(value) ==
          std::bit_cast<std::array<std::byte, sizeof(T)>>(elementary::apply(Op::log, x)));
    Number exact;
    mpfr_set_d(exact.value, static_cast<double>(x), MPFR_RNDN);
    mpfr_log(exact.value, exact.value, MPFR_RNDN);
    worst = std::max(worst, ulp_error(value, exact.value));
  }
  return worst;
}

}  // namespace

TEST_CASE("the logarithm of the noise is the model's, and right where tables meet") {
  for (const auto& [low, high] : {std::pair{1e-16, 1.0}, {0.7, 0.8}, {0.9, 1.1}, {0.999, 1.001}, {1.4, 1.6}}) {
    CHECK(worst_log_of_normal<double>(low, high) < 3);
    CHECK(worst_log_of_normal<float>(low, high) < 3);
  }
}

namespace {

template <class T>
void check_constant_divisors() {
  using B = elementary::ScalarBuilder<T>;
  B builder;
  const auto divided = [&](T x, T divisor) {
    return elementary::divide_by_constant(elementary::Real<B>{&builder, x}, divisor).value;
  };
  const auto same = [](T a, T b) { return (std::isnan(a) && std::isnan(b)) || (a == b && std::signbit(a) == std::signbit(b)); };
  constexpr T large = std::numeric_limits<T>::infinity();
  const double top = std::is_same_v<T, double> ? 1e240 : 1e18;
  std::mt19937_64 random(11);
  int apart = 0;
  std::vector<T> divisors = {T(10), T(1.1), T(3), T(-7), T(49), T(0.1), T(2), T(-0.25), T(1e-300), T(1e30), T(0), large};
  for (int i = 0; i < 200; ++i) divisors.push_back(static_cast<T>(draw({i % 2 == 0 ? -1e-3 : 1e-3, 1e3, true}, random)));
  for (const T divisor : divisors) {
    for (const T x : {T(0), -T(0), large, -large, std::numeric_limits<T>::quiet_NaN(), std::numeric_limits<T>::max(), T(1)}) {
      INFO(x << " / " << divisor);
      CHECK(same(divided(x, divisor), x / divisor));
    }
    for (int i = 0; i < 2000; ++i) {
      const T x = static_cast<T>(draw({i % 2 == 0 ? -1 / top : 1 / top, top, true}, random));
      apart += same(divided(x, divisor), x / divisor) ? 0 : 1;
    }
    // Multiples of whole divisors come back.
    if (divisor == std::round(divisor) && std::fabs(divisor) < 100 && divisor != 0)
      for (int k = 1; k < 2000; ++k) CHECK(divided(T(k) * divisor, divisor) == T(k));
  }
  // Of 424,000, in single precision one in 2^21 by chance.
  CHECK(apart <= (std::is_same_v<T, double> ? 0 : 2));
}

}  // namespace

TEST_CASE("division by a constant, without dividing, is rounded as a division is") {
  check_constant_divisors<double>();
  check_constant_divisors<float>();
}

TEST_CASE("comparisons, rounding and selections follow op.def") {
  const double nan = std::nan("");
  const auto bits = [](double x) { return std::bit_cast<uint64_t>(x); };
  CHECK(bits(elementary::apply(Op::max, 0.0, -0.0)) == bits(0.0));
  CHECK(bits(elementary::apply(Op::max, -0.0, 0.0)) == bits(-0.0));
  CHECK(std::isnan(elementary::apply(Op::max, 1.0, nan)));
  CHECK(std::isnan(elementary::apply(Op::min, nan, 1.0)));
  CHECK(elementary::apply(Op::max, 2.0, 3.0) == 3);
  CHECK(elementary::apply(Op::min, 2.0, 3.0) == 2);
  CHECK(elementary::apply(Op::round, 2.5) == 2);
  CHECK(elementary::apply(Op::round, -3.5) == -4);
  CHECK(elementary::apply(Op::truncate, -2.7) == -2);
  CHECK(elementary::apply(Op::ceil, -2.7) == -2);
  CHECK(elementary::apply(Op::ceil, 2.1) == 3);
  CHECK(elementary::apply(Op::sign, -0.5) == -1);
  CHECK(elementary::apply(Op::sign, 0.0) == 0);
  CHECK(elementary::apply(Op::floor_divide, -7.0, 2.0) == -4);
  CHECK(elementary::apply(Op::modulo, -7.0, 3.0) == 2);
  CHECK(elementary::apply(Op::modulo, 7.5, -2.0) == -0.5);
  CHECK(elementary::apply(Op::less, nan, 1.0) == 0);
  CHECK(elementary::apply(Op::not_equal, nan, nan) == 1);
  const double chosen[3] = {1, 5, nan};
  CHECK(elementary::apply(Op::select, chosen) == 5);
  const double pi = 3.141592653589793;
  CHECK(elementary::apply(Op::wrap, pi) == -pi);
  CHECK(elementary::apply(Op::wrap, -pi) == -pi);
  CHECK(elementary::apply(Op::wrap, 2.0) == 2.0);
  CHECK(std::isnan(elementary::apply(Op::wrap, std::numeric_limits<double>::infinity())));
  CHECK(elementary::apply(Op::wrap, 4.0) == Approx(4.0 - 2 * pi));
}
