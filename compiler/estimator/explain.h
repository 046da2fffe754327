// The choice, in words: a row per draw and class of costs, with the path that decided it.
#pragma once
#include "compiler/estimator/choose.h"

namespace alea {

struct ExplainedRow {
  std::string gradient_of;  // "reward, same step"
  std::string estimator;    // reparam, score (loo), enumerate, none
  bool unbiased = true;
  std::string because;
};
struct ExplainedNode {
  std::string name, distribution, law;
  Span span;
  std::string estimator;  // reparam, implicit, score, enumerate, split, none
  bool unbiased = true;
  std::string bias;
  std::vector<ExplainedRow> rows;
};
struct Explanation {
  std::string objective;  // "maximise E[ Σ_t 0.99^t reward + 0.99^T final ]"
  std::string bias;       // of the model: `terminate stop(…)`
  std::vector<ExplainedNode> nodes;
  std::vector<std::string> notes;  // steep ends, params that reach nothing, solves assumed regular
};

// The reasons are looked for where they are asked for: each takes a search through the graph.
Explanation explain(const StochasticGraph&, const Chosen&, const SourceMap&, bool with_reasons);
// Why an estimator was not chosen for a draw, or that it was.
std::string why_not(const StochasticGraph&, const Chosen&, const SourceMap&, AskedEstimator, DrawId);

// What the user calls the nodes.
class PathNames {
 public:
  explicit PathNames(const StochasticGraph&);
  const std::string& of(NodeId node) const {
    const auto found = names_.find(node.index);
    return found == names_.end() ? none_ : found->second;
  }

 private:
  std::unordered_map<uint32_t, std::string> names_;
  std::string none_;
};
// x → (x > 2) at 9:8 → cost: a jump
std::string describe(const StochasticGraph&, const SourceMap&, const PathNames&, const Path&);
std::string describe_costs(const StochasticGraph&, const SourceMap&, const std::vector<size_t>& costs);
// What the user could write instead, for a param that reaches a jump.
std::string mends(const StochasticGraph&, const Path&);
std::string at_line(const SourceMap&, Span);  // " at line 3", or empty

}  // namespace alea
