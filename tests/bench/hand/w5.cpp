// W5, 64 relaxed categorical variables through a network 640-128-1. 64 samples a block. The products with the large weight
// matrix run over vectors of samples in tiles of eight rows by two vectors; its gradient sums over samples, with vectors along
// the inputs, from transposed activations, so that it is a plain matrix and never a sum over lanes.
#include "tests/bench/hand/products.h"

namespace alea::bench {

namespace {

constexpr int block = 64, variables = 64, categories = 10, n = variables * categories, m = 128;
constexpr int weights = n, bias = weights + m * n, last = bias + m, last_bias = last + m, params = last_bias + 1;

template <class T>
struct Work {
  T noise[n][block];
  T y[n][block], by_y[n][block], h[m][block], z[m][block];
  T turned[block][n];  // y, samples first
  T by_weights[m][n];
};

template <class T>
void gradient(const HandTask& task) {
  using V = Vector<T>;
  auto& work = *static_cast<Work<T>*>(task.workspace);
  const T* p = static_cast<const T*>(task.params);
  fill<T, false>(task.keys[0], task.first_sample, n, work.noise[0]);
  // y = softmax((logits + g) / 0.5), g = -log(-log u): e^(2 (l + g)) = e^(2 l) / (log u)²
  for (int j = 0; j < variables; ++j) {
    V scale[categories];
    for (int k = 0; k < categories; ++k)
      scale[k] = splat(static_cast<T>(__builtin_exp(2 * static_cast<double>(p[j * categories + k]))));
    for (int at = 0; at < block; at += lanes<T>) {
      V e[categories], sum{};
#pragma GCC unroll 10
      for (int k = 0; k < categories; ++k) {
        const V l = logarithm(load(&work.noise[j * categories + k][at]));
        e[k] = scale[k] / (l * l);
        sum += e[k];
      }
      const V inverse = 1 / sum;
#pragma GCC unroll 10
      for (int k = 0; k < categories; ++k) store(&work.y[j * categories + k][at], e[k] * inverse);
    }
  }
  constexpr int rows = 8, vectors = 2, part = vectors * lanes<T>;
  V out[block / lanes<T>];
  for (V& o : out) o = splat(p[last_bias]);
  for (int j = 0; j < m; j += rows)
    for (int at = 0; at < block; at += part) {
      V sums[rows][vectors];
      for (int r = 0; r < rows; ++r)
        for (int v = 0; v < vectors; ++v) sums[r][v] = splat(p[bias + j + r]);
      multiply<T, rows, vectors>(sums, p + weights + j * n, n, 1, n, &work.y[0][at], block);
      for (int r = 0; r < rows; ++r)
        for (int v = 0; v < vectors; ++v) {
          const V h = hyperbolic_tangent(sums[r][v]);
          store(&work.h[j + r][at + v * lanes<T>], h);
          out[at / lanes<T> + v] += p[last + j + r] * h;
        }
    }
  double* sums = task.sums;
  sums[0] = sums[1 + last_bias] = 0;
  for (V& o : out) {
    const V error = o - 1;
    sums[0] += sum_of_lanes<T>(error * error);
    o = 2 * error;
    sums[1 + last_bias] += sum_of_lanes<T>(o);
  }
  for (int j = 0; j < m; ++j) {
    V of_bias{}, of_last{};
    for (int at = 0; at < block; at += lanes<T>) {
      const V h = load(&work.h[j][at]), g = out[at / lanes<T>], z = p[last + j] * g * (1 - h * h);
      store(&work.z[j][at], z);
      of_bias += z;
      of_last += g * h;
    }
    sums[1 + bias + j] = sum_of_lanes<T>(of_bias);
    sums[1 + last + j] = sum_of_lanes<T>(of_last);
  }
  for (int i = 0; i < n; i += rows)
    for (int at = 0; at < block; at += part) {
      V tile[rows][vectors]{};
      multiply<T, rows, vectors>(tile, p + weights + i, 1, n, m, &work.z[0][at], block);
      for (int r = 0; r < rows; ++r)
        for (int v = 0; v < vectors; ++v) store(&work.by_y[i + r][at + v * lanes<T>], tile[r][v]);
    }
  // d logits = 2 y (dy - Σ_k y dy)
  for (int j = 0; j < variables; ++j) {
    V of[categories]{};
    for (int at = 0; at < block; at += lanes<T>) {
      V mean{};
      for (int k = 0; k < categories; ++k)
        mean += load(&work.y[j * categories + k][at]) * load(&work.by_y[j * categories + k][at]);
      for (int k = 0; k < categories; ++k)
        of[k] += load(&work.y[j * categories + k][at]) * (load(&work.by_y[j * categories + k][at]) - mean);
    }
    for (int k = 0; k < categories; ++k) sums[1 + j * categories + k] = 2 * sum_of_lanes<T>(of[k]);
  }
  for (int i = 0; i < n; i += 8)
    for (int s = 0; s < block; s += 8)
      for (int a = 0; a < 8; ++a)
        for (int b = 0; b < 8; ++b) work.turned[s + a][i + b] = work.y[i + b][s + a];
  for (int j = 0; j < m; j += rows)
    for (int i = 0; i < n; i += part) {
      V tile[rows][vectors]{};
      multiply<T, rows, vectors>(tile, work.z[j], block, 1, block, &work.turned[0][i], n);
      for (int r = 0; r < rows; ++r)
        for (int v = 0; v < vectors; ++v) store(&work.by_weights[j + r][i + v * lanes<T>], tile[r][v]);
    }
  const T* from = work.by_weights[0];
  for (int k = 0; k < m * n; ++k) sums[1 + weights + k] = static_cast<double>(from[k]);
}

}  // namespace

const HandKernel hand_w5 = {block, gradient<double>, gradient<float>, sizeof(Work<double>)};

}  // namespace alea::bench
