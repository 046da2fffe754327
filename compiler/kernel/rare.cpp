// The forms over arrays run four doubles at a time; the last, shorter piece is padded with ones.
#include "compiler/kernel/rare.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
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

// Σ T_n and Σ T_n h_n with T_n = x^n / ((a+1) … (a+n)), h_n = 1/(a+1) + … + 1/(a+n)
FractionSum lower_series(double a, double x) {
  double term = 1, harmonic = 0, sum = 1, slope = 0;
  for (int n = 1; n < 10'000'000; ++n) {
    term *= x / (a + n);
    harmonic += 1 / (a + n);
    sum += term;
    slope += term * harmonic;
    if (term * std::max(harmonic, 1.0) <= 1e-17 * std::max(slope, sum * 1e-8) && a + n > x) break;
  }
  return {sum, slope};
}

// ∫ of f(t) e^(κ (cos t - cos x)) over [low, x] for f = 1 and f = 1 - cos t: 8 panels of 16 Gauss points.
struct VonMisesIntegrals {
  double one, versine;
};
VonMisesIntegrals von_mises_integrals(double concentration, double x) {
  constexpr std::array<double, 8> node = {0.0950125098376374, 0.2816035507792589, 0.4580167776572274, 0.6178762444026438,
                                          0.7554044083550030, 0.8656312023878318, 0.9445750230732326, 0.9894009349916499};
  constexpr std::array<double, 8> weight = {0.1894506104550685, 0.1826034150449236, 0.1691565193950025, 0.1495959888165767,
                                            0.1246289712555339, 0.0951585116824928, 0.0622535239386479, 0.0271524594117541};
  // 1 - cos t = 2 sin²(t/2), which keeps its digits near 0. Below `low` the integrand is under e^-45.
  const auto versine = [](double t) {
    const double s = apply(Op::sin, 0.5 * t);
    return 2 * s * s;
  };
  const double at_x = versine(x), lowest = at_x + 45 / concentration;
  const double low = lowest >= 2 ? -pi : -2 * apply(Op::asin, std::sqrt(0.5 * lowest));
  constexpr int panels = 8;
  const double half = (x - low) / (2 * panels);
  VonMisesIntegrals sum{0, 0};
  for (int panel = 0; panel < panels; ++panel)
    for (size_t i = 0; i < node.size(); ++i)
      for (const double side : {-1.0, 1.0}) {
        const double v = versine(low + half * (2 * panel + 1 + side * node[i]));
        const double mass = weight[i] * apply(Op::exp, concentration * (at_x - v));
        sum.one += mass;
        sum.versine += mass * v;
      }
  return {sum.one * half, sum.versine * half};
}

// out[i] = function(x[i]), four at a time.
template <class T, class Function>
void map(int64_t count, const T* x, T* out, Function function) {
  constexpr int lanes = 4;
  using B = elementary::VectorBuilder<double, lanes>;
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

// F = x^a e^-x / Γ(a+1) Σ T_n gives -(∂F/∂a)/p = -(x/a) [(log x - ψ(a+1)) Σ T_n - Σ T_n h_n]; the upper tail
// Q/p = G gives (∂Q/∂a)/p = G (log x - ψ(a)) + ∂G/∂a. Beyond 1e9 the leading terms of x = a + √a z + … are enough.
double gamma_grad(double a, double x) {
  if (!(a > 0) || !(x >= 0)) return nan;
  if (x == 0) return 0;
  if (a > 1e9) return 0.5 * (1 + x / a);
  const double logarithm = apply(Op::log, x);
  if (x <= a + 1 + 0.5 * std::sqrt(a)) {
    const FractionSum series = lower_series(a, x);
    return -(x / a) * ((logarithm - apply(Op::digamma, a + 1)) * series.value - series.derivative);
  }
  const FractionSum fraction = upper_fraction(a, x);
  return std::fma(fraction.value, logarithm - apply(Op::digamma, a), fraction.derivative);
}

// -(∂F/∂κ)/p(x) = -∫_{-pi}^x (cos t - A) e^(κ (cos t - cos x)) dt with A the mean of cos; for x ≤ 0, and odd in x.
// cos t - A is taken as (1 - A) - (1 - cos t).
double von_mises_grad(double concentration, double x) {
  if (!(concentration >= 0) || !(std::fabs(x) <= 3.15)) return nan;
  const double left = -std::min(std::fabs(x), pi);
  const VonMisesIntegrals whole = von_mises_integrals(concentration, 0), part = von_mises_integrals(concentration, left);
  const double magnitude = part.one * (whole.versine / whole.one) - part.versine;
  return x > 0 ? magnitude : -magnitude;
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
  for (int64_t i = 0; i < count; ++i)
    out[i] = static_cast<T>(gamma_grad(static_cast<double>(shape[i]), static_cast<double>(x[i])));
}
template <class T>
void von_mises_grad(int64_t count, const T* concentration, const T* x, T* out) {
  for (int64_t i = 0; i < count; ++i)
    out[i] = static_cast<T>(von_mises_grad(static_cast<double>(concentration[i]), static_cast<double>(x[i])));
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
