// The rules of program.h, checked. In: a program, from our own passes or from text of unknown origin. Out: the
// first rule that does not hold, naming the node. Nothing is indexed before its range is known.
#include <fmt/format.h>

#include "compiler/graph/infer.h"
#include "compiler/kernel/program.h"
#include "dsl/diagnostic.h"

namespace alea {

namespace {

// The axes that a phase loops over.
Rate axes_of(Phase phase) {
  switch (phase) {
    case Phase::uniform:
    case Phase::finish: return rate_none;
    case Phase::init:
    case Phase::final:
    case Phase::final_backward:
    case Phase::init_backward: return rate_sample;
    case Phase::step:
    case Phase::step_backward: return rate_sample_time;
  }
  return rate_none;
}

std::string_view text(Rate rate) {
  switch (rate) {
    case rate_none: return "none";
    case rate_sample: return "sample";
    case rate_time: return "time";
    case rate_sample_time: return "sample and time";
  }
  return {};
}

bool same_kind(const Type& a, const Type& b) {
  return a.shape == b.shape && (a.scalar == Scalar::boolean) == (b.scalar == Scalar::boolean);
}

class Verifier {
 public:
  explicit Verifier(const Program& program) : program_(program), graph_(program.graph) {}

  bool is_printable() const { return printable_; }  // all ids are within their tables

  std::string run() {
    check_ranges();
    printable_ = error_.empty();
    if (error_.empty()) check_nodes();
    if (error_.empty()) check_tables();
    if (error_.empty() && program_.has_gradient) check_backward();
    return error_;
  }

 private:
  template <class... Arguments>
  void fail(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    if (error_.empty()) error_ = fmt::format(format, std::forward<Arguments>(arguments)...);
  }
  std::string name(NodeId id) const { return fmt::format("%{} ({})", id.index, alea::text(graph_.op(id))); }

  void in_range(NodeId id, std::string_view what) {
    if (id && id.index >= graph_.size()) fail("{} is %{}, and there are {} nodes", what, id.index, graph_.size());
  }

  // Everything that order_phases looks at.
  void check_ranges() {
    if (program_.phase.size() != graph_.size() || program_.rate.size() != graph_.size())
      return fail("there are {} nodes but {} phases and {} rates", graph_.size(), program_.phase.size(), program_.rate.size());
    for (const NodeId root : program_roots(program_, true)) in_range(root, "a node that the program's tables name");
    for (const Accumulator& accumulator : program_.accumulators) {
      if (!accumulator.target) fail("an accumulator has no target");
      in_range(accumulator.target, "the target of an accumulator");
    }
    if (program_.alive && program_.alive.index >= program_.states.size()) fail("`alive` is no state");
    if (program_.horizon < 0) fail("the horizon is negative");
    for (const NamedNode& named : program_.names)
      if (!named.node) fail("`{}` names no node", named.name);
    for (const AdjointCarry& carry : program_.carries)
      if (carry.state.index >= program_.states.size()) fail("an adjoint is carried for a state that does not exist");
  }

  template <class IdType, class TableType>
  void check_leaf(NodeId id, const TableType& table) {
    const uint32_t payload = graph_[id].payload;
    if (payload >= table.size()) return fail("{} has no entry {} in its table", name(id), payload);
    if (const Type& declared = table[IdType{payload}].type; declared != graph_.type(id))
      fail("{} has type {}, its table says {}", name(id), to_string(graph_.type(id)), to_string(declared));
  }

  void check_payload(NodeId id) {
    switch (graph_.op(id)) {
      case Op::param: return check_leaf<ParamId>(id, program_.params);
      case Op::input: return check_leaf<InputId>(id, program_.inputs);
      case Op::state:
      case Op::final_state: return check_leaf<StateId>(id, program_.states);
      case Op::adjoint: return check_leaf<AdjointCarryId>(id, program_.carries);
      case Op::advantage: return check_leaf<AdvantageId>(id, program_.advantages);
      case Op::accumulated: return check_leaf<AccumulatorId>(id, program_.accumulators);
      default:
        if (kind(graph_.op(id)) == OpKind::random && graph_[id].payload >= program_.noises.size())
          fail("{} has no entry {} in its table", name(id), graph_[id].payload);
    }
  }

