// The stages that the command itself sees, and what is written about them.
#include "runtime/tool/engine.h"

#include <fmt/format.h>

#include <chrono>
#include <filesystem>

#include "compiler/kernel/read_program.h"
#include "runtime/adapt.h"
#include "runtime/data.h"
#include "runtime/errors.h"
#include "runtime/file.h"
#include "runtime/kernel_cache.h"
#include "runtime/params.h"
#include "runtime/text_table.h"

namespace alea {

namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

void note_time(const Session& session, std::string_view stage, double seconds) {
  if (session.options.time_stages) print_note(fmt::format("{:<12} {:9.3f} ms", stage, 1e3 * seconds));
}

void dump(const Session& session, int number, std::string_view stage, const std::string& text) {
  const std::string& folder = session.options.dump_folder;
  if (folder.empty()) return;
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  write_file(fmt::format("{}/{:02}-{}.txt", folder, number, stage), text);
}

void stop_after(const Session& session, std::string_view stage) {
  if (session.options.stop_after == stage) throw Stopped{};
}

// The program that was chosen when it was printed leaves nothing to choose.
Model read_program_model(Session& session, SourceId source) {
  const ToolOptions& options = session.options;
  if (!options.check.model.empty() || !options.check.policy.empty() || !options.check.constants.empty() ||
      !options.estimators.empty())
    throw UsageError{
        fmt::format("{} is a gradient program: --model, --policy, --set and --estimator belong to its model", options.files[0])};
  Diagnostics diagnostics;
  auto file = read_program_file(session.sources, source, diagnostics);
  require_no_errors(session, diagnostics);
  if (!file) internal_error("a program's text gave neither a program nor an error");
  Model model;
  model.compiled = std::make_unique<Compiled>();
  Compiled& compiled = *model.compiled;
  const Program& program = file->program;
  compiled.graph.model = program.model;
  compiled.graph.policy = program.policy;
  compiled.graph.is_mdp = program.horizon > 0;
  compiled.graph.maximise = program.maximise;
  compiled.graph.horizon = program.horizon;
  for (const ProgramParam& param : program.params)
    if (param.role == AdaptedRole::none) compiled.graph.params.add({param.name, param.type, {}});
  for (const ProgramInput& input : program.inputs) compiled.graph.inputs.add({input.name, input.type, {}});
  compiled.forward = program;
  compiled.program = std::move(file->program);
  compiled.initial_params = std::move(file->initial_params);
  return model;
}

}  // namespace

bool is_program_text(const Session& session, SourceId source) {
  const SourceFile& file = session.sources[source];
  return file.name().ends_with(".aleair") || looks_like_program(file.text());
}

std::vector<std::pair<std::string, std::string>> estimator_requests(const Session& session) {
  std::vector<std::pair<std::string, std::string>> requests;
  for (const std::string& text : session.options.estimators) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0)
      throw UsageError{fmt::format("--estimator: `{}` is not of the form node=name", text)};
    requests.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return requests;
}

Model compile_model(Session& session, Wanted wanted) {
  const auto start = Clock::now();
  const SourceId source = load_source(session);
  if (is_program_text(session, source)) {
    Model model = read_program_model(session, source);
    model.seconds = seconds_since(start);
    note_time(session, "read", model.seconds);
    return model;
  }
  const auto files = load_files(session, source);
  require_one_model(session, *files);
  note_time(session, "parse, check", seconds_since(start));

  PipelineOptions options;
  options.check = session.options.check;
  options.choose.estimators = estimator_requests(session);
  options.reasons = session.options.command == Command::explain;
  options.forward_only = wanted == Wanted::forward;
  options.fisher_information = wanted == Wanted::gradient_and_fisher;
  if (!session.options.dump_folder.empty())
    options.dump = [&](int number, const std::string& stage, const std::string& text) { dump(session, number, stage, text); };
  options.time = [&](const std::string& stage, double seconds) {
    note_time(session, stage, seconds);
    stop_after(session, stage);
  };
  Diagnostics diagnostics;
  Model model;
  auto compiled = compile(session.sources, *files, options, diagnostics);
  require_no_errors(session, diagnostics);
  if (!compiled) internal_error("the pipeline gave neither a program nor an error");
  model.files = files;
  model.compiled = std::make_unique<Compiled>(std::move(*compiled));
  model.seconds = seconds_since(start);
  return model;
}

void require_model(const Session& session, const Model& model, std::string_view asked_for) {
  if (model.is_program())
    throw UsageError{fmt::format("{} needs a model; {} is a gradient program, which `run`, `grad`, `bench` and `compile` take",
                                 asked_for, session.options.files[0])};
}

