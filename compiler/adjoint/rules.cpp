// In: a node, its adjoint, an operand. Out: the operand's share. Selections propagate by select, never by a
// product with 0 or 1, so that a NaN on the other side stays there.
#include "compiler/adjoint/rules.h"

#include <cmath>

#include "dsl/diagnostic.h"

namespace alea {
namespace {

struct Rules {
  Graph& graph;
  NodeId v;        // the node
  NodeId adjoint;  // v̄
  std::span<const NodeId> u;
  SpanId span;

  NodeId number(double value) { return graph.constant(value); }
  NodeId op(Op o, std::initializer_list<NodeId> inputs, std::vector<int64_t> attributes = {}) {
    return make(graph, o, inputs, std::move(attributes), span);
  }
  NodeId add(NodeId a, NodeId b) { return op(Op::add, {a, b}); }
  NodeId sub(NodeId a, NodeId b) { return op(Op::sub, {a, b}); }
  NodeId mul(NodeId a, NodeId b) { return op(Op::mul, {a, b}); }
  NodeId div(NodeId a, NodeId b) { return op(Op::div, {a, b}); }
  // a/y; of a constant y by its inverse, an adjoint being free to differ in the last place.
  NodeId over(NodeId a, NodeId y) {
    const bool constant = graph.is_constant(y) && graph.shape(y).empty();
    const double inverse = constant ? 1 / graph.values(y)[0] : 0;
    return std::isnormal(inverse) ? mul(a, number(inverse)) : div(a, y);
  }
  NodeId neg(NodeId a) { return op(Op::negate, {a}); }
  NodeId square(NodeId a) { return mul(a, a); }
  NodeId select(NodeId c, NodeId a, NodeId b) { return op(Op::select, {c, a, b}); }
  NodeId zero() { return number(0); }
  size_t rank(NodeId id) const { return graph.shape(id).size(); }

  // Puts axis `axis` back into a reduced adjoint.
  NodeId along(NodeId reduced, NodeId like, int64_t axis) {
    const Shape& shape = graph.shape(like);
    std::vector<int64_t> map;
    for (int64_t k = 0, from = 0; k < int64_t(shape.size()); ++k) map.push_back(k == axis ? -1 : from++);
    return make_broadcast(graph, reduced, shape, map, span);
  }

  NodeId transposed(NodeId a) { return transpose_last(graph, a, span); }
  int64_t batch_axes() { return graph.attributes(v).empty() ? 0 : graph.attributes(v)[0]; }
  NodeId matmul(NodeId a, NodeId b) { return op(Op::matmul, {a, b}, {batch_axes()}); }
  NodeId outer(NodeId a, NodeId b) { return op(Op::outer, {a, b}, {batch_axes()}); }
  // ā of x = A⁻¹ b and such: −b̄ xᵀ.
  NodeId minus_outer(NodeId b_adjoint, NodeId x) {
    bool vector = int64_t(rank(x)) == batch_axes() + 1;
    return neg(vector ? outer(b_adjoint, x) : matmul(b_adjoint, transposed(x)));
  }
  NodeId triangle(NodeId a, bool lower, double diagonal = 1) { return alea::triangle(graph, a, lower, diagonal, span); }

