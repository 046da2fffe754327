// A training state as a file: an .npz archive, so that NumPy reads it, with a sum over all of it and with marks of the
// model, the settings and the data that it belongs to. In: what write_checkpoint() gave. Out: the same state to the bit. A
// file that is damaged or no checkpoint is a FileError, one of another run a UsageError that says what differs.
#pragma once
#include <string>

#include "runtime/learn/train.h"

namespace alea {

// Two runs with equal marks make the same steps.
struct RunMarks {
  uint64_t model = 0, settings = 0, data = 0;
};

uint64_t mark_of(std::string_view text);
uint64_t mark_of(const std::vector<InputRows>&);

std::string write_checkpoint(const TrainState&, const RunMarks&);
// `fresh` has the arrays' sizes: the state before the first step.
TrainState read_checkpoint(std::string_view bytes, const std::string& name, const RunMarks&, const TrainState& fresh);

}  // namespace alea
