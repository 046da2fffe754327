// Random well-typed models, from text to numbers: the checker, the elaborator, the choice, the adjoint and
// native code must agree with the interpreter to 1e-12 on every one of them, and print and read back. A model
// that the choice refuses (a param that reaches a jump) is fine, if it is refused with a reason.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <cmath>
#include <random>

#include "compiler/kernel/read_program.h"
#include "tests/unit/gradients_support.h"

using namespace alea;
using namespace alea::test;

namespace {

// Writes models of scalars and vectors of 3, with every kind of statement.
struct Writer {
  std::mt19937 random;
  std::vector<std::string> scalars, vectors, discrete;
  std::vector<std::string> together;  // scalars that hold draws of every kind
  bool in_mdp = false, requests = false;

  int pick(int n) { return int(random() % uint32_t(n)); }
  std::string number() { return fmt::format("{:.2f}", double(pick(400)) / 100 - 2); }
  std::string one_of(const std::vector<std::string>& names) { return names[size_t(pick(int(names.size())))]; }

  std::string scalar(int depth) {
    if (depth == 0 || pick(5) == 0) return pick(4) == 0 ? number() : one_of(scalars);
    auto deeper = [&] { return scalar(depth - 1); };
    switch (pick(22)) {
      case 0: return fmt::format("({} + {})", deeper(), deeper());
      case 1: return fmt::format("({} - {})", deeper(), deeper());
      case 2: return fmt::format("({} * {})", deeper(), deeper());
      case 3: return fmt::format("tanh({})", deeper());
      case 4: return fmt::format("sin({})", deeper());
      case 5: return fmt::format("exp(-abs({}))", deeper());
      case 6: return fmt::format("log(1 + ({})^2)", deeper());
      case 7: return fmt::format("({} / (1.5 + sin({})))", deeper(), deeper());
      case 8: return fmt::format("sigmoid({})", deeper());
      case 9: return fmt::format("softplus({})", deeper());
      case 10: return fmt::format("max({}, {})", deeper(), deeper());
      case 11: return fmt::format("clip({}, -1, 1.5)", deeper());
      case 12: return fmt::format("sum({})", vector(depth - 1));
      case 13: return fmt::format("dot({}, {})", vector(depth - 1), vector(depth - 1));
      case 14: return fmt::format("({})[{}]", vector(depth - 1), pick(3));
      case 15: return fmt::format("logsumexp({})", vector(depth - 1));
      case 16: return fmt::format("(if {} then {} else {})", condition(), deeper(), deeper());
      case 17: return fmt::format("relu({})", deeper());
      case 18: return fmt::format("sqrt(1 + ({})^2)", deeper());
      case 19: return fmt::format("erf({})", deeper());
      case 20: return fmt::format("atan({})", deeper());
      default: return fmt::format("-{}", one_of(scalars));
    }
  }

  std::string condition() {
    if (!discrete.empty() && pick(3) > 0) return one_of(discrete) + " == 1";
    return in_mdp ? "time % 2 == 0" : "1 < 2";
  }

  std::string vector(int depth) {
    if (depth <= 0 || pick(4) == 0) return one_of(vectors);
    auto deeper = [&] { return vector(depth - 1); };
    switch (pick(10)) {
      case 0: return fmt::format("({} + {})", deeper(), deeper());
      case 1: return fmt::format("({} * {})", scalar(depth - 1), deeper());
      case 2: return fmt::format("tanh({})", deeper());
      case 3: return fmt::format("softmax({})", deeper());
      case 4: return fmt::format("[{}, {}, {}]", scalar(depth - 1), scalar(depth - 1), scalar(depth - 1));
      case 5: return fmt::format("(mat @ {})", deeper());
      case 6: return fmt::format("cumsum({})", deeper());
      case 7: return fmt::format("[i * ({})[i] for i in 0..3]", deeper());
      case 8: return fmt::format("sort({})", deeper());
      default: return fmt::format("({} * {})", deeper(), deeper());
    }
  }

  // An estimator by name, now and then: of those that evaluate what is downstream several times, and relaxed ones.
  std::string request(std::initializer_list<const char*> admissible) {
    if (!requests || pick(3) == 0) return "";
    std::vector<std::string> names(admissible.begin(), admissible.end());
    names.insert(names.end(), {"score(baseline = running)", "score(baseline = none)"});
    return " by " + one_of(names);
  }

