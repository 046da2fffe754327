// Means and standard errors that do not depend on who computed what when. In: one partial a group of samples, in any
// order. Out: their merger along a fixed binary tree over the group's index: siblings merge as the second of them
// arrives, the left one first. At most threads + log2(groups) partials exist at any time.
#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <vector>

#include "runtime/moments.h"

namespace alea {

struct Partial {
  Moments objective;  // over samples
  Moments gradient;   // over groups, weighted by their samples
  int64_t groups = 1;
};

class TreeReduction {
 public:
  // So many groups there will be: where they wait as they become one partial, finish_but_waiting leaves them so.
  void expect(int64_t groups) { all_ = groups; }
  // The partial of the groups index · 2^level … (index + 1) 2^level - 1. Safe to call from any thread. Returns memory that
  // is no longer needed, for the next partial.
  Partial add(int level, int64_t index, Partial);
  // What is there, when groups 0 … n-1 were added; leaves nothing behind but memory.
  Partial finish();
  Partial finish_but_waiting();
  void take_back(Partial);  // its memory is used again
  void take_back(std::vector<Numbers>);
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
  Partial spare();  // with the lock
  std::vector<Partial> spares_;
  std::vector<Numbers> spare_numbers_;
  int64_t all_ = 0;
  size_t most_ = 0;
};

// The same tree over consecutive groups, of one worker and without locks: a stack of partials, each of a power of two of
// groups. Its memory is used again from block to block.
class BlockReduction {
 public:
  // Where the sums of the next group's gradients belong.
  std::span<double> next_sums(size_t size);
  // The next group: its samples' objectives, of double or float; the sums are at their place. Returns whether the objectives are
  // finite.
  template <class T>
  bool add(std::span<const T> objective);
  bool gradients_finite();  // of the groups added so far; false where a mean of finite ones overflows
  // The next 2^k ≤ 64 full groups at once, one after another in both, when as many divide the number of those before: to the
  // bit what adding them alone gives. False where an objective may not be finite.
  template <class T>
  bool add_full_groups(std::span<const T> objectives, std::span<const double> gradient_sums);
  // Hands over the groups added so far, of which the first was `first_group`, a multiple of their number rounded up to
  // a power of two; starts anew.
  void move_to(TreeReduction&, int64_t first_group);
  void clear();

 private:
  struct Entry {
    int level = 0;
    Partial partial;
  };
  Entry& push(int level);
  void merge_equal_levels();
  void settle();  // moves all groups to the stack
  int64_t groups_ = 0;
  std::vector<Entry> stack_;
  size_t size_ = 0;
  std::vector<Numbers> spares_;

  // Groups that came many at a time follow those of the stack, of which there are none while more than one entry waits here: of
  // each entry the means, the objective's and the gradient's, then as many M2.
  void push_full(int level, const double* mean, const double* m2);
  void move_full();
  std::vector<int> full_levels_;
  std::vector<double> full_;
  size_t width_ = 0;

  // The last of them, at their places by the last bits of their number in reverse.
  static constexpr size_t most_together = 64;
  void set_width(size_t width);
  void merge_waiting();
  size_t first_waiting_ = 0, waiting_ = 0;
  std::array<size_t, most_together> places_{};
  std::vector<double> mean_, m2_, block_;
};

}  // namespace alea
