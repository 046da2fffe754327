// Pilots, draw by draw: temperatures and weights first, then baselines, which follow what is left.
#include "runtime/adapt.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace alea {
namespace {

constexpr int64_t pilot_samples = 4096;
// No number that a user would choose, or that seeds are derived from.
constexpr uint64_t pilot_seed = 0x51CA7B03D9E6428Fu;
constexpr std::array<double, 5> temperatures{0.1, 0.25, 0.5, 1, 2};

struct Pilot {
  Driver& driver;
  const Program& program;
  const ParamArrays& params;
  ParamArrays values;  // adapted so far

  Estimate run() {
    RunOptions options;
    options.samples = pilot_samples;
    options.seed = pilot_seed;
    driver.set_adapted(values);
    return driver.run(params, options);
  }

  // Of one sample's gradient, over all params: trace of the covariance. Infinite where it cannot be had.
  double variance() {
    double total = 0;
    for (const ParamEstimate& param : run().gradient)
      for (const double error : param.standard_error) total += error * error * static_cast<double>(pilot_samples);
    return std::isfinite(total) ? total : std::numeric_limits<double>::infinity();
  }

  // V(η) = V₀ + b η + a η² through η = −1, 0, 1; its lowest point and value.
  std::pair<double, double> best_weight(double& weight) {
    std::array<double, 3> at;
    for (int k = 0; k < 3; ++k) weight = k - 1, at[static_cast<size_t>(k)] = variance();
    const double a = (at[0] + at[2]) / 2 - at[1], b = (at[2] - at[0]) / 2;
    if (!std::isfinite(a) || !(a > 0)) return {0, at[1]};
    return {-b / (2 * a), at[1] - b * b / (4 * a)};
  }

  // With the baseline b an element's gradient is g(b) = E[1_alive (Q - b)], a line through g(0) and g(1) that is 0 at
  // E[Q | alive] = g(0) / (g(0) - g(1)). What no sample reaches stays.
  void find_baselines(const std::vector<const ProgramParam*>& adapted) {
    const auto is_baseline = [&](size_t k) { return adapted[k]->role == AdaptedRole::baseline; };
    if (std::ranges::none_of(adapted, [](const ProgramParam* param) { return param->role == AdaptedRole::baseline; })) return;
    const auto gradients_at = [&](double b) {
      for (size_t k = 0; k < adapted.size(); ++k)
        if (is_baseline(k)) std::ranges::fill(values[k], b);
      return run().adapted;
    };
    const std::vector<ParamEstimate> at_one = program.alive ? gradients_at(1) : std::vector<ParamEstimate>();
    const std::vector<ParamEstimate> at_zero = gradients_at(0);
    for (size_t k = 0; k < adapted.size(); ++k) {
      if (!is_baseline(k)) continue;
      for (size_t e = 0; e < values[k].size(); ++e) {
        const double share = program.alive ? at_zero[k].mean[e] - at_one[k].mean[e] : 1, mean = at_zero[k].mean[e] / share;
        if (std::isfinite(mean)) values[k][e] = mean;
      }
    }
  }
};

// The draw that an adapted value belongs to: its name without the last part.
std::string draw_of(const std::string& name) { return name.substr(0, name.rfind('.')); }

}  // namespace

void adapt(Driver& driver, const Program& program, const ParamArrays& params) {
  std::vector<const ProgramParam*> adapted;
  for (const ProgramParam& param : program.params)
    if (param.role != AdaptedRole::none) adapted.push_back(&param);
  if (adapted.empty() || driver.is_adapted_to(params)) return;
  Pilot pilot{driver, program, params, driver.adapted()};
  ParamArrays& values = pilot.values;
  for (size_t k = 0; k < adapted.size(); ++k) std::ranges::fill(values[k], adapted[k]->initial);

  for (size_t w = 0; w < adapted.size(); ++w) {
    const std::string draw = draw_of(adapted[w]->name);
    const auto same_draw = [&](AdaptedRole role) {
      return std::ranges::find_if(adapted,
                                  [&](const ProgramParam* other) { return other->role == role && draw_of(other->name) == draw; });
    };
    if (adapted[w]->role == AdaptedRole::temperature && same_draw(AdaptedRole::weight) != adapted.end()) continue;
    if (adapted[w]->role == AdaptedRole::baseline) continue;
    const auto tau = same_draw(AdaptedRole::temperature);
    const bool has_weight = adapted[w]->role == AdaptedRole::weight;
    double* temperature = tau == adapted.end() ? nullptr : values[static_cast<size_t>(tau - adapted.begin())].data();
    double best_tau = temperature ? *temperature : 0, best_weight = values[w][0];
    double lowest = std::numeric_limits<double>::infinity();
    for (const double candidate : temperatures) {
      if (temperature) *temperature = candidate;
      const auto [weight, variance] = has_weight ? pilot.best_weight(values[w][0]) : std::pair(values[w][0], pilot.variance());
      if (variance < lowest) lowest = variance, best_tau = candidate, best_weight = weight;
      if (!temperature) break;
    }
    if (temperature) *temperature = best_tau;
    if (has_weight) values[w][0] = best_weight;
  }

  pilot.find_baselines(adapted);
  driver.set_adapted(std::move(values), params);
}

}  // namespace alea