Model prepare_model(Session& session, Wanted wanted) {
  Model model = compile_model(session, wanted);
  const auto& params = model.compiled->graph.params;
  model.params = zero_params(params);
  const Program& initial = model.compiled->initial_params;
  const ParamArrays drawn = interpret_names(initial, {}, philox_noise<double>(initial, session.options.seed));
  for (size_t k = 0; k < initial.names.size(); ++k)
    for (uint32_t index = 0; index < params.size(); ++index)
      if (params[ParamId{index}].name == initial.names[k].name) model.params[index] = drawn[k];
  const std::string& file = session.options.params_file;
  if (!file.empty()) set_params(params, arrays_among(params, read_npz(read_file(file), file)), model.params);
  for (const std::string& text : session.options.params) set_param(params, text, model.params);
  model.inputs = load_inputs(model.compiled->graph.inputs, session.options.data);
  return model;
}

Estimate Engine::run(const ParamArrays& params, const RunOptions& options, Estimate reused) {
  if (options.gradient && program_->has_gradient) adapt(*driver_, *program_, params);
  return driver_->run(params, options, std::move(reused));
}

JitOptions jit_options(const Session& session) {
  JitOptions options;
  options.single_precision = session.options.single_precision;
  options.threads = session.options.threads;
  options.target = named_target(session.options.target, session.options.cpu);
  if (session.options.memory > 0) options.arena_limit = session.options.memory / thread_count(session.options.threads);
  return options;
}

Engine::Engine(const Session& session, const Model& model, const Program& program, bool interpret) : program_(&program) {
  const auto start = Clock::now();
  if (!interpret) {
    JitOptions options = jit_options(session);
    if (const auto missing = missing_here(options.target); !missing.empty())
      throw UsageError{fmt::format("--cpu: this machine cannot run code for `{}`: it lacks {}", session.options.cpu,
                                   fmt::join(missing, ", "))};
    options.cache_folder = default_cache_folder();
    options.keep_text = !session.options.dump_folder.empty();
    kernel_ = std::make_unique<CompiledKernel>(program, options);
    dump(session, 4, "llvm-raw", kernel_->llvm_raw());
    dump(session, 5, "llvm", kernel_->llvm());
    dump(session, 6, "asm", kernel_->assembly());
    if (kernel_->times().from_cache) {
      note_time(session, "from cache", seconds_since(start));
    } else {
      note_time(session, "emit", kernel_->times().emit);
      note_time(session, "optimise", kernel_->times().optimise);
      note_time(session, "generate", kernel_->times().generate);
    }
  }
  stop_after(session, "native");
  DriverOptions options;
  options.threads = session.options.threads;
  options.single_precision = session.options.single_precision;
  options.memory_limit = session.options.memory;
  driver_ = std::make_unique<Driver>(program, kernel_.get(), options);
  if (!model.inputs.empty()) driver_->set_inputs(model.inputs);
  seconds_ = seconds_since(start);
}

Report make_report(const Session& session, const Model& model, const Engine& engine, const Estimate& estimate, bool gradient) {
  const StochasticGraph& graph = model.compiled->graph;
  Report report;
  report.model = graph.model;
  report.policy = graph.policy;
  report.maximise = graph.maximise;
  report.samples = estimate.samples;
  report.seed = session.options.seed;
  report.single_precision = session.options.single_precision;
  report.mean = estimate.mean;
  report.standard_error = estimate.standard_error;
  report.has_gradient = gradient;
  for (uint32_t index = 0; gradient && index < estimate.gradient.size(); ++index) {
    const GraphParam& param = graph.params[ParamId{index}];
    const ParamEstimate& values = estimate.gradient[index];
    report.gradient.push_back({param.name, param.type.shape, values.mean, values.standard_error});
  }
  for (const ExplainedNode& node : model.compiled->explanation.nodes)
    report.estimators.push_back({node.name, node.estimator, node.unbiased, node.bias});
  report.bias = model.compiled->explanation.bias;
  report.compile_seconds = model.seconds + engine.seconds();
  report.run_seconds = estimate.seconds;
  report.threads = engine.threads();
  report.interrupted = estimate.interrupted;
  return report;
}

std::string place_text(const Session& session, Span span) {
  if (!span) return {};
  const LineColumn position = session.sources[span.source].position(span.begin);
  return fmt::format(" at {}:{}:{}", session.sources[span.source].name(), position.line, position.column);
}

std::string place_of(const Session& session, const Program& program, const NonFiniteReport& report) {
  if (!report.value)
    return fmt::format("it begins in the {} of sample {} or one of the next {}", report.in_gradient ? "gradient" : "objective",
                       report.first_sample, group_size - 1);
  const NonFinite& value = *report.value;
  std::string name =
      fmt::format("{} of `{}`", report.in_gradient ? "on the way back a value" : "a value", text(program.graph.op(value.node)));
  for (const NamedNode& named : program.names)
    if (named.node == value.node) name = fmt::format("`{}`", named.name);
  const std::string step = value.time ? fmt::format(", step {}", *value.time) : "";
  return fmt::format("{}{} is {} in sample {}{}", name, place_text(session, program.graph.span(value.node)),
                     number_text(value.value), value.sample, step);
}

}  // namespace alea
