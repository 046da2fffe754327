// Stochastic nodes. A distribution's body is checked once, for one element, with placeholders for its
// formals; the node applies it over the leading axes of its arguments or of what it fills. The axes that
// a formal's declared type has belong to the element.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "dsl/check/builtins.h"
#include "dsl/check/checker.h"

namespace alea::check {

namespace {

template <class Statement>
const Statement* find_statement(const ast::Dist& dist) {
  for (const ast::Statement& statement : dist.body)
    if (const auto* found = std::get_if<Statement>(&statement.value)) return found;
  return nullptr;
}

}  // namespace

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

// The type of one element's value: the body is checked for its `sample` alone, and what it drew is forgotten.
std::optional<Type> Checker::event_type(const DistRef& callee, const std::vector<BoundFormal>& bound, Span span) {
  const size_t draws = model.draws.size();
  const DrawId owner = model.draws.add({});
  ++quiet_;
  std::optional<Type> event;
  if (auto opened =
          open_elementwise(callee.dist->name.name, callee.dist->formals, bound, callee.scope, ScopeKind::dist, span, true)) {
    scopes_[opened->scope].owner = owner;
    define_dist_body(*callee.dist, opened->scope);
    const ExprId sample = evaluate_expression(find_statement<ast::Sample>(*callee.dist)->value, opened->scope);
    if (sample) event = type(sample);
  }
  --quiet_;
  model.draws.resize(draws);
  return event;
}

Value Checker::call_method(const DistRef& callee, const std::string& method, const ast::Call& call, Span span, ScopeId scope) {
  const ast::Dist& dist = *callee.dist;
  const std::string name = fmt::format("{}.{}", dist.name.name, method);
  const auto as = [](ExprId expr) -> Value { return expr ? Value(expr) : Value(Poison{}); };
  if (method == "kl") {
    // Written beside the distribution: fn normal_kl(mean1, std1, mean2, std2).
    const Found found = find(dist.name.name + "_kl", callee.scope);
    const Value function = found.definition ? force(found.definition) : Value(Poison{});
    const auto* kl = std::get_if<FunctionRef>(&function);
    if (!kl)
      return fail(Kind::no_closed_form, span, {dist.name.name, "Kullback-Leibler divergence"},
                  fmt::format("estimate it: the mean of `{0}.logpdf(x, …) - {0}.logpdf(x, …)` over draws x of the first",
                              dist.name.name));
    auto bound = match_arguments(name, kl->function->formals, call.arguments, span, scope);
    if (!bound || !enter(name, span, kl->function, *bound)) return Poison{};
    auto opened = open_elementwise(name, kl->function->formals, std::move(*bound), kl->scope, ScopeKind::local, span, false);
    ExprId body;
    if (opened) body = expression_of(evaluate_block(kl->function->body, opened->scope), span);
    leave();
    return opened && body ? as(over_batch(*opened, body, span)) : Value(Poison{});
  }
  if (method == "entropy") {
    const auto* entropy = find_statement<ast::Entropy>(dist);
    if (!entropy)
      return fail(Kind::no_closed_form, span, {dist.name.name, "entropy"},
                  "estimate it: the mean of minus the `logpdf` of draws");
    auto bound = match_arguments(name, dist.formals, call.arguments, span, scope);
    if (!bound || !enter(name, span, &dist, *bound)) return Poison{};
    auto opened = open_elementwise(name, dist.formals, std::move(*bound), callee.scope, ScopeKind::dist, span, false);
    ExprId body;
    if (opened) {
      define_dist_body(dist, opened->scope);
      body = coerce(evaluate_expression(entropy->value, opened->scope), {}, span, "`entropy`");
    }
    leave();
    return opened && body ? as(over_batch(*opened, body, span)) : Value(Poison{});
  }
  if (method != "logpdf") {
    const std::string near = did_you_mean(method, {"logpdf", "entropy", "kl"});
    return fail(Kind::unknown_method, span, {dist.name.name, method},
                near.empty() ? "there are `logpdf`, `entropy` and `kl`" : near);
  }
  const auto* logpdf = find_statement<ast::Logpdf>(dist);
  if (!logpdf)
    return fail(Kind::no_closed_form, span, {dist.name.name, "`logpdf`"},
                is_standard(dist.name.span) ? "" : "write one in the `dist` block");
  if (call.arguments.empty() || call.generator)
    return fail(Kind::missing_argument, span, {name, "`x`"}, fmt::format("{}(x, …): the value comes first", name));
  const ast::Argument& first = call.arguments[0];
  if (!first.name.name.empty() && first.name.name != logpdf->value.name)
    return fail(Kind::missing_argument, span, {name, "`x`"}, fmt::format("{}(x, …): the value comes first", name));
  const Span x_span = syntax(first.value, scope).span;
  ExprId x = evaluate_expression(first.value, scope);
  auto bound = match_arguments(name, dist.formals, {call.arguments.begin() + 1, call.arguments.end()}, span, scope);
  if (!x || !bound || !enter(name, span, &dist, *bound)) return Poison{};
  ExprId result;
  const auto event = event_type(callee, *bound, span);
  const Shape x_shape = type(x).shape;
  const size_t rank = event ? event->shape.size() : 0;
  if (!event) {
    // The reason, this time aloud.
    open_elementwise(name, dist.formals, *bound, callee.scope, ScopeKind::dist, span, true);
  } else if (x_shape.size() < rank ||
             !std::equal(event->shape.begin(), event->shape.end(), x_shape.end() - static_cast<ptrdiff_t>(rank))) {
    fail(Kind::type_mismatch, x_span, {fmt::format("the value of `{}`", name), to_string(*event), to_string(type(x))});
  } else {
    const Shape leading(x_shape.begin(), x_shape.end() - static_cast<ptrdiff_t>(rank));
    x = coerce_scalar(x, *event, x_span, fmt::format("the value of `{}`", name));
    auto opened = open_elementwise(name, dist.formals, std::move(*bound), callee.scope, ScopeKind::dist, span, false, leading);
    if (x && opened) {
      define_dist_body(dist, opened->scope);
      ExprId value = x;
      if (!opened->batch.empty()) {
        value = table.placeholder(logpdf->value.name, *event, on_formal, x_span);
        opened->bindings.push_back({PlaceholderId{table[value].payload}, x});
      }
      // Draws of the body are noise that a density cannot read; a scratch owner lets the check say so.
      const size_t draws = model.draws.size();
      scopes_[opened->scope].owner = model.draws.add({});
      result = density(*logpdf, value, opened->scope);
      if (result && model.draws.size() > draws + 1) {
        fail(Kind::density_reads_noise, syntax(logpdf->body.result, opened->scope).span, {"`logpdf`"},
             "it is a function of the value and the formals alone");
        result = {};
      }
      model.draws.resize(draws);
      result = over_batch(*opened, result, span);
    }
  }
  leave();
  return as(result);
}

typed::EstimatorRequest Checker::evaluate_estimator(const ast::Estimator& estimator, ScopeId scope) {
  static const std::vector<std::string> known{"auto",           "reparam", "implicit", "score", "enumerate",
                                              "measure_valued", "disarm",  "gumbel",   "rebar", "straight_through"};
  typed::EstimatorRequest request;
  request.span = estimator.span;
  request.name = estimator.name.name;
  if (std::find(known.begin(), known.end(), request.name) == known.end()) {
    const std::string near = did_you_mean(request.name, known);
    fail(Kind::unknown_estimator, estimator.name.span, {request.name},
         near.empty() ? fmt::format("known: {}", fmt::join(known, ", ")) : near);
    return {};
  }
  const std::vector<std::string> allowed = request.name == "score" ? std::vector<std::string>{"baseline"}
                                           : request.name == "gumbel" || request.name == "rebar"
                                               ? std::vector<std::string>{"tau", "weight"}
                                           : request.name == "straight_through" ? std::vector<std::string>{"tau", "identity"}
                                                                                : std::vector<std::string>{};
  if (request.name == "auto") request.name.clear();
  for (const ast::Argument& argument : estimator.arguments) {
    const Span span = syntax(argument.value, scope).span;
    const std::string name = argument.name.name.empty() && !allowed.empty() ? allowed[0] : argument.name.name;
    if (std::find(allowed.begin(), allowed.end(), name) == allowed.end()) {
      const std::string near = did_you_mean(name, allowed);
      fail(Kind::estimator_argument, argument.name.name.empty() ? span : argument.name.span, {estimator.name.name, name},
           !near.empty()     ? near
           : allowed.empty() ? "it takes none"
                             : fmt::format("it takes {}", fmt::join(allowed, ", ")));
      continue;
    }
    if (name != "baseline") {
      const ExprId value = evaluate_expression(argument.value, scope);
      if (!value || !type(value).shape.empty()) {
        if (value) fail(Kind::scalar_expected, span, {fmt::format("`{}`", name), to_string(type(value))});
        continue;
      }
      if (require_known(value, span, fmt::format("`{}`", name))) {
        if (name == "tau" && !(*table.scalar_constant(value) > 0)) fail(Kind::bad_tau, span, {source_text(span)});
        request.arguments.emplace_back(name, value);
      }
      continue;
    }
    const ast::Expr& expr = syntax(argument.value, scope);
    const auto* word = std::get_if<ast::Name>(&expr.value);
    const auto* call = std::get_if<ast::Call>(&expr.value);
    const auto* callee = call ? std::get_if<ast::Name>(&syntax(call->callee, scope).value) : nullptr;
    if (word && (word->name == "none" || word->name == "loo" || word->name == "running")) {
      request.baseline = word->name;
    } else if (callee && callee->name == "value" && call->arguments.size() == 1) {
      request.baseline = "value";
      request.baseline_value = coerce(evaluate_expression(call->arguments[0].value, scope), {}, span, "the baseline");
    } else {
      fail(Kind::unknown_baseline, span, {source_text(span)}, "a baseline is `none`, `loo`, `running` or `value(e)`");
    }
  }
  return request;
}

}  // namespace alea::check
