// How parsing goes on after a syntax error: the broken statement leaves an `error` node, and reading resumes
// at the next thing that looks like a statement, at the `}` of the block around it, or at the next item.
#include "dsl/grammar/spirit.h"

namespace alea::grammar {

namespace {

using enum TokenKind;

bool is_statement_keyword(TokenKind kind) { return (kind >= kw_const && kind <= kw_terminate && kind != kw_for); }

// After an error a line that begins with an item's word is taken for one, even when it is malformed itself.
bool resumes_item(Iterator at) {
  if (!at->first_on_line || !is_item_word(at) || at[1].first_on_line) return false;
  return at[1].kind == name || at[1].kind == string || at[1].kind == integer || at[1].kind == left_brace;
}

// Brackets that match within one block: what stands between them begins no statement, even on a line of its own.
std::vector<bool> find_bracketed(const std::vector<Token>& tokens) {
  std::vector<int> change(tokens.size() + 1, 0);
  std::vector<size_t> open;
  for (size_t i = 0; i < tokens.size(); ++i) {
    const TokenKind kind = tokens[i].kind;
    if (kind == left_paren || kind == left_bracket) {
      open.push_back(i);
    } else if (kind == left_brace || kind == right_brace || is_statement_keyword(kind)) {
      open.clear();
    } else if ((kind == right_paren || kind == right_bracket) && !open.empty()) {
      ++change[open.back()];
      --change[i];
      open.pop_back();
    }
  }
  std::vector<bool> inside(tokens.size());
  int depth = 0;
  for (size_t i = 0; i < tokens.size(); ++i) {
    depth += change[i];
    inside[i] = depth > 0;
  }
  return inside;
}

}  // namespace

bool begins_definition(Iterator at) {
  return at->kind == name && (at[1].kind == assign || at[1].kind == tilde || at[1].kind == colon);
}

bool begins_clause(Iterator at) {
  if (begins_definition(at)) return false;
  switch (at->word) {
    case Word::call:
    case Word::logpdf: return at[1].kind == left_paren;
    case Word::support:
    case Word::sample: return at[1].kind != equal;
    case Word::none:
    case Word::import:
    case Word::as:
    case Word::module:
    case Word::dist:
    case Word::graph:
    case Word::mdp:
    case Word::policy:
    case Word::instance:
    case Word::of:
    case Word::entropy:
    case Word::simplex: return false;
  }
  return false;
}

bool is_item_word(Iterator at) {
  switch (at->word) {
    case Word::import:
    case Word::module:
    case Word::dist:
    case Word::graph:
    case Word::mdp:
    case Word::policy:
    case Word::instance: return !begins_definition(at);
    case Word::none:
    case Word::as:
    case Word::of:
    case Word::call:
    case Word::support:
    case Word::sample:
    case Word::logpdf:
    case Word::entropy:
    case Word::simplex: return false;
  }
  return false;
}

bool begins_item(Iterator at) {
  switch (at->word) {
    case Word::import: return at[1].kind == name || at[1].kind == string;
    case Word::graph:
    case Word::mdp: return at[1].kind == name && at[2].kind == left_brace;
    case Word::policy: return at[1].kind == name && at[2].kind == kw_for;
    case Word::instance: return at[1].kind == name && at[2].word == Word::of;
    case Word::module:
    case Word::dist: return at[1].kind == name && at[2].kind == left_paren;
    case Word::none:
    case Word::as:
    case Word::of:
    case Word::call:
    case Word::support:
    case Word::sample:
    case Word::logpdf:
    case Word::entropy:
    case Word::simplex: return false;
  }
  return false;
}

bool begins_statement(Iterator at) {
  if (is_statement_keyword(at->kind)) return true;
  if (!at->first_on_line) return false;
  // Two names in a row are in no expression: the first is a misspelt keyword.
  const bool misspelt = at->kind == name && ((at[1].kind == name && !at[1].first_on_line) || at[1].kind == equal);
  return at->kind == kw_for || at->kind == primed_name || misspelt || begins_definition(at) || begins_clause(at) ||
         begins_item(at);
}

x3::error_handler_result ResumeAtStatement::on_error(Iterator& first, Iterator const& last, Expectation const& failure,
                                                     Context const& context) {
  State& state = x3::get<StateTag>(context);
  const Token* base = state.lexed.tokens.data();
  const auto failed_at = static_cast<uint32_t>(failure.where() - base);
  const bool understood = explain(state, failure.where(), failure.which());
  if (state.diagnostics.full()) throw GiveUp{};
  if (state.in_brackets.empty()) state.in_brackets = find_bracketed(state.lexed.tokens);

  // Spirit leaves `first` where the failure was, or after it if that token began the statement.
  const Iterator start = std::max(first, failure.where() + (understood && failure.where() != last ? 1 : 0));
  // A keyword used as a name is used so again further on in the line.
  const TokenKind used_as_name = understood && is_keyword(failure.where()->kind) ? failure.where()->kind : TokenKind::end;
  const auto begins = [&](Iterator token) {
    return begins_statement(token) && !state.in_brackets[token - base] && (token->kind != used_as_name || token->first_on_line);
  };
  int braces = 0;
  Iterator at = start;
  for (; at != last; ++at) {
    if (at > failure.where() && resumes_item(at)) break;
    if (at->kind == left_brace) {
      ++braces;
    } else if (at->kind == right_brace) {
      if (braces == 0 && !state.open_blocks.empty()) break;
      braces = std::max(0, braces - 1);
    } else if (braces == 0 && (at->kind == semicolon || begins(at))) {
      break;
    }
  }
  first = at;
  auto& nodes = state.tree.nodes;
  nodes.push_back({NodeKind::error, failed_at, failed_at, static_cast<uint32_t>(nodes.size() + 1)});
  return x3::error_handler_result::accept;
}

}  // namespace alea::grammar
