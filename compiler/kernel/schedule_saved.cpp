// What outlives its phase, and what of the steps is saved or computed again (schedule_parts.h).
#include <algorithm>

#include "compiler/kernel/schedule_parts.h"
#include "dsl/diagnostic.h"

namespace alea {

bool is_cheap(Op op) {
  switch (op) {
    case Op::stop:
    case Op::detach:
    case Op::nonzero:
    case Op::draw:
    case Op::negate:
    case Op::abs:
    case Op::sign:
    case Op::floor:
    case Op::ceil:
    case Op::round:
    case Op::truncate:
    case Op::convert:
    case Op::logical_not:
    case Op::add:
    case Op::sub:
    case Op::mul:
    case Op::max:
    case Op::min:
    case Op::less:
    case Op::less_equal:
    case Op::equal:
    case Op::not_equal:
    case Op::logical_and:
    case Op::logical_or:
    case Op::select:
    case Op::broadcast:
    case Op::reshape:
    case Op::transpose:
    case Op::slice: return true;
    default: return false;
  }
}

namespace {

class HomeFinder {
 public:
  HomeFinder(const Program& program, const Needed& needed, Schedule& out)
      : program_(program), graph_(program.graph), needed_(needed), out_(out), noise_read_back_(program.noises.size(), false) {}

  Table<NoiseId, bool> run() {
    find_readers();
    choose_saved();
    find_noise();
    return std::move(noise_read_back_);
  }

 private:
  // --- who reads what from another phase
  void read(NodeId node, Phase reader) {
    if (!node || out_.home[node] == Home::leaf || program_.phase[node] == reader) return;
    const Phase phase = program_.phase[node];
    switch (phase) {
      case Phase::uniform: out_.home[node] = Home::uniform; break;
      case Phase::init: out_.home[node] = Home::sample; break;
      case Phase::final: out_.home[node] = graph_.op(node) == Op::final_state ? Home::state : Home::sample; break;
      case Phase::step: wanted_.push_back(node); break;
      case Phase::final_backward:
      case Phase::step_backward:
      case Phase::init_backward:
      case Phase::finish: internal_error("a value of a backward phase is read in another phase", print(program_));
    }
  }
  void find_readers() {
    for (int p = 0; p < phase_count; ++p)
      for (NodeId node : out_.order[static_cast<size_t>(p)])
        for (NodeId input : graph_.inputs(node)) read(input, static_cast<Phase>(p));
    read(program_.objective_init, Phase::init);
    read(program_.objective_step, Phase::step);
    read(program_.objective_final, Phase::final);
    for (uint32_t k = 0; k < program_.states.size(); ++k) {
      if (!needed_.states[StateId{k}]) continue;
      read(program_.states[StateId{k}].init, Phase::init);
      read(program_.states[StateId{k}].next, Phase::step);
    }
    if (!out_.options.gradient) return;
    for (const ProgramParam& param : program_.params) read(param.gradient, Phase::finish);
    for (const CreditProduct& product : out_.options.products) {
      read(product.weight, product.phase);
      read(product.value, product.phase);
      read(product.score, Phase::step);
    }
    for (uint32_t k = 0; k < program_.carries.size(); ++k) {
      if (!needed_.carries[AdjointCarryId{k}]) continue;
      read(program_.carries[AdjointCarryId{k}].final_value, Phase::final_backward);
      read(program_.carries[AdjointCarryId{k}].step_value, Phase::step_backward);
    }
    for (uint32_t k = 0; k < program_.accumulators.size(); ++k) {
      if (!needed_.accumulators[AccumulatorId{k}] || out_.accumulators[AccumulatorId{k}].form == AccumulatorForm::product)
        continue;
      for (const Contribution& contribution : program_.accumulators[AccumulatorId{k}].contributions) {
        read(contribution.value, out_.phase_of(contribution));
        read(contribution.index, out_.phase_of(contribution));
      }
    }
    // What credit reads is saved, but for the little that choose_saved finds.
    for (uint32_t k = 0; k < program_.advantages.size(); ++k) {
      if (!needed_.advantages[AdvantageId{k}]) continue;
      const ProgramAdvantage& advantage = program_.advantages[AdvantageId{k}];
      for (NodeId part : {advantage.own, advantage.later, advantage.value_baseline})
        if (part && out_.home[part] != Home::leaf && program_.phase[part] == Phase::step) credited_.push_back(part);
        else read(part, Phase::step_backward);
      read(advantage.later_final, Phase::step_backward);
    }
  }

