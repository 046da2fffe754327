// The benchmarks: each workload as a compiled model file and as the hand-written C++ of tests/bench/hand, in one run. Both
// take turns, in five rounds of many short repetitions; the best repetition of a round counts, because on a shared machine all
// others measure the neighbours, and the median and the spread over the rounds are shown. First both gradients are held to
// each other on the same noise. Beside each result stands the core's rate of fused multiply-adds in that round, by
// which the measured limits of the reference machine are scaled.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <memory>

#include "compiler/kernel/philox.h"
#include "runtime/errors.h"
#include "runtime/memory.h"
#include "runtime/text_table.h"
#include "runtime/threads.h"
#include "runtime/tool/engine.h"
#include "tests/bench/torch.h"
#include "tests/bench/workloads.h"

namespace alea::bench {

namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

constexpr int rounds = 5;
constexpr double reference_fma_rate = 58.6;  // GFLOP/s of the machine that the limits were measured on

struct Settings {
  std::vector<std::string> workloads, precisions = {"f64", "f32"};
  std::vector<int> threads;
  double seconds = 1;  // for one line of the table
  bool json = false, torch = false;
};

// The hand-written version, on the same params, inputs and keys as the model.
class Hand {
 public:
  Hand(const Workload& workload, const Model& model, const Program& program, bool single, int threads, uint64_t seed)
      : kernel_(workload.hand),
        samples_(workload.samples),
        function_(single ? kernel_.in_single : kernel_.in_double),
        pool_(threads) {
    std::vector<double> flat;
    for (const auto& values : model.params) flat.insert(flat.end(), values.begin(), values.end());
    params_.push_back(copy(flat, single));
    for (const InputRows& input : model.inputs) {
      // [element][sample]
      const auto rows = static_cast<size_t>(input.rows), width = input.values.size() / rows;
      std::vector<double> turned(input.values.size());
      for (size_t row = 0; row < rows; ++row)
        for (size_t k = 0; k < width; ++k) turned[k * rows + row] = input.values[row * width + k];
      inputs_.push_back(copy(turned, single));
      input_places_.push_back(inputs_.back().get());
    }
    if (workload.constants)
      for (const Matrix& matrix : workload.constants()) {
        constants_.push_back(copy(matrix.values, single));
        constant_places_.push_back(constants_.back().get());
      }
    for (const ProgramNoise& noise : program.noises) keys_.push_back(noise_key(seed, noise.name));
    // Rounded up to cache lines, and one more between the threads.
    const size_t size = 1 + flat.size() + 16;
    for (int worker = 0; worker < pool_.size(); ++worker) {
      arenas_.push_back(allocate(kernel_.workspace_bytes));
      totals_.emplace_back(size);
      sums_.emplace_back(size);
    }
    result.resize(1 + flat.size());
  }

  // Seconds; the means are in `result`.
  double run() {
    const auto begin = Clock::now();
    for (auto& total : totals_) std::ranges::fill(total, 0.0);
    pool_.run(samples_ / kernel_.block, [&](int worker, int64_t task) {
      const auto own = static_cast<size_t>(worker);
      function_({params_[0].get(), input_places_.data(), constant_places_.data(), keys_.data(),
                 static_cast<uint64_t>(task * kernel_.block), arenas_[own].get(), sums_[own].data()});
      for (size_t k = 0; k < result.size(); ++k) totals_[own][k] += sums_[own][k];
    });
    for (size_t k = 0; k < result.size(); ++k) {
      result[k] = 0;
      for (const auto& total : totals_) result[k] += total[k] / static_cast<double>(samples_);
    }
    return seconds_since(begin);
  }

  std::vector<double> result;  // objective, then gradient

 private:
  static Memory copy(const std::vector<double>& values, bool single) {
    Memory memory = allocate(static_cast<int64_t>(values.size() * (single ? 4 : 8)));
    if (single) std::ranges::transform(values, static_cast<float*>(memory.get()), [](double x) { return static_cast<float>(x); });
    else std::ranges::copy(values, static_cast<double*>(memory.get()));
    return memory;
  }

