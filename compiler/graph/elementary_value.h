// One elementwise operation on numbers. In: the operation and as many numbers as it has operands. Out: its
// value, as native code has it.
#pragma once
#include <span>

#include "compiler/graph/graph.h"

namespace alea {

double elementary_value(Op, std::span<const double> operands);

}  // namespace alea
