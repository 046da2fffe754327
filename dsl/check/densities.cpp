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

}  // namespace alea::check
