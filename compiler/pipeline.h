// READ FIRST: the stages, in order, from parsed files to the gradient program. In: files that parsed. Out: everything that
// the later stages, the printers and the command read; or diagnostics.
#pragma once
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "compiler/estimator/explain.h"
#include "compiler/graph/elaborate.h"
#include "dsl/check.h"

namespace alea {

struct PipelineOptions {
  CheckOptions check;
  ChooseOptions choose;
};

struct Compiled {
  StochasticGraph graph;
  Chosen chosen;
  Explanation explanation;
  Program program;         // with its gradient
  Program initial_params;  // of horizon 0
};

// Nothing when something was reported as an error.
std::optional<Compiled> compile(const SourceMap&, const ParsedFiles&, const PipelineOptions&, Diagnostics&);

}  // namespace alea
