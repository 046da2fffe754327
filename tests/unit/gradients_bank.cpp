// The bank of gradients whose truth is known: each file of tests/gradients is a model with its cases in
// comments. In a line
//   # case [--model M] [--set c=v] [--estimator node=name] [param=value …] | name=truth … | node=estimator …
// `objective` and each param named must lie within 4 standard errors of the truth, the errors under 1 % of
// its scale, and the estimators must be those. `biased` instead of `case`: the value is what the biased
// estimator converges to, and the plan must say that it is biased. `variance`: the numbers are variances of one sample's
// gradient, one number for all elements or one each, and are met within 2 %. `samples` holds for the cases below it.
#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "compiler/pipeline.h"
#include "runtime/adapt.h"
#include "runtime/driver.h"
#include "runtime/params.h"
#include "runtime/standard_files.h"

using namespace alea;

namespace {

struct Case {
  int line = 0;
  bool biased = false, variance = false;
  int64_t samples = 1'000'000;
  PipelineOptions options;
  std::vector<std::string> params;
  std::map<std::string, std::vector<double>> truths;
  std::map<std::string, std::string> estimators;
};

std::pair<std::string, std::string> split_at(const std::string& text, char separator) {
  size_t at = text.find(separator);
  REQUIRE(at != std::string::npos);
  return {text.substr(0, at), text.substr(at + 1)};
}

std::vector<double> numbers(const std::string& text) {
  std::vector<double> result;
  std::istringstream in(text);
  for (std::string one; std::getline(in, one, ',');) result.push_back(std::stod(one));
  return result;
}

std::vector<Case> read_cases(const std::string& text) {
  std::vector<Case> cases;
  int64_t samples = 1'000'000;
  std::istringstream in(text);
  int line = 0;
  for (std::string row; std::getline(in, row);) {
    ++line;
    std::istringstream words(row);
    std::string hash, verb;
    if (!(words >> hash >> verb) || hash != "#") continue;
    if (verb == "samples") words >> samples;
    if (verb != "case" && verb != "biased" && verb != "variance") continue;
    Case one;
    one.line = line;
    one.biased = verb == "biased";
    one.variance = verb == "variance";
    one.samples = samples;
    int part = 0;
    for (std::string word; words >> word;) {
      if (word == "|") {
        ++part;
      } else if (part == 0 && word.starts_with("--")) {
        std::string value;
        REQUIRE(words >> value);
        if (word == "--model") one.options.check.model = value;
        else if (word == "--set") one.options.check.constants.insert(split_at(value, '='));
        else if (word == "--estimator") one.options.choose.estimators.push_back(split_at(value, '='));
        else FAIL("no such option: " << word);
      } else if (part == 0) {
        auto [name, value] = split_at(word, '=');
        one.params.push_back(value.find(',') == std::string::npos ? word : name + "=[" + value + "]");
      } else {
        auto [name, value] = split_at(word, '=');
        if (part == 1) one.truths[name] = numbers(value);
        else one.estimators[name] = value;
      }
    }
    cases.push_back(std::move(one));
  }
  return cases;
}

std::string read(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

void check_estimate(const std::string& what, double mean, double error, double truth, double scale) {
  INFO(fmt::format("{}: {} ± {}, truth {} (z = {:.2f})", what, mean, error, truth, (mean - truth) / error));
  CHECK(std::isfinite(mean));
  // Rounding of the sum bounds how exact an exact estimate can be.
  double rounding = 1e-9 * std::max(1.0, std::fabs(truth));
  CHECK(std::fabs(mean - truth) <= 4 * error + rounding);
  CHECK(error <= 0.01 * scale);
}

// The standard error is √(variance / samples).
void check_variance(const ParamEstimate& gradient, const std::vector<double>& truth, int64_t samples) {
  REQUIRE((truth.size() == 1 || truth.size() == gradient.mean.size()));
  for (size_t k = 0; k < gradient.mean.size(); ++k) {
    const double expected = truth[truth.size() == 1 ? 0 : k];
    const double measured = gradient.standard_error[k] * gradient.standard_error[k] * static_cast<double>(samples);
    INFO(fmt::format("variance [{}]: {} for {}", k, measured, expected));
    // Where there is no noise at all, rounding is left.
    CHECK(std::fabs(measured - expected) <= 0.02 * expected + 1e-24);
  }
}

void run_case(const std::string& name, const std::string& text, const Case& one) {
  INFO(fmt::format("{}:{}", name, one.line));
  SourceMap sources;
  Diagnostics diagnostics;
  SourceId main = sources.add(name, text);
  auto files = parse_files(sources, main, file_loader(), diagnostics);
  auto compiled = compile(sources, *files, one.options, diagnostics);
  for (const Diagnostic& diagnostic : diagnostics.sorted()) INFO(render(diagnostic, sources, false));
  REQUIRE(compiled);
  for (const auto& [draw, estimator] : one.estimators) {
    auto found = std::find_if(compiled->explanation.nodes.begin(), compiled->explanation.nodes.end(),
                              [&](const ExplainedNode& node) { return node.name == draw; });
    // Of two draws of one name (a law that a param was pushed into), the last is the one in use.
    for (auto at = found; at != compiled->explanation.nodes.end(); ++at)
      if (at->name == draw) found = at;
    REQUIRE(found != compiled->explanation.nodes.end());
    INFO(draw);
    CHECK(found->estimator == estimator);
    if (estimator != "none") CHECK(found->unbiased == !one.biased);
  }
  const auto& table = compiled->graph.params;
  ParamArrays params = zero_params(table);
  const Program& initial = compiled->initial_params;
  ParamArrays drawn = interpret_names(initial, {}, philox_noise<double>(initial, 0));
  for (size_t k = 0; k < initial.names.size(); ++k)
    for (uint32_t p = 0; p < table.size(); ++p)
      if (table[ParamId{p}].name == initial.names[k].name) params[p] = drawn[k];
  for (const std::string& setting : one.params) set_param(table, setting, params);
  CompiledKernel kernel(compiled->program, {});
  Driver driver(compiled->program, &kernel);
  RunOptions run;
  run.samples = one.samples;
  run.seed = 20'26;
  adapt(driver, compiled->program, params);
  Estimate estimate = driver.run(params, run);
  for (const auto& [what, truth] : one.truths) {
    double scale = 0;
    for (double value : truth) scale = std::max(scale, std::fabs(value));
    if (scale == 0) scale = 1;
    if (what == "objective") {
      check_estimate(what, estimate.mean, estimate.standard_error, truth[0], scale);
      continue;
    }
    bool found = false;
    for (uint32_t p = 0; p < table.size(); ++p) {
      if (table[ParamId{p}].name != what) continue;
      found = true;
      const ParamEstimate& gradient = estimate.gradient[p];
      if (one.variance) {
        check_variance(gradient, truth, one.samples);
        continue;
      }
      REQUIRE(gradient.mean.size() == truth.size());
      for (size_t k = 0; k < truth.size(); ++k)
        check_estimate(fmt::format("d/d{}[{}]", what, k), gradient.mean[k], gradient.standard_error[k], truth[k], scale);
    }
    CHECK(found);
  }
}

}  // namespace

TEST_CASE("gradients whose truth is known") {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(ALEA_SOURCE_DIR) + "/tests/gradients"))
    if (entry.path().extension() == ".alea") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  REQUIRE(files.size() >= 45);
  const char* only = std::getenv("ALEA_ONLY");
  for (const auto& path : files) {
    if (only && path.filename().string().find(only) == std::string::npos) continue;
    std::string text = read(path);
    std::vector<Case> cases = read_cases(text);
    CHECK(!cases.empty());
    for (const Case& one : cases) DYNAMIC_SECTION(path.filename().string() << ":" << one.line) {
        run_case(path.filename().string(), text, one);
      }
  }
}
