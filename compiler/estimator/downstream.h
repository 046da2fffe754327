// Which elements of a draw a value depends on, within the draw's own region: an array of independent draws
// is as many nodes as it has elements (estimators.md 3, "Downstream is per element").
#pragma once
#include "compiler/graph/stochastic_graph.h"

namespace alea {

struct Downstream {
  bool depends = false;
  bool aligned = false;        // same shape as the draw's batch, element i depends on element i alone
  std::vector<bool> elements;  // else: the whole value depends on these
};

// For every node, in relation to one draw.
NodeTable<Downstream> find_downstream(const StochasticGraph&, const GraphDraw&);

}  // namespace alea
