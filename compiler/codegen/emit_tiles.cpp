// Products of a matrix and a vector, sums of them, and what is made of these element by element: four elements at a time by a
// chunk of lanes, in registers from the sum's first term to the store of the result.
#include "compiler/codegen/emitter.h"
#include "compiler/graph/simplify.h"

namespace alea {
namespace {

// Whose first operand is the matrix, or, for products with its transpose, the vector.
struct VectorProduct {
  NodeId matrix, vector;
  bool transposed = false;
  bool triangle = false;  // nothing above the diagonal
  int64_t inner = 0;
};

VectorProduct vector_product(const Graph& graph, NodeId product) {
  VectorProduct found{graph.input(product, 0), graph.input(product, 1)};
  if (graph.shape(found.matrix).size() == 1) {
    std::swap(found.matrix, found.vector);
    found.transposed = true;
  }
  found.inner = graph.shape(found.vector)[0];
  found.triangle = !found.transposed && is_lower_triangle(graph, found.matrix) && is_surely_finite(graph, found.vector);
  return found;
}

}  // namespace

// out[i] = f(Σ_n term_n[i] + Σ_n Σ_k a_n[i, k] b_n[k], i)
void Emitter::emit_tiled(NodeId node) {
  const NodeId root = plan.tiled[node];
  const ProductSum sum = product_sum(graph, schedule.sums, root);
  const int64_t length = graph.shape(node)[0];
  const bool with_lanes = node_lanes(node);
  for (NodeId input : graph.inputs(node)) prepare(input);
  std::vector<VectorProduct> products;
  for (NodeId product : sum.products) products.push_back(vector_product(graph, product));
  const EmittedValue target = result(node);
  const auto add_product = [&](const VectorProduct& product, llvm::Value* first, Carried sums) {
    return over_columns(product.inner, product.triangle ? first : nullptr, std::move(sums),
                        [&](llvm::Value* k, size_t row, Carried so_far) {
                          llvm::Value* shared = as(with_lanes, element(product.vector, {k}));
                          for (size_t r = row; r < so_far.size(); ++r) {
                            llvm::Value* at = b.CreateAdd(first, i64(static_cast<int64_t>(r)));
                            llvm::Value* own = element(product.matrix, product.transposed ? Index{k, at} : Index{at, k});
                            so_far[r] = fma(as(with_lanes, own), shared, so_far[r]);
                          }
                          return so_far;
                        });
  };
  const auto tile = [&](llvm::Value* first, int64_t width) {
    Carried sums;
    for (int64_t r = 0; r < width; ++r) {
      llvm::Value* start = nullptr;
      for (NodeId term : sum.terms) {
        llvm::Value* value = as(with_lanes, element(term, {b.CreateAdd(first, i64(r))}));
        start = start != nullptr ? b.CreateFAdd(start, value) : value;
      }
      sums.push_back(start != nullptr ? start : zero(with_lanes));
    }
    for (const VectorProduct& product : products) sums = add_product(product, first, std::move(sums));
    for (int64_t r = 0; r < width; ++r) {
      llvm::Value* at = b.CreateAdd(first, i64(r));
      llvm::Value* value = sums[static_cast<size_t>(r)];
      if (node != root) {
        in_tile_ = {root, value};
        value = elementwise(node, {at});
        in_tile_ = {};
      }
      store(target, {at}, value);
    }
  };
  const int64_t whole = length / tile_rows;
  if (whole > 0)
    rolled_loop(i64(whole), {}, [&](llvm::Value* t, const Carried&) -> Carried {
      tile(b.CreateMul(t, i64(tile_rows)), tile_rows);
      return {};
    });
  if (length % tile_rows != 0) tile(i64(whole * tile_rows), length % tile_rows);
  values[node.index] = target;
}

}  // namespace alea
