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

constexpr int lanes = 4;
using LaneBuilder = elementary::VectorBuilder<double, lanes>;
using Lanes = LaneBuilder::Value;
using LaneReal = elementary::Real<LaneBuilder>;

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
