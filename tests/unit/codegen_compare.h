// A program by hand or at random, natively against the interpreter: the largest difference relative to 1 + what is expected.
#pragma once
#include <catch2/catch.hpp>

#include "compiler/kernel/philox.h"
#include "runtime/noise.h"
#include "tests/unit/codegen_support.h"

namespace alea::test {

inline Type real(Shape shape = {}) { return {Scalar::real, 0, std::move(shape)}; }
inline Type boolean(Shape shape = {}) { return {Scalar::boolean, 0, std::move(shape)}; }

template <class T>
double difference(const Program& program, const ParamArrays& params, const std::vector<InputRows>& inputs, uint64_t seed,
                  int64_t count, JitOptions options = {}) {
  options.single_precision = std::is_same_v<T, float>;
  const CompiledKernel kernel(program, options);
  Runner<T> runner{program, kernel, options.single_precision ? noise_functions_single() : noise_functions_double(), {}, {}};
  for (const auto& values : params) runner.params.insert(runner.params.end(), values.begin(), values.end());
  for (const auto& rows : inputs) runner.inputs.emplace_back(rows.values.begin(), rows.values.end());
  for (const ProgramNoise& noise : program.noises) runner.keys.push_back(noise_key(seed, noise.name));
  const GroupResult expected = interpret_group<T>(program, params, inputs, 128, count, philox_noise<T>(program, seed));
  double worst = 0;
  // Twice, so that nothing may depend on what an earlier group left in the arena.
  for (int turn = 0; turn < 2; ++turn) {
    const NativeResult native = runner.run(2, count);
    for (size_t lane = 0; lane < static_cast<size_t>(count); ++lane)
      worst = std::max(worst,
                       std::fabs(native.objective[lane] - expected.objective[lane]) / (1 + std::fabs(expected.objective[lane])));
    size_t at = 0;
    for (const auto& sums : expected.gradient)
      for (double sum : sums) {
        const double error = std::fabs(native.gradient[at++] - sum) / (1 + std::fabs(sum));
        worst = std::isnan(error) ? INFINITY : std::max(worst, error);
      }
    CHECK(runner.run(2, count, false).objective == native.objective);
  }
  return worst;
}

}  // namespace alea::test
