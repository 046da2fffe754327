// Syntax tree and text in, canonical text out. Statements are laid out from the tree; comments and single
// blank lines are put back from the text by position. A statement with a comment inside keeps its own lines,
// moved to its new indentation, because no rule could place that comment better than its author.
#include "dsl/format.h"

#include <algorithm>
#include <functional>
#include <optional>

#include "dsl/grammar/token.h"
#include "dsl/layout.h"

namespace alea {

namespace {

using namespace ast;
using grammar::Token;
using grammar::TokenKind;

constexpr int page_width = 110;
constexpr int block_indentation = 2;
constexpr int continuation = 4;  // of a statement's further lines

struct Line {
  std::string text;     // with its indentation
  std::string comment;  // at its end
};

// One statement or item of a block: where it is in the text, and what prints it.
struct Entry {
  uint32_t begin = 0, end = 0;
  std::function<void(int indentation)> print;
  bool is_block = false;  // stands apart from its neighbours
};

// How much air operators get. Products are tight inside other operators, so that precedence shows.
enum class Air : uint8_t {
  statement,  // `a * b`, `a + b`
  inside,     // `a*b`, `a + b`
  none,       // `a*b`, `a+b`: bounds of ranges and slices
};

std::string_view spelling(BinaryOp op) {
  switch (op) {
    case BinaryOp::logical_or: return "or";
    case BinaryOp::logical_and: return "and";
    case BinaryOp::add: return "+";
    case BinaryOp::subtract: return "-";
    case BinaryOp::multiply: return "*";
    case BinaryOp::divide: return "/";
    case BinaryOp::floor_divide: return "//";
    case BinaryOp::modulo: return "%";
    case BinaryOp::matmul: return "@";
    case BinaryOp::power: return "^";
  }
  return "";
}

int level(BinaryOp op) {
  switch (op) {
    case BinaryOp::logical_or: return 1;
    case BinaryOp::logical_and: return 2;
    case BinaryOp::add:
    case BinaryOp::subtract: return 5;
    case BinaryOp::multiply:
    case BinaryOp::divide:
    case BinaryOp::floor_divide:
    case BinaryOp::modulo:
    case BinaryOp::matmul: return 6;
    case BinaryOp::power: return 8;
  }
  return 0;
}

bool is_spaced(BinaryOp op, Air air) {
  switch (op) {
    case BinaryOp::logical_or:
    case BinaryOp::logical_and: return true;
    case BinaryOp::add:
    case BinaryOp::subtract:
    case BinaryOp::matmul: return air != Air::none;
    case BinaryOp::multiply:
    case BinaryOp::divide:
    case BinaryOp::floor_divide:
    case BinaryOp::modulo: return air == Air::statement;
    case BinaryOp::power: return false;
  }
  return true;
}

std::string_view spelling(CompareOp op) {
  switch (op) {
    case CompareOp::equal: return "==";
    case CompareOp::not_equal: return "!=";
    case CompareOp::less: return "<";
    case CompareOp::less_equal: return "<=";
    case CompareOp::greater: return ">";
    case CompareOp::greater_equal: return ">=";
  }
  return "";
}

Air inner(Air air) { return air == Air::none ? Air::none : Air::inside; }

class Formatter {
 public:
  Formatter(const SourceMap& sources, SourceId source, const File& file) : text_(sources[source].text()), file_(file) {
    Diagnostics ignored;  // the caller has seen them
    lexed_ = grammar::lex(sources, source, ignored);
  }

  std::string run() {
    std::vector<Entry> entries;
    for (const Item& item : file_.items) entries.push_back(entry(item));
    print_entries(entries, 0, static_cast<uint32_t>(text_.size()), 0);
    return joined_lines();
  }

 private:
  // ---- the text

  // The token that begins at `offset` or the first after it.
  size_t token_at(uint32_t offset) const {
    const auto at = std::lower_bound(lexed_.tokens.begin(), lexed_.tokens.end(), offset,
                                     [](const Token& token, uint32_t place) { return token.begin < place; });
    return static_cast<size_t>(at - lexed_.tokens.begin());
  }

