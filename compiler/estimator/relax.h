// Relaxed discrete draws (estimators.md 5). Let y on the simplex be the relaxed sample of w ~ categorical (K
// values; for a bernoulli draw, y in [0, 1] is the relaxed `true`). Then
//   v[w] is Σ_k y_k v_k;  w == k for a constant k is y_k;  `if w == k then p else q` is y_k p + (1 − y_k) q;
//   onehot(w) is y;  w used as a number is Σ_k k y_k.
// Any other use has no relaxed meaning, and is an error that says which.
#pragma once
#include <optional>

#include "compiler/graph/stochastic_graph.h"
#include "dsl/diagnostic.h"

namespace alea {

// Replaces every draw that asks for `gumbel` or `straight_through` by its relaxed sample, and what is downstream by
// its relaxed meaning (Jang, Gu, Poole 2017, equation 2; Maddison, Mnih, Teh 2017; Bengio, Léonard, Courville 2013).
// The draw is then continuous, and without a log density. True when there was one; errors are reported.
bool relax_draws(StochasticGraph&, Diagnostics&);

// The copies of `wanted` for the draw's value relaxed to y (shape: the batch, and the categories where it is no
// bernoulli). What they share with the graph is held: an adjoint of theirs reaches y alone. Null where one does
// not depend on the draw.
std::vector<NodeId> relax_downstream(StochasticGraph&, DrawId, NodeId y, const std::vector<NodeId>& wanted);

// The model with this one draw relaxed as by `gumbel`; where a use has no relaxed meaning nothing, and `why` says which.
std::optional<StochasticGraph> relax_one(const StochasticGraph&, DrawId, std::string& why);

// softmax along the last axis.
NodeId make_softmax(Graph&, NodeId);
NodeId make_log_sum_exp(Graph&, NodeId);  // along the last axis, which goes

}  // namespace alea
