// `[e for i in a..b]`: the body is checked once, with the index as a placeholder whose range is known, and
// becomes a batch. Where the body needs the index while checking (a shape, a module of a list, the
// bound of a slice), it is checked once for each index instead, within a bound.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "dsl/check/checker.h"

namespace alea::check {

std::optional<std::pair<int64_t, int64_t>> Checker::evaluate_range(ast::ExprId low, ast::ExprId high, ScopeId scope) {
  const Span low_span = syntax(low, scope).span, high_span = syntax(high, scope).span;
  const auto first = known_integer(evaluate_expression(low, scope), low_span, "the range of an index");
  const auto last = known_integer(evaluate_expression(high, scope), high_span, "the range of an index");
  if (!first || !last) return std::nullopt;
  const Span span{low_span.source, low_span.begin, high_span.end};
  if (*first > *last) {
    fail(Kind::backward_range, span, {std::to_string(*first), std::to_string(*last)});
    return std::nullopt;
  }
  return std::pair{*first, *last};
}

Value Checker::evaluate_comprehension(const ast::Comprehension& comprehension, Span span, ScopeId scope) {
  const auto range = evaluate_range(comprehension.low, comprehension.high, scope);
  if (!range) return Poison{};
  const auto [low, high] = *range;
  const int64_t count = high - low;
  if (count > max_elements)
    return fail(Kind::comprehension_too_long, span, {std::to_string(count), std::to_string(max_elements)});
  if (count == 0) {
    // Nothing to stack; one body says of what type, as far as it can be checked.
    ++quiet_;
    const auto wanted = unroll_wanted_;
    const ScopeId local = add_scope(ScopeKind::local, scope, scopes_[scope].file);
    bind(local, comprehension.index.name, comprehension.index.span, integer_constant(low, span));
    const Value body = evaluate(comprehension.body, local);
    release(local);
    unroll_wanted_ = wanted;
    --quiet_;
    Type empty{Scalar::integer, 0, {}};
    if (const auto* expr = std::get_if<ExprId>(&body)) empty = type(*expr);
    else if (is_instance(body)) return InstanceList{};
    empty.shape.insert(empty.shape.begin(), 0);
    return table.constant(empty, {0}, span);
  }
  // The index, checked once for all its values.
  const size_t reported = reports.size();
  const ExprId index = table.placeholder(comprehension.index.name, {Scalar::integer, 0, {}}, on_index, comprehension.index.span,
                                         static_cast<double>(low), static_cast<double>(high - 1));
  const PlaceholderId placeholder{table[index].payload};
  const ScopeId local = add_scope(ScopeKind::local, scope, scopes_[scope].file);
  bind(local, comprehension.index.name, comprehension.index.span, index);
  const int guards = std::exchange(guards_, 0);
  Value body = evaluate(comprehension.body, local);
  guards_ = guards;
  release(local);
  if (unroll_wanted_.erase(placeholder) > 0 || is_instance(body)) {
    const auto first = reports.begin() + static_cast<ptrdiff_t>(reported);
    reports.erase(std::remove_if(first, reports.end(), [](const Report& report) { return !report.kept; }), reports.end());
    return unroll(comprehension, low, high, span, scope);
  }
  const ExprId element = expression_of(body, syntax(comprehension.body, scope).span);
  if (!element) return Poison{};
  Type whole = type(element);
  whole.shape.insert(whole.shape.begin(), count);
  if (!size_fits(whole, span)) return Poison{};
  if (table.is_constant(element) && table[element].values.size() == 1) return table.constant(whole, table[element].values, span);
  return table.batch({count}, {{placeholder, {}, low}}, element, span);
}

Value Checker::unroll(const ast::Comprehension& comprehension, int64_t low, int64_t high, Span span, ScopeId scope) {
  if (high - low > max_unrolled)
    return fail(Kind::unrolled_too_long, span,
                {std::to_string(high - low), std::to_string(max_unrolled), comprehension.index.name},
                "shapes, slice bounds and lists of modules that use the index make a copy for each of its values");
  std::vector<ExprId> elements;
  InstanceList instances;
  for (int64_t i = low; i < high && !stopped_; ++i) {
    const ScopeId local = add_scope(ScopeKind::local, scope, scopes_[scope].file);
    bind(local, comprehension.index.name, comprehension.index.span, integer_constant(i, comprehension.index.span));
    Value body = evaluate(comprehension.body, local);
    release(local);
    if (is_poison(body)) return Poison{};
    if (is_instance(body)) {
      append(instances, std::move(body));
      continue;
    }
    elements.push_back(expression_of(body, syntax(comprehension.body, scope).span));
  }
  if (stopped_) return Poison{};
  if (instances.size() > 0) return instances;
  const Span body_span = syntax(comprehension.body, scope).span;
  const ExprId stacked = stack(std::move(elements), std::vector<Span>(static_cast<size_t>(high - low), body_span), span);
  return stacked ? Value(stacked) : Value(Poison{});
}

}  // namespace alea::check
