// Writing `by` clauses into a model's own file, nothing else of it touched.
#pragma once
#include <optional>
#include <string>

#include "runtime/tool/engine.h"

namespace alea {

// The text with `by request` at the draw whose name begins at `begin`, in place of the clause that is there; nothing
// where the text there is no draw.
std::optional<std::string> with_by_clause(const std::string& text, size_t begin, const std::string& request);

// Does it to the model's file for (node, request) pairs. The nodes that are not written: they are drawn in another file,
// or the file is standard input.
std::vector<std::string> write_by_clauses(Session&, const Model&, const std::vector<std::pair<std::string, std::string>>& choice);

}  // namespace alea
