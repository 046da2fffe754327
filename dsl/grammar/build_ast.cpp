// Parse tree in, AST out. The tree is read from front to back, each node by the function of its kind; the
// grammar has seen to it that the children are there. Statements in a block that does not admit them are
// reported and left out. Expressions are added children first and never grow deeper than ast::max_nesting.
#include "dsl/grammar/build_ast.h"

#include <fmt/format.h>

#include <algorithm>

namespace alea::grammar {

namespace {

using Kind = DiagnosticKind;
using ast::ExprId;

enum class Place : uint8_t { file, function, loop, module, dist, graph, mdp, policy, instance };

const char* words(Place place) {
  switch (place) {
    case Place::file: return "at the top of a file";
    case Place::function: return "in a function's block";
    case Place::loop: return "in a `for` block";
    case Place::module: return "in a module";
    case Place::dist: return "in a distribution";
    case Place::graph: return "in a graph";
    case Place::mdp: return "in an mdp";
    case Place::policy: return "in a policy";
    case Place::instance: return "in an instance";
  }
  return "";
}

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

// An operator on its way into the tree. Higher binds tighter.
struct Operator {
  enum class Form : uint8_t { prefix, binary, comparison } form{};
  int level = 0;
  const Token* token = nullptr;
};

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

class Builder {
 public:
  Builder(const Lexed& lexed, const Tree& tree, Diagnostics& diagnostics)
      : lexed_(lexed), tree_(tree), diagnostics_(diagnostics) {
    file_.source = lexed.source;
  }

  ast::File run() {
    Children items(tree_.nodes, 0, static_cast<uint32_t>(tree_.nodes.size()));
    while (items.more()) item(items, items.next());
    return std::move(file_);
  }

 private:
  // What an operator has at its side: the expression, and its place with the parentheses around it.
  struct Operand {
    ExprId expr;
    Span place;
  };

  const Token& token(const Node& node) const { return lexed_.tokens[node.first_token]; }
  Span span(const Node& node) const {
    return lexed_.span(token(node), lexed_.tokens[std::max(node.first_token, node.last_token)]);
  }
  std::string text(const Node& node) const { return std::string(lexed_.text_of(token(node))); }
  static Span join(Span a, Span b) { return {a.source, std::min(a.begin, b.begin), std::max(a.end, b.end)}; }

  ast::Ident ident(const Node& node) const {
    ast::Ident result{text(node), lexed_.span(token(node), token(node))};
    if (token(node).kind == TokenKind::primed_name) result.name.pop_back();
    return result;
  }

  int depth(ExprId id) const { return id ? depths_[id] : 0; }
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
        diagnostics_.report(Kind::chain_too_long, place, {std::to_string(ast::max_nesting)},
                            "give parts of it names, or use `sum` or `prod`");
      too_deep_reported_ = true;
      depths_.add(1);
      return file_.exprs.add({ast::Number{}, place});
    }
    depths_.add(deepest + 1);
    return file_.exprs.add({std::move(value), place});
  }

  // ---- expressions

  ExprId expression(Children& children) {
    const Node& node = children.next();
    return node.kind == NodeKind::choice ? choice(children.of(node), node) : chain(children.of(node)).expr;
  }

