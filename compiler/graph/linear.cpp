// The textbook loops: row-oriented Cholesky, Gaussian elimination with partial pivoting, substitution.
#include "compiler/graph/linear.h"

#include <algorithm>
#include <cmath>

namespace alea {

namespace {

// Eliminates below the diagonal of `u` in place, doing the same to the rows of `x`.
void eliminate(int64_t n, int64_t columns, double* u, double* x) {
  for (int64_t k = 0; k < n; ++k) {
    int64_t pivot = k;
    for (int64_t i = k + 1; i < n; ++i)
      if (std::fabs(u[i * n + k]) > std::fabs(u[pivot * n + k])) pivot = i;
    if (pivot != k) {
      std::swap_ranges(u + k * n, u + (k + 1) * n, u + pivot * n);
      std::swap_ranges(x + k * columns, x + (k + 1) * columns, x + pivot * columns);
    }
    for (int64_t i = k + 1; i < n; ++i) {
      const double factor = -(u[i * n + k] / u[k * n + k]);
      for (int64_t j = k + 1; j < n; ++j) u[i * n + j] = std::fma(factor, u[k * n + j], u[i * n + j]);
      for (int64_t j = 0; j < columns; ++j) x[i * columns + j] = std::fma(factor, x[k * columns + j], x[i * columns + j]);
    }
  }
}

}  // namespace

void matrix_product(int64_t rows, int64_t inner, int64_t columns, const double* a, const double* b, double* c) {
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) {
      double sum = 0;
      for (int64_t k = 0; k < inner; ++k) sum = std::fma(a[i * inner + k], b[k * columns + j], sum);
      c[i * columns + j] = sum;
    }
}

void cholesky_factor(int64_t n, const double* a, double* lower) {
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < n; ++j) {
      if (j > i) {
        lower[i * n + j] = 0;
        continue;
      }
      double rest = a[i * n + j];  // a_ij − Σ_{k<j} l_ik l_jk
      for (int64_t k = 0; k < j; ++k) rest = std::fma(-lower[i * n + k], lower[j * n + k], rest);
      lower[i * n + j] = i == j ? std::sqrt(rest) : rest / lower[j * n + j];
    }
}

void solve_triangular(bool is_lower, int64_t n, int64_t columns, const double* a, const double* b, double* x) {
  for (int64_t step = 0; step < n; ++step) {
    const int64_t i = is_lower ? step : n - 1 - step;
    for (int64_t j = 0; j < columns; ++j) {
      double rest = b[i * columns + j];
      for (int64_t k = is_lower ? 0 : i + 1; k < (is_lower ? i : n); ++k)
        rest = std::fma(-a[i * n + k], x[k * columns + j], rest);
      x[i * columns + j] = rest / a[i * n + i];
    }
  }
}

void solve_system(int64_t n, int64_t columns, const double* a, const double* b, double* x, double* work) {
  std::copy(a, a + n * n, work);
  std::copy(b, b + n * columns, x);
  eliminate(n, columns, work, x);
  for (int64_t i = n - 1; i >= 0; --i)
    for (int64_t j = 0; j < columns; ++j) {
      double rest = x[i * columns + j];
      for (int64_t k = i + 1; k < n; ++k) rest = std::fma(-work[i * n + k], x[k * columns + j], rest);
      x[i * columns + j] = rest / work[i * n + i];
    }
}

void elimination_diagonal(int64_t n, const double* a, double* diagonal, double* work) {
  std::copy(a, a + n * n, work);
  eliminate(n, 0, work, nullptr);
  for (int64_t i = 0; i < n; ++i) diagonal[i] = work[i * n + i];
}

}  // namespace alea
