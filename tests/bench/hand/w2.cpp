// W2, the pendulum with two hidden layers of 64, pathwise. Four vectors of samples run their 200 steps side by side. Products
// with weights are tiles of four rows by four vectors; the weights' gradients wait for 8 steps and are then tiles of vectors
// that sum over steps, so that lanes are added once, at the end; eight columns stay in the first cache while all rows pass by.
#include "tests/bench/hand/products.h"

namespace alea::bench {

namespace {

constexpr int horizon = 200, block = 64, n = 64, held = 8;
constexpr int first_bias = 3 * n, second = first_bias + n, second_bias = second + n * n, last = second_bias + n,
              last_bias = last + n, deviation_at = last_bias + 1, params = deviation_at + 1;

template <class T>
constexpr int width = 4 * lanes<T>;

template <class T>
struct Work {
  T noise[horizon][width<T>];
  T observed[horizon][4][width<T>];  // sine, cosine, speed, 1
  T action[horizon][width<T>];       // tanh
  T h1[horizon][n][width<T>], h2[horizon][n][width<T>];
  T z1[held][n][width<T>], z2[held][n][width<T>], z3[held][4][width<T>];  // adjoints of what goes into tanh
  Vector<T> by_first[n][4], by_second[n][n], by_second_bias[n], by_last[n], by_last_bias[2];
  T turned[n][n];  // W2, columns first
};

template <class T>
void forward(const T* p, T deviation, const T* angle0, const T* speed0, Work<T>& work, double& objective) {
  using V = Vector<T>;
  constexpr int vectors = 4;
  V angle[vectors], speed[vectors], total{};
  for (int v = 0; v < vectors; ++v) {
    angle[v] = load(angle0 + v * lanes<T>);
    speed[v] = load(speed0 + v * lanes<T>);
  }
  for (int t = 0; t < horizon; ++t) {
    V sine[vectors], cosine[vectors];
    for (int v = 0; v < vectors; ++v) {
      const auto [s, c] = sine_cosine(angle[v]);
      sine[v] = s;
      cosine[v] = c;
      store(&work.observed[t][0][v * lanes<T>], s);
      store(&work.observed[t][1][v * lanes<T>], c);
      store(&work.observed[t][2][v * lanes<T>], speed[v]);
      store(&work.observed[t][3][v * lanes<T>], V{} + 1);
    }
    for (int j = 0; j < n; ++j)
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v)
        store(&work.h1[t][j][v * lanes<T>],
              hyperbolic_tangent(p[3 * j] * sine[v] + p[3 * j + 1] * cosine[v] + (p[3 * j + 2] * speed[v] + p[first_bias + j])));
    V out[vectors];
    for (int v = 0; v < vectors; ++v) out[v] = p[last_bias] + deviation * load(&work.noise[t][v * lanes<T>]);
    for (int j = 0; j < n; j += 4) {
      V sums[4][vectors];
      for (int r = 0; r < 4; ++r)
        for (int v = 0; v < vectors; ++v) sums[r][v] = splat(p[second_bias + j + r]);
      multiply<T, 4, vectors>(sums, &work.turned[0][j], 1, n, n, work.h1[t][0], width<T>);
#pragma GCC unroll 4
      for (int r = 0; r < 4; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) {
          const V h = hyperbolic_tangent(sums[r][v]);
          store(&work.h2[t][j + r][v * lanes<T>], h);
          out[v] += p[last + j + r] * h;
        }
    }
    for (int v = 0; v < vectors; ++v) {
      const V w = speed[v], h = hyperbolic_tangent(out[v]);
      store(&work.action[t][v * lanes<T>], h);
      total += (cosine[v] - 1) - T(0.1) * w * w - T(0.004) * h * h;
      speed[v] = w + (T(0.75) * sine[v] + T(0.3) * h);
      angle[v] += T(0.05) * speed[v];
    }
  }
  objective += sum_of_lanes<T>(total);
}

// The weights' gradients of the steps from `begin` on, whose adjoints are held.
template <class T>
void add_weights(Work<T>& work, int begin) {
  using V = Vector<T>;
  for (int columns = 0; columns < n; columns += 8)
    for (int j = 0; j < n; j += 4)
      for (int i = columns; i < columns + 8; i += 4) {
        V sums[4][4]{};
        multiply_lanes<T, 4, 4>(sums, work.z2[0][j], n * width<T>, work.h1[begin][i], n * width<T>, width<T>, held);
        for (int r = 0; r < 4; ++r)
          for (int c = 0; c < 4; ++c) work.by_second[j + r][i + c] += sums[r][c];
      }
  for (int j = 0; j < n; j += 4) {
    V first[4][4]{}, other[4][1]{}, bias[4]{};
    multiply_lanes<T, 4, 4>(first, work.z1[0][j], n * width<T>, work.observed[begin][0], 4 * width<T>, width<T>, held);
    multiply_lanes<T, 4, 1>(other, work.h2[begin][j], n * width<T>, work.z3[0][0], 4 * width<T>, width<T>, held);
    for (int k = 0; k < held; ++k)
      for (int r = 0; r < 4; ++r)
        for (int v = 0; v < 4; ++v) bias[r] += load(&work.z2[k][j + r][v * lanes<T>]);
    for (int r = 0; r < 4; ++r) {
      for (int c = 0; c < 4; ++c) work.by_first[j + r][c] += first[r][c];
      work.by_last[j + r] += other[r][0];
      work.by_second_bias[j + r] += bias[r];
    }
  }
}

template <class T>
void backward(const T* p, Work<T>& work) {
  using V = Vector<T>;
  constexpr int vectors = 4;
  V by_angle[vectors]{}, by_speed[vectors]{};
  for (int t = horizon - 1; t >= 0; --t) {
    const int k = t % held;
    V g[vectors], by_next[vectors];
    for (int v = 0; v < vectors; ++v) {
      const V h = load(&work.action[t][v * lanes<T>]);
      by_next[v] = by_speed[v] + T(0.05) * by_angle[v];
      g[v] = (T(0.3) * by_next[v] - T(0.008) * h) * (1 - h * h);
      store(&work.z3[k][0][v * lanes<T>], g[v]);
      work.by_last_bias[0] += g[v];
      work.by_last_bias[1] += g[v] * load(&work.noise[t][v * lanes<T>]);
    }
    for (int j = 0; j < n; ++j)
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) {
        const V h = load(&work.h2[t][j][v * lanes<T>]);
        store(&work.z2[k][j][v * lanes<T>], p[last + j] * g[v] * (1 - h * h));
      }
    V by_observed[3][vectors]{};
    for (int i = 0; i < n; i += 4) {
      V sums[4][vectors]{};
      multiply<T, 4, vectors>(sums, p + second + i, 1, n, n, work.z2[k][0], width<T>);
#pragma GCC unroll 4
      for (int r = 0; r < 4; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) {
          const V h = load(&work.h1[t][i + r][v * lanes<T>]), z = sums[r][v] * (1 - h * h);
          store(&work.z1[k][i + r][v * lanes<T>], z);
          for (int o = 0; o < 3; ++o) by_observed[o][v] += p[3 * (i + r) + o] * z;
        }
    }
    for (int v = 0; v < vectors; ++v) {
      const V s = load(&work.observed[t][0][v * lanes<T>]), c = load(&work.observed[t][1][v * lanes<T>]),
              w = load(&work.observed[t][2][v * lanes<T>]);
      by_angle[v] += (T(0.75) * by_next[v] + by_observed[0][v]) * c - (by_observed[1][v] + 1) * s;
      by_speed[v] = by_next[v] - T(0.2) * w + by_observed[2][v];
    }
    if (k == 0) add_weights(work, t);
  }
}