  const HandKernel& kernel_;
  int64_t samples_;
  HandFunction function_;
  ThreadPool pool_;
  std::vector<Memory> params_, inputs_, constants_, arenas_;
  std::vector<const void*> input_places_, constant_places_;
  std::vector<uint64_t> keys_;
  std::vector<std::vector<double>> totals_, sums_;
};

// The greatest difference of the gradients' elements, over their root mean square.
double difference(const Estimate& estimate, const std::vector<double>& hand) {
  std::vector<double> own{estimate.mean};
  for (const ParamEstimate& param : estimate.gradient) own.insert(own.end(), param.mean.begin(), param.mean.end());
  double squares = 0, worst = 0;
  for (size_t k = 1; k < own.size(); ++k) {
    squares += own[k] * own[k];
    worst = std::max(worst, std::abs(own[k] - hand[k]));
  }
  const double of_value = std::abs(own[0] - hand[0]) / std::abs(own[0]);
  return std::max(of_value, worst / std::sqrt(squares / static_cast<double>(own.size() - 1)));
}

struct Spread {
  double median = 0, low = 0, high = 0;
};
Spread spread(std::array<double, rounds> values) {
  std::ranges::sort(values);
  return {values[rounds / 2], values.front(), values.back()};
}

struct Line {
  std::string workload, precision;
  int threads = 0;
  Spread own, hand, ratio, fma;  // own and hand in ns, fma in GFLOP/s
  Spread torch, torch_ratio;     // ns, and over our own; 0: not measured
  double limit = 0;              // ns; 0: none is known
  double to_limit = 0;           // at the reference machine's rate
  double apart = 0;              // of the two gradients
  double compile = 0;            // seconds
};

// As an expression of the language.
std::string text_of(const Matrix& matrix) {
  std::string text = "[";
  for (uint64_t k = 0; k < matrix.values.size(); ++k) {
    if (k % matrix.columns == 0) text += k == 0 ? "[" : "], [";
    text += fmt::format("{}{:#.17g}", k % matrix.columns == 0 ? "" : ", ", matrix.values[k]);
  }
  return text + "]]";
}

ParamArrays split(const std::vector<double>& flat, const Program& program) {
  ParamArrays params;
  auto at = flat.begin();
  for (const ProgramParam& param : program.params) {
    const auto end = at + element_count(param.type.shape);
    params.emplace_back(at, end);
    at = end;
  }
  if (at != flat.end()) internal_error("a workload has not as many params as its model");
  return params;
}

Line measure(const Workload& workload, bool single, int threads, double seconds, bool with_torch) {
  ToolOptions options;
  options.command = Command::bench;
  options.files = {fmt::format("{}/tests/bench/{}.alea", ALEA_SOURCE_DIR, workload.name)};
  if (workload.constants)
    for (const Matrix& matrix : workload.constants()) options.check.constants[matrix.name] = text_of(matrix);
  options.samples = workload.samples;
  options.threads = threads;
  options.single_precision = single;
  options.quiet = true;
  Session session(options);
  Model model = compile_model(session);
  const Program& program = model.compiled->program;
  model.params = split(workload.params(), program);
  if (workload.inputs) model.inputs = workload.inputs();
  Engine engine(session, model, program, false);
  Hand hand(workload, model, program, single, threads, 0);
  RunOptions run;
  run.samples = workload.samples;

  Line line;
  line.workload = workload.name;
  line.precision = single ? "f32" : "f64";
  line.threads = engine.threads();
  line.compile = model.seconds + engine.seconds();
  Estimate estimate = engine.run(model.params, run);
  hand.run();
  line.apart = difference(estimate, hand.result);
  const auto steps = static_cast<double>(workload.samples * workload.steps);

  std::unique_ptr<TorchProcess> torch;
  if (with_torch && torch_has(workload.name)) torch = std::make_unique<TorchProcess>(workload.name, single, engine.threads());
  if (torch && !torch->ready()) throw MachineError{"PyTorch cannot be run, or its objective differs"};
  std::array<double, rounds> own{}, by_hand{}, ratio{}, fma{}, by_torch{}, torch_ratio{};
  for (int round = 0; round < rounds; ++round) {
    double best_own = 1e9, best_hand = 1e9, best_torch = 1e9;
    for (int k = 0; torch && k < 3; ++k) best_torch = std::min(best_torch, torch->run());
    const auto begin = Clock::now();
    do {
      // Some of a kind after one another, as training has them: workers that have just been at work need no waking.
      for (int k = 0; k < 3; ++k) {
        estimate = engine.run(model.params, run, std::move(estimate));
        best_own = std::min(best_own, estimate.seconds);
      }
      for (int k = 0; k < 3; ++k) best_hand = std::min(best_hand, hand.run());
      for (int k = 0; k < 4; ++k) fma[static_cast<size_t>(round)] = std::max(fma[static_cast<size_t>(round)], fma_rate());
    } while (seconds_since(begin) < seconds / rounds);
    const auto at = static_cast<size_t>(round);
    own[at] = 1e9 * best_own / steps;
    by_hand[at] = 1e9 * best_hand / steps;
    ratio[at] = best_own / best_hand;
    by_torch[at] = 1e9 * best_torch / steps;
    torch_ratio[at] = best_torch / best_own;
  }
  if (torch) {
    line.torch = spread(by_torch);
    line.torch_ratio = spread(torch_ratio);
  }
  line.own = spread(own);
  line.hand = spread(by_hand);
  line.ratio = spread(ratio);
  line.fma = spread(fma);
  line.limit = single ? workload.limit_single : workload.limit_double;
  if (line.limit > 0) line.to_limit = line.own.median * line.threads / line.limit * line.fma.median / reference_fma_rate;
  return line;
}

void print_table(const std::vector<Line>& lines) {
  TextTable table({Align::left, Align::left, Align::right, Align::right, Align::right, Align::right, Align::right, Align::right,
                   Align::right, Align::right, Align::right, Align::right, Align::right});
  table.add({"workload", "precision", "threads", "Alea ns", "hand ns", "ratio", "spread", "of the limit", "FMA GFLOP/s",
             "compile ms", "gradients apart", "PyTorch ns", "over ours"});
  for (const Line& line : lines)
    table.add({line.workload, line.precision, fmt::format("{}", line.threads), fmt::format("{:.3g}", line.own.median),
               fmt::format("{:.3g}", line.hand.median), fmt::format("{:.3f}", line.ratio.median),
               fmt::format("{:.3f}-{:.3f}", line.ratio.low, line.ratio.high),
               line.limit > 0 ? fmt::format("{:.2f}", line.to_limit) : "", fmt::format("{:.1f}", line.fma.median),
               fmt::format("{:.0f}", 1e3 * line.compile), fmt::format("{:.1e}", line.apart),
               line.torch.median > 0 ? fmt::format("{:.3g}", line.torch.median) : "",
               line.torch.median > 0 ? fmt::format("{:.3g}", line.torch_ratio.median) : ""});
  print_out(table.print(false));
}

void print_lines_json(const std::vector<Line>& lines) {
  Json list = Json::array();
  const auto json = [](const Spread& of) { return Json{{"median", of.median}, {"low", of.low}, {"high", of.high}}; };
  for (const Line& line : lines)
    list.push_back({{"workload", line.workload},
                    {"precision", line.precision},
                    {"threads", line.threads},
                    {"nanoseconds", {{"alea", json(line.own)}, {"hand", json(line.hand)}}},
                    {"ratio", json(line.ratio)},
                    {"limit_nanoseconds", line.limit > 0 ? Json(line.limit) : Json(nullptr)},
                    {"ratio_to_limit", line.limit > 0 ? Json(line.to_limit) : Json(nullptr)},
                    {"fma_gflops", json(line.fma)},
                    {"compile_seconds", line.compile},
                    {"gradients_apart", line.apart},
                    {"pytorch_nanoseconds", line.torch.median > 0 ? json(line.torch) : Json(nullptr)},
                    {"pytorch_ratio", line.torch.median > 0 ? json(line.torch_ratio) : Json(nullptr)}});
  print_json(Json{{"lines", list}});
}

int run(const Settings& settings) {
  std::vector<Line> lines;
  bool agree = true;
  for (const Workload& workload : workloads()) {
    if (!settings.workloads.empty() && std::ranges::find(settings.workloads, workload.name) == settings.workloads.end()) continue;
    for (const std::string& precision : settings.precisions)
      for (int threads : settings.threads) {
        lines.push_back(measure(workload, precision == "f32", threads, settings.seconds, settings.torch));
        const Line& line = lines.back();
        if (line.apart < (precision == "f32" ? workload.apart_single : 1e-9)) continue;
        print_note(fmt::format("{} {}: the compiled and the hand-written gradient differ by {:.2e}", line.workload,
                               line.precision, line.apart));
        agree = false;
      }
  }
  if (settings.json) print_lines_json(lines);
  else print_table(lines);
  return agree ? 0 : 1;
}

}  // namespace

}  // namespace alea::bench

