// An objective line as costs: its additive terms, each with its axes.
#pragma once
#include "compiler/graph/graph.h"

namespace alea {

// Nodes whose elements add up to the value's, which may be an array. Signs and constant factors are multiplied
// out, sums over axes are left off, so that what is downstream of one draw can be told per term and element.
std::vector<NodeId> additive_terms(Graph&, NodeId value);

}  // namespace alea
