// Where model text comes from: a file, standard input, the standard library and the shipped examples. In: what the
// user wrote (`pendulum.alea`, `-`, `std:pendulum`, `import std.nn`). Out: the text, or why it could not be read.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "dsl/check.h"

namespace alea {

// The folder of that name ("stdlib", "examples"): under $ALEA_HOME, in `data` (where a package was installed; may be
// empty), beside the binary, in the install tree, or in the source tree that the binary was built from. Empty when there
// is none.
std::string standard_folder(const std::string& name, const std::string& data = {});

// The model that a command names: a path, "-", or "std:NAME" for a model of the standard library or a shipped example.
// Throws FileError.
LoadedFile load_model_file(const std::string& path, const std::string& data = {});
std::vector<std::string> standard_model_names();

// Imports: `std.NAME` from the standard library, other paths relative to the importing file.
Loader file_loader(const std::string& data = {});

}  // namespace alea