  NodeId unary() {
    NodeId x = u[0], a = adjoint;
    switch (graph.op(v)) {
      case Op::negate: return neg(a);  // −x: −v̄
      case Op::abs:                    // |x|: sign(x) v̄, 0 at 0
        return select(op(Op::less, {zero(), x}), a, select(op(Op::less, {x, zero()}), neg(a), zero()));
      case Op::sqrt:  // √x: v̄ / 2v, 0 at 0
        return select(op(Op::less, {zero(), v}), div(mul(number(0.5), a), v), zero());
      case Op::exp: return mul(a, v);                                                // eˣ: v
      case Op::expm1: return mul(a, add(v, number(1)));                              // eˣ − 1: v + 1
      case Op::log: return div(a, x);                                                // ln x: 1/x
      case Op::log1p: return div(a, add(x, number(1)));                              // ln(1 + x): 1/(1 + x)
      case Op::sin: return mul(a, op(Op::cos, {x}));                                 // sin x: cos x
      case Op::cos: return neg(mul(a, op(Op::sin, {x})));                            // cos x: −sin x
      case Op::tan: return mul(a, add(number(1), square(v)));                        // tan x: 1 + v²
      case Op::asin: return div(a, op(Op::sqrt, {sub(number(1), square(x))}));       // asin x: 1/√(1 − x²)
      case Op::acos: return neg(div(a, op(Op::sqrt, {sub(number(1), square(x))})));  // acos x: −1/√(1 − x²)
      case Op::atan: return div(a, add(number(1), square(x)));                       // atan x: 1/(1 + x²)
      case Op::sinh: return mul(a, op(Op::cosh, {x}));                               // sinh x: cosh x
      case Op::cosh: return mul(a, op(Op::sinh, {x}));                               // cosh x: sinh x
      case Op::tanh: return mul(a, sub(number(1), square(v)));                       // tanh x: 1 − v²
      case Op::sigmoid: return mul(a, mul(v, sub(number(1), v)));                    // σ(x): v (1 − v)
      case Op::softplus: return mul(a, op(Op::sigmoid, {x}));                        // ln(1 + eˣ): σ(x)
      case Op::erf:                                                                  // erf x: 2/√π e^(−x²)
        return mul(a, mul(number(2 / std::sqrt(M_PI)), op(Op::exp, {neg(square(x))})));
      case Op::erfc:  // erfc x: −2/√π e^(−x²)
        return mul(a, mul(number(-2 / std::sqrt(M_PI)), op(Op::exp, {neg(square(x))})));
      case Op::lgamma: return mul(a, op(Op::digamma, {x}));    // ln Γ(x): ψ(x)
      case Op::digamma: return mul(a, op(Op::trigamma, {x}));  // ψ(x): ψ₁(x)
      case Op::normal_quantile:                                // Φ⁻¹(p): √2π e^(v²/2)
        return mul(a, mul(number(std::sqrt(2 * M_PI)), op(Op::exp, {mul(number(0.5), square(v))})));
      case Op::log_normal_cdf:  // ln Φ(x): φ(x)/Φ(x) = e^(−x²/2 − v)/√2π
        return mul(a, mul(number(1 / std::sqrt(2 * M_PI)), op(Op::exp, {sub(mul(number(-0.5), square(x)), v)})));
      case Op::wrap: return a;  // x − 2π⌊…⌋: 1
      default: internal_error("no derivative rule for this unary operation");
    }
  }

  NodeId binary(int k) {
    NodeId x = u[0], y = u[1], a = adjoint;
    switch (graph.op(v)) {
      case Op::add: return a;                                             // x + y: 1, 1
      case Op::sub: return k == 0 ? a : neg(a);                           // x − y: 1, −1
      case Op::mul: return mul(a, k == 0 ? y : x);                        // x y: y, x
      case Op::div: return k == 0 ? over(a, y) : neg(mul(div(a, y), v));  // x/y: 1/y, −v/y, with one division
      case Op::pow: {
        // xʸ: y xʸ⁻¹ (0 where y = 0), xʸ ln x (0 where x = 0)
        if (k == 1) {
          NodeId positive = op(Op::less, {zero(), x});
          return select(positive, mul(a, mul(v, op(Op::log, {select(positive, x, number(1))}))), zero());
        }
        NodeId slope = mul(y, op(Op::pow, {x, sub(y, number(1))}));
        return mul(a, select(op(Op::equal, {y, zero()}), zero(), slope));
      }
      case Op::atan2: {  // atan2(y, x): x/(x² + y²), −y/(x² + y²)
        NodeId radius = add(square(x), square(y));
        return k == 0 ? div(mul(a, y), radius) : neg(div(mul(a, x), radius));
      }
      case Op::max: {  // ties: the first
        NodeId second = op(Op::less, {x, y});
        return k == 0 ? select(second, zero(), a) : select(second, a, zero());
      }
      case Op::min: {
        NodeId second = op(Op::less, {y, x});
        return k == 0 ? select(second, zero(), a) : select(second, a, zero());
      }
      case Op::modulo:  // a − b⌊a/b⌋: 1, −⌊a/b⌋
        return k == 0 ? a : neg(mul(a, op(Op::floor_divide, {x, y})));
      case Op::noise_gamma:
      case Op::gamma_grad:
      case Op::von_mises_grad: internal_error("no second derivative of a sampling map");
      default: internal_error("no derivative rule for this binary operation");
    }
  }

