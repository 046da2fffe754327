// Weight gradients of large layers, Σ_t left_t right_tᵀ: adding each step's product to its slots would move all
// slots through the cache at every step. So the operands of several steps are kept and added at once, tile by tile of
// 4 × 4 slots in registers, lanes that do not count as 0. A slot receives the same products in the same order as
// without the delay: steps in the order of the sweep, then lanes ascending.
#include "compiler/codegen/emitter.h"

namespace alea {
namespace {

constexpr int64_t least_elements = 512;
constexpr int64_t delayed_steps = 8;
constexpr int64_t tile = 4;

// The function (arena, left, right, steps, samples) that adds to the slots what is kept of the operands, from the places of the
// first step on, for the lanes below `samples`.
class Flush {
 public:
  Flush(Emitter& emitter, const DeferredOuter& deferred)
      : e(emitter),
        deferred(deferred),
        slots_(llvm::FixedVectorType::get(e.real_type(), static_cast<unsigned>(e.schedule.modulus))) {}

  llvm::Function* emit() {
    llvm::Type* pointer = e.b.getPtrTy();
    auto* type = llvm::FunctionType::get(e.b.getVoidTy(), {pointer, pointer, pointer, e.b.getInt64Ty(), e.b.getInt64Ty()}, false);
    auto* function = llvm::Function::Create(type, llvm::GlobalValue::InternalLinkage, "add_products", e.context.module);
    function->addFnAttr(llvm::Attribute::NoInline);
    set_target_attributes(e.context, *function);
    const llvm::IRBuilderBase::InsertPointGuard guard(e.b);
    llvm::Function* const caller = e.function;
    e.function = function;
    arena_ = function->getArg(0);
    steps_ = function->getArg(3);
    e.b.SetInsertPoint(llvm::BasicBlock::Create(e.b.getContext(), "entry", function));
    const int64_t modulus = e.schedule.modulus;
    for (int64_t first = 0; first < e.lanes; first += modulus) {
      std::vector<llvm::Constant*> own;
      for (int64_t lane = first; lane < first + modulus; ++lane) own.push_back(e.b.getInt32(static_cast<uint32_t>(lane)));
      llvm::Value* samples = e.b.CreateTrunc(function->getArg(4), e.b.getInt32Ty());
      counted_.push_back(
          e.b.CreateICmpSLT(llvm::ConstantVector::get(own), e.b.CreateVectorSplat(static_cast<unsigned>(modulus), samples)));
    }
    // Eight columns of all steps stay in the first cache while the rows pass by.
    over(deferred.columns, 2 * tile, [&](llvm::Value* first_column, int64_t columns) {
      over(deferred.rows, tile, [&](llvm::Value* first_row, int64_t rows) {
        for (int64_t c = 0; c < columns; c += tile)
          add_tile(first_row, rows, e.b.CreateAdd(first_column, e.i64(c)), std::min(tile, columns - c));
      });
    });
    e.b.CreateRetVoid();
    e.function = caller;
    return function;
  }

 private:
  // `length` in pieces of `size`, the last one perhaps shorter.
  void over(int64_t length, int64_t size, const std::function<void(llvm::Value*, int64_t)>& body) {
    const int64_t whole = length / size;
    if (whole > 0)
      e.rolled_loop(e.i64(whole), {}, [&](llvm::Value* t, const Emitter::Carried&) -> Emitter::Carried {
        body(e.b.CreateMul(t, e.i64(size)), size);
        return {};
      });
    if (length % size != 0) body(e.i64(whole * size), length % size);
  }

  void add_tile(llvm::Value* first_row, int64_t rows, llvm::Value* first_column, int64_t columns) {
    const int64_t modulus = e.schedule.modulus, slot_bytes = modulus * e.real_bytes(), lane_bytes = e.lanes * e.real_bytes();
    const llvm::Align align(64);
    std::vector<llvm::Value*> addresses;
    Emitter::Carried sums;
    llvm::Value* corner =
        e.offset(e.offset(e.offset(arena_, deferred.slots), first_row, deferred.columns * slot_bytes), first_column, slot_bytes);
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < columns; ++c) {
        addresses.push_back(e.offset(corner, (r * deferred.columns + c) * slot_bytes));
        sums.push_back(e.b.CreateAlignedLoad(slots_, addresses.back(), align));
      }
    sums = e.rolled_loop(steps_, sums, [&](llvm::Value* k, Emitter::Carried so_far) {
      llvm::Value* left = at(0, k, first_row);
      llvm::Value* right = at(1, k, first_column);
      for (int64_t part = 0; part < lane_bytes; part += slot_bytes) {
        auto load = [&](size_t side, llvm::Value* base, int64_t element) {
          const int64_t place = element * deferred.kept[side].element_bytes + part;
          llvm::Value* all = e.b.CreateAlignedLoad(slots_, e.offset(base, place), align);
          return e.b.CreateSelect(counted_[static_cast<size_t>(part / slot_bytes)], all, llvm::Constant::getNullValue(slots_));
        };
        std::vector<llvm::Value*> across;
        for (int64_t c = 0; c < columns; ++c) across.push_back(load(1, right, c));
        for (int64_t r = 0; r < rows; ++r) {
          llvm::Value* own = load(0, left, r);
          for (int64_t c = 0; c < columns; ++c) {
            llvm::Value*& sum = so_far[static_cast<size_t>(r * columns + c)];
            sum = e.fma(own, across[static_cast<size_t>(c)], sum);
          }
        }
      }
      return so_far;
    });
    for (size_t k = 0; k < sums.size(); ++k) e.b.CreateAlignedStore(sums[k], addresses[k], align);
  }

