// Names. A scope holds definitions; a name is looked for from the inside out: the block, its module or
// function, the file, what the file imports, the two files that all import, the builtins. A definition is
// evaluated when it is first needed; one that needs itself is a cycle.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <numbers>
#include <utility>

#include "dsl/check/builtins.h"
#include "dsl/check/checker.h"

namespace alea::check {

ScopeId Checker::add_scope(ScopeKind kind, ScopeId parent, FileId file) {
  Scope scope;
  scope.kind = kind;
  scope.parent = parent;
  scope.file = file;
  if (parent) {
    scope.prefix = scopes_[parent].prefix;
    scope.owner = scopes_[parent].owner;
  }
  return scopes_.add(std::move(scope));
}

// A local scope that nothing refers to any more, if it is the last.
void Checker::release(ScopeId id) {
  if (id.index + 1 != scopes_.size()) return;
  while (definitions_.size() > 0 && definitions_[DefinitionId{static_cast<uint32_t>(definitions_.size() - 1)}].scope == id)
    definitions_.shrink(definitions_.size() - 1);
  scopes_.shrink(id.index);
}

bool Checker::in_time(ScopeId id) const {
  for (; id; id = scopes_[id].parent) {
    const ScopeKind kind = scopes_[id].kind;
    if (kind == ScopeKind::mdp || kind == ScopeKind::policy) return true;
    if (kind == ScopeKind::instance) return true;
  }
  return false;
}

DefinitionId Checker::define(ScopeId scope, std::string name, Span span, DefinitionKind kind, const ast::Statement* statement,
                             const void* item) {
  if (name == "pi" || name == "inf") fail(Kind::builtin_redefined, span, {name, "a built-in constant"});
  else if (name == "time" && in_time(scope))
    fail(Kind::builtin_redefined, span, {name, "the step index in an mdp and its policies"});
  const auto known = scopes_[scope].names.find(name);
  if (known != scopes_[scope].names.end()) {
    const Definition& first = definitions_[known->second];
    fail(Kind::redefined, span, {name, describe(first)},
         fmt::format("the first definition is at {}; give one of them another name", place(first.span)));
    return known->second;
  }
  Definition definition;
  definition.name = name;
  definition.span = span;
  definition.kind = kind;
  definition.scope = scope;
  definition.statement = statement;
  definition.item = item;
  const DefinitionId id = definitions_.add(std::move(definition));
  scopes_[scope].names.emplace(std::move(name), id);
  scopes_[scope].order.push_back(id);
  return id;
}

// A name of a function's block: whatever it was before, it is this now.
void Checker::bind(ScopeId scope, const std::string& name, Span span, Value value) {
  auto [known, is_new] = scopes_[scope].names.try_emplace(name);
  if (is_new) {
    if (name == "pi" || name == "inf") fail(Kind::builtin_redefined, span, {name, "a built-in constant"});
    if (name == "time" && in_time(scope))
      fail(Kind::builtin_redefined, span, {name, "the step index in an mdp and its policies"});
    Definition definition;
    definition.name = name;
    definition.span = span;
    definition.kind = DefinitionKind::bound;
    definition.progress = Definition::Progress::done;
    definition.scope = scope;
    definition.value = std::move(value);
    known->second = definitions_.add(std::move(definition));
    return;
  }
  Definition& definition = definitions_[known->second];
  definition.kind = DefinitionKind::bound;
  definition.progress = Definition::Progress::done;
  definition.value = std::move(value);
}

ScopeId Checker::file_scope(FileId file) {
  const auto known = file_scopes_.find(file);
  if (known != file_scopes_.end()) return known->second;
  const ScopeId scope = add_scope(ScopeKind::file, {}, file);
  file_scopes_[file] = scope;
  const ParsedFile& parsed = file_of(file);
  for (const ast::Item& item : parsed.tree.items) {
    if (const auto* constant = std::get_if<ast::Const>(&item.value))
      define(scope, constant->name.name, constant->name.span, DefinitionKind::constant, nullptr, constant);
    else if (const auto* function = std::get_if<ast::Fn>(&item.value))
      define(scope, function->name.name, function->name.span, DefinitionKind::function, nullptr, function);
    else if (const auto* param = std::get_if<ast::Param>(&item.value))
      define(scope, param->name.name, param->name.span, DefinitionKind::param, nullptr, param);
    else if (const auto* module = std::get_if<ast::Module>(&item.value))
      define(scope, module->name.name, module->name.span, DefinitionKind::module, nullptr, module);
    else if (const auto* dist = std::get_if<ast::Dist>(&item.value))
      define(scope, dist->name.name, dist->name.span, DefinitionKind::dist, nullptr, dist);
    const auto define_model = [&](const ast::Ident& name, const char* kind) {
      const DefinitionId id = define(scope, name.name, name.span, DefinitionKind::model);
      if (definitions_[id].kind == DefinitionKind::model && is_poison(definitions_[id].value))
        definitions_[id].value = ModelRef{kind};
    };
    if (const auto* graph = std::get_if<ast::Graph>(&item.value)) define_model(graph->name, "a graph");
    if (const auto* mdp = std::get_if<ast::Mdp>(&item.value)) define_model(mdp->name, "an mdp");
    if (const auto* instance = std::get_if<ast::Instance>(&item.value)) define_model(instance->name, "an instance of an mdp");
  }
  for (const ImportedFile& import : parsed.imports) {
    // A qualified name; the file's own names and an earlier import's come first.
    if (import.alias.empty() || scopes_[scope].names.contains(import.alias)) continue;
    const DefinitionId id = define(scope, import.alias, import.span, DefinitionKind::namespace_);
    definitions_[id].payload = import.file.index;
  }
  return scope;
}

void Checker::define_statement(ScopeId scope, const ast::Statement& statement) {
  const auto add = [&](const ast::Ident& name, DefinitionKind kind, const void* item = nullptr) {
    return define(scope, name.name, name.span, kind, &statement, item);
  };
  if (const auto* s = std::get_if<ast::Const>(&statement.value)) {
    add(s->name, DefinitionKind::constant, s);
  } else if (const auto* s = std::get_if<ast::Let>(&statement.value)) {
    for (size_t k = 0; k < s->names.size(); ++k) {
      const DefinitionId id = add(s->names[k], DefinitionKind::let_element);
      if (definitions_[id].statement == &statement && definitions_[id].name == s->names[k].name) definitions_[id].element = k;
    }
  } else if (const auto* s = std::get_if<ast::Deterministic>(&statement.value)) {
    definitions_[add(s->name, DefinitionKind::deterministic)].observed |= s->observed;
  } else if (const auto* s = std::get_if<ast::Stochastic>(&statement.value)) {
    definitions_[add(s->name, DefinitionKind::stochastic)].observed |= s->observed;
  } else if (const auto* s = std::get_if<ast::Fn>(&statement.value)) {
    add(s->name, DefinitionKind::function, s);
  } else if (const auto* s = std::get_if<ast::Param>(&statement.value)) {
    add(s->name, DefinitionKind::param, s);
  } else if (const auto* s = std::get_if<ast::Input>(&statement.value)) {
    add(s->name, DefinitionKind::input);
  } else if (const auto* s = std::get_if<ast::Action>(&statement.value)) {
    add(s->name, DefinitionKind::action);
  } else if (const auto* s = std::get_if<ast::State>(&statement.value)) {
    add(s->name, DefinitionKind::state);
  } else if (const auto* s = std::get_if<ast::Next>(&statement.value)) {
    define(scope, s->state.name + "'", s->state.span, DefinitionKind::next_state, &statement);
  }
}

Checker::Found Checker::find_in_file(std::string_view name, FileId file) {
  const ScopeId scope = file_scope(file);
  const auto known = scopes_[scope].names.find(std::string(name));
  if (known != scopes_[scope].names.end()) return {known->second};
  return {};
}

Checker::Found Checker::find(std::string_view name, ScopeId from) {
  const std::string key(name);
  Found hidden;
  for (ScopeId id = from; id; id = scopes_[id].parent) {
    const Scope& scope = scopes_[id];
    const auto known = scope.names.find(key);
    if (known != scope.names.end()) return {known->second};
    if (scope.sees) {
      const Scope& mdp = scopes_[scope.sees];
      const auto seen = mdp.names.find(key);
      if (seen != mdp.names.end()) {
        const DefinitionKind kind = definitions_[seen->second].kind;
        const bool fixed =
            kind == DefinitionKind::constant || kind == DefinitionKind::changed_const || kind == DefinitionKind::function;
        if (fixed || (scope.kind == ScopeKind::policy && visible_to_policy(seen->second, scope.sees))) return {seen->second};
        if (!hidden.definition) hidden = {seen->second, true};
      }
    }
    if (scope.kind != ScopeKind::file) continue;
    // What the file imports; two imports with the name make it ambiguous.
    Found imported;
    for (const ImportedFile& import : file_of(scope.file).imports) {
      if (!import.unqualified) continue;
      const Found found = find_in_file(name, import.file);
      if (!found.definition || definitions_[found.definition].kind == DefinitionKind::namespace_) continue;
      if (imported.definition && imported.definition != found.definition) return {found.definition, false, true};
      imported = found;
    }
    if (imported.definition) return imported;
    if (hidden.definition) return hidden;
    for (const FileId automatic : files.automatic)
      if (const Found found = find_in_file(name, automatic); found.definition) return found;
  }
  return hidden;
}

// What a policy may read of its mdp: the observed nodes; without any, the states and what depends only on
// states, inputs and time.
bool Checker::visible_to_policy(DefinitionId id, ScopeId) {
  const Definition& definition = definitions_[id];
  if (definition.observed) return true;
  if (mdp_observes_) return false;
  switch (definition.kind) {
    case DefinitionKind::state:
    case DefinitionKind::input: return true;
    case DefinitionKind::deterministic:
    case DefinitionKind::let_element: {
      if (definition.progress == Definition::Progress::active) return false;
      const Value value = force(id);
      const auto* expr = std::get_if<ExprId>(&value);
      if (!expr) return is_poison(value);
      return (table.facts(*expr).dependence & ~(on_state | on_input | on_time | on_param)) == 0;
    }
    case DefinitionKind::bound:
    case DefinitionKind::formal_default:
    case DefinitionKind::changed_const:
    case DefinitionKind::constant:
    case DefinitionKind::function:
    case DefinitionKind::param:
    case DefinitionKind::module:
    case DefinitionKind::dist:
    case DefinitionKind::stochastic:
    case DefinitionKind::next_state:
    case DefinitionKind::action:
    case DefinitionKind::namespace_:
    case DefinitionKind::model: return false;
  }
  return false;
}

std::vector<std::string> Checker::visible_names(ScopeId from) {
  std::vector<std::string> names{"pi", "inf"};
  const auto add_all = [&](ScopeId id) {
    for (const auto& [name, definition] : scopes_[id].names)
      if (definitions_[definition].kind != DefinitionKind::model) names.push_back(name);
  };
  for (ScopeId id = from; id; id = scopes_[id].parent) {
    add_all(id);
    if (scopes_[id].kind != ScopeKind::file) continue;
    for (const ImportedFile& import : file_of(scopes_[id].file).imports)
      if (import.unqualified) add_all(file_scope(import.file));
  }
  for (const FileId automatic : files.automatic) add_all(file_scope(automatic));
  for (const BuiltinFunction& function : builtin_functions()) names.emplace_back(function.name);
  if (in_time(from)) names.emplace_back("time");
  std::sort(names.begin(), names.end());
  return names;
}

std::string Checker::did_you_mean(std::string_view word, const std::vector<std::string>& candidates) const {
  const std::string near = nearest(word, candidates);
  return near.empty() ? near : fmt::format("did you mean `{}`?", near);
}

Value Checker::resolve(const std::string& name, Span span, ScopeId scope) {
  if (name == "time" && in_time(scope)) return table.leaf(ExprKind::time, {Scalar::integer, 0, {}}, UINT32_MAX, on_time, span);
  if (name == "pi") return real_constant(std::numbers::pi, span);
  if (name == "inf") return real_constant(std::numeric_limits<double>::infinity(), span);
  const Found found = find(name, scope);
  if (found.ambiguous)
    return fail(Kind::ambiguous_name, span, {name}, "qualify it with the imported file's name, or import one of them with `as`");
  if (found.hidden) {
    const Definition& definition = definitions_[found.definition];
    const bool of_instance = scopes_[scope].kind == ScopeKind::instance;
    if (of_instance) return fail(Kind::instance_reads_node, span, {name, describe(definition)});
    return fail(
        Kind::not_observed, span, {name, describe(definition)},
        mdp_observes_
            ? fmt::format("add `observe {}` to the mdp if the policy may see it", name)
            : "a policy sees states and what depends only on states, inputs and `time`, unless the mdp has `observe` nodes");
  }
  if (found.definition) return force(found.definition);
  if (const BuiltinFunction* function = find_builtin(name)) return BuiltinRef{function};
  if (const auto primitive = find_primitive(name)) return PrimitiveRef{*primitive};
  std::string hint = did_you_mean(name, visible_names(scope));
  if (name == "time" && hint.empty()) hint = "`time` is the step index of an mdp";
  return fail(Kind::unknown_name, span, {name}, std::move(hint));
}

Value Checker::resolve_primed(const std::string& name, Span span, ScopeId scope) {
  for (ScopeId id = scope; id; id = scopes_[id].parent) {
    // The state is the block's own, or, in a policy, the mdp's: which it does not see before the step is over.
    for (const ScopeId place : {id, scopes_[id].sees}) {
      if (!place) continue;
      const auto known = scopes_[place].names.find(name);
      if (known == scopes_[place].names.end()) continue;
      const DefinitionId state = known->second;
      if (definitions_[state].kind != DefinitionKind::state)
        return fail(Kind::prime_of_no_state, span, {name, describe(definitions_[state])}, "only a state has a next value");
      if (place != id) return fail(Kind::policy_reads_next, span, {name}, "a policy acts before the step is taken");
      const Value before = force(state);
      if (is_poison(before)) return Poison{};
      const auto next = scopes_[place].names.find(name + "'");
      if (next == scopes_[place].names.end()) return before;  // it keeps its value
      if (is_poison(force(next->second))) return Poison{};
      const ExprId value = std::get<ExprId>(before);
      return table.leaf(ExprKind::next_state, type(value), table[value].payload, on_next_state, span);
    }
  }
  std::vector<std::string> states;
  for (ScopeId id = scope; id; id = scopes_[id].parent)
    for (const auto& [known, definition] : scopes_[id].names)
      if (definitions_[definition].kind == DefinitionKind::state) states.push_back(known);
  return fail(Kind::unknown_state, span, {name}, did_you_mean(name, states));
}

// The action, of those that the policy chooses, that the cycle goes through; null where it goes through none.
DefinitionId Checker::action_among(std::vector<DefinitionId>::const_iterator first,
                                   std::vector<DefinitionId>::const_iterator last) const {
  if (!policy_scope_) return {};
  const auto& chosen = scopes_[policy_scope_].names;
  const auto& of_mdp = scopes_[scopes_[policy_scope_].sees].names;
  for (; first != last; ++first) {
    const Definition& definition = definitions_[*first];
    if (!chosen.contains(definition.name)) continue;
    const auto action = of_mdp.find(definition.name);
    if (action != of_mdp.end() && definitions_[action->second].kind == DefinitionKind::action) return action->second;
  }
  return {};
}

void Checker::report_cycle(DefinitionId id) {
  const auto first = std::find(active_.begin(), active_.end(), id);
  std::vector<std::string> names;
  bool formals = true;
  for (auto it = first; it != active_.end(); ++it) {
    names.push_back(definitions_[*it].name);
    formals = formals && definitions_[*it].kind == DefinitionKind::formal_default;
  }
  const Definition& definition = definitions_[id];
  if (formals) {
    const Span span = calls_.empty() ? definition.span : calls_.back().span;
    fail(Kind::formal_cycle, span, {fmt::format("`{}`", fmt::join(names, "`, `"))},
         fmt::format("give `{}`", fmt::join(names, "` or `")));
  } else if (const DefinitionId action = action_among(first, active_.end())) {
    // What the policy reads depends on what it chooses.
    const std::string& chosen = definitions_[action].name;
    const auto& of_policy = scopes_[policy_scope_].names;
    const auto read = std::find_if(names.begin(), names.end(), [&](const auto& name) { return !of_policy.contains(name); });
    const bool direct = read == names.end();
    fail(Kind::not_observed, definitions_[of_policy.at(chosen)].span,
         {direct ? chosen : *read, direct ? "an action" : fmt::format("which depends on its action `{}`, a node", chosen)},
         fmt::format("the policy chooses `{}` from what is known before; the action of the step before is carried by a `state`",
                     chosen));
  } else {
    names.push_back(definition.name);
    fail(Kind::definition_cycle, definition.span, {definition.name, fmt::format("{}", fmt::join(names, " → "))},
         choice_ && choice_->mdp ? "an earlier value is carried by a `state`" : "");
  }
  for (auto it = first; it != active_.end(); ++it) definitions_[*it].value = Poison{};
}

Value Checker::force(DefinitionId id) {
  Definition& definition = definitions_[id];
  if (definition.progress == Definition::Progress::done) return definition.value;
  if (definition.progress == Definition::Progress::active) {
    report_cycle(id);
    return Poison{};
  }
  if (active_.size() >= max_definition_depth || stopped_) {
    if (!stopped_) fail(Kind::definitions_too_deep, definition.span, {std::to_string(max_definition_depth)});
    definition.progress = Definition::Progress::done;
    return definition.value = Poison{};
  }
  // What is evaluated here counts by itself, whatever asked for it first.
  const int guards = std::exchange(guards_, 0), quiet = std::exchange(quiet_, 0);
  std::vector<CallSite> calls;
  const ScopeKind where = scopes_[definition.scope].kind;
  const bool inlined = where == ScopeKind::module || where == ScopeKind::dist || where == ScopeKind::local;
  const bool own_place = !inlined && !file_of(scopes_[definition.scope].file).standard;
  if (own_place) calls.swap(calls_);
  definition.progress = Definition::Progress::active;
  active_.push_back(id);
  const size_t reported = reports.size();
  Value value = evaluate_definition(id);
  for (size_t i = reported; i < reports.size(); ++i) reports[i].kept |= own_place;
  active_.pop_back();
  if (own_place) calls.swap(calls_);
  guards_ = guards;
  quiet_ = quiet;
  definition.value = std::move(value);
  definition.progress = Definition::Progress::done;
  return definition.value;
}

Value Checker::evaluate_const(DefinitionId id, const ast::Const& constant, ast::ExprId expression, ScopeId scope) {
  const Definition& definition = definitions_[id];
  Value value = evaluate(expression, scope);
  const auto* expr = std::get_if<ExprId>(&value);
  if (!expr) return value;
  const Span span = syntax(expression, scope).span;
  ExprId known = *expr;
  // What depends on nothing is constant, even where it is too large to be worked out here.
  const Facts& facts = table.facts(known);
  const bool closed = facts.dependence == 0 && facts.free.empty();
  if (!closed && !require_known(known, span, fmt::format("const `{}`", definition.name))) return Poison{};
  if (constant.type) {
    const auto target = type_of(*constant.type, definition.scope);
    if (!target) return Poison{};
    known = coerce(known, *target, span, fmt::format("const `{}`", definition.name));
    if (!known) return Poison{};
  }
  return known;
}

Value Checker::evaluate_definition(DefinitionId id) {
  Definition& definition = definitions_[id];
  const ScopeId scope = definition.scope;
  const auto as = [](ExprId expr) -> Value { return expr ? Value(expr) : Value(Poison{}); };
  switch (definition.kind) {
    case DefinitionKind::bound:
    case DefinitionKind::model: return definition.value;
    case DefinitionKind::formal_default: return evaluate(definition.expression, scope);
    case DefinitionKind::changed_const:
    case DefinitionKind::constant: {
      const auto& constant = *static_cast<const ast::Const*>(definition.item);
      const auto change = changes_.find(&constant);
      if (change == changes_.end()) return evaluate_const(id, constant, constant.value, scope);
      // The value in the file says whether an integer given instead stays one.
      const Value changed = evaluate_const(id, constant, change->second.expression, change->second.scope);
      const auto* number = std::get_if<ExprId>(&changed);
      if (!number || type(*number).scalar == Scalar::real) return changed;
      ++quiet_;
      const Value original = evaluate(constant.value, scope);
      --quiet_;
      const auto* before = std::get_if<ExprId>(&original);
      if (!before || !*before || type(*before).scalar != Scalar::real) return changed;
      return as(convert_scalar(*number, Scalar::real, definition.span));
    }
    case DefinitionKind::function: return FunctionRef{static_cast<const ast::Fn*>(definition.item), scope};
    case DefinitionKind::module: return ModuleRef{static_cast<const ast::Module*>(definition.item), scope};
    case DefinitionKind::dist: return DistRef{static_cast<const ast::Dist*>(definition.item), scope};
    case DefinitionKind::namespace_: return NamespaceRef{file_scope(FileId{definition.payload})};
    case DefinitionKind::param: {
      const auto& param = *static_cast<const ast::Param*>(definition.item);
      return evaluate_param(param, scopes_[scope].prefix + definition.name, definition.span, scope);
    }
    case DefinitionKind::input: {
      const auto& input = std::get<ast::Input>(definition.statement->value);
      const auto input_type = type_of(input.type, scope);
      if (!input_type) return Poison{};
      const typed::InputId input_id = model.inputs.add({definition.name, *input_type, definition.span});
      return as(table.leaf(ExprKind::input, *input_type, input_id.index, on_input, definition.span));
    }
    case DefinitionKind::deterministic: {
      const auto& node = std::get<ast::Deterministic>(definition.statement->value);
      Value value = evaluate(node.value, scope);
      const auto* expr = std::get_if<ExprId>(&value);
      if (!node.type || is_poison(value)) {
        if (!expr && !is_poison(value)) return fail(Kind::not_a_value, syntax(node.value, scope).span, {kind_of(value)});
        return value;
      }
      const auto target = type_of(*node.type, scope);
      const Span span = syntax(node.value, scope).span;
      if (!target) return Poison{};
      return as(coerce(expression_of(value, span), *target, span, fmt::format("`{}`", definition.name)));
    }
    case DefinitionKind::let_element: {
      const auto& let = std::get<ast::Let>(definition.statement->value);
      return let_element(evaluate_expression(let.value, scope), let, definition.element, syntax(let.value, scope).span);
    }
    case DefinitionKind::stochastic: {
      const auto& node = std::get<ast::Stochastic>(definition.statement->value);
      std::optional<Type> target = node.type ? type_of(*node.type, scope) : action_type(scope, definition.name);
      if (node.type && !target) return Poison{};
      return as(evaluate_draw(scopes_[scope].prefix + definition.name, definition.span, node.law, target,
                              node.estimator ? &*node.estimator : nullptr, scope, node.type ? "the annotation" : "the action"));
    }
    case DefinitionKind::state: return evaluate_state(id, std::get<ast::State>(definition.statement->value));
    case DefinitionKind::next_state: return evaluate_next(id, std::get<ast::Next>(definition.statement->value));
    case DefinitionKind::action: return evaluate_action(id, std::get<ast::Action>(definition.statement->value));
  }
  return Poison{};
}

}  // namespace alea::check
