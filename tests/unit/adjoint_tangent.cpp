// Forward mode against reverse mode: for every operation, every operand and random values, v̄ · v̇ by the tangent's rule is
// ū · u̇ by the adjoint's, which tests/unit hold to central differences.
#include <catch2/catch.hpp>
#include <map>
#include <random>

#include "compiler/adjoint/rules.h"
#include "compiler/adjoint/tangent.h"

using namespace alea;

namespace {

const Type real{};
Type array(Shape shape) { return {Scalar::real, 0, std::move(shape)}; }
Type integers(Shape shape) { return {Scalar::integer, 0, std::move(shape)}; }

std::vector<double> value_of(const Graph& graph, NodeId id) {
  std::vector<std::vector<double>> operands;
  for (const NodeId input : graph.inputs(id)) operands.push_back(value_of(graph, input));
  const std::vector<std::span<const double>> spans(operands.begin(), operands.end());
  std::vector<double> values;
  if (graph.is_constant(id)) values = {graph.values(id).begin(), graph.values(id).end()};
  else values = evaluate(graph, id, spans);
  const auto count = static_cast<size_t>(element_count(graph.shape(id)));
  if (values.size() == 1) values.resize(count, values[0]);
  return values;
}

double dot(const Graph& graph, NodeId a, NodeId b) {
  const std::vector<double> x = value_of(graph, a), y = value_of(graph, b);
  // A scalar beside an array stands for the sum over what it was broadcast to.
  double total = 0;
  for (size_t k = 0; k < std::max(x.size(), y.size()); ++k) total += x[x.size() == 1 ? 0 : k] * y[y.size() == 1 ? 0 : k];
  return total;
}

struct Case {
  Op op{};
  Type result;
  std::vector<Type> operands;
  std::vector<int64_t> attributes = {};
  double low = 0.2, high = 0.9;    // of real operands
  bool positive_definite = false;  // the first operand
};

void check(const Case& each) {
  INFO(text(each.op));
  std::mt19937_64 random(7);
  Graph graph;
  const auto draw = [&](const Type& type, double low, double high) {
    std::vector<double> values(static_cast<size_t>(element_count(type.shape)));
    for (double& value : values)
      value = type.scalar == Scalar::real ? std::uniform_real_distribution(low, high)(random) : static_cast<double>(random() % 2);
    return graph.constant(type, values);
  };
  std::vector<NodeId> operands;
  for (const Type& type : each.operands) operands.push_back(draw(type, each.low, each.high));
  if (each.positive_definite) {
    const int64_t n = each.operands[0].shape.back();
    std::vector<double> values = value_of(graph, operands[0]);
    for (int64_t i = 0; i < n; ++i) {
      values[static_cast<size_t>(i * n + i)] += 3;
      for (int64_t j = 0; j < i; ++j) values[static_cast<size_t>(j * n + i)] = values[static_cast<size_t>(i * n + j)];
    }
    operands[0] = graph.constant(each.operands[0], values);
  }
  const AttributesId attributes = each.attributes.empty() ? AttributesId{} : graph.add_attributes(each.attributes);
  const NodeId v = graph.add(each.op, each.result, operands, each.attributes.empty() ? UINT32_MAX : attributes.index);
  const NodeId adjoint = draw(each.result, -1, 1);
  std::vector<NodeId> all(operands.size());
  double expected_of_all = 0;
  for (size_t k = 0; k < operands.size(); ++k) {
    if (each.operands[k].scalar != Scalar::real) continue;
    INFO("operand " << k);
    all[k] = draw(each.operands[k], -1, 1);
    std::vector<NodeId> one(operands.size());
    one[k] = all[k];
    const NodeId tangent = push_forward(graph, v, one), pulled = pull_back(graph, v, adjoint, static_cast<int>(k));
    REQUIRE(bool(tangent) == bool(pulled));
    if (!pulled) continue;
    REQUIRE(graph.shape(tangent) == each.result.shape);
    const double expected = dot(graph, pulled, all[k]);
    CHECK(dot(graph, adjoint, tangent) == Approx(expected).epsilon(1e-12).margin(1e-13));
    CHECK(std::abs(expected) > 1e-6);
    expected_of_all += expected;
  }
  if (const NodeId tangent = push_forward(graph, v, all))
    CHECK(dot(graph, adjoint, tangent) == Approx(expected_of_all).epsilon(1e-12).margin(1e-13));
}

}  // namespace

