// A value lies as [lane][element], lanes being the samples that count, or one where it does not vary with them. Values
// of the step are kept for every step, since the reversed phases may read any of them.
#include "compiler/kernel/interpret.h"

#include <algorithm>
#include <cmath>

#include "compiler/graph/build.h"
#include "compiler/kernel/constants.h"
#include "compiler/kernel/draws.h"
#include "compiler/kernel/elementary.h"
#include "compiler/kernel/fuse.h"
#include "compiler/kernel/philox.h"
#include "dsl/diagnostic.h"

namespace alea {

namespace {

template <class T>
struct LaneValue {
  int64_t lanes = 1, elements = 0;
  std::vector<T> data;

  LaneValue() = default;
  LaneValue(int64_t lane_count, int64_t element_count)
      : lanes(lane_count), elements(element_count), data(static_cast<size_t>(lane_count * element_count), T{0}) {}
  std::span<const T> of(int64_t lane) const {
    return {data.data() + (lanes == 1 ? 0 : lane * elements), static_cast<size_t>(elements)};
  }
  std::span<T> of(int64_t lane) { return {data.data() + (lanes == 1 ? 0 : lane * elements), static_cast<size_t>(elements)}; }
};

// The halves of 64 lanes added, then the halves of 32, and so on; lanes that do not count are 0.
template <class T>
T lane_sum(std::span<const T> lanes) {
  std::array<T, group_size> sum{};
  std::ranges::copy(lanes, sum.begin());
  for (size_t width = group_size / 2; width > 0; width /= 2)
    for (size_t i = 0; i < width; ++i) sum[i] += sum[i + width];
  return sum[0];
}

bool is_forward(Phase phase) {
  return phase == Phase::uniform || phase == Phase::init || phase == Phase::step || phase == Phase::final;
}

template <class T>
class Interpreter {
 public:
  using Value = LaneValue<T>;

  Interpreter(const Program& program, const ParamArrays& params, std::span<const InputRows> inputs, uint64_t first_sample,
              int64_t count, const NoiseSource& noise, const GroupOptions& options, bool with_names = false)
      : program_(program),
        graph_(program.graph),
        params_(params),
        inputs_(inputs),
        first_sample_(first_sample),
        count_(count),
        noise_(noise),
        options_(options),
        order_(order_phases(program, with_names || options.trace)),
        fused_(fuse_products(program)),
        values_(program.graph.size()) {}

  GroupResult run() {
    const bool gradient = options_.gradient && program_.has_gradient;
    objective_.assign(static_cast<size_t>(count_), T{0});
    run_phase(Phase::uniform, {});
    run_phase(Phase::init, {});
    add_objective(program_.objective_init);
    start_states();
    for (int64_t t = 0; t < program_.horizon && any_alive(); ++t) {
      run_phase(Phase::step, t);
      add_objective(program_.objective_step);
      advance_states();
      if (gradient) {
        tape_.emplace_back();
        for (const NodeId node : order_.nodes[static_cast<size_t>(Phase::step)]) tape_.back().push_back(values_[node]);
      }
      ++steps_;
    }
    run_phase(Phase::final, {});
    add_objective(program_.objective_final);
    if (gradient) run_backward();

    GroupResult result;
    result.objective.assign(objective_.begin(), objective_.end());
    result.non_finite = non_finite_;
    if (gradient)
      for (const ProgramParam& param : program_.params) {
        std::vector<double> sum(static_cast<size_t>(element_count(param.type.shape)), 0.0);
        if (param.gradient) std::ranges::copy(values_[param.gradient].of(0), sum.begin());
        result.gradient.push_back(std::move(sum));
      }
    return result;
  }

  // For programs of initial values: nodes of uniform and init alone.
  ParamArrays named_values() {
    run_phase(Phase::uniform, {});
    run_phase(Phase::init, {});
    ParamArrays result;
    for (const NamedNode& named : program_.names) {
      const auto values = values_[named.node].of(0);
      result.emplace_back(values.begin(), values.end());
    }
    return result;
  }

 private:
  int64_t lanes_of(NodeId node) const { return (program_.rate[node] & rate_sample) != 0 ? count_ : 1; }

