// Reads what print(const StochasticGraph&) writes: a graph that obeys the rules of verify_graph, or a diagnostic.
#pragma once
#include <optional>

#include "compiler/graph/stochastic_graph.h"
#include "dsl/diagnostic.h"

namespace alea {

std::optional<StochasticGraph> read_graph(const SourceMap&, SourceId, Diagnostics&);

}  // namespace alea
