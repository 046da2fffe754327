// In: a stochastic graph and the plan. Out: the gradient program. The surrogate
//   L = Σ costs + Σ_{w score} log p(w | parents) · stop(Q̂_w − b_w)
// is never written down: its adjoint is. Per region: seeds at the costs (own-step classes), at the next
// states (later classes) and at the log densities (advantages); then reverse mode through the region.
// Aliveness, where episodes may end, is a state like another; every carry and cost is selected by it.
#include "compiler/adjoint/gradient_program.h"

#include <algorithm>
#include <map>

#include "compiler/adjoint/downstream.h"
#include "compiler/adjoint/reverse.h"
#include "dsl/diagnostic.h"

namespace alea {
namespace {

struct Builder {
  StochasticGraph model;
  const Plan& plan;
  const GradientOptions& options;
  Program program;
  Graph& graph;
  size_t settled = 0;  // nodes below have a phase and a rate
  Phase current = Phase::uniform;
  NodeId alive;        // state leaf in step; null when episodes never end early
  NodeId steps_taken;  // final_state leaf; null likewise
  bool mdp;

  Builder(StochasticGraph m, const Plan& p, const GradientOptions& o)
      : model(std::move(m)), plan(p), options(o), graph(program.graph), mdp(model.is_mdp) {}

  NodeId op(Op o, std::initializer_list<NodeId> inputs, std::vector<int64_t> attributes = {}) {
    return make(graph, o, inputs, std::move(attributes));
  }
  NodeId zero() { return graph.constant(0); }
  NodeId sum(NodeId a, NodeId b) { return !a ? b : !b ? a : op(Op::add, {a, b}); }
  NodeId spread(NodeId value, const Shape& shape) {
    if (graph.shape(value) == shape) return value;
    return make_broadcast(graph, value, shape, std::vector<int64_t>(shape.size(), -1));
  }

  bool ending_varies = false;  // episodes of different samples end at different steps