  NodeId reduction() {
    NodeId x = u[0], a = adjoint;
    int64_t axis = graph.attributes(v)[0];
    switch (graph.op(v)) {
      case Op::reduce_sum: return along(a, x, axis);  // Σ x: 1
      case Op::reduce_prod: {                         // Π x: the product of the others
        int64_t n = graph.shape(x)[size_t(axis)];
        std::vector<NodeId> pieces;
        for (int64_t k = 0; k < n; ++k) pieces.push_back(make_slice(graph, x, axis, k, 1, span));
        // before[k] = x₀…x_{k−1}, after[k] = x_{k+1}…x_{n−1}: no division, so that zeros are right.
        std::vector<NodeId> before(pieces.size()), after(pieces.size()), others;
        for (size_t k = 0; k < pieces.size(); ++k) before[k] = k == 0 ? number(1) : mul(before[k - 1], pieces[k - 1]);
        for (size_t k = pieces.size(); k-- > 0;) after[k] = k + 1 == pieces.size() ? number(1) : mul(after[k + 1], pieces[k + 1]);
        for (size_t k = 0; k < pieces.size(); ++k) {
          NodeId product = mul(before[k], after[k]);
          if (graph.shape(product).empty())
            product = make_broadcast(graph, product, graph.shape(pieces[k]), std::vector<int64_t>(rank(x), -1), span);
          others.push_back(product);
        }
        NodeId joined = others.size() == 1 ? others[0] : make(graph, Op::concat, others, {axis}, span);
        return mul(along(a, x, axis), joined);
      }
      case Op::reduce_max:
      case Op::reduce_min: {  // to the first of the extreme ones
        NodeId which = op(graph.op(v) == Op::reduce_max ? Op::argmax : Op::argmin, {x}, {axis});
        return select(op(Op::equal, {along(which, x, axis), position(x, axis)}), along(a, x, axis), zero());
      }
      default: internal_error("no derivative rule for this reduction");
    }
  }

  // The position along one axis, as an integer array of x's shape.
  NodeId position(NodeId x, int64_t axis) {
    const Shape& shape = graph.shape(x);
    std::vector<double> values;
    for (int64_t k = 0; k < shape[size_t(axis)]; ++k) values.push_back(double(k));
    NodeId line = graph.constant(Type{Scalar::integer, 0, {shape[size_t(axis)]}}, values);
    std::vector<int64_t> map(shape.size(), -1);
    map[size_t(axis)] = 0;
    return make_broadcast(graph, line, shape, map, span);
  }

  NodeId layout(int k) {
    NodeId x = u[size_t(k)], a = adjoint;
    std::vector<int64_t> attributes(graph.attributes(v).begin(), graph.attributes(v).end());
    switch (graph.op(v)) {
      case Op::cumsum: return op(Op::cumsum, {a}, {attributes[0], attributes[1] ? 0 : 1});  // the reversed running sum
      case Op::sort: {                                                                      // back to where each came from
        int64_t n = graph.shape(x).back();
        return make_scatter(graph, a, op(Op::argsort, {x}), n, int64_t(rank(x)) - 1, span);
      }
      case Op::broadcast: {  // the sum over the new axes
        NodeId sum = a;
        for (size_t axis = attributes.size(); axis-- > 0;)
          if (attributes[axis] < 0) sum = op(Op::reduce_sum, {sum}, {int64_t(axis)});
        // Axes of length 1 that were stretched, and axes in another order, do not occur: make_broadcast forbids them.
        return sum;
      }
      case Op::reshape: return make_reshape(graph, a, graph.shape(x), span);
      case Op::transpose: {
        std::vector<int64_t> inverse(attributes.size());
        for (size_t i = 0; i < attributes.size(); ++i) inverse[size_t(attributes[i])] = int64_t(i);
        return op(Op::transpose, {a}, inverse);
      }
      case Op::slice: return make_pad(graph, a, attributes[0], attributes[1], graph.shape(x)[size_t(attributes[0])], span);
      case Op::pad: return make_slice(graph, a, attributes[0], attributes[1], graph.shape(x)[size_t(attributes[0])], span);
      case Op::concat: {
        int64_t start = 0;
        for (int j = 0; j < k; ++j) start += graph.shape(u[size_t(j)])[size_t(attributes[0])];
        return make_slice(graph, a, attributes[0], start, graph.shape(x)[size_t(attributes[0])], span);
      }
      case Op::gather: {
        if (k == 1) return {};
        return make_scatter(graph, a, u[1], graph.shape(x)[size_t(attributes[0])], attributes[0], span);
      }
      case Op::scatter: return k == 1 ? NodeId{} : op(Op::gather, {a, u[1]}, attributes);
      default: internal_error("no derivative rule for this layout operation");
    }
  }

