// The estimator IR as text: it reads back to the same text and the same numbers, and no text does harm.
#include <catch2/catch.hpp>
#include <random>

#include "compiler/kernel/interpret.h"
#include "compiler/kernel/read_program.h"
#include "dsl/diagnostic.h"

using namespace alea;

namespace {

struct Maker {
  Program program;
  NodeId operator()(Phase phase, Rate rate, Op op, std::initializer_list<NodeId> inputs, uint32_t payload = UINT32_MAX,
                    const Type& type = {}) {
    return placed(phase, rate, program.graph.add(op, type, inputs, payload));
  }
  NodeId constant(const Type& type, std::vector<double> values) {
    return placed(Phase::uniform, rate_none, program.graph.constant(type, std::move(values)));
  }
  uint32_t list(std::vector<int64_t> attributes) { return program.graph.add_attributes(std::move(attributes)).index; }

 private:
  NodeId placed(Phase phase, Rate rate, NodeId node) {
    if (node.index == program.phase.size()) {
      program.phase.add(phase);
      program.rate.add(rate);
    }
    return node;
  }
};

// x' = a x + w[k] + z while alive, x₀ = 1, ends at x' > 3; cost Σ x² + x_H; score term of z's law made up for the
// test; gradients of a (through the adjoint) and w (an indexed sum).
Program sample_program() {
  constexpr Rate st = rate_sample_time;
  const Type boolean{Scalar::boolean, 0, {}}, vector{Scalar::real, 0, {3}};
  Maker make;
  Program& p = make.program;
  p.model = "line";
  p.policy = "a policy \"quoted\"";
  p.maximise = true;
  p.horizon = 4;
  p.has_gradient = true;
  p.params.add({"a", {}, {}});
  p.params.add({"w", vector, {}});
  p.noises.add({"z"});
  const NodeId one = make.constant({}, {1}), truth = make.constant(boolean, {1}), two = make.constant(vector, {0.5, -2, 1e-300});
  const NodeId a = make(Phase::uniform, rate_none, Op::param, {}, 0),
               w = make(Phase::uniform, rate_none, Op::param, {}, 1, vector);
  const NodeId weights = make(Phase::uniform, rate_none, Op::add, {w, two}, UINT32_MAX, vector);
  p.states.add({"x", {}, one, {}});
  p.states.add({"alive", boolean, truth, {}});
  p.alive = StateId{1};
  const NodeId x = make(Phase::step, st, Op::state, {}, 0), alive = make(Phase::step, st, Op::state, {}, 1, boolean);
  const NodeId z = make(Phase::step, st, Op::noise_normal, {}, 0);
  const NodeId time = make(Phase::step, rate_time, Op::time, {}, UINT32_MAX, {Scalar::integer, 0, {}});
  const NodeId k = make(Phase::step, rate_time, Op::modulo, {time, make.constant({Scalar::integer, 0, {}}, {3})}, UINT32_MAX,
                        {Scalar::integer, 0, {}});
  const NodeId weight = make(Phase::step, rate_time, Op::gather, {weights, k}, make.list({0}));
  const NodeId drift = make(Phase::step, st, Op::add, {make(Phase::step, st, Op::mul, {a, x}), weight});
  const NodeId next = make(Phase::step, st, Op::add, {drift, z});
  p.states[StateId{0}].next = make(Phase::step, st, Op::select, {alive, next, x});
  const NodeId end = make(Phase::step, st, Op::less, {make.constant({}, {3}), next}, UINT32_MAX, boolean);
  p.states[StateId{1}].next =
      make(Phase::step, st, Op::logical_and, {alive, make(Phase::step, st, Op::logical_not, {end}, UINT32_MAX, boolean)},
           UINT32_MAX, boolean);
  const NodeId reward = make(Phase::step, st, Op::mul, {x, x});
  p.objective_step = make(Phase::step, st, Op::select, {alive, reward, make.constant({}, {0})});
  p.objective_final = make(Phase::final, rate_sample, Op::final_state, {}, 0);
  p.names = {{"x'", next, {}}, {"reward", reward, {}}, {"odd name", drift, {}}};

  p.advantages.add({"z",
                    Phase::step,
                    {},
                    p.objective_step,
                    p.objective_step,
                    p.objective_final,
                    Baseline::leave_one_out,
                    {},
                    "log density of z\ndownstream: reward"});
  p.carries.add({StateId{0}, {}, one, {}});
  const NodeId adjoint = make(Phase::step_backward, st, Op::adjoint, {}, 0);
  const NodeId advantage = make(Phase::step_backward, st, Op::advantage, {}, 0);
  const NodeId through = make(Phase::step_backward, st, Op::mul, {adjoint, a});
  const NodeId live = make(Phase::step_backward, st, Op::select, {alive, through, adjoint});
  p.carries[AdjointCarryId{0}].step_value =
      make(Phase::step_backward, st, Op::add, {live, make(Phase::step_backward, st, Op::mul, {x, advantage})});
  const NodeId slope = make(Phase::step_backward, st, Op::mul, {adjoint, x});
  p.accumulators.add({a, {}, {{Phase::step_backward, slope, {}}}});
  p.accumulators.add({weights, vector, {{Phase::step_backward, adjoint, k}}});
  p.params[ParamId{0}].gradient = make(Phase::finish, rate_none, Op::accumulated, {}, 0);
  p.params[ParamId{1}].gradient = make(Phase::finish, rate_none, Op::accumulated, {}, 1, vector);
  return std::move(make.program);
}

struct Reading {
  std::optional<Program> program;
  std::string errors;
};
Reading reading(const std::string& text) {
  SourceMap map;
  Diagnostics diagnostics;
  Reading result;
  result.program = read_program(map, map.add("x.aleair", text), diagnostics);
  for (const Diagnostic& diagnostic : diagnostics.sorted()) result.errors += render(diagnostic, map, false);
  CHECK(result.program.has_value() == result.errors.empty());
  return result;
}

}  // namespace

