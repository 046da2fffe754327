// Forward mode, one rule per operation: the counterpart of rules.h. Linear operations move tangents as they move values;
// of elementwise ones the pull-back is its own transpose, so that its rules serve here too.
#pragma once
#include "compiler/graph/build.h"

namespace alea {

// v = op(u₀, u₁, …), u̇ given (null: zero): v̇ = Σ_k ∂v/∂u_k u̇_k, of v's shape; null where it is zero. No tangent passes a
// draw, noise, `stop`, or what is flat almost everywhere.
NodeId push_forward(Graph&, NodeId v, std::span<const NodeId> tangents);

}  // namespace alea
