// The gradient program (estimator IR): what is left once the estimators are chosen and the adjoint is
// taken. Nothing in it is random: noise is an input with a key. The interpreter, the native code and the
// printed estimator IR are three readings of this one structure.
//
// A program works on a group of at most 64 samples and runs its phases in order:
//
//   uniform         once per call                 params, constants, and what depends on them alone
//   init            per sample                    also values that vary with the sample and not with time
//   step            per sample and step, t = 0 … horizon-1
//   final           per sample, after the last step
//   (credit)        per step, t = horizon-1 … 0, over the whole group: suffix sums, baselines, advantages
//   final_backward  per sample
//   step_backward   per sample and step, t = horizon-1 … 0
//   init_backward   per sample
//   finish          once per group                the pull-back through the uniform phase
//
// A graph model has horizon 0: its nodes are in init, its costs too. What must hold (verify_program checks):
// a node reads nodes of its own phase, of uniform, of init, and, in a backward phase, of the forward phase
// of the same name (same step) and of final. Values that the backward phases read from forward ones are
// saved or recomputed as the scheduler sees fit. Episodes that end: `alive` is an ordinary boolean state;
// every carry and cost is already guarded by select, so that running a step for a sample that has ended
// changes nothing; an implementation may leave the loop once no sample of the group is alive, and must
// then start the reversed sweeps at the step where it left.
//
// Rate: the axes a value varies along, out of sample and time. A value is computed in the loops of its
// axes and no others. Values without the sample axis are one number (array) for the group.
#pragma once
#include <string>
#include <vector>

#include "compiler/graph/graph.h"

