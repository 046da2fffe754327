// Leaves out what nothing needs: nodes that no draw, state, cost, end or name reads, and then noise that no
// node draws. Everything else keeps its order.
#pragma once
#include "compiler/graph/stochastic_graph.h"

namespace alea {

StochasticGraph remove_dead(const StochasticGraph&);

}  // namespace alea
