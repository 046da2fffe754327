// Noise for any processor, with the compiler's own vectors of 16 bytes.
#include "runtime/noise_kernel.h"
#include "runtime/noise_targets.h"

namespace alea {

const NoiseKernel noise_plain = NoiseBlocks<16>::kernel("plain");

}  // namespace alea
