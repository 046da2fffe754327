// LLVM module → object files in memory, of one thread each → linked by ORC. The objects are made here rather than inside ORC, so
// that their bytes can be cached and shown.
#include "runtime/jit.h"

#include <llvm/CodeGen/MachineModuleInfo.h>
#include <llvm/CodeGen/Passes.h>
#include <llvm/CodeGen/TargetPassConfig.h>
#include <llvm/Config/llvm-config.h>
#include <llvm/ExecutionEngine/Orc/ExecutionUtils.h>
#include <llvm/ExecutionEngine/Orc/LLJIT.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/SmallVectorMemoryBuffer.h>
#include <llvm/Target/TargetMachine.h>
#include <llvm/Transforms/Utils/Cloning.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <ranges>
#include <utility>

#include "compiler/codegen/emit.h"
#include "dsl/diagnostic.h"
#include "runtime/kernel_cache.h"
#include "runtime/symbols.h"
#include "runtime/threads.h"

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

// Instructions are selected block by block: each load of a block is compared with all others of it, and where thousands read one
// constant each may look at all the others. From the last on, so that each instruction is moved once.
void split_long_blocks(llvm::Function& function) {
  constexpr int longest = 500;
  constexpr uint64_t most_loads = 1'000, register_bits = 512;  // the widest there are: elsewhere a block has some times as many
  const bool long_function = function.getInstructionCount() > longest_optimised;
  std::vector<llvm::Instruction*> firsts;
  for (llvm::BasicBlock& block : function) {
    int count = 0;
    uint64_t loads = 0;
    for (auto at = block.getFirstNonPHIIt(); !at->isTerminator(); ++at) {
      ++count;
      if (llvm::isa<llvm::LoadInst>(*at))
        loads += std::max<uint64_t>(1, at->getType()->getPrimitiveSizeInBits().getFixedValue() / register_bits);
      if (loads < most_loads && !(long_function && count >= longest)) continue;
      firsts.push_back(&*at);
      count = 0;
      loads = 0;
    }
  }
  for (llvm::Instruction* first : std::views::reverse(firsts)) first->getParent()->splitBasicBlock(first);
}

std::string generate(llvm::Module& module, llvm::TargetMachine& machine, llvm::CodeGenFileType kind, bool loops_over_arrays) {
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  auto& target = static_cast<llvm::LLVMTargetMachine&>(machine);
  target.setOptLevel(effort_for(module));
  for (llvm::Function& function : module) split_long_blocks(function);
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
  return {bytes.begin(), bytes.end()};
}

// Beyond a few, the largest function decides.
int translating_threads(int wanted) {
  constexpr int most = 4;
  return std::min(thread_count(wanted), most);
}

// One module's functions, at work for as long as the linker's object lives.
struct LinkedModule {
  std::unique_ptr<llvm::orc::LLJIT> jit;
  KernelFunction uniform = nullptr, forward = nullptr, gradient = nullptr;
};

KernelFunction look_up(llvm::orc::LLJIT& jit, const char* name) {
  return expect(jit.lookup(name), "linking the kernel").toPtr<void(const KernelArguments*)>();
}

