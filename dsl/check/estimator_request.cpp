// `by name(arguments)`: which estimator the user asks for, and with what.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "dsl/check/checker.h"

namespace alea::check {

typed::EstimatorRequest Checker::evaluate_estimator(const ast::Estimator& estimator, ScopeId scope) {
  const std::optional<AskedEstimator> asked = find_estimator(estimator.name.name);
  if (!asked) {
    fail(Kind::unknown_estimator, estimator.name.span, {estimator.name.name}, known_estimators_hint(estimator.name.name));
    return {};
  }
  typed::EstimatorRequest request;
  request.span = estimator.span;
  request.estimator = *asked;
  const std::vector<std::string> allowed = arguments_of(*asked);
  for (const ast::Argument& argument : estimator.arguments) {
    const Span span = syntax(argument.value, scope).span;
    const std::string name = argument.name.name.empty() && !allowed.empty() ? allowed[0] : argument.name.name;
    if (std::find(allowed.begin(), allowed.end(), name) == allowed.end()) {
      const std::string near = did_you_mean(name, allowed);
      fail(Kind::estimator_argument, argument.name.name.empty() ? span : argument.name.span, {estimator.name.name, name},
           !near.empty()     ? near
           : allowed.empty() ? "it takes none"
                             : fmt::format("it takes `{}`", fmt::join(allowed, "`, `")));
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
