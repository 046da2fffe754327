// In: a graph and one of its draws. Out: per node, the elements of the draw it depends on. Elementwise chains
// keep element by element; a constant slice picks elements; everything else takes the union.
#include "compiler/estimator/downstream.h"

namespace alea {
namespace {

std::vector<bool> all_of(const Downstream& value, size_t count) {
  return value.aligned ? std::vector<bool>(count, true) : value.elements;
}

}  // namespace

NodeTable<Downstream> find_downstream(const StochasticGraph& model, const GraphDraw& draw) {
  const Graph& graph = model.graph;
  size_t count = size_t(element_count(draw.batch));
  NodeTable<Downstream> result(graph.size());
  auto unite = [&](Downstream& into, const Downstream& from) {
    std::vector<bool> more = all_of(from, count);
    if (into.elements.empty()) into.elements.assign(count, false);
    for (size_t k = 0; k < count; ++k) into.elements[k] = into.elements[k] || more[k];
  };
  for (uint32_t k = draw.node.index; k < graph.size(); ++k) {
    NodeId id{k};
    Downstream& at = result[id];
    if (id == draw.node) {
      at.depends = true;
      if (graph.shape(id) == draw.batch) at.aligned = true;
      else at.elements.assign(count, true);
      continue;
    }
    Op op = graph.op(id);
    if (op == Op::stop || op == Op::detach) continue;
    std::span<const NodeId> inputs = graph.inputs(id);
    bool elementwise = kind(op) == OpKind::elementwise || op == Op::draw || op == Op::nonzero || kind(op) == OpKind::random;
    bool aligned = elementwise && graph.shape(id) == draw.batch;
    for (NodeId input : inputs) {
      if (!result[input].depends) continue;
      at.depends = true;
      aligned &= result[input].aligned;
    }
    if (!at.depends) continue;
    if (aligned) {
      at.aligned = true;
      continue;
    }
    // A slice along one axis of an aligned value picks its elements.
    if (op == Op::slice && result[inputs[0]].aligned) {
      int64_t axis = graph.attributes(id)[0], start = graph.attributes(id)[1];
      const Shape& shape = graph.shape(inputs[0]);
      int64_t inner = 1;
      for (size_t d = size_t(axis) + 1; d < shape.size(); ++d) inner *= shape[d];
      at.elements.assign(count, false);
      for (size_t e = 0; e < count; ++e) {
        int64_t position = int64_t(e) / inner % shape[size_t(axis)];
        at.elements[e] = position >= start && position < start + graph.shape(id)[size_t(axis)];
      }
      continue;
    }
    // So does a gather at a constant position of the first axis.
    if (op == Op::gather && result[inputs[0]].aligned && graph.is_constant(inputs[1]) && graph.values(inputs[1]).size() == 1 &&
        graph.attributes(id)[0] == 0 && !draw.batch.empty()) {
      size_t inner = count / size_t(draw.batch[0]);
      size_t position = size_t(graph.values(inputs[1])[0]);
      at.elements.assign(count, false);
      for (size_t e = 0; e < count; ++e) at.elements[e] = e / inner == position;
      continue;
    }
    for (NodeId input : inputs) {
      if (result[input].depends) unite(at, result[input]);
    }
  }
  return result;
}

}  // namespace alea
