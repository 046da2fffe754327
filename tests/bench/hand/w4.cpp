// W4, a linear system with quadratic costs: x' = A x + B K x + L z, cost x'x + 0.1 a'a. Four vectors of samples run side by side;
// products are tiles of four rows. A, B and L are those of the workload (its constants). The tape holds states
// and actions' adjoints, from which the gradient of K is a product over all steps.
#include "tests/bench/hand/products.h"

namespace alea::bench {

namespace {

constexpr int horizon = 100, block = 64, n = 16, m = 4, ahead = 20;

template <class T>
constexpr int width = 4 * lanes<T>;

template <class T>
struct Work {
  T noise[ahead][n][width<T>];
  T x[horizon + 1][n][width<T>], a[horizon][m][width<T>], by_a[horizon][m][width<T>];
  T adjoint[2][n][width<T>];
};

template <class T>
void gradient(const HandTask& task) {
  using V = Vector<T>;
  constexpr int vectors = 4;
  auto& work = *static_cast<Work<T>*>(task.workspace);
  const T* K = static_cast<const T*>(task.params);
  const T *A = static_cast<const T*>(task.constants[0]), *B = static_cast<const T*>(task.constants[1]),
          *L = static_cast<const T*>(task.constants[2]);
  V total{}, by_K[m][n]{};
  for (int first = 0; first < block; first += width<T>) {
    const uint64_t sample = task.first_sample + static_cast<uint64_t>(first);
    for (int k = 0; k < n; ++k)
      for (int v = 0; v < vectors; ++v)
        store(&work.x[0][k][v * lanes<T>], load(static_cast<const T*>(task.inputs[0]) + k * 1024 + sample % 1024 + v * lanes<T>));
    for (int t = 0; t < horizon; ++t) {
      if (t % ahead == 0) fill_in_time<T, true, width<T>>(task.keys[0], sample, t, ahead, n, work.noise[0][0]);
      const T* x = work.x[t][0];
      {
        V sums[m][vectors]{};
        multiply<T, m, vectors>(sums, K, n, 1, n, x, width<T>);
        for (int r = 0; r < m; ++r)
          for (int v = 0; v < vectors; ++v) {
            store(&work.a[t][r][v * lanes<T>], sums[r][v]);
            total += T(0.1) * sums[r][v] * sums[r][v];
          }
      }
      for (int r = 0; r < n; r += 4) {
        V sums[4][vectors]{};
        multiply<T, 4, vectors>(sums, A + r * n, n, 1, n, x, width<T>);
        multiply<T, 4, vectors>(sums, B + r * m, m, 1, m, work.a[t][0], width<T>);
        multiply<T, 4, vectors>(sums, L + r * n, n, 1, r + 4, work.noise[t % ahead][0], width<T>);
        for (int k = 0; k < 4; ++k)
          for (int v = 0; v < vectors; ++v) {
            const V now = load(x + (r + k) * width<T> + v * lanes<T>);
            total += now * now;
            store(&work.x[t + 1][r + k][v * lanes<T>], sums[k][v]);
          }
      }
    }
    for (int k = 0; k < n; ++k)
      for (int v = 0; v < vectors; ++v) store(&work.adjoint[0][k][v * lanes<T>], V{});
    for (int t = horizon - 1; t >= 0; --t) {
      const T* after = work.adjoint[(horizon - 1 - t) % 2][0];
      T* before = work.adjoint[(horizon - t) % 2][0];
      {
        V sums[m][vectors]{};
        multiply<T, m, vectors>(sums, B, 1, m, n, after, width<T>);
        for (int r = 0; r < m; ++r)
          for (int v = 0; v < vectors; ++v)
            store(&work.by_a[t][r][v * lanes<T>], sums[r][v] + T(0.2) * load(&work.a[t][r][v * lanes<T>]));
      }
      for (int r = 0; r < n; r += 4) {
        V sums[4][vectors];
        for (int k = 0; k < 4; ++k)
          for (int v = 0; v < vectors; ++v) sums[k][v] = 2 * load(&work.x[t][r + k][v * lanes<T>]);
        multiply<T, 4, vectors>(sums, A + r, 1, n, n, after, width<T>);
        multiply<T, 4, vectors>(sums, K + r, 1, n, m, work.by_a[t][0], width<T>);
        for (int k = 0; k < 4; ++k)
          for (int v = 0; v < vectors; ++v) store(before + (r + k) * width<T> + v * lanes<T>, sums[k][v]);
      }
    }
    for (int i = 0; i < n; i += 4) {
      V sums[m][4]{};
      multiply_lanes<T, m, 4>(sums, work.by_a[0][0], m * width<T>, work.x[0][i], n * width<T>, width<T>, horizon);
      for (int r = 0; r < m; ++r)
        for (int c = 0; c < 4; ++c) by_K[r][i + c] += sums[r][c];
    }
  }
  task.sums[0] = sum_of_lanes<T>(total);
  for (int k = 0; k < m * n; ++k) task.sums[1 + k] = sum_of_lanes<T>(by_K[k / n][k % n]);
}

}  // namespace

const HandKernel hand_w4 = {block, gradient<double>, gradient<float>, sizeof(Work<double>)};

}  // namespace alea::bench
