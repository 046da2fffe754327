// Parse tree in, AST out: blocks, statements, items. The tree is read from front to back, each node by the function of its
// kind; the grammar has seen to it that the children are there. Statements in a block that does not admit them are
// reported and left out.
#include "dsl/grammar/build_ast.h"

#include <fmt/format.h>

#include "dsl/grammar/build_expression.h"
#include "dsl/grammar/places.h"

namespace alea::grammar {

namespace {

using Kind = DiagnosticKind;

class Builder : ExpressionBuilder {
 public:
  Builder(const Lexed& lexed, const Tree& tree, Diagnostics& diagnostics) : ExpressionBuilder(lexed, tree, diagnostics) {}

  ast::File run() {
    Children items(tree_.nodes, 0, static_cast<uint32_t>(tree_.nodes.size()));
    while (items.more()) item(items, items.next());
    return std::move(file_);
  }

 private:
  // ---- blocks

  // The body of a function: `= e` or a block that ends with `return`.
  ast::Block function_body(Children& children) {
    ast::Block result;
    if (children.next_is(NodeKind::value)) {
      result.result = value(children);
      return result;
    }
    const Node& node = children.next();
    bool returned = false, broken = false;
    for (Children inner = children.of(node); inner.more();) {
      const Node& each = inner.next();
      if (each.kind == NodeKind::error) {
        broken = true;
      } else if (returned) {
        diagnostics_.report(Kind::statement_after_return, lexed_.span(token(each), token(each)), {described(each)},
                            "move `return` to the end");
        break;
      } else if (each.kind == NodeKind::return_) {
        start_statement();
        Children expr = inner.of(each);
        result.result = expression(expr);
        returned = true;
      } else {
        add_statement(inner, each, Place::function, result.binds);
      }
    }
    if (!returned && !broken) diagnostics_.report(Kind::missing_return, closing_brace(node), {}, "end it with `return value`");
    if (!returned) result.result = add(ast::Number{}, closing_brace(node), {});
    return result;
  }

  Span closing_brace(const Node& block) const {
    const Token& last = lexed_.tokens[block.last_token];
    return lexed_.span(last, last);
  }

  // Whether a statement of the block could not be read, so that nothing can be said about what it lacks.
  bool body(Children& children, Place place, std::vector<ast::Statement>& statements) {
    bool broken = false;
    for (Children inner = children.enter(); inner.more();) {
      const Node& node = inner.next();
      if (node.kind == NodeKind::error) broken = true;
      else add_statement(inner, node, place, statements);
    }
    return broken;
  }

  template <class Clause>
  size_t refuse_repeated(const std::vector<ast::Statement>& statements, const char* clause, Place place) {
    size_t count = 0;
    for (const auto& statement : statements)
      if (std::holds_alternative<Clause>(statement.value) && ++count > 1)
        diagnostics_.report(Kind::repeated_clause, statement.span, {clause, words(place)});
    return count;
  }

  // ---- statements

  void start_statement() { too_deep_reported_ = false; }

  std::string described(const Node& node) const {
    if (node.kind == NodeKind::definition || node.kind == NodeKind::next) {
      return fmt::format("`{} {} …`", lexed_.text_of(token(node)), is_stochastic(node) ? "~" : "=");
    }
    if (node.kind == NodeKind::observe_definition || node.kind == NodeKind::observe_names) return "`observe`";
    return fmt::format("`{}`", lexed_.text_of(token(node)));
  }

  bool is_stochastic(const Node& node) const {
    const Children all(tree_.nodes, 0, static_cast<uint32_t>(tree_.nodes.size()));
    for (Children inner = all.of(node); inner.more();)
      if (inner.next().kind == NodeKind::law) return true;
    return false;
  }

  void refuse_misplaced(const Node& node, Place place, bool stochastic) {
    std::string hint;
    if (place == Place::file && node.kind == NodeKind::definition && !stochastic)
      hint = fmt::format("write `const {} = …`, or put it in a block", lexed_.text_of(token(node)));
    diagnostics_.report(Kind::misplaced_statement, lexed_.span(token(node), token(node)),
                        {described(node), words(place), belongs(node.kind, stochastic)}, std::move(hint));
  }

