// The compilations of noise_kernel.h, one file each (noise_avx512 and noise_avx2 on x86-64 alone).
#pragma once
#include "runtime/noise.h"

namespace alea {

extern const NoiseKernel noise_avx512, noise_avx2, noise_plain;

// These with the draws that have arguments.
NoiseFunctions noise_draws_double(NoiseFill uniform, NoiseFill normal);
NoiseFunctions noise_draws_single(NoiseFill uniform, NoiseFill normal);

}  // namespace alea
