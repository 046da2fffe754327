// In: a stochastic graph. Out: the plan. Every active target of every draw is in exactly one of reparam,
// score, enumerate; targets of one class never disagree at a draw that both are active at.
#include "compiler/estimator/choose.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/estimator/explain.h"
#include "compiler/estimator/push.h"
#include "compiler/estimator/relax.h"
#include "compiler/estimator/requests.h"

namespace alea {

std::string_view name(Estimator estimator) {
  switch (estimator) {
    case Estimator::none: return "none";
    case Estimator::reparam: return "reparam";
    case Estimator::score: return "score";
    case Estimator::enumerate: return "enumerate";
    case Estimator::measure_valued: return "measure_valued";
    case Estimator::disarm: return "disarm";
    case Estimator::rebar: return "rebar";
  }
  internal_error("no such estimator");
}

bool is_held(Estimator estimator) {
  switch (estimator) {
    case Estimator::none:
    case Estimator::reparam: return false;
    case Estimator::score:
    case Estimator::enumerate:
    case Estimator::measure_valued:
    case Estimator::disarm:
    case Estimator::rebar: return true;
  }
  internal_error("no such estimator");
}

Estimator credit_of(AskedEstimator asked) {
  switch (asked) {
    case AskedEstimator::score: return Estimator::score;
    case AskedEstimator::measure_valued: return Estimator::measure_valued;
    case AskedEstimator::disarm: return Estimator::disarm;
    case AskedEstimator::rebar: return Estimator::rebar;
    case AskedEstimator::automatic:
    case AskedEstimator::reparam:
    case AskedEstimator::implicit:
    case AskedEstimator::enumerate:
    case AskedEstimator::gumbel:
    case AskedEstimator::straight_through: break;
  }
  internal_error(fmt::format("`{}` credits nothing", text(asked)));
}

bool reads_density(Estimator estimator) {
  switch (estimator) {
    case Estimator::score:
    case Estimator::enumerate:
    case Estimator::rebar: return true;
    case Estimator::none:
    case Estimator::reparam:
    case Estimator::measure_valued:
    case Estimator::disarm: return false;
  }
  internal_error("no such estimator");
}

Estimator Plan::in_class(DrawId id, const CostClass& cost_class) const {
  const Choice& choice = choices[id];
  Targets here = cost_class.targets & choice.active;
  if (here & choice.enumerate) return Estimator::enumerate;
  if (here & choice.score) return choice.credit;
  if (here & choice.reparam) return Estimator::reparam;
  return Estimator::none;
}

// Which targets each node varies for: forward through deterministic and reparam nodes, round the states.
void find_active(const StochasticGraph& model, Plan& plan) {
  const Graph& graph = model.graph;
  NodeTable<DrawId> draw_of(graph.size());
  for (uint32_t k = 0; k < model.draws.size(); ++k) draw_of[model.draws[DrawId{k}].node] = DrawId{k};
  plan.depends = NodeTable<Targets>(graph.size(), 0);
  for (bool changed = true; changed;) {
    changed = false;
    for (uint32_t k = 0; k < graph.size(); ++k) {
      NodeId id{k};
      Op op = graph.op(id);
      if (op == Op::state || op == Op::final_state) continue;
      Targets varies = op == Op::param ? ~Targets{0} : 0;
      if (op != Op::stop && op != Op::detach) {
        for (NodeId input : graph.inputs(id)) varies |= plan.depends[input];
      }
      if (draw_of[id]) varies &= plan.choices[draw_of[id]].reparam | plan.choices[draw_of[id]].nothing;
      plan.depends[id] = varies;
    }
    for (const GraphState& state : model.states) {
      Targets later = (plan.depends[state.init] | plan.depends[state.next]) & later_targets;
      for (NodeId leaf : {state.leaf, state.final_leaf}) {
        if (!leaf || (plan.depends[leaf] | later | (later >> 1)) == plan.depends[leaf]) continue;
        plan.depends[leaf] |= later | (later >> 1);
        changed = true;
      }
    }
  }
  for (uint32_t k = 0; k < model.draws.size(); ++k) {
    const GraphDraw& draw = model.draws[DrawId{k}];
    Choice& choice = plan.choices[DrawId{k}];
    if (graph.op(draw.node) != Op::draw) continue;  // enumerated: its outcomes stand in its place
    Targets law = 0;
    for (NodeId argument : draw.arguments) law |= plan.depends[argument];
    Targets mapped = plan.depends[graph.input(draw.node, 0)];
    choice.active = choice.reached & (((choice.score | choice.enumerate | choice.nothing) & law) | (choice.reparam & mapped));
  }
}

namespace {

enum class Cell : uint8_t { none, reparam, held };
Cell cell(const Choice& choice, Targets target) {
  if (!(choice.active & target)) return Cell::none;
  return choice.reparam & target ? Cell::reparam : Cell::held;
}

// Costs that agree at every draw share a class; beyond the limit the pair that costs the fewest changes merges.
std::vector<std::vector<size_t>> group_costs(const StochasticGraph& model, Plan& plan, const PathFacts& facts) {
  size_t count = std::min<size_t>(model.costs.size(), max_costs);
  size_t limit = model.is_mdp ? max_classes / 2 : max_classes;
  auto conflicts = [&](const std::vector<size_t>& a, const std::vector<size_t>& b) {
    int result = 0;
    for (uint32_t k = 0; k < model.draws.size(); ++k) {
      const Choice& choice = plan.choices[DrawId{k}];
      for (bool later : {false, true}) {
        bool reparam = false, held = false;
        for (const std::vector<size_t>* group : {&a, &b}) {
          for (size_t c : *group) {
            Cell at = cell(choice, later ? later_target(c) : own_target(c));
            reparam |= at == Cell::reparam, held |= at == Cell::held;
          }
        }
        if (reparam && held) result += facts.score_allowed[DrawId{k}] ? 1 : 1'000'000;
      }
    }
    return result;
  };
  std::vector<std::vector<size_t>> groups;
  for (size_t c = 0; c < count; ++c) {
    auto home = std::find_if(groups.begin(), groups.end(), [&](auto& group) { return conflicts(group, {c}) == 0; });
    if (home == groups.end()) groups.push_back({c});
    else home->push_back(c);
  }
  while (groups.size() > limit) {
    size_t best_a = 0, best_b = 1;
    int best = INT32_MAX;
    for (size_t a = 0; a < groups.size(); ++a) {
      for (size_t b = a + 1; b < groups.size(); ++b) {
        int cost = conflicts(groups[a], groups[b]);
        if (cost < best) best = cost, best_a = a, best_b = b;
      }
    }
    if (best >= 1'000'000) break;  // a merger that no draw's score admits is not done
    groups[best_a].insert(groups[best_a].end(), groups[best_b].begin(), groups[best_b].end());
    groups.erase(groups.begin() + long(best_b));
    // A draw reparam for one and held for the other is score for the merger.
    for (Choice& choice : plan.choices) {
      for (bool later : {false, true}) {
        Targets all = 0;
        bool held = false;
        for (size_t c : groups[best_a]) {
          Targets target = later ? later_target(c) : own_target(c);
          all |= target;
          held |= cell(choice, target) == Cell::held;
        }
        if (held && !(choice.enumerate & all)) {
          choice.score |= choice.reparam & all;
          choice.reparam &= ~all;
        }
      }
    }
    find_active(model, plan);
  }
  return groups;
}

void make_classes(const StochasticGraph& model, const SourceMap& sources, Plan& plan, const PathFacts& facts) {
  std::string word = model.maximise ? "reward" : "cost";
  std::vector<std::vector<size_t>> groups = group_costs(model, plan, facts);
  const bool has_final = std::ranges::count(model.costs, Phase::final, &GraphCost::region) > 0;
  for (size_t g = 0; g < groups.size(); ++g) {
    Targets own = 0, later = 0;
    bool all_final = true;
    for (size_t c : groups[g]) {
      own |= own_target(c), later |= later_target(c);
      all_final &= model.costs[c].region == Phase::final;
    }
    std::string which = groups.size() == 1 ? word : word + " " + describe_costs(model, sources, groups[g]);
    if (!model.is_mdp) {
      plan.classes.push_back({own, false, which});
      continue;
    }
    plan.classes.push_back({own, false, which + ", same step"});
    plan.classes.push_back(
        {later, true, groups.size() == 1 ? (has_final ? "later steps, final" : "later steps") : which + ", later steps"});
  }
  if (plan.classes.empty()) plan.classes.push_back({0, false, word});
}

void mark_bias(const StochasticGraph& model, const SourceMap& sources, const PathFacts& facts, Plan& plan,
               Diagnostics& diagnostics) {
  for (const GraphTerminate& terminate : model.terminates) {
    if (!terminate.stopped) continue;
    bool varies = facts.stopped[terminate.condition] != 0;
    if (varies) plan.bias = "stop in `terminate`" + at_line(sources, terminate.span);
  }
  for (uint32_t k = 0; k < model.draws.size(); ++k) {
    DrawId id{k};
    const GraphDraw& draw = model.draws[id];
    Choice& choice = plan.choices[id];
    if (draw.estimator == AskedEstimator::automatic) continue;
    Targets active = choice.active;
    if (draw.estimator == AskedEstimator::gumbel)
      choice.bias = fmt::format("relaxed at tau = {}", estimator_argument(draw, "tau", default_temperature));
    else if (draw.estimator == AskedEstimator::straight_through) choice.bias = "straight-through";
    else if (active & choice.reparam & facts.jump[draw.node]) choice.bias = "pathwise across a jump";
    else if ((active & choice.reparam) && !facts.reparam_allowed[id]) choice.bias = "pathwise, but " + facts.reparam_refused[id];
    if (active & choice.score & facts.stopped[draw.node]) choice.bias = "stop";
    if ((active & choice.score) && reads_density(choice.credit) && !facts.score_allowed[id])
      choice.bias = "score, but " + facts.score_refused[id];
    if (!choice.bias.empty()) {
      diagnostics.report(DiagnosticKind::biased_estimator, draw.estimator_span,
                         {std::string(text(draw.estimator)), draw.name, choice.bias});
    }
  }
}

// REBAR's control variate is a smooth function of the relaxed sample: nothing between the draw and the costs that it
// reaches may jump, or be held.
void check_rebar(const StochasticGraph& model, const PathOptions& options, const Plan& plan, Diagnostics& diagnostics) {
  for (uint32_t k = 0; k < model.draws.size(); ++k) {
    const DrawId id{k};
    const GraphDraw& draw = model.draws[id];
    if (draw.estimator != AskedEstimator::rebar || !plan.choices[id].active) continue;
    const auto refuse = [&](const std::string& why) {
      diagnostics.report(DiagnosticKind::estimator_without_meaning, draw.estimator_span, {"rebar", draw.name, why},
                         "use `score` or `disarm`");
    };
    std::string why;
    std::optional<StochasticGraph> relaxed = relax_one(model, id, why);
    if (!relaxed) {
      refuse(why + " has no relaxed meaning");
      continue;
    }
    const PathFacts facts = find_paths(*relaxed, options);
    const NodeId node = relaxed->draws[id].node;
    if (facts.jump[node] & facts.reach[node]) {
      refuse("its relaxed sample reaches a cost across a jump");
      continue;
    }
    std::vector<uint8_t> below(relaxed->graph.size(), 0);
    below[node.index] = 1;
    for (uint32_t n = node.index + 1; n < below.size(); ++n)
      for (const NodeId input : relaxed->graph.inputs(NodeId{n})) below[n] |= below[input.index];
    for (uint32_t d = 0; d < relaxed->draws.size(); ++d) {
      const GraphDraw& other = relaxed->draws[DrawId{d}];
      const Choice& choice = facts.choices[DrawId{d}];
      const NodeId law = relaxed->graph.input(other.node, 0);
      if (DrawId{d} == id || !below[law.index] || !(choice.score | choice.enumerate | choice.nothing)) continue;
      refuse("`" + other.name + "` reads it, and is not pathwise");
      break;
    }
  }
}

// A param that reaches a jump with no score or enumerated draw in between. Reports when asked to.
bool jumps_directly(const StochasticGraph& model, const SourceMap& sources, const PathFacts& facts, Diagnostics* diagnostics) {
  bool bad = false;
  std::optional<PathFinder> finder;
  std::optional<PathNames> names;
  for (uint32_t k = 0; k < model.graph.size(); ++k) {
    NodeId id{k};
    if (model.graph.op(id) != Op::param || !facts.jump[id]) continue;
    // One error per param: the jump that it reaches with no score or enumerated node in between.
    bad = true;
    if (!diagnostics) break;
    const GraphParam& param = model.params[ParamId{model.graph[id].payload}];
    if (!finder) finder.emplace(model, facts);
    if (!names) names.emplace(model);
    Path path = finder->find(id, facts.jump[id], true);
    Span span = path.jump ? model.graph.span(path.jump) : param.span;
    diagnostics->report(DiagnosticKind::no_estimator, span ? span : param.span,
                        {param.name, describe(model, sources, *names, path)}, mends(model, path));
  }
  return bad;
}

}  // namespace

std::optional<Chosen> choose_estimators(StochasticGraph& model, const ChooseOptions& options, const SourceMap& sources,
                                        Diagnostics& diagnostics) {
  PathOptions path_options;
  path_options.budget = options.enumeration;
  Chosen chosen;
  // Each turn takes one draw's param into its law; a draw may be taken twice.
  const size_t most_turns = 2 * model.draws.size() + 1;
  for (size_t turn = 0;; ++turn) {
    chosen.facts = find_paths(model, path_options);
    chosen.plan = {};
    chosen.plan.choices = chosen.facts.choices;
    chosen.plan.reaches = chosen.facts.reach;
    find_active(model, chosen.plan);
    if (!jumps_directly(model, sources, chosen.facts, nullptr)) break;
    if (turn == most_turns || !push_params_into_laws(model, chosen.facts)) {
      jumps_directly(model, sources, chosen.facts, &diagnostics);
      return std::nullopt;
    }
  }
  make_classes(model, sources, chosen.plan, chosen.facts);
  mark_bias(model, sources, chosen.facts, chosen.plan, diagnostics);
  check_rebar(model, path_options, chosen.plan, diagnostics);
  if (diagnostics.has_errors()) return std::nullopt;
  return chosen;
}

}  // namespace alea
