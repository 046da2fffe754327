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
  result.m2.clear();
}

void merge(Moments& left, const Moments& right) {
  const double count = left.count + right.count;
  const double share = right.count / count, weight = left.count * share;
  const size_t size = left.mean.size();
  double *mean = left.mean.data(), *m2 = nullptr;
  const double *other = right.mean.data(), *other_m2 = right.m2.data();
  const auto each = [&](auto before) {
    for (size_t k = 0; k < size; ++k) {
      const double step = other[k] - mean[k];
      mean[k] += step * share;
      m2[k] = before(k) + step * step * weight;
    }
  };
  const bool left_has = !left.m2.empty(), right_has = !right.m2.empty();
  left.m2.resize(size);
  m2 = left.m2.data();
  if (left_has && right_has) each([&](size_t k) { return m2[k] + other_m2[k]; });
  else if (left_has) each([&](size_t k) { return m2[k]; });
  else if (right_has) each([&](size_t k) { return other_m2[k]; });
  else each([](size_t) { return 0.0; });
  left.count = count;
}

namespace {

void merge(Partial& left, const Partial& right) {
  merge(left.objective, right.objective);
  merge(left.gradient, right.gradient);
  left.groups += right.groups;
}

}  // namespace

Partial TreeReduction::add(int level, int64_t index, Partial partial) {
  Place place{level, index};
  Partial spare;
  for (;;) {
    Partial sibling;
    {
      const std::lock_guard lock(mutex_);
      const Place other{place.level, place.index ^ 1};
      const auto found = waiting_.find(other);
      if (found == waiting_.end() || found->first.level != other.level) {
        waiting_.emplace(place, std::move(partial));
        most_ = std::max(most_, waiting_.size());
        return spare;
      }
      sibling = std::move(found->second);
      waiting_.erase(found);
    }
    if ((place.index & 1) != 0) std::swap(partial, sibling);
    merge(partial, sibling);
    spare = std::move(sibling);
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

bool BlockReduction::add(std::span<const double> objective, std::span<const double> gradient_sum) {
  if (size_ == stack_.size()) stack_.emplace_back();
  Entry& leaf = stack_[size_++];
  leaf.level = 0;
  leaf.partial.groups = 1;
  set_moments(leaf.partial.objective, objective);
  set_moments_of_sum(leaf.partial.gradient, gradient_sum, static_cast<double>(objective.size()));
  // A mean may overflow where no sample does.
  const bool finite = (std::isfinite(leaf.partial.objective.mean[0]) || all_finite(objective)) && all_finite(gradient_sum);
  while (size_ > 1 && stack_[size_ - 2].level == stack_[size_ - 1].level) {
    merge(stack_[size_ - 2].partial, stack_[size_ - 1].partial);
    ++stack_[size_ - 2].level;
    --size_;
  }
  return finite;
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

std::vector<double> standard_errors_of_groups(const Moments& moments, int64_t groups) {
  std::vector<double> errors(moments.mean.size(), std::numeric_limits<double>::quiet_NaN());
  if (moments.count < 2 * group_size) return errors;
  for (size_t k = 0; k < errors.size(); ++k)
    errors[k] = std::sqrt(moments.m2[k] / (static_cast<double>(groups - 1) * moments.count));
  return errors;
}

}  // namespace alea
