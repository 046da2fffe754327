// The conditions of stream_credit.h, and the program without a reversed sweep.
#include "compiler/kernel/stream_credit.h"

#include <algorithm>
#include <unordered_map>

#include "compiler/graph/build.h"

namespace alea {
namespace {

// A node that reads no credit, or is proportional to it, or neither.
enum class Credited : uint8_t { no, proportional, otherwise };

class Streamer {
 public:
  explicit Streamer(const Program& program) : source_(program) {}

  std::optional<StreamedCredit> run() {
    if (!source_.has_gradient || source_.horizon == 0 || !find_sums() || !find_credit()) return std::nullopt;
    out_.program = source_;
    graph_ = &out_.program.graph;
    for (AccumulatorId id : sums_)
      if (!stream(id)) return std::nullopt;
    for (Accumulator& accumulator : out_.program.accumulators) accumulator.contributions.clear();
    return std::move(out_);
  }

 private:
  // The sums that the gradients are made of: small, over the samples, added to by the reversed steps alone.
  bool find_sums() {
    const Graph& graph = source_.graph;
    const PhaseOrder order = order_phases(source_);
    int64_t elements = 0;
    for (NodeId node : order.nodes[static_cast<size_t>(Phase::finish)]) {
      if (graph.op(node) != Op::accumulated) continue;
      const AccumulatorId id{graph[node].payload};
      const Accumulator& accumulator = source_.accumulators[id];
      elements += element_count(accumulator.type.shape);
      for (const Contribution& contribution : accumulator.contributions)
        if (contribution.phase != Phase::step_backward || contribution.index) return false;
      if (elements > most_streamed || element_count(accumulator.type.shape) > 8) return false;
      sums_.push_back(id);
    }
    return !sums_.empty();
  }

  // One credit for all scores: that of one draw, or of several which lead to the same costs, all of later steps.
  bool find_credit() {
    const Graph& graph = source_.graph;
    credited_ = NodeTable<Credited>(graph.size(), Credited::no);
    for (uint32_t k = 0; k < graph.size(); ++k) {
      const NodeId node{k};
      if (source_.phase[node] != Phase::step_backward) continue;
      if (graph.op(node) == Op::adjoint) credited_[node] = Credited::otherwise;
      else credited_[node] = graph.op(node) == Op::advantage ? Credited::proportional : follow(node);
    }
    for (AccumulatorId id : sums_)
      for (const Contribution& contribution : source_.accumulators[id].contributions)
        if (credited_[contribution.value] != Credited::proportional || !reads_one_credit(contribution.value)) return false;
    return credit_ != nullptr;
  }

  Credited follow(NodeId node) const {
    const Graph& graph = source_.graph;
    const auto inputs = graph.inputs(node);
    const auto of = [&](size_t k) { return credited_[inputs[k]]; };
    const auto is_zero = [&](size_t k) { return graph.is_constant(inputs[k]) && graph.is_splat(inputs[k], 0); };
    size_t proportional = 0;
    for (size_t k = 0; k < inputs.size(); ++k) {
      if (of(k) == Credited::otherwise) return Credited::otherwise;
      proportional += of(k) == Credited::proportional ? 1 : 0;
    }
    if (proportional == 0) return Credited::no;
    bool holds = false;
    switch (graph.op(node)) {
      case Op::negate:
      case Op::broadcast:
      case Op::reshape:
      case Op::transpose:
      case Op::slice:
      case Op::pad:
      case Op::cumsum:
      case Op::reduce_sum: holds = true; break;
      case Op::add:
      case Op::sub: holds = proportional == 2; break;
      case Op::mul:
      case Op::outer:
      case Op::matmul: holds = proportional == 1; break;
      case Op::div:
      case Op::gather:
      case Op::scatter: holds = of(0) == Credited::proportional && proportional == 1; break;
      case Op::concat: {
        holds = true;
        for (size_t k = 0; k < inputs.size(); ++k) holds = holds && (of(k) == Credited::proportional || is_zero(k));
        break;
      }
      case Op::select:
        holds = of(0) == Credited::no && (of(1) == Credited::proportional || is_zero(1)) &&
                (of(2) == Credited::proportional || is_zero(2));
        break;
      default: break;
    }
    return holds ? Credited::proportional : Credited::otherwise;
  }

  bool reads_one_credit(NodeId from) {
    std::vector<NodeId> pending{from};
    NodeTable<bool> seen(source_.graph.size(), false);
    while (!pending.empty()) {
      const NodeId node = pending.back();
      pending.pop_back();
      if (seen[node] || credited_[node] != Credited::proportional) continue;
      seen[node] = true;
      for (NodeId input : source_.graph.inputs(node)) pending.push_back(input);
      if (source_.graph.op(node) != Op::advantage) continue;
      const ProgramAdvantage& found = source_.advantages[AdvantageId{source_.graph[node].payload}];
      const auto scalar = [&](NodeId part) { return !part || source_.graph.shape(part).empty(); };
      if (found.phase != Phase::step || !scalar(found.own) || !scalar(found.later) || !scalar(found.later_final) ||
          !scalar(found.value_baseline))
        return false;
      if (credit_ == nullptr) credit_ = &found;
      if (found.own != credit_->own || found.later != credit_->later || found.later_final != credit_->later_final ||
          found.value_baseline != credit_->value_baseline || found.baseline != credit_->baseline)
        return false;
    }
    return true;
  }

