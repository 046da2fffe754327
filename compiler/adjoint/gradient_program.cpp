// In: a stochastic graph and the plan. Out: the gradient program. The surrogate
//   L = Σ costs + Σ_{w score} log p(w | parents) · stop(Q̂_w − b_w)
// is never written down: its adjoint is. Per region: seeds at the costs (own-step classes), at the next
// states (later classes) and at the log densities (advantages); then reverse mode through the region.
// Aliveness, where episodes may end, is a state like another; every carry and cost is selected by it.
#include "compiler/adjoint/gradient_program.h"

#include "compiler/adjoint/gradient_builder.h"
#include "compiler/pass/close_loops.h"
#include "dsl/diagnostic.h"

namespace alea {

RegionRules GradientBuilder::rules_for(Phase forward, Phase backward, std::map<CarryKey, NodeId>* state_adjoints) {
  RegionRules rules;
  rules.inside = [this, forward](NodeId id) {
    Op o = graph.op(id);
    return program.phase[id] == forward && o != Op::state && o != Op::final_state && o != Op::param;
  };
  rules.varies = [this](NodeId id, ClassSet classes) { return varies(id, classes) && graph.type(id).scalar == Scalar::real; };
  rules.mergeable = [this](NodeId id, ClassSet a, ClassSet b) { return mergeable(id, a, b); };
  rules.rate = [this](NodeId id) { return rate_of(id); };
  rules.leave = [this, backward, state_adjoints](NodeId target, ClassSet classes, NodeId value, NodeId index) {
    Op o = graph.op(target);
    if (o == Op::state || o == Op::final_state) {
      if (states_held) return;
      for (size_t k = 0; k < plan.classes.size(); ++k) {
        if (!(classes >> k & 1)) continue;
        CarryKey key{graph[target].payload, channel[k]};
        if (!carry_of.count(key)) return;
        NodeId& total = (*state_adjoints)[key];
        total = sum(total, value);
        return;  // all classes of one flow share the channel: mergeable() saw to it
      }
      return;
    }
    settle();
    accumulate(target, backward, value, index);
  };
  if (forward == Phase::step && alive_backward) rules.guard = {{alive_backward, true}};
  return rules;
}

void GradientBuilder::sweep(Phase forward, Phase backward, std::vector<RegionSeed> seeds,
                            std::map<CarryKey, NodeId>* state_adjoints) {
  RegionRules rules = rules_for(forward, backward, state_adjoints);
  reverse_region(graph, rules, seeds);
  settle();
  if (!dropped.empty()) {
    std::vector<RegionSeed> held;
    for (auto& [node, flowing] : dropped) held.push_back({node, flowing});
    dropped.clear();
    states_held = true;
    reverse_region(graph, rules, held);
    states_held = false;
    settle();
  }
}

void GradientBuilder::seed_costs(Phase region, std::vector<RegionSeed>& seeds) {
  for (size_t c = 0; c < model.costs.size(); ++c) {
    const GraphCost& cost = model.costs[c];
    if (cost.region != region) continue;
    Targets target = region == Phase::final ? later_target(cost_bit(c)) : own_target(cost_bit(c));
    ClassSet classes = 0;
    for (size_t k = 0; k < plan.classes.size(); ++k)
      if (plan.classes[k].targets & target) classes |= ClassSet(1u << k);
    if (!classes || !varies(cost.value, classes)) continue;
    NodeId weight = discount_in(region);
    if (!weight) weight = graph.constant(1);
    if (region == Phase::step) weight = guard_backward(weight);
    NodeId seed = spread(weight, graph.shape(cost.value));
    settle();
    seeds.push_back({cost.value, {classes, seed}});
  }
}

void GradientBuilder::build_backward() {
  find_channels();
  make_carries();
  // final
  settle(Phase::final_backward);
  std::map<CarryKey, NodeId> at_end;
  if (mdp) {
    std::vector<RegionSeed> seeds;
    seed_costs(Phase::final, seeds);
    sweep(Phase::final, Phase::final_backward, seeds, &at_end);
  }
  for (auto& [key, id] : carry_of) {
    NodeId value = at_end.count(key) ? at_end[key] : NodeId{};
    program.carries[id].final_value = value ? value : make_zeros(graph, program.carries[id].type.shape);
    settle();
  }
  // step
  if (mdp) build_step_backward();
  // init
  settle(Phase::init_backward);
  std::vector<RegionSeed> seeds;
  if (!mdp) seed_costs(Phase::init, seeds);
  for (auto& [key, id] : carry_of) {
    NodeId init = model.states[StateId{key.state}].init;
    if (varies(init, channel_classes(key.channel))) seed_state(init, key.channel, carry_leaf(id), seeds);
  }
  for (auto& [target, id] : accumulator_of) {
    if (program.phase[NodeId{target}] != Phase::init) continue;
    seeds.push_back({NodeId{target}, {all_classes(), graph.add(Op::accumulated, program.accumulators[id].type, {}, id.index)}});
  }
  settle();
  add_scores(Phase::init, Phase::init_backward, seeds);
  settle(Phase::init_backward);
  sweep(Phase::init, Phase::init_backward, seeds, nullptr);
  build_finish();
  program.has_gradient = true;
}

void GradientBuilder::seed_state(NodeId node, int of_channel, NodeId adjoint, std::vector<RegionSeed>& seeds) {
  settle();
  seeds.push_back({node, {channel_classes(of_channel), adjoint}});
}

void GradientBuilder::build_step_backward() {
  settle(Phase::step_backward);
  if (alive) alive_backward = op(Op::less, {time_leaf(), steps_taken});
  settle();
  std::vector<RegionSeed> seeds;
  std::map<CarryKey, NodeId> adjoints;
  seed_costs(Phase::step, seeds);
  for (auto& [key, id] : carry_of) {
    const GraphState& state = model.states[StateId{key.state}];
    if (state.next == state.leaf) {
      adjoints[key] = guard_backward(carry_leaf(id));  // it keeps its value
      settle();
      continue;
    }
    if (varies(state.next, channel_classes(key.channel)))
      seed_state(state.next, key.channel, guard_backward(carry_leaf(id)), seeds);
  }
  add_scores(Phase::step, Phase::step_backward, seeds);
  settle(Phase::step_backward);
  sweep(Phase::step, Phase::step_backward, seeds, &adjoints);
  for (auto& [key, id] : carry_of) {
    NodeId value = adjoints.count(key) ? adjoints[key] : make_zeros(graph, program.carries[id].type.shape);
    if (alive_backward) value = op(Op::select, {alive_backward, value, carry_leaf(id)});
    program.carries[id].step_value = value;
    settle();
  }
}

void GradientBuilder::build_finish() {
  settle(Phase::finish);
  std::vector<RegionSeed> seeds;
  std::map<uint32_t, NodeId> gradient;  // by param node
  for (auto& [target, id] : accumulator_of) {
    if (program.phase[NodeId{target}] != Phase::uniform) continue;
    NodeId leaf = graph.add(Op::accumulated, program.accumulators[id].type, {}, id.index);
    seeds.push_back({NodeId{target}, {all_classes(), leaf}});
  }
  settle();
  RegionRules rules = rules_for(Phase::uniform, Phase::finish, nullptr);
  rules.mergeable = [](NodeId, ClassSet, ClassSet) { return true; };
  rules.leave = [&](NodeId target, ClassSet, NodeId value, NodeId) {
    if (graph.op(target) != Op::param) internal_error("the uniform pull-back left the uniform phase");
    NodeId& total = gradient[graph[target].payload];
    total = sum(total, value);
  };
  reverse_region(graph, rules, seeds);
  settle();
  for (const RunningBaseline& baseline : running) {
    const Type& type = program.params[baseline.param].type;
    program.params[baseline.param].gradient = graph.add(Op::accumulated, type, {}, baseline.sum.index);
  }
  settle();
  for (auto& [param, node] : gradient) program.params[ParamId{param}].gradient = node;
}

Program build_gradient_program(StochasticGraph model, const Plan& plan, const std::vector<Fork>& forks,
                               const GradientOptions& options) {
  GradientBuilder builder(std::move(model), plan, forks, options);
  builder.build_forward();
  if (options.gradient) builder.build_backward();
  Program program = close_loops(std::move(builder.program));
  verify_program(program);
  return program;
}

}  // namespace alea
