// Which sums of vectors native code computes as one accumulation. In: a program. Out: the sums, of the same shape, phase and
// rate throughout, with an operand that is the product of a matrix and a vector and that nothing else reads:
//   Σ_i term_i + Σ_j A_j b_j, the first product going on from the terms' sum, each next one from the last,
// by fused multiply-add in the order of its summed index. Decided over the whole program, so that a value has the same bits in
// the objective alone and with the gradient; such a sum is never computed again in a backward phase.
#pragma once
#include "compiler/kernel/fuse.h"

namespace alea {

// Arrays of at most this many elements are kept in registers, one value an element; their sums are left as they are.
inline constexpr int64_t register_elements = 8;

enum class SumPart : uint8_t {
  none,
  root,  // the sum as a whole
  inner  // a product or a sum within it
};
using ProductSums = NodeTable<SumPart>;
ProductSums find_product_sums(const Program&, const FusedProducts&);

// From left to right. Of a product alone: itself.
struct ProductSum {
  std::vector<NodeId> terms, products;
};
ProductSum product_sum(const Graph&, const ProductSums&, NodeId root);

// The product of a matrix and a vector, in either order, of more than a few elements.
bool is_vector_product(const Graph&, NodeId);

}  // namespace alea