namespace alea {

enum class Phase : uint8_t { uniform, init, step, final, final_backward, step_backward, init_backward, finish };
inline constexpr int phase_count = 8;
inline constexpr int group_size = 64;

enum Rate : uint8_t { rate_none = 0, rate_sample = 1, rate_time = 2, rate_sample_time = 3 };

using AdjointCarryId = Id<struct AdjointCarryTag>;
using AdvantageId = Id<struct AdvantageTag>;
using AccumulatorId = Id<struct AccumulatorTag>;

// Values that an estimator needs beside the model's params, and that a pilot run sets (runtime/adapt.h): they
// follow the model's own in the table, and no choice of them biases an estimate. The `gradient` of a baseline is
// the mean of what it was subtracted from, less itself.
enum class AdaptedRole : uint8_t { none, baseline, temperature, weight };
std::string_view text(AdaptedRole);

struct ProgramParam {
  std::string name;  // qualified: mean.layer.0.W
  Type type;
  NodeId gradient;  // in finish, of the param's shape: the group's sum over samples; null when it is zero
  AdaptedRole role = AdaptedRole::none;
  double initial = 0;  // of an adapted value
};

struct ProgramInput {
  std::string name;
  Type type;  // of one row
};

struct ProgramState {
  std::string name;
  Type type;
  NodeId init;  // phase init or uniform
  NodeId next;  // phase step, init or uniform
};

// A primitive noise. Its draws are a pure function of (seed, name, sample, time, element), see runtime/noise.h.
struct ProgramNoise {
  std::string name;  // qualified node name
};

// The advantage of one score term: own (what the node reaches within its own phase; may be null) plus the
// suffix sum over later steps (null: none), less the baseline.
//   Q_t = own_t + Σ_{k>t} later_k + later_final          (for an init node of an mdp: Σ_{k≥0})
//   A_t = n/(n-1) (Q_t − mean over the n samples of the group of Q_t) for leave-one-out (n = 1: Q_t), Q_t for none
// The program's own nodes select A by aliveness; credit itself knows nothing of it.
enum class Baseline : uint8_t { none, leave_one_out };
struct ProgramAdvantage {
  std::string name;    // the draw's name, for printing
  Phase phase{};       // init or step: where the draw is
  Type type;           // shape of own, later and of the leaf
  NodeId own;          // in `phase`
  NodeId later;        // in step; scalar or of the shape of type
  NodeId later_final;  // in final; likewise
  Baseline baseline = Baseline::leave_one_out;
  NodeId value_baseline;  // in `phase`: subtracted from Q as well; may be null
  std::string note;       // printed: log density, downstream costs
};

// Adjoint of a state, carried from step t+1 to t. In step_backward the leaf is the adjoint of the state
// after the step; in init_backward that of the state before step 0.
struct AdjointCarry {
  StateId state;
  Type type;
  NodeId final_value;  // in final_backward (or any earlier phase): λ_H
  NodeId step_value;   // in step_backward: λ_t
};

// Adjoint of a value that lacks an axis of its users: the leaf is the sum of the contributions over the
// axes the target lacks. Target of rate {}: leaf in finish. Target of rate {sample}: leaf in init_backward.
struct Contribution {
  Phase phase{};  // final_backward, step_backward or init_backward
  NodeId value;   // of the target's shape, or, with an index, of the shape of a gather with that index
  NodeId index;   // null, or: add value to target[index] along the first axis, as the adjoint of gather
};
struct Accumulator {
  NodeId target;
  Type type;
  std::vector<Contribution> contributions;
};

struct NamedNode {
  std::string name;
  NodeId node;
  Span span;
};

struct Program {
  std::string model, policy;
  bool maximise = false;
  int64_t horizon = 0;
  Graph graph;
  NodeTable<Phase> phase;
  NodeTable<Rate> rate;
  Table<ParamId, ProgramParam> params;
  Table<InputId, ProgramInput> inputs;
  Table<StateId, ProgramState> states;
  Table<NoiseId, ProgramNoise> noises;
  Table<AdvantageId, ProgramAdvantage> advantages;
  Table<AdjointCarryId, AdjointCarry> carries;
  Table<AccumulatorId, Accumulator> accumulators;
  StateId alive;  // null when episodes never end early
  // The objective of one sample: init + Σ_t step + final, each a scalar node or null.
  NodeId objective_init, objective_step, objective_final;
  std::vector<NamedNode> names;  // nodes that the model names: for the trace and for printing
  bool has_gradient = false;     // false: forward phases only
};

// The nodes of each phase that something needs, in an order that computes operands first. Leaves included.
// All entries of the tables count as needed; nodes that are only named do where asked for, or where the
// program has no objective (the program of initial params).
struct PhaseOrder {
  std::array<std::vector<NodeId>, phase_count> nodes;
};
PhaseOrder order_phases(const Program&, bool with_names = false);
// What order_phases starts from.
std::vector<NodeId> program_roots(const Program&, bool with_names = false);

// Calls `visit` on each node that the tables of the forward phases hold, and on each that those of the gradient do, null ones
// included; with a program that is not const, by reference.
template <class AProgram, class Visit>
void for_each_forward_reference(AProgram& program, Visit visit) {
  visit(program.objective_init);
  visit(program.objective_step);
  visit(program.objective_final);
  for (auto& state : program.states) {
    visit(state.init);
    visit(state.next);
  }
}
template <class AProgram, class Visit>
void for_each_gradient_reference(AProgram& program, Visit visit) {
  for (auto& param : program.params) visit(param.gradient);
  for (auto& advantage : program.advantages) {
    visit(advantage.own);
    visit(advantage.later);
    visit(advantage.later_final);
    visit(advantage.value_baseline);
  }
  for (auto& carry : program.carries) {
    visit(carry.final_value);
    visit(carry.step_value);
  }
  for (auto& accumulator : program.accumulators) {
    visit(accumulator.target);
    for (auto& contribution : accumulator.contributions) {
      visit(contribution.value);
      visit(contribution.index);
    }
  }
}

std::string_view text(Phase);  // step_backward
// Whether a node of phase `reader` may read one of phase `read`.
bool can_read(Phase reader, Phase read);

// The first of the rules above that does not hold, in words; empty when all do.
std::string program_error(const Program&);
// Internal error, with the program's text, when one of the rules above does not hold.
void verify_program(const Program&);

// Deterministic text, and back: print(read(print(p))) == print(p).
std::string print(const Program&, const SourceMap* = nullptr);

}  // namespace alea
