// Types: reading them, promotion (bool → int → real, cat → int), broadcasting (scalars only), annotations,
// and the places where a value must be known now.
#include <fmt/format.h>

#include <cmath>

#include "dsl/check/checker.h"

namespace alea::check {

namespace {

constexpr size_t max_rank = 8;

std::string shapes_text(const Shape& a, const Shape& b) { return fmt::format("{} and {}", to_string(a), to_string(b)); }

}  // namespace

bool Checker::size_fits(const Type& checked, Span span) {
  if (checked.shape.size() > max_rank) {
    fail(Kind::too_many_axes, span, {std::to_string(checked.shape.size()), std::to_string(max_rank)});
    return false;
  }
  double count = 1;
  for (const int64_t extent : checked.shape) count *= static_cast<double>(extent);
  if (count <= static_cast<double>(max_elements)) return true;
  fail(Kind::extent_too_large, span, {to_string(checked.shape), fmt::format("{:.0f}", count), std::to_string(max_elements)});
  return false;
}

std::optional<Type> Checker::type_of(const ast::TypeExpr& syntax_type, ScopeId scope) {
  Type result;
  switch (syntax_type.kind) {
    case ast::TypeExpr::Kind::real: result.scalar = Scalar::real; break;
    case ast::TypeExpr::Kind::integer: result.scalar = Scalar::integer; break;
    case ast::TypeExpr::Kind::boolean: result.scalar = Scalar::boolean; break;
    case ast::TypeExpr::Kind::category: {
      result.scalar = Scalar::category;
      const Span span = syntax(syntax_type.categories, scope).span;
      const auto categories = known_integer(evaluate_expression(syntax_type.categories, scope), span, "the number of categories");
      if (!categories) return std::nullopt;
      if (*categories < 1 || *categories > max_elements) {
        fail(Kind::bad_categories, span, {std::to_string(*categories), std::to_string(max_elements)});
        return std::nullopt;
      }
      result.categories = *categories;
      break;
    }
  }
  bool good = true;
  for (const ast::ExprId extent : syntax_type.shape) {
    const Span span = syntax(extent, scope).span;
    const auto value = known_integer(evaluate_expression(extent, scope), span, "a shape");
    if (value && *value < 0) {
      fail(Kind::negative_extent, span, {std::to_string(*value)});
      good = false;
    }
    good = good && value;
    result.shape.push_back(value.value_or(0));
  }
  if (!good || !size_fits(result, syntax_type.span)) return std::nullopt;
  return result;
}

std::string Checker::dependence_text(ExprId id) const {
  const uint16_t on = table.facts(id).dependence;
  if (on & on_draw) return "a random draw";
  if (on & on_action) return "an action";
  if (on & (on_state | on_next_state)) return "a state";
  if (on & on_time) return "`time`";
  if (on & on_param) return "a param";
  if (on & on_input) return "an input";
  if (on & on_formal) return "an argument of a distribution";
  if (on & on_index) return "an index";
  return "a computation too large to do beforehand";
}

// A constant, or a report; an index of a comprehension asks for the comprehension to be unrolled.
bool Checker::require_known(ExprId id, Span span, const std::string& what) {
  if (!id) return false;
  if (table.is_constant(id)) return true;
  const Facts& facts = table.facts(id);
  if (facts.dependence == on_index) {
    unroll_wanted_.insert(facts.free.begin(), facts.free.end());
    return false;
  }
  fail(Kind::not_known, span, {what, dependence_text(id)});
  return false;
}

std::optional<int64_t> Checker::known_integer(ExprId id, Span span, const std::string& what) {
  if (!id) return std::nullopt;
  const Type& found = type(id);
  if (!found.shape.empty()) {
    fail(Kind::scalar_expected, span, {what, to_string(found)});
    return std::nullopt;
  }
  if (!require_known(id, span, what)) return std::nullopt;
  const double value = *table.scalar_constant(id);
  if (found.scalar == Scalar::real || found.scalar == Scalar::boolean) {
    const bool whole = found.scalar == Scalar::real && value == std::floor(value) && std::fabs(value) < max_exact_integer;
    fail(Kind::integer_expected, span, {what, to_string(found)},
         whole ? fmt::format("write `{:.0f}`, or `int(…)` around a computed one", value)
               : "`int(x)` converts, `a // b` divides into an int");
    return std::nullopt;
  }
  return static_cast<int64_t>(value);
}

std::optional<double> Checker::known_real(ExprId id, Span span, const std::string& what) {
  if (!id) return std::nullopt;
  if (!type(id).shape.empty()) {
    fail(Kind::scalar_expected, span, {what, to_string(type(id))});
    return std::nullopt;
  }
  if (!require_known(id, span, what)) return std::nullopt;
  return table.scalar_constant(id);
}

ExprId Checker::expression_of(const Value& value, Span span) {
  if (const auto* id = std::get_if<ExprId>(&value)) return *id;
  if (is_poison(value)) return {};
  const bool callable = std::holds_alternative<FunctionRef>(value) || std::holds_alternative<BuiltinRef>(value) ||
                        std::holds_alternative<InstanceRef>(value);
  const bool drawn = std::holds_alternative<DistRef>(value) || std::holds_alternative<PrimitiveRef>(value);
  fail(Kind::not_a_value, span, {kind_of(value)},
       callable ? "call it: `f(x)`"
       : drawn  ? "a distribution is drawn from on a line of its own: `x ~ normal(0, 1)`"
                : "");
  return {};
}

ExprId Checker::real_constant(double value, Span span) { return table.constant({}, {value}, span); }
ExprId Checker::integer_constant(int64_t value, Span span) {
  return table.constant({Scalar::integer, 0, {}}, {static_cast<double>(value)}, span);
}
ExprId Checker::boolean_constant(bool value, Span span) {
  return table.constant({Scalar::boolean, 0, {}}, {value ? 1.0 : 0.0}, span);
}

ExprId Checker::call(Builtin builtin, Type result, std::vector<ExprId> inputs, std::vector<int64_t> attributes, Span span) {
  for (const ExprId input : inputs)
    if (!input) return {};
  if (!size_fits(result, span) || stopped_) return {};
  const ExprId id = table.call(builtin, result, std::move(inputs), std::move(attributes), span);
  if (!id) {
    step(span);
    return {};
  }
  // Integers are exact or an error.
  const typed::Expr& made = table[id];
  if (made.kind == ExprKind::constant && result.scalar == Scalar::integer)
    for (const double value : made.values)
      if (!(std::fabs(value) <= max_exact_integer)) {
        fail(Kind::integer_overflow, span,
             {std::isnan(value) || std::isinf(value) ? "no integer" : fmt::format("{:.3g}", value)});
        return {};
      }
  return id;
}

// To another kind of scalar, without a change of value; the shape stays.
ExprId Checker::convert_scalar(ExprId id, Scalar scalar, Span span) {
  if (!id || type(id).scalar == scalar) return id;
  Type target = type(id);
  target.scalar = scalar;
  target.categories = 0;
  return call(Builtin::convert, std::move(target), {id}, {}, span);
}

ExprId Checker::numeric(ExprId id, Span span, const std::string&) {
  if (!id) return {};
  const Scalar scalar = type(id).scalar;
  return scalar == Scalar::boolean || scalar == Scalar::category ? convert_scalar(id, Scalar::integer, span) : id;
}

ExprId Checker::real(ExprId id, Span span, const std::string&) { return convert_scalar(id, Scalar::real, span); }

ExprId Checker::broadcast(ExprId id, const Shape& shape, Span span) {
  if (!id || type(id).shape == shape) return id;
  Type target = type(id);
  target.shape = shape;
  return call(Builtin::broadcast, std::move(target), {id}, {}, span);
}

// The scalar kind of `target`, the shape as it is.
ExprId Checker::coerce_scalar(ExprId id, const Type& target, Span span, const std::string& what) {
  if (!id) return {};
  const Type found = type(id);
  if (found.scalar == target.scalar && found.categories == target.categories) return id;
  const auto mismatch = [&](std::string hint) {
    fail(Kind::type_mismatch, span, {what, to_string(target), to_string(found)}, std::move(hint));
    return ExprId{};
  };
  if (element_count(found.shape) == 0) {  // `[]` is an array of whatever is wanted
    Type empty = target;
    empty.shape = found.shape;
    return table.constant(empty, {0}, span);
  }
  switch (target.scalar) {
    case Scalar::real: return convert_scalar(id, Scalar::real, span);
    case Scalar::integer:
      if (found.scalar == Scalar::real) return mismatch("`int(x)` cuts a real to an int, `a // b` divides into an int");
      return convert_scalar(id, Scalar::integer, span);
    case Scalar::boolean: return mismatch(found.scalar == Scalar::real ? "compare it: `x > 0`" : "compare it: `x != 0`");
    case Scalar::category: {
      if (found.scalar == Scalar::real) return mismatch("`int(x)` cuts a real to an int");
      if (found.scalar == Scalar::category && found.categories > target.categories)
        return mismatch(fmt::format("values {} to {} would have no place", target.categories, found.categories - 1));
      const ExprId integer = convert_scalar(id, Scalar::integer, span);
      if (!integer) return {};
      const typed::Expr& expr = table[integer];
      if (expr.kind == ExprKind::constant)
        for (const double value : expr.values)
          if (value < 0 || value >= static_cast<double>(target.categories)) {
            fail(Kind::category_out_of_range, span,
                 {fmt::format("{:.0f}", value), std::to_string(target.categories), std::to_string(target.categories - 1)});
            return {};
          }
      Type result = target;
      result.shape = found.shape;
      const auto range = table.integer_range(integer);
      const bool inside =
          expr.kind == ExprKind::constant || (range && range->low >= 0 && range->high < static_cast<double>(target.categories));
      return call(inside ? Builtin::convert : Builtin::to_category, std::move(result), {integer}, {}, span);
    }
  }
  return {};
}

// An annotation: checks, promotes, and copies a scalar to the shape.
ExprId Checker::coerce(ExprId id, const Type& target, Span span, const std::string& what) {
  if (!id) return {};
  const Type found = type(id);
  if (found.shape != target.shape && !found.shape.empty()) {
    fail(Kind::type_mismatch, span, {what, to_string(target), to_string(found)});
    return {};
  }
  return broadcast(coerce_scalar(id, target, span, what), target.shape, span);
}

std::optional<Shape> Checker::common_shape(const Shape& a, const Shape& b, Span span, const std::string& what) {
  if (a == b || b.empty()) return a;
  if (a.empty()) return b;
  std::string hint = "only a scalar is copied to another shape";
  if (a.size() == 2 && b.size() == 2 && a[1] == b[0]) hint = "`@` is the matrix product";
  if (a.size() == b.size() + 1 && Shape(a.begin() + 1, a.end()) == b) hint = "write the rows out: `[a[i] + b for i in 0..n]`";
  fail(Kind::shape_mismatch, span, {what, shapes_text(a, b)}, std::move(hint));
  return std::nullopt;
}

}  // namespace alea::check
