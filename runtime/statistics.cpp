// The merger of partials up the tree (statistics.h).
#include "runtime/statistics.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <iterator>
#include <utility>

#include "compiler/kernel/program.h"

namespace alea {

namespace {

double count_of(int level) { return static_cast<double>(int64_t{group_size} << level); }

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

// No more groups wait than may, but for those of the last partial, which has `all` groups.
void merge(Partial& left, Partial& right, std::vector<Numbers>& spares, int64_t all = 0) {
  merge(left.objective, right.objective, spares);
  merge(left.gradient, right.gradient, spares);
  left.groups += right.groups;
  if (left.groups != all && wait_as_many_as_may(left.gradient)) merge_waiting(left.gradient, spares);
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
  merge_waiting(result.gradient, spare_numbers_);
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
  std::array<double, most_together> mean, m2;
  const bool finite = moments_of_groups(objectives, {mean.data(), groups}, {m2.data(), groups});
  if (waiting_ == 0) first_waiting_ = static_cast<size_t>(groups_ % most_together);
  const size_t* places = places_.data() + first_waiting_ + waiting_;
  const double* sums = gradient_sums.data();
  for (size_t g = 0; g < groups; ++g) {
    mean_[places[g]] = mean[g];
    m2_[places[g]] = m2[g];
    for (size_t k = 1; k <= size; ++k) {
      mean_[places[g] + k] = *sums++ * (1.0 / group_size);
      m2_[places[g] + k] = 0;
    }
  }
  waiting_ += groups;
  groups_ += static_cast<int64_t>(groups);
  if (first_waiting_ + waiting_ == most_together) merge_waiting();
  return finite;
}
template bool BlockReduction::add_full_groups(std::span<const double>, std::span<const double>);
template bool BlockReduction::add_full_groups(std::span<const float>, std::span<const double>);

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

}  // namespace alea
