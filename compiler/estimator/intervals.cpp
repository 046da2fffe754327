// In: a stochastic graph. Out: an interval per node. Every rule over-approximates: ends are rounded
// outwards, an operation without a rule gives the whole line.
#include "compiler/estimator/intervals.h"

#include <algorithm>

namespace alea {
namespace {

constexpr double inf = INFINITY;

Interval whole() { return {}; }
Interval point(double value) { return std::isnan(value) ? whole() : Interval{value, value}; }

// Outward by a few units in the last place: the native code rounds too.
Interval outward(Interval x) {
  if (std::isnan(x.low)) x.low = -inf;
  if (std::isnan(x.high)) x.high = inf;
  if (std::isfinite(x.low) && x.low != std::rint(x.low)) x.low -= 1e-14 * std::fabs(x.low);
  if (std::isfinite(x.high) && x.high != std::rint(x.high)) x.high += 1e-14 * std::fabs(x.high);
  return x;
}

Interval join(const Interval& a, const Interval& b) {
  Interval r;
  r.low = std::min(a.low, b.low);
  r.low_open = (a.low > r.low || a.low_open) && (b.low > r.low || b.low_open);
  r.high = std::max(a.high, b.high);
  r.high_open = (a.high < r.high || a.high_open) && (b.high < r.high || b.high_open);
  return r;
}

Interval intersect(Interval a, const Interval& b) {
  if (b.low > a.low) a.low = b.low, a.low_open = b.low_open;
  else if (b.low == a.low) a.low_open |= b.low_open;
  if (b.high < a.high) a.high = b.high, a.high_open = b.high_open;
  else if (b.high == a.high) a.high_open |= b.high_open;
  return a;
}

Interval negated(const Interval& a) { return {-a.high, -a.low, a.high_open, a.low_open}; }

Interval sum_of(const Interval& a, const Interval& b) {
  return outward({a.low + b.low, a.high + b.high, a.low_open || b.low_open, a.high_open || b.high_open});
}

struct End {
  double value;
  bool open;
};
// 0 · inf counts as 0: an infinite end is never taken.
End times(double x, bool x_open, double y, bool y_open) {
  if (x == 0 && y == 0) return {0, x_open && y_open};
  if (x == 0) return {0, x_open};
  if (y == 0) return {0, y_open};
  return {x * y, x_open || y_open};
}

Interval product_of(const Interval& a, const Interval& b) {
  End ends[4] = {times(a.low, a.low_open, b.low, b.low_open), times(a.low, a.low_open, b.high, b.high_open),
                 times(a.high, a.high_open, b.low, b.low_open), times(a.high, a.high_open, b.high, b.high_open)};
  Interval r{ends[0].value, ends[0].value, ends[0].open, ends[0].open};
  for (int k = 1; k < 4; ++k) r = join(r, {ends[k].value, ends[k].value, ends[k].open, ends[k].open});
  return outward(r);
}

Interval square_of(const Interval& a) {
  Interval r = product_of(a, a);
  if (a.low >= 0 || a.high <= 0) return r;
  double high = std::max(a.low * a.low, a.high * a.high);
  return outward({0, high, false, a.low_open && a.high_open});
}

Interval reciprocal(const Interval& a) {
  if (!a.excludes(0) || (a.low < 0 && a.high > 0)) return whole();
  if (a.low >= 0) return outward({1 / a.high, a.low == 0 ? inf : 1 / a.low, a.high_open || std::isinf(a.high), a.low_open});
  return negated(reciprocal(negated(a)));
}

template <class F>
Interval increasing(const Interval& a, F f) {
  return outward({f(a.low), f(a.high), a.low_open, a.high_open});
}

// max over two: ends are the maxima of the ends.
Interval maximum(const Interval& a, const Interval& b) {
  Interval r;
  r.low = std::max(a.low, b.low);
  r.low_open = (a.low == r.low && a.low_open) || (b.low == r.low && b.low_open);
  r.high = std::max(a.high, b.high);
  r.high_open = (a.high < r.high || a.high_open) && (b.high < r.high || b.high_open);
  return r;
}

Interval absolute(const Interval& a) {
  if (a.low >= 0) return a;
  if (a.high <= 0) return negated(a);
  Interval r = maximum(a, negated(a));
  r.low = 0, r.low_open = false;
  return r;
}

Interval sine(const Interval& a, double phase) {
  if (!(a.high - a.low < 2 * M_PI) || std::fabs(a.low) > 1e6) return {-1, 1};
  // sin takes 1 where (x − π/2)/2π is whole, −1 where (x + π/2)/2π is.
  double low = a.low + phase, high = a.high + phase;
  auto hits = [&](double at) {
    return std::floor((high - at) / (2 * M_PI) + 1e-12) >= std::ceil((low - at) / (2 * M_PI) - 1e-12);
  };
  double s0 = std::sin(low), s1 = std::sin(high);
  return outward({hits(-M_PI / 2) ? -1 : std::min(s0, s1), hits(M_PI / 2) ? 1 : std::max(s0, s1)});
}

Interval power(const Graph& graph, const Node& node, const Interval& base) {
  NodeId exponent = node.inputs[1];
  if (graph.is_constant(exponent) && graph.values(exponent).size() == 1) {
    double p = graph.values(exponent)[0];
    if (p == 2) return square_of(base);
    if (base.low >= 0 && p > 0) return increasing(base, [&](double x) { return std::pow(x, p); });
    if (base.low >= 0 && p < 0) return reciprocal(increasing(base, [&](double x) { return std::pow(x, -p); }));
    if (p == std::rint(p) && std::fmod(p, 2) == 0 && p > 0) {
      return increasing(absolute(base), [&](double x) { return std::pow(x, p); });
    }
  }
  if (base.low > 0 || (base.low == 0 && base.low_open)) return {0, inf, true, false};
  if (base.low >= 0) return {0, inf};
  return whole();
}

struct Bounder {
  const StochasticGraph& model;
  NodeTable<Interval> at;

