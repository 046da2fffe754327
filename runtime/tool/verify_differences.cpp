// Central differences on common random numbers are exact to O(h²) where every sample is smooth in θ. Where a sampled
// value flips as θ moves (a coin's action), few samples flip and each by much: the difference has noise of size
// 1/√(h n), so h must be large, and what the objective's curvature leaves is taken off by a second difference with 2h:
//   D = (4 D(h) - D(2h)) / 3 = v·∇J + O(h⁴)
// There a check is worth what its standard errors are: samples are as many as the time allows, half of them for the
// direction in which the gradient is largest.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <random>

#include "compiler/estimator/paths.h"
#include "runtime/tool/verify.h"

namespace alea {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int batches = 32;
constexpr int64_t fewest_samples = batches * group_size;
constexpr size_t most_elements = 24;  // with more params, each param has one direction of random signs

// A direction of length 1 in the space of all params, and the factor that its derivative is shown with.
struct Probe {
  std::string name;
  ParamArrays along;
  double factor = 1;
};

ParamArrays zeros_like(const ParamArrays& params) {
  ParamArrays result;
  for (const auto& values : params) result.emplace_back(values.size(), 0.0);
  return result;
}

double dot(const ParamArrays& a, const ParamArrays& b) {
  double sum = 0;
  for (size_t p = 0; p < a.size(); ++p)
    for (size_t e = 0; e < a[p].size(); ++e) sum += a[p][e] * b[p][e];
  return sum;
}

// Each element, or each param along random signs.
std::vector<Probe> choose_probes(const Model& model) {
  const auto& params = model.compiled->graph.params;
  size_t elements = 0;
  for (const auto& values : model.params) elements += values.size();
  std::vector<Probe> probes;
  std::mt19937_64 random(1);  // the same directions in every run
  for (uint32_t index = 0; index < params.size(); ++index) {
    const GraphParam& param = params[ParamId{index}];
    const size_t size = model.params[index].size();
    if (elements <= most_elements || size == 1) {
      for (size_t e = 0; e < size; ++e) {
        Probe probe{element_name(param.name, param.type.shape, static_cast<int64_t>(e)), zeros_like(model.params)};
        probe.along[index][e] = 1;
        probes.push_back(std::move(probe));
      }
    } else {
      Probe probe{fmt::format("{}, random signs", param.name), zeros_like(model.params), std::sqrt(static_cast<double>(size))};
      for (double& value : probe.along[index]) value = (random() % 2 == 0 ? 1 : -1) / probe.factor;
      probes.push_back(std::move(probe));
    }
  }
  return probes;
}

// No draw whose value jumps when a param moves: its estimators differentiate the samples themselves, or sum over outcomes,
// and no noise has a param in its law: a rejected attempt makes a sample at fixed noise jump, however smooth its law.
bool all_pathwise(const Model& model) {
  const StochasticGraph& graph = model.compiled->graph;
  const NodeTable<uint8_t> parametric = find_parametric(graph);
  for (uint32_t k = 0; k < graph.graph.size(); ++k) {
    const NodeId id{k};
    if (kind(graph.graph.op(id)) != OpKind::random) continue;
    for (const NodeId input : graph.graph.inputs(id))
      if (parametric[input]) return false;
  }
  return std::all_of(model.compiled->explanation.nodes.begin(), model.compiled->explanation.nodes.end(),
                     [](const ExplainedNode& node) {
                       return node.estimator == "reparam" || node.estimator == "implicit" || node.estimator == "enumerate" ||
                              node.estimator == "none";
                     });
}

struct MeanAndError {
  double mean = 0, error = 0;
};
MeanAndError mean_and_error(const std::vector<double>& values) {
  const auto count = static_cast<double>(values.size());
  double mean = 0, squares = 0;
  for (const double value : values) mean += value / count;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return {mean, std::sqrt(squares / (count - 1) / count)};
}

class Differences {
 public:
  Differences(const Session& session, const Model& model)
      : session_(session), model_(model), engine_(session, model, model.compiled->program, session.options.interpret) {}

