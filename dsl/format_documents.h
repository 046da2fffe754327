// Expressions and the parts of statements as documents. In: the syntax tree, and the text for numbers and parentheses. Out:
// documents that dsl/layout.h lays out.
#pragma once
#include "dsl/ast.h"
#include "dsl/format_text.h"
#include "dsl/layout.h"

namespace alea {

// How much air operators get. Products are tight inside other operators, so that precedence shows.
enum class Air : uint8_t {
  statement,  // `a * b`, `a + b`
  inside,     // `a*b`, `a + b`
  none,       // `a*b`, `a+b`: bounds of ranges and slices
};

class FormatDocuments {
 protected:
  static constexpr int continuation = 4;  // of a statement's further lines

  FormatDocuments(const FormatText& text, const ast::File& file) : text_(text), file_(file) {}

  Document range(ast::ExprId low, ast::ExprId high) const;
  Document expression(ast::ExprId id, Air air) const;
  Document arguments(const std::vector<ast::Argument>& list, Air air) const;
  Document type(const ast::TypeExpr& type) const;
  Document annotation(const std::optional<ast::TypeExpr>& annotation) const;
  Document value(ast::ExprId id) const;
  Document law(const std::optional<ast::DistCall>& law) const;
  Document estimator(const std::optional<ast::Estimator>& estimator) const;
  Document formals(const std::vector<ast::Formal>& list) const;
  Document result(const std::optional<ast::TypeExpr>& result_type) const;
  Document module_ref(const ast::ModuleRef& module) const;
  Document with_value(const std::string& word, ast::ExprId id) const;
  static std::string names(const std::vector<ast::Ident>& list);

  const FormatText& text_;
  const ast::File& file_;

 private:
  Document separated(std::vector<Document> elements) const;
  Document operand(ast::ExprId id, Air air) const;
  Document branch(ast::ExprId id, Air air) const;
  Document document(const ast::Number&, Span span, Air) const;
  Document document(const ast::Boolean& boolean, Span, Air) const;
  Document document(const ast::Text& string, Span, Air) const;
  Document document(const ast::Name& name, Span, Air) const;
  Document document(const ast::List& list, Span span, Air air) const;
  Document for_clause(const ast::Ident& index, ast::ExprId low, ast::ExprId high) const;
  Document generator(const ast::Comprehension& value, Air air) const;
  Document document(const ast::Comprehension& comprehension, Span, Air air) const;
  Document document(const ast::Unary& unary, Span, Air air) const;
  Document document(const ast::Binary& binary, Span, Air air) const;
  Document document(const ast::Comparison& comparison, Span, Air air) const;
  Document document(const ast::If& choice, Span, Air air) const;
  Document document(const ast::Index& index, Span, Air air) const;
  Document document(const ast::Call& call, Span, Air air) const;
  Document document(const ast::Member& member, Span, Air air) const;
};

}  // namespace alea