  const Interval& of(const Node& node, int k) { return at[node.inputs[static_cast<size_t>(k)]]; }

  bool is_square(const Node& node) { return node.inputs[0] == node.inputs[1]; }

  Interval rule(NodeId id) {
    const Graph& graph = model.graph;
    const Node& node = graph[id];
    const Type& type = graph.type(id);
    switch (node.op) {
      case Op::constant: {
        std::span<const double> values = graph.values(id);
        Interval r = point(values[0]);
        for (double value : values) r = join(r, point(value));
        return r;
      }
      case Op::time: return {0, double(std::max<int64_t>(model.horizon - 1, 0))};
      case Op::noise_uniform: return {0, 1, true, true};
      case Op::noise_gamma: return {0, inf, true, false};
      case Op::noise_poisson: return {0, inf};
      case Op::noise_binomial: return {0, of(node, 0).high};
      case Op::noise_von_mises: return {-M_PI, M_PI};
      case Op::stop:
      case Op::detach:
      case Op::broadcast:
      case Op::reshape:
      case Op::transpose:
      case Op::slice:
      case Op::sort:
      case Op::reduce_max:
      case Op::reduce_min:
      case Op::draw: return of(node, 0);
      case Op::nonzero: {
        Interval r = of(node, 0);
        r.nonzero = true;
        return r;
      }
      case Op::pad: return join(of(node, 0), point(0));
      case Op::gather: return of(node, 0);
      case Op::concat: {
        std::span<const NodeId> inputs = graph.inputs(id);
        Interval r = at[inputs[0]];
        for (NodeId input : inputs) r = join(r, at[input]);
        return r;
      }
      case Op::negate: return negated(of(node, 0));
      case Op::abs: return absolute(of(node, 0));
      case Op::sign: return {-1, 1};
      // Steps take the value at an end that their operand does not reach.
      case Op::floor: return {std::floor(of(node, 0).low), std::floor(of(node, 0).high)};
      case Op::ceil: return {std::ceil(of(node, 0).low), std::ceil(of(node, 0).high)};
      case Op::round:
      case Op::truncate: {
        Interval r = of(node, 0);
        return {std::floor(r.low), std::ceil(r.high)};
      }
      case Op::convert: return graph.type(node.inputs[0]).scalar == Scalar::boolean ? Interval{0, 1} : of(node, 0);
      case Op::sqrt: return increasing(intersect(of(node, 0), {0, inf}), [](double x) { return std::sqrt(std::max(x, 0.0)); });
      case Op::exp: {
        Interval r = increasing(of(node, 0), [](double x) { return std::exp(x); });
        if (r.low == 0) r.low_open = true;
        return r;
      }
      case Op::expm1: return increasing(of(node, 0), [](double x) { return std::expm1(x); });
      case Op::log: return increasing(intersect(of(node, 0), {0, inf}), [](double x) { return x <= 0 ? -inf : std::log(x); });
      case Op::log1p:
        return increasing(intersect(of(node, 0), {-1, inf}), [](double x) { return x <= -1 ? -inf : std::log1p(x); });
      case Op::sin: return sine(of(node, 0), 0);
      case Op::cos: return sine(of(node, 0), M_PI / 2);
      case Op::asin: return {-M_PI / 2, M_PI / 2};
      case Op::acos: return {0, M_PI};
      case Op::atan: return increasing(of(node, 0), [](double x) { return std::atan(x); });
      case Op::atan2: return {-M_PI, M_PI};
      case Op::sinh: return increasing(of(node, 0), [](double x) { return std::sinh(x); });
      case Op::cosh: return increasing(absolute(of(node, 0)), [](double x) { return std::cosh(x); });
      case Op::tanh: return increasing(of(node, 0), [](double x) { return std::tanh(x); });
      case Op::sigmoid: {
        Interval r = increasing(of(node, 0), [](double x) { return 1 / (1 + std::exp(-x)); });
        if (r.low == 0) r.low_open = true;
        if (r.high == 1) r.high_open = true;
        return r;
      }
      case Op::softplus: {
        Interval r = increasing(of(node, 0), [](double x) { return x > 30 ? x : std::log1p(std::exp(x)); });
        if (r.low == 0) r.low_open = true;
        return r;
      }
      case Op::erf: return increasing(of(node, 0), [](double x) { return std::erf(x); });
      case Op::erfc: {
        Interval r = negated(increasing(of(node, 0), [](double x) { return -std::erfc(x); }));
        if (r.low == 0) r.low_open = true;
        return r;
      }
      case Op::wrap: return of(node, 0).within(-M_PI, M_PI) ? of(node, 0) : Interval{-M_PI, M_PI};
      case Op::add: return sum_of(of(node, 0), of(node, 1));
      case Op::sub: return sum_of(of(node, 0), negated(of(node, 1)));
      case Op::mul: return is_square(node) ? square_of(of(node, 0)) : product_of(of(node, 0), of(node, 1));
      case Op::div: return product_of(of(node, 0), reciprocal(of(node, 1)));
      case Op::pow: return power(graph, node, of(node, 0));
      case Op::max: return maximum(of(node, 0), of(node, 1));
      case Op::min: return negated(maximum(negated(of(node, 0)), negated(of(node, 1))));
      case Op::modulo: {
        Interval b = of(node, 1);
        if (b.low > 0) return {0, b.high, false, true};
        return whole();
      }
      case Op::floor_divide: {
        Interval r = product_of(of(node, 0), reciprocal(of(node, 1)));
        return {std::floor(r.low), std::ceil(r.high)};
      }
      case Op::select: return join(of(node, 1), of(node, 2));
      case Op::reduce_sum:
      case Op::cumsum: {
        Interval a = of(node, 0);
        double n = double(graph.shape(node.inputs[0])[size_t(graph.attributes(id)[0])]);
        Interval all = product_of(a, point(n));
        return node.op == Op::cumsum ? join(a, all) : all;
      }
      case Op::argmax:
      case Op::argmin:
      case Op::argsort: {
        const Shape& shape = graph.shape(node.inputs[0]);
        return {0, shape.empty() ? 0 : double(*std::max_element(shape.begin(), shape.end()) - 1)};
      }
      case Op::matmul: {
        const Shape& shape = graph.shape(node.inputs[0]);
        Interval p =
            node.inputs[0] == node.inputs[1] && shape.size() == 1 ? square_of(of(node, 0)) : product_of(of(node, 0), of(node, 1));
        return product_of(p, point(double(shape.back())));
      }
      case Op::outer: return product_of(of(node, 0), of(node, 1));
      case Op::param:
      case Op::input:
      case Op::adjoint:
      case Op::advantage:
      case Op::accumulated:
      case Op::noise_normal:
      case Op::tan:
      case Op::lgamma:
      case Op::digamma:
      case Op::trigamma:
      case Op::normal_quantile:
      case Op::log_normal_cdf:
      case Op::gamma_grad:
      case Op::von_mises_grad:
      case Op::reduce_prod:
      case Op::scatter:
      case Op::cholesky:
      case Op::solve:
      case Op::solve_lower:
      case Op::solve_upper:
      case Op::logdet: break;
      case Op::state:
      case Op::final_state: return at[id];  // set by the loop over states
      case Op::logical_not:
      case Op::less:
      case Op::less_equal:
      case Op::equal:
      case Op::not_equal:
      case Op::logical_and:
      case Op::logical_or: return {0, 1};
    }
    if (type.scalar == Scalar::category) return {0, double(type.categories - 1)};
    if (type.scalar == Scalar::boolean) return {0, 1};
    return whole();
  }

