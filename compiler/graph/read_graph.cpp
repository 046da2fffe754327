// The stochastic graph from text.
#include "compiler/graph/read_graph.h"

#include <fmt/format.h>

#include "compiler/graph/text_reader.h"
#include "compiler/graph/verify_graph.h"

namespace alea {

namespace {

class Reader {
 public:
  Reader(const SourceMap& map, SourceId source, Diagnostics& diagnostics)
      : reader_(map, source, diagnostics), nodes_(reader_, graph_.graph) {
    nodes_.tables.params = &params_;
    nodes_.tables.inputs = &inputs_;
    nodes_.tables.states = &states_;
    nodes_.tables.noises = &noises_;
    nodes_.tables.draws = &draws_;
  }

  StochasticGraph run() {
    if (reader_.at_end()) reader_.fail("there is nothing to read");
    read_header();
    while (!reader_.at_end()) read_section();
    if (const std::string error = graph_error(graph_); !error.empty()) reader_.fail(error);
    return std::move(graph_);
  }

 private:
  void read_header() {
    if (reader_.take_if("mdp")) graph_.is_mdp = true;
    else reader_.expect("graph");
    graph_.model = reader_.name("the model's name");
    reader_.next_line();
    read_lines([&] {
      if (reader_.take_if("policy")) graph_.policy = reader_.name("the policy's name");
      else if (reader_.take_if("maximise")) graph_.maximise = true;
      else if (reader_.take_if("horizon")) graph_.horizon = reader_.integer(0, max_horizon);
      else {
        reader_.expect("discount");
        graph_.discount = reader_.real();
      }
    });
  }

  template <class Action>
  void read_lines(Action action) {
    while (reader_.next_line_is_indented()) {
      action();
      reader_.next_line();
    }
  }

  void read_section() {
    if (reader_.line().indented) reader_.fail("expected the beginning of a section");
    const Word word = reader_.take();
    if (word.text == "draw") return read_draw();
    reader_.next_line();
    if (word.text == "params") return read_typed(graph_.params, params_);
    if (word.text == "inputs") return read_typed(graph_.inputs, inputs_);
    if (word.text == "states") return read_typed(graph_.states, states_);
    if (word.text == "noise")
      return read_lines([&] {
        const std::string name = reader_.name("a name");
        noises_.add(name);
        graph_.noises.add({name});
      });
    if (word.text == "draws")
      return read_lines([&] {
        GraphDraw draw;
        draw.name = reader_.name("a name");
        draws_.add(draw.name);
        graph_.draws.add(std::move(draw));
      });
    if (word.text == "nodes")
      return read_lines([&] {
        if (!nodes_.at_definition()) reader_.fail("expected `name = operation`");
        nodes_.definition();
      });
    if (word.text == "time") return read_lines([&] { read_state(); });
    if (word.text == "costs" || word.text == "rewards")
      return read_lines([&] {
        GraphCost cost;
        cost.region = region();
        cost.value = nodes_.operand();
        cost.forked = reader_.take_if("forked");
        graph_.costs.push_back(cost);
      });
    if (word.text == "ends")
      return read_lines([&] {
        GraphTerminate terminate;
        terminate.condition = nodes_.operand();
        terminate.stopped = reader_.take_if("stopped");
        graph_.terminates.push_back(terminate);
      });
    if (word.text == "names")
      return read_lines([&] {
        NamedNode named;
        named.name = reader_.name("a name");
        named.node = nodes_.operand();
        graph_.names.push_back(std::move(named));
      });
    reader_.fail(fmt::format("`{}` is no section", word.text), word.span);
  }

  template <class TableType>
  void read_typed(TableType& table, EntryTable& names) {
    read_lines([&] {
      typename std::remove_cvref_t<decltype(table.back())> entry;
      entry.name = reader_.name("a name");
      reader_.expect(":");
      entry.type = reader_.type();
      names.add(entry.name);
      table.add(std::move(entry));
    });
  }

  Phase region() {
    if (reader_.take_if("init")) return Phase::init;
    if (reader_.take_if("step")) return Phase::step;
    reader_.expect("final");
    return Phase::final;
  }

