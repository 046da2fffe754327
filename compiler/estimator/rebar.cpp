// REBAR. With z the continuous sample of which b is the hard value, z̃ ~ z | b, y = σ_τ(z), ỹ = σ_τ(z̃):
//   ∇ E f(b) = E [ (f(b) − η f(ỹ)) ∇ log p(b) + η ∇ f(y) − η ∇ f(ỹ) ]
// where the last two gradients pass y and ỹ alone. The joint law of (z, b, z̃) is had from the draw b: z is drawn from
// its law given b, and then read as logits + noise with that noise held; z̃ is drawn given b anew, its map live.
// τ and η are values of the program that a pilot adapts: no choice of them biases.
#include "compiler/estimator/forks.h"
#include "compiler/estimator/relax.h"
#include "compiler/estimator/requests.h"
#include "compiler/graph/build.h"

namespace alea {
namespace {

struct Maker {
  StochasticGraph& model;
  const GraphDraw& draw;
  Graph& graph;

  NodeId op(Op o, std::initializer_list<NodeId> inputs, std::vector<int64_t> attributes = {}) {
    return make(graph, o, inputs, std::move(attributes), graph[draw.node].span);
  }
  NodeId uniform(const char* name, const Shape& shape) {
    const NoiseId id = model.noises.add({draw.name + "." + name});
    return graph.add(Op::noise_uniform, Type{Scalar::real, 0, shape}, {}, id.index, graph[draw.node].span);
  }
  NodeId number(double value) { return graph.constant(value); }

  // A value that a pilot adapts, held: no gradient of its own.
  NodeId adapted(const char* name, AdaptedRole role, double value, bool fixed) {
    if (fixed) return number(value);
    const ParamId id = model.params.add({draw.name + "." + name, Type{}, draw.span, role, value});
    return op(Op::detach, {graph.add(Op::param, Type{}, {}, id.index)});
  }

  // Bernoulli: z = l + logit u, given b. With o = logit v, v uniform:
  //   b true: z = softplus(o + softplus(l)); else z = −softplus(o + softplus(−l)).
  NodeId bernoulli_given(NodeId logits, NodeId v) {
    const NodeId o = op(Op::sub, {op(Op::log, {v}), op(Op::log1p, {op(Op::negate, {v})})});
    const auto side = [&](NodeId l) { return op(Op::softplus, {op(Op::add, {o, op(Op::softplus, {l})})}); };
    return op(Op::select, {draw.node, side(logits), op(Op::negate, {side(op(Op::negate, {logits}))})});
  }

  // Categorical: z_k = lp_k + Gumbel_k with argmax b, lp the normalised logits. With E_k = −log v_k:
  //   z_b = −log E_b;  z_k = −log(E_k exp(−lp_k) + E_b) = −log E_b − softplus(log E_k − lp_k − log E_b).
  NodeId categorical_given(NodeId log_p, NodeId is_b, NodeId v) {
    const Shape shape = graph.shape(v);
    const auto last = int64_t(shape.size()) - 1;
    std::vector<int64_t> axes;
    for (int64_t k = 0; k < last; ++k) axes.push_back(k);
    axes.push_back(-1);
    const NodeId e = op(Op::log, {op(Op::negate, {op(Op::log, {v})})});
    const NodeId zero = make_zeros(graph, shape);
    const NodeId top = op(Op::reduce_sum, {op(Op::select, {is_b, e, zero})}, {last});
    const NodeId tops = make_broadcast(graph, top, shape, axes);
    const NodeId below = op(Op::softplus, {op(Op::sub, {op(Op::sub, {e, log_p}), tops})});
    return op(Op::sub, {op(Op::negate, {tops}), op(Op::select, {is_b, zero, below})});
  }
};

}  // namespace

Fork fork_rebar(StochasticGraph& model, DrawId id, const std::vector<NodeId>& reached) {
  const GraphDraw draw = model.draws[id];
  Maker m{model, draw, model.graph};
  Graph& graph = model.graph;
  const NodeId tau = m.adapted("tau", AdaptedRole::temperature, estimator_argument(draw, "tau", default_temperature),
                               has_estimator_argument(draw, "tau"));
  const NodeId eta =
      m.adapted("weight", AdaptedRole::weight, estimator_argument(draw, "weight", 1), has_estimator_argument(draw, "weight"));
  const NodeId logits = make_logits(graph, draw, given_formal(draw).node);
  NodeId y, y_given;
  if (draw.distribution == "bernoulli") {
    const NodeId noise = m.op(Op::detach, {m.op(Op::sub, {m.bernoulli_given(logits, m.uniform("rebar", draw.batch)), logits})});
    const auto relax = [&](NodeId z) { return m.op(Op::sigmoid, {m.op(Op::div, {z, tau})}); };
    y = relax(m.op(Op::add, {logits, noise}));
    y_given = relax(m.bernoulli_given(logits, m.uniform("rebar.given", draw.batch)));
  } else {
    const Shape shape = graph.shape(logits);
    std::vector<int64_t> axes;
    for (size_t k = 0; k + 1 < shape.size(); ++k) axes.push_back(int64_t(k));
    axes.push_back(-1);
    const NodeId total = make_log_sum_exp(graph, logits);
    const NodeId log_p = m.op(Op::sub, {logits, make_broadcast(graph, total, shape, axes)});
    std::vector<double> counting;
    for (int64_t k = 0; k < element_count(shape); ++k) counting.push_back(double(k % shape.back()));
    const NodeId each = graph.constant(Type{Scalar::integer, 0, shape}, counting);
    const NodeId is_b = m.op(Op::equal, {make_broadcast(graph, draw.node, shape, axes), each});
    const NodeId noise = m.op(Op::detach, {m.op(Op::sub, {m.categorical_given(log_p, is_b, m.uniform("rebar", shape)), log_p})});
    const auto relax = [&](NodeId z) { return make_softmax(graph, m.op(Op::div, {z, tau})); };
    y = relax(m.op(Op::add, {log_p, noise}));
    y_given = relax(m.categorical_given(log_p, is_b, m.uniform("rebar.given", shape)));
  }
  const std::vector<NodeId> free_costs = relax_downstream(model, id, y, reached);
  const std::vector<NodeId> given_costs = relax_downstream(model, id, y_given, reached);
  Fork fork;
  fork.draw = id;
  fork.leave_one_out = draw.baseline.empty() || draw.baseline == "loo";
  fork.costs = {given_costs};
  const NodeId one = make_broadcast_leading(graph, m.number(1), draw.batch);
  const NodeId minus = make_broadcast_leading(graph, m.op(Op::negate, {eta}), draw.batch);
  fork.terms = {{"log density", draw.log_density, one, {minus}}};
  // + η ∇ f(y) − η ∇ f(ỹ)
  for (size_t c = 0; c < reached.size(); ++c) {
    if (!free_costs[c] || !given_costs[c]) continue;
    GraphCost control = model.costs[c];
    control.value = m.op(Op::mul, {eta, m.op(Op::sub, {free_costs[c], given_costs[c]})});
    control.control = true;
    control.controls = c;
    model.costs.push_back(control);
  }
  return fork;
}

}  // namespace alea
