// Enumerated draws become an array axis: every value downstream is computed for each joint outcome, the
// costs are summed over the axis, weighted by the outcomes' (live) probabilities (estimators.md 2).
#pragma once
#include "compiler/estimator/forks.h"

namespace alea {

// Draws below are drawn once per outcome, from that outcome's law, with the same noise; their score terms are
// weighted by the probabilities through their downstream costs, which hold them.
Expanded expand_enumeration(const StochasticGraph&, const Plan&);

}  // namespace alea
