// The backward phases: adjoints carried from step to step, sums over the samples.
//
// Sums over samples never depend on the number of lanes at work: a small sum is kept per lane, in order of
// time, and its 64 lanes are added by a fixed tree in finish; a large one has `modulus` slots an element,
// lane i adding to slot i mod modulus in ascending order. Lanes beyond the samples that count are selected away.
#include <llvm/IR/Intrinsics.h>

#include "compiler/codegen/emitter.h"
#include "dsl/diagnostic.h"

namespace alea {
namespace {

constexpr int64_t most_register_sums = 16;
constexpr int64_t outer_rows = 4;

}  // namespace

std::vector<int> lanes_from(int64_t first, int64_t count) {
  std::vector<int> list;
  for (int64_t k = 0; k < count; ++k) list.push_back(static_cast<int>(first + k));
  return list;
}

// --- adding to accumulators

// The slots of one element: the value's lanes that count, `modulus` at a time, in ascending order. Slots begin at 0 and are
// never -0: where the value is a selection of 0 by a comparison they stay as they are, which is one masked addition.
void Emitter::add_to_slots(llvm::Value* address, llvm::Value* value, llvm::Value* counted) {
  const int64_t modulus = schedule.modulus;
  llvm::FCmpInst* chosen = nullptr;
  if (auto* selected = llvm::dyn_cast<llvm::SelectInst>(value); selected != nullptr && has_registers()) {
    const auto* otherwise = llvm::dyn_cast<llvm::Constant>(selected->getFalseValue());
    // A condition that no sample differs in is one bit, with nothing to split.
    const bool by_lane = selected->getCondition()->getType()->isVectorTy();
    if (by_lane && otherwise != nullptr && otherwise->isNullValue())
      chosen = llvm::dyn_cast<llvm::FCmpInst>(selected->getCondition());
    if (chosen != nullptr) value = selected->getTrueValue();
  }
  value = b.CreateSelect(counted, value, zero(true));
  llvm::Value* sum =
      b.CreateAlignedLoad(llvm::FixedVectorType::get(real_, static_cast<unsigned>(modulus)), address, llvm::Align(64));
  for (int64_t first = 0; first < lanes; first += modulus) {
    const auto part = [&](llvm::Value* whole) { return b.CreateShuffleVector(whole, lanes_from(first, modulus)); };
    llvm::Value* added = b.CreateFAdd(sum, part(value));
    if (chosen == nullptr) {
      sum = added;
      continue;
    }
    llvm::Value* here = b.CreateFCmp(chosen->getPredicate(), part(chosen->getOperand(0)), part(chosen->getOperand(1)));
    sum = b.CreateSelect(here, added, sum);
  }
  b.CreateAlignedStore(sum, address, llvm::Align(64));
}

// slots[i, j] += left[i] right[j], four rows at a time so that they share the right operand.
void Emitter::add_outer(AccumulatorId id, NodeId outer) {
  const NodeId left = graph.input(outer, 0), right = graph.input(outer, 1);
  const int64_t rows = graph.shape(left)[0], columns = graph.shape(right)[0], modulus = schedule.modulus;
  llvm::Type* slots = llvm::FixedVectorType::get(real_, static_cast<unsigned>(modulus));
  prepare(left);
  prepare(right);
  llvm::Value* base = offset(arena, schedule.accumulators[id].offset);
  llvm::Value* counted = valid();
  auto masked = [&](llvm::Value* value) { return b.CreateSelect(counted, splat(value), zero(true)); };
  const int64_t slot_width = modulus * real_bytes();
  auto some_rows = [&](llvm::Value* first, int64_t count) {
    Carried own;
    for (int64_t r = 0; r < count; ++r) own.push_back(masked(element(left, {b.CreateAdd(first, i64(r))})));
    llvm::Value* row = offset(base, first, columns * slot_width);
    loop(columns, {}, [&](llvm::Value* j, Carried) -> Carried {
      llvm::Value* other = masked(element(right, {j}));
      for (int64_t r = 0; r < count; ++r) {
        llvm::Value* address = offset(offset(row, r * columns * slot_width), j, slot_width);
        llvm::Value* sum = b.CreateAlignedLoad(slots, address, llvm::Align(64));
        for (int64_t part = 0; part < lanes; part += modulus)
          sum = fma(b.CreateShuffleVector(own[static_cast<size_t>(r)], lanes_from(part, modulus)),
                    b.CreateShuffleVector(other, lanes_from(part, modulus)), sum);
        b.CreateAlignedStore(sum, address, llvm::Align(64));
      }
      return {};
    });
  };
  const int64_t whole = rows / outer_rows;
  if (whole > 0)
    rolled_loop(i64(whole), {}, [&](llvm::Value* t, Carried) -> Carried {
      some_rows(b.CreateMul(t, i64(outer_rows)), outer_rows);
      return {};
    });
  if (rows % outer_rows != 0) some_rows(i64(whole * outer_rows), rows % outer_rows);
}

// target[index[i], s] += value[i, s]
void Emitter::add_indexed(AccumulatorId id, const Contribution& contribution) {
  const Accumulator& accumulator = program.accumulators[id];
  const AccumulatorArea& area = schedule.accumulators[id];
  const Shape& shape = graph.shape(contribution.value);
  const size_t index_axes = graph.shape(contribution.index).size();
  const bool varying = node_lanes(contribution.index);
  const bool by_lanes = area.form == AccumulatorForm::lanes;
  const int64_t length = accumulator.type.shape[0];
  const llvm::Align align(static_cast<uint64_t>(real_bytes()));
  if (element_count(accumulator.type.shape) == 0) return;
  if (element_count(shape) > register_elements) {
    prepare(contribution.value);
    prepare(contribution.index);
  }
  EmittedValue slots =
      by_lanes ? accumulator_slot(id) : memory(accumulator.type, true, offset(arena, area.offset), schedule.modulus, true);
  each(shape, [&](const Index& index) {
    Index at{i64(0)};
    at.insert(at.end(), index.begin() + static_cast<std::ptrdiff_t>(index_axes), index.end());
    llvm::Value* wanted = element(contribution.index, {index.begin(), index.begin() + static_cast<std::ptrdiff_t>(index_axes)});
    const Position where = position(wanted, length);
    llvm::Value* value = splat(element(contribution.value, index));
    if (!varying) {
      at[0] = where.where;
      llvm::Value* inside = splat(where.inside);
      if (by_lanes) store(slots, at, b.CreateFAdd(load(slots, at), b.CreateSelect(inside, value, zero(true))));
      else add_to_slots(address(slots, at), value, b.CreateAnd(inside, valid()));
      return;
    }
    if (by_lanes) {
      llvm::Value* addresses = lane_addresses(slots, at, 0, where.where);
      llvm::Value* before = b.CreateMaskedGather(lanes_type(real_), addresses, align);
      b.CreateMaskedScatter(b.CreateSelect(where.inside, b.CreateFAdd(before, value), before), addresses, align);
      return;
    }
    // `modulus` lanes at a time: lane i writes slot i mod modulus, so no two addresses are equal.
    const int64_t modulus = schedule.modulus;
    llvm::Value* counted = b.CreateAnd(where.inside, valid());
    auto* part_type = llvm::FixedVectorType::get(real_, static_cast<unsigned>(modulus));
    std::vector<llvm::Constant*> own;
    for (int64_t lane = 0; lane < modulus; ++lane) own.push_back(b.getInt64(static_cast<uint64_t>(lane * real_bytes())));
    llvm::Value* rows = b.CreateMul(b.CreateSExt(where.where, lanes_type(b.getInt64Ty())), splat(i64(slots.strides[0])));
    for (int64_t first = 0; first < lanes; first += modulus) {
      const std::vector<int> part = lanes_from(first, modulus);
      llvm::Value* bytes = b.CreateAdd(b.CreateShuffleVector(rows, part), llvm::ConstantVector::get(own));
      llvm::Value* addresses = b.CreateGEP(b.getInt8Ty(), address(slots, at), bytes);
      llvm::Value* mask = b.CreateShuffleVector(counted, part);
      llvm::Value* before = b.CreateMaskedGather(part_type, addresses, align);
      llvm::Value* after = b.CreateFAdd(before, b.CreateShuffleVector(value, part));
      b.CreateMaskedScatter(b.CreateSelect(mask, after, before), addresses, align);
    }
  });
}

void Emitter::add_accumulated(AccumulatorId id, const Contribution& contribution, Carried* in_registers) {
  if (contribution.index) return add_indexed(id, contribution);
  const AccumulatorArea& area = schedule.accumulators[id];
  const Shape& shape = program.accumulators[id].type.shape;
  if (in_registers) {
    for (int64_t k = 0; k < element_count(shape); ++k) {
      llvm::Value*& sum = (*in_registers)[static_cast<size_t>(k)];
      sum = b.CreateFAdd(sum, splat(operand(contribution.value, constant_index(shape, k))));
    }
    return;
  }
  if (element_count(shape) > register_elements) prepare(contribution.value);
  if (area.form == AccumulatorForm::lanes) {
    const EmittedValue slots = accumulator_slot(id);
    each(shape, [&](const Index& index) {
      store(slots, index, b.CreateFAdd(load(slots, index), splat(operand(contribution.value, index))));
    });
    return;
  }
  const NodeId node = contribution.value;
  if (plan.form[node] == Form::inlined && graph.op(node) == Op::outer && graph.attributes(node)[0] == 0)
    return add_outer(id, node);
  const EmittedValue slots = memory(program.accumulators[id].type, true, offset(arena, area.offset), schedule.modulus, true);
  llvm::Value* counted = valid();
  const auto add = [&](const Index& index) { add_to_slots(address(slots, index), splat(operand(node, index)), counted); };
  // The elements of a row compare with one index: side by side where it is short.
  if (plan.form[node] == Form::inlined && graph.op(node) == Op::scatter && shape.back() <= register_elements &&
      graph.attributes(node)[0] + 1 == static_cast<int64_t>(shape.size())) {
    each({shape.begin(), shape.end() - 1}, [&](Index index) {
      index.push_back(nullptr);
      for (int64_t k = 0; k < shape.back(); ++k) {
        index.back() = i64(k);
        add(index);
      }
    });
    return;
  }
  each(shape, add);
}

void Emitter::add_contributions(std::unordered_map<uint32_t, Carried>& in_registers) {
  for (uint32_t k = 0; k < program.accumulators.size(); ++k) {
    const AccumulatorForm form = schedule.accumulators[AccumulatorId{k}].form;
    if (form == AccumulatorForm::unused || form == AccumulatorForm::product) continue;
    const auto found = in_registers.find(k);
    for (const Contribution& contribution : program.accumulators[AccumulatorId{k}].contributions)
      if (schedule.phase_of(contribution) == phase && !is_deferred(AccumulatorId{k}, contribution))
        add_accumulated(AccumulatorId{k}, contribution, found == in_registers.end() ? nullptr : &found->second);
  }
}

std::vector<AccumulatorId> Emitter::sums_of_init() const {
  std::vector<AccumulatorId> sums;
  int64_t total = 0;
  if (!schedule.one_sweep || 2 * context.forward_lanes < group_size) return sums;
  for (uint32_t k = 0; k < program.accumulators.size(); ++k) {
    const Accumulator& accumulator = program.accumulators[AccumulatorId{k}];
    const int64_t count = element_count(accumulator.type.shape);
    const bool indexed = std::ranges::any_of(accumulator.contributions, [](const Contribution& c) { return bool(c.index); });
    if (schedule.accumulators[AccumulatorId{k}].form != AccumulatorForm::lanes || has_lanes(program, accumulator.target) ||
        indexed || total + count > most_register_sums)
      continue;
    total += count;
    sums.push_back(AccumulatorId{k});
  }
  return sums;
}

void Emitter::clear_accumulators() {
  const std::vector<AccumulatorId> in_registers = sums_of_init();
  int64_t begin = 0, end = 0;
  const auto clear = [&] {
    if (begin != end) b.CreateMemSet(offset(arena, begin), b.getInt8(0), static_cast<uint64_t>(end - begin), llvm::Align(64));
  };
  for (AccumulatorId id : schedule.slots_in_order) {
    if (std::ranges::find(in_registers, id) != in_registers.end()) continue;
    const AccumulatorArea& area = schedule.accumulators[id];
    const int64_t width = area.form == AccumulatorForm::lanes ? group_size : schedule.modulus;
    if (area.offset != end) {
      clear();
      begin = area.offset;
    }
    end = area.offset + element_count(program.accumulators[id].type.shape) * width * real_bytes();
  }
  clear();
}

// --- phases

llvm::Function* emit_final_backward(ModuleContext& context) {
  Emitter e(context, Phase::final_backward, context.backward_lanes, "final_backward_phase");
  const Program& program = e.program;
  e.clear_accumulators();
  e.chunks([&] {
    e.emit_order();
    for (uint32_t k = 0; k < program.carries.size(); ++k) {
      const AdjointCarryId id{k};
      if (e.schedule.carries[id] < 0) continue;
      const AdjointCarry& carry = program.carries[id];
      if (carry.final_value) e.write(carry.final_value, e.carry_slot(id));
      else e.fill(e.carry_slot(id), carry.type.shape, e.real(0));
    }
    std::unordered_map<uint32_t, Emitter::Carried> none;
    e.add_contributions(none);
  });
  e.b.CreateRetVoid();
  return e.function;
}

namespace {

// The reversed steps of one chunk. In registers through the loop: small adjoints, then small sums.
class ReversedLoop {
 public:
  explicit ReversedLoop(Emitter& emitter, const std::vector<DeferredOuter>& deferred)
      : e(emitter), program(e.program), deferred_(deferred) {}

