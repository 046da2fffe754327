// The rules of statements. One rule reads the statements of every block; which kinds a block admits is
// build_ast's business, so that a statement in the wrong block gets a message of its own.
#include "dsl/grammar/spirit.h"

namespace alea::grammar {

namespace {

using enum TokenKind;

bool is_opening(TokenKind kind) { return kind == left_paren || kind == left_bracket; }
bool is_closing(TokenKind kind) { return kind == right_paren || kind == right_bracket; }
bool is_objective_word(TokenKind kind) { return kind == kw_cost || kind == kw_reward; }
bool is_simplex(Iterator at) { return at->word == Word::simplex && at[1].kind != range && at[1].kind != dot; }
bool closes_block(Iterator at) { return at->kind == right_brace || at->kind == TokenKind::end || begins_item(at); }

const auto value = called("`=`")[node(NodeKind::value)[token(assign) > expression]];
const auto law = node(NodeKind::law)[token(tilde) > called("a distribution")[name_leaf] >
                                     called("`(` and the distribution's arguments")[arguments]];
const auto estimator = node(NodeKind::estimator)[token(kw_by) > called("the name of an estimator")[name_leaf] > -arguments];
const auto of_type = token(colon) > type;
const auto in_range = token(kw_in) > expression > token(range) > expression;

const auto dotted_name = name_leaf >> *(token(dot) > name_leaf);
struct ModulesId;
constexpr x3::rule<ModulesId> modules = "a type or a module";
const auto module_list = node(NodeKind::module_list)[token(left_bracket) > modules > for_clause > token(right_bracket)];
const auto modules_def =
    nested[module_list | node(NodeKind::modules)[dotted_name > called("`(` and the module's arguments")[arguments]]];

const auto definition_of = -of_type > called("`=` or `~`")[value | (law >> -estimator)];
const auto definition = AheadParser(begins_definition) >> node(NodeKind::definition)[name_leaf >> definition_of];

const auto const_statement = node(NodeKind::const_)[token(kw_const) > name_leaf > -of_type > value];
const auto let_statement = node(NodeKind::let)[token(kw_let) > called("`[` and the names")[token(left_bracket)] > name_leaf >
                                               *(token(comma) > name_leaf) > called("`,` or `]`")[token(right_bracket)] > value];
const auto param_statement =
    node(NodeKind::param)[token(kw_param) > name_leaf > called("`:` and a type or a module")[token(colon)] >
                          called("a type or a module")[type | modules] > -(value | law)];
const auto input_statement = node(NodeKind::input)[token(kw_input) > name_leaf > called("`:` and a type")[token(colon)] > type];
const auto observe_statement =
    token(kw_observe) >
    called("a name")[(AheadParser(begins_definition) >> node(NodeKind::observe_definition)[name_leaf >> definition_of]) |
                     node(NodeKind::observe_names)[name_leaf >> *(token(comma) > name_leaf)]];
const auto bounds = node(NodeKind::bounds)[token(kw_in) > called("`[` and the bounds")[token(left_bracket)] > expression >
                                           token(comma) > expression > token(right_bracket)];
const auto action_statement =
    node(NodeKind::action)[token(kw_action) > name_leaf > called("`:` and a type")[token(colon)] > type > -bounds > -value];
const auto state_statement = node(NodeKind::state)[token(kw_state) > name_leaf > called("`:` and a type")[token(colon)] > type >
                                                   called("`=` or `~` and the initial value")[value | law]];
const auto next_statement_ =
    node(NodeKind::next)[leaf<primed_name>("a name") > called("`=` or `~`")[value | (law >> -estimator)]];
const auto objective =
    node(NodeKind::objective)[(leaf<kw_final>("`final`") > LeafParser(is_objective_word, "`cost` or `reward`") > expression) |
                              (LeafParser(is_objective_word, "`cost` or `reward`") > expression)];
const auto horizon = node(NodeKind::horizon)[token(kw_horizon) > expression];
const auto discount = node(NodeKind::discount)[token(kw_discount) > expression];
const auto terminate_statement = node(NodeKind::terminate)[token(kw_terminate) > expression];
const auto return_statement = node(NodeKind::return_)[token(kw_return) > expression];
const auto for_statement = node(NodeKind::for_)[token(kw_for) > name_leaf > called("`in` and a range")[in_range] > block];

const auto body = called("`=` or `{`")[value | block];
const auto result_type = node(NodeKind::result_type)[token(arrow) > type];
const auto fn = node(NodeKind::fn)[token(kw_fn) > name_leaf > called("`(` and the parameters")[formals] > -result_type > body];

// Contextual words. They begin a clause only where no definition of that name stands.
const auto clause =
    AheadParser(begins_clause) >>
    (node(NodeKind::sample)[WordParser(Word::sample, "sample") > expression] |
     node(NodeKind::logpdf)[WordParser(Word::logpdf, "logpdf") > token(left_paren) > name_leaf > token(right_paren) > body] |
     node(NodeKind::call)[WordParser(Word::call, "call") > formals > -result_type > body] |
     node(NodeKind::support)[WordParser(Word::support, "support") >
                             called(
                                 "a support")[leaf<kw_real>("`real`") | (AheadParser(is_simplex) >> name_leaf) |
                                              node(NodeKind::bounds)[LeafParser(is_opening, "`[`") >> expression >> token(comma) >
                                                                     expression > LeafParser(is_closing, "`]` or `)`")] |
                                              (expression > token(range) > expression)]]);

// Stands where a statement must begin and none does. It passes its first token, so that the search for the next
// statement starts after it.
struct Unreadable : x3::parser<Unreadable> {
  using attribute_type = x3::unused_type;
  static bool const has_attribute = false;
  template <class C, class R, class A>
  bool parse(Iterator& first, Iterator const&, C const&, R&, A&) const {
    const Iterator begin = first++;
    const bool is_name = begin->kind == name && begin->first_on_line;
    throw Expectation(is_name ? first : begin, is_name ? "`=`, `~` or `:`" : "a statement");
  }
};

const auto statement_def = nested[clause | definition | const_statement | let_statement | param_statement | input_statement |
                                  observe_statement | action_statement | state_statement | next_statement_ | objective | horizon |
                                  discount | terminate_statement | return_statement | for_statement | fn | Unreadable()];

struct CloseBlock : x3::parser<CloseBlock> {
  using attribute_type = x3::unused_type;
  static bool const has_attribute = false;
  template <class C, class R, class A>
  bool parse(Iterator& first, Iterator const&, C const& context, R&, A&) const {
    State& state = x3::get<StateTag>(context);
    const Iterator open = state.open_blocks.back();
    state.open_blocks.pop_back();
    if (first->kind == right_brace) ++first;
    else explain_open_block(state, open, first);
    return true;
  }
};

struct OpenBlock : x3::parser<OpenBlock> {
  using attribute_type = x3::unused_type;
  static bool const has_attribute = false;
  template <class C, class R, class A>
  bool parse(Iterator& first, Iterator const&, C const& context, R&, A&) const {
    if (first->kind != left_brace) return false;
    x3::get<StateTag>(context).open_blocks.push_back(first++);
    return true;
  }
};

const auto block_def =
    node(NodeKind::block)[OpenBlock() >> *(token(semicolon) | (!AheadParser(closes_block) >> statement)) >> CloseBlock()];

const auto formal = node(NodeKind::formal)[name_leaf >> -of_type > -value];
const auto formals_def =
    node(NodeKind::formals)[token(left_paren) >
                            called("a name or `)`")[token(right_paren) | (formal > *(token(comma) > called("a name")[formal]) >
                                                                          called("`,` or `)`")[token(right_paren)])]];

}  // namespace

BOOST_SPIRIT_DEFINE(modules, statement, block, formals)

BOOST_SPIRIT_INSTANTIATE(StatementRule, Iterator, Context)
BOOST_SPIRIT_INSTANTIATE(BlockRule, Iterator, Context)
BOOST_SPIRIT_INSTANTIATE(FormalsRule, Iterator, Context)

}  // namespace alea::grammar
