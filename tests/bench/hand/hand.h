// The hand-written gradients that compiled models are timed against. In: a block of samples to work on, params, inputs
// and noise keys as T (double or float). Out: the sums over the block's samples of the objective and of its gradient.
// Each is what an expert would write for this one gradient: structure of arrays, explicit vectors, polynomials inlined,
// an adjoint derived by hand, nothing kept that is not needed. They draw the same noise as Alea, from the same keys, so
// that both gradients can be compared digit by digit.
//
// Plain data only: the files behind it are compiled with other flags than the rest.
#pragma once
#include <cstdint>

namespace alea::bench {

struct HandTask {
  const void* params;            // T, flat, in the order of the model's params
  const void* const* inputs;     // T, by the model's inputs: [element][sample], 1024 samples
  const void* const* constants;  // T, by the workload's constants
  const uint64_t* keys;          // of the model's noises
  uint64_t first_sample;         // a multiple of block
  void* workspace;               // 64-byte aligned, this thread's own
  double* sums;                  // out: the objective, then the gradient
};

using HandFunction = void (*)(const HandTask&);

struct HandKernel {
  int64_t block;  // samples a call works on
  HandFunction in_double, in_single;
  int64_t workspace_bytes;
};

extern const HandKernel hand_w1, hand_w2, hand_w3, hand_w4, hand_w5, hand_w6, hand_w7, hand_w8, hand_w9;

// A chain of independent fused multiply-adds: GFLOP/s of the core as it is now.
double fma_rate();

}  // namespace alea::bench
