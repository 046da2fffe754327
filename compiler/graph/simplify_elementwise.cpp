// Identities of elementwise operations. None turns a NaN or an infinity into a number, except where the
// expression had overflowed on its way (log(exp x) at x = 1000). Zeros may change their sign.
#include <algorithm>
#include <cmath>
#include <optional>

#include "compiler/graph/build.h"
#include "compiler/graph/simplify.h"

namespace alea {

namespace {

// The scalar that every element equals: of a scalar, a splat constant, or a broadcast scalar; else null.
NodeId scalar_source(Graph& graph, NodeId id) {
  if (graph.shape(id).empty()) return id;
  if (graph.is_constant(id) && graph.values(id).size() == 1) {
    const Type& type = graph.type(id);
    return graph.constant(Type{type.scalar, type.categories, {}}, {graph.values(id)[0]});
  }
  if (graph.op(id) == Op::broadcast && graph.shape(graph.input(id, 0)).empty()) return graph.input(id, 0);
  return {};
}

// f(broadcast x, y) = broadcast f(x, y): operands that are broadcast in one and the same way (scalars count
// as such) are computed on before they are broadcast. Otherwise broadcast scalars become scalars.
NodeId sink_broadcast(Graph& graph, Op op, const Type& result, std::span<const NodeId> inputs, SpanId span) {
  if (result.shape.empty()) return {};
  std::vector<NodeId> sources(inputs.size());
  NodeId pattern;  // the broadcast that all non-scalar operands share
  bool uniform = true, changed = false;
  for (size_t k = 0; k < inputs.size(); ++k) {
    const NodeId input = inputs[k];
    if (const NodeId scalar = scalar_source(graph, input)) {
      sources[k] = scalar;
      changed = changed || scalar != input;
    } else if (graph.op(input) == Op::broadcast &&
               (!pattern || (std::ranges::equal(graph.attributes(pattern), graph.attributes(input)) &&
                             graph.shape(graph.input(pattern, 0)) == graph.shape(graph.input(input, 0))))) {
      pattern = input;
      sources[k] = graph.input(input, 0);
    } else {
      uniform = false;
    }
  }
  if (uniform) {
    std::vector<int64_t> axes(result.shape.size(), -1);
    if (pattern) axes.assign(graph.attributes(pattern).begin(), graph.attributes(pattern).end());
    const NodeId small = make_of_type(graph, op, {result.scalar, result.categories, {}}, sources, {}, span);
    return make_broadcast(graph, small, result.shape, axes, span);
  }
  if (!changed) return {};
  for (size_t k = 0; k < inputs.size(); ++k)
    if (!sources[k] || graph.op(inputs[k]) == Op::broadcast) {
      const NodeId scalar = scalar_source(graph, inputs[k]);
      sources[k] = scalar ? scalar : inputs[k];
    }
  return make_of_type(graph, op, {result.scalar, result.categories, {}}, sources, {}, span);
}

// x^n by squaring, 1 ≤ n ≤ 16.
NodeId integer_power(Graph& graph, NodeId x, int n, SpanId span) {
  if (n == 1) return x;
  const NodeId half = integer_power(graph, x, n / 2, span);
  const NodeId square = make(graph, Op::mul, {half, half}, {}, span);
  return n % 2 == 0 ? square : make(graph, Op::mul, {square, x}, {}, span);
}

struct Bounds {
  double low, high;
};

// What a value lies within, as its last few operations show, and surely no NaN; null where they do not.
std::optional<Bounds> bounds_within(const Graph& graph, NodeId id, int depth) {
  if (graph.is_constant(id)) {
    const std::span<const double> values = graph.values(id);
    if (values.empty() || std::ranges::any_of(values, [](double value) { return std::isnan(value); })) return {};
    const auto [low, high] = std::ranges::minmax(values);
    return Bounds{low, high};
  }
  if (graph.type(id).scalar == Scalar::boolean) return Bounds{0, 1};
  if (depth == 0) return {};
  const auto of = [&](size_t k) { return bounds_within(graph, graph.inputs(id)[k], depth - 1); };
  switch (graph.op(id)) {
    case Op::convert:
    case Op::broadcast:
    case Op::reshape:
    case Op::transpose:
    case Op::slice: return of(0);
    case Op::select: {
      const auto then = of(1), otherwise = of(2);
      if (!then || !otherwise) return {};
      return Bounds{std::min(then->low, otherwise->low), std::max(then->high, otherwise->high)};
    }
    case Op::reduce_sum: {  // of whole numbers: no rounding
      const auto term = of(0);
      if (!term || graph.type(id).scalar != Scalar::integer) return {};
      const NodeId source = graph.inputs(id)[0];
      const auto count = static_cast<double>(graph.shape(source)[static_cast<size_t>(graph.attributes(id)[0])]);
      return Bounds{count * term->low, count * term->high};
    }
    default: return {};
  }
}

struct Simplifier {
  Graph& graph;
  Op op;
  const Type& type;
  std::span<const NodeId> inputs;
  SpanId span;

