// Examples whose gradient is known exactly: the linear-quadratic regulator by its second moments, the tabular MDP by
// dynamic programming, the Gaussian toy by hand. Estimates lie within four standard errors, and these are small.
#include <Eigen/Dense>
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/support/expectation.h"

using namespace alea;
using Json = nlohmann::json;

namespace {

Json grad(const std::string& arguments) {
  const auto result = test::run_command("alea grad " + arguments + " --json", ALEA_SOURCE_DIR);
  INFO(arguments << "\n" << result.error);
  REQUIRE(result.status == 0);
  return Json::parse(result.out);
}

// `scale`: of the truth; the standard error is under 1 % of it.
void compare(const Json& estimate, size_t index, double truth, double scale, const std::string& name) {
  const double mean = estimate.at("mean").at(index), error = estimate.at("stderr").at(index);
  INFO(name << "[" << index << "]: " << mean << " ± " << error << ", truth " << truth);
  CHECK(std::abs(mean - truth) <= 4 * error);
  CHECK(error < 0.01 * scale);
}

}  // namespace

TEST_CASE("the regulator's gradient is that of the second-moment recursion") {
  Eigen::Matrix3d a, q, l;
  Eigen::Matrix<double, 3, 2> b;
  Eigen::Matrix2d r;
  Eigen::Matrix<double, 2, 3> k;
  a << 0.9, 0.2, 0.0, -0.1, 0.95, 0.1, 0.0, -0.2, 0.8;
  b << 0.0, 0.1, 0.5, 0.0, 0.1, 0.4;
  q << 1.0, 0.2, 0.0, 0.2, 2.0, 0.0, 0.0, 0.0, 0.5;
  r << 0.1, 0.0, 0.0, 0.2;
  l << 0.3, 0.0, 0.0, 0.1, 0.2, 0.0, -0.1, 0.05, 0.25;
  k << -0.1, -0.5, 0.0, 0.0, 0.2, -0.4;
  const Eigen::Vector3d start(1.0, 0.0, -1.0);
  constexpr int horizon = 50;

  const Eigen::Matrix3d m = a + b * k, step_cost = q + k.transpose() * r * k;
  // P_H = 0, P_t = Q + K'RK + M'P_{t+1}M: the cost to go of x is x'P x plus a constant.
  std::vector<Eigen::Matrix3d> p(horizon + 1, Eigen::Matrix3d::Zero());
  for (int t = horizon - 1; t >= 0; --t) p[t] = step_cost + m.transpose() * p[t + 1] * m;
  // S_0 = E x x', S_{t+1} = M S_t M' + L L'. ∇_K J = Σ_t 2 (R K + B'P_{t+1}M) S_t.
  Eigen::Matrix3d s = start * start.transpose() + 0.25 * Eigen::Matrix3d::Identity();
  double cost = 0;
  Eigen::Matrix<double, 2, 3> gradient = Eigen::Matrix<double, 2, 3>::Zero();
  for (int t = 0; t < horizon; ++t) {
    cost += (step_cost * s).trace();
    gradient += 2 * (r * k + b.transpose() * p[t + 1] * m) * s;
    s = m * s * m.transpose() + l * l.transpose();
  }

  const Json json = grad("std:lqr --samples 200000");
  compare({{"mean", {json.at("objective").at("mean")}}, {"stderr", {json.at("objective").at("stderr")}}}, 0, cost, cost, "cost");
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 3; ++j)
      compare(json.at("gradient").at("K"), static_cast<size_t>(3 * i + j), gradient(i, j), gradient.cwiseAbs().maxCoeff(), "K");
}

