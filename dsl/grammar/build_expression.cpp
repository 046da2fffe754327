// Operators stay flat in the parse tree: precedence is folded here, with stacks, and comparison chains and `else if` with
// loops, so that no row is too long for the machine.
#include "dsl/grammar/build_expression.h"

#include <fmt/format.h>

namespace alea::grammar {

using Kind = DiagnosticKind;

namespace {

int level_of(TokenKind kind) {
  using enum TokenKind;
  if (kind == kw_or) return 1;
  if (kind == kw_and) return 2;
  if (kind >= equal && kind <= greater_equal) return 4;
  if (kind == plus || kind == minus) return 5;
  return kind == caret ? 8 : 6;
}
constexpr int level_of_not = 3, level_of_negation = 7;

ast::BinaryOp binary_op(TokenKind kind) {
  using enum TokenKind;
  if (kind == kw_or) return ast::BinaryOp::logical_or;
  if (kind == kw_and) return ast::BinaryOp::logical_and;
  if (kind == plus) return ast::BinaryOp::add;
  if (kind == minus) return ast::BinaryOp::subtract;
  if (kind == star) return ast::BinaryOp::multiply;
  if (kind == slash) return ast::BinaryOp::divide;
  if (kind == floor_slash) return ast::BinaryOp::floor_divide;
  if (kind == percent) return ast::BinaryOp::modulo;
  return kind == at ? ast::BinaryOp::matmul : ast::BinaryOp::power;
}

ast::CompareOp compare_op(TokenKind kind) {
  using enum TokenKind;
  if (kind == equal) return ast::CompareOp::equal;
  if (kind == not_equal) return ast::CompareOp::not_equal;
  if (kind == less) return ast::CompareOp::less;
  if (kind == less_equal) return ast::CompareOp::less_equal;
  return kind == greater ? ast::CompareOp::greater : ast::CompareOp::greater_equal;
}

}  // namespace

// An operator on its way into the tree. Higher binds tighter.
struct ExpressionBuilder::Operator {
  enum class Form : uint8_t { prefix, binary, comparison } form{};
  int level = 0;
  const Token* token = nullptr;
};

const Token& ExpressionBuilder::token(const Node& node) const { return lexed_.tokens[node.first_token]; }

Span ExpressionBuilder::span(const Node& node) const {
  return lexed_.span(token(node), lexed_.tokens[std::max(node.first_token, node.last_token)]);
}

std::string ExpressionBuilder::text(const Node& node) const { return std::string(lexed_.text_of(token(node))); }

Span ExpressionBuilder::join(Span a, Span b) { return {a.source, std::min(a.begin, b.begin), std::max(a.end, b.end)}; }

ast::Ident ExpressionBuilder::ident(const Node& node) const {
  ast::Ident result{text(node), lexed_.span(token(node), token(node))};
  if (token(node).kind == TokenKind::primed_name) result.name.pop_back();
  return result;
}

int ExpressionBuilder::depth(ExprId id) const { return id ? depths_[id] : 0; }

ast::ExprId ExpressionBuilder::expression(Children& children) {
  const Node& node = children.next();
  return node.kind == NodeKind::choice ? choice(children.of(node), node) : chain(children.of(node)).expr;
}

// The place with parentheses, for what the expression is an operand of.
ast::ExprId ExpressionBuilder::choice(Children children, const Node& node) {
  std::vector<ExprId> parts;
  std::vector<Span> places;  // of each `if`, for the nested ones
  while (children.more()) {
    const Node& part = children.peek();
    places.push_back(span(part));
    parts.push_back(expression(children));
  }
  const uint32_t end = span(node).end;
  ExprId result = parts.back();
  for (size_t i = parts.size() - 1; i >= 2; i -= 2) {
    // An inner `if` begins at its keyword, one token before its condition.
    const uint32_t begin = i == 2 ? span(node).begin : keyword_before(places[i - 2].begin);
    const int deepest = std::max({depth(parts[i - 2]), depth(parts[i - 1]), depth_in_row<ast::If>(result)});
    result = add_at(ast::If{parts[i - 2], parts[i - 1], result}, {lexed_.source, begin, end}, deepest);
  }
  return result;
}

uint32_t ExpressionBuilder::keyword_before(uint32_t offset) const {
  const auto at = std::lower_bound(lexed_.tokens.begin(), lexed_.tokens.end(), offset,
                                   [](const Token& t, uint32_t o) { return t.begin < o; });
  return at == lexed_.tokens.begin() ? offset : (at - 1)->begin;
}

// Operator precedence with two stacks, so that no chain is too long for the machine.
ExpressionBuilder::Operand ExpressionBuilder::chain(Children children) {
  std::vector<Operand> operands;
  std::vector<Operator> operators;
  const Token* before = nullptr;  // the operator before the operand
  for (;;) {
    const Node& node = children.next();
    Children parts = children.of(node);
    while (parts.next_is(NodeKind::token) && is_prefix(parts.peek())) {
      const Token& sign = token(parts.next());
      const bool negation = sign.kind == TokenKind::minus;
      const int level = negation ? level_of_negation : level_of_not;
      const bool loose_before = before == nullptr || before->kind == TokenKind::kw_and || before->kind == TokenKind::kw_or ||
                                before->kind == TokenKind::kw_not;
      if (!negation && !loose_before)
        diagnostics_.report(Kind::not_needs_parentheses, lexed_.span(sign, sign), {std::string(lexed_.text_of(*before))},
                            "write `(not a)`");
      operators.push_back({Operator::Form::prefix, level, &sign});
      before = &sign;
    }
    operands.push_back(postfix(parts, span(node)));
    if (!children.more()) break;
    const Token& sign = token(children.next());
    const int level = level_of(sign.kind);
    const bool compares = level == level_of(TokenKind::equal);
    const bool right_associative = sign.kind == TokenKind::caret;
    while (!operators.empty() &&
           (operators.back().level > level || (operators.back().level == level && !right_associative && !compares)))
      reduce(operands, operators);
    operators.push_back({compares ? Operator::Form::comparison : Operator::Form::binary, level, &sign});
    before = &sign;
  }
  while (!operators.empty()) reduce(operands, operators);
  return operands.back();
}

bool ExpressionBuilder::is_prefix(const Node& node) const {
  return token(node).kind == TokenKind::minus || token(node).kind == TokenKind::kw_not;
}

void ExpressionBuilder::reduce(std::vector<Operand>& operands, std::vector<Operator>& operators) {
  const Operator top = operators.back();
  operators.pop_back();
  const Operand right = operands.back();
  operands.pop_back();
  switch (top.form) {
    case Operator::Form::prefix: {
      const auto op = top.token->kind == TokenKind::minus ? ast::UnaryOp::negate : ast::UnaryOp::logical_not;
      const Span place = join(lexed_.span(*top.token, *top.token), right.place);
      operands.push_back({add(ast::Unary{op, right.expr}, place, {right.expr}), place});
      break;
    }
    case Operator::Form::binary: {
      Operand& left = operands.back();
      const Span place = join(left.place, right.place);
      const int deepest = std::max(depth_in_row<ast::Binary>(left.expr), depth(right.expr));
      left = {add_at(ast::Binary{binary_op(top.token->kind), left.expr, right.expr}, place, deepest), place};
      break;
    }
    case Operator::Form::comparison: {
      ast::Comparison comparison;
      comparison.operands = {right.expr};
      comparison.ops = {compare_op(top.token->kind)};
      while (!operators.empty() && operators.back().form == Operator::Form::comparison) {
        comparison.operands.push_back(operands.back().expr);
        operands.pop_back();
        comparison.ops.push_back(compare_op(operators.back().token->kind));
        operators.pop_back();
      }
      comparison.operands.push_back(operands.back().expr);
      std::reverse(comparison.operands.begin(), comparison.operands.end());
      std::reverse(comparison.ops.begin(), comparison.ops.end());
      const Span place = join(operands.back().place, right.place);
      const auto children = comparison.operands;
      operands.back() = {add_over(std::move(comparison), place, children), place};
      break;
    }
  }
}

// Comes in: the parts after the prefixes. `whole` reaches from the prefixes to the last part.
ExpressionBuilder::Operand ExpressionBuilder::postfix(Children& parts, Span whole) {
  const Node& first = parts.next();
  Operand result = primary(parts, first);
  while (parts.more()) {
    const Node& part = parts.next();
    const Span place = join(result.place, span(part));
    const ExprId base = result.expr;
    if (part.kind == NodeKind::member) {
      Children inner = parts.of(part);
      result = {add(ast::Member{base, ident(inner.next())}, place, {base}), place};
    } else if (part.kind == NodeKind::index) {
      ast::Index index{base, {}};
      std::vector<ExprId> all{base};
      for (Children inner = parts.of(part); inner.more();) {
        const Node& node = inner.next();
        index.subscripts.push_back(subscript(inner.of(node), span(node)));
        const ast::Subscript& added = index.subscripts.back();
        all.insert(all.end(), {added.index, added.low, added.high});
      }
      result = {add_over(std::move(index), place, all), place};
    } else {
      ast::Call call{base, {}, false};
      call.arguments = arguments(parts.of(part), &call.generator);
      std::vector<ExprId> all{base};
      for (const auto& argument : call.arguments) all.push_back(argument.value);
      result = {add_over(std::move(call), place, all), place};
    }
  }
  result.place.end = whole.end;
  return result;
}

ExpressionBuilder::Operand ExpressionBuilder::primary(const Children& parts, const Node& node) {
  const Span place = span(node);
  if (node.kind == NodeKind::parentheses) {
    Children inner = parts.of(node);
    return {expression(inner), place};
  }
  if (node.kind == NodeKind::list) return {list(parts.of(node), place), place};
  const Token& atom = token(node);
  if (atom.kind == TokenKind::integer || atom.kind == TokenKind::real_number)
    return {add(ast::Number{number_value(lexed_.text_of(atom)), atom.kind == TokenKind::integer}, place, {}), place};
  if (atom.kind == TokenKind::kw_true || atom.kind == TokenKind::kw_false)
    return {add(ast::Boolean{atom.kind == TokenKind::kw_true}, place, {}), place};
  if (atom.kind == TokenKind::string) return {add(ast::Text{unquoted(atom)}, place, {}), place};
  return {add(ast::Name{ident(node).name, atom.kind == TokenKind::primed_name}, place, {}), place};
}

bool ExpressionBuilder::is_closed(const Token& string) const {
  const std::string_view text = lexed_.text_of(string);
  return text.size() > 1 && text.front() == '"' && text.back() == '"';
}

std::string ExpressionBuilder::unquoted(const Token& string) const {
  std::string_view inside = lexed_.text_of(string).substr(1);
  if (inside.ends_with('"')) inside.remove_suffix(1);
  return std::string(inside);
}

ast::ExprId ExpressionBuilder::list(Children children, Span place) {
  if (!children.more()) return add(ast::List{}, place, {});
  const ExprId first = expression(children);
  if (children.next_is(NodeKind::for_clause)) return comprehension(first, children.next(), children, place);
  ast::List list{{first}};
  while (children.more()) list.elements.push_back(expression(children));
  const auto elements = list.elements;
  return add_over(std::move(list), place, elements);
}

ast::ExprId ExpressionBuilder::comprehension(ExprId body, const Node& clause, const Children& around, Span place) {
  Children inner = around.of(clause);
  ast::Comprehension result{body, ident(inner.next()), {}, {}};
  result.low = expression(inner);
  result.high = expression(inner);
  const auto [low, high] = std::pair{result.low, result.high};
  return add(std::move(result), place, {body, low, high});
}

ast::Subscript ExpressionBuilder::subscript(Children children, Span place) {
  ast::Subscript result;
  result.span = place;
  ExprId first;
  if (!children.next_is(NodeKind::token)) first = expression(children);
  if (!children.more()) {
    result.index = first;
    return result;
  }
  children.next();  // the colon
  result.slice = true;
  result.low = first;
  if (children.more()) result.high = expression(children);
  return result;
}

// `generator` is null where the language admits no comprehension.
std::vector<ast::Argument> ExpressionBuilder::arguments(Children children, bool* generator) {
  std::vector<ast::Argument> result;
  while (children.more()) {
    const Node& node = children.next();
    if (node.kind == NodeKind::for_clause) {
      const Span clause = span(node);
      if (generator == nullptr || !result.back().name.name.empty()) {
        diagnostics_.report(Kind::unexpected_token, lexed_.span(token(node), token(node)), {"`,` or `)`", "`for`"},
                            "write a list: `[e for i in low..high]`");
        continue;
      }
      *generator = true;
      const Span place{lexed_.source, argument_begin_, clause.end};
      result.back().value = comprehension(result.back().value, node, children, place);
      continue;
    }
    Children inner = children.of(node);
    argument_begin_ = span(node).begin;
    const uint32_t begin = argument_begin_;
    ast::Argument argument;
    if (inner.next_is(NodeKind::token)) argument.name = ident(inner.next());
    argument.value = expression(inner);
    argument_begin_ = begin;  // inner calls have moved it
    result.push_back(std::move(argument));
  }
  return result;
}

ast::TypeExpr ExpressionBuilder::type_expr(Children& children) {
  const Node& node = children.next();
  Children inner = children.of(node);
  ast::TypeExpr type;
  type.span = span(node);
  const TokenKind kind = token(inner.next()).kind;
  type.kind = kind == TokenKind::kw_real   ? ast::TypeExpr::Kind::real
              : kind == TokenKind::kw_int  ? ast::TypeExpr::Kind::integer
              : kind == TokenKind::kw_bool ? ast::TypeExpr::Kind::boolean
                                           : ast::TypeExpr::Kind::category;
  if (inner.next_is(NodeKind::categories)) {
    Children count = inner.enter();
    type.categories = expression(count);
  }
  if (inner.next_is(NodeKind::shape))
    for (Children extents = inner.enter(); extents.more();) type.shape.push_back(expression(extents));
  return type;
}

std::optional<ast::TypeExpr> ExpressionBuilder::optional_type(Children& children) {
  if (!children.next_is(NodeKind::type)) return std::nullopt;
  return type_expr(children);
}

std::optional<ast::TypeExpr> ExpressionBuilder::result_type(Children& children) {
  if (!children.next_is(NodeKind::result_type)) return std::nullopt;
  Children inner = children.enter();
  return type_expr(inner);
}

ast::ExprId ExpressionBuilder::value(Children& children) {
  if (!children.next_is(NodeKind::value)) return {};
  Children inner = children.enter();
  return expression(inner);
}

std::optional<ast::DistCall> ExpressionBuilder::law(Children& children) {
  if (!children.next_is(NodeKind::law)) return std::nullopt;
  const Node& node = children.next();
  Children inner = children.of(node);
  ast::DistCall result;
  result.name = ident(inner.next());
  result.arguments = arguments(inner.enter());
  result.span = join(result.name.span, span(node));
  result.span.begin = result.name.span.begin;  // without the `~`
  return result;
}

std::optional<ast::Estimator> ExpressionBuilder::estimator(Children& children) {
  if (!children.next_is(NodeKind::estimator)) return std::nullopt;
  const Node& node = children.next();
  Children inner = children.of(node);
  ast::Estimator result;
  result.name = ident(inner.next());
  if (inner.more()) result.arguments = arguments(inner.enter());
  result.span = {lexed_.source, result.name.span.begin, span(node).end};  // without the `by`
  return result;
}

std::vector<ast::Formal> ExpressionBuilder::formals(Children& children) {
  std::vector<ast::Formal> result;
  for (Children each = children.enter(); each.more();) {
    Children inner = each.enter();
    ast::Formal formal;
    formal.name = ident(inner.next());
    formal.type = optional_type(inner);
    formal.default_value = value(inner);
    result.push_back(std::move(formal));
  }
  return result;
}

ast::ModuleRef ExpressionBuilder::module_ref(Children& children) {
  const Node& node = children.next();
  Children inner = children.of(node);
  if (node.kind == NodeKind::module_list) {
    ast::ModuleRef result = module_ref(inner);
    result.span = span(node);
    Children clause = inner.enter();
    ast::ModuleRange range{ident(clause.next()), {}, {}};
    range.low = expression(clause);
    range.high = expression(clause);
    result.ranges.insert(result.ranges.begin(), std::move(range));
    return result;
  }
  ast::ModuleRef result;
  while (inner.next_is(NodeKind::token)) result.path.push_back(ident(inner.next()));
  result.arguments = arguments(inner.enter());
  result.span = span(node);
  return result;
}

}  // namespace alea::grammar
