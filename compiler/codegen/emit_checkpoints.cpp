// Long horizons (kernel/schedule.h): the steps are taken segment by segment, the states at the beginning of each being kept.
// The way back begins with the last segment, whose tape is still there; each earlier one is computed again from its
// checkpoint, with the same function and so to the same bits. The sums over the steps pass from one segment to the next
// in the arena.
#include "compiler/codegen/emitter.h"

namespace alea {
namespace {

class Segments {
 public:
  Segments(ModuleContext& context, const char* name)
      : schedule_(context.schedule),
        horizon_(context.program.horizon),
        function_(new_phase_function(context, name)),
        b_(llvm::BasicBlock::Create(context.module.getContext(), "entry", function_)) {}

  // for first = 0, S, 2S …: keep the states, take the steps; until the horizon, or until no sample is alive
  llvm::Function* forward(llvm::Function* steps) {
    auto [turn, before] = loop_block();
    llvm::PHINode* first = b_.CreatePHI(b_.getInt64Ty(), 2, "first");
    first->addIncoming(word(0), before);
    copy_states(checkpoint(first), address(schedule_.states_begin));
    take(first, steps);
    llvm::Value* next = b_.CreateAdd(first, word(schedule_.segment));
    first->addIncoming(next, turn);
    llvm::Value* alive = b_.CreateICmpNE(load(offsetof(StepRange, someone_alive)), word(0));
    end_loop(turn, b_.CreateAnd(b_.CreateICmpULT(next, word(horizon_)), alive));
    copy_states(address(schedule_.final_states), address(schedule_.states_begin));
    b_.CreateRetVoid();
    return function_;
  }

  // for the segments from the last one taken down: take its steps again, unless it is the last; go back through them
  llvm::Function* backward(llvm::Function* steps, llvm::Function* credit, llvm::Function* step_backward) {
    llvm::Value* last = load(offsetof(StepRange, first));
    auto [turn, before] = loop_block();
    llvm::PHINode* first = b_.CreatePHI(b_.getInt64Ty(), 2, "first");
    first->addIncoming(last, before);
    auto* again = llvm::BasicBlock::Create(b_.getContext(), "again", function_);
    auto* taped = llvm::BasicBlock::Create(b_.getContext(), "taped", function_);
    b_.CreateCondBr(b_.CreateICmpEQ(first, last), taped, again);
    b_.SetInsertPoint(again);
    copy_states(address(schedule_.states_begin), checkpoint(first));
    take(first, steps);
    b_.CreateBr(taped);
    b_.SetInsertPoint(taped);
    if (credit != nullptr) call(credit);
    call(step_backward);
    first->addIncoming(b_.CreateSub(first, word(schedule_.segment)), taped);
    end_loop(turn, b_.CreateICmpNE(first, word(0)));
    b_.CreateRetVoid();
    return function_;
  }

 private:
  llvm::Value* word(int64_t value) { return b_.getInt64(static_cast<uint64_t>(value)); }
  llvm::Value* address(int64_t offset) {
    return b_.CreateConstInBoundsGEP1_64(b_.getInt8Ty(), function_->getArg(3), static_cast<uint64_t>(offset));
  }
  llvm::Value* range(size_t field) { return address(schedule_.range + static_cast<int64_t>(field)); }
  llvm::Value* load(size_t field) { return b_.CreateAlignedLoad(b_.getInt64Ty(), range(field), llvm::Align(8)); }
  llvm::Value* checkpoint(llvm::Value* first) {
    llvm::Value* bytes = b_.CreateMul(b_.CreateUDiv(first, word(schedule_.segment)), word(schedule_.states_bytes));
    return b_.CreateInBoundsGEP(b_.getInt8Ty(), address(schedule_.checkpoints), bytes);
  }
  void copy_states(llvm::Value* to, llvm::Value* from) {
    b_.CreateMemCpy(to, llvm::Align(64), from, llvm::Align(64), static_cast<uint64_t>(schedule_.states_bytes));
  }
  void call(llvm::Function* phase) {
    b_.CreateCall(phase, {function_->getArg(0), function_->getArg(1), function_->getArg(2), function_->getArg(3)});
  }
  void take(llvm::Value* first, llvm::Function* steps) {
    llvm::Value* after = b_.CreateAdd(first, word(schedule_.segment));
    b_.CreateAlignedStore(first, range(offsetof(StepRange, first)), llvm::Align(8));
    b_.CreateAlignedStore(b_.CreateBinaryIntrinsic(llvm::Intrinsic::umin, after, word(horizon_)), range(offsetof(StepRange, end)),
                          llvm::Align(8));
    call(steps);
  }
  struct Loop {
    llvm::BasicBlock *turn, *before;
  };
  Loop loop_block() {
    llvm::BasicBlock* before = b_.GetInsertBlock();
    auto* turn = llvm::BasicBlock::Create(b_.getContext(), "segment", function_);
    b_.CreateBr(turn);
    b_.SetInsertPoint(turn);
    return {turn, before};
  }
  void end_loop(llvm::BasicBlock* turn, llvm::Value* go_on) {
    auto* done = llvm::BasicBlock::Create(b_.getContext(), "done", function_);
    b_.CreateCondBr(go_on, turn, done);
    b_.SetInsertPoint(done);
  }

  const Schedule& schedule_;
  const int64_t horizon_;
  llvm::Function* function_;
  llvm::IRBuilder<> b_;
};

}  // namespace

llvm::Function* emit_segments(ModuleContext& context, llvm::Function* steps) {
  return Segments(context, "segments").forward(steps);
}

llvm::Function* emit_segments_backward(ModuleContext& context, llvm::Function* steps, llvm::Function* credit,
                                       llvm::Function* backward) {
  return Segments(context, "segments_backward").backward(steps, credit, backward);
}

}  // namespace alea
