// NaN and infinity in a branch not taken, and in steps after the end of an episode, reach neither value nor
// gradient: one model for each operation that can make one. Native code and interpreter alike, and the
// gradient is the closed form of the branch that is taken.
#include <fmt/format.h>

#include <cmath>

#include "tests/unit/gradients_support.h"

using namespace alea;
using namespace alea::test;

namespace {

void check_clean(const std::string& text, double objective, double gradient) {
  INFO(text);
  auto ready = make_ready(text);
  INFO(ready->errors);
  REQUIRE(ready->compiled);
  for (bool native : {true, false}) {
    Estimate got = estimate(*ready, 128, native);
    CHECK(got.mean == Approx(objective).margin(1e-12));
    REQUIRE(!got.gradient.empty());
    CHECK(got.gradient[0].mean[0] == Approx(gradient).margin(1e-12));
  }
}

}  // namespace

TEST_CASE("what a branch not taken makes shows nowhere") {
  // Each is NaN or infinite, or has a derivative that is, at y = 0 or y = -1; w multiplies it so that 0 · ∞ would show.
  const char* const poisons[] = {"log(y)",
                                 "w*log(y)",
                                 "1/(y + 1)",
                                 "w/(y + 1)",
                                 "sqrt(y)",
                                 "w*sqrt(y)",
                                 "log1p(y)",
                                 "w*log1p(y)",
                                 "(y + 1)^(-2)",
                                 "y^0.5",
                                 "w^(1/(y+1))",
                                 "acos(y - 1)",
                                 "asin(y - 1)",
                                 "lgamma(y + 1)",
                                 "digamma(y + 1)",
                                 "logit(y)",
                                 "tan(y)/(y+1)",
                                 "atan2(y + 1, y + 1)",
                                 "exp(-y*1e4)*w",
                                 "xlogy(w, y + 1)",
                                 "sinh(-y*1e4)",
                                 "cosh(y*1e4)",
                                 "expm1(-y*1e4)",
                                 "log_normal_cdf(y*1e200)",
                                 "normal_quantile(y)",
                                 "log1mexp(-y)",
                                 "w*(1e308*10)*y",
                                 "norm([y + 1, 0.0])/(y + 1)"};
  for (const char* poison : poisons) {
    // The condition fails: only the other branch counts, whose derivative is 2.
    check_clean(fmt::format("graph g {{\n  param y: real = -1\n  w = y + 3\n  c ~ delta(-1.0)\n"
                            "  cost if c > 0 then {} else 2*y\n}}\n",
                            poison),
                -2, 2);
  }
}

TEST_CASE("elementwise branches and shared scalars stay clean") {
  // The sum over elements into the shared scalar s must leave out the elements not taken.
  check_clean("graph g {\n  param s: real = 2\n  const v = [1.0, -1.0, 0.0]\n  cost sum(if v > 0 then s*log(v) + s else s)\n}\n",
              6, 3);
}

TEST_CASE("steps after the end of an episode reach nothing") {
  // x doubles and ends at 3 > 2 after two steps; log(2.5 - x) would be NaN beyond, and 1/(x - 6) a pole.
  check_clean(
      "mdp m {\n  horizon 5\n  param k: real = 1\n  state x: real = 1\n  x' = x + 1\n"
      "  reward k*log(3.5 - x) + k/(x - 4)\n  terminate x' > 2.5\n}\n",
      std::log(2.5) + std::log(1.5) - 1.0 / 3 - 0.5, std::log(2.5) + std::log(1.5) - 1.0 / 3 - 0.5);
  // The state itself becomes infinite were it not frozen.
  check_clean(
      "mdp m {\n  horizon 5\n  param k: real = 2\n  state x: real = 1\n  state n: int = 0\n  n' = n + 1\n"
      "  x' = k*x/(2 - n)\n  final reward x\n  reward 0*k\n  terminate n' >= 2\n}\n",
      2, 2);
}
