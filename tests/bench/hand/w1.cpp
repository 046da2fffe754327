// W1, pendulum with a linear policy, pathwise. 64 samples a block: their noise, then 200 steps forward with four vectors in
// flight, then 200 steps backward with two. The tape holds sine, cosine, speed and tanh.
#include "tests/bench/hand/lanes.h"

namespace alea::bench {

namespace {

constexpr int horizon = 200, block = 64, kept = 4;

template <class T>
struct Work {
  T noise[horizon][block];
  T tape[horizon][kept][block];
  T angle[block], speed[block];
  T sums[6][block];
};

template <class T, int vectors>
void forward(const T* p, T deviation, const T* angle0, const T* speed0, Work<T>& work, int first) {
  using V = Vector<T>;
  V angle[vectors], speed[vectors], total[vectors];
  for (int v = 0; v < vectors; ++v) {
    angle[v] = load(angle0 + first + v * lanes<T>);
    speed[v] = load(speed0 + first + v * lanes<T>);
    total[v] = V{};
  }
  for (int t = 0; t < horizon; ++t)
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v) {
      const int at = first + v * lanes<T>;
      const auto [s, c] = sine_cosine(angle[v]);
      const V w = speed[v];
      const V h = hyperbolic_tangent(p[0] * s + p[1] * c + p[2] * w + p[3] + deviation * load(&work.noise[t][at]));
      total[v] += (c - 1) - T(0.1) * w * w - T(0.004) * h * h;
      store(&work.tape[t][0][at], s);
      store(&work.tape[t][1][at], c);
      store(&work.tape[t][2][at], w);
      store(&work.tape[t][3][at], h);
      speed[v] = w + (T(0.75) * s + T(0.3) * h);
      angle[v] += T(0.05) * speed[v];
    }
  for (int v = 0; v < vectors; ++v) store(&work.sums[0][first + v * lanes<T>], total[v]);
}

// a: angle, w: speed after the step; q: dJ of the torque's share; the rest as the forward pass names it.
template <class T, int vectors>
void backward(const T* p, Work<T>& work, int first) {
  using V = Vector<T>;
  V by_angle[vectors]{}, by_speed[vectors]{}, sums[5][vectors]{};
  for (int t = horizon - 1; t >= 0; --t)
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v) {
      const int at = first + v * lanes<T>;
      const V s = load(&work.tape[t][0][at]), c = load(&work.tape[t][1][at]), w = load(&work.tape[t][2][at]),
              h = load(&work.tape[t][3][at]);
      const V by_next = by_speed[v] + T(0.05) * by_angle[v];
      const V by_sum = (T(0.3) * by_next - T(0.008) * h) * (1 - h * h);
      const V by_sine = T(0.75) * by_next + p[0] * by_sum, by_cosine = p[1] * by_sum + 1;
      sums[0][v] += by_sum * s;
      sums[1][v] += by_sum * c;
      sums[2][v] += by_sum * w;
      sums[3][v] += by_sum;
      sums[4][v] += by_sum * load(&work.noise[t][at]);
      by_angle[v] += by_sine * c - by_cosine * s;
      by_speed[v] = by_next - T(0.2) * w + p[2] * by_sum;
    }
  for (int k = 0; k < 5; ++k)
    for (int v = 0; v < vectors; ++v) store(&work.sums[1 + k][first + v * lanes<T>], sums[k][v]);
}

template <class T>
void gradient(const HandTask& task) {
  constexpr int ahead = 4, back = 2;
  auto& work = *static_cast<Work<T>*>(task.workspace);
  const T* p = static_cast<const T*>(task.params);
  const auto* angle0 = static_cast<const T*>(task.inputs[0]) + task.first_sample % 1024;
  const auto* speed0 = static_cast<const T*>(task.inputs[1]) + task.first_sample % 1024;
  const T deviation = static_cast<T>(__builtin_exp(p[4]));
  fill_in_time<T, true>(task.keys[0], task.first_sample, 0, horizon, 1, work.noise[0]);
  for (int first = 0; first < block; first += ahead * lanes<T>) forward<T, ahead>(p, deviation, angle0, speed0, work, first);
  for (int first = 0; first < block; first += back * lanes<T>) backward<T, back>(p, work, first);
  for (int k = 0; k < 6; ++k) {
    task.sums[k] = 0;
    for (int at = 0; at < block; at += lanes<T>) task.sums[k] += sum_of_lanes<T>(load(&work.sums[k][at]));
  }
  task.sums[5] *= static_cast<double>(deviation);
}

}  // namespace

const HandKernel hand_w1 = {block, gradient<double>, gradient<float>, sizeof(Work<double>)};

}  // namespace alea::bench
