// Compiles a program to native code in memory. In: a verified program. Out: function pointers by the
// contract of compiler/codegen/abi.h, the memory they need, and, when asked for, what was generated as text.
// A CPU without what the kernels require (fused multiply-add) is refused with MachineError. No LLVM types here.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "compiler/codegen/abi.h"
#include "runtime/jit_target.h"

namespace alea {

// A tape within this stays in the cache or is quickly read; beyond, steps are computed again (kernel/schedule.h).
inline constexpr int64_t default_arena_limit = 32 << 20;

struct JitOptions {
  bool single_precision = false;
  Target target;                              // without a triple: this machine
  int forward_lanes = 0, backward_lanes = 0;  // 0: as measured best
  int64_t arena_limit = default_arena_limit;  // bytes of workspace for a thread, kept to where checkpoints make it possible
  std::string cache_folder;                   // compiled objects are looked for and kept there; empty: nowhere
  int threads = 0;                            // that translate, up to four; 0: as many as the processor has cores
  bool keep_text = false;                     // for --emit: the module before and after optimisation, assembly
};

struct JitTimes {
  double emit = 0, optimise = 0, generate = 0;  // seconds
  bool from_cache = false;
};

class CompiledKernel {
 public:
  // Not linked: for its texts alone, whatever the target.
  enum class Link : uint8_t { no, yes };
  CompiledKernel(const Program&, const JitOptions&, Link = Link::yes);
  ~CompiledKernel();
  CompiledKernel(CompiledKernel&&) noexcept;
  CompiledKernel& operator=(CompiledKernel&&) noexcept;

  KernelFunction uniform() const;
  KernelFunction forward() const;   // of a program with a gradient: compiled when first asked for
  KernelFunction gradient() const;  // null when the program has none
  int64_t workspace_bytes() const;  // of an arena
  int64_t uniform_bytes() const;
  int64_t most_groups() const;          // that a call takes: a power of two
  const std::string& llvm_raw() const;  // the texts are empty unless keep_text
  const std::string& llvm() const;
  const std::string& assembly() const;
  const std::vector<std::string>& objects() const;  // the bytes of object files: of one, where it is not linked
  const JitTimes& times() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

struct MachineError {
  std::string message;
};

}  // namespace alea