TEST_CASE("the tangent of each operation is the transpose of its adjoint") {
  const Type vector = array({3});
  for (const Op op : {Op::negate,        Op::abs,     Op::sqrt,     Op::exp,     Op::expm1,
                      Op::log,           Op::log1p,   Op::sin,      Op::cos,     Op::tan,
                      Op::asin,          Op::acos,    Op::atan,     Op::sinh,    Op::cosh,
                      Op::tanh,          Op::sigmoid, Op::softplus, Op::erf,     Op::erfc,
                      Op::lgamma,        Op::digamma, Op::wrap,     Op::nonzero, Op::normal_quantile,
                      Op::log_normal_cdf})
    check({op, vector, {vector}});
  for (const Op op : {Op::add, Op::sub, Op::mul, Op::div, Op::pow, Op::atan2, Op::max, Op::min}) {
    check({op, vector, {vector, vector}});
    check({op, vector, {vector, real}});
    check({op, vector, {real, vector}});
  }
  check({Op::select, vector, {Type{Scalar::boolean, 0, {3}}, vector, vector}});
  const Type table = array({3, 4});
  for (const Op op : {Op::reduce_sum, Op::reduce_prod, Op::reduce_max, Op::reduce_min}) {
    check({op, array({4}), {table}, {0}});
    check({op, array({3}), {table}, {1}});
  }
  check({Op::cumsum, table, {table}, {1, 0}});
  check({Op::cumsum, table, {table}, {0, 1}});
  check({Op::sort, table, {table}});
  check({Op::broadcast, table, {array({4})}, {-1, 0}});
  check({Op::reshape, array({12}), {table}});
  check({Op::transpose, array({4, 3}), {table}, {1, 0}});
  check({Op::slice, array({3, 2}), {table}, {1, 1}});
  check({Op::pad, array({3, 6}), {table}, {1, 1}});
  check({Op::concat, array({3, 6}), {table, array({3, 2})}, {1}});
  check({Op::gather, array({5, 4}), {table, integers({5})}, {0}});
  check({Op::scatter, array({3, 4}), {array({5, 4}), integers({5})}, {0}});
  check({Op::matmul, array({3, 2}), {table, array({4, 2})}, {0}});
  check({Op::matmul, array({3}), {table, array({4})}, {0}});
  check({Op::matmul, array({2, 3, 5}), {array({2, 3, 4}), array({2, 4, 5})}, {1}});
  check({Op::matmul, real, {vector, vector}, {0}});
  check({Op::outer, table, {vector, array({4})}, {0}});
  const Type square = array({3, 3}), squares = array({2, 3, 3});
  for (const Op op : {Op::solve, Op::solve_lower, Op::solve_upper}) {
    check({op, vector, {square, vector}, {0}, 0.2, 0.9, true});
    check({op, array({3, 2}), {square, array({3, 2})}, {0}, 0.2, 0.9, true});
  }
  check({Op::cholesky, square, {square}, {0}, 0.2, 0.9, true});
  check({Op::logdet, real, {square}, {0}, 0.2, 0.9, true});
  check({Op::logdet, array({2}), {squares}, {1}, 2, 3});
}

TEST_CASE("what is flat or held has no tangent") {
  Graph graph;
  const NodeId x = graph.add(Op::param, real, {}, 0), moved = graph.constant(1);
  for (const Op op : {Op::sign, Op::floor, Op::ceil, Op::round, Op::stop, Op::detach, Op::draw}) {
    const NodeId v = graph.add(op, real, {x}, 0);
    INFO(text(op));
    CHECK_FALSE(push_forward(graph, v, std::array{moved}));
  }
  const NodeId less = graph.add(Op::less, Type{Scalar::boolean, 0, {}}, {x, moved});
  CHECK_FALSE(push_forward(graph, less, std::array{moved, NodeId{}}));
  CHECK_FALSE(push_forward(graph, graph.add(Op::exp, real, {x}), std::array{NodeId{}}));
}
