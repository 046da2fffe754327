// The model's parts in order: params, inputs, states, then everything that is computed, by region.
#include "compiler/graph/elaborate.h"

#include <algorithm>

#include "compiler/graph/build.h"
#include "compiler/graph/costs.h"
#include "compiler/graph/elaborator.h"
#include "compiler/pass/remove_dead.h"

namespace alea {

namespace {

void declare(const typed::Model& model, StochasticGraph& out) {
  out.model = model.name;
  out.policy = model.policy;
  out.is_mdp = model.is_mdp;
  out.maximise = model.maximise;
  out.horizon = model.is_mdp ? model.horizon : 0;
  out.discount = model.is_mdp ? model.discount : 1;
  for (const typed::Param& param : model.params) out.params.add({param.name, param.type, param.span});
  for (const typed::Input& input : model.inputs) out.inputs.add({input.name, input.type, input.span});
  for (uint32_t i = 0; i < model.states.size(); ++i) {
    const typed::State& state = model.states[typed::StateId{i}];
    GraphState entry;
    entry.name = state.name;
    entry.type = state.type;
    entry.span = state.span;
    entry.leaf = out.graph.add(Op::state, state.type, {}, i, out.graph.add_span(state.span));
    out.states.add(std::move(entry));
  }
}

// As the state: of its element type and, where a scalar stands for all elements, of its shape.
NodeId as_type(Graph& graph, NodeId node, const Type& type) {
  node = make_convert(graph, node, type.scalar, type.categories);
  return graph.shape(node) == type.shape ? node : make_broadcast_leading(graph, node, type.shape);
}

bool is_stopped(const typed::Model& model, typed::ExprId id) {
  const typed::Expr& expr = model.exprs[id];
  return expr.kind == typed::ExprKind::call && expr.builtin == typed::Builtin::stop;
}

// Whether a name is that of a draw which gives a state its first value.
bool is_first_value(const typed::Model& model, const Elaborator& elaborator, typed::ExprId id) {
  while (model.exprs[id].kind == typed::ExprKind::call && model.exprs[id].inputs.size() == 1) id = model.exprs[id].inputs[0];
  const typed::Expr& expr = model.exprs[id];
  return expr.kind == typed::ExprKind::draw && elaborator.region_of_draw(typed::DrawId{expr.payload}) == Region::init;
}

void elaborate_model(const typed::Model& model, StochasticGraph& out, Diagnostics& diagnostics) {
  declare(model, out);
  Elaborator elaborator(model, out, diagnostics, false);

  const Region now = model.is_mdp ? Region::step : Region::init;
  for (uint32_t i = 0; i < model.states.size(); ++i) {
    const typed::State& state = model.states[typed::StateId{i}];
    const NodeId init = as_type(out.graph, elaborator.evaluate(state.init, Region::init), state.type);
    out.states[StateId{i}].init = init;
  }
  for (const typed::NamedValue& named : model.nodes) {
    const bool initial = is_first_value(model, elaborator, named.value);
    const NodeId node = elaborator.evaluate(named.value, initial ? Region::init : now);
    out.names.push_back({named.name, node, named.span});
  }
  for (uint32_t i = 0; i < model.states.size(); ++i) {
    const typed::State& state = model.states[typed::StateId{i}];
    const NodeId next =
        state.next ? as_type(out.graph, elaborator.evaluate(state.next, Region::step), state.type) : out.states[StateId{i}].leaf;
    out.states[StateId{i}].next = next;
  }
  for (const typed::Objective& objective : model.objectives) {
    const NodeId value = elaborator.evaluate(objective.value, objective.final ? Region::final : now);
    const Phase region = objective.final ? Phase::final : model.is_mdp ? Phase::step : Phase::init;
    for (const NodeId term : additive_terms(out.graph, value)) out.costs.push_back({term, region, objective.span});
  }
  for (const typed::Terminate& terminate : model.terminates) {
    const bool stopped = is_stopped(model, terminate.condition);
    const typed::ExprId condition = stopped ? model.exprs[terminate.condition].inputs[0] : terminate.condition;
    const NodeId node = elaborator.evaluate(condition, Region::step);
    out.terminates.push_back({node, stopped, terminate.span});
  }
}

Program initial_params(const typed::Model& model, Diagnostics& diagnostics) {
  StochasticGraph scratch;
  Elaborator elaborator(model, scratch, diagnostics, true);
  Program program;
  program.model = model.name;
  program.policy = model.policy;
  for (const typed::Param& param : model.params) {
    if (!param.init) continue;
    const NodeId value = as_type(scratch.graph, elaborator.evaluate(param.init, Region::init), param.type);
    program.names.push_back({param.name, value, param.span});
  }
  Placement placement = place(scratch);
  program.graph = std::move(scratch.graph);
  program.noises = std::move(scratch.noises);
  program.phase = std::move(placement.phase);
  program.rate = std::move(placement.rate);
  return program;
}

}  // namespace

std::optional<Elaborated> elaborate(const typed::Model& model, Diagnostics& diagnostics) {
  const size_t errors = diagnostics.error_count();
  Elaborated result;
  try {
    elaborate_model(model, result.graph, diagnostics);
    if (diagnostics.error_count() > errors) return std::nullopt;
    result.initial_params = initial_params(model, diagnostics);
  } catch (const Unelaborated&) {}
  if (diagnostics.error_count() > errors) return std::nullopt;
  result.graph = remove_dead(result.graph);
  verify_graph(result.graph);
  verify_program(result.initial_params);
  return result;
}

}  // namespace alea
