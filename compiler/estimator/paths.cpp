// In: a stochastic graph. Out: for each node the targets it reaches, those it reaches across a jump, those
// it reaches through `stop`; for each draw the estimator of each target. Decisions are sticky: a target
// that once left `reparam` never returns, so the loop over states ends.
#include "compiler/estimator/paths.h"

#include <algorithm>
#include <queue>

#include "compiler/graph/build.h"

namespace alea {
namespace {

bool is_comparison(Op op) { return op == Op::less || op == Op::less_equal || op == Op::equal || op == Op::not_equal; }

// The targets of an earlier step as the same costs are seen from there: all of them later ones.
Targets as_later(Targets targets) { return ((targets & own_targets) << 1) | (targets & later_targets); }

// Bits that flow from results to operands. `held` draws stop it; who holds what is the caller's business.
struct Flow {
  const StochasticGraph& model;
  const NodeTable<Interval>& bounds;
  const NodeTable<uint8_t>& random;
  const NodeTable<std::vector<NodeId>>& users;
  Graph scratch;  // substitutions are tried here
  NodeTable<Targets> reach, jump, stopped;
  std::unordered_map<uint64_t, bool> agreements;

  void clear() {
    size_t size = model.graph.size();
    reach = NodeTable<Targets>(size, 0);
    jump = reach;
    stopped = reach;
  }

  bool agree(NodeId comparison, NodeId select) {
    uint64_t key = (uint64_t{comparison.index} << 32) | select.index;
    auto found = agreements.find(key);
    if (found != agreements.end()) return found->second;
    return agreements[key] = branches_agree(scratch, comparison, select);
  }

  void give(NodeId operand, Targets reached, Targets jumped, Targets stopped_bits) {
    reach[operand] |= reached;
    jump[operand] |= jumped;
    stopped[operand] |= stopped_bits;
  }

  // A comparison is smooth in nothing, but where all it decides is a choice between branches that agree on
  // the boundary, it is a kink. Follows the boolean through and, or, not to each use.
  void pull_comparison(NodeId id) {
    const Graph& graph = model.graph;
    Targets reached = reach[id], jumped = jump[id];
    std::vector<NodeId> stack{id};
    Targets direct_reach = 0, direct_jump = 0;
    std::vector<NodeId> visited;
    while (!stack.empty()) {
      NodeId at = stack.back();
      stack.pop_back();
      if (std::find(visited.begin(), visited.end(), at) != visited.end()) continue;
      visited.push_back(at);
      direct_reach |= seeds_reach[at], direct_jump |= seeds_jump[at];
      for (NodeId user : users[at]) {
        Op op = graph.op(user);
        if (op == Op::logical_and || op == Op::logical_or || op == Op::logical_not) {
          stack.push_back(user);
        } else if (op == Op::select && graph.input(user, 0) == at && graph.input(user, 1) != at && graph.input(user, 2) != at &&
                   graph.type(user).scalar != Scalar::boolean) {
          direct_reach |= reach[user];
          direct_jump |= agree(id, user) ? jump[user] : reach[user];
        } else if (op != Op::stop && op != Op::detach) {
          direct_reach |= reach[user];
          direct_jump |= reach[user];
        }
      }
    }
    reached = direct_reach, jumped = direct_jump;
    for (NodeId operand : graph.inputs(id)) give(operand, reached, jumped, stopped[id]);
  }

  NodeTable<Targets> seeds_reach, seeds_jump;  // what states, costs and terminate give to a node directly

