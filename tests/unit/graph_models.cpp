// The examples' models, from text to graph: every model with every policy elaborates, and its graph and its
// program of initial values read back from their text. Damaged text of a graph gets a diagnostic and no more.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "compiler/graph/elaborate.h"
#include "compiler/graph/read_graph.h"
#include "compiler/kernel/read_program.h"
#include "dsl/check.h"

using namespace alea;

namespace {

const std::filesystem::path root = ALEA_SOURCE_DIR;

std::optional<std::string> contents(const std::filesystem::path& path) {
  std::ifstream file(path);
  if (!file) return std::nullopt;
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::optional<LoadedFile> load(const std::string& importer, const std::string& name, bool is_standard) {
  const std::filesystem::path path = is_standard ? root / "stdlib" / (name.substr(name.find('.') + 1) + ".alea")
                                                 : std::filesystem::path(importer).parent_path() / name;
  if (const std::optional<std::string> text = contents(path)) return LoadedFile{path.string(), *text};
  return std::nullopt;
}

std::string errors(const Diagnostics& diagnostics, const SourceMap& map) {
  std::string text;
  for (const Diagnostic& diagnostic : diagnostics.sorted())
    if (severity(diagnostic.kind) == Severity::error) text += render(diagnostic, map, false);
  return text;
}

// The graph of one model of a file; of an mdp with several policies that of the policy named.
std::optional<Elaborated> elaborated(const std::filesystem::path& path, const std::string& model, const std::string& policy,
                                     std::string& why) {
  SourceMap map;
  Diagnostics diagnostics;
  const SourceId main = map.add(path.string(), contents(path).value());
  const auto files = parse_files(map, main, load, diagnostics);
  std::optional<Elaborated> result;
  if (files && !diagnostics.has_errors()) {
    CheckOptions options;
    options.model = model;
    options.policy = policy;
    if (const auto checked = check_model(map, *files, options, diagnostics)) result = elaborate(*checked, diagnostics);
  }
  why = errors(diagnostics, map);
  return result;
}

struct Chosen {
  const char *example, *model, *policy;
};
const Chosen models[] = {
    {"backpropagation", "", ""},
    {"cart_pole", "", ""},
    {"cliff", "", ""},
    {"gaussian", "score", ""},
    {"lqr", "", ""},
    {"memory", "", ""},
    {"tabular", "", ""},
    {"pendulum", "pendulum", "neural"},
    {"pendulum", "pendulum", "linear"},
};

}  // namespace

TEST_CASE("the examples elaborate, and their text reads back") {
  for (const Chosen& chosen : models) {
    INFO(chosen.example << " " << chosen.policy);
    std::string why;
    const auto result = elaborated(root / "examples" / chosen.example / (std::string(chosen.example) + ".alea"), chosen.model,
                                   chosen.policy, why);
    INFO(why);
    REQUIRE(result);
    SourceMap map;
    Diagnostics diagnostics;
    const std::string graph_text = print(result->graph), program_text = print(result->initial_params);
    const auto graph = read_graph(map, map.add("graph", graph_text), diagnostics);
    const auto program = read_program(map, map.add("program", program_text), diagnostics);
    INFO(errors(diagnostics, map));
    REQUIRE(graph);
    REQUIRE(program);
    CHECK(print(*graph) == graph_text);
    CHECK(print(*program) == program_text);
  }
}

TEST_CASE("damaged texts of a graph never do harm") {
  std::string why;
  const auto result = elaborated(root / "examples/tabular/tabular.alea", "", "", why);
  REQUIRE(result);
  const std::string text = print(result->graph);
  std::mt19937 random(7);
  const std::string alphabet = "%0123456789abs=:,[]#\" -.";
  int accepted = 0;
  for (int round = 0; round < 1000; ++round) {
    std::string damaged = text;
    for (int change = 0; change < 2; ++change) {
      const size_t at = random() % damaged.size();
      if (random() % 2 == 0) damaged[at] = alphabet[random() % alphabet.size()];
      else damaged.erase(at, 1 + random() % 20);
    }
    SourceMap map;
    Diagnostics diagnostics;
    const auto graph = read_graph(map, map.add("graph", damaged), diagnostics);
    CHECK(graph.has_value() != diagnostics.has_errors());
    if (!graph) continue;
    ++accepted;
    const std::string again = print(*graph);
    const auto second = read_graph(map, map.add("again", again), diagnostics);
    INFO(errors(diagnostics, map));
    REQUIRE(second);
    CHECK(print(*second) == again);
  }
  CHECK(accepted > 10);
}
