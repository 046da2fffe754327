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
    samples_ = samples_of(e.sample_count());
    llvm::Type* word_lanes = e.lanes_type(e.b.getInt64Ty());
    steps_ = e.b.CreateAlignedLoad(word_lanes, e.offset(e.arena, e.schedule.steps), llvm::Align(8));
    llvm::Value* last = e.b.CreateIntMaxReduce(steps_);
    for (uint32_t k = 0; k < program.advantages.size(); ++k) {
      if (e.schedule.advantages[AdvantageId{k}] < 0) continue;
      const ProgramAdvantage& advantage = program.advantages[AdvantageId{k}];
      if (!has_later(advantage)) {
        sums_.push_back({AdvantageId{k}, {}});
        continue;
      }
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
      // What is read for one is loaded there: not before all others, where it would wait in registers.
      e.before_loops = e.before_body = e.marker("of_init");
      const EmittedValue out = e.arena_slot(real_like(advantage), true, e.schedule.advantages[id]);
      e.each(advantage.type.shape, [&](const Index& index) {
        e.store(out, index, value_of(advantage, sums, index, nullptr));
        if (advantage.baseline == Baseline::leave_one_out)
          e.b.CreateCall(leave_one_out_in_memory(), {e.address(out, index), e.sample_count()});
      });
    }
  }

 private:
  struct Sum {
    AdvantageId id;
    EmittedValue sums;
  };
  static bool has_later(const ProgramAdvantage& advantage) { return advantage.later || advantage.later_final; }
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
          if (of_step) {
            llvm::Value* q = value_of(advantage, sums, index, reached);
            const bool alone = advantage.baseline == Baseline::none;
            e.store(out, index, alone ? q : leave_one_out(q, samples_, e.valid()));
          }
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

  // Q
  llvm::Value* value_of(const ProgramAdvantage& advantage, const EmittedValue& sums, const Index& index, llvm::Value* reached) {
    auto part = [&](NodeId node) {
      llvm::Value* value = e.splat(e.operand(node, index));
      return reached ? e.b.CreateSelect(reached, value, e.zero(true)) : value;
    };
    llvm::Value* q = has_later(advantage) ? e.load(sums, index) : nullptr;
    if (advantage.own) q = q ? e.b.CreateFAdd(part(advantage.own), q) : part(advantage.own);
    if (!q) q = e.zero(true);
    return advantage.value_baseline ? e.b.CreateFSub(q, part(advantage.value_baseline)) : q;
  }

  // A = factor (Q - mean_factor Σ Q / n): factors n / (n - 1) and 1, for one sample 1 and 0.
  struct Samples {
    llvm::Value *count = nullptr, *factor = nullptr, *mean_factor = nullptr;
  };
  Samples samples_of(llvm::Value* count) {
    llvm::Value *n = e.b.CreateSIToFP(count, e.real_type()), *several = e.b.CreateICmpUGT(count, e.i64(1));
    return {n, e.b.CreateSelect(several, e.b.CreateFDiv(n, e.b.CreateFSub(n, e.real(1))), e.real(1)),
            e.b.CreateSelect(several, e.real(1), e.real(0))};
  }

  llvm::Value* leave_one_out(llvm::Value* q, const Samples& samples, llvm::Value* valid) {
    llvm::Value* sum = e.lane_sum(e.b.CreateSelect(valid, q, e.zero(true)));
    llvm::Value* mean = e.b.CreateFMul(e.b.CreateFDiv(sum, samples.count), samples.mean_factor);
    return e.b.CreateFMul(e.splat(samples.factor), e.b.CreateFSub(q, e.splat(mean)));
  }

  // The module's function (Q of a group, in place, samples): a graph may credit thousands of draws.
  llvm::Function* leave_one_out_in_memory() {
    if (in_memory_ != nullptr) return in_memory_;
    auto* signature = llvm::FunctionType::get(e.b.getVoidTy(), {e.b.getPtrTy(), e.b.getInt64Ty()}, false);
    in_memory_ = llvm::Function::Create(signature, llvm::GlobalValue::InternalLinkage, "leave_one_out", e.context.module);
    in_memory_->addFnAttr(llvm::Attribute::NoInline);
    set_target_attributes(e.context, *in_memory_);
    const llvm::IRBuilderBase::InsertPointGuard guard(e.b);
    e.b.SetInsertPoint(llvm::BasicBlock::Create(e.b.getContext(), "entry", in_memory_));
    llvm::Value *place = in_memory_->getArg(0), *count = in_memory_->getArg(1);
    const llvm::Align align(64);
    llvm::Value* q = e.b.CreateAlignedLoad(e.lanes_type(e.real_type()), place, align);
    e.b.CreateAlignedStore(leave_one_out(q, samples_of(count), e.lanes_below(count)), place, align);
    e.b.CreateRetVoid();
    return in_memory_;
  }

  Emitter& e;
  const Program& program;
  CreditPart part_;
  Samples samples_;
  llvm::Value* steps_ = nullptr;
  llvm::Function* in_memory_ = nullptr;
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
