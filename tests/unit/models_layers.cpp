// std.nn and the laws of std.policies against plain loops in C++: weights of all different values go in as a file of params,
// outputs come back as costs.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>

#include "runtime/npy.h"
#include "tests/support/expectation.h"

using namespace alea;
using Json = nlohmann::json;
namespace fs = std::filesystem;

namespace {

using Vector = std::vector<double>;

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// Named weights, each value another one.
struct Weights {
  NamedArrays arrays;
  const Vector& add(const std::string& name, const Shape& shape) {
    Array array{shape, {}};
    for (int64_t k = 0; k < element_count(shape); ++k)
      array.values.push_back(0.9 * std::sin(1.7 * static_cast<double>(k) + 2.3 * static_cast<double>(arrays.size()) + 0.4));
    return (arrays[name] = array).values;
  }
  const Vector& operator[](const std::string& name) const { return arrays.at(name).values; }
};

// W x, W of as many rows as it fills.
Vector times(const Vector& w, const Vector& x) {
  Vector result(w.size() / x.size(), 0);
  for (size_t i = 0; i < result.size(); ++i)
    for (size_t j = 0; j < x.size(); ++j) result[i] += w[i * x.size() + j] * x[j];
  return result;
}
Vector plus(Vector a, const Vector& b) {
  for (size_t k = 0; k < a.size(); ++k) a[k] += b[k];
  return a;
}
Vector linear(const Weights& weights, const std::string& name, const Vector& x) {
  return plus(times(weights[name + ".W"], x), weights[name + ".b"]);
}
template <class Function>
Vector each(Vector x, Function function) {
  for (double& value : x) value = function(value);
  return x;
}

Json run(const std::string& model, const std::string& arguments, const Weights& weights = {}) {
  const fs::path path = fs::temp_directory_path() / ("alea_layers_" + std::to_string(getpid()) + ".npz");
  std::string with;
  if (!weights.arrays.empty()) {
    test::write_text(path, write_npz(weights.arrays));
    with = " --params " + path.string();
  }
  const auto result = test::run_command("alea " + arguments + with + " --json --quiet", fs::temp_directory_path(), model);
  fs::remove(path);
  INFO(arguments << "\n" << result.out << result.error);
  REQUIRE(result.status == 0);
  return Json::parse(result.out);
}

// The model's params are those of `weights`; `output`, an array of as many numbers as `expected`, is what is compared.
void check_output(const std::string& params, const std::string& output, const Weights& weights, const Vector& expected) {
  for (size_t k = 0; k < expected.size(); ++k) {
    INFO(output << ", element " << k);
    const std::string model = "import std.nn\nimport std.policies\ngraph g {\n" + params + "\n y = " + output + "\n cost y[" +
                              std::to_string(k) + "]\n}";
    const double value = run(model, "run - --samples 64", weights)["objective"]["mean"];
    CHECK(std::abs(value - expected[k]) <= 1e-13 * std::max(1.0, std::abs(expected[k])));
  }
}

}  // namespace

TEST_CASE("layers give what their formulas say") {
  const Vector x{0.5, -1.2, 0.8};
  Weights weights;
  weights.add("f.W", {2, 3}), weights.add("f.b", {2});
  for (const std::string kind : {"linear(3, 2)", "linear_he(3, 2)", "linear_uniform(3, 2)"})
    check_output("param f: " + kind, "f([0.5, -1.2, 0.8])", weights, linear(weights, "f", x));

  Weights deep;
  deep.add("f.layer.0.W", {4, 3}), deep.add("f.layer.0.b", {4}), deep.add("f.layer.1.W", {5, 4}), deep.add("f.layer.1.b", {5});
  deep.add("f.out.W", {2, 5}), deep.add("f.out.b", {2});
  const auto layers = [&](auto function) {
    const Vector first = each(linear(deep, "f.layer.0", x), function);
    return linear(deep, "f.out", each(linear(deep, "f.layer.1", first), function));
  };
  check_output("param f: mlp(3, [4, 5], 2)", "f([0.5, -1.2, 0.8])", deep, layers([](double v) { return std::tanh(v); }));
  check_output("param f: mlp(3, [4, 5], 2, act = relu)", "f([0.5, -1.2, 0.8])", deep,
               layers([](double v) { return std::max(v, 0.0); }));
  Weights shallow;
  shallow.add("f.out.W", {2, 3}), shallow.add("f.out.b", {2});
  check_output("param f: mlp(3, [], 2)", "f([0.5, -1.2, 0.8])", shallow, linear(shallow, "f.out", x));

  Weights norm;
  norm.add("f.gain", {3}), norm.add("f.bias", {3});
  const double mean = 0.1 / 3;
  double variance = 0;
  for (const double value : x) variance += (value - mean) * (value - mean) / 3;
  Vector normed;
  for (size_t k = 0; k < 3; ++k)
    normed.push_back(norm["f.gain"][k] * (x[k] - mean) / std::sqrt(variance + 1e-5) + norm["f.bias"][k]);
  check_output("param f: layer_norm(3)", "f([0.5, -1.2, 0.8])", norm, normed);
}

