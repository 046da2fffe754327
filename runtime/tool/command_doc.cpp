// alea doc: what a name of the language or its library means. In: a name, or none. Out: for an estimator or a built-in
// function its meaning; for what the standard library defines the comment above it and its text, which is its formula;
// without a name, all names.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "dsl/check/builtins.h"
#include "dsl/parser.h"
#include "runtime/errors.h"
#include "runtime/file.h"
#include "runtime/standard_files.h"
#include "runtime/tool/commands.h"

namespace alea {

namespace {

namespace fs = std::filesystem;

struct Entry {
  std::string name, kind, place, text;  // name: as a model writes it, std.nn.mlp
};

// The kind and the name of what an item defines; empty for an import.
std::pair<std::string, std::string> defined_by(const ast::Item& item) {
  return std::visit(
      [](const auto& value) -> std::pair<std::string, std::string> {
        using Kind = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<Kind, ast::Import>) return {};
        else if constexpr (std::is_same_v<Kind, ast::Const>) return {"constant", value.name.name};
        else if constexpr (std::is_same_v<Kind, ast::Fn>) return {"function", value.name.name};
        else if constexpr (std::is_same_v<Kind, ast::Param>) return {"param", value.name.name};
        else if constexpr (std::is_same_v<Kind, ast::Module>) return {"module", value.name.name};
        else if constexpr (std::is_same_v<Kind, ast::Dist>) return {"distribution", value.name.name};
        else if constexpr (std::is_same_v<Kind, ast::Graph>) return {"graph", value.name.name};
        else if constexpr (std::is_same_v<Kind, ast::Mdp>) return {"mdp", value.name.name};
        else if constexpr (std::is_same_v<Kind, ast::Policy>) return {"policy", value.name.name};
        else return {"instance", value.name.name};
      },
      item.value);
}

// The whole lines of comment that end right above `begin`.
std::string comment_above(const std::string& text, size_t begin) {
  size_t from = text.rfind('\n', begin);
  from = from == std::string::npos ? 0 : from + 1;
  const size_t end = from;
  while (from > 0) {
    const size_t line = from == 1 ? std::string::npos : text.rfind('\n', from - 2);
    const size_t start = line == std::string::npos ? 0 : line + 1;
    if (text[start] != '#') break;
    from = start;
  }
  return text.substr(from, end - from);
}

// `prefix`: how a model names what the file defines, std.nn.; empty where it needs no import.
void add_file(Session& session, const fs::path& path, const std::string& shown, const std::string& prefix,
              std::vector<Entry>& entries) {
  const SourceId source = session.sources.add(shown, read_file(path.string(), max_source_bytes));
  Diagnostics diagnostics;
  const ast::File file = parse(session.sources, source, diagnostics);
  const std::string text(session.sources[source].text());
  for (const ast::Item& item : file.items) {
    const auto [kind, name] = defined_by(item);
    if (name.empty()) continue;
    const int line = session.sources[source].position(item.span.begin).line;
    entries.push_back(
        {prefix + name, kind, fmt::format("{}:{}", shown, line),
         comment_above(text, item.span.begin) + text.substr(item.span.begin, item.span.end - item.span.begin) + "\n"});
  }
}

std::vector<Entry> all_entries(Session& session) {
  std::vector<Entry> entries;
  for (const EstimatorKind& kind : estimator_kinds())
    entries.push_back(
        {std::string(kind.name), "estimator", "",
         fmt::format("by {}{}\n{}\n", kind.name,
                     kind.arguments.empty() ? "" : fmt::format("({} = …)", fmt::join(kind.arguments, " = …, ")), kind.meaning)});
  for (const check::BuiltinFunction& function : check::builtin_functions())
    entries.push_back({std::string(function.name), "function", "",
                       fmt::format("{}({})\n{}\n", function.name, function.formals, function.meaning)});
  const fs::path library = standard_folder("stdlib");
  std::vector<fs::path> files;
  std::error_code error;
  for (const auto& file : fs::recursive_directory_iterator(library, error))
    if (file.path().extension() == ".alea") files.push_back(file.path());
  if (files.empty()) throw FileError{"the standard library is not there"};
  std::ranges::sort(files);
  for (const fs::path& file : files) {
    const std::string relative = file.lexically_relative(library).replace_extension().string();
    std::string prefix = "std." + relative + ".";
    std::ranges::replace(prefix, '/', '.');
    if (relative == "prelude" || relative == "distributions") prefix.clear();
    add_file(session, file, "std/" + relative + ".alea", prefix, entries);
  }
  return entries;
}

// `mlp`, `nn.mlp` and `std.nn.mlp` name the same.
bool is_called(const Entry& entry, const std::string& name) {
  return entry.name == name || (entry.name.size() > name.size() && entry.name.ends_with("." + name));
}

std::string last_part(const std::string& name) { return name.substr(name.rfind('.') + 1); }

void print_names(const Session& session, const std::vector<Entry>& entries) {
  if (session.options.json) {
    Json list = Json::array();
    for (const Entry& entry : entries) list.push_back({{"name", entry.name}, {"kind", entry.kind}});
    return print_json(Json{{"names", std::move(list)}});
  }
  std::map<std::string, std::string> lists;  // by kind
  for (const Entry& entry : entries) {
    std::string& list = lists[entry.kind];
    const size_t line = list.rfind('\n') == std::string::npos ? 0 : list.rfind('\n') + 1;
    constexpr size_t width = 110;
    if (!list.empty()) list += list.size() - line + entry.name.size() > width ? "\n  " : " ";
    list += entry.name;
  }
  std::string text;
  for (const auto& [kind, list] : lists) text += fmt::format("{}s\n  {}\n", kind == "policy" ? "policie" : kind, list);
  print_out(text);
}

}  // namespace

int command_doc(Session& session) {
  const std::vector<Entry> entries = all_entries(session);
  const std::string& name = session.options.doc_name;
  if (name.empty()) return print_names(session, entries), status_done;
  std::vector<const Entry*> found;
  for (const Entry& entry : entries)
    if (is_called(entry, name)) found.push_back(&entry);
  if (found.empty()) {
    std::vector<std::string> names;
    for (const Entry& entry : entries) names.push_back(last_part(entry.name));
    const std::string near = nearest(name, names);
    throw UsageError{fmt::format("nothing is called `{}`{}", name,
                                 near.empty() ? "; `alea doc` lists all names" : fmt::format("; did you mean `{}`?", near))};
  }
  Json list = Json::array();
  std::string text;
  for (const Entry* entry : found) {
    list.push_back({{"name", entry->name}, {"kind", entry->kind}, {"place", entry->place}, {"text", entry->text}});
    text += fmt::format("{}{}: {}{}\n{}", text.empty() ? "" : "\n", entry->name, entry->kind,
                        entry->place.empty() ? "" : ", " + entry->place, entry->text);
  }
  if (session.options.json) print_json(Json{{"entries", std::move(list)}});
  else print_out(text);
  return status_done;
}

}  // namespace alea
