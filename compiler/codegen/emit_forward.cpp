// The forward phases: uniform, init, the steps and final. The steps run in blocks of time, for which the noise
// is drawn for all 64 lanes at once; within a block each chunk of lanes runs its steps with small states in
// registers. A chunk leaves when none of its lanes is alive, the group when no chunk is.
#include <llvm/IR/Intrinsics.h>

#include "compiler/codegen/emitter.h"
#include "dsl/diagnostic.h"

namespace alea {

EmittedValue Emitter::state_slot(StateId state) {
  const Type& declared = program.states[state].type;
  if (schedule.state_has_lanes[state]) return arena_slot(declared, true, schedule.states[state]);
  // One value a chunk, so that no chunk sees what another has written.
  const int64_t bytes = slot_bytes(declared, false, real_bytes());
  llvm::Value* own = b.CreateUDiv(chunk, i64(context.forward_lanes));
  return memory(declared, false, offset(offset(arena, schedule.states[state]), own, bytes), 1);
}

Emitter::Carried Emitter::load_all(const EmittedValue& slot, const Shape& shape) {
  Carried elements;
  for (int64_t k = 0; k < element_count(shape); ++k) elements.push_back(load(slot, constant_index(shape, k)));
  return elements;
}

void Emitter::store_all(const EmittedValue& slot, const Shape& shape, const Carried& elements) {
  for (size_t k = 0; k < elements.size(); ++k) store(slot, constant_index(shape, static_cast<int64_t>(k)), elements[k]);
}

Emitter::Carried Emitter::elements_of(NodeId node, bool with_lanes) {
  Carried elements;
  const Shape& shape = graph.shape(node);
  for (int64_t k = 0; k < element_count(shape); ++k) elements.push_back(as(with_lanes, element(node, constant_index(shape, k))));
  return elements;
}

llvm::Value* Emitter::any(llvm::Value* mask) {
  if (!mask->getType()->isVectorTy()) return mask;
  llvm::Type* word = b.getIntNTy(static_cast<unsigned>(lanes));
  return b.CreateICmpNE(b.CreateBitCast(mask, word), llvm::ConstantInt::get(word, 0));
}

llvm::Value* Emitter::noise_function(size_t field) {
  llvm::Value* table = argument(offsetof(KernelArguments, noise), b.getPtrTy());
  return load_invariant(b.getPtrTy(), offset(table, static_cast<int64_t>(field)));
}

llvm::Value* Emitter::noise_key(NoiseId noise) {
  llvm::Value* keys = argument(offsetof(KernelArguments, noise_keys), b.getPtrTy());
  return load_invariant(b.getInt64Ty(), offset(keys, static_cast<int64_t>(noise.index) * 8));
}

void Emitter::fill_noise(NoiseId noise, llvm::Value* first_time, llvm::Value* time_count) {
  const NoiseArea& area = schedule.noises[noise];
  llvm::Type* word = b.getInt64Ty();
  const bool uniform_law = graph.op(area.node) == Op::noise_uniform;
  llvm::Value* fill = noise_function(uniform_law ? offsetof(NoiseFunctions, uniform) : offsetof(NoiseFunctions, normal));
  llvm::Value* out = offset(arena, area.offset);
  if (area.records == schedule.segment && area.records > 1) out = offset(out, in_segment(first_time), area.record_bytes);
  auto* signature = llvm::FunctionType::get(b.getVoidTy(), {word, word, word, word, word, b.getPtrTy()}, false);
  b.CreateCall(signature, fill,
               {noise_key(noise), first_sample(), first_time, time_count, i64(element_count(graph.shape(area.node))), out});
}

// For all groups of the call.
void Emitter::fill_group_noise(NoiseId noise) {
  const NoiseArea& area = schedule.noises[noise];
  llvm::Type* word = b.getInt64Ty();
  const bool uniform_law = graph.op(area.node) == Op::noise_uniform;
  llvm::Value* fill =
      noise_function(uniform_law ? offsetof(NoiseFunctions, group_uniform) : offsetof(NoiseFunctions, group_normal));
  auto* signature = llvm::FunctionType::get(b.getVoidTy(), {word, word, word, word, word, b.getPtrTy()}, false);
  b.CreateCall(signature, fill,
               {noise_key(noise), first_sample(), group_count(), i64(context.group_bytes),
                i64(element_count(graph.shape(area.node))), offset(arena, area.offset)});
}

llvm::Function* emit_uniform_phase(ModuleContext& context) {
  Emitter e(context, Phase::uniform, 1, "uniform_phase");
  e.emit_order();
  e.b.CreateRetVoid();
  return e.function;
}

namespace {

void emit_inputs(Emitter& e) {
  llvm::Type *word = e.b.getInt64Ty(), *pointer = e.b.getPtrTy();
  for (uint32_t k = 0; k < e.program.inputs.size(); ++k) {
    const int64_t to = e.schedule.inputs[InputId{k}];
    if (to < 0) continue;
    // Rows to columns: T out[element][64].
    llvm::Value* input =
        e.offset(e.argument(offsetof(KernelArguments, inputs), pointer), k * static_cast<int64_t>(sizeof(KernelInput)));
    const int64_t elements = element_count(e.program.inputs[InputId{k}].type.shape);
    e.b.CreateCall(e.external(e.symbol("gather_rows"), {pointer, word, word, pointer}),
                   {input, e.first_sample(), e.i64(elements), e.offset(e.arena, to)});
  }
}

void write_objective(Emitter& e, llvm::Value* objective) {
  llvm::Value* out = e.offset(e.argument(offsetof(KernelArguments, objective), e.b.getPtrTy()), e.chunk, e.real_bytes());
  if (e.group != nullptr) out = e.offset(out, e.group, group_size * e.real_bytes());
  e.b.CreateAlignedStore(e.splat(objective), out, llvm::Align(static_cast<uint64_t>(e.real_bytes())));
}

// One chunk. Returns what it adds to the sums that are kept in registers; `nothing` is what they begin with.
Emitter::Carried emit_init_chunk(Emitter& e, const std::vector<AccumulatorId>& sums, llvm::Value* nothing) {
  const Program& program = e.program;
  e.emit_order();
  for (uint32_t k = 0; k < program.states.size(); ++k) {
    const StateId state{k};
    if (e.schedule.states[state] < 0) continue;
    if (state == program.alive && e.dead_beyond_count())
      e.store(e.state_slot(state), {}, e.b.CreateAnd(e.splat(e.scalar(program.states[state].init)), e.valid()));
    else e.write(program.states[state].init, e.state_slot(state));
  }
  llvm::Value* objective = program.objective_init ? e.scalar(program.objective_init) : e.real(0);
  if (e.context.init_alone) {
    write_objective(e, objective);
  } else {
    e.store(e.arena_slot(Type{}, true, e.schedule.objective), {}, objective);
    llvm::Value* steps = e.offset(e.offset(e.arena, e.schedule.steps), e.chunk, 8);
    e.b.CreateAlignedStore(e.splat(e.i64(0)), steps, llvm::Align(8));
  }
  Emitter::Carried added;
  if (!e.schedule.one_sweep) return added;
  std::unordered_map<uint32_t, Emitter::Carried> in_registers;
  for (const AccumulatorId id : sums)
    in_registers[id.index].assign(static_cast<size_t>(element_count(program.accumulators[id].type.shape)), nothing);
  e.add_contributions(in_registers);
  for (const AccumulatorId id : sums)
    for (llvm::Value* value : in_registers[id.index]) added.push_back(e.splat(value));
  return e.counted(std::move(added));
}

}  // namespace

llvm::Function* emit_init(ModuleContext& context) {
  Emitter e(context, Phase::init, context.forward_lanes, "init_phase");
  const Program& program = e.program;
  const std::vector<AccumulatorId> sums = e.sums_of_init();
  size_t sum_count = 0;
  for (const AccumulatorId id : sums) sum_count += static_cast<size_t>(element_count(program.accumulators[id].type.shape));
  for (uint32_t k = 0; k < program.noises.size(); ++k) {
    const NodeId node = e.schedule.noises[NoiseId{k}].node;
    if (node && program.phase[node] == Phase::init) e.fill_group_noise(NoiseId{k});
  }
  e.groups([&] {
    emit_inputs(e);
    if (e.schedule.one_sweep || !e.schedule.options.products.empty()) e.clear_accumulators();
    e.clear_score_sums();
    // -0 + x = x, whatever the sign of a zero, and costs nothing; at the end a sum of -0 is one of 0.
    llvm::Value* nothing = e.splat(e.real(-0.0));
    const Emitter::Carried carried = e.chunks(Emitter::Carried(sum_count, nothing), [&](Emitter::Carried so_far) {
      const Emitter::Carried added = emit_init_chunk(e, sums, nothing);
      for (size_t k = 0; k < so_far.size(); ++k) so_far[k] = e.b.CreateFAdd(so_far[k], added[k]);
      return so_far;
    });
    // The sums of a register's lanes are left for finish, which adds those of several groups at once.
    size_t at = 0;
    for (const AccumulatorId id : sums)
      for (int64_t k = 0; k < element_count(program.accumulators[id].type.shape); ++k) {
        llvm::Value* out = e.offset(e.arena, e.schedule.accumulators[id].offset + k * group_size * e.real_bytes());
        e.b.CreateAlignedStore(e.lane_sums(carried[at++], static_cast<unsigned>(e.schedule.modulus)), out, llvm::Align(64));
      }
  });
  e.b.CreateRetVoid();
  return e.function;
}

namespace {

// The steps of one chunk from `begin` on, `count` of them. Returns whether a lane is still alive.
class StepLoop {
 public:
  explicit StepLoop(Emitter& emitter) : e(emitter), program(e.program) {}

