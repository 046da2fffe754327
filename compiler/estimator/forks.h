// Estimators that evaluate what is downstream of a draw more than once. Each is one record: replacement values
// of the draw (rows), what is downstream evaluated for each on the same noise, and score-like terms
//   ψ · stop(κ₀ Q + Σ_r κ_r Q_r − baseline)
// where Q is what the draw itself leads to, Q_r what row r leads to, both per element of the draw. Rows are
// forward only. A control variate's costs (rebar) enter the gradient through `controls`.
//   score           ψ = log density          κ₀ = 1
//   measure valued  ψ = an argument          κ = ± the constant of its decomposition
//   DisARM          ψ = logits               κ from the antithetic pair
//   REBAR           ψ = log density          κ₀ = 1, κ = −η for the conditional relaxation
#pragma once
#include "compiler/estimator/plan.h"

namespace alea {

// Shapes: the draw's batch. Null weights are 0.
struct ForkTerm {
  std::string name;  // of ψ, for printing
  NodeId psi;
  NodeId weight;                    // κ₀
  std::vector<NodeId> row_weights;  // κ_r
};

struct Fork {
  DrawId draw;
  // Each row replaces the whole draw at once, or (per element) one element at a time: then the row's costs
  // have the replaced element as their leading axis.
  bool per_element = false;
  std::vector<std::vector<NodeId>> costs;  // by row, by cost: null where the draw does not reach it
  std::vector<ForkTerm> terms;
  bool leave_one_out = false;
};

// What an estimator asks for: the values of its rows, of the draw's shape.
struct ForkRequest {
  std::vector<NodeId> values;
  bool joint = false;  // all elements are replaced at once, whatever they reach
  std::vector<ForkTerm> terms;
};

// Mohamed, Rosca, Figurnov, Mnih 2020, table 1, with coupled pairs. `moves`: whether a param moves a formal.
ForkRequest request_measure_valued(StochasticGraph&, DrawId, const std::vector<bool>& moves);
// Dong, Mnih, Tucker 2020, equation 7 (also Yin, Ho, Yan, Qian, Zhou 2020).
ForkRequest request_disarm(StochasticGraph&, DrawId);

// Tucker, Mnih, Maddison, Lawson, Sohl-Dickstein 2017, section 3.1 and appendix; for categorical draws
// appendix D of Grathwohl, Choi, Wu, Roeder, Duvenaud 2018. Adds the control variate's costs to the graph.
// `reached`: by cost, the value where the draw reaches it.
Fork fork_rebar(StochasticGraph&, DrawId, const std::vector<NodeId>& reached);

struct Expanded {
  StochasticGraph graph;
  Plan plan;  // of the new graph: no draw is enumerated
  std::vector<Fork> forks;
};

// In: a graph model without enumerated draws. Out: the same, with rows beside the draws that fork.
void expand_forks(Expanded&);

}  // namespace alea
