// Credit: a sweep of its own over whole groups, from the last step taken to the first. It reads what the
// steps saved, or computes a little from it, and writes the advantages beside it. With checkpoints it goes
// segment by segment, its sums in the arena.
//   Q_t = own_t + R, R = later_final + Σ_{k>t} later_k;  A_t = n/(n-1) (Q_t − mean of Q_t over the n samples)
#include <llvm/IR/Intrinsics.h>

#include "compiler/codegen/emitter.h"

namespace alea {
namespace {

class Credit {
 public:
  Credit(Emitter& emitter, CreditPart part) : e(emitter), program(e.program), part_(part) {}

  void emit() {
    const bool begins = part_ == CreditPart::whole || part_ == CreditPart::begin;
    const bool ends = part_ == CreditPart::whole || part_ == CreditPart::end;
    e.chunk = e.i64(0);
    llvm::Value* count = e.sample_count();
    count_ = e.b.CreateSIToFP(count, e.real_type());
    // n / (n - 1), for one sample 1 with no mean.
    llvm::Value* several = e.b.CreateICmpUGT(count, e.i64(1));
    factor_ = e.b.CreateSelect(several, e.b.CreateFDiv(count_, e.b.CreateFSub(count_, e.real(1))), e.real(1));
    mean_factor_ = e.b.CreateSelect(several, e.real(1), e.real(0));
    llvm::Type* word_lanes = e.lanes_type(e.b.getInt64Ty());
    steps_ = e.b.CreateAlignedLoad(word_lanes, e.offset(e.arena, e.schedule.steps), llvm::Align(8));
    llvm::Value* last = e.b.CreateIntMaxReduce(steps_);
    for (uint32_t k = 0; k < program.advantages.size(); ++k) {
      if (e.schedule.advantages[AdvantageId{k}] < 0) continue;
      const ProgramAdvantage& advantage = program.advantages[AdvantageId{k}];
      EmittedValue sums = part_ == CreditPart::whole
                              ? e.new_buffer(real_like(advantage), true)
                              : e.arena_slot(real_like(advantage), true, e.schedule.later_sums[AdvantageId{k}]);
      if (begins)
        e.each(advantage.type.shape, [&](const Index& index) {
          e.store(sums, index, advantage.later_final ? e.splat(e.operand(advantage.later_final, index)) : e.zero(true));
        });
      sums_.push_back({AdvantageId{k}, sums});
    }
    e.before_loops = e.before_body = e.marker("credit");
    if (part_ == CreditPart::segment || (part_ == CreditPart::whole && program.horizon > 0)) over_time(last);
    e.time = nullptr;
    for (const auto& [id, sums] : sums_) {
      const ProgramAdvantage& advantage = program.advantages[id];
      if (advantage.phase == Phase::step || !ends) continue;
      const EmittedValue out = e.arena_slot(real_like(advantage), true, e.schedule.advantages[id]);
      e.each(advantage.type.shape,
             [&](const Index& index) { e.store(out, index, advantage_of(advantage, sums, index, nullptr)); });
    }
  }

 private:
  struct Sum {
    AdvantageId id;
    EmittedValue sums;
  };
  static Type real_like(const ProgramAdvantage& advantage) {
    Type type = advantage.type;
    type.scalar = Scalar::real;
    return type;
  }

  void over_time(llvm::Value* last) {
    auto* enter = llvm::BasicBlock::Create(e.b.getContext(), "enter", e.function);
    auto* done = llvm::BasicBlock::Create(e.b.getContext(), "credited", e.function);
    llvm::Value* count = last;
    if (part_ == CreditPart::segment)
      count = e.b.CreateSub(e.b.CreateBinaryIntrinsic(llvm::Intrinsic::umax, last, e.first_step), e.first_step);
    e.b.CreateCondBr(e.b.CreateICmpNE(count, e.i64(0)), enter, done);
    e.b.SetInsertPoint(enter);
    e.before_loops = e.marker("later");
    e.rolled_loop(count, {}, [&](llvm::Value* i, Emitter::Carried) -> Emitter::Carried {
      e.time = e.b.CreateSub(e.b.CreateSub(last, e.i64(1)), i, "t");
      e.before_body = e.marker("step");
      // What a chunk did not reach is 0.
      llvm::Value* reached = e.b.CreateICmpULT(e.splat(e.time), steps_);
      for (const auto& [id, sums] : sums_) {
        const ProgramAdvantage& advantage = program.advantages[id];
        for (NodeId part : {advantage.own, advantage.later, advantage.value_baseline}) {
          if (!part) continue;
          compute(part);
          if (!e.is_small(advantage.type)) e.prepare(part);
        }
        const bool of_step = advantage.phase == Phase::step;
        EmittedValue out;
        if (of_step) {
          out = e.arena_slot(real_like(advantage), true, e.schedule.tape + e.schedule.advantages[id]);
          out.base = e.offset(out.base, e.in_segment(e.time), e.schedule.record_bytes);
        }
        e.each(advantage.type.shape, [&, sums = sums](const Index& index) {
          if (of_step) e.store(out, index, advantage_of(advantage, sums, index, reached));
          if (!advantage.later) return;
          llvm::Value* later = e.b.CreateSelect(reached, e.splat(e.operand(advantage.later, index)), e.zero(true));
          e.store(sums, index, e.b.CreateFAdd(e.load(sums, index), later));
        });
      }
      return {};
    });
    e.b.CreateBr(done);
    e.b.SetInsertPoint(done);
    std::erase_if(e.values, [&](const auto& entry) { return program.phase[NodeId{entry.first}] == Phase::step; });
    e.before_loops = e.before_body = e.marker("of_init");
  }

  // Values of the step that the tape lacks, from those that it has.
  void compute(NodeId node) {
    if (program.phase[node] != Phase::step || e.schedule.home[node] != Home::phase || e.values.contains(node.index)) return;
    for (NodeId input : e.graph.inputs(node)) compute(input);
    e.emit(node);
  }

  llvm::Value* advantage_of(const ProgramAdvantage& advantage, const EmittedValue& sums, const Index& index,
                            llvm::Value* reached) {
    auto part = [&](NodeId node) {
      llvm::Value* value = e.splat(e.operand(node, index));
      return reached ? e.b.CreateSelect(reached, value, e.zero(true)) : value;
    };
    llvm::Value* q = e.load(sums, index);
    if (advantage.own) q = e.b.CreateFAdd(part(advantage.own), q);
    if (advantage.value_baseline) q = e.b.CreateFSub(q, part(advantage.value_baseline));
    switch (advantage.baseline) {
      case Baseline::none: return q;
      case Baseline::leave_one_out: {
        llvm::Value* sum = e.lane_sum(e.b.CreateSelect(e.valid(), q, e.zero(true)));
        llvm::Value* mean = e.b.CreateFMul(e.b.CreateFDiv(sum, count_), mean_factor_);
        return e.b.CreateFMul(e.splat(factor_), e.b.CreateFSub(q, e.splat(mean)));
      }
    }
    return q;
  }

  Emitter& e;
  const Program& program;
  CreditPart part_;
  llvm::Value *count_ = nullptr, *factor_ = nullptr, *mean_factor_ = nullptr, *steps_ = nullptr;
  std::vector<Sum> sums_;
};

}  // namespace

llvm::Function* emit_credit(ModuleContext& context, CreditPart part) {
  Emitter e(context, Phase::step_backward, group_size, "credit_phase");
  Credit(e, part).emit();
  e.b.CreateRetVoid();
  return e.function;
}

}  // namespace alea
