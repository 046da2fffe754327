// Stochastic nodes. A distribution's body is checked once, for one element, with placeholders for its
// formals; the node applies it over the leading axes of its arguments or of what it fills. The axes that
// a formal's declared type has belong to the element.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "dsl/check/builtins.h"
#include "dsl/check/checker.h"
#include "dsl/check/dist_statements.h"

namespace alea::check {

Value Checker::resolve_distribution(const ast::Ident& name, ScopeId scope) {
  const Found found = find(name.name, scope);
  if (!found.definition && !find_builtin(name.name) && !find_primitive(name.name)) {
    std::vector<std::string> distributions;
    for (ScopeId id = scope; id; id = scopes_[id].parent)
      for (const auto& [known, definition] : scopes_[id].names)
        if (definitions_[definition].kind == DefinitionKind::dist) distributions.push_back(known);
    for (const FileId automatic : files.automatic)
      for (const auto& [known, definition] : scopes_[file_scope(automatic)].names)
        if (definitions_[definition].kind == DefinitionKind::dist) distributions.push_back(known);
    std::sort(distributions.begin(), distributions.end());
    return fail(Kind::unknown_distribution, name.span, {name.name}, did_you_mean(name.name, distributions));
  }
  Value value = resolve(name.name, name.span, scope);
  if (is_poison(value) || std::holds_alternative<DistRef>(value) || std::holds_alternative<PrimitiveRef>(value)) return value;
  std::string hint;
  if (std::holds_alternative<FunctionRef>(value) || std::holds_alternative<BuiltinRef>(value))
    hint = "a deterministic node is written with `=`";
  else if (found.definition)
    hint = fmt::format("the block's own `{}` ({}) hides a distribution of that name", name.name,
                       place(definitions_[found.definition].span));
  return fail(Kind::not_a_distribution, name.span, {name.name, kind_of(value)}, hint);
}

// Binds formals for one element: given arguments become placeholders (or, where nothing is to be applied
// over, themselves), scalar constants stay constants inside, left-out ones are computed from the others.
std::optional<Checker::Opened> Checker::open_elementwise(const std::string& callee, const std::vector<ast::Formal>& formals,
                                                         std::vector<BoundFormal> bound, ScopeId definition_scope, ScopeKind kind,
                                                         Span span, bool always_placeholders, const Shape& more_batch) {
  Opened opened{add_scope(kind, definition_scope, scopes_[definition_scope].file), {}, more_batch};
  const ScopeId scope = opened.scope;
  const auto rank_of = [](const ast::Formal& formal) { return formal.type ? formal.type->shape.size() : size_t{0}; };
  const auto what_of = [&](const ast::Formal& formal) { return fmt::format("argument `{}` of `{}`", formal.name.name, callee); };
  for (const BoundFormal& formal : bound) {
    const auto* expr = std::get_if<ExprId>(&formal.value);
    if (!formal.given || !expr) continue;
    const Shape shape = type(*expr).shape;
    const size_t rank = rank_of(*formal.formal);
    if (shape.size() < rank) {
      fail(Kind::wrong_rank, formal.span,
           {what_of(*formal.formal), source_text(formal.formal->type->span), to_string(type(*expr))});
      return std::nullopt;
    }
    const auto batch = common_shape(opened.batch, Shape(shape.begin(), shape.end() - static_cast<ptrdiff_t>(rank)), formal.span,
                                    fmt::format("the arguments of `{}`", callee));
    if (!batch) return std::nullopt;
    opened.batch = *batch;
  }
  const bool placeholders = always_placeholders || !opened.batch.empty();
  std::vector<std::optional<typed::Binding>> bindings(formals.size());
  bool good = true;
  // Scalars first: shapes may be written with them.
  for (const bool arrays : {false, true}) {
    for (size_t i = 0; i < formals.size() && good; ++i) {
      BoundFormal& formal = bound[i];
      const size_t rank = rank_of(formals[i]);
      if (!formal.given || (rank > 0) != arrays) continue;
      if (scopes_[scope].names.contains(formals[i].name.name) && kind == ScopeKind::dist && !arrays) {
        fail(Kind::redefined, formals[i].name.span, {formals[i].name.name, "a formal"}, "each formal has a name of its own");
        return std::nullopt;
      }
      const auto* expr = std::get_if<ExprId>(&formal.value);
      if (!expr) {
        if (formals[i].type) good = bool(expression_of(formal.value, formal.span));
        bind(scope, formals[i].name.name, formals[i].name.span, formal.value);
        continue;
      }
      const Shape shape = type(*expr).shape;
      Type target = type(*expr);
      target.shape.assign(shape.end() - static_cast<ptrdiff_t>(rank), shape.end());
      if (formals[i].type) {
        bind_shape(scope, *formals[i].type, target.shape);
        const auto declared = type_of(*formals[i].type, scope);
        if (!declared) return std::nullopt;
        if (declared->shape != target.shape) {
          fail(Kind::type_mismatch, formal.span, {what_of(formals[i]), to_string(*declared), to_string(type(*expr))});
          return std::nullopt;
        }
        target = *declared;
      }
      const ExprId value = coerce_scalar(*expr, target, formal.span, what_of(formals[i]));
      if (!value) return std::nullopt;
      ExprId inside = value;
      if (placeholders) {
        const ExprId placeholder = table.placeholder(formals[i].name.name, target, on_formal, formals[i].name.span);
        bindings[i] = typed::Binding{PlaceholderId{table[placeholder].payload}, value};
        const bool known = table.is_constant(value) && shape.size() == rank;
        if (!known) inside = placeholder;
      }
      bind(scope, formals[i].name.name, formals[i].name.span, inside);
    }
  }
  if (!good) return std::nullopt;
  for (size_t i = 0; i < formals.size(); ++i) {
    if (bound[i].given) continue;
    const DefinitionId id =
        define(scope, formals[i].name.name, formals[i].name.span, DefinitionKind::formal_default, nullptr, &formals[i]);
    definitions_[id].expression = formals[i].default_value;
  }
  for (size_t i = 0; i < formals.size(); ++i) {
    if (bound[i].given) continue;
    const Value value = force(scopes_[scope].names.at(formals[i].name.name));
    if (is_poison(value)) return std::nullopt;
    const auto* expr = std::get_if<ExprId>(&value);
    if (!expr) continue;
    ExprId inside = *expr;
    if (formals[i].type) {
      bind_shape(scope, *formals[i].type, type(inside).shape);
      const auto declared = type_of(*formals[i].type, scope);
      if (declared) inside = coerce(inside, *declared, formals[i].name.span, what_of(formals[i]));
      if (!declared || !inside) return std::nullopt;
      bind(scope, formals[i].name.name, formals[i].name.span, inside);
    }
    if (placeholders && table.is_constant(inside)) {
      const ExprId placeholder = table.placeholder(formals[i].name.name, type(inside), on_formal, formals[i].name.span);
      bindings[i] = typed::Binding{PlaceholderId{table[placeholder].payload}, inside};
    }
  }
  for (const auto& binding : bindings)
    if (binding) opened.bindings.push_back(*binding);
  (void)span;
  return opened;
}

// The body for all elements at once.
ExprId Checker::over_batch(const Opened& opened, ExprId body, Span span) {
  if (!body || opened.batch.empty()) return body;
  Type whole = type(body);
  whole.shape.insert(whole.shape.begin(), opened.batch.begin(), opened.batch.end());
  if (!size_fits(whole, span)) return {};
  const auto& free = table.facts(body).free;
  std::vector<typed::Binding> used;
  for (const typed::Binding& binding : opened.bindings)
    if (std::binary_search(free.begin(), free.end(), binding.placeholder)) used.push_back(binding);
  if (used.empty() && free.empty() && element_count(type(body).shape) == 1) return broadcast(body, whole.shape, span);
  return table.batch(opened.batch, std::move(used), body, span);
}

bool Checker::define_dist_body(const ast::Dist& dist, ScopeId scope) {
  const size_t before = reports.size();
  for (const ast::Statement& statement : dist.body) define_statement(scope, statement);
  return reports.size() == before;
}

ExprId Checker::density(const ast::Logpdf& logpdf, ExprId value, ScopeId dist_scope) {
  const ScopeId scope = add_scope(ScopeKind::local, dist_scope, scopes_[dist_scope].file);
  bind(scope, logpdf.value.name, logpdf.value.span, value);
  const Value result = evaluate_block(logpdf.body, scope);
  const Span span = syntax(logpdf.body.result, scope).span;
  ExprId log_density = expression_of(result, span);
  release(scope);
  return coerce(log_density, {}, span, "`logpdf`");
}

ExprId Checker::primitive_draw(typed::Primitive primitive, const std::string& name, Span span, const ast::DistCall& law,
                               const std::optional<Type>& target, ScopeId scope) {
  const DrawId owner = scopes_[scope].owner;
  const std::string noise(primitive_name(primitive));
  if (!owner) {
    fail(Kind::noise_outside_dist, law.span, {noise}, "write a distribution: `normal(0, 1)`, `uniform(0, 1)`, …");
    return {};
  }
  size_t wanted = 0;
  switch (primitive) {
    case typed::Primitive::none:
    case typed::Primitive::standard_uniform:
    case typed::Primitive::standard_normal: break;
    case typed::Primitive::standard_gamma:
    case typed::Primitive::poisson:
    case typed::Primitive::standard_von_mises: wanted = 1; break;
    case typed::Primitive::binomial: wanted = 2; break;
  }
  if (law.arguments.size() != wanted) {
    fail(Kind::builtin_arguments, law.span, {noise, std::to_string(wanted), std::to_string(law.arguments.size())});
    return {};
  }
  Shape batch = target ? target->shape : Shape{};
  std::vector<ExprId> arguments;
  for (const ast::Argument& argument : law.arguments) {
    const Span value_span = syntax(argument.value, scope).span;
    const ExprId value = convert_scalar(evaluate_expression(argument.value, scope), Scalar::real, value_span);
    if (!value) return {};
    const auto common = common_shape(batch, type(value).shape, value_span, fmt::format("the arguments of `{}`", noise));
    if (!common) return {};
    batch = *common;
    arguments.push_back(value);
  }
  for (ExprId& argument : arguments) argument = broadcast(argument, batch, span);
  const bool counts = primitive == typed::Primitive::poisson || primitive == typed::Primitive::binomial;
  typed::Draw draw;
  draw.name = name;
  draw.distribution = noise;
  draw.law = source_text(law.span);
  draw.span = span;
  draw.type = {counts ? Scalar::integer : Scalar::real, 0, batch};
  draw.batch = batch;
  draw.discrete = counts;
  draw.primitive = primitive;
  draw.arguments = std::move(arguments);
  draw.owner = owner;
  const Type drawn = draw.type;
  const DrawId id = model.draws.add(std::move(draw));
  model.draws[owner].inner.push_back(id);
  return table.leaf(ExprKind::draw, drawn, id.index, on_draw, span);
}

ExprId Checker::evaluate_draw(const std::string& name, Span span, const ast::DistCall& law, const std::optional<Type>& target,
                              const ast::Estimator* estimator, ScopeId scope, const std::string& target_text, DrawId* made) {
  const Value dist = resolve_distribution(law.name, scope);
  if (is_poison(dist)) return {};
  return draw_from(dist, name, span, law, target, estimator, scope, target_text, made);
}

ExprId Checker::draw_from(const Value& callee, const std::string& name, Span span, const ast::DistCall& law,
                          const std::optional<Type>& target, const ast::Estimator* estimator, ScopeId scope,
                          const std::string& target_text, DrawId* made) {
  if (const auto* primitive = std::get_if<PrimitiveRef>(&callee)) {
    const ExprId drawn = primitive_draw(primitive->primitive, name, span, law, target, scope);
    return drawn && target ? coerce_scalar(drawn, *target, law.span, fmt::format("`{}`", name)) : drawn;
  }
  const DistRef dist = std::get<DistRef>(callee);
  typed::EstimatorRequest request;
  if (estimator) request = evaluate_estimator(*estimator, scope);
  auto bound = match_arguments(dist.dist->name.name, dist.dist->formals, law.arguments, law.span, scope);
  if (!bound) return {};
  return draw_bound(dist, std::move(*bound), name, span, law.span, source_text(law.span), target, std::move(request),
                    scopes_[scope].owner, target_text, made);
}

ExprId Checker::draw_bound(const DistRef& callee, std::vector<BoundFormal> bound, const std::string& name, Span span,
                           Span law_span, std::string law_text, const std::optional<Type>& target,
                           typed::EstimatorRequest request, DrawId owner, const std::string& target_text, DrawId* made) {
  const auto [dist, dist_scope] = callee;
  const std::string& dist_name = dist->name.name;
  if (!enter(dist_name, law_span, dist, bound)) return {};
  const DrawId id = model.draws.add({});
  auto opened = open_elementwise(dist_name, dist->formals, std::move(bound), dist_scope, ScopeKind::dist, law_span, true);
  ExprId sample;
  typed::Draw draw;
  draw.name = name;
  draw.distribution = dist_name;
  draw.law = std::move(law_text);
  draw.law_span = law_span;
  draw.span = span;
  draw.owner = owner;
  draw.estimator = std::move(request);
  bool good = opened.has_value();
  if (good) {
    const ScopeId body = opened->scope;
    scopes_[body].prefix = name + ".";
    scopes_[body].owner = id;
    good = define_dist_body(*dist, body);
    sample = evaluate_expression(find_statement<ast::Sample>(*dist)->value, body);
    const std::vector<DefinitionId> order = scopes_[body].order;
    for (const DefinitionId node : order) good = !is_poison(force(node)) && good;
  }
  Type event;
  if (!sample) good = false;
  if (good) {
    const ScopeId body = opened->scope;
    event = type(sample);
    if (const auto* support = find_statement<ast::Support>(*dist)) {
      switch (support->kind) {
        case ast::Support::Kind::real: draw.support.kind = typed::SupportKind::real; break;
        case ast::Support::Kind::simplex: draw.support.kind = typed::SupportKind::simplex; break;
        case ast::Support::Kind::interval: draw.support.kind = typed::SupportKind::interval; break;
        case ast::Support::Kind::integers: draw.support.kind = typed::SupportKind::integers; break;
      }
      draw.support.low_open = support->low_open;
      draw.support.high_open = support->high_open;
      for (const bool high : {false, true}) {
        const ast::ExprId end = high ? support->high : support->low;
        if (!end) continue;
        const ExprId bound_value = coerce(evaluate_expression(end, body), {}, syntax(end, body).span, "an end of the support");
        good = good && bound_value;
        if (bound_value && (table.facts(bound_value).dependence & on_draw)) {
          fail(Kind::density_reads_noise, syntax(end, body).span, {"`support`"}, "it is a function of the formals alone");
          good = false;
        }
        (high ? draw.support.high : draw.support.low) = bound_value;
      }
    }
    if (const auto* logpdf = find_statement<ast::Logpdf>(*dist)) {
      const ExprId value = table.placeholder(logpdf->value.name, event, on_formal, logpdf->value.span);
      draw.value = PlaceholderId{table[value].payload};
      draw.logpdf = density(*logpdf, value, body);
      good = good && draw.logpdf;
      // Formals are placeholders here: a draw that is read is one of the body's own.
      if (draw.logpdf && (table.facts(draw.logpdf).dependence & on_draw)) {
        fail(Kind::density_reads_noise, syntax(logpdf->body.result, body).span, {"`logpdf`"},
             "it is a function of the value and the formals alone");
        good = false;
      }
    }
    if (const auto* entropy = find_statement<ast::Entropy>(*dist); entropy && !is_standard(dist->name.span))
      good = coerce(evaluate_expression(entropy->value, body), {}, syntax(entropy->value, body).span, "`entropy`") && good;
  }
  leave();
  if (!good) return {};

  // Leading axes: of what is filled, else of the arguments.
  Shape batch = opened->batch;
  if (target) {
    const size_t rank = event.shape.size();
    const Shape& wanted = target->shape;
    const bool fits =
        wanted.size() >= rank && std::equal(event.shape.begin(), event.shape.end(), wanted.end() - static_cast<ptrdiff_t>(rank));
    const Shape leading = fits ? Shape(wanted.begin(), wanted.end() - static_cast<ptrdiff_t>(rank)) : Shape{};
    if (!fits || (!batch.empty() && batch != leading)) {
      Type drawn = event;
      drawn.shape.insert(drawn.shape.begin(), batch.begin(), batch.end());
      fail(Kind::draw_shape, law_span, {dist_name, to_string(drawn), target_text, to_string(*target)});
      return {};
    }
    batch = leading;
  }
  draw.type = event;
  draw.type.shape.insert(draw.type.shape.begin(), batch.begin(), batch.end());
  if (!size_fits(draw.type, law_span)) return {};
  draw.batch = std::move(batch);
  draw.discrete = event.scalar != Scalar::real;
  draw.standard = is_standard(dist->name.span);
  draw.formals = std::move(opened->bindings);
  draw.sample = sample;
  draw.inner = model.draws[id].inner;
  const Type drawn = draw.type;
  model.draws[id] = std::move(draw);
  if (owner) model.draws[owner].inner.push_back(id);
  if (made) *made = id;
  const ExprId value = table.leaf(ExprKind::draw, drawn, id.index, on_draw, span);
  return value && target ? coerce_scalar(value, *target, law_span, fmt::format("`{}`", name)) : value;
}

uint16_t Checker::law_dependence(ExprId value) const {
  while (table[value].kind == ExprKind::call) value = table[value].inputs[0];  // a conversion
  uint16_t depends = 0;
  for (const typed::Binding& binding : model.draws[DrawId{table[value].payload}].formals)
    depends |= table.facts(binding.value).dependence;
  return depends;
}

}  // namespace alea::check
