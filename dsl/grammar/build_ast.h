// Parse tree to AST: folds precedence and `else if` chains, says which statement belongs in which block,
// and holds the promises of ast.h.
#pragma once
#include "dsl/ast.h"
#include "dsl/grammar/tree.h"

namespace alea::grammar {

ast::File build_ast(const Lexed&, const Tree&, Diagnostics&);

}  // namespace alea::grammar