  std::string draws(int count, const std::string& prefix) {
    std::string text;
    constexpr std::array<int, 12> by_request{0, 1, 1, 2, 2, 4, 5, 6, 9, 9, 10, 1};
    for (int k = 0; k < count; ++k) {
      std::string name = fmt::format("{}{}", prefix, k);
      switch (requests ? by_request[size_t(pick(12))] : pick(9)) {
        case 9: {
          text += fmt::format("  {} ~ bernoulli(logits = {})", name, vector(1));
          text += (in_mdp ? request({"gumbel"}) : request({"measure_valued", "disarm", "rebar", "gumbel"})) + "\n";
          vectors.push_back(fmt::format("(1.0 * {})", name));
          together.push_back(fmt::format("sum({})", name));
          continue;
        }
        case 10:
          text += fmt::format("  {} ~ poisson(0.5 + softplus({}))", name, scalar(1));
          text += (in_mdp ? request({}) : request({"measure_valued"})) + "\n";
          break;
        case 0: {
          const std::string law = fmt::format("normal({}, 0.5 + sigmoid({}))", scalar(2), scalar(1));
          text += fmt::format("  {} ~ {}{}\n", name, law, in_mdp ? "" : request({"measure_valued", "reparam"}));
          break;
        }
        case 1:
          text += fmt::format("  {} ~ bernoulli(logits = {}){}\n", name, scalar(2),
                              in_mdp ? request({"gumbel(tau = 0.7)", "straight_through"})
                                     : request({"measure_valued", "disarm", "rebar", "gumbel", "straight_through(tau = 0.8)",
                                                "straight_through", "straight_through(identity = true)"}));
          break;
        case 2:
          text +=
              fmt::format("  {} ~ categorical(logits = {}){}\n", name, vector(1),
                          in_mdp ? request({"gumbel", "straight_through(tau = 0.4)"})
                                 : request({"rebar", "gumbel(tau = 0.3)", "straight_through", "straight_through(tau = 0.8)"}));
          break;
        case 3: text += fmt::format("  {} ~ laplace({}, 0.7)\n", name, scalar(1)); break;
        case 4:
          text += fmt::format("  {} ~ normal({}, 0.8)", name, vector(1)) + (in_mdp ? "" : request({"measure_valued"})) + "\n";
          vectors.push_back(name);
          continue;
        case 5:
          if (requests && pick(2)) {
            text += fmt::format("  {} ~ gamma(1.3, 1.2 + sigmoid({}))", name, scalar(1)) +
                    (in_mdp ? "" : request({"measure_valued"}));
            text += "\n";
          } else {
            text += fmt::format("  {} ~ gamma(1 + sigmoid({}), 1.5)\n", name, scalar(1));
          }
          break;
        case 6:
          text += fmt::format("  {} ~ exponential(0.5 + sigmoid({}))", name, scalar(1));
          text += (in_mdp ? "" : request({"measure_valued"})) + "\n";
          break;
        case 7:
          text += fmt::format("  {} ~ mvnormal({}, [[1.0, 0.0, 0.0], [0.2, 0.9, 0.0], [0.1, -0.3, 0.8]])\n", name, vector(1));
          vectors.push_back(name);
          continue;
        default: text += fmt::format("  {} ~ logistic({}, 0.4)\n", name, scalar(1)); break;
      }
      bool is_discrete =
          text.find(name + " ~ bernoulli") != std::string::npos || text.find(name + " ~ categorical") != std::string::npos;
      (is_discrete ? discrete : scalars).push_back(name);
      together.push_back(name);
    }
    return text;
  }

  std::string write() {
    std::string params =
        "  param p: real = 0.4\n  param q: real[3] = [0.3, -0.5, 0.8]\n  param mat: real[3, 3] = [[0.5, 0.1, -0.2], [0.0, 0.3, "
        "0.4], [-0.6, 0.2, 0.1]]\n";
    scalars = {"p"}, vectors = {"q"};
    in_mdp = pick(requests ? 5 : 2) == 0;
    if (!in_mdp) {
      std::string text = "graph g {\n" + params + draws((requests ? 2 : 1) + pick(3), "d");
      text += fmt::format("  node = {}\n", scalar(2));
      scalars.push_back("node");
      for (int k = 0; k <= pick(3); ++k) text += fmt::format("  cost {}\n", scalar(3));
      // Every draw that may be held reaches a cost together with the others.
      if (requests && !together.empty())
        text += fmt::format("  cost cos({} - {})\n", fmt::join(together, " + 0.5 * "), scalar(1));
      return text + "}\n";
    }
    std::string text = fmt::format("mdp m {{\n  horizon {}\n  discount {}\n", 1 + pick(6), pick(2) ? "0.9" : "1.0") + params;
    text += "  state x: real ~ normal(p, 1)\n  state v: real[3] = [0.1, 0.2, -0.3]\n  state n: int = 0\n";
    scalars.push_back("x"), vectors.push_back("v");
    text += draws(1 + pick(2), "d");
    if (pick(2)) text += fmt::format("  x' = tanh({}) + 0.3*x\n", scalar(2));
    else text += fmt::format("  x' ~ normal(tanh({}), 0.3)\n", scalar(2));
    text += fmt::format("  v' = tanh({})\n", vector(2));
    text += discrete.empty() ? "  n' = n + 1\n" : fmt::format("  n' = n + {}\n", one_of(discrete));
    for (int k = 0; k <= pick(2); ++k) text += fmt::format("  reward {}\n", scalar(3));
    if (pick(2)) text += "  final reward x^2 + sum(v)\n";
    if (pick(2)) text += pick(2) ? "  terminate n' >= 2\n" : "  terminate stop(x' > 1.2)\n";
    return text + "}\n";
  }
};

bool close(double a, double b, double scale) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) == std::isnan(b);
  return a == b || std::fabs(a - b) <= 1e-12 * std::max({std::fabs(a), std::fabs(b), scale});
}

