// The forms over arrays run four doubles at a time; the last, shorter piece is padded with ones.
#include "compiler/kernel/rare.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "compiler/graph/linear.h"
#include "compiler/kernel/elementary.h"
#include "compiler/kernel/elementary_scalar.h"
#include "compiler/kernel/elementary_vector.h"

namespace alea::rare {

namespace {

using elementary::apply;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double pi = 2 * elementary::half_pi_high<elementary::ScalarBuilder<double>>;

// Γ(a, x) x^-a e^x x = G by the continued fraction G = x / (x + 1 - a - 1 (1 - a) / (x + 3 - a - 2 (2 - a) / …)), with
// its derivative in a. p = A / B by the forward recurrence; all four are scaled down together.
struct FractionSum {
  double value, derivative;
};
FractionSum upper_fraction(double a, double x) {
  double a0 = 1, b0 = 0, a1 = 0, b1 = 1;  // A_-1, B_-1, A_0, B_0
  double da0 = 0, db0 = 0, da1 = 0, db1 = 0;
  FractionSum last{0, 0};
  for (int n = 0; n < 1'000'000; ++n) {
    // The partial numerator is x, then -n (n - a); the partial denominator x + 2n + 1 - a.
    const double numerator = n == 0 ? x : -n * (n - a), numerator_slope = n == 0 ? 0 : n;
    const double denominator = x + 2 * n + 1 - a;
    const double a2 = std::fma(denominator, a1, numerator * a0), b2 = std::fma(denominator, b1, numerator * b0);
    const double da2 = std::fma(denominator, da1, numerator * da0) + (numerator_slope * a0 - a1);
    const double db2 = std::fma(denominator, db1, numerator * db0) + (numerator_slope * b0 - b1);
    const double scale = 1 / std::max(std::fabs(b2), 1e-300);
    a0 = a1 * scale, b0 = b1 * scale, da0 = da1 * scale, db0 = db1 * scale;
    a1 = a2 * scale, b1 = b2 * scale, da1 = da2 * scale, db1 = db2 * scale;
    const double value = a1 / b1;
    const FractionSum next{value, (da1 - value * db1) / b1};
    if (std::fabs(next.value - last.value) <= 1e-16 * std::fabs(next.value) &&
        std::fabs(next.derivative - last.derivative) <= 1e-14 * std::fabs(next.derivative) + 1e-300)
      return next;
    last = next;
  }
  return last;
}

constexpr int lanes = 4;
using LaneBuilder = elementary::VectorBuilder<double, lanes>;
using Lanes = LaneBuilder::Value;
using LaneReal = elementary::Real<LaneBuilder>;

bool any(LaneBuilder::Mask mask) { return (mask[0] | mask[1] | mask[2] | mask[3]) != 0; }

// Up to x = a + 4 √a + 1, which is up to five digits of the upper tail, the derivative is
//   -(x/a) [(log x - ψ(a+1)) Σ c_n xⁿ - Σ c_n h_n xⁿ],  c_n = 1/((a+1) … (a+n)),  h_n = 1/(a+1) + … + 1/(a+n),
// and no sum cancels. For shapes up to 13 the sums are polynomials with a number of terms that the shape alone decides
// (what is left out is below 1e-11 of the whole); their coefficients are made once where the shape stays.
constexpr double largest_polynomial_shape = 13;
constexpr size_t most_terms = 66;

struct SeriesCoefficients {
  std::array<Lanes, most_terms + 1> of_sum, of_slope;  // c_n, c_n h_n
  size_t terms = 0;                                    // the most that a lane has
};

double terms_for(double shape) {
  constexpr std::array<std::pair<double, double>, 8> known = {
      {{0.1, 20}, {0.5, 28}, {1.2, 32}, {1.9, 36}, {2.75, 40}, {4.5, 48}, {7, 54}, {9, 58}}};
  for (const auto& [largest, terms] : known)
    if (shape <= largest) return terms;
  return most_terms;
}

// The terms beyond a lane's own are zeros, which leave its sums as they are, bit for bit.
SeriesCoefficients make_coefficients(LaneReal a) {
  SeriesCoefficients result;
  LaneReal own = a;
  for (int lane = 0; lane < lanes; ++lane) {
    own.value[lane] = terms_for(a.value[lane]);
    result.terms = std::max(result.terms, static_cast<size_t>(own.value[lane]));
  }
  LaneReal term = constant_like(a, 1), harmonic = constant_like(a, 0);
  result.of_sum[0] = term.value, result.of_slope[0] = harmonic.value;
  for (size_t n = 1; n < result.terms; n += 2) {
    // Two terms for one division; every lane has an even number of them.
    const LaneReal next = a + static_cast<double>(n), after = a + static_cast<double>(n + 1), both = 1.0 / (next * after);
    const auto counts = constant_like(a, static_cast<double>(n)) < own;
    size_t to = n;
    for (const LaneReal inverse : {both * after, both * next}) {
      term = term * inverse;
      harmonic = harmonic + inverse;
      result.of_sum[to] = select(counts, term, 0.0).value;
      result.of_slope[to++] = select(counts, term * harmonic, 0.0).value;
    }
  }
  return result;
}

// Several pieces side by side, because one alone would wait for itself.
template <size_t pieces>
struct SeriesSums {
  std::array<Lanes, pieces> sum, slope;
};
template <size_t pieces>
SeriesSums<pieces> evaluate(const SeriesCoefficients& series, const std::array<Lanes, pieces>& x) {
  SeriesSums<pieces> result;
  LaneBuilder builder;
  // Written out by the index sequence: only so do the sums stay in registers.
  [&]<size_t... k>(std::index_sequence<k...>) {
    ((result.sum[k] = series.of_sum[series.terms], result.slope[k] = series.of_slope[series.terms]), ...);
    for (size_t n = series.terms; n-- > 0;) {
      const Lanes of_sum = series.of_sum[n], of_slope = series.of_slope[n];
      ((result.sum[k] = builder.fma(result.sum[k], x[k], of_sum)), ...);
      ((result.slope[k] = builder.fma(result.slope[k], x[k], of_slope)), ...);
    }
  }(std::make_index_sequence<pieces>());
  return result;
}

LaneReal gamma_grad_of(LaneReal a, LaneReal x, LaneReal digamma_above, Lanes of_sum, Lanes of_slope) {
  const LaneReal sum{x.builder, of_sum}, slope{x.builder, of_slope};
  return -(x / a) * ((log(x) - digamma_above) * sum - slope);
}

// For larger shapes, term by term. A lane's sums stand still once its own terms are lost in them, so that they do not
// depend on the other lanes.
LaneReal gamma_grad_series(LaneReal a, LaneReal x, LaneReal digamma_above) {
  LaneReal term = constant_like(a, 1), harmonic = constant_like(a, 0), sum = term, slope = harmonic, part = harmonic, place = a;
  auto more = x == x;
  while (any(more.value)) {
    // Asked of the terms before these, so that the sums need not wait for the answer.
    const LaneReal lost = 1e-12 * select(slope < 1e-8 * sum, 1e-8 * sum, slope);
    const auto counts = (lost < select(term < part, part, term)) | (place <= x);
    // Two terms for one division.
    const LaneReal next = place + 1.0, after = place + 2.0, both = 1.0 / (next * after);
    place = after;
    for (const LaneReal inverse : {both * after, both * next}) {
      term = term * (x * inverse);
      harmonic = harmonic + inverse;
      part = term * harmonic;
      sum = select(more, sum + term, sum);
      slope = select(more, slope + part, slope);
    }
    more = more & counts;
  }
  return gamma_grad_of(a, x, digamma_above, sum.value, slope.value);
}

// 16 points of Gauss on [-1, 1]
constexpr std::array<double, 8> gauss_node = {0.0950125098376374401853193354250, 0.2816035507792589132304605014605,
                                              0.4580167776572273863424194429836, 0.6178762444026437484466717640488,
                                              0.7554044083550030338951011948474, 0.8656312023878317438804678977124,
                                              0.9445750230732325760779884155346, 0.9894009349916499325961541734503};
constexpr std::array<double, 8> gauss_weight = {0.1894506104550684962853967232083, 0.1826034150449235888667636679692,
                                                0.1691565193950025381893120790304, 0.1495959888165767320815017305475,
                                                0.1246289712555338720524762821920, 0.0951585116824927848099251076022,
                                                0.0622535239386478928628438369944, 0.0271524594117540948517805724560};

LaneReal versine(LaneReal t) {  // 1 - cos t, which keeps its digits near 0
  const LaneReal s = sin(0.5 * t);
  return 2.0 * s * s;
}

// e^-κ √(κ + 8) I0(κ) as a polynomial in t = (κ - 8)/(κ + 8) to 1e-15: a Chebyshev fit, as in stdlib/distributions.alea.
constexpr std::array<double, 39> bessel_fit = {
    0.5737271274274011,    -0.30765090439202813,    0.2504878895859335,      -0.23075664079877292,  0.22966973196503407,
    -0.24484020470707749,  0.27554051498905685,     -0.3091234848477049,     0.3067643612222123,    -0.2156933033401104,
    0.034211354083898436,  0.1255159047805207,      -0.11517456715102718,    -0.03897427784155493,  0.10806980720659783,
    0.009245927964725089,  -0.0926394971423735,     -0.010966384516651616,   0.08027806451499468,   0.02794860958951073,
    -0.0662206539384703,   -0.0498779229540476,     0.04610560297907921,     0.06652098727926607,   -0.021554924270656785,
    -0.06925484575005435,  -0.00010477578319067761, 0.05649030875463162,     0.01167973036658222,   -0.035464514532413144,
    -0.012325885989176265, 0.01653542373402347,     0.007424849752031979,    -0.005385298223444287, -0.002824229990699114,
    0.0010917733331881336, 0.0006350026705627749,   -0.00010357570438492701, -6.479992397973512e-05};

// 1 - I1(κ)/I0(κ) = -(log (e^-κ I0(κ)))'
LaneReal bessel_ratio_rest(LaneReal concentration) {
  const LaneReal inverse = 1.0 / (concentration + 8.0), t = (concentration - 8.0) * inverse;
  LaneReal p = constant_like(t, bessel_fit.back()), slope = constant_like(t, 0);
  for (size_t k = bessel_fit.size() - 1; k-- > 0;) {
    slope = fma(slope, t, p);
    p = fma(p, t, bessel_fit[k]);
  }
  return inverse * (0.5 - 16.0 * inverse * (slope / p));
}

// -(∂F/∂κ)/p(x) = -∫ (cos t - A) e^(κ (cos t - cos x)) dt, A the mean of cos, over [-pi, x] or, which differs by nothing
// because the whole integral is 0, over [0, x]: the latter near the middle, else the former as far as the integrand is not
// below e^-45. For x ≤ 0; odd in x. cos t - A is taken as (1 - A) - (1 - cos t).
LaneReal von_mises_grad_lanes(LaneReal concentration, LaneReal x) {
  const LaneReal at_x = versine(x), rest = bessel_ratio_rest(concentration);
  const auto middle = concentration * at_x < 2.0;
  const LaneReal lowest = at_x + 45.0 / concentration;
  const LaneReal least = 0.5 * select(lowest < 2.0, lowest, 2.0);
  const LaneReal low = select(least < 1.0, -2.0 * asin(sqrt(least)), -pi);
  const LaneReal from = select(middle, 0.0, low);
  constexpr int panels = 4;
  const LaneReal half = (x - from) * (0.5 / panels);
  LaneReal sum = constant_like(x, 0);
  for (int panel = 0; panel < panels; ++panel)
    for (size_t i = 0; i < gauss_node.size(); ++i)
      for (const double side : {-1.0, 1.0}) {
        const LaneReal v = versine(fma(half, 2 * panel + 1 + side * gauss_node[i], from));
        sum = fma(gauss_weight[i] * exp(concentration * (at_x - v)), rest - v, sum);
      }
  return -half * sum;
}

// out[i] = function(x[i]), four at a time.
template <class T, class Function>
void map(int64_t count, const T* x, T* out, Function function) {
  using B = LaneBuilder;
  B builder;
  for (int64_t i = 0; i < count; i += lanes) {
    const int64_t used = std::min<int64_t>(lanes, count - i);
    typename B::Value piece = builder.constant(1);
    for (int64_t k = 0; k < used; ++k) piece[k] = static_cast<double>(x[i + k]);
    const typename B::Value result = function(elementary::Real<B>{&builder, piece}).value;
    for (int64_t k = 0; k < used; ++k) out[i + k] = static_cast<T>(result[k]);
  }
}

// One lane of a buffer [size][lanes] as doubles, and back.
template <class T>
void take(int64_t size, int64_t lanes, int64_t lane, const T* from, std::vector<double>& to) {
  to.resize(static_cast<size_t>(size));
  for (int64_t i = 0; i < size; ++i) to[static_cast<size_t>(i)] = static_cast<double>(from[i * lanes + lane]);
}
template <class T>
void put(int64_t size, int64_t lanes, int64_t lane, const std::vector<double>& from, T* to) {
  for (int64_t i = 0; i < size; ++i) to[i * lanes + lane] = static_cast<T>(from[static_cast<size_t>(i)]);
}

template <class T, class Solve>
void each_system(int64_t n, int64_t columns, int64_t lanes, const T* a, const T* b, T* x, Solve solve) {
  std::vector<double> matrix, right, result(static_cast<size_t>(n * columns));
  for (int64_t lane = 0; lane < lanes; ++lane) {
    take(n * n, lanes, lane, a, matrix);
    take(n * columns, lanes, lane, b, right);
    solve(matrix.data(), right.data(), result.data());
    put(n * columns, lanes, lane, result, x);
  }
}

// Positions in ascending order, NaN last, equals as they stand.
template <class T>
std::vector<int64_t> ascending(int64_t n, int64_t lanes, int64_t lane, const T* x) {
  std::vector<int64_t> order(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) order[static_cast<size_t>(i)] = i;
  std::stable_sort(order.begin(), order.end(), [&](int64_t i, int64_t j) {
    const T a = x[i * lanes + lane], b = x[j * lanes + lane];
    return a < b || (b != b && a == a);
  });
  return order;
}

}  // namespace

namespace {

// The tail Q/p = G gives (∂Q/∂a)/p = G (log x - ψ(a)) + ∂G/∂a. Beyond 1e9 the leading terms of x = a + √a z + … are enough.
double gamma_grad_elsewhere(double a, double x) {
  if (!(a > 0) || !(x >= 0)) return nan;
  if (x == 0) return 0;
  if (a > 1e9) return 0.5 * (1 + x / a);
  const FractionSum fraction = upper_fraction(a, x);
  return std::fma(fraction.value, apply(Op::log, x) - apply(Op::digamma, a), fraction.derivative);
}

// The numbers as doubles; ones where there are no more. Whole pieces are read as such.
template <class T>
LaneReal load(LaneBuilder& builder, const T* from, int64_t count) {
  LaneReal result{&builder, builder.constant(1)};
  if (count >= lanes)
    for (int k = 0; k < lanes; ++k) result.value[k] = static_cast<double>(from[k]);
  else
    for (int64_t k = 0; k < count; ++k) result.value[k] = static_cast<double>(from[k]);
  return result;
}

auto shapes_in_range(LaneReal a) { return (0.0 < a) & (a <= 1e9); }
// Where the sums do not cancel.
auto is_summed(LaneReal a, LaneReal x) { return shapes_in_range(a) & (0.0 < x) & (x <= fma(sqrt(a), 4.0, a + 1.0)); }

// Results to memory, those where the sums cancel by other means.
template <class T, class Mask>
void store_gamma_grads(int64_t count, LaneReal result, Mask summed, const T* shape, const T* x, T* out) {
  if (count >= lanes)
    for (int k = 0; k < lanes; ++k) out[k] = static_cast<T>(result.value[k]);
  else
    for (int64_t k = 0; k < count; ++k) out[k] = static_cast<T>(result.value[k]);
  if (!any((!summed).value)) return;
  for (int64_t k = 0; k < std::min<int64_t>(count, lanes); ++k)
    if (summed.value[k] == 0)
      out[k] = static_cast<T>(gamma_grad_elsewhere(static_cast<double>(shape[k]), static_cast<double>(x[k])));
}

// One small shape for all.
template <class T>
[[gnu::flatten]] void gamma_grads_of_one(int64_t count, const T* shape, const T* x, T* out) {
  constexpr size_t pieces = 4;
  LaneBuilder builder;
  const LaneReal a{&builder, builder.constant(static_cast<double>(shape[0]))}, digamma_above = elementary::digamma(a + 1.0);
  const SeriesCoefficients series = make_coefficients(a);
  for (int64_t i = 0; i < count; i += lanes * static_cast<int64_t>(pieces)) {
    std::array<Lanes, pieces> value;
    std::array<decltype(is_summed(a, a)), pieces> summed;
    for (size_t k = 0; k < pieces; ++k) {
      const int64_t at = i + lanes * static_cast<int64_t>(k);
      const LaneReal loaded = load(builder, x + at, count - at);
      summed[k] = is_summed(a, loaded);
      value[k] = select(summed[k], loaded, 1e-3).value;
    }
    const SeriesSums<pieces> sums = evaluate(series, value);
    for (size_t k = 0; k < pieces; ++k) {
      const int64_t at = i + lanes * static_cast<int64_t>(k);
      if (at >= count) break;
      const LaneReal result = gamma_grad_of(a, {&builder, value[k]}, digamma_above, sums.sum[k], sums.slope[k]);
      store_gamma_grads(count - at, result, summed[k], shape + at, x + at, out + at);
    }
  }
}

template <class T>
[[gnu::flatten]] void gamma_grads_of_many(int64_t count, const T* shape, const T* x, T* out) {
  LaneBuilder builder;
  LaneReal last{&builder, builder.constant(nan)}, digamma_above = last;
  for (int64_t i = 0; i < count; i += lanes) {
    LaneReal a = load(builder, shape + i, count - i), value = load(builder, x + i, count - i);
    const auto summed = is_summed(a, value);
    a = select(shapes_in_range(a), a, 1.0);
    value = select(summed, value, 1e-3);
    if (any((!(a == last)).value)) {
      last = a;
      digamma_above = elementary::digamma(a + 1.0);
    }
    // A lane of the other kind runs along with harmless numbers.
    const auto large = constant_like(a, largest_polynomial_shape) < a;
    LaneReal result = value;
    if (any(large.value)) result = gamma_grad_series(select(large, a, 1.0), select(large, value, 1e-3), digamma_above);
    if (any((!large).value)) {
      const LaneReal small = select(large, 1.0, a);
      const SeriesSums<1> sums = evaluate<1>(make_coefficients(small), {value.value});
      result = select(large, result, gamma_grad_of(small, value, digamma_above, sums.sum[0], sums.slope[0]));
    }
    store_gamma_grads(count - i, result, summed, shape + i, x + i, out + i);
  }
}

// out[i] = dx/dshape: the same bits whatever stands beside a number.
template <class T>
void gamma_grads(int64_t count, const T* shape, const T* x, T* out) {
  const bool one = std::all_of(shape, shape + count, [&](T other) { return other == shape[0]; });
  if (one && shape[0] > 0 && shape[0] <= static_cast<T>(largest_polynomial_shape)) gamma_grads_of_one(count, shape, x, out);
  else gamma_grads_of_many(count, shape, x, out);
}

template <class T>
void von_mises_grads(int64_t count, const T* concentration, const T* x, T* out) {
  LaneBuilder builder;
  for (int64_t i = 0; i < count; i += lanes) {
    const int64_t used = std::min<int64_t>(lanes, count - i);
    LaneReal k{&builder, builder.constant(1)}, left{&builder, builder.constant(0)};
    for (int64_t lane = 0; lane < used; ++lane) {
      k.value[lane] = static_cast<double>(concentration[i + lane]);
      left.value[lane] = -std::min(std::fabs(static_cast<double>(x[i + lane])), pi);
    }
    const LaneReal result = von_mises_grad_lanes(k, left);
    for (int64_t lane = 0; lane < used; ++lane) {
      const auto at = static_cast<double>(x[i + lane]);
      const bool valid = k.value[lane] >= 0 && std::fabs(at) <= 3.15;
      const double one = at > 0 ? -result.value[lane] : result.value[lane];
      out[i + lane] = static_cast<T>(valid ? one : nan);
    }
  }
}

}  // namespace

double gamma_grad(double shape, double x) {
  double result = 0;
  gamma_grads<double>(1, &shape, &x, &result);
  return result;
}
double von_mises_grad(double concentration, double x) {
  double result = 0;
  von_mises_grads<double>(1, &concentration, &x, &result);
  return result;
}

template <class T>
void lgamma(int64_t count, const T* x, T* out) {
  map(count, x, out, [](auto value) { return elementary::lgamma(value); });
}
template <class T>
void digamma(int64_t count, const T* x, T* out) {
  map(count, x, out, [](auto value) { return elementary::digamma(value); });
}
template <class T>
void trigamma(int64_t count, const T* x, T* out) {
  map(count, x, out, [](auto value) { return elementary::trigamma(value); });
}
template <class T>
void gamma_grad(int64_t count, const T* shape, const T* x, T* out) {
  gamma_grads(count, shape, x, out);
}
template <class T>
void von_mises_grad(int64_t count, const T* concentration, const T* x, T* out) {
  von_mises_grads(count, concentration, x, out);
}

template <class T>
void cholesky(int64_t n, int64_t lanes, const T* a, T* lower) {
  std::vector<double> matrix, factor(static_cast<size_t>(n * n));
  for (int64_t lane = 0; lane < lanes; ++lane) {
    take(n * n, lanes, lane, a, matrix);
    cholesky_factor(n, matrix.data(), factor.data());
    put(n * n, lanes, lane, factor, lower);
  }
}
template <class T>
void solve(int64_t n, int64_t columns, int64_t lanes, const T* a, const T* b, T* x) {
  std::vector<double> work(static_cast<size_t>(n * n));
  each_system(n, columns, lanes, a, b, x, [&](const double* matrix, const double* right, double* result) {
    solve_system(n, columns, matrix, right, result, work.data());
  });
}
template <class T>
void solve_lower(int64_t n, int64_t columns, int64_t lanes, const T* a, const T* b, T* x) {
  each_system(n, columns, lanes, a, b, x, [&](const double* matrix, const double* right, double* result) {
    solve_triangular(true, n, columns, matrix, right, result);
  });
}
template <class T>
void solve_upper(int64_t n, int64_t columns, int64_t lanes, const T* a, const T* b, T* x) {
  each_system(n, columns, lanes, a, b, x, [&](const double* matrix, const double* right, double* result) {
    solve_triangular(false, n, columns, matrix, right, result);
  });
}
template <class T>
void logdet(int64_t n, int64_t lanes, const T* a, T* out) {
  std::vector<double> matrix, diagonal(static_cast<size_t>(n)), work(static_cast<size_t>(n * n));
  for (int64_t lane = 0; lane < lanes; ++lane) {
    take(n * n, lanes, lane, a, matrix);
    elimination_diagonal(n, matrix.data(), diagonal.data(), work.data());
    double sum = 0;
    for (const double pivot : diagonal) sum += apply(Op::log, std::fabs(pivot));
    out[lane] = static_cast<T>(sum);
  }
}

template <class T>
void sort(int64_t n, int64_t lanes, const T* x, T* out) {
  for (int64_t lane = 0; lane < lanes; ++lane) {
    int64_t to = 0;
    for (const int64_t from : ascending(n, lanes, lane, x)) out[to++ * lanes + lane] = x[from * lanes + lane];
  }
}
template <class T>
void argsort(int64_t n, int64_t lanes, const T* x, T* out) {
  for (int64_t lane = 0; lane < lanes; ++lane) {
    int64_t to = 0;
    for (const int64_t from : ascending(n, lanes, lane, x)) out[to++ * lanes + lane] = static_cast<T>(from);
  }
}

#define INSTANTIATE(T)                                                          \
  template void lgamma(int64_t, const T*, T*);                                  \
  template void digamma(int64_t, const T*, T*);                                 \
  template void trigamma(int64_t, const T*, T*);                                \
  template void gamma_grad(int64_t, const T*, const T*, T*);                    \
  template void von_mises_grad(int64_t, const T*, const T*, T*);                \
  template void cholesky(int64_t, int64_t, const T*, T*);                       \
  template void solve(int64_t, int64_t, int64_t, const T*, const T*, T*);       \
  template void solve_lower(int64_t, int64_t, int64_t, const T*, const T*, T*); \
  template void solve_upper(int64_t, int64_t, int64_t, const T*, const T*, T*); \
  template void logdet(int64_t, int64_t, const T*, T*);                         \
  template void sort(int64_t, int64_t, const T*, T*);                           \
  template void argsort(int64_t, int64_t, const T*, T*);
INSTANTIATE(double)
INSTANTIATE(float)
#undef INSTANTIATE

}  // namespace alea::rare
