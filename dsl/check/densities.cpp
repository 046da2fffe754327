// `d.logpdf(x, …)`, `d.entropy(…)` and `d.kl(…)`: a distribution's closed forms as functions, element by
// element over arrays.
#include <fmt/format.h>

#include <algorithm>

#include "dsl/check/checker.h"
#include "dsl/check/dist_statements.h"

namespace alea::check {

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

namespace {

Value value_of(ExprId id) { return id ? Value(id) : Value(Poison{}); }

}  // namespace

Value Checker::call_method(const DistRef& callee, const std::string& method, const ast::Call& call, Span span, ScopeId scope) {
  const MethodCall named{callee, call, fmt::format("{}.{}", callee.dist->name.name, method), span, scope};
  if (method == "kl") return value_of(call_kl(named));
  if (method == "entropy") return value_of(call_entropy(named));
  if (method == "logpdf") return value_of(call_logpdf(named));
  const std::string near = did_you_mean(method, {"logpdf", "entropy", "kl"});
  return fail(Kind::unknown_method, span, {callee.dist->name.name, method},
              near.empty() ? "there are `logpdf`, `entropy` and `kl`" : near);
}

// Written beside the distribution: fn normal_kl(mean1, std1, mean2, std2).
ExprId Checker::call_kl(const MethodCall& method) {
  const auto& [callee, call, name, span, scope] = method;
  const std::string& dist = callee.dist->name.name;
  const Found found = find(dist + "_kl", callee.scope);
  const Value function = found.definition ? force(found.definition) : Value(Poison{});
  const auto* kl = std::get_if<FunctionRef>(&function);
  if (!kl) {
    fail(Kind::no_closed_form, span, {dist, "Kullback-Leibler divergence"},
         fmt::format("estimate it: the mean of `{0}.logpdf(x, …) - {0}.logpdf(x, …)` over draws x of the first", dist));
    return {};
  }
  auto bound = match_arguments(name, kl->function->formals, call.arguments, span, scope);
  if (!bound || !enter(name, span, kl->function, *bound)) return {};
  auto opened = open_elementwise(name, kl->function->formals, std::move(*bound), kl->scope, ScopeKind::local, span, false);
  ExprId body;
  if (opened) body = expression_of(evaluate_block(kl->function->body, opened->scope), span);
  leave();
  return body ? over_batch(*opened, body, span) : ExprId{};
}

ExprId Checker::call_entropy(const MethodCall& method) {
  const auto& [callee, call, name, span, scope] = method;
  const ast::Dist& dist = *callee.dist;
  const auto* entropy = find_statement<ast::Entropy>(dist);
  if (!entropy) {
    fail(Kind::no_closed_form, span, {dist.name.name, "entropy"}, "estimate it: the mean of minus the `logpdf` of draws");
    return {};
  }
  auto bound = match_arguments(name, dist.formals, call.arguments, span, scope);
  if (!bound || !enter(name, span, &dist, *bound)) return {};
  auto opened = open_elementwise(name, dist.formals, std::move(*bound), callee.scope, ScopeKind::dist, span, false);
  ExprId body;
  if (opened) {
    define_dist_body(dist, opened->scope);
    body = coerce(evaluate_expression(entropy->value, opened->scope), {}, span, "`entropy`");
  }
  leave();
  return body ? over_batch(*opened, body, span) : ExprId{};
}

ExprId Checker::call_logpdf(const MethodCall& method) {
  const auto& [callee, call, name, span, scope] = method;
  const ast::Dist& dist = *callee.dist;
  const auto* logpdf = find_statement<ast::Logpdf>(dist);
  if (!logpdf) {
    fail(Kind::no_closed_form, span, {dist.name.name, "`logpdf`"},
         is_standard(dist.name.span) ? "" : "write one in the `dist` block");
    return {};
  }
  const auto is_value = [&](const ast::Argument& first) {
    return first.name.name.empty() || first.name.name == logpdf->value.name;
  };
  if (call.arguments.empty() || call.generator || !is_value(call.arguments[0])) {
    fail(Kind::missing_argument, span, {name, "`x`"}, fmt::format("{}(x, …): the value comes first", name));
    return {};
  }
  const ast::ExprId written = call.arguments[0].value;
  const ExprId x = evaluate_expression(written, scope);
  auto bound = match_arguments(name, dist.formals, {call.arguments.begin() + 1, call.arguments.end()}, span, scope);
  if (!x || !bound || !enter(name, span, &dist, *bound)) return {};
  const ExprId result = density_at(method, x, syntax(written, scope).span, std::move(*bound));
  leave();
  return result;
}

// The log density of x, element by element over the axes that it has beyond an event's.
ExprId Checker::density_at(const MethodCall& method, ExprId x, Span x_span, std::vector<BoundFormal> bound) {
  const auto& [callee, call, name, span, scope] = method;
  const ast::Dist& dist = *callee.dist;
  const auto* logpdf = find_statement<ast::Logpdf>(dist);
  const auto event = event_type(callee, bound, span);
  if (!event) {
    // The reason, this time aloud.
    open_elementwise(name, dist.formals, std::move(bound), callee.scope, ScopeKind::dist, span, true);
    return {};
  }
  const Shape x_shape = type(x).shape;
  const size_t rank = event->shape.size();
  const auto first_of_event = x_shape.end() - static_cast<ptrdiff_t>(std::min(rank, x_shape.size()));
  if (!std::equal(event->shape.begin(), event->shape.end(), first_of_event, x_shape.end())) {
    fail(Kind::type_mismatch, x_span, {fmt::format("the value of `{}`", name), to_string(*event), to_string(type(x))});
    return {};
  }
  x = coerce_scalar(x, *event, x_span, fmt::format("the value of `{}`", name));
  auto opened = open_elementwise(name, dist.formals, std::move(bound), callee.scope, ScopeKind::dist, span, false,
                                 Shape(x_shape.begin(), first_of_event));
  if (!x || !opened) return {};
  define_dist_body(dist, opened->scope);
  ExprId value = x;
  if (!opened->batch.empty()) {
    value = table.placeholder(logpdf->value.name, *event, on_formal, x_span);
    opened->bindings.push_back({PlaceholderId{table[value].payload}, x});
  }
  // Draws of the body are noise that a density cannot read; a scratch owner lets the check say so.
  const size_t draws = model.draws.size();
  scopes_[opened->scope].owner = model.draws.add({});
  ExprId result = density(*logpdf, value, opened->scope);
  if (result && model.draws.size() > draws + 1) {
    fail(Kind::density_reads_noise, syntax(logpdf->body.result, opened->scope).span, {"`logpdf`"},
         "it is a function of the value and the formals alone");
    result = {};
  }
  model.draws.resize(draws);
  return over_batch(*opened, result, span);
}

}  // namespace alea::check
