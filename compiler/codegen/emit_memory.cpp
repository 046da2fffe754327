// Loops over elements, lanes, steps and groups; sums over lanes and the lanes that count; addresses, loading and storing; buffers
// of a phase.
#include <llvm/IR/Intrinsics.h>
#include <llvm/IR/MDBuilder.h>

#include "compiler/codegen/emitter.h"
#include "dsl/diagnostic.h"

namespace alea {

// --- control flow

llvm::Instruction* Emitter::marker(const char* name) {
  auto* next = llvm::BasicBlock::Create(b.getContext(), name, function);
  llvm::Instruction* branch = b.CreateBr(next);
  b.SetInsertPoint(next);
  return branch;
}

Emitter::Carried Emitter::rolled_loop(llvm::Value* count, Carried initial,
                                      const std::function<Carried(llvm::Value*, Carried)>& body) {
  // Arrays may have no elements; a turn would touch what lies behind them.
  if (const auto* known = llvm::dyn_cast<llvm::ConstantInt>(count); known != nullptr && known->isZero()) return initial;
  llvm::BasicBlock* before = b.GetInsertBlock();
  auto* turn = llvm::BasicBlock::Create(b.getContext(), "turn", function);
  auto* done = llvm::BasicBlock::Create(b.getContext(), "done", function);
  b.CreateBr(turn);
  b.SetInsertPoint(turn);
  llvm::PHINode* index = b.CreatePHI(b.getInt64Ty(), 2, "i");
  index->addIncoming(i64(0), before);
  std::vector<llvm::PHINode*> phis;
  Carried carried;
  for (llvm::Value* value : initial) {
    phis.push_back(b.CreatePHI(value->getType(), 2));
    phis.back()->addIncoming(value, before);
    carried.push_back(phis.back());
  }
  carried = body(index, carried);
  llvm::Value* next = b.CreateAdd(index, i64(1));
  index->addIncoming(next, b.GetInsertBlock());
  for (size_t k = 0; k < phis.size(); ++k) phis[k]->addIncoming(carried[k], b.GetInsertBlock());
  b.CreateCondBr(b.CreateICmpULT(next, count), turn, done);
  b.SetInsertPoint(done);
  return carried;
}

Emitter::Carried Emitter::loop(int64_t count, Carried carried, const std::function<Carried(llvm::Value*, Carried)>& body) {
  if (count > register_elements) return rolled_loop(i64(count), std::move(carried), body);
  for (int64_t k = 0; k < count; ++k) carried = body(i64(k), std::move(carried));
  return carried;
}

void Emitter::each(const Shape& shape, const std::function<void(const Index&)>& body) {
  const bool unrolled = element_count(shape) <= register_elements;
  Index index;
  std::function<void(size_t)> nest = [&](size_t axis) {
    if (axis == shape.size()) return body(index);
    auto turn = [&](llvm::Value* i, Carried) {
      index.push_back(i);
      nest(axis + 1);
      index.pop_back();
      return Carried{};
    };
    if (unrolled || shape[axis] <= 1)
      for (int64_t k = 0; k < shape[axis]; ++k) turn(i64(k), {});
    else rolled_loop(i64(shape[axis]), {}, turn);
  };
  if (element_count(shape) > 0) nest(0);
}

Emitter::Carried Emitter::chunks(Carried initial, const std::function<Carried(Carried)>& body) {
  auto turn = [&](llvm::Value* i, Carried carried) {
    chunk = b.CreateMul(i, i64(lanes), "chunk");
    before_loops = before_body = marker("chunk");
    return body(std::move(carried));
  };
  if (lanes == group_size) return turn(i64(0), std::move(initial));
  return rolled_loop(i64(group_size / lanes), std::move(initial), turn);
}

void Emitter::chunks(const std::function<void()>& body) {
  chunks(Carried{}, [&](Carried) {
    body();
    return Carried{};
  });
}

void Emitter::groups(const std::function<void()>& body) {
  if (context.most_groups == 1) return body();
  rolled_loop(group_count(), {}, [&](llvm::Value* i, const Carried&) -> Carried {
    group = i;
    arena = offset(whole_arena_, group, context.group_bytes);
    before_loops = before_body = marker("group");
    body();
    return {};
  });
  group = nullptr;
  arena = whole_arena_;
}

Emitter::Carried Emitter::unless(llvm::Value* rare, Carried usual, const std::function<Carried(Carried)>& otherwise) {
  auto* other = llvm::BasicBlock::Create(b.getContext(), "rare", function);
  auto* next = llvm::BasicBlock::Create(b.getContext(), "usual", function);
  llvm::BasicBlock* from = b.GetInsertBlock();
  b.CreateCondBr(rare, other, next, llvm::MDBuilder(b.getContext()).createBranchWeights(1, 1'000'000));
  b.SetInsertPoint(other);
  const Carried instead = otherwise(usual);
  other = b.GetInsertBlock();
  b.CreateBr(next);
  b.SetInsertPoint(next);
  for (size_t k = 0; k < usual.size(); ++k) {
    llvm::PHINode* joined = b.CreatePHI(usual[k]->getType(), 2);
    joined->addIncoming(usual[k], from);
    joined->addIncoming(instead[k], other);
    usual[k] = joined;
  }
  return usual;
}

// --- lanes

llvm::Value* Emitter::lane_sums(llvm::Value* vector, unsigned count) {
  auto width = llvm::cast<llvm::FixedVectorType>(vector->getType())->getNumElements();
  while (width > count) {
    width /= 2;
    std::vector<int> low, high;
    for (unsigned k = 0; k < width; ++k) {
      low.push_back(static_cast<int>(k));
      high.push_back(static_cast<int>(k + width));
    }
    vector = b.CreateFAdd(b.CreateShuffleVector(vector, low), b.CreateShuffleVector(vector, high));
  }
  return vector;
}

llvm::Value* Emitter::lane_sum(llvm::Value* vector) { return b.CreateExtractElement(lane_sums(vector, 1), uint64_t{0}); }

llvm::Value* Emitter::valid() {
  if (valid_ && valid_at_ == before_loops) return valid_;
  const llvm::IRBuilderBase::InsertPointGuard guard(b);
  b.SetInsertPoint(before_loops);
  valid_ = lanes_below(b.CreateSub(sample_count(), chunk));
  valid_at_ = before_loops;
  return valid_;
}

llvm::Value* Emitter::lanes_below(llvm::Value* count) {
  std::vector<llvm::Constant*> own;
  for (int lane = 0; lane < lanes; ++lane) own.push_back(b.getInt32(static_cast<uint32_t>(lane)));
  return b.CreateICmpSLT(llvm::ConstantVector::get(own), splat(b.CreateTrunc(count, b.getInt32Ty())));
}

Emitter::Carried Emitter::counted(Carried values) {
  if (values.empty()) return values;
  llvm::Value* left = b.CreateSub(sample_count(), chunk);
  return unless(b.CreateICmpSLT(left, i64(lanes)), std::move(values), [&](Carried all) {
    llvm::Value* mask = lanes_below(left);
    for (llvm::Value*& value : all) value = b.CreateSelect(mask, value, zero(true));
    return all;
  });
}

// --- memory

llvm::Value* Emitter::splat(llvm::Value* value) {
  return value->getType()->isVectorTy() ? value : b.CreateVectorSplat(static_cast<unsigned>(lanes), value);
}

llvm::Value* Emitter::offset(llvm::Value* base, int64_t bytes) {
  return bytes == 0 ? base : b.CreateConstInBoundsGEP1_64(b.getInt8Ty(), base, static_cast<uint64_t>(bytes));
}

llvm::Value* Emitter::offset(llvm::Value* base, llvm::Value* count, int64_t bytes) {
  if (auto* constant = llvm::dyn_cast<llvm::ConstantInt>(count)) return offset(base, constant->getSExtValue() * bytes);
  return b.CreateInBoundsGEP(b.getInt8Ty(), base, b.CreateMul(count, i64(bytes)));
}

llvm::Value* Emitter::load_invariant(llvm::Type* type, llvm::Value* from) {
  llvm::LoadInst* loaded = b.CreateLoad(type, from);
  loaded->setMetadata(llvm::LLVMContext::MD_invariant_load, llvm::MDNode::get(b.getContext(), {}));
  return loaded;
}

llvm::Value* Emitter::argument(size_t field_offset, llvm::Type* type) {
  return load_invariant(type, offset(arguments, static_cast<int64_t>(field_offset)));
}

llvm::Value* Emitter::first_sample() {
  llvm::Value* first = argument(offsetof(KernelArguments, first_sample), b.getInt64Ty());
  return group == nullptr ? first : b.CreateAdd(first, b.CreateMul(group, i64(group_size)));
}

llvm::Value* Emitter::sample_count() {
  llvm::Value* count = argument(offsetof(KernelArguments, sample_count), b.getInt64Ty());
  return group == nullptr ? count : b.CreateSub(count, b.CreateMul(group, i64(group_size)));
}

llvm::Value* Emitter::group_count() {
  if (context.most_groups == 1) return i64(1);
  llvm::Value* count = argument(offsetof(KernelArguments, sample_count), b.getInt64Ty());
  return b.CreateUDiv(b.CreateAdd(count, i64(group_size - 1)), i64(group_size));
}

int64_t Emitter::element_bytes(bool lanes, bool boolean, int64_t lane_width) const {
  if (boolean) return lanes ? lane_width / 8 : 1;
  return real_bytes() * (lanes ? lane_width : 1);
}

EmittedValue Emitter::memory(const Type& type, bool lanes, llvm::Value* base, int64_t lane_width, bool real_in_memory) {
  EmittedValue value;
  value.lanes = lanes;
  value.boolean = type.scalar == Scalar::boolean;
  value.real_in_memory = value.boolean && real_in_memory;
  value.base = base;
  value.lane_width = lane_width;
  value.strides.resize(type.shape.size());
  int64_t stride = element_bytes(lanes, value.boolean && !real_in_memory, lane_width);
  for (size_t axis = type.shape.size(); axis-- > 0;) {
    value.strides[axis] = stride;
    stride *= type.shape[axis];
  }
  return value;
}

llvm::Value* Emitter::in_segment(llvm::Value* step) {
  return schedule.has_checkpoints(program) ? b.CreateSub(step, first_step) : step;
}

EmittedValue Emitter::tape_slot(NodeId node, llvm::Value* step) {
  EmittedValue slot = arena_slot(type(node), node_lanes(node), schedule.tape + schedule.offset[node]);
  slot.base = offset(slot.base, in_segment(step), schedule.record_bytes);
  return slot;
}

EmittedValue Emitter::arena_slot(const Type& type, bool lanes, int64_t at, bool real_in_memory) {
  llvm::Value* base = offset(arena, at);
  if (lanes) {
    if (type.scalar == Scalar::boolean && !real_in_memory)
      base = b.CreateInBoundsGEP(b.getInt8Ty(), base, b.CreateLShr(chunk, i64(3)));
    else base = offset(base, chunk, real_bytes());
  }
  return memory(type, lanes, base, group_size, real_in_memory);
}

llvm::Value* Emitter::address(const EmittedValue& value, const Index& index) {
  llvm::Value* at = value.base;
  int64_t constant = 0;
  for (size_t axis = 0; axis < index.size(); ++axis) {
    if (auto* known = llvm::dyn_cast<llvm::ConstantInt>(index[axis])) constant += known->getSExtValue() * value.strides[axis];
    else if (value.strides[axis] != 0) at = offset(at, index[axis], value.strides[axis]);
  }
  return offset(at, constant);
}

llvm::Value* Emitter::load(const EmittedValue& value, const Index& index) {
  llvm::Value* at = address(value, index);
  const auto real_alignment = static_cast<uint64_t>(real_bytes());
  if (value.fetch_before != 0 && !value.boolean)
    for (int64_t line = 0; line < lanes * real_bytes(); line += 64)
      b.CreateIntrinsic(
          llvm::Intrinsic::prefetch, {b.getPtrTy()},
          {b.CreateGEP(b.getInt8Ty(), at, i64(line - value.fetch_before)), b.getInt32(0), b.getInt32(2), b.getInt32(1)});
  if (value.boolean && !value.real_in_memory) {
    if (!value.lanes) return b.CreateTrunc(b.CreateAlignedLoad(b.getInt8Ty(), at, llvm::Align(1)), b.getInt1Ty());
    llvm::Type* word = b.getIntNTy(static_cast<unsigned>(lanes));
    return b.CreateBitCast(b.CreateAlignedLoad(word, at, llvm::Align(static_cast<uint64_t>(lanes) / 8)),
                           lanes_type(b.getInt1Ty()));
  }
  llvm::Value* loaded =
      value.lanes ? b.CreateAlignedLoad(lanes_type(real_), at,
                                        llvm::Align(std::min<uint64_t>(64, real_alignment * static_cast<uint64_t>(lanes))))
                  : b.CreateAlignedLoad(real_, at, llvm::Align(real_alignment));
  if (!value.real_in_memory) return loaded;
  return b.CreateFCmpUNE(loaded, zero(value.lanes));
}

void Emitter::store(const EmittedValue& target, const Index& index, llvm::Value* value) {
  llvm::Value* at = address(target, index);
  value = as(target.lanes, value);
  const auto real_alignment = static_cast<uint64_t>(real_bytes());
  if (target.boolean && !target.real_in_memory) {
    if (target.lanes) {
      value = b.CreateBitCast(value, b.getIntNTy(static_cast<unsigned>(lanes)));
      b.CreateAlignedStore(value, at, llvm::Align(static_cast<uint64_t>(lanes) / 8));
    } else {
      b.CreateAlignedStore(b.CreateZExt(value, b.getInt8Ty()), at, llvm::Align(1));
    }
    return;
  }
  if (target.real_in_memory) value = b.CreateSelect(value, as(target.lanes, real(1)), zero(target.lanes));
  b.CreateAlignedStore(
      value, at,
      llvm::Align(target.lanes ? std::min<uint64_t>(64, real_alignment * static_cast<uint64_t>(lanes)) : real_alignment));
}

EmittedValue Emitter::new_buffer(const Type& type, bool with_lanes, NodeId owner) {
  const bool boolean = type.scalar == Scalar::boolean;
  const int64_t bytes = element_count(type.shape) * element_bytes(with_lanes, boolean, lanes);
  const int64_t at = scratch.allocate(bytes);
  if (owner) owned_.push_back({plan.last_use[owner], at, bytes});
  context.scratch_bytes = std::max(context.scratch_bytes, scratch.peak());
  return memory(type, with_lanes, offset(whole_arena_, context.most_groups * context.group_bytes + at), lanes);
}

void Emitter::release_after(uint32_t position) {
  std::erase_if(owned_, [&](const Owned& owned) {
    if (owned.last_use > position) return false;
    scratch.release(owned.offset, owned.bytes);
    return true;
  });
}

}  // namespace alea