  // Where a leaf may be, and the axes it varies along.
  void check_place(NodeId id) {
    const Phase phase = program_.phase[id];
    const auto only_in = [&](std::initializer_list<Phase> phases) {
      for (const Phase allowed : phases)
        if (phase == allowed) return;
      fail("{} cannot be in {}", name(id), alea::text(phase));
    };
    const auto varies = [&](Rate rate) {
      if ((program_.rate[id] & rate) != rate)
        fail("{} varies with {}, its rate says {}", name(id), text(rate), text(program_.rate[id]));
    };
    switch (graph_.op(id)) {
      case Op::constant:
      case Op::param: return only_in({Phase::uniform});
      case Op::input: only_in({Phase::init}); return varies(rate_sample);
      case Op::state: only_in({Phase::step}); return varies(rate_time);
      case Op::time: only_in({Phase::step}); return varies(rate_time);
      case Op::final_state: return only_in({Phase::final});
      case Op::adjoint: return only_in({Phase::step_backward, Phase::init_backward});
      case Op::accumulated: return only_in({Phase::finish, Phase::init_backward});
      case Op::advantage: {
        const AdvantageId advantage{graph_[id].payload};
        only_in({program_.advantages[advantage].phase == Phase::init ? Phase::init_backward : Phase::step_backward});
        return varies(rate_sample);
      }
      default:
        if (kind(graph_.op(id)) != OpKind::random) return;
        only_in({Phase::init, Phase::step});
        varies(rate_sample);
    }
  }

  void check_nodes() {
    const PhaseOrder order = order_phases(program_, true);
    for (const std::vector<NodeId>& nodes : order.nodes)
      for (const NodeId id : nodes) {
        if (std::string error = type_error(graph_, id); !error.empty()) return fail("%{}: {}", id.index, error);
        check_payload(id);
        if (!error_.empty()) return;
        check_place(id);
        Rate varying = rate_none;
        for (const NodeId input : graph_.inputs(id)) {
          if (!can_read(program_.phase[id], program_.phase[input]))
            return fail("{} in {} reads {} of {}", name(id), alea::text(program_.phase[id]), name(input),
                        alea::text(program_.phase[input]));
          varying = static_cast<Rate>(varying | program_.rate[input]);
        }
        if ((program_.rate[id] & varying) != varying)
          return fail("{} reads what varies with {}, its rate says {}", name(id), text(varying), text(program_.rate[id]));
        if ((program_.rate[id] & ~axes_of(program_.phase[id])) != 0)
          return fail("{} varies with {} in {}", name(id), text(program_.rate[id]), alea::text(program_.phase[id]));
        if (!error_.empty()) return;
      }
  }

  // A node of a table: there, of the type, and readable at the end of `phase`.
  void check_entry(NodeId id, Phase phase, const Type& type, std::string_view what, std::string_view owner) {
    if (!id) return;
    if (!can_read(phase, program_.phase[id]))
      fail("the {} of `{}` is {} of {}, which {} cannot read", what, owner, name(id), alea::text(program_.phase[id]),
           alea::text(phase));
    if (!same_kind(graph_.type(id), type))
      fail("the {} of `{}` is {} of type {}, not {}", what, owner, name(id), to_string(graph_.type(id)), to_string(type));
  }

  void check_tables() {
    const Type scalar{};
    check_entry(program_.objective_init, Phase::init, scalar, "objective", "init");
    check_entry(program_.objective_step, Phase::step, scalar, "objective", "step");
    check_entry(program_.objective_final, Phase::final, scalar, "objective", "final");
    for (const ProgramParam& param : program_.params)
      if (!is_valid_shape(param.type.shape)) fail("`{}` has no valid shape", param.name);
    for (const ProgramInput& input : program_.inputs)
      if (!is_valid_shape(input.type.shape)) fail("`{}` has no valid shape", input.name);
    for (const ProgramState& state : program_.states) {
      if (!state.init || !state.next) return fail("the state `{}` lacks its first or its next value", state.name);
      check_entry(state.init, Phase::init, state.type, "first value", state.name);
      check_entry(state.next, Phase::step, state.type, "next value", state.name);
    }
    if (program_.alive && program_.states[program_.alive].type != Type{Scalar::boolean, 0, {}}) fail("`alive` is no boolean");
    // A state varies with the sample as soon as a value that it takes does.
    const PhaseOrder order = order_phases(program_, true);
    for (const Phase phase : {Phase::step, Phase::final})
      for (const NodeId id : order.nodes[static_cast<size_t>(phase)]) {
        if (graph_.op(id) != Op::state && graph_.op(id) != Op::final_state) continue;
        const ProgramState& state = program_.states[StateId{graph_[id].payload}];
        if (((program_.rate[state.init] | program_.rate[state.next]) & rate_sample & ~program_.rate[id]) != 0)
          fail("the state `{}` varies with the sample, the rate of {} does not", state.name, name(id));
      }
  }

