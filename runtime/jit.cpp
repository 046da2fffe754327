// LLVM module → object file in memory → linked by ORC. The object is made here rather than inside ORC, so that
// its bytes can be cached and shown.
#include "runtime/jit.h"

#include <llvm/CodeGen/MachineModuleInfo.h>
#include <llvm/CodeGen/Passes.h>
#include <llvm/CodeGen/TargetPassConfig.h>
#include <llvm/Config/llvm-config.h>
#include <llvm/ExecutionEngine/Orc/ExecutionUtils.h>
#include <llvm/ExecutionEngine/Orc/LLJIT.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/SmallVectorMemoryBuffer.h>
#include <llvm/Target/TargetMachine.h>
#include <llvm/Transforms/Utils/Cloning.h>

#include <algorithm>
#include <chrono>
#include <mutex>

#include "compiler/codegen/emit.h"
#include "dsl/diagnostic.h"
#include "runtime/kernel_cache.h"
#include "runtime/symbols.h"

namespace alea {
namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

template <class Value>
Value expect(llvm::Expected<Value> value, const char* what) {
  if (!value) internal_error(std::string(what) + ": " + llvm::toString(value.takeError()));
  return std::move(*value);
}
void expect(llvm::Error error, const char* what) {
  if (error) internal_error(std::string(what) + ": " + llvm::toString(std::move(error)));
}

std::string text_of(const llvm::Module& module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream, nullptr);
  return text;
}

// Register allocation and what comes before it take time that grows faster than a function does. The longest are translated
// as they stand: the code is slower, and there within a second.
constexpr size_t longest_optimised = 8'000;
llvm::CodeGenOptLevel effort_for(const llvm::Module& module) {
  const bool any =
      std::ranges::any_of(module, [](const llvm::Function& f) { return f.getInstructionCount() > longest_optimised; });
  return any ? llvm::CodeGenOptLevel::None : llvm::CodeGenOptLevel::Default;
}

llvm::SmallVector<char, 0> generate(llvm::Module& module, llvm::TargetMachine& machine, llvm::CodeGenFileType kind,
                                    bool loops_over_arrays) {
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  auto& target = static_cast<llvm::LLVMTargetMachine&>(machine);
  target.setOptLevel(effort_for(module));
  llvm::legacy::PassManager passes;
  auto* functions = new llvm::MachineModuleInfoWrapperPass(&target);
  llvm::TargetPassConfig* config = target.createPassConfig(passes);
  config->setDisableVerify(true);  // emit_module has verified it
  // These processors order instructions themselves; the pass takes a tenth of the time, more of long blocks.
  config->disablePass(&llvm::PostRASchedulerID);
  passes.add(config);
  passes.add(functions);
  {
    const LoopStrengthReduction wanted(loops_over_arrays);
    if (config->addISelPasses()) internal_error("the target selects no instructions");
  }
  config->addMachinePasses();
  config->setInitialized();
  if (target.addAsmPrinter(passes, stream, nullptr, kind, functions->getMMI().getContext()))
    internal_error("the target writes no such file");
  passes.add(llvm::createFreeMachineFunctionPass());
  passes.run(module);
  return bytes;
}

}  // namespace

namespace {

// One module's functions, at work for as long as the linker's object lives.
struct LinkedModule {
  std::unique_ptr<llvm::orc::LLJIT> jit;
  KernelFunction uniform = nullptr, forward = nullptr, gradient = nullptr;
};

KernelFunction look_up(llvm::orc::LLJIT& jit, const char* name) {
  return expect(jit.lookup(name), "linking the kernel").toPtr<void(const KernelArguments*)>();
}

LinkedModule link(const std::string& object, const EmitOptions& options) {
  // Only the table's symbols are found; nothing is looked up in the process.
  LinkedModule linked;
  linked.jit = expect(
      llvm::orc::LLJITBuilder().setLinkProcessSymbolsByDefault(false).setPlatformSetUp(llvm::orc::setUpInactivePlatform).create(),
      "ORC");
  llvm::orc::LLJIT& jit = *linked.jit;
  llvm::orc::SymbolMap map;
  llvm::orc::MangleAndInterner mangle(jit.getExecutionSession(), jit.getDataLayout());
  for (const Symbol& symbol : kernel_symbols())
    map[mangle(symbol.name)] = {llvm::orc::ExecutorAddr::fromPtr(symbol.address),
                                llvm::JITSymbolFlags::Exported | llvm::JITSymbolFlags::Callable};
  expect(jit.getMainJITDylib().define(llvm::orc::absoluteSymbols(std::move(map))), "the symbol table");
  expect(jit.addObjectFile(llvm::MemoryBuffer::getMemBuffer(object, "kernel", false)), "the object file");
  linked.uniform = look_up(jit, "alea_uniform");
  if (options.objective_function) linked.forward = look_up(jit, "alea_forward");
  if (options.gradient_function) linked.gradient = look_up(jit, "alea_gradient");
  return linked;
}

}  // namespace

struct CompiledKernel::Parts {
  Program program;
  Target target;
  EmitOptions emit_options;
  bool keep_text = false;
  std::string cache_folder;
  LinkedModule main, alone;  // alone: the objective's function, of a program with a gradient
  std::once_flag alone_once;
  int64_t workspace_bytes = 0, uniform_bytes = 0, most_groups = 1;
  std::string llvm_raw, llvm, assembly, object;
  JitTimes times;