  NodeId linear(int k) {
    NodeId a = adjoint;
    size_t batch = size_t(batch_axes());
    switch (graph.op(v)) {
      case Op::matmul: {
        NodeId x = u[0], y = u[1];
        bool x_matrix = rank(x) == batch + 2, y_matrix = rank(y) == batch + 2;
        if (!x_matrix && !y_matrix) return mul(k == 0 ? y : x, batch ? spread(a, x) : a);  // x·y: v̄ y, v̄ x
        if (x_matrix && !y_matrix) return k == 0 ? outer(a, y) : matmul(a, x);             // X y: v̄ yᵀ, Xᵀ v̄
        if (!x_matrix) return k == 0 ? matmul(y, a) : outer(x, a);                         // x Y: Y v̄, x v̄ᵀ
        return k == 0 ? matmul(a, transposed(y)) : matmul(transposed(x), a);               // X Y: V̄ Yᵀ, Xᵀ V̄
      }
      case Op::outer: return k == 0 ? matmul(a, u[1]) : matmul(u[0], a);  // x yᵀ: V̄ y, V̄ᵀ x
      case Op::solve: {                                                   // A x = b: b̄ = A⁻ᵀ x̄, Ā = −b̄ xᵀ
        NodeId b = op(Op::solve, {transposed(u[0]), a}, {batch_axes()});
        return k == 1 ? b : minus_outer(b, v);
      }
      case Op::solve_lower: {
        NodeId b = op(Op::solve_upper, {transposed(u[0]), a}, {batch_axes()});
        return k == 1 ? b : triangle(minus_outer(b, v), true);
      }
      case Op::solve_upper: {
        NodeId b = op(Op::solve_lower, {transposed(u[0]), a}, {batch_axes()});
        return k == 1 ? b : triangle(minus_outer(b, v), false);
      }
      case Op::logdet: {  // ln|det A|: A⁻ᵀ
        NodeId identity = unit_matrix(u[0]);
        NodeId inverse = transposed(op(Op::solve, {u[0], identity}, {batch_axes()}));
        return mul(batch ? spread(a, inverse) : a, inverse);
      }
      case Op::cholesky: {
        // A = L Lᵀ (Murray 2016, eq. 10): S = L⁻ᵀ Φ(Lᵀ L̄) L⁻¹, Ā = (S + Sᵀ)/2, read in its lower triangle:
        // Φ takes the lower triangle and halves the diagonal.
        NodeId phi = triangle(matmul(transposed(v), triangle(a, true)), true, 0.5);
        NodeId upper = transposed(v);
        NodeId left = op(Op::solve_upper, {upper, phi}, {batch_axes()});
        NodeId s = transposed(op(Op::solve_upper, {upper, transposed(left)}, {batch_axes()}));
        return triangle(add(s, transposed(s)), true, 0.5);
      }
      default: internal_error("no derivative rule for this linear operation");
    }
  }

  // A value per batch element over the axes of `like`.
  NodeId spread(NodeId a, NodeId like) {
    std::vector<int64_t> map(rank(like), -1);
    for (size_t k = 0; k < rank(a); ++k) map[k] = int64_t(k);
    return make_broadcast(graph, a, graph.shape(like), map, span);
  }
  NodeId unit_matrix(NodeId like) {
    int64_t n = graph.shape(like).back();
    std::vector<double> values(size_t(n * n), 0);
    for (int64_t k = 0; k < n; ++k) values[size_t(k * n + k)] = 1;
    NodeId unit = graph.constant(Type{Scalar::real, 0, {n, n}}, values);
    return rank(like) > 2 ? make_broadcast_leading(graph, unit, graph.shape(like), span) : unit;
  }
};

}  // namespace

NodeId transpose_last(Graph& graph, NodeId a, SpanId span) {
  std::vector<int64_t> axes(graph.shape(a).size());
  for (size_t k = 0; k < axes.size(); ++k) axes[k] = int64_t(k);
  std::swap(axes[axes.size() - 1], axes[axes.size() - 2]);
  return make(graph, Op::transpose, {a}, axes, span);
}

NodeId triangle(Graph& graph, NodeId a, bool lower, double diagonal, SpanId span) {
  const Shape& shape = graph.shape(a);
  int64_t n = shape.back();
  std::vector<double> mask;
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < n; ++j) mask.push_back(i == j ? diagonal : ((j < i) == lower ? 1 : 0));
  NodeId weights = graph.constant(Type{Scalar::real, 0, {n, n}}, mask);
  if (shape.size() > 2) weights = make_broadcast_leading(graph, weights, shape, span);
  NodeId zero = graph.constant(0);
  NodeId keep = make(graph, Op::not_equal, {weights, zero}, {}, span);
  return make(graph, Op::select, {keep, make(graph, Op::mul, {a, weights}, {}, span), zero}, {}, span);
}