  void check_backward() {
    for (const ProgramParam& param : program_.params)
      check_entry(param.gradient, Phase::finish, param.type, "gradient", param.name);
    for (const ProgramAdvantage& advantage : program_.advantages) {
      const Type scalar{};
      const auto scalar_or = [&](NodeId id) { return id && graph_.shape(id).empty() ? scalar : advantage.type; };
      if (advantage.phase != Phase::init && advantage.phase != Phase::step)
        fail("the draw `{}` is in no forward phase", advantage.name);
      check_entry(advantage.own, advantage.phase, advantage.type, "own cost", advantage.name);
      check_entry(advantage.later, Phase::step, scalar_or(advantage.later), "later cost", advantage.name);
      check_entry(advantage.later_final, Phase::final, scalar_or(advantage.later_final), "final cost", advantage.name);
      check_entry(advantage.value_baseline, advantage.phase, scalar_or(advantage.value_baseline), "baseline", advantage.name);
    }
    for (const AdjointCarry& carry : program_.carries) {
      const std::string& state = program_.states[carry.state].name;
      if (!carry.final_value || !carry.step_value) return fail("the adjoint of `{}` lacks a value", state);
      if (carry.type.shape != program_.states[carry.state].type.shape) fail("the adjoint of `{}` has another shape", state);
      check_entry(carry.final_value, Phase::final_backward, carry.type, "last adjoint", state);
      check_entry(carry.step_value, Phase::step_backward, carry.type, "adjoint", state);
    }
    for (const Accumulator& accumulator : program_.accumulators) check_accumulator(accumulator);
    const PhaseOrder order = order_phases(program_);
    for (const Phase phase : {Phase::init_backward, Phase::finish})
      for (const NodeId id : order.nodes[static_cast<size_t>(phase)]) {
        if (graph_.op(id) != Op::accumulated) continue;
        const Accumulator& accumulator = program_.accumulators[AccumulatorId{graph_[id].payload}];
        const Phase expected = program_.rate[accumulator.target] == rate_none ? Phase::finish : Phase::init_backward;
        if (phase != expected)
          fail("{} is in {}, its target's rate asks for {}", name(id), alea::text(phase), alea::text(expected));
      }
  }

  void check_accumulator(const Accumulator& accumulator) {
    const std::string target = name(accumulator.target);
    const Shape& shape = accumulator.type.shape;
    if ((program_.rate[accumulator.target] & rate_time) != 0) fail("the target {} of an accumulator varies with time", target);
    if (shape != graph_.shape(accumulator.target)) fail("the accumulator of {} has another shape", target);
    for (const Contribution& contribution : accumulator.contributions) {
      if (contribution.phase != Phase::final_backward && contribution.phase != Phase::step_backward &&
          contribution.phase != Phase::init_backward)
        return fail("a contribution to {} is in {}", target, alea::text(contribution.phase));
      if (!contribution.value) return fail("a contribution to {} has no value", target);
      Type type = accumulator.type;
      if (contribution.index) {
        if (shape.empty()) return fail("a contribution to the scalar {} has an index", target);
        if (graph_.type(contribution.index).scalar == Scalar::boolean) fail("an index into {} is a boolean", target);
        if (!can_read(contribution.phase, program_.phase[contribution.index]))
          fail("an index into {} is of a phase that cannot be read", target);
        type.shape = graph_.shape(contribution.index);
        type.shape.insert(type.shape.end(), shape.begin() + 1, shape.end());
      }
      check_entry(contribution.value, contribution.phase, type, "contribution", target);
    }
  }

  const Program& program_;
  const Graph& graph_;
  std::string error_;
  bool printable_ = false;
};

}  // namespace

std::string program_error(const Program& program) { return Verifier(program).run(); }

void verify_program(const Program& program) {
  if (const std::string error = program_error(program); !error.empty())
    internal_error("a wrong program: " + error, print(program));
}

}  // namespace alea
