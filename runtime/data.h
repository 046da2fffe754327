// Data bound to a model's inputs. In: `name=FILE.npy`, `name=FILE.npz:key`, `name=FILE.csv` or an IDX file
// (`…-ubyte`, `…-ubyte.gz`), one for each input. Out:
// rows of each input, by InputId; sample i reads row i mod rows. All inputs have the same number of rows, every
// value is one that the input's type allows. What does not fit is a UsageError that names the input.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "compiler/graph/stochastic_graph.h"
#include "compiler/kernel/interpret.h"
#include "runtime/npy.h"

namespace alea {

std::vector<InputRows> load_inputs(const Table<InputId, GraphInput>&, const std::vector<std::string>& bindings);
std::vector<InputRows> bind_inputs(const Table<InputId, GraphInput>&, const NamedArrays&);

// Numbers separated by commas, semicolons, tabs or spaces, one row a line; a first line of names is skipped. Throws
// FileError with `name` and the line.
Array read_csv(std::string_view text, const std::string& name);

}  // namespace alea
