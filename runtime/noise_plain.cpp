// Noise for any processor, with the compiler's own vectors of 16 bytes.
#include "runtime/noise_kernel.h"
#include "runtime/noise_targets.h"

namespace alea {

const NoiseKernel noise_plain = {"plain", NoiseBlocks<16>::fill<double, false>, NoiseBlocks<16>::fill<double, true>,
                                 NoiseBlocks<16>::fill<float, false>, NoiseBlocks<16>::fill<float, true>};

}  // namespace alea
