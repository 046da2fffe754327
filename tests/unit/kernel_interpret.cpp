// The interpreter on programs small enough to be worked out by hand.
#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "compiler/kernel/interpret.h"
#include "compiler/kernel/philox.h"

using namespace alea;

namespace {

// Adds nodes with their phase and rate.
struct Maker {
  Program program;
  NodeId operator()(Phase phase, Rate rate, Op op, std::initializer_list<NodeId> inputs, uint32_t payload = UINT32_MAX,
                    const Type& type = {}) {
    return placed(phase, rate, program.graph.add(op, type, inputs, payload));
  }
  NodeId constant(double value) { return placed(Phase::uniform, rate_none, program.graph.constant(value)); }
  NodeId param(const char* name, const Type& type = {}) {
    const ParamId id = program.params.add({name, type, {}});
    return (*this)(Phase::uniform, rate_none, Op::param, {}, id.index, type);
  }
  NodeId normal(Phase phase, const char* name) {
    const NoiseId id = program.noises.add({name});
    return (*this)(phase, phase == Phase::init ? rate_sample : rate_sample_time, Op::noise_normal, {}, id.index);
  }
  // The sum of the contributions, as the gradient of the param.
  void gradient(NodeId param_node, std::vector<Contribution> contributions, const Type& type = {}) {
    const AccumulatorId id = program.accumulators.add({param_node, type, std::move(contributions)});
    const NodeId sum = (*this)(Phase::finish, rate_none, Op::accumulated, {}, id.index, type);
    program.params[ParamId{program.graph[param_node].payload}].gradient = sum;
    program.has_gradient = true;
  }

 private:
  NodeId placed(Phase phase, Rate rate, NodeId node) {
    if (node.index == program.phase.size()) {
      program.phase.add(phase);
      program.rate.add(rate);
    }
    return node;
  }
};

// E (θ + z)²
Program square_model() {
  Maker make;
  const NodeId theta = make.param("theta"), z = make.normal(Phase::init, "z");
  const NodeId sum = make(Phase::init, rate_sample, Op::add, {theta, z});
  make.program.objective_init = make(Phase::init, rate_sample, Op::mul, {sum, sum});
  const NodeId slope = make(Phase::init_backward, rate_sample, Op::add, {sum, sum});
  make.gradient(theta, {{Phase::init_backward, slope, {}}});
  return make.program;
}

// x' = a x + z, x₀ = 1, cost Σ_t x_t² + x_H, H = 4:  λ_H = 1, λ_t = 2 x_t + a λ_{t+1}, dJ/da = Σ λ_{t+1} x_t
Program linear_system() {
  Maker make;
  const NodeId a = make.param("a"), one = make.constant(1);
  const StateId state = make.program.states.add({"x", {}, one, {}});
  make.program.horizon = 4;
  const NodeId x = make(Phase::step, rate_sample_time, Op::state, {}, state.index);
  const NodeId z = make.normal(Phase::step, "z");
  const NodeId product = make(Phase::step, rate_sample_time, Op::mul, {a, x});
  make.program.states[state].next = make(Phase::step, rate_sample_time, Op::add, {product, z});
  make.program.objective_step = make(Phase::step, rate_sample_time, Op::mul, {x, x});
  const NodeId last = make(Phase::final, rate_sample, Op::final_state, {}, state.index);
  make.program.objective_final = last;
  const AdjointCarryId carry = make.program.carries.add({state, {}, one, {}});
  const NodeId adjoint = make(Phase::step_backward, rate_sample_time, Op::adjoint, {}, carry.index);
  const NodeId twice = make(Phase::step_backward, rate_sample_time, Op::add, {x, x});
  const NodeId through = make(Phase::step_backward, rate_sample_time, Op::mul, {a, adjoint});
  make.program.carries[carry].step_value = make(Phase::step_backward, rate_sample_time, Op::add, {twice, through});
  make.gradient(a, {{Phase::step_backward, make(Phase::step_backward, rate_sample_time, Op::mul, {adjoint, x}), {}}});
  return make.program;
}

double total(const std::vector<double>& values) {
  double sum = 0;
  for (const double x : values) sum += x;
  return sum;
}

}  // namespace

TEST_CASE("a static model's objective and gradient follow the noise", "[interpret]") {
  const Program program = square_model();
  REQUIRE(program_error(program) == "");
  const GroupResult result = interpret_group<double>(program, {{0.5}}, {}, 64, 40, philox_noise<double>(program, 9));
  REQUIRE(result.objective.size() == 40);
  double slope = 0;
  for (uint64_t i = 0; i < 40; ++i) {
    const double z = normal_draw<double>(noise_key(9, "z"), false, 64 + i, 0, 0);
    CHECK(result.objective[i] == (0.5 + z) * (0.5 + z));
    slope += 2 * (0.5 + z);
  }
  CHECK(result.gradient[0][0] == Approx(slope).epsilon(1e-14));

  const GroupResult single = interpret_group<float>(program, {{0.5}}, {}, 64, 40, philox_noise<float>(program, 9));
  const float z = normal_draw<float>(noise_key(9, "z"), false, 64, 0, 0);
  CHECK(single.objective[0] == static_cast<double>((0.5F + z) * (0.5F + z)));
}

