// The vectorising rule. Axes of an operation move right by the number of batch axes; operands without the
// batch axes are broadcast to them only where the operation cannot share them as they are.
#include "compiler/graph/batch.h"

#include <algorithm>
#include <numeric>

#include "dsl/diagnostic.h"

namespace alea {

namespace {

struct Batched {
  Graph& graph;
  Op op;
  std::span<const NodeId> inputs;
  const std::vector<bool>& batched;
  const Shape& batch;
  std::span<const int64_t> attributes;
  const Type& unbatched;
  SpanId span;

  int64_t rank() const { return static_cast<int64_t>(batch.size()); }
  Shape with_batch(const Shape& shape) const {
    Shape result = batch;
    result.insert(result.end(), shape.begin(), shape.end());
    return result;
  }
  Type type_with_batch() const { return {unbatched.scalar, unbatched.categories, with_batch(unbatched.shape)}; }
  NodeId carrying(size_t k) const {  // operand k with the batch axes
    return batched[k] ? inputs[k] : make_broadcast_leading(graph, inputs[k], with_batch(graph.shape(inputs[k])), span);
  }
  std::vector<NodeId> all_carrying() const {
    std::vector<NodeId> result;
    for (size_t k = 0; k < inputs.size(); ++k) result.push_back(carrying(k));
    return result;
  }
  NodeId build(std::span<const NodeId> operands, std::vector<int64_t> list) const {
    return make_of_type(graph, op, type_with_batch(), operands, std::move(list), span);
  }

  NodeId elementwise() const;
  NodeId layout() const;
  NodeId matrix_product() const;
};

// Scalars are shared by all elements; a batched scalar beside an array is stretched over the array's axes.
NodeId Batched::elementwise() const {
  const Shape result = with_batch(unbatched.shape);
  std::vector<NodeId> operands;
  for (size_t k = 0; k < inputs.size(); ++k) {
    const NodeId input = inputs[k];
    const size_t own_rank = graph.shape(input).size() - (batched[k] ? batch.size() : 0);
    if (batched[k] && own_rank == 0 && !unbatched.shape.empty()) {
      std::vector<int64_t> axes(result.size(), -1);
      std::iota(axes.begin(), axes.begin() + rank(), 0);
      operands.push_back(make_broadcast(graph, input, result, axes, span));
    } else if (!batched[k] && own_rank > 0) {
      operands.push_back(make_broadcast_leading(graph, input, result, span));
    } else {
      operands.push_back(input);
    }
  }
  return build(operands, {});
}

NodeId Batched::layout() const {
  std::vector<int64_t> moved(attributes.begin(), attributes.end());
  if (op == Op::broadcast || op == Op::transpose) {
    for (int64_t& axis : moved)
      if (axis >= 0) axis += rank();
    std::vector<int64_t> leading(batch.size());
    std::iota(leading.begin(), leading.end(), 0);
    moved.insert(moved.begin(), leading.begin(), leading.end());
  } else if (!moved.empty()) {
    moved[0] += rank();  // an axis, or the number of batch axes
  }
  // An index of its own for each element into one shared table.
  if (op == Op::gather && attributes[0] == 0 && !batched[0]) return build(inputs, {0});
  return build(all_carrying(), moved);
}

// With one operand shared, the batch is rows of one larger product:
//   [B.., m, k] W → [B·m, k] W,   [B.., k] W → [B, k] W,   A [B.., k] → [B, k] Aᵀ
NodeId Batched::matrix_product() const {
  const bool left = batched[0];
  const NodeId many = inputs[left ? 0 : 1], shared = inputs[left ? 1 : 0];
  const Shape rows = graph.shape(many);
  const size_t own_rank = rows.size() - batch.size();
  if (!left && own_rank == 2 && graph.shape(shared).size() == 2) return build(all_carrying(), {rank()});
  const auto swap_last = [&](NodeId id) {
    std::vector<int64_t> axes(graph.shape(id).size());
    std::iota(axes.begin(), axes.end(), 0);
    std::swap(axes[axes.size() - 1], axes[axes.size() - 2]);
    return make(graph, Op::transpose, {id}, axes, span);
  };
  // v [B.., k, n] = [B.., n, k] v;  A x = x Aᵀ
  const NodeId stacked = !left && own_rank == 2 ? swap_last(many) : many;
  const NodeId factor = !left && graph.shape(shared).size() == 2 ? swap_last(shared) : shared;
  const int64_t inner = graph.shape(stacked).back();
  const int64_t count = inner == 0 ? element_count(Shape(graph.shape(stacked).begin(), graph.shape(stacked).end() - 1))
                                   : element_count(graph.shape(stacked)) / inner;
  const NodeId product = make(graph, Op::matmul, {make_reshape(graph, stacked, {count, inner}, span), factor}, {0}, span);
  return make_reshape(graph, product, with_batch(unbatched.shape), span);
}

}  // namespace

NodeId make_batched(Graph& graph, Op op, std::span<const NodeId> inputs, const std::vector<bool>& batched, const Shape& batch,
                    std::span<const int64_t> attributes, const Type& unbatched_type, SpanId span) {
  const Batched rule{graph, op, inputs, batched, batch, attributes, unbatched_type, span};
  if (batch.empty() || std::ranges::none_of(batched, [](bool carries) { return carries; }))
    return make_of_type(graph, op, unbatched_type, inputs, {attributes.begin(), attributes.end()}, span);
  switch (kind(op)) {
    case OpKind::leaf:
    case OpKind::random: break;
    case OpKind::control:
      if (op != Op::draw) return rule.build(inputs, {});
      break;
    case OpKind::elementwise: return rule.elementwise();
    case OpKind::reduction: return rule.build(inputs, {attributes[0] + rule.rank()});
    case OpKind::layout: return rule.layout();
    case OpKind::linear:
      if (op == Op::matmul && attributes[0] == 0 && batched[0] != batched[1]) return rule.matrix_product();
      return rule.build(rule.all_carrying(), {attributes[0] + rule.rank()});
  }
  internal_error(std::string("`") + std::string(text(op)) + "` cannot be batched");
}

}  // namespace alea
