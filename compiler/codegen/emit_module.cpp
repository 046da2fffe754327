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

// Numbers with lanes that the steps carry in registers; truths are in those of masks.
int64_t carried_values(const ModuleContext& context) {
  int64_t count = 1;  // the objective
  for (uint32_t k = 0; k < context.program.states.size(); ++k) {
    const StateId state{k};
    const Type& type = context.program.states[state].type;
    const int64_t elements = type.scalar == Scalar::boolean ? 0 : element_count(type.shape);
    if (context.schedule.states[state] >= 0 && context.schedule.state_has_lanes[state] && elements <= register_elements)
      count += elements;
  }
  return count;
}
// More carried values than this leave no registers to work with, four of each being in flight.
constexpr int64_t most_carried = 7;

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

bool is_init_alone(const Program& program, const Schedule& schedule) {
  return program.horizon == 0 && schedule.order[static_cast<size_t>(Phase::final)].empty() && !program.objective_final &&
         (!schedule.options.gradient || !program.has_gradient || schedule.one_sweep);
}

// From a group's area to the next one's: that the same places of all do not share a few sets of the first cache, the golden
// section of its 64 lines, 25, and some times 64.
int64_t group_distance(const ModuleContext& context) {
  constexpr int64_t line = 64, lines = 64, apart = 25;
  const int64_t bytes = context.schedule.scratch;
  return bytes + ((apart - bytes / line) % lines + lines) % lines * line;
}

// So many groups that a small program's constants, calls and first registers cost little. Most of a group's area is hardly
// touched: what is stays near the first cache.
int64_t groups_of_a_call(const ModuleContext& context) {
  constexpr int64_t most = 16, most_bytes = 96 * 1024;
  int64_t groups = 1;
  if (!context.init_alone) return groups;
  for (const AccumulatorArea& area : context.schedule.accumulators)
    if (area.form == AccumulatorForm::product) return groups;
  while (groups < most && 2 * groups * group_distance(context) <= most_bytes) groups *= 2;
  return groups;
}

std::vector<llvm::Function*> forward_phases(ModuleContext& context) {
  if (context.init_alone) return {emit_init(context)};
  llvm::Function* init = emit_init(context);
  llvm::Function* steps = emit_steps(context);
  return {init, steps, emit_final(context)};
}

// The phases of a group's objective and gradient, in their order.
std::vector<llvm::Function*> gradient_phases(ModuleContext& context) {
  const bool credits = !context.program.advantages.empty();
  std::vector<llvm::Function*> phases = {emit_init(context)};
  llvm::Function* steps = context.init_alone ? nullptr : emit_steps(context);
  if (context.schedule.has_checkpoints(context.program)) {
    phases.insert(phases.end(), {emit_segments(context, steps), emit_final(context)});
    if (credits) phases.push_back(emit_credit(context, CreditPart::begin));
    phases.push_back(emit_final_backward(context));
    llvm::Function* credit = credits ? emit_credit(context, CreditPart::segment) : nullptr;
    phases.push_back(emit_segments_backward(context, steps, credit, emit_step_backward(context)));
    if (credits) phases.push_back(emit_credit(context, CreditPart::end));
    phases.push_back(emit_init_backward(context));
  } else if (!context.init_alone) {
    phases.insert(phases.end(), {steps, emit_final(context)});
    if (!context.schedule.options.products.empty()) {
      phases.push_back(emit_finish(context));
      return phases;
    }
    if (credits) phases.push_back(emit_credit(context, CreditPart::whole));
    if (!context.schedule.one_sweep)
      phases.insert(phases.end(), {emit_final_backward(context), emit_step_backward(context), emit_init_backward(context)});
  }
  if (llvm::Function* products = emit_products(context)) phases.push_back(products);
  phases.push_back(emit_finish(context));
  return phases;
}

EmittedModule emit_module_within(const Program& program, const std::vector<CreditProduct>& products, const EmitOptions& options,
                                 llvm::LLVMContext& llvm_context, int64_t arena_limit) {
  EmittedModule out;
  out.module = std::make_unique<llvm::Module>(program.model, llvm_context);
  ScheduleOptions wanted;
  wanted.real_bytes = options.precision == Precision::f64 ? 8 : 4;
  wanted.gradient = program.has_gradient;
  wanted.arena_limit = arena_limit;
  wanted.products = products;
  const Schedule whole = make_schedule(program, wanted);
  wanted.gradient = false;
  wanted.products.clear();
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
  with_gradient.init_alone = is_init_alone(program, whole);
  alone.init_alone = is_init_alone(program, forward);
  out.most_groups = std::min(groups_of_a_call(with_gradient), groups_of_a_call(alone));
  ModuleContext shared{program, options, whole, *out.module};
  for (ModuleContext* context : {&with_gradient, &alone, &shared}) {
    context->most_groups = out.most_groups;
    context->group_bytes = out.most_groups > 1 ? group_distance(*context) : context->schedule.scratch;
  }
  emit_entry(shared, "alea_uniform", {emit_uniform_phase(shared)});
  emit_entry(alone, "alea_forward", forward_phases(alone));
  if (program.has_gradient) emit_entry(with_gradient, "alea_gradient", gradient_phases(with_gradient));
  for (const ModuleContext* context : {&with_gradient, &alone, &shared})
    out.workspace_bytes = std::max(out.workspace_bytes, out.most_groups * context->group_bytes + context->scratch_bytes);
  out.segment = whole.segment;
  for (uint32_t node = 0; node < program.graph.size() && !out.loops_over_arrays; ++node)
    out.loops_over_arrays = element_count(program.graph.type(NodeId{node}).shape) > register_elements;

  std::string complaint;
  llvm::raw_string_ostream stream(complaint);
  if (llvm::verifyModule(*out.module, &stream)) internal_error("LLVM refuses the module: " + complaint, text_of(*out.module));
  return out;
}

}  // namespace

// The buffers of the phases are known once these are emitted: where it is they that do not fit, once more, within less.
EmittedModule emit_module(const Program& source, const EmitOptions& options, llvm::LLVMContext& llvm_context) {
  const std::optional<StreamedCredit> streamed = stream_credit(source);
  const Program& program = streamed ? streamed->program : source;
  const std::vector<CreditProduct> products = streamed ? streamed->products : std::vector<CreditProduct>{};
  EmittedModule out = emit_module_within(program, products, options, llvm_context, options.arena_limit);
  if (options.arena_limit == 0 || out.workspace_bytes <= options.arena_limit || out.segment < program.horizon) return out;
  return emit_module_within(program, products, options, llvm_context, 1);
}

}  // namespace alea