  void read_state() {
    GraphState& state = graph_.states[StateId{states_.reference(reader_, "state")}];
    reader_.expect("before");
    state.leaf = nodes_.operand();
    reader_.expect("last");
    state.final_leaf = nodes_.operand_or_none();
    reader_.expect("first");
    state.init = nodes_.operand();
    reader_.expect("next");
    state.next = nodes_.operand();
  }

  void read_estimator(GraphDraw& draw) {
    const Word word = reader_.take();
    const std::optional<AskedEstimator> estimator = find_estimator(word.text);
    if (!estimator) reader_.fail(fmt::format("`{}` is no estimator", word.text), word.span);
    draw.estimator = *estimator;
  }

  void read_draw() {
    GraphDraw& draw = graph_.draws[DrawId{draws_.reference(reader_, "draw")}];
    reader_.next_line();
    read_lines([&] {
      const Word word = reader_.take();
      if (word.text == "law") draw.law = reader_.name("the law");
      else if (word.text == "distribution") draw.distribution = reader_.name("a name");
      else if (word.text == "node") read_draw_node(draw);
      else if (word.text == "formal") {
        std::string name = reader_.name("a name");
        draw.formals.push_back({std::move(name), nodes_.operand()});
      } else if (word.text == "categories") {
        draw.categories = reader_.integer(0, max_elements);
        if (reader_.take_if("from")) draw.first_category = reader_.integer(-max_elements, max_elements);
      } else if (word.text == "arguments") {
        do draw.arguments.push_back(nodes_.operand());
        while (reader_.take_if(","));
      } else if (word.text == "log_density") draw.log_density = nodes_.operand();
      else if (word.text == "support") read_support(draw);
      else if (word.text == "inner") {
        do draw.inner.push_back(DrawId{draws_.reference(reader_, "draw")});
        while (reader_.take_if(","));
      } else if (word.text == "owner") draw.owner = DrawId{draws_.reference(reader_, "draw")};
      else if (word.text == "estimator") read_estimator(draw);
      else if (word.text == "with") {
        std::string name = reader_.name("a name");
        draw.estimator_arguments.emplace_back(std::move(name), reader_.real());
      } else if (word.text == "baseline") draw.baseline = reader_.name("a name");
      else if (word.text == "baseline_value") draw.baseline_value = nodes_.operand();
      else reader_.fail(fmt::format("`{}` is nothing that a draw has", word.text), word.span);
    });
  }

  void read_draw_node(GraphDraw& draw) {
    draw.node = nodes_.operand();
    reader_.expect("in");
    draw.region = region();
    reader_.expect("batch");
    draw.batch = reader_.integer_list();
    draw.discrete = reader_.take_if("discrete");
    draw.forked = reader_.take_if("forked");
  }

  void read_support(GraphDraw& draw) {
    const auto kind = [&](std::string_view word, SupportKind kind) {
      if (!reader_.take_if(word)) return false;
      draw.support = kind;
      return true;
    };
    if (!kind("undeclared", SupportKind::undeclared) && !kind("real", SupportKind::real) &&
        !kind("simplex", SupportKind::simplex) && !kind("interval", SupportKind::interval) &&
        !kind("integers", SupportKind::integers))
      reader_.fail("expected a support");
    if (reader_.take_if("low")) {
      draw.support_low = nodes_.operand();
      draw.low_open = reader_.take_if("open");
    }
    if (reader_.take_if("high")) {
      draw.support_high = nodes_.operand();
      draw.high_open = reader_.take_if("open");
    }
  }

  static constexpr int64_t max_horizon = int64_t{1} << 31;

  TextReader reader_;
  StochasticGraph graph_;
  NodeReader nodes_;
  EntryTable params_, inputs_, states_, noises_, draws_;
};

}  // namespace

std::optional<StochasticGraph> read_graph(const SourceMap& map, SourceId source, Diagnostics& diagnostics) {
  try {
    return Reader(map, source, diagnostics).run();
  } catch (const WrongText&) { return std::nullopt; }
}

}  // namespace alea
