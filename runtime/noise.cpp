#include "runtime/noise.h"

#include "runtime/noise_targets.h"

namespace alea {

namespace {

#if defined(__x86_64__)
bool has_avx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl");
}
bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
#endif

}  // namespace

std::vector<NoiseKernel> noise_kernels() {
  std::vector<NoiseKernel> kernels;
#if defined(__x86_64__)
  if (has_avx512()) kernels.push_back(noise_avx512);
  if (has_avx2()) kernels.push_back(noise_avx2);
#endif
  kernels.push_back(noise_plain);
  return kernels;
}

const NoiseFunctions& noise_functions_double() {
  static const NoiseFunctions functions = noise_kernels().front().in_double;
  return functions;
}
const NoiseFunctions& noise_functions_single() {
  static const NoiseFunctions functions = noise_kernels().front().in_single;
  return functions;
}

}  // namespace alea
