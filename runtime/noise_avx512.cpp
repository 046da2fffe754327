// Noise for processors with AVX-512: 64-byte vectors.
#if defined(__AVX512F__)
#include "runtime/noise_kernel.h"
#include "runtime/noise_targets.h"

namespace alea {

const NoiseKernel noise_avx512 = {"avx512", NoiseBlocks<64>::fill<double, false>, NoiseBlocks<64>::fill<double, true>,
                                  NoiseBlocks<64>::fill<float, false>, NoiseBlocks<64>::fill<float, true>};

}  // namespace alea

#endif
