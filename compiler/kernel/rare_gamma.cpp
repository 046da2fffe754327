// The widest vectors that the processor has; and where vectors do not help.
#include "compiler/kernel/rare_gamma.h"

#include <cmath>

#include "compiler/kernel/elementary.h"

namespace alea::rare {

template <class T>
void gamma_grad_avx512(int64_t count, const T* shape, const T* x, T* out);

namespace {

using elementary::apply;

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

#if defined(__x86_64__)
bool has_avx512() {
  static const bool has = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                          __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  return has;
}
#endif

}  // namespace

// The tail Q/p = G gives (∂Q/∂a)/p = G (log x - ψ(a)) + ∂G/∂a. Beyond 1e9 the leading terms of x = a + √a z + … are enough.
double gamma_grad_elsewhere(double a, double x) {
  if (!(a > 0) || !(x >= 0)) return std::numeric_limits<double>::quiet_NaN();
  if (x == 0) return 0;
  if (a > 1e9) return 0.5 * (1 + x / a);
  const FractionSum fraction = upper_fraction(a, x);
  return std::fma(fraction.value, apply(Op::log, x) - apply(Op::digamma, a), fraction.derivative);
}

double gamma_grad(double shape, double x) {
  double result = 0;
  GammaGradient<4>::gamma_grads<double>(1, &shape, &x, &result);
  return result;
}

template <class T>
void gamma_grad(int64_t count, const T* shape, const T* x, T* out) {
#if defined(__x86_64__)
  if (has_avx512()) return gamma_grad_avx512(count, shape, x, out);
#endif
  GammaGradient<4>::gamma_grads(count, shape, x, out);
}
template void gamma_grad(int64_t, const double*, const double*, double*);
template void gamma_grad(int64_t, const float*, const float*, float*);

}  // namespace alea::rare
