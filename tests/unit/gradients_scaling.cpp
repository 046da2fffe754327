// How the compiler's work grows, counted and not timed: with the number of nodes and of params in proportion, with the horizon
// not at all.
#include <fmt/format.h>

#include <algorithm>

#include "tests/unit/gradients_support.h"

using namespace alea;
using namespace alea::test;

namespace {

// A chain of scalars, each of the two before it, with a param each where asked for.
std::string chain(int length, bool with_params) {
  std::string text = "graph g {\n  param p: real = 0.3\n  x0 ~ normal(p, 1)\n  x1 = sin(x0)\n";
  for (int k = 2; k < length; ++k) {
    if (with_params) text += fmt::format("  param p{}: real = 0.1\n", k);
    text += fmt::format("  x{} = tanh(0.5*x{}) + {}*x{}\n", k, k - 1, with_params ? fmt::format("p{}", k) : "0.3", k - 2);
  }
  return text + fmt::format("  cost x{}^2\n}}\n", length - 1);
}

std::string steps(int horizon) {
  return fmt::format(
      "mdp m {{\n  horizon {}\n  param p: real = 0.3\n  state x: real = 0\n  e ~ normal(0, 1)\n  x' = tanh(p*x + e)\n"
      "  cost x^2\n}}\n",
      horizon);
}

double instructions(const std::string& text) {
  const auto ready = make_ready(text);
  INFO(ready->errors);
  REQUIRE(ready->compiled);
  JitOptions options;
  options.keep_text = true;
  // Narrow throughout, so that only the model differs.
  options.forward_lanes = options.backward_lanes = 8;
  const CompiledKernel kernel(ready->compiled->program, options, CompiledKernel::Link::no);
  return static_cast<double>(std::ranges::count(kernel.llvm(), '\n'));
}

// Each draw reads the one before it, and reaches all costs from its own on. The first few may be asked to be enumerated.
std::string coins(int length, int enumerated = 0) {
  std::string text = "graph g {\n  param p: real[7] = [0.1, -0.2, 0.3, 0, 0.2, -0.1, 0.4]\n";
  for (int k = 0; k < length; ++k) {
    const std::string before = k == 0 ? "0.0" : fmt::format("(if x{} then 0.5 else -0.5)", k - 1);
    text += fmt::format("  x{} ~ bernoulli(logits = {} + p[{}]){}\n", k, before, k % 7, k < enumerated ? " by enumerate" : "");
    text += fmt::format("  cost if x{} then 1.0 else 0.0\n", k);
  }
  return text + "}\n";
}

void check_native(const std::string& text) {
  const auto ready = make_ready(text);
  INFO(ready->errors);
  REQUIRE(ready->compiled);
  const Estimate native = estimate(*ready, 70), interpreted = estimate(*ready, 70, false);
  CHECK(native.mean == Approx(interpreted.mean).epsilon(1e-12));
  REQUIRE(native.gradient.size() == interpreted.gradient.size());
  for (size_t k = 0; k < native.gradient.size(); ++k)
    for (size_t i = 0; i < native.gradient[k].mean.size(); ++i)
      CHECK(native.gradient[k].mean[i] == Approx(interpreted.gradient[k].mean[i]).epsilon(1e-10).margin(1e-12));
}

// Σ (k+1) z_k + k (z_k + z_{k+1} + z_{k+2}), of a draw or of the params themselves.
std::string picked(int length, bool draw) {
  std::string text = fmt::format("graph g {{\n  param a: real[{}]\n", length), name = "a";
  if (draw) text += "  z ~ normal(a, 1)\n", name = "z";
  else text += "  e ~ normal(0, 1)\n  cost e\n";
  for (int k = 0; k < length; ++k) {
    text += fmt::format("  cost {}*{}[{}]\n", k + 1, name, k);
    if (k + 3 <= length) text += fmt::format("  cost {}*sum({}[i] for i in {}..{})\n", k, name, k, k + 3);
  }
  return text + "}\n";
}

}  // namespace

TEST_CASE("code grows in proportion to the model", "[scaling]") {
  for (const bool with_params : {false, true}) {
    const double once = instructions(chain(100, with_params)), base = instructions(chain(50, with_params));
    const double each = (once - base) / 50;
    CHECK(instructions(chain(400, with_params)) < 1.1 * (once + 300 * each));
    CHECK(each < 60);
  }
}

