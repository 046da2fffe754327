// Offsets: where in the arena, in the uniform buffer and in a record of the tape each value lies, and how many steps the tape
// holds (schedule_parts.h). Slots begin at cache lines; what the phases need while they run follows all that is laid out here.
#include <algorithm>
#include <cmath>

#include "compiler/kernel/schedule_parts.h"

namespace alea {
namespace {

constexpr int64_t alignment = 64;
int64_t align(int64_t offset) { return (offset + alignment - 1) / alignment * alignment; }

class Layout {
 public:
  Layout(const Program& program, const Needed& needed, const Table<NoiseId, bool>& read_back, Schedule& out)
      : program_(program), graph_(program.graph), needed_(needed), read_back_(read_back), out_(out) {}

  void run() {
    lay_out_kept();
    out_.steps = take(end_, group_size * 8);
    out_.objective = take(end_, group_size * out_.options.real_bytes);
    out_.calls = take(end_, call_bytes);
    lay_out_inputs();
    lay_out_states();
    lay_out_credit_and_carries();
    lay_out_accumulators();
    choose_segment();
    lay_out_noise();
    out_.tape = take(end_, out_.record_bytes * out_.segment);
    if (out_.has_checkpoints(program_)) lay_out_checkpoints();
    out_.scratch = align(end_);
  }

 private:
  // [element][64], of what is kept as numbers whatever its type.
  int64_t number_bytes(const Type& type) const { return element_count(type.shape) * group_size * out_.options.real_bytes; }
  static int64_t take(int64_t& end, int64_t bytes, int64_t to = alignment) {
    const int64_t begin = (end + to - 1) / to * to;
    end = begin + bytes;
    if (to == alignment) end = align(end);
    return begin;
  }

  void lay_out_kept() {
    for (uint32_t k = 0; k < graph_.size(); ++k) {
      const NodeId node{k};
      if (!needed_.nodes[node]) continue;
      const int64_t bytes = slot_bytes(graph_.type(node), has_lanes(program_, node), out_.options.real_bytes);
      if (out_.home[node] == Home::uniform) out_.offset[node] = take(out_.uniform_bytes, bytes, 8);
      if (out_.home[node] == Home::tape) out_.offset[node] = take(out_.record_bytes, bytes);
      if (out_.home[node] == Home::sample) out_.offset[node] = take(end_, bytes);
    }
  }
  void lay_out_inputs() {
    out_.inputs = Table<InputId, int64_t>(program_.inputs.size(), -1);
    for (uint32_t k = 0; k < program_.inputs.size(); ++k)
      if (needed_.inputs[InputId{k}]) out_.inputs[InputId{k}] = take(end_, number_bytes(program_.inputs[InputId{k}].type));
  }
  void lay_out_states() {
    out_.states = Table<StateId, int64_t>(program_.states.size(), -1);
    out_.state_has_lanes = Table<StateId, bool>(program_.states.size(), false);
    for (uint32_t k = 0; k < graph_.size(); ++k) {
      const NodeId node{k};
      const Op op = graph_.op(node);
      if (needed_.nodes[node] && (op == Op::state || op == Op::final_state) && has_lanes(program_, node))
        out_.state_has_lanes[StateId{graph_[node].payload}] = true;
    }
    out_.states_begin = end_;
    for (uint32_t k = 0; k < program_.states.size(); ++k) {
      const StateId state{k};
      if (!needed_.states[state]) continue;
      const ProgramState& declared = program_.states[state];
      if (has_lanes(program_, declared.init) || has_lanes(program_, declared.next)) out_.state_has_lanes[state] = true;
      out_.states[state] = take(end_, slot_bytes(declared.type, true, out_.options.real_bytes));
    }
    out_.states_bytes = end_ - out_.states_begin;
  }

  // --- checkpoints
  // With segments of S of H steps, a record of R bytes a step and C bytes of states, the arena holds S R + (H/S) C bytes, the
  // least for S = √(H C / R). Whatever S, each step but those of the last segment is taken twice, which can be quicker than a
  // tape in memory.
  void choose_segment() {
    out_.segment = program_.horizon;
    int64_t each_step = out_.record_bytes;
    for (uint32_t k = 0; k < program_.noises.size(); ++k)
      if (read_back_[NoiseId{k}]) each_step += number_bytes(graph_.type(needed_.noises[NoiseId{k}]));
    const int64_t limit = out_.options.arena_limit, block = out_.options.time_block;
    if (limit == 0 || each_step == 0) return;
    const int64_t whole = end_ + each_step * program_.horizon;
    if (whole <= std::min(limit, cached_bytes) || (whole <= limit && !is_quick_to_repeat(each_step))) return;
    const double best = std::sqrt(static_cast<double>(program_.horizon) * static_cast<double>(out_.states_bytes) /
                                  static_cast<double>(each_step));
    const int64_t segment = std::max<int64_t>(1, std::llround(best / static_cast<double>(block))) * block;
    if (segment < program_.horizon) out_.segment = segment;
  }

