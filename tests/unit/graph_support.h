// Typed models built by hand, so that elaboration is tested without the parser and the checker.
#pragma once
#include <string>

#include "compiler/graph/elaborate.h"

namespace alea::testing {

inline Type real(Shape shape = {}) { return {Scalar::real, 0, std::move(shape)}; }
inline Type integer(Shape shape = {}) { return {Scalar::integer, 0, std::move(shape)}; }
inline Type boolean(Shape shape = {}) { return {Scalar::boolean, 0, std::move(shape)}; }

struct ModelBuilder {
  typed::Model model;

  typed::ExprId add(typed::ExprKind kind, const Type& type, uint32_t payload, std::vector<typed::ExprId> inputs = {}) {
    typed::Expr expr;
    expr.kind = kind;
    expr.type = type;
    expr.payload = payload;
    expr.inputs = std::move(inputs);
    return model.exprs.add(std::move(expr));
  }
  typed::ExprId constant(double value, Type type = {}) {
    const typed::ExprId id = add(typed::ExprKind::constant, type, UINT32_MAX);
    model.exprs[id].values = {value};
    return id;
  }
  typed::ExprId call(typed::Builtin builtin, const Type& type, std::vector<typed::ExprId> inputs,
                     std::vector<int64_t> attributes = {}) {
    const typed::ExprId id = add(typed::ExprKind::call, type, UINT32_MAX, std::move(inputs));
    model.exprs[id].builtin = builtin;
    model.exprs[id].attributes = std::move(attributes);
    return id;
  }
  typed::ExprId param(const std::string& name, const Type& type, typed::ExprId init = {}) {
    const typed::ParamId id = model.params.add({name, type, init, {}});
    return add(typed::ExprKind::param, type, id.index);
  }
  typed::StateId state(const std::string& name, const Type& type, typed::ExprId init) {
    return model.states.add({name, type, init, {}, {}});
  }
  typed::ExprId read(typed::StateId state) { return add(typed::ExprKind::state, model.states[state].type, state.index); }
  typed::ExprId read_next(typed::StateId state) {
    return add(typed::ExprKind::next_state, model.states[state].type, state.index);
  }
  typed::ExprId time() { return add(typed::ExprKind::time, integer(), UINT32_MAX); }

  struct Bound {
    typed::PlaceholderId id;
    typed::ExprId expr;
  };
  Bound placeholder(const std::string& name, const Type& type) {
    const typed::PlaceholderId id = model.placeholders.add({name, type});
    return {id, add(typed::ExprKind::placeholder, type, id.index)};
  }
  typed::ExprId batch(const Type& type, const Shape& shape, std::vector<typed::Binding> bindings, typed::ExprId body) {
    const typed::BatchId id = model.batches.add({shape, std::move(bindings), body});
    return add(typed::ExprKind::batch, type, id.index);
  }

  typed::ExprId noise(const std::string& name, typed::Primitive primitive, const Shape& shape, typed::DrawId owner) {
    typed::Draw draw;
    draw.name = name;
    draw.primitive = primitive;
    draw.type = real(shape);
    draw.batch = shape;
    draw.owner = owner;
    const typed::DrawId id = model.draws.add(std::move(draw));
    if (owner) model.draws[owner].inner.push_back(id);
    return add(typed::ExprKind::draw, real(shape), id.index);
  }

  // name ~ normal(mean, std): mean + std z, with its log density, `shape` independent ones.
  typed::ExprId normal(const std::string& name, const Shape& shape, typed::ExprId mean, typed::ExprId std) {
    using typed::Builtin;
    const typed::DrawId id = model.draws.add({});
    const Bound m = placeholder("mean", real()), s = placeholder("std", real()), x = placeholder("x", real());
    const typed::ExprId z = noise(name + ".z", typed::Primitive::standard_normal, {}, id);
    typed::Draw draw = model.draws[id];
    draw.name = name;
    draw.distribution = "normal";
    draw.law = "normal(…)";
    draw.type = real(shape);
    draw.batch = shape;
    draw.formals = {{m.id, mean, 0}, {s.id, std, 0}};
    draw.sample = call(Builtin::add, real(), {m.expr, call(Builtin::multiply, real(), {s.expr, z})});
    const typed::ExprId away = call(Builtin::divide, real(), {call(Builtin::subtract, real(), {x.expr, m.expr}), s.expr});
    const typed::ExprId half =
        call(Builtin::multiply, real(), {constant(-0.5), call(Builtin::power, real(), {away, constant(2)})});
    draw.value = x.id;
    draw.logpdf = call(Builtin::subtract, real(), {half, call(Builtin::log, real(), {s.expr})});
    draw.support.kind = typed::SupportKind::real;
    model.draws[id] = std::move(draw);
    return add(typed::ExprKind::draw, real(shape), id.index);
  }

  // name ~ categorical(logits), logits a vector of K
  typed::ExprId categorical(const std::string& name, int64_t k, typed::ExprId logits) {
    using typed::Builtin;
    const Type category{Scalar::category, k, {}};
    const typed::DrawId id = model.draws.add({});
    const Bound l = placeholder("logits", real({k})), x = placeholder("x", category);
    const typed::ExprId u = noise(name + ".u", typed::Primitive::standard_uniform, {}, id);
    typed::Draw draw = model.draws[id];
    draw.name = name;
    draw.distribution = "categorical";
    draw.law = "categorical(logits = …)";
    draw.type = category;
    draw.discrete = true;
    draw.formals = {{l.id, logits, 0}};
    const typed::ExprId total = call(Builtin::cumsum, real({k}), {call(Builtin::softmax, real({k}), {l.expr})});
    const typed::ExprId below = call(Builtin::convert, integer({k}), {call(Builtin::less, boolean({k}), {total, u})});
    draw.sample = call(Builtin::to_category, category, {call(Builtin::sum, integer(), {below}, {-1})});
    draw.value = x.id;
    draw.logpdf = call(Builtin::index, real(), {call(Builtin::log_softmax, real({k}), {l.expr}), x.expr}, {2, 0, 0});
    draw.support.kind = typed::SupportKind::integers;
    draw.support.low = constant(0, integer());
    draw.support.high = constant(static_cast<double>(k - 1), integer());
    model.draws[id] = std::move(draw);
    return add(typed::ExprKind::draw, category, id.index);
  }

  void cost(typed::ExprId value, bool final = false) { model.objectives.push_back({value, final, {}}); }
  void name(const std::string& text, typed::ExprId value) { model.nodes.push_back({text, value, {}, false}); }
};

}  // namespace alea::testing
