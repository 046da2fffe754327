// The parts of making a schedule (schedule.h), in the order in which they are taken. Each reads the program and what the parts
// before it found, and fills in its share of the schedule. Internal to the schedule.
#pragma once
#include "compiler/kernel/schedule.h"

namespace alea {

// What the objective, and the gradients where they are asked for, rest on.
struct Needed {
  NodeTable<bool> nodes;
  Table<StateId, bool> states;
  Table<InputId, bool> inputs;
  Table<AdvantageId, bool> advantages;
  Table<AdjointCarryId, bool> carries;
  Table<AccumulatorId, bool> accumulators;
  Table<NoiseId, NodeId> noises;  // the node that draws it; null: not drawn
};
Needed find_needed(const Program&, const ScheduleOptions&);

// In: the orders of the phases, and which accumulators are products. Out: the homes of all values that outlive their phase, and
// in step_backward's order the step values that it computes again; returned: whose noise step_backward reads.
Table<NoiseId, bool> choose_homes(const Program&, const Needed&, Schedule&);

// In: all homes. Out: all offsets and the segment.
void lay_out(const Program&, const Needed&, const Table<NoiseId, bool>& read_back, Schedule&);

// Found again in any phase at no cost.
inline bool is_free_leaf(Op op) { return op == Op::constant || op == Op::param || op == Op::input || op == Op::time; }
// Noise without arguments is drawn for many steps at once into an area of its own.
inline bool is_filled(Op op) { return op == Op::noise_uniform || op == Op::noise_normal; }

inline size_t index_of(Phase phase) { return static_cast<size_t>(phase); }
inline int64_t bytes_in_slot(const Program& program, const Schedule& schedule, NodeId node) {
  return slot_bytes(program.graph.type(node), has_lanes(program, node), schedule.options.real_bytes);
}

}  // namespace alea
