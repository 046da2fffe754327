// The private parse tree between the Spirit rules and the AST: nodes in preorder in one array, each with its
// tokens and the index where its subtree ends. Expressions stay flat here (operands and operators in turn);
// build_ast folds precedence. A rule that fails or throws leaves no node behind.
#pragma once
#include <cstdint>
#include <vector>

#include "dsl/grammar/token.h"

namespace alea::grammar {

enum class NodeKind : uint8_t {
  token,  // one token that carries meaning: a name, a literal, an operator, a keyword that tells cases apart
  error,  // a statement that could not be read; reported already
  // clang-format off
  // expressions
  choice,       // if: condition, value, { condition, value }, value
  chain,        // operand, { operator token, operand }
  operand,      // { prefix token }, primary, { index | arguments | member }
  parentheses,  // expression
  list,         // { expression } or expression, for_clause
  index,        // { subscript }
  subscript,    // expression, or [ expression ], `:` token, [ expression ]
  arguments,    // { argument }, [ for_clause ]
  argument,     // [ name token ], expression
  member,       // name token
  for_clause,   // name token, low, high
  // parts of statements
  type,         // kind token, [ categories ], [ shape ]
  shape,        // { expression }
  categories,   // expression
  law,          // `~`: name token, arguments
  estimator,    // `by`: name token, [ arguments ]
  value,        // `=`: expression
  bounds,       // `in`: low, high; of a support: bracket token, low, high, bracket token
  modules,      // { name token }, arguments
  module_list,  // modules or module_list, for_clause
  formals,      // { formal }
  formal,       // name token, [ type ], [ value ]
  result_type,  // `->`: type
  block,        // { statement }
  names,        // { name token }
  // statements
  const_, let, definition, observe_names, observe_definition, for_, fn, param, input, action, state, next, objective,
  horizon, discount, terminate, return_, support, logpdf, sample, call,
  // items of the file
  import_, module, dist, graph, mdp, policy, instance,
  // clang-format on
};

struct Node {
  NodeKind kind{};
  uint32_t first_token = 0, last_token = 0;  // last included; before first when there is none
  uint32_t end = 0;                          // one past the last node of the subtree
};

struct Tree {
  std::vector<Node> nodes;
};

// All nodes of the file, one after the other, at the top. Reports every syntax error; after the first that
// leaves nothing to resume at, the tree holds what was read before.
Tree parse_tree(const Lexed&, Diagnostics&);

}  // namespace alea::grammar
