// The vectorising rule against the operation done element by element, for every kind of operation and
// every choice of which operands carry the batch axes.
#include <catch2/catch.hpp>
#include <cmath>

#include "compiler/graph/batch.h"

using namespace alea;

namespace {

struct Case {
  Op op;
  std::vector<Type> operands;
  std::vector<int64_t> attributes;
  Shape result;  // given where it cannot be inferred
};

Type real(Shape shape = {}) { return {Scalar::real, 0, std::move(shape)}; }
Type index_type(Shape shape = {}) { return {Scalar::integer, 0, std::move(shape)}; }

// Well-conditioned matrices, positive numbers, indices within 0 and 1.
std::vector<double> numbers(const Type& type, size_t count, size_t seed) {
  std::vector<double> values(count);
  for (size_t i = 0; i < count; ++i)
    values[i] = type.scalar == Scalar::real ? 0.3 + static_cast<double>((i * 37 + seed * 11) % 17) / 10.0
                                            : static_cast<double>((i + seed) % 2);
  if (type.scalar == Scalar::real && type.shape.size() == 2 && type.shape[0] == type.shape[1])
    for (size_t i = 0; i < count; ++i)
      if (const size_t n = static_cast<size_t>(type.shape[0]); i % (n * n) % (n + 1) == 0) values[i] += 20;
  return values;
}

std::vector<double> expanded(const Graph& graph, NodeId id) {
  REQUIRE(graph.is_constant(id));
  const auto values = graph.values(id);
  if (values.size() == 1) return std::vector<double>(static_cast<size_t>(element_count(graph.shape(id))), values[0]);
  return {values.begin(), values.end()};
}

}  // namespace

TEST_CASE("a batched operation is the operation of each element") {
  const std::vector<Case> cases = {
      {Op::add, {real(), real({3})}, {}, {}},
      {Op::sub, {real({2, 3}), real({2, 3})}, {}, {}},
      {Op::exp, {real({3})}, {}, {}},
      {Op::stop, {real({3})}, {}, {}},
      {Op::reduce_sum, {real({2, 3})}, {0}, {}},
      {Op::argmax, {real({2, 3})}, {1}, {}},
      {Op::cumsum, {real({2, 3})}, {0, 1}, {}},
      {Op::sort, {real({4})}, {}, {}},
      {Op::broadcast, {real({3})}, {-1, 0}, {2, 3}},
      {Op::reshape, {real({2, 3})}, {}, {6}},
      {Op::transpose, {real({2, 3, 4})}, {2, 0, 1}, {}},
      {Op::slice, {real({2, 5})}, {1, 2}, {2, 2}},
      {Op::pad, {real({2, 2})}, {1, 1}, {2, 4}},
      {Op::concat, {real({2, 2}), real({2, 1})}, {1}, {}},
      {Op::gather, {real({2, 3}), index_type({4})}, {0}, {}},
      {Op::gather, {real({2, 3}), index_type()}, {0}, {}},
      {Op::gather, {real({2, 3}), index_type({2, 2})}, {1}, {}},
      {Op::scatter, {real({4, 3}), index_type({4})}, {0}, {2, 3}},
      {Op::matmul, {real({2, 3}), real({3, 4})}, {0}, {}},
      {Op::matmul, {real({3}), real({3, 4})}, {0}, {}},
      {Op::matmul, {real({2, 3}), real({3})}, {0}, {}},
      {Op::matmul, {real({3}), real({3})}, {0}, {}},
      {Op::matmul, {real({2, 2, 3}), real({2, 3})}, {1}, {}},
      {Op::outer, {real({2}), real({3})}, {0}, {}},
      {Op::cholesky, {real({3, 3})}, {0}, {}},
      {Op::solve, {real({3, 3}), real({3, 2})}, {0}, {}},
      {Op::solve_lower, {real({3, 3}), real({3})}, {0}, {}},
      {Op::logdet, {real({3, 3})}, {0}, {}},
  };
  const std::vector<Shape> batches = {{2}, {2, 3}};
  for (const Case& c : cases)
    for (const Shape& batch : batches)
      for (unsigned carries = 1; carries < (1u << c.operands.size()); ++carries) {
        INFO(text(c.op) << " batch " << to_string(batch) << " operands " << carries);
        Graph graph;
        const auto elements = static_cast<size_t>(element_count(batch));
        std::vector<NodeId> inputs;
        std::vector<bool> batched;
        std::vector<std::vector<double>> values;
        for (size_t k = 0; k < c.operands.size(); ++k) {
          batched.push_back((carries >> k) & 1u);
          Type type = c.operands[k];
          const size_t count = static_cast<size_t>(element_count(type.shape)) * (batched[k] ? elements : 1);
          values.push_back(numbers(type, count, k));
          if (batched[k]) type.shape.insert(type.shape.begin(), batch.begin(), batch.end());
          inputs.push_back(graph.constant(type, values[k]));
        }
        // Element by element.
        std::vector<double> expected;
        Type type;
        for (size_t e = 0; e < elements; ++e) {
          std::vector<NodeId> parts;
          for (size_t k = 0; k < c.operands.size(); ++k) {
            const auto count = static_cast<size_t>(element_count(c.operands[k].shape));
            const auto first = values[k].begin() + static_cast<int64_t>(batched[k] ? e * count : 0);
            parts.push_back(graph.constant(c.operands[k], {first, first + static_cast<int64_t>(count)}));
          }
          const NodeId one = make_of_type(graph, c.op, real(c.result), parts, c.attributes);
          type = graph.type(one);
          const std::vector<double> result = expanded(graph, one);
          expected.insert(expected.end(), result.begin(), result.end());
        }
        const NodeId all = make_batched(graph, c.op, inputs, batched, batch, c.attributes, type, {});
        Shape shape = batch;
        shape.insert(shape.end(), type.shape.begin(), type.shape.end());
        CHECK(graph.shape(all) == shape);
        CHECK(expanded(graph, all) == expected);
      }
}

TEST_CASE("what does not vary along the batch is shared") {
  Graph graph;
  const NodeId weights = graph.add(Op::param, real({4, 3}), {}, 0), rows = graph.add(Op::param, real({5, 3}), {}, 1);
  const NodeId operands[] = {weights, rows};
  const int64_t none[] = {0};
  const NodeId product = make_batched(graph, Op::matmul, operands, {false, true}, {5}, none, real({4}), {});
  CHECK(graph.op(product) == Op::matmul);
  CHECK(graph.input(product, 0) == rows);
  const NodeId plain[] = {weights};
  CHECK(make_batched(graph, Op::exp, plain, {false}, {5}, {}, real({4, 3}), {}) == make(graph, Op::exp, {weights}));
}
