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
  void place(NodeId root) {
    NodeId last = root;
    while (const NodeId user = user_in_tiles(last)) {
      plan_.form[last] = Form::inlined;
      for (NodeId input : graph_.inputs(user))
        if (input != last) keep_dear(input);
      has_tile_[user] = true;
      last = user;
    }
    plan_.form[last] = Form::buffer;
    plan_.tiled[last] = root;
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

}  // namespace

PhasePlan plan_phase(const Program& program, const Schedule& schedule, Phase phase) {
  const Graph& graph = program.graph;
  PhasePlan plan;
  plan.order = schedule.order[static_cast<size_t>(phase)];
  plan.form = NodeTable<Form>(graph.size(), Form::registers);
  plan.last_use = NodeTable<uint32_t>(graph.size(), 0);
  plan.place = NodeTable<NodeId>(graph.size());
  NodeTable<uint32_t> uses(graph.size(), 0);
  NodeTable<NodeId> only_user(graph.size());  // null: an accumulator
  for (NodeId node : plan.order)
    for (NodeId input : graph.inputs(node)) {
      ++uses[input];
      only_user[input] = node;
    }
  // What is read once the phase is done keeps its memory.
  auto use_at_end = [&](NodeId node, uint32_t count) {
    if (!node) return;
    uses[node] += count;
    plan.last_use[node] = UINT32_MAX;
  };
  for (NodeId objective : {program.objective_init, program.objective_step, program.objective_final}) use_at_end(objective, 2);
  for (const ProgramState& state : program.states) {
    use_at_end(state.init, 2);
    use_at_end(state.next, 2);
  }
  for (const AdjointCarry& carry : program.carries) {
    use_at_end(carry.final_value, 2);
    use_at_end(carry.step_value, 2);
  }
  for (uint32_t k = 0; k < program.accumulators.size(); ++k) {
    if (schedule.accumulators[AccumulatorId{k}].form == AccumulatorForm::product) continue;
    for (const Contribution& contribution : program.accumulators[AccumulatorId{k}].contributions)
      if (schedule.phase_of(contribution) == phase) {
        // With an index the value's elements are visited out of order: it has to be in memory.
        use_at_end(contribution.value, contribution.index ? 2 : 1);
        use_at_end(contribution.index, 2);
      }
  }
  for (const ProgramParam& param : program.params) use_at_end(param.gradient, 2);
  for (const CreditProduct& product : schedule.options.products) {
    use_at_end(product.weight, 2);
    use_at_end(product.value, 2);
    use_at_end(product.score, 2);
  }

  auto reads_in_a_loop = [&](NodeId user, NodeId node) {
    if (!user) return true;
    const Op op = graph.op(user);
    const bool is_index = op == Op::gather && graph.input(user, 1) == node;
    return ((kind(op) == OpKind::elementwise || is_index) && graph.shape(user) == graph.shape(node)) || op == Op::reduce_sum;
  };
  // Whether each element of a broadcast is read by one short sum along the axis that it adds, which is unrolled: what is
  // broadcast is computed once.
  auto is_summed_again = [&](NodeId broadcast) {
    if (graph.op(broadcast) != Op::broadcast || schedule.home[broadcast] != Home::phase) return false;
    NodeId last = broadcast;
    while (uses[last] == 1 && only_user[last] && kind(graph.op(only_user[last])) == OpKind::elementwise &&
           graph.shape(only_user[last]) == graph.shape(broadcast) && schedule.home[only_user[last]] == Home::phase)
      last = only_user[last];
    if (uses[last] != 1 || !only_user[last] || graph.op(only_user[last]) != Op::reduce_sum) return false;
    const auto axis = static_cast<size_t>(graph.attributes(only_user[last])[0]);
    const std::span<const int64_t> axes = graph.attributes(broadcast);
    return axes[axis] < 0 && std::ranges::count(axes, -1) == 1 && graph.shape(broadcast)[axis] <= register_elements;
  };
  auto is_computed_in_sum = [&](NodeId node) {
    return kind(graph.op(node)) == OpKind::elementwise && is_cheap(graph.op(node)) && uses[node] == 1 && only_user[node] &&
           is_summed_again(only_user[node]) &&
           std::ranges::none_of(graph.inputs(node), [&](NodeId input) { return plan.form[input] == Form::inlined; });
  };
  for (NodeId node : plan.order) {
    const Op op = graph.op(node);
    if (element_count(graph.shape(node)) <= register_elements) continue;
    if (kind(op) == OpKind::leaf || kind(op) == OpKind::random) plan.form[node] = Form::buffer;
    else if (schedule.home[node] != Home::phase) plan.form[node] = Form::buffer;
    else if (op == Op::broadcast && plan.form[graph.input(node, 0)] == Form::inlined) plan.form[node] = Form::inlined;
    else if (is_view_op(op) || is_identity(op)) plan.form[node] = Form::view;
    else if ((kind(op) == OpKind::elementwise || op == Op::gather || is_selection(graph, node)) && uses[node] == 1 &&
             reads_in_a_loop(only_user[node], node))
      plan.form[node] = Form::inlined;
    else if (is_computed_in_sum(node)) plan.form[node] = Form::inlined;
    else if (op == Op::outer && uses[node] == 1 && !only_user[node]) plan.form[node] = Form::inlined;
    else if (is_renaming(graph, node) && plan.form[graph.input(node, 0)] != Form::inlined) plan.form[node] = Form::view;
    else plan.form[node] = Form::buffer;
  }

  for (NodeId node : plan.order)
    if (const FusedSide side = schedule.fused[node]; side != FusedSide::none) {
      const NodeId product = graph.input(node, side == FusedSide::left ? 0 : 1);
      if (schedule.home[product] == Home::phase) plan.form[product] = Form::inlined;
    }

  plan.tiled = NodeTable<NodeId>(graph.size());
  Tiles(program, schedule, plan, uses, only_user).find();

  // Where a value that outlives the phase is another name for one that does not, that one is computed in its place.
  auto place_source = [&](NodeId node) {
    NodeId root = graph.input(node, 0);
    while (plan.form[root] == Form::view && schedule.home[root] == Home::phase && is_renaming(graph, root))
      root = graph.input(root, 0);
    const bool boolean = graph.type(node).scalar == Scalar::boolean;
    if (program.phase[node] != phase || program.phase[root] != phase || schedule.home[root] != Home::phase ||
        plan.form[root] != Form::buffer || !can_be_placed(graph.op(root)) || plan.place[root] ||
        has_lanes(program, root) != has_lanes(program, node) || (graph.type(root).scalar == Scalar::boolean) != boolean)
      return false;
    plan.place[root] = node;
    return true;
  };
  for (NodeId node : plan.order)
    if (plan.form[node] == Form::buffer && schedule.home[node] != Home::phase && is_renaming(graph, node) && place_source(node))
      plan.form[node] = Form::view;

  // Users before operands: an operand that is read through an inlined value or a view lives as long as those.
  for (uint32_t position = static_cast<uint32_t>(plan.order.size()); position-- > 0;) {
    const NodeId node = plan.order[position];
    const bool through = plan.form[node] == Form::inlined || plan.form[node] == Form::view;
    const uint32_t reach = through ? std::max(plan.last_use[node], position) : position;
    for (NodeId input : graph.inputs(node)) plan.last_use[input] = std::max(plan.last_use[input], reach);
  }
  return plan;
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
