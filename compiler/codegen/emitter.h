// Emits one phase of a program into one function: values, memory, loops, operations. Internal to codegen.
//
// A node's value is lanes (an LLVM vector) when its rate has the sample axis, else a scalar, broadcast where
// it meets lanes. Small arrays are registers, large ones memory with constant strides, so that slices,
// transposes and broadcasts are views. Values of other phases are loaded on first use: before the time loop
// when they do not vary with time, else at the head of the step.
#pragma once
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Intrinsics.h>

#include <algorithm>
#include <array>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "compiler/codegen/emit.h"

namespace alea {

using Index = std::vector<llvm::Value*>;  // one i64 an axis

struct EmittedValue {
  bool lanes = false, boolean = false;
  bool real_in_memory = false;         // a boolean that memory holds as a number
  std::vector<llvm::Value*> elements;  // in registers: one for all elements, or one each
  llvm::Value* base = nullptr;         // in memory: element (i, j, …) at base + i strides[0] + j strides[1] + …
  std::vector<int64_t> strides;        // in bytes
  int64_t fetch_before = 0;            // bytes before a loaded place that will be loaded a step later: on the tape
  int64_t lane_width = 1;              // lanes side by side in memory: a chunk's or the group's
};

// What all functions of a module share.
struct ModuleContext {
  const Program& program;
  const EmitOptions& options;
  const Schedule& schedule;
  llvm::Module& module;
  int forward_lanes = 0, backward_lanes = 0;
  int64_t scratch_bytes = 0;  // the largest that a function asked for
  // Init is all there is to compute: it writes the objectives itself.
  bool init_alone = false;
  // Several groups a call, each with an area of its own in the arena, group_bytes apart; scratch follows them.
  int64_t most_groups = 1, group_bytes = 0;
};

// Where some steps' values of an operand are: in a ring of the arena, or on the tape, backwards.
struct KeptOperand {
  bool on_tape = false;
  int64_t ring = 0;
  int64_t step_bytes = 0, element_bytes = 0;  // from one to the next
};

// The products of a large outer product, to be added to an accumulator's slots some steps at a time.
struct DeferredOuter {
  NodeId node;
  int64_t slots = 0;  // in the arena
  std::array<KeptOperand, 2> kept;
  int64_t rows = 0, columns = 0;
  llvm::Function* flush = nullptr;
};

// An array that a loop over time carries in memory (emit_carried.cpp).
struct CarriedArray {
  enum class Path : uint8_t { stays, to_and_fro, over_tape };
  Path path{};
  NodeId leaf, next;  // its value in a turn, and after it; null: not read; zero
  Shape shape;
  EmittedValue slot;   // where it is before and after the loop
  EmittedValue other;  // the second place of one that goes to and fro
};

// Of one argument, and the block they were computed in.
struct SineAndCosine {
  llvm::Value *sine = nullptr, *cosine = nullptr;
  llvm::BasicBlock* block = nullptr;
};

class Emitter {
 public:
  // `lanes` is 1 in phases without the sample axis.
  Emitter(ModuleContext&, Phase, int lanes, const std::string& name);

  // --- the function's frame
  ModuleContext& context;
  const Program& program;
  const Graph& graph;
  const Schedule& schedule;
  Phase phase;
  int lanes;
  PhasePlan plan;
  llvm::IRBuilder<> b;
  llvm::Function* function = nullptr;
  llvm::Value *arguments = nullptr, *params = nullptr, *uniform = nullptr, *arena = nullptr;
  llvm::Value* group = nullptr;                                       // i64: its number in the call; null: there is one
  llvm::Value* chunk = nullptr;                                       // i64: the chunk's first lane in the group
  llvm::Value* time = nullptr;                                        // i64, in step phases
  llvm::Value *first_step = nullptr, *end_step = nullptr;             // i64: of the segment whose tape there is
  llvm::Instruction *before_loops = nullptr, *before_body = nullptr;  // where values of other phases are loaded
  std::unordered_map<uint32_t, EmittedValue> values;
  std::unordered_map<llvm::Value*, SineAndCosine> sines_and_cosines;  // by argument
  BufferAllocator scratch;

  // --- types and constants
  llvm::Type* real_type() const { return real_; }
  llvm::Type* lanes_type(llvm::Type* element) const { return llvm::FixedVectorType::get(element, static_cast<unsigned>(lanes)); }
  int64_t real_bytes() const { return schedule.options.real_bytes; }
  llvm::Value* i64(int64_t value) { return b.getInt64(static_cast<uint64_t>(value)); }
  llvm::Value* real(double value) { return llvm::ConstantFP::get(real_, value); }
  llvm::Value* splat(llvm::Value*);  // to lanes, if it is not yet
  llvm::Value* as(bool lanes, llvm::Value* value) { return lanes ? splat(value) : value; }
  llvm::Value* zero(bool lanes) { return as(lanes, real(0)); }

