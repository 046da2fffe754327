// Syntax errors in the user's terms. Comes in: where the grammar stopped and what it expected there. Goes
// out: one diagnostic, as specific as the tokens around allow, with the likely mend.
#include <fmt/format.h>

#include "dsl/ast.h"
#include "dsl/grammar/spirit.h"

namespace alea::grammar {

namespace {

using enum TokenKind;
using Kind = DiagnosticKind;

std::string spelt(const State& state, const Token& token) {
  constexpr size_t longest = 40;
  std::string_view text = state.lexed.text_of(token);
  if (text.size() <= longest) return std::string(text);
  text = text.substr(0, longest);
  while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xC0) == 0x80) text.remove_suffix(1);
  if (!text.empty() && static_cast<unsigned char>(text.back()) >= 0xC0) text.remove_suffix(1);
  return std::string(text) + "...";
}

std::string found(const State& state, const Token& token) {
  if (token.kind == TokenKind::end) return "the end of the file";
  return fmt::format("`{}`", spelt(state, token));
}

bool is_closing(TokenKind kind) { return kind == right_paren || kind == right_bracket || kind == right_brace; }
bool is_operator(TokenKind kind) { return kind == kw_or || kind == kw_and || kind == kw_not || (kind >= equal && kind <= caret); }

// The bracket that is open at `where`, looking back no further than the block's brace.
Iterator open_bracket(const State& state, Iterator where) {
  int closed = 0;
  for (Iterator at = where; at-- != state.lexed.tokens.data();) {
    if (at->kind == right_paren || at->kind == right_bracket) ++closed;
    if (at->kind == left_paren || at->kind == left_bracket) {
      if (closed == 0) return at;
      --closed;
    }
    if (at->kind == left_brace || at->kind == right_brace) break;
  }
  return where;
}

// The `if` that lacks something at `where`.
Iterator open_if(const State& state, Iterator where) {
  int closed = 0;
  for (Iterator at = where; at-- != state.lexed.tokens.data();) {
    if (at->kind == kw_else) ++closed;
    if (at->kind == kw_if && closed-- == 0) return at;
  }
  return where;
}

// The name `word` shortly before `where`, on its line; null when there is none.
Iterator word_on_line(const State& state, Iterator where, std::string_view word) {
  const Token* base = state.lexed.tokens.data();
  for (Iterator at = where;; --at) {
    if (at->kind == name && state.lexed.text_of(*at) == word) return at;
    if (at == base || at->first_on_line || where - at > 8) return nullptr;
  }
}

struct Explainer {
  State& state;
  Iterator where;
  const std::string& expected;

  bool expects(std::string_view words) const { return expected.find(words) != std::string::npos; }
  bool at_start() const { return where == state.lexed.tokens.data(); }
  TokenKind before() const { return at_start() ? TokenKind::end : where[-1].kind; }
  void report(Kind kind, const Token& first, const Token& last, const std::vector<std::string>& arguments,
              std::string hint = {}) const {
    state.diagnostics.report(kind, state.lexed.span(first, last), arguments, std::move(hint));
  }
  void report(Kind kind, const std::vector<std::string>& arguments = {}, std::string hint = {}) const {
    report(kind, *where, *where, arguments, std::move(hint));
  }

  // What people write who come from other languages.
  bool explain_foreign_habits() const {
    const Token& token = *where;
    const Iterator python_lambda = word_on_line(state, where, "lambda");
    if (python_lambda != nullptr || token.kind == arrow) {
      const Token& place = python_lambda != nullptr ? *python_lambda : token;
      report(Kind::lambda, place, place, {}, "define a function, `fn f(x) = …`, and name it");
      return true;
    }
    if (token.kind == equal && expects("`=`")) {
      report(Kind::double_equals, {}, "write `=`");
      return true;
    }
    if (token.kind == name && state.lexed.text_of(token) == "elif" && (expects("`else`") || expects("statement"))) {
      report(Kind::elif_word, {}, "write `else if`");
      return true;
    }
    if (expects("a statement") && token.kind == kw_if) {
      if (token.first_on_line) report(Kind::if_statement, {}, "name the value: `x = if c then a else b`");
      else report(Kind::python_conditional, {}, "write `if c then a else b`");
      return true;
    }
    if (expects("`then`") || expects("`else`")) {
      const Token& keyword = *open_if(state, where);
      report(expects("`then`") ? Kind::missing_then : Kind::missing_else, keyword, keyword, {found(state, token)},
             "write `if c then a else b`");
      return true;
    }
    return false;
  }