  bool in_parentheses(Span span) const {
    const size_t first = token_at(span.begin), after = token_at(span.end);
    return first > 0 && lexed_.tokens[first - 1].kind == TokenKind::left_paren &&
           lexed_.tokens[after].kind == TokenKind::right_paren;
  }

  // The `{` of the block within the statement; expressions and types have none.
  std::optional<Token> opening_brace(Span span) const {
    for (size_t i = token_at(span.begin); lexed_.tokens[i].begin < span.end && lexed_.tokens[i].kind != TokenKind::end; ++i)
      if (lexed_.tokens[i].kind == TokenKind::left_brace) return lexed_.tokens[i];
    return std::nullopt;
  }

  bool has_comment(uint32_t begin, uint32_t end) const {
    const auto at = std::lower_bound(lexed_.comments.begin(), lexed_.comments.end(), begin,
                                     [](const grammar::Comment& comment, uint32_t place) { return comment.begin < place; });
    return at != lexed_.comments.end() && at->begin < end;
  }

  std::string source(Span span) const { return std::string(text_.substr(span.begin, span.end - span.begin)); }

  // ---- lines, comments and blank lines

  static std::string spaces(int count) { return std::string(static_cast<size_t>(count), ' '); }

  void print_document(const Document& document, int indentation) {
    const auto lines = lay_out(document, indentation, page_width);
    for (size_t i = 0; i < lines.size(); ++i) lines_.push_back({i == 0 ? spaces(indentation) + lines[i] : lines[i], {}});
  }

  // The statement as it is written, its lines moved together to the new indentation.
  void print_verbatim(uint32_t begin, uint32_t end, int indentation) {
    const size_t line_begin =
        text_.rfind('\n', begin) == std::string_view::npos || begin == 0 ? 0 : text_.rfind('\n', begin - 1) + 1;
    const int move = indentation - static_cast<int>(begin - line_begin);
    for (uint32_t at = begin; at < end;) {
      const uint32_t line_end = static_cast<uint32_t>(std::min<size_t>(text_.find('\n', at), end));
      std::string line(text_.substr(at, line_end - at));
      line.erase(line.find_last_not_of(" \t\r") + 1);
      if (at == begin) {
        line.insert(0, spaces(indentation));
      } else if (!line.empty()) {
        const size_t blanks = line.find_first_not_of(" \t");
        line = spaces(std::max(indentation, static_cast<int>(blanks) + move)) + line.substr(blanks);
      }
      lines_.push_back({std::move(line), {}});
      at = line_end + 1;
    }
    while (next_comment_ < lexed_.comments.size() && lexed_.comments[next_comment_].begin < end) ++next_comment_;
  }

  bool blank_line_between(uint32_t begin, uint32_t end) const {
    return begin < end && std::count(text_.begin() + begin, text_.begin() + end, '\n') > 1;
  }

  // A comment that follows on the line that ends at `end` goes to the line printed last.
  void attach_trailing_comment(uint32_t& end, uint32_t limit) {
    if (next_comment_ >= lexed_.comments.size()) return;
    const grammar::Comment& comment = lexed_.comments[next_comment_];
    if (comment.begin < end || comment.begin >= limit || comment.own_line || lines_.empty()) return;
    if (text_.substr(end, comment.begin - end).find('\n') != std::string_view::npos) return;
    lines_.back().comment = std::string(text_.substr(comment.begin, comment.end - comment.begin));
    end = comment.end;
    ++next_comment_;
  }

  void print_comments(uint32_t& end, uint32_t limit, int indentation, bool& first, bool after_block) {
    for (; next_comment_ < lexed_.comments.size() && lexed_.comments[next_comment_].begin < limit; ++next_comment_) {
      const grammar::Comment& comment = lexed_.comments[next_comment_];
      if (!first && (after_block || blank_line_between(end, comment.begin))) lines_.push_back({});
      lines_.push_back({spaces(indentation) + std::string(text_.substr(comment.begin, comment.end - comment.begin)), {}});
      end = comment.end;
      first = after_block = false;
    }
  }

