// Data bound to a model's inputs. In: `name=FILE.npy`, `name=FILE.npz:key` or `name=FILE.csv`, one for each input. Out:
// one flat array an input, row after row; sample i reads row i mod rows. All inputs have the same number of rows, every
// value is one that the input's type allows. What does not fit is a UsageError that names the input.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "compiler/graph/stochastic_graph.h"
#include "runtime/npy.h"

namespace alea {

struct InputData {
  Table<InputId, std::vector<double>> values;  // rows × elements of the input's type
  int64_t rows = 0;                            // 0 for a model without inputs
};

InputData load_inputs(const Table<InputId, GraphInput>&, const std::vector<std::string>& bindings);
InputData bind_inputs(const Table<InputId, GraphInput>&, const NamedArrays&);

// Numbers separated by commas, semicolons, tabs or spaces, one row a line; a first line of names is skipped. Throws
// FileError with `name` and the line.
Array read_csv(std::string_view text, const std::string& name);

}  // namespace alea
