// Each optimiser's formula stands above its loop; g is an element of the gradient, p of the params, η the rate.
#include "runtime/learn/optimiser.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace alea {

namespace {

constexpr std::array optimisers{OptimiserKind::sgd,   OptimiserKind::momentum, OptimiserKind::adam,
                                OptimiserKind::adamw, OptimiserKind::rmsprop,  OptimiserKind::natural};
constexpr std::array schedules{ScheduleKind::constant, ScheduleKind::linear, ScheduleKind::cosine, ScheduleKind::step};

template <class Update>
void each_element(ParamArrays& params, const ParamArrays& gradient, Update update) {
  for (size_t a = 0; a < params.size(); ++a)
    for (size_t e = 0; e < params[a].size(); ++e) update(a, e, params[a][e], gradient[a][e]);
}

// m ← β₁ m + (1 - β₁) g,  v ← β₂ v + (1 - β₂) g²,  p ← p - η (m / (1 - β₁ᵗ) / (√(v / (1 - β₂ᵗ)) + ε) + λ p)
// (Kingma and Ba 2015; the decay λ apart from the gradient: Loshchilov and Hutter 2019.)
void descend_adam(const OptimiserOptions& options, OptimiserMemory& memory, double rate, ParamArrays& params,
                  const ParamArrays& gradient, double decay) {
  const double keep = options.momentum, keep_square = options.square_decay.value_or(0.999);
  const auto steps = static_cast<double>(memory.steps);
  const double whole = 1 - std::pow(keep, steps), whole_square = 1 - std::pow(keep_square, steps);
  each_element(params, gradient, [&](size_t a, size_t e, double& p, double g) {
    double &m = memory.first[a][e], &v = memory.second[a][e];
    m = keep * m + (1 - keep) * g;
    v = keep_square * v + (1 - keep_square) * g * g;
    p -= rate * (m / whole / (std::sqrt(v / whole_square) + options.epsilon) + decay * p);
  });
}

}  // namespace

OptimiserMemory empty_memory(const ParamArrays& params) {
  OptimiserMemory memory;
  for (const std::vector<double>& values : params) memory.first.emplace_back(values.size(), 0.0);
  memory.second = memory.first;
  return memory;
}

double learning_rate(const Schedule& schedule, int64_t step) {
  const double done = static_cast<double>(step) / static_cast<double>(std::max<int64_t>(schedule.steps, 1));
  switch (schedule.kind) {
    case ScheduleKind::constant: return schedule.rate;
    case ScheduleKind::linear: return schedule.rate * (1 - done);
    case ScheduleKind::cosine: return schedule.rate * 0.5 * (1 + std::cos(std::numbers::pi * done));
    // A tenth after each third.
    case ScheduleKind::step: return schedule.rate * (done < 1.0 / 3 ? 1 : done < 2.0 / 3 ? 0.1 : 0.01);
  }
  return schedule.rate;
}

double norm(const ParamArrays& gradient) {
  double total = 0;
  for (const std::vector<double>& values : gradient)
    for (const double g : values) total += g * g;
  return std::sqrt(total);
}

double clip_norm(ParamArrays& gradient, double most) {
  const double length = norm(gradient);
  if (most > 0 && length > most)
    for (std::vector<double>& values : gradient)
      for (double& g : values) g *= most / length;
  return length;
}

void descend(const OptimiserOptions& options, OptimiserMemory& memory, double rate, ParamArrays& params,
             const ParamArrays& gradient) {
  ++memory.steps;
  switch (options.kind) {
    case OptimiserKind::sgd:
    case OptimiserKind::natural:  // p ← p - η g
      each_element(params, gradient, [&](size_t, size_t, double& p, double g) { p -= rate * g; });
      return;
    case OptimiserKind::momentum:  // m ← μ m + g,  p ← p - η m
      each_element(params, gradient, [&](size_t a, size_t e, double& p, double g) {
        double& m = memory.first[a][e];
        m = options.momentum * m + g;
        p -= rate * m;
      });
      return;
    case OptimiserKind::adam: descend_adam(options, memory, rate, params, gradient, 0); return;
    case OptimiserKind::adamw: descend_adam(options, memory, rate, params, gradient, options.weight_decay); return;
    case OptimiserKind::rmsprop:  // v ← α v + (1 - α) g²,  p ← p - η g / (√v + ε)
      const double keep = options.square_decay.value_or(0.99);
      each_element(params, gradient, [&](size_t a, size_t e, double& p, double g) {
        double& v = memory.second[a][e];
        v = keep * v + (1 - keep) * g * g;
        p -= rate * g / (std::sqrt(v) + options.epsilon);
      });
      return;
  }
}

std::string_view name_of(OptimiserKind kind) {
  switch (kind) {
    case OptimiserKind::sgd: return "sgd";
    case OptimiserKind::momentum: return "momentum";
    case OptimiserKind::adam: return "adam";
    case OptimiserKind::adamw: return "adamw";
    case OptimiserKind::rmsprop: return "rmsprop";
    case OptimiserKind::natural: return "natural";
  }
  return {};
}

std::string_view name_of(ScheduleKind kind) {
  switch (kind) {
    case ScheduleKind::constant: return "constant";
    case ScheduleKind::linear: return "linear";
    case ScheduleKind::cosine: return "cosine";
    case ScheduleKind::step: return "step";
  }
  return {};
}

std::optional<OptimiserKind> optimiser_named(std::string_view name) {
  for (const OptimiserKind kind : optimisers)
    if (name_of(kind) == name) return kind;
  return std::nullopt;
}

std::optional<ScheduleKind> schedule_named(std::string_view name) {
  for (const ScheduleKind kind : schedules)
    if (name_of(kind) == name) return kind;
  return std::nullopt;
}

}  // namespace alea
