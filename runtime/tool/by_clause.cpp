// A draw is `name … ~ law(arguments) [by name[(arguments)]]`, and knows where its law and its clause are in the text.
#include "runtime/tool/by_clause.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>

#include "dsl/check/files.h"
#include "runtime/errors.h"
#include "runtime/file.h"

namespace alea {

std::string with_by_clause(const std::string& text, const GraphDraw& draw, const std::string& request) {
  const size_t law_end = draw.law_span.end, clause_end = draw.by_span ? draw.by_span.end : law_end;
  const std::string clause = request == "auto" ? "" : " by " + request;
  return text.substr(0, law_end) + clause + text.substr(clause_end);
}

std::vector<std::string> write_by_clauses(Session& session, const Model& model,
                                          const std::vector<std::pair<std::string, std::string>>& choice) {
  const std::string& path = session.options.files[0];
  std::vector<std::string> left;
  std::map<size_t, std::pair<const GraphDraw*, std::string>, std::greater<>> edits;  // the last one in the text first
  for (const auto& [node, request] : choice) {
    const auto& draws = model.compiled->graph.draws;
    const auto draw = std::ranges::find(draws, node, &GraphDraw::name);
    const bool own = path != "-" && !path.starts_with("std:") && draw != draws.end() && draw->law_span &&
                     draw->law_span.source == model.files->files[model.files->main].tree.source;
    if (own) edits.emplace(draw->law_span.begin, std::pair(&*draw, request));
    else left.push_back(node);
  }
  if (edits.empty()) return left;
  // The file is replaced whole: a link leads to it, and what is read only is left alone.
  const std::filesystem::path file = std::filesystem::canonical(path);
  if (access(file.c_str(), W_OK) != 0) throw FileError{fmt::format("cannot write {}: {}", path, std::strerror(errno))};
  const std::filesystem::perms permissions = std::filesystem::status(file).permissions();
  std::string text = read_file(file.string());
  for (const auto& [begin, edit] : edits) text = with_by_clause(text, *edit.first, edit.second);
  write_file(file.string(), text);
  std::filesystem::permissions(file, permissions);
  return left;
}

}  // namespace alea
