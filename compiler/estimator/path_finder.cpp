// Why a draw has its estimator, as a path: breadth first along users, through the carried states, so that it is a shortest one
// to a cost or to a jump.
#include <algorithm>
#include <deque>

#include "compiler/estimator/paths.h"
#include "compiler/graph/build.h"

namespace alea {
namespace {

Targets own_of_later(Targets targets) { return (targets & later_targets) >> 1; }

bool is_comparison(Op op) { return op == Op::less || op == Op::less_equal || op == Op::equal || op == Op::not_equal; }

}  // namespace

PathFinder::PathFinder(const StochasticGraph& model, const PathFacts& facts)
    : model_(model),
      facts_(facts),
      users_(find_users(model.graph)),
      bounds_(bound_values(model)),
      random_(find_random(model)),
      scratch_(model.graph) {
  for (uint32_t k = 0; k < model.states.size(); ++k) {
    carried_from_[model.states[StateId{k}].next.index].push_back(StateId{k});
    carried_from_[model.states[StateId{k}].init.index].push_back(StateId{k});
  }
  for (uint32_t k = 0; k < model.draws.size(); ++k) draw_of_[model.draws[DrawId{k}].node.index] = DrawId{k};
  for (const GraphCost& cost : model.costs) costs_.insert(cost.value.index);
}

// One search. Each place is visited once; the first path to what is wanted is a shortest one.
class PathFinder::Search {
 public:
  Search(PathFinder& finder, Targets targets, bool want_jump)
      : f_(finder), graph_(finder.model_.graph), targets_(targets), want_jump_(want_jump), seen_(graph_.size(), {false, false}) {}

  // How smooth it all is, every path says.
  Path run(NodeId from) {
    visit(from, false, -1);
    while (!queue_.empty() && !jump_) {
      const int at = queue_.front();
      queue_.pop_front();
      look_at(at);
    }
    if (jump_) return *jump_;
    if (!shortest_) shortest_.emplace().nodes = {from};
    shortest_->kink = kink_, shortest_->steep = steep_;
    return *shortest_;
  }

 private:
  // A place in the search: a node, and whether a step has been crossed (then own costs count as later ones).
  struct Visit {
    NodeId node;
    bool crossed;
    int parent;
  };

  bool reaches(NodeId node, bool crossed) const { return f_.facts_.reach[node] & wanted(crossed); }
  Targets wanted(bool crossed) const { return crossed ? targets_ | own_of_later(targets_) : targets_; }

  void visit(NodeId node, bool crossed, int parent) {
    if (seen_[node][crossed]) return;
    seen_[node][crossed] = true;
    visits_.push_back({node, crossed, parent});
    queue_.push_back(static_cast<int>(visits_.size()) - 1);
  }

  Path trace(int at, NodeId jump = {}, bool ends_episode = false) const {
    Path path;
    path.jump = jump;
    path.ends_episode = ends_episode;
    for (int k = at; k >= 0; k = visits_[static_cast<size_t>(k)].parent)
      path.nodes.push_back(visits_[static_cast<size_t>(k)].node);
    std::ranges::reverse(path.nodes);
    return path;
  }

  void look_at(int at) {
    const Visit here = visits_[static_cast<size_t>(at)];
    // What the node is, besides an operand: a cost, the end of the episode, a state's next value.
    if (!want_jump_ && !shortest_ && f_.costs_.contains(here.node.index) && reaches(here.node, here.crossed))
      shortest_ = trace(at);
    for (const GraphTerminate& terminate : f_.model_.terminates)
      if (want_jump_ && terminate.condition == here.node && !terminate.stopped && (targets_ & later_targets)) {
        jump_ = trace(at, here.node, true);
        return;
      }
    if (auto found = f_.carried_from_.find(here.node.index); found != f_.carried_from_.end() && (targets_ & later_targets))
      for (StateId state : found->second)
        for (NodeId leaf : {f_.model_.states[state].leaf, f_.model_.states[state].final_leaf})
          if (leaf && reaches(leaf, true)) visit(leaf, true, at);
    for (NodeId user : f_.users_[here.node]) {
      const std::span<const NodeId> inputs = graph_.inputs(user);
      for (size_t k = 0; k < inputs.size() && !jump_; ++k)
        if (inputs[k] == here.node) follow(at, user, static_cast<int>(k));
    }
  }

  // From the place `at` to a user of its node, as operand k.
  void follow(int at, NodeId user, int k) {
    const bool crossed = visits_[static_cast<size_t>(at)].crossed;
    const Op op = graph_.op(user);
    if (op == Op::stop || op == Op::detach || !passes_draw(at, user)) return;
    if (!reaches(user, crossed)) return;
    Edge found = edge(f_.model_, f_.bounds_, f_.random_, user, k);
    if (found == Edge::none) return;
    if (!is_comparison(op)) {
      if (found == Edge::jump) {
        if (want_jump_ && !is_no_jump(at, user, k)) {
          // The condition of a select: the jump lies in the comparison that decides it.
          jump_ = trace(at, op == Op::select ? visits_[static_cast<size_t>(at)].node : user);
          return;
        }
        found = Edge::kink;
      }
      kink_ |= found == Edge::kink, steep_ |= found == Edge::steep;
    }
    visit(user, crossed, at);
  }

  // Where the user is a draw: whether the gradient goes through it. Nothing admissible at the draw: its arguments jump.
  bool passes_draw(int at, NodeId user) {
    const auto draw = f_.draw_of_.find(user.index);
    if (draw == f_.draw_of_.end()) return true;
    const Targets here = wanted(visits_[static_cast<size_t>(at)].crossed);
    const Choice& choice = f_.facts_.choices[draw->second];
    if (want_jump_ && (choice.nothing & here)) {
      Path path = trace(at, user);
      const std::string& score = f_.facts_.score_refused[draw->second];
      const std::string& pathwise = f_.facts_.reparam_refused[draw->second];
      path.nothing = !pathwise.empty() ? pathwise : "it reaches a cost across a jump";
      if (!score.empty()) path.nothing += ", and " + score;
      else if (f_.facts_.stopped[user]) path.nothing += ", and it reaches a cost through `stop` as well";
      jump_ = std::move(path);
      return false;
    }
    return choice.reparam & here;
  }

  // Branches that agree where they meet, and a wrapped angle that only periodic functions read.
  bool is_no_jump(int at, NodeId user, int k) {
    const Visit& here = visits_[static_cast<size_t>(at)];
    switch (graph_.op(user)) {
      case Op::select: return k == 0 && here.parent >= 0 && branches_agree(f_.scratch_, here.node, user);
      case Op::wrap:
        return std::ranges::none_of(f_.users_[user], [&](NodeId reader) { return wrap_edge(graph_, reader) == Edge::jump; });
      default: return false;
    }
  }

  PathFinder& f_;
  const Graph& graph_;
  const Targets targets_;
  const bool want_jump_;
  std::vector<Visit> visits_;
  std::deque<int> queue_;
  NodeTable<std::array<bool, 2>> seen_;
  std::optional<Path> shortest_, jump_;
  bool kink_ = false, steep_ = false;
};

Path PathFinder::find(NodeId from, Targets targets, bool want_jump) { return Search(*this, targets, want_jump).run(from); }

}  // namespace alea
