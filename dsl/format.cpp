// Syntax tree and text in, canonical text out. Statements are laid out from the tree, as documents; where each begins and
// ends in the text decides which comments and blank lines come with it.
#include "dsl/format.h"

#include <algorithm>

#include "dsl/format_documents.h"
#include "dsl/format_lines.h"

namespace alea {

namespace {

using namespace ast;
using grammar::TokenKind;

class Formatter : FormatDocuments {
 public:
  Formatter(const FormatText& text, const File& file) : FormatDocuments(text, file), lines_(text) {}

  std::string run() {
    std::vector<Entry> entries;
    for (const Item& item : file_.items) entries.push_back(entry(item));
    lines_.print_entries(entries, 0, static_cast<uint32_t>(text_.text.size()), 0);
    return lines_.joined_lines();
  }

 private:
  // ---- statements

  Entry simple(Document document, Span span) {
    return {span.begin, span.end,
            [this, document = std::move(document), span](int indentation) { lines_.print_simple(document, span, indentation); }};
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
    const auto brace = text_.opening_brace(span);
    if (!brace || (body.binds.empty() && !text_.has_comment(brace->begin, span.end))) {
      if (brace && text_.has_comment(span.begin, brace->begin)) return unchanged(span);
      return simple(concat({std::move(header), value(body.result)}), span);
    }
    std::vector<Entry> all = entries(body.binds);
    all.push_back(return_entry(body, span));
    return {span.begin, span.end,
            [this, header = std::move(header), span, brace = *brace, all = std::move(all)](int indentation) {
              lines_.print_block(header, span, brace, all, indentation);
            }};
  }

  Entry unchanged(Span span) {
    return {span.begin, span.end, [this, span](int indentation) { lines_.print_verbatim(span.begin, span.end, indentation); }};
  }

  Entry return_entry(const Block& body, Span function_span) {
    const Span value_span = file_.exprs[body.result].span;
    size_t first = text_.token_at(value_span.begin);
    while (text_.lexed.tokens[first].kind != TokenKind::kw_return) --first;
    size_t last = text_.token_at(function_span.end - 1) - 1;
    while (text_.lexed.tokens[last].kind == TokenKind::semicolon) --last;
    return simple(with_value("return", body.result), text_.lexed.span(text_.lexed.tokens[first], text_.lexed.tokens[last]));
  }

  Entry block(Document header, const std::vector<Statement>& body, Span span) {
    Entry result{span.begin, span.end, {}, true};
    result.print = [this, header = std::move(header), span, brace = text_.opening_brace(span),
                    all = entries(body)](int indentation) { lines_.print_block(header, span, *brace, all, indentation); };
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
    const size_t first = text_.token_at(span.begin);
    if (text_.lexed.tokens[first].kind == TokenKind::kw_observe || first == 0) return span;
    return text_.lexed.span(text_.lexed.tokens[first - 1], text_.lexed.tokens[text_.token_at(span.end) - 1]);
  }

  // A loop over one plain statement stands on one line when it fits there.
  Entry entry(const For& statement, Span span) {
    Document header = concat({words("for " + statement.index.name + " in "), range(statement.low, statement.high)});
    const auto brace = text_.opening_brace(span);
    const bool may_be_short = statement.body.size() == 1 && !std::holds_alternative<For>(statement.body[0].value) &&
                              !text_.has_comment(span.begin, span.end);
    return {
        span.begin, span.end,
        [this, header = std::move(header), span, brace = *brace, may_be_short, all = entries(statement.body)](int indentation) {
          if (!may_be_short || !lines_.print_on_one_line(header, all[0], indentation))
            lines_.print_block(header, span, brace, all, indentation);
        }};
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
      size_t at = text_.token_at(file_.exprs[id].span.begin);
      while (text_.lexed.tokens[at].kind != keyword) --at;
      parts.push_back({text_.lexed.tokens[at].begin, with_value(std::string(grammar::spelling(keyword)), id)});
    };
    add_keyword(item.horizon, TokenKind::kw_horizon);
    add_keyword(item.discount, TokenKind::kw_discount);
    std::sort(parts.begin(), parts.end(), [](const Part& a, const Part& b) { return a.begin < b.begin; });

    std::vector<Entry> all;
    for (size_t i = 0; i < parts.size(); ++i) {
      size_t last = text_.token_at(i + 1 < parts.size() ? parts[i + 1].begin : span.end - 1) - 1;
      while (text_.lexed.tokens[last].kind == TokenKind::semicolon) --last;
      all.push_back(simple(std::move(parts[i].document), {span.source, parts[i].begin, text_.lexed.tokens[last].end}));
    }
    Entry result{span.begin, span.end, {}, true};
    result.print = [this, header = words("instance " + item.name.name + " of " + item.of.name), span,
                    brace = text_.opening_brace(span),
                    all = std::move(all)](int indentation) { lines_.print_block(header, span, *brace, all, indentation); };
    return result;
  }

  FormatLines lines_;
};

}  // namespace

std::string format(const SourceMap& sources, SourceId source, const ast::File& file) {
  const FormatText text(sources, source);
  return Formatter(text, file).run();
}

}  // namespace alea
