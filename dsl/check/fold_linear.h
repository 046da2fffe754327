// Linear algebra on constants: row-major matrices in, out. Empty where there is no result (a singular
// matrix, one that is not positive definite).
#pragma once
#include <optional>
#include <vector>

namespace alea::check {

using Matrix = std::vector<double>;  // row-major

Matrix multiply(const Matrix& a, const Matrix& b, size_t rows, size_t inner, size_t columns);
std::optional<Matrix> cholesky(const Matrix& a, size_t n);                                // lower; reads the lower triangle
std::optional<Matrix> solve(const Matrix& a, const Matrix& b, size_t n, size_t columns);  // a x = b
std::optional<Matrix> solve_triangular(const Matrix& a, const Matrix& b, size_t n, size_t columns, bool lower);
double log_abs_determinant(const Matrix& a, size_t n);

}  // namespace alea::check
