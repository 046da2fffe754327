// A graph, and what graphs and mdps share: definitions, objectives, nodes by name, consts changed from the
// command line.
#include <fmt/format.h>

#include <algorithm>

#include "dsl/check/checker.h"
#include "dsl/parser.h"

namespace alea::check {

void Checker::define_block(ScopeId scope, const std::vector<ast::Statement>& statements) {
  for (const ast::Statement& statement : statements) define_statement(scope, statement);
}

void Checker::force_block(ScopeId scope) {
  const std::vector<DefinitionId> order = scopes_[scope].order;
  for (const DefinitionId id : order) force(id);
}

void Checker::collect_nodes(ScopeId scope) {
  for (const DefinitionId id : scopes_[scope].order) {
    const Definition& definition = definitions_[id];
    const bool node = definition.kind == DefinitionKind::deterministic || definition.kind == DefinitionKind::stochastic ||
                      definition.kind == DefinitionKind::let_element;
    const auto* value = std::get_if<ExprId>(&definition.value);
    if (node && value) model.nodes.push_back({definition.name, *value, definition.span, definition.observed});
  }
}

void Checker::check_objectives(ScopeId scope, const std::vector<ast::Statement>& statements) {
  for (const ast::Statement& statement : statements) {
    const auto* objective = std::get_if<ast::Objective>(&statement.value);
    if (!objective) continue;
    const char* word = objective->reward ? "reward" : "cost";
    if (!model.objectives.empty() && model.maximise != objective->reward)
      fail(Kind::mixed_objective, statement.span, {word, objective->reward ? "cost" : "reward"},
           fmt::format("the sign of one turns it into the other: `{} -(…)`", objective->reward ? "cost" : "reward"));
    else model.maximise = objective->reward;
    const Span span = syntax(objective->value, scope).span;
    const ExprId value = convert_scalar(evaluate_expression(objective->value, scope), Scalar::real, span);
    if (value) model.objectives.push_back({value, objective->final, statement.span});
  }
}

const ast::Const* Checker::find_const(const std::string& name, const std::vector<ScopeId>& places, ScopeId& where) {
  for (const ScopeId scope : places) {
    const auto known = scopes_[scope].names.find(name);
    if (known == scopes_[scope].names.end()) continue;
    const Definition& definition = definitions_[known->second];
    if (definition.kind != DefinitionKind::constant) continue;
    where = scope;
    return static_cast<const ast::Const*>(definition.item);
  }
  return nullptr;
}

// The expression of `--set name=text`, read as the value of a const; its spans are nowhere in the sources.
std::optional<std::pair<FileId, ast::ExprId>> Checker::parse_option(const std::string& name, const std::string& text) {
  SourceMap local;
  Diagnostics problems;
  const SourceId source = local.add("--set", "const value = " + text);
  ast::File tree = parse(local, source, problems);
  const ast::Const* constant = tree.items.size() == 1 ? std::get_if<ast::Const>(&tree.items[0].value) : nullptr;
  if (problems.has_errors() || !constant) {
    const auto sorted = problems.sorted();
    fail(Kind::bad_option, {}, {name, text, sorted.empty() ? "expected one expression" : sorted[0].message});
    return std::nullopt;
  }
  for (ast::Expr& expr : tree.exprs) {
    expr.span = {};
    if (auto* comprehension = std::get_if<ast::Comprehension>(&expr.value)) comprehension->index.span = {};
    if (auto* call = std::get_if<ast::Call>(&expr.value))
      for (ast::Argument& argument : call->arguments) argument.name.span = {};
    if (auto* member = std::get_if<ast::Member>(&expr.value)) member->name.span = {};
    if (auto* index = std::get_if<ast::Index>(&expr.value))
      for (ast::Subscript& subscript : index->subscripts) subscript.span = {};
  }
  const ast::ExprId value = constant->value;
  ParsedFile file;
  file.tree = std::move(tree);
  file.tree.source = {};
  file.name = "--set " + name;
  option_files_.push_back(std::move(file));
  return std::pair{FileId{static_cast<uint32_t>(files.files.size() + option_files_.size() - 1)}, value};
}

void Checker::apply_options(const std::vector<ScopeId>& places) {
  for (const auto& [name, text] : options.constants) {
    ScopeId where;
    const ast::Const* constant = find_const(name, places, where);
    if (!constant) {
      if (choice_->lenient_options) continue;
      std::vector<std::string> names;
      std::string other;
      for (const ScopeId scope : places)
        for (const auto& [known, definition] : scopes_[scope].names) {
          if (definitions_[definition].kind == DefinitionKind::constant) names.push_back(known);
          if (known == name) other = describe(definitions_[definition]);
        }
      std::sort(names.begin(), names.end());
      if (other.empty()) fail(Kind::unknown_constant, {}, {name, model.name}, did_you_mean(name, names));
      else fail(Kind::not_a_const, {}, {name, other});
      continue;
    }
    const auto parsed = parse_option(name, text);
    if (!parsed) continue;
    const ScopeId scope = add_scope(ScopeKind::local, where, parsed->first);
    changes_.emplace(constant, Change{parsed->second, scope});
  }
}

void Checker::check_graph(const ModelChoice& choice) {
  choice_ = &choice;
  model.name = choice.name;
  const ScopeId file = file_scope(choice.file);
  const ScopeId scope = add_scope(ScopeKind::graph, file, choice.file);
  define_block(scope, choice.graph->body);
  apply_options({scope, file});
  for (const ast::Statement& statement : choice.graph->body) {
    const bool observed =
        (std::holds_alternative<ast::Deterministic>(statement.value) && std::get<ast::Deterministic>(statement.value).observed) ||
        (std::holds_alternative<ast::Stochastic>(statement.value) && std::get<ast::Stochastic>(statement.value).observed);
    if (observed) fail(Kind::mdp_only, statement.span, {"`observe`"}, "a graph has no policy that could see it");
    if (const auto* objective = std::get_if<ast::Objective>(&statement.value); objective && objective->final)
      fail(Kind::mdp_only, statement.span, {"`final`"}, "a graph has no time: write `cost` or `reward` alone");
  }
  force_block(scope);
  check_objectives(scope, choice.graph->body);
  collect_nodes(scope);
  if (model.objectives.empty() && !failed())
    fail(Kind::no_objective, choice.graph->name.span, {choice.name}, "add `cost …` or `reward …`");
}

}  // namespace alea::check
