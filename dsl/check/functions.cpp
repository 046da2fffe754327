// Functions: arguments are matched to formals, shape names bound from the arguments' shapes, types checked
// and promoted, then the body is evaluated anew for this use. Names in a block may be bound again; `for`
// runs turn by turn.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>

#include "dsl/check/builtins.h"
#include "dsl/check/checker.h"

namespace alea::check {

namespace {

std::vector<std::string> names_of(const std::vector<ast::Formal>& formals) {
  std::vector<std::string> names;
  for (const ast::Formal& formal : formals) names.push_back(formal.name.name);
  return names;
}

// What makes two calls of one function different: the functions that they were given.
const void* identity(const Value& value) {
  if (const auto* f = std::get_if<FunctionRef>(&value)) return f->function;
  if (const auto* f = std::get_if<BuiltinRef>(&value)) return f->function;
  if (const auto* f = std::get_if<DistRef>(&value)) return f->dist;
  if (const auto* f = std::get_if<InstanceRef>(&value)) return reinterpret_cast<const void*>(uintptr_t{f->scope.index} + 1);
  return nullptr;
}

}  // namespace

std::optional<std::vector<BoundFormal>> Checker::match_arguments(const std::string& callee,
                                                                 const std::vector<ast::Formal>& formals,
                                                                 const std::vector<ast::Argument>& arguments, Span span,
                                                                 ScopeId caller) {
  std::vector<BoundFormal> bound(formals.size());
  for (size_t i = 0; i < formals.size(); ++i) bound[i] = {&formals[i], false, Poison{}, span};
  const std::string signature = fmt::format("{}({})", callee, fmt::join(names_of(formals), ", "));
  bool good = true, named = false;
  size_t position = 0;
  for (const ast::Argument& argument : arguments) {
    const Span value_span = syntax(argument.value, caller).span;
    Value value = evaluate(argument.value, caller);
    good = good && !is_poison(value);
    size_t at = formals.size();
    if (argument.name.name.empty()) {
      if (named) {
        fail(Kind::positional_after_named, value_span, {callee}, signature);
        good = false;
      }
      at = position++;
      if (at >= formals.size()) {
        if (at == formals.size())
          fail(Kind::too_many_arguments, value_span, {callee, std::to_string(formals.size()), std::to_string(arguments.size())},
               signature);
        good = false;
        continue;
      }
    } else {
      named = true;
      for (size_t i = 0; i < formals.size(); ++i)
        if (formals[i].name.name == argument.name.name) at = i;
      if (at == formals.size()) {
        std::string hint = did_you_mean(argument.name.name, names_of(formals));
        fail(Kind::unknown_argument, argument.name.span, {callee, argument.name.name}, hint.empty() ? signature : hint);
        good = false;
        continue;
      }
    }
    if (bound[at].given) {
      fail(Kind::repeated_argument, argument.name.name.empty() ? value_span : argument.name.span, {formals[at].name.name, callee},
           signature);
      good = false;
      continue;
    }
    bound[at].given = true;
    bound[at].value = std::move(value);
    bound[at].span = value_span;
  }
  std::vector<std::string> missing;
  for (const BoundFormal& formal : bound)
    if (!formal.given && !formal.formal->default_value) missing.push_back(formal.formal->name.name);
  if (!missing.empty() && good) {
    fail(Kind::missing_argument, span, {callee, fmt::format("`{}`", fmt::join(missing, "`, `"))}, signature);
    good = false;
  }
  if (!good) return std::nullopt;
  return bound;
}

// Binds the names in a shape that stand for nothing yet.
void Checker::bind_shape(ScopeId scope, const ast::TypeExpr& formal_type, const Shape& found) {
  if (formal_type.shape.size() != found.size()) return;
  for (size_t axis = 0; axis < found.size(); ++axis) {
    const ast::Expr& extent = syntax(formal_type.shape[axis], scope);
    const auto* name = std::get_if<ast::Name>(&extent.value);
    if (!name || name->primed) continue;
    const Found known = find(name->name, scope);
    if (known.definition && !known.hidden) {
      const DefinitionKind kind = definitions_[known.definition].kind;
      if (kind == DefinitionKind::constant || kind == DefinitionKind::changed_const || kind == DefinitionKind::formal_default)
        continue;
      const Value& value = definitions_[known.definition].value;
      const auto* expr = std::get_if<ExprId>(&value);
      if (kind == DefinitionKind::bound && expr && type(*expr).shape.empty()) continue;
    }
    bind(scope, name->name, extent.span, integer_constant(found[axis], extent.span));
  }
}

bool Checker::bind_formals(ScopeId scope, const std::string& callee, const std::vector<ast::Formal>& formals,
                           std::vector<BoundFormal>& bound, Span span) {
  // Names first, so that shapes and defaults can read them in any order.
  for (size_t i = 0; i < formals.size(); ++i) {
    const std::string& name = formals[i].name.name;
    if (scopes_[scope].names.contains(name)) {
      fail(Kind::redefined, formals[i].name.span, {name, "a formal"}, "each formal has a name of its own");
      return false;
    }
    if (bound[i].given) {
      bind(scope, name, formals[i].name.span, bound[i].value);
    } else {
      const DefinitionId id = define(scope, name, formals[i].name.span, DefinitionKind::formal_default, nullptr, &formals[i]);
      definitions_[id].expression = formals[i].default_value;
    }
  }
  for (const BoundFormal& formal : bound)
    if (const auto* expr = std::get_if<ExprId>(&formal.value); formal.given && formal.formal->type && expr)
      bind_shape(scope, *formal.formal->type, Shape(type(*expr).shape));  // the table of expressions grows meanwhile
  bool good = true;
  for (BoundFormal& formal : bound) {
    const std::string& name = formal.formal->name.name;
    const std::string what = fmt::format("argument `{}` of `{}`", name, callee);
    if (!formal.given) {
      formal.value = force(scopes_[scope].names.at(name));
      if (is_poison(formal.value)) {
        good = false;
        continue;
      }
      const auto* expr = std::get_if<ExprId>(&formal.value);
      if (formal.formal->type && expr) bind_shape(scope, *formal.formal->type, type(*expr).shape);
      formal.span = formal.formal->name.span;
    }
    if (!formal.formal->type) continue;
    const ExprId value = expression_of(formal.value, formal.given ? formal.span : span);
    if (!value) {
      good = false;
      continue;
    }
    const ast::TypeExpr& declared = *formal.formal->type;
    const Shape& found = type(value).shape;
    if (declared.shape.size() != found.size() && !(found.empty() && !declared.shape.empty())) {
      fail(declared.shape.empty() ? Kind::scalar_formal : Kind::wrong_rank, formal.span,
           {what, source_text(declared.span), to_string(type(value))},
           declared.shape.empty() ? fmt::format("apply it to each element: `[{}(x[i]) for i in 0..n]`", callee) : "");
      good = false;
      continue;
    }
    if (found.empty() && !declared.shape.empty()) {
      // A scalar is copied to the shape, where the shape is known without it.
      bool free = false;
      for (const ast::ExprId extent : declared.shape)
        if (const auto* n = std::get_if<ast::Name>(&syntax(extent, scope).value)) free = free || !find(n->name, scope).definition;
      if (free) {
        fail(Kind::wrong_rank, formal.span, {what, source_text(declared.span), to_string(type(value))});
        good = false;
        continue;
      }
    }
    const auto target = type_of(declared, scope);
    const ExprId coerced = target ? coerce(value, *target, formal.span, what) : ExprId{};
    if (!coerced) {
      good = false;
      continue;
    }
    formal.value = coerced;
    bind(scope, name, formal.formal->name.span, coerced);
  }
  return good;
}

bool Checker::enter(const std::string& name, Span span, const void* callee, const std::vector<BoundFormal>& bound) {
  CallSite site{name, span, callee, {}};
  for (const BoundFormal& formal : bound)
    if (const void* function = identity(formal.value)) site.functions.push_back(function);
  for (const CallSite& outer : calls_)
    if (outer.callee == callee && outer.functions == site.functions) {
      std::vector<std::string> names;
      for (auto it = calls_.begin() + (&outer - calls_.data()); it != calls_.end(); ++it) names.push_back(it->name);
      names.push_back(name);
      fail(Kind::recursion, span, {name, fmt::format("{}", fmt::join(names, " → "))},
           "a loop with known bounds is `for i in 0..n { … }`, one over time an mdp's `state`");
      return false;
    }
  if (static_cast<int>(calls_.size()) >= max_inlining_depth) {
    fail(Kind::calls_too_deep, span, {std::to_string(max_inlining_depth)});
    return false;
  }
  entered.insert(callee);
  calls_.push_back(std::move(site));
  return true;
}

void Checker::leave() { calls_.pop_back(); }

Value Checker::check_result(const Value& value, const std::optional<ast::TypeExpr>& declared, const ast::Block& block,
                            ScopeId scope) {
  if (!declared || is_poison(value)) return value;
  const Span span = syntax(block.result, scope).span;
  const ExprId result = expression_of(value, span);
  const auto target = type_of(*declared, scope);
  if (!result || !target) return Poison{};
  const ExprId coerced = coerce(result, *target, span, "the result");
  return coerced ? Value(coerced) : Value(Poison{});
}

Value Checker::let_element(ExprId vector, const ast::Let& let, size_t element, Span span) {
  if (!vector) return Poison{};
  const Type found = type(vector);
  if (found.shape.empty() || found.shape[0] != static_cast<int64_t>(let.names.size()))
    return fail(Kind::let_count, span, {std::to_string(let.names.size()), to_string(found)});
  const ExprId row = take_row(vector, static_cast<int64_t>(element), let.names[element].span);
  return row ? Value(row) : Value(Poison{});
}

bool Checker::run_binds(const std::vector<ast::Statement>& binds, ScopeId scope) {
  bool good = true;
  for (const ast::Statement& statement : binds) {
    if (!step(statement.span)) return false;
    if (const auto* s = std::get_if<ast::Deterministic>(&statement.value)) {
      Value value = evaluate(s->value, scope);
      if (s->type && !is_poison(value)) {
        const Span span = syntax(s->value, scope).span;
        const auto target = type_of(*s->type, scope);
        const ExprId coerced =
            target ? coerce(expression_of(value, span), *target, span, fmt::format("`{}`", s->name.name)) : ExprId{};
        value = coerced ? Value(coerced) : Value(Poison{});
      }
      good = good && !is_poison(value);
      bind(scope, s->name.name, s->name.span, std::move(value));
    } else if (const auto* s = std::get_if<ast::Let>(&statement.value)) {
      const ExprId vector = evaluate_expression(s->value, scope);
      good = good && vector;
      for (size_t k = 0; k < s->names.size(); ++k) {
        for (size_t j = 0; j < k; ++j)
          if (s->names[j].name == s->names[k].name)
            fail(Kind::redefined, s->names[k].span, {s->names[k].name, "a name of the same `let`"});
        bind(scope, s->names[k].name, s->names[k].span, let_element(vector, *s, k, syntax(s->value, scope).span));
      }
    } else if (const auto* s = std::get_if<ast::For>(&statement.value)) {
      const auto range = evaluate_range(s->low, s->high, scope);
      if (!range) return false;
      if (range->second - range->first > max_unrolled) {
        fail(Kind::unrolled_too_long, statement.span,
             {std::to_string(range->second - range->first), std::to_string(max_unrolled), s->index.name},
             "a comprehension over elements takes no room, and time is carried by an mdp's `state`");
        return false;
      }
      // The index is a name of the loop; what it hid comes back.
      const auto hidden = scopes_[scope].names.find(s->index.name);
      const Value before = hidden == scopes_[scope].names.end() ? Value(Poison{}) : definitions_[hidden->second].value;
      const bool had = hidden != scopes_[scope].names.end();
      for (int64_t i = range->first; i < range->second; ++i) {
        bind(scope, s->index.name, s->index.span, integer_constant(i, s->index.span));
        if (!run_binds(s->body, scope)) return false;
      }
      if (had) bind(scope, s->index.name, s->index.span, before);
      else scopes_[scope].names.erase(s->index.name);
    }
  }
  return good;
}

Value Checker::evaluate_block(const ast::Block& block, ScopeId scope) {
  if (!run_binds(block.binds, scope) && stopped_) return Poison{};
  return evaluate(block.result, scope);
}

Value Checker::call_function_with(const FunctionRef& callee, std::vector<BoundFormal> bound, Span span) {
  const ast::Fn& function = *callee.function;
  if (!enter(function.name.name, span, &function, bound)) return Poison{};
  const ScopeId scope = add_scope(ScopeKind::local, callee.scope, scopes_[callee.scope].file);
  Value value = Poison{};
  if (bind_formals(scope, function.name.name, function.formals, bound, span))
    value = check_result(evaluate_block(function.body, scope), function.result_type, function.body, scope);
  release(scope);
  leave();
  return value;
}

Value Checker::call_function(const FunctionRef& callee, const std::vector<ast::Argument>& arguments, Span span, ScopeId scope) {
  auto bound = match_arguments(callee.function->name.name, callee.function->formals, arguments, span, scope);
  if (!bound) return Poison{};
  return call_function_with(callee, std::move(*bound), span);
}

Value Checker::call_instance(const InstanceRef& instance, const std::string& name, const std::vector<ast::Argument>& arguments,
                             Span span, ScopeId caller) {
  const ast::Module& module = *scopes_[instance.scope].module;
  const ast::CallDef* call_def = nullptr;
  for (const ast::Statement& statement : module.body)
    if (const auto* found = std::get_if<ast::CallDef>(&statement.value)) call_def = found;
  if (!call_def) return Poison{};
  auto bound = match_arguments(name, call_def->formals, arguments, span, caller);
  if (!bound) return Poison{};
  // An instance may be called within another of the same module: what repeats is the instance.
  if (!enter(name, span, &scopes_[instance.scope], *bound)) return Poison{};
  const ScopeId scope = add_scope(ScopeKind::local, instance.scope, scopes_[instance.scope].file);
  Value value = Poison{};
  if (bind_formals(scope, name, call_def->formals, *bound, span))
    value = check_result(evaluate_block(call_def->body, scope), call_def->result_type, call_def->body, scope);
  release(scope);
  leave();
  return value;
}

Value Checker::call_value(const Value& callee, const std::string& name, const ast::Call& call, Span span, ScopeId scope) {
  if (is_poison(callee)) return Poison{};
  if (call.generator && !std::holds_alternative<BuiltinRef>(callee))
    return fail(Kind::generator_argument, span, {name}, "in brackets it is a list: `f([e for i in a..b])`");
  if (const auto* function = std::get_if<FunctionRef>(&callee)) return call_function(*function, call.arguments, span, scope);
  if (const auto* builtin = std::get_if<BuiltinRef>(&callee)) return call_builtin(*builtin->function, call, span, scope);
  if (const auto* instance = std::get_if<InstanceRef>(&callee))
    return call_instance(*instance, name, call.arguments, span, scope);
  if (std::holds_alternative<DistRef>(callee) || std::holds_alternative<PrimitiveRef>(callee))
    return fail(Kind::distribution_called, span, {name},
                fmt::format("draw on a line of its own: `x ~ {}(…)`; or `{}.logpdf(x, …)`", name, name));
  if (std::holds_alternative<ModuleRef>(callee))
    return fail(Kind::module_called, span, {name},
                fmt::format("make its params first: `param f: {}(…)`, then call `f(x)`", name));
  std::string hint;
  if (std::holds_alternative<InstanceList>(callee)) hint = fmt::format("call one of them: `{}[i](x)`", name);
  else if (find_builtin(name)) hint = fmt::format("`{}` hides the function of that name here", name);
  else if (std::holds_alternative<ExprId>(callee)) hint = "a product is written with `*`, an element with brackets";
  return fail(Kind::not_callable, span, {name, kind_of(callee)}, hint);
}

Value Checker::evaluate_call(const ast::Call& call, Span span, ScopeId scope) {
  const ast::Expr& callee = syntax(call.callee, scope);
  if (const auto* member = std::get_if<ast::Member>(&callee.value)) {
    const Value base = evaluate(member->base, scope);
    if (is_poison(base)) return Poison{};
    if (const auto* dist = std::get_if<DistRef>(&base)) return call_method(*dist, member->name.name, call, span, scope);
  }
  std::string name = source_text(callee.span);
  // `layer[i](h)`: an unknown index needs no second report.
  return call_value(evaluate(call.callee, scope), name, call, span, scope);
}

}  // namespace alea::check
