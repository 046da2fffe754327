// What no model of a file uses: consts and params are evaluated all the same, and the names in functions,
// modules and distributions are looked up, with formals and local names standing for anything.
#include <algorithm>

#include "dsl/check/builtins.h"
#include "dsl/check/checker.h"

namespace alea::check {

struct Checker::NameWalk {
  Checker& checker;
  ScopeId scope;
  std::vector<std::string> local;

  void name(const std::string& word, Span span, bool distribution = false) {
    if (std::find(local.begin(), local.end(), word) != local.end() || word == "pi" || word == "inf") return;
    if (word == "time" && checker.in_time(scope)) return;
    if (checker.find(word, scope).definition || find_builtin(word) || find_primitive(word)) return;
    std::vector<std::string> candidates = checker.visible_names(scope);
    candidates.insert(candidates.end(), local.begin(), local.end());
    checker.fail(distribution ? Kind::unknown_distribution : Kind::unknown_name, span, {word},
                 checker.did_you_mean(word, candidates));
  }

  void expression(ast::ExprId id) {
    // Along rows of operators and of `else if`.
    for (; id;) {
      const ast::Expr& expr = checker.syntax(id, scope);
      if (const auto* e = std::get_if<ast::Binary>(&expr.value)) {
        expression(e->right);
        id = e->left;
      } else if (const auto* e = std::get_if<ast::If>(&expr.value)) {
        expression(e->condition);
        expression(e->then_value);
        id = e->else_value;
      } else {
        return other_expression(expr);
      }
    }
  }

  void other_expression(const ast::Expr& expr) {
    if (const auto* e = std::get_if<ast::Name>(&expr.value)) {
      if (!e->primed) name(e->name, expr.span);
    } else if (const auto* e = std::get_if<ast::List>(&expr.value)) {
      for (const ast::ExprId element : e->elements) expression(element);
    } else if (const auto* e = std::get_if<ast::Comprehension>(&expr.value)) {
      expression(e->low);
      expression(e->high);
      local.push_back(e->index.name);
      expression(e->body);
      local.pop_back();
    } else if (const auto* e = std::get_if<ast::Unary>(&expr.value)) {
      expression(e->operand);
    } else if (const auto* e = std::get_if<ast::Comparison>(&expr.value)) {
      for (const ast::ExprId operand : e->operands) expression(operand);
    } else if (const auto* e = std::get_if<ast::Index>(&expr.value)) {
      expression(e->base);
      for (const ast::Subscript& subscript : e->subscripts)
        for (const ast::ExprId part : {subscript.index, subscript.low, subscript.high}) expression(part);
    } else if (const auto* e = std::get_if<ast::Call>(&expr.value)) {
      expression(e->callee);
      arguments(e->arguments);
    } else if (const auto* e = std::get_if<ast::Member>(&expr.value)) {
      expression(e->base);
    }
  }

  void arguments(const std::vector<ast::Argument>& list) {
    for (const ast::Argument& argument : list) expression(argument.value);
  }

  void type(const std::optional<ast::TypeExpr>& syntax_type) {
    if (!syntax_type) return;
    expression(syntax_type->categories);
    for (const ast::ExprId extent : syntax_type->shape) expression(extent);
  }

  // Formals and the names that their shapes bind.
  void formals(const std::vector<ast::Formal>& list) {
    for (const ast::Formal& formal : list) local.push_back(formal.name.name);
    for (const ast::Formal& formal : list)
      if (formal.type)
        for (const ast::ExprId extent : formal.type->shape)
          if (const auto* word = std::get_if<ast::Name>(&checker.syntax(extent, scope).value)) local.push_back(word->name);
    for (const ast::Formal& formal : list) {
      type(formal.type);
      expression(formal.default_value);
    }
  }

  void law(const ast::DistCall& call) {
    name(call.name.name, call.name.span, true);
    arguments(call.arguments);
  }

  void block(const ast::Block& body) {
    const size_t before = local.size();
    statements(body.binds);
    expression(body.result);
    local.resize(before);
  }

