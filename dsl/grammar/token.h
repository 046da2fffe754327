// Tokens: what the lexer makes of the bytes and what the grammar reads. A token is a kind and two byte
// offsets; its text stays in the source. A name that is also a contextual word (`graph`, `sample`, …)
// stays a name and says which word it is.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "dsl/diagnostic.h"
#include "dsl/source.h"

namespace alea::grammar {

enum class TokenKind : uint8_t {
  end,  // of the file; always the last token and only there
  name,
  primed_name,  // th'
  integer,
  real_number,
  string,
  // clang-format off
  kw_const, kw_fn, kw_return, kw_let, kw_for, kw_param, kw_input, kw_state, kw_observe, kw_action, kw_cost, kw_reward,
  kw_final, kw_horizon, kw_discount, kw_terminate, kw_by, kw_if, kw_then, kw_else, kw_and, kw_or, kw_not, kw_in,
  kw_true, kw_false, kw_real, kw_int, kw_bool, kw_cat, kw_learner, kw_extern,
  left_paren, right_paren, left_bracket, right_bracket, left_brace, right_brace,
  comma, colon, semicolon, dot, range, arrow, tilde, assign,
  equal, not_equal, less, less_equal, greater, greater_equal,
  plus, minus, star, slash, floor_slash, percent, at, caret,
  // clang-format on
};

enum class Word : uint8_t {
  none,
  import,
  as,
  module,
  dist,
  graph,
  mdp,
  policy,
  instance,
  of,
  call,
  support,
  sample,
  logpdf,
  entropy,
  simplex
};

struct Token {
  TokenKind kind{};
  Word word{};                 // of a name
  bool first_on_line = false;  // nothing but white space before it
  uint32_t begin = 0, end = 0;
};

struct Comment {
  uint32_t begin = 0, end = 0;  // from `#` to the end of the line, white space at the end left out
  bool own_line = false;
};

struct Lexed {
  SourceId source;
  std::string_view text;
  std::vector<Token> tokens;  // ends with one `end`
  std::vector<Comment> comments;

  std::string_view text_of(const Token& token) const { return text.substr(token.begin, token.end - token.begin); }
  Span span(const Token& first, const Token& last) const { return {source, first.begin, last.end}; }
};

// Reports what is no token and mends it where the meaning is plain (`**` is read as `^`), so that the
// grammar goes on. Linear in the size of the text.
Lexed lex(const SourceMap&, SourceId, Diagnostics&);

bool is_keyword(TokenKind);              // reserved everywhere
std::string_view spelling(TokenKind);    // `+`, `const`; empty for kinds with many spellings
TokenKind keyword_of(std::string_view);  // `name` when it is no keyword
bool is_reserved_word(std::string_view);
double number_value(std::string_view spelling);  // of a literal; infinite when it is too large

}  // namespace alea::grammar
