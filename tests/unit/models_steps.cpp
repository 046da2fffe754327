// The standard models: each step of their trajectories against the same system in C++, the return of uniform actions
// against what the literature or a closed form gives, and against that of the C++ system with random numbers of its own.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <nlohmann/json.hpp>

#include "runtime/npy.h"
#include "tests/support/expectation.h"
#include "tests/unit/models_systems.h"

using namespace alea;
using Json = nlohmann::json;
namespace fs = std::filesystem;

namespace {

// One sample's values at one step.
test::Values values_at(const NamedArrays& trace, int64_t sample, int64_t step) {
  test::Values values;
  for (const auto& [name, array] : trace) {
    if (array.shape.size() < 2) continue;
    const auto size = static_cast<size_t>(element_count(Shape(array.shape.begin() + 2, array.shape.end())));
    const auto first =
        array.values.begin() + static_cast<std::ptrdiff_t>((sample * array.shape[1] + step) * static_cast<int64_t>(size));
    values[name] = {first, first + static_cast<std::ptrdiff_t>(size)};
  }
  return values;
}

}  // namespace

TEST_CASE("every step of a standard model is that of the same system in C++") {
  const fs::path folder = fs::temp_directory_path() / ("alea_models_" + std::to_string(getpid()));
  fs::create_directories(folder);
  for (const test::System& system : test::systems()) {
    INFO(system.name);
    constexpr int64_t samples = 64;
    test::write_text(folder / "uniform.alea", "import std.models." + system.name + "\ninstance same of " + system.name +
                                                  " {}\npolicy uniformly for " + system.name + " { " + system.policy + " }\n");
    const auto result = test::run_command("alea run uniform.alea --samples 64 --trace trace.npz --json", folder);
    INFO(result.error);
    REQUIRE(result.status == 0);
    const NamedArrays trace = read_npz(test::read_text(folder / "trace.npz"), "trace.npz");
    double total = 0;
    int64_t steps = 0;
    for (int64_t sample = 0; sample < samples; ++sample)
      for (int64_t t = 0; t < system.horizon; ++t) {
        const test::Values values = values_at(trace, sample, t);
        if (values.contains("alive") && values.at("alive")[0] == 0) break;
        ++steps;
        const test::StepResult step = system.step(values);
        total += step.reward;
        if (t + 1 == system.horizon) break;
        const test::Values next = values_at(trace, sample, t + 1);
        if (next.contains("alive")) {
          CHECK((next.at("alive")[0] == 0) == step.ends);
          if (step.ends) break;
        }
        for (const auto& [name, expected] : step.next)
          for (size_t k = 0; k < expected.size(); ++k) {
            INFO(name << " of sample " << sample << " at step " << t);
            REQUIRE(std::abs(next.at(name)[k] - expected[k]) <= 1e-12 * std::max(1.0, std::abs(expected[k])));
          }
      }
    CHECK(steps >= 500);
    const double objective = Json::parse(result.out).at("objective").at("mean").get<double>();
    CHECK(objective == Approx(total / samples).epsilon(1e-11));
  }
  fs::remove_all(folder);
}

TEST_CASE("uniform actions give a standard model the return that is known") {
  for (const test::System& system : test::systems()) {
    if (std::isnan(system.random_return)) continue;
    const auto result =
        test::run_command("alea run std:" + system.name + " --policy random --samples 40000 --json", fs::temp_directory_path());
    const Json objective = Json::parse(result.out).at("objective");
    INFO(system.name << objective);
    const double error = std::hypot(objective.at("stderr").get<double>(), system.open);
    CHECK(std::abs(objective.at("mean").get<double>() - system.random_return) <= 3 * error);
    CHECK(error < 0.01 * std::abs(system.random_return));
  }
}
