// A phase's function, and the values of its nodes: in registers, in memory, or computed where they are used.
#include <llvm/IR/Intrinsics.h>

#include "compiler/codegen/emitter.h"
#include "compiler/kernel/constants.h"
#include "dsl/diagnostic.h"

namespace alea {
namespace {

bool is_constant_index(const Index& index) {
  for (llvm::Value* axis : index)
    if (!llvm::isa<llvm::ConstantInt>(axis)) return false;
  return true;
}

// Inlining keeps registers alive across an elementary function and lets lanes overlap; beyond this many in a
// phase the time to compile is what counts.
constexpr int64_t most_inlined = 48;

// Bytes of tape that stay in the second cache until the sweep comes back.
constexpr int64_t largest_cached_tape = int64_t{1} << 20;

int64_t count_elementary(const Program& program, const PhasePlan& plan) {
  int64_t count = 0;
  for (NodeId node : plan.order)
    if (is_transcendental(program.graph.op(node)))
      count += plan.form[node] == Form::registers ? element_count(program.graph.shape(node)) : 1;
  return count;
}

}  // namespace

llvm::Function* new_phase_function(ModuleContext& context, const std::string& name) {
  llvm::LLVMContext& llvm_context = context.module.getContext();
  llvm::Type* pointer = llvm::PointerType::getUnqual(llvm_context);
  auto* type = llvm::FunctionType::get(llvm::Type::getVoidTy(llvm_context), {pointer, pointer, pointer, pointer}, false);
  auto* function = llvm::Function::Create(type, llvm::GlobalValue::InternalLinkage, name, context.module);
  const char* names[] = {"arguments", "params", "uniform", "arena"};
  for (unsigned k = 0; k < 4; ++k) {
    function->getArg(k)->setName(names[k]);
    function->addParamAttr(k, llvm::Attribute::NoAlias);
  }
  function->addFnAttr(llvm::Attribute::NoInline);
  set_target_attributes(context, *function);
  return function;
}

void set_target_attributes(const ModuleContext& context, llvm::Function& function) {
  function.addFnAttr(llvm::Attribute::NoUnwind);
  function.addFnAttr("target-cpu", context.options.cpu);
  function.addFnAttr("target-features", context.options.features);
  // Else LLVM may split 512-bit vectors in two.
  function.addFnAttr("min-legal-vector-width", "512");
  function.addFnAttr("prefer-vector-width", "512");
}

Emitter::Emitter(ModuleContext& context, Phase phase, int lanes, const std::string& name)
    : context(context),
      program(context.program),
      graph(context.program.graph),
      schedule(context.schedule),
      phase(phase),
      lanes(lanes),
      plan(plan_phase(context.program, context.schedule, phase)),
      b(context.module.getContext()) {
  outlines = count_elementary(program, plan) > most_inlined;
  real_ = context.options.precision == Precision::f64 ? b.getDoubleTy() : b.getFloatTy();
  function = new_phase_function(context, name);
  arguments = function->getArg(0);
  params = function->getArg(1);
  uniform = function->getArg(2);
  arena = whole_arena_ = function->getArg(3);
  b.SetInsertPoint(llvm::BasicBlock::Create(b.getContext(), "entry", function));
  first_step = i64(0);
  end_step = i64(program.horizon);
  if (schedule.has_checkpoints(program) && (phase == Phase::step || phase == Phase::step_backward)) {
    const auto word = [&](size_t field) {
      return b.CreateAlignedLoad(b.getInt64Ty(), offset(arena, schedule.range + static_cast<int64_t>(field)), llvm::Align(8));
    };
    first_step = word(offsetof(StepRange, first));
    end_step = word(offsetof(StepRange, end));
  }
  before_loops = before_body = marker("start");
}

// --- values

Index Emitter::constant_index(const Shape& shape, int64_t flat) {
  Index index(shape.size());
  for (size_t axis = shape.size(); axis-- > 0;) {
    index[axis] = i64(flat % shape[axis]);
    flat /= shape[axis];
  }
  return index;
}

EmittedValue& Emitter::value(NodeId node) {
  if (const auto found = values.find(node.index); found != values.end()) return found->second;
  return values[node.index] = load_elsewhere(node);
}

EmittedValue Emitter::registers_from(NodeId node, EmittedValue value) {
  const Shape& shape = graph.shape(node);
  const int64_t count = element_count(shape);
  if (count <= register_elements)
    for (int64_t k = 0; k < count; ++k) value.elements.push_back(load(value, constant_index(shape, k)));
  return value;
}

EmittedValue Emitter::constant_value(NodeId node) {
  const std::span<const double> numbers = graph.values(node);
  EmittedValue value{node_lanes(node), is_boolean(node), false, {}, nullptr, {}};
  const auto constant = [&](double number) -> llvm::Constant* {
    if (value.boolean) return b.getInt1(number != 0);
    return llvm::ConstantFP::get(real_, real_->isFloatTy() ? static_cast<double>(constant_in<float>(number)) : number);
  };
  if (numbers.size() == 1) {
    value.elements = {constant(numbers[0])};
    return value;
  }
  std::vector<llvm::Constant*> list;
  for (double number : numbers) list.push_back(value.boolean ? b.getInt8(number != 0) : constant(number));
  auto* array_type = llvm::ArrayType::get(list[0]->getType(), list.size());
  auto* global = new llvm::GlobalVariable(context.module, array_type, true, llvm::GlobalValue::PrivateLinkage,
                                          llvm::ConstantArray::get(array_type, list));
  global->setAlignment(llvm::Align(64));
  value = memory(type(node), false, global, lanes);
  value.lanes = false;
  if (numbers.size() <= static_cast<size_t>(register_elements))
    for (double number : numbers) value.elements.push_back(constant(number));
  return value;
}

bool Emitter::is_of_step(NodeId node) const {
  const Op op = graph.op(node);
  const Home home = schedule.home[node];
  return op == Op::time || home == Home::tape || home == Home::noise ||
         (op == Op::advantage && program.advantages[AdvantageId{graph[node].payload}].phase == Phase::step);
}

EmittedValue Emitter::load_elsewhere(NodeId node) {
  const llvm::IRBuilderBase::InsertPointGuard guard(b);
  b.SetInsertPoint(is_of_step(node) ? before_body : before_loops);
  const Op op = graph.op(node);
  if (op == Op::constant) return constant_value(node);
  if (op == Op::time) {
    llvm::Value* now =
        time ? b.CreateSIToFP(time, real_, "time")
             : real(phase == Phase::final || phase == Phase::final_backward ? static_cast<double>(program.horizon) : 0);
    return {false, false, false, {now}, nullptr, {}};
  }
  return registers_from(node, kept_value(node));
}

EmittedValue Emitter::kept_value(NodeId node) {
  const Op op = graph.op(node);
  const uint32_t payload = graph[node].payload;
  if (op == Op::param) {
    int64_t first = 0;
    for (uint32_t k = 0; k < payload; ++k) first += element_count(program.params[ParamId{k}].type.shape);
    return memory(type(node), false, offset(params, first * real_bytes()), 1, true);
  }
  if (op == Op::input) return arena_slot(type(node), true, schedule.inputs[InputId{payload}], true);
  if (op == Op::advantage) {
    const int64_t at = schedule.advantages[AdvantageId{payload}];
    if (!is_of_step(node)) return arena_slot(type(node), true, at, true);
    EmittedValue slot = arena_slot(type(node), true, schedule.tape + at, true);
    slot.base = offset(slot.base, in_segment(time), schedule.record_bytes);
    return slot;
  }
  switch (schedule.home[node]) {
    case Home::uniform: return memory(type(node), false, offset(uniform, schedule.offset[node]), 1);
    case Home::sample: return arena_slot(type(node), node_lanes(node), schedule.offset[node]);
    case Home::state: {
      EmittedValue slot = state_slot(StateId{payload});
      if (schedule.has_checkpoints(program) && phase > Phase::final)
        slot.base = offset(slot.base, schedule.final_states - schedule.states_begin);
      return slot;
    }
    case Home::tape: {
      EmittedValue slot = tape_slot(node, time);
      // The hardware does not foresee a sweep backwards over records; a small tape is in the cache anyway.
      const bool large = schedule.record_bytes * schedule.segment > largest_cached_tape;
      if (node_lanes(node) && large) slot.fetch_before = schedule.record_bytes;
      return slot;
    }
    case Home::noise: {
      const NoiseArea& area = schedule.noises[NoiseId{payload}];
      EmittedValue slot = arena_slot(type(node), true, area.offset);
      if (time) {
        llvm::Value* record = area.records == schedule.segment ? in_segment(time) : b.CreateURem(time, i64(area.records));
        slot.base = offset(slot.base, record, area.record_bytes);
      }
      return slot;
    }
    case Home::phase:
    case Home::leaf: break;
  }
  internal_error(std::string(text(op)) + " " + to_string(type(node)) + " of phase " +
                     std::to_string(static_cast<int>(program.phase[node])) + " is read in phase " +
                     std::to_string(static_cast<int>(phase)) + ", where it is not at hand",
                 print(program));
}

llvm::Value* Emitter::element(NodeId node, const Index& index) {
  if (node == in_tile_.node && in_tile_.element != nullptr) return in_tile_.element;
  if (!values.contains(node.index) && plan.form[node] == Form::inlined) return inlined(node, index);
  const EmittedValue& found = value(node);
  if (found.elements.size() == 1) return found.elements[0];
  if (!found.elements.empty() && is_constant_index(index)) {
    int64_t flat = 0;
    const Shape& shape = graph.shape(node);
    for (size_t axis = 0; axis < index.size(); ++axis)
      flat = flat * shape[axis] + llvm::cast<llvm::ConstantInt>(index[axis])->getSExtValue();
    return found.elements[static_cast<size_t>(flat)];
  }
  if (!found.base) internal_error("a register array is read with a varying index", print(program));
  return load(found, index);
}

llvm::Value* Emitter::operand(NodeId node, const Index& index) {
  return graph.shape(node).empty() ? element(node, {}) : element(node, index);
}

void Emitter::prepare(NodeId node) {
  if (!values.contains(node.index) && plan.form[node] == Form::inlined) {
    if (graph.op(node) == Op::gather) return prepare_gather(node, true);
    for (NodeId input : graph.inputs(node)) prepare(input);
    return;
  }
  if (value(node).elements.size() > 1) to_memory(node);
}

void Emitter::to_memory(NodeId node) {
  EmittedValue& found = value(node);
  if (found.base) return;
  if (found.elements.empty()) internal_error("a value is nowhere", print(program));
  EmittedValue buffer = new_buffer(type(node), found.lanes);
  const std::vector<llvm::Value*> elements = found.elements;
  if (elements.size() == 1) {
    fill(buffer, graph.shape(node), elements[0]);
  } else {
    for (size_t k = 0; k < elements.size(); ++k)
      store(buffer, constant_index(graph.shape(node), static_cast<int64_t>(k)), elements[k]);
  }
  found.base = buffer.base;
  found.strides = buffer.strides;
  found.lane_width = buffer.lane_width;
}

void Emitter::fill(const EmittedValue& target, const Shape& shape, llvm::Value* value) {
  each(shape, [&](const Index& index) { store(target, index, value); });
}

void Emitter::write(NodeId node, const EmittedValue& target) {
  const Shape& shape = graph.shape(node);
  if (element_count(shape) > register_elements) prepare(node);
  each(shape, [&](const Index& index) { store(target, index, element(node, index)); });
}

void Emitter::keep(NodeId node) {
  const Home home = schedule.home[node];
  if (program.phase[node] != phase || (home != Home::uniform && home != Home::sample && home != Home::tape)) return;
  EmittedValue& found = value(node);
  if (found.elements.empty() && (kind(graph.op(node)) != OpKind::leaf || places_.contains(node.index))) return;  // it is there
  const EmittedValue target = result(node);
  write(node, target);
  // Registers that are read with a varying index are read there.
  if (found.elements.size() > 1 && found.base == nullptr && found.lanes == target.lanes) {
    found.base = target.base;
    found.strides = target.strides;
    found.lane_width = target.lane_width;
  }
}

EmittedValue Emitter::result(NodeId node) {
  if (plan.place[node]) return result(plan.place[node]);
  switch (schedule.home[node]) {
    case Home::uniform: return memory(type(node), false, offset(uniform, schedule.offset[node]), 1);
    case Home::sample: return arena_slot(type(node), node_lanes(node), schedule.offset[node]);
    case Home::tape: return tape_slot(node, time);
    case Home::phase:
    case Home::leaf:
    case Home::noise:
    case Home::state: break;
  }
  if (const auto found = places_.find(node.index); found != places_.end()) return found->second;
  return new_buffer(type(node), node_lanes(node), node);
}

// A result in memory becomes registers when it is small.
void Emitter::set_result(NodeId node, EmittedValue value) { values[node.index] = registers_from(node, std::move(value)); }

EmittedValue Emitter::contiguous(NodeId node) {
  const bool with_lanes = node_lanes(node);
  to_memory(node);
  const EmittedValue& found = value(node);
  const EmittedValue wanted = memory(type(node), with_lanes, found.base, lanes);
  if (found.strides == wanted.strides && found.lanes == with_lanes && !found.boolean) return found;
  EmittedValue copy = new_buffer(type(node), with_lanes);
  each(graph.shape(node), [&](const Index& index) { store(copy, index, load(found, index)); });
  return copy;
}

void Emitter::emit_order() {
  for (uint32_t position = 0; position < plan.order.size(); ++position) {
    if (const uint32_t last = last_of_rows(position); last > position) {
      emit_rows(position, last);
      position = last;
      release_after(position);
      continue;
    }
    const NodeId node = plan.order[position];
    if (!values.contains(node.index)) emit(node);
    if (plan.form[node] != Form::inlined) keep(node);
    release_after(position);
  }
}

}  // namespace alea