  // --- control flow
  using Carried = std::vector<llvm::Value*>;
  // `count` turns of body(i, carried) → carried; at most `register_elements` turns are unrolled.
  Carried loop(int64_t count, Carried initial, const std::function<Carried(llvm::Value*, Carried)>& body);
  Carried rolled_loop(llvm::Value* count, Carried initial, const std::function<Carried(llvm::Value*, Carried)>& body);
  // `usual`, or what `otherwise` makes of it where `rare` is true, hardly ever: behind a branch.
  Carried unless(llvm::Value* rare, Carried usual, const std::function<Carried(Carried)>& otherwise);
  void each(const Shape&, const std::function<void(const Index&)>& body);
  void groups(const std::function<void()>& body);  // of the call; sets `group` and `arena`
  void chunks(const std::function<void()>& body);  // over the group; sets `chunk` and `before_loops`
  Carried chunks(Carried initial, const std::function<Carried(Carried)>& body);
  // Splits the block so that a later load may be placed before what follows.
  llvm::Instruction* marker(const char* name);

  // --- memory
  llvm::Value* offset(llvm::Value* base, int64_t bytes);
  llvm::Value* offset(llvm::Value* base, llvm::Value* count, int64_t bytes);
  llvm::Value* load_invariant(llvm::Type*, llvm::Value* from);  // of what no kernel changes
  llvm::Value* argument(size_t field_offset, llvm::Type*);
  llvm::Value* first_sample();  // of the group
  llvm::Value* sample_count();  // from the group's first sample on: may exceed 64
  llvm::Value* group_count();   // of the call
  EmittedValue memory(const Type&, bool lanes, llvm::Value* base, int64_t lane_width, bool real_in_memory = false);
  EmittedValue arena_slot(const Type&, bool lanes, int64_t offset,
                          bool real_in_memory = false);  // [element][64], this chunk's part
  llvm::Value* address(const EmittedValue&, const Index&);
  llvm::Value* load(const EmittedValue&, const Index&);
  void store(const EmittedValue&, const Index&, llvm::Value*);
  int64_t element_bytes(bool lanes, bool boolean, int64_t lane_width) const;
  EmittedValue new_buffer(const Type&, bool lanes, NodeId owner = {});
  // Where a step's record lies in an area with one for each step of the segment.
  llvm::Value* in_segment(llvm::Value* step);
  EmittedValue tape_slot(NodeId, llvm::Value* step);
  llvm::Value* call_area() { return offset(arena, schedule.calls); }
  void release_after(uint32_t position);

  // --- values
  const Type& type(NodeId node) const { return graph.type(node); }
  bool node_lanes(NodeId node) const { return has_lanes(program, node); }
  bool is_boolean(NodeId node) const { return graph.type(node).scalar == Scalar::boolean; }
  EmittedValue& value(NodeId);
  llvm::Value* element(NodeId, const Index&);  // of an array
  llvm::Value* scalar(NodeId node) { return element(node, {}); }
  // The operand's element for the result's index: scalars broadcast.
  llvm::Value* operand(NodeId, const Index&);
  Index constant_index(const Shape&, int64_t flat);
  // Makes sure that what element() will read inside a loop can be read with a varying index.
  void prepare(NodeId);
  void to_memory(NodeId);
  void write(NodeId, const EmittedValue& target);  // element by element
  void fill(const EmittedValue& target, const Shape&, llvm::Value*);
  void emit_order();  // all nodes of the phase
  // emit_rows.cpp: the last position of the run of `plan.order` from this one on that is computed row by row; itself: none.
  uint32_t last_of_rows(uint32_t position) const;
  void emit_rows(uint32_t first, uint32_t last);