  // Entries between `begin` (the end of a brace, or the file's beginning) and `limit`.
  void print_entries(const std::vector<Entry>& entries, uint32_t begin, uint32_t limit, int indentation) {
    uint32_t end = begin;
    bool first = true, after_block = false;
    if (begin > 0) attach_trailing_comment(end, entries.empty() ? limit : entries.front().begin);
    for (size_t i = 0; i < entries.size(); ++i) {
      const Entry& entry = entries[i];
      const size_t lines_before = lines_.size();
      print_comments(end, entry.begin, indentation, first, after_block);
      const bool commented = lines_.size() > lines_before;
      const bool apart = !commented && (after_block || entry.is_block);
      if (!first && (apart || blank_line_between(end, entry.begin))) lines_.push_back({});
      entry.print(indentation);
      end = entry.end;
      attach_trailing_comment(end, i + 1 < entries.size() ? entries[i + 1].begin : limit);
      first = false;
      after_block = entry.is_block;
    }
    print_comments(end, limit, indentation, first, after_block);
  }

  // `header {`, the entries, `}`.
  void print_block(const Document& header, Span span, const Token& brace, const std::vector<Entry>& entries, int indentation) {
    const uint32_t closing = span.end - 1;
    if (entries.empty() && !has_comment(span.begin, span.end)) {
      print_document(concat({header, words(" {}")}), indentation);
      return;
    }
    if (has_comment(span.begin, brace.begin)) print_verbatim(span.begin, brace.end, indentation);
    else print_document(concat({header, words(" {")}), indentation);
    print_entries(entries, brace.end, closing, indentation + block_indentation);
    lines_.push_back({spaces(indentation) + "}", {}});
  }

  void print_simple(const Document& document, Span span, int indentation) {
    if (has_comment(span.begin, span.end)) print_verbatim(span.begin, span.end, indentation);
    else print_document(document, indentation);
  }

  static size_t characters(const std::string& text) {
    return static_cast<size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
  }

  // Comments at the ends of neighbouring lines stand below each other.
  std::string joined_lines() const {
    std::string result;
    for (size_t i = 0; i < lines_.size();) {
      size_t end = i, column = 0;
      for (; end < lines_.size() && !lines_[end].comment.empty(); ++end)
        column = std::max(column, characters(lines_[end].text) + 2);
      if (end == i) {
        result += lines_[i++].text + "\n";
        continue;
      }
      for (; i < end; ++i)
        result += lines_[i].text + std::string(column - characters(lines_[i].text), ' ') + lines_[i].comment + "\n";
    }
    return result;
  }

  // ---- expressions

  Document separated(std::vector<Document> elements) const {
    // Each element goes to a new line only when it does not fit on this one.
    std::vector<Document> parts;
    for (size_t i = 0; i < elements.size(); ++i) {
      std::vector<Document> element;
      if (i > 0) element.push_back(line());
      element.push_back(std::move(elements[i]));
      if (i + 1 < elements.size()) element.push_back(words(","));
      parts.push_back(group(std::move(element)));
    }
    return indent(block_indentation, std::move(parts));
  }

  Document range(ExprId low, ExprId high) const {
    return concat({expression(low, Air::none), words(".."), expression(high, Air::none)});
  }

  Document operand(ExprId id, Air air) const {
    Document document = expression(id, air);
    if (!in_parentheses(file_.exprs[id].span)) return document;
    return concat({words("("), align({std::move(document)}), words(")")});
  }

  // A condition or a branch: a choice there keeps its parentheses.
  Document branch(ExprId id, Air air) const {
    return std::holds_alternative<If>(file_.exprs[id].value) ? operand(id, air) : expression(id, air);
  }

  Document expression(ExprId id, Air air) const {
    const Expr& expr = file_.exprs[id];
    return std::visit([&](const auto& value) { return document(value, expr.span, air); }, expr.value);
  }

