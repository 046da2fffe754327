// Expressions to nodes. The walk keeps its own stack, so that a long chain of expressions needs no deep
// recursion; only batches, and draws inside draws, nest.
#include "compiler/graph/elaborator.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "compiler/graph/build.h"
#include "compiler/graph/lower.h"

namespace alea {

namespace {

constexpr size_t max_nodes = 100'000;

using typed::ExprId;
using typed::ExprKind;
using typed::PlaceholderId;

void merge(std::vector<PlaceholderId>& into, const std::vector<PlaceholderId>& more) {
  if (more.empty()) return;
  std::vector<PlaceholderId> both;
  std::ranges::set_union(into, more, std::back_inserter(both));
  into = std::move(both);
}

}  // namespace

Elaborator::Elaborator(const typed::Model& model, StochasticGraph& out, Diagnostics& diagnostics, bool plain)
    : model_(model),
      out_(out),
      diagnostics_(diagnostics),
      plain_(plain),
      frames_(out.graph),
      free_(model.exprs.size()),
      bound_(model.placeholders.size()),
      bodies_(model.draws.size()),
      draw_values_(model.draws.size()),
      draw_ids_(model.draws.size()),
      is_initial_(model.draws.size(), false) {
  find_free_placeholders();
  if (model.is_mdp) find_initial_draws();
}

// Which placeholders an expression reads: those of its operands; of a batch those of its body that it does not
// bind itself. A draw outside of all batches reads none; one inside a draw's body is only met there.
void Elaborator::find_free_placeholders() {
  for (uint32_t index = 0; index < model_.exprs.size(); ++index) {
    const ExprId id{index};
    const typed::Expr& expr = model_.exprs[id];
    std::vector<PlaceholderId> free;
    for (const ExprId input : expr.inputs) merge(free, free_[input]);
    if (expr.kind == ExprKind::placeholder) merge(free, {PlaceholderId{expr.payload}});
    if (expr.kind == ExprKind::batch) {
      const typed::Batch& batch = model_.batches[typed::BatchId{expr.payload}];
      std::vector<PlaceholderId> inside = free_[batch.body];
      for (const typed::Binding& binding : batch.bindings) std::erase(inside, binding.placeholder);
      merge(free, inside);
      for (const typed::Binding& binding : batch.bindings)
        if (binding.value) merge(free, free_[binding.value]);
    }
    // What is left of asking for the type of a law's events names draws that are no more; nothing uses it.
    if (expr.kind == ExprKind::draw && expr.payload < model_.draws.size()) {
      // Inside a draw's body all that the inner draw reads is of that body's environment.
      const typed::Draw& draw = model_.draws[typed::DrawId{expr.payload}];
      if (draw.owner) {
        for (const typed::Binding& formal : model_.draws[draw.owner].formals) merge(free, {formal.placeholder});
        for (const typed::Binding& formal : draw.formals)
          if (formal.value) merge(free, free_[formal.value]);
        for (const ExprId argument : draw.arguments) merge(free, free_[argument]);
      }
    }
    free_[id] = std::move(free);
  }
}

// The draws that the states' first values are made of.
void Elaborator::find_initial_draws() {
  std::vector<bool> seen(model_.exprs.size(), false);
  std::vector<ExprId> pending;
  const auto visit = [&](ExprId id) {
    if (!id || seen[id.index]) return;
    seen[id.index] = true;
    pending.push_back(id);
  };
  for (const typed::State& state : model_.states) visit(state.init);
  while (!pending.empty()) {
    const typed::Expr& expr = model_.exprs[pending.back()];
    pending.pop_back();
    for (const ExprId input : expr.inputs) visit(input);
    if (expr.kind == ExprKind::batch) {
      const typed::Batch& batch = model_.batches[typed::BatchId{expr.payload}];
      visit(batch.body);
      for (const typed::Binding& binding : batch.bindings) visit(binding.value);
    }
    if (expr.kind == ExprKind::draw) {
      const typed::DrawId id{expr.payload};
      is_initial_[id] = true;
      const typed::Draw& draw = model_.draws[id];
      for (const typed::Binding& formal : draw.formals) visit(formal.value);
      for (const ExprId argument : draw.arguments) visit(argument);
      visit(draw.sample);
    }
  }
}

void Elaborator::limit_size() {
  if (out_.graph.size() <= max_nodes) return;
  diagnostics_.report(DiagnosticKind::too_many_operations, place_, {std::to_string(max_nodes)},
                      "a loop in a function counts for each turn, and nodes count one by one; a comprehension, or a draw of an "
                      "array, counts once");
  throw Unelaborated{};
}

NodeId Elaborator::evaluate(ExprId id, Region region) {
  const Region before = std::exchange(region_, region);
  place_ = model_.exprs[id].span;
  Value result;
  try {
    result = value(id);
  } catch (const ArrayTooLarge&) {
    diagnostics_.report(DiagnosticKind::array_too_large, place_, {std::to_string(max_elements)});
    throw Unelaborated{};
  }
  region_ = before;
  return result.node;
}

// Closed expressions are the same in every batch.
Elaborator::Key Elaborator::key(ExprId id) const {
  const uint64_t context = is_closed(id) ? static_cast<uint64_t>(region_) : uint64_t{environment_} + 3;
  return context << 32 | id.index;
}

Value Elaborator::value(ExprId root) {
  std::vector<ExprId> stack = {root}, operands;
  while (!stack.empty()) {
    const ExprId id = stack.back();
    if (memo_.contains(key(id))) {
      stack.pop_back();
      continue;
    }
    operands.clear();
    dependencies(id, operands);
    std::erase_if(operands, [&](ExprId operand) { return memo_.contains(key(operand)); });
    if (!operands.empty()) {
      stack.insert(stack.end(), operands.begin(), operands.end());
      continue;
    }
    stack.pop_back();
    const Span place = std::exchange(place_, model_.exprs[id].span ? model_.exprs[id].span : place_);
    const SpanId span = std::exchange(frames_.span, out_.graph.add_span(place_));
    const Value result = build(id);
    memo_[key(id)] = result;
    limit_size();
    place_ = place;
    frames_.span = span;
  }
  return memo_.at(key(root));
}

// What must be at hand, in this region and environment, before the expression is built.
void Elaborator::dependencies(ExprId id, std::vector<ExprId>& operands) const {
  const typed::Expr& expr = model_.exprs[id];
  operands.insert(operands.end(), expr.inputs.begin(), expr.inputs.end());
  switch (expr.kind) {
    case ExprKind::batch:
      for (const typed::Binding& binding : model_.batches[typed::BatchId{expr.payload}].bindings)
        if (binding.value) operands.push_back(binding.value);
      return;
    case ExprKind::draw: {
      const typed::DrawId draw{expr.payload};
      if (draw_values_[draw].node || region_of_draw(draw) != region_) return;
      for (const typed::Binding& formal : model_.draws[draw].formals)
        if (formal.value) operands.push_back(formal.value);
      return;
    }
    case ExprKind::state:
      if (region_ == Region::init) operands.push_back(model_.states[typed::StateId{expr.payload}].init);
      return;
    case ExprKind::next_state: {
      const typed::State& state = model_.states[typed::StateId{expr.payload}];
      if (region_ == Region::step && state.next) operands.push_back(state.next);
      return;
    }
    case ExprKind::param:
      if (plain_ && model_.params[typed::ParamId{expr.payload}].init)
        operands.push_back(model_.params[typed::ParamId{expr.payload}].init);
      return;
    case ExprKind::constant:
    case ExprKind::input:
    case ExprKind::time:
    case ExprKind::placeholder:
    case ExprKind::call: return;
  }
}

Value Elaborator::build(ExprId id) {
  const typed::Expr& expr = model_.exprs[id];
  switch (expr.kind) {
    case ExprKind::constant: return {out_.graph.constant(expr.type, expr.values, frames_.span)};
    case ExprKind::param: {
      if (!plain_) return {out_.graph.add(Op::param, expr.type, {}, expr.payload, frames_.span)};
      const ExprId init = model_.params[typed::ParamId{expr.payload}].init;
      return init ? value(init) : lacking(expr.type);
    }
    case ExprKind::input: return {out_.graph.add(Op::input, expr.type, {}, expr.payload, frames_.span)};
    case ExprKind::state:
    case ExprKind::next_state: return build_state(expr);
    case ExprKind::time: return build_time();
    case ExprKind::draw: return build_draw(typed::DrawId{expr.payload});
    case ExprKind::placeholder: return bound_[PlaceholderId{expr.payload}];
    case ExprKind::call: {
      std::vector<Value> operands;
      for (const ExprId input : expr.inputs) operands.push_back(value(input));
      return lower(frames_, expr.builtin, operands, expr.attributes, expr.type);
    }
    case ExprKind::batch: return build_batch(model_.batches[typed::BatchId{expr.payload}]);
  }
  return {};
}

Value Elaborator::build_state(const typed::Expr& expr) {
  const typed::StateId typed_id{expr.payload};
  const typed::State& state = model_.states[typed_id];
  const bool next = expr.kind == ExprKind::next_state;
  GraphState& entry = out_.states[StateId{expr.payload}];
  switch (region_) {
    case Region::init:
      if (!next) return frames_.convert(value(state.init), state.type);
      // The checker refuses it (initial_reads_step), and a draw of the step below.
      internal_error(fmt::format("an initial value reads `{}'`, which the checker refuses", state.name));
    case Region::step:
      if (next && state.next) return frames_.convert(value(state.next), state.type);
      return {out_.graph.add(Op::state, state.type, {}, expr.payload)};
    case Region::final:
      if (!entry.final_leaf) entry.final_leaf = out_.graph.add(Op::final_state, state.type, {}, expr.payload);
      return {entry.final_leaf};
  }
  return {};
}

Value Elaborator::build_time() {
  const Type integer{Scalar::integer, 0, {}};
  switch (region_) {
    case Region::init: return frames_.constant(integer, 0);
    case Region::step: return {out_.graph.add(Op::time, integer, {})};
    case Region::final: {
      if (model_.terminates.empty()) return frames_.constant(integer, static_cast<double>(model_.horizon));
      const StateId steps = step_counter();
      GraphState& entry = out_.states[steps];
      if (!entry.final_leaf) entry.final_leaf = out_.graph.add(Op::final_state, integer, {}, steps.index);
      return {entry.final_leaf};
    }
  }
  return {};
}

// Counts the steps taken, for `time` after an episode that may end early: being a state, it keeps its value once
// the episode has ended.
StateId Elaborator::step_counter() {
  if (steps_) return steps_;
  const Type integer{Scalar::integer, 0, {}};
  GraphState entry;
  entry.name = "steps";
  const auto is_taken = [&](const GraphState& state) { return state.name == entry.name; };
  while (std::ranges::any_of(out_.states, is_taken)) entry.name += '_';
  entry.type = integer;
  entry.leaf = out_.graph.add(Op::state, integer, {}, static_cast<uint32_t>(out_.states.size()));
  entry.init = out_.graph.constant(integer, {0});
  entry.next = make(out_.graph, Op::add, {out_.graph.add(Op::time, integer, {}), out_.graph.constant(integer, {1})});
  return steps_ = out_.states.add(std::move(entry));
}

void Elaborator::push_frame(const Shape& shape, Span span) {
  if (frames_.shapes.size() + 1 >= Frames::max_depth) {
    diagnostics_.report(DiagnosticKind::batches_too_deep, span, {std::to_string(Frames::max_depth)});
    throw Unelaborated{};
  }
  frames_.shapes.push_back(shape);
}

// The placeholder as one element of its value: the value with its leading axes as the new frame's.
void Elaborator::bind(const typed::Binding& binding, const Shape& batch, uint64_t frame) {
  if (!binding.value) {
    const Type type{Scalar::integer, 0, batch};
    std::vector<double> positions(static_cast<size_t>(element_count(batch)));
    std::iota(positions.begin(), positions.end(), static_cast<double>(binding.offset));
    bound_[binding.placeholder] = {out_.graph.constant(type, std::move(positions)), frame};
    return;
  }
  Value whole = value(binding.value);
  const size_t rank = frames_.type(whole).shape.size(), own = model_.placeholders[binding.placeholder].type.shape.size();
  if (frame != 0 && rank == own + batch.size()) whole.frames |= frame;
  bound_[binding.placeholder] = whole;
}

Value Elaborator::build_batch(const typed::Batch& batch) {
  const uint64_t frame = uint64_t{1} << frames_.shapes.size();
  for (const typed::Binding& binding : batch.bindings) bind(binding, batch.shape, frame);
  push_frame(batch.shape, place_);
  const uint32_t outer = std::exchange(environment_, ++environments_);
  const Value body = value(batch.body);
  environment_ = outer;
  const Value all = frames_.spread(body, frame);
  frames_.shapes.pop_back();
  return {all.node, all.frames & ~frame};
}

Value Elaborator::build_draw(typed::DrawId id) {
  const typed::Draw& draw = model_.draws[id];
  if (region_of_draw(id) == region_) {
    if (draw_values_[id].node) return draw_values_[id];
    // In the body of the draw that it belongs to, or outside of all batches; never in the batch it is read in.
    const std::vector<Shape> frames = frames_.shapes;
    const uint32_t environment = environment_;
    const Body body = draw.owner ? bodies_[draw.owner] : Body{0, environment_};
    frames_.shapes.resize(body.depth);
    environment_ = body.environment;
    const Value result = elaborate_draw(id);
    frames_.shapes = frames;
    environment_ = environment;
    return draw_values_[id] = result;
  }
  if (region_ != Region::final)
    internal_error(fmt::format("an initial value reads the draw `{}` of a step, which the checker refuses", draw.name));
  diagnostics_.report(DiagnosticKind::final_reads_draw, place_, {draw.name});
  return lacking(draw.type);
}

}  // namespace alea
