// In: a graph model and the plan. Out: for each draw that forks, its rows: copies of what lies between the draw
// and the costs that it reaches, for the values that its estimator asks for.
#include <algorithm>

#include "compiler/estimator/choose.h"
#include "compiler/estimator/downstream.h"
#include "compiler/estimator/forks.h"
#include "compiler/estimator/lift.h"
#include "compiler/graph/build.h"

namespace alea {
namespace {

// The axes of a draw's batch that are its own: the first holds the outcomes of enumerated draws where it is forked.
Shape own_batch(const GraphDraw& draw) { return {draw.batch.begin() + (draw.forked ? 1 : 0), draw.batch.end()}; }

// [elements, batch]: row e has element e of the draw replaced, the others kept.
NodeId replace_each(Graph& graph, const GraphDraw& draw, NodeId value) {
  const Shape own = own_batch(draw);
  const int64_t elements = element_count(own);
  const Shape rows = with_axes({elements}, draw.batch);
  std::vector<double> mask;
  const int64_t outcomes = draw.forked ? draw.batch[0] : 1;
  for (int64_t e = 0; e < elements; ++e)
    for (int64_t j = 0; j < outcomes; ++j)
      for (int64_t k = 0; k < elements; ++k) mask.push_back(k == e ? 1 : 0);
  const NodeId here = graph.constant(Type{Scalar::boolean, 0, rows}, mask);
  return make(graph, Op::select,
              {here, make_broadcast_leading(graph, value, rows), make_broadcast_leading(graph, draw.node, rows)});
}

Fork expand(StochasticGraph& model, DrawId id, const ForkRequest& request, const std::vector<NodeId>& reached) {
  const GraphDraw draw = model.draws[id];
  Graph& graph = model.graph;
  Fork fork;
  fork.draw = id;
  fork.terms = request.terms;
  const NodeTable<Downstream> downstream = find_downstream(model, draw);
  const bool each_alone =
      std::ranges::all_of(reached, [&](NodeId cost) { return !cost || !downstream[cost].depends || downstream[cost].aligned; });
  const int64_t elements = element_count(own_batch(draw));
  fork.per_element = !request.joint && elements > 1 && !each_alone;
  for (const NodeId value : request.values) {
    const NodeId rows = fork.per_element ? replace_each(graph, draw, value) : value;
    const Shape axes = fork.per_element ? Shape{elements} : Shape{};
    fork.costs.push_back(copy_downstream(graph, draw.node, rows, axes, reached));
  }
  return fork;
}

}  // namespace

void expand_forks(Expanded& expanded) {
  StochasticGraph& model = expanded.graph;
  const size_t draws = model.draws.size();
  for (uint32_t k = 0; k < draws; ++k) {
    const DrawId id{k};
    const Choice& choice = expanded.plan.choices[id];
    if (!(choice.score & choice.active) || choice.credit == Estimator::score) continue;
    const GraphDraw draw = model.draws[id];
    std::vector<NodeId> reached;
    for (size_t c = 0; c < model.costs.size(); ++c) {
      const bool counts = choice.reached & own_target(std::min<size_t>(c, max_costs - 1));
      reached.push_back(counts && !model.costs[c].control ? model.costs[c].value : NodeId{});
    }
    switch (choice.credit) {
      case Estimator::measure_valued: {
        std::vector<bool> moves;
        for (const GraphFormal& formal : draw.formals) moves.push_back(expanded.plan.depends[formal.node] != 0);
        expanded.forks.push_back(expand(model, id, request_measure_valued(model, id, moves), reached));
        break;
      }
      case Estimator::disarm: expanded.forks.push_back(expand(model, id, request_disarm(model, id), reached)); break;
      case Estimator::rebar: expanded.forks.push_back(fork_rebar(model, id, reached)); break;
      case Estimator::none:
      case Estimator::reparam:
      case Estimator::score:
      case Estimator::enumerate: internal_error("a draw that does not fork is asked to");
    }
  }
  if (model.graph.size() == expanded.plan.depends.size()) return;
  expanded.plan.reaches.resize(model.graph.size(), 0);
  find_active(model, expanded.plan);
}

}  // namespace alea
