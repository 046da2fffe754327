// Small dense linear algebra on row-major arrays, one matrix at a time: what the operations matmul, cholesky,
// solve and logdet mean, in which order they round. Products are accumulated with fused multiply-add in index
// order from zero. A singular or indefinite matrix gives NaN or infinity, never a trap.
#pragma once
#include <cstdint>

namespace alea {

// c[rows, columns] = a[rows, inner] b[inner, columns]
void matrix_product(int64_t rows, int64_t inner, int64_t columns, const double* a, const double* b, double* c);
// Lower L with L Lᵀ = a; reads the lower triangle, writes zeros above the diagonal.
void cholesky_factor(int64_t n, const double* a, double* lower);
// x[n, columns] with a x = b, by elimination with partial pivoting. `work` holds n*n values.
void solve_system(int64_t n, int64_t columns, const double* a, const double* b, double* x, double* work);
// The same for a triangular matrix, of which only that triangle is read.
void solve_triangular(bool lower, int64_t n, int64_t columns, const double* a, const double* b, double* x);
// The diagonal of U in P a = L U, into `diagonal[n]`. `work` holds n*n values.
void elimination_diagonal(int64_t n, const double* a, double* diagonal, double* work);

}  // namespace alea
