// Reverse mode over one region of a stochastic graph, all classes of costs at once: each class has its own
// adjoint channel, which stops at the draws that the class holds; channels are summed as soon as nothing
// above tells them apart.
#pragma once
#include <functional>

#include "compiler/estimator/plan.h"
#include "compiler/graph/build.h"
#include "compiler/kernel/program.h"

namespace alea {

using ClassSet = uint8_t;  // bit k: plan.classes[k]

struct Flowing {
  ClassSet classes = 0;
  NodeId adjoint;
};

// A condition that holds whenever a value counts: (condition, polarity).
using Literal = std::pair<NodeId, bool>;

struct RegionSeed {
  NodeId node;
  Flowing flowing;
};

// What the sweep asks its owner, and where it hands over what leaves the region.
struct RegionRules {
  std::function<bool(NodeId)> inside;                         // computed in this region: the sweep goes through it
  std::function<bool(NodeId, ClassSet)> varies;               // a param reaches it in one of the classes
  std::function<bool(NodeId, ClassSet, ClassSet)> mergeable;  // nothing above tells the two apart
  std::function<Rate(NodeId)> rate;                           // also of nodes just made
  // The adjoint of a value outside; with an index where it is that of a gather from the value.
  std::function<void(NodeId target, ClassSet, NodeId value, NodeId index)> leave;
  std::vector<Literal> guard;  // of the whole region: alive
};

void reverse_region(Graph&, const RegionRules&, const std::vector<RegionSeed>& seeds);

}  // namespace alea
