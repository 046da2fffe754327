// What all Spirit files share: iterator, context, and the few parsers of our own. Rules have no attributes;
// they leave nodes in the tree instead, through `node` and `leaf`. Iterator and context are spelt here and
// nowhere else, because a rule is instantiated for exactly one pair.
#pragma once
#include <boost/spirit/home/x3.hpp>
#include <string>

#include "dsl/grammar/tree.h"

namespace alea::grammar {

namespace x3 = boost::spirit::x3;

using Iterator = const Token*;

struct State {
  const Lexed& lexed;
  Diagnostics& diagnostics;
  Tree tree;
  int depth = 0;
  std::vector<Iterator> open_blocks;  // their `{`
  std::vector<bool> in_brackets;      // per token: between brackets that match; computed at the first error
};

struct StateTag {};
using Context = decltype(x3::make_context<StateTag>(std::declval<State&>()));

// Thrown when going on is of no use: nesting too deep, or enough errors. What was read stays.
struct GiveUp {};

using Expectation = x3::expectation_failure<Iterator>;

// Report a failed expectation, and a block that ends without its brace, in the user's terms (explain.cpp). True when
// the token at `where` stood for what was expected, so that it begins nothing else.
bool explain(State&, Iterator where, const std::string& expected);
void explain_open_block(State&, Iterator brace, Iterator where);
bool is_item_word(Iterator);       // `graph`, `mdp`, … where no definition of that name stands
bool begins_item(Iterator);        // `graph g {`, `mdp m {`, `import std.nn`, …
bool begins_clause(Iterator);      // a contextual word as a statement's beginning: `sample x`, not `sample = x`
bool begins_definition(Iterator);  // a name followed by `=`, `~` or `:`
bool begins_statement(Iterator);   // judged by the tokens alone, as an error leaves nothing else to go by

std::string quoted(TokenKind);  // "`+`", "a name": what messages call it

// A token that leaves no node.
struct TokenParser : x3::parser<TokenParser> {
  using attribute_type = x3::unused_type;
  static bool const has_attribute = false;
  TokenKind kind;
  explicit constexpr TokenParser(TokenKind k) : kind(k) {}
  template <class C, class R, class A>
  bool parse(Iterator& first, Iterator const& last, C const&, R&, A&) const {
    if (first == last || first->kind != kind) return false;
    ++first;
    return true;
  }
};

// A contextual word.
struct WordParser : x3::parser<WordParser> {
  using attribute_type = x3::unused_type;
  static bool const has_attribute = false;
  Word word;
  std::string_view text;
  constexpr WordParser(Word w, std::string_view t) : word(w), text(t) {}
  template <class C, class R, class A>
  bool parse(Iterator& first, Iterator const& last, C const&, R&, A&) const {
    if (first == last || first->word != word) return false;
    ++first;
    return true;
  }
};

// A condition on the tokens ahead; reads nothing. It may look one token past `at` only when `at` is not the end.
struct AheadParser : x3::parser<AheadParser> {
  using attribute_type = x3::unused_type;
  static bool const has_attribute = false;
  bool (*holds)(Iterator);
  explicit constexpr AheadParser(bool (*h)(Iterator)) : holds(h) {}
  template <class C, class R, class A>
  bool parse(Iterator& first, Iterator const&, C const&, R&, A&) const {
    return holds(first);
  }
};

// A token that leaves a `token` node. The condition sees its kind.
struct LeafParser : x3::parser<LeafParser> {
  using attribute_type = x3::unused_type;
  static bool const has_attribute = false;
  bool (*admits)(TokenKind);
  const char* words;  // what messages call it
  constexpr LeafParser(bool (*a)(TokenKind), const char* w) : admits(a), words(w) {}
  template <class C, class R, class A>
  bool parse(Iterator& first, Iterator const& last, C const& context, R&, A&) const {
    if (first == last || !admits(first->kind)) return false;
    State& state = x3::get<StateTag>(context);
    const auto index = static_cast<uint32_t>(first - state.lexed.tokens.data());
    state.tree.nodes.push_back({NodeKind::token, index, index, static_cast<uint32_t>(state.tree.nodes.size() + 1)});
    ++first;
    return true;
  }
};

// A node around what the subject leaves.
template <class Subject>
struct NodeParser : x3::unary_parser<Subject, NodeParser<Subject>> {
  using attribute_type = x3::unused_type;
  static bool const has_attribute = false;
  NodeKind kind;
  constexpr NodeParser(Subject const& subject, NodeKind k) : x3::unary_parser<Subject, NodeParser<Subject>>(subject), kind(k) {}
  template <class C, class R, class A>
  bool parse(Iterator& first, Iterator const& last, C const& context, R& rcontext, A&) const {
    State& state = x3::get<StateTag>(context);
    struct Guard {
      std::vector<Node>& nodes;
      size_t size;
      bool keep = false;
      ~Guard() {
        if (!keep) nodes.resize(size);
      }
    } guard{state.tree.nodes, state.tree.nodes.size()};
    const auto* base = state.lexed.tokens.data();
    const auto start = static_cast<uint32_t>(first - base);
    state.tree.nodes.push_back({kind, start, start, 0});
    if (!this->subject.parse(first, last, context, rcontext, x3::unused)) return false;
    Node& node = state.tree.nodes[guard.size];
    node.last_token = static_cast<uint32_t>(first - base) - 1;
    node.end = static_cast<uint32_t>(state.tree.nodes.size());
    guard.keep = true;
    return true;
  }
};

struct NodeGenerator {
  NodeKind kind;
  template <class Subject>
  constexpr auto operator[](Subject const& subject) const {
    return NodeParser<typename x3::extension::as_parser<Subject>::value_type>(x3::as_parser(subject), kind);
  }
};
constexpr NodeGenerator node(NodeKind kind) { return {kind}; }

// Counts nesting and gives up beyond ast::max_nesting: what recurses in the grammar goes through it.
void nesting_too_deep(State&, Iterator);
int nesting_limit();
template <class Subject>
struct NestedParser : x3::unary_parser<Subject, NestedParser<Subject>> {
  using attribute_type = x3::unused_type;
  static bool const has_attribute = false;
  explicit constexpr NestedParser(Subject const& subject) : x3::unary_parser<Subject, NestedParser<Subject>>(subject) {}
  template <class C, class R, class A>
  bool parse(Iterator& first, Iterator const& last, C const& context, R& rcontext, A&) const {
    State& state = x3::get<StateTag>(context);
    struct Guard {
      int& depth;
      ~Guard() { --depth; }
    } guard{state.depth};
    ++state.depth;
    if (state.depth > nesting_limit()) nesting_too_deep(state, first);
    return this->subject.parse(first, last, context, rcontext, x3::unused);
  }
};
struct NestedGenerator {
  template <class Subject>
  constexpr auto operator[](Subject const& subject) const {
    return NestedParser<typename x3::extension::as_parser<Subject>::value_type>(x3::as_parser(subject));
  }
};
inline constexpr NestedGenerator nested{};

// The subject under a name that people understand, for messages.
template <class Subject>
struct CalledParser : x3::unary_parser<Subject, CalledParser<Subject>> {
  using attribute_type = x3::unused_type;
  static bool const has_attribute = false;
  const char* words;
  constexpr CalledParser(Subject const& subject, const char* w)
      : x3::unary_parser<Subject, CalledParser<Subject>>(subject), words(w) {}
  template <class C, class R, class A>
  bool parse(Iterator& first, Iterator const& last, C const& context, R& rcontext, A&) const {
    return this->subject.parse(first, last, context, rcontext, x3::unused);
  }
};
struct CalledGenerator {
  const char* words;
  template <class Subject>
  constexpr auto operator[](Subject const& subject) const {
    return CalledParser<typename x3::extension::as_parser<Subject>::value_type>(x3::as_parser(subject), words);
  }
};
constexpr CalledGenerator called(const char* words) { return {words}; }

constexpr TokenParser token(TokenKind kind) { return TokenParser(kind); }
template <TokenKind kind>
constexpr LeafParser leaf(const char* words) {
  return {[](TokenKind k) { return k == kind; }, words};
}

// The rules that one file defines and another uses. The handlers report, resume and accept.
struct ResumeAtStatement {  // recover.cpp
  x3::error_handler_result on_error(Iterator& first, Iterator const& last, Expectation const&, Context const&);
};
struct ExpressionId;
struct StatementId : ResumeAtStatement {};
struct ItemId : ResumeAtStatement {};
struct TypeId;
struct ArgumentsId;
struct ForClauseId;
struct BlockId;
struct FormalsId;
struct FileId;

using ExpressionRule = x3::rule<ExpressionId>;
using ArgumentsRule = x3::rule<ArgumentsId>;
using ForClauseRule = x3::rule<ForClauseId>;
using TypeRule = x3::rule<TypeId>;
using StatementRule = x3::rule<StatementId>;
using BlockRule = x3::rule<BlockId>;
using FormalsRule = x3::rule<FormalsId>;
using ItemRule = x3::rule<ItemId>;
using FileRule = x3::rule<FileId>;

constexpr ExpressionRule expression = "an expression";
constexpr ArgumentsRule arguments = "`(`";
constexpr ForClauseRule for_clause = "`for`";
constexpr TypeRule type = "a type";
constexpr StatementRule statement = "a statement";
constexpr BlockRule block = "`{`";
constexpr FormalsRule formals = "`(`";
constexpr ItemRule item = "an item";
constexpr FileRule file = "a file";

BOOST_SPIRIT_DECLARE(ExpressionRule, ArgumentsRule, ForClauseRule, TypeRule, StatementRule, BlockRule, FormalsRule, ItemRule,
                     FileRule)

constexpr LeafParser name_leaf = leaf<TokenKind::name>("a name");

}  // namespace alea::grammar

