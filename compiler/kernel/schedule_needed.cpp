// What the objective, and the gradients where they are asked for, rest on (schedule_parts.h).
#include "compiler/kernel/schedule_parts.h"

namespace alea {
namespace {

class NeededFinder {
 public:
  NeededFinder(const Program& program, const ScheduleOptions& options)
      : program_(program), graph_(program.graph), options_(options) {
    out_.nodes = NodeTable<bool>(graph_.size(), false);
    out_.carries = Table<AdjointCarryId, bool>(program.carries.size(), false);
    out_.advantages = Table<AdvantageId, bool>(program.advantages.size(), false);
    out_.accumulators = Table<AccumulatorId, bool>(program.accumulators.size(), false);
    out_.states = Table<StateId, bool>(program.states.size(), false);
    out_.inputs = Table<InputId, bool>(program.inputs.size(), false);
    out_.noises = Table<NoiseId, NodeId>(program.noises.size());
  }

  Needed run() {
    find_needed();
    return std::move(out_);
  }

 private:
  void need(NodeId node) {
    if (!node || out_.nodes[node]) return;
    out_.nodes[node] = true;
    pending_.push_back(node);
  }
  void need_state(StateId state) {
    if (out_.states[state]) return;
    out_.states[state] = true;
    need(program_.states[state].init);
    need(program_.states[state].next);
  }
  void find_needed() {
    need(program_.objective_init);
    need(program_.objective_step);
    need(program_.objective_final);
    if (program_.alive) need_state(program_.alive);
    if (options_.gradient) {
      for (const ProgramParam& param : program_.params) need(param.gradient);
      for (const CreditProduct& product : options_.products)
        for (NodeId part : {product.weight, product.value, product.score}) need(part);
    }
    while (!pending_.empty()) {
      const NodeId node = pending_.back();
      pending_.pop_back();
      for (NodeId input : graph_.inputs(node)) need(input);
      need_behind_leaf(node);
    }
  }
  void need_behind_leaf(NodeId node) {
    const uint32_t payload = graph_[node].payload;
    switch (graph_.op(node)) {
      case Op::state:
      case Op::final_state: need_state(StateId{payload}); break;
      case Op::input: out_.inputs[InputId{payload}] = true; break;
      case Op::noise_uniform:
      case Op::noise_normal:
      case Op::noise_gamma:
      case Op::noise_poisson:
      case Op::noise_binomial:
      case Op::noise_von_mises: out_.noises[NoiseId{payload}] = node; break;
      case Op::adjoint: {
        const AdjointCarryId id{payload};
        out_.carries[id] = true;
        need(program_.carries[id].final_value);
        need(program_.carries[id].step_value);
        break;
      }
      case Op::advantage: {
        const AdvantageId id{payload};
        const ProgramAdvantage& advantage = program_.advantages[id];
        out_.advantages[id] = true;
        for (NodeId part : {advantage.own, advantage.later, advantage.later_final, advantage.value_baseline}) need(part);
        break;
      }
      case Op::accumulated: {
        const AccumulatorId id{payload};
        out_.accumulators[id] = true;
        for (const Contribution& contribution : program_.accumulators[id].contributions) {
          need(contribution.value);
          need(contribution.index);
        }
        break;
      }
      default: break;
    }
  }

  const Program& program_;
  const Graph& graph_;
  const ScheduleOptions& options_;
  Needed out_;
  std::vector<NodeId> pending_;
};

}  // namespace

Needed find_needed(const Program& program, const ScheduleOptions& options) { return NeededFinder(program, options).run(); }

}  // namespace alea
