// One operation over extra leading axes: the vectorising rule that comprehensions, independent draws and
// enumerated outcomes share.
#pragma once
#include "compiler/graph/build.h"

namespace alea {

// Makes `op` over operands of which those flagged carry the leading axes `batch` (the others do not, and are
// shared by all elements). The attributes are those of the unbatched operation. The result carries the
// axes if any operand does. Every op but random ones and those of the program's later phases is covered.
NodeId make_batched(Graph&, Op, std::span<const NodeId> inputs, const std::vector<bool>& batched, const Shape& batch,
                    std::span<const int64_t> attributes, const Type& unbatched_type, SpanId);

}  // namespace alea
