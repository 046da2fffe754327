// Running baselines where episodes end: the mean of what is ahead of the samples that go on, whatever the steps that a group
// takes for the sake of others, natively as interpreted. Values of the model as baselines. What is
// credited where a draw is enumerated and another forks, and where a state keeps its value.
#include "runtime/adapt.h"
#include "tests/unit/gradients_support.h"

using namespace alea;
using namespace alea::test;

namespace {

// A tenth of the episodes go on after the first step. Ahead of u[1] is u[1] then; where the episode has ended, the final
// cost is four times what x is.
const std::string text = R"(
mdp short {
  horizon 2
  state s: real ~ uniform(0, 1)
  state x: real = 0
  action u: real
  x' = u
  cost x
  final cost x*(if s > LEAST then 4 else 1)
  terminate s > LEAST
}
policy p for short {
  param k: real = 3
  u ~ normal(k, 0.1) by score(baseline = running)
}
)";

std::string with_least(const std::string& least) {
  std::string result = text;
  for (size_t at = 0; (at = result.find("LEAST", at)) != std::string::npos;) result.replace(at, 5, least);
  return result;
}

struct Adapted {
  ParamArrays values;
  Estimate estimate;
};
Adapted adapted(const Ready& ready, int64_t samples, bool native, int lanes = 0) {
  const Program& program = ready.compiled->program;
  JitOptions jit;
  jit.forward_lanes = jit.backward_lanes = lanes;
  std::unique_ptr<CompiledKernel> kernel;
  if (native) kernel = std::make_unique<CompiledKernel>(program, jit);
  Driver driver(program, kernel.get(), {});
  adapt(driver, program, ready.params);
  RunOptions run;
  run.samples = samples;
  return {driver.adapted(), driver.run(ready.params, run)};
}

}  // namespace

TEST_CASE("a running baseline is the mean over the episodes that go on", "[baselines]") {
  const auto ready = make_ready(with_least("0.1"));
  INFO(ready->errors);
  REQUIRE(ready->compiled);
  const ParamArrays values = adapted(*ready, 64, true).values;
  REQUIRE(values.size() == 1);
  REQUIRE(values[0].size() == 2);
  // Of some 410 samples, each with the deviation 0.1.
  constexpr double error = 0.1 / 20.2;
  CHECK(std::abs(values[0][1] - 3) < 4 * error);
  CHECK(error < 0.01 * 3);
}

TEST_CASE("running baselines natively as interpreted, where few episodes or none go on", "[baselines]") {
  for (const char* least : {"0.1", "0.001", "0"}) {
    const auto ready = make_ready(with_least(least));
    INFO(least << "\n" << ready->errors);
    REQUIRE(ready->compiled);
    const Adapted expected = adapted(*ready, 70, false);
    for (const int lanes : {0, 8, 32}) {
      const Adapted found = adapted(*ready, 70, true, lanes);
      REQUIRE(found.values == expected.values);
      CHECK(found.estimate.gradient[0].mean[0] == Approx(expected.estimate.gradient[0].mean[0]).epsilon(1e-12));
    }
  }
}

// A param reaches the jump directly: x - bound is drawn in the place of x, and keeps its baseline.
// E cost = 2 (1 + Φ(bound)), so that the gradient is 2 φ(bound) bound'.
TEST_CASE("the baseline of a draw that takes up a param", "[baselines]") {
  const auto estimate_with = [](const std::string& baseline) {
    const auto ready = make_ready(R"(
graph jump {
  w ~ normal(0, 1)
  q = 2 + 4 * w
  x ~ normal(0, 1) by score(baseline = )" +
                                  baseline + R"()
  param t: real = 0.3
  bound = sin(t) + exp(0.3 * t) * cos(t)
  cost (if x < bound then 2 else 1) * q
}
)");
    INFO(ready->errors);
    REQUIRE(ready->compiled);
    CHECK(estimator_of(*ready, "x").starts_with("score"));
    return estimate(*ready, 1'000'000).gradient[0];
  };
  constexpr double t = 0.3;
  const double bound = std::sin(t) + std::exp(0.3 * t) * std::cos(t);
  const double slope = std::cos(t) + std::exp(0.3 * t) * (0.3 * std::cos(t) - std::sin(t));
  const double truth = 2 * std::exp(-bound * bound / 2) / std::sqrt(2 * M_PI) * slope;
  const ParamEstimate without = estimate_with("none"), with = estimate_with("value(1.8 * q)");
  for (const ParamEstimate& found : {without, with}) CHECK(std::abs(found.mean[0] - truth) < 4 * found.standard_error[0]);
  CHECK(with.standard_error[0] < 0.01 * truth);
  CHECK(with.standard_error[0] < 0.4 * without.standard_error[0]);
}