  bool refused(const Node& node, Place place) {
    const bool stochastic = is_stochastic(node);
    if (admits(place, node.kind, stochastic)) return false;
    refuse_misplaced(node, place, stochastic);
    return true;
  }

  void add_statement(const Children& around, const Node& node, Place place, std::vector<ast::Statement>& statements) {
    if (node.kind == NodeKind::error || refused(node, place)) return;
    start_statement();
    Children children = around.of(node);
    const Span place_in_text = span(node);
    const auto add_as = [&](auto value) { statements.push_back({std::move(value), place_in_text}); };
    switch (node.kind) {
      case NodeKind::const_: return add_as(const_statement(children));
      case NodeKind::param: return add_as(param_statement(children));
      case NodeKind::fn: return add_as(fn_statement(children));
      case NodeKind::let: {
        ast::Let result;
        while (children.next_is(NodeKind::token)) result.names.push_back(ident(children.next()));
        result.value = value(children);
        return add_as(std::move(result));
      }
      case NodeKind::definition: return definition(children, node, place, false, statements);
      case NodeKind::observe_definition: return definition(children, node, place, true, statements);
      case NodeKind::observe_names: {
        ast::Observe result;
        while (children.more()) result.names.push_back(ident(children.next()));
        return add_as(std::move(result));
      }
      case NodeKind::for_: {
        ast::For result;
        result.index = ident(children.next());
        result.low = expression(children);
        result.high = expression(children);
        body(children, Place::loop, result.body);
        return add_as(std::move(result));
      }
      case NodeKind::input: {
        ast::Input result;
        result.name = ident(children.next());
        result.type = type_expr(children);
        return add_as(std::move(result));
      }
      case NodeKind::action: {
        ast::Action result;
        result.name = ident(children.next());
        result.type = type_expr(children);
        if (children.next_is(NodeKind::bounds)) {
          Children bounds = children.enter();
          result.low = expression(bounds);
          result.high = expression(bounds);
        }
        result.default_value = value(children);
        return add_as(std::move(result));
      }
      case NodeKind::state: {
        ast::State result;
        result.name = ident(children.next());
        result.type = type_expr(children);
        result.value = value(children);
        result.law = law(children);
        return add_as(std::move(result));
      }
      case NodeKind::next: {
        ast::Next result;
        result.state = ident(children.next());
        result.value = value(children);
        result.law = law(children);
        result.estimator = estimator(children);
        return add_as(std::move(result));
      }
      case NodeKind::objective: {
        ast::Objective result;
        while (children.next_is(NodeKind::token)) {
          const TokenKind kind = token(children.next()).kind;
          if (kind == TokenKind::kw_final) result.final = true;
          if (kind == TokenKind::kw_reward) result.reward = true;
        }
        result.value = expression(children);
        return add_as(std::move(result));
      }
      case NodeKind::horizon: return add_as(ast::Horizon{expression(children)});
      case NodeKind::discount: return add_as(ast::Discount{expression(children)});
      case NodeKind::terminate: return add_as(ast::Terminate{expression(children)});
      case NodeKind::support: return add_as(support(children, place_in_text));
      case NodeKind::sample: return add_as(ast::Sample{expression(children)});
      case NodeKind::logpdf: {
        ast::Logpdf result;
        result.value = ident(children.next());
        result.body = function_body(children);
        return add_as(std::move(result));
      }
      case NodeKind::call: {
        ast::CallDef result;
        result.formals = formals(children);
        result.result_type = result_type(children);
        result.body = function_body(children);
        return add_as(std::move(result));
      }
        // clang-format off
      case NodeKind::token: case NodeKind::error: case NodeKind::choice: case NodeKind::chain: case NodeKind::operand:
      case NodeKind::parentheses: case NodeKind::list: case NodeKind::index: case NodeKind::subscript: case NodeKind::arguments:
      case NodeKind::argument: case NodeKind::member: case NodeKind::for_clause: case NodeKind::type: case NodeKind::shape:
      case NodeKind::categories: case NodeKind::law: case NodeKind::estimator: case NodeKind::value: case NodeKind::bounds:
      case NodeKind::modules: case NodeKind::module_list: case NodeKind::formals: case NodeKind::formal: case NodeKind::result_type:
      case NodeKind::block: case NodeKind::names: case NodeKind::return_: case NodeKind::import_: case NodeKind::module:
      case NodeKind::dist: case NodeKind::graph: case NodeKind::mdp: case NodeKind::policy: case NodeKind::instance:
        // clang-format on
        internal_error("a block admits a node that is no statement");
    }
  }

