// The stochastic graph as text: tables, all nodes in order with their place in the model, then draws, states,
// costs and ends. All of it but the comments reads back (read_graph.h).
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "compiler/graph/node_text.h"
#include "compiler/graph/stochastic_graph.h"

namespace alea {

namespace {

std::string_view text(SupportKind kind) {
  switch (kind) {
    case SupportKind::undeclared: return "undeclared";
    case SupportKind::real: return "real";
    case SupportKind::simplex: return "simplex";
    case SupportKind::interval: return "interval";
    case SupportKind::integers: return "integers";
  }
  return {};
}

std::string_view text_of_region(Phase phase) { return phase == Phase::step ? "step" : phase == Phase::final ? "final" : "init"; }

// Always in quotes.
std::string quoted(const std::string& text) {
  const std::string whole = write_name(text + " ");  // never a plain name
  return whole.substr(0, whole.size() - 2) + "\"";
}

class Writer {
 public:
  Writer(const StochasticGraph& stochastic, const SourceMap* map)
      : stochastic_(stochastic), graph_(stochastic.graph), map_(map), nodes_(stochastic.graph) {
    for (const GraphParam& param : stochastic.params) params_.add(param.name);
    for (const GraphInput& input : stochastic.inputs) inputs_.add(input.name);
    for (const GraphState& state : stochastic.states) states_.add(state.name);
    for (const ProgramNoise& noise : stochastic.noises) noises_.add(noise.name);
    for (const GraphDraw& draw : stochastic.draws) draws_.add(draw.name);
    name_nodes();
  }

  std::string run() {
    write_header();
    write_tables();
    out_.title("nodes");
    for (uint32_t index = 0; index < graph_.size(); ++index) {
      const NodeId id{index};
      if (nodes_.is_inline(id)) continue;
      out_.row(fmt::format("{} = {}", ref(id), nodes_.expression(id, entry_of(id))), to_string(graph_.type(id)), "",
               line_of(map_, graph_.span(id)));
    }
    for (uint32_t i = 0; i < stochastic_.draws.size(); ++i) write_draw(i);
    write_states();
    write_objective();
    return out_.str();
  }

 private:
  std::string ref(NodeId id) const { return nodes_.reference(id); }

  void name_nodes() {
    for (uint32_t index = 0; index < graph_.size(); ++index) {
      const NodeId id{index};
      const uint32_t payload = graph_[id].payload;
      if (graph_.op(id) == Op::param) nodes_.suggest(id, params_.bare(payload));
      if (graph_.op(id) == Op::input) nodes_.suggest(id, inputs_.bare(payload));
      if (graph_.op(id) == Op::state) nodes_.suggest(id, states_.bare(payload));
    }
    for (const NamedNode& named : stochastic_.names) nodes_.suggest(named.node, named.name);
    for (const GraphDraw& draw : stochastic_.draws) nodes_.suggest(draw.node, draw.name);
    for (const GraphState& state : stochastic_.states) nodes_.suggest(state.next, state.name + "'");
    for (uint32_t index = 0; index < graph_.size(); ++index)
      if (!nodes_.is_inline(NodeId{index})) nodes_.list(NodeId{index});
  }

  void write_header() {
    out_.title((stochastic_.is_mdp ? "mdp " : "graph ") + write_name(stochastic_.model));
    if (!stochastic_.policy.empty()) out_.row("policy " + write_name(stochastic_.policy));
    if (stochastic_.maximise) out_.row("maximise");
    if (stochastic_.is_mdp) {
      out_.row(fmt::format("horizon {}", stochastic_.horizon));
      out_.row("discount " + write_real(stochastic_.discount));
    }
  }

  template <class TableType>
  void write_typed(const std::string& title, const TableType& table) {
    if (table.empty()) return;
    out_.title(title);
    for (const auto& entry : table) out_.row(write_name(entry.name), to_string(entry.type), "", line_of(map_, entry.span));
  }

  void write_tables() {
    write_typed("params", stochastic_.params);
    write_typed("inputs", stochastic_.inputs);
    write_typed("states", stochastic_.states);
    if (!stochastic_.noises.empty()) out_.title("noise");
    for (const ProgramNoise& noise : stochastic_.noises) out_.row(write_name(noise.name));
    if (!stochastic_.draws.empty()) out_.title("draws");
    for (const GraphDraw& draw : stochastic_.draws) out_.row(write_name(draw.name), "", "", draw.law);
  }

