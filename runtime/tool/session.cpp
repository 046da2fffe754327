// Colour and progress are decided once, when the session begins.
#include "runtime/tool/session.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "runtime/errors.h"
#include "runtime/standard_files.h"

namespace alea {

namespace {

bool colour_wanted(int descriptor) {
  const char* no_colour = std::getenv("NO_COLOR");
  return !(no_colour && *no_colour) && isatty(descriptor);
}

Json json_of(const Diagnostic& diagnostic, const SourceMap& sources) {
  Json json;
  json["code"] = code(diagnostic.kind);
  json["message"] = diagnostic.message;
  if (diagnostic.span) {
    const SourceFile& file = sources[diagnostic.span.source];
    const LineColumn begin = file.position(diagnostic.span.begin), end = file.position(diagnostic.span.end);
    json["file"] = file.name();
    json["line"] = begin.line;
    json["column"] = begin.column;
    // A range that goes on over its line ends with it.
    const std::string_view line = file.line(begin.line);
    const auto characters =
        std::count_if(line.begin(), line.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
    json["end_column"] = end.line == begin.line ? end.column : static_cast<int>(characters) + 1;
  } else {
    for (const char* key : {"file", "line", "column", "end_column"}) json[key] = nullptr;
  }
  json["hint"] = diagnostic.hint.empty() ? Json(nullptr) : Json(diagnostic.hint);
  return json;
}

}  // namespace

Session::Session(ToolOptions given) : options(std::move(given)) {
  colour_out = colour_wanted(STDOUT_FILENO);
  colour_error = colour_wanted(STDERR_FILENO);
  progress = !options.quiet && isatty(STDERR_FILENO);
}

SourceId load_source(Session& session) {
  const std::string& path = session.options.files.at(0);
  // Standard input is there once; a session that compiles several models of it asks again.
  for (uint32_t index = 0; path == "-" && index < session.sources.size(); ++index)
    if (session.sources[SourceId{index}].name() == "<stdin>") return SourceId{index};
  LoadedFile file = load_model_file(path);
  return session.sources.add(std::move(file.name), std::move(file.text));
}

std::shared_ptr<const ParsedFiles> load_files(Session& session, SourceId main) {
  Diagnostics diagnostics;
  auto files = parse_files(session.sources, main, file_loader(), diagnostics);
  // Names and types are only worth a look where the text could be read.
  if (!diagnostics.has_errors()) check_file(session.sources, *files, session.options.check, diagnostics);
  require_no_errors(session, diagnostics);
  return files;
}

void require_one_model(const Session& session, const ParsedFiles& files) {
  const std::vector<std::string> names = model_names(files), reached = models_in_reach(files);
  const std::string& wanted = session.options.check.model;
  const std::string& path = session.options.files[0];
  if (reached.empty()) throw UsageError{fmt::format("{} has no graph, mdp or instance", path)};
  if (wanted.empty() && names.size() > 1)
    throw UsageError{fmt::format("{} has several models; say which: --model {}", path, fmt::join(names, " or "))};
  if (!wanted.empty() && std::find(reached.begin(), reached.end(), wanted) == reached.end()) {
    const std::string near = nearest(wanted, reached);
    throw UsageError{fmt::format(
        "{} has no model `{}`; {}", path, wanted,
        near.empty() ? fmt::format("it has `{}`", fmt::join(reached, "`, `")) : fmt::format("did you mean `{}`?", near))};
  }
}

void require_no_errors(const Session& session, const Diagnostics& diagnostics) {
  if (diagnostics.has_errors()) throw ModelError{diagnostics.sorted()};
  if (!session.options.quiet && !session.options.json) {
    const std::string text = text_of(diagnostics.sorted(), session.sources, session.colour_error);
    std::fwrite(text.data(), 1, text.size(), stderr);
  }
}

void print_out(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    throw FileError{"cannot write standard output"};
}

void print_json(const Json& json) {
  // What the user's text holds may be broken UTF-8; the output never is.
  print_out(json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

void print_note(std::string_view text) {
  const std::string line = std::string(text) + "\n";
  std::fwrite(line.data(), 1, line.size(), stderr);
}

Json json_of(const std::vector<Diagnostic>& diagnostics, const SourceMap& sources) {
  Json errors = Json::array();
  for (const Diagnostic& diagnostic : diagnostics)
    if (severity(diagnostic.kind) == Severity::error) errors.push_back(json_of(diagnostic, sources));
  return Json{{"errors", std::move(errors)}};
}

std::string text_of(const std::vector<Diagnostic>& diagnostics, const SourceMap& sources, bool colour) {
  std::string text;
  for (const Diagnostic& diagnostic : diagnostics) text += render(diagnostic, sources, colour);
  return text;
}

Json json_number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

}  // namespace alea
