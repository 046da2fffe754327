// A draw is `name … ~ law(arguments) [by name[(arguments)]]`: the clause goes behind the law's closing parenthesis.
#include "runtime/tool/by_clause.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>

#include "dsl/check/files.h"
#include "runtime/errors.h"
#include "runtime/file.h"

namespace alea {

namespace {

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

struct Scanner {
  const std::string& text;
  size_t at;

  bool at_end() const { return at >= text.size(); }
  void skip_space(bool lines) {
    while (!at_end()) {
      if (text[at] == '#' && lines) {
        while (!at_end() && text[at] != '\n') ++at;
      } else if (text[at] == ' ' || text[at] == '\t' || (lines && (text[at] == '\n' || text[at] == '\r'))) {
        ++at;
      } else {
        return;
      }
    }
  }
  // name or name.name
  bool take_name() {
    const size_t begin = at;
    while (!at_end() && (is_word(text[at]) || text[at] == '.')) ++at;
    return at > begin;
  }
  bool take_parentheses() {
    if (at_end() || text[at] != '(') return false;
    int depth = 0;
    for (; !at_end(); ++at) {
      if (text[at] == '#')
        while (!at_end() && text[at] != '\n') ++at;
      if (at_end()) return false;
      if (text[at] == '(' || text[at] == '[') ++depth;
      if ((text[at] == ')' || text[at] == ']') && --depth == 0) return ++at, true;
    }
    return false;
  }
};

}  // namespace

std::optional<std::string> with_by_clause(const std::string& text, size_t begin, const std::string& request) {
  Scanner scan{text, begin};
  if (!scan.take_name()) return std::nullopt;
  while (!scan.at_end() && text[scan.at] != '~') {
    if (text[scan.at] == '\n' || text[scan.at] == '=') return std::nullopt;
    ++scan.at;
  }
  if (scan.at_end()) return std::nullopt;
  ++scan.at;
  scan.skip_space(true);
  if (!scan.take_name() || !scan.take_parentheses()) return std::nullopt;
  const size_t law_end = scan.at;
  size_t clause_end = law_end;
  scan.skip_space(true);
  if (text.compare(scan.at, 2, "by") == 0 && (scan.at + 2 >= text.size() || !is_word(text[scan.at + 2]))) {
    scan.at += 2;
    scan.skip_space(true);
    if (!scan.take_name()) return std::nullopt;
    clause_end = scan.at;
    if (scan.take_parentheses()) clause_end = scan.at;
  }
  const std::string clause = request == "auto" ? "" : " by " + request;
  return text.substr(0, law_end) + clause + text.substr(clause_end);
}

std::vector<std::string> write_by_clauses(Session& session, const Model& model,
                                          const std::vector<std::pair<std::string, std::string>>& choice) {
  const std::string& path = session.options.files[0];
  std::vector<std::string> left;
  std::map<size_t, std::pair<std::string, std::string>, std::greater<>> edits;  // the last one in the text first
  for (const auto& [node, request] : choice) {
    const auto& draws = model.compiled->graph.draws;
    const auto draw = std::ranges::find(draws, node, &GraphDraw::name);
    const bool own = path != "-" && !path.starts_with("std:") && draw != draws.end() && draw->span &&
                     draw->span.source == model.files->files[model.files->main].tree.source;
    if (own) edits.emplace(draw->span.begin, std::pair(node, request));
    else left.push_back(node);
  }
  if (edits.empty()) return left;
  // The file is replaced whole: a link leads to it, and what is read only is left alone.
  const std::filesystem::path file = std::filesystem::canonical(path);
  if (access(file.c_str(), W_OK) != 0) throw FileError{fmt::format("cannot write {}: {}", path, std::strerror(errno))};
  const std::filesystem::perms permissions = std::filesystem::status(file).permissions();
  std::string text = read_file(file.string());
  for (const auto& [begin, edit] : edits) {
    if (auto changed = with_by_clause(text, begin, edit.second)) text = std::move(*changed);
    else left.push_back(edit.first);
  }
  write_file(file.string(), text);
  std::filesystem::permissions(file, permissions);
  return left;
}

}  // namespace alea