TEST_CASE("draws that all later costs are credited to share their sums", "[scaling]") {
  const auto size = [](int length) {
    const auto ready = make_ready(coins(length));
    INFO(ready->errors);
    REQUIRE(ready->compiled);
    return static_cast<double>(ready->compiled->program.graph.size());
  };
  const double once = size(400), base = size(200);
  CHECK(size(1600) < 1.02 * (once + 6 * (once - base)));
  const double code = instructions(coins(200)), more = instructions(coins(400));
  CHECK(instructions(coins(800)) < 1.05 * (more + 2 * (more - code)));
  check_native(coins(300));
}

// So long that LLVM translates it as it stands, in blocks of its own making.
TEST_CASE("the longest functions give the interpreter's numbers", "[scaling]") { check_native(chain(1500, true)); }

// Arrays of 64 outcomes, each made of the one before it.
TEST_CASE("arrays that follow one another for long are looked through once", "[scaling]") { check_native(coins(300, 6)); }

TEST_CASE("few outcomes are enumerated where all are, or where it costs little", "[scaling]") {
  const auto all_are = [](int length, const std::string& estimator, int first = 0) {
    const auto ready = make_ready(coins(length));
    INFO(ready->errors);
    REQUIRE(ready->compiled);
    for (int k = first; k < length; ++k) CHECK(estimator_of(*ready, fmt::format("x{}", k)) == estimator);
  };
  all_are(6, "enumerate");
  all_are(7, "score", 6);
  all_are(500, "score");
}

TEST_CASE("the adjoints of many slices of an array are put side by side", "[scaling]") {
  const auto elements = [](const std::string& text) {
    const auto ready = make_ready(text);
    INFO(ready->errors);
    REQUIRE(ready->compiled);
    const Program& program = ready->compiled->program;
    double all = 0;
    for (const std::vector<NodeId>& needed : order_phases(program).nodes)
      for (const NodeId node : needed) all += static_cast<double>(element_count(program.graph.type(node).shape));
    return all;
  };
  for (const bool draw : {true, false}) {
    CHECK(elements(picked(400, draw)) < 2.2 * elements(picked(200, draw)));
    constexpr int length = 40;
    const auto ready = make_ready(picked(length, draw));
    INFO(ready->errors);
    REQUIRE(ready->compiled);
    for (const bool native : {true, false}) {
      const std::vector<double> gradient = estimate(*ready, 70, native).gradient[0].mean;
      REQUIRE(gradient.size() == length);
      for (int k = 0; k < length; ++k) {
        double expected = k + 1;
        for (int first = std::max(k - 2, 0); first <= std::min(k, length - 3); ++first) expected += first;
        CHECK(gradient[static_cast<size_t>(k)] == Approx(expected));
      }
    }
  }
}

TEST_CASE("code does not grow with the horizon", "[scaling]") {
  // With the whole tape, and in segments.
  CHECK(instructions(steps(10)) == Approx(instructions(steps(1'000))).epsilon(0.05));
  CHECK(instructions(steps(1'000'000)) == Approx(instructions(steps(10'000'000))).epsilon(0.05));
}

TEST_CASE("a chain of else-if costs each of its comparisons a bounded search", "[scaling]") {
  std::string text = "graph g {\n  param p: real = 0.3\n  x ~ normal(p, 1)\n  y = ";
  for (int k = 0; k < 3000; ++k) text += fmt::format("if x > {} then {} else ", k, k % 7);
  const auto ready = make_ready(text + "0\n  cost y\n}\n");
  INFO(ready->errors);
  REQUIRE(ready->compiled);
  CHECK(estimator_of(*ready, "x") == "score");
  Graph graph = ready->compiled->graph.graph;
  uint32_t outermost = 0;
  for (uint32_t k = 0; k < graph.size(); ++k)
    if (graph.op(NodeId{k}) == Op::select) outermost = k;
  const size_t before = graph.size();
  CHECK(!branches_agree(graph, graph.input(NodeId{outermost}, 0), NodeId{outermost}));
  CHECK(graph.size() < before + 1000);
}
