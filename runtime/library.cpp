// The public library over the pipeline and the driver. What is thrown inside (runtime/errors.h) leaves as exceptions of
// the standard library; what is wrong with a model leaves as text.
#include <algorithm>
#include <mutex>
#include <stdexcept>

#include "alea/alea.hpp"
#include "compiler/pipeline.h"
#include "runtime/adapt.h"
#include "runtime/data.h"
#include "runtime/driver.h"
#include "runtime/errors.h"
#include "runtime/kernel_cache.h"
#include "runtime/params.h"
#include "runtime/standard_files.h"

namespace alea::api {

struct Model::Parts {
  SourceMap sources;
  std::unique_ptr<Compiled> compiled;
  std::unique_ptr<CompiledKernel> kernel;
  std::unique_ptr<Driver> driver;
  mutable std::mutex running;
};

namespace {

NamedArrays arrays_of(const std::map<std::string, NamedArray>& given) {
  NamedArrays arrays;
  for (const auto& [name, array] : given) arrays[name] = {array.shape, array.values};
  return arrays;
}

CompileResult compile_loaded(LoadedFile file, const CompileOptions& options, const std::string& data_folder) {
  auto parts = std::make_shared<Model::Parts>();
  Diagnostics diagnostics;
  const auto failed = [&] {
    std::string text;
    for (const Diagnostic& diagnostic : diagnostics.sorted()) text += render(diagnostic, parts->sources, /*colour=*/false);
    return CompileResult(std::move(text));
  };
  try {
    const SourceId main = parts->sources.add(std::move(file.name), std::move(file.text));
    const auto files = parse_files(parts->sources, main, file_loader(data_folder), diagnostics);
    if (diagnostics.has_errors()) return failed();
    PipelineOptions stages;
    stages.check = {options.model, options.policy, options.constants};
    stages.choose.estimators.assign(options.estimators.begin(), options.estimators.end());
    auto compiled = compile(parts->sources, *files, stages, diagnostics);
    if (!compiled) return failed();
    parts->compiled = std::make_unique<Compiled>(std::move(*compiled));
    if (!options.interpret) {
      JitOptions jit;
      jit.single_precision = options.single_precision;
      jit.threads = options.threads;
      jit.cache_folder = default_cache_folder();
      parts->kernel = std::make_unique<CompiledKernel>(parts->compiled->program, jit);
    }
    DriverOptions driver;
    driver.threads = options.threads;
    driver.single_precision = options.single_precision;
    parts->driver = std::make_unique<Driver>(parts->compiled->program, parts->kernel.get(), driver);
  } catch (const MachineError& error) { return CompileResult(error.message); } catch (const InternalError& error) {
    return CompileResult("internal error: " + error.message);
  }
  return CompileResult(Model(std::move(parts)));
}

ModelEstimate estimate(const Model::Parts& parts, const Params& params, const RunSettings& settings, bool gradient) {
  const auto& table = parts.compiled->graph.params;
  ParamArrays values = zero_params(table);
  try {
    for (const GraphParam& param : table)
      if (!params.contains(param.name)) throw UsageError{"param `" + param.name + "` has no value"};
    set_params(table, arrays_of(params), values);
  } catch (const UsageError& error) { throw std::invalid_argument(error.message); }
  if (settings.samples < 1) throw std::invalid_argument("the number of samples is not positive");
  RunOptions options;
  options.samples = settings.samples;
  options.seed = settings.seed;
  options.gradient = gradient;
  const std::lock_guard lock(parts.running);
  if (gradient) adapt(*parts.driver, parts.compiled->program, values);
  const Estimate result = parts.driver->run(values, options);
  ModelEstimate out;
  out.objective = {result.mean, result.standard_error};
  out.samples = result.samples;
  for (uint32_t index = 0; gradient && index < result.gradient.size(); ++index) {
    const GraphParam& param = table[ParamId{index}];
    out.gradient[param.name] = {param.type.shape, result.gradient[index].mean, result.gradient[index].standard_error};
  }
  return out;
}

}  // namespace

Params Model::initial_params(std::uint64_t seed) const {
  const auto& table = parts_->compiled->graph.params;
  Params params;
  for (const GraphParam& param : table)
    params[param.name] = {param.type.shape, std::vector<double>(static_cast<size_t>(element_count(param.type.shape)), 0.0)};
  const Program& initial = parts_->compiled->initial_params;
  const ParamArrays drawn = interpret_names(initial, {}, philox_noise<double>(initial, seed));
  for (size_t k = 0; k < initial.names.size(); ++k) params.at(initial.names[k].name).values = drawn[k];
  return params;
}

void Model::set_inputs(const Inputs& inputs) {
  try {
    const std::lock_guard lock(parts_->running);
    parts_->driver->set_inputs(bind_inputs(parts_->compiled->graph.inputs, arrays_of(inputs)));
  } catch (const UsageError& error) { throw std::invalid_argument(error.message); }
}

ModelEstimate Model::run(const Params& params, const RunSettings& settings) const {
  return estimate(*parts_, params, settings, false);
}
ModelEstimate Model::gradient(const Params& params, const RunSettings& settings) const {
  return estimate(*parts_, params, settings, true);
}

CompileResult compile_file(const std::string& path, const CompileOptions& options, const std::string& data_folder) {
  try {
    return compile_loaded(load_model_file(path, data_folder), options, data_folder);
  } catch (const FileError& error) { return CompileResult(error.message); }
}

CompileResult compile_text(const std::string& text, const CompileOptions& options, const std::string& data_folder) {
  return compile_loaded({"<text>", text}, options, data_folder);
}

}  // namespace alea::api
