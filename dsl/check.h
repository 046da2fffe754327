// Syntax trees to typed models: names, types, shapes, specialisation, const evaluation, policies bound to
// actions, instances. Collects as many errors as it can. Bounded: at most max_elements elements in an
// array, max_expressions in a model, max_inlining_depth nested calls.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dsl/diagnostic.h"
#include "dsl/typed_model.h"

namespace alea {

inline constexpr size_t max_expressions = 2'000'000;
inline constexpr int max_inlining_depth = 200;
inline constexpr int64_t max_horizon = 10'000'000;

// Finds the text of an import: "std.nn" or a path relative to the importing file. Empty: not found.
struct LoadedFile {
  std::string name, text;
};
using Loader = std::function<std::optional<LoadedFile>(const std::string& importer, const std::string& path, bool is_standard)>;

struct CheckOptions {
  std::string model;                             // graph, mdp or instance; empty: the only one
  std::string policy;                            // empty: the only one for the mdp; also `default`, `random`
  std::map<std::string, std::string> constants;  // --set name=expression
};

// The file and everything it imports, parsed once. `check_file` reports what is wrong anywhere in the file
// (every block, whatever model is asked for); `check_model` gives the one model.
struct ParsedFiles;
std::shared_ptr<const ParsedFiles> parse_files(SourceMap&, SourceId main, const Loader&, Diagnostics&);
void check_file(const SourceMap&, const ParsedFiles&, const CheckOptions&, Diagnostics&);
std::optional<typed::Model> check_model(const SourceMap&, const ParsedFiles&, const CheckOptions&, Diagnostics&);
std::vector<std::string> model_names(const ParsedFiles&);      // of the main file: graphs, mdps and instances
std::vector<std::string> models_in_reach(const ParsedFiles&);  // those, and those of the files that it imports
std::string print(const typed::Model&);                        // deterministic, for tests and --emit

}  // namespace alea
