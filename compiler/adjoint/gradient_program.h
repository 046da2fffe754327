// The surrogate and its adjoint: a stochastic graph and its plan become a gradient program. From here on
// nothing is random: noise is an input with a key.
#pragma once
#include "compiler/estimator/forks.h"

namespace alea {

struct GradientOptions {
  bool gradient = true;  // false: forward phases only
  // For tests of the tests: leaves out the score terms' path through earlier pathwise values, which biases
  // the estimate (reading: gradient programs, 1.4).
  bool drop_score_paths = false;
};

Program build_gradient_program(StochasticGraph, const Plan&, const std::vector<Fork>&, const GradientOptions&);

}  // namespace alea