  bool is(NodeId id, Op other) const { return graph.op(id) == other; }
  NodeId of(NodeId id, int k = 0) const { return graph.input(id, k); }
  bool is_value(NodeId id, double value) const { return graph.is_splat(id, value); }
  NodeId build(Op other, std::initializer_list<NodeId> operands) { return make(graph, other, operands, {}, span); }
  NodeId negate(NodeId x) { return build(Op::negate, {x}); }
  NodeId constant(double value) { return graph.constant(type, {value}, span); }
  // x as the result: of its shape and element type.
  NodeId as_result(NodeId x) {
    if (graph.type(x).scalar != type.scalar || graph.type(x).categories != type.categories)
      x = make_convert(graph, x, type.scalar, type.categories, span);
    return graph.shape(x) == type.shape ? x : make_broadcast_leading(graph, x, type.shape, span);
  }

  NodeId unary(NodeId x);
  NodeId logarithm(NodeId x);
  NodeId sum(NodeId a, NodeId b);
  NodeId product(NodeId a, NodeId b);
  NodeId power(NodeId a, NodeId b);
  NodeId binary(NodeId a, NodeId b);
  NodeId choice(NodeId condition, NodeId then, NodeId otherwise);
};

NodeId Simplifier::logarithm(NodeId x) {
  // log(exp a) = a
  if (is(x, Op::exp)) return as_result(of(x));
  // log(sigmoid a) = −softplus(−a)
  if (is(x, Op::sigmoid)) return negate(build(Op::softplus, {negate(of(x))}));
  // log(exp(a) / b) = a − log b
  if (is(x, Op::div) && is(of(x), Op::exp)) return as_result(build(Op::sub, {of(of(x)), build(Op::log, {of(x, 1)})}));
  // log(1 − sigmoid a) = −softplus(a)
  if (is(x, Op::sub) && is_value(of(x), 1) && is(of(x, 1), Op::sigmoid)) return negate(build(Op::softplus, {of(of(x, 1))}));
  // log(1 − a) = log1p(−a)
  if (is(x, Op::sub) && is_value(of(x), 1)) return build(Op::log1p, {negate(of(x, 1))});
  return {};
}

NodeId Simplifier::unary(NodeId x) {
  const bool whole = graph.type(x).scalar != Scalar::real;  // an integer or a boolean
  if (op == Op::negate) {
    // −(−a) = a
    if (is(x, Op::negate)) return as_result(of(x));
    // −(a − b) = b − a
    if (is(x, Op::sub)) return build(Op::sub, {of(x, 1), of(x)});
  } else if (op == Op::abs) {
    // |−a| = |a|,  ||a|| = |a|
    if (is(x, Op::negate)) return build(Op::abs, {of(x)});
    if (is(x, Op::abs)) return as_result(x);
  } else if (op == Op::convert) {
    // To its own type: nothing. From a boolean through int to real: at once.
    if (graph.type(x) == type) return x;
    if (is(x, Op::convert) && type.scalar == Scalar::real) return make_convert(graph, of(x), type.scalar, type.categories, span);
  } else if (op == Op::truncate || op == Op::floor || op == Op::ceil || op == Op::round) {
    // Integers are their own integer part.
    const NodeId number = is(x, Op::convert) ? of(x) : x;
    if (whole || graph.type(number).scalar != Scalar::real) return as_result(number);
    if (is(x, Op::floor) || is(x, Op::ceil) || is(x, Op::round)) return as_result(x);
  } else if (op == Op::log) {
    return logarithm(x);
  } else if (op == Op::log1p) {
    // log1p(−sigmoid a) = −softplus(a)
    if (is(x, Op::negate) && is(of(x), Op::sigmoid)) return negate(build(Op::softplus, {of(of(x))}));
  } else if (op == Op::exp) {
    // exp(−softplus(−a)) = sigmoid a
    if (is(x, Op::negate) && is(of(x), Op::softplus)) return build(Op::sigmoid, {negate(of(of(x)))});
  } else if (op == Op::cos) {
    // cos(−a) = cos a
    if (is(x, Op::negate)) return build(Op::cos, {of(x)});
  } else if (op == Op::logical_not) {
    // not not a = a
    if (is(x, Op::logical_not)) return of(x);
    // not (a = b) is a ≠ b, and the reverse: also for NaN
    if (is(x, Op::equal)) return build(Op::not_equal, {of(x), of(x, 1)});
    if (is(x, Op::not_equal)) return build(Op::equal, {of(x), of(x, 1)});
  }
  return {};
}

NodeId Simplifier::sum(NodeId a, NodeId b) {
  if (op == Op::add) {
    // a + 0 = a
    if (is_value(b, 0)) return as_result(a);
    // a + (−b) = a − b,  (−a) + b = b − a
    if (is(b, Op::negate)) return as_result(build(Op::sub, {a, of(b)}));
    if (is(a, Op::negate)) return as_result(build(Op::sub, {b, of(a)}));
    // a c + a c = a (2 c) where c and 2 c are normal numbers in any precision: the same bits, but for subnormal products
    if (a == b && type.scalar == Scalar::real && is(a, Op::mul) && graph.is_constant(of(a, 1)) &&
        std::ranges::all_of(graph.values(of(a, 1)), [](double c) { return 0x1p-126 <= std::fabs(c) && std::fabs(c) < 0x1p126; }))
      return as_result(build(Op::mul, {of(a), build(Op::add, {of(a, 1), of(a, 1)})}));
    return {};
  }
  // a − 0 = a,  0 − b = −b,  a − (−b) = a + b
  if (is_value(b, 0)) return as_result(a);
  if (is_value(a, 0)) return as_result(negate(b));
  if (is(b, Op::negate)) return as_result(build(Op::add, {a, of(b)}));
  return {};
}

NodeId Simplifier::product(NodeId a, NodeId b) {
  if (op == Op::mul) {
    // a·1 = a,  a·(−1) = −a
    if (is_value(b, 1)) return as_result(a);
    if (is_value(b, -1)) return as_result(negate(a));
    // a·0 = 0 where a is a number
    if (is_value(b, 0) && is_surely_finite(graph, a)) return constant(0);
    // (−a)·b = −(a·b);  (−a)·c = a·(−c) for a constant c
    if (is(a, Op::negate) && graph.is_constant(b)) return as_result(build(Op::mul, {of(a), negate(b)}));
    if (is(a, Op::negate)) return as_result(negate(build(Op::mul, {of(a), b})));
    if (is(b, Op::negate)) return as_result(negate(build(Op::mul, {a, of(b)})));
    if (const NodeId softmax = simplify_softmax(graph, a, b, span)) return softmax;
    return simplify_softmax(graph, b, a, span);
  }
  // a / 1 = a,  a / (−1) = −a,  (−a) / b = −(a / b),  a / (−b) = −(a / b)
  if (is_value(b, 1)) return as_result(a);
  if (is_value(b, -1)) return as_result(negate(a));
  if (is(a, Op::negate)) return as_result(negate(build(Op::div, {of(a), b})));
  if (is(b, Op::negate)) return as_result(negate(build(Op::div, {a, of(b)})));
  return {};
}

// a^n as products for a whole constant n, |n| ≤ 16;  a^0 = 1;  a^½ is not √a at −0 and −∞, and stays
NodeId Simplifier::power(NodeId a, NodeId b) {
  if (!graph.is_constant(b) || graph.values(b).size() != 1) return {};
  const double exponent = graph.values(b)[0];
  if (exponent == 0) return constant(1);
  if (exponent != std::floor(exponent) || std::fabs(exponent) > 16) return {};
  const NodeId x = as_result(a);
  const NodeId result = integer_power(graph, x, static_cast<int>(std::fabs(exponent)), span);
  return exponent > 0 ? result : build(Op::div, {graph.constant(1.0), result});
}

NodeId Simplifier::binary(NodeId a, NodeId b) {
  if (op == Op::add || op == Op::sub) return sum(a, b);
  if (op == Op::mul || op == Op::div) return product(a, b);
  if (op == Op::pow) return power(a, b);
  const bool discrete = graph.type(a).scalar != Scalar::real && graph.type(b).scalar != Scalar::real;
  if (op == Op::max || op == Op::min) {
    // max(a, a) = a;  max(a, b) = a where a ≥ b always
    if (a == b) return as_result(a);
    const auto of_a = bounds_within(graph, a, 4), of_b = bounds_within(graph, b, 4);
    if (!of_a || !of_b) return {};
    if (of_a->low >= of_b->high) return as_result(op == Op::max ? a : b);
    if (of_b->low >= of_a->high) return as_result(op == Op::max ? b : a);
    return {};
  }
  // a < a never; a = a unless it is NaN
  if (op == Op::less && a == b) return constant(0);
  if ((op == Op::equal || op == Op::less_equal) && a == b && discrete) return constant(1);
  if (op == Op::not_equal && a == b && discrete) return constant(0);
  if (op == Op::logical_and || op == Op::logical_or) {
    const double neutral = op == Op::logical_and ? 1 : 0;
    // a and true = a, a and false = false, a and a = a; likewise or
    if (a == b || is_value(b, neutral)) return as_result(a);
    if (is_value(b, 1 - neutral)) return constant(1 - neutral);
  }
  return {};
}

NodeId Simplifier::choice(NodeId condition, NodeId then, NodeId otherwise) {
  if (is_value(condition, 1)) return as_result(then);
  if (is_value(condition, 0)) return as_result(otherwise);
  // if c then a else a = a
  if (then == otherwise) return as_result(then);
  // if not c then a else b = if c then b else a
  if (is(condition, Op::logical_not)) return build(Op::select, {of(condition), otherwise, then});
  // if c then true else false = c
  if (type.scalar == Scalar::boolean && is_value(then, 1) && is_value(otherwise, 0)) return as_result(condition);
  // if c then a else (if c then b else d) = if c then a else d, and the same on the other side
  if (is(otherwise, Op::select) && of(otherwise) == condition)
    return as_result(build(Op::select, {condition, then, of(otherwise, 2)}));
  if (is(then, Op::select) && of(then) == condition) return as_result(build(Op::select, {condition, of(then, 1), otherwise}));
  return {};
}

}  // namespace

NodeId simplify_elementwise(Graph& graph, Op op, const Type& type, std::span<const NodeId> inputs, SpanId span) {
  if (const NodeId sunk = sink_broadcast(graph, op, type, inputs, span)) return sunk;
  Simplifier simplifier{graph, op, type, inputs, span};
  if (inputs.size() == 1) return simplifier.unary(inputs[0]);
  if (inputs.size() == 2) return simplifier.binary(inputs[0], inputs[1]);
  return simplifier.choice(inputs[0], inputs[1], inputs[2]);
}

namespace {

bool is_finite_within(const Graph& graph, NodeId id, int depth) {
  if (graph.is_constant(id)) return std::ranges::all_of(graph.values(id), [](double value) { return std::isfinite(value); });
  if (graph.type(id).scalar == Scalar::boolean) return true;
  if (depth == 0) return false;
  const auto operands_finite = [&] {
    return std::ranges::all_of(graph.inputs(id), [&](NodeId input) { return is_finite_within(graph, input, depth - 1); });
  };
  switch (graph.op(id)) {
    case Op::time:
    case Op::noise_uniform:
    case Op::noise_normal: return true;
    case Op::negate:
    case Op::abs:
    case Op::sign:
    case Op::convert:
    case Op::sin:
    case Op::cos:
    case Op::tanh:
    case Op::sigmoid:
    case Op::erf:
    case Op::max:
    case Op::min:
    case Op::select:
    case Op::broadcast:
    case Op::reshape:
    case Op::transpose:
    case Op::slice:
    case Op::concat:
    case Op::draw:
    case Op::stop:
    case Op::detach: return operands_finite();
    default: return false;
  }
}

}  // namespace

bool is_surely_finite(const Graph& graph, NodeId id) { return is_finite_within(graph, id, 6); }

}  // namespace alea