  bool explain_names() const {
    const Token& token = *where;
    if (token.kind == primed_name &&
        (expects("a name") || expects("the name") || expects("mdp's name") || expects("module's name"))) {
      std::string plain = spelt(state, token);
      plain.pop_back();
      report(Kind::misplaced_prime, {spelt(state, token)}, fmt::format("write `{}`", plain));
      return true;
    }
    const bool wants_name =
        expected == "a name" || expected == "a name or `)`" || expects("name of") || expected == "a distribution";
    if (is_keyword(token.kind) &&
        (wants_name || (expects("a statement") && (token.kind == kw_learner || token.kind == kw_extern)))) {
      report(Kind::reserved_name, {spelt(state, token)}, fmt::format("choose another name, such as `{}_`", spelt(state, token)));
      return true;
    }
    return false;
  }

  bool explain_brackets() const {
    const Token& token = *where;
    const bool wants_closing = expects("`)`") || expects("`]`");
    const bool statement_over =
        token.kind == TokenKind::end || token.kind == right_brace || token.kind == left_brace || begins_statement(where);
    if (wants_closing && statement_over) {
      const Iterator open = open_bracket(state, where);
      if (open != where) {
        report(Kind::unclosed_bracket, *open, *open,
               {spelt(state, *open), open->kind == left_paren ? ")" : "]", found(state, token)});
        return true;
      }
    }
    if (expects("a statement") && is_closing(token.kind)) {
      report(Kind::stray_closing, {spelt(state, token)}, "remove it, or open what it closes");
      return true;
    }
    return false;
  }

  std::string hint() const {
    const Token& token = *where;
    if (expects("an expression") && is_closing(token.kind) && before() == comma) return "remove the comma before it";
    if (expects("`..`")) return "a range is written `low..high`";
    if (expects("`{`") && token.kind == colon) return "a block stands in braces";
    if (expects("a statement") &&
        (token.kind == name || token.kind == integer || token.kind == real_number || token.kind == left_paren) &&
        !token.first_on_line)
      return "a product is written with `*`";
    if (expects("a statement") && token.kind == assign) return "a statement defines one name";
    if ((expects("`)`") || expects("`]`")) && (token.kind == name || token.kind == integer || token.kind == real_number))
      return "elements are separated by commas, and a product is written with `*`";
    if (expects("`)`") && token.kind == assign) return "only a plain name can stand before `=` in arguments";
    if (expected == "`=`, `~` or `:`" && !at_start()) {
      const std::string word = spelt(state, where[-1]);
      if (word == "def" || word == "function" || word == "func") return "a function is written `fn f(x) = …`";
      if (word == "var" || word == "val" || word == "set") return "a definition is written `x = …`";
      if (token.kind == left_bracket) return "a definition names a whole value: `x = [a, b]`";
      if (word == "while") return "only `for i in low..high { … }` repeats, in a function's block";
    }
    if (expects("the distribution's arguments")) return "a distribution is called: `~ normal(0, 1)`";
    return {};
  }

  // `grpah g {`, `parm w: real`, `coost x`: a word that nearly begins such a statement here, before what can follow it.
  bool explain_misspelt_word() const {
    // The word stands before the failure at a line's beginning, at it elsewhere.
    const bool passed = expected == "`=`, `~` or `:`" && !at_start();
    if (!passed && !(expected == "a statement" && where->kind == name)) return false;
    const Token* const word = passed ? where - 1 : where;
    const TokenKind next = word[1].kind;
    if (next == TokenKind::end || next == equal || word[1].first_on_line) return false;
    if (!passed && next != name && before() != left_brace && before() != right_brace && before() != semicolon) return false;
    const bool names_something = next == name && (word[2].kind == colon || word[2].kind == assign || word[2].kind == tilde);
    std::vector<std::string> naming, valued;
    if (state.open_blocks.empty()) {
      naming = {"graph", "mdp", "policy", "module", "dist", "instance", "import", "const", "fn", "param"};
    } else {
      naming = {"const", "fn", "let", "for", "param", "input", "state", "observe", "action", "call", "support", "logpdf"};
      valued = {"cost", "reward", "final", "horizon", "discount", "terminate", "return", "sample", "observe"};
    }
    std::vector<std::string>&first = names_something || valued.empty() ? naming : valued,
    &second = &first == &naming ? valued : naming;
    first.insert(first.end(), second.begin(), second.end());
    const std::string near = nearest(spelt(state, *word), first);
    if (near.empty()) return false;
    report(Kind::unexpected_token, *word, *word, {"a statement", found(state, *word)}, fmt::format("did you mean `{}`?", near));
    return true;
  }

