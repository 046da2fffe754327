// One step of descent. In: an optimiser's settings and its memory, a learning rate, params and the gradient of what is to
// be lowered. Out: the params after the step, and the memory for the next. The same arguments give the same bits.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "compiler/kernel/interpret.h"

namespace alea {

enum class OptimiserKind : uint8_t { sgd, momentum, adam, adamw, rmsprop, natural };
enum class ScheduleKind : uint8_t { constant, linear, cosine, step };

struct OptimiserOptions {
  OptimiserKind kind = OptimiserKind::adam;
  double momentum = 0.9;               // momentum, and the β₁ of adam and adamw
  std::optional<double> square_decay;  // β₂ of adam and adamw, by default 0.999; α of rmsprop, by default 0.99
  double epsilon = 1e-8;
  double weight_decay = 0;  // adamw
};

// What an optimiser carries from step to step.
struct OptimiserMemory {
  int64_t steps = 0;
  ParamArrays first, second;  // momentum or the mean of gradients, and of their squares; of the params' sizes
};
OptimiserMemory empty_memory(const ParamArrays& params);

struct Schedule {
  ScheduleKind kind = ScheduleKind::constant;
  double rate = 0.01;
  int64_t steps = 1;  // in all
};

// Of step = 0 … steps - 1.
double learning_rate(const Schedule&, int64_t step);

// √(Σ g²) over all arrays.
double norm(const ParamArrays& gradient);
// Shortens a gradient longer than `most` to that length; `most` = 0 leaves all as it is. Returns the length before.
double clip_norm(ParamArrays& gradient, double most);

// `natural` goes along what it is given like sgd: natural.h makes it of the gradient.
void descend(const OptimiserOptions&, OptimiserMemory&, double rate, ParamArrays& params, const ParamArrays& gradient);

std::string_view name_of(OptimiserKind);
std::string_view name_of(ScheduleKind);
std::optional<OptimiserKind> optimiser_named(std::string_view);
std::optional<ScheduleKind> schedule_named(std::string_view);

}  // namespace alea
