// What a held draw is credited with: the costs that it leads to, per element, less a baseline, on its log
// density (or, for draws that fork, on what stands for it).
#include <algorithm>

#include "compiler/adjoint/gradient_builder.h"
#include "dsl/diagnostic.h"

namespace alea {

const Fork* GradientBuilder::fork_of(DrawId id) const {
  for (const Fork& fork : forks)
    if (fork.draw == id) return &fork;
  return nullptr;
}

// [elements, the cost's axes] to the draw's batch: row e counts for element e alone, of what that element reaches.
NodeId GradientBuilder::element_cost(const GraphDraw& draw, const Downstream& relation, NodeId rows, bool by_outcome) {
  const Shape own(draw.batch.begin() + (by_outcome ? 1 : 0), draw.batch.end());
  const int64_t elements = element_count(own);
  const int64_t outcomes = by_outcome ? draw.batch[0] : 1;
  if (relation.aligned) {
    // The cost's element e of row e; what the others come to is the same in every row.
    std::vector<double> mask;
    for (int64_t e = 0; e < elements; ++e)
      for (int64_t j = 0; j < outcomes; ++j)
        for (int64_t k = 0; k < elements; ++k) mask.push_back(k == e ? 1 : 0);
    rows = op(Op::select, {graph.constant(Type{Scalar::boolean, 0, graph.shape(rows)}, mask), rows, zero()});
  }
  const size_t kept = by_outcome ? 2 : 1;
  while (graph.shape(rows).size() > kept) rows = op(Op::reduce_sum, {rows}, {int64_t(kept)});
  if (by_outcome) rows = op(Op::transpose, {rows}, {1, 0});
  rows = make_reshape(graph, rows, draw.batch);
  return relation.aligned ? rows : where_reached(rows, relation, draw);
}

// 0 for the elements of the draw that do not reach the cost: a fork's rows and what they are compared with must agree on them.
NodeId GradientBuilder::where_reached(NodeId cost, const Downstream& relation, const GraphDraw& draw) {
  const std::vector<double> mask(relation.elements.begin(), relation.elements.end());
  if (std::ranges::find(mask, 0.0) == mask.end()) return cost;
  return op(Op::select, {graph.constant(Type{Scalar::boolean, 0, draw.batch}, mask), cost, zero()});
}

// The costs of a region that share a bit.
NodeId GradientBuilder::costs_of_bit(size_t bit, Phase region) {
  const auto [place, is_new] = cost_sums.try_emplace({region, bit});
  if (!is_new) return place->second;
  NodeId total;
  for (size_t c = model.costs.size(); c-- > 0;)
    if (!model.costs[c].control && model.costs[c].region == region && cost_bit(c) == bit)
      total = sum(total, make_sum_all(graph, weighted(c)));
  return place->second = total;
}

// The last costs first: draws that reach all costs from some one on share their sums.
NodeId GradientBuilder::sum_of_costs(Targets targets, Targets (*target)(size_t), Phase region) {
  NodeId total;
  for (size_t bit = max_costs; bit-- > 0;)
    if (targets & target(bit)) total = sum(total, costs_of_bit(bit, region));
  return total;
}

NodeId GradientBuilder::own_costs(const GraphDraw& draw, Targets targets, const Row* row) {
  NodeId scalar, elements;
  bool single = element_count(draw.batch) == 1;
  if (single && !row) return sum_of_costs(targets, own_target, draw.region);
  NodeTable<Downstream> downstream;
  if (!single) downstream = find_downstream_in_program(draw);
  for (size_t c = model.costs.size(); c-- > 0;) {
    const GraphCost& cost = model.costs[c];
    if (cost.control || cost.region != draw.region || !(targets & own_target(cost_bit(c)))) continue;
    NodeId value = row ? row->costs[c] : weighted(c);
    if (!value) continue;
    if (single) {
      scalar = sum(scalar, make_sum_all(graph, value));
      continue;
    }
    const Downstream& relation = downstream[cost.value];
    if (!relation.depends) continue;
    bool by_outcome = draw.forked && cost.forked;
    if (row && row->per_element) {
      elements = sum(elements, element_cost(draw, relation, value, by_outcome));
      continue;
    }
    if (relation.aligned) {
      elements = sum(elements, value);
      continue;
    }
    if (by_outcome) {
      // Row k of the cost alone: the rows share their noise, so the others are no mere noise to it.
      while (graph.shape(value).size() > 1) value = op(Op::reduce_sum, {value}, {1});
      std::vector<int64_t> map(draw.batch.size(), -1);
      map[0] = 0;
      const NodeId own = map.size() == 1 ? value : make_broadcast(graph, value, draw.batch, map);
      elements = sum(elements, where_reached(own, relation, draw));
      continue;
    }
    NodeId total = make_sum_all(graph, value);
    if (std::ranges::find(relation.elements, false) == relation.elements.end()) scalar = sum(scalar, total);
    else elements = sum(elements, where_reached(total, relation, draw));
  }
  if (!elements) return scalar;
  return scalar ? op(Op::add, {elements, scalar}) : elements;
}

NodeTable<Downstream> GradientBuilder::find_downstream_in_program(const GraphDraw& draw) {
  // The model's graph moved into the program; the walk needs nothing else of the model.
  std::swap(model.graph, program.graph);
  NodeTable<Downstream> result = find_downstream(model, draw);
  std::swap(model.graph, program.graph);
  return result;
}

std::string GradientBuilder::cost_list(Targets targets) const {
  constexpr int most_named = 6;
  const bool several = std::ranges::count(model.costs, false, &GraphCost::control) > 1;
  std::string text;
  int named = 0, more = 0;
  for (size_t c = 0; c < model.costs.size(); ++c) {
    bool own = targets & own_target(cost_bit(c)), later = targets & later_target(cost_bit(c));
    if (model.costs[c].control || (!own && !later)) continue;
    if (named == most_named) {
      ++more;
      continue;
    }
    ++named;
    const bool final = model.costs[c].region == Phase::final;
    std::string word = final ? "final" : model.maximise ? "reward" : "cost";
    if (several && !final) word += " " + std::to_string(c + 1);
    text += (text.empty() ? "" : ", ") + word;
    if (mdp && model.costs[c].region == Phase::step)
      text += own && later ? " from this step on" : own ? " of this step" : " of later steps";
  }
  return more == 0 ? text : text + " and " + std::to_string(more) + " more";
}

namespace {

// What is added to the gradient, as a formula: Q is the value of the downstream costs.
std::string formula(Estimator credit, const std::string& psi, const std::string& law) {
  const auto times = [&](const std::string& weight) { return weight + " * grad " + psi + " of " + law; };
  switch (credit) {
    case Estimator::measure_valued: return times("measure valued: sum of constant * (Q at plus - Q at minus)");
    case Estimator::disarm: return times("DisARM: 1/2 (Q - Q at twin) (b - twin) sigmoid(|logits|)");
    case Estimator::rebar: return times("REBAR: (Q - weight * Q at the relaxed sample given b)");
    case Estimator::score:
    case Estimator::none:
    case Estimator::reparam:
    case Estimator::enumerate: return times("score: (Q - baseline)");
  }
  return {};
}

// Which baseline, in words.
std::string baseline_text(const GraphDraw& draw) {
  if (draw.baseline == "none") return "none";
  if (draw.baseline == "value") return "its value(...)";
  if (draw.baseline == "running") return "its running mean";
  return "mean of Q over the group's others";
}

}  // namespace

void GradientBuilder::add_scores(Phase region, Phase backward, std::vector<RegionSeed>& seeds) {
  for (uint32_t d = 0; d < model.draws.size(); ++d) {
    const GraphDraw& draw = model.draws[DrawId{d}];
    if (draw.region != region) continue;
    const Fork* fork = fork_of(DrawId{d});
    const auto joinable = [&](ClassSet a, ClassSet b) {
      if (!fork) return mergeable(draw.log_density, a, b);
      return std::ranges::all_of(fork->terms, [&](const ForkTerm& term) { return mergeable(term.psi, a, b); });
    };
    // Classes that score the draw, joined where nothing above the log density tells them apart.
    std::vector<ClassSet> joined;
    for (size_t k = 0; k < plan.classes.size(); ++k) {
      Estimator estimator = plan.in_class(DrawId{d}, plan.classes[k]);
      if (!is_held(estimator) || estimator == Estimator::enumerate) continue;
      ClassSet one = ClassSet(1u << k);
      auto home = std::ranges::find_if(joined, [&](ClassSet other) { return joinable(other, one); });
      if (home == joined.end()) joined.push_back(one);
      else *home |= one;
    }
    for (ClassSet classes : joined) add_score(DrawId{d}, classes, backward, seeds);
  }
}

void GradientBuilder::add_score(DrawId id, ClassSet classes, Phase backward, std::vector<RegionSeed>& seeds) {
  const GraphDraw draw = model.draws[id];
  Targets targets = 0;
  for (size_t k = 0; k < plan.classes.size(); ++k)
    if (classes >> k & 1) targets |= plan.classes[k].targets;
  targets &= plan.choices[id].score & plan.choices[id].active;
  settle(draw.region);
  if (const Fork* fork = fork_of(id)) {
    add_fork_terms(*fork, classes, targets, seeds);
    return;
  }
  ProgramAdvantage advantage;
  advantage.name = draw.name;
  advantage.phase = draw.region;
  advantage.type = Type{Scalar::real, 0, draw.batch};
  advantage.own = own_costs(draw, targets);
  if (mdp) {
    advantage.later = sum_of_costs(targets, later_target, Phase::step);
    advantage.later_final = sum_of_costs(targets, later_target, Phase::final);
  }
  // Where no cost tells the elements of the draw apart, one advantage does for all of them.
  const auto is_one = [&](NodeId part) { return !part || graph.shape(part).empty(); };
  const bool for_all = draw.baseline != "value" && draw.baseline != "running" && is_one(advantage.own) &&
                       is_one(advantage.later) && is_one(advantage.later_final);
  if (for_all) advantage.type.shape.clear();
  else if (advantage.own) advantage.own = spread(advantage.own, draw.batch);
  settle();
  if (!advantage.own && !advantage.later && !advantage.later_final) return;
  const bool alone = draw.baseline == "none" || draw.baseline == "value" || draw.baseline == "running";
  advantage.baseline = alone ? Baseline::none : Baseline::leave_one_out;
  ParamId baseline;
  if (draw.baseline == "value") advantage.value_baseline = draw.baseline_value;
  if (draw.baseline == "running") advantage.value_baseline = read_running_baseline(draw, baseline);
  advantage.note = formula(Estimator::score, "log density", draw.law) + "; downstream: " + cost_list(targets) +
                   "; baseline: " + baseline_text(draw);
  const NodeId leaf = credit(std::move(advantage), draw, draw.log_density, classes, backward, seeds);
  if (baseline) follow_running_baseline(baseline, leaf, backward);
}

NodeId GradientBuilder::read_running_baseline(const GraphDraw& draw, ParamId& id) {
  const bool per_step = draw.region == Phase::step;
  Type type{Scalar::real, 0, draw.batch};
  if (per_step) type.shape.insert(type.shape.begin(), program.horizon);
  const std::string name = draw.name + ".baseline" + (running.empty() ? "" : std::to_string(running.size() + 1));
  id = program.params.add({name, type, {}, AdaptedRole::baseline, 0});
  const NodeId values = graph.add(Op::param, type, {}, id.index);
  NodeId value = per_step ? op(Op::gather, {values, time_leaf()}, {0}) : values;
  settle();
  return value;
}

// Its gradient is the mean of Q less itself over the samples, those whose episode has ended with 0: how far a group's steps go
// with others then changes nothing.
void GradientBuilder::follow_running_baseline(ParamId id, NodeId advantage, Phase backward) {
  const Type type = program.params[id].type;
  const NodeId values = graph.add(Op::param, type, {}, id.index);
  const bool per_step = backward == Phase::step_backward;
  const AccumulatorId sum = program.accumulators.add({values, type, {{backward, advantage, per_step ? time_leaf() : NodeId{}}}});
  running.push_back({id, sum});
}

void GradientBuilder::add_fork_terms(const Fork& fork, ClassSet classes, Targets targets, std::vector<RegionSeed>& seeds) {
  const GraphDraw draw = model.draws[fork.draw];
  const auto weigh = [&](NodeId weight, const Row* row) -> NodeId {
    if (!weight) return {};
    NodeId costs = own_costs(draw, targets, row);
    return costs ? op(Op::mul, {weight, spread(costs, draw.batch)}) : NodeId{};
  };
  for (const ForkTerm& term : fork.terms) {
    settle(draw.region);
    ProgramAdvantage advantage;
    advantage.name = draw.name;
    advantage.phase = draw.region;
    advantage.type = Type{Scalar::real, 0, draw.batch};
    // The draw's own costs, of those that the rows have: many costs share one bit of the targets.
    std::vector<NodeId> own_values;
    for (size_t c = 0; c < model.costs.size(); ++c) own_values.push_back(fork.costs[0][c] ? weighted(c) : NodeId{});
    const Row own{own_values, false};
    advantage.own = weigh(term.weight, &own);
    for (size_t r = 0; r < term.row_weights.size(); ++r) {
      const Row row{fork.costs[r], fork.per_element};
      advantage.own = sum(advantage.own, weigh(term.row_weights[r], &row));
    }
    settle();
    if (!advantage.own) continue;
    advantage.baseline = fork.leave_one_out ? Baseline::leave_one_out : Baseline::none;
    advantage.note = formula(plan.choices[fork.draw].credit, term.name, draw.law) + "; downstream: " + cost_list(targets);
    if (fork.leave_one_out) advantage.note += "; baseline: mean over the group's others";
    credit(std::move(advantage), draw, term.psi, classes, Phase::init_backward, seeds);
  }
}

NodeId GradientBuilder::credit(ProgramAdvantage advantage, const GraphDraw& draw, NodeId psi, ClassSet classes, Phase backward,
                               std::vector<RegionSeed>& seeds) {
  const Type type = advantage.type;
  const Phase region = advantage.phase;
  const AdvantageId id = program.advantages.add(std::move(advantage));
  current = backward;
  NodeId leaf = graph.add(Op::advantage, type, {}, id.index, graph[draw.node].span);
  const NodeId counted = region == Phase::step ? guard_backward(leaf) : leaf;
  settle();
  const NodeId seed = spread(counted, draw.batch);
  settle();
  if (options.drop_score_paths) drop_path(draw, classes, seed, backward);
  else seeds.push_back({psi, {classes, seed}});
  return counted;
}

void GradientBuilder::drop_path(const GraphDraw& draw, ClassSet classes, NodeId seed, Phase) {
  dropped.push_back({draw.log_density, {classes, seed}});
}

}  // namespace alea
