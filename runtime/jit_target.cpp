#include "runtime/jit_target.h"

#include <fmt/format.h>
#include <llvm/MC/MCSubtargetInfo.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Support/CommandLine.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Target/TargetMachine.h>
#include <llvm/TargetParser/Host.h>
#include <llvm/TargetParser/SubtargetFeature.h>
#include <llvm/TargetParser/X86TargetParser.h>

#include <algorithm>
#include <mutex>

#include "dsl/diagnostic.h"
#include "runtime/errors.h"
#include "runtime/jit.h"

namespace alea {

namespace {

// One of LLVM's own options, which no interface sets.
template <class Value>
void set_option(llvm::StringRef name, Value value) {
  const auto found = llvm::cl::getRegisteredOptions().find(name);
  if (found == llvm::cl::getRegisteredOptions().end()) internal_error("LLVM has no option " + name.str());
  static_cast<llvm::cl::opt<Value>*>(found->second)->setValue(value);
}

// The schedulers compare each access to memory with those before it, up to a number that is meant for short blocks: a thousand
// accesses make a million comparisons.
void bound_comparisons() { set_option<unsigned>("dag-maps-huge-region", 200); }

std::mutex& strength_mutex() {
  static std::mutex mutex;
  return mutex;
}

void initialise(const llvm::Triple& triple) {
  static std::once_flag bounded, x86, aarch64;
  std::call_once(bounded, bound_comparisons);
  if (triple.isX86())
    std::call_once(x86, [] {
      LLVMInitializeX86TargetInfo();
      LLVMInitializeX86Target();
      LLVMInitializeX86TargetMC();
      LLVMInitializeX86AsmPrinter();
    });
  if (triple.isAArch64())
    std::call_once(aarch64, [] {
      LLVMInitializeAArch64TargetInfo();
      LLVMInitializeAArch64Target();
      LLVMInitializeAArch64TargetMC();
      LLVMInitializeAArch64AsmPrinter();
    });
}

std::string host_features() {
  llvm::SubtargetFeatures features;
  for (const auto& feature : llvm::sys::getHostCPUFeatures()) features.AddFeature(feature.first(), feature.second);
  return features.getString();
}

// What Alea needs and the target lacks, in words; empty: nothing. Every AArch64 has what it needs.
std::string lacking(const Target& target) {
  if (!llvm::Triple(target.triple).isX86()) return {};
  const llvm::SubtargetFeatures list(target.features);
  const auto has = [&](const char* feature) {
    return std::ranges::find(list.getFeatures(), feature) != list.getFeatures().end();
  };
  const char* words = !has("+fma") ? "fused multiply-add (FMA)" : !has("+avx2") ? "AVX2" : nullptr;
  return words == nullptr ? std::string() : fmt::format("lacks {}; Alea needs x86-64-v3 or AArch64", words);
}

// What generated code computes with; the rest is for operating systems, and virtual machines often hide it.
bool is_arithmetic(llvm::StringRef feature) {
  for (llvm::StringRef start : {"sse", "ssse", "avx", "fma", "f16c", "bmi", "lzcnt", "popcnt", "movbe", "adx", "gfni"})
    if (feature.starts_with(start)) return true;
  return false;
}

}  // namespace

LoopStrengthReduction::LoopStrengthReduction(bool wanted) : lock_(strength_mutex()) { set_option("disable-lsr", !wanted); }

Target host_target() {
  Target target{llvm::sys::getProcessTriple(), std::string(llvm::sys::getHostCPUName()), host_features()};
  initialise(llvm::Triple(target.triple));
  if (const std::string what = lacking(target); !what.empty()) throw MachineError{"this processor " + what};
  initialise(llvm::Triple(target.triple));  // an object file from the cache is linked without a machine of make_machine
  return target;
}

Target named_target(const std::string& triple_name, const std::string& cpu) {
  const std::string host = llvm::sys::getProcessTriple();
  const llvm::Triple triple(triple_name.empty() ? host : llvm::Triple::normalize(triple_name));
  if (triple_name.empty() && (cpu.empty() || cpu == "native")) return host_target();
  if (!triple.isArch64Bit() || !(triple.isX86() || triple.isAArch64()))
    throw UsageError{fmt::format(
        "--target: there is no code for `{}`; there is for x86_64 and aarch64, as in `aarch64-linux-gnu`", triple_name)};
  if (cpu == "native" && triple.getArch() != llvm::Triple(host).getArch())
    throw UsageError{fmt::format("--cpu: `native` is this machine's processor, which is no `{}`", triple.getArchName().str())};
  if (cpu == "native") return host_target();
  initialise(triple);
  Target target{triple.str(), cpu.empty() ? (triple.isX86() ? "x86-64-v3" : "generic") : cpu, {}};
  std::string complaint;
  const llvm::Target* found = llvm::TargetRegistry::lookupTarget(target.triple, complaint);
  if (!found) internal_error("no code generator for " + target.triple + ": " + complaint);
  const std::unique_ptr<llvm::MCSubtargetInfo> none(found->createMCSubtargetInfo(target.triple, "", ""));
  if (!none->isCPUStringValid(target.cpu)) {
    std::vector<std::string> names;
    for (const auto& description : none->getAllProcessorDescriptions()) names.emplace_back(description.Key);
    const std::string near = nearest(target.cpu, names);
    throw UsageError{fmt::format("--cpu: there is no processor `{}` of {}{}", target.cpu, triple.getArchName().str(),
                                 near.empty() ? "" : fmt::format("; did you mean `{}`?", near))};
  }
  if (triple.isX86()) {
    llvm::SmallVector<llvm::StringRef, 64> features;
    llvm::X86::getFeaturesForCPU(target.cpu, features);
    llvm::SubtargetFeatures list;
    for (llvm::StringRef feature : features) list.AddFeature(feature);
    target.features = list.getString();
  }
  if (const std::string what = lacking(target); !what.empty()) throw UsageError{fmt::format("--cpu: `{}` {}", target.cpu, what)};
  return target;
}

std::vector<std::string> missing_here(const Target& target) {
  const llvm::Triple triple(target.triple), host(llvm::sys::getProcessTriple());
  if (triple.getArch() != host.getArch() || triple.getOS() != host.getOS()) return {target.triple};
  const auto here = llvm::sys::getHostCPUFeatures();
  std::vector<std::string> missing;
  const llvm::SubtargetFeatures list(target.features);
  for (const std::string& feature : list.getFeatures()) {
    const llvm::StringRef name = llvm::StringRef(feature).drop_front();
    if (feature.front() == '+' && is_arithmetic(name) && !here.lookup(name)) missing.push_back(name.str());
  }
  return missing;
}

std::unique_ptr<llvm::TargetMachine> make_machine(const Target& target) {
  initialise(llvm::Triple(target.triple));
  std::string complaint;
  const llvm::Target* found = llvm::TargetRegistry::lookupTarget(target.triple, complaint);
  if (!found) internal_error("no code generator for " + target.triple + ": " + complaint);
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;
  options.EmulatedTLS = false;
  return std::unique_ptr<llvm::TargetMachine>(found->createTargetMachine(target.triple, target.cpu, target.features, options,
                                                                         llvm::Reloc::PIC_, llvm::CodeModel::Small,
                                                                         llvm::CodeGenOptLevel::Default, true));
}

}  // namespace alea
