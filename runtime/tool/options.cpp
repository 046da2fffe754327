// The command line is CLI11's business; which option stands where is said once, here.
#include "runtime/tool/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>

#include "compiler/options.h"
#include "dsl/diagnostic.h"
#include "runtime/errors.h"

namespace alea {

namespace {

constexpr int64_t max_samples = int64_t{1} << 40;
constexpr int max_threads = 1024;
constexpr int64_t max_memory = int64_t{1} << 50;

// The options as text, before they are checked.
struct RawOptions {
  std::vector<std::string> constants;
  std::string samples, seed, threads, memory, precision = "f64", backend = "jit";
};

void add_list(CLI::App& app, const std::string& name, std::vector<std::string>& list, const std::string& help) {
  app.add_option(name, list, help)->expected(1)->allow_extra_args(false)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

void add_output(CLI::App& app, ToolOptions& options) {
  app.add_flag("--json", options.json, "print one JSON object and nothing else");
  app.add_flag("--quiet", options.quiet, "no progress, no warnings");
}

void add_file(CLI::App& app, ToolOptions& options) {
  app.add_option("FILE", options.files, "the model: a path, - for standard input, or std:NAME for a shipped one")
      ->required()
      ->expected(1);
}

void add_model(CLI::App& app, ToolOptions& options, RawOptions& raw) {
  app.add_option("--model", options.check.model, "the graph, mdp or instance, where the file has several");
  app.add_option("--policy", options.check.policy, "the policy of an mdp; also `default` and `random`");
  add_list(app, "--set", raw.constants, "NAME=VALUE: another value for a const");
}

void add_compilation(CLI::App& app, ToolOptions& options) {
  add_list(app, "--estimator", options.estimators, "NODE=NAME: the estimator of a stochastic node, as `by` in the model");
  app.add_option("--dump-dir", options.dump_folder, "write what each stage gives into this folder");
  std::vector<std::string> stages(stage_names.begin(), stage_names.end());
  stages.emplace_back("native");
  app.add_option("--stop-after", options.stop_after, fmt::format("end after this stage: {}", fmt::join(stages, ", ")))
      ->check(CLI::IsMember(stages));
  app.add_flag("--time", options.time_stages, "print the time each stage takes");
}

// What code is generated for.
void add_code(CLI::App& app, ToolOptions& options, RawOptions& raw) {
  app.add_option("--precision", raw.precision, "f64 or f32")->check(CLI::IsMember({"f64", "f32"}));
  app.add_option("--cpu", options.cpu, "the processor to make code for, as LLVM names it: x86-64-v3, znver4 (default: native)");
}

void add_running(CLI::App& app, ToolOptions& options, RawOptions& raw, bool samples = true) {
  add_list(app, "--param", options.params, "NAME=VALUE: the value of a param, a number or a list");
  app.add_option("--params", options.params_file, "FILE.npz: values of params");
  add_list(app, "--data", options.data, "INPUT=FILE: .npy, .npz:KEY or .csv, one row a sample");
  if (samples) app.add_option("--samples", raw.samples, "how many samples");
  app.add_option("--seed", raw.seed, "the seed of the noise (default 0)");
  app.add_option("--threads", raw.threads, "how many threads (default: all)");
  app.add_option("--memory", raw.memory,
                 "bytes of workspace for all threads, as 500M or 2G: steps of a long horizon are computed again to stay within");
  add_code(app, options, raw);
  app.add_option("--backend", raw.backend, "jit or interp")->check(CLI::IsMember({"jit", "interp"}));
}

struct CommandEntry {
  Command command;
  const char* name;
  const char* help;
};
constexpr CommandEntry commands[] = {
    {Command::check, "check", "parse, resolve and type a model; print nothing when all is well"},
    {Command::format, "fmt", "write files in the one canonical layout"},
    {Command::explain, "explain", "the estimator of each stochastic node and why"},
    {Command::compile, "compile", "what a stage of the compiler makes of a model"},
    {Command::run, "run", "the objective with its standard error"},
    {Command::grad, "grad", "the objective and its gradient, each with its standard error"},
    {Command::compare, "compare", "every admissible estimator of every node, side by side: variance, time, agreement"},
    {Command::tune, "tune", "the estimators that a pilot run finds best, as `by` clauses"},
    {Command::verify, "verify", "the gradient against central differences, native code against the interpreter"},
    {Command::bench, "bench", "time per sample and step, forward and gradient"},
    {Command::train, "train", "stochastic gradient steps on the objective"},
    {Command::plot, "plot", "learning curves or trajectories, drawn over each other"},
    {Command::doc, "doc", "a function, distribution, module, model or estimator, with its formula; or all names"},
};

// 1048576, 512K, 64M, 2G: powers of 1024.
int64_t parse_bytes(const std::string& text) {
  constexpr std::string_view units = "KMG";
  const size_t unit = text.empty() ? std::string::npos : units.find(text.back());
  if (unit == std::string::npos) return parse_count("--memory", text, 1, max_memory);
  const int shift = 10 * (static_cast<int>(unit) + 1);
  return parse_count("--memory", text.substr(0, text.size() - 1), 1, max_memory >> shift) << shift;
}

void finish(const RawOptions& raw, ToolOptions& options) {
  for (const std::string& text : raw.constants) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == text.size())
      throw UsageError{fmt::format("--set: `{}` is not of the form name=value", text)};
    options.check.constants[text.substr(0, equals)] = text.substr(equals + 1);
  }
  if (options.command == Command::compare || options.command == Command::tune) options.samples = 100'000;
  if (options.command == Command::verify) options.samples = 0;  // as many as the time allows
  if (!raw.samples.empty()) options.samples = parse_count("--samples", raw.samples, 1, max_samples);
  if (!raw.seed.empty()) options.seed = static_cast<uint64_t>(parse_count("--seed", raw.seed, 0, INT64_MAX));
  if (!raw.threads.empty()) options.threads = static_cast<int>(parse_count("--threads", raw.threads, 1, max_threads));
  if (!raw.memory.empty()) options.memory = parse_bytes(raw.memory);
  if (options.command == Command::train) check_train_settings(options.train);
  options.single_precision = raw.precision == "f32";
  options.interpret = raw.backend == "interp";
}

// A mistyped command is the likeliest mistake: CLI11 would call it an unexpected argument.
void check_command_word(int argc, const char* const* argv) {
  if (argc < 2 || argv[1][0] == '-') return;
  const std::string word = argv[1];
  std::vector<std::string> names;
  for (const CommandEntry& entry : commands) names.emplace_back(entry.name);
  if (std::find(names.begin(), names.end(), word) != names.end()) return;
  const std::string near = nearest(word, names);
  throw UsageError{fmt::format("there is no command `{}`{}", word,
                               near.empty() ? fmt::format("; the commands are `{}`", fmt::join(names, "`, `"))
                                            : fmt::format("; did you mean `{}`?", near))};
}

}  // namespace