  bool smooth = false;
  double step = 0;

  Estimate gradient(int64_t samples, uint64_t seed) { return run(model_.params, samples, seed, true); }

  // (J(θ + h v) - J(θ - h v)) / 2h
  double difference(const ParamArrays& along, double h, int64_t samples, uint64_t seed) {
    double objective[2];
    for (const int side : {0, 1}) {
      ParamArrays params = model_.params;
      for (size_t p = 0; p < params.size(); ++p)
        for (size_t e = 0; e < params[p].size(); ++e) params[p][e] += (side == 0 ? -h : h) * along[p][e];
      objective[side] = run(params, samples, seed, false).mean;
    }
    return (objective[1] - objective[0]) / (2 * h);
  }

  // Where samples flip: the largest step over which the objective is a cubic, as far as can be seen through the noise.
  void choose_step(const ParamArrays& along, int64_t samples_a_batch) {
    constexpr double largest = 0.1, smallest = 1e-3;
    constexpr int pilot = 8;
    std::vector<double> wider;
    for (step = largest; step > smallest; step /= 2) {
      std::vector<double> here, change;
      for (int batch = 0; batch < pilot; ++batch) {
        const uint64_t seed = seed_of(batches + batch);
        if (wider.size() < pilot) wider.push_back(difference(along, 2 * step, samples_a_batch, seed));
        here.push_back(difference(along, step, samples_a_batch, seed));
        change.push_back(wider[static_cast<size_t>(batch)] - here.back());
      }
      const MeanAndError curvature = mean_and_error(change);
      if (std::isfinite(curvature.mean) &&
          std::abs(curvature.mean) <= 3 * curvature.error + 0.05 * std::abs(mean_and_error(here).mean))
        return;
      wider = std::move(here);
    }
  }

  void compare(const std::vector<Probe>& probes, int64_t samples, int first_seed, std::vector<Direction>& directions) {
    for (const Probe& probe : probes) {
      Direction direction = compare_at(probe, step, samples, first_seed);
      // The objective may have a kink within the step. A shorter one settles it, if it could have seen a gap like this.
      for (double shorter = step / 4; !smooth && !direction.agrees && shorter > 1e-3; shorter /= 4) {
        Direction again = compare_at(probe, shorter, samples, first_seed);
        const double gap = std::abs(direction.gradient - direction.difference);
        if (again.agrees && again.noticed() < gap) direction = std::move(again);
      }
      directions.push_back(std::move(direction));
    }
  }

  Direction compare_at(const Probe& probe, double h, int64_t samples, int first_seed) {
    const int64_t each = std::max<int64_t>(group_size, samples / batches);
    std::vector<double> gradients, differences, gaps, corrections;
    for (int batch = 0; batch < batches; ++batch) {
      const uint64_t seed = seed_of(first_seed + batch);
      const Estimate at = gradient(each, seed);
      ParamArrays means;
      for (const ParamEstimate& estimate : at.gradient) means.push_back(estimate.mean);
      double value = difference(probe.along, h, each, seed), correction = 0;
      if (!smooth) correction = (value - difference(probe.along, 2 * h, each, seed)) / 3;
      value = probe.factor * (value + correction);
      gradients.push_back(probe.factor * dot(means, probe.along));
      differences.push_back(value);
      gaps.push_back(gradients.back() - value);
      corrections.push_back(probe.factor * correction);
    }
    Direction direction;
    direction.name = probe.name;
    direction.gradient = mean_and_error(gradients).mean;
    direction.difference = mean_and_error(differences).mean;
    const MeanAndError gap = mean_and_error(gaps);
    direction.standard_error = gap.error;
    const double scale = std::abs(direction.gradient) + std::abs(direction.difference);
    const double relative = session_.options.single_precision ? 1e-2 : smooth ? 1e-6 : 1e-3;
    direction.slack = relative * scale + 1e-9 + std::abs(mean_and_error(corrections).mean);
    direction.z = gap.error > 0 ? gap.mean / gap.error : 0;
    direction.agrees = std::isfinite(gap.mean) && std::abs(gap.mean) <= allowed_errors * gap.error + direction.slack;
    return direction;
  }

