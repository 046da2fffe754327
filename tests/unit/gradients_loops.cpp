// A linear system under linear feedback is stepped by one matrix, A + B K, and nothing else is.
#include <fmt/format.h>

#include <algorithm>

#include "tests/unit/gradients_support.h"

using namespace alea;
using namespace alea::test;

namespace {

constexpr int size = 5, actions = 2, horizon = 8;
using Matrix = std::vector<std::vector<double>>;

double a(int i, int j) { return (i == j ? 0.7 : 0.0) + 0.2 * std::sin(i + 2.0 * j); }
double b(int i, int k) { return 0.5 * std::cos(3.0 * i + k); }
double drift(int i) { return 0.1 * std::sin(i); }

// With columns, x' = A x + B K x + drift + B J x; with rows all of it transposed; or with two signs turned.
enum class Form { columns, rows, differences };
std::string regulator(Form form, bool ends) {
  const char* system = R"(
mdp regulator {{
  horizon {1}
  const A = [[(if i == j then 0.7 else 0.0) + 0.2 * sin(i + 2.0 * j) for j in 0..{0}] for i in 0..{0}]
  const B = [[0.5 * cos(3.0 * i + k) for k in 0..2] for i in 0..{0}]
  const drift = [0.1 * sin(1.0 * i) for i in 0..{0}]
  param K: real[2, {0}] = [[0.3 * cos(1.0 * k + j) for j in 0..{0}] for k in 0..2]
  param J: real[2, {0}] = [[0.2 * sin(2.0 * k + j) for j in 0..{0}] for k in 0..2]
  state x: real[{0}] = [1.0 - 0.3 * i for i in 0..{0}]
  {2}
  {3}
}}
)";
  const char* columns_step = R"(u = K @ x
  x' = A @ x + B @ u + drift + B @ (J @ x)
  cost dot(x, x) + 0.1 * dot(u, u))";
  const char* rows_step = R"(u = x @ transpose(K)
  x' = x @ transpose(A) + u @ transpose(B) + drift + (x @ transpose(J)) @ transpose(B)
  cost dot(x, x) + 0.1 * dot(u, u))";
  const char* differences_step = R"(u = -(K @ x)
  x' = drift - (B @ u - B @ (J @ x)) + A @ x
  cost dot(x, x) + 0.1 * dot(u, u))";
  const char* step = form == Form::columns ? columns_step : form == Form::rows ? rows_step : differences_step;
  return fmt::format(fmt::runtime(system), size, horizon, step, ends ? "terminate stop(x'[0] < -0.5)" : "");
}

// The cost of the regulator, step by step as it is written.
double cost(const Matrix& K, const Matrix& J, bool ends) {
  std::vector<double> x;
  for (int i = 0; i < size; ++i) x.push_back(1.0 - 0.3 * i);
  double total = 0;
  bool alive = true;
  for (int t = 0; t < horizon && alive; ++t) {
    std::vector<double> u(actions), v(actions), next(size);
    for (int k = 0; k < actions; ++k)
      for (int j = 0; j < size; ++j) u[k] += K[k][j] * x[j], v[k] += J[k][j] * x[j];
    for (const double value : x) total += value * value;
    for (const double value : u) total += 0.1 * value * value;
    for (int i = 0; i < size; ++i) {
      next[i] = drift(i);
      for (int j = 0; j < size; ++j) next[i] += a(i, j) * x[j];
      for (int k = 0; k < actions; ++k) next[i] += b(i, k) * (u[k] + v[k]);
    }
    x = next;
    if (ends) alive = !(x[0] < -0.5);
  }
  return total;
}

// Matrices that are made of matrices once a call.
int count_uniform_products(const Program& program) {
  const PhaseOrder order = order_phases(program);
  int count = 0;
  for (const NodeId node : order.nodes[static_cast<size_t>(Phase::uniform)]) count += program.graph.op(node) == Op::matmul;
  return count;
}

}  // namespace

TEST_CASE("closed loops have the gradient of the system as it is written", "[loops]") {
  Matrix K(actions, std::vector<double>(size)), J = K;
  for (int k = 0; k < actions; ++k)
    for (int j = 0; j < size; ++j) K[k][j] = 0.3 * std::cos(k + j), J[k][j] = 0.2 * std::sin(2.0 * k + j);
  for (const Form form : {Form::columns, Form::rows, Form::differences})
    for (const bool ends : {false, true}) {
      const auto ready = make_ready(regulator(form, ends));
      INFO(ready->errors);
      REQUIRE(ready->compiled);
      CHECK(count_uniform_products(ready->compiled->program) == 2);
      CHECK(count_uniform_products(ready->compiled->forward) == 2);
      for (const bool native : {false, true}) {
        const Estimate found = estimate(*ready, 3, native);
        CHECK(found.mean == Approx(cost(K, J, ends)).epsilon(1e-12));
        const auto check = [&](Matrix& gain, const ParamEstimate& gradient) {
          for (int k = 0; k < actions; ++k)
            for (int j = 0; j < size; ++j) {
              const double kept = gain[k][j], h = 1e-5;
              gain[k][j] = kept + h;
              const double above = cost(K, J, ends);
              gain[k][j] = kept - h;
              const double below = cost(K, J, ends);
              gain[k][j] = kept;
              CHECK(gradient.mean[k * size + j] == Approx((above - below) / (2 * h)).epsilon(1e-7).margin(1e-7));
            }
        };
        check(K, found.gradient[0]);
        check(J, found.gradient[1]);
      }
    }
}

