// The layout of a program's memory (schedule.h).
#include "compiler/kernel/schedule.h"

#include <algorithm>
#include <cmath>

#include "dsl/diagnostic.h"

namespace alea {
namespace {

constexpr int64_t alignment = 64;
int64_t align(int64_t offset) { return (offset + alignment - 1) / alignment * alignment; }

size_t index_of(Phase phase) { return static_cast<size_t>(phase); }

// Found again in any phase at no cost.
bool is_free_leaf(Op op) { return op == Op::constant || op == Op::param || op == Op::input || op == Op::time; }

// Noise without arguments is drawn for many steps at once into an area of its own.
bool is_filled(Op op) { return op == Op::noise_uniform || op == Op::noise_normal; }

}  // namespace

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

class Scheduler {
 public:
  Scheduler(const Program& program, const ScheduleOptions& options) : program_(program), graph_(program.graph) {
    out_.options = options;
    out_.fused = fuse_products(program);
    out_.sums = find_product_sums(program, out_.fused);
    out_.home = NodeTable<Home>(graph_.size(), Home::phase);
    out_.offset = NodeTable<int64_t>(graph_.size(), -1);
    needed_ = NodeTable<bool>(graph_.size(), false);
    carry_needed_ = Table<AdjointCarryId, bool>(program.carries.size(), false);
    advantage_needed_ = Table<AdvantageId, bool>(program.advantages.size(), false);
    accumulator_needed_ = Table<AccumulatorId, bool>(program.accumulators.size(), false);
    state_needed_ = Table<StateId, bool>(program.states.size(), false);
    input_needed_ = Table<InputId, bool>(program.inputs.size(), false);
    noise_node_ = Table<NoiseId, NodeId>(program.noises.size());
    noise_read_back_ = Table<NoiseId, bool>(program.noises.size(), false);
    out_.modulus = 64 / options.real_bytes;
  }

  Schedule run() {
    find_needed();
    order_phases();
    out_.one_sweep = is_one_sweep();
    choose_products();
    find_readers();
    choose_saved();
    find_homes();
    lay_out();
    return std::move(out_);
  }

 private:
  bool gradient() const { return out_.options.gradient; }
  int64_t elements(NodeId node) const { return element_count(graph_.shape(node)); }
  int64_t bytes_in_slot(NodeId node) const {
    return slot_bytes(graph_.type(node), has_lanes(program_, node), out_.options.real_bytes);
  }

  // --- what is needed: from the objective and the gradients down
  void need(NodeId node) {
    if (!node || needed_[node]) return;
    needed_[node] = true;
    pending_.push_back(node);
  }
  void need_state(StateId state) {
    if (state_needed_[state]) return;
    state_needed_[state] = true;
    need(program_.states[state].init);
    need(program_.states[state].next);
  }
  void find_needed() {
    need(program_.objective_init);
    need(program_.objective_step);
    need(program_.objective_final);
    if (program_.alive) need_state(program_.alive);
    if (gradient()) {
      for (const ProgramParam& param : program_.params) need(param.gradient);
      for (const CreditProduct& product : out_.options.products) {
        for (NodeId part : {product.weight, product.value, product.score}) need(part);
      }
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
      case Op::input: input_needed_[InputId{payload}] = true; break;
      case Op::noise_uniform:
      case Op::noise_normal:
      case Op::noise_gamma:
      case Op::noise_poisson:
      case Op::noise_binomial:
      case Op::noise_von_mises: noise_node_[NoiseId{payload}] = node; break;
      case Op::adjoint: {
        const AdjointCarryId id{payload};
        carry_needed_[id] = true;
        need(program_.carries[id].final_value);
        need(program_.carries[id].step_value);
        break;
      }
      case Op::advantage: {
        const AdvantageId id{payload};
        const ProgramAdvantage& advantage = program_.advantages[id];
        advantage_needed_[id] = true;
        for (NodeId part : {advantage.own, advantage.later, advantage.later_final, advantage.value_baseline}) need(part);
        break;
      }
      case Op::accumulated: {
        const AccumulatorId id{payload};
        accumulator_needed_[id] = true;
        for (const Contribution& contribution : program_.accumulators[id].contributions) {
          need(contribution.value);
          need(contribution.index);
        }
        break;
      }
      default: break;
    }
  }

