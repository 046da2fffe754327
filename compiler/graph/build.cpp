// From an operation and its operands to a node: the type is inferred, constants are folded with `evaluate`,
// the identities of simplify.h are applied, and only then is the node added.
#include "compiler/graph/build.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/graph/evaluate.h"
#include "compiler/graph/infer.h"
#include "compiler/graph/simplify.h"
#include "dsl/diagnostic.h"

namespace alea {

namespace {

// What is larger is left to the program: folding bounds compile time and the size of constants.
constexpr int64_t max_folded_elements = 1 << 20;
constexpr int64_t max_folded_products = 1 << 22;

bool has_value(Op op) {
  switch (kind(op)) {
    case OpKind::leaf:
    case OpKind::random:
    case OpKind::control: return false;
    case OpKind::elementwise:
    case OpKind::reduction:
    case OpKind::layout:
    case OpKind::linear: return true;
  }
  return false;
}

// Moving equal elements about leaves them equal.
bool keeps_splat(Op op) {
  return op == Op::broadcast || op == Op::reshape || op == Op::transpose || op == Op::slice || op == Op::sort;
}

NodeId fold(Graph& graph, Op op, const Type& type, std::span<const NodeId> inputs, std::span<const int64_t> attributes,
            SpanId span) {
  if (!has_value(op) || !std::ranges::all_of(inputs, [&](NodeId input) { return graph.is_constant(input); })) return {};
  std::vector<const Type*> types;
  std::vector<std::span<const double>> operands;
  int64_t work = element_count(type.shape);
  bool splat = true;
  for (const NodeId input : inputs) {
    types.push_back(&graph.type(input));
    operands.push_back(graph.values(input));
    splat = splat && operands.back().size() == 1;
    work = std::max(work, element_count(types.back()->shape));
  }
  if (splat && keeps_splat(op)) return graph.constant(type, {operands[0][0]}, span);
  if (!(splat && kind(op) == OpKind::elementwise) && work > max_folded_elements) return {};
  if (kind(op) == OpKind::linear) {
    const int64_t rows = types[0]->shape.empty() ? 1 : types[0]->shape.back();
    if (work * rows > max_folded_products) return {};
  }
  return graph.constant(type, evaluate_operation(op, type, types, attributes, operands), span);
}

// Operands of an operation that does not care about their order: constants last, then by age.
bool is_commutative(Op op) {
  return op == Op::add || op == Op::mul || op == Op::equal || op == Op::not_equal || op == Op::logical_and ||
         op == Op::logical_or;
}

}  // namespace

NodeId make_of_type(Graph& graph, Op op, const Type& given, std::span<const NodeId> inputs, std::vector<int64_t> attributes,
                    SpanId span) {
  std::vector<NodeId> operands(inputs.begin(), inputs.end());
  if (is_commutative(op)) {
    const auto key = [&](NodeId id) { return std::pair(graph.is_constant(id), id.index); };
    if (operands.size() == 2 && key(operands[1]) < key(operands[0])) std::swap(operands[0], operands[1]);
  }
  std::vector<const Type*> types;
  for (const NodeId operand : operands) {
    if (operand.index >= graph.size()) internal_error(fmt::format("`{}` has an operand that does not exist", text(op)));
    types.push_back(&graph.type(operand));
  }
  Type type = given;
  if (const std::string error = infer_type(op, types, attributes, type); !error.empty()) internal_error(error);
  if (const NodeId constant = fold(graph, op, type, operands, attributes, span)) return constant;

  NodeId simpler;
  switch (kind(op)) {
    case OpKind::control:
      // A constant has no gradient to stop. stop(stop x) = stop x, detach(detach x) = detach x.
      if (op == Op::stop || op == Op::detach)
        if (graph.is_constant(operands[0]) || graph.op(operands[0]) == op) simpler = operands[0];
      if (op == Op::nonzero && graph.is_constant(operands[0]) &&
          std::ranges::none_of(graph.values(operands[0]), [](double value) { return value == 0; }))
        simpler = operands[0];
      break;
    case OpKind::elementwise: simpler = simplify_elementwise(graph, op, type, operands, span); break;
    case OpKind::reduction:
    case OpKind::layout: simpler = simplify_layout(graph, op, type, operands, attributes, span); break;
    case OpKind::leaf:
    case OpKind::random:
    case OpKind::linear: break;
  }
  if (simpler) return simpler;
  const uint32_t payload = attributes.empty() ? UINT32_MAX : graph.add_attributes(std::move(attributes)).index;
  return graph.add(op, type, operands, payload, span);
}

NodeId make(Graph& graph, Op op, std::span<const NodeId> inputs, std::vector<int64_t> attributes, SpanId span) {
  return make_of_type(graph, op, Type{}, inputs, std::move(attributes), span);
}

NodeId make_broadcast(Graph& graph, NodeId operand, const Shape& result, std::vector<int64_t> axis_map, SpanId span) {
  return make_of_type(graph, Op::broadcast, {Scalar::real, 0, result}, {&operand, 1}, std::move(axis_map), span);
}

NodeId make_broadcast_leading(Graph& graph, NodeId operand, const Shape& result, SpanId span) {
  const size_t rank = graph.shape(operand).size();
  if (rank > result.size()) internal_error("a broadcast to fewer axes");
  std::vector<int64_t> axis_map(result.size(), -1);
  for (size_t i = 0; i < rank; ++i) axis_map[result.size() - rank + i] = static_cast<int64_t>(i);
  return make_broadcast(graph, operand, result, std::move(axis_map), span);
}

NodeId make_reshape(Graph& graph, NodeId operand, const Shape& result, SpanId span) {
  return make_of_type(graph, Op::reshape, {Scalar::real, 0, result}, {&operand, 1}, {}, span);
}

NodeId make_slice(Graph& graph, NodeId operand, int64_t axis, int64_t start, int64_t length, SpanId span) {
  Type type = graph.type(operand);
  if (axis >= 0 && axis < static_cast<int64_t>(type.shape.size())) type.shape[static_cast<size_t>(axis)] = length;
  return make_of_type(graph, Op::slice, type, {&operand, 1}, {axis, start}, span);
}

NodeId make_pad(Graph& graph, NodeId operand, int64_t axis, int64_t start, int64_t length, SpanId span) {
  Type type = graph.type(operand);
  if (axis >= 0 && axis < static_cast<int64_t>(type.shape.size())) type.shape[static_cast<size_t>(axis)] = length;
  return make_of_type(graph, Op::pad, type, {&operand, 1}, {axis, start}, span);
}

NodeId make_scatter(Graph& graph, NodeId values, NodeId index, int64_t table_length, int64_t batch_axes, SpanId span) {
  const Shape &value_shape = graph.shape(values), &index_shape = graph.shape(index);
  if (batch_axes < 0 || static_cast<size_t>(batch_axes) > index_shape.size() || index_shape.size() > value_shape.size())
    internal_error("a scatter whose index has more axes than its values");
  Shape shape(value_shape.begin(), value_shape.begin() + batch_axes);
  shape.push_back(table_length);
  shape.insert(shape.end(), value_shape.begin() + static_cast<int64_t>(index_shape.size()), value_shape.end());
  const NodeId operands[] = {values, index};
  return make_of_type(graph, Op::scatter, {Scalar::real, 0, shape}, operands, {batch_axes}, span);
}

NodeId make_sum_all(Graph& graph, NodeId operand, SpanId span) {
  while (!graph.shape(operand).empty())
    operand = make(graph, Op::reduce_sum, {operand}, {static_cast<int64_t>(graph.shape(operand).size()) - 1}, span);
  return operand;
}

NodeId make_zeros(Graph& graph, const Shape& shape) { return graph.constant({Scalar::real, 0, shape}, {0.0}); }

NodeId make_convert(Graph& graph, NodeId operand, Scalar scalar, int64_t categories, SpanId span) {
  return make_of_type(graph, Op::convert, {scalar, categories, {}}, {&operand, 1}, {}, span);
}

NodeId make_copy(Graph& to, const Graph& from, NodeId id, std::span<const NodeId> inputs) {
  const SpanId span = to.add_span(from.span(id));
  const Type type = from.type(id);
  switch (kind(from.op(id))) {
    case OpKind::leaf:
      if (from.is_constant(id)) {
        const std::span<const double> values = from.values(id);
        return to.constant(type, {values.begin(), values.end()}, span);
      }
      return to.add(from.op(id), type, inputs, from[id].payload, span);
    case OpKind::random: return to.add(from.op(id), type, inputs, from[id].payload, span);
    case OpKind::control:
      if (from.op(id) == Op::draw) return to.add(Op::draw, type, inputs, from[id].payload, span);
      break;
    case OpKind::elementwise:
    case OpKind::reduction:
    case OpKind::layout:
    case OpKind::linear: break;
  }
  const std::span<const int64_t> attributes = from.attributes(id);
  return make_of_type(to, from.op(id), type, inputs, {attributes.begin(), attributes.end()}, span);
}

NodeId copy_node(Graph& to, const Graph& from, NodeId id, std::span<const NodeId> inputs, uint32_t payload) {
  const SpanId span = to.add_span(from.span(id));
  if (from.is_constant(id)) {
    const std::span<const double> values = from.values(id);
    return to.constant(from.type(id), {values.begin(), values.end()}, span);
  }
  const OpKind kind_of = kind(from.op(id));
  const bool has_attributes = kind_of != OpKind::leaf && kind_of != OpKind::random && kind_of != OpKind::control;
  if (has_attributes && payload != UINT32_MAX) {
    const std::span<const int64_t> attributes = from.attributes(id);
    payload = to.add_attributes({attributes.begin(), attributes.end()}).index;
  }
  return to.add(from.op(id), from.type(id), inputs, payload, span);
}

}  // namespace alea