  // --- operations
  void emit(NodeId);
  llvm::Value* elementwise(NodeId, const Index&);
  llvm::Value* elementary(Op, bool lanes, std::span<llvm::Value* const> operands);
  llvm::Value* outlined(Op, bool lanes, std::span<llvm::Value* const> operands);
  bool outlines = false;  // elementary functions are called instead of inlined: the phase has many
  llvm::Value* inlined(NodeId, const Index&);
  std::pair<llvm::Value*, llvm::Value*> outer_operands(NodeId, const Index&);
  void emit_elements(NodeId, const std::function<llvm::Value*(const Index&)>& compute);
  llvm::Value* fma(llvm::Value*, llvm::Value*, llvm::Value*);
  // The lanes in an AVX-512 register, and whether the processor has those and a chunk fills them.
  int register_lanes() const { return 64 / static_cast<int>(real_bytes()); }
  bool has_feature(const char* name) const;  // as LLVM writes it: +avx2
  bool has_registers() const;
  // An intrinsic of `width` lanes for all lanes; operands of as many lanes, and `rest`, are the same for each call.
  llvm::Value* by_registers(llvm::Intrinsic::ID, int width, llvm::ArrayRef<llvm::Value*> operands,
                            llvm::ArrayRef<llvm::Value*> rest = {});
  void emit_view(NodeId);
  Index broadcast_source(NodeId, const Index&);
  Index source_index(NodeId view, const Index&);  // of the operand, for an index of the result
  // The operand's memory read by other strides, where that can be.
  std::optional<EmittedValue> strided(NodeId view, const EmittedValue& operand);
  llvm::Value* add_from_zero(llvm::Value* sum, llvm::Value* value);
  void emit_reduction(NodeId);
  void emit_cumulative_sum(NodeId);
  void emit_concat(NodeId);
  void emit_pad(NodeId);
  void emit_gather(NodeId);
  void prepare_gather(NodeId, bool in_loop);
  bool permutes(NodeId gather);
  llvm::Value* gathered(NodeId, const Index&);  // one element of it
  llvm::Value* permuted(llvm::Value* row, int64_t length, llvm::Value* wanted);
  void emit_scatter(NodeId);
  llvm::Value* scattered(NodeId, const Index&);  // one element of it
  // Sums over a matrix's columns in order: add(k, row, sums) adds column k to those from `row` on. `triangle`: the first sum's
  // row, where nothing is above the diagonal; else null.
  Carried over_columns(int64_t count, llvm::Value* triangle, Carried sums,
                       const std::function<Carried(llvm::Value*, size_t, Carried)>& add);
  void emit_matmul(NodeId);
  void emit_tiled(NodeId);
  void emit_outer(NodeId);
  void emit_called(NodeId);         // cholesky, solve …, sort: a compiled function over [element][lanes]
  void emit_draw(NodeId);           // noise with arguments
  EmittedValue result(NodeId);      // where a node that is not emitted element by element goes
  EmittedValue contiguous(NodeId);  // the operand as [element][lanes] numbers, copied unless it already is
  void set_result(NodeId, EmittedValue);
  llvm::Value* call_rare(llvm::StringRef name, bool lanes, std::span<llvm::Value* const> operands);
  llvm::FunctionCallee external(llvm::StringRef name, llvm::ArrayRef<llvm::Type*> parameters);
  std::string symbol(llvm::StringRef name) const;
  struct Position {
    llvm::Value* where;   // i64, clamped into the table
    llvm::Value* inside;  // i1
  };
  Position position(llvm::Value* index, int64_t length);
  llvm::Value* lane_addresses(const EmittedValue& array, const Index&, size_t axis, llvm::Value* where);

  // --- what outlives a phase
  EmittedValue state_slot(StateId);
  EmittedValue carry_slot(AdjointCarryId id) { return arena_slot(program.carries[id].type, true, schedule.carries[id], true); }
  EmittedValue accumulator_slot(AccumulatorId id) {
    return arena_slot(program.accumulators[id].type, true, schedule.accumulators[id].offset, true);
  }
  Carried load_all(const EmittedValue&, const Shape&);
  void store_all(const EmittedValue&, const Shape&, const Carried&);
  Carried elements_of(NodeId, bool lanes);
  bool is_small(const Type& type) const { return element_count(type.shape) <= register_elements; }
  CarriedArray carried_array(NodeId leaf, NodeId next, const Shape&, const EmittedValue& slot);
  void place(NodeId, const EmittedValue& target);  // what computes the node's value will store it there, where that can be
  void is_at(NodeId leaf, const EmittedValue& target) { places_.try_emplace(leaf.index, target); }  // where it is to be kept
  void leave(NodeId, const Shape&, const EmittedValue& target);  // stores it there, unless it is there; null: zero
  void copy(const Shape&, const EmittedValue& from, const EmittedValue& to);
  void copy_where(llvm::Value* condition, const Shape&, const EmittedValue& from, const EmittedValue& to);
  NodeId behind_names(NodeId) const;  // what the model names, draws or stops there
  void fill_noise(NoiseId, llvm::Value* first_time, llvm::Value* time_count);
  void fill_group_noise(NoiseId);
  llvm::Value* any(llvm::Value* mask);
  llvm::Value* lane_sum(llvm::Value* vector);                   // a fixed tree: lane i with lane i + half
  llvm::Value* lane_sums(llvm::Value* vector, unsigned count);  // the same tree's `count` partial sums
  llvm::Value* lanes_below(llvm::Value* count);
  Carried counted(Carried values);  // 0 in lanes that do not count; seldom are there any
  llvm::Value* valid();             // the lanes that count, of this chunk
  void clear_accumulators();
  void add_accumulated(AccumulatorId, const Contribution&, Carried* in_registers);
  void add_indexed(AccumulatorId, const Contribution&);
  void add_outer(AccumulatorId, NodeId outer);
  void add_to_slots(llvm::Value* address, llvm::Value* value, llvm::Value* counted);
  // emit_deferred.cpp
  bool is_deferred(AccumulatorId, const Contribution&) const;
  std::vector<DeferredOuter> deferred_outers();
  EmittedValue kept_operand(const DeferredOuter&, int side, llvm::Value* turn, llvm::Value* step);
  void defer(const DeferredOuter&, llvm::Value* turn, const std::array<EmittedValue, 2>& places);
  void flush(const DeferredOuter&, llvm::Value* turns, llvm::Value* step, llvm::Value* count);
  void flush_rest(const DeferredOuter&, llvm::Value* turns, llvm::Value* step);
  void add_contributions(std::unordered_map<uint32_t, Carried>& in_registers);
  // emit_streamed.cpp: the sums over the group of the products of this phase, of `count` steps or one
  bool dead_beyond_count() const;
  void clear_score_sums();
  void clear_group_sums(llvm::Value* count);
  void add_to_group_sums(llvm::Value* step_of_block);
  void add_group_sums(llvm::Value* count);
  // Where a product over the group is a param's gradient and nothing else: its first element there, written at once.
  std::optional<int64_t> place_in_gradient(AccumulatorId) const;
  // The sums that init adds up in registers and over its lanes, where its chunks are the two halves of the tree or all of it.
  std::vector<AccumulatorId> sums_of_init() const;

