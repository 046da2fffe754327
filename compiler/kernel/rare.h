// Functions too long for inlining: native code calls the forms over arrays, constant folding and the interpreter
// those of one number; both give the same bits. In: any arguments (pointers to `count` numbers, or buffers
// [element][lane]). Out: as elementary.h; in single precision computed in double and rounded.
#pragma once
#include <cstdint>

namespace alea::rare {

// dx/dshape of a gamma(shape, 1) draw x at fixed CDF: -(∂F/∂shape) / density. Within 1e-8 for shapes 1e-3 … 1e4.
double gamma_grad(double shape, double x);
// dx/dconcentration of a centred von Mises draw x in [-pi, pi] at fixed CDF.
double von_mises_grad(double concentration, double x);

// T is double or float throughout.
template <class T>
void lgamma(int64_t count, const T* x, T* out);
template <class T>
void digamma(int64_t count, const T* x, T* out);
template <class T>
void trigamma(int64_t count, const T* x, T* out);
template <class T>
void gamma_grad(int64_t count, const T* shape, const T* x, T* out);
template <class T>
void von_mises_grad(int64_t count, const T* concentration, const T* x, T* out);

// Matrices [n][n][lanes] and right-hand sides [n][columns][lanes], one system a lane; the operations of
// compiler/graph/linear.h. Operands and results do not overlap.
template <class T>
void cholesky(int64_t n, int64_t lanes, const T* a, T* lower);
template <class T>
void solve(int64_t n, int64_t columns, int64_t lanes, const T* a, const T* b, T* x);
template <class T>
void solve_lower(int64_t n, int64_t columns, int64_t lanes, const T* a, const T* b, T* x);
template <class T>
void solve_upper(int64_t n, int64_t columns, int64_t lanes, const T* a, const T* b, T* x);
template <class T>
void logdet(int64_t n, int64_t lanes, const T* a, T* out);  // out[lanes]

// x[n][lanes], each lane by itself: ascending, NaN last; argsort gives the (stable) order of indices.
template <class T>
void sort(int64_t n, int64_t lanes, const T* x, T* out);
template <class T>
void argsort(int64_t n, int64_t lanes, const T* x, T* out);

}  // namespace alea::rare
