// W6, a stream of scalars: x = mean + scale z, f = sin x e^(-x²/10) + x³. Nothing is stored but the noise of the block.
#include "tests/bench/hand/lanes.h"

namespace alea::bench {

namespace {

constexpr int block = 512;

template <class T>
void gradient(const HandTask& task) {
  using V = Vector<T>;
  constexpr int vectors = 4;
  const T mean = static_cast<const T*>(task.params)[0], scale = static_cast<const T*>(task.params)[1];
  T* noise = static_cast<T*>(task.workspace);
  for (int first = 0; first < block; first += 64)
    fill<T, true>(task.keys[0], task.first_sample + static_cast<uint64_t>(first), 1, noise + first);
  V sums[3][vectors]{};
  for (int first = 0; first < block; first += vectors * lanes<T>)
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v) {
      const V z = load(noise + first + v * lanes<T>), x = mean + scale * z, square = x * x;
      const auto [s, c] = sine_cosine(x);
      const V e = exponential(T(-0.1) * square);
      const V slope = (c - T(0.2) * x * s) * e + 3 * square;
      sums[0][v] += s * e + x * square;
      sums[1][v] += slope;
      sums[2][v] += slope * z;
    }
  for (int k = 0; k < 3; ++k) {
    task.sums[k] = 0;
    for (int v = 0; v < vectors; ++v) task.sums[k] += sum_of_lanes<T>(sums[k][v]);
  }
}

}  // namespace

const HandKernel hand_w6 = {block, gradient<double>, gradient<float>, block * sizeof(double)};

}  // namespace alea::bench
