// A model made ready to run, and running it: where the command meets the pipeline and the driver. In: a session. Out: a
// compiled model with the values of its params and inputs, and estimates.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "compiler/pipeline.h"
#include "runtime/driver.h"
#include "runtime/report.h"
#include "runtime/tool/session.h"

namespace alea {

struct Model {
  // Null for a printed program: of `compiled` there are then the programs and what their params and inputs are.
  std::shared_ptr<const ParsedFiles> files;
  std::unique_ptr<Compiled> compiled;
  ParamArrays params;  // initial values, then --params, then --param
  std::vector<InputRows> inputs;
  double seconds = 0;  // from the text to the gradient program
  bool is_program() const { return files == nullptr; }
};

// Thrown after the stage that --stop-after names: status 0.
struct Stopped {};

// The pairs of --estimator; throws UsageError.
std::vector<std::pair<std::string, std::string>> estimator_requests(const Session&);

// What a command wants of a model. Forward alone, a model that has no admissible estimator is as good as any.
enum class Wanted : uint8_t { forward, gradient, gradient_and_fisher };

// Parses, checks and compiles, or reads a printed program; throws ModelError. Writes the text of each stage where
// --dump-dir asks for it.
Model compile_model(Session&, Wanted = Wanted::gradient);
// UsageError where only a model will do and it is a program; `asked_for` is what needs one.
void require_model(const Session&, const Model&, std::string_view asked_for);
// A file that ends in .aleair, or reads like a printed program.
bool is_program_text(const Session&, SourceId);
// Also sets params and binds data; throws UsageError.
Model prepare_model(Session&, Wanted = Wanted::gradient);

// What native code is made for. UsageError where there is no such machine.
JitOptions jit_options(const Session&);

// Native code, or the interpreter, for one program of a model; made once, run many times. Both outlive it.
class Engine {
 public:
  Engine(const Session&, const Model&, const Program&, bool interpret);
  // Values that estimators adapt are set by pilot runs first, once for the same params.
  Estimate run(const ParamArrays& params, const RunOptions& options, Estimate reused = {});
  Driver& driver() { return *driver_; }
  const CompiledKernel* kernel() const { return kernel_.get(); }  // null for the interpreter
  int threads() const { return driver_->threads(); }
  double seconds() const { return seconds_; }  // to make native code

 private:
  const Program* program_;
  std::unique_ptr<CompiledKernel> kernel_;
  std::unique_ptr<Driver> driver_;
  double seconds_ = 0;
};

Report make_report(const Session&, const Model&, const Engine&, const Estimate&, bool gradient);

// "`x` at model.alea:14:3 is nan in sample 7, step 12": where a value that is not finite lies.
std::string place_of(const Session&, const Program&, const NonFiniteReport&);
// " at model.alea:14:3", or nothing where there is no place.
std::string place_text(const Session&, Span);

}  // namespace alea