  llvm::Value* emit(llvm::Value* begin, llvm::Value* count) {
    llvm::BasicBlock* skipped = nullptr;
    auto* done = llvm::BasicBlock::Create(e.b.getContext(), "left", e.function);
    if (program.alive) {
      llvm::Value* alive = e.any(e.load(e.state_slot(program.alive), {}));
      auto* enter = llvm::BasicBlock::Create(e.b.getContext(), "enter", e.function);
      skipped = e.b.GetInsertBlock();
      e.b.CreateCondBr(alive, enter, done);
      e.b.SetInsertPoint(enter);
      e.before_loops = e.marker("states");
    }
    load_carried(begin);
    llvm::BasicBlock* before = e.b.GetInsertBlock();
    auto* turn = llvm::BasicBlock::Create(e.b.getContext(), "step", e.function);
    auto* after = llvm::BasicBlock::Create(e.b.getContext(), "after", e.function);
    e.before_loops = e.b.CreateBr(turn);
    e.b.SetInsertPoint(turn);
    llvm::PHINode* time = e.b.CreatePHI(e.b.getInt64Ty(), 2, "t");
    time->addIncoming(begin, before);
    std::vector<llvm::PHINode*> phis;
    for (llvm::Value* value : carried_) {
      phis.push_back(e.b.CreatePHI(value->getType(), 2));
      phis.back()->addIncoming(value, before);
    }
    e.time = time;
    e.before_body = e.marker("body");
    llvm::Value* next_time = e.b.CreateAdd(time, e.i64(1));
    llvm::Value* go_on = e.b.CreateICmpULT(next_time, e.b.CreateAdd(begin, count));
    bind_states(phis);
    bind_arrays(phis, next_time, go_on);
    e.emit_order();
    e.add_to_group_sums(e.b.CreateSub(time, begin));
    Emitter::Carried next = next_carried(phis);
    llvm::Value* left = go_on;
    llvm::Value* alive = e.b.getTrue();
    if (program.alive) {
      alive = e.any(e.scalar(program.states[program.alive].next));
      go_on = e.b.CreateAnd(go_on, alive);
    }
    time->addIncoming(next_time, e.b.GetInsertBlock());
    for (size_t k = 0; k < phis.size(); ++k) phis[k]->addIncoming(next[k], e.b.GetInsertBlock());
    e.b.CreateCondBr(go_on, turn, after);
    e.b.SetInsertPoint(after);
    store_carried(next, next_time, left);
    llvm::Value* steps = e.offset(e.offset(e.arena, e.schedule.steps), e.chunk, 8);
    e.b.CreateAlignedStore(e.splat(next_time), steps, llvm::Align(8));
    llvm::BasicBlock* stored = e.b.GetInsertBlock();
    e.b.CreateBr(done);
    e.b.SetInsertPoint(done);
    if (!program.alive) return e.b.getTrue();
    llvm::PHINode* still = e.b.CreatePHI(e.b.getInt1Ty(), 2);
    still->addIncoming(alive, stored);
    still->addIncoming(e.b.getFalse(), skipped);
    return still;
  }

