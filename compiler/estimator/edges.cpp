// How each operation varies with each operand (estimators.md 2, language.md 7): smooth, a kink, a steep
// end, a jump, or not at all. Poles and cuts are smooth where the intervals exclude them, touch them only
// at an open end, or where no sample decides (a pole in a param alone is a null set of params).
#include <algorithm>

#include "compiler/estimator/paths.h"

namespace alea {
namespace {

bool is_sum_of_squares(const Graph& graph, NodeId id) {
  const Node& node = graph[id];
  switch (node.op) {
    case Op::mul: return node.inputs[0] == node.inputs[1];
    case Op::matmul: return node.inputs[0] == node.inputs[1] && graph.shape(node.inputs[0]).size() == 1;
    case Op::pow: return graph.is_splat(node.inputs[1], 2);
    case Op::add: return is_sum_of_squares(graph, node.inputs[0]) && is_sum_of_squares(graph, node.inputs[1]);
    case Op::reduce_sum:
    case Op::reshape:
    case Op::broadcast: return is_sum_of_squares(graph, node.inputs[0]);
    default: return false;
  }
}

// Even functions forget the sign, and with it where an angle was cut; sin has the angle's period.
bool hides_cut(const Graph& graph, NodeId user) {
  const Node& node = graph[user];
  if (node.op == Op::abs || node.op == Op::cos || node.op == Op::cosh || node.op == Op::sin) return true;
  if (node.op == Op::mul) return node.inputs[0] == node.inputs[1];
  if (node.op == Op::pow && graph.is_constant(node.inputs[1])) {
    double p = graph.values(node.inputs[1])[0];
    return graph.values(node.inputs[1]).size() == 1 && p == std::rint(p) && std::fmod(p, 2) == 0;
  }
  return false;
}

Edge pole(bool random, bool excluded) { return excluded || !random ? Edge::smooth : Edge::jump; }

Edge power_edge(const StochasticGraph& model, const NodeTable<Interval>& bounds, const NodeTable<uint8_t>& random, NodeId user,
                int k) {
  const Graph& graph = model.graph;
  NodeId base = graph.input(user, 0), exponent = graph.input(user, 1);
  const Interval& x = bounds[base];
  bool positive = x.excludes(0) && x.low >= 0;
  if (k == 1) return pole(random[base], positive);
  if (!graph.is_constant(exponent)) return pole(random[base] || random[exponent], positive);
  Edge worst = Edge::smooth;
  for (double p : graph.values(exponent)) {
    Edge e = Edge::smooth;
    bool whole = p == std::rint(p);
    if (p < 0) e = pole(random[base], x.excludes(0) && (whole || x.low >= 0));
    else if (!whole) e = positive || !random[base] ? Edge::smooth : (p < 1 ? Edge::steep : Edge::kink);
    worst = std::max(worst, e);
  }
  return worst;
}

}  // namespace

// `wrap` is the one op whose edge depends on who uses the result: see wrap_edge.
Edge edge(const StochasticGraph& model, const NodeTable<Interval>& bounds, const NodeTable<uint8_t>& random, NodeId user, int k) {
  const Graph& graph = model.graph;
  const Node& node = graph[user];
  NodeId operand = graph.input(user, k);
  const Interval& x = bounds[operand];
  bool is_random = random[operand];
  switch (node.op) {
    case Op::stop:
    case Op::detach: return Edge::none;

    case Op::floor:
    case Op::ceil:
    case Op::round:
    case Op::truncate:
    case Op::sign:
    case Op::floor_divide:
    case Op::argmax:
    case Op::argmin:
    case Op::argsort:
    case Op::noise_poisson:
    case Op::noise_binomial: return Edge::jump;
    case Op::modulo: return Edge::jump;

    case Op::less:
    case Op::less_equal:
    case Op::equal:
    case Op::not_equal: {
      int decided = decide_comparison(node.op, bounds[node.inputs[0]], bounds[node.inputs[1]]);
      return decided >= 0 ? Edge::none : Edge::jump;
    }
    case Op::convert: return graph.type(operand).scalar == Scalar::boolean ? Edge::jump : Edge::smooth;
    case Op::select: return k == 0 ? Edge::jump : Edge::smooth;
    case Op::logical_and:
    case Op::logical_or:
    case Op::logical_not: return Edge::smooth;  // the jump is where the condition is used

    case Op::abs:
    case Op::max:
    case Op::min:
    case Op::reduce_max:
    case Op::reduce_min:
    case Op::sort: return Edge::kink;

    case Op::sqrt:
      if (x.low > 0 || (x.low == 0 && x.low_open) || !is_random) return Edge::smooth;
      return is_sum_of_squares(graph, operand) ? Edge::kink : Edge::steep;
    case Op::asin:
    case Op::acos: return !is_random || (x.low > -1 && x.high < 1) ? Edge::smooth : Edge::steep;
    case Op::div: return k == 0 ? Edge::smooth : pole(is_random, x.excludes(0));
    case Op::log: return pole(is_random, x.low >= 0 && x.excludes(0));
    case Op::log1p: return pole(is_random, x.low >= -1 && x.excludes(-1));
    case Op::lgamma:
    case Op::digamma:
    case Op::trigamma: return pole(is_random, x.low >= 0 && x.excludes(0));
    case Op::normal_quantile: return pole(is_random, x.within(0, 1) && x.excludes(0) && x.excludes(1));
    case Op::tan: return pole(is_random, x.low > -M_PI / 2 && x.high < M_PI / 2);
    case Op::atan2: {
      const Interval &y = bounds[node.inputs[0]], &abscissa = bounds[node.inputs[1]];
      bool off_the_cut = (abscissa.low >= 0 && abscissa.excludes(0)) || y.excludes(0);
      return pole(random[node.inputs[0]] || random[node.inputs[1]], off_the_cut);
    }
    case Op::pow: return power_edge(model, bounds, random, user, k);

    case Op::wrap: return x.within(-M_PI, M_PI) || !is_random ? Edge::smooth : Edge::jump;
    case Op::gather: return k == 0 ? Edge::smooth : Edge::jump;
    case Op::scatter: return k == 0 ? Edge::smooth : Edge::jump;

    case Op::draw:
    case Op::nonzero:
    case Op::noise_gamma:
    case Op::noise_von_mises:
    case Op::negate:
    case Op::exp:
    case Op::expm1:
    case Op::sin:
    case Op::cos:
    case Op::atan:
    case Op::sinh:
    case Op::cosh:
    case Op::tanh:
    case Op::sigmoid:
    case Op::softplus:
    case Op::erf:
    case Op::erfc:
    case Op::log_normal_cdf:
    case Op::add:
    case Op::sub:
    case Op::mul:
    case Op::gamma_grad:
    case Op::von_mises_grad:
    case Op::reduce_sum:
    case Op::reduce_prod:
    case Op::cumsum:
    case Op::broadcast:
    case Op::reshape:
    case Op::transpose:
    case Op::slice:
    case Op::pad:
    case Op::concat:
    case Op::matmul:
    case Op::outer:
    case Op::cholesky:
    case Op::solve:
    case Op::solve_lower:
    case Op::solve_upper:
    case Op::logdet: return Edge::smooth;

    case Op::constant:
    case Op::param:
    case Op::input:
    case Op::state:
    case Op::final_state:
    case Op::time:
    case Op::adjoint:
    case Op::advantage:
    case Op::accumulated:
    case Op::noise_uniform:
    case Op::noise_normal: break;  // no operands
  }
  internal_error("a leaf has no operand to vary with");
}

Edge wrap_edge(const Graph& graph, NodeId user_of_wrap) { return hides_cut(graph, user_of_wrap) ? Edge::kink : Edge::jump; }

}  // namespace alea
