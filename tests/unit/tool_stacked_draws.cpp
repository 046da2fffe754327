// Relaxed draws whose laws read other relaxed draws: two layers of binary neurons, each estimate's mean against quadrature
// over the noise of both layers, and the hard ones' objective against the sum over outcomes.
#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/support/expectation.h"

using namespace alea;
using Json = nlohmann::json;

namespace {

constexpr double l = 0.4, w = 1.3, c = -0.5;
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double slope(double x) { return sigmoid(x) * (1 - sigmoid(x)); }

struct Expected {
  double objective = 0;
  std::array<double, 3> gradient{};  // of l, w, c
};

// Of the cost b, b's logit w (2 a - 1) + c. `soft` says whether a and b are relaxed forwards, τ > 0 that noise enters the
// slope: σ((l + L)/τ), L standard logistic.
Expected integrate(bool soft, double tau) {
  Expected expected;
  constexpr int n = 1500;
  const auto logistic = [](int k) { return std::log((k + 0.5) / (n - k - 0.5)); };
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j) {
      const double z = l + logistic(i);
      const double a = soft ? sigmoid(z / tau) : z > 0;
      const double logit = w * (2 * a - 1) + c, y = logit + logistic(j);
      const double da = tau > 0 ? slope(z / tau) / tau : slope(l);
      const double db = tau > 0 ? slope(y / tau) / tau : slope(logit);
      const double weight = 1.0 / n / n;
      expected.objective += weight * (soft ? sigmoid(y / tau) : y > 0);
      expected.gradient[0] += weight * db * w * 2 * da;
      expected.gradient[1] += weight * db * (2 * a - 1);
      expected.gradient[2] += weight * db;
    }
  return expected;
}

void check(const std::string& estimator, const Expected& expected) {
  INFO(estimator);
  const std::string model =
      "graph g { param l: real = 0.4  param w: real = 1.3  param c: real = -0.5\n a ~ bernoulli(logits = l) by " + estimator +
      "\n b ~ bernoulli(logits = w*(2*a - 1) + c) by " + estimator + "\n cost b }";
  const auto result =
      test::run_command("alea grad - --samples 2000000 --json --quiet", std::filesystem::temp_directory_path(), model);
  INFO(result.out << result.error);
  REQUIRE(result.status == 0);
  const Json json = Json::parse(result.out);
  const auto near = [](double value, double error, double truth) {
    CHECK(error < 0.005 * std::abs(truth));
    CHECK(std::abs(value - truth) <= 4 * error + 1e-5);  // and the quadrature's own error
  };
  near(json["objective"]["mean"], json["objective"]["stderr"], expected.objective);
  const char* const names[] = {"l", "w", "c"};
  for (size_t k = 0; k < 3; ++k) {
    INFO(names[k]);
    const Json& part = json["gradient"][names[k]];
    near(part["mean"][0], part["stderr"][0], expected.gradient[k]);
  }
}

}  // namespace

TEST_CASE("a relaxed draw may read another, by each way to relax") {
  check("straight_through", integrate(false, 0));
  check("straight_through(tau = 0.7)", integrate(false, 0.7));
  check("gumbel(tau = 0.7)", integrate(true, 0.7));
  // P(b = 1) itself.
  const double truth = sigmoid(l) * sigmoid(w + c) + (1 - sigmoid(l)) * sigmoid(c - w);
  CHECK(integrate(false, 0).objective == Approx(truth).epsilon(1e-3));
}

TEST_CASE("a category may be read by another that is sampled hard") {
  // Of the cost b: Σ_a p(a) Σ_k p(k | a) k, straight-through in both.
  const std::string model = R"(graph g { param l: real[3] = [0.1, 0.5, -0.3]
    const table = [[0.2, 1.0, -0.4], [0.9, -0.5, 0.3], [-0.7, 0.4, 0.6]]
    a ~ categorical(logits = l) by straight_through
    b ~ categorical(logits = table[a]) by straight_through
    cost b })";
  const auto result =
      test::run_command("alea grad - --samples 400000 --json --quiet", std::filesystem::temp_directory_path(), model);
  INFO(result.out << result.error);
  REQUIRE(result.status == 0);
  const std::array<std::array<double, 3>, 3> table{{{0.2, 1.0, -0.4}, {0.9, -0.5, 0.3}, {-0.7, 0.4, 0.6}}};
  const std::array<double, 3> logits{0.1, 0.5, -0.3};
  const auto softmax = [](const std::array<double, 3>& x) {
    std::array<double, 3> p{std::exp(x[0]), std::exp(x[1]), std::exp(x[2])};
    const double sum = p[0] + p[1] + p[2];
    for (double& each : p) each /= sum;
    return p;
  };
  const std::array<double, 3> p = softmax(logits);
  double objective = 0;
  std::array<double, 3> gradient{};
  for (size_t a = 0; a < 3; ++a) {
    const std::array<double, 3> q = softmax(table[a]);
    const double mean = q[1] + 2 * q[2];
    objective += p[a] * mean;
    // d(Σ k q_k)/d logit_k = q_k (k - mean); logits = Σ_a y_a table[a], y = softmax(l).
    std::array<double, 3> of_y{};
    for (size_t other = 0; other < 3; ++other)
      for (size_t k = 0; k < 3; ++k) of_y[other] += q[k] * (static_cast<double>(k) - mean) * table[other][k];
    const double centre = p[0] * of_y[0] + p[1] * of_y[1] + p[2] * of_y[2];
    for (size_t k = 0; k < 3; ++k) gradient[k] += p[a] * p[k] * (of_y[k] - centre);
  }
  const Json json = Json::parse(result.out);
  CHECK(std::abs(json["objective"]["mean"].get<double>() - objective) <= 4 * json["objective"]["stderr"].get<double>());
  for (size_t k = 0; k < 3; ++k) {
    const double error = json["gradient"]["l"]["stderr"][k];
    CHECK(error < 0.01 * std::abs(gradient[k]));
    CHECK(std::abs(json["gradient"]["l"]["mean"][k].get<double>() - gradient[k]) <= 4 * error);
  }
}
