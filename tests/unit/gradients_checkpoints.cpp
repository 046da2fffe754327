// Long horizons within little memory: the steps are computed again from checkpoints (compiler/kernel/schedule.h), and no bit of
// the objective, of the gradient or of an error changes; the workspace grows with the square root of the horizon; what
// cannot be made to fit is refused.
#include <chrono>

#include "tests/unit/gradients_support.h"

using namespace alea;
using namespace alea::test;

namespace {

// Everything that crosses a segment's edge: pathwise and score terms, a final reward, the end of episodes, a recurrent
// layer whose weight gradient is added some steps at a time, a large state, and a state that no sample differs in.
std::string everything(int64_t horizon) {
  return R"(
mdp walk {
  horizon )" +
         std::to_string(horizon) + R"(
  discount 0.99
  param start: real = 0.3
  param W: real[24, 24] = [[sin(3.0 * i + j) / 8 for j in 0..24] for i in 0..24]
  state x: real ~ normal(start, 1)
  state h: real[24] = [0.1 * x for i in 0..24]
  state age: real = 0
  state luck: bool ~ bernoulli(sigmoid(start))
  action u: bool
  kick ~ normal(0, 0.1)
  wear ~ gamma(1.5, 4)
  h' = tanh(W @ h + [kick * i / 24 for i in 0..24])
  x' = 0.9 * x + (if u then 0.1 else -0.1) + kick
  age' = age + 0.01
  luck' = luck
  reward 0.1 * h[3] - x^2 + (if luck then 0.2 else 0) - 0.01 * wear * x - 0.01 * age * u
  final reward -3 * x^2 + sum(h)
  terminate abs(x') > 2.5
}
policy coin for walk {
  param w: real[2] = [-0.4, 0.1]
  u ~ bernoulli(logits = w[0] * x + w[1])
}
)";
}

Program compiled_program(const std::string& text) {
  const auto ready = make_ready(text);
  INFO(ready->errors);
  REQUIRE(ready->compiled);
  return ready->compiled->program;
}

int64_t workspace(const Program& program, int64_t arena_limit) {
  JitOptions options;
  options.arena_limit = arena_limit;
  return CompiledKernel(program, options, CompiledKernel::Link::no).workspace_bytes();
}

}  // namespace

TEST_CASE("checkpoints change no bit", "[checkpoints]") {
  for (const int64_t horizon : {33, 150, 1000}) {
    const auto ready = make_ready(everything(horizon));
    INFO(ready->errors);
    REQUIRE(ready->compiled);
    for (const bool single : {false, true}) {
      JitOptions whole, parts;
      whole.arena_limit = 0;
      parts.arena_limit = 1;
      const Estimate expected = estimate(*ready, 200, true, single, whole);
      CHECK(std::isfinite(expected.gradient[0].standard_error[0]));
      CHECK(bits(estimate(*ready, 200, true, single, parts)) == bits(expected));
      for (const auto& [forward, backward] : std::initializer_list<std::pair<int, int>>{{16, 16}, {64, 32}, {16, 64}}) {
        parts.forward_lanes = whole.forward_lanes = forward;
        parts.backward_lanes = whole.backward_lanes = backward;
        CHECK(bits(estimate(*ready, 200, true, single, parts)) == bits(estimate(*ready, 200, true, single, whole)));
      }
    }
    if (horizon == 150) {
      const Estimate slow = estimate(*ready, 70, false);
      JitOptions parts;
      parts.arena_limit = 1;
      const Estimate quick = estimate(*ready, 70, true, false, parts);
      CHECK(quick.mean == Approx(slow.mean).epsilon(1e-12));
      for (size_t p = 0; p < slow.gradient.size(); ++p)
        CHECK(quick.gradient[p].mean[0] == Approx(slow.gradient[p].mean[0]).epsilon(1e-10));
    }
  }
}

TEST_CASE("with checkpoints the workspace grows with the root of the horizon", "[checkpoints]") {
  Program program = compiled_program(everything(100));
  const auto at = [&](int64_t horizon, int64_t limit) {
    program.horizon = horizon;
    return static_cast<double>(workspace(program, limit));
  };
  const double constant = at(0, 0);
  CHECK((at(100'000, 0) - constant) / (at(1000, 0) - constant) == Approx(100).epsilon(0.01));
  CHECK((at(1'000'000, 1) - constant) / (at(10'000, 1) - constant) == Approx(10).epsilon(0.1));
  CHECK(at(200'000, 1) < 32 << 20);
  // A limit that holds the whole tape changes nothing; the default bounds a long one.
  CHECK(at(200, 0) == at(200, static_cast<int64_t>(at(200, 0))));
  CHECK(at(200, static_cast<int64_t>(at(200, 0)) - 1) < at(200, 0));
  CHECK(at(200'000, default_arena_limit) <= default_arena_limit);
}

// A pendulum's step takes less time than its record takes through memory; a step of a layer of 48 takes more.
TEST_CASE("steps are computed again where that is quicker than a tape in memory", "[checkpoints]") {
  Program pendulum = compiled_program(R"(
mdp pendulum {
  horizon 100
  state angle: real = 1
  state speed: real = 0
  action u: real
  speed' = speed + 0.05 * (15 * sin(angle) + 6 * tanh(u))
  angle' = angle + 0.05 * speed'
  cost (1 - cos(angle)) + 0.1 * speed^2
}
policy linear for pendulum {
  param p: real[3] = [0.1, -0.2, 0.3]
  u ~ normal(p[0] * sin(angle) + p[1] * speed, exp(p[2]))
}
)");
  Program layer = compiled_program(R"(
mdp layer {
  horizon 100
  param W: real[48, 48] = [[sin(3.0 * i + j) / 8 for j in 0..48] for i in 0..48]
  state h: real[48] = [0.1 * i for i in 0..48]
  h' ~ normal(tanh(W @ h), 0.1)
  cost dot(h, h)
}
)");
  constexpr int64_t cached = 8 << 20, limit = default_arena_limit;
  const auto at_horizon = [](Program& program, int64_t horizon, int64_t limit_bytes) {
    program.horizon = horizon;
    return workspace(program, limit_bytes);
  };
  CHECK(at_horizon(pendulum, 2000, limit) == at_horizon(pendulum, 2000, 0));
  CHECK(at_horizon(pendulum, 10'000, 0) > cached);
  CHECK(at_horizon(pendulum, 10'000, 0) < limit);
  CHECK(at_horizon(pendulum, 10'000, limit) < cached);
  CHECK(at_horizon(layer, 300, 0) > cached);
  CHECK(at_horizon(layer, 300, 0) < limit);
  CHECK(at_horizon(layer, 300, limit) == at_horizon(layer, 300, 0));
}

TEST_CASE("memory that checkpoints cannot do with is refused", "[checkpoints]") {
  const Program program = compiled_program(everything(1000));
  JitOptions options;
  options.arena_limit = 100'000;
  const CompiledKernel kernel(program, options);
  CHECK(kernel.workspace_bytes() > 100'000);
  CHECK_THROWS_AS(Driver(program, &kernel, {.threads = 1, .memory_limit = 100'000}), MachineError);
}
