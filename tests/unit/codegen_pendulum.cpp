// Benchmark W1 through native code: the reference values, and that bits do not depend on the lanes at work.
#include "tests/unit/codegen_pendulum.h"

#include <catch2/catch.hpp>

using namespace alea;
using namespace alea::test;

namespace {

// 41 samples of the fourth group, on the reference values' noise.
NativeResult result_of(const Program& program, const CompiledKernel& kernel, bool gradient = true) {
  const NoiseFunctions noise{pendulum_noise<double>, pendulum_noise<double>};
  Runner<double> runner{
      program, kernel, noise, {std::begin(pendulum_params), std::end(pendulum_params)}, pendulum_inputs<double>()};
  return runner.run(3, 41, gradient);
}

void check_same(const NativeResult& result, const NativeResult& expected) {
  CHECK(result.objective == expected.objective);
  CHECK(result.gradient == expected.gradient);
}

}  // namespace

TEST_CASE("the pendulum's reference values") {
  const Program program = pendulum(200);
  const CompiledKernel kernel(program, {});
  const NoiseFunctions noise{pendulum_noise<double>, pendulum_noise<double>};
  Runner<double> runner{
      program, kernel, noise, {std::begin(pendulum_params), std::end(pendulum_params)}, pendulum_inputs<double>()};
  double objective = 0, first = 0;
  for (uint64_t group = 0; group < 16; ++group) {
    const NativeResult result = runner.run(group, 64);
    for (double value : result.objective) objective += value / 1024;
    first += result.gradient[0] / 1024;
    CHECK(runner.run(group, 64, false).objective == result.objective);
  }
  CHECK(objective == Approx(-413.830617242).epsilon(1e-11));
  CHECK(first == Approx(-8.7870007152).epsilon(1e-10));
}

TEST_CASE("lanes at work do not change a bit") {
  const Program program = pendulum(40);
  const NativeResult expected = result_of(program, CompiledKernel(program, {}));
  for (const auto& [forward, backward] :
       std::initializer_list<std::pair<int, int>>{{32, 16}, {16, 16}, {64, 32}, {8, 8}, {32, 64}}) {
    JitOptions options;
    options.forward_lanes = forward;
    options.backward_lanes = backward;
    check_same(result_of(program, CompiledKernel(program, options)), expected);
  }
}

TEST_CASE("threads that translate change no bit") {
  const Program program = pendulum(40);
  const NativeResult expected = result_of(program, CompiledKernel(program, {}));
  for (const int threads : {1, 2, 3, 4}) {
    JitOptions options;
    options.threads = threads;
    const CompiledKernel kernel(program, options);
    CHECK((kernel.objects().size() > 1) == (threads > 1));
    check_same(result_of(program, kernel), expected);
    CHECK(result_of(program, kernel, false).objective == expected.objective);
  }
}

TEST_CASE("a narrower processor gives the same bits") {
  const Program program = pendulum(40);
  JitOptions narrow;
  narrow.target = named_target("", "x86-64-v3");
  check_same(result_of(program, CompiledKernel(program, narrow)), result_of(program, CompiledKernel(program, {})));
}
