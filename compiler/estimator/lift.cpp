// One pass over the nodes in order: operands precede users, so a node's operands are already copied.
#include "compiler/estimator/lift.h"

#include "compiler/graph/batch.h"

namespace alea {

Shape with_axes(const Shape& axes, const Shape& shape) {
  Shape result = axes;
  result.insert(result.end(), shape.begin(), shape.end());
  return result;
}

NodeId lift_node(Graph& graph, NodeId id, std::vector<NodeId> inputs, const std::vector<bool>& carries, const Shape& axes) {
  const Node node = graph[id];
  Type type = graph.type(id);
  if (node.op == Op::draw || kind(node.op) == OpKind::random) {
    type.shape = with_axes(axes, type.shape);
    for (size_t k = 0; k < inputs.size(); ++k) {
      if (!carries[k]) inputs[k] = make_broadcast_leading(graph, inputs[k], type.shape, node.span);
      else if (graph.shape(inputs[k]) != type.shape) {
        // One argument for all elements, another one for each row.
        std::vector<int64_t> map(type.shape.size(), -1);
        for (size_t axis = 0; axis < axes.size(); ++axis) map[axis] = static_cast<int64_t>(axis);
        inputs[k] = make_broadcast(graph, inputs[k], type.shape, map, node.span);
      }
    }
    return graph.add(node.op, type, inputs, node.payload, node.span);
  }
  const std::vector<int64_t> attributes(graph.attributes(id).begin(), graph.attributes(id).end());
  return make_batched(graph, node.op, inputs, carries, axes, attributes, type, node.span);
}

std::vector<NodeId> copy_downstream(Graph& graph, NodeId from, NodeId replacement, const Shape& axes,
                                    const std::vector<NodeId>& wanted, bool hold_others) {
  const auto size = uint32_t(graph.size());
  std::vector<bool> needed(size, false);
  for (const NodeId id : wanted)
    if (id) needed[id.index] = true;
  for (uint32_t k = size; k-- > 0;)
    if (needed[k])
      for (const NodeId input : graph.inputs(NodeId{k})) needed[input.index] = true;
  std::vector<NodeId> copy(size);
  copy[from.index] = replacement;
  for (uint32_t k = from.index + 1; k < size; ++k) {
    if (!needed[k]) continue;
    const NodeId id{k};
    std::vector<NodeId> inputs;
    std::vector<bool> carries;
    bool any = false;
    for (const NodeId input : graph.inputs(id)) {
      const bool copied = bool(copy[input.index]);
      inputs.push_back(copied ? copy[input.index] : input);
      carries.push_back(copied);
      any |= copied;
    }
    if (!any) continue;
    if (graph.op(id) == Op::draw) {
      copy[k] = inputs[0];
      continue;
    }
    for (size_t j = 0; hold_others && j < inputs.size(); ++j)
      if (!carries[j]) inputs[j] = make(graph, Op::detach, {inputs[j]});
    copy[k] = lift_node(graph, id, std::move(inputs), carries, axes);
  }
  std::vector<NodeId> result;
  for (const NodeId id : wanted) result.push_back(id ? copy[id.index] : NodeId{});
  return result;
}

}  // namespace alea
