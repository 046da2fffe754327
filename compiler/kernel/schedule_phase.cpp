// How one phase computes its nodes, and the memory of its buffers (schedule.h).
#include <algorithm>

#include "compiler/kernel/schedule.h"

namespace alea {
namespace {

bool is_view_op(Op op) { return op == Op::broadcast || op == Op::reshape || op == Op::transpose || op == Op::slice; }
bool is_identity(Op op) { return op == Op::draw || op == Op::stop || op == Op::detach || op == Op::nonzero; }

// Another name for the same numbers.
bool is_renaming(const Graph& graph, NodeId node) {
  const Op op = graph.op(node);
  if (op != Op::convert) return is_identity(op);
  return graph.type(node).scalar != Scalar::boolean && graph.type(graph.input(node, 0)).scalar != Scalar::boolean;
}

// Computed element by element into memory that can be chosen.
bool can_be_placed(Op op) {
  switch (kind(op)) {
    case OpKind::elementwise:
    case OpKind::reduction: return true;
    case OpKind::layout: return op != Op::sort && op != Op::argsort;
    case OpKind::linear: return op == Op::matmul || op == Op::outer;
    case OpKind::leaf:
    case OpKind::random:
    case OpKind::control: return false;
  }
  return false;
}

// Each element of the result receives one element at most, and comparing finds out: short rows, one index each.
bool is_selection(const Graph& graph, NodeId node) {
  if (graph.op(node) != Op::scatter) return false;
  constexpr int64_t most = 16;
  const size_t batch = static_cast<size_t>(graph.attributes(node)[0]);
  return graph.shape(graph.input(node, 1)).size() == batch && graph.shape(node)[batch] <= most;
}

int64_t aligned(int64_t bytes) { return (bytes + 63) / 64 * 64; }

// Products with vectors, and sums of them, together with what is made of them, and of nothing else like them, by cheap operations
// on elements: computed in the same register tiles.
class Tiles {
 public:
  Tiles(const Program& program, const Schedule& schedule, PhasePlan& plan, const NodeTable<uint32_t>& uses,
        const NodeTable<NodeId>& only_user)
      : program_(program),
        graph_(program.graph),
        schedule_(schedule),
        plan_(plan),
        uses_(uses),
        only_user_(only_user),
        has_tile_(program.graph.size(), false) {}

  void find() {
    for (NodeId node : plan_.order) {
      const SumPart part = schedule_.sums[node];
      if (part == SumPart::inner) plan_.form[node] = Form::inlined;
      if (part == SumPart::root || (part == SumPart::none && is_vector_product(graph_, node))) place(node);
    }
  }

 private:
  // The user that reads a value in no other way than element by element beside its own, or null.
  NodeId user_in_tiles(NodeId node) const {
    const NodeId user = only_user_[node];
    if (uses_[node] != 1 || !user || schedule_.home[node] != Home::phase) return {};
    const bool same = kind(graph_.op(user)) == OpKind::elementwise && graph_.shape(user) == graph_.shape(node) &&
                      has_lanes(program_, user) == has_lanes(program_, node);
    // A sum that takes the product as a term alone does so because something of the gradient reads it too.
    const bool free = schedule_.sums[user] == SumPart::none && !has_tile_[user];
    return same && is_cheap(graph_.op(user)) && free ? user : NodeId{};
  }
  // What a sum computes with itself, as a fused multiply-add, is there with the sum alone.
  bool is_fused(NodeId product) const {
    const NodeId sum = only_user_[product];
    if (!sum || schedule_.home[product] != Home::phase) return false;
    const FusedSide side = schedule_.fused[sum];
    return side != FusedSide::none && graph_.input(sum, side == FusedSide::left ? 0 : 1) == product;
  }
  void place(NodeId root) {
    std::vector<NodeId> chain{root};
    while (const NodeId user = user_in_tiles(chain.back())) chain.push_back(user);
    while (is_fused(chain.back())) chain.pop_back();
    for (size_t k = 0; k + 1 < chain.size(); ++k) {
      plan_.form[chain[k]] = Form::inlined;
      for (NodeId input : graph_.inputs(chain[k + 1]))
        if (input != chain[k]) keep_dear(input);
      has_tile_[chain[k + 1]] = true;
    }
    plan_.form[chain.back()] = Form::buffer;
    plan_.tiled[chain.back()] = root;
  }
  // A tile has four rows, each with code of its own: elementary functions are better computed before.
  void keep_dear(NodeId node) {
    if (plan_.form[node] != Form::inlined || kind(graph_.op(node)) != OpKind::elementwise) return;
    if (!is_cheap(graph_.op(node))) plan_.form[node] = Form::buffer;
    else
      for (NodeId input : graph_.inputs(node)) keep_dear(input);
  }

