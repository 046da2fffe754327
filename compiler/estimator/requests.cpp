// A request names an estimator; whether it may stand is looked up by the draw's law and by where it is drawn.
// What is merely biased passes: the choice marks it.
#include "compiler/estimator/requests.h"

#include <fmt/format.h>

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
  AskedEstimator estimator{};
  std::string baseline;
  std::vector<std::pair<std::string, double>> arguments;
};

// NAME or NAME(key = number or word, …); nothing, and a report, when it is not of that form.
class RequestReader {
 public:
  RequestReader(std::string_view text, Diagnostics& diagnostics) : text_(trim(text)), diagnostics_(diagnostics) {}

  std::optional<Request> read() {
    const size_t open = text_.find('(');
    const std::string name(trim(text_.substr(0, open)));
    const std::optional<AskedEstimator> estimator = find_estimator(name);
    if (!estimator) return fail(DiagnosticKind::unknown_estimator, {name}, known_estimators_hint(name));
    Request request{*estimator, "", {}};
    if (open == std::string_view::npos) return request;
    if (text_.back() != ')') return fail_form();
    const std::vector<std::string> allowed = arguments_of(*estimator);
    std::string_view list = text_.substr(open + 1, text_.size() - open - 2);
    while (!trim(list).empty()) {
      const size_t comma = list.find(',');
      const std::string_view item = list.substr(0, comma);
      list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
      const size_t equals = item.find('=');
      const bool positional = equals == std::string_view::npos;
      const std::string key(!positional ? trim(item.substr(0, equals)) : !allowed.empty() ? allowed[0] : trim(item));
      const std::string value(trim(positional ? item : item.substr(equals + 1)));
      if (std::ranges::find(allowed, key) == allowed.end()) return fail(DiagnosticKind::estimator_argument, {name, key});
      if (key == "baseline") request.baseline = value;
      else if (const std::optional<double> number = read_number(value)) request.arguments.emplace_back(key, *number);
      else return fail_form();
    }
    return check(std::move(request));
  }

 private:
  std::string_view text_;
  Diagnostics& diagnostics_;

  std::nullopt_t fail(DiagnosticKind kind, std::vector<std::string> arguments, const std::string& hint = "") {
    diagnostics_.report(kind, {}, std::move(arguments), hint);
    return std::nullopt;
  }
  std::nullopt_t fail_form() {
    return fail(DiagnosticKind::unknown_estimator, {std::string(text_)}, "write `name` or `name(argument = number)`");
  }

  static std::optional<double> read_number(std::string_view text) {
    if (text == "true") return 1;
    if (text == "false") return 0;
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
  }

  std::optional<Request> check(Request request) {
    for (const auto& [name, value] : request.arguments)
      if (name == "tau" && !(value > 0)) return fail(DiagnosticKind::bad_tau, {fmt::format("{}", value)});
    static constexpr std::array<std::string_view, 4> baselines{"", "none", "loo", "running"};
    if (std::ranges::find(baselines, request.baseline) == baselines.end())
      return fail(DiagnosticKind::unknown_baseline, {request.baseline}, "one of `none`, `loo`, `running`");
    return request;
  }
};

void override_requests(StochasticGraph& model, const std::vector<std::pair<std::string, std::string>>& requests,
                       Diagnostics& diagnostics) {
  for (const auto& [node, written] : requests) {
    const std::optional<Request> request = RequestReader(written, diagnostics).read();
    if (!request) continue;
    bool found = false;
    std::vector<std::string> names;
    for (GraphDraw& draw : model.draws) {
      names.push_back(draw.name);
      if (draw.name != node) continue;
      found = true;
      // The same estimator by name alone keeps what the model says of it.
      if (draw.estimator == request->estimator && request->arguments.empty() && request->baseline.empty()) continue;
      draw.estimator = request->estimator;
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

bool one_of(const GraphDraw& draw, std::initializer_list<std::string_view> distributions) {
  return !draw.formals.empty() && std::ranges::find(distributions, draw.distribution) != distributions.end();
}

std::optional<Refusal> refuse_fork(const StochasticGraph& model, const GraphDraw& draw) {
  if (model.is_mdp)
    return Refusal{"every fork would run the rest of the episode again; forks are for draws of a `graph`", "use `score`"};
  if (draw.owner) return Refusal{"it is drawn inside a distribution", "ask for it at the draw itself"};
  return std::nullopt;
}

}  // namespace

std::optional<Refusal> refuse(const StochasticGraph& model, const GraphDraw& draw, AskedEstimator asked) {
  const std::string no_law = "`" + draw.distribution + "` is not among its laws";
  switch (asked) {
    case AskedEstimator::automatic: return std::nullopt;
    case AskedEstimator::reparam:
    case AskedEstimator::implicit:
      if (draw.discrete) return Refusal{"its values are discrete", "use `score` or `enumerate`"};
      return std::nullopt;
    case AskedEstimator::score:
      if (!draw.log_density) return Refusal{"`" + draw.distribution + "` has no log density", "give the distribution a `logpdf`"};
      return std::nullopt;
    case AskedEstimator::enumerate:
      if (!draw.categories || !draw.log_density) return Refusal{"its support is not finite and known", ""};
      if (model.is_mdp) return Refusal{"it is drawn inside a time loop", "use `score`"};
      return std::nullopt;
    case AskedEstimator::measure_valued:
      if (!one_of(draw, {"normal", "poisson", "bernoulli", "exponential", "gamma"}))
        return Refusal{no_law, "they are `normal`, `poisson`, `bernoulli`, `exponential`, and `gamma` for its rate"};
      if (auto refusal = refuse_fork(model, draw)) return refusal;
      if (draw.distribution == "gamma" && find_parametric(model)[formal(draw, "shape")])
        return Refusal{"its shape varies with a param, and only the rate has a measure-valued derivative here",
                       "use `implicit` or `score`"};
      return std::nullopt;
    case AskedEstimator::disarm:
      if (!one_of(draw, {"bernoulli"})) return Refusal{no_law, "it is for `bernoulli`"};
      return refuse_fork(model, draw);
    case AskedEstimator::rebar:
      if (!one_of(draw, {"bernoulli", "categorical"})) return Refusal{no_law, "it is for `bernoulli` and `categorical`"};
      return refuse_fork(model, draw);
    case AskedEstimator::gumbel:
    case AskedEstimator::straight_through:
      if (!one_of(draw, {"bernoulli", "categorical"})) return Refusal{no_law, "it is for `bernoulli` and `categorical`"};
      if (draw.owner) return Refusal{"it is drawn inside a distribution", "ask for it at the draw itself"};
      return std::nullopt;
  }
  internal_error("no such estimator");
}

void apply_requests(StochasticGraph& model, const std::vector<std::pair<std::string, std::string>>& requests,
                    Diagnostics& diagnostics) {
  override_requests(model, requests, diagnostics);
  for (const GraphDraw& draw : model.draws)
    if (const std::optional<Refusal> refusal = refuse(model, draw, draw.estimator))
      diagnostics.report(DiagnosticKind::estimator_without_meaning, draw.estimator_span,
                         {std::string(text(draw.estimator)), draw.name, refusal->why}, refusal->hint);
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
