// The estimator IR as a page to read: tables first, then a section a phase, each with what it hands on. All of
// it but the comments reads back (read_program.h).
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "compiler/graph/node_text.h"
#include "compiler/kernel/program_text.h"
#include "compiler/kernel/read_program.h"

namespace alea {

namespace {

std::string_view text(Rate rate) {
  switch (rate) {
    case rate_none: return "@once";
    case rate_sample: return "@sample";
    case rate_time: return "@time";
    case rate_sample_time: return "@sample_time";
  }
  return {};
}

class Writer {
 public:
  Writer(const Program& program, const SourceMap* map)
      : program_(program), graph_(program.graph), map_(map), nodes_(program.graph), order_(order_phases(program)) {
    for (const ProgramParam& param : program.params) params_.add(param.name);
    for (const ProgramInput& input : program.inputs) inputs_.add(input.name);
    for (const ProgramState& state : program.states) states_.add(state.name);
    for (const ProgramNoise& noise : program.noises) noises_.add(noise.name);
    for (const ProgramAdvantage& advantage : program.advantages) advantages_.add(advantage.name);
    for (const AdjointCarry& carry : program.carries) carries_.add(states_.bare(carry.state.index));
    for (const std::vector<NodeId>& nodes : order_.nodes)
      for (const NodeId id : nodes) needed_.insert(id);
    name_nodes();
  }

  std::string run() {
    write_header();
    write_tables();
    for (const PhaseSection& section : phase_sections) {
      if (section.phase == Phase::final_backward && program_.has_gradient) write_credit();
      write_phase(section);
    }
    write_names();
    return out_.str();
  }

 private:
  std::string ref(NodeId id) const { return nodes_.reference(id); }
  bool is_needed(NodeId id) const { return needed_.contains(id); }

  // Leaves have the names of their table's entries, other nodes those of the model.
  void name_nodes() {
    const auto each = [&](auto action) {
      for (const PhaseSection& section : phase_sections)
        for (const NodeId id : order_.nodes[static_cast<size_t>(section.phase)]) action(id);
    };
    each([&](NodeId id) {
      const uint32_t payload = graph_[id].payload;
      if (graph_.op(id) == Op::param) nodes_.suggest(id, params_.bare(payload));
      if (graph_.op(id) == Op::input) nodes_.suggest(id, inputs_.bare(payload));
      if (graph_.op(id) == Op::state) nodes_.suggest(id, states_.bare(payload));
    });
    for (const NamedNode& named : program_.names)
      if (is_needed(named.node)) nodes_.suggest(named.node, named.name);
    for (const ProgramState& state : program_.states) nodes_.suggest(state.next, state.name + "'");
    each([&](NodeId id) {
      if (!nodes_.is_inline(id)) nodes_.list(id);
    });
  }

  void write_header() {
    out_.title("estimator " + write_name(program_.model), program_.maximise ? "maximise E[objective]" : "minimise E[objective]");
    if (!program_.policy.empty()) out_.row("policy " + write_name(program_.policy));
    if (program_.maximise) out_.row("maximise");
    out_.row(fmt::format("horizon {}", program_.horizon));
    if (program_.alive) out_.row("alive " + states_.reference(program_.alive.index));
    if (program_.has_gradient) out_.row("gradient");
  }

  template <class TableType>
  void write_typed(const std::string& title, const TableType& table) {
    if (table.empty()) return;
    out_.title(title);
    for (const auto& entry : table) out_.row(write_name(entry.name), to_string(entry.type));
  }

  void write_params() {
    std::vector<const ProgramParam*> own, adapted;
    for (const ProgramParam& param : program_.params) (param.role == AdaptedRole::none ? own : adapted).push_back(&param);
    if (!own.empty()) out_.title("params");
    for (const ProgramParam* param : own) out_.row(write_name(param->name), to_string(param->type));
    if (!adapted.empty()) out_.title("adapted", "set by a pilot run on noise of its own; their first values");
    for (const ProgramParam* param : adapted)
      out_.row(fmt::format("{} {} {}", text(param->role), param->initial, write_name(param->name)), to_string(param->type));
  }

  void write_tables() {
    write_params();
    write_typed("inputs", program_.inputs);
    write_typed("states", program_.states);
    if (program_.noises.empty()) return;
    out_.title("noise", "each a function of the seed, its name, the sample, the step and the element");
    for (const ProgramNoise& noise : program_.noises) out_.row(write_name(noise.name));
  }

