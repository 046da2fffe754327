// In: the graph and the choice. Out: the same in words; names are as the user wrote them.
#include "compiler/estimator/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "compiler/estimator/requests.h"
#include "compiler/graph/build.h"

namespace alea {
namespace {

constexpr std::string_view arrow = " → ";

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

namespace {

class Explainer {
 public:
  Explainer(const StochasticGraph& model, const Chosen& chosen, const SourceMap& sources, bool with_reasons)
      : model_(model), chosen_(chosen), sources_(sources) {
    if (!with_reasons) return;
    finder_.emplace(model, chosen.facts);
    names_.emplace(model);
  }

  Explanation explain() {
    Explanation result;
    result.objective = objective_text(model_);
    result.bias = chosen_.plan.bias;
    for (uint32_t d = 0; d < model_.draws.size(); ++d) {
      ExplainedNode node = explain_draw(DrawId{d});
      const bool inner = node.rows.empty() && model_.draws[DrawId{d}].owner;  // noise inside a distribution's body
      if (inner) continue;
      if (node.rows.empty()) {
        const bool reached = chosen_.plan.choices[DrawId{d}].reached != 0;
        node.rows.push_back({"", "none", true, reached ? "no param reaches its law: it is only sampled" : "it reaches no cost"});
      }
      result.nodes.push_back(std::move(node));
    }
    result.notes = idle_params();
    std::ranges::move(assumptions(), std::back_inserter(result.notes));
    return result;
  }

 private:
  std::string path_text(NodeId from, Targets targets, bool want_jump) {
    return finder_ ? describe(model_, sources_, *names_, finder_->find(from, targets, want_jump)) : std::string();
  }

  // A row for each class of costs; equal rows say it once.
  ExplainedNode explain_draw(DrawId id) {
    const GraphDraw& draw = model_.draws[id];
    const Choice& choice = chosen_.plan.choices[id];
    ExplainedNode node{draw.name, draw.distribution, draw.law, draw.span, "none", choice.bias.empty(), choice.bias, {}};
    for (const CostClass& cost_class : chosen_.plan.classes) {
      const Estimator estimator = chosen_.plan.in_class(id, cost_class);
      if (estimator == Estimator::none) continue;
      const std::string word = plain_word(draw, estimator);
      node.estimator = node.rows.empty() || node.estimator == word ? word : "split";
      node.rows.push_back({cost_class.label, estimator_word(draw, estimator), choice.bias.empty(),
                           because(id, estimator, cost_class.targets & choice.active)});
    }
    const auto is_first = [&](const ExplainedRow& row) { return row.estimator == node.rows[0].estimator; };
    if (node.rows.size() > 1 && std::ranges::all_of(node.rows, is_first)) {
      node.rows.resize(1);
      node.rows[0].gradient_of = model_.maximise ? "reward" : "cost";
    }
    return node;
  }

  std::string because(DrawId id, Estimator estimator, Targets targets) {
    const GraphDraw& draw = model_.draws[id];
    const Choice& choice = chosen_.plan.choices[id];
    const PathFacts& facts = chosen_.facts;
    const Targets jumps = facts.jump[draw.node] & targets;
    if (estimator == Estimator::reparam)
      return jumps || !choice.bias.empty() ? "asked for by name; biased: " + choice.bias : path_text(draw.node, targets, false);
    if (choice.by_hand && estimator != Estimator::score && estimator != Estimator::enumerate) return "asked for by name";
    if (draw.discrete)
      return estimator == Estimator::enumerate ? fmt::format("finite support: {} outcomes", draw.categories)
                                               : "its values are discrete";
    if (!facts.reparam_allowed[id]) return facts.reparam_refused[id];
    if (jumps) return path_text(draw.node, jumps, true);
    return choice.by_hand ? "asked for by name" : "merged with a class of costs that needs it";
  }

  std::vector<std::string> idle_params() const {
    std::vector<std::string> notes;
    for (uint32_t k = 0; k < model_.graph.size(); ++k) {
      const NodeId id{k};
      if (model_.graph.op(id) != Op::param || (chosen_.facts.reach[id] | chosen_.facts.stopped[id])) continue;
      notes.push_back(
          fmt::format("param `{}` reaches no cost: its gradient is zero", model_.params[ParamId{model_.graph[id].payload}].name));
    }
    return notes;
  }
  std::vector<std::string> assumptions() const {
    std::vector<std::string> notes;
    const NodeTable<uint8_t> random = find_random(model_);
    for (uint32_t k = 0; k < model_.graph.size(); ++k) {
      const NodeId id{k};
      const Op op = model_.graph.op(id);
      const bool regular = op == Op::solve || op == Op::cholesky || op == Op::logdet;
      if (regular && random[model_.graph.input(id, 0)] && chosen_.facts.reach[id])
        notes.push_back(
            fmt::format("`{}`{} is assumed regular for every sample", text(op), place(sources_, model_.graph.span(id))));
    }
    return notes;
  }

  const StochasticGraph& model_;
  const Chosen& chosen_;
  const SourceMap& sources_;
  std::optional<PathFinder> finder_;  // null: no reasons are asked for
  std::optional<PathNames> names_;
};

}  // namespace

Explanation explain(const StochasticGraph& model, const Chosen& chosen, const SourceMap& sources, bool with_reasons) {
  return Explainer(model, chosen, sources, with_reasons).explain();
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
