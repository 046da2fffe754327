// The rules that a stochastic graph obeys, for those who may meet one that does not.
#pragma once
#include "compiler/graph/stochastic_graph.h"

namespace alea {

// The first rule that does not hold, in words; empty when all do.
std::string graph_error(const StochasticGraph&);

}  // namespace alea