  void sweep() {
    for (uint32_t k = 0; k < model.graph.size(); ++k) {
      NodeId id{k};
      Interval r = rule(id);
      if (model.graph.type(id).scalar == Scalar::category) r = intersect(r, {0, double(model.graph.type(id).categories - 1)});
      at[id] = r;
    }
    // The declared support of a law bounds its draw as well as its sampling map does.
    for (const GraphDraw& draw : model.draws) {
      if (draw.support != SupportKind::interval && draw.support != SupportKind::integers) continue;
      Interval bound;
      if (draw.support_low) bound.low = at[draw.support_low].low, bound.low_open = draw.low_open;
      if (draw.support_high) bound.high = at[draw.support_high].high, bound.high_open = draw.high_open;
      support[draw.node] = bound;
    }
    for (uint32_t k = 0; k < model.graph.size(); ++k) {
      NodeId id{k};
      if (support[id] == Interval{}) at[id] = rule_bounded(id);
      else at[id] = intersect(rule_bounded(id), support[id]);
    }
  }
  Interval rule_bounded(NodeId id) {
    Interval r = rule(id);
    if (model.graph.type(id).scalar == Scalar::category) r = intersect(r, {0, double(model.graph.type(id).categories - 1)});
    return r;
  }

  NodeTable<Interval> support;
};

}  // namespace

NodeTable<Interval> bound_values(const StochasticGraph& model) {
  Bounder bounder{model, NodeTable<Interval>(model.graph.size()), NodeTable<Interval>(model.graph.size())};
  bounder.sweep();
  // Until nothing changes: from some turn on a state that does is given up, once.
  constexpr int turns_before_widening = 4, turns_before_giving_up = 10;
  // Start each state at its initial values, then join what the step makes of it.
  auto set = [&](const GraphState& state, Interval value) {
    bounder.at[state.leaf] = value;
    if (state.final_leaf) bounder.at[state.final_leaf] = value;
  };
  for (const GraphState& state : model.states) set(state, bounder.at[state.init]);
  bool changed = true;
  for (int turn = 0; changed; ++turn) {
    bounder.sweep();
    changed = false;
    for (const GraphState& state : model.states) {
      Interval before = bounder.at[state.leaf];
      Interval after = join(before, bounder.at[state.next]);
      if (after == before) continue;
      changed = true;
      if (turn >= turns_before_widening) {
        if (after.low < before.low) after.low = -inf, after.low_open = false;
        if (after.high > before.high) after.high = inf, after.high_open = false;
      }
      if (turn >= turns_before_giving_up) after = whole();
      set(state, after);
    }
  }
  return bounder.at;
}

int decide_comparison(Op op, const Interval& a, const Interval& b) {
  bool below = a.high < b.low || (a.high == b.low && (a.high_open || b.low_open));  // a < b surely
  bool above = b.high < a.low || (b.high == a.low && (b.high_open || a.low_open));  // a > b surely
  if (op == Op::less) {
    if (below) return 1;
    return above || a.low >= b.high ? 0 : -1;
  }
  if (op == Op::less_equal) {
    if (a.high <= b.low) return 1;
    return above ? 0 : -1;
  }
  if (op == Op::equal) return below || above ? 0 : -1;
  if (op == Op::not_equal) return below || above ? 1 : -1;
  return -1;
}

}  // namespace alea
