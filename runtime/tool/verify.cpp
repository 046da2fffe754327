// Native code against the interpreter, on the first samples of the run. Where they differ, the first value that the model
// names and that differs is looked for: one small program for each, whose objective is that value.
#include "runtime/tool/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "compiler/graph/build.h"
#include "runtime/tool/engine.h"

namespace alea {

namespace {

bool close(double a, double b, double allowed) { return a == b || std::abs(a - b) <= allowed * std::abs(b); }

// Mean objectives of the first `samples` samples and `horizon` steps, by native code and by the interpreter.
struct Means {
  double native = 0, interpreted = 0;
};

struct Comparison {
  const Session& session;
  const Model& model;
  const Program &native, &interpreted;
  double allowed;

  Means means_of(const Program& first, const Program& second, int64_t samples, int64_t horizon) const {
    const auto cut = [&](Program program) {
      program.horizon = std::min(program.horizon, horizon);
      return program;
    };
    const Program one = cut(first), other = cut(second);
    const CompiledKernel kernel(one, jit_options(session));
    RunOptions options;
    options.samples = samples;
    options.seed = session.options.seed;
    options.gradient = false;
    const auto mean = [&](const Program& program, const CompiledKernel* code) {
      DriverOptions driver_options;
      driver_options.threads = 1;
      driver_options.single_precision = session.options.single_precision;
      Driver driver(program, code, driver_options);
      if (!model.inputs.empty()) driver.set_inputs(model.inputs);
      return driver.run(model.params, options).mean;
    };
    return {mean(one, &kernel), mean(other, nullptr)};
  }
  bool differs(const Program& first, const Program& second, int64_t samples, int64_t horizon) const {
    const Means means = means_of(first, second, samples, horizon);
    return !close(means.native, means.interpreted, allowed);
  }

