// The standard models: each step of their trajectories against the same system in C++, the return of uniform actions
// against what the literature or a closed form gives, and against that of the C++ system with random numbers of its own.
#include <unistd.h>

#include <algorithm>
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
    const int64_t samples = system.compared;
    test::write_text(folder / "uniform.alea", "import std.models." + system.name + "\ninstance same of " + system.name +
                                                  " {}\npolicy uniformly for " + system.name + " { " + system.policy + " }\n");
    const auto result =
        test::run_command("alea run uniform.alea --trace trace.npz --json --samples " + std::to_string(samples), folder);
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

TEST_CASE("every standard model is held to another one and has its line on the page") {
  const std::string page = test::read_text(fs::path(ALEA_SOURCE_DIR) / "docs" / "models.md");
  size_t models = 0;
  for (const fs::path& path : test::files_in(fs::path(ALEA_SOURCE_DIR) / "stdlib" / "models", ".alea")) {
    const std::string name = path.stem();
    INFO(name);
    ++models;
    CHECK(page.find("| `" + name + "` |") != std::string::npos);
    const bool held = std::ranges::any_of(test::systems(), [&](const test::System& system) { return system.name == name; });
    CHECK((held || name == "linear_quadratic"));  // which is held to Riccati's recursion, in training
  }
  CHECK(models >= test::systems().size());
}

TEST_CASE("uniform actions give a standard model the return that is known") {
  for (const test::System& system : test::systems()) {
    if (std::isnan(system.random_return)) continue;
    const auto result =
        test::run_command("alea run std:" + system.name + " --policy random --json --samples " + std::to_string(system.samples),
                          fs::temp_directory_path());
    const Json objective = Json::parse(result.out).at("objective");
    INFO(system.name << objective);
    const double error = std::hypot(objective.at("stderr").get<double>(), system.open);
    CHECK(std::abs(objective.at("mean").get<double>() - system.random_return) <= 3 * error);
    CHECK(error < system.share * std::abs(system.random_return));
  }
}

TEST_CASE("a squashed normal draw has the density of its map") {
  const std::string file = R"(import std.policies
graph by_density { param mu: real = 0.3  param s: real = 0.7  x ~ squashed_normal(mu, s, -2, 3) by score  cost square(x - 1) + 0.2*x }
graph by_map { param mu: real = 0.3  param s: real = 0.7  x ~ squashed_normal(mu, s, -2, 3)  cost square(x - 1) + 0.2*x }
graph mass { x ~ uniform(-2, 3)  cost 5*exp(squashed_normal.logpdf(x, 0.3, 0.7, -2, 3)) }
)";
  const auto grad = [&](const std::string& model, const std::string& command) {
    const auto result =
        test::run_command("alea " + command + " - --samples 1000000 --json --model " + model, fs::temp_directory_path(), file);
    INFO(result.out << result.error);
    REQUIRE(result.status == 0);
    return Json::parse(result.out);
  };
  const Json density = grad("by_density", "grad"), map = grad("by_map", "grad");
  for (const std::string param : {"mu", "s"}) {
    const Json &a = density["gradient"][param], &b = map["gradient"][param];
    const double error = std::hypot(a["stderr"][0].get<double>(), b["stderr"][0].get<double>());
    INFO(param << a << b);
    CHECK(std::abs(a["mean"][0].get<double>() - b["mean"][0].get<double>()) <= 4 * error);
    CHECK(error < 0.03 * std::abs(b["mean"][0].get<double>()));
  }
  const Json mass = grad("mass", "run")["objective"];
  CHECK(std::abs(mass["mean"].get<double>() - 1) <= 4 * mass["stderr"].get<double>());
  CHECK(mass["stderr"].get<double>() < 0.0025);
}

TEST_CASE("the parts of policies give what their formulas say") {
  const std::string file = R"(import std.policies
import std.costs
graph g {
  param gain: linear_gain(2, 2)
  param deviation: learned_deviation(2, 0.5)
  param depends: deviation_of(1, [3], 1, -1, 1)
  param chol: cholesky_factor(2, 0.5)
  x = [1.0, 2.0]
  L = chol()
  cost sum(gain(x)) + sum(deviation()) + 10*sum(L @ transpose(L)) + 100*depends([0.5])[0]
  cost 1000*huber(3.0, 1.0) + quadratic(x, 2*eye(2)) + angle_cost(2*pi + 0.1)
  cost smooth_abs(0.0) + saturating(x, x) + binary_cross_entropy(0.0, 1.0) + cross_entropy([0.0, 0.0], 1)
})";
  const auto result = test::run_command(
      "alea run - --json --samples 64 --param 'depends.net.*=0' --param gain.K=[[1,2],[3,4]] --param chol.below=[[0,0],[0.3,0]]",
      fs::temp_directory_path(), file);
  INFO(result.out << result.error);
  REQUIRE(result.status == 0);
  // gain: 5 + 11; deviations 2 · 0.5 and exp(-1 + 2/2); L = [[0.5, 0], [0.3, 0.5]]: L L' sums to 0.25 + 2·0.15 + 0.34; huber(3)
  // = 2.5.
  const double expected = 16 + 1 + 10 * (0.25 + 0.3 + 0.34) + 100 + 2500 + 10 + 0.01 + 2 * std::log(2.0);
  CHECK(Json::parse(result.out)["objective"]["mean"].get<double>() == Approx(expected).epsilon(1e-12));
}