  std::string entry_of(NodeId id) const {
    const uint32_t payload = graph_[id].payload;
    switch (graph_.op(id)) {
      case Op::param: return params_.reference(payload);
      case Op::input: return inputs_.reference(payload);
      case Op::state:
      case Op::final_state: return states_.reference(payload);
      case Op::adjoint: return carries_.reference(payload);
      case Op::advantage: return advantages_.reference(payload);
      case Op::accumulated:
      case Op::draw: return std::to_string(payload);
      default: return kind(graph_.op(id)) == OpKind::random ? noises_.reference(payload) : std::string{};
    }
  }

  std::string comment_of(NodeId id, Phase phase) const {
    std::vector<std::string> words;
    if (const std::string line = line_of(map_, graph_.span(id)); !line.empty()) words.push_back(line);
    const uint32_t payload = graph_[id].payload;
    switch (graph_.op(id)) {
      case Op::adjoint:
        words.push_back(phase == Phase::init_backward ? "of the first value" : "of the value after the step");
        break;
      case Op::advantage: words.push_back("Q less its baseline, from credit"); break;
      case Op::accumulated:
        if (payload < program_.accumulators.size())
          words.push_back("the sum of what is added to " + ref(program_.accumulators[AccumulatorId{payload}].target));
        break;
      default: break;
    }
    return fmt::format("{}", fmt::join(words, "  "));
  }

  void write_phase(const PhaseSection& section) {
    const std::vector<NodeId>& nodes = order_.nodes[static_cast<size_t>(section.phase)];
    const bool any = std::ranges::any_of(nodes, [&](NodeId id) { return !nodes_.is_inline(id); });
    if (!any && !has_results(section.phase)) return;
    out_.title(std::string(section.title), std::string(section.comment));
    for (const NodeId id : nodes) {
      if (nodes_.is_inline(id)) continue;
      const Rate rate = program_.rate[id];
      const std::string axes = rate == natural_rate(graph_, program_.rate, id, section.phase) ? "" : std::string(text(rate));
      out_.row(fmt::format("{} = {}", ref(id), nodes_.expression(id, entry_of(id))), to_string(graph_.type(id)), axes,
               comment_of(id, section.phase));
    }
    write_results(section.phase);
  }

  bool has_results(Phase phase) const {
    switch (phase) {
      case Phase::uniform: return false;
      case Phase::init: return bool(program_.objective_init) || !program_.states.empty();
      case Phase::step: return bool(program_.objective_step) || !program_.states.empty();
      case Phase::final: return bool(program_.objective_final);
      case Phase::final_backward:
      case Phase::step_backward: return program_.has_gradient && (!program_.carries.empty() || adds_in(phase));
      case Phase::init_backward: return program_.has_gradient && adds_in(phase);
      case Phase::finish:
        return program_.has_gradient &&
               std::ranges::any_of(program_.params, [](const ProgramParam& p) { return bool(p.gradient); });
    }
    return false;
  }

  bool adds_in(Phase phase) const {
    for (const Accumulator& accumulator : program_.accumulators)
      for (const Contribution& contribution : accumulator.contributions)
        if (contribution.phase == phase) return true;
    return false;
  }

  // What a phase hands on.
  void write_results(Phase phase) {
    const auto objective = [&](NodeId id) {
      if (id) out_.row("objective " + ref(id));
    };
    switch (phase) {
      case Phase::uniform: return;
      case Phase::init:
        for (uint32_t i = 0; i < program_.states.size(); ++i)
          out_.row(fmt::format("first {} {}", states_.reference(i), ref(program_.states[StateId{i}].init)));
        return objective(program_.objective_init);
      case Phase::step:
        for (uint32_t i = 0; i < program_.states.size(); ++i)
          out_.row(fmt::format("next {} {}", states_.reference(i), ref(program_.states[StateId{i}].next)));
        return objective(program_.objective_step);
      case Phase::final: return objective(program_.objective_final);
      case Phase::final_backward:
      case Phase::step_backward:
        if (!program_.has_gradient) return;
        for (uint32_t i = 0; i < program_.carries.size(); ++i) {
          const AdjointCarry& carry = program_.carries[AdjointCarryId{i}];
          const bool last = phase == Phase::final_backward;
          out_.row(fmt::format("carry {} {}", carries_.reference(i), ref(last ? carry.final_value : carry.step_value)), "", "",
                   last ? "adjoint of the state after the last step" : "adjoint of the state before this step");
        }
        return write_additions(phase);
      case Phase::init_backward:
        if (program_.has_gradient) write_additions(phase);
        return;
      case Phase::finish:
        if (!program_.has_gradient) return;
        for (uint32_t i = 0; i < program_.params.size(); ++i)
          if (const NodeId gradient = program_.params[ParamId{i}].gradient)
            out_.row(fmt::format("gradient {} {}", params_.reference(i), ref(gradient)), "", "", "summed over the samples");
    }
  }

