// Optimisers, schedules and the order of rows against numbers worked out here, apart from the code.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <numeric>

#include "runtime/learn/optimiser.h"
#include "runtime/learn/train.h"

using namespace alea;

namespace {

// p after two steps with gradients 2 and -1, from p = 1, at a rate of 0.1.
double after_two_steps(const OptimiserOptions& options) {
  ParamArrays params{{1.0}};
  OptimiserMemory memory = empty_memory(params);
  descend(options, memory, 0.1, params, {{2.0}});
  descend(options, memory, 0.1, params, {{-1.0}});
  return params[0][0];
}

}  // namespace

TEST_CASE("each optimiser makes the steps of its formula") {
  OptimiserOptions options;
  options.epsilon = 0;
  options.kind = OptimiserKind::sgd;
  CHECK(after_two_steps(options) == Approx(1 - 0.2 + 0.1).epsilon(1e-14));
  options.kind = OptimiserKind::momentum;  // m = 2, then 0.9·2 - 1 = 0.8
  CHECK(after_two_steps(options) == Approx(1 - 0.2 - 0.08).epsilon(1e-14));
  options.kind = OptimiserKind::rmsprop;  // v = 0.01·4, then 0.99·0.04 + 0.01
  CHECK(after_two_steps(options) == Approx(1 - 0.2 / 0.2 + 0.1 / std::sqrt(0.0496)).epsilon(1e-14));
  // m = 0.2, v = 0.004, both made whole: a step of one rate. Then m = 0.08 of 0.19, v = 0.004996 of 0.001999.
  options.kind = OptimiserKind::adam;
  const double second = 0.08 / 0.19 / std::sqrt(0.004996 / 0.001999);
  CHECK(after_two_steps(options) == Approx(1 - 0.1 - 0.1 * second).epsilon(1e-12));
  options.kind = OptimiserKind::adamw;
  options.weight_decay = 0.5;
  const double first_adamw = 1 - 0.1 * (1 + 0.5);
  CHECK(after_two_steps(options) == Approx(first_adamw - 0.1 * (second + 0.5 * first_adamw)).epsilon(1e-12));
}

TEST_CASE("schedules start at the rate and end where they say") {
  Schedule schedule{ScheduleKind::linear, 0.4, 8};
  CHECK(learning_rate(schedule, 0) == 0.4);
  CHECK(learning_rate(schedule, 6) == Approx(0.1));
  schedule.kind = ScheduleKind::cosine;
  CHECK(learning_rate(schedule, 0) == 0.4);
  CHECK(learning_rate(schedule, 4) == Approx(0.2));
  CHECK(learning_rate(schedule, 8) == Approx(0).margin(1e-15));
  schedule.kind = ScheduleKind::step;
  CHECK(learning_rate(schedule, 2) == 0.4);
  CHECK(learning_rate(schedule, 3) == Approx(0.04));
  CHECK(learning_rate(schedule, 7) == Approx(0.004));
  schedule.kind = ScheduleKind::constant;
  CHECK(learning_rate(schedule, 7) == 0.4);
}

TEST_CASE("a gradient is clipped to its norm, a shorter one is left") {
  ParamArrays gradient{{3.0}, {0.0, 4.0}};
  CHECK(clip_norm(gradient, 10) == 5.0);
  CHECK(gradient == ParamArrays{{3.0}, {0.0, 4.0}});
  CHECK(clip_norm(gradient, 1) == 5.0);
  CHECK(gradient[0][0] == Approx(0.6));
  CHECK(gradient[1][1] == Approx(0.8));
  CHECK(clip_norm(gradient, 0) == Approx(1.0));
}

TEST_CASE("every epoch takes every row once, in an order of its own") {
  std::vector<int64_t> all(1000);
  std::iota(all.begin(), all.end(), 0);
  std::vector<int64_t> first = shuffled_rows(1000, 7, 0);
  CHECK(first == shuffled_rows(1000, 7, 0));
  CHECK(first != shuffled_rows(1000, 7, 1));
  CHECK(first != shuffled_rows(1000, 8, 0));
  CHECK(first != all);
  std::ranges::sort(first);
  CHECK(first == all);
}
