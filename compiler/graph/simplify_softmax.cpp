// The softmax of Gumbel noise, as relaxed categorical draws have it. A Gumbel variable is -log E with E = -log u exponential, so
//   softmax((a - log E)/τ) = e / Σ e,  e = exp((a - s)/τ) / E^(1/τ),
// with one logarithm instead of two and an exponential. In: a product of the form that softmax has. Out: the node that takes its
// place, or null. Done where a is of params alone, so that e^(a/τ) is computed once for all samples; else the gradient would have
// more to keep. E lies within 5·10⁻¹⁷ and 38 (6·10⁻⁸ and 18 in single precision), so that nothing need be subtracted for the
// noise's sake: with s = max a, and e 2³⁶ times larger than above, e stays far below the largest number, and what is rounded to 0
// is less than 10⁻³⁷ of Σ e.
#include <algorithm>
#include <limits>
#include <numeric>

#include "compiler/graph/build.h"
#include "compiler/graph/simplify.h"

namespace alea {

namespace {

// log u of a node log(-log u), else null.
NodeId logarithm_behind(const Graph& graph, NodeId node) {
  if (graph.op(node) != Op::log || graph.op(graph.input(node, 0)) != Op::negate) return {};
  const NodeId logarithm = graph.input(graph.input(node, 0), 0);
  const bool of_noise = graph.op(logarithm) == Op::log && graph.op(graph.input(logarithm, 0)) == Op::noise_uniform;
  return of_noise ? logarithm : NodeId{};
}

struct Perturbed {
  NodeId location, logarithm;  // of location - log(-logarithm)
};
Perturbed perturbed(const Graph& graph, NodeId node) {
  if (graph.op(node) == Op::add) {
    for (const int k : {0, 1}) {
      // No param reaches the law of a draw that is noise alone: it is only sampled.
      NodeId noise = graph.input(node, k);
      if (graph.op(noise) == Op::draw) noise = graph.input(noise, 0);
      if (graph.op(noise) != Op::negate) continue;
      if (const NodeId logarithm = logarithm_behind(graph, graph.input(noise, 0))) return {graph.input(node, 1 - k), logarithm};
    }
  } else if (graph.op(node) == Op::sub) {
    // Nodes are in simple form: a + (-log E) is a - log E.
    if (const NodeId logarithm = logarithm_behind(graph, graph.input(node, 1))) return {graph.input(node, 0), logarithm};
  }
  return {};
}

// 1/τ of x = z/τ, where that is 1 or 2, and then x is z; else x stays.
int inverse_temperature(const Graph& graph, NodeId& x) {
  for (const int inverse : {1, 2}) {
    const bool divided = graph.op(x) == Op::div && graph.is_splat(graph.input(x, 1), 1.0 / inverse);
    const bool multiplied = graph.op(x) == Op::mul && graph.is_splat(graph.input(x, 1), inverse);
    if (!divided && !multiplied) continue;
    x = graph.input(x, 0);
    return inverse;
  }
  return 1;
}

// Within a few nodes.
bool is_of_params(const Graph& graph, NodeId node) {
  constexpr size_t most = 64;
  std::vector<NodeId> reached{node};
  for (size_t k = 0; k < reached.size(); ++k) {
    const OpKind node_kind = kind(graph.op(reached[k]));
    const bool constant = graph.is_constant(reached[k]) || graph.op(reached[k]) == Op::param;
    if (reached.size() > most || node_kind == OpKind::random || (node_kind == OpKind::leaf && !constant)) return false;
    for (NodeId input : graph.inputs(reached[k]))
      if (std::ranges::find(reached, input) == reached.end()) reached.push_back(input);
  }
  return true;
}

}  // namespace

NodeId simplify_softmax(Graph& graph, NodeId powers, NodeId inverses, SpanId span) {
  // exp(x - broadcast m) · broadcast(1 / Σ of the same)
  if (graph.op(powers) != Op::exp || graph.op(graph.input(powers, 0)) != Op::sub || graph.op(inverses) != Op::broadcast)
    return {};
  const Shape shape = graph.shape(powers);
  const int64_t last = static_cast<int64_t>(shape.size()) - 1;
  const NodeId inverse = graph.input(inverses, 0), moved = graph.input(powers, 0);
  if (graph.op(inverse) != Op::div || !graph.is_splat(graph.input(inverse, 0), 1)) return {};
  const NodeId total = graph.input(inverse, 1), m = graph.input(moved, 1);
  if (graph.op(total) != Op::reduce_sum || graph.input(total, 0) != powers || graph.attributes(total)[0] != last) return {};
  std::vector<int64_t> axes(shape.size(), -1);
  std::iota(axes.begin(), axes.end() - 1, 0);
  if (graph.op(m) != Op::broadcast || !std::ranges::equal(graph.attributes(m), axes) ||
      !std::ranges::equal(graph.attributes(inverses), axes))
    return {};
  NodeId z = graph.input(moved, 0);
  const int n = inverse_temperature(graph, z);
  const auto [location, logarithm] = perturbed(graph, z);
  if (!location || graph.shape(location) != shape || graph.shape(logarithm) != shape || !is_of_params(graph, location)) return {};

  const auto build = [&](Op op, std::initializer_list<NodeId> inputs, std::vector<int64_t> attributes = {}) {
    return make(graph, op, inputs, std::move(attributes), span);
  };
  const auto along_last = [&](NodeId value) { return make_broadcast(graph, value, shape, axes, span); };
  const NodeId largest = build(Op::reduce_max, {location}, {last});
  const NodeId finite = build(Op::less, {build(Op::abs, {largest}), graph.constant(std::numeric_limits<double>::infinity())});
  const NodeId shift = build(Op::detach, {build(Op::select, {finite, largest, graph.constant(0)})});
  // 2³⁶ e^(n (a - s)), the root's exponent being small where it counts.
  const NodeId distance = build(Op::sub, {location, along_last(shift)});
  const NodeId root =
      build(Op::mul, {build(Op::exp, {build(Op::mul, {distance, graph.constant(0.5 * n)})}), graph.constant(0x1p18)});
  const NodeId weights = build(Op::mul, {root, root});
  // -1/E: the sign of e does not matter.
  const NodeId rate = build(Op::div, {graph.constant(1.0), logarithm});
  const NodeId e = build(Op::mul, {weights, n == 1 ? rate : build(Op::mul, {rate, rate})});
  return build(Op::mul, {e, along_last(build(Op::div, {graph.constant(1.0), build(Op::reduce_sum, {e}, {last})}))});
}

}  // namespace alea
