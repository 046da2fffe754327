// The workloads W1 … W9 as tests/bench/README.md defines them: what is bound to each model, how its time is counted, and what
// is known of its limit.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "compiler/kernel/interpret.h"
#include "tests/bench/hand/hand.h"

namespace alea::bench {

struct Matrix {
  std::string name;
  uint64_t rows = 0, columns = 0;
  std::vector<double> values;
};

struct Workload {
  std::string name;
  const HandKernel& hand;
  int64_t samples = 0, steps = 0;                  // the time is divided by their product
  double limit_double = 0, limit_single = 0;       // ns on the reference machine; 0: not known
  double apart_single = 0;                         // how far two single-precision gradients may differ
  std::function<std::vector<Matrix>()> constants;  // that replace the model's; null: none
  std::function<std::vector<double>()> params;     // flat
  std::function<std::vector<InputRows>()> inputs;
};
const std::vector<Workload>& workloads();

}  // namespace alea::bench
