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
  std::unique_ptr<Compiled> compiled;
  ParamArrays params;  // initial values, then --params, then --param
  std::vector<InputRows> inputs;
  double seconds = 0;  // from the text to the gradient program
};

// Thrown after the stage that --stop-after names: status 0.
struct Stopped {};

// Parses, checks and compiles; throws ModelError. Writes the text of each stage where --dump-dir asks for it.
Model compile_model(Session&);
// Also sets params and binds data; throws UsageError.
Model prepare_model(Session&);

// Native code, or the interpreter, for one program of a model; made once, run many times. Both outlive it.
class Engine {
 public:
  Engine(const Session&, const Model&, const Program&, bool interpret);
  Estimate run(const ParamArrays& params, const RunOptions& options) { return driver_->run(params, options); }
  const CompiledKernel* kernel() const { return kernel_.get(); }  // null for the interpreter
  int threads() const { return driver_->threads(); }
  double seconds() const { return seconds_; }  // to make native code

 private:
  std::unique_ptr<CompiledKernel> kernel_;
  std::unique_ptr<Driver> driver_;
  double seconds_ = 0;
};

Report make_report(const Session&, const Model&, const Engine&, const Estimate&, bool gradient);

// "`x` at model.alea:14:3 is nan in sample 7, step 12": where a value that is not finite lies.
std::string place_of(const Session&, const Program&, const NonFiniteReport&);

}  // namespace alea