  // From a node (not a draw) to its operands.
  void pull(NodeId id) {
    const Graph& graph = model.graph;
    Targets reached = reach[id], jumped = jump[id], stopped_bits = stopped[id];
    if (!(reached | stopped_bits)) return;
    Op op = graph.op(id);
    if (op == Op::stop) {
      stopped[graph.input(id, 0)] |= reached | stopped_bits;
      return;
    }
    if (is_comparison(op) && graph.type(graph.input(id, 0)).scalar != Scalar::boolean) {
      if (edge(model, bounds, random, id, 0) != Edge::none) pull_comparison(id);
      return;
    }
    std::span<const NodeId> inputs = graph.inputs(id);
    if (op == Op::wrap && edge(model, bounds, random, id, 0) == Edge::jump) {
      // What crosses the cut smoothly is up to each user.
      Targets jumps = seeds_reach[id];
      // A draw that is a wrapped angle has asked its own users (see wrapped_jumps).
      for (NodeId user : users[id])
        jumps |= graph.op(user) != Op::draw && wrap_edge(graph, user) == Edge::jump ? reach[user] : jump[user];
      give(inputs[0], reached, jumps & reached, stopped_bits);
      return;
    }
    for (size_t k = 0; k < inputs.size(); ++k) {
      switch (edge(model, bounds, random, id, int(k))) {
        case Edge::none: break;
        case Edge::smooth:
        case Edge::kink:
        case Edge::steep: give(inputs[k], reached, jumped, stopped_bits); break;
        case Edge::jump: give(inputs[k], reached, reached, stopped_bits); break;
      }
    }
  }

  // The targets for which a draw that is a wrapped angle jumps where it crosses the cut.
  Targets wrapped_jumps(NodeId draw) const {
    Targets jumps = seeds_reach[draw];
    for (NodeId user : users[draw]) jumps |= wrap_edge(model.graph, user) == Edge::jump ? reach[user] : jump[user];
    return jumps & reach[draw];
  }

  void seed(NodeId id, Targets reached, Targets jumped) {
    reach[id] |= reached, jump[id] |= jumped;
    seeds_reach[id] |= reached, seeds_jump[id] |= jumped;
  }
  void clear_seeds() {
    seeds_reach = NodeTable<Targets>(model.graph.size(), 0);
    seeds_jump = seeds_reach;
  }
  // What the node and its operands were given.
  void forget(NodeId id) {
    const auto clear_one = [&](NodeId node) { reach[node] = jump[node] = stopped[node] = 0; };
    clear_one(id);
    for (const NodeId input : model.graph.inputs(id)) clear_one(input);
    seeds_reach[id] = seeds_jump[id] = 0;
  }
};

struct Analysis {
  StochasticGraph& model;
  const PathOptions& options;
  NodeTable<Interval> bounds;
  NodeTable<uint8_t> random, parametric;
  NodeTable<uint8_t> moving;  // parametric past continuous draws alone: a discrete one holds its value
  NodeTable<std::vector<NodeId>> users;
  NodeTable<DrawId> draw_of;
  PathFacts facts;

  Targets all_later() const {
    Targets t = 0;
    for (size_t c = 0; c < model.costs.size(); ++c) t |= later_target(std::min<size_t>(c, max_costs - 1));
    return t;
  }

  // The first of `arguments`, a moving one, that some path from `root` down to it crosses a jump before; null when none does.
  // Other draws on the way are looked through, or end it where they are chosen for on their own. The flow's tables are zero
  // before and after: a search takes no longer for what it does not reach.
  NodeId find_jump_between(Flow& flow, NodeId root, const std::vector<NodeId>& arguments, NodeId ignored,
                           bool through_draws = true) {
    flow.seed(root, 1, 0);
    std::priority_queue<uint32_t> reached({}, {root.index});  // users before producers
    std::vector<NodeId> visited;
    NodeId found;
    while (!reached.empty() && !found) {
      const NodeId id{reached.top()};
      reached.pop();
      if (!visited.empty() && visited.back() == id) continue;  // from another user
      visited.push_back(id);
      if (std::find(arguments.begin(), arguments.end(), id) != arguments.end()) {
        if (flow.jump[id] && moving[id]) found = id;
        if (found || id != root) continue;
      }
      if (id == ignored || !parametric[id]) continue;
      if (model.graph.op(id) != Op::draw) flow.pull(id);
      else if (through_draws) flow.give(model.graph.input(id, 0), flow.reach[id], flow.jump[id], 0);
      for (const NodeId input : model.graph.inputs(id))
        if (flow.reach[input]) reached.push(input.index);
    }
    for (const NodeId id : visited) flow.forget(id);
    return found;
  }

