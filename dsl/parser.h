// Text to syntax tree. Collects every syntax error it can find (it resumes at the next statement) and
// returns what it could read; the tree is whole when no error was reported. Never crashes, whatever
// the bytes: nesting and size are bounded before the grammar runs.
#pragma once
#include "dsl/ast.h"
#include "dsl/diagnostic.h"

namespace alea {

inline constexpr size_t max_source_bytes = 4u << 20;  // larger files are refused

ast::File parse(const SourceMap&, SourceId, Diagnostics&);

}  // namespace alea
