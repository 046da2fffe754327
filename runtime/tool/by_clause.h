// Writing `by` clauses into a model's own file, nothing else of it touched.
#pragma once
#include <string>

#include "runtime/tool/engine.h"

namespace alea {

// The text that the draw is written in, with `by request` behind its law in place of the clause that is there; `auto`
// leaves none.
std::string with_by_clause(const std::string& text, const GraphDraw&, const std::string& request);

// Does it to the model's file for (node, request) pairs. The nodes that are not written: they are drawn in another file,
// or the file is standard input.
std::vector<std::string> write_by_clauses(Session&, const Model&, const std::vector<std::pair<std::string, std::string>>& choice);

}  // namespace alea