  const Program& program_;
  const Graph& graph_;
  const Schedule& schedule_;
  PhasePlan& plan_;
  const NodeTable<uint32_t>& uses_;
  const NodeTable<NodeId>& only_user_;
  NodeTable<bool> has_tile_;
};

class PhasePlanner {
 public:
  PhasePlanner(const Program& program, const Schedule& schedule, Phase phase)
      : program_(program),
        graph_(program.graph),
        schedule_(schedule),
        phase_(phase),
        uses_(graph_.size(), 0),
        only_user_(graph_.size()) {
    plan_.order = schedule.order[static_cast<size_t>(phase)];
    plan_.form = NodeTable<Form>(graph_.size(), Form::registers);
    plan_.last_use = NodeTable<uint32_t>(graph_.size(), 0);
    plan_.place = NodeTable<NodeId>(graph_.size());
    plan_.tiled = NodeTable<NodeId>(graph_.size());
  }

  PhasePlan plan() {
    count_uses();
    for (NodeId node : plan_.order)
      if (element_count(graph_.shape(node)) > register_elements) plan_.form[node] = form_of(node);
    inline_fused_products();
    Tiles(program_, schedule_, plan_, uses_, only_user_).find();
    place_sources();
    extend_lives();
    return std::move(plan_);
  }

 private:
  bool dies_here(NodeId node) const { return schedule_.home[node] == Home::phase; }

  void count_uses() {
    for (NodeId node : plan_.order)
      for (NodeId input : graph_.inputs(node)) {
        ++uses_[input];
        only_user_[input] = node;
      }
    const auto read_twice = [&](NodeId node) { use_at_end(node, 2); };
    for_each_forward_reference(program_, read_twice);
    for (const AdjointCarry& carry : program_.carries) {
      read_twice(carry.final_value);
      read_twice(carry.step_value);
    }
    for (uint32_t k = 0; k < program_.accumulators.size(); ++k) {
      if (schedule_.accumulators[AccumulatorId{k}].form == AccumulatorForm::product) continue;
      for (const Contribution& contribution : program_.accumulators[AccumulatorId{k}].contributions)
        if (schedule_.phase_of(contribution) == phase_) {
          // With an index the value's elements are visited out of order: it has to be in memory.
          use_at_end(contribution.value, contribution.index ? 2 : 1);
          read_twice(contribution.index);
        }
    }
    for (const ProgramParam& param : program_.params) read_twice(param.gradient);
    for (const CreditProduct& product : schedule_.options.products)
      for (NodeId node : {product.weight, product.value, product.score}) read_twice(node);
  }
  // What is read once the phase is done keeps its memory.
  void use_at_end(NodeId node, uint32_t count) {
    if (!node) return;
    uses_[node] += count;
    plan_.last_use[node] = UINT32_MAX;
  }

  // Of a value too large for registers.
  Form form_of(NodeId node) const {
    const Op op = graph_.op(node);
    if (kind(op) == OpKind::leaf || kind(op) == OpKind::random || !dies_here(node)) return Form::buffer;
    const bool has_input = !graph_.inputs(node).empty();
    const bool of_inlined = has_input && plan_.form[graph_.input(node, 0)] == Form::inlined;
    if (op == Op::broadcast && of_inlined) return Form::inlined;
    if (is_view_op(op) || is_identity(op)) return Form::view;
    if (is_read_in_order(node) || is_computed_in_sum(node)) return Form::inlined;
    if (op == Op::outer && uses_[node] == 1 && !only_user_[node]) return Form::inlined;
    if (is_renaming(graph_, node) && !of_inlined) return Form::view;
    return Form::buffer;
  }
  // Computed where its only user, in a loop over the same elements, reads it.
  bool is_read_in_order(NodeId node) const {
    const Op op = graph_.op(node);
    if (uses_[node] != 1 || !(kind(op) == OpKind::elementwise || op == Op::gather || is_selection(graph_, node))) return false;
    const NodeId user = only_user_[node];
    if (!user) return true;
    const Op by = graph_.op(user);
    const bool is_index = by == Op::gather && graph_.input(user, 1) == node;
    return by == Op::reduce_sum || ((kind(by) == OpKind::elementwise || is_index) && graph_.shape(user) == graph_.shape(node));
  }
  bool is_computed_in_sum(NodeId node) const {
    return kind(graph_.op(node)) == OpKind::elementwise && is_cheap(graph_.op(node)) && uses_[node] == 1 && only_user_[node] &&
           is_summed_again(only_user_[node]) &&
           std::ranges::none_of(graph_.inputs(node), [&](NodeId input) { return plan_.form[input] == Form::inlined; });
  }
  // Whether each element of a broadcast is read by one short sum along the axis that it adds, which is unrolled: what is
  // broadcast is computed once.
  bool is_summed_again(NodeId broadcast) const {
    if (graph_.op(broadcast) != Op::broadcast || !dies_here(broadcast)) return false;
    NodeId last = broadcast;
    while (uses_[last] == 1 && only_user_[last] && kind(graph_.op(only_user_[last])) == OpKind::elementwise &&
           graph_.shape(only_user_[last]) == graph_.shape(broadcast) && dies_here(only_user_[last]))
      last = only_user_[last];
    if (uses_[last] != 1 || !only_user_[last] || graph_.op(only_user_[last]) != Op::reduce_sum) return false;
    const auto axis = static_cast<size_t>(graph_.attributes(only_user_[last])[0]);
    const std::span<const int64_t> axes = graph_.attributes(broadcast);
    return axes[axis] < 0 && std::ranges::count(axes, -1) == 1 && graph_.shape(broadcast)[axis] <= register_elements;
  }

