// What the command line said. In: its words. Out: the command and one struct of its settings, each in range; a UsageError
// or a text to print (--help, --version) otherwise.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dsl/check.h"
#include "runtime/tool/train_options.h"

namespace alea {

enum class Command : uint8_t { check, format, explain, compile, run, grad, verify, bench, compare, tune, train, plot, doc };

struct ToolOptions {
  Command command{};
  std::vector<std::string> files;  // one, but for fmt and plot
  bool json = false, quiet = false;

  // which model, and its constants
  CheckOptions check;
  std::vector<std::string> estimators;  // node=name

  // how it is run
  std::vector<std::string> params, data;  // name=value, input=FILE
  std::string params_file;
  uint64_t seed = 0;
  int64_t samples = 10'000;
  int threads = 0;     // 0: all
  int64_t memory = 0;  // bytes of workspace for all threads; 0: what is usual
  bool single_precision = false, interpret = false;
  std::string cpu, target;  // what code is made for; empty: this machine
  std::string trace;        // run: where the trajectories go

  bool write = false;     // tune: the `by` clauses into the model's file
  bool no_times = false;  // compare: without the columns that differ from run to run

  // fmt
  bool only_check_format = false;

  std::string doc_name;  // doc: empty: all names

  // explain
  std::vector<std::string> why_not;  // an estimator and a node, or nothing

  // compile
  std::string emit, output;

  TrainSettings train;
  PlotSettings plot;

  // to look inside: every command that compiles
  std::string dump_folder, stop_after;
  bool time_stages = false;
};

struct ParsedOptions {
  std::optional<ToolOptions> options;
  std::string text;  // --help, --version: printed instead
};
ParsedOptions parse_options(int argc, const char* const* argv);

// 100000, 1e5 or 100_000: a whole number in the given range, or a UsageError that names the option.
int64_t parse_count(const std::string& option, const std::string& text, int64_t low, int64_t high);

}  // namespace alea