namespace boost::spirit::x3 {
template <>
struct get_info<alea::grammar::TokenParser> {
  using result_type = std::string;
  std::string operator()(alea::grammar::TokenParser const& parser) const { return alea::grammar::quoted(parser.kind); }
};
template <>
struct get_info<alea::grammar::WordParser> {
  using result_type = std::string;
  std::string operator()(alea::grammar::WordParser const& parser) const { return "`" + std::string(parser.text) + "`"; }
};
template <>
struct get_info<alea::grammar::LeafParser> {
  using result_type = std::string;
  std::string operator()(alea::grammar::LeafParser const& parser) const { return parser.words; }
};
// What a sequence lacks is its first part: the others are expectations of their own.
template <class Left, class Right>
struct get_info<sequence<Left, Right>> {
  using result_type = std::string;
  std::string operator()(sequence<Left, Right> const& parser) const { return what(parser.left); }
};
template <class Subject>
struct get_info<alea::grammar::NodeParser<Subject>> {
  using result_type = std::string;
  std::string operator()(alea::grammar::NodeParser<Subject> const& parser) const { return what(parser.subject); }
};
template <class Subject>
struct get_info<alea::grammar::CalledParser<Subject>> {
  using result_type = std::string;
  std::string operator()(alea::grammar::CalledParser<Subject> const& parser) const { return parser.words; }
};
}  // namespace boost::spirit::x3