TEST_CASE("adjoints are carried from step to step", "[interpret]") {
  const Program program = linear_system();
  REQUIRE(program_error(program) == "");
  const NoiseSource noise = philox_noise<double>(program, 1);
  const auto objective = [&](double a) { return total(interpret_group<double>(program, {{a}}, {}, 0, 64, noise).objective); };
  const double a = 0.8, h = 1e-5;
  const GroupResult result = interpret_group<double>(program, {{a}}, {}, 0, 64, noise);
  CHECK(result.gradient[0][0] == Approx((objective(a + h) - objective(a - h)) / (2 * h)).epsilon(1e-8));

  double x = 1, expected = 0;
  for (uint64_t t = 0; t < 4; ++t) {
    expected += x * x;
    x = a * x + normal_draw<double>(noise_key(1, "z"), true, 5, t, 0);
  }
  CHECK(result.objective[5] == Approx(expected + x).epsilon(1e-15));
}

TEST_CASE("a trace sees the forward values of every step", "[interpret]") {
  const Program program = linear_system();
  int states = 0, negative_times = 0;
  GroupOptions options;
  options.trace = [&](const TraceEvent& event) {
    if (program.graph.op(event.node) == Op::state) {
      CHECK(event.time == states);
      CHECK(event.values.size() == (states == 0 ? 1U : 3U));  // the first state is the constant 1
      ++states;
    }
    negative_times += event.time.value_or(0) < 0;
  };
  interpret_group<double>(program, {{0.8}}, {}, 0, 3, philox_noise<double>(program, 1), options);
  CHECK(states == 4);
  CHECK(negative_times == 0);
}

TEST_CASE("credit is the suffix sum less the mean of the other samples", "[interpret]") {
  // Each step costs z_t; the advantage of the draw at t times 1 is summed: Σ_t A_t with Q_t = own z_t + Σ_{k>t} z_k + final.
  Maker make;
  make.program.horizon = 3;
  const NodeId theta = make.param("theta"), z = make.normal(Phase::step, "z");
  const NodeId cost = make(Phase::step, rate_sample_time, Op::mul, {z, z});
  const NodeId end = make.normal(Phase::init, "end");
  make.program.objective_step = cost;
  make.program.objective_final = make(Phase::final, rate_sample, Op::negate, {end});
  for (const Baseline baseline : {Baseline::none, Baseline::leave_one_out}) {
    Maker again = make;
    const AdvantageId id =
        again.program.advantages.add({"z", Phase::step, {}, cost, cost, again.program.objective_final, baseline, {}, ""});
    const NodeId advantage = again(Phase::step_backward, rate_sample_time, Op::advantage, {}, id.index);
    const NodeId weighted = again(Phase::step_backward, rate_sample_time, Op::mul, {advantage, z});
    again.gradient(theta, {{Phase::step_backward, weighted, {}}});
    REQUIRE(program_error(again.program) == "");
    constexpr size_t n = 5;
    std::array<std::array<double, n>, 3> draws{}, q{};
    double expected = 0;
    for (size_t i = 0; i < n; ++i) {
      double later = -normal_draw<double>(noise_key(4, "end"), false, i, 0, 0);
      for (size_t t = 3; t-- > 0;) {
        draws[t][i] = normal_draw<double>(noise_key(4, "z"), true, i, t, 0);
        q[t][i] = later += draws[t][i] * draws[t][i];
      }
    }
    for (size_t t = 0; t < 3; ++t)
      for (size_t i = 0; i < n; ++i) {
        double others = 0;
        for (size_t j = 0; j < n; ++j) others += j == i ? 0 : q[t][j];
        expected += draws[t][i] * (q[t][i] - (baseline == Baseline::none ? 0 : others / (n - 1)));
      }
    const GroupResult result = interpret_group<double>(again.program, {{0}}, {}, 0, n, philox_noise<double>(again.program, 4));
    CHECK(result.gradient[0][0] == Approx(expected).epsilon(1e-12));
    const GroupResult alone = interpret_group<double>(again.program, {{0}}, {}, 0, 1, philox_noise<double>(again.program, 4));
    double single = 0;
    for (size_t t = 0; t < 3; ++t) single += draws[t][0] * q[t][0];
    CHECK(alone.gradient[0][0] == Approx(single).epsilon(1e-12));
  }
}

