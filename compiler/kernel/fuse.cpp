// Which sums take a product with them: those that alone read it, in its phase and at its rate (fuse.h).
#include "compiler/kernel/fuse.h"

namespace alea {

NodeTable<uint32_t> count_readers(const Program& program, const PhaseOrder& order) {
  NodeTable<uint32_t> readers(program.graph.size(), 0);
  for (const auto& nodes : order.nodes)
    for (const NodeId node : nodes)
      for (const NodeId input : program.graph.inputs(node)) ++readers[input];
  for (const NodeId root : program_roots(program)) ++readers[root];
  return readers;
}

FusedProducts fuse_products(const Program& program) {
  const Graph& graph = program.graph;
  FusedProducts fused(graph.size(), FusedSide::none);
  const PhaseOrder order = order_phases(program);
  const NodeTable<uint32_t> readers = count_readers(program, order);
  const auto can_fuse = [&](NodeId sum, NodeId product) {
    return graph.op(product) == Op::mul && readers[product] == 1 && graph.shape(product) == graph.shape(sum) &&
           program.phase[product] == program.phase[sum] && program.rate[product] == program.rate[sum];
  };
  for (const auto& nodes : order.nodes)
    for (const NodeId node : nodes) {
      if (graph.op(node) != Op::add && graph.op(node) != Op::sub) continue;
      if (can_fuse(node, graph.input(node, 0))) fused[node] = FusedSide::left;
      else if (can_fuse(node, graph.input(node, 1))) fused[node] = FusedSide::right;
    }
  return fused;
}

FusedSum fused_sum(const Graph& graph, NodeId sum, FusedSide side) {
  const bool difference = graph.op(sum) == Op::sub, left = side == FusedSide::left;
  const NodeId product = graph.input(sum, left ? 0 : 1);
  return {graph.input(product, 0), graph.input(product, 1), graph.input(sum, left ? 1 : 0), difference && !left,
          difference && left};
}

std::optional<double> constant_divisor(const Graph& graph, NodeId node) {
  if (graph.op(node) != Op::div || graph.type(node).scalar != Scalar::real) return {};
  const NodeId divisor = graph.input(node, 1);
  if (graph.op(divisor) != Op::constant || !graph.shape(divisor).empty()) return {};
  return graph.values(divisor)[0];
}

}  // namespace alea
