// The natural gradient: steps against those of known Fisher informations, the same whatever the units of the params, and
// refused where there is no Fisher information.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <nlohmann/json.hpp>

#include "runtime/learn/natural.h"
#include "tests/support/expectation.h"

using namespace alea;
using Catch::Matchers::Contains;
using Json = nlohmann::json;

namespace {

test::CommandResult train(const std::string& model, const std::string& arguments) {
  return test::run_command("alea train - " + arguments, std::filesystem::temp_directory_path(), model);
}
Json train_json(const std::string& model, const std::string& arguments) {
  const auto result = train(model, arguments + " --optimizer natural --json");
  INFO(arguments << "\n" << result.error);
  REQUIRE(result.status == 0);
  return Json::parse(result.out);
}
// One step of rate 1 without damping: the params after it.
Json step(const std::string& model, const std::string& arguments = "") {
  return train_json(model, "--steps 1 --lr 1 --damping 0 --batch 400000 --eval-samples 64 " + arguments)["params"];
}
double last(const Json& params, const std::string& name, size_t element = 0) { return params[name]["value"][element]; }

}  // namespace

TEST_CASE("conjugate gradients solve what is damped, held and bounded") {
  const std::vector<std::vector<double>> matrix{{4, 1, 0}, {1, 3, 1}, {0, 1, 2}};
  const FisherProduct product = [&](const ParamArrays& v) {
    ParamArrays image{{0.0}, {0.0, 0.0}};
    const std::vector<double> flat{v[0][0], v[1][0], v[1][1]};
    for (size_t i = 0; i < 3; ++i)
      for (size_t j = 0; j < 3; ++j) (i == 0 ? image[0][0] : image[1][i - 1]) += matrix[i][j] * flat[j];
    return std::optional(image);
  };
  NaturalOptions options;
  options.damping = 1;
  const auto natural = natural_direction(options, product, {{1}, {2, 3}}, {false, false});
  // (F + I) d = g: [[5, 1, 0], [1, 4, 1], [0, 1, 3]] d = (1, 2, 3): d = (8, 12, 48)/52.
  REQUIRE(natural);
  CHECK(natural->iterations <= 4);
  CHECK(natural->direction[0][0] == Approx(8.0 / 52).epsilon(1e-9));
  CHECK(natural->direction[1][0] == Approx(12.0 / 52).epsilon(1e-9));
  CHECK(natural->direction[1][1] == Approx(48.0 / 52).epsilon(1e-9));
  CHECK(natural->curvature == Approx((8.0 + 24 + 144) / 52).epsilon(1e-9));  // d'(F + I) d = d'g
  CHECK(trusted_rate(options, *natural, 0.5) == 0.5);
  options.most_divergence = 0.01;
  CHECK(trusted_rate(options, *natural, 0.5) == Approx(std::sqrt(0.02 / natural->curvature)));
  CHECK(trusted_rate(options, *natural, 0.01) == 0.01);
  const auto held = natural_direction(options, product, {{0}, {2, 3}}, {true, false});
  REQUIRE(held);
  CHECK(held->direction[0][0] == 0);  // [[4, 1], [1, 3]] d = (2, 3)
  CHECK(held->direction[1][0] == Approx(3.0 / 11).epsilon(1e-9));
  CHECK(held->direction[1][1] == Approx(10.0 / 11).epsilon(1e-9));
  CHECK_FALSE(natural_direction(options, [](const ParamArrays&) { return std::nullopt; }, {{1}}, {false}));
}