  // An operand's element `first` at step k of those that are kept.
  llvm::Value* at(unsigned side, llvm::Value* k, llvm::Value* first) {
    const KeptOperand& kept = deferred.kept[side];
    return e.offset(e.offset(e.function->getArg(1 + side), k, kept.step_bytes), first, kept.element_bytes);
  }

  Emitter& e;
  const DeferredOuter& deferred;
  llvm::Type* slots_;
  llvm::Value *arena_ = nullptr, *steps_ = nullptr;
  std::vector<llvm::Value*> counted_;  // by part of the lanes
};

}  // namespace

bool Emitter::is_deferred(AccumulatorId id, const Contribution& contribution) const {
  const NodeId node = contribution.value;
  return phase == Phase::step_backward && contribution.phase == phase && !contribution.index &&
         schedule.accumulators[id].form == AccumulatorForm::modulus && graph.op(node) == Op::outer &&
         plan.form[node] == Form::inlined && graph.attributes(node)[0] == 0 && element_count(graph.shape(node)) >= least_elements;
}

std::vector<DeferredOuter> Emitter::deferred_outers() {
  std::vector<DeferredOuter> found;
  for (uint32_t k = 0; k < program.accumulators.size(); ++k) {
    const AccumulatorId id{k};
    if (schedule.accumulators[id].form != AccumulatorForm::modulus) continue;
    for (const Contribution& contribution : program.accumulators[id].contributions) {
      if (!is_deferred(id, contribution)) continue;
      DeferredOuter deferred;
      deferred.node = contribution.value;
      deferred.slots = schedule.accumulators[id].offset;
      deferred.rows = graph.shape(contribution.value)[0];
      deferred.columns = graph.shape(contribution.value)[1];
      for (int side = 0; side < 2; ++side) {
        const NodeId operand_node = graph.input(deferred.node, side);
        KeptOperand& kept = deferred.kept[static_cast<size_t>(side)];
        kept.on_tape = schedule.home[operand_node] == Home::tape && node_lanes(operand_node);
        if (kept.on_tape) {
          kept.step_bytes = -schedule.record_bytes;
          kept.element_bytes = group_size * real_bytes();
          continue;
        }
        kept.element_bytes = lanes * real_bytes();
        kept.step_bytes = element_count(graph.shape(operand_node)) * kept.element_bytes;
        kept.ring = schedule.scratch + scratch.allocate(delayed_steps * kept.step_bytes);
        context.scratch_bytes = std::max(context.scratch_bytes, scratch.peak());
      }
      deferred.flush = Flush(*this, deferred).emit();
      found.push_back(deferred);
    }
  }
  return found;
}

// Where a turn's operand is kept; turns count the steps of the sweep from 0, at `step`.
EmittedValue Emitter::kept_operand(const DeferredOuter& deferred, int side, llvm::Value* turn, llvm::Value* step) {
  const KeptOperand& kept = deferred.kept[static_cast<size_t>(side)];
  const NodeId operand_node = graph.input(deferred.node, side);
  if (kept.on_tape) return tape_slot(operand_node, step);
  EmittedValue ring = memory(type(operand_node), true, offset(arena, kept.ring), lanes);
  ring.base = offset(ring.base, b.CreateURem(turn, i64(delayed_steps)), kept.step_bytes);
  return ring;
}

// After a turn: leaves its operands in their places; after each `delayed_steps` turns adds the products.
void Emitter::defer(const DeferredOuter& deferred, llvm::Value* turn, const std::array<EmittedValue, 2>& places) {
  for (int side = 0; side < 2; ++side) {
    const NodeId operand_node = graph.input(deferred.node, side);
    if (!deferred.kept[static_cast<size_t>(side)].on_tape)
      leave(operand_node, graph.shape(operand_node), places[static_cast<size_t>(side)]);
  }
  auto* full = llvm::BasicBlock::Create(b.getContext(), "full", function);
  auto* next = llvm::BasicBlock::Create(b.getContext(), "next", function);
  b.CreateCondBr(b.CreateICmpEQ(b.CreateURem(turn, i64(delayed_steps)), i64(delayed_steps - 1)), full, next);
  b.SetInsertPoint(full);
  flush(deferred, b.CreateAdd(turn, i64(1)), time, i64(delayed_steps));
  b.CreateBr(next);
  b.SetInsertPoint(next);
}

// Adds the products of the last `count` of `turns` turns, the last one at `step`.
void Emitter::flush(const DeferredOuter& deferred, llvm::Value* turns, llvm::Value* step, llvm::Value* count) {
  llvm::Value* first_turn = b.CreateSub(turns, count);
  llvm::Value* first_step = b.CreateSub(b.CreateAdd(step, count), i64(1));
  std::vector<llvm::Value*> passed{arena};
  for (int side = 0; side < 2; ++side) passed.push_back(kept_operand(deferred, side, first_turn, first_step).base);
  passed.insert(passed.end(), {count, b.CreateSub(sample_count(), chunk)});
  b.CreateCall(deferred.flush, passed);
}

// What is left after the last turn, which was at `step`.
void Emitter::flush_rest(const DeferredOuter& deferred, llvm::Value* turns, llvm::Value* step) {
  llvm::Value* left = b.CreateURem(turns, i64(delayed_steps));
  auto* some = llvm::BasicBlock::Create(b.getContext(), "rest", function);
  auto* next = llvm::BasicBlock::Create(b.getContext(), "added", function);
  b.CreateCondBr(b.CreateICmpNE(left, i64(0)), some, next);
  b.SetInsertPoint(some);
  flush(deferred, turns, step, left);
  b.CreateBr(next);
  b.SetInsertPoint(next);
}

}  // namespace alea
