// Printed gradient programs in place of models: they run to the same bits, and no text that is nearly one does harm.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <random>
#include <sstream>

#include "compiler/kernel/read_program.h"
#include "compiler/pipeline.h"
#include "runtime/driver.h"
#include "runtime/errors.h"
#include "runtime/params.h"
#include "runtime/standard_files.h"
#include "tests/unit/tool_support.h"

using namespace alea;
using Catch::Matchers::Contains;
using Json = nlohmann::json;
namespace fs = std::filesystem;
using test::command, test::json_of, test::root;

namespace {

std::string printed(const std::string& model, const std::string& policy = {}) {
  const auto result = command("compile " + model + " --emit estimator" + (policy.empty() ? "" : " --policy " + policy));
  INFO(result.error);
  REQUIRE(result.status == 0);
  return result.out;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// A line goes, comes twice, changes places with another, or has a word taken from elsewhere.
std::string damaged(std::vector<std::string> lines, std::mt19937& random) {
  const auto any = [&] { return random() % lines.size(); };
  const auto word = [&](const std::string& line, size_t& begin) {
    begin = line.find_first_not_of(" ,:=[]", line.empty() ? 0 : random() % line.size());
    if (begin == std::string::npos) return std::string{};
    return line.substr(begin, std::min(line.find_first_of(" ,:=[]", begin), line.size()) - begin);
  };
  for (int changes = 1 + static_cast<int>(random() % 3); changes > 0; --changes) {
    const size_t at = any();
    switch (random() % 4) {
      case 0: lines.erase(lines.begin() + static_cast<int64_t>(at)); break;
      case 1: lines.insert(lines.begin() + static_cast<int64_t>(any()), lines[at]); break;
      case 2: std::swap(lines[at], lines[any()]); break;
      default: {
        size_t from = 0, to = 0;
        const std::string taken = word(lines[any()], from), replaced = word(lines[at], to);
        if (to != std::string::npos) lines[at].replace(to, replaced.size(), taken);
      }
    }
    if (lines.empty()) lines.push_back("");
  }
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

}  // namespace

TEST_CASE("a printed program runs to the bits of its model") {
  for (const auto& [model, policy] : std::vector<std::pair<std::string, std::string>>{
           {"std:cart_pole", ""}, {"std:pendulum", "neural"}, {"std:tabular", ""}, {"std:memory", ""}, {"std:cliff", ""}}) {
    INFO(model);
    const fs::path file = fs::temp_directory_path() / "alea-printed.aleair";
    test::write_text(file, printed(model, policy));
    const std::string options = " --samples 300 --seed 5", choice = policy.empty() ? "" : " --policy " + policy;
    for (const char* backend : {"", " --backend interp", " --precision f32"}) {
      Json of_model = json_of("grad " + model + choice + options + backend),
           of_program = json_of("grad " + file.string() + options + backend);
      for (const char* key : {"model", "policy", "objective", "gradient", "samples", "precision"})
        CHECK(of_model.at(key) == of_program.at(key));
      CHECK(!of_program.at("gradient").empty());
    }
    // It prints as it was read, but for the lines of the model.
    const std::string again = printed(file.string());
    test::write_text(file, again);
    CHECK(printed(file.string()) == again);
    CHECK(command("check " + file.string()).status == 0);
    CHECK(json_of("run " + file.string() + options).at("objective").at("mean") ==
          json_of("grad " + file.string() + options).at("objective").at("mean"));
    CHECK(command("compile " + file.string() + " --emit llvm").out.find("define") != std::string::npos);
    fs::remove(file);
  }
}

TEST_CASE("a program is read from standard input, and takes params but no choices") {
  const std::string text = printed("std:tabular");
  CHECK(json_of("grad - --samples 640", text).at("samples") == 640);
  CHECK(command("grad - --policy random", text).status == 2);
  CHECK(command("explain -", text).status == 2);
  CHECK(command("verify -", text).status == 2);
  CHECK(command("compile - --emit graph", text).status == 2);
  CHECK_THAT(command("compile - --emit ast", text).error, Contains("needs a model"));
}

TEST_CASE("a wrong program has a diagnostic with its line") {
  const std::string text = printed("std:cart_pole");
  const auto wrong = [&](const std::string& from, const std::string& to, const std::string& message) {
    std::string changed = text;
    const size_t at = changed.find(from);
    REQUIRE(at != std::string::npos);
    changed.replace(at, from.size(), to);
    const auto line = 1 + std::count(changed.begin(), changed.begin() + static_cast<int64_t>(at), '\n');
    const auto result = command("grad - --json", changed);
    INFO(result.out << result.error);
    CHECK(result.status == 1);
    const Json error = Json::parse(result.out).at("errors").at(0);
    CHECK(error.at("code") == "wrong_program_text");
    CHECK(error.at("line") == line);
    CHECK_THAT(error.at("message").get<std::string>(), Contains(message));
  };
  wrong("= param w : real[4]", "= param w : int[4]", "has type");
  wrong(" = param w", " = param v", "names no param");
  wrong("horizon 200", "horizon -1", "expected an integer");
  wrong("next ", "nxet ", "has no place here");
  const fs::path file = fs::temp_directory_path() / "alea-wrong.aleair";
  test::write_text(file, "graph g { cost 1 }\n");
  CHECK_THAT(command("check " + file.string()).error, Contains("alea-wrong.aleair:1:1: error: expected `estimator`"));
  fs::remove(file);
}

TEST_CASE("programs with damaged lines are refused or run, and never harm") {
  int accepted = 0, refused = 0;
  for (const char* name : {"cart_pole", "pendulum"}) {
    SourceMap sources;
    Diagnostics diagnostics;
    LoadedFile loaded = load_model_file(fmt::format("std:{}", name));
    const SourceId main = sources.add(std::move(loaded.name), std::move(loaded.text));
    const auto files = parse_files(sources, main, file_loader(), diagnostics);
    PipelineOptions pipeline;
    if (std::string_view(name) == "pendulum") pipeline.check.policy = "linear";
    const auto compiled = compile(sources, *files, pipeline, diagnostics);
    REQUIRE(compiled);
    const std::vector<std::string> lines = lines_of(print_program_file(compiled->program, compiled->initial_params));
    std::mt19937 random(20);
    for (int round = 0; round < 600; ++round) {
      const std::string text = damaged(lines, random);
      SourceMap map;
      Diagnostics reported;
      const auto file = read_program_file(map, map.add("x.aleair", text), reported);
      INFO(text);
      REQUIRE(file.has_value() != reported.has_errors());
      if (!file) {
        ++refused;
        CHECK(reported.sorted().at(0).span);
        continue;
      }
      ++accepted;
      // Long episodes are only long.
      Program program = file->program;
      program.horizon = std::min<int64_t>(program.horizon, 5);
      ParamArrays params;
      for (const ProgramParam& param : program.params)
        params.emplace_back(static_cast<size_t>(element_count(param.type.shape)), 0.25);
      DriverOptions options;
      options.threads = 1;
      RunOptions run;
      run.samples = 64;
      const Estimate interpreted = Driver(program, nullptr, options).run(params, run);
      CHECK(interpreted.samples == 64);
      if (round % 8 != 0) continue;  // native code takes its time
      const CompiledKernel kernel(program, {});
      const Estimate native = Driver(program, &kernel, options).run(params, run);
      if (std::isfinite(interpreted.mean)) CHECK(native.mean == Approx(interpreted.mean).epsilon(1e-9));
    }
  }
  CHECK(accepted > 50);
  CHECK(refused > 50);
}

TEST_CASE("each estimator's page says what is credited, and runs to the bits of its model") {
  const std::string model =
      "graph bits {\n  param l: real[2] = [0.3, -0.5]\n  b ~ bernoulli(logits = l)\n  cost (2 * b[0] + b[1] - 1.2)^2\n}\n";
  const std::string law = " of bernoulli(logits = l); downstream: cost";
  for (const auto& [estimator, says] : std::vector<std::pair<std::string, std::string>>{
           {"score", "score: (Q - baseline) * grad log density" + law + "; baseline: mean of Q over the group's others"},
           {"score(baseline = none)", "score: (Q - baseline) * grad log density" + law + "; baseline: none"},
           {"score(baseline = running)", "score: (Q - baseline) * grad log density" + law + "; baseline: its running mean"},
           {"measure_valued", "constant * (Q at plus - Q at minus) * grad p" + law},
           {"disarm", "1/2 (Q - Q at twin) (b - twin) sigmoid(|logits|) * grad logits" + law},
           {"rebar", "(Q - weight * Q at the relaxed sample given b) * grad log density" + law},
           {"gumbel(tau = 0.7)", "noise.uniform b.relaxed"},
           {"straight_through", "detach"},
           {"enumerate", "exp"}}) {
    INFO(estimator);
    const std::string choice = " --estimator 'b=" + estimator + "'";
    const auto page = command("compile - --emit estimator" + choice, model);
    REQUIRE(page.status == 0);
    CHECK_THAT(page.out, Contains(says));
    const std::string options = " --samples 640 --seed 4";
    const Json of_model = json_of("grad -" + choice + options, model), of_program = json_of("grad -" + options, page.out);
    CHECK(of_model.at("objective") == of_program.at("objective"));
    CHECK(of_model.at("gradient") == of_program.at("gradient"));
  }
}
