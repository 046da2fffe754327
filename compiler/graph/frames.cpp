// Operations on values that carry frames: operands are brought to the union of their frames, then the
// vectorising rule of batch.h does the rest.
#include "compiler/graph/frames.h"

#include <numeric>

#include "compiler/graph/infer.h"
#include "dsl/diagnostic.h"

namespace alea {

namespace {

void require_small(const Shape& first, const Shape& second) {
  int64_t elements = 1;
  for (const Shape* shape : {&first, &second})
    for (const int64_t extent : *shape) {
      elements *= extent;
      if (elements > max_elements) throw ArrayTooLarge{elements};
    }
}

// Whether the vectorising rule stretches shared operands over the batch.
bool stretches(Op op) {
  switch (kind(op)) {
    case OpKind::linear: return op != Op::matmul;
    case OpKind::layout: return true;
    case OpKind::leaf:
    case OpKind::random:
    case OpKind::control:
    case OpKind::elementwise:
    case OpKind::reduction: return false;
  }
  return false;
}

}  // namespace

Shape Frames::shape_of(uint64_t frames) const {
  Shape shape;
  for (size_t k = 0; k < shapes.size(); ++k)
    if (frames >> k & 1) shape.insert(shape.end(), shapes[k].begin(), shapes[k].end());
  return shape;
}

Type Frames::type(Value value) const {
  Type type = graph.type(value.node);
  type.shape.erase(type.shape.begin(), type.shape.begin() + static_cast<int64_t>(shape_of(value.frames).size()));
  return type;
}

Value Frames::spread(Value value, uint64_t frames) {
  frames |= value.frames;
  if (frames == value.frames) return value;
  const Shape own = type(value).shape;
  Shape result = shape_of(frames);
  require_small(result, own);
  std::vector<int64_t> axes;
  int64_t next = 0;
  for (size_t k = 0; k < shapes.size(); ++k)
    if (frames >> k & 1)
      for (size_t i = 0; i < shapes[k].size(); ++i) axes.push_back(value.frames >> k & 1 ? next++ : -1);
  for (size_t i = 0; i < own.size(); ++i) axes.push_back(next++);
  result.insert(result.end(), own.begin(), own.end());
  return {make_broadcast(graph, value.node, result, axes, span), frames};
}

Value Frames::constant(const Type& type, double value) const { return {graph.constant(type, {value}, span)}; }

Value Frames::counting(const Shape& shape, size_t axis) const {
  int64_t inner = 1;
  for (size_t i = axis + 1; i < shape.size(); ++i) inner *= shape[i];
  std::vector<double> values(static_cast<size_t>(element_count(shape)));
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(static_cast<int64_t>(i) / inner % shape[axis]);
  return {graph.constant({Scalar::integer, 0, shape}, std::move(values), span)};
}

Value Frames::apply(Op op, std::span<const Value> operands, std::vector<int64_t> attributes, const Type& given) {
  uint64_t frames = 0;
  for (const Value& operand : operands) frames |= operand.frames;
  std::vector<Type> types;
  std::vector<const Type*> pointers;
  for (const Value& operand : operands) types.push_back(type(operand));
  for (const Type& type : types) pointers.push_back(&type);
  Type result = given;
  if (const std::string error = infer_type(op, pointers, attributes, result); !error.empty()) {
    if (!is_valid_shape(result.shape)) throw ArrayTooLarge{element_count(result.shape)};
    internal_error(error);
  }
  const Shape batch = shape_of(frames);
  require_small(batch, result.shape);
  std::vector<NodeId> nodes;
  std::vector<bool> batched;
  for (size_t k = 0; k < operands.size(); ++k) {
    const Value operand = operands[k].frames == 0 ? operands[k] : spread(operands[k], frames);
    if (stretches(op)) require_small(batch, types[k].shape);
    nodes.push_back(operand.node);
    batched.push_back(operand.frames != 0);
  }
  if (op == Op::matmul && nodes.size() == 2 && batched[0] != batched[1]) require_small(batch, types[batched[0] ? 1 : 0].shape);
  return {make_batched(graph, op, nodes, batched, batch, attributes, result, span), frames};
}

Value Frames::broadcast(Value value, const Shape& result, std::vector<int64_t> axes) {
  return apply(Op::broadcast, {value}, std::move(axes), {Scalar::real, 0, result});
}

Value Frames::broadcast_leading(Value value, const Shape& result) {
  const size_t rank = type(value).shape.size();
  std::vector<int64_t> axes(result.size(), -1);
  std::iota(axes.end() - static_cast<int64_t>(rank), axes.end(), 0);
  return broadcast(value, result, std::move(axes));
}

Value Frames::reshape(Value value, const Shape& result) { return apply(Op::reshape, {value}, {}, {Scalar::real, 0, result}); }

Value Frames::slice(Value value, int64_t axis, int64_t start, int64_t length) {
  Type result = type(value);
  result.shape[static_cast<size_t>(axis)] = length;
  return apply(Op::slice, {value}, {axis, start}, result);
}

Value Frames::convert(Value value, const Type& to) {
  const Type from = type(value);
  if (from.scalar == to.scalar && from.categories == to.categories) return value;
  return apply(Op::convert, {value}, {}, {to.scalar, to.categories, {}});
}

Value Frames::gather(Value table, Value index) {
  if (table.frames != 0 && index.frames != 0 && (table.frames & index.frames) == 0) return gather_crossed(table, index);
  return apply(Op::gather, {table, index}, {0});
}

// The table varies along other frames than the index, as in [[w[i][j] for j in …] for i in …]: every element of
// the one meets every element of the other. [F.., K, S..] → [K, F.., S..], gathered by [G.., I..] to
// [G.., I.., F.., S..], then put in order.
Value Frames::gather_crossed(Value table, Value index) {
  const size_t table_frames = shape_of(table.frames).size(), index_frames = shape_of(index.frames).size();
  const size_t index_axes = type(index).shape.size(), rest = type(table).shape.size() - 1;
  require_small(shape_of(table.frames | index.frames), type(table).shape);
  std::vector<int64_t> first(table_frames + 1 + rest);
  first[0] = static_cast<int64_t>(table_frames);
  std::iota(first.begin() + 1, first.begin() + 1 + static_cast<int64_t>(table_frames), 0);
  std::iota(first.begin() + 1 + static_cast<int64_t>(table_frames), first.end(), static_cast<int64_t>(table_frames) + 1);
  const NodeId turned = make(graph, Op::transpose, {table.node}, first, span);
  const NodeId gathered = make(graph, Op::gather, {turned, index.node}, {0}, span);

  const uint64_t frames = table.frames | index.frames;
  auto from_index = int64_t{0}, from_table = static_cast<int64_t>(index_frames + index_axes);
  std::vector<int64_t> order;
  for (size_t k = 0; k < shapes.size(); ++k)
    if (frames >> k & 1)
      for (size_t i = 0; i < shapes[k].size(); ++i) order.push_back(table.frames >> k & 1 ? from_table++ : from_index++);
  for (size_t i = 0; i < index_axes; ++i) order.push_back(from_index++);
  for (size_t i = 0; i < rest; ++i) order.push_back(from_table++);
  return {make(graph, Op::transpose, {gathered}, order, span), frames};
}

}  // namespace alea