  ast::Const const_statement(Children& children) {
    ast::Const result;
    result.name = ident(children.next());
    result.type = optional_type(children);
    result.value = value(children);
    return result;
  }

  ast::Param param_statement(Children& children) {
    ast::Param result;
    result.name = ident(children.next());
    if (children.next_is(NodeKind::type)) result.type = type_expr(children);
    else result.type = module_ref(children);
    result.value = value(children);
    result.law = law(children);
    return result;
  }

  ast::Fn fn_statement(Children& children) {
    ast::Fn result;
    result.name = ident(children.next());
    result.formals = formals(children);
    result.result_type = result_type(children);
    result.body = function_body(children);
    return result;
  }

  void definition(Children& children, const Node& node, Place place, bool observed, std::vector<ast::Statement>& statements) {
    ast::Ident name = ident(children.next());
    std::optional<ast::TypeExpr> annotation = optional_type(children);
    if (children.next_is(NodeKind::law)) {
      ast::Stochastic result{std::move(name), std::move(annotation), *law(children), {}, observed};
      result.estimator = estimator(children);
      statements.push_back({std::move(result), span(node)});
      return;
    }
    const ExprId expr = value(children);
    if (place == Place::dist && name.name == "entropy") {
      if (annotation) diagnostics_.report(Kind::typed_entropy, annotation->span);
      statements.push_back({ast::Entropy{expr}, span(node)});
      return;
    }
    statements.push_back({ast::Deterministic{std::move(name), std::move(annotation), expr, observed}, span(node)});
  }

  ast::Support support(Children& children, Span place) {
    ast::Support result;
    result.span = place;
    if (children.next_is(NodeKind::token)) {
      const bool simplex = token(children.next()).kind == TokenKind::name;
      result.kind = simplex ? ast::Support::Kind::simplex : ast::Support::Kind::real;
      return result;
    }
    const bool interval = children.next_is(NodeKind::bounds);
    Children ends = interval ? children.enter() : children;
    result.kind = interval ? ast::Support::Kind::interval : ast::Support::Kind::integers;
    if (interval) result.low_open = token(ends.next()).kind == TokenKind::left_paren;
    result.low = expression(ends);
    result.high = expression(ends);
    if (interval) result.high_open = token(ends.next()).kind == TokenKind::right_paren;
    return result;
  }

  // ---- items