TEST_CASE("a natural step of known laws is F⁻¹ g") {
  // normal: F = diag(1/σ², 1/σ², 2·2 in log σ), g = (2 (μ - c), 4 σ²): to μ - 2 σ² (μ - c) and log σ - σ².
  const double variance = std::exp(-1.0);
  const Json normal = step(R"(graph g { param mu: real[2] = [1, -2]  param log_std: real = -0.5
    x ~ normal(mu, exp(log_std))  cost sum(square(x - [3, 1])) })");
  // Of 400,000 samples, F's elements are known to 0.2 %.
  CHECK(last(normal, "mu", 0) == Approx(1 + 4 * variance).margin(0.012 * 4 * variance));
  CHECK(last(normal, "mu", 1) == Approx(-2 + 6 * variance).margin(0.012 * 6 * variance));
  CHECK(last(normal, "log_std") == Approx(-0.5 - variance).margin(0.02 * variance));
  // bernoulli in its logit: F = p (1 - p), g = 3 p (1 - p), exact by enumeration: a step of 3.
  CHECK(last(step("graph g { param l: real = 0.4  b ~ bernoulli(logits = l)  cost if b then 3.0 else 0.0 }"), "l") ==
        Approx(0.4 - 3).epsilon(0.01));
  // exponential of rate r: F = 1/r², g = -1/r².
  CHECK(last(step("graph g { param r: real = 2  x ~ exponential(r)  cost x }"), "r") == Approx(3).epsilon(0.01));
  // gamma of shape s: F = ψ₁(s), g = 1; ψ₁(1.5) = 0.9348022.
  CHECK(last(step("graph g { param s: real = 1.5  x ~ gamma(s, 1)  cost x }"), "s") == Approx(1.5 - 1 / 0.9348022).margin(0.015));
  // poisson of rate e^a: F = g = e^a.
  CHECK(last(step("graph g { param a: real = 0.3  x ~ poisson(exp(a))  cost x }"), "a") == Approx(0.3 - 1).margin(0.015));
  // A full covariance L L', in L: mean (L L') = the natural gradient of a'x is L L' a.
  const Json full =
      step(R"(graph g { param mu: real[2]  x ~ mvnormal(mu, [[2.0, 0.0], [1.0, 0.5]])  cost dot([1.0, -1.0], x) })");
  CHECK(last(full, "mu", 0) == Approx(-(4.0 - 2)).epsilon(0.02));
  CHECK(last(full, "mu", 1) == Approx(-(2 - 1.25)).epsilon(0.02));
}

TEST_CASE("the Fisher information of an mdp is that of its trajectories") {
  // Three coins: g = 9 p (1 - p), F = 3 p (1 - p).
  const std::string coin = R"(mdp coin { horizon 3  state s: real = 0  action heads: bool  s' = s + 1
    reward if heads then 3.0 else 0.0 }
policy logits for coin { param l: real  heads ~ bernoulli(logits = l) })";
  CHECK(last(step(coin), "l") == Approx(3).epsilon(0.01));
  // θ moves a state, and that the law of what is seen: x = t θ, w ~ normal(x, 1), so that F = Σ t² = 30 over t = 0 … 4, and
  // g = Σ t = 10.
  CHECK(
      last(
          step(
              R"(mdp drift { horizon 5  param theta: real = 0.7  state x: real = 0  w ~ normal(x, 1)  x' = x + theta  cost w })"),
          "theta") == Approx(0.7 - 10.0 / 30).epsilon(0.01));
  // Weights that are drawn once, before the first step: F = 1/σ² whatever the horizon, g = 4.
  CHECK(last(step("mdp once { horizon 4  param mu: real  state w: real ~ normal(mu, 0.5)  cost w }"), "mu") ==
        Approx(-1).epsilon(0.01));
  // It ends with the first tails: E T p (1 - p) with E T = (1 - p^3)/(1 - p) = 1.75, the reward that of T.
  // d E T / dl = (1 + 2 p) p (1 - p) = 2 · 0.25.
  CHECK(last(step(R"(mdp run { horizon 3  state s: real = 0  action heads: bool  s' = s + 1  terminate not heads  reward 1 }
policy logits for run { param l: real  heads ~ bernoulli(logits = l) })"),
             "l") == Approx(0.5 / (1.75 * 0.25)).epsilon(0.02));
}

