// The Fisher information of what a model samples. In: a stochastic graph with params θ. Out: a gradient program over θ and
// as many directions v, whose objective is ½ v'F v and whose gradient in v is F v, where
//   F = E[Σ_w s_w s_w'],  s_w = ∇_θ log p(w | what was drawn before),
// the sum over the draws and, in an mdp, over the steps: scores of different draws are uncorrelated, so that this is the
// Fisher information of whole trajectories. Each sample's objective is ½ Σ_w (s_w · v)², with s_w · v by forward mode: it
// is no less than 0 for any v, and quadratic in v, so that its own gradient by reverse mode is all that is needed.
// Costs and discounts have no part in it.
#pragma once
#include "compiler/estimator/plan.h"

namespace alea {

struct FisherInformation {
  Program program;                  // params: the model's, then a direction for each, of the same shape
  std::vector<ParamId> unmoved;     // params that no draw's law depends on: their rows and columns of F are 0
  std::vector<DrawId> undensified;  // draws that a param moves without a density by which to tell; F lacks them
};

FisherInformation fisher_information(StochasticGraph);

}  // namespace alea
