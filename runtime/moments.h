// Means and sums of squared deviations, of a group's samples and of groups together. Every sum has an order of its own, whatever
// the processor and whoever asks; sums of single-precision samples have that precision within a group.
#pragma once
#include <cstdint>
#include <new>
#include <span>
#include <vector>

namespace alea {

// Numbers that begin at a cache line.
template <class T>
struct LineAllocator {
  using value_type = T;
  static constexpr std::align_val_t line{64};
  LineAllocator() = default;
  template <class U>
  explicit LineAllocator(const LineAllocator<U>&) {}
  T* allocate(size_t count) { return static_cast<T*>(::operator new(count * sizeof(T), line)); }
  void deallocate(T* numbers, size_t) { ::operator delete(numbers, line); }
  bool operator==(const LineAllocator&) const = default;
};
using Numbers = std::vector<double, LineAllocator<double>>;

bool all_finite(std::span<const double> values);
bool all_finite(std::span<const float> values);

// Of one quantity or many at once: the number of samples, their mean, and M2 = Σ count (value - mean)². Groups of which only
// sums are known wait for others, so that up to sixteen merge in one pass over many quantities: 2^k full groups, in their order,
// or one group. Then `mean` and `m2` are memory alone.
struct Moments {
  double count = 0;
  Numbers mean, m2;
  std::vector<Numbers> sums;  // of groups that wait
};
// Of one quantity: a group's samples at most, of double or float.
template <class T>
void set_moments(Moments&, std::span<const T> samples);
// Of each of full groups, one after another, as set_moments has them. False where a mean is not finite.
template <class T>
bool moments_of_groups(std::span<const T> samples, std::span<double> mean, std::span<double> m2);
bool all_finite(const Moments&);  // the means or sums; a sum that is not stays so in every merger
// Merges the groups that wait, up to sixteen, some quantities at a time, by any thread each; what is in `moments` counts again
// after `finish`, which returns arrays that are no longer needed.
class WaitingGroups {
 public:
  explicit WaitingGroups(Moments& moments);
  void merge(size_t from, size_t to);
  std::vector<Numbers> finish();

 private:
  Moments& moments_;
  std::vector<Numbers> others_;
  size_t groups_;
};
// mean = (n_a mean_a + n_b mean_b) / n, M2 = M2_a + M2_b + n_a n_b / n (mean_b - mean_a)²
// Leaves of `right` its memory alone; arrays that were in neither and are no longer needed join `spares`.
void merge(Moments& left, Moments& right, std::vector<Numbers>& spares);
bool wait_as_many_as_may(const Moments&);
void merge_waiting(Moments&, std::vector<Numbers>& spares);

// √(M2 / ((n - 1) n)) over n samples; NaN for fewer than two.
double standard_error_of_samples(const Moments&);
// √(M2 / ((groups - 1) n)): M2 / (groups - 1) estimates the variance of one sample. NaN below two full groups.
// Of the quantities from `first` on, as many as there is room for.
void standard_errors_of_groups(const Moments&, int64_t groups, size_t first, std::span<double> errors);

}  // namespace alea