  Document document(const Number&, Span span, Air) const { return words(source(span)); }
  Document document(const Boolean& boolean, Span, Air) const { return words(boolean.value ? "true" : "false"); }
  Document document(const Text& string, Span, Air) const { return words("\"" + string.value + "\""); }
  Document document(const Name& name, Span, Air) const { return words(name.name + (name.primed ? "'" : "")); }

  Document document(const List& list, Span span, Air air) const {
    std::vector<Document> elements;
    bool rows = list.elements.size() > 1;
    for (const ExprId element : list.elements) {
      elements.push_back(expression(element, inner(air)));
      rows = rows && std::holds_alternative<List>(file_.exprs[element].value);
    }
    if (!rows) return group({words("["), separated(std::move(elements)), words("]")});
    // A matrix has a line for each row if it does not fit on one line, or is written on several.
    std::vector<Document> parts;
    for (size_t i = 0; i < elements.size(); ++i) {
      if (i > 0) parts.push_back(concat({words(","), line()}));
      parts.push_back(std::move(elements[i]));
    }
    Document matrix = group({words("["), align(std::move(parts)), words("]")});
    matrix.broken = source(span).find('\n') != std::string::npos;
    return matrix;
  }

  Document for_clause(const Ident& index, ExprId low, ExprId high) const {
    return concat({words("for " + index.name + " in "), range(low, high)});
  }

  Document generator(const Comprehension& value, Air air) const {
    return align({expression(value.body, inner(air)), line(), for_clause(value.index, value.low, value.high)});
  }

  Document document(const Comprehension& comprehension, Span, Air air) const {
    return group({words("["), generator(comprehension, air), words("]")});
  }

  Document document(const Unary& unary, Span, Air air) const {
    const bool negation = unary.op == UnaryOp::negate;
    return concat({words(negation ? "-" : "not "), operand(unary.operand, negation ? inner(air) : air)});
  }

  Document document(const Binary& binary, Span, Air air) const {
    const bool spaced = is_spaced(binary.op, air);
    // A row of operators of one level breaks before all of them or none.
    struct Step {
      BinaryOp op;
      ExprId right;
    };
    std::vector<Step> steps;
    ExprId leftmost;
    const Binary* row = &binary;
    for (;;) {
      steps.push_back({row->op, row->right});
      leftmost = row->left;
      const auto* left = std::get_if<Binary>(&file_.exprs[leftmost].value);
      if (left == nullptr || level(left->op) != level(binary.op) || binary.op == BinaryOp::power ||
          is_spaced(left->op, air) != spaced || in_parentheses(file_.exprs[leftmost].span))
        break;
      row = left;
    }
    const Air within = inner(air);
    std::vector<Document> tail;
    for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
      const std::string op(spelling(step->op));
      if (spaced) tail.push_back(concat({line(), words(op + " "), operand(step->right, within)}));
      else tail.push_back(concat({words(op), operand(step->right, within)}));
    }
    return group({operand(leftmost, within), indent(level(binary.op) > 5 ? block_indentation : 0, std::move(tail))});
  }

  Document document(const Comparison& comparison, Span, Air air) const {
    std::vector<Document> parts{operand(comparison.operands[0], inner(air))};
    for (size_t i = 0; i < comparison.ops.size(); ++i)
      parts.push_back(concat(
          {line(), words(std::string(spelling(comparison.ops[i])) + " "), operand(comparison.operands[i + 1], inner(air))}));
    return group(std::move(parts));
  }

  Document document(const If& choice, Span, Air air) const {
    const Air within = inner(air);
    std::vector<Document> parts;
    const If* now = &choice;
    for (;;) {
      parts.push_back(concat({words("if "), branch(now->condition, within), words(" then "), branch(now->then_value, within),
                              line(), words("else ")}));
      const auto* next = std::get_if<If>(&file_.exprs[now->else_value].value);
      if (next == nullptr) break;
      now = next;
    }
    parts.push_back(expression(now->else_value, within));
    return group({align(std::move(parts))});
  }

