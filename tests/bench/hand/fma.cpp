// The core's rate of fused multiply-adds: enough independent chains of them to hide their latency.
#include <chrono>

#include "tests/bench/hand/lanes.h"

namespace alea::bench {

double fma_rate() {
  constexpr int chains = 12, turns = 2000;
  Vector<double> x[chains];
#pragma GCC unroll 12
  for (int k = 0; k < chains; ++k) x[k] = splat(1.0 + k);
  const Vector<double> factor = splat(0.999999), summand = splat(1e-6);
  const auto begin = std::chrono::steady_clock::now();
  for (int turn = 0; turn < turns; ++turn) {
#pragma GCC unroll 12
    for (int k = 0; k < chains; ++k) {
      x[k] = x[k] * factor + summand;
      asm("" : "+v"(x[k]));
    }
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  Vector<double> sum = x[0];
#pragma GCC unroll 12
  for (int k = 1; k < chains; ++k) sum += x[k];
  asm volatile("" : : "v"(sum));
  return 2e-9 * chains * turns * lanes<double> / seconds;
}

}  // namespace alea::bench
