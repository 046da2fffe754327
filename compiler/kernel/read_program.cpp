// The estimator IR from text: sections in any order that defines nodes before their use.
#include "compiler/kernel/read_program.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "compiler/graph/text_reader.h"
#include "compiler/kernel/program_text.h"

namespace alea {

namespace {

class Reader {
 public:
  explicit Reader(TextReader& reader) : reader_(reader), nodes_(reader_, program_.graph) {
    nodes_.tables = {&params_, &inputs_, &states_, &noises_, nullptr, &carries_, &advantages_, &sums_};
  }

  // Up to the end of the text or the next program.
  Program run() {
    if (reader_.at_end()) reader_.fail("there is nothing to read");
    const Span header = reader_.line().span;
    read_header();
    while (!reader_.at_end() && !at_program()) read_section();
    finish_inline_nodes();
    if (!alive_.empty()) program_.alive = StateId{alive_index_};
    if (const std::string error = program_error(program_); !error.empty()) {
      const Span line = line_of_node(error);
      reader_.fail(error, line ? line : header);
    }
    return std::move(program_);
  }

 private:
  // Of the first node that the message names, as %12.
  Span line_of_node(const std::string& message) const {
    const size_t at = message.find('%');
    uint32_t index = 0;
    if (at == std::string::npos) return {};
    const char* const first = message.data() + at + 1;
    const auto [end, error] = std::from_chars(first, message.data() + message.size(), index);
    return error == std::errc{} && index < program_.graph.size() ? program_.graph.span(NodeId{index}) : Span{};
  }

  bool at_program() const { return !reader_.line().indented && reader_.peek().text == "estimator"; }

  void read_header() {
    if (reader_.line().indented) reader_.fail("expected `estimator`");
    reader_.expect("estimator");
    program_.model = reader_.name("the model's name");
    reader_.next_line();
    while (reader_.next_line_is_indented()) {
      if (reader_.take_if("policy")) {
        program_.policy = reader_.name("the policy's name");
      } else if (reader_.take_if("maximise")) {
        program_.maximise = true;
      } else if (reader_.take_if("horizon")) {
        program_.horizon = reader_.integer(0, max_horizon);
      } else if (reader_.take_if("gradient")) {
        program_.has_gradient = true;
      } else if (reader_.take_if("alive")) {
        alive_word_ = reader_.peek();
        alive_ = reader_.take().text;
      } else {
        reader_.fail(fmt::format("`{}` is nothing that an estimator has", reader_.peek().text));
      }
      reader_.next_line();
    }
  }

  void read_section() {
    if (reader_.line().indented) reader_.fail("expected the beginning of a section");
    const Word word = reader_.peek();
    for (const PhaseSection& section : phase_sections)
      if (is_title(section.title)) return read_phase(section.phase);
    reader_.take();
    reader_.next_line();
    if (word.text == "params") return read_typed(program_.params, params_);
    if (word.text == "adapted") return read_adapted();
    if (word.text == "inputs") return read_typed(program_.inputs, inputs_);
    if (word.text == "states") {
      read_typed(program_.states, states_);
      return resolve_alive();
    }
    if (word.text == "noise") return read_noise();
    if (word.text == "credit") return read_lines([this] { read_advantage(); });
    if (word.text == "adjoints") return read_lines([this] { read_carry(); });
    if (word.text == "sums") return read_lines([this] { read_sum(); });
    if (word.text == "names") return read_lines([this] { read_name(); });
    reader_.fail(fmt::format("`{}` is no section", word.text), word.span);
  }

  // The whole line is the title.
  bool is_title(std::string_view title) {
    const std::vector<Word>& words = reader_.line().words;
    std::string line;
    for (size_t i = 0; i + 1 < words.size(); ++i) line += (i == 0 ? "" : " ") + words[i].text;
    if (line != title) return false;
    while (!reader_.at_line_end()) reader_.take();
    reader_.next_line();
    return true;
  }

  template <class Action>
  void read_lines(Action action) {
    while (reader_.next_line_is_indented()) {
      action();
      reader_.next_line();
    }
  }