  void order_phases() {
    for (uint32_t k = 0; k < graph_.size(); ++k) {
      const NodeId node{k};
      if (!needed_[node]) continue;
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
    return gradient() && program_.horizon == 0 && program_.advantages.empty() && program_.carries.empty();
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
    product_ = Table<AccumulatorId, bool>(program_.accumulators.size(), false);
    if (!gradient()) return;
    constexpr int64_t least_elements = 512;
    NodeTable<uint32_t> users(graph_.size(), 0);
    for (uint32_t k = 0; k < graph_.size(); ++k)
      if (needed_[NodeId{k}])
        for (NodeId input : graph_.inputs(NodeId{k})) ++users[input];
    for (const Accumulator& accumulator : program_.accumulators)
      for (const Contribution& contribution : accumulator.contributions) ++users[contribution.value];
    for (uint32_t k = 0; k < program_.accumulators.size(); ++k) {
      const Accumulator& accumulator = program_.accumulators[AccumulatorId{k}];
      if (!accumulator_needed_[AccumulatorId{k}] || has_lanes(program_, accumulator.target) ||
          element_count(accumulator.type.shape) < least_elements)
        continue;
      const bool all = std::ranges::all_of(accumulator.contributions, [&](const Contribution& contribution) {
        const NodeId node = contribution.value;
        return !contribution.index && graph_.op(node) == Op::outer && graph_.attributes(node)[0] == 0 && users[node] == 1 &&
               is_once_a_group(out_.phase_of(contribution)) && is_once_a_group(program_.phase[node]) &&
               can_be_kept(product_operand(graph_, node, 0)) && can_be_kept(product_operand(graph_, node, 1));
      });
      if (!all) continue;
      product_[AccumulatorId{k}] = true;
      for (const Contribution& contribution : accumulator.contributions) {
        for (int side : {0, 1})
          if (const NodeId operand = product_operand(graph_, contribution.value, side); !is_there(operand))
            out_.home[operand] = Home::sample;
        std::erase(out_.order[index_of(program_.phase[contribution.value])], contribution.value);
      }
    }
  }

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
      if (!state_needed_[StateId{k}]) continue;
      read(program_.states[StateId{k}].init, Phase::init);
      read(program_.states[StateId{k}].next, Phase::step);
    }
    if (!gradient()) return;
    for (const ProgramParam& param : program_.params) read(param.gradient, Phase::finish);
    for (const CreditProduct& product : out_.options.products) {
      read(product.weight, product.phase);
      read(product.value, product.phase);
      read(product.score, Phase::step);
    }
    for (uint32_t k = 0; k < program_.carries.size(); ++k) {
      if (!carry_needed_[AdjointCarryId{k}]) continue;
      read(program_.carries[AdjointCarryId{k}].final_value, Phase::final_backward);
      read(program_.carries[AdjointCarryId{k}].step_value, Phase::step_backward);
    }
    for (uint32_t k = 0; k < program_.accumulators.size(); ++k) {
      if (!accumulator_needed_[AccumulatorId{k}] || product_[AccumulatorId{k}]) continue;
      for (const Contribution& contribution : program_.accumulators[AccumulatorId{k}].contributions) {
        read(contribution.value, out_.phase_of(contribution));
        read(contribution.index, out_.phase_of(contribution));
      }
    }
    // What credit reads is saved, but for the little that choose_saved finds.
    for (uint32_t k = 0; k < program_.advantages.size(); ++k) {
      if (!advantage_needed_[AdvantageId{k}]) continue;
      const ProgramAdvantage& advantage = program_.advantages[AdvantageId{k}];
      for (NodeId part : {advantage.own, advantage.later, advantage.value_baseline})
        if (part && out_.home[part] != Home::leaf && program_.phase[part] == Phase::step) credited_.push_back(part);
        else read(part, Phase::step_backward);
      read(advantage.later_final, Phase::step_backward);
    }
  }

