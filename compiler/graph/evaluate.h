// The value of one operation on given operands: the one definition that constant folding and the interpreter
// share, and that native code equals to the bit.
#pragma once
#include "compiler/graph/graph.h"

namespace alea {

// As `evaluate` in build.h, for an operation that is in no graph yet. An operand of one value stands for
// that value in every element.
std::vector<double> evaluate_operation(Op, const Type& result, std::span<const Type* const> operand_types,
                                       std::span<const int64_t> attributes, std::span<const std::span<const double>> operands);

}  // namespace alea