  void run_phase(Phase phase, std::optional<int64_t> time) {
    for (const NodeId node : order_.nodes[static_cast<size_t>(phase)]) {
      values_[node] = compute(node, time);
      if (is_forward(phase) != options_.find_in_gradient) look_at(node, time);
    }
  }

  void look_at(NodeId node, std::optional<int64_t> time) {
    const Value& value = values_[node];
    if (options_.trace) {
      const std::vector<double> wide(value.data.begin(), value.data.end());
      options_.trace({node, time, wide});
    }
    if (!options_.find_non_finite || non_finite_ || graph_.op(node) == Op::constant) return;
    for (size_t i = 0; i < value.data.size(); ++i)
      if (!std::isfinite(value.data[i])) {
        const auto lane = static_cast<int64_t>(i) / value.elements;
        non_finite_ = NonFinite{node, first_sample_ + static_cast<uint64_t>(lane), time, static_cast<int64_t>(i) % value.elements,
                                static_cast<double>(value.data[i])};
        return;
      }
  }

  // --- one node

  Value compute(NodeId node, std::optional<int64_t> time) {
    const Op op = graph_.op(node);
    const uint32_t payload = graph_[node].payload;
    const int64_t elements = element_count(graph_.shape(node));
    switch (kind(op)) {
      case OpKind::leaf: return leaf(node, op, payload, elements, time);
      case OpKind::random: return draw(node, op, NoiseId{payload}, elements, time);
      case OpKind::control: return values_[graph_.input(node, 0)];
      case OpKind::elementwise: return elementwise(node, op, elements);
      case OpKind::reduction:
      case OpKind::layout:
      case OpKind::linear: return whole(node, elements);
    }
    return {};
  }

  static T rounded(double x) { return static_cast<T>(x); }
  static Value filled(std::span<const double> source, int64_t elements, T (*in_precision)(double) = rounded) {
    Value value(1, elements);
    for (size_t i = 0; i < value.data.size(); ++i) value.data[i] = in_precision(source[source.size() == 1 ? 0 : i]);
    return value;
  }

  Value leaf(NodeId node, Op op, uint32_t payload, int64_t elements, std::optional<int64_t> time) {
    if (op == Op::constant) return filled(graph_.values(node), elements, constant_in<T>);
    if (op == Op::param) return filled(params_[payload], elements);
    if (op == Op::input) return input_rows(inputs_[payload], elements);
    if (op == Op::state || op == Op::final_state) return states_[StateId{payload}];
    if (op == Op::time) return filled(std::array{static_cast<double>(time.value())}, 1);
    if (op == Op::adjoint) return carries_[AdjointCarryId{payload}];
    if (op == Op::accumulated) return accumulated(AccumulatorId{payload});
    if (op != Op::advantage)
      internal_error("the interpreter meets an unknown leaf `" + std::string(text(op)) + "`", print(program_));
    const AdvantageId id{payload};
    return program_.advantages[id].phase == Phase::init ? advantages_[id].back()
                                                        : advantages_[id][static_cast<size_t>(time.value())];
  }

  Value input_rows(const InputRows& input, int64_t elements) const {
    Value value(count_, elements);
    for (int64_t lane = 0; lane < count_; ++lane) {
      const auto row = static_cast<int64_t>((first_sample_ + static_cast<uint64_t>(lane)) % static_cast<uint64_t>(input.rows));
      std::transform(input.values.begin() + row * elements, input.values.begin() + (row + 1) * elements, value.of(lane).begin(),
                     [](double x) { return static_cast<T>(x); });
    }
    return value;
  }

  Value draw(NodeId node, Op op, NoiseId id, int64_t elements, std::optional<int64_t> time) {
    Value value(count_, elements);
    std::vector<double> arguments;
    for (int64_t lane = 0; lane < count_; ++lane)
      for (int64_t k = 0; k < elements; ++k) {
        arguments.clear();
        for (const NodeId input : graph_.inputs(node)) {
          const auto argument = values_[input].of(lane);
          arguments.push_back(static_cast<double>(argument[argument.size() == 1 ? 0 : static_cast<size_t>(k)]));
        }
        value.of(lane)[static_cast<size_t>(k)] =
            static_cast<T>(noise_({id, op, arguments, first_sample_ + static_cast<uint64_t>(lane), time, k}));
      }
    return value;
  }

