// Small models run natively, sample by sample, for the tests of distributions. In: model text, precision, and values of
// its params and inputs. Out: the objective of each sample, or the objective and gradient of single samples.
#pragma once
#include <boost/multiprecision/cpp_bin_float.hpp>
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "compiler/kernel/philox.h"
#include "compiler/pipeline.h"
#include "runtime/jit.h"
#include "runtime/noise.h"
#include "runtime/standard_files.h"

namespace alea::test {

using Digits50 = boost::multiprecision::cpp_bin_float_50;
using Digits100 = boost::multiprecision::cpp_bin_float_100;

class NativeModel {
 public:
  explicit NativeModel(const std::string& text, bool single_precision = false) : single_(single_precision) {
    SourceMap sources;
    Diagnostics diagnostics;
    const SourceId main = sources.add("model.alea", text);
    const auto files = parse_files(sources, main, file_loader(), diagnostics);
    std::optional<Compiled> compiled;
    if (!diagnostics.has_errors()) compiled = compile(sources, *files, {}, diagnostics);
    std::string errors;
    for (const Diagnostic& diagnostic : diagnostics.sorted()) errors += render(diagnostic, sources, false);
    INFO(text << "\n" << errors);
    REQUIRE(compiled);
    program_ = std::make_unique<Program>(compiled->program);
    JitOptions jit;
    jit.single_precision = single_;
    kernel_ = std::make_unique<CompiledKernel>(*program_, jit);
    arena_.resize(static_cast<size_t>(kernel_->workspace_bytes()) + 64);
    uniform_.resize(static_cast<size_t>(kernel_->uniform_bytes()) + 64);
  }

  // The objectives of `count` samples. `params` one after another; every input's rows.
  std::vector<double> objectives(const std::vector<double>& params, const std::vector<std::vector<double>>& inputs,
                                 int64_t count) {
    std::vector<double> result;
    run(params, inputs, count, kernel_->forward(), group_size,
        [&](const auto* objective, const double*, int64_t used) { result.insert(result.end(), objective, objective + used); });
    return result;
  }

  // A single sample of each of `count` groups.
  struct Sample {
    double objective;
    std::vector<double> gradient;
  };
  std::vector<Sample> single_samples(const std::vector<double>& params, int64_t count,
                                     const std::vector<std::vector<double>>& inputs = {}) {
    std::vector<Sample> result;
    run(params, inputs, count * group_size, kernel_->gradient(), 1, [&](const auto* objective, const double* gradient, int64_t) {
      result.push_back({objective[0], std::vector<double>(gradient, gradient + params.size())});
    });
    return result;
  }

 private:
  static void* aligned(std::vector<std::byte>& memory) {
    void* at = memory.data();
    size_t space = memory.size();
    return std::align(64, 1, at, space);
  }

  template <class Take>
  void run(const std::vector<double>& params, const std::vector<std::vector<double>>& inputs, int64_t count,
           KernelFunction function, int64_t used, Take take) {
    if (single_) run_as<float>(params, inputs, count, function, used, take);
    else run_as<double>(params, inputs, count, function, used, take);
  }

  template <class T, class Take>
  void run_as(const std::vector<double>& params, const std::vector<std::vector<double>>& inputs, int64_t count,
              KernelFunction function, int64_t used, Take take) {
    const std::vector<T> values(params.begin(), params.end());
    std::vector<std::vector<T>> rows;
    for (const auto& input : inputs) rows.emplace_back(input.begin(), input.end());
    REQUIRE(program_->inputs.size() == inputs.size());
    std::vector<KernelInput> bound;
    for (const auto& input : rows) bound.push_back({input.data(), static_cast<int64_t>(input.size())});
    std::vector<uint64_t> keys;
    for (const ProgramNoise& noise : program_->noises) keys.push_back(noise_key(2026, noise.name));
    std::vector<T> objective(group_size);
    std::vector<double> gradient(params.size() + 1);
    KernelArguments arguments{};
    arguments.params = values.data();
    arguments.uniform = aligned(uniform_);
    arguments.arena = aligned(arena_);
    arguments.inputs = bound.data();
    arguments.noise_keys = keys.data();
    arguments.noise = single_ ? &noise_functions_single() : &noise_functions_double();
    arguments.objective = objective.data();
    arguments.gradient = gradient.data();
    arguments.sample_count = 1;
    kernel_->uniform()(&arguments);
    for (int64_t first = 0; first < count; first += group_size) {
      arguments.first_sample = static_cast<uint64_t>(first);
      arguments.sample_count = std::min(used, count - first);
      function(&arguments);
      take(objective.data(), gradient.data(), arguments.sample_count);
    }
  }

  bool single_;
  std::unique_ptr<Program> program_;
  std::unique_ptr<CompiledKernel> kernel_;
  std::vector<std::byte> arena_, uniform_;
};

}  // namespace alea::test