TEST_CASE("contributions with an index are scattered, and rows of inputs repeat", "[interpret]") {
  Maker make;
  const Type row{Scalar::real, 0, {3}};
  const NodeId table = make.param("table", row);
  const InputId input = make.program.inputs.add({"which", Type{}});
  const NodeId which = make(Phase::init, rate_sample, Op::input, {}, input.index);
  const AttributesId no_batch = make.program.graph.add_attributes({0});
  const NodeId picked = make(Phase::init, rate_sample, Op::gather, {table, which}, no_batch.index);
  make.program.objective_init = picked;
  const NodeId one = make.constant(1);
  make.gradient(table, {{Phase::init_backward, one, which}}, row);
  const std::vector<InputRows> inputs = {{{0, 2, 2, 1}, 4}};
  const GroupResult result =
      interpret_group<double>(make.program, {{10, 20, 30}}, inputs, 0, 6, philox_noise<double>(make.program, 0));
  CHECK(result.objective == std::vector<double>{10, 30, 30, 20, 10, 30});
  CHECK(result.gradient[0] == std::vector<double>{2, 1, 3});
}

TEST_CASE("episodes end: the loop is left once no sample is alive", "[interpret]") {
  // count' = count + 1 while alive, alive' = count' < 2 + (sample's bit)
  Maker make;
  const Type boolean{Scalar::boolean, 0, {}};
  make.program.horizon = 100;
  const InputId input = make.program.inputs.add({"extra", Type{}});
  const NodeId extra = make(Phase::init, rate_sample, Op::input, {}, input.index);
  const NodeId zero = make.constant(0), one = make.constant(1);
  const NodeId yes = make(Phase::uniform, rate_none, Op::equal, {one, one}, UINT32_MAX, boolean);
  const StateId alive = make.program.states.add({"alive", boolean, yes, {}});
  const StateId count = make.program.states.add({"count", {}, zero, {}});
  make.program.alive = alive;
  const NodeId is_alive = make(Phase::step, rate_sample_time, Op::state, {}, alive.index, boolean);
  const NodeId now = make(Phase::step, rate_sample_time, Op::state, {}, count.index);
  const NodeId more = make(Phase::step, rate_sample_time, Op::add, {now, one});
  make.program.states[count].next = make(Phase::step, rate_sample_time, Op::select, {is_alive, more, now});
  const NodeId on = make(Phase::step, rate_sample_time, Op::less, {more, extra}, UINT32_MAX, boolean);
  make.program.states[alive].next = make(Phase::step, rate_sample_time, Op::logical_and, {is_alive, on}, UINT32_MAX, boolean);
  make.program.objective_final = make(Phase::final, rate_sample, Op::final_state, {}, count.index);
  int steps = 0;
  GroupOptions options;
  options.trace = [&](const TraceEvent& event) { steps += event.node == is_alive; };
  const GroupResult result = interpret_group<double>(make.program, {}, std::vector<InputRows>{{{2, 5, 3}, 3}}, 0, 3,
                                                     philox_noise<double>(make.program, 0), options);
  CHECK(result.objective == std::vector<double>{2, 5, 3});
  CHECK(steps == 5);
}

TEST_CASE("the first value that is not finite is found", "[interpret]") {
  Maker make;
  make.program.horizon = 3;
  const InputId input = make.program.inputs.add({"when", Type{}});
  const NodeId when = make(Phase::init, rate_sample, Op::input, {}, input.index);
  const NodeId time = make(Phase::step, rate_time, Op::time, {});
  const NodeId left = make(Phase::step, rate_sample_time, Op::sub, {when, time});
  const NodeId root = make(Phase::step, rate_sample_time, Op::sqrt, {left});
  make.program.objective_step = root;
  GroupOptions options;
  options.find_non_finite = true;
  const GroupResult result = interpret_group<double>(make.program, {}, std::vector<InputRows>{{{5, 1, 0, 7}, 4}}, 0, 4,
                                                     philox_noise<double>(make.program, 0), options);
  REQUIRE(result.non_finite);
  CHECK(result.non_finite->node == root);
  CHECK(result.non_finite->sample == 2);
  CHECK(result.non_finite->time == 1);
  CHECK(std::isnan(result.non_finite->value));
}

TEST_CASE("named nodes give initial param values", "[interpret]") {
  Maker make;
  const Type row{Scalar::real, 0, {4}};
  const NoiseId noise = make.program.noises.add({"init.W"});
  const NodeId draws = make(Phase::init, rate_sample, Op::noise_normal, {}, noise.index, row);
  make.program.names = {{"W", draws, {}}, {"b", make.constant(3), {}}};
  const ParamArrays values = interpret_names(make.program, {}, philox_noise<double>(make.program, 2));
  REQUIRE(values.size() == 2);
  for (uint64_t k = 0; k < 4; ++k) CHECK(values[0][k] == normal_draw<double>(noise_key(2, "init.W"), false, 0, 0, k));
  CHECK(values[1] == std::vector<double>{3});
}
