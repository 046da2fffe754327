// Arrays too large for registers that a loop over time carries. Each turn reads such an array in one place and leaves its next
// value in another, where what computes it stores it at once. Two places change roles from turn to turn; a state that the tape
// keeps goes from one record of the tape to the next instead.
#include "compiler/codegen/emitter.h"

namespace alea {

NodeId Emitter::behind_names(NodeId node) const {
  while (kind(graph.op(node)) == OpKind::control && plan.form[node] == Form::view) node = graph.input(node, 0);
  return node;
}

CarriedArray Emitter::carried_array(NodeId leaf, NodeId next, const Shape& shape, const EmittedValue& slot) {
  CarriedArray array{CarriedArray::Path::to_and_fro, leaf, next, shape, slot, slot};
  if (leaf && next && behind_names(next) == leaf) {
    array.path = CarriedArray::Path::stays;
  } else if (leaf && schedule.home[leaf] == Home::tape && slot.lanes && node_lanes(leaf)) {
    array.path = CarriedArray::Path::over_tape;
  } else {
    const int64_t at = scratch.allocate(shape[0] * slot.strides[0]);
    context.scratch_bytes = std::max(context.scratch_bytes, scratch.peak());
    array.other.base = offset(arena, schedule.scratch + at);
  }
  return array;
}

void Emitter::place(NodeId node, const EmittedValue& target) {
  const NodeId source = behind_names(node);
  if (program.phase[source] == phase && plan.form[source] == Form::buffer && schedule.home[source] == Home::phase &&
      kind(graph.op(source)) != OpKind::leaf && node_lanes(source) == target.lanes)
    places_.try_emplace(source.index, target);
}

void Emitter::leave(NodeId node, const Shape& shape, const EmittedValue& target) {
  if (!node) return fill(target, shape, real(0));
  const auto found = values.find(node.index);
  if (found == values.end() || found->second.base != target.base) write(node, target);
}

void Emitter::copy(const Shape& shape, const EmittedValue& from, const EmittedValue& to) {
  each(shape, [&](const Index& index) { store(to, index, load(from, index)); });
}

void Emitter::copy_where(llvm::Value* condition, const Shape& shape, const EmittedValue& from, const EmittedValue& to) {
  auto* elsewhere = llvm::BasicBlock::Create(b.getContext(), "elsewhere", function);
  auto* next = llvm::BasicBlock::Create(b.getContext(), "there", function);
  b.CreateCondBr(condition, elsewhere, next);
  b.SetInsertPoint(elsewhere);
  copy(shape, from, to);
  b.CreateBr(next);
  b.SetInsertPoint(next);
}

}  // namespace alea