  // What crosses the cut of a wrapped angle is up to the draw's users.
  NodeId unwrapped(NodeId id) const { return model.graph.op(id) == Op::wrap ? model.graph.input(id, 0) : id; }

  void judge_laws(Flow& flow) {
    flow.clear();
    flow.clear_seeds();
    for (uint32_t k = 0; k < model.draws.size(); ++k) {
      DrawId id{k};
      const GraphDraw& draw = model.draws[id];
      std::string why;
      if (draw.discrete) why = "its values are discrete";
      // Without a density the draws inside have estimators of their own; with one they are plain noise.
      else if (find_jump_between(flow, unwrapped(model.graph.input(draw.node, 0)), draw.arguments, {}, bool(draw.log_density)))
        why = "its sampling map has a jump in an argument";
      facts.reparam_refused.add(why);
      facts.reparam_allowed.add(why.empty());
      why.clear();
      auto moves = [&](NodeId end) { return end && moving[end]; };
      if (!draw.log_density) why = "the distribution `" + draw.distribution + "` has no `logpdf`";
      else if (draw.support == SupportKind::undeclared)
        why = "the distribution `" + draw.distribution + "` declares no `support`";
      else if (moves(draw.support_low) || moves(draw.support_high)) why = "its support moves with a param";
      else if (find_jump_between(flow, draw.log_density, draw.arguments, draw.node))
        why = "its log density has a jump in an argument";
      facts.score_refused.add(why);
      facts.score_allowed.add(why.empty());
    }
  }

  // Draws that may be enumerated, within the budget, first come first.
  std::vector<bool> choose_enumerable(const std::vector<bool>& worth) {
    constexpr int64_t most_asked_for = 4096, many = 100'000;
    const auto count = [&](const GraphDraw& draw) {
      int64_t all = 1;
      for (int64_t k = 0; k < element_count(draw.batch) && all <= many; ++k) all *= draw.categories;
      return all;
    };
    std::vector<DrawId> asked, others;
    for (uint32_t k = 0; k < model.draws.size(); ++k) {
      const GraphDraw& draw = model.draws[DrawId{k}];
      if (!draw.categories || !draw.log_density || model.is_mdp || draw.region != Phase::init) continue;
      if (draw.estimator == AskedEstimator::enumerate) asked.push_back(DrawId{k});
      else if (draw.estimator == AskedEstimator::automatic && options.enumerate && worth[k]) others.push_back(DrawId{k});
    }
    std::vector<bool> result(model.draws.size(), false);
    int64_t outcomes = 1;
    const auto take = [&](DrawId id, int64_t most) {
      const int64_t more = outcomes * count(model.draws[id]);
      if (more > most) return;
      outcomes = more;
      result[id.index] = true;
    };
    for (const DrawId id : asked) take(id, most_asked_for);

    const EnumerationBudget& budget = options.budget;
    int64_t of_all = outcomes, nodes = 1;
    for (const DrawId id : others) of_all = std::min(of_all * count(model.draws[id]), many);
    for (uint32_t k = 0; k < model.graph.size(); ++k) nodes += random[NodeId{k}];
    const int64_t work = of_all <= budget.outcomes ? budget.work : budget.work_for_some;
    for (const DrawId id : others) take(id, std::min(budget.outcomes, work / nodes));
    return result;
  }

