// Tokens and comments are in the order of the text: every question is a search by halves.
#include "dsl/format_text.h"

#include <algorithm>

namespace alea {

using grammar::Token;
using grammar::TokenKind;

FormatText::FormatText(const SourceMap& sources, SourceId source) : text(sources[source].text()) {
  Diagnostics ignored;  // the caller has seen them
  lexed = grammar::lex(sources, source, ignored);
}

size_t FormatText::token_at(uint32_t offset) const {
  const auto at = std::lower_bound(lexed.tokens.begin(), lexed.tokens.end(), offset,
                                   [](const Token& token, uint32_t place) { return token.begin < place; });
  return static_cast<size_t>(at - lexed.tokens.begin());
}

bool FormatText::in_parentheses(Span span) const {
  const size_t first = token_at(span.begin), after = token_at(span.end);
  return first > 0 && lexed.tokens[first - 1].kind == TokenKind::left_paren && lexed.tokens[after].kind == TokenKind::right_paren;
}

std::optional<Token> FormatText::opening_brace(Span span) const {
  for (size_t i = token_at(span.begin); lexed.tokens[i].begin < span.end && lexed.tokens[i].kind != TokenKind::end; ++i)
    if (lexed.tokens[i].kind == TokenKind::left_brace) return lexed.tokens[i];
  return std::nullopt;
}

bool FormatText::has_comment(uint32_t begin, uint32_t end) const {
  const auto at = std::lower_bound(lexed.comments.begin(), lexed.comments.end(), begin,
                                   [](const grammar::Comment& comment, uint32_t place) { return comment.begin < place; });
  return at != lexed.comments.end() && at->begin < end;
}

std::string FormatText::source(Span span) const { return std::string(text.substr(span.begin, span.end - span.begin)); }

}  // namespace alea
