// Making nodes: sharing, types, folding, identities. Values are compared through constants.
#include <catch2/catch.hpp>
#include <cmath>

#include "compiler/graph/build.h"

using namespace alea;

namespace {

Type real(Shape shape = {}) { return {Scalar::real, 0, std::move(shape)}; }
Type integer(Shape shape = {}) { return {Scalar::integer, 0, std::move(shape)}; }

NodeId leaf(Graph& graph, uint32_t number, const Type& type = real()) { return graph.add(Op::param, type, {}, number); }

std::vector<double> values(const Graph& graph, NodeId id) {
  REQUIRE(graph.is_constant(id));
  const auto span = graph.values(id);
  if (span.size() == 1) return std::vector<double>(static_cast<size_t>(element_count(graph.shape(id))), span[0]);
  return {span.begin(), span.end()};
}

NodeId list(Graph& graph, std::vector<double> numbers, const Shape& shape) {
  return graph.constant(real(shape), std::move(numbers));
}

}  // namespace

TEST_CASE("equal nodes are shared, draws are not") {
  Graph graph;
  const NodeId x = leaf(graph, 0), y = leaf(graph, 1);
  CHECK(make(graph, Op::add, {x, y}) == make(graph, Op::add, {y, x}));
  CHECK(make(graph, Op::sub, {x, y}) != make(graph, Op::sub, {y, x}));
  CHECK(graph.add(Op::noise_normal, real(), {}, 0) != graph.add(Op::noise_normal, real(), {}, 0));
  CHECK(graph.constant(0.0) != graph.constant(-0.0));
  CHECK(graph.constant(std::nan("")) == graph.constant(std::nan("")));
  CHECK(list(graph, {2, 2}, {2}) == graph.constant(real({2}), {2}));
}

TEST_CASE("more than four operands") {
  Graph graph;
  std::vector<NodeId> parts;
  for (uint32_t i = 0; i < 7; ++i) parts.push_back(leaf(graph, i, real({2})));
  const NodeId whole = make(graph, Op::concat, parts, {0});
  CHECK(graph.shape(whole) == Shape{14});
  CHECK(std::ranges::equal(graph.inputs(whole), parts));
  CHECK(make(graph, Op::concat, parts, {0}) == whole);
  CHECK(make_slice(graph, whole, 0, 6, 2) == parts[3]);
}

TEST_CASE("identities") {
  Graph graph;
  const NodeId x = leaf(graph, 0), y = leaf(graph, 1), zero = graph.constant(0.0), one = graph.constant(1.0);
  CHECK(make(graph, Op::add, {zero, x}) == x);
  CHECK(make(graph, Op::mul, {one, x}) == x);
  CHECK_FALSE(graph.is_constant(make(graph, Op::mul, {zero, x})));  // x may be NaN
  const NodeId noise = graph.add(Op::noise_uniform, real(), {}, 0);
  CHECK(graph.is_splat(make(graph, Op::mul, {zero, noise}), 0));
  CHECK(make(graph, Op::negate, {make(graph, Op::negate, {x})}) == x);
  CHECK(make(graph, Op::log, {make(graph, Op::exp, {x})}) == x);
  CHECK(make(graph, Op::log, {make(graph, Op::sigmoid, {x})}) ==
        make(graph, Op::negate, {make(graph, Op::softplus, {make(graph, Op::negate, {x})})}));
  CHECK(make(graph, Op::pow, {x, graph.constant(2.0)}) == make(graph, Op::mul, {x, x}));
  const NodeId tenth = make(graph, Op::mul, {x, graph.constant(0.1)});
  CHECK(make(graph, Op::add, {tenth, tenth}) == make(graph, Op::mul, {x, graph.constant(0.2)}));
  const NodeId huge = make(graph, Op::mul, {x, graph.constant(1e308)});
  CHECK(graph.op(make(graph, Op::add, {huge, huge})) == Op::add);
  CHECK(graph.op(make(graph, Op::pow, {x, graph.constant(0.5)})) == Op::pow);
  const NodeId condition = make(graph, Op::less, {x, y});
  CHECK(make(graph, Op::select, {condition, x, x}) == x);
  CHECK(make(graph, Op::select, {graph.constant({Scalar::boolean, 0, {}}, {1}), x, y}) == x);
  CHECK(make(graph, Op::select, {make(graph, Op::logical_not, {condition}), x, y}) == make(graph, Op::select, {condition, y, x}));
  CHECK(make(graph, Op::stop, {one}) == one);
  // A count of seven is clipped to what it is; a sum that rounds, and what may be NaN, are not.
  const NodeId seven = leaf(graph, 7, real({7})), five = graph.constant(5.0), eight = graph.constant(8.0);
  const NodeId ones = graph.constant({Scalar::integer, 0, {}}, {1}), none = graph.constant({Scalar::integer, 0, {}}, {0});
  const NodeId count =
      make(graph, Op::reduce_sum, {make(graph, Op::select, {make(graph, Op::less, {seven, x}), ones, none})}, {0});
  CHECK(make(graph, Op::max, {count, none}) == count);
  CHECK(make(graph, Op::min, {count, graph.constant({Scalar::integer, 0, {}}, {7})}) == count);
  CHECK(graph.op(make(graph, Op::min, {count, graph.constant({Scalar::integer, 0, {}}, {6})})) == Op::min);
  const NodeId choice = make(graph, Op::select, {condition, five, eight});
  CHECK(graph.is_splat(make(graph, Op::min, {choice, five}), 5));
  CHECK(make(graph, Op::max, {choice, five}) == choice);
  CHECK(graph.op(make(graph, Op::max, {make(graph, Op::select, {condition, five, x}), five})) == Op::max);
}