int main(int argc, char** argv) {
  alea::bench::Settings settings;
  CLI::App app{"Compiled models against hand-written gradients: time for one sample and step."};
  app.add_option("workloads", settings.workloads, "w1 … w9 (default: all)");
  app.add_option("--precision", settings.precisions, "f64, f32 (default: both)")
      ->allow_extra_args(false)
      ->check(CLI::IsMember({"f64", "f32"}));
  app.add_option("--threads", settings.threads, "numbers of threads; 0: all (default: 1 and all)")->allow_extra_args(false);
  app.add_option("--seconds", settings.seconds, "for each line of the table (default 1)");
  app.add_flag("--torch", settings.torch, "PyTorch's column too, for w1, w2 and w4");
  app.add_flag("--json", settings.json, "one object");
  CLI11_PARSE(app, argc, argv);
  if (settings.threads.empty()) settings.threads = {1, 0};
  setenv("ALEA_CACHE", "off", 1);  // what is measured includes compiling
  try {
    return alea::bench::run(settings);
  } catch (const alea::ModelError& error) {
    for (const alea::Diagnostic& diagnostic : error.diagnostics) fmt::print(stderr, "{}\n", diagnostic.message);
  } catch (const alea::MachineError& error) { fmt::print(stderr, "{}\n", error.message); }
  return 2;
}