  template <class TableType>
  void read_typed(TableType& table, EntryTable& names) {
    read_lines([&] {
      typename std::remove_cvref_t<decltype(table.back())> entry;
      entry.name = reader_.name("a name");
      reader_.expect(":");
      entry.type = reader_.type();
      names.add(entry.name);
      table.add(std::move(entry));
    });
  }

  void read_adapted() {
    read_lines([&] {
      ProgramParam param;
      const Word word = reader_.take();
      for (const AdaptedRole role : {AdaptedRole::baseline, AdaptedRole::temperature, AdaptedRole::weight})
        if (word.text == text(role)) param.role = role;
      if (param.role == AdaptedRole::none) reader_.fail(fmt::format("`{}` is no adapted value", word.text), word.span);
      param.initial = reader_.real();
      param.name = reader_.name("a name");
      reader_.expect(":");
      param.type = reader_.type();
      params_.add(param.name);
      program_.params.add(std::move(param));
    });
  }

  void resolve_alive() {
    if (alive_.empty()) return;
    for (uint32_t i = 0; i < program_.states.size(); ++i)
      if (program_.states[StateId{i}].name == alive_ || std::to_string(i) == alive_) {
        alive_index_ = i;
        return;
      }
    reader_.fail(fmt::format("`{}` names no state", alive_), alive_word_.span);
  }

  void read_noise() {
    read_lines([&] {
      const std::string name = reader_.name("a name");
      noises_.add(name);
      program_.noises.add({name});
    });
  }

  void read_phase(Phase phase) {
    read_lines([&] {
      if (nodes_.at_definition()) read_node(phase);
      else read_result(phase);
    });
  }

  // Constants written where they are used are of the uniform phase.
  void finish_inline_nodes() {
    program_.phase.resize(program_.graph.size(), Phase::uniform);
    program_.rate.resize(program_.graph.size(), rate_none);
  }

  void read_node(Phase phase) {
    const NodeId id = nodes_.definition();
    finish_inline_nodes();
    program_.phase[id] = phase;
    program_.rate[id] = natural_rate(program_.graph, program_.rate, id, phase);
    if (!reader_.take_if("@")) return;
    if (reader_.take_if("once")) program_.rate[id] = rate_none;
    else if (reader_.take_if("sample")) program_.rate[id] = rate_sample;
    else if (reader_.take_if("time")) program_.rate[id] = rate_time;
    else if (reader_.take_if("sample_time")) program_.rate[id] = rate_sample_time;
    else reader_.fail("expected `once`, `sample`, `time` or `sample_time`");
  }

  void read_result(Phase phase) {
    const Word word = reader_.take();
    if (word.text == "objective") {
      NodeId& objective = phase == Phase::init   ? program_.objective_init
                          : phase == Phase::step ? program_.objective_step
                                                 : program_.objective_final;
      if (phase != Phase::init && phase != Phase::step && phase != Phase::final)
        reader_.fail("an objective has no place here", word.span);
      objective = nodes_.operand();
    } else if (word.text == "first" && phase == Phase::init) {
      const StateId state{states_.reference(reader_, "state")};
      program_.states[state].init = nodes_.operand();
    } else if (word.text == "next" && phase == Phase::step) {
      const StateId state{states_.reference(reader_, "state")};
      program_.states[state].next = nodes_.operand();
    } else if (word.text == "carry" && (phase == Phase::final_backward || phase == Phase::step_backward)) {
      AdjointCarry& carry = program_.carries[AdjointCarryId{carries_.reference(reader_, "adjoint")}];
      (phase == Phase::final_backward ? carry.final_value : carry.step_value) = nodes_.operand();
    } else if (word.text == "add") {
      Accumulator& accumulator = program_.accumulators[AccumulatorId{sums_.reference(reader_, "sum")}];
      Contribution contribution;
      contribution.phase = phase;
      if (reader_.take_if("[")) {
        contribution.index = nodes_.operand();
        reader_.expect("]");
      }
      reader_.expect("+=");
      contribution.value = nodes_.operand();
      accumulator.contributions.push_back(contribution);
    } else if (word.text == "gradient" && phase == Phase::finish) {
      const ParamId param{params_.reference(reader_, "param")};
      program_.params[param].gradient = nodes_.operand();
    } else {
      reader_.fail(fmt::format("`{}` has no place here", word.text), word.span);
    }
  }

