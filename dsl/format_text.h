// The text that is formatted, with its tokens and comments: questions about places in it.
#pragma once
#include <optional>
#include <string>

#include "dsl/grammar/token.h"

namespace alea {

class FormatText {
 public:
  FormatText(const SourceMap&, SourceId);

  size_t token_at(uint32_t offset) const;  // the token that begins there or the first after it
  bool in_parentheses(Span span) const;
  // The `{` of the block within the statement; expressions and types have none.
  std::optional<grammar::Token> opening_brace(Span span) const;
  bool has_comment(uint32_t begin, uint32_t end) const;
  std::string source(Span span) const;

  std::string_view text;
  grammar::Lexed lexed;
};

}  // namespace alea
