// Products in register tiles, for the hand-written gradients of networks and linear systems.
#pragma once
#include "tests/bench/hand/lanes.h"

namespace alea::bench {

namespace {

// Keeps a vector in its register; else the compiler loads it again for each of its uses.
template <class V>
ALEA_INLINE void hold(V& vector) {
  asm("" : "+v"(vector));
}

// sums[r][v] += Σ_k w[r row_stride + k step] x[k x_step + v]
template <class T, int rows, int vectors>
ALEA_INLINE void multiply(Vector<T> (&sums)[rows][vectors], const T* w, int64_t row_stride, int64_t step, int64_t count,
                          const T* x, int64_t x_step) {
  for (int64_t k = 0; k < count; ++k) {
    Vector<T> values[vectors];
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v) {
      values[v] = load(x + k * x_step + v * lanes<T>);
      hold(values[v]);
    }
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) {
      const Vector<T> weight = splat(w[r * row_stride + k * step]);
#pragma GCC unroll 8
      for (int v = 0; v < vectors; ++v) sums[r][v] += weight * values[v];
    }
  }
}

// sums[r][c] += Σ_k left[k left_step + r stride] right[k right_step + c stride], vectors throughout
template <class T, int rows, int columns>
ALEA_INLINE void multiply_lanes(Vector<T> (&sums)[rows][columns], const T* left, int64_t left_step, const T* right,
                                int64_t right_step, int64_t stride, int64_t count) {
  for (int64_t k = 0; k < count; ++k)
#pragma GCC unroll 1
    for (int64_t at = 0; at < stride; at += lanes<T>) {
      Vector<T> values[columns];
#pragma GCC unroll 8
      for (int c = 0; c < columns; ++c) {
        values[c] = load(right + k * right_step + c * stride + at);
        hold(values[c]);
      }
#pragma GCC unroll 8
      for (int r = 0; r < rows; ++r) {
        const Vector<T> value = load(left + k * left_step + r * stride + at);
#pragma GCC unroll 8
        for (int c = 0; c < columns; ++c) sums[r][c] += value * values[c];
      }
    }
}

}  // namespace

}  // namespace alea::bench
