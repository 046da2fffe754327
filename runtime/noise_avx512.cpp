// Noise for processors with AVX-512: 64-byte vectors.
#if defined(__AVX512F__)
#include "runtime/noise_kernel.h"
#include "runtime/noise_targets.h"

namespace alea {

const NoiseKernel noise_avx512 = NoiseBlocks<64>::kernel("avx512");

}  // namespace alea

#endif
