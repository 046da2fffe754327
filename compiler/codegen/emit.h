// From a program to an LLVM module. In: a verified program and what the target has. Out: a module with the
// three functions of abi.h, each phase an internal function of its own, and the sizes that the runtime must
// provide. Values with the sample axis are LLVM vectors of `lanes` lanes, wider than a register: LLVM splits
// them, which keeps several registers in flight. Lanes decide speed and never a sum's order, but for the
// products of large arrays, whose lanes are therefore a constant of the program and not of the CPU.
#pragma once
#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Module.h>

#include <memory>
#include <string>
#include <vector>

#include "compiler/codegen/abi.h"
#include "compiler/kernel/schedule.h"

namespace llvm {
class TargetMachine;
}

namespace alea {

enum class Precision : uint8_t { f64, f32 };

struct EmitOptions {
  Precision precision = Precision::f64;
  std::string cpu, features;                  // put on every function
  int forward_lanes = 0, backward_lanes = 0;  // 0: as measured best
  int64_t arena_limit = 0;                    // bytes; 0: none. A longer tape is kept in part (kernel/schedule.h)
  bool objective_function = true, gradient_function = true;
};

struct EmittedModule {
  std::unique_ptr<llvm::Module> module;
  int64_t workspace_bytes = 0, uniform_bytes = 0;
  int64_t segment = 0;      // steps whose tape is kept at once
  int64_t most_groups = 1;  // that a call takes: a power of two
  // Whether there may be loops within those over groups, chunks and time: only these are worth LLVM's loop strength
  // reduction (W2 3 % faster), which takes a twentieth of a small model's compile time.
  bool loops_over_arrays = false;
};
EmittedModule emit_module(const Program&, const EmitOptions&, llvm::LLVMContext&);

// The names of the module's functions, shared out among as many threads, up to `most_parts`, as make translating them quicker.
std::vector<std::vector<std::string>> share_out(const llvm::Module&, int most_parts);
// Of the others leaves their declarations.
void keep_functions(llvm::Module&, const std::vector<std::string>& names);

// Runs the passes worth their time on hand-vectorised code; the module's functions carry the target.
void optimise_module(llvm::Module&, llvm::TargetMachine&);

}  // namespace alea
