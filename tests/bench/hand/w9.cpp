// W9, a thousand categorical draws that look up a table, by their scores with leave-one-out baselines over groups of 64. The
// probabilities are computed once a block; a draw compares the noise with their sums, and the eight entries of its row of the
// table lie in registers. The advantage is known once all draws are added up; the second pass goes through what was drawn:
//   Σ_s A_s ([z_s = k] - p_k)
#include "tests/bench/hand/lanes.h"

namespace alea::bench {

namespace {

constexpr int block = 64, draws = 1000, categories = 8;

template <class T>
struct Work {
  T noise[draws][block], drawn[draws][block];
  T below[draws][categories], p[draws][categories];
};

template <class T>
ALEA_INLINE Vector<T> entry(const T* row, Vector<T> k) {
  if constexpr (sizeof(T) == 8) {
#if defined(__AVX512F__)
    return (Vector<T>)_mm512_permutexvar_pd((__m512i)((WordVector<T>)(k + 0x1p52)), _mm512_loadu_pd(row));
#else
    Vector<T> values{};
    for (int j = 1; j < categories; ++j) values = k == T(j) ? splat(row[j]) : values;
    return k == T(0) ? splat(row[0]) : values;
#endif
  } else {
#if defined(__AVX512F__)
    const __m512 twice = _mm512_castps256_ps512(_mm256_loadu_ps(row));
    return (Vector<T>)_mm512_permutexvar_ps((__m512i)((WordVector<T>)(k + 0x1p23f)), twice);
#else
    return (Vector<T>)_mm256_permutevar8x32_ps(_mm256_loadu_ps(row), (__m256i)((WordVector<T>)(k + 0x1p23f)));
#endif
  }
}

template <class T>
void gradient(const HandTask& task) {
  using V = Vector<T>;
  constexpr int count = block / lanes<T>;
  auto& work = *static_cast<Work<T>*>(task.workspace);
  const T* logits = static_cast<const T*>(task.params);
  const T* table = static_cast<const T*>(task.constants[0]);
  fill<T, false>(task.keys[0], task.first_sample, draws, work.noise[0]);
  // softmax, eight draws' logits at a time where a vector is as long
  for (int i = 0; i < draws; ++i) {
    alignas(vector_bytes) T e[categories];
    T most = logits[i * categories], sum = 0;
    for (int k = 1; k < categories; ++k) most = logits[i * categories + k] > most ? logits[i * categories + k] : most;
    if constexpr (sizeof(T) == 8 && lanes<T> == 8) {
      V x;
      __builtin_memcpy(&x, logits + i * categories, sizeof x);
      store(e, exponential(x - most));
    } else {
      alignas(vector_bytes) T padded[lanes<T> > categories ? lanes<T> : categories]{};
      for (int k = 0; k < categories; ++k) padded[k] = logits[i * categories + k] - most;
      for (int k = 0; k < categories; k += lanes<T>) store(padded + k, exponential(load(padded + k)));
      for (int k = 0; k < categories; ++k) e[k] = padded[k];
    }
    for (int k = 0; k < categories; ++k) sum += e[k];
    T so_far = 0;
    for (int k = 0; k < categories; ++k) {
      work.p[i][k] = e[k] / sum;
      so_far += work.p[i][k];
      work.below[i][k] = so_far;
    }
  }
  V total[count]{};
  for (int i = 0; i < draws; ++i) {
    const T* below = work.below[i];
#pragma GCC unroll 8
    for (int v = 0; v < count; ++v) {
      const V u = load(&work.noise[i][v * lanes<T>]) * below[categories - 1];
      V k{};
#pragma GCC unroll 8
      for (int c = 0; c + 1 < categories; ++c) k += u > below[c] ? V{} + 1 : V{};
      store(&work.drawn[i][v * lanes<T>], k);
      total[v] += entry<T>(table + i * categories, k);
    }
  }
  V cost[count], advantage[count], sum{}, all{};
  for (int v = 0; v < count; ++v) {
    const V error = total[v] * T(1 / 32.0) - 1;
    cost[v] = error * error;
    sum += cost[v];
  }
  const double objective = sum_of_lanes<T>(sum);
  for (int v = 0; v < count; ++v) {
    advantage[v] = T(block / (block - 1.0)) * (cost[v] - static_cast<T>(objective / block));
    all += advantage[v];
  }
  const T sum_of_advantages = static_cast<T>(sum_of_lanes<T>(all));
  task.sums[0] = objective;
  for (int i = 0; i < draws; ++i) {
    V sums[categories]{};
#pragma GCC unroll 8
    for (int v = 0; v < count; ++v) {
      const V k = load(&work.drawn[i][v * lanes<T>]);
#pragma GCC unroll 8
      for (int c = 0; c < categories; ++c) sums[c] += k == T(c) ? advantage[v] : V{};
    }
    for (int c = 0; c < categories; ++c)
      task.sums[1 + i * categories + c] =
          sum_of_lanes<T>(sums[c]) - static_cast<double>(work.p[i][c]) * static_cast<double>(sum_of_advantages);
  }
}

}  // namespace

const HandKernel hand_w9 = {block, gradient<double>, gradient<float>, sizeof(Work<double>)};

}  // namespace alea::bench
