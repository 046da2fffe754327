// One derivative rule per operation, the formula above it. A rule speaks the graph's own language: what it
// emits uses only operations that have rules themselves.
#pragma once
#include "compiler/graph/build.h"

namespace alea {

// v = op(u₀, u₁, …), v̄ given: the contribution to ū_k, or a null id where there is none. For an elementwise
// op the contribution has v's shape even where the operand is a scalar (the caller guards it, then sums);
// for the others it has the operand's shape.
NodeId pull_back(Graph&, NodeId v, NodeId adjoint, int k);

// Of square matrices in the last two axes: these swapped; the part on and below (or above) the diagonal, the diagonal times
// a number.
NodeId transpose_last(Graph&, NodeId, SpanId = {});
NodeId triangle(Graph&, NodeId, bool lower, double diagonal, SpanId = {});

}  // namespace alea
