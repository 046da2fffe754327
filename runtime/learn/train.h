// The training loop. In: losses (programs with their drivers) over one table of params, how the params are judged, the
// settings, and a state: a fresh one or that of a checkpoint. Out: the state after the last step, and why it ended. Each
// step's noise is a function of the seed and the step alone, so that a run that goes on from a checkpoint ends with the
// same bits as one that never stopped, for any number of threads.
#pragma once
#include <functional>
#include <string>

#include "runtime/driver.h"
#include "runtime/learn/natural.h"
#include "runtime/learn/optimiser.h"

namespace alea {

// A program whose objective is lowered, or raised where the model says so. `params` says where among the trained params
// each of the program's own is.
struct Loss {
  Driver* driver = nullptr;
  const Program* program = nullptr;
  std::vector<size_t> params;
  std::vector<bool> frozen;                      // of `params`: never changed
  const std::vector<InputRows>* rows = nullptr;  // of which the driver gets some each step; empty: the program has no inputs
  Driver* fisher = nullptr;                      // of the program of Fisher-vector products, for `natural`
};

// How params are judged: by a program without gradient, perhaps of another model; `params` are its own, and `trained`
// says which of them are where among the trained ones.
struct Judge {
  Driver* driver = nullptr;
  ParamArrays params;
  std::vector<std::optional<size_t>> trained;
  bool maximise = false;
};

enum class Keep : uint8_t { last, best };

struct TrainOptions {
  int64_t steps = 1000, batch = 64, samples_per_row = 1;
  uint64_t seed = 0;
  OptimiserOptions optimiser;
  NaturalOptions natural;
  Schedule schedule;
  double clip_norm = 0;                                   // 0: none
  int64_t evaluate_every = 0, evaluation_samples = 1000;  // 0: only before the first step and after the last
  std::optional<double> target;                           // ends where an evaluation is as good
  int64_t adapt_every = 500;                              // pilots of what estimators adapt
  int64_t checkpoint_every = 0;
  const std::atomic<bool>* stop = nullptr;
};

struct CurvePoint {
  int64_t step = 0;                              // done
  double training_mean = 0, training_error = 0;  // of the first loss over the steps since the point before
  double evaluation_mean = 0, evaluation_error = 0;
};

// All that a later step depends on.
struct TrainState {
  int64_t step = 0;  // done
  ParamArrays params;
  std::vector<OptimiserMemory> memory;  // by loss
  std::vector<ParamArrays> adapted;     // by loss
  std::vector<CurvePoint> curve;
  double count = 0, mean = 0, m2 = 0;  // moments of the first loss's estimates since the last point
  ParamArrays best;                    // with the best evaluation so far
  double best_value = 0;
};

struct StepRecord {
  int64_t step = 0;  // done, this one included
  size_t loss = 0;
  double objective = 0, standard_error = 0, gradient_norm = 0, rate = 0;
};

struct TrainEvents {
  std::function<void(const StepRecord&)> stepped;
  std::function<void(const CurvePoint&)> evaluated;
  std::function<void(const TrainState&)> checkpoint;
};

enum class TrainEnd : uint8_t { steps, target, interrupted, diverged };

struct Divergence {
  int64_t step = 0;            // the one, counted from 1, that could not be made
  std::optional<size_t> loss;  // none: while the params were judged
  std::optional<NonFiniteReport> report;
  bool in_fisher = false;       // it is of the loss's Fisher information
  std::optional<size_t> param;  // of the trained ones, which the update made infinite
};

struct TrainResult {
  TrainEnd end = TrainEnd::steps;
  std::optional<Divergence> divergence;  // state.params are then the last at which everything was finite
};

TrainState first_state(const std::vector<Loss>&, ParamArrays params);
TrainResult train(const std::vector<Loss>&, Judge&, const TrainOptions&, TrainState&, const TrainEvents&);

// The order in which epoch `epoch` takes `rows` rows: a permutation that the seed and the epoch alone decide.
std::vector<int64_t> shuffled_rows(int64_t rows, uint64_t seed, int64_t epoch);

}  // namespace alea
