// The rules of expressions, arguments and types. Every common prefix is read once: a chain is operands and
// operators in turn, an operand its prefixes, a primary and what follows it, so that parsing is linear.
#include "dsl/grammar/spirit.h"

namespace alea::grammar {

namespace {

using enum TokenKind;

bool is_prefix(TokenKind kind) { return kind == minus || kind == kw_not; }
bool is_operator(TokenKind kind) { return kind == kw_or || kind == kw_and || (kind >= equal && kind <= caret); }
bool is_atom(TokenKind kind) {
  return kind == integer || kind == real_number || kind == kw_true || kind == kw_false || kind == name || kind == primed_name ||
         kind == string;
}
bool is_scalar_type(TokenKind kind) { return kind == kw_real || kind == kw_int || kind == kw_bool; }
bool is_conversion(Iterator at) { return at->kind == kw_int && at[1].kind == left_paren; }  // int(x)
bool is_else_if(Iterator at) { return at->kind == kw_else && at[1].kind == kw_if; }
bool is_named_argument(Iterator at) { return at->kind == name && at[1].kind == assign; }
bool is_one_more(Iterator at) { return at->kind == comma && at[1].kind != right_paren; }

constexpr LeafParser prefix{is_prefix, "an operator"};
constexpr LeafParser binary_operator{is_operator, "an operator"};
constexpr LeafParser atom{is_atom, "an expression"};

struct OperandId;
constexpr x3::rule<OperandId> operand = "an expression";
struct SubscriptId;
constexpr x3::rule<SubscriptId> subscript = "an index";
struct ArgumentId;
constexpr x3::rule<ArgumentId> argument = "an argument";

const auto parentheses = node(NodeKind::parentheses)[token(left_paren) > expression > token(right_paren)];

const auto list =
    node(NodeKind::list)[token(left_bracket) >> (token(right_bracket) | (called("an expression or `]`")[expression] >
                                                                         (for_clause | *(token(comma) > expression)) >
                                                                         called("`,` or `]`")[token(right_bracket)]))];

const auto primary = called("an expression")[atom | parentheses | list | (AheadParser(is_conversion) >> leaf<kw_int>("`int`"))];

const auto subscripts = node(
    NodeKind::index)[token(left_bracket) > subscript > *(token(comma) > subscript) > called("`,` or `]`")[token(right_bracket)]];
const auto member = node(NodeKind::member)[token(dot) > name_leaf];

const auto operand_def = node(NodeKind::operand)[((+prefix > primary) | primary) >> *(subscripts | arguments | member)];

const auto subscript_def =
    node(NodeKind::subscript)[(expression >> -(leaf<colon>("`:`") >> -expression)) | (leaf<colon>("`:`") >> -expression)];

const auto argument_def =
    node(NodeKind::argument)[(AheadParser(is_named_argument) >> name_leaf >> token(assign) > expression) | expression];

const auto chain = node(NodeKind::chain)[operand >> *(binary_operator > operand)];

const auto choice = node(NodeKind::choice)[token(kw_if) > expression > token(kw_then) > expression >
                                           *(AheadParser(is_else_if) >> token(kw_else) >> token(kw_if) > expression >
                                             token(kw_then) > expression) > token(kw_else) > expression];

const auto expression_def = nested[choice | chain];

const auto arguments_def =
    node(NodeKind::arguments)[token(left_paren) >>
                              (token(right_paren) | (called("an argument or `)`")[argument] >
                                                     ((for_clause | *(AheadParser(is_one_more) >> token(comma) > argument)) >
                                                      -token(comma)) > called("`,` or `)`")[token(right_paren)]))];

const auto for_clause_def =
    node(NodeKind::for_clause)[token(kw_for) > name_leaf > token(kw_in) > expression > token(range) > expression];

constexpr LeafParser scalar_type{is_scalar_type, "a type"};
const auto categories = node(NodeKind::categories)[token(left_paren) > expression > token(right_paren)];
const auto shape = node(NodeKind::shape)[token(left_bracket) > expression > *(token(comma) > expression) >
                                         called("`,` or `]`")[token(right_bracket)]];
const auto type_def = node(
    NodeKind::type)[(scalar_type | (leaf<kw_cat>("a type") > called("`(` and the number of categories")[categories])) >> -shape];

}  // namespace

BOOST_SPIRIT_DEFINE(operand, subscript, argument, expression, arguments, for_clause, type)

BOOST_SPIRIT_INSTANTIATE(ExpressionRule, Iterator, Context)
BOOST_SPIRIT_INSTANTIATE(ArgumentsRule, Iterator, Context)
BOOST_SPIRIT_INSTANTIATE(ForClauseRule, Iterator, Context)
BOOST_SPIRIT_INSTANTIATE(TypeRule, Iterator, Context)

}  // namespace alea::grammar
