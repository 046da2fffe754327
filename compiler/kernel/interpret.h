// The oracle: runs a gradient program as program.h describes it, one node after another on one group of samples, obvious
// and slow. In: a verified program, param values, input rows, which samples, and where noise comes from. Out: the
// objective of each sample and the group's sum of gradients. Every operation rounds to T, elementwise ones with the
// functions that native code has; sums over samples run by the tree of `lane_sum`. No state: groups may run at once.
#pragma once
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "compiler/kernel/program.h"

namespace alea {

// One draw: of noise `id`, drawn by `op` with its arguments, for a sample and element; `time` is null in a phase
// without time.
struct NoiseRequest {
  NoiseId id;
  Op op{};
  std::span<const double> arguments;
  uint64_t sample = 0;
  std::optional<int64_t> time;
  int64_t element = 0;
};
using NoiseSource = std::function<double(const NoiseRequest&)>;

// The noise of every run: compiler/kernel/philox.h and draws.h. T is double or float, which have different noise.
template <class T>
NoiseSource philox_noise(const Program&, uint64_t seed);

// Rows of one input, each its elements in order. Sample i reads row i mod rows.
struct InputRows {
  std::vector<double> values;
  int64_t rows = 0;
};

using ParamArrays = std::vector<std::vector<double>>;  // by ParamId, flat

// What is seen of a forward value: called once a node of a forward phase, in order. `values` is [lane][element], with
// one lane where the value does not vary with the sample.
struct TraceEvent {
  NodeId node;
  std::optional<int64_t> time;
  std::span<const double> values;
};
using Trace = std::function<void(const TraceEvent&)>;

// The first value, in the order of computing, that is NaN or infinite in a sample that counts; of the forward phases or
// of the backward ones. A value of a branch not taken may be, so this is asked for only when a result is not finite.
struct NonFinite {
  NodeId node;
  uint64_t sample = 0;
  std::optional<int64_t> time;
  int64_t element = 0;
  double value = 0;
};

struct GroupResult {
  std::vector<double> objective;              // by sample of the group
  std::vector<std::vector<double>> gradient;  // by ParamId, flat: the sum over the samples; empty without gradient
  std::optional<NonFinite> non_finite;        // where asked for
};

struct GroupOptions {
  bool gradient = true;  // where the program has one
  bool find_non_finite = false;
  bool find_in_gradient = false;  // look at the backward phases, not at the forward ones
  Trace trace;                    // may be empty
};

// Samples first_sample … first_sample + count - 1, count ≤ 64; first_sample a multiple of 64.
template <class T>
GroupResult interpret_group(const Program&, const ParamArrays&, std::span<const InputRows>, uint64_t first_sample, int64_t count,
                            const NoiseSource&, const GroupOptions& = {});

// The values of the named nodes of a program without horizon, for sample 0: initial param values.
ParamArrays interpret_names(const Program&, const ParamArrays&, const NoiseSource&);

}  // namespace alea
