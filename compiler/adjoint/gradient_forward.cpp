// In: a stochastic graph. Out: the forward phases. Aliveness, where episodes may end, is a state like another;
// every carry and cost is selected by it.
#include <algorithm>

#include "compiler/adjoint/gradient_builder.h"
#include "dsl/diagnostic.h"

namespace alea {

NodeId GradientBuilder::spread(NodeId value, const Shape& shape) {
  if (graph.shape(value) == shape) return value;
  return make_broadcast(graph, value, shape, std::vector<int64_t>(shape.size(), -1));
}

void GradientBuilder::settle(Phase phase) {
  current = phase;
  settle();
}

void GradientBuilder::settle() {
  for (; settled < graph.size(); ++settled) {
    NodeId id{uint32_t(settled)};
    auto [phase, rate] = place_node(id);
    program.phase.add(phase);
    program.rate.add(rate);
  }
}

std::pair<Phase, Rate> GradientBuilder::place_node(NodeId id) {
  bool backward = current > Phase::final;
  Op o = graph.op(id);
  switch (o) {
    // Only `alive` and `steps taken` are made here.
    case Op::state: return {Phase::step, ending_varies ? rate_sample_time : rate_time};
    case Op::final_state: return {Phase::final, ending_varies ? rate_sample : rate_none};
    case Op::time: return {Phase::step, rate_time};
    case Op::adjoint:
    case Op::advantage: return {current, current == Phase::step_backward ? rate_sample_time : rate_sample};
    case Op::accumulated: return {current, current == Phase::finish ? rate_none : rate_sample};
    default: break;
  }
  uint8_t rate = rate_none;
  Phase latest = Phase::uniform;
  bool reads_backward = false, reads_step = false, reads_final = false;
  for (NodeId input : graph.inputs(id)) {
    rate |= program.rate[input];
    Phase at = program.phase[input];
    latest = std::max(latest, at);
    reads_backward |= at > Phase::final;
    reads_step |= at == Phase::step;
    reads_final |= at == Phase::final;
  }
  if (!backward) return {latest, Rate(rate)};
  if (reads_backward || (reads_step && current == Phase::step_backward)) return {current, Rate(rate)};
  // What depends on forward values alone and not on the step is computed where they are.
  if (reads_step) internal_error("a value of a step is read outside its step");
  if (reads_final) return {Phase::final, Rate(rate)};
  return {latest, Rate(rate)};
}

Rate GradientBuilder::rate_of(NodeId id) {
  settle();
  return program.rate[id];
}

NodeId GradientBuilder::discount_in(Phase region) {
  if (model.discount == 1 || region == Phase::init) return {};
  NodeId gamma = graph.constant(model.discount);
  if (region == Phase::step) return op(Op::pow, {gamma, time_leaf()});
  if (steps_taken) return op(Op::pow, {gamma, steps_taken});
  return op(Op::pow, {gamma, graph.constant(double(model.horizon))});
}

NodeId GradientBuilder::weighted(size_t c) {
  const GraphCost& cost = model.costs[c];
  NodeId value = cost.value;
  if (NodeId discount = discount_in(cost.region)) value = op(Op::mul, {discount, value});
  return cost.region == Phase::step ? guard(value) : value;
}

StateId GradientBuilder::add_state(std::string name, Type type, NodeId init) {
  StateId id = program.states.add({name, type, init, {}});
  return id;
}

void GradientBuilder::build_forward() {
  program.model = model.model;
  program.policy = model.policy;
  program.maximise = model.maximise;
  program.horizon = mdp ? model.horizon : 0;
  for (const GraphParam& param : model.params) program.params.add({param.name, param.type, {}, param.role, param.initial});
  for (const GraphInput& input : model.inputs) program.inputs.add({input.name, input.type});
  program.noises = model.noises;
  program.names = model.names;
  Placement placement = place(model);
  program.phase = std::move(placement.phase);
  program.rate = std::move(placement.rate);
  program.graph = std::move(model.graph);
  settled = graph.size();
  current = Phase::step;
  for (const GraphState& state : model.states) program.states.add({state.name, state.type, state.init, state.next});
  NodeId ends;
  for (const GraphTerminate& terminate : model.terminates) {
    NodeId condition = terminate.condition;
    ends = ends ? op(Op::logical_or, {ends, condition}) : condition;
  }
  if (ends) add_ending(ends);
  NodeId totals[3];
  for (size_t c = 0; c < model.costs.size(); ++c) {
    if (model.costs[c].control) continue;
    Phase region = model.costs[c].region;
    NodeId& total = totals[region == Phase::init ? 0 : region == Phase::step ? 1 : 2];
    NodeId value = make_sum_all(graph, model.costs[c].value);
    total = sum(total, value);
  }
  auto finish_total = [&](NodeId total, Phase region) -> NodeId {
    if (!total) return {};
    if (NodeId discount = discount_in(region)) total = op(Op::mul, {discount, total});
    return region == Phase::step ? guard(total) : total;
  };
  program.objective_init = finish_total(totals[0], Phase::init);
  program.objective_step = finish_total(totals[1], Phase::step);
  program.objective_final = finish_total(totals[2], Phase::final);
  settle();
}

void GradientBuilder::spread_states_over_samples() {
  for (uint32_t k = 0; k < graph.size(); ++k) {
    NodeId id{k};
    uint8_t rate = program.rate[id];
    if (graph.op(id) == Op::state || graph.op(id) == Op::final_state) rate |= rate_sample;
    for (NodeId input : graph.inputs(id)) rate |= program.rate[input];
    program.rate[id] = Rate(rate);
  }
}

void GradientBuilder::add_ending(NodeId ends) {
  ending_varies = rate_of(ends) & rate_sample;
  if (ending_varies) spread_states_over_samples();
  Type boolean{Scalar::boolean, 0, {}}, integer{Scalar::integer, 0, {}};
  NodeId yes = graph.constant(boolean, {1});
  size_t own_states = program.states.size();
  StateId alive_state = add_state("alive", boolean, yes);
  alive = graph.add(Op::state, boolean, {}, alive_state.index);
  program.states[alive_state].next = op(Op::logical_and, {alive, op(Op::logical_not, {ends})});
  program.alive = alive_state;
  StateId steps_state = add_state("steps taken", integer, graph.constant(integer, {0}));
  NodeId steps = graph.add(Op::state, integer, {}, steps_state.index);
  program.states[steps_state].next = op(Op::select, {alive, op(Op::add, {steps, graph.constant(integer, {1})}), steps});
  steps_taken = graph.add(Op::final_state, integer, {}, steps_state.index);
  for (uint32_t k = 0; k < own_states; ++k) {
    ProgramState& state = program.states[StateId{k}];
    state.next = op(Op::select, {alive, state.next, model.states[StateId{k}].leaf});
  }
}

}  // namespace alea
