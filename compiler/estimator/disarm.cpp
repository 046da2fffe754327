// DisARM. For b = [u > 1 − p] and its antithetic twin b̃ = [1 − u > 1 − p], with l the logits,
//   ∂/∂l E f = E ½ (f(b) − f(b̃)) (b − b̃) σ(|l|)   element by element.
// The twin is drawn from its law given b, with noise of its own, so that b is the model's own draw.
#include "compiler/estimator/forks.h"
#include "compiler/estimator/requests.h"
#include "compiler/graph/build.h"

namespace alea {

ForkRequest request_disarm(StochasticGraph& model, DrawId id) {
  const GraphDraw draw = model.draws[id];
  Graph& graph = model.graph;
  const SpanId span = graph[draw.node].span;
  const auto op = [&](Op o, std::initializer_list<NodeId> inputs) { return make(graph, o, inputs, {}, span); };
  const NodeId logits = make_logits(graph, draw, given_formal(draw).node), b = draw.node, zero = graph.constant(0);
  const NoiseId noise = model.noises.add({draw.name + ".antithetic"});
  const NodeId v = graph.add(Op::noise_uniform, Type{Scalar::real, 0, draw.batch}, {}, noise.index, span);
  // p < ½: the twin of true is false, that of false is true with probability p/(1 − p) = exp(l).
  // p ≥ ½: the twin of false is true, that of true is false with probability (1 − p)/p = exp(−l).
  const NodeId log_v = op(Op::log, {v});
  const NodeId rare = op(Op::logical_and, {op(Op::logical_not, {b}), op(Op::less, {log_v, logits})});
  const NodeId likely = op(Op::logical_or, {op(Op::logical_not, {b}), op(Op::less, {op(Op::negate, {logits}), log_v})});
  const NodeId is_rare = op(Op::less, {logits, zero});
  const NodeId twin =
      op(Op::logical_or, {op(Op::logical_and, {is_rare, rare}), op(Op::logical_and, {op(Op::logical_not, {is_rare}), likely})});
  // ½ σ(|l|) where the two differ, with the sign of b − b̃.
  const NodeId half = op(Op::mul, {graph.constant(0.5), op(Op::sigmoid, {op(Op::abs, {logits})})});
  const NodeId differ = op(Op::not_equal, {b, twin});
  const NodeId weight =
      op(Op::select, {differ, op(Op::select, {b, half, op(Op::negate, {half})}), make_zeros(graph, draw.batch)});
  return {{twin}, true, {{"logits", logits, weight, {op(Op::negate, {weight})}}}};
}

}  // namespace alea
