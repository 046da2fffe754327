// What machine code is made for. In: the names of a target and a processor, or none. Out: the triple, the processor and
// every feature that code for it may use. A processor without fused multiply-add is refused: its sums would have other bits,
// or cost a call each. No LLVM types here.
#pragma once
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace llvm {
class TargetMachine;
}

namespace alea {

struct Target {
  std::string triple, cpu, features;  // features: +a,+b,-c
};

Target host_target();  // MachineError where this machine's processor will not do
// Empty: this machine's; a processor `native` likewise. Throws UsageError for what there is not or will not do.
Target named_target(const std::string& triple, const std::string& cpu);
// The features that code for the target may use and this machine lacks; its triple, where that is another.
std::vector<std::string> missing_here(const Target&);

std::unique_ptr<llvm::TargetMachine> make_machine(const Target&);

// Whether the passes that are put together while this lives reduce the strength of loops: an option of all LLVM, so that
// only one at a time lives.
class LoopStrengthReduction {
 public:
  explicit LoopStrengthReduction(bool wanted);

 private:
  std::lock_guard<std::mutex> lock_;
};

}  // namespace alea