  void inline_fused_products() {
    for (NodeId node : plan_.order)
      if (const FusedSide side = schedule_.fused[node]; side != FusedSide::none) {
        const NodeId product = graph_.input(node, side == FusedSide::left ? 0 : 1);
        if (dies_here(product)) plan_.form[product] = Form::inlined;
      }
  }

  // Where a value that outlives the phase is another name for one that does not, that one is computed in its place.
  void place_sources() {
    for (NodeId node : plan_.order) {
      if (plan_.form[node] != Form::buffer || dies_here(node) || !is_renaming(graph_, node)) continue;
      NodeId source = graph_.input(node, 0);
      while (plan_.form[source] == Form::view && dies_here(source) && is_renaming(graph_, source))
        source = graph_.input(source, 0);
      if (!can_take_place(source, node)) continue;
      plan_.place[source] = node;
      plan_.form[node] = Form::view;
    }
  }
  bool can_take_place(NodeId source, NodeId node) const {
    const auto is_boolean = [&](NodeId id) { return graph_.type(id).scalar == Scalar::boolean; };
    return program_.phase[node] == phase_ && program_.phase[source] == phase_ && dies_here(source) &&
           plan_.form[source] == Form::buffer && can_be_placed(graph_.op(source)) && !plan_.place[source] &&
           has_lanes(program_, source) == has_lanes(program_, node) && is_boolean(source) == is_boolean(node);
  }

  // Users before operands: an operand that is read through an inlined value or a view lives as long as those.
  void extend_lives() {
    for (uint32_t position = static_cast<uint32_t>(plan_.order.size()); position-- > 0;) {
      const NodeId node = plan_.order[position];
      const bool through = plan_.form[node] == Form::inlined || plan_.form[node] == Form::view;
      const uint32_t reach = through ? std::max(plan_.last_use[node], position) : position;
      for (NodeId input : graph_.inputs(node)) plan_.last_use[input] = std::max(plan_.last_use[input], reach);
    }
  }

  const Program& program_;
  const Graph& graph_;
  const Schedule& schedule_;
  const Phase phase_;
  NodeTable<uint32_t> uses_;
  NodeTable<NodeId> only_user_;  // null: an accumulator
  PhasePlan plan_;
};

}  // namespace

PhasePlan plan_phase(const Program& program, const Schedule& schedule, Phase phase) {
  return PhasePlanner(program, schedule, phase).plan();
}

int64_t BufferAllocator::allocate(int64_t bytes) {
  bytes = aligned(bytes);
  for (size_t k = 0; k < free_.size(); ++k) {
    Range& range = free_[k];
    if (range.end - range.begin < bytes) continue;
    const int64_t offset = range.begin;
    range.begin += bytes;
    if (range.begin == range.end) free_.erase(free_.begin() + static_cast<std::ptrdiff_t>(k));
    return offset;
  }
  int64_t offset = end_;
  if (!free_.empty() && free_.back().end == end_) {
    offset = free_.back().begin;
    free_.pop_back();
  }
  end_ = offset + bytes;
  peak_ = std::max(peak_, end_);
  return offset;
}

void BufferAllocator::release(int64_t offset, int64_t bytes) {
  Range range{offset, offset + aligned(bytes)};
  auto next = std::find_if(free_.begin(), free_.end(), [&](const Range& other) { return other.begin >= range.end; });
  if (next != free_.end() && next->begin == range.end) {
    range.end = next->end;
    next = free_.erase(next);
  }
  if (next != free_.begin() && (next - 1)->end == range.begin) (next - 1)->end = range.end;
  else free_.insert(next, range);
}

}  // namespace alea