  bool explain_types() const {
    const bool is_type = expects("a type") && where->kind == name;
    const bool was_type = expects("the module's arguments") && before() == name;
    if (!is_type && !was_type) return false;
    const Token& token = is_type ? *where : where[-1];
    const std::string text = spelt(state, token);
    std::string near = nearest(text, {"real", "int", "bool", "cat"});
    if (text == "float" || text == "double" || text == "number" || text == "f64") near = "real";
    if (text == "integer") near = "int";
    if (text == "boolean") near = "bool";
    report(Kind::unknown_type, token, token, {text}, near.empty() ? "" : fmt::format("did you mean `{}`?", near));
    return true;
  }

  bool explain() const {
    const Token& token = *where;
    if (explain_names()) return true;
    if (explain_foreign_habits() || explain_brackets() || explain_types() || explain_misspelt_word()) return false;
    if (expects("an expression") && token.kind == kw_if && is_operator(before())) {
      report(Kind::if_needs_parentheses, {spelt(state, where[-1])}, "write `(if c then a else b)`");
      return false;
    }
    const bool in_statement = !at_start() && !expects("a statement");
    const std::string after = in_statement ? fmt::format(" after `{}`", spelt(state, where[-1])) : "";
    // What is missing at a line's end is shown there, not on the line below.
    const Token& place = in_statement && (token.first_on_line || token.kind == TokenKind::end) ? where[-1] : token;
    report(Kind::unexpected_token, place, place, {expected + after, found(state, token)}, hint());
    return false;
  }
};

}  // namespace

std::string quoted(TokenKind kind) {
  switch (kind) {
    case TokenKind::end: return "the end of the file";
    case name: return "a name";
    case primed_name: return "the next value of a state";
    case integer:
    case real_number: return "a number";
    case string:
      return "a string";
      // clang-format off
    case kw_const: case kw_fn: case kw_return: case kw_let: case kw_for: case kw_param: case kw_input: case kw_state: case kw_observe:
    case kw_action: case kw_cost: case kw_reward: case kw_final: case kw_horizon: case kw_discount: case kw_terminate: case kw_by:
    case kw_if: case kw_then: case kw_else: case kw_and: case kw_or: case kw_not: case kw_in: case kw_true: case kw_false: case kw_real:
    case kw_int: case kw_bool: case kw_cat: case kw_learner: case kw_extern:
    case left_paren: case right_paren: case left_bracket: case right_bracket: case left_brace: case right_brace:
    case comma: case colon: case semicolon: case dot: case range: case arrow: case tilde: case assign:
    case equal: case not_equal: case less: case less_equal: case greater: case greater_equal:
    case plus: case minus: case star: case slash: case floor_slash: case percent: case at: case caret:
      // clang-format on
      return fmt::format("`{}`", spelling(kind));
  }
  return {};
}

bool explain(State& state, Iterator where, const std::string& expected) { return Explainer{state, where, expected}.explain(); }

void explain_open_block(State& state, Iterator brace, Iterator where) {
  state.diagnostics.report(DiagnosticKind::unclosed_block, state.lexed.span(*brace, *brace), {found(state, *where)},
                           "close it with `}` before that");
  if (state.diagnostics.full()) throw GiveUp{};
}

int nesting_limit() { return ast::max_nesting; }

void nesting_too_deep(State& state, Iterator where) {
  state.diagnostics.report(DiagnosticKind::nesting_too_deep, state.lexed.span(*where, *where), {std::to_string(nesting_limit())},
                           "give parts of it names");
  throw GiveUp{};
}

}  // namespace alea::grammar