  void read_advantage() {
    ProgramAdvantage advantage;
    advantage.name = reader_.name("the draw's name");
    reader_.expect("in");
    if (reader_.take_if("init")) {
      advantage.phase = Phase::init;
    } else {
      reader_.expect("forward");
      advantage.phase = Phase::step;
    }
    while (!reader_.take_if(":")) {
      if (reader_.take_if("own")) advantage.own = nodes_.operand();
      else if (reader_.take_if("later")) advantage.later = nodes_.operand();
      else if (reader_.take_if("final")) advantage.later_final = nodes_.operand();
      else if (reader_.take_if("value")) advantage.value_baseline = nodes_.operand();
      else if (reader_.take_if("note")) advantage.note = reader_.name("the note");
      else {
        reader_.expect("baseline");
        if (reader_.take_if("none")) {
          advantage.baseline = Baseline::none;
        } else {
          reader_.expect("loo");
          advantage.baseline = Baseline::leave_one_out;
        }
      }
    }
    advantage.type = reader_.type();
    advantages_.add(advantage.name);
    program_.advantages.add(std::move(advantage));
  }

  void read_carry() {
    AdjointCarry carry;
    carry.state = StateId{states_.reference(reader_, "state")};
    reader_.expect(":");
    carry.type = reader_.type();
    carries_.add(program_.states[carry.state].name);
    program_.carries.add(std::move(carry));
  }

  void read_sum() {
    Accumulator accumulator;
    reader_.integer(static_cast<int64_t>(sums_.size()), static_cast<int64_t>(sums_.size()));
    reader_.expect("of");
    accumulator.target = nodes_.operand();
    reader_.expect(":");
    accumulator.type = reader_.type();
    sums_.add(std::to_string(sums_.size()));
    program_.accumulators.add(std::move(accumulator));
  }

  void read_name() {
    NamedNode named;
    named.name = reader_.name("a name");
    named.span = reader_.line().span;
    named.node = nodes_.operand();
    program_.names.push_back(std::move(named));
  }

  static constexpr int64_t max_horizon = int64_t{1} << 31;

  TextReader& reader_;
  Program program_;
  NodeReader nodes_;
  EntryTable params_, inputs_, states_, noises_, advantages_, carries_, sums_;
  std::string alive_;
  Word alive_word_;
  uint32_t alive_index_ = UINT32_MAX;
};

}  // namespace

std::optional<Program> read_program(const SourceMap& map, SourceId source, Diagnostics& diagnostics) {
  try {
    TextReader reader(map, source, diagnostics);
    Program program = Reader(reader).run();
    if (!reader.at_end()) reader.fail("expected the end of the text");
    return program;
  } catch (const WrongText&) { return std::nullopt; }
}

std::optional<ProgramFile> read_program_file(const SourceMap& map, SourceId source, Diagnostics& diagnostics) {
  try {
    TextReader reader(map, source, diagnostics);
    ProgramFile file{Reader(reader).run(), {}};
    if (reader.at_end()) return file;
    const Span second = reader.line().span;
    file.initial_params = Reader(reader).run();
    if (!reader.at_end()) reader.fail("expected the end of the text");
    const Program& initial = file.initial_params;
    if (!initial.params.empty() || !initial.inputs.empty() || !initial.states.empty() || initial.has_gradient ||
        initial.objective_init || initial.objective_step || initial.objective_final)
      reader.fail("the program of the params' first values has names and nothing else", second);
    for (const NamedNode& named : initial.names) {
      const auto param = std::ranges::find_if(file.program.params, [&](const ProgramParam& p) { return p.name == named.name; });
      if (param == file.program.params.end()) reader.fail(fmt::format("there is no param `{}`", named.name), named.span);
      if (const Type& type = initial.graph.type(named.node); type != param->type)
        reader.fail(fmt::format("`{}` is {}, its first value {}", named.name, to_string(param->type), to_string(type)),
                    named.span);
    }
    return file;
  } catch (const WrongText&) { return std::nullopt; }
}

bool looks_like_program(std::string_view text) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    const size_t first = line.find_first_not_of(" \t\r");
    if (first != std::string_view::npos && line[first] != '#') return line.starts_with("estimator ");
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return false;
}

}  // namespace alea
