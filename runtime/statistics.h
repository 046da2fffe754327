// Means and standard errors that do not depend on who computed what when. In: one partial a group of samples, in any
// order. Out: their merger along a fixed binary tree over the group's index: siblings merge as the second of them
// arrives, the left one first. At most threads + log2(groups) partials exist at any time.
#pragma once
#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <vector>

namespace alea {

// Of one quantity or many at once: the number of samples, their mean, and M2 = Σ count (value - mean)².
struct Moments {
  double count = 0;
  std::vector<double> mean, m2;
};
Moments moments_of(std::span<const double> samples);                // of one quantity
Moments moments_of_sum(std::span<const double> sum, double count);  // of many, each known by its sum alone: M2 is 0
// mean = (n_a mean_a + n_b mean_b) / n, M2 = M2_a + M2_b + n_a n_b / n (mean_b - mean_a)²
void merge(Moments& left, const Moments& right);

struct Partial {
  Moments objective;  // over samples
  Moments gradient;   // over groups, weighted by their samples
  int64_t groups = 1;
};

class TreeReduction {
 public:
  // `level` 0 is a group. Safe to call from any thread.
  void add(int64_t group, Partial);
  // What is there, when groups 0 … n-1 were added; leaves nothing behind.
  Partial finish();
  size_t most_partials() const { return most_; }

 private:
  struct Place {
    int level;
    int64_t index;
    // By the first group covered.
    bool operator<(const Place& other) const { return (index << level) < (other.index << other.level); }
  };
  std::mutex mutex_;
  std::map<Place, Partial> waiting_;
  size_t most_ = 0;
};

// √(M2 / ((n - 1) n)) over n samples; NaN for fewer than two.
double standard_error_of_samples(const Moments&);
// √(M2 / ((groups - 1) n)): M2 / (groups - 1) estimates the variance of one sample. NaN below two full groups.
std::vector<double> standard_errors_of_groups(const Moments&, int64_t groups);

}  // namespace alea