TEST_CASE("layers begin with the spread that is said, and cells compute their formulas") {
  const std::string file = R"(import std.nn
graph start {
  param glorot: linear(80, 120)
  param he: linear_he(80, 120)
  param small: linear_uniform(80, 120, 0.01)
  cost sum(square(glorot(ones(80)))) + sum(he(ones(80))) + sum(small(ones(80)))
}
graph cells {
  param rnn: rnn_cell(1, 1)
  param gru: gru_cell(1, 1)
  param lstm: lstm_cell(1, 1)
  param normed: layer_norm(2)
  s = lstm([0.5], [0.3, -0.4])
  cost rnn([0.5], [0.3])[0] + 10*gru([0.5], [0.3])[0] + 100*s[0] + 1000*s[1] + 10000*normed([1.0, 3.0])[1]
})";
  const auto run = [&](const std::string& arguments) {
    const auto result = test::run_command("alea " + arguments + " --json", fs::temp_directory_path(), file);
    INFO(result.out << result.error);
    REQUIRE(result.status == 0);
    return Json::parse(result.out);
  };
  const Json start = run("train - --model start --steps 1 --lr 1e-12")["params"];
  const auto spread = [&](const std::string& name) {
    double squares = 0;
    for (const Json& value : start[name]["value"]) squares += std::pow(value.get<double>(), 2);
    return squares / static_cast<double>(start[name]["value"].size());
  };
  // Of 9600 values the mean square is known to some 1.4 %: variance 2/(n + m), 2/n, bound²/3.
  CHECK(spread("glorot.W") == Approx(2.0 / 200).epsilon(0.05));
  CHECK(spread("he.W") == Approx(2.0 / 80).epsilon(0.06));
  CHECK(spread("small.W") == Approx(0.0001 / 3).epsilon(0.05));
  CHECK(spread("glorot.b") < 1e-20);

  const double value =
      run("run - --model cells --samples 64 --param 'rnn.*=0.7' --param 'gru.*=0.7' --param 'lstm.*=0.7'")["objective"]["mean"];
  const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
  const double from_x = 0.7 * 0.5 + 0.7, from_h = 0.7 * 0.3;  // W x + b, U h
  const double rnn = std::tanh(from_x + from_h);
  const double gate = sigmoid(from_x + from_h + 0.7);
  const double gru = (1 - gate) * std::tanh(from_x + gate * (from_h + 0.7)) + gate * 0.3;
  const double both = 0.7 * (0.5 + 0.3) + 0.7;
  const double cell = sigmoid(both + 1) * -0.4 + sigmoid(both) * std::tanh(both);
  const double out = sigmoid(both) * std::tanh(cell);
  CHECK(value == Approx(rnn + 10 * gru + 100 * out + 1000 * cell + 10000 / std::sqrt(1 + 1e-5)).epsilon(1e-12));
}

TEST_CASE("steps of differential equations have the order that is said") {
  // x' = x over 1 in n steps: an error of n^-order, so that twice the steps leave 2^-order of it.
  for (const auto& [method, order] : {std::pair<std::string, int>{"euler", 1}, {"midpoint", 2}, {"rk4", 4}}) {
    const auto error = [&](int steps) {
      const std::string n = std::to_string(steps);
      const std::string file = "import std.ode\nmdp m { horizon " + n +
                               "\n state x: real[1] = [1.0]\n fn flow(x) = x\n x' = " + method + "(flow, x, 1/" + n +
                               ")\n final cost x[0] }";
      const auto result = test::run_command("alea run - --samples 64 --json", fs::temp_directory_path(), file);
      INFO(result.out << result.error);
      REQUIRE(result.status == 0);
      return std::exp(1.0) - Json::parse(result.out)["objective"]["mean"].get<double>();
    };
    CHECK(error(32) > 0);
    CHECK(std::log2(error(32) / error(64)) == Approx(order).margin(0.1));
  }
}

TEST_CASE("a semi-implicit step moves speeds first, and keeps an oscillation's energy") {
  const auto run = [](const std::string& method, int steps, const std::string& cost) {
    const std::string n = std::to_string(steps);
    const std::string file = "import std.ode\nmdp m { horizon " + n +
                             "\n state x: real[2] = [1.0, 0.0]\n fn flow(x) = [x[1], -x[0]]\n x' = " + method + "(flow, x, " +
                             (steps > 100 ? "0.1" : "1/" + n) + ")\n final cost " + cost + " }";
    const auto result = test::run_command("alea run - --samples 64 --json", fs::temp_directory_path(), file);
    INFO(result.out << result.error);
    REQUIRE(result.status == 0);
    return Json::parse(result.out)["objective"]["mean"].get<double>();
  };
  // One step of 1: v = 0 - 1, x = 1 + v.
  CHECK(run("semi_implicit_euler", 1, "x[0] + 10*x[1]") == Approx(0 - 10).epsilon(1e-15));
  const auto error = [&](int steps) { return std::abs(run("semi_implicit_euler", steps, "x[0]") - std::cos(1.0)); };
  CHECK(std::log2(error(32) / error(64)) == Approx(1).margin(0.1));
  // Over 2000 steps of 0.1: x² + v² stays within a factor 1 ± 0.1/2 and a bit; Euler's own method multiplies it by 1.01 a step.
  CHECK(run("semi_implicit_euler", 2000, "dot(x, x)") == Approx(1).margin(0.11));
  CHECK(run("euler", 2000, "dot(x, x)") > 1e8);
}
