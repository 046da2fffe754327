// For processors with AVX-512: eight doubles at a time.
#if defined(__AVX512F__)
#include "compiler/kernel/rare_gamma.h"

namespace alea::rare {

template <class T>
void gamma_grad_avx512(int64_t count, const T* shape, const T* x, T* out) {
  GammaGradient<8>::gamma_grads(count, shape, x, out);
}
template void gamma_grad_avx512(int64_t, const double*, const double*, double*);
template void gamma_grad_avx512(int64_t, const float*, const float*, float*);

}  // namespace alea::rare

#endif