  // --- saved or computed again
  bool is_small(NodeId node) const { return elements(node) <= register_elements; }
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
      total.bytes += bytes_in_slot(node);
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
      if (all_small(part) && total.operations <= most_operations && total.bytes < bytes_in_slot(part)) compute_again(part);
      else out_.home[part] = Home::tape;
    }
    for (auto node = wanted_.rbegin(); node != wanted_.rend(); ++node) {
      if (at_hand(*node)) continue;
      Price total;
      price(*node, total);
      if (total.operations <= most_operations && total.bytes <= bytes_in_slot(*node)) compute_again(*node);
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

  void find_homes() {
    for (uint32_t k = 0; k < graph_.size(); ++k) {
      const NodeId node{k};
      if (needed_[node] && is_filled(graph_.op(node)) && out_.home[node] != Home::tape) out_.home[node] = Home::noise;
    }
  }

  // --- offsets
  int64_t lanes_bytes(const Type& type) const { return slot_bytes(type, true, out_.options.real_bytes); }

  void lay_out() {
    for (uint32_t k = 0; k < graph_.size(); ++k) {
      const NodeId node{k};
      if (!needed_[node]) continue;
      if (out_.home[node] == Home::uniform) out_.offset[node] = take(out_.uniform_bytes, bytes_in_slot(node), 8);
      if (out_.home[node] == Home::tape) out_.offset[node] = take(out_.record_bytes, bytes_in_slot(node));
      if (out_.home[node] == Home::sample) out_.offset[node] = take(end_, bytes_in_slot(node));
    }
    out_.steps = take(end_, group_size * 8);
    out_.objective = take(end_, group_size * out_.options.real_bytes);
    out_.calls = take(end_, call_bytes);
    out_.inputs = Table<InputId, int64_t>(program_.inputs.size(), -1);
    for (uint32_t k = 0; k < program_.inputs.size(); ++k)
      if (input_needed_[InputId{k}])
        out_.inputs[InputId{k}] = take(end_, lanes_bytes(real_like(program_.inputs[InputId{k}].type)));
    out_.states = Table<StateId, int64_t>(program_.states.size(), -1);
    out_.state_has_lanes = Table<StateId, bool>(program_.states.size(), false);
    for (uint32_t k = 0; k < graph_.size(); ++k) {
      const NodeId node{k};
      const Op op = graph_.op(node);
      if (needed_[node] && (op == Op::state || op == Op::final_state) && has_lanes(program_, node))
        out_.state_has_lanes[StateId{graph_[node].payload}] = true;
    }
    out_.states_begin = end_;
    for (uint32_t k = 0; k < program_.states.size(); ++k) {
      const StateId state{k};
      if (!state_needed_[state]) continue;
      const ProgramState& declared = program_.states[state];
      if (has_lanes(program_, declared.init) || has_lanes(program_, declared.next)) out_.state_has_lanes[state] = true;
      out_.states[state] = take(end_, lanes_bytes(declared.type));
    }
    out_.states_bytes = end_ - out_.states_begin;
    lay_out_backward();
    choose_segment();
    lay_out_noise();
    out_.tape = take(end_, out_.record_bytes * out_.segment);
    if (out_.has_checkpoints(program_)) lay_out_checkpoints();
    out_.scratch = align(end_);
  }

  // --- checkpoints
  // With segments of S of H steps, a record of R bytes a step and C bytes of states, the arena holds S R + (H/S) C bytes, the
  // least for S = √(H C / R). Whatever S, each step but those of the last segment is taken twice.
  void choose_segment() {
    out_.segment = program_.horizon;
    int64_t each_step = out_.record_bytes;
    for (uint32_t k = 0; k < program_.noises.size(); ++k)
      if (noise_read_back_[NoiseId{k}]) each_step += lanes_bytes(real_like(graph_.type(noise_node_[NoiseId{k}])));
    const int64_t limit = out_.options.arena_limit, block = out_.options.time_block;
    if (limit == 0 || each_step == 0 || end_ + each_step * program_.horizon <= limit) return;
    const double best = std::sqrt(static_cast<double>(program_.horizon) * static_cast<double>(out_.states_bytes) /
                                  static_cast<double>(each_step));
    const int64_t segment = std::max<int64_t>(1, std::llround(best / static_cast<double>(block))) * block;
    if (segment < program_.horizon) out_.segment = segment;
  }

  void lay_out_checkpoints() {
    const int64_t count = (program_.horizon + out_.segment - 1) / out_.segment;
    out_.checkpoints = take(end_, count * out_.states_bytes);
    out_.final_states = take(end_, out_.states_bytes);
    out_.range = take(end_, sizeof(StepRange));
    out_.later_sums = Table<AdvantageId, int64_t>(program_.advantages.size(), -1);
    for (uint32_t k = 0; k < program_.advantages.size(); ++k)
      if (advantage_needed_[AdvantageId{k}])
        out_.later_sums[AdvantageId{k}] = take(end_, lanes_bytes(real_like(program_.advantages[AdvantageId{k}].type)));
  }

  void lay_out_noise() {
    out_.noises = Table<NoiseId, NoiseArea>(program_.noises.size());
    for (uint32_t k = 0; k < program_.noises.size(); ++k) {
      const NodeId node = noise_node_[NoiseId{k}];
      if (!node || !is_filled(graph_.op(node))) continue;
      NoiseArea& area = out_.noises[NoiseId{k}];
      area.node = node;
      area.record_bytes = lanes_bytes(real_like(graph_.type(node)));
      if (program_.phase[node] == Phase::step)
        area.records = noise_read_back_[NoiseId{k}] ? out_.segment : std::min(out_.options.time_block, program_.horizon);
      area.offset = take(end_, area.record_bytes * area.records);
    }
  }

  void lay_out_backward() {
    out_.advantages = Table<AdvantageId, int64_t>(program_.advantages.size(), -1);
    out_.carries = Table<AdjointCarryId, int64_t>(program_.carries.size(), -1);
    out_.accumulators = Table<AccumulatorId, AccumulatorArea>(program_.accumulators.size());
    for (uint32_t k = 0; k < program_.advantages.size(); ++k) {
      const AdvantageId id{k};
      if (!advantage_needed_[id]) continue;
      const int64_t bytes = lanes_bytes(real_like(program_.advantages[id].type));
      out_.advantages[id] = take(program_.advantages[id].phase == Phase::step ? out_.record_bytes : end_, bytes);
    }
    for (uint32_t k = 0; k < program_.carries.size(); ++k)
      if (carry_needed_[AdjointCarryId{k}])
        out_.carries[AdjointCarryId{k}] = take(end_, lanes_bytes(real_like(program_.carries[AdjointCarryId{k}].type)));
    lay_out_accumulators();
  }

  void lay_out_products() {
    const auto elements = [&](AccumulatorId id) { return element_count(program_.accumulators[id].type.shape); };
    for (const CreditProduct& product : out_.options.products) {
      out_.product_rows.push_back(out_.first_score_row);
      out_.first_score_row += elements(product.sum) + (product.baseline == Baseline::none ? 0 : 1);
    }
    int64_t scores = 0;
    out_.score_rows = Table<AccumulatorId, int64_t>(program_.accumulators.size(), -1);
    for (const CreditProduct& product : out_.options.products) {
      if (product.baseline == Baseline::none || out_.score_rows[product.sum] >= 0) continue;
      out_.score_rows[product.sum] = scores;
      scores += elements(product.sum);
    }
    out_.group_sum_rows = out_.first_score_row + scores;
    const int64_t row_bytes = out_.modulus * out_.options.real_bytes;
    out_.group_sums = take(end_, out_.options.time_block * out_.group_sum_rows * row_bytes);
    out_.score_sums = take(end_, scores * row_bytes);
  }

  void lay_out_accumulators() {
    const int64_t real_bytes = out_.options.real_bytes;
    std::vector<AccumulatorId> others;
    for (uint32_t k = 0; k < program_.accumulators.size(); ++k) {
      const AccumulatorId id{k};
      if (!accumulator_needed_[id]) continue;
      const Accumulator& accumulator = program_.accumulators[id];
      const bool of_samples = has_lanes(program_, accumulator.target);
      AccumulatorArea& area = out_.accumulators[id];
      const bool small = element_count(accumulator.type.shape) <= register_elements;
      const bool streamed = !out_.options.products.empty();
      area.form = of_samples || (small && !streamed) ? AccumulatorForm::lanes : AccumulatorForm::modulus;
      if (product_[id]) area.form = AccumulatorForm::product;
      else (area.form == AccumulatorForm::lanes && !of_samples ? out_.slots_in_order : others).push_back(id);
    }
    out_.slots_in_order.insert(out_.slots_in_order.end(), others.begin(), others.end());
    const auto elements_of = [&](AccumulatorId id) { return element_count(program_.accumulators[id].type.shape); };
    for (AccumulatorId id : out_.slots_in_order) {
      AccumulatorArea& area = out_.accumulators[id];
      area.offset = take(end_, elements_of(id) * (area.form == AccumulatorForm::lanes ? group_size : out_.modulus) * real_bytes);
    }
    const auto place_sum = [&](AccumulatorId id) {
      if (!has_lanes(program_, program_.accumulators[id].target))
        out_.accumulators[id].reduced = take(end_, elements_of(id) * real_bytes, real_bytes);
    };
    lay_out_products();
    for (AccumulatorId id : out_.slots_in_order) place_sum(id);
    for (uint32_t k = 0; k < program_.accumulators.size(); ++k)
      if (product_[AccumulatorId{k}]) place_sum(AccumulatorId{k});
    end_ = align(end_);
  }
  static Type real_like(Type type) {
    type.scalar = Scalar::real;
    return type;
  }
  static int64_t take(int64_t& end, int64_t bytes, int64_t to = alignment) {
    const int64_t begin = (end + to - 1) / to * to;
    end = begin + bytes;
    if (to == alignment) end = align(end);
    return begin;
  }

  const Program& program_;
  const Graph& graph_;
  Schedule out_;
  int64_t end_ = 0;
  NodeTable<bool> needed_, again_;
  Table<AdjointCarryId, bool> carry_needed_;
  Table<AdvantageId, bool> advantage_needed_;
  Table<AccumulatorId, bool> accumulator_needed_, product_;
  Table<StateId, bool> state_needed_;
  Table<InputId, bool> input_needed_;
  Table<NoiseId, NodeId> noise_node_;
  Table<NoiseId, bool> noise_read_back_;
  std::vector<NodeId> pending_, wanted_, credited_;  // credited_: step values that credit reads
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