 private:
  bool used(StateId state) const { return e.schedule.states[state] >= 0; }
  template <class Visit>
  void each_state(bool small, Visit visit) {
    for (uint32_t k = 0; k < program.states.size(); ++k)
      if (used(StateId{k}) && e.is_small(program.states[StateId{k}].type) == small) visit(StateId{k}, program.states[StateId{k}]);
  }
  // In registers through the loop: the objective, the elements of the small states, the places of arrays that go to and fro.
  void load_carried(llvm::Value* begin) {
    carried_ = {e.load(e.arena_slot(Type{}, true, e.schedule.objective), {})};
    each_state(true, [&](StateId id, const ProgramState& state) {
      for (llvm::Value* value : e.load_all(e.state_slot(id), state.type.shape)) carried_.push_back(value);
    });
    each_state(false, [&](StateId id, const ProgramState& state) {
      NodeId leaf;
      for (NodeId node : e.plan.order)
        if (e.graph.op(node) == Op::state && e.graph[node].payload == id.index) leaf = node;
      const CarriedArray& array = arrays_.emplace_back(e.carried_array(leaf, state.next, state.type.shape, e.state_slot(id)));
      if (array.path == CarriedArray::Path::over_tape) e.copy(array.shape, array.slot, e.tape_slot(leaf, begin));
      if (array.path == CarriedArray::Path::to_and_fro) carried_.insert(carried_.end(), {array.slot.base, array.other.base});
    });
  }
  void bind_states(const std::vector<llvm::PHINode*>& phis) {
    Table<StateId, EmittedValue> now(program.states.size());
    size_t at = 1;
    each_state(true, [&](StateId id, const ProgramState& state) {
      EmittedValue& value = now[id];
      value.lanes = e.schedule.state_has_lanes[id];
      value.boolean = state.type.scalar == Scalar::boolean;
      for (int64_t k = 0; k < element_count(state.type.shape); ++k) value.elements.push_back(phis[at++]);
    });
    for (NodeId node : e.plan.order)
      if (const StateId id{e.graph[node].payload}; e.graph.op(node) == Op::state && e.is_small(program.states[id].type))
        e.values[node.index] = now[id];
  }
  // Where each array is in this turn, and where its next value goes: the last one to its slot, unless the turns end early.
  void bind_arrays(const std::vector<llvm::PHINode*>& phis, llvm::Value* next_time, llvm::Value* go_on) {
    auto place = phis.end() - static_cast<std::ptrdiff_t>(2 * count_to_and_fro());
    for (const CarriedArray& array : arrays_) {
      EmittedValue now = array.slot, then = array.slot;
      switch (array.path) {
        case CarriedArray::Path::stays: break;
        case CarriedArray::Path::to_and_fro:
          now.base = *place++;
          then.base = *place++;
          break;
        case CarriedArray::Path::over_tape:
          now = e.tape_slot(array.leaf, e.time);
          then.base = e.b.CreateSelect(go_on, e.tape_slot(array.leaf, next_time).base, array.slot.base);
          e.is_at(array.leaf, now);
          break;
      }
      if (array.leaf) e.values[array.leaf.index] = now;
      if (array.path != CarriedArray::Path::stays) e.place(array.next, then);
      then_.push_back(then);
    }
  }
  Emitter::Carried next_carried(const std::vector<llvm::PHINode*>& phis) {
    llvm::Value* objective = phis[0];
    if (program.objective_step) objective = e.b.CreateFAdd(objective, e.splat(e.scalar(program.objective_step)));
    Emitter::Carried next{objective};
    each_state(true, [&](StateId id, const ProgramState& state) {
      for (llvm::Value* value : e.elements_of(state.next, e.schedule.state_has_lanes[id])) next.push_back(value);
    });
    for (size_t k = 0; k < arrays_.size(); ++k)
      if (arrays_[k].path != CarriedArray::Path::stays) e.leave(arrays_[k].next, arrays_[k].shape, then_[k]);
    for (size_t k = phis.size() - 2 * count_to_and_fro(); k < phis.size(); k += 2)
      next.insert(next.end(), {phis[k + 1], phis[k]});
    return next;
  }
  void store_carried(const Emitter::Carried& last, llvm::Value* next_time, llvm::Value* left) {
    e.store(e.arena_slot(Type{}, true, e.schedule.objective), {}, last[0]);
    size_t at = 1;
    each_state(true, [&](StateId id, const ProgramState& state) {
      const size_t count = static_cast<size_t>(element_count(state.type.shape));
      e.store_all(e.state_slot(id), state.type.shape,
                  {last.begin() + static_cast<std::ptrdiff_t>(at), last.begin() + static_cast<std::ptrdiff_t>(at + count)});
      at += count;
    });
    for (const CarriedArray& array : arrays_) {
      EmittedValue now = array.slot;
      if (array.path == CarriedArray::Path::to_and_fro) {
        now.base = last[at];
        at += 2;
        e.copy_where(e.b.CreateICmpNE(now.base, array.slot.base), array.shape, now, array.slot);
      }
      if (array.path == CarriedArray::Path::over_tape && program.alive)
        e.copy_where(left, array.shape, e.tape_slot(array.leaf, next_time), array.slot);
    }
  }
  size_t count_to_and_fro() const {
    return static_cast<size_t>(std::ranges::count(arrays_, CarriedArray::Path::to_and_fro, &CarriedArray::path));
  }

