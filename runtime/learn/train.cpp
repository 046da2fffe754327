// One step: rows, pilots now and then, estimate, update; evaluation and checkpoint after it.
#include "runtime/learn/train.h"

#include <fmt/format.h>

#include <cmath>
#include <numeric>
#include <random>

#include "compiler/kernel/philox.h"
#include "runtime/adapt.h"

namespace alea {

namespace {

uint64_t seed_of(const TrainOptions& options, std::string_view purpose, int64_t number) {
  return noise_key(options.seed, fmt::format("train {} {}", purpose, number));
}

ParamArrays gathered(const ParamArrays& trained, const std::vector<size_t>& places) {
  ParamArrays own;
  for (const size_t place : places) own.push_back(trained[place]);
  return own;
}

class Training {
 public:
  Training(const std::vector<Loss>& losses, Judge& judge, const TrainOptions& options, TrainState& state,
           const TrainEvents& events)
      : losses_(losses), judge_(judge), options_(options), state_(state), events_(events), estimates_(losses.size()) {}

  TrainResult run() {
    for (size_t k = 0; k < losses_.size(); ++k) losses_[k].driver->set_adapted(state_.adapted[k]);
    good_ = state_.params;
    // Also what an interrupted run did not come to.
    if (is_due() && !evaluate()) return result_;
    while (!reached_target() && state_.step < options_.steps) {
      for (size_t k = 0; k < losses_.size(); ++k)
        if (!step(k)) return result_;
      ++state_.step;
      if (is_due() && !evaluate()) return result_;
      if (options_.checkpoint_every > 0 && state_.step < options_.steps && state_.step % options_.checkpoint_every == 0)
        events_.checkpoint(state_);
    }
    if (reached_target()) result_.end = TrainEnd::target;
    return result_;
  }

 private:
  bool is_due() const {
    if (!state_.curve.empty() && state_.curve.back().step == state_.step) return false;
    return state_.step == 0 || state_.step == options_.steps ||
           (options_.evaluate_every > 0 && state_.step % options_.evaluate_every == 0);
  }

  bool stopped() {
    if (options_.stop && *options_.stop) result_.end = TrainEnd::interrupted;
    return result_.end == TrainEnd::interrupted;
  }

  bool diverge(Divergence divergence) {
    divergence.step = state_.step + 1;
    result_ = {TrainEnd::diverged, std::move(divergence)};
    state_.params = good_;
    return false;
  }

  bool better(double value, double than) const { return judge_.maximise ? value > than : value < than; }

  bool reached_target() const {
    if (!options_.target || state_.curve.empty()) return false;
    const double value = state_.curve.back().evaluation_mean;
    return value == *options_.target || better(value, *options_.target);
  }

  // The rows that a step reads: a permutation of all rows, then another, in pieces.
  void set_rows(const Loss& loss) {
    if (loss.rows->empty()) return;
    const auto give = [&](const std::vector<InputRows>& inputs) {
      loss.driver->set_inputs(inputs);
      if (loss.fisher) loss.fisher->set_inputs(inputs);
    };
    const int64_t rows = loss.rows->front().rows, wanted = std::max<int64_t>(1, options_.batch / options_.samples_per_row);
    if (wanted >= rows) {
      give(*loss.rows);
      return;
    }
    std::vector<InputRows> batch(loss.rows->size());
    for (int64_t j = 0; j < wanted; ++j) {
      const int64_t position = state_.step * wanted + j;
      if (epoch_ != position / rows || order_.size() != static_cast<size_t>(rows)) {
        epoch_ = position / rows;
        order_ = shuffled_rows(rows, options_.seed, epoch_);
      }
      const int64_t row = order_[static_cast<size_t>(position % rows)];
      for (size_t k = 0; k < batch.size(); ++k) {
        const std::vector<double>& values = (*loss.rows)[k].values;
        const auto size = static_cast<std::ptrdiff_t>(values.size()) / rows;
        const auto from = values.begin() + row * size;
        batch[k].values.insert(batch[k].values.end(), from, from + size);
      }
    }
    for (InputRows& input : batch) input.rows = wanted;
    give(batch);
  }

  // Baselines go with the mean of what is left of what they are subtracted from: b ← b + 0.1 E[… - b]. A step's baseline
  // knows only the noise of steps before, so it biases nothing.
  void follow_baselines(const Loss& loss, const Estimate& estimate) {
    ParamArrays adapted = loss.driver->adapted();
    size_t index = 0;
    for (const ProgramParam& param : loss.program->params) {
      if (param.role == AdaptedRole::none) continue;
      std::vector<double>& values = adapted[index];
      if (param.role == AdaptedRole::baseline)
        for (size_t e = 0; e < values.size(); ++e) values[e] += 0.1 * estimate.adapted[index].mean[e];
      ++index;
    }
    loss.driver->set_adapted(std::move(adapted));
  }

  // (F + λ I)⁻¹ of the gradient, F of the step's own samples; false where a value was not finite.
  bool make_natural(size_t k, const ParamArrays& params, const RunOptions& run, ParamArrays& gradient, double& rate) {
    const Loss& loss = losses_[k];
    std::optional<NonFiniteReport> bad;
    const FisherProduct product = [&](const ParamArrays& v) -> std::optional<ParamArrays> {
      ParamArrays both = params;
      both.insert(both.end(), v.begin(), v.end());
      Estimate estimate = loss.fisher->run(both, run);
      bad = estimate.non_finite;
      if (bad || estimate.interrupted) return std::nullopt;
      ParamArrays image;
      for (size_t p = 0; p < params.size(); ++p) image.push_back(std::move(estimate.gradient[params.size() + p].mean));
      return image;
    };
    std::optional<NaturalDirection> natural = natural_direction(options_.natural, product, gradient, loss.frozen);
    if (bad) {
      diverge({0, k, bad, true, {}});
      return false;
    }
    if (!natural) {
      stopped();
      return false;
    }
    rate = trusted_rate(options_.natural, *natural, rate);
    gradient = std::move(natural->direction);
    return true;
  }

