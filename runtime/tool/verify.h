// Is the gradient right? In: a model ready to run. Out: how far the gradient is from central differences of the objective on
// the same noise, and native code from the interpreter, and whether either is further than it may be.
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
  double z = 0;
  bool agrees = true;
};

struct BackendDifference {
  std::string what;  // "the objective of sample 12, from step 3 on", "d theta[0]"
  double native = 0, interpreted = 0;
};

struct Verification {
  double step = 0;  // h
  int64_t samples = 0;
  std::vector<Direction> directions;
  int64_t compared_samples = 0;            // native against interpreter
  double largest_relative = 0;             // of their differences
  std::optional<BackendDifference> worst;  // where it is more than allowed
  double allowed = 0;
  bool good() const;
};

Verification verify_model(const Session&, const Model&);

}  // namespace alea
