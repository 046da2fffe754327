// Branches that agree: `if x > 0 then x else 0` is a kink, not a jump, because on the boundary x = 0 both
// branches are the same expression. Proved by substituting the equality into both and comparing nodes.
#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <unordered_set>

#include "compiler/estimator/paths.h"
#include "compiler/graph/build.h"

namespace alea {
namespace {

// Of a chain of ten thousand `else if`, each comparison would go through all that follow it.
constexpr size_t most_nodes = 256;

// The expression with every occurrence of `from` replaced by `to`; null where it is too large to go through.
NodeId substitute(Graph& graph, NodeId root, NodeId from, NodeId to) {
  std::unordered_map<uint32_t, NodeId> replaced{{from.index, to}};
  // Collect what lies under the root, then rebuild it upwards: operands precede users.
  std::vector<uint32_t> order, stack{root.index};
  std::unordered_set<uint32_t> seen;
  while (!stack.empty()) {
    uint32_t at = stack.back();
    stack.pop_back();
    if (at == from.index || !seen.insert(at).second) continue;
    if (order.size() == most_nodes) return {};
    order.push_back(at);
    for (NodeId input : graph.inputs(NodeId{at})) stack.push_back(input.index);
  }
  std::sort(order.begin(), order.end());
  auto now = [&](NodeId id) {
    auto found = replaced.find(id.index);
    return found == replaced.end() ? id : found->second;
  };
  for (uint32_t at : order) {
    NodeId id{at};
    std::vector<NodeId> inputs;
    bool changed = false;
    for (NodeId input : graph.inputs(id)) {
      inputs.push_back(now(input));
      changed |= inputs.back() != input;
    }
    if (!changed) continue;
    const Node node = graph[id];
    if (kind(node.op) == OpKind::random || node.op == Op::draw) continue;  // a draw is not an expression of it
    Type type = graph.type(id);
    // On the boundary 0 · x is 0 for an x that is finite there: one that has nothing to do with it (and is finite almost
    // surely), or that comes to a number.
    if (node.op == Op::mul) {
      const auto finite = [&](size_t k) {
        if (graph.is_constant(inputs[k])) return std::isfinite(graph.values(inputs[k])[0]);
        return inputs[k] == graph.input(id, int(k));
      };
      if ((graph.is_splat(inputs[0], 0) && finite(1)) || (graph.is_splat(inputs[1], 0) && finite(0))) {
        replaced[at] = graph.constant(0);
        continue;
      }
    }
    replaced[at] = kind(node.op) == OpKind::elementwise ? make(graph, node.op, inputs, {}, node.span)
                                                        : graph.add(node.op, type, inputs, node.payload, node.span);
  }
  return now(root);
}

bool same_value(const Graph& graph, NodeId a, NodeId b) {
  if (a == b) return true;
  return graph.is_constant(a) && graph.is_constant(b) && graph.values(a).size() == 1 && graph.values(b).size() == 1 &&
         graph.values(a)[0] == graph.values(b)[0];
}

// Σ coefficient·atom + constant, as far as add, sub, neg and products with constants go.
struct LinearForm {
  std::vector<std::pair<NodeId, double>> atoms;
  double constant = 0;
  void collect(const Graph& graph, NodeId id, double factor, int depth) {
    const Node& node = graph[id];
    bool deep = depth > 16;
    if (node.op == Op::constant && graph.values(id).size() == 1) constant += factor * graph.values(id)[0];
    else if (!deep && (node.op == Op::add || node.op == Op::sub)) {
      collect(graph, node.inputs[0], factor, depth + 1);
      collect(graph, node.inputs[1], node.op == Op::add ? factor : -factor, depth + 1);
    } else if (!deep && node.op == Op::negate) collect(graph, node.inputs[0], -factor, depth + 1);
    else if (!deep && node.op == Op::mul && is_number(graph, node.inputs[0]))
      collect(graph, node.inputs[1], factor * graph.values(node.inputs[0])[0], depth + 1);
    else if (!deep && node.op == Op::mul && is_number(graph, node.inputs[1]))
      collect(graph, node.inputs[0], factor * graph.values(node.inputs[1])[0], depth + 1);
    else {
      for (auto& [atom, coefficient] : atoms)
        if (atom == id) {
          coefficient += factor;
          return;
        }
      atoms.push_back({id, factor});
    }
  }
  static bool is_number(const Graph& graph, NodeId id) { return graph.is_constant(id) && graph.values(id).size() == 1; }
};

}  // namespace

bool branches_agree(Graph& graph, NodeId comparison, NodeId select) {
  Op op = graph.op(comparison);
  // An equality's boundary is where it holds: `if x == 0 then 0 else x log y` is continuous too.
  if (op != Op::less && op != Op::less_equal && op != Op::equal && op != Op::not_equal) return false;
  NodeId left = graph.input(comparison, 0), right = graph.input(comparison, 1);
  NodeId then_value = graph.input(select, 1), else_value = graph.input(select, 2);
  // A scalar may stand in for an array (it broadcasts), an array not for a scalar.
  auto agree_under = [&](NodeId from, NodeId to) {
    if (graph.is_constant(from) || (graph.shape(from).empty() && !graph.shape(to).empty())) return false;
    const NodeId one = substitute(graph, then_value, from, to), other = one ? substitute(graph, else_value, from, to) : one;
    return one && other && same_value(graph, one, other);
  };
  if (agree_under(left, right) || agree_under(right, left)) return true;
  // |u| = c is u = c and u = −c.
  for (const auto& [size, c] : {std::pair(left, right), std::pair(right, left)}) {
    if (graph.op(size) != Op::abs) continue;
    const NodeId u = graph.input(size, 0), minus = make(graph, Op::negate, {c});
    if (agree_under(u, c) && agree_under(u, minus)) return true;
  }
  // Solve left − right = 0 for each atom it is linear in.
  LinearForm form;
  form.collect(graph, left, 1, 0);
  form.collect(graph, right, -1, 0);
  if (form.atoms.size() > 8) return false;
  for (size_t k = 0; k < form.atoms.size(); ++k) {
    auto [atom, coefficient] = form.atoms[k];
    if (coefficient == 0) continue;
    NodeId solution = graph.constant(-form.constant / coefficient);
    for (size_t j = 0; j < form.atoms.size(); ++j) {
      if (j == k || form.atoms[j].second == 0) continue;
      NodeId term = make(graph, Op::mul, {graph.constant(-form.atoms[j].second / coefficient), form.atoms[j].first});
      solution = make(graph, Op::add, {solution, term});
    }
    if (agree_under(atom, solution)) return true;
  }
  return false;
}

}  // namespace alea
