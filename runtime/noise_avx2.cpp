// Noise for processors with AVX2 and FMA: 32-byte vectors.
#if defined(__AVX2__)
#include "runtime/noise_kernel.h"
#include "runtime/noise_targets.h"

namespace alea {

const NoiseKernel noise_avx2 = NoiseBlocks<32>::kernel("avx2");

}  // namespace alea

#endif