LinkedModule link(const std::vector<std::string>& objects, const EmitOptions& options) {
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
  for (const std::string& object : objects)
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
  int threads = 1;
  std::string cache_folder;
  LinkedModule main, alone;  // alone: the objective's function, of a program with a gradient
  std::once_flag alone_once;
  int64_t workspace_bytes = 0, uniform_bytes = 0, most_groups = 1;
  std::string llvm_raw, llvm, assembly;
  std::vector<std::string> objects;
  JitTimes times;

  // All that decides what the object files do; empty where the version of this code is not known.
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

  // The object files, from the cache or made.
  std::vector<std::string> object_files(const EmitOptions& options) {
    const std::string key = cache_folder.empty() || keep_text ? std::string() : cache_key(options);
    if (key.empty()) return compile(options);
    if (auto found = load_kernel(cache_folder, key)) {
      workspace_bytes = found->workspace_bytes;
      uniform_bytes = found->uniform_bytes;
      most_groups = found->most_groups;
      times.from_cache = true;
      return std::move(found->objects);
    }
    std::vector<std::string> made = compile(options);
    save_kernel(cache_folder, key, {workspace_bytes, uniform_bytes, most_groups, made});
    return made;
  }

  EmittedModule emit(const EmitOptions& options, llvm::TargetMachine& machine, llvm::LLVMContext& context) const {
    EmittedModule emitted = emit_module(program, options, context);
    emitted.module->setTargetTriple(machine.getTargetTriple().str());
    emitted.module->setDataLayout(machine.createDataLayout());
    return emitted;
  }

  // In several threads, if it pays. LLVM's modules belong to one thread each, so that every one emits the whole, which is quick,
  // and translates its own functions.
  std::vector<std::string> compile(const EmitOptions& options) {
    const auto begin = Clock::now();
    const std::unique_ptr<llvm::TargetMachine> machine = make_machine(target);
    llvm::LLVMContext context;
    EmittedModule emitted = emit(options, *machine, context);
    llvm::Module& module = *emitted.module;
    workspace_bytes = emitted.workspace_bytes;
    uniform_bytes = emitted.uniform_bytes;
    most_groups = emitted.most_groups;
    if (keep_text) llvm_raw = text_of(module);
    times.emit += seconds_since(begin);

    const std::vector<std::vector<std::string>> shares = share_out(module, threads);
    if (shares.size() > 1) {
      const auto generating = Clock::now();
      std::vector<std::string> objects(shares.size());
      ThreadPool(static_cast<int>(shares.size())).run(static_cast<int64_t>(shares.size()), [&](int, int64_t part) {
        const std::vector<std::string>& own = shares[static_cast<size_t>(part)];
        objects[static_cast<size_t>(part)] = part == 0 ? translate(emitted, own, *machine) : translate_anew(options, own);
      });
      times.generate += seconds_since(generating);
      return objects;
    }

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
    if (keep_text)
      assembly = generate(*llvm::CloneModule(module), *machine, llvm::CodeGenFileType::AssemblyFile, emitted.loops_over_arrays);
    std::string object = generate(module, *machine, llvm::CodeGenFileType::ObjectFile, emitted.loops_over_arrays);
    times.generate += seconds_since(generating);
    return {std::move(object)};
  }

  // The object file of some of a module's functions.
  static std::string translate(const EmittedModule& emitted, const std::vector<std::string>& own, llvm::TargetMachine& machine) {
    keep_functions(*emitted.module, own);
    optimise_module(*emitted.module, machine);
    return generate(*emitted.module, machine, llvm::CodeGenFileType::ObjectFile, emitted.loops_over_arrays);
  }
  std::string translate_anew(const EmitOptions& options, const std::vector<std::string>& own) const {
    const std::unique_ptr<llvm::TargetMachine> machine = make_machine(target);
    llvm::LLVMContext context;
    const EmittedModule emitted = emit(options, *machine, context);
    return translate(emitted, own, *machine);
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
  parts_->threads = link_it == Link::no || options.keep_text ? 1 : translating_threads(options.threads);
  parts_->objects = parts_->object_files(emit_options);
  if (link_it == Link::yes) parts_->main = link(parts_->objects, emit_options);
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
    parts_->alone = link(parts_->object_files(options), options);
  });
  return parts_->alone.forward;
}
int64_t CompiledKernel::workspace_bytes() const { return parts_->workspace_bytes; }
int64_t CompiledKernel::uniform_bytes() const { return parts_->uniform_bytes; }
int64_t CompiledKernel::most_groups() const { return parts_->most_groups; }
const std::string& CompiledKernel::llvm_raw() const { return parts_->llvm_raw; }
const std::string& CompiledKernel::llvm() const { return parts_->llvm; }
const std::string& CompiledKernel::assembly() const { return parts_->assembly; }
const std::vector<std::string>& CompiledKernel::objects() const { return parts_->objects; }
const JitTimes& CompiledKernel::times() const { return parts_->times; }

}  // namespace alea