  // "`om'` at pendulum.alea:14:3, sample 12, step 3": the first sample and step whose objective differs, and the first
  // named value that does there.
  BackendDifference first(int64_t samples) const;
};

// The smallest n in 1 … limit for which `differs(n)`; differs(limit) holds.
template <class Differs>
int64_t smallest(int64_t limit, const Differs& differs) {
  int64_t low = 0, high = limit;
  while (high - low > 1) {
    const int64_t middle = low + (high - low) / 2;
    (differs(middle) ? high : low) = middle;
  }
  return high;
}

// The forward phases, with the sum of one node's elements for an objective. What is computed after an episode's end counts
// for nothing: it may be left out.
Program with_objective(Program program, NodeId node) {
  Graph& graph = program.graph;
  const Phase phase = program.phase[node];
  const auto place = [&](Phase of, Rate rate) {
    program.phase.resize(graph.size(), of);
    program.rate.resize(graph.size(), rate);
  };
  place(Phase::uniform, rate_none);
  NodeId value = make_sum_all(graph, make_convert(graph, node, Scalar::real));
  place(phase, program.rate[node]);
  if (phase == Phase::step && program.alive) {
    const NodeId zero = graph.constant(0);
    place(Phase::uniform, rate_none);
    const NodeId alive = graph.add(Op::state, program.states[program.alive].type, {}, program.alive.index);
    place(Phase::step, rate_sample_time);
    value = graph.add(Op::select, {}, {alive, value, zero});
    place(Phase::step, rate_sample_time);
  }
  program.has_gradient = false;
  program.advantages = {};
  program.carries = {};
  program.accumulators = {};
  for (ProgramParam& param : program.params) param.gradient = {};
  program.objective_init = phase == Phase::init || phase == Phase::uniform ? value : NodeId{};
  program.objective_step = phase == Phase::step ? value : NodeId{};
  program.objective_final = phase == Phase::final ? value : NodeId{};
  return program;
}

// What the model names, and the states' next values, in the order in which they are computed.
std::vector<NamedNode> named_values(const Program& program) {
  std::vector<NamedNode> names = program.names;
  for (const ProgramState& state : program.states)
    names.push_back({state.name + "'", state.next, program.graph.span(state.next)});
  std::erase_if(names, [&](const NamedNode& named) { return program.phase[named.node] > Phase::final; });
  std::stable_sort(names.begin(), names.end(), [&](const NamedNode& a, const NamedNode& b) {
    const Phase first = program.phase[a.node], second = program.phase[b.node];
    return first != second ? first < second : a.node < b.node;
  });
  return names;
}

BackendDifference Comparison::first(int64_t samples) const {
  const int64_t horizon = interpreted.horizon;
  const int64_t count = smallest(samples, [&](int64_t n) { return differs(native, interpreted, n, horizon); });
  int64_t steps = 0;
  if (horizon > 0) steps = smallest(horizon, [&](int64_t n) { return differs(native, interpreted, count, n); });
  std::string what = fmt::format("the objective, sample {}", count - 1);
  Means means = means_of(native, interpreted, count, std::max<int64_t>(steps, 0));

  const std::vector<NamedNode> others = named_values(native);
  for (const NamedNode& named : named_values(interpreted)) {
    const auto same = std::ranges::find_if(others, [&](const NamedNode& n) { return n.name == named.name; });
    if (same == others.end()) continue;
    const Program one = with_objective(native, same->node), other = with_objective(interpreted, named.node);
    if (!differs(one, other, count, steps)) continue;
    means = means_of(one, other, count, steps);
    what = fmt::format("`{}`{}, sample {}", named.name, place_text(session, named.span), count - 1);
    break;
  }
  if (steps > 0) what += fmt::format(", step {}", steps - 1);
  return {what, means.native, means.interpreted};
}

}  // namespace

void compare_backends(const Session& session, const Model& model, const Program& native_program,
                      const Program& interpreted_program, Verification& result) {
  constexpr int64_t most_samples = 128;
  result.compared_samples = session.options.samples > 0 ? std::min(most_samples, session.options.samples) : most_samples;
  result.allowed = session.options.single_precision ? 1e-4 : 1e-12;
  Engine native(session, model, native_program, false), interpreter(session, model, interpreted_program, true);
  RunOptions options;
  options.samples = result.compared_samples;
  options.seed = session.options.seed;
  const Estimate a = native.run(model.params, options), b = interpreter.run(model.params, options);
  for (const auto& [estimate, program] : {std::pair{&a, &native_program}, std::pair{&b, &interpreted_program}})
    if (estimate->non_finite && result.non_finite.empty()) result.non_finite = place_of(session, *program, *estimate->non_finite);

  const auto compare = [&](double x, double y, double scale, const auto& where) {
    const bool same = x == y || (std::isnan(x) && std::isnan(y));
    const double relative = same ? 0 : std::abs(x - y) / scale;
    if (!(relative <= result.largest_relative)) {
      result.largest_relative = relative;
      if (!(relative <= result.allowed)) result.worst = where(x, y);
    }
  };
  for (uint32_t index = 0; index < a.gradient.size(); ++index) {
    const GraphParam& param = model.compiled->graph.params[ParamId{index}];
    double scale = 0;
    for (const double value : b.gradient[index].mean) scale = std::max(scale, std::abs(value));
    for (size_t e = 0; e < a.gradient[index].mean.size(); ++e)
      compare(a.gradient[index].mean[e], b.gradient[index].mean[e], scale, [&](double x, double y) {
        return BackendDifference{"d " + element_name(param.name, param.type.shape, static_cast<int64_t>(e)), x, y};
      });
  }
  // A wrong objective is said rather than the gradients that are wrong for it.
  const double before = std::exchange(result.largest_relative, 0);
  compare(a.mean, b.mean, std::abs(b.mean), [&](double, double) {
    return Comparison{session, model, native_program, interpreted_program, result.allowed}.first(result.compared_samples);
  });
  result.largest_relative = std::max(result.largest_relative, before);
}

bool Verification::good() const {
  return !worst && non_finite.empty() && promises.empty() &&
         std::all_of(directions.begin(), directions.end(), [](const Direction& d) { return d.agrees; });
}

Verification verify_model(const Session& session, const Model& model) {
  Verification result;
  compare_backends(session, model, model.compiled->program, model.compiled->program, result);
  check_promises(session, model, 0.1 * verify_seconds, result);
  // Differences of what is not a number say nothing.
  if (result.non_finite.empty()) compare_with_differences(session, model, 0.8 * verify_seconds, result);
  return result;
}

}  // namespace alea
