// A request names an estimator; whether it may stand is looked up by the draw's law and by where it is drawn.
// What is merely biased passes: the choice marks it.
#include "compiler/estimator/requests.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <optional>

#include "compiler/estimator/paths.h"
#include "compiler/estimator/relax.h"
#include "compiler/graph/build.h"

namespace alea {
namespace {

std::string_view trim(std::string_view text) {
  const auto is_space = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

struct Request {
  std::string name, baseline;
  std::vector<std::pair<std::string, double>> arguments;
};

// NAME or NAME(key = number or word, …); nothing when it is not of that form.
std::optional<Request> parse_request(std::string_view text) {
  text = trim(text);
  const size_t open = text.find('(');
  Request request{std::string(trim(text.substr(0, open))), "", {}};
  if (open == std::string_view::npos) return request;
  if (text.back() != ')') return std::nullopt;
  std::string_view list = text.substr(open + 1, text.size() - open - 2);
  while (!trim(list).empty()) {
    const size_t comma = list.find(',');
    const std::string_view item = list.substr(0, comma);
    list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
    const size_t equals = item.find('=');
    const std::string key(equals == std::string_view::npos ? (request.name == "score" ? "baseline" : "tau")
                                                           : trim(item.substr(0, equals)));
    const std::string_view value = trim(equals == std::string_view::npos ? item : item.substr(equals + 1));
    if (key == "baseline") {
      request.baseline = value;
      continue;
    }
    double number = value == "true" ? 1 : 0;
    if (value != "true" && value != "false") {
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
      if (error != std::errc{} || end != value.data() + value.size()) return std::nullopt;
    }
    request.arguments.emplace_back(key, number);
  }
  return request;
}

// The arguments that an estimator takes.
std::vector<std::string> arguments_of(std::string_view estimator) {
  if (estimator == "score") return {"baseline"};
  if (estimator == "gumbel") return {"tau"};
  if (estimator == "rebar") return {"tau", "weight"};
  if (estimator == "straight_through") return {"tau", "identity"};
  return {};
}

void override_requests(StochasticGraph& model, const std::vector<std::pair<std::string, std::string>>& requests,
                       Diagnostics& diagnostics) {
  for (const auto& [node, text] : requests) {
    const std::optional<Request> request = parse_request(text);
    if (!request) {
      diagnostics.report(DiagnosticKind::unknown_estimator, {}, {text}, "write `name` or `name(argument = number)`");
      continue;
    }
    const std::vector<std::string> allowed = arguments_of(request->name);
    const auto is_allowed = [&](std::string_view name) { return std::ranges::find(allowed, name) != allowed.end(); };
    for (const auto& [name, value] : request->arguments) {
      if (!is_allowed(name)) diagnostics.report(DiagnosticKind::estimator_argument, {}, {request->name, name});
      else if (name == "tau" && !(value > 0)) diagnostics.report(DiagnosticKind::bad_tau, {}, {fmt::format("{}", value)});
    }
    static constexpr std::array<std::string_view, 4> baselines{"", "none", "loo", "running"};
    if (std::ranges::find(baselines, request->baseline) == baselines.end())
      diagnostics.report(DiagnosticKind::unknown_baseline, {}, {request->baseline}, "one of `none`, `loo`, `running`");
    bool found = false;
    std::vector<std::string> names;
    for (GraphDraw& draw : model.draws) {
      names.push_back(draw.name);
      if (draw.name != node) continue;
      found = true;
      // The same estimator by name alone keeps what the model says of it.
      if (draw.estimator == request->name && request->arguments.empty() && request->baseline.empty()) continue;
      draw.estimator = request->name == "auto" ? "" : request->name;
      draw.estimator_span = draw.span;
      draw.estimator_arguments = request->arguments;
      draw.baseline = request->baseline;
      draw.baseline_value = {};
    }
    if (found) continue;
    const std::string near = nearest(node, names);
    diagnostics.report(DiagnosticKind::unknown_draw, {}, {node}, near.empty() ? "" : "did you mean `" + near + "`?");
  }
}

struct Refusal {
  std::string why, hint;
};

bool one_of(const GraphDraw& draw, std::initializer_list<std::string_view> distributions) {
  return !draw.formals.empty() && std::ranges::find(distributions, draw.distribution) != distributions.end();
}

std::optional<Refusal> refuse_fork(const StochasticGraph& model, const GraphDraw& draw) {
  if (model.is_mdp)
    return Refusal{"every fork would run the rest of the episode again; forks are for draws of a `graph`", "use `score`"};
  if (draw.owner) return Refusal{"it is drawn inside a distribution", "ask for it at the draw itself"};
  return std::nullopt;
}

std::optional<Refusal> refuse(const StochasticGraph& model, const GraphDraw& draw) {
  const std::string& asked = draw.estimator;
  const std::string no_law = "`" + draw.distribution + "` is not among its laws";
  if (asked == "reparam" || asked == "implicit") {
    if (draw.discrete) return Refusal{"its values are discrete", "use `score` or `enumerate`"};
  } else if (asked == "score") {
    if (!draw.log_density) return Refusal{"`" + draw.distribution + "` has no log density", "give the distribution a `logpdf`"};
  } else if (asked == "enumerate") {
    if (!draw.categories || !draw.log_density) return Refusal{"its support is not finite and known", ""};
    if (model.is_mdp) return Refusal{"it is drawn inside a time loop", "use `score`"};
  } else if (asked == "measure_valued") {
    if (!one_of(draw, {"normal", "poisson", "bernoulli", "exponential", "gamma"}))
      return Refusal{no_law, "they are `normal`, `poisson`, `bernoulli`, `exponential`, and `gamma` for its rate"};
    if (auto refusal = refuse_fork(model, draw)) return refusal;
    if (draw.distribution == "gamma" && find_parametric(model)[formal(draw, "shape")])
      return Refusal{"its shape varies with a param, and only the rate has a measure-valued derivative here",
                     "use `implicit` or `score`"};
  } else if (asked == "disarm") {
    if (!one_of(draw, {"bernoulli"})) return Refusal{no_law, "it is for `bernoulli`"};
    return refuse_fork(model, draw);
  } else if (asked == "rebar") {
    if (!one_of(draw, {"bernoulli", "categorical"})) return Refusal{no_law, "it is for `bernoulli` and `categorical`"};
    return refuse_fork(model, draw);
  } else if (asked == "gumbel" || asked == "straight_through") {
    if (!one_of(draw, {"bernoulli", "categorical"})) return Refusal{no_law, "it is for `bernoulli` and `categorical`"};
    if (draw.owner) return Refusal{"it is drawn inside a distribution", "ask for it at the draw itself"};
  }
  return std::nullopt;
}

}  // namespace

const std::vector<std::string>& known_estimators() {
  static const std::vector<std::string> known = {"reparam", "implicit", "score",  "enumerate",       "measure_valued",
                                                 "disarm",  "rebar",    "gumbel", "straight_through"};
  return known;
}

void apply_requests(StochasticGraph& model, const std::vector<std::pair<std::string, std::string>>& requests,
                    Diagnostics& diagnostics) {
  override_requests(model, requests, diagnostics);
  const std::vector<std::string>& known = known_estimators();
  for (const GraphDraw& draw : model.draws) {
    if (draw.estimator.empty()) continue;
    if (std::ranges::find(known, draw.estimator) == known.end()) {
      const std::string near = nearest(draw.estimator, known);
      diagnostics.report(DiagnosticKind::unknown_estimator, draw.estimator_span, {draw.estimator},
                         near.empty() ? fmt::format("one of `{}`", fmt::join(known, "`, `")) : "did you mean `" + near + "`?");
    } else if (const std::optional<Refusal> refusal = refuse(model, draw)) {
      diagnostics.report(DiagnosticKind::estimator_without_meaning, draw.estimator_span,
                         {draw.estimator, draw.name, refusal->why}, refusal->hint);
    }
  }
}

double estimator_argument(const GraphDraw& draw, std::string_view name, double otherwise) {
  for (const auto& [key, value] : draw.estimator_arguments)
    if (key == name) return value;
  return otherwise;
}

bool has_estimator_argument(const GraphDraw& draw, std::string_view name) {
  return std::ranges::any_of(draw.estimator_arguments, [&](const auto& argument) { return argument.first == name; });
}

NodeId formal(const GraphDraw& draw, std::string_view name) {
  for (const GraphFormal& entry : draw.formals)
    if (entry.name == name) return entry.node;
  internal_error(fmt::format("`{}` of `{}` has no formal `{}`", draw.name, draw.distribution, name));
}

const GraphFormal& given_formal(const GraphDraw& draw) {
  for (const char* name : {"logits", "p"})
    for (const GraphFormal& entry : draw.formals)
      if (entry.name == name) return entry;
  internal_error(fmt::format("`{}` of `{}` has neither `p` nor `logits`", draw.name, draw.distribution));
}

NodeId make_logits(Graph& graph, const GraphDraw& draw, NodeId given) {
  if (given_formal(draw).name == "logits") return given;
  const NodeId log = make(graph, Op::log, {given});
  if (draw.distribution == "categorical") return log;
  return make(graph, Op::sub, {log, make(graph, Op::log1p, {make(graph, Op::negate, {given})})});
}

NodeId make_probability(Graph& graph, const GraphDraw& draw, NodeId given) {
  if (given_formal(draw).name == "p") return given;
  return draw.distribution == "categorical" ? make_softmax(graph, given) : make(graph, Op::sigmoid, {given});
}

}  // namespace alea