  void item(const Children& around, const Node& node) {
    const auto add_as = [&](auto value) { file_.items.push_back({std::move(value), span(node)}); };
    if (node.kind == NodeKind::error) return;
    start_statement();
    Children children = around.of(node);
    switch (node.kind) {
      case NodeKind::import_:
        // A file's name that is no proper string was reported; there is nothing to look for.
        if (token(children.peek()).kind == TokenKind::string && !is_closed(token(children.peek()))) return;
        return add_as(import_item(children, span(node)));
      case NodeKind::module: {
        ast::Module result;
        result.name = ident(children.next());
        result.formals = formals(children);
        const bool broken = body(children, Place::module, result.body);
        if (refuse_repeated<ast::CallDef>(result.body, "`call`", Place::module) == 0 && !broken)
          diagnostics_.report(Kind::missing_call, result.name.span, {result.name.name}, "add `call(x) = …`");
        return add_as(std::move(result));
      }
      case NodeKind::dist: {
        ast::Dist result;
        result.name = ident(children.next());
        result.formals = formals(children);
        const bool broken = body(children, Place::dist, result.body);
        if (refuse_repeated<ast::Sample>(result.body, "`sample`", Place::dist) == 0 && !broken)
          diagnostics_.report(Kind::missing_sample, result.name.span, {result.name.name}, "add `sample …`");
        refuse_repeated<ast::Support>(result.body, "`support`", Place::dist);
        refuse_repeated<ast::Logpdf>(result.body, "`logpdf`", Place::dist);
        refuse_repeated<ast::Entropy>(result.body, "`entropy`", Place::dist);
        return add_as(std::move(result));
      }
      case NodeKind::graph: {
        ast::Graph result;
        result.name = ident(children.next());
        body(children, Place::graph, result.body);
        return add_as(std::move(result));
      }
      case NodeKind::mdp: {
        ast::Mdp result;
        result.name = ident(children.next());
        body(children, Place::mdp, result.body);
        refuse_repeated<ast::Horizon>(result.body, "`horizon`", Place::mdp);
        refuse_repeated<ast::Discount>(result.body, "`discount`", Place::mdp);
        return add_as(std::move(result));
      }
      case NodeKind::policy: {
        ast::Policy result;
        result.name = ident(children.next());
        result.mdp = ident(children.next());
        body(children, Place::policy, result.body);
        return add_as(std::move(result));
      }
      case NodeKind::instance: return add_as(instance_item(children));
      case NodeKind::const_: return add_as(const_statement(children));
      case NodeKind::param: return add_as(param_statement(children));
      case NodeKind::fn:
        return add_as(fn_statement(children));
        // clang-format off
      case NodeKind::let: case NodeKind::definition: case NodeKind::observe_names: case NodeKind::observe_definition: case NodeKind::for_:
      case NodeKind::input: case NodeKind::action: case NodeKind::state: case NodeKind::next: case NodeKind::objective:
      case NodeKind::horizon: case NodeKind::discount: case NodeKind::terminate: case NodeKind::return_: case NodeKind::support:
      case NodeKind::logpdf: case NodeKind::sample: case NodeKind::call:
        // clang-format on
        return refuse_misplaced(node, Place::file, is_stochastic(node));
        // clang-format off
      case NodeKind::token: case NodeKind::error: case NodeKind::choice: case NodeKind::chain: case NodeKind::operand:
      case NodeKind::parentheses: case NodeKind::list: case NodeKind::index: case NodeKind::subscript: case NodeKind::arguments:
      case NodeKind::argument: case NodeKind::member: case NodeKind::for_clause: case NodeKind::type: case NodeKind::shape:
      case NodeKind::categories: case NodeKind::law: case NodeKind::estimator: case NodeKind::value: case NodeKind::bounds:
      case NodeKind::modules: case NodeKind::module_list: case NodeKind::formals: case NodeKind::formal: case NodeKind::result_type:
      case NodeKind::block: case NodeKind::names:
        // clang-format on
        internal_error("a file holds a node that is no item");
    }
  }

  ast::Import import_item(Children& children, Span place) {
    ast::Import result;
    result.span = place;
    if (token(children.peek()).kind == TokenKind::string) {
      result.file = unquoted(token(children.next()));
    } else {
      while (children.next_is(NodeKind::token)) result.path.push_back(ident(children.next()));
    }
    if (children.next_is(NodeKind::names)) {
      Children alias = children.enter();
      result.alias = ident(alias.next());
    }
    return result;
  }

  ast::Instance instance_item(Children& children) {
    ast::Instance result;
    result.name = ident(children.next());
    result.of = ident(children.next());
    std::vector<ast::Statement> statements;
    body(children, Place::instance, statements);
    refuse_repeated<ast::Horizon>(statements, "`horizon`", Place::instance);
    refuse_repeated<ast::Discount>(statements, "`discount`", Place::instance);
    for (auto& statement : statements) {
      if (auto* horizon = std::get_if<ast::Horizon>(&statement.value)) result.horizon = horizon->value;
      if (auto* discount = std::get_if<ast::Discount>(&statement.value)) result.discount = discount->value;
      if (auto* change = std::get_if<ast::Deterministic>(&statement.value)) {
        if (change->type)
          diagnostics_.report(Kind::annotated_change, change->type->span, {change->name.name}, "leave the type out");
        result.changes.emplace_back(std::move(change->name), change->value);
      }
    }
    return result;
  }
};

}  // namespace

ast::File build_ast(const Lexed& lexed, const Tree& tree, Diagnostics& diagnostics) {
  return Builder(lexed, tree, diagnostics).run();
}

}  // namespace alea::grammar