  // The choice at one draw, from what reaches it now; then what flows on.
  void decide(Flow& flow, DrawId id, bool enumerable) {
    const GraphDraw& draw = model.draws[id];
    Choice& choice = facts.choices[id];
    if (model.graph.op(model.graph.input(draw.node, 0)) == Op::wrap) flow.jump[draw.node] |= flow.wrapped_jumps(draw.node);
    Targets reached = flow.reach[draw.node], jumped = flow.jump[draw.node], stopped = flow.stopped[draw.node];
    choice.reached |= reached;
    Targets reparam = 0, score = 0, enumerate = 0;
    bool by_hand = draw.estimator != AskedEstimator::automatic;
    if (passes(draw.estimator, Passage::relax) || passes(draw.estimator, Passage::pathwise)) {
      reparam = reached;  // across a jump: biased, and said so
    } else if (passes(draw.estimator, Passage::credit)) {
      score = draw.log_density ? reached : 0;
      choice.credit = credit_of(draw.estimator);
    } else if (enumerable) {
      enumerate = reached;
    } else {
      reparam = facts.reparam_allowed[id] ? reached & ~jumped & ~demoted[id] : 0;
      score = facts.score_allowed[id] ? reached & ~reparam & ~stopped : 0;
    }
    choice.by_hand = by_hand;
    demoted[id] |= reached & ~reparam;
    choice.reparam = reparam, choice.score = score, choice.enumerate = enumerate;
    choice.nothing = reached & ~reparam & ~score & ~enumerate;
    flow.give(model.graph.input(draw.node, 0), reparam | choice.nothing, choice.nothing, stopped);
  }

  // The least fixpoint: what reaches a state at the beginning of a step reaches its next value as later costs, and a draw that is
  // credited hands what its density reads to the costs.
  PathFacts run() {
    Flow flow{model, bounds, random, users, model.graph, {}, {}, {}, {}, {}, {}};
    judge_laws(flow);
    std::vector<bool> worth;
    for (const GraphDraw& draw : model.draws)
      worth.push_back(std::any_of(draw.arguments.begin(), draw.arguments.end(), [&](NodeId a) { return parametric[a]; }));
    const std::vector<bool> enumerable = choose_enumerable(worth);
    facts.choices.resize(model.draws.size());
    demoted.resize(model.draws.size(), 0);
    carried.resize(model.states.size());
    scored.resize(model.draws.size(), 0);
    for (bool changed = true; changed;) {
      flow.clear();
      flow.clear_seeds();
      seed_costs(flow);
      seed_states(flow);
      seed_densities(flow);
      for (auto k = static_cast<uint32_t>(model.graph.size()); k-- > 0;) {
        const NodeId id{k};
        if (draw_of[id]) decide(flow, draw_of[id], enumerable[draw_of[id].index]);
        else flow.pull(id);
      }
      changed = carry_states(flow);
      changed |= carry_scores();
    }
    facts.reach = flow.reach, facts.jump = flow.jump, facts.stopped = flow.stopped;
    return std::move(facts);
  }

  struct Carried {
    Targets reach = 0, jump = 0, stopped = 0;
    bool operator==(const Carried&) const = default;
  };

  void seed_costs(Flow& flow) const {
    for (size_t c = 0; c < model.costs.size(); ++c) {
      const GraphCost& cost = model.costs[c];
      const size_t bit = std::min<size_t>(c, max_costs - 1);
      flow.seed(cost.value, cost.region == Phase::final ? later_target(bit) : own_target(bit), 0);
    }
    for (const GraphTerminate& terminate : model.terminates) {
      if (terminate.stopped) flow.stopped[terminate.condition] |= all_later();
      else flow.seed(terminate.condition, all_later(), all_later());
    }
  }
  void seed_states(Flow& flow) const {
    for (uint32_t k = 0; k < model.states.size(); ++k) {
      const GraphState& state = model.states[StateId{k}];
      const Carried& from = carried[StateId{k}];
      for (NodeId node : {state.init, state.next}) {
        flow.seed(node, from.reach, from.jump);
        flow.stopped[node] |= from.stopped;
      }
    }
  }
  void seed_densities(Flow& flow) const {
    for (uint32_t k = 0; k < model.draws.size(); ++k) {
      const DrawId id{k};
      const GraphDraw& draw = model.draws[id];
      if (!draw.log_density || !scored[id]) continue;
      const bool by_density =
          reads_density(facts.choices[id].credit) && (facts.score_allowed[id] || draw.estimator == AskedEstimator::automatic);
      if (by_density) {
        flow.seed(draw.log_density, scored[id], 0);
        continue;
      }
      // Credited by its arguments alone; or asked for by name although its density jumps in an argument: done, and
      // marked biased.
      for (NodeId argument : draw.arguments) flow.seed(argument, scored[id], 0);
    }
  }

