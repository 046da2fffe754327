// Params and modules. `param f: mlp(3, [64], 1)` makes an instance: a scope with the module's arguments,
// constants, params (named f.…) and nodes, kept as long as the model, called like a function.
#include <fmt/format.h>

#include <algorithm>

#include "dsl/check/checker.h"

namespace alea::check {

Value Checker::evaluate_param(const ast::Param& param, const std::string& name, Span span, ScopeId scope) {
  if (const auto* module = std::get_if<ast::ModuleRef>(&param.type)) {
    if (param.value || param.law)
      return fail(Kind::module_param_value, param.value ? syntax(param.value, scope).span : param.law->span, {name},
                  "a module sets its own params; give it an argument for that");
    return instantiate(*module, name, scope);
  }
  const auto& declared = std::get<ast::TypeExpr>(param.type);
  const auto param_type = type_of(declared, scope);
  if (!param_type) return Poison{};
  if (param_type->scalar != Scalar::real)
    return fail(Kind::param_not_real, declared.span, {name, to_string(*param_type)},
                "a gradient is taken with respect to reals; a number that is fixed is a `const`");
  const typed::ParamId id = model.params.add({name, *param_type, {}, span});
  const ExprId leaf = table.leaf(ExprKind::param, *param_type, id.index, on_param, span);
  if (!param.value && !param.law) return leaf;
  const std::string what = fmt::format("the initial value of `{}`", name);
  const Span value_span = param.value ? syntax(param.value, scope).span : param.law->span;
  ExprId init;
  uint16_t depends = 0;
  if (param.value) {
    init = coerce(evaluate_expression(param.value, scope), *param_type, value_span, what);
    if (init) depends = table.facts(init).dependence;
  } else {
    DrawId draw;
    init = evaluate_draw(name, span, *param.law, *param_type, nullptr, scope, "the param", &draw);
    if (init) depends = law_dependence(init);
  }
  if (!init) return leaf;
  if (depends != 0) {
    fail(Kind::initial_not_known, value_span, {what, dependence_text(init)},
         "it may use consts, and draws of its own: `~ normal(0, 0.1)`");
    return leaf;
  }
  model.params[id].init = init;
  return leaf;
}

// `level` of the lists are open already: what is made is their element.
Value Checker::instantiate(const ast::ModuleRef& module, const std::string& name, ScopeId scope, size_t level) {
  if (level == module.ranges.size()) return instantiate_one(module, name, scope);
  const ast::ModuleRange& over = module.ranges[level];
  const auto range = evaluate_range(over.low, over.high, scope);
  if (!range) return Poison{};
  if (range->second - range->first > max_unrolled)
    return fail(Kind::unrolled_too_long, module.span,
                {std::to_string(range->second - range->first), std::to_string(max_unrolled), over.index.name},
                "each module of the list has params of its own");
  InstanceList list;
  for (int64_t i = range->first; i < range->second; ++i) {
    // The names inside keep the prefix of the list; the index is known to the arguments alone.
    const ScopeId local = add_scope(ScopeKind::local, scope, scopes_[scope].file);
    bind(local, over.index.name, over.index.span, integer_constant(i, over.index.span));
    Value instance = instantiate(module, fmt::format("{}.{}", name, i - range->first), local, level + 1);
    release(local);
    if (is_poison(instance)) return Poison{};
    append(list, std::move(instance));
  }
  return list;
}

Value Checker::instantiate_one(const ast::ModuleRef& reference, const std::string& name, ScopeId scope) {
  Value found = resolve(reference.path[0].name, reference.path[0].span, scope);
  for (size_t i = 1; i < reference.path.size() && !is_poison(found); ++i) {
    const ast::Ident& part = reference.path[i];
    const auto* space = std::get_if<NamespaceRef>(&found);
    if (!space) {
      found = fail(Kind::no_members, part.span, {kind_of(found), part.name});
      break;
    }
    const auto& names = scopes_[space->scope].names;
    const auto known = names.find(part.name);
    if (known == names.end()) {
      std::vector<std::string> candidates;
      for (const auto& [candidate, definition] : names) candidates.push_back(candidate);
      std::sort(candidates.begin(), candidates.end());
      found = fail(Kind::unknown_member, part.span, {reference.path[i - 1].name, part.name}, did_you_mean(part.name, candidates));
      break;
    }
    found = force(known->second);
  }
  if (is_poison(found)) return Poison{};
  const std::string& callee = reference.path.back().name;
  const auto* target = std::get_if<ModuleRef>(&found);
  if (!target)
    return fail(Kind::not_a_module, reference.path.back().span, {callee, kind_of(found)},
                std::holds_alternative<ExprId>(found) || std::holds_alternative<FunctionRef>(found)
                    ? "a param's type is `real`, `real[n]` or a module"
                    : "");
  const ast::Module& module = *target->module;
  auto bound = match_arguments(callee, module.formals, reference.arguments, reference.span, scope);
  if (!bound || !enter(callee, reference.span, &module, *bound)) return Poison{};
  const ScopeId instance = add_scope(ScopeKind::module, target->scope, scopes_[target->scope].file);
  scopes_[instance].prefix = name + ".";
  scopes_[instance].module = &module;
  scopes_[instance].span = reference.span;
  bool good = bind_formals(instance, callee, module.formals, *bound, reference.span);
  if (good) {
    for (const ast::Statement& statement : module.body) define_statement(instance, statement);
    const std::vector<DefinitionId> order = scopes_[instance].order;
    for (const DefinitionId id : order) good = !is_poison(force(id)) && good;
  }
  leave();
  if (!good) return Poison{};
  return InstanceRef{instance};
}

Value Checker::member_of_instance(const InstanceRef& instance, const ast::Ident& member) {
  const auto& names = scopes_[instance.scope].names;
  const auto known = names.find(member.name);
  if (known != names.end()) return force(known->second);
  std::vector<std::string> candidates;
  for (const auto& [name, definition] : names) candidates.push_back(name);
  std::sort(candidates.begin(), candidates.end());
  return fail(Kind::unknown_member, member.span, {scopes_[instance.scope].module->name.name, member.name},
              did_you_mean(member.name, candidates));
}

}  // namespace alea::check
