// Where and how often each node of a stochastic graph is computed: its phase and its rate, from the leaves up.
#include <algorithm>

#include "compiler/graph/stochastic_graph.h"

namespace alea {

namespace {

Rate operator|(Rate a, Rate b) { return static_cast<Rate>(static_cast<int>(a) | static_cast<int>(b)); }

// What the states' first values are computed from. Noise found there is drawn once an episode.
NodeTable<bool> reached_from_init(const StochasticGraph& graph) {
  NodeTable<bool> reached(graph.graph.size(), false);
  for (const GraphState& state : graph.states)
    if (state.init) reached[state.init] = true;
  for (const GraphDraw& draw : graph.draws)
    if (draw.region == Phase::init) reached[draw.node] = true;
  for (auto index = static_cast<uint32_t>(graph.graph.size()); index-- > 0;)
    if (reached[NodeId{index}])
      for (const NodeId input : graph.graph.inputs(NodeId{index})) reached[input] = true;
  return reached;
}

Phase phase_of(Rate rate, bool after_last_step) {
  if (after_last_step) return Phase::final;
  if ((rate & rate_time) != 0) return Phase::step;
  return (rate & rate_sample) != 0 ? Phase::init : Phase::uniform;
}

}  // namespace

Placement place(const StochasticGraph& stochastic) {
  const Graph& graph = stochastic.graph;
  const NodeTable<bool> initial = reached_from_init(stochastic);
  Placement placement{NodeTable<Phase>(graph.size(), Phase::uniform), NodeTable<Rate>(graph.size(), rate_none)};
  Table<StateId, Rate> varying(stochastic.states.size(), rate_none);  // of a state, apart from time
  bool changed = true;
  while (changed) {
    for (uint32_t index = 0; index < graph.size(); ++index) {
      const NodeId id{index};
      Rate rate = rate_none;
      bool after_last_step = false;
      switch (graph.op(id)) {
        case Op::input: rate = rate_sample; break;
        case Op::time: rate = rate_time; break;
        case Op::state: rate = rate_time | varying[StateId{graph[id].payload}]; break;
        case Op::final_state:
          rate = varying[StateId{graph[id].payload}];
          after_last_step = true;
          break;
        default:
          if (kind(graph.op(id)) == OpKind::random) rate = !stochastic.is_mdp || initial[id] ? rate_sample : rate_sample_time;
      }
      for (const NodeId input : graph.inputs(id)) {
        rate = rate | placement.rate[input];
        after_last_step = after_last_step || placement.phase[input] == Phase::final;
      }
      placement.rate[id] = rate;
      placement.phase[id] = phase_of(rate, after_last_step);
    }
    // A state varies with the sample if a value that it takes does, or the end of the episode, after which it
    // keeps its value.
    Rate ending = rate_none;
    for (const GraphTerminate& terminate : stochastic.terminates) ending = ending | placement.rate[terminate.condition];
    changed = false;
    for (uint32_t i = 0; i < stochastic.states.size(); ++i) {
      const GraphState& state = stochastic.states[StateId{i}];
      Rate rate = ending;
      if (state.init) rate = rate | placement.rate[state.init];
      if (state.next) rate = rate | placement.rate[state.next];
      rate = static_cast<Rate>(rate & rate_sample);
      changed = changed || rate != varying[StateId{i}];
      varying[StateId{i}] = rate;
    }
  }
  return placement;
}

}  // namespace alea
