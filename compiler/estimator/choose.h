// The choice of estimators for a whole model: paths, classes of costs, what is active, what is biased, and
// the user's errors (no admissible estimator; a request that has no meaning).
#pragma once
#include <optional>

#include "compiler/estimator/paths.h"

namespace alea {

struct ChooseOptions {
  std::vector<std::pair<std::string, std::string>> estimators;  // --estimator node=name: overrides `by`
  EnumerationBudget enumeration;
};

struct Chosen {
  Plan plan;
  PathFacts facts;
};

// May rewrite the graph: params are pushed into a law where that is what it takes (push.h).
std::optional<Chosen> choose_estimators(StochasticGraph&, const ChooseOptions&, const SourceMap&, Diagnostics&);

// Fills plan.depends and each choice's `active` from the choices.
void find_active(const StochasticGraph&, Plan&);

}  // namespace alea