 private:
  uint64_t seed_of(int batch) const { return session_.options.seed + static_cast<uint64_t>(batch); }
  Estimate run(const ParamArrays& params, int64_t samples, uint64_t seed, bool gradient) {
    RunOptions options;
    options.samples = samples;
    options.seed = seed;
    options.gradient = gradient;
    return engine_.run(params, options);
  }

  const Session& session_;
  const Model& model_;
  Engine engine_;
};

}  // namespace

double Direction::noticed() const { return (allowed_errors + 2) * standard_error + slack; }

// Does the work again with more samples until it has taken a good part of the time: what a sample costs is not known
// before, and a short run on a busy machine does not tell.
template <class Work>
int64_t as_many_as_fit(const Session& session, double seconds, int64_t most, const Work& work) {
  if (session.options.samples > 0) {
    work(session.options.samples);
    return session.options.samples;
  }
  int64_t samples = fewest_samples;
  for (double spent = 0;;) {
    const auto begin = Clock::now();
    work(samples);
    const double took = std::chrono::duration<double>(Clock::now() - begin).count();
    spent += took;
    const double growth = std::min(16.0, 0.9 * (seconds - spent) / std::max(took, 1e-6));
    if (growth < 1.5 || samples >= most) return samples;
    samples = std::min(most, static_cast<int64_t>(growth * static_cast<double>(samples)) / fewest_samples * fewest_samples);
  }
}

void compare_with_differences(const Session& session, const Model& model, double seconds, Verification& result) {
  std::vector<Probe> probes = choose_probes(model);
  if (probes.empty()) return;
  Differences differences(session, model);
  differences.smooth = all_pathwise(model);
  differences.step = session.options.single_precision ? 1e-2 : 1e-4;
  const int64_t most = differences.smooth ? 16384 : int64_t{1} << 40;

  // The direction in which the gradient is largest, as a first run shows it.
  Estimate first;
  const int64_t pilot = as_many_as_fit(
      session, 0.1 * seconds, most, [&](int64_t samples) { first = differences.gradient(samples, session.options.seed + 1000); });
  Probe steepest{"along the gradient", zeros_like(model.params)};
  for (size_t p = 0; p < first.gradient.size(); ++p) steepest.along[p] = first.gradient[p].mean;
  const double length = std::sqrt(dot(steepest.along, steepest.along));
  if (!std::isfinite(length)) {
    result.non_finite = first.non_finite ? place_of(session, model.compiled->program, *first.non_finite) : "the gradient";
    return;
  }
  const bool moves = length > 0;
  if (moves)
    for (auto& values : steepest.along)
      for (double& value : values) value /= length;

  const auto compare = [&](const std::vector<Probe>& along, double within, int first_seed) {
    std::vector<Direction> directions;
    const int64_t samples = as_many_as_fit(session, within, most, [&](int64_t n) {
      directions.clear();
      differences.compare(along, n, first_seed, directions);
    });
    result.directions.insert(result.directions.end(), directions.begin(), directions.end());
    result.samples = std::max(result.samples, samples);
  };
  if (differences.smooth) {
    if (moves) probes.insert(probes.begin(), std::move(steepest));
    compare(probes, 0.9 * seconds, 0);
  } else {
    differences.choose_step(moves ? steepest.along : probes[0].along, std::max<int64_t>(group_size, pilot / 16));
    if (moves) compare({steepest}, 0.4 * seconds, 0);
    if (probes.size() > 1 || !moves) compare(probes, 0.4 * seconds, 100);
  }
  result.step = differences.step;
  if (moves) result.noticed = result.directions[0].noticed() / std::max(std::abs(result.directions[0].difference), 1e-300);
}

}  // namespace alea