TEST_CASE("a natural step does not depend on the units of the params, and needs fewer of them") {
  const std::string file = R"(import std.models.linear_quadratic
instance regulator of linear_quadratic {}
policy metres for linear_quadratic { param K: real[2] = [1, 1]  u ~ normal(-dot(K, x), 0.3) }
policy centimetres for linear_quadratic { param K: real[2] = [0.01, 1]  u ~ normal(-dot(K, [100*x[0], x[1]]), 0.3) })";
  const std::string common = "--model regulator --steps 40 --batch 256 --eval-samples 4000 ";
  const Json metres = train_json(file, common + "--policy metres --lr 3 --damping 0");
  const Json centimetres = train_json(file, common + "--policy centimetres --lr 3 --damping 0");
  CHECK(last(centimetres["params"], "K", 0) == Approx(last(metres["params"], "K", 0) / 100).epsilon(1e-5));
  CHECK(last(centimetres["params"], "K", 1) == Approx(last(metres["params"], "K", 1)).epsilon(1e-5));
  const auto reached = [](const Json& json) { return json["evaluations"].back()["evaluation"]["mean"].get<double>(); };
  // The same steps by sgd, at whatever rate, do not come near: judged on the same noise.
  for (const std::string rate : {"1e-6", "3e-6", "1e-5", "3e-5"}) {
    const auto plain = train(file, common + "--policy centimetres --optimizer sgd --json --lr " + rate);
    REQUIRE(plain.status == 0);
    INFO(rate);
    CHECK(reached(Json::parse(plain.out)) > 1.2 * reached(centimetres));
  }
  // A small trust region keeps the step small: √(2 · 1e-6 / d'F d) of what it would have been.
  const Json near = train_json(file, "--model regulator --policy metres --lr 3 --kl 1e-6 --steps 1 --batch 256");
  CHECK(std::abs(last(near["params"], "K", 0) - 1) < 0.01);
  CHECK(std::abs(last(near["params"], "K", 0) - 1) > 1e-6);
}

TEST_CASE("natural steps are the same bits on any number of threads and from a checkpoint, and interpreted to rounding") {
  const auto folder = std::filesystem::temp_directory_path() / ("alea_natural_" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  const auto params = [&](const std::string& arguments) {
    const auto result = test::run_command(
        "alea train std:cart_pole_score --model practice --optimizer natural --kl 0.02 --lr 1 "
        "--batch 256 --eval-every 6 --json " +
            arguments,
        folder);
    INFO(arguments << result.error);
    REQUIRE(result.status == 0);
    return Json::parse(result.out)["params"];
  };
  const Json one = params("--steps 6 --threads 1 --checkpoint state --every 3");
  CHECK(params("--steps 6 --threads 3") == one);
  // Native code adds up scores in another order.
  const Json interpreted = params("--steps 6 --backend interp");
  for (size_t k = 0; k < 4; ++k) CHECK(last(interpreted, "w", k) == Approx(last(one, "w", k)).epsilon(1e-9));
  CHECK(params("--steps 12 --resume state") == params("--steps 12"));
  std::filesystem::remove_all(folder);
}

TEST_CASE("natural is refused where no law moves, and its options where it is not asked for") {
  const auto refused = [](const std::string& model, const std::string& arguments, const std::string& message) {
    const auto result = train(model, arguments + " --steps 1");
    INFO(result.error);
    CHECK(result.status == 2);
    CHECK_THAT(result.error, Contains(message));
  };
  const std::string fixed = "graph g { param a: real  z ~ normal(0, 1)  cost (a - z)^2 }";
  refused(fixed, "--optimizer natural", "the law of no draw of `g` depends on a param");
  const std::string both = "graph g { param a: real  param b: real  z ~ normal(a, 1)  cost z^2 + (b - 1)^2 }";
  refused(both, "--optimizer natural", "the law of no draw depends on `b`; freeze it (--freeze b)");
  CHECK(train(both, "--optimizer natural --steps 1 --freeze b").status == 0);
  refused(both, "--damping 1", "only natural");
  refused(both, "--optimizer sgd --kl 1", "only natural");
  refused(both, "--optimizer natural --damping -1", "--damping");
  refused(both, "--optimizer natural --kl 0", "--kl");
  // A Fisher information that is not finite is told like any other value.
  const auto diverged = train("graph g { param s: real = 1e-200  z ~ normal(0, s)  cost z }", "--optimizer natural --steps 3");
  INFO(diverged.error);
  CHECK(diverged.status == 3);
  CHECK_THAT(diverged.error, Contains("diverged in step 1 in the Fisher information"));
}