  Document document(const Index& index, Span, Air air) const {
    std::vector<Document> subscripts;
    for (const Subscript& subscript : index.subscripts) {
      if (!subscript.slice) {
        subscripts.push_back(expression(subscript.index, inner(air)));
        continue;
      }
      std::vector<Document> parts;
      if (subscript.low) parts.push_back(expression(subscript.low, Air::none));
      parts.push_back(words(":"));
      if (subscript.high) parts.push_back(expression(subscript.high, Air::none));
      subscripts.push_back(concat(std::move(parts)));
    }
    return concat({operand(index.base, air), group({words("["), separated(std::move(subscripts)), words("]")})});
  }

  Document arguments(const std::vector<Argument>& list, Air air) const {
    std::vector<Document> parts;
    for (const Argument& argument : list) {
      Document value = expression(argument.value, inner(air));
      parts.push_back(argument.name.name.empty() ? std::move(value)
                                                 : concat({words(argument.name.name + " = "), std::move(value)}));
    }
    return group({words("("), separated(std::move(parts)), words(")")});
  }

  Document document(const Call& call, Span, Air air) const {
    if (!call.generator) return concat({operand(call.callee, air), arguments(call.arguments, air)});
    const auto& body = std::get<Comprehension>(file_.exprs[call.arguments[0].value].value);
    return concat({operand(call.callee, air), group({words("("), generator(body, air), words(")")})});
  }

  Document document(const Member& member, Span, Air air) const {
    Document base = operand(member.base, air);
    // `1 .x` must not become the number `1.` and a name.
    const bool number =
        std::holds_alternative<Number>(file_.exprs[member.base].value) && !in_parentheses(file_.exprs[member.base].span);
    if (number) base = concat({words("("), std::move(base), words(")")});
    return concat({std::move(base), words("." + member.name.name)});
  }

  // ---- parts of statements

  Document type(const TypeExpr& type) const {
    std::vector<Document> parts;
    switch (type.kind) {
      case TypeExpr::Kind::real: parts.push_back(words("real")); break;
      case TypeExpr::Kind::integer: parts.push_back(words("int")); break;
      case TypeExpr::Kind::boolean: parts.push_back(words("bool")); break;
      case TypeExpr::Kind::category:
        parts.push_back(concat({words("cat("), expression(type.categories, Air::inside), words(")")}));
        break;
    }
    if (!type.shape.empty()) {
      std::vector<Document> extents;
      for (const ExprId extent : type.shape) extents.push_back(expression(extent, Air::inside));
      parts.push_back(group({words("["), separated(std::move(extents)), words("]")}));
    }
    return concat(std::move(parts));
  }

  Document annotation(const std::optional<TypeExpr>& annotation) const {
    return annotation ? concat({words(": "), type(*annotation)}) : concat({});
  }
  Document value(ExprId id) const {
    return id ? concat({words(" = "), indent(continuation, {expression(id, Air::statement)})}) : concat({});
  }
  Document law(const std::optional<DistCall>& law) const {
    return law ? concat({words(" ~ " + law->name.name), indent(continuation, {arguments(law->arguments, Air::inside)})})
               : concat({});
  }
  Document estimator(const std::optional<Estimator>& estimator) const {
    if (!estimator) return concat({});
    std::vector<Document> parts{words("by " + estimator->name.name)};
    if (!estimator->arguments.empty()) parts.push_back(arguments(estimator->arguments, Air::inside));
    return group({indent(continuation, {line(), concat(std::move(parts))})});
  }
  Document formals(const std::vector<Formal>& list) const {
    std::vector<Document> parts;
    for (const Formal& formal : list) {
      Document preset = formal.default_value ? concat({words(" = "), expression(formal.default_value, Air::inside)}) : concat({});
      parts.push_back(concat({words(formal.name.name), annotation(formal.type), std::move(preset)}));
    }
    return group({words("("), indent(continuation - block_indentation, {separated(std::move(parts))}), words(")")});
  }
  Document result(const std::optional<TypeExpr>& result_type) const {
    return result_type ? concat({words(" -> "), type(*result_type)}) : concat({});
  }
  Document module_ref(const ModuleRef& module) const {
    std::string path;
    for (const Ident& part : module.path) path += (path.empty() ? "" : ".") + part.name;
    Document call = concat({words(path), indent(continuation, {arguments(module.arguments, Air::inside)})});
    for (auto range = module.ranges.rbegin(); range != module.ranges.rend(); ++range)
      call = group({words("["), std::move(call), indent(continuation, {line()}),
                    for_clause(range->index, range->low, range->high), words("]")});
    return call;
  }
  Document with_value(const std::string& word, ExprId id) const {
    return concat({words(word + " "), indent(continuation, {expression(id, Air::statement)})});
  }
  static std::string names(const std::vector<Ident>& list) {
    std::string result;
    for (const Ident& name : list) result += (result.empty() ? "" : ", ") + name.name;
    return result;
  }