  Value sum_samples(const Value& operand) {
    Value sum(1, operand.elements);
    std::vector<T> lanes(static_cast<size_t>(count_));
    for (int64_t k = 0; k < operand.elements; ++k) {
      for (int64_t lane = 0; lane < count_; ++lane) lanes[static_cast<size_t>(lane)] = operand.of(lane)[static_cast<size_t>(k)];
      sum.data[static_cast<size_t>(k)] = lane_sum<T>(lanes);
    }
    return sum;
  }

  T number(NodeId node, int64_t lane, int64_t k) const {
    const auto numbers = values_[node].of(lane);
    return numbers[numbers.size() == 1 ? 0 : static_cast<size_t>(k)];
  }

  Value fused(NodeId node, int64_t elements) {
    Value value(lanes_of(node), elements);
    const FusedSum sum = fused_sum(graph_, node, fused_[node]);
    for (int64_t lane = 0; lane < value.lanes; ++lane)
      for (int64_t k = 0; k < elements; ++k) {
        const T x = number(sum.x, lane, k), z = number(sum.z, lane, k);
        value.of(lane)[static_cast<size_t>(k)] = std::fma(sum.negate_x ? -x : x, number(sum.y, lane, k), sum.negate_z ? -z : z);
      }
    return value;
  }

  Value elementwise(NodeId node, Op op, int64_t elements) {
    if (fused_[node] != FusedSide::none) return fused(node, elements);
    Value value(lanes_of(node), elements);
    std::array<T, 3> numbers{};
    const auto inputs = graph_.inputs(node);
    if (const auto divisor = constant_divisor(graph_, node)) {
      elementary::ScalarBuilder<T> builder;
      for (int64_t lane = 0; lane < value.lanes; ++lane)
        for (int64_t k = 0; k < elements; ++k)
          value.of(lane)[static_cast<size_t>(k)] =
              elementary::divide_by_constant(elementary::Real<elementary::ScalarBuilder<T>>{&builder, number(inputs[0], lane, k)},
                                             constant_in<T>(*divisor))
                  .value;
      return value;
    }
    for (int64_t lane = 0; lane < value.lanes; ++lane)
      for (int64_t k = 0; k < elements; ++k) {
        for (size_t i = 0; i < inputs.size(); ++i) numbers[i] = number(inputs[i], lane, k);
        value.of(lane)[static_cast<size_t>(k)] = elementary::apply(op, std::span<const T>(numbers.data(), inputs.size()));
      }
    return value;
  }

  // Operations on whole arrays are evaluated in double and rounded.
  Value whole(NodeId node, int64_t elements) {
    Value value(lanes_of(node), elements);
    for (int64_t lane = 0; lane < value.lanes; ++lane) {
      std::vector<std::vector<double>> wide;
      for (const NodeId input : graph_.inputs(node)) {
        const auto operand = values_[input].of(lane);
        wide.emplace_back(operand.begin(), operand.end());
      }
      const std::vector<std::span<const double>> operands(wide.begin(), wide.end());
      const std::vector<double> result = evaluate(graph_, node, operands);
      std::ranges::transform(result, value.of(lane).begin(), [](double x) { return static_cast<T>(x); });
    }
    return value;
  }

  // --- forward: objective and states

  void add_objective(NodeId node) {
    if (!node) return;
    for (int64_t lane = 0; lane < count_; ++lane) objective_[static_cast<size_t>(lane)] += values_[node].of(lane)[0];
  }

  void start_states() {
    states_.resize(program_.states.size());
    for (uint32_t k = 0; k < program_.states.size(); ++k) states_[StateId{k}] = values_[program_.states[StateId{k}].init];
  }
  void advance_states() {
    for (uint32_t k = 0; k < program_.states.size(); ++k) states_[StateId{k}] = values_[program_.states[StateId{k}].next];
  }
  bool any_alive() const {
    if (!program_.alive) return true;
    return std::ranges::any_of(states_[program_.alive].data, [](T alive) { return alive != 0; });
  }

  // --- backward