  void write_additions(Phase phase) {
    for (uint32_t i = 0; i < program_.accumulators.size(); ++i) {
      const Accumulator& accumulator = program_.accumulators[AccumulatorId{i}];
      for (const Contribution& contribution : accumulator.contributions) {
        if (contribution.phase != phase) continue;
        const std::string place = contribution.index ? fmt::format("[{}]", ref(contribution.index)) : "";
        out_.row(fmt::format("add {}{} += {}", i, place, ref(contribution.value)), "", "",
                 "adjoint of " + ref(accumulator.target) + place);
      }
    }
  }

  void write_credit() {
    if (!program_.advantages.empty()) {
      out_.title("credit", "per step, reversed, over the whole group: Q = own + Σ later, less its baseline");
      for (const ProgramAdvantage& advantage : program_.advantages) {
        std::string line =
            fmt::format("{} in {}", write_name(advantage.name), advantage.phase == Phase::init ? "init" : "forward");
        const auto part = [&](std::string_view word, NodeId id) {
          if (id) line += fmt::format(" {} {}", word, ref(id));
        };
        part("own", advantage.own);
        part("later", advantage.later);
        part("final", advantage.later_final);
        line += advantage.baseline == Baseline::leave_one_out ? " baseline loo" : " baseline none";
        part("value", advantage.value_baseline);
        if (!advantage.note.empty()) line += " note \"" + quoted(advantage.note) + "\"";
        out_.row(line, to_string(advantage.type), "", line_of(map_, span_of(advantage)));
      }
    }
    if (!program_.carries.empty()) {
      out_.title("adjoints", "carried from step to step, backwards");
      for (const AdjointCarry& carry : program_.carries) out_.row(states_.reference(carry.state.index), to_string(carry.type));
    }
    if (!program_.accumulators.empty()) {
      out_.title("sums", "of adjoints, over the axes that the value itself lacks");
      for (uint32_t i = 0; i < program_.accumulators.size(); ++i) {
        const Accumulator& accumulator = program_.accumulators[AccumulatorId{i}];
        out_.row(fmt::format("{} of {}", i, ref(accumulator.target)), to_string(accumulator.type));
      }
    }
  }

  // Of the draw that is credited.
  Span span_of(const ProgramAdvantage& advantage) const {
    for (const NodeId id : needed_)
      if (graph_.op(id) == Op::advantage && &program_.advantages[AdvantageId{graph_[id].payload}] == &advantage)
        return graph_.span(id);
    return {};
  }

  static std::string quoted(const std::string& text) {
    const std::string whole = write_name(text + " ");  // never a plain name
    return whole.substr(1, whole.size() - 3);
  }

  void write_names() {
    const auto is_written = [&](const NamedNode& named) { return is_needed(named.node); };
    if (std::ranges::none_of(program_.names, is_written)) return;
    out_.title("names", "in the model");
    for (const NamedNode& named : program_.names)
      if (is_written(named))
        out_.row(fmt::format("{} {}", write_name(named.name), ref(named.node)), "", "", line_of(map_, named.span));
  }

  const Program& program_;
  const Graph& graph_;
  const SourceMap* map_;
  NodeWriter nodes_;
  PhaseOrder order_;
  std::set<NodeId> needed_;
  NameTable params_, inputs_, states_, noises_, advantages_, carries_;
  AlignedText out_;
};

}  // namespace

std::string print(const Program& program, const SourceMap* map) { return Writer(program, map).run(); }

std::string print_program_file(const Program& program, const Program& initial_params, const SourceMap* map) {
  const std::string text = print(program, map);
  return initial_params.names.empty() ? text : text + "\n# the params' first values\n" + print(initial_params, map);
}

}  // namespace alea