  // ---- statements

  Entry simple(Document document, Span span) {
    return {span.begin, span.end,
            [this, document = std::move(document), span](int indentation) { print_simple(document, span, indentation); }};
  }

  std::vector<Entry> entries(const std::vector<Statement>& statements) {
    std::vector<Entry> result;
    for (const Statement& statement : statements) result.push_back(entry(statement));
    return result;
  }

  Entry entry(const Statement& statement) {
    return std::visit([&](const auto& value) { return entry(value, statement.span); }, statement.value);
  }
  Entry entry(const Item& item) {
    return std::visit([&](const auto& value) { return entry(value, item.span); }, item.value);
  }

  // A function in either form. A block that is nothing but `return e` is written `= e`.
  Entry function(Document header, const Block& body, Span span) {
    const auto brace = opening_brace(span);
    if (!brace || (body.binds.empty() && !has_comment(brace->begin, span.end))) {
      if (brace && has_comment(span.begin, brace->begin)) return unchanged(span);
      return simple(concat({std::move(header), value(body.result)}), span);
    }
    std::vector<Entry> all = entries(body.binds);
    all.push_back(return_entry(body, span));
    return {span.begin, span.end,
            [this, header = std::move(header), span, brace = *brace, all = std::move(all)](int indentation) {
              print_block(header, span, brace, all, indentation);
            }};
  }

  Entry unchanged(Span span) {
    return {span.begin, span.end, [this, span](int indentation) { print_verbatim(span.begin, span.end, indentation); }};
  }

  Entry return_entry(const Block& body, Span function_span) {
    const Span value_span = file_.exprs[body.result].span;
    size_t first = token_at(value_span.begin);
    while (lexed_.tokens[first].kind != TokenKind::kw_return) --first;
    size_t last = token_at(function_span.end - 1) - 1;
    while (lexed_.tokens[last].kind == TokenKind::semicolon) --last;
    return simple(with_value("return", body.result), lexed_.span(lexed_.tokens[first], lexed_.tokens[last]));
  }

  Entry block(Document header, const std::vector<Statement>& body, Span span) {
    Entry result{span.begin, span.end, {}, true};
    result.print = [this, header = std::move(header), span, brace = opening_brace(span), all = entries(body)](int indentation) {
      print_block(header, span, *brace, all, indentation);
    };
    return result;
  }

  Entry entry(const Const& statement, Span span) {
    return simple(concat({words("const " + statement.name.name), annotation(statement.type), value(statement.value)}), span);
  }
  Entry entry(const Let& statement, Span span) {
    return simple(concat({words("let [" + names(statement.names) + "]"), value(statement.value)}), span);
  }
  Entry entry(const Deterministic& statement, Span span) {
    const std::string observe = statement.observed ? "observe " : "";
    return simple(concat({words(observe + statement.name.name), annotation(statement.type), value(statement.value)}),
                  statement.observed ? with_word_before(span) : span);
  }
  Entry entry(const Stochastic& statement, Span span) {
    const std::string observe = statement.observed ? "observe " : "";
    return simple(concat({words(observe + statement.name.name), annotation(statement.type), law(statement.law),
                          estimator(statement.estimator)}),
                  statement.observed ? with_word_before(span) : span);
  }

