// Credit added up as the steps go (compiler/kernel/stream_credit.h): which programs take that form, that it is the gradient
// of the reversed sweep, which the interpreter takes, to rounding, the same bits at any lanes, and that its memory does not grow
// with the horizon. What it cannot hold keeps its tape.
#include <fmt/format.h>

#include <set>

#include "compiler/kernel/stream_credit.h"
#include "tests/unit/gradients_support.h"

using namespace alea;
using namespace alea::test;

namespace {

struct Walk {
  std::string name;
  size_t parts;  // of the credit: of this step, of later ones, of the end; 0: not streamed
  std::string body, draws, costs;
  int64_t horizon = 40;
};

std::string text_of(const Walk& walk) {
  return fmt::format(R"(
mdp walk {{
  horizon {}
  state x: real = 0.2
  {}
  {}
}}
policy p for walk {{
  param w: real[2] = [-0.4, 0.1]
  param s: real = 0.3
  {}
}}
)",
                     walk.horizon, walk.body, walk.costs, walk.draws);
}

const std::string coin = "action u: bool\n  x' = 0.9*x + (if u then 0.3 else -0.3)";
const std::string push = "action u: real\n  x' = 0.9*x + 0.2*u";
const std::string by_coin = "u ~ bernoulli(logits = w[0]*x + w[1])";
const std::string by_push = "u ~ normal(w[0]*x + w[1], exp(s)) by score";

const std::vector<Walk> walks = {
    {"costs of later steps, episodes that end", 1, coin, by_coin, "reward 1\n  terminate abs(x') > 0.8"},
    {"costs of this step and later ones", 2, push, by_push, "cost x^2 + 0.1*u^2"},
    {"two costs, discounted", 2, push + "\n  discount 0.95", by_push, "cost x^2\n  cost 0.1*u^2*x"},
    {"a final cost", 3, push, by_push, "cost x^2 + 0.1*u^2\n  final cost 3*x^2"},
    {"a final cost alone", 1, push, by_push, "final cost 3*x^2"},
    {"a final cost alone, no baseline", 1, push, "u ~ normal(w[0]*x + w[1], exp(s)) by score(baseline = none)",
     "final cost 3*x^2"},
    {"no baseline", 2, push, "u ~ normal(w[0]*x + w[1], exp(s)) by score(baseline = none)", "cost x^2 + 0.1*u^2"},
    {"episodes that end, a final reward", 3, push, by_push, "reward 1 - 0.1*u^2\n  final reward -x^2\n  terminate abs(x') > 0.7"},
    {"one step", 1, push, by_push, "cost (x - u)^2", 1},
    {"draws of other laws", 1, "action u: int\n  wear ~ gamma(2, 8)\n  x' = 0.9*x + 0.2*(u - 1) - 0.1*wear",
     "u ~ categorical(logits = [w[0]*x, w[1], s])", "reward 1 - 0.3*x^2\n  terminate abs(x') > 1.5"},
    // What keeps its tape.
    {"a cost of a param besides", 0, push + "\n  param c: real = 0.1", by_push, "cost (x - c)^2 + 0.1*u^2"},
    {"pathwise terms", 0, push, "u ~ normal(w[0]*x + w[1], exp(s))", "cost x^2 + 0.1*u^2"},
    {"a running baseline", 0, push, "u ~ normal(w[0]*x + w[1], exp(s)) by score(baseline = running)", "cost x^2 + 0.1*u^2"},
    {"a draw before the steps", 0, push + "\n  param m: real = 0.1\n  state luck: bool ~ bernoulli(sigmoid(m))\n  luck' = luck",
     by_push, "cost x^2*(if luck then 1 else 2)"},
};

}  // namespace

TEST_CASE("credit is streamed where one credit is all that leads back, and agrees with the reversed sweep", "[streamed]") {
  for (const Walk& walk : walks) {
    const auto ready = make_ready(text_of(walk));
    INFO(walk.name << "\n" << ready->errors);
    REQUIRE(ready->compiled);
    const auto streamed = stream_credit(ready->compiled->program);
    std::set<std::pair<Phase, NodeId>> parts;
    if (streamed)
      for (const CreditProduct& product : streamed->products) parts.insert({product.phase, product.weight});
    CHECK(parts.size() == walk.parts);
    for (const int64_t samples : {1, 2, 64, 65, 100}) {
      INFO(samples << " samples");
      const Estimate native = estimate(*ready, samples), interpreted = estimate(*ready, samples, false);
      CHECK(native.mean == Approx(interpreted.mean).epsilon(1e-12));
      for (size_t p = 0; p < native.gradient.size(); ++p)
        for (size_t k = 0; k < native.gradient[p].mean.size(); ++k) {
          const double scale = std::abs(interpreted.gradient[p].mean[k]) + std::abs(interpreted.mean);
          CHECK(native.gradient[p].mean[k] == Approx(interpreted.gradient[p].mean[k]).margin(1e-12 * scale).epsilon(0));
        }
    }
  }
}

TEST_CASE("streamed credit has the same bits at any lanes", "[streamed]") {
  for (const Walk& walk : walks) {
    if (walk.parts == 0) continue;
    const auto ready = make_ready(text_of(walk));
    INFO(walk.name);
    REQUIRE(ready->compiled);
    for (const bool single : {false, true}) {
      const auto first = bits(estimate(*ready, 1000, true, single));
      for (const int lanes : {16, 32, 64}) {
        JitOptions jit;
        jit.forward_lanes = lanes;
        CHECK(bits(estimate(*ready, 1000, true, single, jit)) == first);
      }
    }
  }
}

TEST_CASE("streamed credit needs no memory for its steps", "[streamed]") {
  const auto workspace = [](int64_t horizon) {
    Walk walk = walks[1];
    walk.horizon = horizon;
    const auto ready = make_ready(text_of(walk));
    REQUIRE(ready->compiled);
    return CompiledKernel(ready->compiled->program, {}, CompiledKernel::Link::no).workspace_bytes();
  };
  CHECK(workspace(1'000'000) == workspace(100));
}
