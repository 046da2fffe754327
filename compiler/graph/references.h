// Every node id that the tables of a stochastic graph hold, for passes that rename or drop nodes.
#pragma once
#include "compiler/graph/stochastic_graph.h"

namespace alea {

// Calls `visit` on each, null ones included; with a graph that is not const, by reference.
template <class Stochastic, class Visit>
void for_each_reference(Stochastic& graph, Visit visit) {
  for (auto& draw : graph.draws) {
    visit(draw.node);
    for (auto& argument : draw.arguments) visit(argument);
    for (auto& formal : draw.formals) visit(formal.node);
    visit(draw.log_density);
    visit(draw.support_low);
    visit(draw.support_high);
    visit(draw.baseline_value);
  }
  for (auto& state : graph.states) {
    visit(state.leaf);
    visit(state.final_leaf);
    visit(state.init);
    visit(state.next);
  }
  for (auto& cost : graph.costs) visit(cost.value);
  for (auto& terminate : graph.terminates) visit(terminate.condition);
  for (auto& named : graph.names) visit(named.node);
}

}  // namespace alea
