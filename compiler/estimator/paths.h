// Who reaches which cost, and how smoothly. Against the flow, users before producers and round the state
// loop until nothing changes, every node learns which targets it reaches, and for which of them some path
// crosses a jump; at each draw the choice is made on the spot, because what flows on to its arguments
// depends on it (estimators.md 2 and 3).
#pragma once
#include <unordered_map>
#include <unordered_set>

#include "compiler/estimator/intervals.h"
#include "compiler/estimator/plan.h"
#include "dsl/diagnostic.h"

namespace alea {

enum class Edge : uint8_t { none, smooth, kink, steep, jump };  // steep: a kink whose slope is unbounded

// How `user` varies with its k-th operand.
Edge edge(const StochasticGraph&, const NodeTable<Interval>&, const NodeTable<uint8_t>& random, NodeId user, int k);

// How an uncut angle varies through `user` of its wrap: an even function has a kink at the cut, others jump.
Edge wrap_edge(const Graph&, NodeId user);

// Users of every node, in increasing order.
NodeTable<std::vector<NodeId>> find_users(const Graph&);
// Nodes that vary with some draw (through states too), and nodes that vary with some param.
NodeTable<uint8_t> find_random(const StochasticGraph&);
NodeTable<uint8_t> find_parametric(const StochasticGraph&);

// True when the two branches of the select are the same expression wherever the comparison holds with equality.
bool branches_agree(Graph&, NodeId comparison, NodeId select);

struct PathFacts {
  NodeTable<Targets> reach, jump, stopped;
  Table<DrawId, Choice> choices;
  // A draw may be scored: its density exists, is differentiable in its arguments, and its support stands still.
  Table<DrawId, uint8_t> score_allowed, reparam_allowed;
  Table<DrawId, std::string> score_refused, reparam_refused;  // why not, in words
};

// What enumeration may cost where nobody asked for it: jointly evaluated outcomes, and those times the random nodes, which may
// all be computed again for each. Where some draws must be sampled all the same, little is gained by enumerating the others: it
// must then cost little.
struct EnumerationBudget {
  int64_t outcomes = 64, work = 64 * 1024, work_for_some = 64 * 64;
};

struct PathOptions {
  // By hand: draws whose estimator is asked for, by name.
  std::vector<std::pair<DrawId, Estimator>> requested;
  bool enumerate = true;
  EnumerationBudget budget;
};

PathFacts find_paths(StochasticGraph&, const PathOptions&);

// One path from a node to a target that crosses a jump (or, when there is none, any path), as nodes in the
// direction of the flow; the jump's user node is marked.
struct Path {
  std::vector<NodeId> nodes;
  NodeId jump;  // the node that jumps; null on a smooth path
  bool kink = false, steep = false, ends_episode = false;
  std::string nothing;  // of a draw that admits no estimator for these targets: why
};
// Finds paths breadth first, so shortest ones; what many searches share is made once. Model and facts must outlive it.
class PathFinder {
 public:
  PathFinder(const StochasticGraph&, const PathFacts&);
  Path find(NodeId from, Targets targets, bool want_jump);

 private:
  class Search;
  const StochasticGraph& model_;
  const PathFacts& facts_;
  NodeTable<std::vector<NodeId>> users_;
  NodeTable<Interval> bounds_;
  NodeTable<uint8_t> random_;
  Graph scratch_;  // where branches are compared
  std::unordered_map<uint32_t, std::vector<StateId>> carried_from_;
  std::unordered_map<uint32_t, DrawId> draw_of_;
  std::unordered_set<uint32_t> costs_;
};

}  // namespace alea
