// The trajectories of a run. In: a model ready to run. Out: a file with every named value of every sample and step, as
// the interpreter computes them: .npz (one array a name: samples, then steps where it varies with them, then its own
// axes) or .csv (a line a sample and step, a column an element).
#pragma once
#include "runtime/tool/engine.h"

namespace alea {

// To the file of --trace; throws FileError, or UsageError when it ends in neither .npz nor .csv.
void write_trace(const Session&, const Model&);

}  // namespace alea