  // The new nodes are of the forward phases: those of the steps, or before where nothing of a step is read.
  void place() {
    Program& program = out_.program;
    for (uint32_t k = static_cast<uint32_t>(program.phase.size()); k < graph_->size(); ++k) {
      const NodeId node{k};
      uint8_t rate = rate_none;
      Phase phase = Phase::uniform;
      if (graph_->op(node) == Op::state) {
        rate = rate_sample_time;
        phase = Phase::step;
      }
      for (NodeId input : graph_->inputs(node)) {
        rate |= program.rate[input];
        phase = std::max(phase, program.phase[input]);
      }
      program.phase.add(phase);
      program.rate.add(static_cast<Rate>(rate));
    }
  }
  NodeId placed(NodeId node) {
    place();
    // An equal node of the reversed sweep, which is gone, serves.
    Phase& phase = out_.program.phase[node];
    if (phase == Phase::step_backward) phase = Phase::step;
    return node;
  }

  // Whether t < T, the steps begun alive: alive at this step.
  bool asks_for_alive(NodeId node) const {
    const Graph& graph = source_.graph;
    if (!source_.alive || graph.op(node) != Op::less || graph.op(graph.input(node, 0)) != Op::time ||
        graph.op(graph.input(node, 1)) != Op::final_state)
      return false;
    const uint32_t steps = graph[graph.input(node, 1)].payload;
    const ProgramState& taken = source_.states[StateId{steps}];
    const auto is_state = [&](NodeId leaf, uint32_t state) {
      return graph.op(leaf) == Op::state && graph[leaf].payload == state;
    };
    if (!graph.is_constant(taken.init) || !graph.is_splat(taken.init, 0) || graph.op(taken.next) != Op::select) return false;
    const NodeId more = graph.input(taken.next, 1);
    return is_state(graph.input(taken.next, 0), source_.alive.index) && is_state(graph.input(taken.next, 2), steps) &&
           graph.op(more) == Op::add && is_state(graph.input(more, 0), steps) && graph.is_constant(graph.input(more, 1)) &&
           graph.is_splat(graph.input(more, 1), 1);
  }

  // The value of a reversed step, computed in the step itself for a credit of one; null where that cannot be.
  NodeId moved(NodeId node) {
    const Phase phase = source_.phase[node];
    if (phase == Phase::uniform || phase == Phase::init || phase == Phase::step) return node;
    if (phase != Phase::step_backward) return {};
    if (const auto found = moved_.find(node.index); found != moved_.end()) return found->second;
    const NodeId result = move(node);
    return moved_[node.index] = result && out_.program.phase[result] <= Phase::step ? result : NodeId{};
  }
  NodeId move(NodeId node) {
    const Graph& graph = source_.graph;
    if (graph.op(node) == Op::advantage) return placed(graph_->constant(graph.type(node), {1}));
    if (asks_for_alive(node)) return placed(graph_->add(Op::state, Type{Scalar::boolean, 0, {}}, {}, source_.alive.index));
    if (kind(graph.op(node)) == OpKind::leaf) return {};
    std::vector<NodeId> inputs;
    for (NodeId input : graph.inputs(node)) {
      inputs.push_back(moved(input));
      if (!inputs.back()) return {};
    }
    return placed(make_copy(*graph_, graph, node, inputs));
  }

  NodeId make_node(Op op, std::initializer_list<NodeId> inputs) { return placed(make(*graph_, op, inputs)); }

  bool stream(AccumulatorId id) {
    NodeId score;
    for (const Contribution& contribution : source_.accumulators[id].contributions) {
      NodeId part = moved(contribution.value);
      if (!part) return false;
      score = score ? make_node(Op::add, {score, part}) : part;
    }
    Program& program = out_.program;
    const Type type{Scalar::real, 0, source_.accumulators[id].type.shape};
    if (graph_->shape(score) != type.shape) return false;
    const NodeId nothing = placed(make_zeros(*graph_, type.shape));
    const StateId state = program.states.add({"scores " + std::to_string(id.index), type, nothing, {}});
    const NodeId before = placed(graph_->add(Op::state, type, {}, state.index));
    const NodeId after = make_node(Op::add, {before, score});
    program.states[state].next = after;

    const auto product = [&](Phase phase, NodeId weight, NodeId value, Scores scores) {
      out_.products.push_back({phase, weight, value, scores, score, id, credit_->baseline});
    };
    NodeId own = credit_->own, later = credit_->later;
    if (own && own == later && !credit_->value_baseline) {
      // own g + later C = later (C + g)
      product(Phase::step, later, after, Scores::after);
      own = later = {};
    }
    if (credit_->value_baseline)
      own = own ? make_node(Op::sub, {own, credit_->value_baseline}) : make_node(Op::negate, {credit_->value_baseline});
    if (own) product(Phase::step, own, score, Scores::own);
    if (later) product(Phase::step, later, before, Scores::before);
    if (credit_->later_final) {
      const NodeId last = graph_->add(Op::final_state, type, {}, state.index);
      place();
      program.phase[last] = Phase::final;
      program.rate[last] = rate_sample;
      product(Phase::final, credit_->later_final, last, Scores::after);
    }
    return true;
  }

  const Program& source_;
  StreamedCredit out_;
  Graph* graph_ = nullptr;
  std::vector<AccumulatorId> sums_;
  const ProgramAdvantage* credit_ = nullptr;
  NodeTable<Credited> credited_;
  std::unordered_map<uint32_t, NodeId> moved_;
};

}  // namespace

std::optional<StreamedCredit> stream_credit(const Program& program) { return Streamer(program).run(); }

}  // namespace alea
