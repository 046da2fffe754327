// Moments of a group, their merger up the tree, and standard errors (statistics.h). Every sum has an order of its own, whatever
// the processor.
#include "runtime/statistics.h"

#include <algorithm>
#include <array>
#include <bit>
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
// The same for two, half done; then for four, in the order first, third, second, fourth.
template <class V>
V half_totals_of(V a, V b) {
  return __builtin_shufflevector(a, b, 0, 1, 4, 5) + __builtin_shufflevector(a, b, 2, 3, 6, 7);
}
template <class V>
V totals_of_halves(V first_two, V last_two) {
  return __builtin_shufflevector(first_two, last_two, 0, 4, 2, 6) + __builtin_shufflevector(first_two, last_two, 1, 5, 3, 7);
}

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

// Merges equally large groups of `count` samples together, as merge() does: of each of `size` quantities.
[[gnu::always_inline]] inline void merge_equal(double* __restrict mean, double* __restrict m2, const double* __restrict others,
                                               const double* __restrict other_m2, size_t size, double count) {
  const double weight = count * 0.25;
  for (size_t k = 0; k < size; ++k) {
    const double step = others[k] - mean[k];
    mean[k] += step * 0.5;
    m2[k] = m2[k] + other_m2[k] + step * step * weight;
  }
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

namespace {

constexpr double full = group_size;
double count_of(int level) { return full * static_cast<double>(int64_t{1} << level); }

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

void finish_moments(Moments& moments, std::vector<Numbers>& spares) {
  WaitingGroups waiting(moments);
  waiting.merge(0, moments.mean.size());
  std::ranges::move(waiting.finish(), std::back_inserter(spares));
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

void merge(Moments& left, Moments& right, std::vector<Numbers>& spares) {
  if (!left.sums.empty() && left.sums.size() == right.sums.size() && left.count == right.count &&
      left.count == full * static_cast<double>(left.sums.size()) && 2 * left.sums.size() <= most_waiting(left.sums[0].size())) {
    for (Numbers& sum : right.sums) left.sums.push_back(std::move(sum));
    right.sums.clear();
    left.count *= 2;
    return;
  }
  finish_moments(left, spares);
  finish_moments(right, spares);
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

namespace {

// No more groups wait than may, but for those of the last partial, which has `all` groups.
void merge(Partial& left, Partial& right, std::vector<Numbers>& spares, int64_t all = 0) {
  merge(left.objective, right.objective, spares);
  merge(left.gradient, right.gradient, spares);
  left.groups += right.groups;
  const std::vector<Numbers>& sums = left.gradient.sums;
  if (!sums.empty() && sums.size() == most_waiting(sums[0].size()) && left.groups != all) finish_moments(left.gradient, spares);
}

}  // namespace

Partial TreeReduction::add(int level, int64_t index, Partial partial) {
  Place place{level, index};
  std::vector<Numbers> unneeded;
  for (;;) {
    Partial sibling;
    {
      const std::lock_guard lock(mutex_);
      std::ranges::move(unneeded, std::back_inserter(spare_numbers_));
      unneeded.clear();
      const Place other{place.level, place.index ^ 1};
      const auto found = waiting_.find(other);
      if (found == waiting_.end() || found->first.level != other.level) {
        waiting_.emplace(place, std::move(partial));
        most_ = std::max(most_, waiting_.size());
        return spare();
      }
      sibling = std::move(found->second);
      waiting_.erase(found);
    }
    if ((place.index & 1) != 0) std::swap(partial, sibling);
    merge(partial, sibling, unneeded, all_);
    take_back(std::move(sibling));
    place = {place.level + 1, place.index >> 1};
  }
}

Partial TreeReduction::spare() {
  Partial spare;
  if (!spares_.empty()) {
    spare = std::move(spares_.back());
    spares_.pop_back();
  }
  if (spare.gradient.mean.capacity() == 0 && !spare_numbers_.empty()) {
    spare.gradient.mean = std::move(spare_numbers_.back());
    spare_numbers_.pop_back();
  }
  return spare;
}

Partial TreeReduction::finish() {
  Partial result = finish_but_waiting();
  const std::lock_guard lock(mutex_);
  finish_moments(result.gradient, spare_numbers_);
  return result;
}

// The tree's missing right ends merge from the right: each smaller tree into the larger one to its left.
Partial TreeReduction::finish_but_waiting() {
  const std::lock_guard lock(mutex_);
  Partial result;
  result.groups = 0;
  while (!waiting_.empty()) {
    auto last = waiting_.extract(std::prev(waiting_.end()));
    if (result.groups != 0) merge(last.mapped(), result, spare_numbers_);
    std::swap(result, last.mapped());
    if (last.mapped().groups != 0) spares_.push_back(std::move(last.mapped()));
  }
  return result;
}

void TreeReduction::take_back(std::vector<Numbers> numbers) {
  const std::lock_guard lock(mutex_);
  std::ranges::move(numbers, std::back_inserter(spare_numbers_));
}

void TreeReduction::take_back(Partial partial) {
  const std::lock_guard lock(mutex_);
  // A partial with groups that wait would be taken for theirs.
  std::ranges::move(partial.gradient.sums, std::back_inserter(spare_numbers_));
  partial.gradient.sums.clear();
  spares_.push_back(std::move(partial));
}

BlockReduction::Entry& BlockReduction::push(int level) {
  if (size_ == stack_.size()) stack_.emplace_back();
  Entry& entry = stack_[size_++];
  entry.level = level;
  entry.partial.groups = int64_t{1} << level;
  return entry;
}

void BlockReduction::merge_equal_levels() {
  while (size_ > 1 && stack_[size_ - 2].level == stack_[size_ - 1].level) {
    merge(stack_[size_ - 2].partial, stack_[size_ - 1].partial, spares_);
    ++stack_[size_ - 2].level;
    --size_;
  }
}

void BlockReduction::clear() {
  for (size_t k = 0; k < size_; ++k) {
    std::vector<Numbers>& sums = stack_[k].partial.gradient.sums;
    std::ranges::move(sums, std::back_inserter(spares_));
    sums.clear();
  }
  groups_ = 0;
  size_ = waiting_ = 0;
  full_levels_.clear();
}

std::span<double> BlockReduction::next_sums(size_t size) {
  settle();
  if (size_ == stack_.size()) stack_.emplace_back();
  Moments& next = stack_[size_].partial.gradient;
  if (next.sums.empty()) {
    if (!spares_.empty()) {
      next.sums.push_back(std::move(spares_.back()));
      spares_.pop_back();
    } else {
      next.sums.push_back(std::move(next.mean.capacity() > 0 ? next.mean : next.m2));
    }
  }
  next.sums[0].resize(size);
  return next.sums[0];
}

template <class T>
bool BlockReduction::add(std::span<const T> objective) {
  Partial& leaf = push(0).partial;
  ++groups_;
  set_moments(leaf.objective, objective);
  leaf.gradient.count = static_cast<double>(objective.size());
  // A mean may overflow where no sample does.
  const bool finite = std::isfinite(leaf.objective.mean[0]) || all_finite(objective);
  merge_equal_levels();
  return finite;
}
template bool BlockReduction::add(std::span<const double>);
template bool BlockReduction::add(std::span<const float>);

void BlockReduction::set_width(size_t width) {
  if (width_ == width) return;
  settle();
  width_ = width;
  for (size_t g = 1; g < most_together; ++g) places_[g] = (places_[g / 2] / width / 2 + (g % 2) * (most_together / 2)) * width;
  mean_.resize(most_together * width);
  m2_.resize(most_together * width);
}

template <class T>
bool BlockReduction::add_full_groups(std::span<const T> objectives, std::span<const double> gradient_sums) {
  const size_t groups = objectives.size() / group_size, size = gradient_sums.size() / groups;
  set_width(1 + size);
  bool finite = true;
  for (size_t first = 0; first < groups; first += most_together) {
    const size_t count = std::min(groups, most_together);
    if (waiting_ == 0) first_waiting_ = static_cast<size_t>(groups_ % most_together);
    const size_t* places = places_.data() + first_waiting_ + waiting_;
    finite &= set_objectives(objectives.data() + first * group_size, places, count);
    const double* sums = gradient_sums.data() + first * size;
    for (size_t g = 0; g < count; ++g)
      for (size_t k = 0; k < size; ++k) {
        mean_[places[g] + 1 + k] = *sums++ * (1.0 / group_size);
        m2_[places[g] + 1 + k] = 0;
      }
    waiting_ += count;
    groups_ += static_cast<int64_t>(count);
    if (first_waiting_ + waiting_ == most_together) merge_waiting();
  }
  return finite;
}
template bool BlockReduction::add_full_groups(std::span<const double>, std::span<const double>);
template bool BlockReduction::add_full_groups(std::span<const float>, std::span<const double>);

template <class T>
bool BlockReduction::set_objectives(const T* objectives, const size_t* places, size_t count) {
  const auto set = [&](size_t g, double mean, double m2) {
    mean_[places[g]] = mean;
    m2_[places[g]] = m2;
  };
  // The sums of all before what follows from them, so that neither waits for the other.
  constexpr size_t fours = most_together / 4;
  std::array<TwoSums<FourOf<T>>, fours> sums;
  for (size_t four = 0; four < count / 4; ++four) sums[four] = sums_of_four(objectives + four * 4 * group_size);
  Four zeros{};
  for (size_t four = 0; four < count / 4; ++four) {
    const MomentOf<Four> moment = moments_of_four(objectives + four * 4 * group_size, sums[four]);
    for (size_t k = 0; k < 4; ++k) set(four * 4 + k % 2 * 2 + k / 2, moment.mean[k], moment.m2[k]);
    zeros += 0 * moment.mean;
  }
  double zero = total_of(zeros);
  for (size_t g = count / 4 * 4; g < count; ++g) {
    const MomentOf<double> moment = moment_of(objectives + g * group_size, group_size);
    set(g, moment.mean, moment.m2);
    zero += 0 * moment.mean;
  }
  return zero == 0;
}

// In blocks of a power of two, as the tree has them. What differs from neighbour to neighbour in the last bit lies half a block
// apart, in a block of all groups; a smaller one's are brought together first.
void BlockReduction::merge_waiting() {
  for (size_t count = 0; waiting_ > 0; first_waiting_ += count, waiting_ -= count) {
    count = std::bit_floor(waiting_);
    if (first_waiting_ != 0) count = std::min(count, first_waiting_ & (~first_waiting_ + 1));
    double *mean = mean_.data(), *m2 = m2_.data();
    if (const size_t step = most_together / count * width_; count < most_together) {
      block_.resize(2 * count * width_);
      const size_t from = places_[first_waiting_];
      for (size_t g = 0; g < count; ++g) {
        std::copy_n(mean + from + g * step, width_, block_.data() + g * width_);
        std::copy_n(m2 + from + g * step, width_, block_.data() + (count + g) * width_);
      }
      mean = block_.data();
      m2 = mean + count * width_;
    }
    int level = 0;
    for (size_t half = count / 2; half > 0; half /= 2, ++level)
      merge_equal(mean, m2, mean + half * width_, m2 + half * width_, half * width_, count_of(level + 1));
    push_full(level, mean, m2);
  }
}

void BlockReduction::push_full(int level, const double* mean, const double* m2) {
  const size_t step = 2 * width_;
  full_.resize((full_levels_.size() + 1) * step);
  double* entry = full_.data() + full_levels_.size() * step;
  std::copy_n(mean, width_, entry);
  std::copy_n(m2, width_, entry + width_);
  for (; !full_levels_.empty() && full_levels_.back() == level; ++level, entry -= step) {
    merge_equal(entry - step, entry - width_, entry, entry + width_, width_, count_of(level + 1));
    full_levels_.pop_back();
  }
  full_levels_.push_back(level);
  if (size_ > 0) move_full();
}

void BlockReduction::settle() {
  merge_waiting();
  move_full();
}

void BlockReduction::move_full() {
  const double* mean = full_.data();
  for (const int level : full_levels_) {
    Partial& partial = push(level).partial;
    partial.objective.count = partial.gradient.count = count_of(level);
    partial.objective.sums.clear();
    partial.gradient.sums.clear();
    const double* m2 = mean + width_;
    partial.objective.mean.assign(1, mean[0]);
    partial.objective.m2.assign(1, m2[0]);
    partial.gradient.mean.assign(mean + 1, m2);
    partial.gradient.m2.assign(m2 + 1, m2 + width_);
    mean = m2 + width_;
    merge_equal_levels();
  }
  full_levels_.clear();
}

bool BlockReduction::gradients_finite() {
  settle();
  return std::all_of(stack_.begin(), stack_.begin() + static_cast<std::ptrdiff_t>(size_),
                     [](const Entry& entry) { return all_finite(entry.partial.gradient); });
}

void BlockReduction::move_to(TreeReduction& tree, int64_t first_group) {
  settle();
  for (size_t k = 0; k < size_; ++k) {
    stack_[k].partial = tree.add(stack_[k].level, first_group >> stack_[k].level, std::move(stack_[k].partial));
    first_group += int64_t{1} << stack_[k].level;
  }
  clear();
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