  // The chunk's steps among first … end - 1, down from the last one that it took.
  void emit(llvm::Value* first, llvm::Value* end) {
    llvm::Value* last =
        e.b.CreateAlignedLoad(e.b.getInt64Ty(), e.offset(e.offset(e.arena, e.schedule.steps), e.chunk, 8), llvm::Align(8));
    llvm::Value* taken = last;
    if (end != nullptr) {
      last = e.b.CreateBinaryIntrinsic(llvm::Intrinsic::umin, last, end);
      taken = e.b.CreateSub(e.b.CreateBinaryIntrinsic(llvm::Intrinsic::umax, last, first), first);
    }
    auto* enter = llvm::BasicBlock::Create(e.b.getContext(), "enter", e.function);
    auto* done = llvm::BasicBlock::Create(e.b.getContext(), "swept", e.function);
    e.b.CreateCondBr(e.b.CreateICmpNE(taken, e.i64(0)), enter, done);
    e.b.SetInsertPoint(enter);
    e.before_loops = e.marker("carried");
    Emitter::Carried carried = initial();
    e.before_loops = e.marker("steps");
    carried = e.rolled_loop(taken, carried, [&](llvm::Value* i, const Emitter::Carried& now) {
      e.time = e.b.CreateSub(e.b.CreateSub(last, e.i64(1)), i, "t");
      e.before_body = e.marker("body");
      return step(now, i);
    });
    for (const DeferredOuter& deferred : deferred_) e.flush_rest(deferred, taken, e.b.CreateSub(last, taken));
    finish(carried);
    e.b.CreateBr(done);
    e.b.SetInsertPoint(done);
  }

