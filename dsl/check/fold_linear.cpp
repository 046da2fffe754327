// Textbook algorithms: constants are small, and run-time matrices never come here.
#include "dsl/check/fold_linear.h"

#include <cmath>
#include <limits>
#include <utility>

namespace alea::check {

Matrix multiply(const Matrix& a, const Matrix& b, size_t rows, size_t inner, size_t columns) {
  Matrix c(rows * columns, 0.0);
  for (size_t i = 0; i < rows; ++i)
    for (size_t k = 0; k < inner; ++k)
      for (size_t j = 0; j < columns; ++j) c[i * columns + j] += a[i * inner + k] * b[k * columns + j];
  return c;
}

std::optional<Matrix> cholesky(const Matrix& a, size_t n) {
  Matrix l(n * n, 0.0);
  for (size_t j = 0; j < n; ++j) {
    double pivot = a[j * n + j];
    for (size_t k = 0; k < j; ++k) pivot -= l[j * n + k] * l[j * n + k];
    if (!(pivot > 0)) return std::nullopt;
    l[j * n + j] = std::sqrt(pivot);
    for (size_t i = j + 1; i < n; ++i) {
      double sum = a[i * n + j];
      for (size_t k = 0; k < j; ++k) sum -= l[i * n + k] * l[j * n + k];
      l[i * n + j] = sum / l[j * n + j];
    }
  }
  return l;
}

namespace {

struct Factors {
  Matrix lu;                  // L below the diagonal (unit), U on and above it
  std::vector<size_t> order;  // row i of LU is row order[i] of A
  bool singular = false;
};

Factors factor(const Matrix& a, size_t n) {
  Factors f{a, std::vector<size_t>(n)};
  for (size_t i = 0; i < n; ++i) f.order[i] = i;
  for (size_t k = 0; k < n; ++k) {
    size_t pivot = k;
    for (size_t i = k + 1; i < n; ++i)
      if (std::fabs(f.lu[i * n + k]) > std::fabs(f.lu[pivot * n + k])) pivot = i;
    if (!(std::fabs(f.lu[pivot * n + k]) > 0)) {
      f.singular = true;
      return f;
    }
    if (pivot != k) {
      std::swap(f.order[k], f.order[pivot]);
      for (size_t j = 0; j < n; ++j) std::swap(f.lu[k * n + j], f.lu[pivot * n + j]);
    }
    for (size_t i = k + 1; i < n; ++i) {
      const double ratio = f.lu[i * n + k] /= f.lu[k * n + k];
      for (size_t j = k + 1; j < n; ++j) f.lu[i * n + j] -= ratio * f.lu[k * n + j];
    }
  }
  return f;
}

// Solves with the triangle of `a` in place; a unit diagonal is not read.
bool substitute(const Matrix& a, Matrix& x, size_t n, size_t columns, bool lower, bool unit) {
  for (size_t step = 0; step < n; ++step) {
    const size_t i = lower ? step : n - 1 - step;
    for (size_t c = 0; c < columns; ++c) {
      double sum = x[i * columns + c];
      for (size_t k = lower ? 0 : i + 1; k < (lower ? i : n); ++k) sum -= a[i * n + k] * x[k * columns + c];
      if (!unit) {
        if (a[i * n + i] == 0) return false;
        sum /= a[i * n + i];
      }
      x[i * columns + c] = sum;
    }
  }
  return true;
}

}  // namespace

std::optional<Matrix> solve(const Matrix& a, const Matrix& b, size_t n, size_t columns) {
  const Factors f = factor(a, n);
  if (f.singular) return std::nullopt;
  Matrix x(n * columns);
  for (size_t i = 0; i < n; ++i)
    for (size_t c = 0; c < columns; ++c) x[i * columns + c] = b[f.order[i] * columns + c];
  substitute(f.lu, x, n, columns, true, true);
  substitute(f.lu, x, n, columns, false, false);
  return x;
}

std::optional<Matrix> solve_triangular(const Matrix& a, const Matrix& b, size_t n, size_t columns, bool lower) {
  Matrix x = b;
  if (!substitute(a, x, n, columns, lower, false)) return std::nullopt;
  return x;
}

double log_abs_determinant(const Matrix& a, size_t n) {
  const Factors f = factor(a, n);
  if (f.singular) return -std::numeric_limits<double>::infinity();
  double sum = 0;
  for (size_t i = 0; i < n; ++i) sum += std::log(std::fabs(f.lu[i * n + i]));
  return sum;
}

}  // namespace alea::check
