// Expressions, and the parts of statements that are made of them, from parse tree to AST. In: the nodes of one level at a
// time. Out: entries of the file's table of expressions, children before parents, no deeper than ast::max_nesting.
#pragma once
#include <algorithm>

#include "dsl/ast.h"
#include "dsl/diagnostic.h"
#include "dsl/grammar/tree.h"

namespace alea::grammar {

// The nodes of one level, in order.
class Children {
 public:
  Children(const std::vector<Node>& nodes, uint32_t begin, uint32_t end) : nodes_(&nodes), at_(begin), end_(end) {}
  bool more() const { return at_ < end_; }
  bool next_is(NodeKind kind) const { return more() && peek().kind == kind; }
  const Node& peek() const { return (*nodes_)[at_]; }
  const Node& next() {
    const Node& node = (*nodes_)[at_];
    at_ = node.end;
    return node;
  }
  Children of(const Node& node) const { return {*nodes_, static_cast<uint32_t>(&node - nodes_->data()) + 1, node.end}; }
  Children enter() { return of(next()); }

 private:
  const std::vector<Node>* nodes_;
  uint32_t at_, end_;
};

class ExpressionBuilder {
 protected:
  using ExprId = ast::ExprId;
  ExpressionBuilder(const Lexed& lexed, const Tree& tree, Diagnostics& diagnostics)
      : lexed_(lexed), tree_(tree), diagnostics_(diagnostics) {
    file_.source = lexed.source;
  }

  const Token& token(const Node& node) const;
  Span span(const Node& node) const;
  std::string text(const Node& node) const;
  static Span join(Span a, Span b);
  ast::Ident ident(const Node& node) const;
  int depth(ExprId id) const;
  // A row of operators, and one of `else if`, counts once: what walks the tree goes along them in a loop.
  template <class Value>
  int depth_in_row(ExprId id) const {
    return depth(id) - (std::holds_alternative<Value>(file_.exprs[id].value) ? 1 : 0);
  }
  template <class Value>
  ExprId add(Value value, Span place, std::initializer_list<ExprId> children) {
    return add_over(std::move(value), place, children);
  }
  template <class Value, class Children>
  ExprId add_over(Value value, Span place, const Children& children) {
    int deepest = 0;
    for (const ExprId child : children) deepest = std::max(deepest, depth(child));
    return add_at(std::move(value), place, deepest);
  }
  template <class Value>
  ExprId add_at(Value value, Span place, int deepest) {
    if (deepest >= ast::max_nesting) {
      if (!too_deep_reported_)
        diagnostics_.report(DiagnosticKind::chain_too_long, place, {std::to_string(ast::max_nesting)},
                            "give parts of it names, or use `sum` or `prod`");
      too_deep_reported_ = true;
      depths_.add(1);
      return file_.exprs.add({ast::Number{}, place});
    }
    depths_.add(deepest + 1);
    return file_.exprs.add({std::move(value), place});
  }

  // ---- expressions
  ExprId expression(Children& children);
  bool is_closed(const Token& string) const;
  std::string unquoted(const Token& string) const;
  std::vector<ast::Argument> arguments(Children children, bool* generator = nullptr);

  // ---- parts of statements
  ast::TypeExpr type_expr(Children& children);
  std::optional<ast::TypeExpr> optional_type(Children& children);
  std::optional<ast::TypeExpr> result_type(Children& children);
  ExprId value(Children& children);
  std::optional<ast::DistCall> law(Children& children);
  std::optional<ast::Estimator> estimator(Children& children);
  std::vector<ast::Formal> formals(Children& children);
  ast::ModuleRef module_ref(Children& children);

  const Lexed& lexed_;
  const Tree& tree_;
  Diagnostics& diagnostics_;
  ast::File file_;
  bool too_deep_reported_ = false;  // in this statement

 private:
  // What an operator has at its side: the expression, and its place with the parentheses around it.
  struct Operand {
    ExprId expr;
    Span place;
  };
  struct Operator;  // on its way into the tree

  ExprId choice(Children children, const Node& node);
  uint32_t keyword_before(uint32_t offset) const;
  Operand chain(Children children);
  bool is_prefix(const Node& node) const;
  void reduce(std::vector<Operand>& operands, std::vector<Operator>& operators);
  Operand postfix(Children& parts, Span whole);
  Operand primary(const Children& parts, const Node& node);
  ExprId list(Children children, Span place);
  ExprId comprehension(ExprId body, const Node& clause, const Children& around, Span place);
  ast::Subscript subscript(Children children, Span place);

  Table<ExprId, int> depths_;
  uint32_t argument_begin_ = 0;  // of the argument read last, for the comprehension it may be the body of
};

}  // namespace alea::grammar