  bool step(size_t k) {
    const Loss& loss = losses_[k];
    ParamArrays params = gathered(state_.params, loss.params);
    set_rows(loss);
    if (state_.step % options_.adapt_every == 0) adapt(*loss.driver, *loss.program, params);
    RunOptions run;
    run.samples = options_.batch;
    run.seed = seed_of(options_, "step", state_.step);
    // A step is made for all losses or for none.
    if (k == 0) run.stop = options_.stop;
    const Estimate& estimate = estimates_[k] = loss.driver->run(params, run, std::move(estimates_[k]));
    if (k == 0 && stopped()) return false;
    if (estimate.non_finite) return diverge({0, k, estimate.non_finite, false, {}});
    if (k == 0) good_ = state_.params;

    const double sign = loss.program->maximise ? -1 : 1;
    ParamArrays gradient;
    for (const ParamEstimate& param : estimate.gradient) {
      gradient.push_back(param.mean);
      const bool frozen = loss.frozen[gradient.size() - 1];
      for (double& g : gradient.back()) g = frozen ? 0 : sign * g;
    }
    StepRecord record{state_.step + 1,         k, estimate.mean,
                      estimate.standard_error, 0, learning_rate(options_.schedule, state_.step)};
    record.gradient_norm = clip_norm(gradient, options_.clip_norm);
    if (loss.fisher && !make_natural(k, params, run, gradient, record.rate)) return false;
    descend(options_.optimiser, state_.memory[k], record.rate, params, gradient);
    follow_baselines(loss, estimate);
    state_.adapted[k] = loss.driver->adapted();
    for (size_t p = 0; p < params.size(); ++p) {
      if (loss.frozen[p]) continue;
      if (!all_finite(params[p])) return diverge({0, k, {}, false, loss.params[p]});
      state_.params[loss.params[p]] = std::move(params[p]);
    }
    if (k == 0) {
      ++state_.count;
      const double off = estimate.mean - state_.mean;
      state_.mean += off / state_.count;
      state_.m2 += off * (estimate.mean - state_.mean);
    }
    if (events_.stepped) events_.stepped(record);
    return true;
  }

  bool evaluate() {
    ParamArrays params = judge_.params;
    for (size_t k = 0; k < params.size(); ++k)
      if (judge_.trained[k]) params[k] = state_.params[*judge_.trained[k]];
    RunOptions run;
    run.samples = options_.evaluation_samples;
    run.seed = seed_of(options_, "evaluation", state_.step);
    run.gradient = false;
    run.stop = options_.stop;
    const Estimate estimate = judge_.driver->run(params, run);
    if (stopped()) return false;
    if (estimate.non_finite) return diverge({0, {}, estimate.non_finite, false, {}});
    const double none = std::numeric_limits<double>::quiet_NaN();
    CurvePoint point{state_.step, none, none, estimate.mean, estimate.standard_error};
    if (state_.count > 0) point.training_mean = state_.mean;
    if (state_.count > 1) point.training_error = std::sqrt(state_.m2 / (state_.count - 1) / state_.count);
    state_.count = state_.mean = state_.m2 = 0;
    if (state_.curve.empty() || better(point.evaluation_mean, state_.best_value)) {
      state_.best = state_.params;
      state_.best_value = point.evaluation_mean;
    }
    state_.curve.push_back(point);
    if (events_.evaluated) events_.evaluated(point);
    return true;
  }

  const std::vector<Loss>& losses_;
  Judge& judge_;
  const TrainOptions& options_;
  TrainState& state_;
  const TrainEvents& events_;
  std::vector<Estimate> estimates_;  // of the last step, by loss
  TrainResult result_;
  ParamArrays good_;
  std::vector<int64_t> order_;
  int64_t epoch_ = -1;
};

}  // namespace

std::vector<int64_t> shuffled_rows(int64_t rows, uint64_t seed, int64_t epoch) {
  std::vector<int64_t> order(static_cast<size_t>(rows));
  std::iota(order.begin(), order.end(), int64_t{0});
  // The engine's numbers are the standard's, a distribution's would not be; the remainder's bias is below rows / 2^64.
  std::mt19937_64 random(noise_key(seed, fmt::format("train shuffle {}", epoch)));
  for (size_t k = order.size(); k > 1; --k) std::swap(order[k - 1], order[random() % k]);
  return order;
}

TrainState first_state(const std::vector<Loss>& losses, ParamArrays params) {
  TrainState state;
  state.params = std::move(params);
  for (const Loss& loss : losses) {
    state.memory.push_back(empty_memory(gathered(state.params, loss.params)));
    state.adapted.push_back(loss.driver->adapted());
  }
  return state;
}

TrainResult train(const std::vector<Loss>& losses, Judge& judge, const TrainOptions& options, TrainState& state,
                  const TrainEvents& events) {
  return Training(losses, judge, options, state, events).run();
}

}  // namespace alea