int64_t parse_count(const std::string& option, const std::string& text, int64_t low, int64_t high) {
  std::string digits = text;
  std::erase(digits, '_');
  int64_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto whole = std::from_chars(digits.data(), end, value);
  bool fits = !digits.empty() && whole.ec == std::errc{} && whole.ptr == end;
  if (!fits) {
    double real = 0;
    const auto [stop, error] = std::from_chars(digits.data(), end, real);
    constexpr double exact = 9007199254740992.0;  // 2^53
    fits = !digits.empty() && error == std::errc{} && stop == end && std::abs(real) <= exact && std::floor(real) == real;
    if (fits) value = static_cast<int64_t>(real);
  }
  if (!fits) throw UsageError{fmt::format("{}: `{}` is no whole number", option, text)};
  if (value < low || value > high) throw UsageError{fmt::format("{}: {} is not between {} and {}", option, value, low, high)};
  return value;
}

ParsedOptions parse_options(int argc, const char* const* argv) {
  ToolOptions options;
  RawOptions raw;
  CLI::App app{"Alea: stochastic computation graphs, and unbiased gradients of their expected cost, as native code.", "alea"};
  app.set_version_flag("--version", "alea " ALEA_VERSION);
  app.require_subcommand(1);
  app.set_help_all_flag("--help-all", "the options of every command");

  for (const CommandEntry& entry : commands) {
    CLI::App& command = *app.add_subcommand(entry.name, entry.help);
    command.callback([&options, &entry] { options.command = entry.command; });
    add_output(command, options);
    switch (entry.command) {
      case Command::check:
        add_file(command, options);
        add_model(command, options, raw);
        break;
      case Command::format:
        command.add_option("FILE", options.files, "the files; - reads standard input and writes standard output")->required();
        command.add_flag("--check", options.only_check_format, "change nothing; status 1 where a file is not in the layout");
        break;
      case Command::explain:
        add_file(command, options);
        add_model(command, options, raw);
        add_compilation(command, options);
        command.add_option("--why-not", options.why_not, "ESTIMATOR NODE: why the node does not have this estimator")
            ->type_name("ESTIMATOR NODE")
            ->expected(2);
        break;
      case Command::compile:
        add_file(command, options);
        add_model(command, options, raw);
        add_compilation(command, options);
        command.add_option("--emit", options.emit, "what to write")
            ->required()
            ->check(CLI::IsMember({"ast", "graph", "estimator", "llvm", "llvm-raw", "asm", "obj", "dot"}));
        command.add_option("-o,--output", options.output, "where to write it (default: standard output)");
        add_code(command, options, raw);
        command.add_option("--target", options.target,
                           "the machine to make code for: x86_64-linux-gnu, aarch64-linux-gnu (default: this one)");
        break;
      case Command::run:
      case Command::grad:
      case Command::verify:
      case Command::bench:
      case Command::compare:
      case Command::tune:
        add_file(command, options);
        add_model(command, options, raw);
        add_compilation(command, options);
        add_running(command, options, raw);
        if (entry.command == Command::run)
          command.add_option("--trace", options.trace, "FILE.npz or .csv: keep the trajectories");
        if (entry.command == Command::compare)
          command.add_flag("--no-times", options.no_times, "leave out the columns that differ from run to run");
        if (entry.command == Command::tune)
          command.add_flag("--write", options.write, "write the `by` clauses into the model's file");
        break;
      case Command::train:
        add_file(command, options);
        add_model(command, options, raw);
        add_compilation(command, options);
        add_running(command, options, raw, /*samples=*/false);
        add_train_options(command, options.train);
        break;
      case Command::plot:
        command
            .add_option("FILE", options.files,
                        "logs of `alea train --log` (.jsonl) or trajectories of `alea run --trace` (.npz or .csv)")
            ->required();
        add_plot_options(command, options.plot);
        break;
      case Command::doc:
        command.add_option("NAME", options.doc_name, "what is asked about, as mlp or std.nn.mlp (default: all names are listed)");
        break;
    }
  }

  if (argc < 2) return {std::nullopt, app.help()};
  check_command_word(argc, argv);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    const auto chosen = app.get_subcommands();
    return {std::nullopt, chosen.empty() ? app.help() : chosen.front()->help()};
  } catch (const CLI::CallForAllHelp&) {
    return {std::nullopt, app.help("", CLI::AppFormatMode::All)};
  } catch (const CLI::CallForVersion&) {
    return {std::nullopt, "alea " ALEA_VERSION "\n"};
  } catch (const CLI::ParseError& error) { throw UsageError{error.what()}; }
  finish(raw, options);
  return {std::move(options), {}};
}

}  // namespace alea
