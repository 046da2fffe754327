// The algebraic identities that `make` applies.
#pragma once
#include "compiler/graph/graph.h"

namespace alea {

// A simpler node of type `result` for the operation, or null. Operands are nodes already in simple form.
NodeId simplify_elementwise(Graph&, Op, const Type& result, std::span<const NodeId>, SpanId);
NodeId simplify_layout(Graph&, Op, const Type& result, std::span<const NodeId>, std::span<const int64_t> attributes, SpanId);
// Of the product `powers · inverses`, where that is the softmax of Gumbel noise; else null.
NodeId simplify_softmax(Graph&, NodeId powers, NodeId inverses, SpanId);

// No NaN and no infinity, whatever the leaves hold.
bool is_surely_finite(const Graph&, NodeId);

}  // namespace alea