 private:
  Emitter::Carried initial() {
    Emitter::Carried carried;
    for (uint32_t k = 0; k < program.carries.size(); ++k) {
      const AdjointCarryId id{k};
      if (e.schedule.carries[id] < 0) continue;
      if (!e.is_small(program.carries[id].type)) continue;
      small_.push_back(id);
      for (llvm::Value* value : e.load_all(e.carry_slot(id), program.carries[id].type.shape)) carried.push_back(value);
    }
    for (uint32_t k = 0; k < program.accumulators.size(); ++k) {
      const AccumulatorId id{k};
      const Accumulator& accumulator = program.accumulators[id];
      const int64_t count = element_count(accumulator.type.shape);
      bool here = false, indexed = false;
      for (const Contribution& contribution : accumulator.contributions) {
        here = here || contribution.phase == Phase::step_backward;
        indexed = indexed || contribution.index;
      }
      if (e.schedule.accumulators[id].form != AccumulatorForm::lanes || !here || indexed || count > register_elements ||
          sums_count_ + count > most_register_sums)
        continue;
      sums_count_ += count;
      sums_.push_back(id);
      for (llvm::Value* value : e.load_all(e.accumulator_slot(id), accumulator.type.shape)) carried.push_back(value);
    }
    for (uint32_t k = 0; k < program.carries.size(); ++k) {
      const AdjointCarry& carry = program.carries[AdjointCarryId{k}];
      if (e.schedule.carries[AdjointCarryId{k}] < 0 || e.is_small(carry.type)) continue;
      NodeId leaf;
      for (NodeId node : e.plan.order)
        if (e.graph.op(node) == Op::adjoint && e.graph[node].payload == k) leaf = node;
      const EmittedValue slot = e.carry_slot(AdjointCarryId{k});
      const CarriedArray& array = arrays_.emplace_back(e.carried_array(leaf, carry.step_value, carry.type.shape, slot));
      if (array.path == CarriedArray::Path::to_and_fro) carried.insert(carried.end(), {array.slot.base, array.other.base});
    }
    return carried;
  }

