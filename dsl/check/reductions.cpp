// `sum prod mean any all min max argmax argmin`, of all elements or along one axis, and what works along the
// last axis.
#include <fmt/format.h>

#include "dsl/check/builtin_call.h"

namespace alea::check {

namespace {

ExprId reduce_with(const BuiltinCall& c, Builtin builtin, ExprId operand, Scalar scalar) {
  const Shape shape = c.checker_type(operand).shape;
  int64_t axis = -1;
  Type result{scalar, 0, {}};
  if (c.generator || c.axis) {
    const auto known = c.generator ? std::optional<int64_t>(0) : c.known_axis(shape);
    if (!known) return {};
    axis = *known;
    result.shape = shape;
    result.shape.erase(result.shape.begin() + axis);
    if (shape.size() == 1) axis = -1;
  }
  const bool needs_elements = builtin == Builtin::reduce_max || builtin == Builtin::reduce_min || builtin == Builtin::mean ||
                              builtin == Builtin::argmax || builtin == Builtin::argmin;
  if (needs_elements && element_count(shape) == 0) {
    c.checker.fail(Kind::empty_reduction, c.span, {c.name(), to_string(shape)});
    return {};
  }
  return c.checker.call(builtin, std::move(result), {operand}, {axis}, c.span);
}

}  // namespace

std::optional<int64_t> BuiltinCall::known_axis(const Shape& shape) const {
  auto known = checker.known_integer(axis, axis_span, "`axis`");
  if (!known) return std::nullopt;
  const auto rank = static_cast<int64_t>(shape.size());
  const int64_t wanted = *known < 0 ? *known + rank : *known;
  if (wanted < 0 || wanted >= rank) {
    checker.fail(Kind::bad_axis, axis_span, {std::to_string(*known), to_string(shape)});
    return std::nullopt;
  }
  return wanted;
}

ExprId BuiltinCall::reduce() const {
  switch (function.rule) {
    case BuiltinRule::extremum: {
      if (!count(1, 2)) return {};
      const ExprId a = number(0);
      if (!a) return {};
      if (operands.size() == 2) {
        if (axis) {
          checker.fail(Kind::axis_of_two, axis_span, {name()});
          return {};
        }
        ExprId b = number(1);
        if (!b) return {};
        const auto shape =
            checker.common_shape(checker.type(a).shape, checker.type(b).shape, span, fmt::format("`{}`", function.name));
        if (!shape) return {};
        const bool integer = checker.type(a).scalar == Scalar::integer && checker.type(b).scalar == Scalar::integer;
        const Scalar scalar = integer ? Scalar::integer : Scalar::real;
        return emit({scalar, 0, *shape}, {convert(a, scalar), convert(b, scalar)});
      }
      if (checker.type(a).shape.empty()) return wrong(0, "an array, or two arguments");
      return reduce_with(*this, function.builtin == Builtin::maximum ? Builtin::reduce_max : Builtin::reduce_min, a,
                         checker.type(a).scalar);
    }
    case BuiltinRule::reduction: {
      if (!count(1, 1)) return {};
      const ExprId a = function.builtin == Builtin::mean ? real(0) : number(0);
      if (!a) return {};
      if (checker.type(a).shape.empty()) return wrong(0, "an array", "several values go in a list: `sum([a, b])`");
      return reduce_with(*this, function.builtin, a, checker.type(a).scalar);
    }
    case BuiltinRule::truth:
      if (!count(1, 1)) return {};
      if (type(0).scalar != Scalar::boolean || type(0).shape.empty())
        return wrong(0, "an array of bool", "compare first: `any(x > 0)`");
      return reduce_with(*this, function.builtin, operands[0], Scalar::boolean);
    case BuiltinRule::arg_extremum: {
      if (!count(1, 1)) return {};
      const ExprId a = number(0);
      if (!a) return {};
      const Shape shape = checker.type(a).shape;
      if (shape.empty()) return wrong(0, "an array");
      if (shape.size() > 1 && !axis) return wrong(0, "a vector, or `axis = k`");
      return reduce_with(*this, function.builtin, a, Scalar::integer);
    }
    case BuiltinRule::along_last:
    case BuiltinRule::logsumexp: {
      if (!count(1, 1)) return {};
      const bool keeps_kind = function.builtin == Builtin::cumsum || function.builtin == Builtin::sort;
      const ExprId a = keeps_kind ? number(0) : real(0);
      if (!a) return {};
      Type result = checker.type(a);
      if (result.shape.empty()) return wrong(0, "a vector, or an array whose last axis counts");
      if (function.rule == BuiltinRule::logsumexp) {
        if (result.shape.back() == 0) {
          checker.fail(Kind::empty_reduction, span, {name(), to_string(result.shape)});
          return {};
        }
        result.shape.pop_back();
      }
      return emit(std::move(result), {a});
    }
    default: return {};  // the other rules are elsewhere
  }
}

}  // namespace alea::check
