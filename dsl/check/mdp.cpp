// An mdp, the instance of it that is asked for, and the policy that fills its actions.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "dsl/check/checker.h"

namespace alea::check {

namespace {

Value value_of(ExprId id) { return id ? Value(id) : Value(Poison{}); }

}  // namespace

void Checker::mark_observed(ScopeId mdp, const std::vector<ast::Statement>& statements) {
  for (const ast::Statement& statement : statements) {
    if (const auto* observe = std::get_if<ast::Observe>(&statement.value)) {
      mdp_observes_ = true;
      for (const ast::Ident& name : observe->names) {
        const auto known = scopes_[mdp].names.find(name.name);
        if (known == scopes_[mdp].names.end()) {
          std::vector<std::string> names;
          for (const auto& [candidate, definition] : scopes_[mdp].names) names.push_back(candidate);
          std::sort(names.begin(), names.end());
          fail(Kind::unknown_name, name.span, {name.name}, did_you_mean(name.name, names));
          continue;
        }
        definitions_[known->second].observed = true;
      }
    }
    if (const auto* node = std::get_if<ast::Deterministic>(&statement.value)) mdp_observes_ |= node->observed;
    if (const auto* node = std::get_if<ast::Stochastic>(&statement.value)) mdp_observes_ |= node->observed;
  }
}

Value Checker::evaluate_state(DefinitionId id, const ast::State& state) {
  Definition& definition = definitions_[id];
  const auto state_type = type_of(state.type, definition.scope);
  if (!state_type) return Poison{};
  const typed::StateId state_id = model.states.add({definition.name, *state_type, {}, {}, definition.span});
  definition.payload = state_id.index;
  return value_of(table.leaf(ExprKind::state, *state_type, state_id.index, on_state, definition.span));
}

void Checker::evaluate_initial(DefinitionId id, const ast::State& state) {
  const Definition& definition = definitions_[id];
  const auto* leaf = std::get_if<ExprId>(&definition.value);
  if (!leaf) return;
  const Type state_type = type(*leaf);
  const std::string what = fmt::format("the initial value of `{}`", definition.name);
  const Span span = state.law ? state.law->span : syntax(state.value, definition.scope).span;
  ExprId init;
  uint16_t depends = 0;
  if (state.law) {
    init = evaluate_draw(scopes_[definition.scope].prefix + definition.name, definition.span, *state.law, state_type, nullptr,
                         definition.scope, "the state");
    if (init) depends = law_dependence(init);
  } else {
    init = coerce(evaluate_expression(state.value, definition.scope), state_type, span, what);
    if (init) depends = table.facts(init).dependence;
  }
  if (!init) return;
  if (depends & (on_draw | on_next_state | on_action)) {
    fail(Kind::initial_reads_step, span,
         {definition.name, (depends & on_next_state) ? "a next value"
                           : (depends & on_action)   ? "an action"
                                                     : "a draw of the step"},
         "the initial value is made before the first step: of params, inputs, consts and other states' initial values");
    return;
  }
  model.states[typed::StateId{table[*leaf].payload}].init = init;
}

// Initial values that read one another's states in a circle.
void Checker::check_initial_cycles() {
  const size_t count = model.states.size();
  std::vector<std::vector<uint32_t>> reads(count);
  for (size_t s = 0; s < count; ++s) {
    const typed::State& state = model.states[typed::StateId{static_cast<uint32_t>(s)}];
    std::vector<ExprId> pending{state.init};
    std::unordered_set<uint32_t> seen;
    while (!pending.empty()) {
      const ExprId id = pending.back();
      pending.pop_back();
      if (!id || !seen.insert(id.index).second || !(table.facts(id).dependence & (on_state | on_draw))) continue;
      const typed::Expr& expr = table[id];
      if (expr.kind == ExprKind::state) reads[s].push_back(expr.payload);
      pending.insert(pending.end(), expr.inputs.begin(), expr.inputs.end());
      const auto add_bindings = [&](const std::vector<typed::Binding>& bindings) {
        for (const typed::Binding& binding : bindings) pending.push_back(binding.value);
      };
      if (expr.kind == ExprKind::draw) add_bindings(model.draws[DrawId{expr.payload}].formals);
      if (expr.kind == ExprKind::batch) {
        const typed::Batch& batch = model.batches[typed::BatchId{expr.payload}];
        add_bindings(batch.bindings);
        pending.push_back(batch.body);
      }
    }
  }
  enum class Mark : uint8_t { none, open, done };
  std::vector<Mark> marks(count, Mark::none);
  std::vector<uint32_t> path;
  const std::function<void(uint32_t)> visit = [&](uint32_t s) {
    if (marks[s] == Mark::done) return;
    if (marks[s] == Mark::open) {
      std::vector<std::string> names;
      for (auto it = std::find(path.begin(), path.end(), s); it != path.end(); ++it)
        names.push_back(model.states[typed::StateId{*it}].name);
      const typed::State& state = model.states[typed::StateId{s}];
      names.push_back(state.name);
      fail(Kind::initial_cycle, state.span, {state.name, fmt::format("{}", fmt::join(names, " → "))});
      return;
    }
    marks[s] = Mark::open;
    path.push_back(s);
    for (const uint32_t other : reads[s]) visit(other);
    path.pop_back();
    marks[s] = Mark::done;
  };
  for (uint32_t s = 0; s < count; ++s) visit(s);
}

Value Checker::evaluate_next(DefinitionId id, const ast::Next& next) {
  const Definition& definition = definitions_[id];
  const ScopeId scope = definition.scope;
  const auto known = scopes_[scope].names.find(next.state.name);
  if (known == scopes_[scope].names.end()) {
    const ScopeId mdp = scopes_[scope].sees;
    if (mdp && scopes_[mdp].names.contains(next.state.name))
      return fail(Kind::policy_sets_mdp, next.state.span, {next.state.name + "'"},
                  "the mdp says how its states go on; a policy has states of its own");
    std::vector<std::string> states;
    for (const auto& [name, other] : scopes_[scope].names)
      if (definitions_[other].kind == DefinitionKind::state) states.push_back(name);
    std::sort(states.begin(), states.end());
    const std::string near = did_you_mean(next.state.name, states);
    return fail(Kind::unknown_state, next.state.span, {next.state.name},
                near.empty() ? fmt::format("declare it: `state {}: real = 0`", next.state.name) : near);
  }
  if (definitions_[known->second].kind != DefinitionKind::state)
    return fail(Kind::prime_of_no_state, next.state.span, {next.state.name, describe(definitions_[known->second])},
                "only a state has a next value");
  const Value state = force(known->second);
  const auto* leaf = std::get_if<ExprId>(&state);
  if (!leaf) return Poison{};
  const Type state_type = type(*leaf);
  ExprId value;
  if (next.law)
    value = evaluate_draw(scopes_[scope].prefix + definition.name, definition.span, *next.law, state_type,
                          next.estimator ? &*next.estimator : nullptr, scope, "the state");
  else
    value = coerce(evaluate_expression(next.value, scope), state_type, syntax(next.value, scope).span,
                   fmt::format("`{}`", definition.name));
  if (value) model.states[typed::StateId{table[*leaf].payload}].next = value;
  return value_of(value);
}

std::optional<Type> Checker::action_type(ScopeId policy, const std::string& name) {
  const ScopeId mdp = scopes_[policy].sees;
  if (scopes_[policy].kind != ScopeKind::policy || !mdp) return std::nullopt;
  const auto known = scopes_[mdp].names.find(name);
  if (known == scopes_[mdp].names.end() || definitions_[known->second].kind != DefinitionKind::action) return std::nullopt;
  return type_of(std::get<ast::Action>(definitions_[known->second].statement->value).type, mdp);
}

ExprId Checker::random_action(const std::string& name, Span span, const Type& wanted, ExprId low, ExprId high) {
  const auto draw = [&](const char* distribution, const std::vector<ExprId>& arguments, const Type& target) -> ExprId {
    Found found;
    for (const FileId automatic : files.automatic)
      if (!found.definition) found = find_in_file(distribution, automatic);
    const Value value = found.definition ? force(found.definition) : Value(Poison{});
    const auto* dist = std::get_if<DistRef>(&value);
    if (!dist) return {};
    std::vector<BoundFormal> bound(dist->dist->formals.size());
    for (size_t i = 0; i < bound.size(); ++i) {
      bound[i] = {&dist->dist->formals[i], i < arguments.size(), Poison{}, span};
      if (i < arguments.size()) bound[i].value = arguments[i];
    }
    return draw_bound(*dist, std::move(bound), name, span, span, distribution, target, {}, {}, "the action", nullptr);
  };
  switch (wanted.scalar) {
    case Scalar::boolean: return draw("bernoulli", {real_constant(0.5, span)}, wanted);
    case Scalar::category: {
      const ExprId equal =
          table.constant({Scalar::real, 0, {wanted.categories}}, {1.0 / static_cast<double>(wanted.categories)}, span);
      return draw("categorical", {equal}, wanted);
    }
    case Scalar::real:
      if (low && high)
        return draw("uniform", {convert_scalar(low, Scalar::real, span), convert_scalar(high, Scalar::real, span)}, wanted);
      break;
    case Scalar::integer: {
      const auto first = low ? table.scalar_constant(low) : std::nullopt,
                 last = high ? table.scalar_constant(high) : std::nullopt;
      if (!first || !last) break;
      const auto values = static_cast<int64_t>(std::floor(*last) - std::ceil(*first)) + 1;
      if (values < 1 || values > max_elements) break;
      const ExprId equal = table.constant({Scalar::real, 0, {values}}, {1.0 / static_cast<double>(values)}, span);
      const ExprId drawn = draw("categorical", {equal}, {Scalar::category, values, wanted.shape});
      return arithmetic(ast::BinaryOp::add, drawn, integer_constant(static_cast<int64_t>(std::ceil(*first)), span), span);
    }
  }
  fail(Kind::random_undefined, span, {name, to_string(wanted)},
       fmt::format("give the action bounds: `action {}: {} in [-1, 1]`", name, to_string(wanted)));
  return {};
}

Value Checker::evaluate_action(DefinitionId id, const ast::Action& action) {
  const Definition& definition = definitions_[id];
  const ScopeId mdp = definition.scope;
  const auto wanted = type_of(action.type, mdp);
  if (!wanted) return Poison{};
  ExprId low, high;
  const bool discrete = wanted->scalar == Scalar::category || wanted->scalar == Scalar::boolean;
  if (action.low && discrete)
    return fail(Kind::discrete_bounds, syntax(action.low, mdp).span, {definition.name, to_string(*wanted)},
                "its values are all it can be; leave the bounds out");
  if (action.low) {
    const Type bound_type{wanted->scalar, 0, wanted->shape};
    for (const bool upper : {false, true}) {
      const ast::ExprId expression = upper ? action.high : action.low;
      const Span span = syntax(expression, mdp).span;
      const ExprId value =
          coerce(evaluate_expression(expression, mdp), bound_type, span, fmt::format("a bound of `{}`", definition.name));
      if (!value) return Poison{};
      (upper ? high : low) = value;
    }
    const typed::Expr &a = table[low], &b = table[high];
    if (a.kind == ExprKind::constant && b.kind == ExprKind::constant && a.values.size() == 1 && b.values.size() == 1 &&
        !(a.values[0] < b.values[0]))
      return fail(Kind::empty_bounds, syntax(action.low, mdp).span,
                  {definition.name, fmt::format("{}", a.values[0]), fmt::format("{}", b.values[0])});
  }
  ExprId chosen;
  const std::string what = fmt::format("action `{}`", definition.name);
  const auto use_default = [&] {
    const Span span = syntax(action.default_value, mdp).span;
    return coerce(evaluate_expression(action.default_value, mdp), *wanted, span, fmt::format("the default of {}", what));
  };
  const ExprId fallback = action.default_value ? use_default() : ExprId{};
  if (action.default_value && !fallback) return Poison{};
  if (choice_->open_actions) {
    return value_of(
        table.leaf(ExprKind::input, *wanted, UINT32_MAX - 1 - static_cast<uint32_t>(id.index), on_action, definition.span));
  } else if (choice_->policy) {
    const auto& names = scopes_[policy_scope_].names;
    const auto filled = names.find(definition.name);
    if (filled != names.end()) {
      const Value value = force(filled->second);
      const Span span = definitions_[filled->second].span;
      chosen = coerce(expression_of(value, span), *wanted, span, what);
    } else if (fallback) {
      chosen = fallback;
    } else {
      return fail(Kind::policy_lacks_action, choice_->policy->name.span, {choice_->policy_name, definition.name},
                  fmt::format("add `{} = …` or `{} ~ …` to the policy, or give the action a default: `action {}: {} = …`",
                              definition.name, definition.name, definition.name, to_string(*wanted)));
    }
  } else if (choice_->policy_name == "random") {
    chosen = random_action(definition.name, definition.span, *wanted, low, high);
  } else if (fallback) {
    chosen = fallback;
  } else {
    return fail(Kind::no_default_action, definition.span, {definition.name},
                "give it one: `action u: real = 0`, or write a policy");
  }
  // What no policy names is named here, so that trajectories have it.
  if (chosen && !(choice_->policy && scopes_[policy_scope_].names.contains(definition.name)))
    model.nodes.push_back({definition.name, chosen, definition.span, false});
  if (!chosen || !low) return value_of(chosen);
  // clip(u, low, high): the derivative at a bound is 1, the first argument's.
  const Type clipped = *wanted;
  return value_of(call(Builtin::minimum, clipped, {call(Builtin::maximum, clipped, {chosen, low}, {}, definition.span), high}, {},
                       definition.span));
}

void Checker::check_terminate(const ast::Terminate& terminate, ScopeId scope) {
  const Span span = syntax(terminate.condition, scope).span;
  const ExprId condition = evaluate_expression(terminate.condition, scope);
  if (!condition) return;
  const Type found = type(condition);
  if (found.scalar != Scalar::boolean || !found.shape.empty()) {
    fail(Kind::terminate_type, span, {to_string(found)},
         found.scalar == Scalar::boolean ? "`any(…)` or `all(…)` makes one bool of them" : "compare it: `terminate x > 1`");
    return;
  }
  model.terminates.push_back({condition, span});
}

void Checker::check_timing(const ModelChoice& choice, ScopeId mdp, const std::vector<ScopeId>& instances) {
  for (const bool horizon : {true, false}) {
    ast::ExprId expression;
    ScopeId scope = mdp;
    for (const ast::Statement& statement : choice.mdp->body) {
      if (const auto* h = std::get_if<ast::Horizon>(&statement.value); h && horizon) expression = h->value;
      if (const auto* d = std::get_if<ast::Discount>(&statement.value); d && !horizon) expression = d->value;
    }
    for (size_t i = choice.instances.size(); i-- > 0;) {  // the outermost comes first and wins
      const ast::ExprId changed = horizon ? choice.instances[i].first->horizon : choice.instances[i].first->discount;
      if (!changed) continue;
      expression = changed;
      scope = instances[i];
    }
    if (!expression) {
      if (horizon)
        fail(Kind::no_horizon, choice.mdp->name.span, {choice.mdp->name.name}, "add a line `horizon 100`: the number of steps");
      continue;
    }
    const Span span = syntax(expression, scope).span;
    const ExprId value = evaluate_expression(expression, scope);
    if (!value) continue;
    if (horizon) {
      const auto steps = known_integer(value, span, "`horizon`");
      if (!steps) continue;
      if (*steps < 1 || *steps > max_horizon)
        fail(Kind::bad_horizon, span, {std::to_string(*steps), std::to_string(max_horizon)});
      model.horizon = *steps;
    } else {
      const auto factor = known_real(value, span, "`discount`");
      if (!factor) continue;
      if (!(*factor >= 0 && std::isfinite(*factor)))
        fail(Kind::bad_discount, span, {fmt::format("{}", *factor)}, "usually just below 1: `discount 0.99`");
      model.discount = *factor;
    }
  }
}

std::vector<ScopeId> Checker::apply_instances(const ModelChoice& choice, ScopeId mdp) {
  std::vector<ScopeId> scopes;
  for (const auto& [instance, file] : choice.instances) {
    const ScopeId scope = add_scope(ScopeKind::instance, file_scope(file), file);
    scopes_[scope].sees = mdp;
    scopes.push_back(scope);
    std::set<std::string> seen;
    for (const auto& [name, expression] : instance->changes) {
      if (!seen.insert(name.name).second) {
        fail(Kind::redefined, name.span, {name.name, "a change of this instance"}, "one of the lines is enough");
        continue;
      }
      ScopeId where;
      const std::vector<ScopeId> places{mdp, file_scope(choice.file)};
      const ast::Const* constant = find_const(name.name, places, where);
      if (constant) {
        changes_.emplace(constant, Change{expression, scope});
        continue;
      }
      const Found other = find(name.name, mdp);
      if (other.definition) {
        fail(Kind::not_a_const, name.span, {name.name, describe(definitions_[other.definition])},
             "an instance changes consts, `horizon` and `discount`");
        continue;
      }
      std::vector<std::string> names;
      for (const ScopeId place : places)
        for (const auto& [known, definition] : scopes_[place].names)
          if (definitions_[definition].kind == DefinitionKind::constant) names.push_back(known);
      std::sort(names.begin(), names.end());
      fail(Kind::unknown_constant, name.span, {name.name, choice.mdp->name.name}, did_you_mean(name.name, names));
    }
  }
  return scopes;
}

void Checker::check_policy_names(ScopeId policy, ScopeId mdp) {
  for (const DefinitionId id : scopes_[policy].order) {
    const Definition& definition = definitions_[id];
    const auto known = scopes_[mdp].names.find(definition.name);
    if (known == scopes_[mdp].names.end() || definition.kind == DefinitionKind::next_state) continue;
    const Definition& other = definitions_[known->second];
    const bool node = definition.kind == DefinitionKind::deterministic || definition.kind == DefinitionKind::stochastic ||
                      definition.kind == DefinitionKind::let_element;
    if (other.kind == DefinitionKind::action && node) continue;
    if (other.kind == DefinitionKind::action)
      fail(Kind::action_not_node, definition.span, {definition.name, describe(definition)},
           fmt::format("write `{} = …` or `{} ~ …`", definition.name, definition.name));
    else
      fail(Kind::policy_name_taken, definition.span, {definition.name, describe(other)},
           fmt::format("the mdp's is at {}", place(other.span)));
  }
}

void Checker::check_mdp(const ModelChoice& choice) {
  choice_ = &choice;
  model.name = choice.name;
  model.policy = choice.policy_name;
  model.is_mdp = true;
  const ScopeId file = file_scope(choice.file);
  const ScopeId mdp = add_scope(ScopeKind::mdp, file, choice.file);
  define_block(mdp, choice.mdp->body);
  mark_observed(mdp, choice.mdp->body);
  std::vector<ScopeId> places{mdp};
  if (choice.policy) {
    const ScopeId policy_file = file_scope(choice.policy_file);
    policy_scope_ = add_scope(ScopeKind::policy, policy_file, choice.policy_file);
    scopes_[policy_scope_].sees = mdp;
    define_block(policy_scope_, choice.policy->body);
    check_policy_names(policy_scope_, mdp);
    places.insert(places.end(), {policy_scope_, file, policy_file});
  } else {
    places.push_back(file);
  }
  apply_options(places);
  const std::vector<ScopeId> instances = apply_instances(choice, mdp);
  check_timing(choice, mdp, instances);
  std::vector<ScopeId> blocks{mdp};
  if (choice.policy) blocks.push_back(policy_scope_);
  for (const ScopeId block : blocks) {
    force_block(block);
    const std::vector<DefinitionId> order = scopes_[block].order;
    for (const DefinitionId id : order)
      if (definitions_[id].kind == DefinitionKind::state)
        evaluate_initial(id, std::get<ast::State>(definitions_[id].statement->value));
  }
  check_initial_cycles();
  check_objectives(mdp, choice.mdp->body);
  for (const ast::Statement& statement : choice.mdp->body)
    if (const auto* terminate = std::get_if<ast::Terminate>(&statement.value)) check_terminate(*terminate, mdp);
  if (choice.policy) check_objectives(policy_scope_, choice.policy->body);
  for (const ScopeId block : blocks) collect_nodes(block);
  if (model.objectives.empty() && !failed())
    fail(Kind::no_objective, choice.mdp->name.span, {choice.name}, "add `reward …` or `cost …`");
}

}  // namespace alea::check