// Each product of three, one fed back through another, in every order: s' = 0.5 s + K s + 2·3 K s + 0.4, whatever is closed.
TEST_CASE("feedback through feedback is counted once", "[loops]") {
  std::vector<std::string> terms = {"A @ s", "B @ (K @ s)", "C @ (D @ (K @ s))", "[0.4]"};
  std::ranges::sort(terms);
  do {
    for (const char* grouping : {"{} + {} + {} + {}", "{} + ({} + ({} + {}))", "({} + {}) + ({} + {})", "{} + ({} + {}) + {}"}) {
      const std::string sum = fmt::format(fmt::runtime(grouping), terms[0], terms[1], terms[2], terms[3]);
      const auto ready = make_ready(R"(
mdp m {
  horizon 2
  const A = [[0.5]]
  const B = [[1.0]]
  const C = [[2.0]]
  const D = [[3.0]]
  param K: real[1, 1] = [[1.0]]
  state s: real[1] = [1.0]
  s' = )" + sum + R"(
  cost sum(s'^2)
}
)");
      INFO(sum << "\n" << ready->errors);
      REQUIRE(ready->compiled);
      // a = 0.5 + 7 K = 7.5, s1 = a + 0.4, s2 = a s1 + 0.4; da/dK = 7.
      const double first = 7.9, second = 7.5 * first + 0.4, slope = 7, second_slope = slope * first + 7.5 * slope;
      const Estimate found = estimate(*ready, 2);
      CHECK(found.mean == Approx(first * first + second * second).epsilon(1e-12));
      CHECK(found.gradient[0].mean[0] == Approx(2 * first * slope + 2 * second * second_slope).epsilon(1e-12));
    }
  } while (std::ranges::next_permutation(terms).found);
}

TEST_CASE("constants that become neighbours in a closed loop", "[loops]") {
  const auto ready = make_ready(R"(
mdp m {
  horizon 3
  const A = [[0.5]]
  const B = [[0.3]]
  param K: real[1, 1] = [[0.3]]
  state s: real[1] = [1.0]
  s' = A @ s + (0.2 + (0.1 + (0.3 * s + (0.3 * s + B @ (K @ s)))))
  cost sum(s'^2)
}
)");
  INFO(ready->errors);
  REQUIRE(ready->compiled);
  double s = 1, cost = 0;
  for (int t = 0; t < 3; ++t) s = (0.5 + 0.6 + 0.3 * 0.3) * s + 0.3, cost += s * s;
  CHECK(estimate(*ready, 1).mean == Approx(cost).epsilon(1e-12));
  CHECK(count_uniform_products(ready->compiled->program) == 1);
}

TEST_CASE("other sums stay as they are written", "[loops]") {
  const auto products = [](const std::string& horizon, const std::string& step) {
    const auto ready = make_ready(R"(
mdp other {
  horizon )" + horizon + R"(
  const A = [[sin(i + 2.0 * j) for j in 0..4] for i in 0..4]
  const B = [[cos(3.0 * i + k) for k in 0..2] for i in 0..4]
  param K: real[2, 4]
  input gains: real[2, 4]
  state x: real[4] ~ normal(0, 1)
  state y: real[4] = [1, 2, 3, 4]
  )" + step + R"(
  cost dot(x, x)
}
)");
    INFO(ready->errors);
    REQUIRE(ready->compiled);
    return count_uniform_products(ready->compiled->program);
  };
  CHECK(products("4", "x' = A @ x + B @ (K @ x)") == 1);
  CHECK(products("3", "x' = A @ x + B @ (K @ x)") == 0);                           // too short to pay
  CHECK(products("4", "x' = A @ x + B @ (K @ y)") == 0);                           // another vector
  CHECK(products("4", "x' = A @ x + B @ tanh(K @ x)") == 0);                       // not linear
  CHECK(products("4", "x' = B @ (K @ x)") == 0);                                   // nothing to add the matrix to
  CHECK(products("4", "x' = A @ x + B @ (gains @ x)") == 0);                       // a matrix a sample
  CHECK(products("4", "x' = A @ x + B @ (x @ transpose(K))") == 0);                // half of it by rows
  CHECK(products("4", "p = A @ x\n  x' = p + B @ (K @ x)\n  y' = p") == 0);        // there in any case
  CHECK(products("4", "p = B @ (K @ x)\n  x' = A @ x + p\n  y' = tanh(p)") == 0);  // likewise
  CHECK(products("4", "u ~ normal(K @ x, 1)\n  x' = A @ x + B @ u") == 0);
  CHECK(products("4", "x' = A @ x - B @ (K @ x)") == 1);
  CHECK(products("4", "x' = B @ -(K @ x) - A @ x") == 1);
  CHECK(products("4", "x' = A @ x + B @ (K @ x) - 0.1 * y") == 1);
  // Both sums hold the whole loop, and so does what both share.
  CHECK(products("4", "x' = A @ x + B @ (K @ x)\n  y' = x' + y") == 1);
}