  // In order, as in a function; a block's own names are all known beforehand.
  void statements(const std::vector<ast::Statement>& list) {
    for (const ast::Statement& statement : list) {
      if (const auto* s = std::get_if<ast::Const>(&statement.value)) {
        type(s->type);
        expression(s->value);
        local.push_back(s->name.name);
      } else if (const auto* s = std::get_if<ast::Let>(&statement.value)) {
        expression(s->value);
        for (const ast::Ident& word : s->names) local.push_back(word.name);
      } else if (const auto* s = std::get_if<ast::Deterministic>(&statement.value)) {
        type(s->type);
        expression(s->value);
        local.push_back(s->name.name);
      } else if (const auto* s = std::get_if<ast::Stochastic>(&statement.value)) {
        type(s->type);
        law(s->law);
        local.push_back(s->name.name);
      } else if (const auto* s = std::get_if<ast::For>(&statement.value)) {
        expression(s->low);
        expression(s->high);
        local.push_back(s->index.name);
        statements(s->body);
      } else if (const auto* s = std::get_if<ast::Param>(&statement.value)) {
        if (const auto* module = std::get_if<ast::ModuleRef>(&s->type)) {
          name(module->path[0].name, module->path[0].span);
          for (const ast::ModuleRange& range : module->ranges) {
            expression(range.low);
            expression(range.high);
            local.push_back(range.index.name);
          }
          arguments(module->arguments);
        } else {
          type(std::get<ast::TypeExpr>(s->type));
        }
        expression(s->value);
        if (s->law) law(*s->law);
      } else if (const auto* s = std::get_if<ast::Support>(&statement.value)) {
        expression(s->low);
        expression(s->high);
      } else if (const auto* s = std::get_if<ast::Logpdf>(&statement.value)) {
        local.push_back(s->value.name);
        block(s->body);
        local.pop_back();
      } else if (const auto* s = std::get_if<ast::Entropy>(&statement.value)) {
        expression(s->value);
      } else if (const auto* s = std::get_if<ast::Sample>(&statement.value)) {
        expression(s->value);
      } else if (const auto* s = std::get_if<ast::CallDef>(&statement.value)) {
        const size_t before = local.size();
        formals(s->formals);
        type(s->result_type);
        block(s->body);
        local.resize(before);
      }
    }
  }

  void own_names(const std::vector<ast::Statement>& list) {
    for (const ast::Statement& statement : list) {
      if (const auto* s = std::get_if<ast::Const>(&statement.value)) local.push_back(s->name.name);
      if (const auto* s = std::get_if<ast::Deterministic>(&statement.value)) local.push_back(s->name.name);
      if (const auto* s = std::get_if<ast::Stochastic>(&statement.value)) local.push_back(s->name.name);
      if (const auto* s = std::get_if<ast::Param>(&statement.value)) local.push_back(s->name.name);
      if (const auto* s = std::get_if<ast::Let>(&statement.value))
        for (const ast::Ident& word : s->names) local.push_back(word.name);
    }
  }
};

void Checker::walk_names(ast::ExprId id, ScopeId scope) {
  NameWalk walk{*this, scope, {}};
  walk.expression(id);
}

void Checker::walk_function(const ast::Fn& function, ScopeId scope) {
  NameWalk walk{*this, scope, {}};
  walk.formals(function.formals);
  walk.type(function.result_type);
  walk.block(function.body);
}

void Checker::check_unused(FileId file) {
  const ScopeId scope = file_scope(file);
  const std::vector<DefinitionId> order = scopes_[scope].order;
  for (const DefinitionId id : order) {
    const DefinitionKind kind = definitions_[id].kind;
    if (kind == DefinitionKind::constant || kind == DefinitionKind::param) force(id);
  }
  for (const ast::Item& item : file_of(file).tree.items) {
    if (const auto* function = std::get_if<ast::Fn>(&item.value); function && !entered.contains(function))
      walk_function(*function, scope);
    if (const auto* module = std::get_if<ast::Module>(&item.value); module && !entered.contains(module)) {
      NameWalk walk{*this, scope, {}};
      walk.formals(module->formals);
      walk.own_names(module->body);
      walk.statements(module->body);
    }
    if (const auto* dist = std::get_if<ast::Dist>(&item.value); dist && !entered.contains(dist)) {
      NameWalk walk{*this, scope, {}};
      walk.formals(dist->formals);
      walk.own_names(dist->body);
      walk.statements(dist->body);
    }
  }
  // Functions that stand in a block and are called from nowhere in it.
  for (const ast::Item& item : file_of(file).tree.items) {
    const std::vector<ast::Statement>* body = nullptr;
    if (const auto* graph = std::get_if<ast::Graph>(&item.value)) body = &graph->body;
    if (const auto* mdp = std::get_if<ast::Mdp>(&item.value)) body = &mdp->body;
    if (!body) continue;
    const bool timed = std::holds_alternative<ast::Mdp>(item.value);
    ScopeId block;
    for (const ast::Statement& statement : *body) {
      const auto* function = std::get_if<ast::Fn>(&statement.value);
      if (!function || entered.contains(function)) continue;
      if (!block) {
        block = add_scope(timed ? ScopeKind::mdp : ScopeKind::graph, scope, file);
        ++quiet_;  // what is wrong with the block was said when it was checked
        define_block(block, *body);
        --quiet_;
      }
      walk_function(*function, block);
    }
  }
}

}  // namespace alea::check
