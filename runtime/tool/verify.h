// Is the gradient right? In: a model ready to run. Out: how far the gradient is from central differences of the objective
// on the same noise, how far native code is from the interpreter, which values are not finite, which promises of
// `nonzero` do not hold; and how large an error of the gradient would have been noticed.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "runtime/tool/engine.h"

namespace alea {

// Along one direction v in the space of params: the gradient's v·∇J against (J(θ + h v) - J(θ - h v)) / 2h.
struct Direction {
  std::string name;  // d theta[1], or |d mean.out.W| along random signs
  double gradient = 0, difference = 0;
  double standard_error = 0;  // of gradient - difference, from independent batches
  double slack = 0;           // what rounding and the objective's curvature leave even of a right gradient
  double z = 0;               // (gradient - difference) / standard error
  bool agrees = true;         // |gradient - difference| ≤ allowed_errors standard errors + slack
  // An error of this size is found with probability 0.98.
  double noticed() const;
};
inline constexpr double allowed_errors = 4;

struct BackendDifference {
  std::string what;  // "`om'` at pendulum.alea:14:3, sample 12, step 3", "d theta[0]"
  double native = 0, interpreted = 0;
};

// `nonzero(b)` where b is 0, or where it has both signs at one step and comes near 0 between them.
struct BrokenPromise {
  Span span;
  std::string what;  // "its operand is 0 in sample 3, step 7"
};

struct Verification {
  double step = 0;  // h
  int64_t samples = 0;
  std::vector<Direction> directions;
  // Of the gradient's length along itself: an error that is found with probability 0.98; none where the gradient is 0.
  std::optional<double> noticed;
  int64_t compared_samples = 0;            // native against interpreter
  double largest_relative = 0;             // of their differences
  std::optional<BackendDifference> worst;  // where it is more than allowed
  double allowed = 0;
  std::string non_finite;  // "`x` at model.alea:14:3 is nan in sample 7, step 12"; empty: all is finite
  std::vector<BrokenPromise> promises;
  bool good() const;
};

Verification verify_model(const Session&, const Model&);

// Its parts, in the order in which they run. Samples are chosen so that all takes `seconds`, unless --samples says how many.
inline constexpr double verify_seconds = 2;
// Two programs that should be one, the first as native code, the second interpreted.
void compare_backends(const Session&, const Model&, const Program& native, const Program& interpreted, Verification&);
void check_promises(const Session&, const Model&, double seconds, Verification&);
void compare_with_differences(const Session&, const Model&, double seconds, Verification&);

}  // namespace alea
