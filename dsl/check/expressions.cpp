// Expressions: the syntax tree in, a value out. Operators are elementwise with scalars copied; kinds are
// promoted explicitly by `convert`, so that every builtin's operands have equal kinds.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "dsl/check/checker.h"

namespace alea::check {

namespace {

constexpr int max_evaluation_nesting = 1500;  // expressions inside calls inside expressions, all together

Value value_of(ExprId id) { return id ? Value(id) : Value(Poison{}); }

}  // namespace

const ast::Expr& Checker::syntax(ast::ExprId id, ScopeId scope) const { return file_of(scopes_[scope].file).tree.exprs[id]; }

ExprId Checker::evaluate_expression(ast::ExprId id, ScopeId scope) {
  return expression_of(evaluate(id, scope), syntax(id, scope).span);
}

Value Checker::evaluate(ast::ExprId id, ScopeId scope) {
  const ast::Expr& expr = syntax(id, scope);
  const Span span = expr.span;
  if (!step(span)) return Poison{};
  if (nesting_ >= max_evaluation_nesting) return fail(Kind::calls_too_deep, span, {std::to_string(max_inlining_depth)});
  ++nesting_;
  struct Evaluate {
    Checker& checker;
    Span span;
    ScopeId scope;
    Value operator()(const ast::Number& e) const {
      if (!e.is_integer) return checker.real_constant(e.value, span);
      return checker.table.constant({Scalar::integer, 0, {}}, {e.value}, span);
    }
    Value operator()(const ast::Boolean& e) const { return checker.boolean_constant(e.value, span); }
    Value operator()(const ast::Text& e) const { return TextValue{e.value}; }
    Value operator()(const ast::Name& e) const {
      return e.primed ? checker.resolve_primed(e.name, span, scope) : checker.resolve(e.name, span, scope);
    }
    Value operator()(const ast::List& e) const { return checker.evaluate_list(e, span, scope); }
    Value operator()(const ast::Comprehension& e) const { return checker.evaluate_comprehension(e, span, scope); }
    Value operator()(const ast::Unary& e) const { return checker.evaluate_unary(e, span, scope); }
    Value operator()(const ast::Binary& e) const { return checker.evaluate_binary(e, span, scope); }
    Value operator()(const ast::Comparison& e) const { return checker.evaluate_comparison(e, span, scope); }
    Value operator()(const ast::If& e) const { return checker.evaluate_if(e, span, scope); }
    Value operator()(const ast::Index& e) const { return checker.evaluate_index(e, span, scope); }
    Value operator()(const ast::Call& e) const { return checker.evaluate_call(e, span, scope); }
    Value operator()(const ast::Member& e) const { return checker.evaluate_member(e, span, scope); }
  };
  Value value = std::visit(Evaluate{*this, span, scope}, expr.value);
  --nesting_;
  if (const auto* made = std::get_if<ExprId>(&value); made && !*made) return Poison{};
  return value;
}

// The one type that several values have after promotion: of a list's elements, of the branches of an `if`.
std::optional<Type> Checker::join(const std::vector<ExprId>& values, Span span, const std::vector<Span>& spans,
                                  const std::string& what) {
  Type joined = type(values[0]);
  for (size_t i = 1; i < values.size(); ++i) {
    const Type& next = type(values[i]);
    if (element_count(next.shape) > 0 && element_count(joined.shape) == 0 && joined.shape.size() == next.shape.size())
      joined.scalar = next.scalar, joined.categories = next.categories;
    else if (joined.scalar != next.scalar || joined.categories != next.categories) {
      const bool any_real = joined.scalar == Scalar::real || next.scalar == Scalar::real;
      joined.scalar = any_real ? Scalar::real : Scalar::integer;
      joined.categories = 0;
    }
    if (joined.shape != next.shape) {
      if (!joined.shape.empty() && !next.shape.empty()) {
        fail(Kind::elements_differ, i < spans.size() ? spans[i] : span, {what, to_string(joined.shape), to_string(next.shape)});
        return std::nullopt;
      }
      if (joined.shape.empty()) joined.shape = next.shape;
    }
  }
  return joined;
}

ExprId Checker::stack(std::vector<ExprId> elements, std::vector<Span> spans, Span span) {
  for (const ExprId element : elements)
    if (!element) return {};
  if (elements.empty()) return table.constant({Scalar::integer, 0, {0}}, {0}, span);
  for (size_t i = 1; i < elements.size(); ++i)
    if (type(elements[i]).shape != type(elements[0]).shape) {
      fail(Kind::elements_differ, i < spans.size() ? spans[i] : span,
           {"the elements of a list", to_string(type(elements[0])), to_string(type(elements[i]))},
           "`concat` joins arrays of different lengths end to end");
      return {};
    }
  auto joined = join(elements, span, spans, "the elements of a list");
  if (!joined) return {};
  for (ExprId& element : elements) element = coerce_scalar(element, *joined, span, "an element");
  joined->shape.insert(joined->shape.begin(), static_cast<int64_t>(elements.size()));
  return call(Builtin::stack, *joined, std::move(elements), {}, span);
}

Value Checker::evaluate_list(const ast::List& list, Span span, ScopeId scope) {
  std::vector<Value> values;
  std::vector<Span> spans;
  bool instances = !list.elements.empty(), good = true;
  for (const ast::ExprId element : list.elements) {
    values.push_back(evaluate(element, scope));
    spans.push_back(syntax(element, scope).span);
    good = good && !is_poison(values.back());
    instances = instances && is_instance(values.back());
  }
  if (!good) return Poison{};
  if (instances) {
    InstanceList modules;
    for (Value& value : values) append(modules, std::move(value));
    if (!modules.scopes.empty() && !modules.lists.empty())
      return fail(Kind::elements_differ, span, {"the elements of a list", "a module", "a list of modules"});
    return modules;
  }
  std::vector<ExprId> elements;
  for (size_t i = 0; i < values.size(); ++i) elements.push_back(expression_of(values[i], spans[i]));
  return value_of(stack(std::move(elements), std::move(spans), span));
}

Value Checker::evaluate_unary(const ast::Unary& unary, Span span, ScopeId scope) {
  const ExprId operand = evaluate_expression(unary.operand, scope);
  if (!operand) return Poison{};
  switch (unary.op) {
    case ast::UnaryOp::negate: {
      const ExprId number = numeric(operand, span, "`-`");
      return number ? value_of(call(Builtin::negate, type(number), {number}, {}, span)) : Poison{};
    }
    case ast::UnaryOp::logical_not:
      if (type(operand).scalar != Scalar::boolean)
        return fail(Kind::bool_expected, syntax(unary.operand, scope).span, {"`not`", to_string(type(operand))},
                    "compare it: `x == 0`");
      return value_of(call(Builtin::logical_not, type(operand), {operand}, {}, span));
  }
  return Poison{};
}

ExprId Checker::arithmetic(ast::BinaryOp op, ExprId left, ExprId right, Span span) {
  left = numeric(left, span, std::string(spelling(op)));
  right = numeric(right, span, std::string(spelling(op)));
  if (!left || !right) return {};
  const auto shape = common_shape(type(left).shape, type(right).shape, span, fmt::format("`{}`", spelling(op)));
  if (!shape) return {};
  bool integer = type(left).scalar == Scalar::integer && type(right).scalar == Scalar::integer;
  Builtin builtin{};
  switch (op) {
    case ast::BinaryOp::add: builtin = Builtin::add; break;
    case ast::BinaryOp::subtract: builtin = Builtin::subtract; break;
    case ast::BinaryOp::multiply: builtin = Builtin::multiply; break;
    case ast::BinaryOp::divide:
      builtin = Builtin::divide;
      integer = false;
      break;
    case ast::BinaryOp::floor_divide:
    case ast::BinaryOp::modulo: {
      builtin = op == ast::BinaryOp::modulo ? Builtin::modulo : Builtin::floor_divide;
      if (integer && table.is_constant(right))
        for (const double divisor : table[right].values)
          if (divisor == 0) {
            fail(Kind::integer_division_by_zero, span, {std::string(spelling(op))});
            return {};
          }
      break;
    }
    case ast::BinaryOp::power: {
      builtin = Builtin::power;
      // An int to a known power that is no less than 0 stays an int.
      const auto exponent = table.scalar_constant(right);
      integer = integer && exponent && *exponent >= 0;
      break;
    }
    case ast::BinaryOp::logical_or:
    case ast::BinaryOp::logical_and:
    case ast::BinaryOp::matmul: return {};
  }
  const Scalar scalar = integer ? Scalar::integer : Scalar::real;
  return call(builtin, {scalar, 0, *shape}, {convert_scalar(left, scalar, span), convert_scalar(right, scalar, span)}, {}, span);
}

ExprId Checker::logical(ast::BinaryOp op, ExprId left, ExprId right, Span left_span, Span right_span, Span span) {
  const std::string name = fmt::format("`{}`", spelling(op));
  for (const auto& [operand, place] : {std::pair{left, left_span}, std::pair{right, right_span}})
    if (type(operand).scalar != Scalar::boolean) {
      fail(Kind::bool_expected, place, {name, to_string(type(operand))}, "compare it: `x != 0`");
      return {};
    }
  const auto shape = common_shape(type(left).shape, type(right).shape, span, name);
  if (!shape) return {};
  const Builtin builtin = op == ast::BinaryOp::logical_and ? Builtin::logical_and : Builtin::logical_or;
  // A known operand decides or drops out.
  for (const auto& [known, other] : {std::pair{left, right}, std::pair{right, left}})
    if (const auto value = table.scalar_constant(known)) {
      const bool decides = (*value != 0) == (builtin == Builtin::logical_or);
      return broadcast(decides ? known : other, *shape, span);
    }
  return call(builtin, {Scalar::boolean, 0, *shape}, {left, right}, {}, span);
}

ExprId Checker::matmul(ExprId left, ExprId right, Span span) {
  left = numeric(left, span, "`@`");
  right = numeric(right, span, "`@`");
  if (!left || !right) return {};
  const Type a = type(left), b = type(right);
  const auto rank_good = [](const Type& t) { return t.shape.size() == 1 || t.shape.size() == 2; };
  if (!rank_good(a) || !rank_good(b)) {
    fail(Kind::matmul_rank, span, {to_string(a), to_string(b)},
         a.shape.empty() || b.shape.empty() ? "`*` multiplies by a scalar" : "");
    return {};
  }
  if (a.shape.back() != b.shape.front()) {
    std::string hint;
    if (b.shape.size() == 2 && a.shape.back() == b.shape[1]) hint = "`transpose(…)` of the second fits";
    else if (a.shape.size() == 2 && a.shape[0] == b.shape[0]) hint = "`transpose(…)` of the first fits";
    fail(Kind::matmul_mismatch, span,
         {to_string(a), to_string(b), std::to_string(a.shape.back()), std::to_string(b.shape.front())}, hint);
    return {};
  }
  const bool integer = a.scalar == Scalar::integer && b.scalar == Scalar::integer;
  const Scalar scalar = integer ? Scalar::integer : Scalar::real;
  Type result{scalar, 0, {}};
  if (a.shape.size() == 2) result.shape.push_back(a.shape[0]);
  if (b.shape.size() == 2) result.shape.push_back(b.shape[1]);
  return call(Builtin::matmul, std::move(result), {convert_scalar(left, scalar, span), convert_scalar(right, scalar, span)}, {},
              span);
}

// A row of operators, from left to right; each takes what stands before it. No row is too long for the machine.
Value Checker::evaluate_binary(const ast::Binary& binary, Span span, ScopeId scope) {
  struct Step {
    const ast::Binary* binary;
    Span span;
  };
  std::vector<Step> row{{&binary, span}};
  for (;;) {
    const ast::Expr& left = syntax(row.back().binary->left, scope);
    const auto* next = std::get_if<ast::Binary>(&left.value);
    if (next == nullptr) break;
    if (!step(left.span)) return Poison{};
    row.push_back({next, left.span});
  }
  ExprId left = evaluate_expression(row.back().binary->left, scope);
  for (auto now = row.rbegin(); now != row.rend(); ++now) {
    const ast::BinaryOp op = now->binary->op;
    const bool guarding = op == ast::BinaryOp::logical_and || op == ast::BinaryOp::logical_or;
    guards_ += guarding;
    const ExprId right = evaluate_expression(now->binary->right, scope);
    guards_ -= guarding;
    if (!left || !right) left = {};
    else if (guarding)
      left = logical(op, left, right, syntax(now->binary->left, scope).span, syntax(now->binary->right, scope).span, now->span);
    else if (op == ast::BinaryOp::matmul) left = matmul(left, right, now->span);
    else left = arithmetic(op, left, right, now->span);
  }
  return value_of(left);
}

ExprId Checker::compare(ast::CompareOp op, ExprId left, ExprId right, Span span) {
  if (!left || !right) return {};
  const auto shape = common_shape(type(left).shape, type(right).shape, span, fmt::format("`{}`", spelling(op)));
  if (!shape) return {};
  // A cat compared with a value that it never has.
  const bool equality = op == ast::CompareOp::equal || op == ast::CompareOp::not_equal;
  for (const auto& [category, constant] : {std::pair{left, right}, std::pair{right, left}}) {
    if (!equality || type(category).scalar != Scalar::category || type(constant).scalar != Scalar::integer) continue;
    const auto value = table.scalar_constant(constant);
    if (!value || table.is_constant(category)) continue;
    if (*value < 0 || *value >= static_cast<double>(type(category).categories))
      fail(Kind::never_equal, span, {to_string(type(category)), fmt::format("{:.0f}", *value)},
           fmt::format("its values are 0 to {}", type(category).categories - 1));
  }
  const bool both_bool = type(left).scalar == Scalar::boolean && type(right).scalar == Scalar::boolean;
  if (!both_bool || !equality) {
    left = numeric(left, span, std::string(spelling(op)));
    right = numeric(right, span, std::string(spelling(op)));
    if (!left || !right) return {};
    const bool integer = type(left).scalar == Scalar::integer && type(right).scalar == Scalar::integer;
    left = convert_scalar(left, integer ? Scalar::integer : Scalar::real, span);
    right = convert_scalar(right, integer ? Scalar::integer : Scalar::real, span);
  }
  const Type result{Scalar::boolean, 0, *shape};
  switch (op) {
    case ast::CompareOp::equal: return call(Builtin::equal, result, {left, right}, {}, span);
    case ast::CompareOp::not_equal: return call(Builtin::not_equal, result, {left, right}, {}, span);
    case ast::CompareOp::less: return call(Builtin::less, result, {left, right}, {}, span);
    case ast::CompareOp::less_equal: return call(Builtin::less_equal, result, {left, right}, {}, span);
    case ast::CompareOp::greater: return call(Builtin::less, result, {right, left}, {}, span);
    case ast::CompareOp::greater_equal: return call(Builtin::less_equal, result, {right, left}, {}, span);
  }
  return {};
}

Value Checker::evaluate_comparison(const ast::Comparison& comparison, Span span, ScopeId scope) {
  std::vector<ExprId> operands;
  bool good = true;
  for (const ast::ExprId operand : comparison.operands) {
    operands.push_back(evaluate_expression(operand, scope));
    good = good && operands.back();
  }
  if (!good) return Poison{};
  ExprId result;
  for (size_t i = 0; i < comparison.ops.size(); ++i) {
    const ExprId next = compare(comparison.ops[i], operands[i], operands[i + 1], span);
    if (!next) return Poison{};
    result = result ? logical(ast::BinaryOp::logical_and, result, next, span, span, span) : next;
    if (!result) return Poison{};
  }
  return result;
}

ExprId Checker::select(ExprId condition, ExprId then_value, ExprId else_value, Span span) {
  const auto joined = join({then_value, else_value}, span, {}, "the two branches of an `if`");
  if (!joined) return {};
  const auto shape = common_shape(type(condition).shape, joined->shape, span, "the condition and the branches of an `if`");
  if (!shape) return {};
  Type result = *joined;
  result.shape = *shape;
  then_value = coerce_scalar(then_value, result, span, "a branch");
  else_value = coerce_scalar(else_value, result, span, "a branch");
  return call(Builtin::select, std::move(result), {condition, then_value, else_value}, {}, span);
}

// A row of `else if`: down along the conditions, then up again with the value of what stands after `else`.
Value Checker::evaluate_if(const ast::If& conditional, Span span, ScopeId scope) {
  struct Case {
    const ast::If* syntax;
    Span span;
    ExprId condition;
    std::optional<bool> known;  // the condition's value
    Value then_value;           // where the condition is not known, or holds
    std::set<PlaceholderId> wanted;
  };
  std::vector<Case> row;
  Value value;
  for (const ast::If* now = &conditional;;) {
    Case& next = row.emplace_back(Case{now, span, evaluate_expression(now->condition, scope), {}, {}, {}});
    if (!next.condition || type(next.condition).scalar != Scalar::boolean) {
      if (next.condition)
        fail(Kind::bool_expected, syntax(now->condition, scope).span, {"`if`", to_string(type(next.condition))},
             "compare it: `if x != 0 then …`");
      row.pop_back();
      break;  // with no value
    }
    if (const auto known = table.scalar_constant(next.condition)) {
      next.known = *known != 0;
      if (*next.known) {
        next.then_value = evaluate(now->then_value, scope);
        ++quiet_;  // only the branch taken counts
        next.wanted = unroll_wanted_;
      }
    } else {
      ++guards_;
      const ExprId then_value = evaluate_expression(now->then_value, scope);
      row.back().then_value = value_of(then_value);
    }
    const ast::Expr& rest = syntax(now->else_value, scope);
    const auto* chained = std::get_if<ast::If>(&rest.value);
    if (chained == nullptr || !step(rest.span)) {
      value = chained == nullptr ? evaluate(now->else_value, scope) : Value(Poison{});
      break;
    }
    now = chained;
    span = rest.span;
  }
  for (; !row.empty(); row.pop_back()) {
    Case& now = row.back();
    if (!now.known) {
      const ExprId else_value = expression_of(value, syntax(now.syntax->else_value, scope).span);
      --guards_;
      const auto* then_value = std::get_if<ExprId>(&now.then_value);
      value = then_value && else_value ? value_of(select(now.condition, *then_value, else_value, now.span)) : Value(Poison{});
      continue;
    }
    Value other = std::move(value);
    if (*now.known) {
      unroll_wanted_ = now.wanted;
      --quiet_;
      value = std::move(now.then_value);
    } else {
      value = std::move(other);
      ++quiet_;
      const auto wanted = unroll_wanted_;
      other = evaluate(now.syntax->then_value, scope);
      unroll_wanted_ = wanted;
      --quiet_;
    }
    if (is_poison(other)) walk_names(*now.known ? now.syntax->else_value : now.syntax->then_value, scope);
    // The other branch still says what kind of number the whole is.
    const auto* a = std::get_if<ExprId>(&value);
    const auto* b = std::get_if<ExprId>(&other);
    if (!a || !b || !*a || !*b || type(*a).scalar == type(*b).scalar) continue;
    if (type(*b).scalar == Scalar::real) value = value_of(convert_scalar(*a, Scalar::real, now.span));
    else if (type(*a).scalar != Scalar::real) value = value_of(numeric(*a, now.span, "`if`"));
  }
  return value;
}

Value Checker::evaluate_member(const ast::Member& member, Span span, ScopeId scope) {
  const Value base = evaluate(member.base, scope);
  if (is_poison(base)) return Poison{};
  if (const auto* space = std::get_if<NamespaceRef>(&base)) {
    const auto known = scopes_[space->scope].names.find(member.name.name);
    if (known != scopes_[space->scope].names.end() && definitions_[known->second].kind != DefinitionKind::namespace_)
      return force(known->second);
    std::vector<std::string> names;
    for (const auto& [name, definition] : scopes_[space->scope].names) names.push_back(name);
    std::sort(names.begin(), names.end());
    return fail(Kind::unknown_member, member.name.span, {source_text(syntax(member.base, scope).span), member.name.name},
                did_you_mean(member.name.name, names));
  }
  if (const auto* instance = std::get_if<InstanceRef>(&base)) return member_of_instance(*instance, member.name);
  if (std::holds_alternative<DistRef>(base))
    return fail(Kind::method_not_called, span, {member.name.name}, fmt::format("call it: `{}(…)`", source_text(span)));
  return fail(Kind::no_members, span, {kind_of(base), member.name.name},
              std::holds_alternative<ExprId>(base) ? "an array is indexed with brackets" : "");
}

}  // namespace alea::check
