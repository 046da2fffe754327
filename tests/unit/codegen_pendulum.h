// Benchmark W1, pendulum with a pathwise gradient, as the compiler would write it.
#pragma once
#include "tests/unit/codegen_support.h"

namespace alea::test {

inline Program pendulum(int64_t horizon) {
  ProgramBuilder p;
  p.program.model = "pendulum";
  p.program.horizon = horizon;
  p.program.has_gradient = true;
  NodeId param[5];
  for (int k = 0; k < 5; ++k) param[k] = p.param("p" + std::to_string(k), Type{});
  const NodeId deviation = p.unary(Op::exp, param[4]);
  const NodeId first_angle = p.input("th0", Type{}), first_speed = p.input("w0", Type{});
  const StateId angle_state = p.state("th", Type{}, first_angle), speed_state = p.state("w", Type{}, first_speed);

  p.phase = Phase::step;
  const NodeId angle = p.leaf(Op::state, Type{}, angle_state.index, rate_sample_time);
  const NodeId speed = p.leaf(Op::state, Type{}, speed_state.index, rate_sample_time);
  const NodeId noise = p.noise(Op::noise_normal, "u", Type{});
  const NodeId sine = p.unary(Op::sin, angle), cosine = p.unary(Op::cos, angle);
  const NodeId mean = p.add(p.add(p.add(p.mul(param[0], sine), p.mul(param[1], cosine)), p.mul(param[2], speed)), param[3]);
  const NodeId action = p.unary(Op::tanh, p.add(mean, p.mul(deviation, noise)));
  const NodeId torque = p.mul(2, action);
  const NodeId cost =
      p.add(p.add(p.sub(p.constant(1), cosine), p.mul(0.1, p.mul(speed, speed))), p.mul(0.001, p.mul(torque, torque)));
  p.program.objective_step = p.unary(Op::negate, cost);
  const NodeId next_speed = p.add(speed, p.mul(0.05, p.add(p.mul(15, sine), p.mul(3, torque))));
  p.program.states[speed_state].next = next_speed;
  p.program.states[angle_state].next = p.add(angle, p.mul(0.05, next_speed));

  // λ of the objective, which is minus the cost.
  p.phase = Phase::step_backward;
  const AdjointCarryId angle_carry = p.program.carries.add({angle_state, Type{}, p.constant(0), {}});
  const AdjointCarryId speed_carry = p.program.carries.add({speed_state, Type{}, p.constant(0), {}});
  const NodeId by_angle = p.leaf(Op::adjoint, Type{}, angle_carry.index, rate_sample_time);
  const NodeId by_speed = p.leaf(Op::adjoint, Type{}, speed_carry.index, rate_sample_time);
  const NodeId by_next_speed = p.add(by_speed, p.mul(0.05, by_angle));
  const NodeId by_push = p.mul(0.05, by_next_speed);
  const NodeId by_torque = p.sub(p.mul(3, by_push), p.mul(0.002, torque));
  const NodeId by_sum = p.mul(p.mul(2, by_torque), p.sub(p.constant(1), p.mul(action, action)));
  const NodeId by_sine = p.add(p.mul(15, by_push), p.mul(param[0], by_sum));
  const NodeId by_cosine = p.add(p.constant(1), p.mul(param[1], by_sum));
  p.program.carries[angle_carry].step_value = p.add(by_angle, p.sub(p.mul(by_sine, cosine), p.mul(by_cosine, sine)));
  p.program.carries[speed_carry].step_value = p.add(p.sub(by_next_speed, p.mul(0.2, speed)), p.mul(param[2], by_sum));
  const NodeId by_param[5] = {p.mul(by_sum, sine), p.mul(by_sum, cosine), p.mul(by_sum, speed), by_sum, p.mul(by_sum, noise)};
  p.phase = Phase::finish;
  for (uint32_t k = 0; k < 4; ++k)
    p.program.params[ParamId{k}].gradient = p.accumulate(param[k], {{Phase::step_backward, by_param[k], {}}});
  p.program.params[ParamId{4}].gradient = p.mul(p.accumulate(deviation, {{Phase::step_backward, by_param[4], {}}}), deviation);
  return p.program;
}

inline const double pendulum_params[5] = {0.1, -0.2, -0.3, 0.05, -0.7};
template <class T>
std::vector<std::vector<T>> pendulum_inputs() {
  std::vector<std::vector<T>> inputs(2);
  for (uint64_t i = 0; i < 1024; ++i) {
    inputs[0].push_back(static_cast<T>((2 * benchmark_uniform(102, i) - 1) * std::numbers::pi));
    inputs[1].push_back(static_cast<T>(2 * benchmark_uniform(103, i) - 1));
  }
  return inputs;
}
// The benchmark's noise in place of Alea's.
template <class T>
void pendulum_noise(uint64_t, uint64_t first_sample, uint64_t first_time, int64_t time_count, int64_t, void* out) {
  for (uint64_t t = 0; t < static_cast<uint64_t>(time_count); ++t)
    for (uint64_t lane = 0; lane < 64; ++lane)
      static_cast<T*>(out)[t * 64 + lane] = static_cast<T>(benchmark_normal(101, (first_time + t) * 1024 + first_sample + lane));
}

}  // namespace alea::test