  // What a thread has of the last cache.
  static constexpr int64_t cached_bytes = 8 << 20;
  // Whether a step is taken in less time than its record takes to pass through memory, which reads a line before it writes it and
  // reads it once more on the way back. Roughly, in nanoseconds a lane of 512-bit vectors, where memory gives 20 GB/s.
  bool is_quick_to_repeat(int64_t record_bytes) const {
    const double streamed = 3.0 * static_cast<double>(record_bytes) / group_size / 20;
    double repeated = 0;
    for (const NodeId node : out_.order[index_of(Phase::step)])
      if (has_lanes(program_, node)) repeated += time_of(node);
    return repeated * static_cast<double>(out_.options.real_bytes) / 8 < streamed;
  }
  double time_of(NodeId node) const {
    constexpr double random = 1.3, multiply_add = 0.034, cheap = 0.03, dear = 0.5;
    const auto elements = static_cast<double>(element_count(graph_.shape(node)));
    const Op op = graph_.op(node);
    switch (kind(op)) {
      case OpKind::leaf:
      case OpKind::control:
      case OpKind::layout: return 0;
      case OpKind::random: return elements * random;
      case OpKind::elementwise: return elements * (is_cheap(op) ? cheap : dear);
      case OpKind::reduction: return cheap * static_cast<double>(element_count(graph_.shape(graph_.input(node, 0))));
      case OpKind::linear: {
        const auto inner = op == Op::outer ? 1.0 : static_cast<double>(graph_.shape(graph_.input(node, 0)).back());
        return elements * inner * multiply_add;
      }
    }
    return 0;
  }

  void lay_out_checkpoints() {
    const int64_t count = (program_.horizon + out_.segment - 1) / out_.segment;
    out_.checkpoints = take(end_, count * out_.states_bytes);
    out_.final_states = take(end_, out_.states_bytes);
    out_.range = take(end_, sizeof(StepRange));
    out_.later_sums = Table<AdvantageId, int64_t>(program_.advantages.size(), -1);
    for (uint32_t k = 0; k < program_.advantages.size(); ++k)
      if (needed_.advantages[AdvantageId{k}])
        out_.later_sums[AdvantageId{k}] = take(end_, number_bytes(program_.advantages[AdvantageId{k}].type));
  }

  void lay_out_noise() {
    out_.noises = Table<NoiseId, NoiseArea>(program_.noises.size());
    for (uint32_t k = 0; k < program_.noises.size(); ++k) {
      const NodeId node = needed_.noises[NoiseId{k}];
      if (!node || !is_filled(graph_.op(node))) continue;
      NoiseArea& area = out_.noises[NoiseId{k}];
      area.node = node;
      area.record_bytes = number_bytes(graph_.type(node));
      if (program_.phase[node] == Phase::step)
        area.records = read_back_[NoiseId{k}] ? out_.segment : std::min(out_.options.time_block, program_.horizon);
      area.offset = take(end_, area.record_bytes * area.records);
    }
  }

  void lay_out_credit_and_carries() {
    out_.advantages = Table<AdvantageId, int64_t>(program_.advantages.size(), -1);
    out_.carries = Table<AdjointCarryId, int64_t>(program_.carries.size(), -1);
    for (uint32_t k = 0; k < program_.advantages.size(); ++k) {
      const AdvantageId id{k};
      if (!needed_.advantages[id]) continue;
      const ProgramAdvantage& advantage = program_.advantages[id];
      out_.advantages[id] = take(advantage.phase == Phase::step ? out_.record_bytes : end_, number_bytes(advantage.type));
    }
    for (uint32_t k = 0; k < program_.carries.size(); ++k)
      if (needed_.carries[AdjointCarryId{k}])
        out_.carries[AdjointCarryId{k}] = take(end_, number_bytes(program_.carries[AdjointCarryId{k}].type));
  }

  int64_t elements(AccumulatorId id) const { return element_count(program_.accumulators[id].type.shape); }
  // Of credit as it goes.
  void lay_out_products() {
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

  void choose_forms() {
    std::vector<AccumulatorId> others;
    for (uint32_t k = 0; k < program_.accumulators.size(); ++k) {
      const AccumulatorId id{k};
      AccumulatorForm& form = out_.accumulators[id].form;
      if (!needed_.accumulators[id] || form == AccumulatorForm::product) continue;
      const bool of_samples = has_lanes(program_, program_.accumulators[id].target);
      const bool small = elements(id) <= register_elements, streamed = !out_.options.products.empty();
      form = of_samples || (small && !streamed) ? AccumulatorForm::lanes : AccumulatorForm::modulus;
      (form == AccumulatorForm::lanes && !of_samples ? out_.slots_in_order : others).push_back(id);
    }
    out_.slots_in_order.insert(out_.slots_in_order.end(), others.begin(), others.end());
  }
  void lay_out_accumulators() {
    const int64_t real_bytes = out_.options.real_bytes;
    choose_forms();
    for (AccumulatorId id : out_.slots_in_order) {
      AccumulatorArea& area = out_.accumulators[id];
      area.offset = take(end_, elements(id) * (area.form == AccumulatorForm::lanes ? group_size : out_.modulus) * real_bytes);
    }
    lay_out_products();
    const auto place_sum = [&](AccumulatorId id) {
      if (!has_lanes(program_, program_.accumulators[id].target))
        out_.accumulators[id].reduced = take(end_, elements(id) * real_bytes, real_bytes);
    };
    for (AccumulatorId id : out_.slots_in_order) place_sum(id);
    for (uint32_t k = 0; k < program_.accumulators.size(); ++k)
      if (out_.accumulators[AccumulatorId{k}].form == AccumulatorForm::product) place_sum(AccumulatorId{k});
    end_ = align(end_);
  }

  const Program& program_;
  const Graph& graph_;
  const Needed& needed_;
  const Table<NoiseId, bool>& read_back_;
  Schedule& out_;
  int64_t end_ = 0;  // of the arena
};

}  // namespace

void lay_out(const Program& program, const Needed& needed, const Table<NoiseId, bool>& read_back, Schedule& schedule) {
  Layout(program, needed, read_back, schedule).run();
}

}  // namespace alea
