// The typing rule of each operation: from the operands' types and the attributes to the result's type.
#pragma once
#include "compiler/graph/graph.h"

namespace alea {

// Completes or checks `result`, and returns what is wrong (empty: nothing). Where operands and attributes
// do not determine the shape (broadcast, reshape, slice, pad, scatter, leaves, noise) or the element type
// (convert), `result` holds it on entry. Never throws: text from outside is checked with it too.
std::string infer_type(Op, std::span<const Type* const> operands, std::span<const int64_t> attributes, Type& result);

// Whether the node at hand obeys the rule; the message says what does not fit.
std::string type_error(const Graph&, NodeId);

// False when an extent is negative or there are more elements than an array may have.
bool is_valid_shape(const Shape&);

}  // namespace alea