  // `observe` is a word before the definition whose place the tree keeps.
  Span with_word_before(Span span) const {
    const size_t first = token_at(span.begin);
    if (lexed_.tokens[first].kind == TokenKind::kw_observe || first == 0) return span;
    return lexed_.span(lexed_.tokens[first - 1], lexed_.tokens[token_at(span.end) - 1]);
  }

  // A loop over one plain statement stands on one line when it fits there.
  Entry entry(const For& statement, Span span) {
    Document header = concat({words("for " + statement.index.name + " in "), range(statement.low, statement.high)});
    const auto brace = opening_brace(span);
    const bool may_be_short =
        statement.body.size() == 1 && !std::holds_alternative<For>(statement.body[0].value) && !has_comment(span.begin, span.end);
    return {
        span.begin, span.end,
        [this, header = std::move(header), span, brace = *brace, may_be_short, all = entries(statement.body)](int indentation) {
          if (!may_be_short || !print_on_one_line(header, all[0], indentation))
            print_block(header, span, brace, all, indentation);
        }};
  }

  bool print_on_one_line(const Document& header, const Entry& body, int indentation) {
    const size_t before = lines_.size();
    print_document(concat({header, words(" { ")}), indentation);
    body.print(0);
    std::string text = lines_[before].text + " " + lines_.back().text + " }";
    const bool fits = lines_.size() == before + 2 && characters(text) <= page_width;
    lines_.resize(before);
    if (fits) lines_.push_back({std::move(text), {}});
    return fits;
  }
  Entry entry(const Fn& statement, Span span) {
    return function(concat({words("fn " + statement.name.name), formals(statement.formals), result(statement.result_type)}),
                    statement.body, span);
  }
  Entry entry(const Param& statement, Span span) {
    Document kind = std::holds_alternative<TypeExpr>(statement.type) ? type(std::get<TypeExpr>(statement.type))
                                                                     : module_ref(std::get<ModuleRef>(statement.type));
    return simple(
        concat({words("param " + statement.name.name + ": "), std::move(kind), value(statement.value), law(statement.law)}),
        span);
  }
  Entry entry(const Input& statement, Span span) {
    return simple(concat({words("input " + statement.name.name + ": "), type(statement.type)}), span);
  }
  Entry entry(const Observe& statement, Span span) {
    return simple(words("observe " + names(statement.names)), with_word_before(span));
  }
  Entry entry(const Action& statement, Span span) {
    Document bounds = statement.low ? concat({words(" in ["), expression(statement.low, Air::inside), words(", "),
                                              expression(statement.high, Air::inside), words("]")})
                                    : concat({});
    return simple(concat({words("action " + statement.name.name + ": "), type(statement.type), std::move(bounds),
                          value(statement.default_value)}),
                  span);
  }
  Entry entry(const State& statement, Span span) {
    return simple(
        concat({words("state " + statement.name.name + ": "), type(statement.type), value(statement.value), law(statement.law)}),
        span);
  }
  Entry entry(const Next& statement, Span span) {
    return simple(
        concat({words(statement.state.name + "'"), value(statement.value), law(statement.law), estimator(statement.estimator)}),
        span);
  }
  Entry entry(const Objective& statement, Span span) {
    const std::string word = std::string(statement.final ? "final " : "") + (statement.reward ? "reward" : "cost");
    return simple(with_value(word, statement.value), span);
  }
  Entry entry(const Horizon& statement, Span span) { return simple(with_value("horizon", statement.value), span); }
  Entry entry(const Discount& statement, Span span) { return simple(with_value("discount", statement.value), span); }
  Entry entry(const Terminate& statement, Span span) { return simple(with_value("terminate", statement.condition), span); }
  Entry entry(const Support& statement, Span span) {
    Document what;
    switch (statement.kind) {
      case Support::Kind::real: what = words("real"); break;
      case Support::Kind::simplex: what = words("simplex"); break;
      case Support::Kind::integers: what = range(statement.low, statement.high); break;
      case Support::Kind::interval:
        what = concat({words(statement.low_open ? "(" : "["), expression(statement.low, Air::inside), words(", "),
                       expression(statement.high, Air::inside), words(statement.high_open ? ")" : "]")});
        break;
    }
    return simple(concat({words("support "), std::move(what)}), span);
  }
  Entry entry(const Logpdf& statement, Span span) {
    return function(words("logpdf(" + statement.value.name + ")"), statement.body, span);
  }
  Entry entry(const Entropy& statement, Span span) { return simple(concat({words("entropy"), value(statement.value)}), span); }
  Entry entry(const Sample& statement, Span span) { return simple(with_value("sample", statement.value), span); }
  Entry entry(const CallDef& statement, Span span) {
    return function(concat({words("call"), formals(statement.formals), result(statement.result_type)}), statement.body, span);
  }