  // --- saved or computed again
  bool is_small(NodeId node) const { return element_count(graph_.shape(node)) <= register_elements; }
  bool cheap(NodeId node) const {
    if (out_.sums[node] != SumPart::none) return false;
    return is_cheap(graph_.op(node)) || (graph_.op(node) == Op::concat && is_small(node));
  }
  // What a step value costs on the tape: 0 when it is there anyway.
  bool at_hand(NodeId node) const {
    if (program_.phase[node] != Phase::step) return true;
    const Op op = graph_.op(node);
    return is_free_leaf(op) || out_.home[node] == Home::tape || again_[node] || is_filled(op);
  }
  // The step values that computing `node` again would newly put on the tape, and the operations it would take.
  struct Price {
    int64_t bytes = 0, operations = 0;
  };
  static constexpr int64_t most_operations = 6;
  void price(NodeId node, Price& total) const {
    if (at_hand(node)) return;
    if (!cheap(node) || total.operations >= most_operations) {
      total.bytes += bytes_in_slot(program_, out_, node);
      return;
    }
    const OpKind node_kind = kind(graph_.op(node));
    total.operations += node_kind == OpKind::layout || node_kind == OpKind::control ? 0 : 1;
    for (NodeId input : graph_.inputs(node)) price(input, total);
  }
  bool all_small(NodeId node) const {
    return is_small(node) && (at_hand(node) || !cheap(node) ||
                              std::ranges::all_of(graph_.inputs(node), [&](NodeId input) { return all_small(input); }));
  }
  void compute_again(NodeId node) {
    if (at_hand(node)) return;
    if (!cheap(node)) out_.home[node] = Home::tape;
    else {
      again_[node] = true;
      for (NodeId input : graph_.inputs(node)) compute_again(input);
    }
  }
  // Dear values are saved first; then, users before operands, a cheap one is computed again where that takes
  // few operations and puts no more on the tape than saving it would.
  void choose_saved() {
    again_ = NodeTable<bool>(graph_.size(), false);
    std::sort(wanted_.begin(), wanted_.end());
    wanted_.erase(std::unique(wanted_.begin(), wanted_.end()), wanted_.end());
    for (NodeId node : wanted_)
      if (!cheap(node) && !at_hand(node)) out_.home[node] = Home::tape;
    for (NodeId part : credited_) {
      if (at_hand(part)) continue;
      // Credit has no buffers for what it computes again.
      Price total;
      price(part, total);
      if (all_small(part) && total.operations <= most_operations && total.bytes < bytes_in_slot(program_, out_, part))
        compute_again(part);
      else out_.home[part] = Home::tape;
    }
    for (auto node = wanted_.rbegin(); node != wanted_.rend(); ++node) {
      if (at_hand(*node)) continue;
      Price total;
      price(*node, total);
      if (total.operations <= most_operations && total.bytes <= bytes_in_slot(program_, out_, *node)) compute_again(*node);
      else out_.home[*node] = Home::tape;
    }
    std::vector<NodeId>& order = out_.order[index_of(Phase::step_backward)];
    const size_t own = order.size();
    auto reads_noise = [&](NodeId node) {
      if (program_.phase[node] == Phase::step && is_filled(graph_.op(node)))
        noise_read_back_[NoiseId{graph_[node].payload}] = true;
    };
    for (NodeId node : wanted_) reads_noise(node);
    for (uint32_t k = 0; k < graph_.size(); ++k)
      if (again_[NodeId{k}]) {
        order.push_back(NodeId{k});
        for (NodeId input : graph_.inputs(NodeId{k})) reads_noise(input);
      }
    std::inplace_merge(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(own), order.end());
  }

  void find_noise() {
    for (uint32_t k = 0; k < graph_.size(); ++k) {
      const NodeId node{k};
      if (needed_.nodes[node] && is_filled(graph_.op(node)) && out_.home[node] != Home::tape) out_.home[node] = Home::noise;
    }
  }

  const Program& program_;
  const Graph& graph_;
  const Needed& needed_;
  Schedule& out_;
  Table<NoiseId, bool> noise_read_back_;
  NodeTable<bool> again_;
  std::vector<NodeId> wanted_, credited_;  // step values that other phases read; that credit reads
};

}  // namespace

Table<NoiseId, bool> choose_homes(const Program& program, const Needed& needed, Schedule& schedule) {
  return HomeFinder(program, needed, schedule).run();
}

}  // namespace alea