TEST_CASE("integers stay integers until a real joins them") {
  Graph graph;
  const NodeId i = leaf(graph, 0, integer()), x = leaf(graph, 1);
  CHECK(graph.type(make(graph, Op::add, {i, i})) == integer());
  CHECK(graph.type(make(graph, Op::add, {i, x})) == real());
  CHECK(graph.type(make(graph, Op::add, {i, graph.constant(0.0)})) == real());
  CHECK(graph.type(make(graph, Op::div, {i, i})) == real());
}

TEST_CASE("a broadcast moves behind elementwise operations") {
  Graph graph;
  const NodeId x = leaf(graph, 0), v = leaf(graph, 1, real({3}));
  const NodeId wide = make_broadcast_leading(graph, x, {3});
  CHECK(make(graph, Op::add, {wide, v}) == make(graph, Op::add, {x, v}));
  CHECK(make(graph, Op::exp, {wide}) == make_broadcast_leading(graph, make(graph, Op::exp, {x}), {3}));
  const NodeId rows = make_broadcast(graph, v, {2, 3}, {-1, 0});
  CHECK(make(graph, Op::mul, {rows, x}) == make_broadcast(graph, make(graph, Op::mul, {v, x}), {2, 3}, {-1, 0}));
  CHECK(make(graph, Op::reduce_sum, {rows}, {0}) == make(graph, Op::mul, {v, graph.constant(2.0)}));
}

TEST_CASE("layout identities") {
  Graph graph;
  const NodeId m = leaf(graph, 0, real({4, 6}));
  CHECK(make(graph, Op::transpose, {make(graph, Op::transpose, {m}, {1, 0})}, {1, 0}) == m);
  CHECK(make_reshape(graph, make_reshape(graph, m, {24}), {4, 6}) == m);
  CHECK(make_slice(graph, make_slice(graph, m, 1, 1, 4), 1, 2, 2) == make_slice(graph, m, 1, 3, 2));
  std::vector<NodeId> rows;
  for (int64_t i = 0; i < 4; ++i)
    rows.push_back(make_reshape(graph, make_reshape(graph, make_slice(graph, m, 0, i, 1), {6}), {1, 6}));
  CHECK(make(graph, Op::concat, rows, {0}) == m);
  CHECK(make(graph, Op::gather, {m, graph.constant(integer({4}), {0, 1, 2, 3})}, {0}) == m);
  CHECK(make(graph, Op::gather, {m, graph.constant(integer(), {2})}, {0}) ==
        make_reshape(graph, make_slice(graph, m, 0, 2, 1), {6}));
  CHECK(make(graph, Op::reduce_max, {make_reshape(graph, m, {24, 1})}, {1}) == make_reshape(graph, m, {24}));
}

