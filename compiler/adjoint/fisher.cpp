// Tangents are nodes behind those of the model; a state that θ moves has a second state beside it, which carries its
// tangent. Draws that θ moves are held: what they lead to moves by other ways only.
#include "compiler/adjoint/fisher.h"

#include "compiler/adjoint/gradient_program.h"
#include "compiler/adjoint/tangent.h"

namespace alea {
namespace {

struct FisherGraph {
  StochasticGraph& model;
  Graph& graph = model.graph;
  size_t model_size = graph.size();
  NodeTable<NodeId> tangents = NodeTable<NodeId>(model_size);
  std::vector<NodeId> directions;  // by ParamId
  std::vector<StateId> moved;      // by StateId: the state that carries the tangent, or null

  bool is_held(NodeId id) const { return graph.op(id) == Op::draw; }

  // States that θ moves past draws: the least fixed point.
  std::vector<bool> moving_states() const {
    std::vector<bool> states(model.states.size(), false);
    for (bool changed = true; changed;) {
      changed = false;
      std::vector<bool> moves(model_size, false);
      for (uint32_t k = 0; k < model_size; ++k) {
        const NodeId id{k};
        const Op op = graph.op(id);
        if (graph.type(id).scalar != Scalar::real || is_held(id) || op == Op::stop || op == Op::detach) continue;
        moves[k] = op == Op::param || ((op == Op::state || op == Op::final_state) && states[graph[id].payload]);
        for (const NodeId input : graph.inputs(id)) moves[k] = moves[k] || moves[input.index];
      }
      for (uint32_t k = 0; k < model.states.size(); ++k) {
        const GraphState& state = model.states[StateId{k}];
        if (states[k] || !(moves[state.init.index] || moves[state.next.index])) continue;
        states[k] = changed = true;
      }
    }
    return states;
  }

  void add_directions() {
    const auto params = static_cast<uint32_t>(model.params.size());
    for (uint32_t k = 0; k < params; ++k) {
      GraphParam direction = model.params[ParamId{k}];
      direction.name += " direction";
      const ParamId id = model.params.add(direction);
      directions.push_back(graph.add(Op::param, direction.type, {}, id.index, graph.add_span(direction.span)));
    }
  }

  void add_moving_states() {
    const std::vector<bool> moving = moving_states();
    moved.resize(moving.size());
    for (uint32_t k = 0; k < moving.size(); ++k) {
      if (!moving[k]) continue;
      const GraphState state = model.states[StateId{k}];
      const StateId id{static_cast<uint32_t>(model.states.size())};
      const NodeId leaf = graph.add(Op::state, state.type, {}, id.index, graph.add_span(state.span));
      model.states.add({state.name + " tangent", state.type, leaf, {}, {}, {}, state.span});
      moved[k] = id;
    }
  }

  NodeId tangent_of_leaf(NodeId id) const {
    const uint32_t index = graph[id].payload;
    if (graph.op(id) == Op::param) return directions[index];
    if (graph.op(id) == Op::state && moved[index]) return model.states[moved[index]].leaf;
    return {};  // what is final leads to no draw
  }

  void push_all() {
    for (uint32_t k = 0; k < model_size; ++k) {
      const NodeId id{k};
      if (kind(graph.op(id)) == OpKind::leaf) {
        tangents[id] = tangent_of_leaf(id);
        continue;
      }
      std::vector<NodeId> operands;
      for (const NodeId input : graph.inputs(id)) operands.push_back(tangents[input]);
      tangents[id] = push_forward(graph, id, operands);
    }
    for (uint32_t k = 0; k < moved.size(); ++k) {
      if (!moved[k]) continue;
      const GraphState& state = model.states[StateId{k}];
      const auto or_zeros = [&](NodeId tangent) { return tangent ? tangent : make_zeros(graph, state.type.shape); };
      const NodeId init = or_zeros(tangents[state.init]), next = or_zeros(tangents[state.next]);
      GraphState& carrier = model.states[moved[k]];
      carrier.init = init, carrier.next = next;
    }
  }

  // ½ (s · v)² of each draw, in its own region: what a draw of an mdp's start costs is counted after the last step.
  void replace_costs(FisherInformation& result) {
    model.costs.clear();
    model.maximise = false, model.discount = 1;
    model.names.clear();
    for (uint32_t k = 0; k < model.draws.size(); ++k) {
      const GraphDraw& draw = model.draws[DrawId{k}];
      if (draw.owner) continue;  // its owner's density stands for it
      if (!draw.log_density) {
        bool moves = bool(tangents[graph.input(draw.node, 0)]);
        for (const NodeId argument : draw.arguments) moves = moves || tangents[argument];
        if (moves) result.undensified.push_back(DrawId{k});
        continue;
      }
      const NodeId along = tangents[draw.log_density];
      if (!along) continue;
      const NodeId square = make(graph, Op::mul, {along, along});
      const Phase region = model.is_mdp && draw.region == Phase::init ? Phase::final : draw.region;
      model.costs.push_back({make(graph, Op::mul, {graph.constant(0.5), square}), region, draw.span});
    }
  }

  // Back from the costs to the directions.
  std::vector<ParamId> unmoved_params() const {
    std::vector<bool> reaching(graph.size(), false);
    for (const GraphCost& cost : model.costs) reaching[cost.value.index] = true;
    for (bool changed = true; changed;) {
      changed = false;
      for (size_t k = graph.size(); k-- > 0;)
        if (reaching[k])
          for (const NodeId input : graph.inputs(NodeId{static_cast<uint32_t>(k)})) reaching[input.index] = true;
      for (const GraphState& state : model.states) {
        if (!reaching[state.leaf.index]) continue;
        for (const NodeId value : {state.init, state.next}) {
          changed = changed || !reaching[value.index];
          reaching[value.index] = true;
        }
      }
    }
    std::vector<ParamId> unmoved;
    for (uint32_t k = 0; k < directions.size(); ++k)
      if (!reaching[directions[k].index]) unmoved.push_back(ParamId{k});
    return unmoved;
  }

  // The objective varies with the directions alone, and through no draw.
  Plan plan() const {
    Plan plan;
    plan.classes.push_back({own_targets, false, "own"});
    if (model.is_mdp) plan.classes.push_back({later_targets, true, "later"});
    plan.choices.resize(model.draws.size(), {});
    plan.reaches = NodeTable<Targets>(graph.size(), ~Targets{0});
    plan.depends = NodeTable<Targets>(graph.size(), 0);
    for (const NodeId direction : directions) plan.depends[direction] = ~Targets{0};
    for (const StateId state : moved)
      if (state) plan.depends[model.states[state].leaf] = ~Targets{0};
    for (auto k = static_cast<uint32_t>(model_size); k < graph.size(); ++k)
      for (const NodeId input : graph.inputs(NodeId{k})) plan.depends[NodeId{k}] |= plan.depends[input];
    return plan;
  }
};

}  // namespace

FisherInformation fisher_information(StochasticGraph model) {
  FisherInformation result;
  FisherGraph fisher{model};
  fisher.add_directions();
  fisher.add_moving_states();
  fisher.push_all();
  fisher.replace_costs(result);
  result.unmoved = fisher.unmoved_params();
  const Plan plan = fisher.plan();
  result.program = build_gradient_program(std::move(model), plan, {}, {});
  return result;
}

}  // namespace alea
