// Identities of reductions and of operations that move elements.
#include <algorithm>

#include "compiler/graph/build.h"
#include "compiler/graph/simplify.h"

namespace alea {

namespace {

bool is_identity(std::span<const int64_t> axes) {
  for (size_t i = 0; i < axes.size(); ++i)
    if (axes[i] != static_cast<int64_t>(i)) return false;
  return true;
}

std::vector<int64_t> list(std::span<const int64_t> attributes) { return {attributes.begin(), attributes.end()}; }

NodeId simplify_broadcast(Graph& graph, const Type& type, NodeId x, std::span<const int64_t> axes, SpanId span) {
  // To the same shape in the same order: nothing.
  if (graph.shape(x).size() == axes.size() && is_identity(axes)) return x;
  // broadcast(broadcast x): the axis maps compose.
  if (graph.op(x) == Op::broadcast) {
    std::vector<int64_t> composed = list(axes);
    for (int64_t& axis : composed)
      if (axis >= 0) axis = graph.attributes(x)[static_cast<size_t>(axis)];
    return make_broadcast(graph, graph.input(x, 0), type.shape, composed, span);
  }
  return {};
}

NodeId simplify_transpose(Graph& graph, const Type& type, NodeId x, std::span<const int64_t> axes, SpanId span) {
  if (is_identity(axes)) return x;
  const Op op = graph.op(x);
  if (op != Op::transpose && op != Op::broadcast) return {};
  // transpose(transpose x), transpose(broadcast x): the axis maps compose.
  std::vector<int64_t> composed = list(axes);
  for (int64_t& axis : composed) axis = graph.attributes(x)[static_cast<size_t>(axis)];
  if (op == Op::broadcast) return make_broadcast(graph, graph.input(x, 0), type.shape, composed, span);
  return make(graph, Op::transpose, {graph.input(x, 0)}, composed, span);
}

NodeId simplify_slice(Graph& graph, const Type& type, NodeId x, int64_t axis, int64_t start, SpanId span) {
  const auto at = static_cast<size_t>(axis);
  const int64_t length = type.shape[at];
  if (type.shape == graph.shape(x)) return x;
  switch (graph.op(x)) {
    case Op::slice:  // of a slice along the same axis: the starts add
      if (graph.attributes(x)[0] != axis) return {};
      return make_slice(graph, graph.input(x, 0), axis, graph.attributes(x)[1] + start, length, span);
    case Op::concat: {  // inside one operand of a concat: of that operand
      if (graph.attributes(x)[0] != axis) return {};
      int64_t first = 0;
      for (const NodeId part : graph.inputs(x)) {
        const int64_t extent = graph.shape(part)[at];
        if (start >= first && start + length <= first + extent) {
          if (graph.type(part).scalar != type.scalar || graph.type(part).categories != type.categories) return {};
          return make_slice(graph, part, axis, start - first, length, span);
        }
        first += extent;
      }
      return {};
    }
    case Op::broadcast: {  // along a new axis: a smaller broadcast; along an old one: before the broadcast
      const int64_t source = graph.attributes(x)[at];
      const std::vector<int64_t> axes = list(graph.attributes(x));
      const NodeId operand = graph.input(x, 0);
      return make_broadcast(graph, source < 0 ? operand : make_slice(graph, operand, source, start, length, span), type.shape,
                            axes, span);
    }
    default: return {};
  }
}

NodeId simplify_concat(Graph& graph, const Type& type, std::span<const NodeId> parts, int64_t axis, SpanId span) {
  // Of one operand, empty ones left out.
  std::vector<NodeId> kept;
  for (const NodeId part : parts)
    if (graph.shape(part)[static_cast<size_t>(axis)] != 0) kept.push_back(part);
  if (kept.size() == 1 && graph.type(kept[0]) == type) return kept[0];
  if (kept.size() < parts.size() && !kept.empty()) {
    const NodeId shorter = make(graph, Op::concat, kept, {axis}, span);
    return make_convert(graph, shorter, type.scalar, type.categories, span);
  }
  // Of neighbouring slices of one array: one slice.
  const NodeId first = parts[0];
  if (graph.op(first) != Op::slice || graph.attributes(first)[0] != axis) return {};
  const NodeId source = graph.input(first, 0);
  int64_t end = graph.attributes(first)[1];
  for (const NodeId part : parts) {
    const bool next = graph.op(part) == Op::slice && graph.input(part, 0) == source && graph.attributes(part)[0] == axis &&
                      graph.attributes(part)[1] == end;
    if (!next) return {};
    end += graph.shape(part)[static_cast<size_t>(axis)];
  }
  return make_slice(graph, source, axis, graph.attributes(first)[1], type.shape[static_cast<size_t>(axis)], span);
}

// gather by a constant index that counts up from one number, the same in every batch: a slice
NodeId simplify_gather(Graph& graph, const Type& type, NodeId table, NodeId index, int64_t batch_axes, SpanId span) {
  if (!graph.is_constant(index)) return {};
  const auto batch = static_cast<size_t>(batch_axes);
  const Shape& index_shape = graph.shape(index);
  const int64_t length = graph.shape(table)[batch];
  int64_t run = 1;
  for (size_t i = batch; i < index_shape.size(); ++i) run *= index_shape[i];
  const int64_t count = element_count(index_shape);
  if (count == 0 || run == 0) return {};
  const std::span<const double> values = graph.values(index);
  const auto value = [&](int64_t i) { return values[values.size() == 1 ? 0 : static_cast<size_t>(i)]; };
  const double start = value(0);
  if (!(start >= 0 && start + static_cast<double>(run) <= static_cast<double>(length)) ||
      start != static_cast<double>(static_cast<int64_t>(start)))
    return {};
  for (int64_t i = 0; i < count; ++i)
    if (value(i) != start + static_cast<double>(i % run)) return {};
  return make_reshape(graph, make_slice(graph, table, batch_axes, static_cast<int64_t>(start), run, span), type.shape, span);
}

NodeId simplify_reduction(Graph& graph, Op op, const Type& type, NodeId x, int64_t axis, SpanId span) {
  const int64_t extent = graph.shape(x)[static_cast<size_t>(axis)];
  const bool is_index = op == Op::argmax || op == Op::argmin;
  // Along an axis of one element: that element.
  if (extent == 1 && is_index) return graph.constant(type, {0}, span);
  if (extent == 1) return make_convert(graph, make_reshape(graph, x, type.shape, span), type.scalar, type.categories, span);
  // Along an axis of equal elements: sum = n x, max = min = x.
  if (graph.op(x) != Op::broadcast || graph.attributes(x)[static_cast<size_t>(axis)] >= 0 || extent == 0) return {};
  if (op != Op::reduce_sum && op != Op::reduce_max && op != Op::reduce_min) return {};
  std::vector<int64_t> axes = list(graph.attributes(x));
  axes.erase(axes.begin() + axis);
  NodeId source = graph.input(x, 0);
  if (op == Op::reduce_sum) {
    const NodeId factor = graph.constant(Type{graph.type(source).scalar == Scalar::real ? Scalar::real : Scalar::integer, 0, {}},
                                         {static_cast<double>(extent)});
    source = make(graph, Op::mul, {source, factor}, {}, span);
  }
  return make_broadcast(graph, source, type.shape, axes, span);
}

}  // namespace

NodeId simplify_layout(Graph& graph, Op op, const Type& type, std::span<const NodeId> inputs, std::span<const int64_t> attributes,
                       SpanId span) {
  const NodeId x = inputs[0];
  if (kind(op) == OpKind::reduction) return simplify_reduction(graph, op, type, x, attributes[0], span);
  if (op == Op::broadcast) return simplify_broadcast(graph, type, x, attributes, span);
  if (op == Op::transpose) return simplify_transpose(graph, type, x, attributes, span);
  if (op == Op::slice) return simplify_slice(graph, type, x, attributes[0], attributes[1], span);
  if (op == Op::concat) return simplify_concat(graph, type, inputs, attributes[0], span);
  if (op == Op::gather) return simplify_gather(graph, type, x, inputs[1], attributes[0], span);
  if (op == Op::reshape) {
    if (graph.shape(x) == type.shape) return x;
    // reshape(reshape x) = reshape x;  of a broadcast scalar: a broadcast scalar
    if (graph.op(x) == Op::reshape) return make_reshape(graph, graph.input(x, 0), type.shape, span);
    if (graph.op(x) == Op::broadcast && graph.shape(graph.input(x, 0)).empty())
      return make_broadcast_leading(graph, graph.input(x, 0), type.shape, span);
  }
  // Of all of an axis, from its start: nothing to pad.
  if (op == Op::pad && graph.shape(x) == type.shape) return x;
  // Sorted or summed along an axis of one element: the operand.
  if (op == Op::cumsum && graph.shape(x)[static_cast<size_t>(attributes[0])] == 1 && graph.type(x) == type) return x;
  if (op == Op::sort && (graph.shape(x).back() == 1 || graph.op(x) == Op::sort)) return x;
  return {};
}

}  // namespace alea
