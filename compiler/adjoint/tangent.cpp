// In: a node and the tangents of its operands. Out: its tangent.
#include "compiler/adjoint/tangent.h"

#include <algorithm>

#include "compiler/adjoint/rules.h"
#include "dsl/diagnostic.h"

namespace alea {
namespace {

struct Push {
  Graph& graph;
  NodeId v;
  std::vector<NodeId> u, tangents;
  SpanId span;

  NodeId op(Op o, std::initializer_list<NodeId> inputs, std::vector<int64_t> attributes = {}) {
    return make(graph, o, inputs, std::move(attributes), span);
  }
  NodeId sum(NodeId a, NodeId b) { return !a ? b : !b ? a : op(Op::add, {a, b}); }
  std::vector<int64_t> attributes() const { return {graph.attributes(v).begin(), graph.attributes(v).end()}; }
  NodeId ones(const Shape& shape) { return graph.constant(Type{Scalar::real, 0, shape}, {1}); }
  NodeId spread(NodeId value, const Shape& shape) {
    if (graph.shape(value) == shape) return value;
    return make_broadcast(graph, value, shape, std::vector<int64_t>(shape.size(), -1), span);
  }

  // ∂v/∂u_k is diagonal: what it does to a tangent, its transpose does.
  NodeId elementwise() {
    NodeId total;
    for (size_t k = 0; k < u.size(); ++k)
      if (tangents[k]) total = sum(total, pull_back(graph, v, spread(tangents[k], graph.shape(v)), static_cast<int>(k)));
    return total;
  }

  // Each element of u reaches one element of v, so that the pull-back of ones is ∂v/∂u: v̇ = Σ ∂v/∂u u̇ over the axes that
  // are gone.
  NodeId contract(std::span<const int64_t> axes) {
    const NodeId slope = pull_back(graph, v, ones(graph.shape(v)), 0);
    NodeId product = op(Op::mul, {slope, tangents[0]});
    for (const int64_t axis : axes) product = op(Op::reduce_sum, {product}, {axis});
    return product;
  }

  NodeId reduction() {
    if (graph.op(v) == Op::reduce_sum) return op(Op::reduce_sum, {tangents[0]}, attributes());
    const std::vector<int64_t> axes = attributes();
    return contract(axes);
  }

  NodeId layout() {
    const auto like_v = [&](std::span<const NodeId> inputs) {
      Type type = graph.type(v);
      type.scalar = Scalar::real;
      return make_of_type(graph, graph.op(v), type, inputs, attributes(), span);
    };
    switch (graph.op(v)) {
      case Op::sort:  // from where each went
        return op(Op::gather, {tangents[0], op(Op::argsort, {u[0]})}, {static_cast<int64_t>(graph.shape(v).size()) - 1});
      case Op::concat: {
        std::vector<NodeId> parts = tangents;
        for (size_t k = 0; k < parts.size(); ++k)
          if (!parts[k]) parts[k] = make_zeros(graph, graph.shape(u[k]));
        return like_v(parts);
      }
      case Op::gather:
      case Op::scatter: {
        if (!tangents[0]) return {};
        const std::array<NodeId, 2> inputs{tangents[0], u[1]};
        return like_v(inputs);
      }
      case Op::cumsum:
      case Op::broadcast:
      case Op::reshape:
      case Op::transpose:
      case Op::slice:
      case Op::pad: return like_v(tangents);  // linear
      default: internal_error("no tangent rule for this layout operation");
    }
  }

  NodeId linear() {
    const std::vector<int64_t> batch = attributes();
    const int64_t batch_axes = batch.empty() ? 0 : batch[0];
    const auto times = [&](NodeId a, NodeId b) { return op(Op::matmul, {a, b}, {batch_axes}); };
    const NodeId first = tangents[0], second = tangents.size() > 1 ? tangents[1] : NodeId{};
    switch (graph.op(v)) {
      case Op::matmul:
      case Op::outer: {  // x y: ẋ y + x ẏ
        const NodeId left = first ? op(graph.op(v), {first, u[1]}, batch) : NodeId{};
        return sum(left, second ? op(graph.op(v), {u[0], second}, batch) : NodeId{});
      }
      case Op::solve:
      case Op::solve_lower:
      case Op::solve_upper: {  // A x = b: A ẋ = ḃ - Ȧ x, of A what is read
        NodeId right = second;
        if (first) {
          NodeId moved = first;
          if (graph.op(v) != Op::solve) moved = triangle(graph, first, graph.op(v) == Op::solve_lower, 1, span);
          const NodeId product = times(moved, v);
          right = right ? op(Op::sub, {right, product}) : op(Op::negate, {product});
        }
        return op(graph.op(v), {u[0], right}, batch);
      }
      case Op::logdet: {
        const std::array<int64_t, 2> axes{batch_axes + 1, batch_axes};
        return contract(axes);
      }
      case Op::cholesky: {
        // A = L Lᵀ: L̇ = L Φ(L⁻¹ Ȧ L⁻ᵀ), Ȧ by its lower triangle; Φ takes the lower triangle and halves the diagonal.
        const NodeId half = triangle(graph, first, true, 0.5, span);
        const NodeId symmetric = op(Op::add, {half, transpose_last(graph, half, span)});
        const NodeId left = op(Op::solve_lower, {v, symmetric}, batch);
        const NodeId both = op(Op::solve_lower, {v, transpose_last(graph, left, span)}, batch);
        return times(v, triangle(graph, both, true, 0.5, span));
      }
      default: internal_error("no tangent rule for this linear operation");
    }
  }
};

// Values that do not move with their operands, or only in jumps.
bool is_flat(const Graph& graph, NodeId v) {
  constexpr std::array flat{Op::draw, Op::stop, Op::detach, Op::argsort, Op::argmax, Op::argmin};
  return std::ranges::find(flat, graph.op(v)) != flat.end() || graph.type(v).scalar != Scalar::real ||
         kind(graph.op(v)) == OpKind::random;
}

}  // namespace

NodeId push_forward(Graph& graph, NodeId v, std::span<const NodeId> tangents) {
  bool any = false;
  for (const NodeId tangent : tangents) any = any || tangent;
  if (!any || is_flat(graph, v)) return {};
  const std::span<const NodeId> inputs = graph.inputs(v);
  Push push{graph, v, {inputs.begin(), inputs.end()}, {tangents.begin(), tangents.end()}, graph[v].span};
  switch (kind(graph.op(v))) {
    case OpKind::leaf:
    case OpKind::random: break;
    case OpKind::control:
    case OpKind::elementwise: return push.elementwise();
    case OpKind::reduction: return push.reduction();
    case OpKind::layout: return push.layout();
    case OpKind::linear: return push.linear();
  }
  internal_error("no tangent rule for this operation");
}

}  // namespace alea
