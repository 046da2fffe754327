// The analysis from both sides: what is sound is accepted, what is not is caught. Each model has one draw `x`
// of interest, and the estimator that must be chosen for it, or the words of the refusal.
#include <cmath>

#include "tests/unit/gradients_support.h"

using namespace alea;
using namespace alea::test;

namespace {

struct Expected {
  const char* body;      // of a graph with `param theta: real = 0.7`
  const char* expected;  // the estimator of x; "refused: …" when the model must be
};

const Expected choices[] = {
    // Smooth, and kinks however written.
    {"x ~ normal(theta, 1)  cost sin(x)", "reparam"},
    {"x ~ normal(theta, 1)  cost abs(x) + relu(x) + max(x, 2) + clip(x, 0, 1)", "reparam"},
    {"x ~ normal(theta, 1)  cost if x > 0 then x else 0", "reparam"},
    {"x ~ normal(theta, 1)  cost if x > 1 then x^2 else 3*x - 2", "reparam"},
    {"x ~ normal(theta, 1)  cost if 2*x + 1 > 5 then (x - 2)*x else 0", "reparam"},
    {"x ~ normal(theta, 1)  cost if x > 0 and x < 5 then min(x, 5)*(5 - min(x, 5)) else 0", "reparam"},
    {"x ~ normal(theta, 1)  cost leaky_relu(x)", "reparam"},
    {"x ~ normal(theta, 1)  cost if abs(x) < 1 then 0.5*x^2 else abs(x) - 0.5", "reparam"},
    {"x ~ normal(theta, 1)  cost if abs(x) < 1 then 0.5*x^2 else x - 0.5", "score"},
    {"x ~ normal(theta, 1)  cost if x > 0 then x/nonzero(x) else 0", "score"},
    {"x ~ normal(theta, 1)  cost if x > 0 then x*exp(x) else 0", "reparam"},
    {"x ~ von_mises(theta, 2)  cost cos(x) + sin(x)", "reparam"},
    {"x ~ von_mises(0.3, exp(theta))  cost cos(x)", "reparam"},
    {"x ~ von_mises(theta, 2)  cost x", "score"},
    {"x ~ von_mises(0.3, exp(theta))  cost x^3", "score"},
    {"x ~ binomial(5, sigmoid(theta))  cost x^2", "enumerate"},
    {"n ~ poisson(exp(theta))  x ~ binomial(n, sigmoid(theta))  cost x^2", "score"},
    {"x ~ normal(theta, 1)  cost sqrt(abs(x))", "reparam"},
    {"x: real[3] ~ normal(theta, 1)  cost norm(x) + sum(sort(x)*[1.0, 2.0, 3.0])", "reparam"},
    {"x ~ normal(theta, 1)  cost sin(wrap(x)) + wrap(x)^2 + abs(wrap(x))", "reparam"},
    {"x ~ normal(theta, 1)  cost xlogy(abs(x), 2 + x^2)", "reparam"},
    // Jumps.
    {"x ~ normal(theta, 1)  cost if x > 0 then 1.0 else 0.0", "score"},
    {"x ~ normal(theta, 1)  cost if x > 0 and x < 5 then x else 0", "score"},
    {"x ~ normal(theta, 1)  cost floor(x)", "score"},
    {"x ~ normal(theta, 1)  cost round(x) + ceil(x) + sign(x)", "score"},
    {"x ~ normal(theta, 1)  cost x // 2", "score"},
    {"x ~ normal(theta, 1)  cost x % 2", "score"},
    {"x ~ normal(theta, 1)  cost step(x)*x^2 + step(x)", "score"},
    {"x: real[3] ~ normal(theta, 1)  cost argmax(x)", "score"},
    {"x ~ normal(theta, 1)  const v = [1.0, 5.0, 2.0]  cost v[clip(int(x), 0, 2)]", "score"},
    {"x ~ normal(theta, 1)  cost wrap(x)", "score"},
    {"x ~ normal(theta, 1)  cost if x == 0 then 1.0 else x", "score"},
    // Poles and cuts: jumps where the interval does not exclude them.
    {"x ~ normal(theta, 1)  cost 1/x", "score"},
    {"x ~ normal(theta, 1)  cost 1/(1 + x^2)", "reparam"},
    {"x ~ normal(theta, 1)  cost 1/nonzero(x)", "reparam"},
    {"x ~ normal(theta, 1)  cost log(abs(x))", "score"},
    {"x ~ normal(theta, 1)  cost log(1.5 + cos(x))", "reparam"},
    {"x ~ normal(theta, 1)  cost atan2(x, -0.5)", "score"},
    {"x ~ normal(theta, 1)  cost atan2(x, 1 + x^2)", "reparam"},
    {"x ~ normal(theta, 1)  cost atan(tan(x))", "score"},
    {"x ~ normal(theta, 1)  cost x^(-1)", "score"},
    {"x ~ normal(theta, 1)  cost x/theta", "reparam"},
    {"x ~ gamma(2 + theta, 1)  cost log(x)", "reparam"},
    {"x ~ lognormal(theta, 1)  cost 1/x + log(x)", "reparam"},
    {"x ~ exponential(1 + theta^2)  cost if x > -1 then x else 5", "reparam"},
    {"x ~ uniform(theta, theta + 1)  cost x^2", "reparam"},
    // What lies downstream decides.
    {"x ~ normal(theta, 1)  v ~ normal(x, 1)  cost if v > 0 then 1.0 else 0.0", "reparam"},
    {"x ~ normal(theta, 1)  v ~ bernoulli(logits = x)  cost v", "reparam"},
    {"x ~ normal(theta, 1)  v ~ uniform(x, x + 1)  cost if v > 1 then 1.0 else 0.0", "score"},
    {"x ~ normal(theta, 1)  cost stop(if x > 0 then 1.0 else 0.0)*x", "reparam"},
    {"x ~ normal(theta, 1)  cost 100*x^2  cost if x > 0 then 1.0 else 0.0", "split"},
    {"x ~ normal(theta, 1)  cost 100*x^2 + (if x > 0 then 1.0 else 0.0)", "split"},
    // Discrete.
    {"x ~ bernoulli(logits = theta)  cost x", "enumerate"},
    {"x ~ categorical(logits = [theta, 0.0, 1.0])  cost x^2", "enumerate"},
    {"x: bool[20] ~ bernoulli(logits = theta)  cost sum((x - 0.45)^2)", "score"},
    {"x ~ poisson(exp(theta))  cost x^2", "score"},
    // Not a matter of any estimator.
    {"x ~ normal(0, 1)  cost x*theta", "none"},
    {"x ~ normal(theta, 1)  cost theta^2", "none"},
    // Nothing is admissible.
    {"x ~ uniform(0, theta)  cost if x > 0.2 then 1.0 else 0.0", "refused: theta"},
    {"x ~ normal(0, 1)  cost (if theta > 0 then 1.0 else 0.0) + x", "refused: theta"},
    {"x ~ delta(theta)  cost floor(x)", "refused: theta"},
    {"x ~ bernoulli(logits = theta) by reparam  cost x", "refused: reparam"},
    {"x ~ poisson(exp(theta)) by enumerate  cost x", "refused: enumerate"},
    {"x ~ delta(theta) by score  cost x", "refused: score"},
};

}  // namespace

