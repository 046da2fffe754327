// Loading: the main file, its imports and theirs, and the two automatic files. What an import names that
// cannot be found is reported at the import.
#include "dsl/check/files.h"

#include <fmt/format.h>

#include <map>

#include "dsl/parser.h"

namespace alea {

namespace {

constexpr size_t max_files = 1000;

struct Loading {
  SourceMap& sources;
  const Loader& loader;
  Diagnostics& diagnostics;
  ParsedFiles& result;
  std::map<std::string, FileId> by_name;

  FileId add(SourceId source, bool standard) {
    ParsedFile file;
    file.tree = parse(sources, source, diagnostics);
    file.name = sources[source].name();
    file.standard = standard;
    const FileId id = result.files.add(std::move(file));
    by_name[sources[source].name()] = id;
    return id;
  }

  std::optional<FileId> load(const std::string& importer, const std::string& path, bool standard) {
    const auto loaded = loader ? loader(importer, path, standard) : std::nullopt;
    if (!loaded) return std::nullopt;
    const auto known = by_name.find(loaded->name);
    if (known != by_name.end()) return known->second;
    return add(sources.add(loaded->name, loaded->text), standard);
  }

  void load_imports(FileId id) {
    const size_t count = result.files[id].tree.items.size();
    for (size_t i = 0; i < count; ++i) {
      // A copy: loading another file may move this one.
      const ast::Item& item = result.files[id].tree.items[i];
      const auto* found = std::get_if<ast::Import>(&item.value);
      if (!found) continue;
      const ast::Import import = *found;
      const std::string importer = result.files[id].name;
      const bool standard = !import.path.empty() && import.path[0].name == "std";
      std::string path = import.file, stem;
      for (const ast::Ident& part : import.path) path += (path.empty() ? "" : standard ? "." : "/") + part.name;
      if (!import.path.empty()) {
        stem = import.path.back().name;
        if (!standard) path += ".alea";
      } else {
        stem = path.substr(path.find_last_of('/') + 1);
        stem = stem.substr(0, stem.find('.'));
      }
      if (result.files.size() >= max_files) {
        diagnostics.report(DiagnosticKind::too_many_files, import.span, {std::to_string(max_files)});
        return;
      }
      const size_t known_files = result.files.size();
      const auto file = load(importer, path, standard);
      if (!file) {
        diagnostics.report(
            DiagnosticKind::import_not_found, import.span, {path},
            standard ? "" : fmt::format("it is looked for beside {}; the standard library is `import std.…`", importer));
        continue;
      }
      const bool alias = !import.alias.name.empty();
      result.files[id].imports.push_back({*file, alias ? import.alias.name : stem, !alias, import.span});
      if (result.files.size() > known_files) load_imports(*file);
    }
  }
};

}  // namespace

std::shared_ptr<const ParsedFiles> parse_files(SourceMap& sources, SourceId main, const Loader& loader,
                                               Diagnostics& diagnostics) {
  auto result = std::make_shared<ParsedFiles>();
  Loading loading{sources, loader, diagnostics, *result, {}};
  result->main = loading.add(main, false);
  for (const char* path : {"std.prelude", "std.distributions"}) {
    const auto file = loading.load(sources[main].name(), path, true);
    if (file) result->automatic.push_back(*file);
    else
      diagnostics.report(DiagnosticKind::import_not_found, {}, {path},
                         "the standard library is not where it should be: reinstall it");
  }
  for (const FileId automatic : result->automatic)
    if (automatic != result->main) loading.load_imports(automatic);
  loading.load_imports(result->main);
  return result;
}

std::vector<std::string> model_names(const ParsedFiles& files) {
  std::vector<std::string> names;
  for (const ast::Item& item : files.files[files.main].tree.items) {
    if (const auto* graph = std::get_if<ast::Graph>(&item.value)) names.push_back(graph->name.name);
    if (const auto* mdp = std::get_if<ast::Mdp>(&item.value)) names.push_back(mdp->name.name);
    if (const auto* instance = std::get_if<ast::Instance>(&item.value)) names.push_back(instance->name.name);
  }
  return names;
}

}  // namespace alea
