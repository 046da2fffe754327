// The module: the functions of abi.h, each a list of phases.
#include <llvm/IR/Verifier.h>
#include <llvm/Support/raw_ostream.h>

#include "compiler/codegen/emitter.h"
#include "dsl/diagnostic.h"

namespace alea {
namespace {

std::string text_of(const llvm::Module& module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream, nullptr);
  return text;
}

void emit_entry(const ModuleContext& context, const std::string& name, const std::vector<llvm::Function*>& phases) {
  llvm::LLVMContext& llvm_context = context.module.getContext();
  llvm::Type* pointer = llvm::PointerType::getUnqual(llvm_context);
  auto* type = llvm::FunctionType::get(llvm::Type::getVoidTy(llvm_context), {pointer}, false);
  auto* function = llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage, name, context.module);
  set_target_attributes(context, *function);
  llvm::IRBuilder<> b(llvm::BasicBlock::Create(llvm_context, "entry", function));
  llvm::Value* arguments = function->getArg(0);
  auto field = [&](size_t offset) {
    return b.CreateLoad(pointer, b.CreateConstInBoundsGEP1_64(b.getInt8Ty(), arguments, offset));
  };
  llvm::Value* params = field(offsetof(KernelArguments, params));
  llvm::Value* uniform = field(offsetof(KernelArguments, uniform));
  llvm::Value* arena = field(offsetof(KernelArguments, arena));
  for (llvm::Function* phase : phases) b.CreateCall(phase, {arguments, params, uniform, arena});
  b.CreateRetVoid();
}

// All functions of a module read one uniform buffer, laid out for the program with its gradient.
void share_uniform_layout(Schedule& schedule, const Schedule& with_gradient) {
  for (uint32_t k = 0; k < schedule.home.size(); ++k)
    if (schedule.home[NodeId{k}] == Home::uniform) {
      if (with_gradient.home[NodeId{k}] != Home::uniform)
        internal_error("the objective reads a uniform value that the gradient does not");
      schedule.offset[NodeId{k}] = with_gradient.offset[NodeId{k}];
    }
}

// Vector instructions that a phase will take about, at the widest lanes.
int64_t estimated_instructions(const ModuleContext& context, Phase phase, int lanes) {
  const PhasePlan plan = plan_phase(context.program, context.schedule, phase);
  int64_t elements = 0;
  for (NodeId node : plan.order)
    elements += plan.form[node] == Form::registers ? element_count(context.program.graph.shape(node)) : 1;
  return elements * lanes * context.schedule.options.real_bytes / 64;
}
// Code generation takes about 0.1 ms for each instruction.
constexpr int64_t most_instructions = 4000;

// Values with lanes that the steps carry in registers.
int64_t carried_values(const ModuleContext& context) {
  int64_t count = 1;  // the objective
  for (uint32_t k = 0; k < context.program.states.size(); ++k) {
    const StateId state{k};
    const int64_t elements = element_count(context.program.states[state].type.shape);
    if (context.schedule.states[state] >= 0 && context.schedule.state_has_lanes[state] && elements <= register_elements)
      count += elements;
  }
  return count;
}
// More carried values than this leave no registers to work with, four of each being in flight.
constexpr int64_t most_carried = 5;

// Lanes measured best: four registers in flight forward, two where the steps carry much; two backward, where accumulators
// take registers; four again where the backward steps are loops over arrays; fewer where the code would be very long.
void choose_lanes(ModuleContext& context) {
  const int wide = context.options.precision == Precision::f64 ? 32 : 64;
  bool arrays = false;
  for (Phase phase : {Phase::step_backward, Phase::init_backward})
    for (NodeId node : context.schedule.order[static_cast<size_t>(phase)])
      arrays =
          arrays || (has_lanes(context.program, node) && element_count(context.program.graph.shape(node)) > register_elements);
  int forward = carried_values(context) > most_carried ? wide / 2 : wide, backward = arrays ? wide : wide / 2;
  auto too_long = [&](std::initializer_list<Phase> phases, int lanes) {
    return std::ranges::any_of(phases,
                               [&](Phase phase) { return estimated_instructions(context, phase, lanes) > most_instructions; });
  };
  const int narrow = wide / 4;
  while (forward > narrow && too_long({Phase::init, Phase::step, Phase::final}, forward)) forward /= 2;
  while (backward > narrow && too_long({Phase::final_backward, Phase::step_backward, Phase::init_backward}, backward))
    backward /= 2;
  context.forward_lanes = context.options.forward_lanes != 0 ? context.options.forward_lanes : forward;
  context.backward_lanes = context.options.backward_lanes != 0 ? context.options.backward_lanes : backward;
  // Where episodes end, chunks leave the loop at different steps, and the reversed sweep of a chunk must begin at one.
  if (context.program.alive) context.backward_lanes = std::min(context.backward_lanes, context.forward_lanes);
}

}  // namespace

EmittedModule emit_module(const Program& program, const EmitOptions& options, llvm::LLVMContext& llvm_context) {
  EmittedModule out;
  out.module = std::make_unique<llvm::Module>(program.model, llvm_context);
  ScheduleOptions wanted;
  wanted.real_bytes = options.precision == Precision::f64 ? 8 : 4;
  wanted.gradient = program.has_gradient;
  const Schedule whole = make_schedule(program, wanted);
  wanted.gradient = false;
  Schedule forward = make_schedule(program, wanted);
  share_uniform_layout(forward, whole);
  out.uniform_bytes = whole.uniform_bytes;

  // A function that is not wanted is emitted all the same, into a module that is thrown away: the workspace
  // must do for both.
  llvm::Module discarded("discarded", llvm_context);
  ModuleContext with_gradient{program, options, whole, options.gradient_function ? *out.module : discarded};
  ModuleContext alone{program, options, forward, options.objective_function ? *out.module : discarded};
  choose_lanes(with_gradient);
  choose_lanes(alone);
  ModuleContext shared{program, options, whole, *out.module};
  emit_entry(shared, "alea_uniform", {emit_uniform_phase(shared)});
  emit_entry(alone, "alea_forward", {emit_init(alone), emit_steps(alone), emit_final(alone)});
  if (program.has_gradient) {
    std::vector<llvm::Function*> phases = {emit_init(with_gradient), emit_steps(with_gradient), emit_final(with_gradient)};
    if (!program.advantages.empty()) phases.push_back(emit_credit(with_gradient));
    if (!whole.one_sweep) {
      phases.push_back(emit_final_backward(with_gradient));
      phases.push_back(emit_step_backward(with_gradient));
      phases.push_back(emit_init_backward(with_gradient));
    }
    if (llvm::Function* products = emit_products(with_gradient)) phases.push_back(products);
    phases.push_back(emit_finish(with_gradient));
    emit_entry(with_gradient, "alea_gradient", phases);
  }
  const int64_t scratch = std::max(with_gradient.scratch_bytes, shared.scratch_bytes);
  out.workspace_bytes = std::max(forward.scratch + alone.scratch_bytes, whole.scratch + scratch);

  std::string complaint;
  llvm::raw_string_ostream stream(complaint);
  if (llvm::verifyModule(*out.module, &stream)) internal_error("LLVM refuses the module: " + complaint, text_of(*out.module));
  return out;
}

}  // namespace alea
