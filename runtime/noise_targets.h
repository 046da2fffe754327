// The compilations of noise_kernel.h, one file each (noise_avx512 and noise_avx2 on x86-64 alone).
#pragma once
#include "runtime/noise.h"

namespace alea {

extern const NoiseKernel noise_avx512, noise_avx2, noise_plain;

}  // namespace alea