  // Whether anything is new.
  bool carry_states(const Flow& flow) {
    bool changed = false;
    for (uint32_t k = 0; k < model.states.size(); ++k) {
      const GraphState& state = model.states[StateId{k}];
      Carried now{as_later(flow.reach[state.leaf]), as_later(flow.jump[state.leaf]), as_later(flow.stopped[state.leaf])};
      if (state.final_leaf) {
        now.reach |= flow.reach[state.final_leaf];
        now.jump |= flow.jump[state.final_leaf];
        now.stopped |= flow.stopped[state.final_leaf];
      }
      changed |= now != carried[StateId{k}];
      carried[StateId{k}] = now;
    }
    return changed;
  }
  bool carry_scores() {
    bool changed = false;
    for (uint32_t k = 0; k < model.draws.size(); ++k) {
      const Choice& choice = facts.choices[DrawId{k}];
      const Targets now = choice.score | choice.enumerate;
      changed |= now != scored[DrawId{k}];
      scored[DrawId{k}] = now;
    }
    return changed;
  }

  Table<DrawId, Targets> demoted, scored;
  Table<StateId, Carried> carried;
};

}  // namespace

NodeTable<std::vector<NodeId>> find_users(const Graph& graph) {
  NodeTable<std::vector<NodeId>> users(graph.size());
  for (uint32_t k = 0; k < graph.size(); ++k) {
    for (NodeId input : graph.inputs(NodeId{k})) {
      if (users[input].empty() || users[input].back() != NodeId{k}) users[input].push_back(NodeId{k});
    }
  }
  return users;
}

namespace {
// Nodes under which, through operands and states, a node satisfying `is_source` lies.
template <class Source, class Cut>
NodeTable<uint8_t> find_dependent(const StochasticGraph& model, Source is_source, Cut is_cut) {
  const Graph& graph = model.graph;
  NodeTable<uint8_t> result(graph.size(), 0);
  for (bool changed = true; changed;) {
    changed = false;
    for (uint32_t k = 0; k < graph.size(); ++k) {
      NodeId id{k};
      if (result[id]) continue;
      bool now = is_source(graph.op(id));
      if (!is_cut(id)) {
        for (NodeId input : graph.inputs(id)) now |= result[input] != 0;
      }
      result[id] = now;
    }
    for (const GraphState& state : model.states) {
      bool now = result[state.init] || result[state.next];
      for (NodeId leaf : {state.leaf, state.final_leaf}) {
        if (leaf && now && !result[leaf]) result[leaf] = 1, changed = true;
      }
    }
  }
  return result;
}
}  // namespace

NodeTable<uint8_t> find_random(const StochasticGraph& model) {
  return find_dependent(model, [](Op op) { return kind(op) == OpKind::random; }, [](NodeId) { return false; });
}
NodeTable<uint8_t> find_parametric(const StochasticGraph& model) {
  return find_dependent(model, [](Op op) { return op == Op::param; }, [](NodeId) { return false; });
}

namespace {
NodeTable<uint8_t> find_moving(const StochasticGraph& model) {
  const Graph& graph = model.graph;
  return find_dependent(
      model, [](Op op) { return op == Op::param; },
      [&](NodeId id) { return graph.op(id) == Op::draw && graph.type(id).scalar != Scalar::real; });
}
}  // namespace

PathFacts find_paths(StochasticGraph& model, const PathOptions& options) {
  Analysis analysis{model,
                    options,
                    bound_values(model),
                    find_random(model),
                    find_parametric(model),
                    find_moving(model),
                    find_users(model.graph),
                    NodeTable<DrawId>(model.graph.size()),
                    {},
                    {}};
  for (uint32_t k = 0; k < model.draws.size(); ++k) analysis.draw_of[model.draws[DrawId{k}].node] = DrawId{k};
  return analysis.run();
}

}  // namespace alea
