// What the user asks for by name: `by` clauses and --estimator. In: a stochastic graph. Out: the same, each
// draw's request filled in and meaningful (estimators.md 3, "By hand"); what has no meaning is reported.
#pragma once
#include <optional>

#include "compiler/graph/stochastic_graph.h"
#include "dsl/diagnostic.h"

namespace alea {

// `requests`: pairs (draw's name, estimator), the latter as in a `by` clause: `score(baseline = none)`,
// `gumbel(tau = 0.5)`, `auto`. They override the model's own.
void apply_requests(StochasticGraph&, const std::vector<std::pair<std::string, std::string>>& requests, Diagnostics&);

// Why an estimator cannot be had at a draw, whatever its bias, and what can; nothing where it can.
struct Refusal {
  std::string why, hint;
};
std::optional<Refusal> refuse(const StochasticGraph&, const GraphDraw&, AskedEstimator);

// The number that the request gives for `name`, or `otherwise`.
double estimator_argument(const GraphDraw&, std::string_view name, double otherwise);
bool has_estimator_argument(const GraphDraw&, std::string_view name);
// The node of a formal of the draw's law; internal error when there is none of that name.
NodeId formal(const GraphDraw&, std::string_view name);
// Bernoulli and categorical laws are given by `p` or by `logits`: the one that is given, and either as a node.
const GraphFormal& given_formal(const GraphDraw&);
NodeId make_logits(Graph&, const GraphDraw&, NodeId given);
NodeId make_probability(Graph&, const GraphDraw&, NodeId given);

// The temperature of a relaxation that is asked for without one.
inline constexpr double default_temperature = 0.5;

}  // namespace alea
