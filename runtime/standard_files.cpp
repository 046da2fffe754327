// The order in which folders are tried is the one of the header; nothing here remembers anything.
#include "runtime/standard_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>

#include "dsl/parser.h"
#include "runtime/errors.h"
#include "runtime/file.h"

namespace alea {

namespace fs = std::filesystem;

namespace {

std::string existing_folder(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(path, error) ? path.string() : std::string{};
}

std::string folder_of_binary() {
  std::error_code error;
  const fs::path binary = fs::read_symlink("/proc/self/exe", error);
  return error ? std::string{} : binary.parent_path().string();
}

// A name that is one path component, so that `std:../x` reaches nothing outside.
bool is_plain_name(const std::string& name) {
  return !name.empty() &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '-'; });
}

// The standard library's files are shown by their names in it, wherever it lies: std/models/reacher.alea.
std::string shown_name(const fs::path& path, const std::string& data) {
  const std::string library = standard_folder("stdlib", data), name = path.string();
  return !library.empty() && name.starts_with(library + "/") ? "std" + name.substr(library.size()) : name;
}

std::string standard_model_path(const std::string& name, const std::string& data = {}) {
  const std::string library = standard_folder("stdlib", data), examples = standard_folder("examples", data);
  std::error_code error;
  for (const fs::path& path : {fs::path(examples) / name / (name + ".alea"), fs::path(library) / "models" / (name + ".alea"),
                               fs::path(library) / (name + ".alea")})
    if (fs::is_regular_file(path, error)) return path.string();
  return {};
}

}  // namespace

std::string standard_folder(const std::string& name, const std::string& data) {
  const char* home = std::getenv("ALEA_HOME");
  if (home && *home) return existing_folder(fs::path(home) / name);
  if (!data.empty()) {
    const std::string found = existing_folder(fs::path(data) / name);
    if (!found.empty()) return found;
  }
  const std::string binary = folder_of_binary();
  if (!binary.empty()) {
    for (const fs::path& path : {fs::path(binary) / name, fs::path(binary).parent_path() / "share" / "alea" / name}) {
      const std::string found = existing_folder(path);
      if (!found.empty()) return found;
    }
  }
  return existing_folder(fs::path(ALEA_SOURCE_DIR) / name);
}

LoadedFile load_model_file(const std::string& path, const std::string& data) {
  // One byte past the parser's limit, so that it sees, and says, that the file is too large.
  constexpr size_t limit = max_source_bytes + 1;
  if (path.rfind("std:", 0) == 0) {
    const std::string name = path.substr(4);
    const std::string found = is_plain_name(name) ? standard_model_path(name, data) : std::string{};
    if (found.empty()) {
      const std::string near = nearest(name, standard_model_names());
      throw FileError{fmt::format("there is no shipped model `{}`{}", path,
                                  near.empty() ? "" : fmt::format("; did you mean `std:{}`?", near))};
    }
    return {shown_name(found, data), read_file(found, limit)};
  }
  return {path == "-" ? "<stdin>" : path, read_file(path, limit)};
}

std::vector<std::string> standard_model_names() {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(standard_folder("examples"), error)) {
    const std::string name = entry.path().filename().string();
    if (!standard_model_path(name).empty()) names.push_back(name);
  }
  for (const auto& entry : fs::directory_iterator(fs::path(standard_folder("stdlib")) / "models", error))
    if (entry.path().extension() == ".alea") names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

Loader file_loader(const std::string& data) {
  return [data](const std::string& importer, const std::string& path, bool is_standard) -> std::optional<LoadedFile> {
    fs::path found;
    if (is_standard) {
      // std.nn → stdlib/nn.alea, std.a.b → stdlib/a/b.alea
      std::string relative = path.rfind("std.", 0) == 0 ? path.substr(4) : path;
      std::replace(relative.begin(), relative.end(), '.', '/');
      found = fs::path(standard_folder("stdlib", data)) / (relative + ".alea");
    } else {
      found = fs::path(importer).parent_path() / path;
    }
    std::error_code error;
    if (!fs::is_regular_file(found, error)) return std::nullopt;
    // A file of the library that is itself what is compiled is that one, by the path that it was given by.
    const std::string name = fs::equivalent(found, importer, error) ? importer : shown_name(found, data);
    try {
      return LoadedFile{name, read_file(found.string(), max_source_bytes + 1)};
    } catch (const FileError&) { return std::nullopt; }
  };
}

}  // namespace alea