namespace {

// The estimate of one param's gradient against a closed form, close enough to notice 1 %.
void check_gradient(const std::string& text, double truth, int64_t samples) {
  const auto ready = make_ready(text);
  INFO(text << ready->errors);
  REQUIRE(ready->compiled);
  const ParamEstimate found = estimate(*ready, samples).gradient[0];
  CHECK(std::abs(found.mean[0] - truth) < 4 * found.standard_error[0]);
  CHECK(found.standard_error[0] < 0.01 * std::abs(truth));
}

}  // namespace

// The outcomes are rows of y; only y[0] reaches the cost. E[y[0] | b] = 2 / (1 + b + t), a gamma's mean.
TEST_CASE("a draw that forks where another is enumerated is credited by element", "[baselines]") {
  constexpr double t = 0.4, p = 1 / (1 + 0.67032004603563930);  // sigmoid(0.4)
  const double truth =
      p * (1 - p) * (2 / (2 + t) - 2 / (1 + t)) - p * 2 / ((2 + t) * (2 + t)) - (1 - p) * 2 / ((1 + t) * (1 + t));
  for (const char* estimator : {"measure_valued", "score"})
    check_gradient(std::string(R"(
graph g {
  param t: real = 0.4
  b ~ bernoulli(sigmoid(t)) by enumerate
  y: real[2] ~ gamma(2, 1 + b + t) by )") +
                       estimator + R"(
  cost y[0]
}
)",
                   truth, 1'000'000);
}

// E[sum k | b] = 6 (0.5 + b), of six counts that share their rate.
TEST_CASE("counts that share a rate, below a draw that is enumerated", "[baselines]") {
  constexpr double p = 1 / (1 + 0.67032004603563930);
  check_gradient(R"(
graph g {
  param t: real = 0.4
  b ~ bernoulli(sigmoid(t)) by enumerate
  k: int[2, 3] ~ poisson(0.5 + b)
  cost sum(k)
}
)",
                 6 * p * (1 - p), 400'000);
}

// The state is what it was: E cost = 3 sin(tanh(0.3)) p[0], through the score of d and through the state.
TEST_CASE("a score beside a state that keeps its value", "[baselines]") {
  const double s = std::tanh(0.3);
  check_gradient(R"(
mdp g {
  horizon 3
  param p: real[2] = [0.3, -0.6]
  state s: real[2] = tanh(p)
  d ~ normal(p[0], 0.5) by score
  s' = s
  cost sin(s[0]) * d
}
)",
                 3 * (std::sin(s) + std::cos(s) * (1 - s * s) * 0.3), 400'000);
}

// floor and ceil take the value at an end that their operand never reaches.
TEST_CASE("steps of values between open ends are jumps", "[baselines]") {
  // P(3 sigmoid(z) < 1) = Φ(-log 2 - t).
  const double at = -std::log(2.0) - 0.3;
  check_gradient(R"(
graph g {
  param t: real = 0.3
  z ~ normal(t, 1)
  cost if floor(3 * sigmoid(z)) == 0 then 1 else 0
}
)",
                 -std::exp(-at * at / 2) / std::sqrt(2 * M_PI), 1'000'000);
}

// What a draw was some steps ago, the last state declared first: bounds take as many turns to settle.
TEST_CASE("a delay line that is declared backwards", "[baselines]") {
  std::string text = "mdp g {\n  horizon 15\n  param t: real = 0.3\n  x ~ normal(t, 1)\n";
  for (int k = 14; k > 0; --k) text += "  state s" + std::to_string(k) + ": real = 0\n";
  text += "  s1' = x\n";
  for (int k = 2; k <= 14; ++k) text += "  s" + std::to_string(k) + "' = s" + std::to_string(k - 1) + "\n";
  // One step sees a draw.
  check_gradient(text + "  cost if s14 > 0.5 then 1 else 0\n}\n", std::exp(-0.02) / std::sqrt(2 * M_PI), 1'000'000);
}

TEST_CASE("as many params taken up by draws as there are", "[baselines]") {
  std::string text = "graph g {\n  param t: real = 0.3\n", cost = "  cost ";
  for (int k = 0; k < 12; ++k) {
    const std::string x = "x" + std::to_string(k);
    text += "  " + x + " ~ normal(0, 1)\n";
    cost += (k > 0 ? " + " : "") + std::string("(if ") + x + " < t then 1 else 0)";
  }
  check_gradient(text + cost + "\n}\n", 12 * std::exp(-0.045) / std::sqrt(2 * M_PI), 400'000);
}

// Beyond some 30 costs several share a bit; only what x reaches counts.
TEST_CASE("a draw that forks among many costs", "[baselines]") {
  std::string text = "graph g {\n  param l: real = 0.4\n  x ~ exponential(exp(l)) by measure_valued\n";
  for (int k = 0; k < 36; ++k) text += "  cost " + std::to_string(k) + ".0\n";
  check_gradient(text + "  cost x\n  cost 100.0\n}\n", -std::exp(-0.4), 400'000);
}
