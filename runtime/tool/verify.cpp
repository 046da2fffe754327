// Central differences on common random numbers are exact to O(h²) where every sample is smooth in θ. Where a sampled
// value flips as θ moves (a coin's action), few samples flip and each by much: h must then be large, and the difference is
// noise of size 1/√(h n), which the standard error over batches shows.
#include "runtime/tool/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <random>
namespace alea {

namespace {

constexpr int batches = 32;
constexpr double largest_z = 5;
constexpr size_t most_elements = 24;  // with more params, each param has one direction of random signs

struct Probe {
  std::string name;
  uint32_t param = 0;
  std::vector<double> signs;
};

std::vector<Probe> choose_probes(const Model& model) {
  const auto& params = model.compiled->graph.params;
  size_t elements = 0;
  for (const auto& values : model.params) elements += values.size();
  std::vector<Probe> probes;
  std::mt19937_64 random(1);  // the same directions in every run
  for (uint32_t index = 0; index < params.size(); ++index) {
    const GraphParam& param = params[ParamId{index}];
    const size_t size = model.params[index].size();
    if (elements <= most_elements) {
      for (size_t e = 0; e < size; ++e) {
        Probe probe{element_name(param.name, param.type.shape, static_cast<int64_t>(e)), index, std::vector<double>(size, 0.0)};
        probe.signs[e] = 1;
        probes.push_back(std::move(probe));
      }
    } else {
      Probe probe{size == 1 ? param.name : fmt::format("{}, random signs", param.name), index, {}};
      for (size_t e = 0; e < size; ++e) probe.signs.push_back(size == 1 || random() % 2 == 0 ? 1 : -1);
      probes.push_back(std::move(probe));
    }
  }
  return probes;
}

bool all_pathwise(const Model& model) {
  return std::all_of(model.compiled->explanation.nodes.begin(), model.compiled->explanation.nodes.end(),
                     [](const ExplainedNode& node) {
                       return node.estimator == "reparam" || node.estimator == "implicit" || node.estimator == "enumerate" ||
                              node.estimator == "none";
                     });
}

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

void compare_with_differences(const Session& session, const Model& model, Verification& result) {
  Engine engine(session, model, model.compiled->program, session.options.interpret);
  const bool smooth = all_pathwise(model);
  result.step = smooth ? (session.options.single_precision ? 1e-2 : 1e-4) : 5e-2;
  const int64_t each = std::max<int64_t>(group_size, session.options.samples / batches);
  result.samples = each * batches;

  const std::vector<Probe> probes = choose_probes(model);
  std::vector<std::vector<double>> gaps(probes.size());
  result.directions.resize(probes.size());
  ParamArrays params = model.params;
  for (int batch = 0; batch < batches; ++batch) {
    RunOptions options;
    options.samples = each;
    options.seed = session.options.seed + static_cast<uint64_t>(batch);
    const Estimate at = engine.run(params, options);
    options.gradient = false;
    for (size_t k = 0; k < probes.size(); ++k) {
      const Probe& probe = probes[k];
      // Along a direction of many elements a shorter step: its length is h √n.
      const double h = result.step / std::sqrt(dot(probe.signs, probe.signs));
      double objective[2];
      for (const int side : {0, 1}) {
        for (size_t e = 0; e < probe.signs.size(); ++e) params[probe.param][e] += (side == 0 ? -h : h) * probe.signs[e];
        objective[side] = engine.run(params, options).mean;
        params[probe.param] = model.params[probe.param];
      }
      const double gradient = dot(at.gradient[probe.param].mean, probe.signs);
      const double difference = (objective[1] - objective[0]) / (2 * h);
      result.directions[k].gradient += gradient / batches;
      result.directions[k].difference += difference / batches;
      gaps[k].push_back(gradient - difference);
    }
  }
  for (size_t k = 0; k < probes.size(); ++k) {
    Direction& direction = result.directions[k];
    direction.name = probes[k].name;
    const double gap = direction.gradient - direction.difference;
    double squares = 0;
    for (const double value : gaps[k]) squares += (value - gap) * (value - gap);
    direction.standard_error = std::sqrt(squares / (batches - 1) / batches);
    // What rounding and the curvature of the objective over ±h leave even of a right gradient.
    const double scale = std::abs(direction.gradient) + std::abs(direction.difference);
    const double slack = (session.options.single_precision ? 1e-2 : smooth ? 1e-6 : 1e-2) * scale + 1e-9;
    direction.z = direction.standard_error > 0 ? gap / direction.standard_error : 0;
    direction.agrees = std::isfinite(gap) && std::abs(gap) <= largest_z * direction.standard_error + slack;
  }
}

bool close(double a, double b, double allowed, double scale) { return a == b || std::abs(a - b) <= allowed * scale; }

// Mean objectives of the first `samples` samples and `horizon` steps, by native code and by the interpreter.
struct Means {
  double native = 0, interpreted = 0;
};
Means means_of(const Session& session, const Model& model, int64_t samples, int64_t horizon) {
  Program cut = model.compiled->program;
  cut.horizon = horizon;
  JitOptions jit;
  jit.single_precision = session.options.single_precision;
  const CompiledKernel kernel(cut, jit);
  DriverOptions driver_options;
  driver_options.threads = 1;
  driver_options.single_precision = session.options.single_precision;
  RunOptions options;
  options.samples = samples;
  options.seed = session.options.seed;
  options.gradient = false;
  const auto mean = [&](const CompiledKernel* native) {
    Driver driver(cut, native, driver_options);
    if (!model.inputs.empty()) driver.set_inputs(model.inputs);
    return driver.run(model.params, options).mean;
  };
  return {mean(&kernel), mean(nullptr)};
}

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

// "the objective of sample 12, from step 3 on"
std::string first_difference(const Session& session, const Model& model, int64_t samples, double allowed) {
  const int64_t horizon = model.compiled->program.horizon;
  const auto differs = [&](int64_t n, int64_t steps) {
    const Means means = means_of(session, model, n, steps);
    return !close(means.native, means.interpreted, allowed, std::abs(means.interpreted));
  };
  const int64_t count = smallest(samples, [&](int64_t n) { return differs(n, horizon); });
  std::string text = fmt::format("the objective of sample {}", count - 1);
  if (horizon > 0)
    text += fmt::format(", from step {} on", smallest(horizon, [&](int64_t steps) { return differs(count, steps); }) - 1);
  return text;
}

void compare_backends(const Session& session, const Model& model, Verification& result) {
  constexpr int64_t most_samples = 128;
  result.compared_samples = std::min(most_samples, session.options.samples);
  result.allowed = session.options.single_precision ? 1e-4 : 1e-12;
  const Program& program = model.compiled->program;
  Engine native(session, model, program, false), interpreter(session, model, program, true);
  RunOptions options;
  options.samples = result.compared_samples;
  options.seed = session.options.seed;
  const Estimate a = native.run(model.params, options), b = interpreter.run(model.params, options);

  const auto compare = [&](double x, double y, double scale, const auto& name) {
    const double relative = x == y ? 0 : std::abs(x - y) / scale;
    if (!(relative <= result.largest_relative)) {
      result.largest_relative = relative;
      if (!(relative <= result.allowed)) result.worst = BackendDifference{name(), x, y};
    }
  };
  for (uint32_t index = 0; index < a.gradient.size(); ++index) {
    const GraphParam& param = model.compiled->graph.params[ParamId{index}];
    double scale = 0;
    for (const double value : b.gradient[index].mean) scale = std::max(scale, std::abs(value));
    for (size_t e = 0; e < a.gradient[index].mean.size(); ++e)
      compare(a.gradient[index].mean[e], b.gradient[index].mean[e], scale,
              [&] { return "d " + element_name(param.name, param.type.shape, static_cast<int64_t>(e)); });
  }
  compare(a.mean, b.mean, std::abs(b.mean),
          [&] { return first_difference(session, model, result.compared_samples, result.allowed); });
}

}  // namespace

bool Verification::good() const {
  return !worst && std::all_of(directions.begin(), directions.end(), [](const Direction& d) { return d.agrees; });
}

Verification verify_model(const Session& session, const Model& model) {
  Verification result;
  compare_backends(session, model, result);
  compare_with_differences(session, model, result);
  return result;
}

}  // namespace alea