  // All that decides the object file; empty where the version of this code is not known.
  std::string cache_key(const EmitOptions& options) const {
    const std::string version = code_version();
    if (version.empty()) return {};
    std::string key = "code " + version + ", LLVM " LLVM_VERSION_STRING ", " + options.cpu + " " + options.features;
    key += options.precision == Precision::f64 ? ", f64" : ", f32";
    for (int64_t number : {int64_t{options.forward_lanes}, int64_t{options.backward_lanes}, options.arena_limit,
                           int64_t{options.objective_function}, int64_t{options.gradient_function}})
      key += " " + std::to_string(number);
    return key + "\n" + print(program);
  }

  // The object file, from the cache or made.
  std::string object_file(const EmitOptions& options) {
    const std::string key = cache_folder.empty() || keep_text ? std::string() : cache_key(options);
    if (key.empty()) return compile(options);
    if (auto found = load_kernel(cache_folder, key)) {
      workspace_bytes = found->workspace_bytes;
      uniform_bytes = found->uniform_bytes;
      most_groups = found->most_groups;
      times.from_cache = true;
      return std::move(found->object);
    }
    std::string made = compile(options);
    save_kernel(cache_folder, key, {workspace_bytes, uniform_bytes, most_groups, made});
    return made;
  }

  std::string compile(const EmitOptions& options) {
    const auto begin = Clock::now();
    const std::unique_ptr<llvm::TargetMachine> machine = make_machine(target);
    llvm::LLVMContext context;
    EmittedModule emitted = emit_module(program, options, context);
    llvm::Module& module = *emitted.module;
    module.setTargetTriple(machine->getTargetTriple().str());
    module.setDataLayout(machine->createDataLayout());
    workspace_bytes = emitted.workspace_bytes;
    uniform_bytes = emitted.uniform_bytes;
    most_groups = emitted.most_groups;
    if (keep_text) llvm_raw = text_of(module);
    times.emit += seconds_since(begin);

    const auto optimising = Clock::now();
    optimise_module(module, *machine);
    if (keep_text) {
      std::string complaint;
      llvm::raw_string_ostream stream(complaint);
      if (llvm::verifyModule(module, &stream)) internal_error("LLVM refuses the optimised module: " + complaint, text_of(module));
      llvm = text_of(module);
    }
    times.optimise += seconds_since(optimising);

    const auto generating = Clock::now();
    if (keep_text) {
      const auto copy = llvm::CloneModule(module);
      const llvm::SmallVector<char, 0> text =
          generate(*copy, *machine, llvm::CodeGenFileType::AssemblyFile, emitted.loops_over_arrays);
      assembly.assign(text.begin(), text.end());
    }
    const llvm::SmallVector<char, 0> bytes =
        generate(module, *machine, llvm::CodeGenFileType::ObjectFile, emitted.loops_over_arrays);
    times.generate += seconds_since(generating);
    return {bytes.begin(), bytes.end()};
  }
};

CompiledKernel::CompiledKernel(const Program& program, const JitOptions& options, Link link_it)
    : parts_(std::make_unique<Parts>()) {
  parts_->target = options.target.triple.empty() ? host_target() : options.target;
  EmitOptions& emit_options = parts_->emit_options;
  emit_options.precision = options.single_precision ? Precision::f32 : Precision::f64;
  emit_options.cpu = parts_->target.cpu;
  emit_options.features = parts_->target.features;
  emit_options.forward_lanes = options.forward_lanes;
  emit_options.backward_lanes = options.backward_lanes;
  emit_options.arena_limit = options.arena_limit;
  emit_options.gradient_function = program.has_gradient;
  emit_options.objective_function = !program.has_gradient || options.keep_text;
  parts_->program = program;
  parts_->keep_text = options.keep_text;
  parts_->cache_folder = options.cache_folder;
  parts_->object = parts_->object_file(emit_options);
  if (link_it == Link::yes) parts_->main = link(parts_->object, emit_options);
}

CompiledKernel::~CompiledKernel() = default;
CompiledKernel::CompiledKernel(CompiledKernel&&) noexcept = default;
CompiledKernel& CompiledKernel::operator=(CompiledKernel&&) noexcept = default;

KernelFunction CompiledKernel::uniform() const { return parts_->main.uniform; }
KernelFunction CompiledKernel::gradient() const { return parts_->main.gradient; }
KernelFunction CompiledKernel::forward() const {
  if (parts_->main.forward != nullptr) return parts_->main.forward;
  std::call_once(parts_->alone_once, [this] {
    EmitOptions options = parts_->emit_options;
    options.objective_function = true;
    options.gradient_function = false;
    parts_->alone = link(parts_->object_file(options), options);
  });
  return parts_->alone.forward;
}
int64_t CompiledKernel::workspace_bytes() const { return parts_->workspace_bytes; }
int64_t CompiledKernel::uniform_bytes() const { return parts_->uniform_bytes; }
int64_t CompiledKernel::most_groups() const { return parts_->most_groups; }
const std::string& CompiledKernel::llvm_raw() const { return parts_->llvm_raw; }
const std::string& CompiledKernel::llvm() const { return parts_->llvm; }
const std::string& CompiledKernel::assembly() const { return parts_->assembly; }
const std::string& CompiledKernel::object() const { return parts_->object; }
const JitTimes& CompiledKernel::times() const { return parts_->times; }

}  // namespace alea