  Emitter& e;
  const Program& program;
  Emitter::Carried carried_;
  std::vector<CarriedArray> arrays_;
  std::vector<EmittedValue> then_;  // where their next values go
};

}  // namespace

llvm::Function* emit_steps(ModuleContext& context) {
  Emitter e(context, Phase::step, context.forward_lanes, "step_phase");
  const Program& program = e.program;
  const int64_t horizon = program.horizon, block = std::min(e.schedule.options.time_block, horizon);
  if (horizon > 0) {
    llvm::BasicBlock* before = e.b.GetInsertBlock();
    auto* turn = llvm::BasicBlock::Create(e.b.getContext(), "time_block", e.function);
    auto* done = llvm::BasicBlock::Create(e.b.getContext(), "ended", e.function);
    e.b.CreateBr(turn);
    e.b.SetInsertPoint(turn);
    llvm::PHINode* begin = e.b.CreatePHI(e.b.getInt64Ty(), 2, "begin");
    begin->addIncoming(e.first_step, before);
    llvm::Value* left = e.b.CreateSub(e.end_step, begin);
    llvm::Value* count =
        horizon % block == 0 ? e.i64(block) : e.b.CreateBinaryIntrinsic(llvm::Intrinsic::umin, left, e.i64(block));
    for (uint32_t k = 0; k < program.noises.size(); ++k) {
      const NodeId node = e.schedule.noises[NoiseId{k}].node;
      if (node && program.phase[node] == Phase::step) e.fill_noise(NoiseId{k}, begin, count);
    }
    e.clear_group_sums(count);
    llvm::Value* someone = nullptr;
    auto chunk_turn = [&](llvm::Value* i, Emitter::Carried alive) -> Emitter::Carried {
      e.chunk = e.b.CreateMul(i, e.i64(e.lanes), "chunk");
      e.before_loops = e.marker("chunk");
      return {e.b.CreateOr(alive[0], StepLoop(e).emit(begin, count))};
    };
    if (e.lanes == group_size) someone = chunk_turn(e.i64(0), {e.b.getFalse()})[0];
    else someone = e.rolled_loop(e.i64(group_size / e.lanes), {e.b.getFalse()}, chunk_turn)[0];
    e.add_group_sums(count);
    llvm::Value* next = e.b.CreateAdd(begin, e.i64(block));
    begin->addIncoming(next, e.b.GetInsertBlock());
    e.b.CreateCondBr(e.b.CreateAnd(e.b.CreateICmpULT(next, e.end_step), someone), turn, done);
    e.b.SetInsertPoint(done);
    if (e.schedule.has_checkpoints(program)) {
      llvm::Value* told = e.offset(e.arena, e.schedule.range + static_cast<int64_t>(offsetof(StepRange, someone_alive)));
      e.b.CreateAlignedStore(e.b.CreateZExt(someone, e.b.getInt64Ty()), told, llvm::Align(8));
    }
  }
  e.b.CreateRetVoid();
  return e.function;
}

llvm::Function* emit_final(ModuleContext& context) {
  Emitter e(context, Phase::final, context.forward_lanes, "final_phase");
  e.clear_group_sums(e.i64(1));
  e.chunks([&] {
    e.emit_order();
    e.add_to_group_sums(e.i64(0));
    llvm::Value* objective = e.load(e.arena_slot(Type{}, true, e.schedule.objective), {});
    if (e.program.objective_final) objective = e.b.CreateFAdd(objective, e.splat(e.scalar(e.program.objective_final)));
    write_objective(e, objective);
  });
  e.add_group_sums(e.i64(1));
  e.b.CreateRetVoid();
  return e.function;
}

}  // namespace alea
