// The one canonical layout of a model file, for `alea fmt`. Comes in: a file that parses without errors, and
// its text (for comments, blank lines, number spellings and parentheses). Goes out: a text that parses to the
// same tree, with all comments; formatting it again changes nothing.
#pragma once
#include <string>

#include "dsl/ast.h"

namespace alea {

std::string format(const SourceMap&, SourceId, const ast::File&);

}  // namespace alea
