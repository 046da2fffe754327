// Which sums are computed as one fused multiply-add, and which quotients without a division, by the interpreter and by native
// code alike. In: a program. Out: for each sum or difference with an operand that is a product, of the same shape, phase and
// rate, which nothing else reads, which operand that is. Decided over the whole program, so that a value computed again in a
// backward phase has the same bits.
#pragma once
#include <optional>

#include "compiler/kernel/program.h"

namespace alea {

enum class FusedSide : uint8_t { none, left, right };
// How often each node is read, as an operand or as a root of the program.
NodeTable<uint32_t> count_readers(const Program&, const PhaseOrder&);

using FusedProducts = NodeTable<FusedSide>;
FusedProducts fuse_products(const Program&);

// The product's factors and the other operand:
//   x y + z    x y - z → x y + (-z)    z + x y    z - x y → (-x) y + z
struct FusedSum {
  NodeId x, y, z;
  bool negate_x = false, negate_z = false;
};
FusedSum fused_sum(const Graph&, NodeId sum, FusedSide);

// The number that a quotient divides by, where that is a scalar constant: divide_by_constant computes it.
std::optional<double> constant_divisor(const Graph&, NodeId node);

}  // namespace alea