  Emitter::Carried step(const Emitter::Carried& now, llvm::Value* turn) {
    auto at = now.begin();
    std::unordered_map<uint32_t, EmittedValue> adjoints;
    for (AdjointCarryId id : small_) {
      const auto count = static_cast<std::ptrdiff_t>(element_count(program.carries[id].type.shape));
      adjoints[id.index] = {true, false, false, {at, at + count}, nullptr, {}};
      at += count;
    }
    for (NodeId node : e.plan.order)
      if (const auto found = adjoints.find(e.graph[node].payload); e.graph.op(node) == Op::adjoint && found != adjoints.end())
        e.values[node.index] = found->second;
    std::unordered_map<uint32_t, Emitter::Carried> sums;
    for (AccumulatorId id : sums_) {
      const auto count = static_cast<std::ptrdiff_t>(element_count(program.accumulators[id].type.shape));
      sums[id.index] = {at, at + count};
      at += count;
    }
    const auto places = at;
    std::vector<EmittedValue> then;
    for (const CarriedArray& array : arrays_) {
      EmittedValue now = array.slot;
      then.push_back(array.slot);
      if (array.path == CarriedArray::Path::to_and_fro) {
        now.base = *at++;
        then.back().base = *at++;
        if (array.next) e.place(array.next, then.back());
      }
      if (array.leaf) e.values[array.leaf.index] = now;
    }
    std::vector<std::array<EmittedValue, 2>> kept;
    for (const DeferredOuter& deferred : deferred_) {
      kept.push_back({e.kept_operand(deferred, 0, turn, e.time), e.kept_operand(deferred, 1, turn, e.time)});
      for (int side = 0; side < 2; ++side) e.place(e.graph.input(deferred.node, side), kept.back()[static_cast<size_t>(side)]);
    }
    e.emit_order();
    e.add_contributions(sums);
    for (size_t k = 0; k < deferred_.size(); ++k) e.defer(deferred_[k], turn, kept[k]);
    Emitter::Carried next;
    for (AdjointCarryId id : small_) {
      const NodeId value = program.carries[id].step_value;
      const auto count = static_cast<size_t>(element_count(program.carries[id].type.shape));
      const Emitter::Carried elements = value ? e.elements_of(value, true) : Emitter::Carried(count, e.zero(true));
      next.insert(next.end(), elements.begin(), elements.end());
    }
    for (AccumulatorId id : sums_) next.insert(next.end(), sums[id.index].begin(), sums[id.index].end());
    for (size_t k = 0; k < arrays_.size(); ++k)
      if (arrays_[k].path == CarriedArray::Path::to_and_fro) e.leave(arrays_[k].next, arrays_[k].shape, then[k]);
    for (auto place = places; place != now.end(); place += 2) next.insert(next.end(), {place[1], place[0]});
    return next;
  }

