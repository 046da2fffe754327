// W8, a network 64-256-256-8 on normal noise. 64 samples a block. Products run over vectors of samples in tiles of eight rows by
// two vectors; the weights' gradients sum over samples, with vectors along the inputs, from transposed activations.
#include "tests/bench/hand/products.h"

namespace alea::bench {

namespace {

constexpr int block = 64, n0 = 64, n = 256, n3 = 8, rows = 8, vectors = 2;
constexpr int first_bias = n * n0, second = first_bias + n, second_bias = second + n * n, last = second_bias + n,
              last_bias = last + n3 * n, params = last_bias + n3;

template <class T>
struct Work {
  T x[n0][block], h1[n][block], h2[n][block], z1[n][block], z2[n][block], z3[n3][block];
  T turned[block][n];
};

// out[j] = Σ_i w[j row_stride + i step] in[i] (+ bias[j]), passed on to `finish`
template <class T, class Finish>
ALEA_INLINE void layer(const T* w, int64_t row_stride, int64_t step, const T* bias, int outputs, int inputs, const T (*in)[block],
                       Finish finish) {
  constexpr int part = vectors * lanes<T>;
  for (int j = 0; j < outputs; j += rows)
    for (int at = 0; at < block; at += part) {
      Vector<T> sums[rows][vectors];
      for (int r = 0; r < rows; ++r)
        for (int v = 0; v < vectors; ++v) sums[r][v] = splat(bias == nullptr ? T(0) : bias[j + r]);
      multiply<T, rows, vectors>(sums, w + j * row_stride, row_stride, step, inputs, &in[0][at], block);
      for (int r = 0; r < rows; ++r)
        for (int v = 0; v < vectors; ++v) finish(j + r, at + v * lanes<T>, sums[r][v]);
    }
}

// sums[j inputs + i] = Σ_s z[j][s] in[i][s]
template <class T>
void add_weights(Work<T>& work, const T (*z)[block], const T (*in)[block], int outputs, int inputs, double* sums) {
  constexpr int part = vectors * lanes<T>;
  for (int i = 0; i < inputs; i += 8)
    for (int s = 0; s < block; s += 8)
      for (int a = 0; a < 8; ++a)
        for (int b = 0; b < 8; ++b) work.turned[s + a][i + b] = in[i + b][s + a];
  for (int j = 0; j < outputs; j += rows)
    for (int i = 0; i < inputs; i += part) {
      Vector<T> tile[rows][vectors]{};
      multiply<T, rows, vectors>(tile, z[j], block, 1, block, &work.turned[0][i], n);
      for (int r = 0; r < rows; ++r)
        for (int v = 0; v < vectors; ++v) {
          if constexpr (sizeof(T) == 8) __builtin_memcpy(sums + (j + r) * inputs + i + v * lanes<T>, &tile[r][v], vector_bytes);
          else
            for (int l = 0; l < lanes<T>; ++l) sums[(j + r) * inputs + i + v * lanes<T> + l] = static_cast<double>(tile[r][v][l]);
        }
    }
}

template <class T>
void add_bias(const T (*z)[block], int outputs, double* sums) {
  for (int j = 0; j < outputs; ++j) {
    Vector<T> sum{};
    for (int at = 0; at < block; at += lanes<T>) sum += load(&z[j][at]);
    sums[j] = sum_of_lanes<T>(sum);
  }
}

template <class T>
void gradient(const HandTask& task) {
  using V = Vector<T>;
  auto& work = *static_cast<Work<T>*>(task.workspace);
  const T* p = static_cast<const T*>(task.params);
  fill<T, true>(task.keys[0], task.first_sample, n0, work.x[0]);
  layer<T>(p, n0, 1, p + first_bias, n, n0, work.x,
           [&](int j, int at, V sum) { store(&work.h1[j][at], hyperbolic_tangent(sum)); });
  layer<T>(p + second, n, 1, p + second_bias, n, n, work.h1,
           [&](int j, int at, V sum) { store(&work.h2[j][at], hyperbolic_tangent(sum)); });
  V total{};
  layer<T>(p + last, n, 1, p + last_bias, n3, n, work.h2, [&](int j, int at, V sum) {
    const V error = sum - sine_cosine(load(&work.x[j][at])).sine;
    total += error * error;
    store(&work.z3[j][at], 2 * error);
  });
  layer<T>(p + last, 1, n, nullptr, n, n3, work.z3, [&](int j, int at, V sum) {
    const V h = load(&work.h2[j][at]);
    store(&work.z2[j][at], sum * (1 - h * h));
  });
  layer<T>(p + second, 1, n, nullptr, n, n, work.z2, [&](int j, int at, V sum) {
    const V h = load(&work.h1[j][at]);
    store(&work.z1[j][at], sum * (1 - h * h));
  });
  double* sums = task.sums + 1;
  task.sums[0] = sum_of_lanes<T>(total);
  add_weights(work, work.z1, work.x, n, n0, sums);
  add_bias(work.z1, n, sums + first_bias);
  add_weights(work, work.z2, work.h1, n, n, sums + second);
  add_bias(work.z2, n, sums + second_bias);
  add_weights(work, work.z3, work.h2, n3, n, sums + last);
  add_bias(work.z3, n3, sums + last_bias);
}

}  // namespace

const HandKernel hand_w8 = {block, gradient<double>, gradient<float>, sizeof(Work<double>)};

}  // namespace alea::bench
