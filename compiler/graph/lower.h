// The language's built-in functions in terms of operations that have derivative rules.
#pragma once
#include "compiler/graph/frames.h"
#include "dsl/typed_model.h"

namespace alea {

// `attributes` are those of builtin.def; `result` is the type that the checker gave (of one element).
Value lower(Frames&, typed::Builtin, std::span<const Value> operands, std::span<const int64_t> attributes, const Type& result);

}  // namespace alea
