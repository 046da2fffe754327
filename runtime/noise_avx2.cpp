// Noise for processors with AVX2 and FMA: 32-byte vectors.
#if defined(__AVX2__)
#include "runtime/noise_kernel.h"
#include "runtime/noise_targets.h"

namespace alea {

const NoiseKernel noise_avx2 = {"avx2", NoiseBlocks<32>::fill<double, false>, NoiseBlocks<32>::fill<double, true>,
                                NoiseBlocks<32>::fill<float, false>, NoiseBlocks<32>::fill<float, true>};

}  // namespace alea

#endif