  void run_backward() {
    advantages_.resize(program_.advantages.size());
    for (uint32_t k = 0; k < program_.advantages.size(); ++k) credit(AdvantageId{k});
    sums_.resize(program_.accumulators.size());
    for (uint32_t k = 0; k < program_.accumulators.size(); ++k) {
      const Accumulator& accumulator = program_.accumulators[AccumulatorId{k}];
      sums_[AccumulatorId{k}] = Value(count_, element_count(accumulator.type.shape));
    }
    run_phase(Phase::final_backward, {});
    add_contributions(Phase::final_backward);
    carries_.resize(program_.carries.size());
    for (uint32_t k = 0; k < program_.carries.size(); ++k)
      carries_[AdjointCarryId{k}] = values_[program_.carries[AdjointCarryId{k}].final_value];
    for (int64_t t = steps_; t-- > 0;) {
      recall(t);
      run_phase(Phase::step_backward, t);
      add_contributions(Phase::step_backward);
      for (uint32_t k = 0; k < program_.carries.size(); ++k)
        carries_[AdjointCarryId{k}] = values_[program_.carries[AdjointCarryId{k}].step_value];
    }
    run_phase(Phase::init_backward, {});
    add_contributions(Phase::init_backward);
    run_phase(Phase::finish, {});
  }

  void recall(int64_t t) {
    const auto& nodes = order_.nodes[static_cast<size_t>(Phase::step)];
    for (size_t i = 0; i < nodes.size(); ++i) values_[nodes[i]] = tape_[static_cast<size_t>(t)][i];
  }

  // out += a scalar or an array of its shape
  void add_to(Value& out, const Value& value) const {
    for (int64_t lane = 0; lane < count_; ++lane) {
      const auto from = value.of(lane);
      const auto to = out.of(lane);
      for (size_t k = 0; k < to.size(); ++k) to[k] += from[from.size() == 1 ? 0 : k];
    }
  }

  // The suffix sums, then A = n/(n-1) (Q - mean over the group); [t], or one entry for a draw of init.
  void credit(AdvantageId id) {
    const ProgramAdvantage& advantage = program_.advantages[id];
    const int64_t elements = element_count(advantage.type.shape);
    Value later(count_, elements);
    if (advantage.later_final) add_to(later, values_[advantage.later_final]);
    std::vector<Value>& out = advantages_[id];
    if (advantage.phase == Phase::step) out.resize(static_cast<size_t>(steps_));
    for (int64_t t = steps_; t-- > 0;) {
      recall(t);
      if (advantage.phase == Phase::step) out[static_cast<size_t>(t)] = centred(advantage, later);
      if (advantage.later) add_to(later, values_[advantage.later]);
    }
    if (advantage.phase == Phase::init) out.push_back(centred(advantage, later));
  }

  Value centred(const ProgramAdvantage& advantage, const Value& later) {
    Value q = later;
    if (advantage.own) add_to(q, values_[advantage.own]);
    if (advantage.value_baseline) {
      Value less(count_, q.elements);
      add_to(less, values_[advantage.value_baseline]);
      for (size_t i = 0; i < q.data.size(); ++i) q.data[i] -= less.data[i];
    }
    if (advantage.baseline == Baseline::none || count_ == 1) return q;
    const auto n = static_cast<T>(count_);
    const Value sum = sum_samples(q);
    for (int64_t lane = 0; lane < count_; ++lane)
      for (size_t k = 0; k < sum.data.size(); ++k) q.of(lane)[k] = n / (n - 1) * (q.of(lane)[k] - sum.data[k] / n);
    return q;
  }

  void add_contributions(Phase phase) {
    for (uint32_t k = 0; k < program_.accumulators.size(); ++k)
      for (const Contribution& contribution : program_.accumulators[AccumulatorId{k}].contributions) {
        if (contribution.phase != phase) continue;
        Value& sum = sums_[AccumulatorId{k}];
        if (contribution.index)
          add_indexed(sum, program_.accumulators[AccumulatorId{k}].type.shape, values_[contribution.value],
                      values_[contribution.index]);
        else add_to(sum, values_[contribution.value]);
      }
  }

