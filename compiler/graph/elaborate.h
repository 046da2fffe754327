// Typed model to stochastic graph: regions for time, batches vectorised over their axes, composite
// functions lowered to operations that have derivative rules.
#pragma once
#include <optional>

#include "compiler/graph/stochastic_graph.h"
#include "dsl/diagnostic.h"
#include "dsl/typed_model.h"

namespace alea {

struct Elaborated {
  StochasticGraph graph;
  // Initial values of the params: a program of horizon 0 whose `names` are the params with an initial
  // value; the others start at zero.
  Program initial_params;
};

// Reports (as diagnostics of the user's) what only shows here: a final cost that reads a step's draw, a
// model of too many operations.
std::optional<Elaborated> elaborate(const typed::Model&, Diagnostics&);

}  // namespace alea
