// Runs through the interpreter: the numbers, their independence of threads, stopping and what is reported.
#include <atomic>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>

#include "compiler/kernel/philox.h"
#include "runtime/driver.h"
#include "runtime/memory.h"

using namespace alea;

namespace {

NodeId placed(Program& program, Phase phase, Rate rate, NodeId node) {
  if (node.index == program.phase.size()) {
    program.phase.add(phase);
    program.rate.add(rate);
  }
  return node;
}

// E f(θ z) with f the square, or the logarithm, which is NaN for half of the samples; dθ by the pathwise rule for the square.
Program scaled_noise(Op function) {
  Program program;
  Graph& graph = program.graph;
  const Type real;
  const ParamId param = program.params.add({"theta", real, {}});
  const NoiseId noise = program.noises.add({"z"});
  const NodeId theta = placed(program, Phase::uniform, rate_none, graph.add(Op::param, real, {}, param.index));
  const NodeId z = placed(program, Phase::init, rate_sample, graph.add(Op::noise_normal, real, {}, noise.index));
  const NodeId x = placed(program, Phase::init, rate_sample, graph.add(Op::mul, real, {theta, z}));
  const NodeId result = function == Op::mul ? graph.add(Op::mul, real, {x, x}) : graph.add(function, real, {x});
  program.objective_init = placed(program, Phase::init, rate_sample, result);
  if (function != Op::mul) return program;
  const NodeId twice = placed(program, Phase::init_backward, rate_sample, graph.add(Op::add, real, {x, x}));
  const NodeId slope = placed(program, Phase::init_backward, rate_sample, graph.add(Op::mul, real, {twice, z}));
  const AccumulatorId sum = program.accumulators.add({theta, real, {{Phase::init_backward, slope, {}}}});
  program.params[param].gradient = placed(program, Phase::finish, rate_none, graph.add(Op::accumulated, real, {}, sum.index));
  program.has_gradient = true;
  return program;
}

Estimate run(const Program& program, int threads, int64_t samples, bool single_precision = false) {
  DriverOptions options;
  options.threads = threads;
  options.single_precision = single_precision;
  RunOptions run_options;
  run_options.samples = samples;
  run_options.seed = 3;
  return Driver(program, nullptr, options).run({{1.5}}, run_options);
}

}  // namespace

TEST_CASE("an estimate is the mean over the samples, with its error", "[driver]") {
  const Program program = scaled_noise(Op::mul);
  const Estimate estimate = run(program, 2, 20000);
  CHECK(estimate.samples == 20000);
  CHECK(!estimate.interrupted);
  CHECK(!estimate.non_finite);
  // E (θ z)² = θ², variance 2 θ⁴; gradient 2 θ, variance 8 θ²
  CHECK(std::fabs(estimate.mean - 2.25) < 4 * estimate.standard_error);
  CHECK(estimate.standard_error == Approx(std::sqrt(2 * std::pow(1.5, 4) / 20000)).epsilon(0.05));
  REQUIRE(estimate.gradient.size() == 1);
  CHECK(std::fabs(estimate.gradient[0].mean[0] - 3) < 4 * estimate.gradient[0].standard_error[0]);
  CHECK(estimate.gradient[0].standard_error[0] == Approx(std::sqrt(8 * 2.25 / 20000)).epsilon(0.2));

  double sum = 0;
  for (uint64_t i = 0; i < 100; ++i) {
    const double z = normal_draw<double>(noise_key(3, "z"), false, i, 0, 0);
    sum += 2.25 * z * z;
  }
  CHECK(run(program, 1, 100).mean == Approx(sum / 100).epsilon(1e-13));
}

TEST_CASE("threads change no bit", "[driver]") {
  const Program program = scaled_noise(Op::mul);
  for (const bool single : {false, true}) {
    const Estimate one = run(program, 1, 3000, single);
    for (const int threads : {2, 3, 8}) {
      const Estimate many = run(program, threads, 3000, single);
      CHECK(many.mean == one.mean);
      CHECK(many.standard_error == one.standard_error);
      CHECK(many.gradient[0].mean == one.gradient[0].mean);
      CHECK(many.gradient[0].standard_error == one.gradient[0].standard_error);
    }
  }
}

TEST_CASE("errors are missing where there are too few samples", "[driver]") {
  const Program program = scaled_noise(Op::mul);
  CHECK(std::isnan(run(program, 1, 1).standard_error));
  CHECK(std::isnan(run(program, 1, 127).gradient[0].standard_error[0]));
  CHECK(std::isfinite(run(program, 1, 128).gradient[0].standard_error[0]));
}

TEST_CASE("a value that is not finite is reported with its place", "[driver]") {
  const Program program = scaled_noise(Op::log);
  uint64_t first = 0;
  while (normal_draw<double>(noise_key(3, "z"), false, first, 0, 0) >= 0) ++first;
  for (const int threads : {1, 4}) {
    const Estimate estimate = run(program, threads, 5000);
    CHECK(std::isnan(estimate.mean));
    REQUIRE(estimate.non_finite);
    CHECK(!estimate.non_finite->in_gradient);
    CHECK(estimate.non_finite->first_sample == 0);
    REQUIRE(estimate.non_finite->value);
    CHECK(estimate.non_finite->value->node == program.objective_init);
    CHECK(estimate.non_finite->value->sample == first);
    CHECK(!estimate.non_finite->value->time);
  }
}

TEST_CASE("a stopped run gives what it has", "[driver]") {
  const Program program = scaled_noise(Op::mul);
  std::atomic<bool> stop = true;
  RunOptions options;
  options.samples = 1000;
  options.stop = &stop;
  Driver driver(program, nullptr, {.threads = 2});
  const Estimate none = driver.run({{1.5}}, options);
  CHECK(none.interrupted);
  CHECK(none.samples == 0);
  CHECK(std::isnan(none.mean));
  stop = false;
  CHECK(driver.run({{1.5}}, options).samples == 1000);

  // Stopped half-way, the samples done are a prefix: the estimate is that of a shorter run.
  options.samples = 5'000'000;
  options.seed = 3;
  int64_t seen = 0;
  options.progress = [&](int64_t done) {
    seen = done;
    stop = true;
  };
  const Estimate part = driver.run({{1.5}}, options);
  CHECK(part.interrupted);
  CHECK(part.samples >= seen);
  CHECK(part.samples < 5'000'000);
  CHECK(part.mean == run(program, 1, part.samples).mean);
}

TEST_CASE("workspaces begin at a cache line, large ones at a huge page, and what cannot be had is null", "[driver]") {
  for (const int64_t bytes : {int64_t{0}, int64_t{1}, int64_t{1000}, int64_t{1} << 17, (int64_t{1} << 20) + 1}) {
    const Memory memory = allocate(bytes);
    REQUIRE(memory);
    CHECK(reinterpret_cast<uintptr_t>(memory.get()) % (bytes < 1 << 18 ? 64 : 1 << 21) == 0);
    std::memset(memory.get(), 1, static_cast<size_t>(bytes));
  }
  CHECK_FALSE(allocate(int64_t{1} << 60));
}