 private:
  EmittedValue load_elsewhere(NodeId);
  EmittedValue constant_value(NodeId);
  bool is_of_step(NodeId) const;    // found anew in each step
  EmittedValue kept_value(NodeId);  // where another phase has left it
  EmittedValue registers_from(NodeId, EmittedValue);
  void keep(NodeId);  // stores a value that outlives the phase at its home
  llvm::Type* real_;
  llvm::Value* whole_arena_ = nullptr;
  llvm::Value* noise_function(size_t field);
  llvm::Value* noise_key(NoiseId);
  struct Owned {
    uint32_t last_use;
    int64_t offset, bytes;
  };
  std::vector<Owned> owned_;
  std::unordered_map<uint32_t, EmittedValue> places_;  // of results, where not in a buffer of their own
  // The element of a product, or a sum of products, that is being made use of where it has been computed.
  struct {
    NodeId node;
    llvm::Value* element = nullptr;
  } in_tile_;
  llvm::Value* row_ = nullptr;  // of the arrays that are computed row by row
  llvm::Value* valid_ = nullptr;
  llvm::Instruction* valid_at_ = nullptr;
};

bool is_transcendental(Op);
std::vector<int> lanes_from(int64_t first, int64_t count);  // of a shuffle
// A constant square matrix with nothing above its diagonal, as the covariance of `mvnormal` has it.
bool is_lower_triangle(const Graph&, NodeId matrix);
// Rows of a product that are summed together.
inline constexpr int64_t tile_rows = 4;

// A function with the frame that Emitter expects: (arguments, params, uniform, arena) → void.
llvm::Function* new_phase_function(ModuleContext&, const std::string& name);
void set_target_attributes(const ModuleContext&, llvm::Function&);

// The phases (emit_forward.cpp, emit_credit.cpp, emit_backward.cpp, emit_products.cpp).
llvm::Function* emit_uniform_phase(ModuleContext&);
llvm::Function* emit_init(ModuleContext&);
llvm::Function* emit_steps(ModuleContext&);
llvm::Function* emit_final(ModuleContext&);
// Credit as a whole, or, with checkpoints, before, in and after the segments.
enum class CreditPart : uint8_t { whole, begin, segment, end };
llvm::Function* emit_credit(ModuleContext&, CreditPart);
llvm::Function* emit_final_backward(ModuleContext&);
llvm::Function* emit_step_backward(ModuleContext&);
llvm::Function* emit_init_backward(ModuleContext&);
llvm::Function* emit_products(ModuleContext&);  // null: none
llvm::Function* emit_finish(ModuleContext&);
// With checkpoints (emit_checkpoints.cpp): the steps segment by segment; then back through the segments. No credit: null.
llvm::Function* emit_segments(ModuleContext&, llvm::Function* steps);
llvm::Function* emit_segments_backward(ModuleContext&, llvm::Function* steps, llvm::Function* credit, llvm::Function* backward);

}  // namespace alea
