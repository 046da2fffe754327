#include "runtime/statistics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "compiler/kernel/program.h"

namespace alea {

namespace {

using Four [[gnu::vector_size(32)]] = double;

// Sixteen sums side by side, which need not wait for each other, then a tree over them and what is left. A fixed order.
constexpr size_t ways = 16;
double total_of(const Four (&sums)[4]) {
  const Four sum = (sums[0] + sums[2]) + (sums[1] + sums[3]);
  return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}

// Σ term(x)
template <class Term>
[[gnu::always_inline]] inline double sum_of(const double* values, size_t size, Term term) {
  Four sums[4]{};
  size_t at = 0;
  for (; at + ways <= size; at += ways)
    for (size_t k = 0; k < 4; ++k) {
      Four four;
      std::memcpy(&four, values + at + 4 * k, sizeof four);
      sums[k] += term(four);
    }
  double rest = 0;
  for (; at < size; ++at) rest += term(values[at]);
  return total_of(sums) + rest;
}

// Σ (x - c) and Σ (x - c)²
struct TwoSums {
  double first, second;
};
[[gnu::always_inline]] inline TwoSums sums_of(const double* values, size_t size, double c) {
  Four sums[4]{}, squares[4]{};
  size_t at = 0;
  for (; at + ways <= size; at += ways)
    for (size_t k = 0; k < 4; ++k) {
      Four four;
      std::memcpy(&four, values + at + 4 * k, sizeof four);
      four -= c;
      sums[k] += four;
      squares[k] += four * four;
    }
  double rest = 0, more = 0;
  for (; at < size; ++at) {
    const double x = values[at] - c;
    rest += x;
    more += x * x;
  }
  return {total_of(sums) + rest, total_of(squares) + more};
}

struct OneMoment {
  double mean, m2;
};

// In one pass, about the first sample c: with S₁ = Σ (x - c) and S₂ = Σ (x - c)² the mean is c + S₁/n and M2 = S₂ - S₁²/n. c
// being one of the samples, S₂ is at most n + 1 times M2, so that a group's subtraction costs six bits at most.
[[gnu::always_inline]] inline OneMoment moment_of(const double* samples, size_t count) {
  const double first = samples[0], n = static_cast<double>(count);
  const auto [sum, squares] = sums_of(samples, count, first);
  const double m2 = squares - sum * (sum / n);
  return {first + sum / n, m2 > 0 ? m2 : m2 <= 0 ? 0 : squares};
}

// Merges the i-th group with the i-th of the second half of 2 `half` equally large ones of `size` quantities, as merge() does.
void merge_halves(double* mean, double* m2, size_t half, size_t size, double count) {
  const double weight = count * 0.5;
  const double *others = mean + half * size, *other_m2 = m2 + half * size;
  for (size_t k = 0; k < half * size; ++k) {
    const double step = others[k] - mean[k];
    mean[k] += step * 0.5;
    m2[k] = m2[k] + other_m2[k] + step * step * weight;
  }
}

}  // namespace

bool all_finite(std::span<const double> values) {
  // 0 x is 0 or, for infinities and NaN, NaN.
  return sum_of(values.data(), values.size(), [](auto x) { return 0 * x; }) == 0;
}

void set_moments(Moments& result, std::span<const double> samples) {
  result.count = static_cast<double>(samples.size());
  const OneMoment moment = moment_of(samples.data(), samples.size());
  result.mean.assign(1, moment.mean);
  result.m2.assign(1, moment.m2);
  result.waiting = 0;
}

void set_moments_of_sums(Moments& result, double count) {
  result.count = count;
  result.waiting = 1;
}

namespace {

constexpr double full = group_size;

// Two full groups, known by their sums, of one quantity.
struct Two {
  double mean, m2;
};
[[gnu::always_inline]] inline Two merge_sums(double left, double right) {
  const double own = left * (1 / full), step = right * (1 / full) - own;
  return {own + step * 0.5, step * step * (full * 0.5)};
}

}  // namespace

void finish_moments(Moments& moments) {
  double *mean = moments.mean.data(), *m2 = moments.m2.data();
  const size_t size = moments.mean.size();
  if (moments.waiting == 1) {
    for (size_t k = 0; k < size; ++k) mean[k] /= moments.count;
    moments.m2.assign(size, 0.0);
  } else if (moments.waiting == 2) {
    for (size_t k = 0; k < size; ++k) {
      const Two two = merge_sums(mean[k], m2[k]);
      mean[k] = two.mean;
      m2[k] = two.m2;
    }
  }
  moments.waiting = 0;
}

void merge(Moments& left, Moments& right) {
  const size_t size = left.mean.size();
  if (left.waiting == 1 && right.waiting == 1 && left.count == full && right.count == full) {
    left.m2.swap(right.mean);
    left.count += right.count;
    left.waiting = 2;
    return;
  }
  double *mean = left.mean.data(), *m2 = left.m2.data();
  if (left.waiting == 2 && right.waiting == 2) {
    const double *others = right.mean.data(), *more_others = right.m2.data();
    for (size_t k = 0; k < size; ++k) {
      const Two a = merge_sums(mean[k], m2[k]), b = merge_sums(others[k], more_others[k]);
      const double step = b.mean - a.mean;
      mean[k] = a.mean + step * 0.5;
      m2[k] = a.m2 + b.m2 + step * step * full;
    }
    left.count += right.count;
    left.waiting = 0;
    return;
  }
  finish_moments(left);
  finish_moments(right);
  const double count = left.count + right.count;
  const double share = right.count / count, weight = left.count * share;
  m2 = left.m2.data();
  const double *others = right.mean.data(), *other_m2 = right.m2.data();
  for (size_t k = 0; k < size; ++k) {
    const double own = mean[k], step = others[k] - own;
    mean[k] = own + step * share;
    m2[k] = m2[k] + other_m2[k] + step * step * weight;
  }
  left.count = count;
}

bool all_finite(const Moments& moments) { return all_finite(moments.mean) && (moments.waiting < 2 || all_finite(moments.m2)); }

namespace {

void merge(Partial& left, Partial& right) {
  merge(left.objective, right.objective);
  merge(left.gradient, right.gradient);
  left.groups += right.groups;
}

}  // namespace

Partial TreeReduction::add(int level, int64_t index, Partial partial) {
  Place place{level, index};
  for (;;) {
    Partial sibling;
    {
      const std::lock_guard lock(mutex_);
      const Place other{place.level, place.index ^ 1};
      const auto found = waiting_.find(other);
      if (found == waiting_.end() || found->first.level != other.level) {
        waiting_.emplace(place, std::move(partial));
        most_ = std::max(most_, waiting_.size());
        if (spares_.empty()) return {};
        Partial spare = std::move(spares_.back());
        spares_.pop_back();
        return spare;
      }
      sibling = std::move(found->second);
      waiting_.erase(found);
    }
    if ((place.index & 1) != 0) std::swap(partial, sibling);
    merge(partial, sibling);
    take_back(std::move(sibling));
    place = {place.level + 1, place.index >> 1};
  }
}

// The tree's missing right ends merge from the right: each smaller tree into the larger one to its left.
Partial TreeReduction::finish() {
  const std::lock_guard lock(mutex_);
  Partial result;
  result.groups = 0;
  while (!waiting_.empty()) {
    auto last = waiting_.extract(std::prev(waiting_.end()));
    if (result.groups != 0) merge(last.mapped(), result);
    std::swap(result, last.mapped());
    if (last.mapped().groups != 0) spares_.push_back(std::move(last.mapped()));
  }
  finish_moments(result.gradient);
  return result;
}

void TreeReduction::take_back(Partial partial) {
  const std::lock_guard lock(mutex_);
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
    merge(stack_[size_ - 2].partial, stack_[size_ - 1].partial);
    ++stack_[size_ - 2].level;
    --size_;
  }
}

