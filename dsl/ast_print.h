// The syntax tree as an indented text, one node a line, for `alea compile --emit ast` and for tests.
#pragma once
#include <string>

#include "dsl/ast.h"

namespace alea::ast {

std::string print(const File&);

}  // namespace alea::ast
