// Weight gradients of large layers, Σ_t left_t right_tᵀ: adding each step's product to its slots would move all
// slots through the cache at every step. So the operands of several steps are kept, lanes that do not count set
// to 0, and added at once, tile by tile of 4 × 4 slots in registers. A slot receives the same products in the
// same order as without the delay: steps in the order of the sweep, then lanes ascending.
#include "compiler/codegen/emitter.h"

namespace alea {
namespace {

constexpr int64_t least_elements = 512;
constexpr int64_t delayed_steps = 8;
constexpr int64_t tile = 4;

// The function (arena, steps) that adds what the rings hold to the slots.
class Flush {
 public:
  Flush(Emitter& emitter, const DeferredOuter& deferred)
      : e(emitter),
        deferred(deferred),
        slots_(llvm::FixedVectorType::get(e.real_type(), static_cast<unsigned>(e.schedule.modulus))) {}

  llvm::Function* emit() {
    llvm::Type* pointer = e.b.getPtrTy();
    auto* type = llvm::FunctionType::get(e.b.getVoidTy(), {pointer, e.b.getInt64Ty()}, false);
    auto* function = llvm::Function::Create(type, llvm::GlobalValue::InternalLinkage, "add_products", e.context.module);
    function->addFnAttr(llvm::Attribute::NoInline);
    set_target_attributes(e.context, *function);
    const llvm::IRBuilderBase::InsertPointGuard guard(e.b);
    llvm::Function* const caller = e.function;
    e.function = function;
    arena_ = function->getArg(0);
    steps_ = function->getArg(1);
    e.b.SetInsertPoint(llvm::BasicBlock::Create(e.b.getContext(), "entry", function));
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
      llvm::Value* left =
          e.offset(e.offset(e.offset(arena_, deferred.left_ring), k, deferred.rows * lane_bytes), first_row, lane_bytes);
      llvm::Value* right =
          e.offset(e.offset(e.offset(arena_, deferred.right_ring), k, deferred.columns * lane_bytes), first_column, lane_bytes);
      for (int64_t part = 0; part < lane_bytes; part += slot_bytes) {
        auto load = [&](llvm::Value* base, int64_t element) {
          return e.b.CreateAlignedLoad(slots_, e.offset(base, element * lane_bytes + part), align);
        };
        std::vector<llvm::Value*> across;
        for (int64_t c = 0; c < columns; ++c) across.push_back(load(right, c));
        for (int64_t r = 0; r < rows; ++r) {
          llvm::Value* own = load(left, r);
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

  Emitter& e;
  const DeferredOuter& deferred;
  llvm::Type* slots_;
  llvm::Value *arena_ = nullptr, *steps_ = nullptr;
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
      auto ring = [&](int64_t elements) {
        const int64_t at = scratch.allocate(delayed_steps * elements * lanes * real_bytes());
        context.scratch_bytes = std::max(context.scratch_bytes, scratch.peak());
        return schedule.scratch + at;
      };
      deferred.left_ring = ring(deferred.rows);
      deferred.right_ring = ring(deferred.columns);
      deferred.flush = Flush(*this, deferred).emit();
      found.push_back(deferred);
    }
  }
  return found;
}

// `turn` counts the steps of the sweep from 0.
void Emitter::defer(const DeferredOuter& deferred, llvm::Value* turn) {
  llvm::Value* place = b.CreateURem(turn, i64(delayed_steps));
  llvm::Value* counted = valid();
  auto keep_operand = [&](NodeId operand_node, int64_t at) {
    const Type& operand_type = type(operand_node);
    EmittedValue ring = memory(operand_type, true, offset(arena, at), lanes);
    ring.base = offset(ring.base, place, element_count(operand_type.shape) * lanes * real_bytes());
    if (!is_small(operand_type)) prepare(operand_node);
    each(operand_type.shape, [&](const Index& index) {
      store(ring, index, b.CreateSelect(counted, splat(element(operand_node, index)), zero(true)));
    });
  };
  keep_operand(graph.input(deferred.node, 0), deferred.left_ring);
  keep_operand(graph.input(deferred.node, 1), deferred.right_ring);
  auto* full = llvm::BasicBlock::Create(b.getContext(), "full", function);
  auto* next = llvm::BasicBlock::Create(b.getContext(), "next", function);
  b.CreateCondBr(b.CreateICmpEQ(place, i64(delayed_steps - 1)), full, next);
  b.SetInsertPoint(full);
  b.CreateCall(deferred.flush, {arena, i64(delayed_steps)});
  b.CreateBr(next);
  b.SetInsertPoint(next);
}

// What is left in the rings after `steps` steps.
void Emitter::flush_rest(const DeferredOuter& deferred, llvm::Value* steps) {
  llvm::Value* left = b.CreateURem(steps, i64(delayed_steps));
  auto* some = llvm::BasicBlock::Create(b.getContext(), "rest", function);
  auto* next = llvm::BasicBlock::Create(b.getContext(), "added", function);
  b.CreateCondBr(b.CreateICmpNE(left, i64(0)), some, next);
  b.SetInsertPoint(some);
  b.CreateCall(deferred.flush, {arena, left});
  b.CreateBr(next);
  b.SetInsertPoint(next);
}

}  // namespace alea
