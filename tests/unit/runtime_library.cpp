// The public library: a model compiled, run and differentiated from C++; what is wrong comes back as text.
#include <catch2/catch.hpp>
#include <cmath>

#include "alea/alea.hpp"

using Catch::Matchers::Contains;

TEST_CASE("a model is compiled, its params set, its gradient estimated") {
  auto model = alea::compile_text("graph g { param m: real[2] = [1, 2] x ~ normal(m, 0.5) cost dot(x, x) }");
  INFO(model.error());
  REQUIRE(model);
  auto params = model->initial_params();
  CHECK(params.at("m").values == std::vector<double>{1, 2});
  params["m"][1] = -3;
  const auto estimate = model->gradient(params, {.samples = 100'000, .seed = 1});
  // E x'x = |m|² + 2 s², its gradient 2 m.
  CHECK(std::abs(estimate.objective.mean - 10.5) < 4 * estimate.objective.standard_error);
  const auto& gradient = estimate.gradient.at("m");
  CHECK(gradient.shape == std::vector<std::int64_t>{2});
  CHECK(std::abs(gradient.mean[0] - 2) < 4 * gradient.standard_error[0]);
  CHECK(std::abs(gradient.mean[1] + 6) < 4 * gradient.standard_error[1]);
  CHECK(model->run(params, {.samples = 64}).gradient.empty());
}

TEST_CASE("what estimators adapt depends on the params alone: not on the seed, nor on what was run before") {
  const std::string text =
      "graph g { param m: real = 0.3 b ~ bernoulli(logits = m) by rebar x ~ normal(m, 1) by score(baseline = running) "
      "cost (b - 0.4)^2 + x^2 }";
  auto once = alea::compile_text(text), often = alea::compile_text(text);
  INFO(once.error());
  REQUIRE(once);
  auto params = often->initial_params(), other = params;
  other["m"][0] = -1;
  const auto gradient = [](auto& model, const auto& at, std::uint64_t seed) {
    return model->gradient(at, {.samples = 1000, .seed = seed}).gradient.at("m").mean[0];
  };
  const double alone = gradient(once, params, 5);
  gradient(often, params, 1), gradient(often, other, 2);
  CHECK(gradient(often, params, 5) == alone);
  CHECK(gradient(often, params, 5) == alone);
  CHECK(gradient(often, params, 6) != alone);
}

TEST_CASE("what is wrong with a model or its params is said") {
  const auto wrong = alea::compile_text("graph g { cost thet }");
  CHECK_FALSE(wrong);
  CHECK_THAT(wrong.error(), Contains("unknown name `thet`"));
  CHECK_THAT(alea::compile_file("nowhere.alea").error(), Contains("nowhere.alea"));
  auto model = alea::compile_text("graph g { param m: real[2] cost m[0] }");
  REQUIRE(model);
  CHECK_THROWS_WITH(model->run({}), Contains("`m` has no value"));
  auto params = model->initial_params();
  params["m"].values.push_back(1);
  params["m"].shape = {3};
  CHECK_THROWS_WITH(model->run(params), Contains("real[2]"));
}
