// READ FIRST (with pipeline.cpp): the stages, in order. compile() is the whole compiler up to the gradient
// program; native code is made from it by runtime/jit.
#pragma once
#include <optional>

#include "compiler/adjoint/fisher.h"
#include "compiler/adjoint/gradient_program.h"
#include "compiler/estimator/choose.h"
#include "compiler/estimator/explain.h"
#include "compiler/options.h"
#include "dsl/check.h"

namespace alea {

// One model, compiled as far as the stages that do not depend on the machine go.
struct Compiled {
  typed::Model typed;
  StochasticGraph graph;  // after params were pushed into laws, before enumerated draws were expanded
  Chosen chosen;
  Explanation explanation;
  Program program;                          // forward and gradient
  Program forward;                          // forward phases only
  Program initial_params;                   // its names are the params with an initial value
  std::optional<FisherInformation> fisher;  // where asked for
};

// Nothing when the model is wrong; `diagnostics` then says why. Warnings may be there either way.
std::optional<Compiled> compile(const SourceMap&, const ParsedFiles&, const PipelineOptions&, Diagnostics&);

}  // namespace alea
