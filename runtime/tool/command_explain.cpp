// alea explain: the estimator of each stochastic node, for each class of costs that it reaches, and why.
#include <fmt/format.h>

#include "runtime/errors.h"
#include "runtime/text_table.h"
#include "runtime/tool/commands.h"
#include "runtime/tool/engine.h"

namespace alea {

namespace {

std::string heading(const Compiled& compiled, bool colour) {
  const StochasticGraph& graph = compiled.graph;
  std::string text = fmt::format("{} {}", graph.is_mdp ? "mdp" : "graph", bold(graph.model, colour));
  if (!graph.policy.empty()) text += fmt::format(", policy {}", bold(graph.policy, colour));
  text += "    " + compiled.explanation.objective;
  if (graph.is_mdp) text += fmt::format("    horizon {}", graph.horizon);
  int64_t numbers = 0;
  for (const GraphParam& param : graph.params) numbers += element_count(param.type.shape);
  return text + fmt::format("    {} param{}\n", numbers, numbers == 1 ? "" : "s");
}

std::string place_text(const SourceMap& sources, Span span) {
  if (!span) return "";
  const LineColumn place = sources[span.source].position(span.begin);
  // Draws of an imported file say which.
  const std::string file = span.source.index == 0 ? "" : sources[span.source].name() + ":";
  return fmt::format("{}{}:{}", file, place.line, place.column);
}

std::string biased_text(const std::string& why) { return why.empty() ? "biased" : "biased (" + why + ")"; }

Json node_json(const SourceMap& sources, const ExplainedNode& node) {
  Json json{{"name", node.name}};
  const LineColumn place = node.span ? sources[node.span.source].position(node.span.begin) : LineColumn{};
  json["line"] = place.line;
  json["column"] = place.column;
  json["distribution"] = node.distribution;
  json["estimator"] = node.estimator;
  json["unbiased"] = node.unbiased;
  std::vector<std::string> reasons;
  json["costs"] = Json::array();
  for (const ExplainedRow& part : node.rows) {
    if (!part.because.empty()) reasons.push_back(part.because);
    json["costs"].push_back({{"cost", part.gradient_of}, {"estimator", part.estimator}});
  }
  json["reason"] = fmt::format("{}", fmt::join(reasons, "; "));
  return json;
}

// --why-not ESTIMATOR NODE: one answer for each draw of that name.
int explain_why_not(Session& session, const Compiled& compiled) {
  const std::string &name = session.options.why_not[0], &node = session.options.why_not[1];
  const std::optional<AskedEstimator> asked = find_estimator(name);
  if (!asked || *asked == AskedEstimator::automatic)
    throw UsageError{fmt::format("--why-not: `{}` is no estimator; {}", name, known_estimators_hint(name))};
  std::vector<std::string> names, reasons;
  for (uint32_t k = 0; k < compiled.graph.draws.size(); ++k) {
    const GraphDraw& draw = compiled.graph.draws[DrawId{k}];
    names.push_back(draw.name);
    if (draw.name == node) reasons.push_back(why_not(compiled.graph, compiled.chosen, session.sources, *asked, DrawId{k}));
  }
  if (reasons.empty()) {
    const std::string near = nearest(node, names);
    throw UsageError{fmt::format("--why-not: `{}` is no stochastic node of `{}`{}", node, compiled.graph.model,
                                 near.empty() ? "" : fmt::format("; did you mean `{}`?", near))};
  }
  if (session.options.json)
    print_json(Json{{"node", node}, {"estimator", name}, {"reason", fmt::format("{}", fmt::join(reasons, "; "))}});
  else
    for (const std::string& reason : reasons) print_out(fmt::format("{} by {}: {}\n", node, name, reason));
  return status_done;
}

}  // namespace

int command_explain(Session& session) {
  const Model model = compile_model(session);
  require_model(session, model, "`explain`");
  const Compiled& compiled = *model.compiled;
  if (!session.options.why_not.empty()) return explain_why_not(session, compiled);
  if (session.options.json) {
    Json nodes = Json::array();
    for (const ExplainedNode& node : compiled.explanation.nodes) nodes.push_back(node_json(session.sources, node));
    print_json(Json{{"model", compiled.graph.model}, {"nodes", std::move(nodes)}});
    return status_done;
  }
  std::string text = heading(compiled, session.colour_out) + "\n";
  TextTable table({Align::left, Align::left, Align::left, Align::left, Align::left, Align::left, Align::left});
  table.add({"node", "place", "distribution", "gradient of", "estimator", "unbiased", "because"});
  for (const ExplainedNode& node : compiled.explanation.nodes) {
    bool first = true;
    for (const ExplainedRow& part : node.rows) {
      table.add({first ? node.name : "", first ? place_text(session.sources, node.span) : "", first ? node.law : "",
                 part.gradient_of, part.estimator, part.unbiased ? "yes" : biased_text(node.bias), part.because});
      first = false;
    }
  }
  if (compiled.explanation.nodes.empty()) text += "nothing in it is drawn\n";
  else text += table.print(session.colour_out);
  if (!compiled.explanation.bias.empty()) text += fmt::format("\nthe gradient is biased ({})\n", compiled.explanation.bias);
  for (const std::string& note : compiled.explanation.notes) text += fmt::format("\nnote: {}\n", note);
  print_out(text);
  return status_done;
}

}  // namespace alea
