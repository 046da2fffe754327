// The stochastic graph: one table of operations with regions for time. Nothing is unrolled: a state is
// carried from step to step, and a step's nodes are templates of their copies in time. Draws, costs,
// states and terminations are listed beside the graph by the nodes that stand for them.
//
// A draw is the node `draw(sample)`: its operand is the sampling map, a function of its arguments and of
// noise. By value it is the identity; an estimator that holds the draw (score, enumerate) lets no gradient
// through it. Its log density is a node over the draw node itself and its arguments.
#pragma once
#include <string>
#include <vector>

#include "compiler/graph/graph.h"
#include "compiler/kernel/program.h"
#include "dsl/estimators.h"

namespace alea {

enum class SupportKind : uint8_t { undeclared, real, simplex, interval, integers };

// A value of a law by the name that its distribution gives it, for every draw of the batch: batch axes first.
struct GraphFormal {
  std::string name;
  NodeId node;
};

struct GraphDraw {
  std::string name;          // as written: x, th', mean.z
  std::string distribution;  // normal
  std::string law;           // normal(mean(obs)[0], exp(log_std))
  Span span;
  Phase region{};                    // init or step
  NodeId node;                       // the draw node
  std::vector<NodeId> arguments;     // of the law, as nodes
  std::vector<GraphFormal> formals;  // of the standard library's laws that estimators know by name; else empty
  NodeId log_density;                // shape `batch`; null: score is refused
  SupportKind support{};
  NodeId support_low, support_high;  // null: infinite, or not an interval
  bool low_open = false, high_open = false;
  bool discrete = false;
  int64_t categories = 0;      // values of a finite support (bool: 2); 0: not finite
  int64_t first_category = 0;  // the least of them
  Shape batch;                 // leading axes: independent draws
  std::vector<DrawId> inner;   // draws inside the distribution's body, primitive noise left out
  DrawId owner;
  AskedEstimator estimator{};  // by hand
  std::vector<std::pair<std::string, double>> estimator_arguments;
  std::string baseline;  // none, loo, running, value; empty: the default
  NodeId baseline_value;
  Span estimator_span;     // of the `by` clause, or of what stands for it
  Span law_span, by_span;  // of the law and the `by` clause in the model's text; null where it has none
  bool forked = false;     // the first batch axis holds outcomes of enumerated draws: element k reaches cost row k
};

struct GraphState {
  std::string name;
  Type type;
  NodeId leaf;        // state: before the step
  NodeId final_leaf;  // final_state; null when unused
  NodeId init;        // in init (or uniform)
  NodeId next;        // in step (or uniform, init); == leaf when it keeps its value
  Span span;
};

struct GraphCost {
  NodeId value;    // not yet discounted; may be an array: the cost is the sum of its elements
  Phase region{};  // init (a graph's), step or final
  Span span;
  bool forked = false;  // the first axis holds outcomes, already weighted by their probabilities
  // A control variate: its mean is 0 by construction; it counts in the gradient, as part of cost `controls`,
  // and not in the objective.
  bool control = false;
  size_t controls = 0;
};

struct GraphTerminate {
  NodeId condition;  // scalar bool, in step
  bool stopped = false;
  Span span;
};

struct GraphParam {
  std::string name;
  Type type;
  Span span;
  AdaptedRole role = AdaptedRole::none;
  double initial = 0;  // of an adapted value
};
struct GraphInput {
  std::string name;
  Type type;
  Span span;
};

struct StochasticGraph {
  std::string model, policy;
  bool is_mdp = false;
  bool maximise = false;
  int64_t horizon = 0;
  double discount = 1;
  Graph graph;
  Table<ParamId, GraphParam> params;
  Table<InputId, GraphInput> inputs;
  Table<StateId, GraphState> states;
  Table<NoiseId, ProgramNoise> noises;
  Table<DrawId, GraphDraw> draws;
  std::vector<GraphCost> costs;
  std::vector<GraphTerminate> terminates;
  std::vector<NamedNode> names;
};

// The phase (uniform, init, step, final) and the rate of each node: a node that depends on no state, no
// time and no draw of the step is computed in init or, when it varies with no sample, in uniform.
struct Placement {
  NodeTable<Phase> phase;
  NodeTable<Rate> rate;
};
Placement place(const StochasticGraph&);

void verify_graph(const StochasticGraph&);
std::string print(const StochasticGraph&, const SourceMap* = nullptr);  // deterministic; reads back

}  // namespace alea