TEST_CASE("the tabular policy's gradient is that of dynamic programming") {
  constexpr int states = 6, horizon = 20;
  constexpr double discount = 0.95;
  double next[states][2][states] = {}, reward[states][2] = {}, theta[states][2] = {};
  for (int s = 0; s < states; ++s) {
    next[s][0][std::max(s - 1, 0)] = 1;
    if (s > 0) next[s][1][s - 1] += s < states - 1 ? 0.05 : 0.40;
    next[s][1][s] += s == 0 ? 0.40 : 0.60;
    if (s < states - 1) next[s][1][s + 1] += s == 0 ? 0.60 : 0.35;
    theta[s][1] = s < 3 ? 0.5 : 1;
  }
  reward[0][0] = 0.005;
  reward[5][1] = 1;

  double policy[states][2];
  for (int s = 0; s < states; ++s) {
    policy[s][1] = 1 / (1 + std::exp(theta[s][0] - theta[s][1]));
    policy[s][0] = 1 - policy[s][1];
  }
  // Q_t(s, a) = r + γ Σ p V_{t+1}; ∇_{θ[s, a]} J = Σ_t γ^t d_t(s) π(a|s) (Q_t(s, a) − V_t(s)).
  double q[horizon][states][2], v[horizon + 1][states] = {};
  for (int t = horizon - 1; t >= 0; --t)
    for (int s = 0; s < states; ++s) {
      for (int a = 0; a < 2; ++a) {
        q[t][s][a] = reward[s][a];
        for (int z = 0; z < states; ++z) q[t][s][a] += discount * next[s][a][z] * v[t + 1][z];
      }
      v[t][s] = policy[s][0] * q[t][s][0] + policy[s][1] * q[t][s][1];
    }
  double occupied[states] = {0, 0.5, 0.5, 0, 0, 0}, gradient[states][2] = {}, factor = 1, largest = 0;
  for (int t = 0; t < horizon; ++t) {
    double then[states] = {};
    for (int s = 0; s < states; ++s)
      for (int a = 0; a < 2; ++a) {
        gradient[s][a] += factor * occupied[s] * policy[s][a] * (q[t][s][a] - v[t][s]);
        for (int z = 0; z < states; ++z) then[z] += occupied[s] * policy[s][a] * next[s][a][z];
      }
    std::copy(then, then + states, occupied);
    factor *= discount;
  }
  for (const auto& row : gradient)
    for (const double value : row) largest = std::max(largest, std::abs(value));

  const Json json = grad("std:tabular --samples 2000000");
  const double value = 0.5 * (v[0][1] + v[0][2]);
  compare({{"mean", {json.at("objective").at("mean")}}, {"stderr", {json.at("objective").at("stderr")}}}, 0, value, value,
          "reward");
  for (int s = 0; s < states; ++s)
    for (int a = 0; a < 2; ++a)
      compare(json.at("gradient").at("theta"), static_cast<size_t>(2 * s + a), gradient[s][a], largest, "theta");
}

TEST_CASE("the Gaussian toy's gradients have the mean and the variance that are known") {
  constexpr double samples = 10'000'000;
  // 4 s²; with leave-one-out over 64 the baseline costs a factor of about 64/63; without one, all of it.
  for (const auto& [model, variance, slack] : {std::tuple{"automatic", 1.0, 0.015}, std::tuple{"score", 10.5, 0.03},
                                               std::tuple{"score_without_baseline", 21.75, 0.015}}) {
    const Json json = grad(std::string("std:gaussian --samples 10000000 --model ") + model);
    compare(json.at("gradient").at("mu"), 0, 2, 2, model);
    const double error = json.at("gradient").at("mu").at("stderr").at(0);
    INFO(model);
    CHECK(std::abs(error * error * samples / variance - 1) < slack);
  }
}

TEST_CASE("native code agrees with the interpreter on every example") {
  for (const char* arguments :
       {"std:gaussian --model automatic", "std:gaussian --model score", "std:gaussian --model score_without_baseline",
        "std:backpropagation", "std:pendulum --policy linear", "std:pendulum --policy neural", "std:cart_pole", "std:lqr",
        "std:tabular", "std:memory", "std:cliff"}) {
    const std::string line = std::string(arguments) + " --samples 128";
    const Json native = grad(line), interpreted = grad(line + " --backend interp");
    INFO(arguments);
    CHECK(native.at("objective").at("mean").get<double>() ==
          Approx(interpreted.at("objective").at("mean").get<double>()).epsilon(1e-12));
    for (const auto& [param, values] : native.at("gradient").items()) {
      const Json& others = interpreted.at("gradient").at(param);
      double scale = 0;
      for (const double value : others.at("mean")) scale = std::max(scale, std::abs(value));
      for (size_t i = 0; i < values.at("mean").size(); ++i) {
        INFO(param << "[" << i << "]");
        CHECK(std::abs(values.at("mean")[i].get<double>() - others.at("mean")[i].get<double>()) <= 1e-12 * scale);
      }
    }
  }
}
