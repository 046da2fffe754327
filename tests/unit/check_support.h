// Checking a text as `alea check` does: parse with the real standard library beside it, check, render.
#pragma once
#include <fstream>
#include <sstream>
#include <string>

#include "dsl/check.h"
#include "dsl/source.h"

namespace alea::test {

struct Checked {
  SourceMap sources;
  std::shared_ptr<const ParsedFiles> files;
  Diagnostics diagnostics;
  std::optional<typed::Model> model;

  std::string text() const {
    std::string result;
    for (const Diagnostic& d : diagnostics.sorted()) result += render(d, sources, false);
    return result;
  }
  bool has(std::string_view wanted) const {
    for (const Diagnostic& d : diagnostics.sorted())
      if (code(d.kind) == wanted) return true;
    return false;
  }
  std::string codes() const {
    std::string result;
    for (const Diagnostic& d : diagnostics.sorted()) result += (result.empty() ? "" : " ") + std::string(code(d.kind));
    return result;
  }
};

inline std::optional<std::string> read_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::nullopt;
  std::stringstream buffer;
  buffer << in.rdbuf();
  return buffer.str();
}

// The standard library from the source tree; other files from `others`.
inline Loader loader_with(std::map<std::string, std::string> others) {
  return [others](const std::string&, const std::string& path, bool standard) -> std::optional<LoadedFile> {
    if (!standard) {
      const auto found = others.find(path);
      return found == others.end() ? std::nullopt : std::optional(LoadedFile{path, found->second});
    }
    std::string file = path.substr(4);
    for (char& c : file)
      if (c == '.') c = '/';
    const std::string name = std::string(ALEA_SOURCE_DIR) + "/stdlib/" + file + ".alea";
    const auto text = read_text(name);
    return text ? std::optional(LoadedFile{name, *text}) : std::nullopt;
  };
}

inline std::unique_ptr<Checked> check_model_text(const std::string& text, const CheckOptions& options = {},
                                                 const std::map<std::string, std::string>& others = {}) {
  auto result = std::make_unique<Checked>();
  const SourceId main = result->sources.add("model.alea", text);
  result->files = parse_files(result->sources, main, loader_with(others), result->diagnostics);
  result->model = check_model(result->sources, *result->files, options, result->diagnostics);
  return result;
}

inline std::unique_ptr<Checked> check_file_text(const std::string& text, const CheckOptions& options = {},
                                                const std::map<std::string, std::string>& others = {}) {
  auto result = std::make_unique<Checked>();
  const SourceId main = result->sources.add("model.alea", text);
  result->files = parse_files(result->sources, main, loader_with(others), result->diagnostics);
  check_file(result->sources, *result->files, options, result->diagnostics);
  return result;
}

// A graph around some lines.
inline std::unique_ptr<Checked> check_graph_text(const std::string& lines) {
  return check_model_text("graph g {\n" + lines + "\n}\n");
}

inline Type type_of(const typed::Model& model, const std::string& node) {
  for (const typed::NamedValue& named : model.nodes)
    if (named.name == node) return model.exprs[named.value].type;
  return {Scalar::boolean, 0, {99}};
}

// The elements of a node that is a constant; empty where it is none.
inline std::vector<double> values_of(const typed::Model& model, const std::string& node) {
  for (const typed::NamedValue& named : model.nodes) {
    if (named.name != node) continue;
    const typed::Expr& expr = model.exprs[named.value];
    if (expr.kind != typed::ExprKind::constant) return {};
    std::vector<double> values(static_cast<size_t>(element_count(expr.type.shape)), expr.values[0]);
    if (expr.values.size() > 1) values = expr.values;
    return values;
  }
  return {};
}

}  // namespace alea::test
