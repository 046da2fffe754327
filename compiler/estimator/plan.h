// What the choice of estimators decides, and what later stages read: for each draw and each class of costs,
// how the gradient passes it.
//
// A class is a set of costs treated alike. In an mdp a cost of the draw's own step and the same cost of
// later steps are different classes: class 2g holds the costs of group g at the draw's own step, class
// 2g+1 the same costs at later steps (and final). A graph model has own-step classes only: class g.
// At most max_classes classes (estimators.md 3: merged beyond).
#pragma once
#include <string>
#include <vector>

#include "compiler/graph/stochastic_graph.h"

namespace alea {

// Relaxed draws (gumbel, straight_through) are reparam here: their value is a function of noise.
enum class Estimator : uint8_t { none, reparam, score, enumerate, measure_valued, disarm, rebar };
std::string_view name(Estimator);
// Whether the draw's value is held: no adjoint passes it, and a term of its own stands for it.
bool is_held(Estimator);
// What credits a draw that is asked to be credited.
Estimator credit_of(AskedEstimator);
// Whether its term is made of the draw's log density, which must then be differentiable in the law's arguments.
bool reads_density(Estimator);

// A set of targets. Target 2c is cost c within the same step (or a graph's cost c), 2c+1 cost c at a later
// step. Costs beyond max_costs are merged into the last one: a sum of costs is a cost.
using Targets = uint64_t;
inline constexpr int max_costs = 32;
inline constexpr int max_classes = 4;
inline Targets own_target(size_t cost) { return Targets{1} << (2 * cost); }
inline Targets later_target(size_t cost) { return Targets{2} << (2 * cost); }
inline constexpr Targets own_targets = 0x5555555555555555ull;
inline constexpr Targets later_targets = 0xAAAAAAAAAAAAAAAAull;

// How the gradient of each target passes one draw.
struct Choice {
  Targets reparam = 0, score = 0, enumerate = 0;
  Estimator credit = Estimator::score;  // how the targets of `score` are credited to the draw
  Targets nothing = 0;                  // reached, but no estimator is admissible: its arguments count as jumps
  Targets active = 0;                   // targets for which the draw's law depends on a param, so that the choice matters
  Targets reached = 0;
  std::string bias;  // why estimates are biased through this draw; empty: unbiased
  bool by_hand = false;
};

struct CostClass {
  Targets targets = 0;
  bool later = false;
  std::string label;  // for people: "reward", "later steps, final"
};

struct Plan {
  std::vector<CostClass> classes;
  Table<DrawId, Choice> choices;
  NodeTable<Targets> depends;  // targets for which the node varies with a param, past deterministic and reparam nodes
  NodeTable<Targets> reaches;  // targets that the node reaches
  std::string bias;            // of the whole model: stop in a terminate; empty: none
  Estimator in_class(DrawId, const CostClass&) const;
};

}  // namespace alea