  // sum[index[i], s] += value[i, s]; an index that is none of the first axis is dropped.
  void add_indexed(Value& sum, const Shape& shape, const Value& value, const Value& index) const {
    if (sum.elements == 0) return;
    const auto row = static_cast<size_t>(sum.elements / shape[0]);
    for (int64_t lane = 0; lane < count_; ++lane) {
      const auto indices = index.of(lane);
      const auto from = value.of(lane);
      for (size_t i = 0; i < indices.size(); ++i) {
        if (!(indices[i] >= 0 && indices[i] < static_cast<T>(shape[0]))) continue;
        const auto first = static_cast<size_t>(indices[i]) * row;
        for (size_t s = 0; s < row; ++s) sum.of(lane)[first + s] += from[i * row + s];
      }
    }
  }

  Value accumulated(AccumulatorId id) {
    const bool of_samples = (program_.rate[program_.accumulators[id].target] & rate_sample) != 0;
    return of_samples ? sums_[id] : sum_samples(sums_[id]);
  }

  const Program& program_;
  const Graph& graph_;
  const ParamArrays& params_;
  std::span<const InputRows> inputs_;
  uint64_t first_sample_;
  int64_t count_, steps_ = 0;
  const NoiseSource& noise_;
  const GroupOptions& options_;
  PhaseOrder order_;
  FusedProducts fused_;
  NodeTable<Value> values_;
  std::vector<T> objective_;
  Table<StateId, Value> states_;
  std::vector<std::vector<Value>> tape_;  // by step, in the order of the step's nodes
  Table<AdvantageId, std::vector<Value>> advantages_;
  Table<AdjointCarryId, Value> carries_;
  Table<AccumulatorId, Value> sums_;  // [lane][element], also for targets that lack the samples
  std::optional<NonFinite> non_finite_;
};

}  // namespace

template <class T>
NoiseSource philox_noise(const Program& program, uint64_t seed) {
  std::vector<uint64_t> keys;
  for (const ProgramNoise& noise : program.noises) keys.push_back(noise_key(seed, noise.name));
  return [keys](const NoiseRequest& request) -> double {
    const uint64_t key = keys[request.id.index];
    const bool timed = request.time.has_value();
    const auto time = static_cast<uint64_t>(request.time.value_or(0)), element = static_cast<uint64_t>(request.element);
    const DrawAddress address{key, request.sample, time, element};
    if (request.op == Op::noise_uniform) return static_cast<double>(uniform_draw<T>(key, timed, request.sample, time, element));
    if (request.op == Op::noise_normal) return static_cast<double>(normal_draw<T>(key, timed, request.sample, time, element));
    const auto argument = static_cast<T>(request.arguments[0]);
    if (request.op == Op::noise_gamma) return static_cast<double>(gamma_as<T>(address, argument));
    if (request.op == Op::noise_von_mises) return static_cast<double>(von_mises_as<T>(address, argument));
    if (request.op == Op::noise_poisson) return draw_poisson(address, request.arguments[0]);
    if (request.op == Op::noise_binomial) return draw_binomial(address, request.arguments[0], request.arguments[1]);
    internal_error("`" + std::string(text(request.op)) + "` is no noise");
  };
}

template <class T>
GroupResult interpret_group(const Program& program, const ParamArrays& params, std::span<const InputRows> inputs,
                            uint64_t first_sample, int64_t count, const NoiseSource& noise, const GroupOptions& options) {
  return Interpreter<T>(program, params, inputs, first_sample, count, noise, options).run();
}

ParamArrays interpret_names(const Program& program, const ParamArrays& params, const NoiseSource& noise) {
  const GroupOptions options;
  return Interpreter<double>(program, params, {}, 0, 1, noise, options, true).named_values();
}

template NoiseSource philox_noise<double>(const Program&, uint64_t);
template NoiseSource philox_noise<float>(const Program&, uint64_t);
template GroupResult interpret_group<double>(const Program&, const ParamArrays&, std::span<const InputRows>, uint64_t, int64_t,
                                             const NoiseSource&, const GroupOptions&);
template GroupResult interpret_group<float>(const Program&, const ParamArrays&, std::span<const InputRows>, uint64_t, int64_t,
                                            const NoiseSource&, const GroupOptions&);

}  // namespace alea