  // ---- items

  Entry entry(const Import& item, Span span) {
    std::string text = "\"" + item.file + "\"";
    if (!item.path.empty()) {
      text.clear();
      for (const Ident& part : item.path) text += (text.empty() ? "" : ".") + part.name;
    }
    if (!item.alias.name.empty()) text += " as " + item.alias.name;
    return simple(words("import " + text), span);
  }
  Entry entry(const Module& item, Span span) {
    return block(concat({words("module " + item.name.name), formals(item.formals)}), item.body, span);
  }
  Entry entry(const Dist& item, Span span) {
    return block(concat({words("dist " + item.name.name), formals(item.formals)}), item.body, span);
  }
  Entry entry(const Graph& item, Span span) { return block(words("graph " + item.name.name), item.body, span); }
  Entry entry(const Mdp& item, Span span) { return block(words("mdp " + item.name.name), item.body, span); }
  Entry entry(const Policy& item, Span span) {
    return block(words("policy " + item.name.name + " for " + item.mdp.name), item.body, span);
  }

  Entry entry(const Instance& item, Span span) {
    // The tree keeps the parts apart; the text has their order.
    struct Part {
      uint32_t begin;
      Document document;
    };
    std::vector<Part> parts;
    for (const auto& [name, changed] : item.changes)
      parts.push_back({name.span.begin, concat({words(name.name), value(changed)})});
    const auto add_keyword = [&](ExprId id, TokenKind keyword) {
      if (!id) return;
      size_t at = token_at(file_.exprs[id].span.begin);
      while (lexed_.tokens[at].kind != keyword) --at;
      parts.push_back({lexed_.tokens[at].begin, with_value(std::string(grammar::spelling(keyword)), id)});
    };
    add_keyword(item.horizon, TokenKind::kw_horizon);
    add_keyword(item.discount, TokenKind::kw_discount);
    std::sort(parts.begin(), parts.end(), [](const Part& a, const Part& b) { return a.begin < b.begin; });

    std::vector<Entry> all;
    for (size_t i = 0; i < parts.size(); ++i) {
      size_t last = token_at(i + 1 < parts.size() ? parts[i + 1].begin : span.end - 1) - 1;
      while (lexed_.tokens[last].kind == TokenKind::semicolon) --last;
      all.push_back(simple(std::move(parts[i].document), {span.source, parts[i].begin, lexed_.tokens[last].end}));
    }
    Entry result{span.begin, span.end, {}, true};
    result.print = [this, header = words("instance " + item.name.name + " of " + item.of.name), span, brace = opening_brace(span),
                    all = std::move(all)](int indentation) { print_block(header, span, *brace, all, indentation); };
    return result;
  }

  std::string_view text_;
  const File& file_;
  grammar::Lexed lexed_;
  std::vector<Line> lines_;
  size_t next_comment_ = 0;  // the first that is not printed yet
};

}  // namespace

std::string format(const SourceMap& sources, SourceId source, const ast::File& file) {
  return Formatter(sources, source, file).run();
}

}  // namespace alea
