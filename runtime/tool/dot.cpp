// Edges are found by walking up from each drawn node through the nodes without a name.
#include "runtime/tool/dot.h"

#include <fmt/format.h>

#include <map>
#include <set>
#include <unordered_map>

namespace alea {

namespace {

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

std::string_view colour(const std::string& estimator) {
  if (estimator == "reparam") return "palegreen";
  if (estimator == "score") return "lightsalmon";
  if (estimator == "enumerate") return "lightblue";
  if (estimator == "split") return "khaki";
  return "white";
}

class Drawing {
 public:
  explicit Drawing(const Compiled& compiled) : graph_(compiled.graph) {
    for (const ExplainedNode& node : compiled.explanation.nodes) estimators_[node.name] = node.estimator;
  }

  std::string text() {
    out_ = fmt::format("digraph {} {{\n  rankdir = LR\n  node [fontname = \"sans-serif\", style = filled, fillcolor = white]\n",
                       quoted(graph_.model));
    collect();
    for (const auto& [node, name] : drawn_) edges_into(name, graph_.graph.inputs(node));
    for (const GraphState& state : graph_.states)
      if (state.next && state.next != state.leaf) edge_from(state.next, state.name, "dashed");
    for (const GraphState& state : graph_.states)
      if (state.init) edge_from(state.init, state.name, "dotted");
    int count = 0;
    for (const GraphCost& cost : graph_.costs) {
      const std::string name =
          fmt::format("{}{} {}", cost.region == Phase::final ? "final " : "", graph_.maximise ? "reward" : "cost", ++count);
      shape(name, "diamond", "white");
      edge_from(cost.value, name, "solid");
    }
    count = 0;
    for (const GraphTerminate& terminate : graph_.terminates) {
      const std::string name = fmt::format("terminate {}", ++count);
      shape(name, "octagon", "white");
      edge_from(terminate.condition, name, "solid");
    }
    return out_ + "}\n";
  }

 private:
  void shape(const std::string& name, std::string_view form, std::string_view fill) {
    if (shaped_.insert(name).second) out_ += fmt::format("  {} [shape = {}, fillcolor = {}]\n", quoted(name), form, fill);
  }

  void collect() {
    for (const GraphDraw& draw : graph_.draws) {
      if (draw.owner) continue;
      drawn_[draw.node] = draw.name;
      const auto found = estimators_.find(draw.name);
      shape(draw.name, "circle", found == estimators_.end() ? "white" : colour(found->second));
    }
    for (const GraphState& state : graph_.states) {
      drawn_[state.leaf] = state.name;
      shape(state.name, "box", "white");
    }
    for (const NamedNode& named : graph_.names) {
      if (graph_.graph.is_constant(named.node)) continue;
      if (drawn_.emplace(named.node, named.name).second) shape(named.name, "box", "white");
    }
  }

  void edges_into(const std::string& name, std::span<const NodeId> operands) {
    for (const NodeId operand : operands) edge_from(operand, name, "solid");
  }

  // From the nearest drawn ancestors of `node` (itself, when it is drawn) to `name`.
  void edge_from(NodeId node, const std::string& name, std::string_view style) {
    std::set<NodeId> seen;
    std::vector<NodeId> open{node};
    while (!open.empty()) {
      const NodeId id = open.back();
      open.pop_back();
      if (!seen.insert(id).second) continue;
      std::string source;
      if (const auto found = drawn_.find(id); found != drawn_.end()) {
        source = found->second;
      } else if (graph_.graph.op(id) == Op::param) {
        source = graph_.params[ParamId{graph_.graph[id].payload}].name;
        shape(source, "plaintext", "white");
      } else if (graph_.graph.op(id) == Op::input) {
        source = graph_.inputs[InputId{graph_.graph[id].payload}].name;
        shape(source, "plaintext", "white");
      }
      if (source.empty()) {
        for (const NodeId operand : graph_.graph.inputs(id)) open.push_back(operand);
        continue;
      }
      const std::string line = fmt::format("  {} -> {} [style = {}]\n", quoted(source), quoted(name), style);
      if (edges_.insert(line).second) out_ += line;
    }
  }

  const StochasticGraph& graph_;
  std::map<std::string, std::string> estimators_;
  std::map<NodeId, std::string> drawn_;
  std::set<std::string> shaped_, edges_;
  std::string out_;
};

}  // namespace

std::string dot_text(const Compiled& compiled) { return Drawing(compiled).text(); }

}  // namespace alea
