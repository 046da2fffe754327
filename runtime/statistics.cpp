#include "runtime/statistics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "compiler/kernel/program.h"

namespace alea {

namespace {

// Σ term(x): eight sums side by side, which need not wait for each other, then a tree over them. A fixed order.
template <class Term>
double sum_of(std::span<const double> values, Term term) {
  constexpr size_t ways = 8;
  std::array<double, ways> sums{};
  size_t at = 0;
  for (; at + ways <= values.size(); at += ways)
    for (size_t k = 0; k < ways; ++k) sums[k] += term(values[at + k]);
  for (size_t k = 0; at + k < values.size(); ++k) sums[k] += term(values[at + k]);
  return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

}  // namespace

bool all_finite(std::span<const double> values) {
  // 0 x is 0 or, for infinities and NaN, NaN.
  return sum_of(values, [](double x) { return 0 * x; }) == 0;
}

void set_moments(Moments& result, std::span<const double> samples) {
  result.count = static_cast<double>(samples.size());
  const double mean = sum_of(samples, [](double x) { return x; }) / result.count;
  result.mean.assign(1, mean);
  result.m2.assign(1, sum_of(samples, [mean](double x) { return (x - mean) * (x - mean); }));
}

void set_moments_of_sum(Moments& result, std::span<const double> sum, double count) {
  result.count = count;
  result.mean.assign(sum.begin(), sum.end());
  for (double& mean : result.mean) mean /= count;
  result.m2.assign(sum.size(), 0);
}

void merge(Moments& left, const Moments& right) {
  const double count = left.count + right.count;
  const double share = right.count / count, weight = left.count * share;
  for (size_t k = 0; k < left.mean.size(); ++k) {
    const double step = right.mean[k] - left.mean[k];
    left.mean[k] += step * share;
    left.m2[k] += right.m2[k] + step * step * weight;
  }
  left.count = count;
}

namespace {

void merge(Partial& left, const Partial& right) {
  merge(left.objective, right.objective);
  merge(left.gradient, right.gradient);
  left.groups += right.groups;
}

}  // namespace

void TreeReduction::add(int level, int64_t index, Partial partial) {
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
        return;
      }
      sibling = std::move(found->second);
      waiting_.erase(found);
    }
    if ((place.index & 1) != 0) std::swap(partial, sibling);
    merge(partial, sibling);
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
    result = std::move(last.mapped());
  }
  return result;
}

void BlockReduction::add(std::span<const double> objective, std::span<const double> gradient_sum) {
  if (size_ == stack_.size()) stack_.emplace_back();
  Entry& leaf = stack_[size_++];
  leaf.level = 0;
  leaf.partial.groups = 1;
  set_moments(leaf.partial.objective, objective);
  set_moments_of_sum(leaf.partial.gradient, gradient_sum, static_cast<double>(objective.size()));
  while (size_ > 1 && stack_[size_ - 2].level == stack_[size_ - 1].level) {
    merge(stack_[size_ - 2].partial, stack_[size_ - 1].partial);
    ++stack_[size_ - 2].level;
    --size_;
  }
}

void BlockReduction::move_to(TreeReduction& tree, int64_t first_group) {
  for (size_t k = 0; k < size_; ++k) {
    tree.add(stack_[k].level, first_group >> stack_[k].level, stack_[k].partial);
    first_group += int64_t{1} << stack_[k].level;
  }
  size_ = 0;
}

double standard_error_of_samples(const Moments& moments) {
  if (moments.count < 2) return std::numeric_limits<double>::quiet_NaN();
  return std::sqrt(moments.m2[0] / ((moments.count - 1) * moments.count));
}

std::vector<double> standard_errors_of_groups(const Moments& moments, int64_t groups) {
  std::vector<double> errors(moments.m2.size(), std::numeric_limits<double>::quiet_NaN());
  if (moments.count < 2 * group_size) return errors;
  for (size_t k = 0; k < errors.size(); ++k)
    errors[k] = std::sqrt(moments.m2[k] / (static_cast<double>(groups - 1) * moments.count));
  return errors;
}

}  // namespace alea
