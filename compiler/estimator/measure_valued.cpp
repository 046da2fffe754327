// Measure-valued derivatives. The derivative of a law in an argument is a constant times the difference of two
// laws, ∂/∂a E f(x) = c (E f(x⁺) − E f(x⁻)); the pair is coupled, so that the difference is quiet. Where the
// draw itself has one of the two laws, it stands for it and one row is enough.
#include "compiler/estimator/forks.h"
#include "compiler/estimator/requests.h"
#include "compiler/graph/build.h"

namespace alea {
namespace {

struct Maker {
  StochasticGraph& model;
  const GraphDraw& draw;
  SpanId span;

  NodeId op(Op o, std::initializer_list<NodeId> inputs) const { return make(model.graph, o, inputs, {}, span); }
  NodeId number(double value) const { return model.graph.constant(value); }
  NodeId noise(Op o, const char* name) const {
    const NoiseId id = model.noises.add({draw.name + "." + name});
    return model.graph.add(o, Type{Scalar::real, 0, draw.batch}, {}, id.index, span);
  }
  // −log u: standard exponential.
  NodeId exponential(const char* name) const { return op(Op::negate, {op(Op::log, {noise(Op::noise_uniform, name)})}); }
};

constexpr double sqrt_two_pi = 2.5066282746310002;

// mean: c = 1/(σ √2π), x± = μ ± σ W, W Rayleigh (Weibull(2, 1/2) in the table's parameters).
// std:  c = 1/σ, x⁺ = μ + σ M with M a double-sided Maxwell, x⁻ = μ + σ U M: a uniform times it is normal.
ForkRequest normal(const Maker& m, const std::vector<bool>& moves) {
  const NodeId mean = formal(m.draw, "mean"), std = formal(m.draw, "std");
  ForkRequest request;
  const auto at = [&](NodeId standard) { return m.op(Op::add, {mean, m.op(Op::mul, {std, standard})}); };
  if (moves[0]) {
    const NodeId w = m.op(Op::sqrt, {m.op(Op::mul, {m.number(2), m.exponential("weibull")})});
    const NodeId c = m.op(Op::div, {m.number(1 / sqrt_two_pi), std});
    request.values = {at(w), at(m.op(Op::negate, {w}))};
    request.terms.push_back({"mean", mean, {}, {c, m.op(Op::negate, {c})}});
  }
  if (moves[1]) {
    // |M|² is chi-squared with three degrees: a Rayleigh squared plus a normal squared; the normal's sign is fair.
    const NodeId z = m.noise(Op::noise_normal, "maxwell.normal");
    const NodeId square = m.op(Op::add, {m.op(Op::mul, {m.number(2), m.exponential("maxwell.rayleigh")}), m.op(Op::mul, {z, z})});
    const NodeId size = m.op(Op::sqrt, {square});
    const NodeId maxwell = m.op(Op::select, {m.op(Op::less, {z, m.number(0)}), m.op(Op::negate, {size}), size});
    const NodeId c = m.op(Op::div, {m.number(1), std});
    const size_t before = request.values.size();
    request.values.push_back(at(maxwell));
    request.values.push_back(at(m.op(Op::mul, {m.noise(Op::noise_uniform, "maxwell.uniform"), maxwell})));
    std::vector<NodeId> weights(before, NodeId{});
    weights.push_back(c), weights.push_back(m.op(Op::negate, {c}));
    request.terms.push_back({"std", std, {}, std::move(weights)});
  }
  return request;
}

// ∂/∂λ E f = (1/λ) (E f(x) − E f(y)), y ~ Erlang(2, λ): the draw and another exponential.
ForkRequest exponential(const Maker& m) {
  const NodeId rate = formal(m.draw, "rate");
  const NodeId c = m.op(Op::div, {m.number(1), rate});
  const NodeId further = m.op(Op::add, {m.draw.node, m.op(Op::div, {m.exponential("erlang"), rate})});
  return {{further}, false, {{"rate", rate, c, {m.op(Op::negate, {c})}}}};
}

// ∂/∂β E f = (α/β) (E f(x) − E f(y)), y ~ gamma(α + 1, β): the draw and an exponential.
ForkRequest gamma(const Maker& m) {
  const NodeId rate = formal(m.draw, "rate");
  const NodeId c = m.op(Op::div, {formal(m.draw, "shape"), rate});
  const NodeId further = m.op(Op::add, {m.draw.node, m.op(Op::div, {m.exponential("gamma"), rate})});
  return {{further}, false, {{"rate", rate, c, {m.op(Op::negate, {c})}}}};
}

// ∂/∂λ E f = E f(k + 1) − E f(k).
ForkRequest poisson(const Maker& m) {
  const NodeId one = m.model.graph.constant(Type{Scalar::integer, 0, {}}, {1});
  const NodeId further = m.op(Op::add, {m.draw.node, one});
  const NodeId up = make_broadcast_leading(m.model.graph, m.number(1), m.draw.batch);
  return {{further}, false, {{"rate", formal(m.draw, "rate"), m.op(Op::negate, {up}), {up}}}};
}

// ∂/∂p E f = f(true) − f(false): the draw is one of the two, its opposite the other.
ForkRequest bernoulli(const Maker& m) {
  const NodeId sign = m.op(Op::select, {m.draw.node, m.number(1), m.number(-1)});
  const NodeId p = make_probability(m.model.graph, m.draw, given_formal(m.draw).node);
  return {{m.op(Op::logical_not, {m.draw.node})}, false, {{"p", p, sign, {m.op(Op::negate, {sign})}}}};
}

}  // namespace

ForkRequest request_measure_valued(StochasticGraph& model, DrawId id, const std::vector<bool>& moves) {
  const GraphDraw draw = model.draws[id];
  const Maker maker{model, draw, model.graph[draw.node].span};
  if (draw.distribution == "normal") return normal(maker, moves);
  if (draw.distribution == "exponential") return exponential(maker);
  if (draw.distribution == "gamma") return gamma(maker);
  if (draw.distribution == "poisson") return poisson(maker);
  if (draw.distribution == "bernoulli") return bernoulli(maker);
  internal_error("`" + draw.distribution + "` has no measure-valued derivative");
}

}  // namespace alea
