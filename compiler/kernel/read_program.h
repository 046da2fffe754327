// Reads what print(const Program&) and print_program_file write. The text is of unknown origin: the result obeys
// every rule of program.h, or there is a diagnostic that says which line does not. Nodes and names carry the place of
// their line.
#pragma once
#include <optional>

#include "compiler/kernel/program.h"
#include "dsl/diagnostic.h"

namespace alea {

// What is needed to run a model again: its program, and the one that makes the first values of its params, whose names
// are params. A param that it does not name begins at zero.
struct ProgramFile {
  Program program, initial_params;
};

std::optional<Program> read_program(const SourceMap&, SourceId, Diagnostics&);
std::optional<ProgramFile> read_program_file(const SourceMap&, SourceId, Diagnostics&);
// The second program is left out where it makes nothing.
std::string print_program_file(const Program&, const Program& initial_params, const SourceMap* = nullptr);

// Whether a text is one that read_program may read, by its first word.
bool looks_like_program(std::string_view text);

}  // namespace alea
