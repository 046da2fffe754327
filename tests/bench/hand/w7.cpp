// W7, a quadcopter of twelve states with two hidden layers of 64, pathwise. Built as W2 is: four vectors of samples side by side,
// tiles of four rows by four vectors, the weights' gradients held back for 25 steps and summed in tiles whose lanes are added
// once, at the end. The derivatives of the rotation matrix are entries of the matrix again.
#include "tests/bench/hand/products.h"

namespace alea::bench {

namespace {

constexpr int horizon = 200, block = 64, n = 64, held = 25, inputs = 18, columns = 20, outputs = 4, vectors = 4;
constexpr int first_bias = inputs * n, second = first_bias + n, second_bias = second + n * n, last = second_bias + n,
              last_bias = last + outputs * n, deviation_at = last_bias + outputs, params = deviation_at + outputs;

template <class T>
constexpr int width = vectors * lanes<T>;

template <class T>
struct Work {
  T noise[horizon][outputs][width<T>];
  T observed[horizon][columns][width<T>];  // place, velocity, rotation by rows, spin, 1, 0
  T angles[horizon][6][width<T>];          // sines, cosines
  T action[horizon][outputs][width<T>];    // tanh
  T h1[horizon][n][width<T>], h2[horizon][n][width<T>];
  T z1[held][n][width<T>], z2[held][n][width<T>], z3[held][outputs][width<T>];  // adjoints of what goes into tanh
  Vector<T> by_first[n][columns], by_second[n][n], by_second_bias[n], by_last[outputs][n], by_last_bias[outputs],
      by_deviation[outputs];
  T turned[n][n], turned_first[inputs][n];  // columns first
};

template <class T>
using State = Vector<T>[3][vectors];

template <class T>
void forward(const T* p, const T* deviation, const T* start, Work<T>& work, double& objective) {
  using V = Vector<T>;
  State<T> place, velocity, angle, spin;
  V total{};
  for (int i = 0; i < 3; ++i)
    for (int v = 0; v < vectors; ++v) {
      place[i][v] = load(start + i * 1024 + v * lanes<T>);
      velocity[i][v] = load(start + (3 + i) * 1024 + v * lanes<T>);
      angle[i][v] = load(start + (6 + i) * 1024 + v * lanes<T>);
      spin[i][v] = load(start + (9 + i) * 1024 + v * lanes<T>);
    }
  for (int t = 0; t < horizon; ++t) {
    auto& observed = work.observed[t];
    V up[3][vectors];
#pragma GCC unroll 1
    for (int v = 0; v < vectors; ++v) {
      V s[3], c[3];
      const int at = v * lanes<T>;
      for (int i = 0; i < 3; ++i) {
        const auto both = sine_cosine(angle[i][v]);
        s[i] = both.sine;
        c[i] = both.cosine;
        store(&work.angles[t][i][at], s[i]);
        store(&work.angles[t][3 + i][at], c[i]);
        store(&observed[i][at], place[i][v]);
        store(&observed[3 + i][at], velocity[i][v]);
        store(&observed[15 + i][at], spin[i][v]);
      }
      const V a = c[2] * s[1], b = s[2] * s[1];
      const V rotation[9] = {c[2] * c[1],
                             a * s[0] - s[2] * c[0],
                             a * c[0] + s[2] * s[0],
                             s[2] * c[1],
                             b * s[0] + c[2] * c[0],
                             b * c[0] - c[2] * s[0],
                             -s[1],
                             c[1] * s[0],
                             c[1] * c[0]};
      for (int k = 0; k < 9; ++k) store(&observed[6 + k][at], rotation[k]);
      for (int i = 0; i < 3; ++i) up[i][v] = rotation[3 * i + 2];
      store(&observed[18][at], V{} + 1);
      store(&observed[19][at], V{});
    }
    for (int j = 0; j < n; j += 4) {
      V sums[4][vectors];
      for (int r = 0; r < 4; ++r)
        for (int v = 0; v < vectors; ++v) sums[r][v] = splat(p[first_bias + j + r]);
      multiply<T, 4, vectors>(sums, &work.turned_first[0][j], 1, n, inputs, observed[0], width<T>);
#pragma GCC unroll 4
      for (int r = 0; r < 4; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) store(&work.h1[t][j + r][v * lanes<T>], hyperbolic_tangent(sums[r][v]));
    }
    for (int j = 0; j < n; j += 4) {
      V sums[4][vectors];
      for (int r = 0; r < 4; ++r)
        for (int v = 0; v < vectors; ++v) sums[r][v] = splat(p[second_bias + j + r]);
      multiply<T, 4, vectors>(sums, &work.turned[0][j], 1, n, n, work.h1[t][0], width<T>);
#pragma GCC unroll 4
      for (int r = 0; r < 4; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) store(&work.h2[t][j + r][v * lanes<T>], hyperbolic_tangent(sums[r][v]));
    }
    V h[outputs][vectors];
    for (int k = 0; k < outputs; ++k)
      for (int v = 0; v < vectors; ++v) h[k][v] = p[last_bias + k] + deviation[k] * load(&work.noise[t][k][v * lanes<T>]);
    multiply<T, 4, vectors>(h, p + last, n, 1, n, work.h2[t][0], width<T>);
#pragma GCC unroll 1
    for (int v = 0; v < vectors; ++v) {
      for (int k = 0; k < outputs; ++k) {
        h[k][v] = hyperbolic_tangent(h[k][v]);
        store(&work.action[t][k][v * lanes<T>], h[k][v]);
        total += T(0.01) * h[k][v] * h[k][v];
      }
      total += 1 - up[2][v];
      const V thrust = T(9.81) + T(9.81 * 0.5) * h[0][v], w0 = spin[0][v], w1 = spin[1][v], w2 = spin[2][v];
      const V turn[3] = {5 * h[1][v] - w1 * w2, 5 * h[2][v] + w0 * w2, T(2.5) * h[3][v]};
      for (int i = 0; i < 3; ++i) {
        const V x = place[i][v], u = velocity[i][v], w = spin[i][v];
        total += x * x + T(0.1) * (u * u + w * w);
        velocity[i][v] = u + T(0.02) * (thrust * up[i][v] - T(i == 2 ? 9.81 : 0) - T(0.1) * u);
        place[i][v] = x + T(0.02) * velocity[i][v];
        spin[i][v] = w + T(0.02) * turn[i];
        angle[i][v] += T(0.02) * spin[i][v];
      }
    }
  }
  objective += sum_of_lanes<T>(total);
}

// The weights' gradients of the steps from `begin` on, whose adjoints are held.
template <class T>
void add_weights(Work<T>& work, int begin) {
  using V = Vector<T>;
  const auto add = [](auto& to, int row, int column, const V(&sums)[4][4]) {
    for (int r = 0; r < 4; ++r)
      for (int c = 0; c < 4; ++c) to[row + r][column + c] += sums[r][c];
  };
  for (int j = 0; j < n; j += 4) {
    for (int i = 0; i < n; i += 4) {
      V sums[4][4]{};
      multiply_lanes<T, 4, 4>(sums, work.z2[0][j], n * width<T>, work.h1[begin][i], n * width<T>, width<T>, held);
      add(work.by_second, j, i, sums);
    }
    for (int i = 0; i < columns; i += 4) {
      V sums[4][4]{};
      multiply_lanes<T, 4, 4>(sums, work.z1[0][j], n * width<T>, work.observed[begin][i], columns * width<T>, width<T>, held);
      add(work.by_first, j, i, sums);
    }
    V sums[4][4]{}, bias[4]{};
    multiply_lanes<T, 4, 4>(sums, work.z3[0][0], outputs * width<T>, work.h2[begin][j], n * width<T>, width<T>, held);
    add(work.by_last, 0, j, sums);
    for (int k = 0; k < held; ++k)
      for (int r = 0; r < 4; ++r)
        for (int v = 0; v < vectors; ++v) bias[r] += load(&work.z2[k][j + r][v * lanes<T>]);
    for (int r = 0; r < 4; ++r) work.by_second_bias[j + r] += bias[r];
  }
}

template <class T>
void backward(const T* p, Work<T>& work) {
  using V = Vector<T>;
  State<T> by_place{}, by_velocity{}, by_angle{}, by_spin{};
  for (int t = horizon - 1; t >= 0; --t) {
    const int k = t % held;
    auto& observed = work.observed[t];
    V by_up[3][vectors];
#pragma GCC unroll 1
    for (int v = 0; v < vectors; ++v) {
      const int at = v * lanes<T>;
      V h[outputs], by_h[outputs], next_velocity[3], next_spin[3], w[3], by_thrust{};
      for (int o = 0; o < outputs; ++o) h[o] = load(&work.action[t][o][at]);
      const V thrust = T(9.81) + T(9.81 * 0.5) * h[0];
      for (int i = 0; i < 3; ++i) {
        w[i] = load(&observed[15 + i][at]);
        next_spin[i] = by_spin[i][v] + T(0.02) * by_angle[i][v];
        next_velocity[i] = by_velocity[i][v] + T(0.02) * by_place[i][v];
        by_thrust += T(0.02) * next_velocity[i] * load(&observed[8 + 3 * i][at]);
        by_up[i][v] = T(0.02) * thrust * next_velocity[i] - T(i == 2 ? 1 : 0);
        by_velocity[i][v] = T(1 - 0.002) * next_velocity[i] + T(0.2) * load(&observed[3 + i][at]);
        by_place[i][v] += 2 * load(&observed[i][at]);
      }
      by_h[0] = T(9.81 * 0.5) * by_thrust;
      by_h[1] = T(0.1) * next_spin[0];
      by_h[2] = T(0.1) * next_spin[1];
      by_h[3] = T(0.05) * next_spin[2];
      by_spin[0][v] = next_spin[0] + T(0.02) * w[2] * next_spin[1] + T(0.2) * w[0];
      by_spin[1][v] = next_spin[1] - T(0.02) * w[2] * next_spin[0] + T(0.2) * w[1];
      by_spin[2][v] = next_spin[2] + T(0.02) * (w[0] * next_spin[1] - w[1] * next_spin[0]) + T(0.2) * w[2];
      for (int o = 0; o < outputs; ++o) {
        const V g = (by_h[o] + T(0.02) * h[o]) * (1 - h[o] * h[o]);
        store(&work.z3[k][o][at], g);
        work.by_last_bias[o] += g;
        work.by_deviation[o] += g * load(&work.noise[t][o][at]);
      }
    }
    for (int j = 0; j < n; j += 4) {
      V sums[4][vectors]{};
      multiply<T, 4, vectors>(sums, p + last + j, 1, n, outputs, work.z3[k][0], width<T>);
#pragma GCC unroll 4
      for (int r = 0; r < 4; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) {
          const V h = load(&work.h2[t][j + r][v * lanes<T>]);
          store(&work.z2[k][j + r][v * lanes<T>], sums[r][v] * (1 - h * h));
        }
    }
    for (int i = 0; i < n; i += 4) {
      V sums[4][vectors]{};
      multiply<T, 4, vectors>(sums, p + second + i, 1, n, n, work.z2[k][0], width<T>);
#pragma GCC unroll 4
      for (int r = 0; r < 4; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) {
          const V h = load(&work.h1[t][i + r][v * lanes<T>]);
          store(&work.z1[k][i + r][v * lanes<T>], sums[r][v] * (1 - h * h));
        }
    }
    V by_observed[inputs][vectors];
    const auto back = [&]<int rows>(int i) {
      V sums[rows][vectors]{};
      multiply<T, rows, vectors>(sums, p + i, 1, inputs, n, work.z1[k][0], width<T>);
      for (int r = 0; r < rows; ++r)
        for (int v = 0; v < vectors; ++v) by_observed[i + r][v] = sums[r][v];
    };
    for (int i = 0; i < 16; i += 4) back.template operator()<4>(i);
    back.template operator()<2>(16);
#pragma GCC unroll 1
    for (int v = 0; v < vectors; ++v) {
      const int at = v * lanes<T>;
      V s[3], c[3], R[9], g[9];
      for (int i = 0; i < 3; ++i) {
        s[i] = load(&work.angles[t][i][at]);
        c[i] = load(&work.angles[t][3 + i][at]);
        by_place[i][v] += by_observed[i][v];
        by_velocity[i][v] += by_observed[3 + i][v];
        by_spin[i][v] += by_observed[15 + i][v];
      }
      for (int i = 0; i < 9; ++i) {
        R[i] = load(&observed[6 + i][at]);
        g[i] = by_observed[6 + i][v];
      }
      for (int i = 0; i < 3; ++i) g[3 * i + 2] += by_up[i][v];
      by_angle[0][v] += g[1] * R[2] - g[2] * R[1] + (g[4] * R[5] - g[5] * R[4]) + (g[7] * R[8] - g[8] * R[7]);
      const V across = g[0] * c[2] + g[3] * s[2], along = g[1] * c[2] + g[4] * s[2], upright = g[2] * c[2] + g[5] * s[2];
      by_angle[1][v] += c[1] * (along * s[0] + upright * c[0] - g[6]) - s[1] * (across + g[7] * s[0] + g[8] * c[0]);
      for (int i = 0; i < 3; ++i) by_angle[2][v] += g[3 + i] * R[i] - g[i] * R[3 + i];
    }
    if (k == 0) add_weights(work, t);
  }
}

template <class T>
void gradient(const HandTask& task) {
  auto& work = *static_cast<Work<T>*>(task.workspace);
  const T* p = static_cast<const T*>(task.params);
  T deviation[outputs];
  for (int k = 0; k < outputs; ++k) deviation[k] = static_cast<T>(__builtin_exp(static_cast<double>(p[deviation_at + k])));
  for (int j = 0; j < n; ++j) {
    for (int i = 0; i < n; ++i) {
      work.turned[i][j] = p[second + j * n + i];
      work.by_second[j][i] = Vector<T>{};
    }
    for (int i = 0; i < inputs; ++i) work.turned_first[i][j] = p[j * inputs + i];
    for (int i = 0; i < columns; ++i) work.by_first[j][i] = Vector<T>{};
    for (int k = 0; k < outputs; ++k) work.by_last[k][j] = Vector<T>{};
    work.by_second_bias[j] = Vector<T>{};
  }
  for (int k = 0; k < outputs; ++k) work.by_last_bias[k] = work.by_deviation[k] = Vector<T>{};
  double* sums = task.sums;
  sums[0] = 0;
  for (int first = 0; first < block; first += width<T>) {
    const uint64_t sample = task.first_sample + static_cast<uint64_t>(first);
    fill_in_time<T, true, width<T>>(task.keys[0], sample, 0, horizon, outputs, work.noise[0][0]);
    forward(p, deviation, static_cast<const T*>(task.inputs[0]) + sample % 1024, work, sums[0]);
    backward(p, work);
  }
  for (int j = 0; j < n; ++j) {
    for (int i = 0; i < inputs; ++i) sums[1 + inputs * j + i] = sum_of_lanes<T>(work.by_first[j][i]);
    sums[1 + first_bias + j] = sum_of_lanes<T>(work.by_first[j][inputs]);
    for (int i = 0; i < n; ++i) sums[1 + second + j * n + i] = sum_of_lanes<T>(work.by_second[j][i]);
    sums[1 + second_bias + j] = sum_of_lanes<T>(work.by_second_bias[j]);
    for (int k = 0; k < outputs; ++k) sums[1 + last + k * n + j] = sum_of_lanes<T>(work.by_last[k][j]);
  }
  for (int k = 0; k < outputs; ++k) {
    sums[1 + last_bias + k] = sum_of_lanes<T>(work.by_last_bias[k]);
    sums[1 + deviation_at + k] = sum_of_lanes<T>(work.by_deviation[k]) * static_cast<double>(deviation[k]);
  }
}

}  // namespace

const HandKernel hand_w7 = {block, gradient<double>, gradient<float>,
                            sizeof(Work<double>) > sizeof(Work<float>) ? sizeof(Work<double>) : sizeof(Work<float>)};

}  // namespace alea::bench
