// Arrays that follow one another are computed row by row in one loop over their first axis, where each row is made of the same
// row of the others: what a softmax reads of its powers and their sum is then still in the first cache.
#include <unordered_map>
#include <unordered_set>

#include "compiler/codegen/emitter.h"

namespace alea {
namespace {

class Rows {
 public:
  Rows(const Graph& graph, const PhasePlan& plan) : graph_(graph), plan_(plan) {}

  // The last array that goes with the one at `first`.
  uint32_t last_from(uint32_t first) {
    uint32_t last = first;
    const NodeId begin = plan_.order[first];
    if (!is_array(begin)) return last;
    rows_ = graph_.shape(begin)[0];
    for (uint32_t position = first; position < plan_.order.size(); ++position) {
      const NodeId node = plan_.order[position];
      if (plan_.form[node] == Form::inlined) continue;
      if (is_array(node) && graph_.shape(node)[0] == rows_ && operands_by_rows(node)) {
        in_run_.insert(node.index);
        last = position;
      } else if (plan_.form[node] != Form::view || is_shuffling(node) || !by_rows(node)) {
        break;
      }
    }
    return last;
  }

 private:
  bool is_array(NodeId node) const {
    const OpKind node_kind = kind(graph_.op(node));
    const bool along_rows = node_kind == OpKind::reduction && graph_.attributes(node)[0] == 0;
    return plan_.form[node] == Form::buffer && !plan_.tiled[node] && !along_rows &&
           (node_kind == OpKind::elementwise || node_kind == OpKind::reduction) && graph_.shape(node)[0] > register_elements;
  }
  bool is_in_run(NodeId node) const { return in_run_.contains(node.index); }
  bool is_computed_where_read(NodeId node) const {
    return !is_in_run(node) && (plan_.form[node] == Form::inlined || plan_.form[node] == Form::view);
  }
  // A view that may have to be copied, or whose rows are not its operand's.
  bool is_shuffling(NodeId node) const {
    const Op op = graph_.op(node);
    return kind(op) == OpKind::layout && op != Op::broadcast;
  }
  // Whether an element of row i is made of nothing else in the run than rows i. The answer stays: what joins the run later is
  // behind `node` in the order.
  bool by_rows(NodeId node) {
    if (!is_computed_where_read(node)) return true;
    const auto [known, is_new] = by_rows_.try_emplace(node.index, false);
    if (!is_new) return known->second;
    const bool answer = find_by_rows(node);
    return by_rows_[node.index] = answer;
  }
  bool find_by_rows(NodeId node) {
    const OpKind node_kind = kind(graph_.op(node));
    if (graph_.op(node) == Op::broadcast) {
      const NodeId source = graph_.input(node, 0);
      return graph_.attributes(node)[0] == 0 && graph_.shape(source)[0] == rows_ ? by_rows(source) : is_apart(source);
    }
    if (node_kind == OpKind::elementwise || node_kind == OpKind::control) return operands_by_rows(node);
    return is_apart(node);
  }
  bool operands_by_rows(NodeId node) {
    return std::ranges::all_of(graph_.inputs(node), [&](NodeId input) { return by_rows(input); });
  }
  // Whether nothing of the run is read.
  bool is_apart(NodeId node) {
    if (is_in_run(node)) return false;
    if (!is_computed_where_read(node)) return true;
    const auto [known, is_new] = apart_.try_emplace(node.index, false);
    if (!is_new) return known->second;
    const bool answer = std::ranges::all_of(graph_.inputs(node), [&](NodeId input) { return is_apart(input); });
    return apart_[node.index] = answer;
  }

  const Graph& graph_;
  const PhasePlan& plan_;
  int64_t rows_ = 0;
  std::unordered_set<uint32_t> in_run_;
  std::unordered_map<uint32_t, bool> by_rows_, apart_;
};

}  // namespace

uint32_t Emitter::last_of_rows(uint32_t position) const { return Rows(graph, plan).last_from(position); }

// No memory is given back before the end: rows yet to come may be read there.
void Emitter::emit_rows(uint32_t first, uint32_t last) {
  const std::span<const NodeId> run(plan.order.data() + first, last - first + 1);
  std::unordered_set<uint32_t> in_run, seen;
  for (NodeId node : run) in_run.insert(node.index);
  const std::function<void(NodeId)> prepare_outside = [&](NodeId node) {
    if (!in_run.contains(node.index)) return prepare(node);
    if (plan.form[node] == Form::buffer || !seen.insert(node.index).second) return;
    for (NodeId input : graph.inputs(node)) prepare_outside(input);
  };
  for (NodeId node : run)
    if (!values.contains(node.index))
      for (NodeId input : graph.inputs(node)) prepare_outside(input);
  rolled_loop(i64(graph.shape(run[0])[0]), {}, [&](llvm::Value* row, const Carried&) -> Carried {
    row_ = row;
    for (NodeId node : run)
      if (!values.contains(node.index)) emit(node);
    row_ = nullptr;
    return {};
  });
  for (NodeId node : run)
    if (plan.form[node] != Form::inlined) keep(node);
}

}  // namespace alea
