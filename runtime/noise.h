// The noise of a run, in blocks. In: a noise's key (noise_key in compiler/kernel/philox.h) and which samples, times
// and elements. Out: exactly the draws of philox.h and draws.h, whatever the block and the processor: the fastest
// of several compilations is taken, and all give the same bits.
#pragma once
#include <string_view>
#include <vector>

#include "compiler/codegen/abi.h"

namespace alea {

// The functions that generated code calls for draws, in double or single precision.
const NoiseFunctions& noise_functions_double();
const NoiseFunctions& noise_functions_single();

// One particular compilation, for tests and measurements.
struct NoiseKernel {
  std::string_view name;  // "avx512", "avx2", "plain"
  NoiseFunctions in_double, in_single;
};
std::vector<NoiseKernel> noise_kernels();  // those that this processor runs, the fastest first

}  // namespace alea
