// An interval for every node of a stochastic graph: what values its elements can take, so that poles and
// cuts can be excluded and comparisons decided. Sound over all params and samples; states go round the
// time loop until nothing changes (widened to infinity after a few turns).
#pragma once
#include <cmath>

#include "compiler/graph/stochastic_graph.h"

namespace alea {

struct Interval {
  double low = -INFINITY, high = INFINITY;
  bool low_open = false, high_open = false;  // the end itself is never taken (almost surely)
  bool nonzero = false;                      // promised: never 0
  bool operator==(const Interval&) const = default;

  bool excludes(double value) const {
    if (value == 0 && nonzero) return true;
    return value < low || value > high || (value == low && low_open) || (value == high && high_open);
  }
  bool within(double from, double to) const { return low >= from && high <= to; }
};

NodeTable<Interval> bound_values(const StochasticGraph&);

// 1: a < b always; 0: never; -1: it depends. The same for <=, ==.
int decide_comparison(Op, const Interval& a, const Interval& b);

}  // namespace alea