  std::string entry_of(NodeId id) const {
    const uint32_t payload = graph_[id].payload;
    switch (graph_.op(id)) {
      case Op::param: return params_.reference(payload);
      case Op::input: return inputs_.reference(payload);
      case Op::state:
      case Op::final_state: return states_.reference(payload);
      case Op::draw: return draws_.reference(payload);
      default: return kind(graph_.op(id)) == OpKind::random ? noises_.reference(payload) : std::string{};
    }
  }

  void write_draw(uint32_t index) {
    const GraphDraw& draw = stochastic_.draws[DrawId{index}];
    out_.title("draw " + draws_.reference(index), line_of(map_, draw.span));
    out_.row("law " + quoted(draw.law));
    out_.row("distribution " + write_name(draw.distribution));
    out_.row(fmt::format("node {} in {} batch {}{}", ref(draw.node), text_of_region(draw.region), to_string(draw.batch),
                         std::string(draw.discrete ? " discrete" : "") + (draw.forked ? " forked" : "")));
    if (draw.categories != 0)
      out_.row(fmt::format("categories {}", draw.categories) +
               (draw.first_category != 0 ? fmt::format(" from {}", draw.first_category) : ""));
    const auto list = [&](std::string_view title, const auto& items, auto describe) {
      std::vector<std::string> words;
      for (const auto& item : items) words.push_back(describe(item));
      if (!words.empty()) out_.row(fmt::format("{} {}", title, fmt::join(words, ", ")));
    };
    list("arguments", draw.arguments, [&](NodeId id) { return ref(id); });
    for (const GraphFormal& formal : draw.formals)
      out_.row(fmt::format("formal {} {}", write_name(formal.name), ref(formal.node)));
    if (draw.log_density) out_.row("log_density " + ref(draw.log_density));
    std::string support = fmt::format("support {}", text(draw.support));
    if (draw.support_low) support += fmt::format(" low {}{}", ref(draw.support_low), draw.low_open ? " open" : "");
    if (draw.support_high) support += fmt::format(" high {}{}", ref(draw.support_high), draw.high_open ? " open" : "");
    out_.row(support);
    list("inner", draw.inner, [&](DrawId inner) { return draws_.reference(inner.index); });
    if (draw.owner) out_.row("owner " + draws_.reference(draw.owner.index));
    if (draw.estimator != AskedEstimator::automatic) out_.row(fmt::format("estimator {}", text(draw.estimator)));
    for (const auto& [name, value] : draw.estimator_arguments)
      out_.row(fmt::format("with {} {}", write_name(name), write_real(value)));
    if (!draw.baseline.empty()) out_.row("baseline " + write_name(draw.baseline));
    if (draw.baseline_value) out_.row("baseline_value " + ref(draw.baseline_value));
  }

  void write_states() {
    for (uint32_t i = 0; i < stochastic_.states.size(); ++i) {
      const GraphState& state = stochastic_.states[StateId{i}];
      if (i == 0) out_.title("time");
      out_.row(fmt::format("{} before {} last {} first {} next {}", states_.reference(i), ref(state.leaf), ref(state.final_leaf),
                           ref(state.init), ref(state.next)));
    }
  }

  void write_objective() {
    if (!stochastic_.costs.empty()) out_.title(stochastic_.maximise ? "rewards" : "costs");
    for (const GraphCost& cost : stochastic_.costs)
      out_.row(fmt::format("{} {}", text_of_region(cost.region), ref(cost.value)) + (cost.forked ? " forked" : ""), "", "",
               line_of(map_, cost.span));
    if (!stochastic_.terminates.empty()) out_.title("ends");
    for (const GraphTerminate& terminate : stochastic_.terminates)
      out_.row(ref(terminate.condition) + (terminate.stopped ? " stopped" : ""), "", "", line_of(map_, terminate.span));
    if (!stochastic_.names.empty()) out_.title("names");
    for (const NamedNode& named : stochastic_.names)
      out_.row(fmt::format("{} {}", write_name(named.name), ref(named.node)), "", "", line_of(map_, named.span));
  }

  const StochasticGraph& stochastic_;
  const Graph& graph_;
  const SourceMap* map_;
  NodeWriter nodes_;
  NameTable params_, inputs_, states_, noises_, draws_;
  AlignedText out_;
};

}  // namespace

std::string print(const StochasticGraph& graph, const SourceMap* map) { return Writer(graph, map).run(); }

}  // namespace alea