  // --- phases and rates of the nodes made since the last call
  void settle(Phase phase) {
    current = phase;
    settle();
  }
  void settle() {
    for (; settled < graph.size(); ++settled) {
      NodeId id{uint32_t(settled)};
      auto [phase, rate] = place_node(id);
      program.phase.add(phase);
      program.rate.add(rate);
    }
  }
  std::pair<Phase, Rate> place_node(NodeId id) {
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
      case Op::sum_samples: return {current, current == Phase::step_backward ? rate_time : rate_none};
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
  Rate rate_of(NodeId id) {
    settle();
    return program.rate[id];
  }

  // --- the forward part
  size_t cost_bit(size_t c) const { return std::min<size_t>(c, max_costs - 1); }

  NodeId guard(NodeId value) { return alive ? op(Op::select, {alive, value, zero()}) : value; }

  // D_t = γ^t in a step, γ^T at the end; null when γ = 1.
  NodeId discount_in(Phase region) {
    if (model.discount == 1 || region == Phase::init) return {};
    NodeId gamma = graph.constant(model.discount);
    if (region == Phase::step) return op(Op::pow, {gamma, time_leaf()});
    if (steps_taken) return op(Op::pow, {gamma, steps_taken});
    return op(Op::pow, {gamma, graph.constant(double(model.horizon))});
  }
  NodeId time_leaf() { return graph.add(Op::time, Type{Scalar::integer, 0, {}}, {}); }

  // ρ: discounted, guarded, its elements kept.
  NodeId weighted(size_t c) {
    const GraphCost& cost = model.costs[c];
    NodeId value = cost.value;
    if (NodeId discount = discount_in(cost.region)) value = op(Op::mul, {discount, value});
    return cost.region == Phase::step ? guard(value) : value;
  }

  StateId add_state(std::string name, Type type, NodeId init) {
    StateId id = program.states.add({name, type, init, {}});
    return id;
  }

  void build_forward() {
    program.model = model.model;
    program.policy = model.policy;
    program.maximise = model.maximise;
    program.horizon = mdp ? model.horizon : 0;
    for (const GraphParam& param : model.params) program.params.add({param.name, param.type, {}});
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

  // A state that is frozen when its episode ends varies with the sample, whatever it is computed from.
  void spread_states_over_samples() {
    for (uint32_t k = 0; k < graph.size(); ++k) {
      NodeId id{k};
      uint8_t rate = program.rate[id];
      if (graph.op(id) == Op::state || graph.op(id) == Op::final_state) rate |= rate_sample;
      for (NodeId input : graph.inputs(id)) rate |= program.rate[input];
      program.rate[id] = Rate(rate);
    }
  }

  // m₀ = true, m' = m and not d; T counts the steps begun alive; every carry keeps its value once m is false.
  void add_ending(NodeId ends) {
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

  // --- classes and channels
  ClassSet all_classes() const { return ClassSet((1u << plan.classes.size()) - 1); }
  bool varies(NodeId node, ClassSet classes) const {
    if (node.index >= plan.depends.size()) return false;
    for (size_t k = 0; k < plan.classes.size(); ++k)
      if ((classes >> k & 1) && (plan.depends[node] & plan.classes[k].targets)) return true;
    return false;
  }
  static bool is_held(Estimator e) { return e == Estimator::score || e == Estimator::enumerate; }

  // The carried channel of a class: groups whose later classes hold the same draws share one.
  std::vector<int> channel;
  // Draws that some classes hold and others pass.
  std::vector<DrawId> split;
  NodeTable<uint64_t> above;  // split draws among a node's ancestors; the top bit: a state is one
  static constexpr uint64_t state_bit = uint64_t{1} << 63;

  void find_channels() {
    channel.assign(plan.classes.size(), 0);
    for (size_t k = 0; mdp && k < plan.classes.size(); ++k) {
      size_t later = k | 1;
      channel[k] = int(later);
      for (size_t other = 1; other < later; other += 2) {
        bool same = true;
        for (uint32_t d = 0; d < model.draws.size(); ++d) {
          Estimator a = plan.in_class(DrawId{d}, plan.classes[later]), b = plan.in_class(DrawId{d}, plan.classes[other]);
          same &= a == Estimator::none || b == Estimator::none || is_held(a) == is_held(b);
        }
        if (same) {
          channel[k] = int(other);
          break;
        }
      }
    }
    for (uint32_t d = 0; d < model.draws.size(); ++d) {
      bool holds = false, passes = false;
      for (const CostClass& c : plan.classes) {
        Estimator e = plan.in_class(DrawId{d}, c);
        holds |= is_held(e), passes |= e == Estimator::reparam;
      }
      if (holds && passes) split.push_back(DrawId{d});
    }
    above = NodeTable<uint64_t>(plan.depends.size(), 0);
    for (uint32_t k = 0; k < above.size(); ++k) {
      NodeId id{k};
      uint64_t bits = graph.op(id) == Op::state || graph.op(id) == Op::final_state ? state_bit : 0;
      for (NodeId input : graph.inputs(id)) bits |= above[input];
      for (size_t s = 0; s < split.size(); ++s)
        if (model.draws[split[s]].node == id) bits |= uint64_t{1} << std::min<size_t>(s, 62);
      above[id] = bits;
    }
  }

  bool mergeable(NodeId node, ClassSet a, ClassSet b) const {
    if (node.index >= above.size()) return false;
    uint64_t bits = above[node];
    ClassSet both = a | b;
    for (size_t s = 0; s < split.size(); ++s) {
      if (!(bits >> std::min<size_t>(s, 62) & 1)) continue;
      if (s >= 62) return false;
      bool holds = false, passes = false;
      for (size_t k = 0; k < plan.classes.size(); ++k) {
        if (!(both >> k & 1)) continue;
        Estimator e = plan.in_class(split[s], plan.classes[k]);
        holds |= is_held(e), passes |= !is_held(e);
      }
      if (holds && passes) return false;
    }
    if (bits & state_bit) {
      int first = -1;
      for (size_t k = 0; k < plan.classes.size(); ++k) {
        if (!(both >> k & 1)) continue;
        if (first >= 0 && channel[k] != first) return false;
        first = channel[k];
      }
    }
    return true;
  }

  // --- accumulators and carries
  std::map<uint32_t, AccumulatorId> accumulator_of;
  void accumulate(NodeId target, Phase phase, NodeId value, NodeId index) {
    auto [at, fresh] = accumulator_of.try_emplace(target.index);
    if (fresh) {
      Type type = graph.type(target);
      type.scalar = Scalar::real;
      at->second = program.accumulators.add({target, type, {}});
    }
    program.accumulators[at->second].contributions.push_back({phase, value, index});
  }

  struct CarryKey {
    uint32_t state;
    int channel;
    auto operator<=>(const CarryKey&) const = default;
  };
  std::map<CarryKey, AdjointCarryId> carry_of;

  Targets channel_targets(int c) const {
    Targets targets = 0;
    for (size_t k = 0; k < plan.classes.size(); ++k)
      if (plan.classes[k].later && channel[k] == c) targets |= plan.classes[k].targets;
    return targets;
  }
  ClassSet channel_classes(int c) const {
    ClassSet classes = 0;
    for (size_t k = 0; k < plan.classes.size(); ++k)
      if (plan.classes[k].later && channel[k] == c) classes |= ClassSet(1u << k);
    return classes;
  }

  void make_carries() {
    for (uint32_t s = 0; s < model.states.size(); ++s) {
      const GraphState& state = model.states[StateId{s}];
      Scalar scalar = graph.type(state.leaf).scalar;
      if (scalar != Scalar::real) continue;
      for (size_t c = 1; c < plan.classes.size(); c += 2) {
        if (channel[c] != int(c)) continue;
        Targets targets = channel_targets(int(c));
        bool moved = (plan.depends[state.init] | plan.depends[state.next]) & targets;
        Targets seen = plan.reaches[state.leaf] | (state.final_leaf ? plan.reaches[state.final_leaf] : 0);
        if (!moved || !(seen & (targets | targets >> 1))) continue;
        carry_of[{s, int(c)}] = program.carries.add({StateId{s}, state.type, {}, {}});
      }
    }
  }
  // One leaf per carry and phase: the graph does not share them.
  std::map<std::pair<uint32_t, Phase>, NodeId> carry_leaves;
  NodeId carry_leaf(AdjointCarryId id) {
    NodeId& leaf = carry_leaves[{id.index, current}];
    if (!leaf) leaf = graph.add(Op::adjoint, program.carries[id].type, {}, id.index);
    return leaf;
  }

  // --- score terms
  // What a draw's elements reach of some costs, for credit: scalar, or the draw's batch shape.
  NodeId own_costs(const GraphDraw& draw, Targets targets) {
    NodeId scalar, elements;
    bool single = element_count(draw.batch) == 1;
    NodeTable<Downstream> downstream;
    if (!single) downstream = find_downstream_in_program(draw);
    for (size_t c = 0; c < model.costs.size(); ++c) {
      const GraphCost& cost = model.costs[c];
      if (cost.region != draw.region || !(targets & own_target(cost_bit(c)))) continue;
      NodeId value = weighted(c);
      if (single) {
        scalar = sum(scalar, make_sum_all(graph, value));
        continue;
      }
      const Downstream& relation = downstream[cost.value];
      if (!relation.depends) continue;
      if (relation.aligned) {
        elements = sum(elements, value);
        continue;
      }
      if (draw.forked && cost.forked) {
        // Row k of the cost alone: the rows share their noise, so the others are no mere noise to it.
        while (graph.shape(value).size() > 1) value = op(Op::reduce_sum, {value}, {1});
        std::vector<int64_t> map(draw.batch.size(), -1);
        map[0] = 0;
        elements = sum(elements, map.size() == 1 ? value : make_broadcast(graph, value, draw.batch, map));
        continue;
      }
      NodeId total = make_sum_all(graph, value);
      if (std::find(relation.elements.begin(), relation.elements.end(), false) == relation.elements.end()) {
        scalar = sum(scalar, total);
        continue;
      }
      std::vector<double> mask(relation.elements.begin(), relation.elements.end());
      NodeId reached = graph.constant(Type{Scalar::boolean, 0, draw.batch}, mask);
      elements = sum(elements, op(Op::select, {reached, total, zero()}));
    }
    if (!elements) return scalar;
    return scalar ? op(Op::add, {elements, scalar}) : elements;
  }

  NodeTable<Downstream> find_downstream_in_program(const GraphDraw& draw) {
    // The model's graph moved into the program; the walk needs nothing else of the model.
    std::swap(model.graph, program.graph);
    NodeTable<Downstream> result = find_downstream(model, draw);
    std::swap(model.graph, program.graph);
    return result;
  }

  NodeId later_costs(Targets targets, Phase region) {
    NodeId total;
    for (size_t c = 0; c < model.costs.size(); ++c) {
      if (model.costs[c].region != region || !(targets & later_target(cost_bit(c)))) continue;
      total = sum(total, make_sum_all(graph, weighted(c)));
    }
    return total;
  }

  std::string cost_list(Targets targets) const {
    std::string text;
    for (size_t c = 0; c < model.costs.size(); ++c) {
      bool own = targets & own_target(cost_bit(c)), later = targets & later_target(cost_bit(c));
      if (!own && !later) continue;
      std::string word = model.costs[c].region == Phase::final ? "final" : model.maximise ? "reward" : "cost";
      if (model.costs.size() > 1 && model.costs[c].region != Phase::final) word += " " + std::to_string(c + 1);
      text += (text.empty() ? "" : ", ") + word;
      if (mdp && model.costs[c].region == Phase::step)
        text += own && later ? " from this step on" : own ? " of this step" : " of later steps";
    }
    return text;
  }

  void add_scores(Phase region, Phase backward, std::vector<RegionSeed>& seeds) {
    for (uint32_t d = 0; d < model.draws.size(); ++d) {
      const GraphDraw draw = model.draws[DrawId{d}];
      if (draw.region != region) continue;
      // Classes that score the draw, joined where nothing above the log density tells them apart.
      std::vector<ClassSet> joined;
      for (size_t k = 0; k < plan.classes.size(); ++k) {
        if (plan.in_class(DrawId{d}, plan.classes[k]) != Estimator::score) continue;
        ClassSet one = ClassSet(1u << k);
        auto home =
            std::find_if(joined.begin(), joined.end(), [&](ClassSet other) { return mergeable(draw.log_density, other, one); });
        if (home == joined.end()) joined.push_back(one);
        else *home |= one;
      }
      for (ClassSet classes : joined) {
        Targets targets = 0;
        for (size_t k = 0; k < plan.classes.size(); ++k)
          if (classes >> k & 1) targets |= plan.classes[k].targets;
        targets &= plan.choices[DrawId{d}].score & plan.choices[DrawId{d}].active;
        settle(region);
        ProgramAdvantage advantage;
        advantage.name = draw.name;
        advantage.phase = region;
        advantage.type = Type{Scalar::real, 0, draw.batch};
        advantage.own = own_costs(draw, targets);
        if (advantage.own) advantage.own = spread(advantage.own, draw.batch);
        if (mdp) {
          advantage.later = later_costs(targets, Phase::step);
          advantage.later_final = later_costs(targets, Phase::final);
        }
        settle();
        if (!advantage.own && !advantage.later && !advantage.later_final) continue;
        advantage.baseline = draw.baseline == "none" || draw.baseline == "value" ? Baseline::none : Baseline::leave_one_out;
        advantage.value_baseline = draw.baseline == "value" ? draw.baseline_value : NodeId{};
        advantage.note = "downstream: " + cost_list(targets);
        AdvantageId id = program.advantages.add(advantage);
        current = backward;
        NodeId leaf = graph.add(Op::advantage, advantage.type, {}, id.index, graph[draw.node].span);
        NodeId seed = region == Phase::step ? guard_backward(leaf) : leaf;
        settle();
        if (options.drop_score_paths) drop_path(draw, classes, seed, backward);
        else seeds.push_back({draw.log_density, {classes, seed}});
      }
    }
  }

  // The deliberate mistake: a score term differentiated in the params alone, earlier states held.
  bool states_held = false;
  std::vector<std::pair<NodeId, Flowing>> dropped;
  void drop_path(const GraphDraw& draw, ClassSet classes, NodeId seed, Phase) {
    dropped.push_back({draw.log_density, {classes, seed}});
  }

  // In the reversed sweep a sample is alive at t exactly when t < T: nothing need be saved for it.
  NodeId alive_backward;
  NodeId guard_backward(NodeId value) { return alive_backward ? op(Op::select, {alive_backward, value, zero()}) : value; }

  // --- the sweeps
  RegionRules rules_for(Phase forward, Phase backward, std::map<CarryKey, NodeId>* state_adjoints) {
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

  void sweep(Phase forward, Phase backward, std::vector<RegionSeed> seeds, std::map<CarryKey, NodeId>* state_adjoints) {
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

  // Seeds of the costs of one region, own-step classes (or, for final, later ones).
  void seed_costs(Phase region, std::vector<RegionSeed>& seeds) {
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

  // The adjoint of something that leaves init or a step towards states.
  void build_backward() {
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

  void seed_state(NodeId node, int of_channel, NodeId adjoint, std::vector<RegionSeed>& seeds) {
    settle();
    seeds.push_back({node, {channel_classes(of_channel), adjoint}});
  }

  void build_step_backward() {
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

  // The pull-back through the uniform phase, once per group: linear in the sums over its samples.
  void build_finish() {
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
    for (auto& [param, node] : gradient) program.params[ParamId{param}].gradient = node;
  }
};

}  // namespace

Program build_gradient_program(StochasticGraph model, const Plan& plan, const GradientOptions& options) {
  Builder builder(std::move(model), plan, options);
  builder.build_forward();
  if (options.gradient) builder.build_backward();
  verify_program(builder.program);
  return std::move(builder.program);
}

}  // namespace alea