TEST_CASE("folding: reductions and layout") {
  Graph graph;
  const NodeId m = list(graph, {1, 2, 3, 4, 5, 6}, {2, 3});
  CHECK(values(graph, make(graph, Op::reduce_sum, {m}, {0})) == std::vector<double>{5, 7, 9});
  CHECK(values(graph, make(graph, Op::reduce_prod, {m}, {1})) == std::vector<double>{6, 120});
  CHECK(values(graph, make(graph, Op::reduce_max, {m}, {1})) == std::vector<double>{3, 6});
  CHECK(values(graph, make(graph, Op::argmin, {list(graph, {3, 1, 1, 2}, {4})}, {0})) == std::vector<double>{1});
  CHECK(values(graph, make(graph, Op::cumsum, {m}, {1, 0})) == std::vector<double>{1, 3, 6, 4, 9, 15});
  CHECK(values(graph, make(graph, Op::cumsum, {m}, {0, 1})) == std::vector<double>{5, 7, 9, 4, 5, 6});
  CHECK(values(graph, make(graph, Op::transpose, {m}, {1, 0})) == std::vector<double>{1, 4, 2, 5, 3, 6});
  CHECK(values(graph, make_broadcast(graph, list(graph, {1, 2}, {2}), {2, 2}, {0, -1})) == std::vector<double>{1, 1, 2, 2});
  CHECK(values(graph, make_slice(graph, m, 1, 1, 2)) == std::vector<double>{2, 3, 5, 6});
  CHECK(values(graph, make_pad(graph, list(graph, {1, 2, 3, 4}, {2, 2}), 1, 1, 4)) ==
        std::vector<double>{0, 1, 2, 0, 0, 3, 4, 0});
  CHECK(values(graph, make(graph, Op::concat, {m, list(graph, {7, 8}, {2, 1})}, {1})) ==
        std::vector<double>{1, 2, 3, 7, 4, 5, 6, 8});
  CHECK(values(graph, make(graph, Op::sort, {list(graph, {3, 1, 2}, {3})})) == std::vector<double>{1, 2, 3});
  CHECK(values(graph, make(graph, Op::argsort, {list(graph, {3, 1, 2, 1}, {4})})) == std::vector<double>{1, 3, 2, 0});
}

TEST_CASE("folding: gather and scatter, also out of range") {
  Graph graph;
  const NodeId m = list(graph, {1, 2, 3, 4, 5, 6}, {3, 2});
  const std::vector<double> picked = values(graph, make(graph, Op::gather, {m, graph.constant(integer({3}), {2, 0, 7})}, {0}));
  CHECK(std::vector<double>(picked.begin(), picked.begin() + 4) == std::vector<double>{5, 6, 1, 2});
  CHECK(std::isnan(picked[4]));
  CHECK(values(graph, make(graph, Op::gather, {m, graph.constant(integer({3}), {1, 0, 1})}, {1})) ==
        std::vector<double>{2, 3, 6});
  CHECK(values(graph, make_scatter(graph, list(graph, {1, 2, 3}, {3}), graph.constant(integer({3}), {1, 1, 9}), 3, 0)) ==
        std::vector<double>{0, 3, 0});
  CHECK(values(graph, make_scatter(graph, list(graph, {1, 2}, {2}), graph.constant(integer({2}), {1, 0}), 2, 1)) ==
        std::vector<double>{0, 1, 2, 0});
}

TEST_CASE("folding: linear algebra") {
  Graph graph;
  const NodeId a = list(graph, {4, 2, 2, 3}, {2, 2}), b = list(graph, {1, 2}, {2});
  CHECK(values(graph, make(graph, Op::matmul, {a, b}, {0})) == std::vector<double>{8, 8});
  CHECK(values(graph, make(graph, Op::matmul, {b, a}, {0})) == std::vector<double>{8, 8});
  CHECK(values(graph, make(graph, Op::matmul, {b, b}, {0})) == std::vector<double>{5});
  CHECK(values(graph, make(graph, Op::outer, {b, b}, {0})) == std::vector<double>{1, 2, 2, 4});
  const auto lower = values(graph, make(graph, Op::cholesky, {a}, {0}));
  CHECK(lower[0] == Approx(2));
  CHECK(lower[1] == 0);
  CHECK(lower[2] == Approx(1));
  CHECK(lower[3] == Approx(std::sqrt(2)));
  const auto x = values(graph, make(graph, Op::solve, {list(graph, {0, 1, 2, 0}, {2, 2}), b}, {0}));  // needs pivoting
  CHECK(x == std::vector<double>{1, 1});
  CHECK(values(graph, make(graph, Op::logdet, {a}, {0}))[0] == Approx(std::log(8.0)));
  CHECK(values(graph, make(graph, Op::solve_upper, {list(graph, {2, 1, 9, 4}, {2, 2}), b}, {0})) ==
        std::vector<double>{0.25, 0.5});
  const NodeId batch = list(graph, {1, 0, 0, 1, 2, 0, 0, 2}, {2, 2, 2});
  CHECK(values(graph, make(graph, Op::matmul, {batch, list(graph, {1, 2, 3, 4}, {2, 2})}, {1})) ==
        std::vector<double>{1, 2, 6, 8});
}
