// Elementary functions, the one definition of what every elementwise operation gives to the bit. The templates
// over a builder are in the files included here (elementary_builder.h explains); `apply` is their instance for
// one number: what constant folding and the interpreter call.
#pragma once
#include <span>

#include "compiler/graph/graph.h"
#include "compiler/kernel/elementary_arithmetic.h"
#include "compiler/kernel/elementary_exp.h"
#include "compiler/kernel/elementary_gamma.h"
#include "compiler/kernel/elementary_normal.h"
#include "compiler/kernel/elementary_trigonometry.h"

namespace alea::elementary {

// One elementwise operation on numbers of the op's arity; booleans are 0 and 1. In single precision lgamma and its
// kin and the implicit derivatives are computed in double and rounded. Internal error for other operations.
double apply(Op, std::span<const double> operands);
float apply(Op, std::span<const float> operands);
double apply(Op, double);
double apply(Op, double, double);
float apply(Op, float);
float apply(Op, float, float);

}  // namespace alea::elementary
