// The rules of what stands at the top of a file, the loop over it, and the entry into Spirit. A statement
// that belongs into a block is read here too; build_ast says where it belongs.
#include "dsl/grammar/spirit.h"

namespace alea::grammar {

namespace {

using enum TokenKind;

const auto body = called("`{`")[block];

const auto import_item =
    node(NodeKind::import_)[WordParser(Word::import, "import") >
                            called("a module's name or a file in quotes")[leaf<string>("a string") |
                                                                          (name_leaf >> *(token(dot) > name_leaf))] >
                            -(WordParser(Word::as, "as") > node(NodeKind::names)[name_leaf])];
const auto module_item =
    node(NodeKind::module)[WordParser(Word::module, "module") > name_leaf > called("`(` and the parameters")[formals] > body];
const auto dist_item =
    node(NodeKind::dist)[WordParser(Word::dist, "dist") > name_leaf > called("`(` and the parameters")[formals] > body];
const auto graph_item = node(NodeKind::graph)[WordParser(Word::graph, "graph") > name_leaf > body];
const auto mdp_item = node(NodeKind::mdp)[WordParser(Word::mdp, "mdp") > name_leaf > body];
const auto policy_item = node(NodeKind::policy)[WordParser(Word::policy, "policy") > name_leaf >
                                                called("`for` and the mdp's name")[token(kw_for)] > name_leaf > body];
const auto instance_item =
    node(NodeKind::instance)[WordParser(Word::instance, "instance") > name_leaf >
                             called("`of` and the name of what it changes")[WordParser(Word::of, "of")] > name_leaf > body];

const auto item_def =
    (AheadParser(is_item_word) >> (import_item | module_item | dist_item | graph_item | mdp_item | policy_item | instance_item)) |
    statement;

bool is_end(Iterator at) { return at->kind == TokenKind::end; }

const auto file_def = *(token(semicolon) | (!AheadParser(is_end) >> item));

}  // namespace

BOOST_SPIRIT_DEFINE(item, file)

Tree parse_tree(const Lexed& lexed, Diagnostics& diagnostics) {
  State state{lexed, diagnostics, {}, 0, {}};
  Iterator first = lexed.tokens.data();
  const Iterator last = first + lexed.tokens.size() - 1;
  const auto context = x3::make_context<StateTag>(state);
  try {
    file.parse(first, last, context, x3::unused, x3::unused);
  } catch (const GiveUp&) {}
  return std::move(state.tree);
}

}  // namespace alea::grammar