std::span<double> BlockReduction::next_sums(size_t size) {
  if (size_ == stack_.size()) stack_.emplace_back();
  std::vector<double>& sums = stack_[size_].partial.gradient.mean;
  sums.resize(size);
  return sums;
}

bool BlockReduction::add(std::span<const double> objective) {
  Partial& leaf = push(0).partial;
  set_moments(leaf.objective, objective);
  set_moments_of_sums(leaf.gradient, static_cast<double>(objective.size()));
  // A mean may overflow where no sample does.
  const bool finite = std::isfinite(leaf.objective.mean[0]) || all_finite(objective);
  merge_equal_levels();
  return finite;
}

bool BlockReduction::add_full_groups(std::span<const double> objectives, std::span<const double> gradient_sums) {
  const size_t groups = objectives.size() / group_size, size = gradient_sums.size() / groups;
  // Of each group the objective, then the gradient. Groups lie in bit-reversed order, so that neighbours, those that differ in
  // the last bit, lie half of all apart.
  const size_t width = 1 + size;
  mean_.resize(groups * width);
  m2_.assign(groups * width, 0.0);
  double *mean = mean_.data(), *m2 = m2_.data();
  size_t place = 0;
  for (size_t g = 0; g < groups; ++g) {
    const OneMoment moment = moment_of(objectives.data() + g * group_size, group_size);
    mean[place * width] = moment.mean;
    m2[place * width] = moment.m2;
    for (size_t k = 0; k < size; ++k) mean[place * width + 1 + k] = gradient_sums[g * size + k] * (1.0 / group_size);
    // One more, from the highest bit down.
    size_t bit = groups / 2;
    for (; (place & bit) != 0; bit /= 2) place ^= bit;
    place |= bit;
  }
  int level = 0;
  double count = group_size;
  for (size_t half = groups / 2; half > 0; half /= 2, count *= 2, ++level) merge_halves(mean, m2, half, width, count);
  Partial& partial = push(level).partial;
  partial.objective.count = partial.gradient.count = count;
  partial.objective.waiting = partial.gradient.waiting = 0;
  partial.objective.mean.assign(1, mean[0]);
  partial.objective.m2.assign(1, m2[0]);
  partial.gradient.mean.assign(mean + 1, mean + width);
  partial.gradient.m2.assign(m2 + 1, m2 + width);
  const bool finite = all_finite({mean, width});
  merge_equal_levels();
  return finite;
}

bool BlockReduction::gradients_finite() const {
  return std::all_of(stack_.begin(), stack_.begin() + static_cast<std::ptrdiff_t>(size_),
                     [](const Entry& entry) { return all_finite(entry.partial.gradient); });
}

void BlockReduction::move_to(TreeReduction& tree, int64_t first_group) {
  for (size_t k = 0; k < size_; ++k) {
    stack_[k].partial = tree.add(stack_[k].level, first_group >> stack_[k].level, std::move(stack_[k].partial));
    first_group += int64_t{1} << stack_[k].level;
  }
  size_ = 0;
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
  const double divisor = static_cast<double>(groups - 1) * moments.count;
  for (size_t k = 0; k < errors.size(); ++k) errors[k] = std::sqrt(m2[k] / divisor);
}

}  // namespace alea
