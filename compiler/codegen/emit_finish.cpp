// Finish: what the backward phases left is summed over the lanes, pulled back through what all samples share, and written
// as the gradient. A small sum's 64 lanes are added by a fixed tree, a large one's `modulus` slots in order: never by how
// many lanes were at work.
#include "compiler/codegen/emitter.h"

namespace alea {
namespace {

// Elements whose slots lie side by side, and their sums too.
struct Run {
  AccumulatorForm form{};
  int64_t slots = 0, sums = 0, count = 0;
};

// Of the sums that init has begun, or of the others.
std::vector<Run> runs_to_sum(const Emitter& e, bool begun_by_init) {
  const std::vector<AccumulatorId> begun = e.sums_of_init();
  std::vector<Run> runs;
  for (AccumulatorId id : e.schedule.slots_in_order) {
    const bool begun_there = std::ranges::find(begun, id) != begun.end();
    if (has_lanes(e.program, e.program.accumulators[id].target) || begun_there != begun_by_init) continue;
    const AccumulatorArea& area = e.schedule.accumulators[id];
    const int64_t count = element_count(e.program.accumulators[id].type.shape);
    const int64_t width = area.form == AccumulatorForm::lanes ? group_size : e.schedule.modulus;
    Run* last = runs.empty() ? nullptr : &runs.back();
    if (last != nullptr && last->form == area.form && last->slots + last->count * width * e.real_bytes() == area.offset &&
        last->sums + last->count * e.real_bytes() == area.reduced)
      last->count += count;
    else runs.push_back({area.form, area.offset, area.reduced, count});
  }
  return runs;
}

// The sums over the lanes of what the phases before have added up.
void sum_over_lanes(Emitter& e, const Run& run) {
  const bool by_lanes = run.form == AccumulatorForm::lanes;
  const int64_t width = by_lanes ? group_size : e.schedule.modulus;
  llvm::Type* type = llvm::FixedVectorType::get(e.real_type(), static_cast<unsigned>(width));
  llvm::Value* counted = nullptr;
  if (by_lanes) {
    std::vector<llvm::Constant*> own;
    for (int lane = 0; lane < group_size; ++lane) own.push_back(e.b.getInt32(static_cast<uint32_t>(lane)));
    llvm::Value* count = e.b.CreateTrunc(e.sample_count(), e.b.getInt32Ty());
    counted = e.b.CreateICmpSLT(llvm::ConstantVector::get(own), e.b.CreateVectorSplat(group_size, count));
  }
  e.rolled_loop(e.i64(run.count), {}, [&](llvm::Value* i, const Emitter::Carried&) -> Emitter::Carried {
    llvm::Value* slots = e.offset(e.offset(e.arena, run.slots), i, width * e.real_bytes());
    llvm::Value* lanes = e.b.CreateAlignedLoad(type, slots, llvm::Align(64));
    if (by_lanes) lanes = e.b.CreateSelect(counted, lanes, llvm::Constant::getNullValue(type));
    llvm::Value* out = e.offset(e.offset(e.arena, run.sums), i, e.real_bytes());
    e.b.CreateAlignedStore(e.lane_sum(lanes), out, llvm::Align(static_cast<uint64_t>(e.real_bytes())));
    return {};
  });
}

// Where these are, of all groups: [element][group], the elements as far apart as slots.
int64_t group_sums_at(const Emitter& e, int64_t slots) { return slots + e.schedule.modulus * e.real_bytes(); }

// The sums that init has begun in the first `modulus` lanes of the slots, of all groups of a call: lane g of those behind them in
// the first group's slots becomes group g's. By the tree of lane_sum, halves of two vectors at once, whose groups then lie in
// turns: in order at the end, where the vectors were in the order of the groups' bits in reverse.
void sum_groups(Emitter& e, const Run& run) {
  const int64_t modulus = e.schedule.modulus, block = std::min(modulus, e.context.most_groups);
  llvm::Type* type = llvm::FixedVectorType::get(e.real_type(), static_cast<unsigned>(modulus));
  const auto added = [&](llvm::Value* first, llvm::Value* second, int width) {
    const auto lanes = static_cast<int>(llvm::cast<llvm::FixedVectorType>(first->getType())->getNumElements());
    std::vector<int> low, high;
    for (int group = 0; group < lanes; group += width)
      for (int vector = 0; vector < (second != nullptr ? 2 : 1); ++vector)
        for (int k = 0; k < width / 2; ++k) {
          low.push_back(vector * lanes + group + k);
          high.push_back(low.back() + width / 2);
        }
    llvm::Value* other = second != nullptr ? second : llvm::PoisonValue::get(first->getType());
    return e.b.CreateFAdd(e.b.CreateShuffleVector(first, other, low), e.b.CreateShuffleVector(first, other, high));
  };
  e.rolled_loop(e.i64(run.count), {}, [&](llvm::Value* i, const Emitter::Carried&) -> Emitter::Carried {
    const int64_t element_bytes = group_size * e.real_bytes();
    llvm::Value* slots = e.offset(e.offset(e.arena, run.slots), i, element_bytes);
    llvm::Value* sums_of_all = e.offset(e.offset(e.arena, group_sums_at(e, run.slots)), i, element_bytes);
    for (int64_t first = 0; first < e.context.most_groups; first += block) {
      std::vector<llvm::Value*> vectors(static_cast<size_t>(block));
      for (size_t g = 0, reversed = 0; g < vectors.size(); ++g) {
        llvm::Value* from = e.offset(slots, (first + static_cast<int64_t>(g)) * e.context.group_bytes);
        vectors[reversed] = e.b.CreateAlignedLoad(type, from, llvm::Align(64));
        size_t bit = vectors.size() / 2;
        for (; (reversed & bit) != 0; bit /= 2) reversed ^= bit;
        reversed ^= bit;
      }
      for (int width = static_cast<int>(modulus); width > 1; width /= 2) {
        std::vector<llvm::Value*> sums;
        for (size_t k = 0; k < vectors.size(); k += 2)
          sums.push_back(added(vectors[k], k + 1 < vectors.size() ? vectors[k + 1] : nullptr, width));
        vectors = std::move(sums);
      }
      // A sum of -0 alone is one of 0.
      llvm::Value* sum = e.b.CreateFAdd(vectors[0], llvm::Constant::getNullValue(vectors[0]->getType()));
      e.b.CreateAlignedStore(sum, e.offset(sums_of_all, first * e.real_bytes()), llvm::Align(8));
    }
    return {};
  });
}

// Doubles to `out`, from numbers that lie one after another at `from`.
void copy_numbers(Emitter& e, llvm::Value* from, llvm::Value* out, int64_t count) {
  const auto copy = [&](llvm::Value* first, int64_t width) {
    const auto lanes = static_cast<unsigned>(width);
    llvm::Value* values = e.b.CreateAlignedLoad(llvm::FixedVectorType::get(e.real_type(), lanes),
                                                e.offset(from, first, e.real_bytes()), llvm::Align(4));
    e.b.CreateAlignedStore(e.b.CreateFPExt(values, llvm::FixedVectorType::get(e.b.getDoubleTy(), lanes)), e.offset(out, first, 8),
                           llvm::Align(8));
  };
  constexpr int64_t width = 32;
  if (count >= width)
    e.rolled_loop(e.i64(count / width), {}, [&](llvm::Value* i, const Emitter::Carried&) -> Emitter::Carried {
      copy(e.b.CreateMul(i, e.i64(width)), width);
      return {};
    });
  for (int64_t first = count / width * width; first < count; ++first) copy(e.i64(first), 1);
}

void write_gradients(Emitter& e) {
  llvm::Value* gradient = e.argument(offsetof(KernelArguments, gradient), e.b.getPtrTy());
  int64_t size = 0, first = 0;
  for (const ProgramParam& param : e.program.params) size += element_count(param.type.shape);
  if (e.group != nullptr) gradient = e.offset(gradient, e.group, size * 8);
  for (const ProgramParam& param : e.program.params) {
    const Shape& shape = param.type.shape;
    EmittedValue out = e.memory(param.type, false, nullptr, 1);
    out.base = e.offset(gradient, first * 8);
    for (int64_t& stride : out.strides) stride = stride / e.real_bytes() * 8;
    if (param.gradient && e.graph.op(param.gradient) == Op::accumulated &&
        e.place_in_gradient(AccumulatorId{e.graph[param.gradient].payload})) {
      first += element_count(shape);
      continue;
    }
    if (param.gradient && !e.is_small(param.type)) {
      e.prepare(param.gradient);
      const bool in_memory = e.values.contains(param.gradient.index) && e.value(param.gradient).base != nullptr;
      if (in_memory && e.value(param.gradient).strides == e.memory(param.type, false, nullptr, 1).strides &&
          !e.value(param.gradient).boolean) {
        copy_numbers(e, e.value(param.gradient).base, out.base, element_count(shape));
        first += element_count(shape);
        continue;
      }
    }
    e.each(shape, [&](const Index& index) {
      llvm::Value* value = param.gradient ? e.element(param.gradient, index) : e.real(0);
      e.b.CreateAlignedStore(e.b.CreateFPExt(value, e.b.getDoubleTy()), e.address(out, index), llvm::Align(8));
    });
    first += element_count(shape);
  }
}

}  // namespace

llvm::Function* emit_finish(ModuleContext& context) {
  Emitter e(context, Phase::finish, 1, "finish_phase");
  const std::vector<Run> runs = runs_to_sum(e, false);
  const std::vector<AccumulatorId> begun = e.sums_of_init();
  for (const Run& run : runs_to_sum(e, true)) sum_groups(e, run);
  llvm::Value* const first_arena = e.arena;
  e.groups([&] {
    for (const Run& run : runs) sum_over_lanes(e, run);
    e.before_loops = e.before_body = e.marker("summed");
    for (NodeId node : e.plan.order)
      if (e.graph.op(node) == Op::accumulated) {
        const AccumulatorId id{e.graph[node].payload};
        const AccumulatorArea& area = e.schedule.accumulators[id];
        EmittedValue sums = e.memory(e.type(node), false, e.offset(e.arena, area.reduced), 1);
        if (std::ranges::find(begun, id) != begun.end()) {
          sums.base = e.offset(first_arena, group_sums_at(e, area.offset));
          if (e.group != nullptr) sums.base = e.offset(sums.base, e.group, e.real_bytes());
          for (int64_t& stride : sums.strides) stride *= group_size;
        }
        e.set_result(node, sums);
      }
    e.emit_order();
    write_gradients(e);
  });
  e.b.CreateRetVoid();
  return e.function;
}

}  // namespace alea
