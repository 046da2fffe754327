// Where each value of a program lives and in which order each phase computes. In: a verified program.
// Out: the nodes of every phase, the home of every value that outlives its phase, and the layout of the
// arena: everything that decides memory is known before a kernel is built or run. Holds no LLVM.
//
// A value with the sample axis that outlives its phase lies as [element][64 lanes], one without it as
// [element]; booleans as 64 bits, resp. one byte, an element. The tape is [step][record], a record holding
// the saved values of one step.
//
// Where the tape of all steps would not fit, it holds one segment of them: the states at the beginning of each
// segment are kept, and the backward sweep computes each segment's steps again before it goes through them.
#pragma once
#include "compiler/kernel/fuse.h"
#include "compiler/kernel/product_sums.h"
#include "compiler/kernel/stream_credit.h"

namespace alea {

struct ScheduleOptions {
  bool gradient = true;                 // false: the objective alone
  int64_t real_bytes = 8;               // of T
  int64_t time_block = 32;              // steps whose noise is drawn at once
  int64_t arena_limit = 0;              // bytes; 0: none. Buffers of phases are not counted
  std::vector<CreditProduct> products;  // of a program with streamed credit
};

// What the operands and the result of one called function take, of 64 lanes.
inline constexpr int64_t call_bytes = 3 * group_size * 8;

enum class Home : uint8_t {
  phase,    // lives and dies in its phase
  leaf,     // found again at no cost in any phase: constants, params, inputs, the time
  uniform,  // the uniform buffer
  sample,   // one slot per sample: values of init and final
  tape,     // one slot per sample and step
  noise,    // the area of its noise
  state     // the area of its state: final_state
};

struct NoiseArea {
  NodeId node;         // null: not drawn
  int64_t offset = 0;  // in the arena
  int64_t record_bytes = 0;
  int64_t records = 1;  // time_block, or the whole segment when the reversed sweep reads it
};

enum class AccumulatorForm : uint8_t {
  unused,
  lanes,    // [element][64]: each lane sums over time in order, lanes are summed at the end by a fixed tree
  modulus,  // [element][modulus]: lane i adds to slot i mod modulus; for arrays with many elements
  product   // [element]: outer products outside time, of operands kept for all lanes, multiplied once the phases are done
};
struct AccumulatorArea {
  AccumulatorForm form = AccumulatorForm::unused;
  int64_t offset = 0;   // of the slots
  int64_t reduced = 0;  // of the sums over lanes, [element]; for targets without the sample axis, unless init begins them
};

struct Schedule {
  ScheduleOptions options;
  // Ascending, so operands first. step_backward also lists the step nodes that it computes again.
  std::array<std::vector<NodeId>, phase_count> order;
  NodeTable<Home> home;
  NodeTable<int64_t> offset;  // within the area of its home; of tape: within a record
  int64_t uniform_bytes = 0;
  int64_t record_bytes = 0;  // of the tape
  int64_t segment = 0;       // steps whose tape is there at once: the horizon, or a multiple of time_block
  // Offsets in the arena.
  int64_t tape = 0, steps = 0, objective = 0;
  Table<InputId, int64_t> inputs;        // [element][64]; -1: not read
  Table<StateId, int64_t> states;        // [element][64] whatever the rate; -1: not read
  Table<StateId, bool> state_has_lanes;  // otherwise one number a chunk, kept in the chunk's first lane
  Table<NoiseId, NoiseArea> noises;
  Table<AdvantageId, int64_t> advantages;  // of an init draw: [element][64]; of a step draw: in the tape's record; -1
  Table<AdjointCarryId, int64_t> carries;  // [element][64]; -1: not read
  Table<AccumulatorId, AccumulatorArea> accumulators;
  // The accumulators with slots, in the order in which these lie, side by side: first those that are summed over lanes at
  // the end, whose sums lie in the same order, so that one loop does for all.
  std::vector<AccumulatorId> slots_in_order;
  // With checkpoints alone (segment below the horizon): the states lie side by side, and so do their copies at the beginning
  // of each segment and after the last step; `range` is what the steps are told and tell.
  int64_t states_begin = 0, states_bytes = 0, checkpoints = 0, final_states = 0, range = 0;
  Table<AdvantageId, int64_t> later_sums;  // Σ later over the steps that credit has passed, [element][64]
  int64_t calls = 0;                       // arguments and results of calls: call_bytes
  int64_t scratch = 0;                     // where the buffers of the phases begin: the end of all that is above
  int64_t modulus = 8;
  FusedProducts fused;
  ProductSums sums;
  // Credit as it goes (stream_credit.h). `group_sums` is [step of the block][row][modulus]; the rows of a product are
  // Σ weight value over the lanes, by element, then, where it is centred, Σ weight; those of a sum Σ score by element. The
  // running sums of these lie at `score_sums`, [row][modulus].
  std::vector<int64_t> product_rows;                // by product
  Table<AccumulatorId, int64_t> score_rows;         // -1: none; the first, from the first of all
  int64_t first_score_row = 0, group_sum_rows = 0;  // those of scores follow those of products
  int64_t group_sums = 0, score_sums = 0;           // in the arena
  // No backward phase computes anything: init adds to the accumulators what it has just computed.
  bool one_sweep = false;
  bool has_checkpoints(const Program& program) const { return segment < program.horizon; }
  Phase phase_of(const Contribution& contribution) const { return one_sweep ? Phase::init : contribution.phase; }
};
Schedule make_schedule(const Program&, const ScheduleOptions&);

// The words at Schedule::range.
struct StepRange {
  int64_t first = 0, end = 0;  // the steps to take
  int64_t someone_alive = 0;   // after them
};

// What is kept of an outer product's operand: the array itself, whatever its shape.
NodeId product_operand(const Graph&, NodeId outer, int side);
int64_t kept_at(const Graph&, const Schedule&, NodeId operand);  // in the arena: [element][64]

inline bool has_lanes(const Program& program, NodeId node) { return (program.rate[node] & rate_sample) != 0; }
// Bytes of a value in a slot that outlives its phase.
int64_t slot_bytes(const Type&, bool lanes, int64_t real_bytes);

// Cheap to compute again beside loading an operand: about one instruction an element.
bool is_cheap(Op);

// How a phase computes a node.
enum class Form : uint8_t {
  registers,  // one value an element
  buffer,     // a loop over elements into memory
  inlined,    // an elementwise array or a gather with one user: computed inside its loop; a fused product; a scatter to short
              // rows; a broadcast of one; a part of a sum of products, and a product that its user is computed with, tile by tile
  view        // the operand's memory with other strides
};
struct PhasePlan {
  std::vector<NodeId> order;
  NodeTable<Form> form;
  // Of a buffer that is computed with a product or a sum of products, in register tiles: that product or sum.
  NodeTable<NodeId> tiled;
  NodeTable<NodeId> place;       // of a buffer: whose slot it is computed in, null: its own memory
  NodeTable<uint32_t> last_use;  // position in `order` after which the node's memory may be used again
};
PhasePlan plan_phase(const Program&, const Schedule&, Phase);

// Memory for buffers whose lives are intervals: first fit over the free ranges.
class BufferAllocator {
 public:
  int64_t allocate(int64_t bytes);
  void release(int64_t offset, int64_t bytes);
  int64_t peak() const { return peak_; }

 private:
  struct Range {
    int64_t begin, end;
  };
  std::vector<Range> free_;  // sorted, never touching
  int64_t end_ = 0, peak_ = 0;
};

}  // namespace alea