  void finish(const Emitter::Carried& last) {
    auto at = last.begin();
    auto store = [&](const EmittedValue& slot, const Shape& shape) {
      const auto count = static_cast<std::ptrdiff_t>(element_count(shape));
      e.store_all(slot, shape, {at, at + count});
      at += count;
    };
    for (AdjointCarryId id : small_) store(e.carry_slot(id), program.carries[id].type.shape);
    for (AccumulatorId id : sums_) store(e.accumulator_slot(id), program.accumulators[id].type.shape);
    for (const CarriedArray& array : arrays_) {
      if (array.path != CarriedArray::Path::to_and_fro) continue;
      EmittedValue now = array.slot;
      now.base = *at;
      at += 2;
      e.copy_where(e.b.CreateICmpNE(now.base, array.slot.base), array.shape, now, array.slot);
    }
  }

  Emitter& e;
  const Program& program;
  const std::vector<DeferredOuter>& deferred_;
  std::vector<AdjointCarryId> small_;
  std::vector<CarriedArray> arrays_;
  std::vector<AccumulatorId> sums_;
  int64_t sums_count_ = 0;
};

}  // namespace

// Sums that the chunks share are added to in an order that no segment changes: blocks of time, last first, then chunks, then
// the block's steps. Sums of each lane's own only know the order of the steps.
llvm::Function* emit_step_backward(ModuleContext& context) {
  Emitter e(context, Phase::step_backward, context.backward_lanes, "step_backward_phase");
  if (e.program.horizon > 0) {
    const std::vector<DeferredOuter> deferred = e.deferred_outers();
    const bool shared = std::ranges::any_of(e.schedule.accumulators,
                                            [](const AccumulatorArea& area) { return area.form == AccumulatorForm::modulus; });
    if (shared) {
      const int64_t block = e.schedule.options.time_block;
      llvm::Value* steps = e.b.CreateSub(e.end_step, e.first_step);
      llvm::Value* count = e.b.CreateUDiv(e.b.CreateAdd(steps, e.i64(block - 1)), e.i64(block));
      e.rolled_loop(count, {}, [&](llvm::Value* i, const Emitter::Carried&) -> Emitter::Carried {
        llvm::Value* index = e.b.CreateSub(e.b.CreateSub(count, i), e.i64(1));
        llvm::Value* first = e.b.CreateAdd(e.first_step, e.b.CreateMul(index, e.i64(block)));
        e.chunks([&] { ReversedLoop(e, deferred).emit(first, e.b.CreateAdd(first, e.i64(block))); });
        return {};
      });
    } else if (e.schedule.has_checkpoints(e.program)) {
      e.chunks([&] { ReversedLoop(e, deferred).emit(e.first_step, e.end_step); });
    } else {
      e.chunks([&] { ReversedLoop(e, deferred).emit(nullptr, nullptr); });
    }
  }
  e.b.CreateRetVoid();
  return e.function;
}

llvm::Function* emit_init_backward(ModuleContext& context) {
  Emitter e(context, Phase::init_backward, context.backward_lanes, "init_backward_phase");
  e.chunks([&] {
    for (NodeId node : e.plan.order) {
      if (e.graph.op(node) == Op::adjoint) e.set_result(node, e.carry_slot(AdjointCarryId{e.graph[node].payload}));
      if (e.graph.op(node) == Op::accumulated) e.set_result(node, e.accumulator_slot(AccumulatorId{e.graph[node].payload}));
    }
    e.emit_order();
    std::unordered_map<uint32_t, Emitter::Carried> none;
    e.add_contributions(none);
  });
  e.b.CreateRetVoid();
  return e.function;
}

}  // namespace alea
