// The rules of estimators.md 5, one use of a relaxed value at a time.
#pragma once
#include <functional>

#include "compiler/graph/build.h"

namespace alea {

// What has become of a node under the relaxation.
struct Relaxed {
  enum class Kind : uint8_t {
    none,      // it does not depend on a relaxed draw: `node` is its copy
    category,  // `node` is y, with an axis of the categories behind the node's own
    boolean,   // `node` is a real number in [0, 1]
    number,    // `node` is a real number, whatever the type was
    nothing,   // it has no relaxed meaning, which matters only where it is needed
  };
  Kind kind = Kind::none;
  NodeId node;
  NodeId spread_from;  // of a category stretched over a new last axis: y as it was
};

// Thrown at a use without a relaxed meaning: the node of the graph that uses it, and what it is in words.
struct NoRelaxedMeaning {
  NodeId use;
  std::string what;
};

class RelaxUses {
 public:
  // Two graphs, or a graph and a copy of it made before. `copy_of` gives operands that are not relaxed.
  RelaxUses(const Graph& from, Graph& to, std::vector<Relaxed>& relaxed, std::function<NodeId(NodeId)> copy_of)
      : from_(from), to_(to), relaxed_(relaxed), copy_of_(std::move(copy_of)) {}

  bool is_relaxed(NodeId id) const { return relaxed_[id.index].kind != Relaxed::Kind::none; }
  bool uses_relaxed(NodeId) const;
  // Fills the entry of a node of which some operand is relaxed.
  void relax(NodeId);
  // The value as a real number: what costs, states and laws read.
  NodeId number(NodeId) const;

 private:
  NodeId plain_or_number(NodeId id) const { return is_relaxed(id) ? number(id) : copy_of_(id); }
  NodeId truth(NodeId) const;  // of a boolean, relaxed or not: a real number
  Relaxed relax_layout(NodeId) const;
  Relaxed relax_gather(NodeId) const;
  Relaxed relax_equality(NodeId) const;
  Relaxed relax_select(NodeId) const;
  Relaxed relax_number(NodeId) const;
  NodeId op(NodeId like, Op, std::initializer_list<NodeId> inputs, std::vector<int64_t> attributes = {}) const;

  const Graph& from_;
  Graph& to_;
  std::vector<Relaxed>& relaxed_;
  std::function<NodeId(NodeId)> copy_of_;
};

}  // namespace alea