TEST_CASE("recurrent cells give what their formulas say") {
  const Vector x{0.5, -1.2}, h{0.3, -0.7, 0.2}, c{-0.4, 0.9, 0.1};
  const std::string arguments = "[0.5, -1.2], [0.3, -0.7, 0.2]";
  Weights rnn;
  rnn.add("f.from_x.W", {3, 2}), rnn.add("f.from_x.b", {3}), rnn.add("f.U", {3, 3});
  check_output("param f: rnn_cell(2, 3)", "f(" + arguments + ")", rnn,
               each(plus(linear(rnn, "f.from_x", x), times(rnn["f.U"], h)), [](double v) { return std::tanh(v); }));

  Weights gru;
  for (const std::string gate : {"reset", "update", "candidate"}) {
    gru.add("f." + gate + "_x.W", {3, 2}), gru.add("f." + gate + "_x.b", {3});
    gru.add("f." + gate + "_h.W", {3, 3}), gru.add("f." + gate + "_h.b", {3});
  }
  const Vector r = each(plus(linear(gru, "f.reset_x", x), linear(gru, "f.reset_h", h)), sigmoid);
  const Vector z = each(plus(linear(gru, "f.update_x", x), linear(gru, "f.update_h", h)), sigmoid);
  Vector next;
  for (size_t k = 0; k < 3; ++k) {
    const double candidate = std::tanh(linear(gru, "f.candidate_x", x)[k] + r[k] * linear(gru, "f.candidate_h", h)[k]);
    next.push_back((1 - z[k]) * candidate + z[k] * h[k]);
  }
  check_output("param f: gru_cell(2, 3)", "f(" + arguments + ")", gru, next);

  Weights lstm;
  for (const std::string gate : {"in_gate", "forget_gate", "out_gate", "candidate"})
    lstm.add("f." + gate + ".W", {3, 5}), lstm.add("f." + gate + ".b", {3});
  const Vector both{x[0], x[1], h[0], h[1], h[2]};
  Vector out, cell;
  for (size_t k = 0; k < 3; ++k) {
    const auto gate = [&](const char* name) { return linear(lstm, std::string("f.") + name, both)[k]; };
    cell.push_back(sigmoid(gate("forget_gate") + 1) * c[k] + sigmoid(gate("in_gate")) * std::tanh(gate("candidate")));
    out.push_back(sigmoid(gate("out_gate")) * std::tanh(cell[k]));
  }
  out.insert(out.end(), cell.begin(), cell.end());
  check_output("param f: lstm_cell(2, 3)", "f([0.5, -1.2], [0.3, -0.7, 0.2, -0.4, 0.9, 0.1])", lstm, out);
}

