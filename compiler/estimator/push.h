// Pushing params into a law (estimators.md 2, "the direct path"): where a param reaches a jump past a draw
// whose own law it does not touch, `x ~ normal(0, 1)  cost if x < θ …` becomes `y = x − θ` drawn from
// normal(−θ, 1) and compared with 0, so that score is admissible.
#pragma once
#include "compiler/estimator/paths.h"

namespace alea {

// For a draw ε of real support that reaches the costs only through one affine value v = a + b ε, makes v
// itself a draw: log density log p_ε((v − a)/b) − log|b|. True when something was rewritten; the graph is
// then another one and the paths must be found anew.
bool push_params_into_laws(StochasticGraph&, const PathFacts&);

}  // namespace alea
