// Reads what print(const Program&) writes. The text is of unknown origin: the result obeys every rule of
// program.h, or there is a diagnostic that says which line does not.
#pragma once
#include <optional>

#include "compiler/kernel/program.h"
#include "dsl/diagnostic.h"

namespace alea {

std::optional<Program> read_program(const SourceMap&, SourceId, Diagnostics&);

// Whether a text is one that read_program may read, by its first word.
bool looks_like_program(std::string_view text);

}  // namespace alea