template <class T>
void gradient(const HandTask& task) {
  auto& work = *static_cast<Work<T>*>(task.workspace);
  const T* p = static_cast<const T*>(task.params);
  const T deviation = static_cast<T>(__builtin_exp(p[deviation_at]));
  for (int j = 0; j < n; ++j) {
    for (int i = 0; i < n; ++i) {
      work.turned[i][j] = p[second + j * n + i];
      work.by_second[j][i] = Vector<T>{};
    }
    for (int k = 0; k < 4; ++k) work.by_first[j][k] = Vector<T>{};
    work.by_second_bias[j] = work.by_last[j] = Vector<T>{};
  }
  work.by_last_bias[0] = work.by_last_bias[1] = Vector<T>{};
  double* sums = task.sums;
  sums[0] = 0;
  for (int first = 0; first < block; first += width<T>) {
    const uint64_t sample = task.first_sample + static_cast<uint64_t>(first);
    fill_in_time<T, true, width<T>>(task.keys[0], sample, 0, horizon, 1, work.noise[0]);
    forward(p, deviation, static_cast<const T*>(task.inputs[0]) + sample % 1024,
            static_cast<const T*>(task.inputs[1]) + sample % 1024, work, sums[0]);
    backward(p, work);
  }
  for (int j = 0; j < n; ++j) {
    for (int k = 0; k < 3; ++k) sums[1 + 3 * j + k] = sum_of_lanes<T>(work.by_first[j][k]);
    sums[1 + first_bias + j] = sum_of_lanes<T>(work.by_first[j][3]);
    for (int i = 0; i < n; ++i) sums[1 + second + j * n + i] = sum_of_lanes<T>(work.by_second[j][i]);
    sums[1 + second_bias + j] = sum_of_lanes<T>(work.by_second_bias[j]);
    sums[1 + last + j] = sum_of_lanes<T>(work.by_last[j]);
  }
  sums[1 + last_bias] = sum_of_lanes<T>(work.by_last_bias[0]);
  sums[1 + deviation_at] = sum_of_lanes<T>(work.by_last_bias[1]) * static_cast<double>(deviation);
}

}  // namespace

const HandKernel hand_w2 = {block, gradient<double>, gradient<float>,
                            sizeof(Work<double>) > sizeof(Work<float>) ? sizeof(Work<double>) : sizeof(Work<float>)};

}  // namespace alea::bench
