// Model text to estimates, for the tests of gradients. In: text and options. Out: a compiled model, its
// initial params, estimates from native code.
#pragma once
#include <bit>
#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "compiler/pipeline.h"
#include "runtime/driver.h"
#include "runtime/params.h"
#include "runtime/standard_files.h"

namespace alea::test {

struct Ready {
  SourceMap sources;
  Diagnostics diagnostics;
  std::optional<Compiled> compiled;  // nothing when the model is wrong
  ParamArrays params;
  std::string errors;
};

inline std::unique_ptr<Ready> make_ready(const std::string& text, const PipelineOptions& options = {}) {
  auto ready = std::make_unique<Ready>();
  SourceId main = ready->sources.add("model.alea", text);
  auto files = parse_files(ready->sources, main, file_loader(), ready->diagnostics);
  if (!ready->diagnostics.has_errors()) ready->compiled = compile(ready->sources, *files, options, ready->diagnostics);
  for (const Diagnostic& diagnostic : ready->diagnostics.sorted()) ready->errors += render(diagnostic, ready->sources, false);
  if (!ready->compiled) return ready;
  const auto& table = ready->compiled->graph.params;
  ready->params = zero_params(table);
  const Program& initial = ready->compiled->initial_params;
  ParamArrays drawn = interpret_names(initial, {}, philox_noise<double>(initial, 0));
  for (size_t k = 0; k < initial.names.size(); ++k)
    for (uint32_t p = 0; p < table.size(); ++p)
      if (table[ParamId{p}].name == initial.names[k].name) ready->params[p] = drawn[k];
  return ready;
}

inline Estimate estimate(const Ready& ready, int64_t samples, bool native = true, bool single_precision = false,
                         JitOptions jit = {}) {
  const Program& program = ready.compiled->program;
  std::unique_ptr<CompiledKernel> kernel;
  jit.single_precision = single_precision;
  if (native) kernel = std::make_unique<CompiledKernel>(program, jit);
  DriverOptions options;
  options.single_precision = single_precision;
  Driver driver(program, kernel.get(), options);
  RunOptions run;
  run.samples = samples;
  run.seed = 7;
  return driver.run(ready.params, run);
}

// All numbers of an estimate, as bits.
inline std::vector<uint64_t> bits(const Estimate& estimate) {
  std::vector<double> numbers{estimate.mean, estimate.standard_error};
  for (const ParamEstimate& param : estimate.gradient)
    for (const auto* list : {&param.mean, &param.standard_error}) numbers.insert(numbers.end(), list->begin(), list->end());
  std::vector<uint64_t> words;
  for (double number : numbers) words.push_back(std::bit_cast<uint64_t>(number));
  return words;
}

// The estimator that `explain` gives for a draw; of two of one name the last, which is the one in use.
inline std::string estimator_of(const Ready& ready, const std::string& draw) {
  std::string result = "no such draw";
  for (const ExplainedNode& node : ready.compiled->explanation.nodes)
    if (node.name == draw) result = node.estimator;
  return result;
}

}  // namespace alea::test
