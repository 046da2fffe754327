// The making of a gradient program, in four parts: the forward phases (gradient_forward.cpp), which classes of
// costs share an adjoint channel (gradient_channels.cpp), what is credited to the draws that are held
// (gradient_credit.cpp), and the reversed sweeps (gradient_program.cpp). One builder makes one program.
#pragma once
#include <map>

#include "compiler/adjoint/gradient_program.h"
#include "compiler/adjoint/reverse.h"
#include "compiler/estimator/downstream.h"

namespace alea {

struct GradientBuilder {
  StochasticGraph model;
  const Plan& plan;
  const std::vector<Fork>& forks;
  const GradientOptions& options;
  Program program;
  Graph& graph;
  size_t settled = 0;  // nodes below have a phase and a rate
  Phase current = Phase::uniform;
  NodeId alive;        // state leaf in step; null when episodes never end early
  NodeId steps_taken;  // final_state leaf; null likewise
  bool mdp;

  GradientBuilder(StochasticGraph m, const Plan& p, const std::vector<Fork>& f, const GradientOptions& o)
      : model(std::move(m)), plan(p), forks(f), options(o), graph(program.graph), mdp(model.is_mdp) {}

  NodeId op(Op o, std::initializer_list<NodeId> inputs, std::vector<int64_t> attributes = {}) {
    return make(graph, o, inputs, std::move(attributes));
  }
  NodeId zero() { return graph.constant(0); }
  NodeId sum(NodeId a, NodeId b) { return !a ? b : !b ? a : op(Op::add, {a, b}); }
  NodeId spread(NodeId value, const Shape& shape);

  bool ending_varies = false;  // episodes of different samples end at different steps

  // --- phases and rates of the nodes made since the last call
  void settle(Phase phase);
  void settle();
  std::pair<Phase, Rate> place_node(NodeId id);
  Rate rate_of(NodeId id);

  // --- the forward part
  size_t cost_bit(size_t c) const {
    return std::min<size_t>(model.costs[c].control ? model.costs[c].controls : c, max_costs - 1);
  }

  NodeId guard(NodeId value) { return alive ? op(Op::select, {alive, value, zero()}) : value; }

  // D_t = γ^t in a step, γ^T at the end; null when γ = 1.
  NodeId discount_in(Phase region);
  NodeId time_leaf() { return graph.add(Op::time, Type{Scalar::integer, 0, {}}, {}); }

  // ρ: discounted, guarded, its elements kept.
  NodeId weighted(size_t c);

  StateId add_state(std::string name, Type type, NodeId init);

  void build_forward();

  // A state that is frozen when its episode ends varies with the sample, whatever it is computed from.
  void spread_states_over_samples();

  // m₀ = true, m' = m and not d; T counts the steps begun alive; every carry keeps its value once m is false.
  void add_ending(NodeId ends);

  // --- classes and channels
  ClassSet all_classes() const { return ClassSet((1u << plan.classes.size()) - 1); }
  bool varies(NodeId node, ClassSet classes) const;

  // The carried channel of a class: groups whose later classes hold the same draws share one.
  std::vector<int> channel;
  // Draws that some classes hold and others pass.
  std::vector<DrawId> split;
  NodeTable<uint64_t> above;  // split draws among a node's ancestors; the top bit: a state is one
  static constexpr uint64_t state_bit = uint64_t{1} << 63;

  void find_channels();

  bool mergeable(NodeId node, ClassSet a, ClassSet b) const;

  // --- accumulators and carries
  std::map<uint32_t, AccumulatorId> accumulator_of;
  void accumulate(NodeId target, Phase phase, NodeId value, NodeId index);

  struct CarryKey {
    uint32_t state;
    int channel;
    auto operator<=>(const CarryKey&) const = default;
  };
  std::map<CarryKey, AdjointCarryId> carry_of;

  Targets channel_targets(int c) const;
  ClassSet channel_classes(int c) const;

  void make_carries();
  // One leaf per carry and phase: the graph does not share them.
  std::map<std::pair<uint32_t, Phase>, NodeId> carry_leaves;
  NodeId carry_leaf(AdjointCarryId id);

  // --- score terms
  // What a draw's elements reach of some costs, for credit: scalar, or the draw's batch shape. With a row,
  // the costs are those of the row.
  struct Row {
    const std::vector<NodeId>& costs;
    bool per_element;
  };
  NodeId own_costs(const GraphDraw& draw, Targets targets, const Row* row = nullptr);
  NodeId element_cost(const GraphDraw& draw, const Downstream& relation, NodeId rows, bool by_outcome);
  NodeId where_reached(NodeId cost, const Downstream& relation, const GraphDraw& draw);
  const Fork* fork_of(DrawId) const;

  // A running baseline: a value of the program's own, per step and element, that follows the mean of Q.
  struct RunningBaseline {
    ParamId param;
    AccumulatorId sum;
  };
  std::vector<RunningBaseline> running;
  NodeId read_running_baseline(const GraphDraw&, ParamId&);
  void follow_running_baseline(ParamId, NodeId advantage, Phase backward);

  NodeTable<Downstream> find_downstream_in_program(const GraphDraw& draw);

  std::map<std::pair<Phase, size_t>, NodeId> cost_sums;  // by region and bit
  NodeId costs_of_bit(size_t bit, Phase region);
  NodeId sum_of_costs(Targets targets, Targets (*target)(size_t), Phase region);

  std::string cost_list(Targets targets) const;

  void add_scores(Phase region, Phase backward, std::vector<RegionSeed>& seeds);
  void add_score(DrawId, ClassSet, Phase backward, std::vector<RegionSeed>& seeds);
  void add_fork_terms(const Fork&, ClassSet, Targets, std::vector<RegionSeed>& seeds);
  // Adds the advantage, and its seed on ψ.
  NodeId credit(ProgramAdvantage, const GraphDraw&, NodeId psi, ClassSet, Phase backward, std::vector<RegionSeed>& seeds);

  // The deliberate mistake: a score term differentiated in the params alone, earlier states held.
  bool states_held = false;
  std::vector<std::pair<NodeId, Flowing>> dropped;
  void drop_path(const GraphDraw& draw, ClassSet classes, NodeId seed, Phase);

  // In the reversed sweep a sample is alive at t exactly when t < T: nothing need be saved for it.
  NodeId alive_backward;
  NodeId guard_backward(NodeId value) { return alive_backward ? op(Op::select, {alive_backward, value, zero()}) : value; }

  // --- the sweeps
  RegionRules rules_for(Phase forward, Phase backward, std::map<CarryKey, NodeId>* state_adjoints);

  void sweep(Phase forward, Phase backward, std::vector<RegionSeed> seeds, std::map<CarryKey, NodeId>* state_adjoints);

  // Seeds of the costs of one region, own-step classes (or, for final, later ones).
  void seed_costs(Phase region, std::vector<RegionSeed>& seeds);

  // The adjoint of something that leaves init or a step towards states.
  void build_backward();

  void seed_state(NodeId node, int of_channel, NodeId adjoint, std::vector<RegionSeed>& seeds);

  void build_step_backward();

  // The pull-back through the uniform phase, once per group: linear in the sums over its samples.
  void build_finish();
};

}  // namespace alea
