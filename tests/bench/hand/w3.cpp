// W3, cart-pole with a Bernoulli policy, by its score with leave-one-out baselines over groups of 64. No tape: with F_t the
// features, S_t = Σ_{k<t} (a_k - p_k) F_k the running sum of scores and G_t = Σ_{k>t} r_k, Σ_t score_t G_t = Σ_t r_t S_t. The
// baseline of a step is the mean over the group of G_t, so that what it takes away is, summed over the group,
//   Σ_t (Σ_i score_ti) (Σ_i G_ti) / n,
// and what is left is multiplied by n / (n - 1). Sums over the group for each step are vectors: lanes are added at the end.
// The noise is drawn for a few steps at a time, and the block stops when its last sample has.
#include "tests/bench/hand/lanes.h"

namespace alea::bench {

namespace {

constexpr int horizon = 200, block = 64, ahead = 20, features = 5;

template <class T>
struct Work {
  T noise[ahead][block];
  T scores[horizon][features][lanes<T>];  // summed over the group's vectors
  T alive[horizon][lanes<T>];
};

template <class T>
void gradient(const HandTask& task) {
  using V = Vector<T>;
  constexpr int vectors = sizeof(T) == 8 ? 4 : 4, halves = block / (vectors * lanes<T>);
  auto& work = *static_cast<Work<T>*>(task.workspace);
  const T* q = static_cast<const T*>(task.params);
  const auto* start = static_cast<const T*>(task.inputs[0]) + task.first_sample % 1024;
  constexpr T limit = T(12 * 2 * 3.14159265358979323846 / 360);
  struct State {
    V x[vectors], v[vectors], angle[vectors], turn[vectors], alive[vectors], sums[features][vectors];
  };
  State states[halves]{};
  for (int h = 0; h < halves; ++h)
    for (int k = 0; k < vectors; ++k) {
      const int at = (h * vectors + k) * lanes<T>;
      states[h].x[k] = load(start + at);
      states[h].v[k] = load(start + 1024 + at);
      states[h].angle[k] = load(start + 2048 + at);
      states[h].turn[k] = load(start + 3072 + at);
      states[h].alive[k] = V{} + 1;
    }
  V weighted[features]{};  // Σ_t r_t S_t
  bool going = true;
  int steps = 0;
  for (; steps < horizon && going; steps += ahead) {
    fill_in_time<T, false>(task.keys[0], task.first_sample, steps, ahead, 1, work.noise[0]);
    V any = V{};
    for (int h = 0; h < halves; ++h) {
      State& state = states[h];
      for (int turn = 0; turn < ahead; ++turn) {
        const int t = steps + turn;
        V scores[features]{}, count{};
#pragma GCC unroll 8
        for (int k = 0; k < vectors; ++k) {
          const V x = state.x[k], v = state.v[k], angle = state.angle[k], w = state.turn[k], alive = state.alive[k];
          const V p = logistic(q[0] * x + q[1] * v + q[2] * angle + q[3] * w + q[4]);
          const auto right = load(&work.noise[turn][(h * vectors + k) * lanes<T>]) > 1 - p;
          const V score = ((right ? V{} + 1 : V{}) - p) * alive;
          const V parts[features] = {score * x, score * v, score * angle, score * w, score};
          for (int f = 0; f < features; ++f) {
            scores[f] += parts[f];
            weighted[f] += state.sums[f][k] * alive;
            state.sums[f][k] += parts[f];
          }
          count += alive;
          const auto [s, c] = sine_cosine(angle);
          const V aside = ((right ? V{} + 10 : V{} - 10) + T(0.05) * w * w * s) * T(1 / 1.1);
          const V spin = (T(9.8) * s - c * aside) / (T(2.0 / 3) - T(0.05 / 1.1) * c * c);
          const V push = aside - T(0.05 / 1.1) * spin * c;
          state.x[k] = x + T(0.02) * v;
          state.v[k] = v + T(0.02) * push;
          state.angle[k] = angle + T(0.02) * w;
          state.turn[k] = w + T(0.02) * spin;
          const V far = state.x[k] < 0 ? -state.x[k] : state.x[k], tilt = state.angle[k] < 0 ? -state.angle[k] : state.angle[k];
          state.alive[k] = (far > T(2.4)) | (tilt > limit) ? V{} : alive;
        }
        for (int f = 0; f < features; ++f) store(work.scores[t][f], h == 0 ? scores[f] : load(work.scores[t][f]) + scores[f]);
        store(work.alive[t], h == 0 ? count : load(work.alive[t]) + count);
      }
      for (int k = 0; k < vectors; ++k) any += state.alive[k];
    }
    going = sum_of_lanes<T>(any) > 0;
  }
  // G_t summed over the group: how many are alive at the later steps.
  V later{}, taken[features]{};
  for (int t = steps - 1; t >= 0; --t) {
    T total = 0;
    for (int i = 0; i < lanes<T>; ++i) total += later[i];
    later += load(work.alive[t]);
    for (int f = 0; f < features; ++f) taken[f] += load(work.scores[t][f]) * total;
  }
  task.sums[0] = sum_of_lanes<T>(later);
  for (int f = 0; f < features; ++f)
    task.sums[1 + f] = block / (block - 1.0) * (sum_of_lanes<T>(weighted[f]) - sum_of_lanes<T>(taken[f]) / block);
}

}  // namespace

const HandKernel hand_w3 = {block, gradient<double>, gradient<float>, sizeof(Work<double>)};

}  // namespace alea::bench
