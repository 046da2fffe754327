// Three steps that hold everything at once: a pathwise state whose noise scales with the state, a Bernoulli
// action whose logit reads it, `terminate` on a count, discount and `final`. The truth is an enumeration of
// the actions with Gauss-Hermite quadrature of the noise. Also the other side: the estimate without the score
// terms' path through the state, which must be caught.
#include <Eigen/Eigenvalues>
#include <cmath>

#include "tests/unit/gradients_support.h"

using namespace alea;
using namespace alea::test;

namespace {

const char* const model = R"(
mdp three {
  horizon 3
  discount 0.9
  param drift: real = 0.8
  param push: real = 0.6
  param bonus: real = 0.4
  state x: real = 0.3
  state count: int = 0
  action a: bool
  x' ~ normal(drift*x + (if a then push else -0.5), 0.4 + 0.2*tanh(x))
  count' = count + a
  reward sin(x') + bonus*a*x
  final reward 0.5*x^2
  terminate count' >= 2
}
policy coin for three {
  param slope: real = 1.5
  a ~ bernoulli(logits = slope*x + 0.2)
}
)";

struct Truth {
  Eigen::VectorXd at, weight;
  // Nodes and weights of E f(z), z ~ N(0, 1): eigenvalues of the Jacobi matrix (Golub, Welsch 1969).
  explicit Truth(int n) {
    Eigen::MatrixXd jacobi = Eigen::MatrixXd::Zero(n, n);
    for (int k = 1; k < n; ++k) jacobi(k, k - 1) = jacobi(k - 1, k) = std::sqrt(double(k));
    Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(jacobi);
    at = solver.eigenvalues();
    weight = solver.eigenvectors().row(0).array().square();
  }
  // params: drift, push, bonus, slope
  double value(int t, double x, int count, const Eigen::Vector4d& p) const {
    if (t == 3 || count >= 2) return std::pow(0.9, t) * 0.5 * x * x;
    double total = 0, probability = 1 / (1 + std::exp(-(p[3] * x + 0.2)));
    for (int a = 0; a < 2; ++a) {
      double inner = 0;
      for (int k = 0; k < at.size(); ++k) {
        double next = p[0] * x + (a ? p[1] : -0.5) + (0.4 + 0.2 * std::tanh(x)) * at[k];
        inner += weight[k] * (std::pow(0.9, t) * (std::sin(next) + p[2] * a * x) + value(t + 1, next, count + a, p));
      }
      total += (a ? probability : 1 - probability) * inner;
    }
    return total;
  }
};

}  // namespace

TEST_CASE("three steps with everything in them agree with an enumeration") {
  Truth truth(24);
  const Eigen::Vector4d at(0.8, 0.6, 0.4, 1.5);
  const std::vector<std::string> names = {"drift", "push", "bonus", "slope"};
  Eigen::Vector4d gradient;
  for (int k = 0; k < 4; ++k) {
    Eigen::Vector4d step = Eigen::Vector4d::Zero();
    step[k] = 1e-4;
    gradient[k] = (truth.value(0, 0.3, 0, at + step) - truth.value(0, 0.3, 0, at - step)) / 2e-4;
  }
  auto distances = [&](bool drop, double& largest_relative_error) {
    PipelineOptions options;
    options.drop_score_paths = drop;
    auto ready = make_ready(model, options);
    INFO(ready->errors);
    REQUIRE(ready->compiled);
    CHECK(estimator_of(*ready, "a") == "score");
    CHECK(estimator_of(*ready, "x'") == "reparam");
    Estimate got = estimate(*ready, 10'000'000);
    std::vector<double> result;
    largest_relative_error = 0;
    for (uint32_t p = 0; p < ready->compiled->graph.params.size(); ++p) {
      const std::string& name = ready->compiled->graph.params[ParamId{p}].name;
      size_t k = size_t(std::find(names.begin(), names.end(), name) - names.begin());
      REQUIRE(k < 4);
      double mean = got.gradient[p].mean[0], error = got.gradient[p].standard_error[0];
      UNSCOPED_INFO(name << ": " << mean << " ± " << error << ", truth " << gradient[long(k)]);
      result.push_back((mean - gradient[long(k)]) / error);
      largest_relative_error = std::max(largest_relative_error, error / std::fabs(gradient[long(k)]));
    }
    if (!drop) CHECK(std::fabs(got.mean - truth.value(0, 0.3, 0, at)) < 4 * got.standard_error);
    return result;
  };
  double error = 0;
  for (double z : distances(false, error)) CHECK(std::fabs(z) < 4);
  CHECK(error < 0.01);
  double worst = 0;
  for (double z : distances(true, error)) worst = std::max(worst, std::fabs(z));
  CHECK(worst > 20);
}
