// Making nodes: each function infers the result's type from its operands (an internal error when they do
// not fit), folds constants, and applies the identities listed above `simplify` in build.cpp, so that what
// is in a graph is already in simple form. `mul(x, 0)` is folded only where x cannot be NaN or infinite.
#pragma once
#include "compiler/graph/graph.h"

namespace alea {

NodeId make(Graph&, Op, std::span<const NodeId> inputs, std::vector<int64_t> attributes = {}, SpanId = {});
inline NodeId make(Graph& graph, Op op, std::initializer_list<NodeId> inputs, std::vector<int64_t> attributes = {},
                   SpanId span = {}) {
  return make(graph, op, std::span<const NodeId>(inputs.begin(), inputs.size()), std::move(attributes), span);
}
// Ops whose result shape cannot be inferred from operands.
NodeId make_broadcast(Graph&, NodeId, const Shape& result, std::vector<int64_t> axis_map, SpanId = {});
NodeId make_broadcast_leading(Graph&, NodeId, const Shape& result,
                              SpanId = {});  // operand's axes are the last ones of the result
NodeId make_reshape(Graph&, NodeId, const Shape& result, SpanId = {});
NodeId make_slice(Graph&, NodeId, int64_t axis, int64_t start, int64_t length, SpanId = {});
NodeId make_pad(Graph&, NodeId, int64_t axis, int64_t start, int64_t length, SpanId = {});
NodeId make_scatter(Graph&, NodeId values, NodeId index, int64_t table_length, int64_t batch_axes, SpanId = {});
NodeId make_sum_all(Graph&, NodeId, SpanId = {});  // over every axis, to a scalar
NodeId make_zeros(Graph&, const Shape&);
NodeId make_convert(Graph&, NodeId, Scalar, int64_t categories = 0, SpanId = {});
// Any operation of known result type: what the others come down to.
NodeId make_of_type(Graph&, Op, const Type& result, std::span<const NodeId> inputs, std::vector<int64_t> attributes = {},
                    SpanId = {});
// The node of another graph (or this one) over other operands; leaves, noise and draws keep their payload.
NodeId make_copy(Graph& to, const Graph& from, NodeId, std::span<const NodeId> inputs);

// The same as it is, nothing simplified, with a payload of its own where the op takes one.
NodeId copy_node(Graph& to, const Graph& from, NodeId, std::span<const NodeId> inputs, uint32_t payload);

// What one op does to constant operands; also the interpreter's meaning of each op on one sample.
// `values` are row-major element lists, of size 1 for a scalar operand.
std::vector<double> evaluate(const Graph&, NodeId, std::span<const std::span<const double>> operands);

}  // namespace alea
