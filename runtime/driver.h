// Runs a program over many samples. In: a verified program, its native kernel or none (then the interpreter), inputs and
// param values, how many samples and which seed. Out: the estimate, the same to the bit for any number of threads.
// Throws MachineError when the memory a kernel needs does not fit.
#pragma once
#include <atomic>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "compiler/kernel/interpret.h"
#include "runtime/jit.h"
#include "runtime/statistics.h"
#include "runtime/threads.h"

namespace alea {

struct DriverOptions {
  int threads = 0;  // 0: as many as the machine has
  bool single_precision = false;
  int64_t memory_limit = 0;  // bytes for all threads' workspaces; 0: three quarters of the machine's memory
};

struct RunOptions {
  int64_t samples = 1024;
  uint64_t seed = 0;
  bool gradient = true;                                // where the program has one
  const std::atomic<bool>* stop = nullptr;             // once true, no further group is begun
  std::function<void(int64_t samples_done)> progress;  // from the calling thread, some ten times a second
};

struct ParamEstimate {
  std::vector<double> mean, standard_error;  // flat; errors are NaN below two full groups
};

// Where the first group with a result that is not finite lies, and, when a forward value shows it, which.
struct NonFiniteReport {
  uint64_t first_sample = 0;  // of the group
  bool in_gradient = false;   // the objective is finite
  std::optional<NonFinite> value;
};

struct Estimate {
  int64_t samples = 0;  // done; fewer than asked for when stopped
  bool interrupted = false;
  double mean = std::numeric_limits<double>::quiet_NaN(), standard_error = mean;  // NaN where there are too few samples
  std::vector<ParamEstimate> gradient;                                            // by ParamId; empty without gradient
  std::vector<ParamEstimate> adapted;  // of the program's adapted values, which follow its params
  double seconds = 0;
  std::optional<NonFiniteReport> non_finite;
};

class Driver {
 public:
  // The kernel, of the same precision, and the program must outlive the driver.
  Driver(const Program&, const CompiledKernel*, const DriverOptions& = {});
  ~Driver();

  void set_inputs(std::vector<InputRows>);  // by InputId; needed once before a run where the program has inputs
  // The values of the model's own params; adapted ones (kernel/program.h) are the driver's. The memory of an earlier estimate
  // may be handed back.
  Estimate run(const ParamArrays&, const RunOptions&, Estimate reused = {});
  // The values that a pilot adapts (adapt.h), by their order in the program: initial ones until they are set. With the
  // params that a pilot set them for, where one did.
  const ParamArrays& adapted() const;
  void set_adapted(ParamArrays, std::optional<ParamArrays> set_for = {});
  bool is_adapted_to(const ParamArrays&) const;
  int threads() const;

 private:
  template <class T>
  void run_as(const ParamArrays&, const RunOptions&, Estimate&);
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace alea
