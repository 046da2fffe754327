// In: the graph and the choice. Out: the same in words. A path is found breadth first along users, through
// the carried states, so it is a shortest one; names are as the user wrote them.
#include "compiler/estimator/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <map>

#include "compiler/estimator/requests.h"
#include "compiler/graph/build.h"

namespace alea {
namespace {

constexpr std::string_view arrow = " → ";

Targets own_of_later(Targets targets) { return (targets & later_targets) >> 1; }

std::string_view source_text(const SourceMap& sources, Span span) {
  if (!span) return {};
  std::string_view text = sources[span.source].text().substr(span.begin, span.end - span.begin);
  return text.size() > 48 || text.find('\n') != std::string_view::npos ? std::string_view{} : text;
}

std::string place(const SourceMap& sources, Span span) {
  if (!span) return {};
  LineColumn at = sources[span.source].position(span.begin);
  return fmt::format(" at {}:{}", at.line, at.column);
}

std::string objective_text(const StochasticGraph& model) {
  std::string word = model.maximise ? "reward" : "cost", verb = model.maximise ? "maximise" : "minimise";
  if (!model.is_mdp) return verb + " E[" + word + "]";
  bool has_final =
      std::any_of(model.costs.begin(), model.costs.end(), [](const GraphCost& c) { return c.region == Phase::final; });
  std::string step = model.discount == 1 ? "Σ_t " + word : fmt::format("Σ_t {}^t {}", model.discount, word);
  std::string final = !has_final ? "" : model.discount == 1 ? " + final" : fmt::format(" + {}^T final", model.discount);
  return fmt::format("{} E[ {}{} ]", verb, step, final);
}

// The estimator without its arguments: the name that was asked for, where it is a way to pass a draw as `reparam` does.
std::string plain_word(const GraphDraw& draw, Estimator estimator) {
  const bool named = draw.estimator == AskedEstimator::implicit || passes(draw.estimator, Passage::relax);
  return std::string(named && estimator == Estimator::reparam ? text(draw.estimator) : name(estimator));
}

std::string estimator_word(const GraphDraw& draw, Estimator estimator) {
  if (passes(draw.estimator, Passage::relax) && estimator == Estimator::reparam) {
    const double tau = estimator_argument(draw, "tau", draw.estimator == AskedEstimator::gumbel ? default_temperature : 0);
    if (tau > 0) return fmt::format("{} (tau = {})", alea::text(draw.estimator), tau);
  }
  if (estimator != Estimator::score) return plain_word(draw, estimator);
  std::string baseline = draw.baseline.empty() ? "loo" : draw.baseline;
  return "score (" + baseline + ")";
}

}  // namespace

std::string at_line(const SourceMap& sources, Span span) {
  if (!span) return {};
  return fmt::format(" at line {}", sources[span.source].position(span.begin).line);
}

std::string describe_costs(const StochasticGraph& model, const SourceMap& sources, const std::vector<size_t>& costs) {
  std::string text;
  for (size_t c : costs) {
    Span span = model.costs[c].span;
    std::string one = model.costs[c].region == Phase::final ? "final" : "";
    if (one.empty() && span)
      one =
          fmt::format("{}:{}", sources[span.source].position(span.begin).line, sources[span.source].position(span.begin).column);
    if (text.find(one) == std::string::npos || text.empty()) text += (text.empty() ? "" : ", ") + one;
  }
  return text;
}

PathFinder::PathFinder(const StochasticGraph& model, const PathFacts& facts)
    : model_(model),
      facts_(facts),
      users_(find_users(model.graph)),
      bounds_(bound_values(model)),
      random_(find_random(model)),
      scratch_(model.graph) {
  for (uint32_t k = 0; k < model.states.size(); ++k) {
    carried_from_[model.states[StateId{k}].next.index].push_back(StateId{k});
    carried_from_[model.states[StateId{k}].init.index].push_back(StateId{k});
  }
  for (uint32_t k = 0; k < model.draws.size(); ++k) draw_of_[model.draws[DrawId{k}].node.index] = DrawId{k};
  for (const GraphCost& cost : model.costs) costs_.insert(cost.value.index);
}

Path PathFinder::find(NodeId from, Targets targets, bool want_jump) {
  const Graph& graph = model_.graph;
  // A place in the search: a node, and whether a step has been crossed (then own costs count as later ones).
  struct Visit {
    NodeId node;
    bool crossed;
    int parent;
  };
  std::vector<Visit> visits;
  std::vector<std::array<bool, 2>> seen(graph.size(), {false, false});
  auto wanted = [&](bool crossed) { return crossed ? targets | own_of_later(targets) : targets; };
  std::deque<int> queue;
  auto visit = [&](NodeId node, bool crossed, int parent) {
    if (seen[node.index][crossed]) return;
    seen[node.index][crossed] = true;
    visits.push_back({node, crossed, parent});
    queue.push_back(int(visits.size()) - 1);
  };
  auto trace = [&](int at, NodeId jump, bool ends_episode) {
    Path path;
    path.jump = jump;
    path.ends_episode = ends_episode;
    for (int k = at; k >= 0; k = visits[size_t(k)].parent) { path.nodes.push_back(visits[size_t(k)].node); }
    std::ranges::reverse(path.nodes);
    return path;
  };
  visit(from, false, -1);
  // The shortest path is shown; how smooth it all is, every path says.
  std::optional<Path> shortest;
  bool kink = false, steep = false;
  while (!queue.empty()) {
    int at = queue.front();
    queue.pop_front();
    const Visit here = visits[size_t(at)];
    // What the node is, besides an operand: a cost, the end of the episode, a state's next value.
    if (!want_jump && !shortest && costs_.contains(here.node.index) && (facts_.reach[here.node] & wanted(here.crossed)))
      shortest = trace(at, {}, false);
    for (const GraphTerminate& terminate : model_.terminates) {
      if (terminate.condition != here.node || terminate.stopped || !(targets & later_targets)) continue;
      if (want_jump) return trace(at, here.node, true);
    }
    if (auto found = carried_from_.find(here.node.index); found != carried_from_.end()) {
      for (StateId state : found->second) {
        if (!(targets & later_targets)) continue;
        for (NodeId leaf : {model_.states[state].leaf, model_.states[state].final_leaf})
          if (leaf && (facts_.reach[leaf] & wanted(true))) visit(leaf, true, at);
      }
    }
    for (NodeId user : users_[here.node]) {
      std::span<const NodeId> inputs = graph.inputs(user);
      for (size_t k = 0; k < inputs.size(); ++k) {
        if (inputs[k] != here.node) continue;
        Op op = graph.op(user);
        if (op == Op::stop || op == Op::detach) continue;
        if (auto draw = draw_of_.find(user.index); draw != draw_of_.end()) {
          const Choice& choice = facts_.choices[draw->second];
          // Nothing admissible at the draw: its arguments jump.
          if (want_jump && (choice.nothing & wanted(here.crossed))) {
            Path path = trace(at, user, false);
            const std::string& score = facts_.score_refused[draw->second];
            const std::string& pathwise = facts_.reparam_refused[draw->second];
            path.nothing = !pathwise.empty() ? pathwise : "it reaches a cost across a jump";
            if (!score.empty()) path.nothing += ", and " + score;
            else if (facts_.stopped[user]) path.nothing += ", and it reaches a cost through `stop` as well";
            return path;
          }
          if (!(choice.reparam & wanted(here.crossed))) continue;
        }
        if (!(facts_.reach[user] & wanted(here.crossed))) continue;
        Edge e = edge(model_, bounds_, random_, user, int(k));
        if (e == Edge::none) continue;
        bool comparison = op == Op::less || op == Op::less_equal || op == Op::equal || op == Op::not_equal;
        if (e == Edge::jump && !comparison) {
          // The condition of a select: the jump lies in the comparison that decides it.
          bool agrees = op == Op::select && k == 0 && visits[size_t(at)].parent >= 0 && branches_agree(scratch_, here.node, user);
          if (op == Op::wrap)
            agrees = std::none_of(users_[user].begin(), users_[user].end(),
                                  [&](NodeId u) { return wrap_edge(graph, u) == Edge::jump; });
          if (want_jump && !agrees) return trace(at, op == Op::select ? here.node : user, false);
          e = Edge::kink;
        }
        if (!comparison) kink |= e == Edge::kink, steep |= e == Edge::steep;
        visit(user, here.crossed, at);
      }
    }
  }
  if (!shortest) shortest.emplace().nodes = {from};
  shortest->kink = kink, shortest->steep = steep;
  return *shortest;
}

PathNames::PathNames(const StochasticGraph& model) {
  for (const NamedNode& named : model.names) names_.emplace(named.node.index, named.name);
  for (const GraphState& state : model.states) {
    names_[state.leaf.index] = state.name;
    if (state.final_leaf) names_[state.final_leaf.index] = state.name;
    if (!names_.count(state.next.index)) names_[state.next.index] = state.name + "'";
  }
  for (const GraphDraw& draw : model.draws) names_[draw.node.index] = draw.name;
  for (uint32_t k = 0; k < model.graph.size(); ++k)
    if (model.graph.op(NodeId{k}) == Op::param) names_[k] = model.params[ParamId{model.graph[NodeId{k}].payload}].name;
}

std::string describe(const StochasticGraph& model, const SourceMap& sources, const PathNames& names, const Path& path) {
  std::string text, last;
  for (NodeId node : path.nodes) {
    if (node == path.jump) continue;
    const std::string& name = names.of(node);
    if (name.empty() || name == last) continue;
    last = name;
    text += (text.empty() ? "" : std::string(arrow)) + last;
  }
  if (path.jump) {
    Span span = model.graph.span(path.jump);
    if (!path.nothing.empty())
      return fmt::format("{}{}`{}`{} admits no estimator: {}", text, arrow, names.of(path.jump), place(sources, span),
                         path.nothing);
    std::string_view written = source_text(sources, span);
    std::string what = written.empty() ? std::string(alea::text(model.graph.op(path.jump))) : fmt::format("({})", written);
    text += std::string(arrow) + what + place(sources, span);
    if (path.ends_episode) return text + " ends the episode: a jump";
    return text + ": a jump";
  }
  std::string goal = model.maximise ? "reward" : "cost";
  if (!path.nodes.empty()) {
    for (const GraphCost& cost : model.costs)
      if (cost.value == path.nodes.back() && cost.region == Phase::final) goal = "final";
  }
  text += std::string(arrow) + goal;
  return text + (path.steep  ? ": a steep end, the variance may be infinite"
                 : path.kink ? ": continuous, with kinks"
                             : ": smooth");
}

std::string mends(const StochasticGraph& model, const Path& path) {
  if (path.ends_episode)
    return "write `terminate stop(…)` if the jump is negligible, or let a draw with a score function come between";
  (void)model;
  return "smooth the operation, or let a draw with a log density come between the param and the jump";
}

Explanation explain(const StochasticGraph& model, const Chosen& chosen, const SourceMap& sources, bool with_reasons) {
  const Plan& plan = chosen.plan;
  std::optional<PathFinder> finder;
  std::optional<PathNames> names;
  if (with_reasons) {
    finder.emplace(model, chosen.facts);
    names.emplace(model);
  }
  const auto path_text = [&](NodeId from, Targets targets, bool want_jump) {
    return with_reasons ? describe(model, sources, *names, finder->find(from, targets, want_jump)) : std::string();
  };
  Explanation result;
  result.objective = objective_text(model);
  result.bias = plan.bias;
  for (uint32_t d = 0; d < model.draws.size(); ++d) {
    DrawId id{d};
    const GraphDraw& draw = model.draws[id];
    const Choice& choice = plan.choices[id];
    ExplainedNode node{draw.name, draw.distribution, draw.law, draw.span, "none", choice.bias.empty(), choice.bias, {}};
    bool first = true;
    for (const CostClass& cost_class : plan.classes) {
      Estimator estimator = plan.in_class(id, cost_class);
      if (estimator == Estimator::none) continue;
      ExplainedRow row;
      row.gradient_of = cost_class.label;
      row.estimator = estimator_word(draw, estimator);
      row.unbiased = choice.bias.empty();
      Targets targets = cost_class.targets & choice.active;
      bool jumps = chosen.facts.jump[draw.node] & targets;
      if (estimator == Estimator::reparam) {
        row.because =
            jumps || !choice.bias.empty() ? "asked for by name; biased: " + choice.bias : path_text(draw.node, targets, false);
      } else if (choice.by_hand && estimator != Estimator::score && estimator != Estimator::enumerate) {
        row.because = "asked for by name";
      } else if (draw.discrete) {
        row.because = estimator == Estimator::enumerate ? fmt::format("finite support: {} outcomes", draw.categories)
                                                        : "its values are discrete";
      } else if (!chosen.facts.reparam_allowed[id]) {
        row.because = chosen.facts.reparam_refused[id];
      } else if (jumps) {
        row.because = path_text(draw.node, targets & chosen.facts.jump[draw.node], true);
      } else {
        row.because = choice.by_hand ? "asked for by name" : "merged with a class of costs that needs it";
      }
      const std::string word = plain_word(draw, estimator);
      node.estimator = first || node.estimator == word ? word : "split";
      first = false;
      node.rows.push_back(std::move(row));
    }
    // Equal rows say it once.
    if (node.rows.size() > 1 && std::all_of(node.rows.begin(), node.rows.end(),
                                            [&](const ExplainedRow& row) { return row.estimator == node.rows[0].estimator; })) {
      node.rows.resize(1);
      node.rows[0].gradient_of = model.maximise ? "reward" : "cost";
    }
    if (node.rows.empty() && draw.owner) continue;  // noise inside a distribution's body
    if (node.rows.empty()) {
      bool reached = choice.reached != 0;
      node.rows.push_back({"", "none", true, reached ? "no param reaches its law: it is only sampled" : "it reaches no cost"});
    }
    result.nodes.push_back(std::move(node));
  }
  for (uint32_t k = 0; k < model.graph.size(); ++k) {
    NodeId id{k};
    Op op = model.graph.op(id);
    if (op != Op::param || (chosen.facts.reach[id] | chosen.facts.stopped[id])) continue;
    result.notes.push_back("param `" + model.params[ParamId{model.graph[id].payload}].name +
                           "` reaches no cost: its gradient is zero");
  }
  NodeTable<uint8_t> random = find_random(model);
  for (uint32_t k = 0; k < model.graph.size(); ++k) {
    NodeId id{k};
    Op op = model.graph.op(id);
    bool regular = op == Op::solve || op == Op::cholesky || op == Op::logdet;
    if (regular && random[model.graph.input(id, 0)] && chosen.facts.reach[id])
      result.notes.push_back(
          fmt::format("`{}`{} is assumed regular for every sample", text(op), place(sources, model.graph.span(id))));
  }
  return result;
}

std::string why_not(const StochasticGraph& model, const Chosen& chosen, const SourceMap& sources, AskedEstimator asked,
                    DrawId id) {
  const GraphDraw& draw = model.draws[id];
  const Choice& choice = chosen.plan.choices[id];
  if (!choice.active)
    return choice.reached ? "no param reaches its law: it is only sampled" : "it reaches no cost, so that no estimator is needed";
  const std::string is_chosen = fmt::format("`{}` is what was chosen", text(asked));
  const std::string by_hand =
      draw.estimator == AskedEstimator::automatic ? "" : fmt::format("`{}` was asked for by name", text(draw.estimator));
  if (draw.estimator == asked) return is_chosen + ": " + by_hand;
  if (const std::optional<Refusal> refusal = refuse(model, draw, asked)) return refusal->why;
  if (!by_hand.empty()) return by_hand;
  const Targets jumps = chosen.facts.jump[draw.node] & choice.active;
  switch (asked) {
    case AskedEstimator::automatic: break;
    case AskedEstimator::reparam:
    case AskedEstimator::implicit:
      if (!chosen.facts.reparam_allowed[id]) return chosen.facts.reparam_refused[id];
      if (jumps) return describe(model, sources, PathNames(model), PathFinder(model, chosen.facts).find(draw.node, jumps, true));
      return choice.enumerate ? "all outcomes are summed instead, with no noise" : is_chosen;
    case AskedEstimator::score:
      if (!chosen.facts.score_allowed[id]) return chosen.facts.score_refused[id];
      if (choice.active & chosen.facts.stopped[draw.node])
        return "it reaches a cost both through `stop` and past it: score would be biased";
      if (choice.active & choice.score) return is_chosen;
      return choice.enumerate ? "all outcomes are summed instead, with no noise"
                              : "`reparam` is admissible, and tried first; ask for `by score` to have it";
    case AskedEstimator::enumerate:
      if (choice.active & choice.enumerate) return is_chosen;
      return "its outcomes, or what would be computed again for each, exceed the budget; ask for `by enumerate` to have it";
    case AskedEstimator::measure_valued:
    case AskedEstimator::disarm:
    case AskedEstimator::rebar:
      return fmt::format(
          "it is unbiased, costs more evaluations, and is used where `by {}` asks for it; `alea compare` measures it",
          text(asked));
    case AskedEstimator::gumbel:
    case AskedEstimator::straight_through:
      return fmt::format("it is biased, and used only where `by {}` asks for it", text(asked));
  }
  internal_error("`auto` is no choice that was not made");
}

}  // namespace alea
