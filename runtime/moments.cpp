// Moments of a group by vectors, their merger, and standard errors (moments.h).
#include "runtime/moments.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <iterator>
#include <limits>
#include <type_traits>
#include <utility>

#include "compiler/kernel/elementary_vector.h"
#include "compiler/kernel/program.h"
#include "dsl/diagnostic.h"

namespace alea {

namespace {

template <class T>
struct Vectors;
template <>
struct Vectors<double> {
  using Whole [[gnu::vector_size(32)]] = double;
  using Four = Whole;
};
template <>
struct Vectors<float> {
  using Whole [[gnu::vector_size(32)]] = float;
  using Four [[gnu::vector_size(16)]] = float;
};
template <class T>
using Whole = typename Vectors<T>::Whole;
template <class T>
using FourOf = typename Vectors<T>::Four;
using Four = FourOf<double>;
template <class T>
constexpr size_t lanes = sizeof(Whole<T>) / sizeof(T);

// Sixteen sums side by side, which need not wait for each other, then a tree over them and what is left. A fixed order.
constexpr size_t ways = 16;
template <class T>
constexpr size_t vectors = ways / lanes<T>;
Four four_of(const Whole<double> (&sums)[4]) { return (sums[0] + sums[2]) + (sums[1] + sums[3]); }
FourOf<float> four_of(const Whole<float> (&sums)[2]) {
  const Whole<float> sum = sums[0] + sums[1];
  return __builtin_shufflevector(sum, sum, 0, 1, 2, 3) + __builtin_shufflevector(sum, sum, 4, 5, 6, 7);
}
template <class V>
auto total_of(V sum) {
  return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}
// The same for two, half done; then for four, in the order first, third, second, fourth, and into the order they came in.
template <class V>
V half_totals_of(V a, V b) {
  return __builtin_shufflevector(a, b, 0, 1, 4, 5) + __builtin_shufflevector(a, b, 2, 3, 6, 7);
}
template <class V>
V totals_of_halves(V first_two, V last_two) {
  return __builtin_shufflevector(first_two, last_two, 0, 4, 2, 6) + __builtin_shufflevector(first_two, last_two, 1, 5, 3, 7);
}

Four in_order(Four four) { return __builtin_shufflevector(four, four, 0, 2, 1, 3); }

// Σ term(x)
template <class T, class Term>
[[gnu::always_inline]] inline T sum_of(const T* values, size_t size, Term term) {
  Whole<T> sums[vectors<T>]{};
  size_t at = 0;
  for (; at + ways <= size; at += ways)
    for (size_t k = 0; k < vectors<T>; ++k) {
      Whole<T> some;
      std::memcpy(&some, values + at + lanes<T> * k, sizeof some);
      sums[k] += term(some);
    }
  T rest = 0;
  for (; at < size; ++at) rest += term(values[at]);
  return total_of(four_of(sums)) + rest;
}

// Σ (x - c) and Σ (x - c)²
template <class T>
struct TwoSums {
  T first, second;
};
// But for the last size mod 16 values, each as four parts.
template <class T>
[[gnu::always_inline]] inline TwoSums<FourOf<T>> parts_of_sums(const T* values, size_t size, T c) {
  elementary::VectorBuilder<T, lanes<T>> builder;
  Whole<T> sums[vectors<T>]{}, squares[vectors<T>]{};
  const auto some_at = [&](size_t at) {
    Whole<T> some;
    std::memcpy(&some, values + at, sizeof some);
    return some - c;
  };
  if (size >= ways)
    for (size_t k = 0; k < vectors<T>; ++k) {
      sums[k] = some_at(lanes<T> * k);
      squares[k] = sums[k] * sums[k];
    }
#pragma GCC unroll 4
  for (size_t at = ways; at + ways <= size; at += ways)
    for (size_t k = 0; k < vectors<T>; ++k) {
      const Whole<T> some = some_at(at + lanes<T> * k);
      sums[k] += some;
      squares[k] = builder.fma(some, some, squares[k]);
    }
  return {four_of(sums), four_of(squares)};
}
template <class T>
[[gnu::always_inline]] inline TwoSums<T> sums_of(const T* values, size_t size, T c) {
  const TwoSums<FourOf<T>> parts = parts_of_sums(values, size, c);
  size_t at = size - size % ways;
  T rest = 0, more = 0;
  for (; at < size; ++at) {
    const T x = values[at] - c;
    rest += x;
    more += x * x;
  }
  return {total_of(parts.first) + rest, total_of(parts.second) + more};
}

template <class T>
struct MomentOf {
  T mean, m2;
};

// In one pass, about the first sample c: with S₁ = Σ (x - c) and S₂ = Σ (x - c)² the mean is c + S₁/n and M2 = S₂ - S₁²/n. c
// being one of the samples, S₂ is at most n + 1 times M2, so that a group's subtraction costs six bits at most.
template <class V>
[[gnu::always_inline]] inline MomentOf<V> moment_of_sums(V first, V sum, V squares, double n) {
  const V part = sum / n, m2 = squares - sum * part, zero{};
  return {first + part, m2 > zero ? m2 : m2 <= zero ? zero : squares};
}

// Sums of samples in single precision are in single precision too, a group's: they are as exact as the samples' deviations.
// Where squares may have over- or underflown, they are summed in double precision.
constexpr double least_squares = 0x1p-100, most_squares = 0x1p100;

template <class T>
[[gnu::always_inline]] inline MomentOf<double> moment_of(const T* samples, size_t count) {
  const TwoSums<T> sums = sums_of(samples, count, samples[0]);
  const double squares = sums.second;
  if constexpr (std::is_same_v<T, float>)
    if (!(least_squares < squares && squares < most_squares)) {
      std::array<double, group_size> doubles{};
      std::copy_n(samples, count, doubles.begin());
      return moment_of(doubles.data(), count);
    }
  return moment_of_sums<double>(samples[0], sums.first, squares, static_cast<double>(count));
}

// Of four full groups, one after another: of the first, the third, the second and the fourth.
template <class T>
[[gnu::always_inline]] inline TwoSums<FourOf<T>> sums_of_four(const T* samples) {
  const auto halves_of_two = [](const T* own) -> TwoSums<FourOf<T>> {
    const TwoSums<FourOf<T>> a = parts_of_sums(own, group_size, own[0]),
                             b = parts_of_sums(own + group_size, group_size, own[group_size]);
    return {half_totals_of(a.first, b.first), half_totals_of(a.second, b.second)};
  };
  const TwoSums<FourOf<T>> left = halves_of_two(samples), right = halves_of_two(samples + 2 * group_size);
  return {totals_of_halves(left.first, right.first), totals_of_halves(left.second, right.second)};
}
template <class T>
[[gnu::always_inline]] inline MomentOf<Four> moments_of_four(const T* samples, TwoSums<FourOf<T>> sums) {
  const Four sum = __builtin_convertvector(sums.first, Four), squares = __builtin_convertvector(sums.second, Four);
  const Four first = {samples[0], samples[2 * group_size], samples[group_size], samples[3 * group_size]};
  if constexpr (std::is_same_v<T, float>)
    if (elementary::VectorBuilder<double, 4>::any(!((least_squares < squares) & (squares < most_squares)))) [[unlikely]] {
      MomentOf<Four> result{};
      for (size_t k = 0; k < 4; ++k) {
        const MomentOf<double> moment = moment_of(samples + (k % 2 * 2 + k / 2) * group_size, group_size);
        result.mean[k] = moment.mean;
        result.m2[k] = moment.m2;
      }
      return result;
    }
  return moment_of_sums(first, sum, squares, group_size);
}

}  // namespace

// 0 x is 0 or, for infinities and NaN, NaN.
bool all_finite(std::span<const double> values) {
  return sum_of(values.data(), values.size(), [](auto x) { return 0 * x; }) == 0;
}
bool all_finite(std::span<const float> values) {
  return sum_of(values.data(), values.size(), [](auto x) { return 0 * x; }) == 0;
}

template <class T>
void set_moments(Moments& result, std::span<const T> samples) {
  result.count = static_cast<double>(samples.size());
  const MomentOf<double> moment = moment_of(samples.data(), samples.size());
  result.mean.assign(1, moment.mean);
  result.m2.assign(1, moment.m2);
  result.sums.clear();
}
template void set_moments(Moments&, std::span<const double>);
template void set_moments(Moments&, std::span<const float>);

template <class T>
bool moments_of_groups(std::span<const T> samples, std::span<double> mean, std::span<double> m2) {
  // The sums of sixteen groups before what follows from them, so that neither waits for the other.
  constexpr size_t fours = 4;
  const T* own = samples.data();
  size_t group = 0;
  Four zeros{};
  while (mean.size() - group >= 4) {
    const size_t count = std::min(fours, (mean.size() - group) / 4);
    std::array<TwoSums<FourOf<T>>, fours> sums;
    for (size_t four = 0; four < count; ++four) sums[four] = sums_of_four(own + (group + four * 4) * group_size);
    for (size_t four = 0; four < count; ++four, group += 4) {
      const MomentOf<Four> moment = moments_of_four(own + group * group_size, sums[four]);
      const Four means = in_order(moment.mean), squares = in_order(moment.m2);
      std::memcpy(mean.data() + group, &means, sizeof means);
      std::memcpy(m2.data() + group, &squares, sizeof squares);
      zeros += 0 * means;
    }
  }
  double zero = total_of(zeros);
  for (; group < mean.size(); ++group) {
    const MomentOf<double> moment = moment_of(own + group * group_size, group_size);
    mean[group] = moment.mean;
    m2[group] = moment.m2;
    zero += 0 * moment.mean;
  }
  return zero == 0;
}
template bool moments_of_groups(std::span<const double>, std::span<double>, std::span<double>);
template bool moments_of_groups(std::span<const float>, std::span<double>, std::span<double>);

namespace {

constexpr double full = group_size;

// So many groups wait; fewer where they would take more memory than that of a cache.
size_t most_waiting(size_t size) {
  constexpr size_t many = 16, few = 4, largest = size_t{16} << 20;
  return many * size * sizeof(double) <= largest ? many : few;
}

using Eight [[gnu::vector_size(64)]] = double;

// Of full groups that are known by their sums, from `at` on.
template <size_t groups, class T>
[[gnu::always_inline]] inline MomentOf<T> moment_of_groups(const double* const* sums, size_t at) {
  if constexpr (groups == 1) {
    T sum;
    std::memcpy(&sum, sums[0] + at, sizeof sum);
    return {sum * (1 / full), T{}};
  } else {
    const MomentOf<T> a = moment_of_groups<groups / 2, T>(sums, at), b = moment_of_groups<groups / 2, T>(sums + groups / 2, at);
    const T step = b.mean - a.mean, between = step * step * (full * groups / 4);
    if constexpr (groups == 2) return {a.mean + step * 0.5, between};
    else return {a.mean + step * 0.5, a.m2 + b.m2 + between};
  }
}

// The mean takes the place of the first group's sums, M2 that of the second's.
template <size_t groups>
void merge_sums(Moments& moments, const std::vector<Numbers>& others, size_t from, size_t to) {
  double *mean = moments.mean.data(), *m2 = moments.m2.data();
  const double* sums[groups] = {mean, m2};
  for (size_t g = 2; g < groups; ++g) sums[g] = others[g - 2].data();
  size_t at = from;
  const auto merge_at = [&]<class T>() {
    const MomentOf<T> moment = moment_of_groups<groups, T>(sums, at);
    std::memcpy(mean + at, &moment.mean, sizeof moment.mean);
    std::memcpy(m2 + at, &moment.m2, sizeof moment.m2);
    at += sizeof(T) / sizeof(double);
  };
  while (at + 8 <= to) merge_at.template operator()<Eight>();
  while (at < to) merge_at.template operator()<double>();
}

}  // namespace

WaitingGroups::WaitingGroups(Moments& moments)
    : moments_(moments), others_(std::exchange(moments.sums, {})), groups_(others_.size()) {
  if (groups_ == 0) return;
  moments_.mean.swap(others_[0]);
  if (groups_ > 1) moments_.m2.swap(others_[1]);
  else moments_.m2.resize(moments_.mean.size());
  // What was there is memory alone.
  std::rotate(others_.begin(), others_.begin() + static_cast<std::ptrdiff_t>(std::min<size_t>(groups_, 2)), others_.end());
}

void WaitingGroups::merge(size_t from, size_t to) {
  switch (groups_) {
    case 0: return;
    case 1:
      for (size_t k = from; k < to; ++k) moments_.mean[k] /= moments_.count;
      std::fill(moments_.m2.data() + from, moments_.m2.data() + to, 0.0);
      return;
    case 2: return merge_sums<2>(moments_, others_, from, to);
    case 4: return merge_sums<4>(moments_, others_, from, to);
    case 8: return merge_sums<8>(moments_, others_, from, to);
    case 16: return merge_sums<16>(moments_, others_, from, to);
    default: internal_error("groups wait that are not a power of two");
  }
}

std::vector<Numbers> WaitingGroups::finish() {
  std::erase_if(others_, [](const Numbers& numbers) { return numbers.capacity() == 0; });
  return std::move(others_);
}

bool wait_as_many_as_may(const Moments& moments) {
  return !moments.sums.empty() && moments.sums.size() == most_waiting(moments.sums[0].size());
}

void merge_waiting(Moments& moments, std::vector<Numbers>& spares) {
  WaitingGroups waiting(moments);
  waiting.merge(0, moments.mean.size());
  std::ranges::move(waiting.finish(), std::back_inserter(spares));
}

void merge(Moments& left, Moments& right, std::vector<Numbers>& spares) {
  if (!left.sums.empty() && left.sums.size() == right.sums.size() && left.count == right.count &&
      left.count == full * static_cast<double>(left.sums.size()) && 2 * left.sums.size() <= most_waiting(left.sums[0].size())) {
    for (Numbers& sum : right.sums) left.sums.push_back(std::move(sum));
    right.sums.clear();
    left.count *= 2;
    return;
  }
  merge_waiting(left, spares);
  merge_waiting(right, spares);
  const double count = left.count + right.count;
  const double share = right.count / count, weight = left.count * share;
  double *mean = left.mean.data(), *m2 = left.m2.data();
  const double *others = right.mean.data(), *other_m2 = right.m2.data();
  const size_t size = left.mean.size();
  for (size_t k = 0; k < size; ++k) {
    const double own = mean[k], step = others[k] - own;
    mean[k] = own + step * share;
    m2[k] = m2[k] + other_m2[k] + step * step * weight;
  }
  left.count = count;
}

bool all_finite(const Moments& moments) {
  const auto finite = [](const Numbers& numbers) { return all_finite(std::span<const double>(numbers)); };
  return moments.sums.empty() ? finite(moments.mean) : std::ranges::all_of(moments.sums, finite);
}

double standard_error_of_samples(const Moments& moments) {
  if (moments.count < 2) return std::numeric_limits<double>::quiet_NaN();
  return std::sqrt(moments.m2[0] / ((moments.count - 1) * moments.count));
}

void standard_errors_of_groups(const Moments& moments, int64_t groups, size_t first, std::span<double> errors) {
  if (moments.count < 2 * group_size) {
    std::ranges::fill(errors, std::numeric_limits<double>::quiet_NaN());
    return;
  }
  const double* m2 = moments.m2.data() + first;
  const double factor = 1 / (static_cast<double>(groups - 1) * moments.count);
  for (size_t k = 0; k < errors.size(); ++k) errors[k] = std::sqrt(m2[k] * factor);
}

}  // namespace alea
