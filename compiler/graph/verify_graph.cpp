// What must hold of a stochastic graph: types, ranges of ids, regions, and the shapes of what stands beside it.
#include "compiler/graph/verify_graph.h"

#include <fmt/format.h>

#include "compiler/graph/infer.h"
#include "compiler/graph/stochastic_graph.h"
#include "dsl/diagnostic.h"

namespace alea {

namespace {

class Verifier {
 public:
  explicit Verifier(const StochasticGraph& stochastic) : stochastic_(stochastic), graph_(stochastic.graph) {}

  bool is_printable() const { return printable_; }  // all ids are within their tables

  std::string run() {
    check_ranges();
    printable_ = error_.empty();
    for (uint32_t index = 0; error_.empty() && index < graph_.size(); ++index) check_node(NodeId{index});
    if (error_.empty()) check_tables();
    if (error_.empty()) check_regions();
    return error_;
  }

 private:
  template <class... Arguments>
  void fail(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    if (error_.empty()) error_ = fmt::format(format, std::forward<Arguments>(arguments)...);
  }

  void in_range(NodeId id, std::string_view what) {
    if (id && id.index >= graph_.size()) fail("the {} is %{}, and there are {} nodes", what, id.index, graph_.size());
  }
  void required(NodeId id, std::string_view what) {
    if (!id) fail("the {} is missing", what);
    in_range(id, what);
  }

  void check_ranges() {
    for (const GraphDraw& draw : stochastic_.draws) {
      required(draw.node, "node of `" + draw.name + "`");
      for (const NodeId argument : draw.arguments) required(argument, "argument of `" + draw.name + "`");
      in_range(draw.log_density, "log density of `" + draw.name + "`");
      in_range(draw.support_low, "support of `" + draw.name + "`");
      in_range(draw.support_high, "support of `" + draw.name + "`");
      in_range(draw.baseline_value, "baseline of `" + draw.name + "`");
      for (const DrawId inner : draw.inner)
        if (inner.index >= stochastic_.draws.size()) fail("a draw inside `{}` does not exist", draw.name);
      if (draw.owner && draw.owner.index >= stochastic_.draws.size()) fail("the owner of `{}` does not exist", draw.name);
    }
    for (const GraphState& state : stochastic_.states) {
      required(state.leaf, "leaf of `" + state.name + "`");
      required(state.init, "first value of `" + state.name + "`");
      required(state.next, "next value of `" + state.name + "`");
      in_range(state.final_leaf, "last value of `" + state.name + "`");
    }
    for (const GraphCost& cost : stochastic_.costs) required(cost.value, "value of a cost");
    for (const GraphTerminate& terminate : stochastic_.terminates) required(terminate.condition, "condition of a `terminate`");
    for (const NamedNode& named : stochastic_.names) required(named.node, "node `" + named.name + "`");
  }

  template <class IdType, class TableType>
  void check_leaf(NodeId id, const TableType& table) {
    const uint32_t payload = graph_[id].payload;
    if (payload >= table.size()) return fail("%{} has no entry {} in its table", id.index, payload);
    if (table[IdType{payload}].type != graph_.type(id)) fail("%{} has another type than its table says", id.index);
  }

  void check_node(NodeId id) {
    if (const std::string error = type_error(graph_, id); !error.empty()) return fail("%{}: {}", id.index, error);
    switch (graph_.op(id)) {
      case Op::param: return check_leaf<ParamId>(id, stochastic_.params);
      case Op::input: return check_leaf<InputId>(id, stochastic_.inputs);
      case Op::state:
      case Op::final_state: return check_leaf<StateId>(id, stochastic_.states);
      case Op::draw: {
        const uint32_t payload = graph_[id].payload;
        if (payload >= stochastic_.draws.size() || stochastic_.draws[DrawId{payload}].node != id)
          fail("%{} stands for a draw that is not in the table", id.index);
        return;
      }
      case Op::adjoint:
      case Op::advantage:
      case Op::accumulated: return fail("%{}: `{}` has no place before the gradient is taken", id.index, text(graph_.op(id)));
      default:
        if (kind(graph_.op(id)) == OpKind::random && graph_[id].payload >= stochastic_.noises.size())
          fail("%{} has no entry {} in its table", id.index, graph_[id].payload);
    }
  }

  void check_tables() {
    for (const GraphDraw& draw : stochastic_.draws) {
      const Shape& shape = graph_.shape(draw.node);
      if (graph_.op(draw.node) != Op::draw) fail("`{}` is no draw", draw.name);
      if (shape.size() < draw.batch.size() || !std::equal(draw.batch.begin(), draw.batch.end(), shape.begin()))
        fail("`{}` lacks its leading axes", draw.name);
      if (draw.log_density && graph_.type(draw.log_density) != Type{Scalar::real, 0, draw.batch})
        fail("the log density of `{}` has type {}", draw.name, to_string(graph_.type(draw.log_density)));
      if (draw.region != Phase::init && draw.region != Phase::step) fail("`{}` is drawn in {}", draw.name, text(draw.region));
    }
    for (const GraphState& state : stochastic_.states)
      for (const NodeId value : {state.leaf, state.init, state.next})
        if (graph_.type(value) != state.type) fail("a value of `{}` has type {}", state.name, to_string(graph_.type(value)));
    for (const GraphTerminate& terminate : stochastic_.terminates)
      if (graph_.type(terminate.condition) != Type{Scalar::boolean, 0, {}}) fail("the condition of a `terminate` is no boolean");
    for (const GraphCost& cost : stochastic_.costs)
      if (graph_.type(cost.value).scalar == Scalar::boolean) fail("a cost is a boolean");
    if (stochastic_.horizon < 0) fail("the horizon is negative");
  }

  // What is asked for in a region must be there to be read.
  void check_regions() {
    const Placement placement = place(stochastic_);
    for (uint32_t index = 0; index < graph_.size(); ++index)
      for (const NodeId input : graph_.inputs(NodeId{index}))
        if (!can_read(placement.phase[NodeId{index}], placement.phase[input]))
          fail("%{} of {} reads %{} of {}", index, text(placement.phase[NodeId{index}]), input.index,
               text(placement.phase[input]));
    const auto readable = [&](NodeId id, Phase phase, std::string_view what) {
      if (!can_read(phase, placement.phase[id]))
        fail("the {} is of {}, which {} cannot read", what, text(placement.phase[id]), text(phase));
    };
    for (const GraphState& state : stochastic_.states) {
      readable(state.init, Phase::init, "first value of `" + state.name + "`");
      readable(state.next, Phase::step, "next value of `" + state.name + "`");
    }
    for (const GraphCost& cost : stochastic_.costs) readable(cost.value, cost.region, "value of a cost");
    for (const GraphTerminate& terminate : stochastic_.terminates)
      readable(terminate.condition, Phase::step, "condition of a `terminate`");
  }

  const StochasticGraph& stochastic_;
  const Graph& graph_;
  std::string error_;
  bool printable_ = false;
};

}  // namespace

std::string graph_error(const StochasticGraph& graph) { return Verifier(graph).run(); }

void verify_graph(const StochasticGraph& graph) {
  Verifier verifier(graph);
  if (const std::string error = verifier.run(); !error.empty())
    internal_error("a wrong graph: " + error, verifier.is_printable() ? print(graph) : std::string{});
}

}  // namespace alea