void check_random_models(bool requests, int wanted) {
  int ran = 0, refused = 0, in_segments = 0;
  std::map<std::string, int> estimators;
  for (uint32_t seed = 1; ran < wanted; ++seed) {
    REQUIRE(seed < 4 * static_cast<uint32_t>(wanted));
    Writer writer;
    writer.random.seed(seed);
    writer.requests = requests;
    std::string text = writer.write();
    INFO("seed " << seed << "\n" << text);
    auto ready = make_ready(text);
    INFO(ready->errors);
    if (!ready->compiled) {
      const auto says = [&](const char* words) { return ready->errors.find(words) != std::string::npos; };
      REQUIRE((says("no unbiased estimator") || (requests && (says("has no meaning") || says("has no relaxed meaning")))));
      ++refused;
      continue;
    }
    Estimate native = estimate(*ready, 70), slow = estimate(*ready, 70, false);
    CHECK(close(native.mean, slow.mean, 1));
    REQUIRE(native.gradient.size() == slow.gradient.size());
    for (size_t p = 0; p < native.gradient.size(); ++p) {
      double scale = 1;
      for (double value : slow.gradient[p].mean) scale = std::max(scale, std::fabs(value));
      for (size_t k = 0; k < native.gradient[p].mean.size(); ++k) {
        INFO("param " << p << " element " << k << ": " << native.gradient[p].mean[k] << " and " << slow.gradient[p].mean[k]);
        CHECK(close(native.gradient[p].mean[k], slow.gradient[p].mean[k], scale));
      }
    }
    if (ran % 10 == 0) {
      // The printed program reads back and runs to the same bits.
      std::string printed = print(ready->compiled->program);
      SourceMap map;
      Diagnostics problems;
      auto again = read_program(map, map.add("again.aleair", printed), problems);
      REQUIRE(again);
      CHECK(print(*again) == printed);
      ready->compiled->program = std::move(*again);
      Estimate repeated = estimate(*ready, 70);
      CHECK((repeated.mean == native.mean || (std::isnan(repeated.mean) && std::isnan(native.mean))));
      for (size_t p = 0; p < native.gradient.size(); ++p) CHECK(repeated.gradient[p].mean == native.gradient[p].mean);
    }
    if (ready->compiled->program.horizon > 0 && ran % 4 == 0) {
      // Over more steps, with the whole tape and with checkpoints: the same bits.
      ready->compiled->program.horizon = 101;
      JitOptions whole, in_parts;
      whole.arena_limit = 0;
      in_parts.arena_limit = 1;
      CHECK(bits(estimate(*ready, 70, true, false, whole)) == bits(estimate(*ready, 70, true, false, in_parts)));
      ++in_segments;
    }
    for (const ExplainedNode& node : ready->compiled->explanation.nodes) ++estimators[node.estimator];
    ++ran;
  }
  INFO(refused << " refused");
  CHECK(refused < wanted);
  CHECK(in_segments >= wanted / 40);
  if (!requests) return;
  for (const char* name : {"measure_valued", "disarm", "rebar", "gumbel", "straight_through"}) {
    INFO(name);
    CHECK(estimators[name] >= 10);
  }
}

}  // namespace

TEST_CASE("random models: native code against the interpreter") { check_random_models(false, 500); }

// Forks, relaxed draws and running baselines by name: these run the same adjoint over rows of their own.
TEST_CASE("random models whose draws ask for estimators by name") { check_random_models(true, 160); }
