// Sums of products of matrices and vectors, from what is summed to the root of the sum (product_sums.h).
#include "compiler/kernel/product_sums.h"

namespace alea {

bool is_vector_product(const Graph& graph, NodeId node) {
  return graph.op(node) == Op::matmul && graph.attributes(node)[0] == 0 && graph.shape(node).size() == 1 &&
         element_count(graph.shape(node)) > register_elements;
}

ProductSums find_product_sums(const Program& program, const FusedProducts& fused) {
  const Graph& graph = program.graph;
  ProductSums parts(graph.size(), SumPart::none);
  const PhaseOrder order = order_phases(program);
  const NodeTable<uint32_t> readers = count_readers(program, order);
  // Operands come before their sums: one that is already a root becomes a part of its only reader.
  for (const auto& nodes : order.nodes)
    for (const NodeId node : nodes) {
      if (graph.op(node) != Op::add || fused[node] != FusedSide::none) continue;
      for (const NodeId operand : graph.inputs(node))
        if (readers[operand] == 1 && graph.shape(operand) == graph.shape(node) && program.phase[operand] == program.phase[node] &&
            program.rate[operand] == program.rate[node] &&
            (is_vector_product(graph, operand) || parts[operand] == SumPart::root)) {
          parts[operand] = SumPart::inner;
          parts[node] = SumPart::root;
        }
    }
  return parts;
}

ProductSum product_sum(const Graph& graph, const ProductSums& parts, NodeId root) {
  ProductSum sum;
  if (graph.op(root) == Op::matmul) {
    sum.products.push_back(root);
    return sum;
  }
  std::vector<NodeId> pending{root};
  while (!pending.empty()) {
    const NodeId node = pending.back();
    pending.pop_back();
    if (node != root && parts[node] != SumPart::inner) sum.terms.push_back(node);
    else if (graph.op(node) == Op::matmul) sum.products.push_back(node);
    else pending.insert(pending.end(), {graph.input(node, 1), graph.input(node, 0)});
  }
  return sum;
}

}  // namespace alea
