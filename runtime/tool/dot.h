// The stochastic graph as Graphviz draws it. In: a compiled model. Out: a text in the dot language, deterministic: squares
// are deterministic nodes, circles stochastic ones, diamonds costs; colours tell the estimators; only what the model
// names is drawn, and what lies between is an edge.
#pragma once
#include <string>

#include "compiler/pipeline.h"

namespace alea {

std::string dot_text(const Compiled&);

}  // namespace alea