TEST_CASE("a program's text reads back to the same text and the same numbers") {
  const Program program = sample_program();
  REQUIRE(program_error(program) == "");
  const std::string text = print(program);
  INFO(text);
  CHECK(looks_like_program(text));
  const Reading again = reading(text);
  INFO(again.errors);
  REQUIRE(again.program);
  CHECK(print(*again.program) == text);
  const ParamArrays params = {{0.7}, {0.1, -0.2, 0.3}};
  const auto run = [&](const Program& p) { return interpret_group<double>(p, params, {}, 0, 64, philox_noise<double>(p, 3)); };
  const GroupResult first = run(program), second = run(*again.program);
  CHECK(first.objective == second.objective);
  CHECK(first.gradient == second.gradient);
  CHECK(first.gradient[1][0] != 0);
}

TEST_CASE("the page has a section a phase, and says what is carried") {
  const std::string text = print(sample_program());
  for (const char* part : {"estimator line", "maximise", "horizon 4", "alive alive", "\nuniform ", "\nforward ", "noise.normal z",
                           "next x ", "\ncredit ", "baseline loo", "carry x ", "add 1[", "\nfinish ", "gradient a ", "gather"})
    CHECK(text.find(part) != std::string::npos);
}

TEST_CASE("wrong texts get a diagnostic") {
  const std::string text = print(sample_program());
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string changed = text;
    const size_t at = changed.find(from);
    REQUIRE(at != std::string::npos);
    return changed.replace(at, from.size(), to);
  };
  CHECK(reading("").errors.find("nothing to read") != std::string::npos);
  CHECK(reading("estimator x\n  horizon -1\n").errors.find("expected an integer") != std::string::npos);
  CHECK(reading(with("mul a, x", "mul a, nowhere")).errors.find("not defined above") != std::string::npos);
  CHECK(reading(with("mul a, x", "mull a, x")).errors.find("no operation") != std::string::npos);
  CHECK(reading(with("mul a, x", "mul a, w")).errors.find("has type") != std::string::npos);
  CHECK(reading(with("alive alive", "alive x")).errors.find("no boolean") != std::string::npos);
  CHECK(reading(with("next x ", "next y ")).errors.find("names no state") != std::string::npos);
  CHECK(reading(with("real[3]", "real[99999999999]")).errors.find("expected an integer") != std::string::npos);
  CHECK(reading(with("real[3]", "real[1000000, 1000000]")).errors.find("too many elements") != std::string::npos);
  CHECK(reading(with("\nfinal ", "\nfinish ")).errors.size() > 0);
  CHECK(reading("estimator x\n\xff").errors.find("UTF-8") != std::string::npos);
}

TEST_CASE("damaged texts never do harm") {
  const std::string text = print(sample_program());
  std::mt19937 random(12345);
  const std::string alphabet = "%0123456789abxw=:,[]@#\"\n -.+e";
  int accepted = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string damaged = text;
    const int changes = 1 + static_cast<int>(random() % 3);
    for (int i = 0; i < changes; ++i) {
      const size_t at = random() % damaged.size();
      switch (random() % 4) {
        case 0: damaged[at] = alphabet[random() % alphabet.size()]; break;
        case 1: damaged.erase(at, 1 + random() % 12); break;
        case 2: damaged.insert(at, 1, alphabet[random() % alphabet.size()]); break;
        default: {  // a line goes, or comes twice
          const size_t begin = damaged.rfind('\n', at), end = damaged.find('\n', at);
          if (begin == std::string::npos || end == std::string::npos || end <= begin) break;
          const std::string line = damaged.substr(begin, end - begin);
          random() % 2 == 0 ? damaged.erase(begin, end - begin) : damaged.insert(end, line);
        }
      }
    }
    const Reading result = reading(damaged);
    if (!result.program) continue;
    ++accepted;
    const std::string again = print(*result.program);
    const Reading second = reading(again);
    INFO(damaged);
    INFO(again);
    INFO(second.errors);
    REQUIRE(second.program);
    CHECK(print(*second.program) == again);
  }
  CHECK(accepted > 100);
}