TEST_CASE("the choice, from both sides") {
  for (const Expected& choice : choices) {
    std::string text = std::string("graph g {\n  param theta: real = 0.7\n  ") + choice.body + "\n}\n";
    INFO(text);
    auto ready = make_ready(text);
    INFO(ready->errors);
    std::string expected = choice.expected;
    if (expected.starts_with("refused: ")) {
      CHECK(!ready->compiled);
      CHECK(ready->errors.find("error") != std::string::npos);
      CHECK(ready->errors.find(expected.substr(9)) != std::string::npos);
      continue;
    }
    REQUIRE(ready->compiled);
    CHECK(estimator_of(*ready, "x") == expected);
  }
}

TEST_CASE("what asks nothing of the log density is judged by the law's arguments alone") {
  // The rate may be 0 for all that the compiler knows, where the density has a pole: only score differentiates it.
  const auto with = [](const std::string& request) {
    return make_ready("graph g {\n  param r: real = 2\n  e ~ uniform(-1, 1)\n  k ~ poisson(r*(1 + 0.5*e)) by " + request +
                      "\n  cost k^2\n}\n");
  };
  CHECK_THAT(with("score")->errors, Catch::Matchers::Contains("`score` for `k` is biased"));
  const auto ready = with("measure_valued");
  CHECK(ready->errors.empty());
  REQUIRE(ready->compiled);
  // E k² = E λ + E λ², E λ² = r² (1 + 1/12): the derivative is 1 + 2 r 13/12.
  const Estimate result = estimate(*ready, 400'000);
  const double truth = 1 + 4 * 13.0 / 12;
  CHECK(std::fabs(result.gradient[0].mean[0] - truth) < 4 * result.gradient[0].standard_error[0]);
  CHECK(result.gradient[0].standard_error[0] < 0.01 * truth);
}

TEST_CASE("time: own step and later steps, ends of episodes") {
  auto choose = [](const std::string& body) {
    auto ready = make_ready("mdp m {\n  horizon 5\n  param k: real = 0.5\n  state x: real = 0\n" + body + "}\n");
    INFO(body << ready->errors);
    REQUIRE(ready->compiled);
    return estimator_of(*ready, "u");
  };
  CHECK(choose("  u ~ normal(k*x, 1)\n  x' = x + u\n  cost x'^2\n") == "reparam");
  CHECK(choose("  u ~ normal(k*x, 1)\n  x' = x + u\n  cost x'^2\n  terminate x' > 1\n") == "split");
  CHECK(choose("  u ~ normal(k*x, 1)\n  x' = x + u\n  cost x'^2\n  terminate stop(x' > 1)\n") == "reparam");
  CHECK(choose("  u ~ normal(k*x, 1)\n  x' = x + u\n  cost x'^2\n  terminate time >= 3\n") == "reparam");
  CHECK(choose("  u ~ normal(k*x, 1)\n  x' = x + u\n  cost floor(x)\n") == "score");
  CHECK(choose("  u ~ normal(k*x, 1)\n  x' = floor(x + u)\n  cost x\n") == "score");
  CHECK(choose("  u ~ bernoulli(logits = k*x)\n  x' = x + u\n  cost x'^2\n") == "score");
  // The jump lies past the state loop, and the noise takes the param into its law.
  auto ready = make_ready(
      "mdp m {\n  horizon 5\n  param k: real = 0.5\n  state x: real = 0\n  gust ~ normal(0, 1)\n"
      "  x' = x + k*x + k + gust\n  cost x^2\n  terminate x' > 1\n}\n");
  INFO(ready->errors);
  REQUIRE(ready->compiled);
  CHECK(estimator_of(*ready, "gust") == "score");
  // Nothing random between the param and the end: no unbiased estimator exists, and the mend is named.
  ready = make_ready(
      "mdp m {\n  horizon 5\n  param k: real = 0.5\n  state x: real = 0\n  x' = x + k\n  cost x^2\n  terminate x' > 1\n}\n");
  CHECK(!ready->compiled);
  CHECK(ready->errors.find("terminate stop(") != std::string::npos);
}

TEST_CASE("a rewritten law and an ended episode stay unbiased") {
  // P(first passage) has no simple form; central differences of the objective with common noise do, on average.
  const std::string body =
      "mdp m {\n  horizon 4\n  param k: real = 0.3\n  state x: real = 0\n  gust ~ normal(0, 1)\n"
      "  x' = x + k + gust\n  reward 1\n  terminate x' > 1\n}\n";
  auto ready = make_ready(body);
  INFO(ready->errors);
  REQUIRE(ready->compiled);
  // The mean length is 1 + Σ_t P(alive after t steps): computed on a grid by convolution.
  auto length = [](double k) {
    const int n = 2401;
    const double low = -11, step = 12.0 / (n - 1);
    std::vector<double> density(n, 0), next(n);
    double total = 1;
    auto phi = [](double z) { return std::exp(-0.5 * z * z) / std::sqrt(2 * M_PI); };
    for (int j = 0; j < n; ++j) density[size_t(j)] = phi(low + j * step - k);
    for (int t = 1; t < 4; ++t) {
      double alive = 0;
      for (int j = 0; j < n; ++j) alive += (j == 0 || j == n - 1 ? 0.5 : 1) * density[size_t(j)] * step;
      total += alive;
      for (int i = 0; i < n; ++i) {
        double sum = 0;
        for (int j = 0; j < n; ++j) sum += (j == 0 || j == n - 1 ? 0.5 : 1) * density[size_t(j)] * phi((i - j) * step - k) * step;
        next[size_t(i)] = sum;
      }
      density = next;
    }
    return total;
  };
  double truth = (length(0.3 + 1e-3) - length(0.3 - 1e-3)) / 2e-3;
  Estimate got = estimate(*ready, 4'000'000);
  double mean = got.gradient[0].mean[0], error = got.gradient[0].standard_error[0];
  INFO(mean << " ± " << error << ", truth " << truth);
  CHECK(std::fabs(mean - truth) < 4 * error + 1e-5);
  CHECK(error < 0.01 * std::fabs(truth));
}

// 100 x^2 plus a step of height 1000 at mu = 0: pathwise on the first has the variance 200^2, score on the second, with the mean
// as baseline, 1000^2 (1/4 - 1/(2 pi)); the two are uncorrelated (E x^2 (1{x > 0} - 1/2) = 0). Score on both has 1.5e5 and more.
TEST_CASE("split per cost: the variance is that of pathwise on one cost plus score on the other") {
  const auto variance = [](const std::string& costs, const std::string& estimator) {
    const auto ready = make_ready("graph g { param mu: real  x ~ normal(mu, 1)  " + costs + " }");
    REQUIRE(ready->compiled);
    CHECK(estimator_of(*ready, "x") == estimator);
    constexpr int64_t samples = 3'200'000;
    const double error = estimate(*ready, samples).gradient.at(0).standard_error.at(0);
    return error * error * static_cast<double>(samples);
  };
  const std::string square = "cost 100 * x^2", step = "cost if x > 0 then 1000.0 else 0.0";
  const double both = variance(square + "  " + step, "split");
  const double smooth = variance(square, "reparam"), jump = variance(step, "score");
  INFO(both << " " << smooth << " " << jump);
  CHECK(smooth == Approx(40000).epsilon(0.03));
  CHECK(jump == Approx(1e6 * (0.25 - 62.0 / 63 / (2 * M_PI) + 0.25 / 63)).epsilon(0.03));
  CHECK(both == Approx(smooth + jump).epsilon(0.1));
  // Score on both costs is noisier: what the split saves.
  const auto scored = make_ready("graph g { param mu: real  x ~ normal(mu, 1) by score  " + square + "  " + step + " }");
  const double error = estimate(*scored, 640'000).gradient.at(0).standard_error.at(0);
  CHECK(error * error * 640'000 > 1.2 * both);
}
