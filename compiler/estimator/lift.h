// Evaluating part of a graph for several values of one of its nodes: copies of what lies downstream, over
// extra leading axes (one row a value) or without. What does not vary with the row is shared.
#pragma once
#include "compiler/graph/stochastic_graph.h"

namespace alea {

// A node over other operands, of which those flagged carry the leading axes; the result carries them too.
// Noise keeps its name: without axes the copy draws the very same numbers (common random numbers).
NodeId lift_node(Graph&, NodeId, std::vector<NodeId> inputs, const std::vector<bool>& carries, const Shape& axes);

// Copies what lies between `from` and the nodes `wanted`, with `replacement` (axes, then the shape of `from`)
// in place of `from`. Draws in between become their sampling maps: the copy is forward only. Returns the
// copies of `wanted`, null where one does not depend on `from`. With `hold_others` operands that the copy
// shares with the graph are detached, so that an adjoint of the copy reaches the replacement alone.
std::vector<NodeId> copy_downstream(Graph&, NodeId from, NodeId replacement, const Shape& axes, const std::vector<NodeId>& wanted,
                                    bool hold_others = false);

// [leading axes of the rows, then `shape`]
Shape with_axes(const Shape& axes, const Shape& shape);

}  // namespace alea