TEST_CASE("the laws of policies have the densities that are said") {
  const double tau = 2 * std::numbers::pi;
  const auto normal = [&](double x, double mean, double std) {
    return -0.5 * std::pow((x - mean) / std, 2) - std::log(std) - 0.5 * std::log(tau);
  };
  // A deviation that depends on the state: exp(low + (high - low) sigmoid(net(x))).
  Weights state;
  state.add("mean.K", {2, 2});
  state.add("s.net.layer.0.W", {3, 2}), state.add("s.net.layer.0.b", {3}), state.add("s.net.out.W", {2, 3});
  state.add("s.net.out.b", {2});
  const Vector x{0.6, -0.3}, u{0.2, 0.9}, mean = times(state["mean.K"], x);
  const Vector hidden = each(linear(state, "s.net.layer.0", x), [](double v) { return std::tanh(v); });
  const Vector net = linear(state, "s.net.out", hidden);
  Vector expected;
  for (size_t k = 0; k < 2; ++k) expected.push_back(normal(u[k], mean[k], std::exp(-5 + 6 * sigmoid(net[k]))));
  check_output("param mean: linear_gain(2, 2)  param s: deviation_of(2, [3], 2)",
               "normal.logpdf([0.2, 0.9], mean([0.6, -0.3]), s([0.6, -0.3]))", state, expected);
  Weights learned;
  learned.add("s.log_std", {2});
  check_output("param s: learned_deviation(2)", "normal.logpdf([0.2, 0.9], [0.1, -0.4], s())", learned,
               {normal(0.2, 0.1, std::exp(learned["s.log_std"][0])), normal(0.9, -0.4, std::exp(learned["s.log_std"][1]))});

  // Full covariance L L', of which `below` fills what is under the diagonal: -|L⁻¹ (u - mean)|²/2 - log det L - log 2π.
  Weights factor;
  factor.add("L.log_diagonal", {2}), factor.add("L.below", {2, 2});
  const double a = std::exp(factor["L.log_diagonal"][0]), b = factor["L.below"][2], d = std::exp(factor["L.log_diagonal"][1]);
  const double first = (0.2 - 0.1) / a, second = (0.9 + 0.4 - b * first) / d;
  check_output("param L: cholesky_factor(2)", "[mvnormal.logpdf([0.2, 0.9], [0.1, -0.4], L())]", factor,
               {-0.5 * (first * first + second * second) - std::log(a * d) - std::log(tau)});

  Weights coin;
  coin.add("l.out.W", {1, 2}), coin.add("l.out.b", {1});
  const double logit = linear(coin, "l.out", x)[0];
  check_output("param l: mlp(2, [], 1)",
               "[bernoulli.logpdf(true, logits = l([0.6, -0.3])[0]), bernoulli.logpdf(false, logits = l([0.6, -0.3])[0])]", coin,
               {std::log(sigmoid(logit)), std::log(sigmoid(-logit))});
  Weights choice;
  choice.add("l.out.W", {3, 2}), choice.add("l.out.b", {3});
  const Vector scores = linear(choice, "l.out", x);
  const double total = std::log(std::exp(scores[0]) + std::exp(scores[1]) + std::exp(scores[2]));
  check_output("param l: mlp(2, [], 3)",
               "[categorical.logpdf(0, logits = l([0.6, -0.3])), categorical.logpdf(2, logits = l([0.6, -0.3]))]", choice,
               {scores[0] - total, scores[2] - total});
}

TEST_CASE("a policy's gradient is the same by its density and past it") {
  // Score against pathwise or enumerated: |difference| within 4 of its standard errors, these small beside the value.
  const auto compare = [](const std::string& params, const std::string& draw, const std::string& cost, const std::string& other,
                          const std::string& param) {
    const auto gradient = [&](const std::string& estimator) {
      return run("import std.nn\nimport std.policies\ngraph g {\n" + params + "\n u ~ " + draw + " by " + estimator + "\n cost " +
                     cost + "\n}",
                 "grad - --samples 1000000")["gradient"][param];
    };
    const Json score = gradient("score"), direct = gradient(other);
    bool large = false;
    for (size_t k = 0; k < score["mean"].size(); ++k) {
      INFO(draw << ", " << param << "[" << k << "]: " << score << direct);
      const double error = std::hypot(score["stderr"][k].get<double>(), direct["stderr"][k].get<double>());
      CHECK(std::abs(score["mean"][k].get<double>() - direct["mean"][k].get<double>()) <= 4 * error + 1e-12);
      large = large || error < 0.02 * std::abs(direct["mean"][k].get<double>());
    }
    CHECK(large);
  };
  const std::string at = "const x = [0.6, -0.3]\n param mean: linear_gain(2, 2)\n";
  compare(at + "param L: cholesky_factor(2, 0.7)", "mvnormal(mean(x), L())", "(u[0] - 1)^2 + u[0]*u[1]", "reparam", "L.below");
  compare(at + "param L: cholesky_factor(2, 0.7)", "mvnormal(mean(x), L())", "(u[0] - 1)^2 + u[0]*u[1]", "reparam",
          "L.log_diagonal");
  compare(at + "param s: deviation_of(2, [3], 2)", "normal(mean(x), s(x))", "sum(square(u))", "reparam", "s.net.out.b");
  compare(at + "param s: learned_deviation(2, 0.6)", "normal(mean(x), s())", "sum(square(u))", "reparam", "s.log_std");
  compare("param l: mlp(2, [], 1)", "bernoulli(logits = l([0.6, -0.3])[0])", "if u then 2.0 else 1.5", "enumerate", "l.out.b");
  compare("param l: mlp(2, [], 3)", "categorical(logits = l([0.6, -0.3]))", "square(u - 0.3)", "enumerate", "l.out.b");
}
