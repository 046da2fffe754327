// What verify finds: wrong gradients, among them those that only many samples show; code that differs; values that are
// not finite; promises that are broken. And what it lets pass: right gradients, branches not taken.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <cmath>

#include "runtime/tool/verify.h"
#include "tests/support/expectation.h"

using namespace alea;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

namespace {

struct Verified {
  Session session;
  Model model;
  explicit Verified(ToolOptions options) : session(std::move(options)), model(prepare_model(session)) {}
};

// A model in a file of its own, so that messages have its name.
std::unique_ptr<Verified> prepared(const std::string& text, int64_t samples, const std::string& policy = {}) {
  const fs::path file = fs::temp_directory_path() / "alea-verify.alea";
  test::write_text(file, text);
  ToolOptions options;
  options.command = Command::verify;
  options.files = {file.string()};
  options.check.policy = policy;
  options.samples = samples;
  options.threads = 1;
  options.quiet = true;
  return std::make_unique<Verified>(std::move(options));
}

const std::string walk = R"(
mdp walk {
  horizon 3
  param w: real = 1.5
  state x: real ~ normal(0, 1)
  right ~ bernoulli(logits = w + 0.5*x)
  x' ~ normal(x + 0.4*(if right then 1 else -1)*w, 0.5)
  terminate x > 1.5
  reward -(x - 0.5)^2
  final reward x
})";

}  // namespace

TEST_CASE("verify: right gradients agree, and wrong ones are found") {
  const auto right = prepared(walk, 400'000);
  const Verification good = verify_model(right->session, right->model);
  for (const Direction& d : good.directions) INFO(d.name << " " << d.gradient << " " << d.difference << " " << d.standard_error);
  CHECK(good.good());
  REQUIRE(good.noticed);
  CHECK(*good.noticed < 0.1);
  REQUIRE(good.directions.size() == 1);
  CHECK(good.directions[0].name == "along the gradient");

  // The same gradient with every adjoint of one state lost, and a gradient that is a tenth too large.
  for (const double factor : {1.15, 0.0}) {
    auto wrong = prepared(walk, 400'000);
    Program& program = wrong->model.compiled->program;
    ProgramParam& param = program.params[ParamId{0}];
    const NodeId scale = program.graph.constant(factor);
    program.phase.resize(program.graph.size(), Phase::uniform);
    program.rate.resize(program.graph.size(), rate_none);
    param.gradient = program.graph.add(Op::mul, {}, {param.gradient, scale});
    program.phase.resize(program.graph.size(), Phase::finish);
    program.rate.resize(program.graph.size(), rate_none);
    const Verification bad = verify_model(wrong->session, wrong->model);
    CHECK(!bad.good());
    CHECK(!bad.directions.at(0).agrees);
    CHECK(!bad.worst);
  }
}

TEST_CASE("verify: smooth models are held to rounding") {
  const auto smooth = prepared("graph g { param m: real[3] = [0.5, -1, 2] x ~ normal(m, exp(m)) cost sum(sin(x) * x) }", 4096);
  const Verification result = verify_model(smooth->session, smooth->model);
  CHECK(result.good());
  CHECK(result.directions.size() == 4);
  REQUIRE(result.noticed);
  CHECK(*result.noticed < 1e-5);
}

TEST_CASE("verify: code that differs is named by value, sample and step") {
  const auto one = prepared(walk, 100);
  Program other = one->model.compiled->program;
  // Another x', from the step in which x is large.
  NodeId named;
  for (const ProgramState& state : other.states)
    if (state.name == "x") named = state.next;
  REQUIRE(named);
  const NodeId limit = other.graph.constant(0.9), much = other.graph.constant(1e-3);
  other.phase.resize(other.graph.size(), Phase::uniform);
  other.rate.resize(other.graph.size(), rate_none);
  const NodeId over = other.graph.add(Op::less, {Scalar::boolean, 0, {}}, {limit, named});
  const NodeId moved = other.graph.add(Op::add, {}, {named, much});
  const NodeId changed = other.graph.add(Op::select, {}, {over, moved, named});
  other.phase.resize(other.graph.size(), Phase::step);
  other.rate.resize(other.graph.size(), rate_sample_time);
  for (ProgramState& state : other.states)
    if (state.name == "x") state.next = changed;
  REQUIRE(program_error(other) == "");
  Verification result;
  compare_backends(one->session, one->model, other, one->model.compiled->program, result);
  REQUIRE(result.worst);
  INFO(result.worst->what);
  CHECK_THAT(result.worst->what, Contains("`x'`"));
  CHECK_THAT(result.worst->what, Contains(", sample ") && Contains(", step "));
}

TEST_CASE("verify: what is not finite is named by value, sample and step") {
  const auto forward = prepared(R"(
mdp m {
  horizon 6
  param w: real = 1
  state x: real = 1
  y = log(4.5 - x) * w
  x' = x + 1
  cost y
})",
                                64);
  const Verification values = verify_model(forward->session, forward->model);
  CHECK(!values.good());
  CHECK_THAT(values.non_finite, Contains("at ") && Contains("alea-verify.alea:6") && Contains("step 4"));
  const auto backward = prepared("graph g {\n  param w: real = 0\n  y = w^0.5\n  cost y\n}", 64);
  const Verification gradient = verify_model(backward->session, backward->model);
  CHECK(!gradient.good());
  CHECK_THAT(gradient.non_finite, Contains("on the way back") && Contains("alea-verify.alea:3"));
}

TEST_CASE("verify: promises that do not hold are named by line, sample and step") {
  const auto verified = [](const std::string& text) {
    const auto made = prepared(text, 2000);
    Verification result;
    check_promises(made->session, made->model, 1, result);
    return result.promises;
  };
  const auto lines = [](const std::string& definition, const std::string& condition = "false") {
    return fmt::format(
        "mdp m {{\n  horizon 5\n  param w: real = 0.5\n  state x: real = 2\n  x' = x - 1\n  z ~ normal(w, 1)\n  terminate {}\n"
        "  cost {}\n}}",
        condition, definition);
  };
  const auto zero = verified(lines("w / nonzero(x)"));
  REQUIRE(zero.size() == 1);
  CHECK(zero[0].what == "its operand is 0 in sample 0, step 2");
  const auto crosses = verified(lines("w / nonzero(z - 0.25)"));
  REQUIRE(crosses.size() == 1);
  CHECK_THAT(crosses[0].what, Contains("changes sign") && Contains("step 0"));
  CHECK(verified(lines("w / nonzero(z^2 + 0.1)")).empty());
  CHECK(verified(lines("w / nonzero(x - 0.5)")).empty());                      // of one sign at each step
  CHECK(verified(lines("if x > 0 then w / nonzero(x) else 0")).empty());       // a branch that is not taken
  CHECK(verified(lines("w / nonzero(x)", "x < 1.5")).empty());                 // after the end
  CHECK(verified(lines("w / nonzero(if z > 0 then 1.0 else -1.0)")).empty());  // a jump over 0
  CHECK(verified(lines("if x > -1 then w / nonzero(x) else 0")).size() == 1);
}

TEST_CASE("verify: score models are checked within the time") {
  for (const char* model : {"std:tabular", "std:cart_pole"}) {
    const auto begin = std::chrono::steady_clock::now();
    const auto result = test::run_command(fmt::format("alea verify {}", model), fs::temp_directory_path());
    INFO(result.out << result.error);
    CHECK(result.status == 0);
    CHECK_THAT(result.out, Contains("would be noticed"));
    CHECK(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() < 15);
  }
}
