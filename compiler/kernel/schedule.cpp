// The order of each phase, which gradients are products over the group, and the making of a schedule of its parts (schedule.h).
#include <algorithm>

#include "compiler/kernel/schedule_parts.h"

namespace alea {
namespace {

class Scheduler {
 public:
  Scheduler(const Program& program, const ScheduleOptions& options)
      : program_(program), graph_(program.graph), needed_(find_needed(program, options)) {
    out_.options = options;
    out_.modulus = 64 / options.real_bytes;
    out_.fused = fuse_products(program);
    out_.sums = find_product_sums(program, out_.fused);
    out_.home = NodeTable<Home>(graph_.size(), Home::phase);
    out_.offset = NodeTable<int64_t>(graph_.size(), -1);
    out_.accumulators = Table<AccumulatorId, AccumulatorArea>(program.accumulators.size());
  }

  Schedule run() {
    order_phases();
    out_.one_sweep = is_one_sweep();
    choose_products();
    const Table<NoiseId, bool> read_back = choose_homes(program_, needed_, out_);
    lay_out(program_, needed_, read_back, out_);
    return std::move(out_);
  }

 private:
  void order_phases() {
    for (uint32_t k = 0; k < graph_.size(); ++k) {
      const NodeId node{k};
      if (!needed_.nodes[node]) continue;
      if (is_free_leaf(graph_.op(node))) {
        out_.home[node] = Home::leaf;
      } else {
        if (graph_.op(node) == Op::final_state) out_.home[node] = Home::state;
        out_.order[index_of(program_.phase[node])].push_back(node);
      }
    }
  }

  bool is_one_sweep() const {
    for (Phase phase : {Phase::step, Phase::final, Phase::final_backward, Phase::step_backward, Phase::init_backward})
      if (!out_.order[index_of(phase)].empty()) return false;
    return out_.options.gradient && program_.horizon == 0 && program_.advantages.empty() && program_.carries.empty();
  }

  // --- products of operands that are kept
  static bool is_once_a_group(Phase phase) {
    return phase == Phase::init || phase == Phase::final || phase == Phase::final_backward || phase == Phase::init_backward;
  }
  // Rows of an input and draws made for a whole group are there anyway.
  bool is_there(NodeId node) const {
    const Op op = graph_.op(node);
    return op == Op::input || (is_filled(op) && program_.phase[node] == Phase::init);
  }
  bool can_be_kept(NodeId node) const {
    if (is_there(node)) return true;
    const OpKind node_kind = kind(graph_.op(node));
    return has_lanes(program_, node) && graph_.type(node).scalar != Scalar::boolean && is_once_a_group(program_.phase[node]) &&
           (node_kind == OpKind::elementwise || node_kind == OpKind::linear || node_kind == OpKind::reduction);
  }
  void choose_products() {
    if (!out_.options.gradient) return;
    constexpr int64_t least_elements = 512;
    NodeTable<uint32_t> users(graph_.size(), 0);
    for (uint32_t k = 0; k < graph_.size(); ++k)
      if (needed_.nodes[NodeId{k}])
        for (NodeId input : graph_.inputs(NodeId{k})) ++users[input];
    for (const Accumulator& accumulator : program_.accumulators)
      for (const Contribution& contribution : accumulator.contributions) ++users[contribution.value];
    for (uint32_t k = 0; k < program_.accumulators.size(); ++k) {
      const Accumulator& accumulator = program_.accumulators[AccumulatorId{k}];
      if (!needed_.accumulators[AccumulatorId{k}] || has_lanes(program_, accumulator.target) ||
          element_count(accumulator.type.shape) < least_elements)
        continue;
      const bool all = std::ranges::all_of(accumulator.contributions, [&](const Contribution& contribution) {
        const NodeId node = contribution.value;
        return !contribution.index && graph_.op(node) == Op::outer && graph_.attributes(node)[0] == 0 && users[node] == 1 &&
               is_once_a_group(out_.phase_of(contribution)) && is_once_a_group(program_.phase[node]) &&
               can_be_kept(product_operand(graph_, node, 0)) && can_be_kept(product_operand(graph_, node, 1));
      });
      if (!all) continue;
      out_.accumulators[AccumulatorId{k}].form = AccumulatorForm::product;
      for (const Contribution& contribution : accumulator.contributions) {
        for (int side : {0, 1})
          if (const NodeId operand = product_operand(graph_, contribution.value, side); !is_there(operand))
            out_.home[operand] = Home::sample;
        std::erase(out_.order[index_of(program_.phase[contribution.value])], contribution.value);
      }
    }
  }

  const Program& program_;
  const Graph& graph_;
  Needed needed_;
  Schedule out_;
};

}  // namespace

int64_t slot_bytes(const Type& type, bool lanes, int64_t real_bytes) {
  const int64_t count = element_count(type.shape);
  if (type.scalar == Scalar::boolean) return lanes ? count * (group_size / 8) : count;
  return count * real_bytes * (lanes ? group_size : 1);
}

NodeId product_operand(const Graph& graph, NodeId outer, int side) {
  NodeId operand = graph.input(outer, side);
  while (graph.op(operand) == Op::reshape || kind(graph.op(operand)) == OpKind::control) operand = graph.input(operand, 0);
  return operand;
}

int64_t kept_at(const Graph& graph, const Schedule& schedule, NodeId operand) {
  const uint32_t payload = graph[operand].payload;
  if (graph.op(operand) == Op::input) return schedule.inputs[InputId{payload}];
  return is_filled(graph.op(operand)) ? schedule.noises[NoiseId{payload}].offset : schedule.offset[operand];
}

Schedule make_schedule(const Program& program, const ScheduleOptions& options) { return Scheduler(program, options).run(); }

}  // namespace alea