  // The place with parentheses, for what the expression is an operand of.
  ExprId choice(Children children, const Node& node) {
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

  uint32_t keyword_before(uint32_t offset) const {
    const auto at = std::lower_bound(lexed_.tokens.begin(), lexed_.tokens.end(), offset,
                                     [](const Token& t, uint32_t o) { return t.begin < o; });
    return at == lexed_.tokens.begin() ? offset : (at - 1)->begin;
  }

  // Operator precedence with two stacks, so that no chain is too long for the machine.
  Operand chain(Children children) {
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

  bool is_prefix(const Node& node) const { return token(node).kind == TokenKind::minus || token(node).kind == TokenKind::kw_not; }

  void reduce(std::vector<Operand>& operands, std::vector<Operator>& operators) {
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
  Operand postfix(Children& parts, Span whole) {
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

  Operand primary(const Children& parts, const Node& node) {
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

  bool is_closed(const Token& string) const {
    const std::string_view text = lexed_.text_of(string);
    return text.size() > 1 && text.front() == '"' && text.back() == '"';
  }

  std::string unquoted(const Token& string) const {
    std::string_view inside = lexed_.text_of(string).substr(1);
    if (inside.ends_with('"')) inside.remove_suffix(1);
    return std::string(inside);
  }

  ExprId list(Children children, Span place) {
    if (!children.more()) return add(ast::List{}, place, {});
    const ExprId first = expression(children);
    if (children.next_is(NodeKind::for_clause)) return comprehension(first, children.next(), children, place);
    ast::List list{{first}};
    while (children.more()) list.elements.push_back(expression(children));
    const auto elements = list.elements;
    return add_over(std::move(list), place, elements);
  }

  ExprId comprehension(ExprId body, const Node& clause, const Children& around, Span place) {
    Children inner = around.of(clause);
    ast::Comprehension result{body, ident(inner.next()), {}, {}};
    result.low = expression(inner);
    result.high = expression(inner);
    const auto [low, high] = std::pair{result.low, result.high};
    return add(std::move(result), place, {body, low, high});
  }

  ast::Subscript subscript(Children children, Span place) {
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
  std::vector<ast::Argument> arguments(Children children, bool* generator = nullptr) {
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

  // ---- parts of statements

  ast::TypeExpr type_expr(Children& children) {
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

  std::optional<ast::TypeExpr> optional_type(Children& children) {
    if (!children.next_is(NodeKind::type)) return std::nullopt;
    return type_expr(children);
  }

  std::optional<ast::TypeExpr> result_type(Children& children) {
    if (!children.next_is(NodeKind::result_type)) return std::nullopt;
    Children inner = children.enter();
    return type_expr(inner);
  }

  ExprId value(Children& children) {
    if (!children.next_is(NodeKind::value)) return {};
    Children inner = children.enter();
    return expression(inner);
  }

  std::optional<ast::DistCall> law(Children& children) {
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

  std::optional<ast::Estimator> estimator(Children& children) {
    if (!children.next_is(NodeKind::estimator)) return std::nullopt;
    const Node& node = children.next();
    Children inner = children.of(node);
    ast::Estimator result;
    result.name = ident(inner.next());
    if (inner.more()) result.arguments = arguments(inner.enter());
    result.span = {lexed_.source, result.name.span.begin, span(node).end};  // without the `by`
    return result;
  }

  std::vector<ast::Formal> formals(Children& children) {
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

  ast::ModuleRef module_ref(Children& children) {
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

  static const char* belongs(NodeKind kind, bool stochastic) {
    switch (kind) {
      case NodeKind::const_:
      case NodeKind::param: return "at the top of a file, or in a graph, an mdp, a policy or a module";
      case NodeKind::let: return "in a graph, an mdp, a policy, a module or a function's block";
      case NodeKind::definition:
        return stochastic ? "in a graph, an mdp, a policy, a module or a distribution"
                          : "in a graph, an mdp, a policy, a module, a distribution or a function's block";
      case NodeKind::observe_names:
      case NodeKind::observe_definition: return "in an mdp or its policy";
      case NodeKind::for_:
      case NodeKind::return_: return "in a function's block";
      case NodeKind::fn: return "at the top of a file, or in a graph, an mdp or a policy";
      case NodeKind::input:
      case NodeKind::objective: return "in a graph, an mdp or a policy";
      case NodeKind::action:
      case NodeKind::terminate: return "in an mdp";
      case NodeKind::state:
      case NodeKind::next: return "in an mdp or its policy";
      case NodeKind::horizon:
      case NodeKind::discount: return "in an mdp or an instance";
      case NodeKind::support:
      case NodeKind::logpdf:
      case NodeKind::sample: return "in a distribution";
      case NodeKind::call:
        return "in a module";
        // clang-format off
      case NodeKind::token: case NodeKind::error: case NodeKind::choice: case NodeKind::chain: case NodeKind::operand:
      case NodeKind::parentheses: case NodeKind::list: case NodeKind::index: case NodeKind::subscript: case NodeKind::arguments:
      case NodeKind::argument: case NodeKind::member: case NodeKind::for_clause: case NodeKind::type: case NodeKind::shape:
      case NodeKind::categories: case NodeKind::law: case NodeKind::estimator: case NodeKind::value: case NodeKind::bounds:
      case NodeKind::modules: case NodeKind::module_list: case NodeKind::formals: case NodeKind::formal: case NodeKind::result_type:
      case NodeKind::block: case NodeKind::names: case NodeKind::import_: case NodeKind::module: case NodeKind::dist:
      case NodeKind::graph: case NodeKind::mdp: case NodeKind::policy: case NodeKind::instance:
        // clang-format on
        return "at the top of a file";
    }
    return "";
  }

  // Section 3 of the language, read by columns: what each block admits.
  static bool admits(Place place, NodeKind kind, bool stochastic) {
    using enum NodeKind;
    const bool is_item = kind == param || kind == input || kind == const_ || kind == NodeKind::fn || kind == let ||
                         kind == definition || kind == observe_names || kind == observe_definition || kind == action ||
                         kind == objective;
    switch (place) {
      case Place::file: return kind == const_ || kind == NodeKind::fn || kind == param;
      case Place::function:
      case Place::loop: return kind == let || kind == for_ || (kind == definition && !stochastic);
      case Place::module:
        return kind == param || kind == const_ || kind == let || kind == definition || kind == observe_names ||
               kind == observe_definition || kind == action || kind == call;
      case Place::dist: return kind == definition || kind == support || kind == sample || kind == logpdf;
      case Place::graph: return is_item;
      case Place::mdp:
        return is_item || kind == horizon || kind == discount || kind == state || kind == NodeKind::next || kind == terminate;
      case Place::policy: return is_item || kind == state || kind == NodeKind::next;
      case Place::instance: return (kind == definition && !stochastic) || kind == horizon || kind == discount;
    }
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

  const Lexed& lexed_;
  const Tree& tree_;
  Diagnostics& diagnostics_;
  ast::File file_;
  Table<ExprId, int> depths_;
  bool too_deep_reported_ = false;
  uint32_t argument_begin_ = 0;  // of the argument read last, for the comprehension it may be the body of
};

}  // namespace

ast::File build_ast(const Lexed& lexed, const Tree& tree, Diagnostics& diagnostics) {
  return Builder(lexed, tree, diagnostics).run();
}

}  // namespace alea::grammar