NodeId pull_back(Graph& graph, NodeId v, NodeId adjoint, int k) {
  std::vector<NodeId> operands(graph.inputs(v).begin(), graph.inputs(v).end());
  Rules rules{graph, v, adjoint, operands, graph[v].span};
  Op op = graph.op(v);
  switch (op) {
    // No gradient passes: flat almost everywhere, not numbers, or held back on purpose.
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
    case Op::noise_normal:
    case Op::noise_poisson:
    case Op::noise_binomial:
    case Op::stop:
    case Op::detach:
    case Op::sign:
    case Op::floor:
    case Op::ceil:
    case Op::round:
    case Op::truncate:
    case Op::floor_divide:
    case Op::logical_not:
    case Op::logical_and:
    case Op::logical_or:
    case Op::less:
    case Op::less_equal:
    case Op::equal:
    case Op::not_equal:
    case Op::argmax:
    case Op::argmin:
    case Op::argsort: return {};

    case Op::draw:
    case Op::nonzero: return adjoint;
    case Op::convert: return graph.type(operands[0]).scalar == Scalar::boolean ? NodeId{} : adjoint;

    // x(a, F) at fixed F: dx/da = −(∂F/∂a)/p (Figurnov, Mohamed, Mnih 2018, eq. 5)
    case Op::noise_gamma: return rules.mul(adjoint, rules.op(Op::gamma_grad, {operands[0], v}));
    case Op::noise_von_mises: return rules.mul(adjoint, rules.op(Op::von_mises_grad, {operands[0], v}));

    // if c then x else y: each side by select
    case Op::select:
      if (k == 0) return {};
      return k == 1 ? rules.select(operands[0], adjoint, rules.zero()) : rules.select(operands[0], rules.zero(), adjoint);

    case Op::trigamma: internal_error("no derivative rule for trigamma");

    case Op::negate:
    case Op::abs:
    case Op::sqrt:
    case Op::exp:
    case Op::expm1:
    case Op::log:
    case Op::log1p:
    case Op::sin:
    case Op::cos:
    case Op::tan:
    case Op::asin:
    case Op::acos:
    case Op::atan:
    case Op::sinh:
    case Op::cosh:
    case Op::tanh:
    case Op::sigmoid:
    case Op::softplus:
    case Op::erf:
    case Op::erfc:
    case Op::lgamma:
    case Op::digamma:
    case Op::normal_quantile:
    case Op::log_normal_cdf:
    case Op::wrap: return rules.unary();

    case Op::add:
    case Op::sub:
    case Op::mul:
    case Op::div:
    case Op::pow:
    case Op::atan2:
    case Op::max:
    case Op::min:
    case Op::modulo:
    case Op::gamma_grad:
    case Op::von_mises_grad: return rules.binary(k);

    case Op::reduce_sum:
    case Op::reduce_prod:
    case Op::reduce_max:
    case Op::reduce_min: return rules.reduction();

    case Op::cumsum:
    case Op::sort:
    case Op::broadcast:
    case Op::reshape:
    case Op::transpose:
    case Op::slice:
    case Op::pad:
    case Op::concat:
    case Op::gather:
    case Op::scatter: return rules.layout(k);

    case Op::matmul:
    case Op::outer:
    case Op::cholesky:
    case Op::solve:
    case Op::solve_lower:
    case Op::solve_upper:
    case Op::logdet: return rules.linear(k);
  }
  internal_error("no such operation");
}

}  // namespace alea
