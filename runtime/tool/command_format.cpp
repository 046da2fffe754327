// alea fmt: files in the one canonical layout, in place.
#include <fmt/format.h>

#include "dsl/format.h"
#include "dsl/parser.h"
#include "runtime/file.h"
#include "runtime/tool/commands.h"

namespace alea {

int command_format(Session& session) {
  std::vector<std::string> changed;
  // All files are read and parsed before the first is written: one that is wrong leaves the others as they are.
  std::vector<std::string> formatted;
  Diagnostics diagnostics;
  std::vector<std::string> texts;
  for (const std::string& path : session.options.files) {
    texts.push_back(read_file(path, max_source_bytes + 1));
    const SourceId source = session.sources.add(path == "-" ? "<stdin>" : path, texts.back());
    const size_t before = diagnostics.error_count();
    const ast::File file = parse(session.sources, source, diagnostics);
    formatted.push_back(diagnostics.error_count() == before ? format(session.sources, source, file) : std::string{});
  }
  require_no_errors(session, diagnostics);
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::string& path = session.options.files[i];
    if (texts[i] != formatted[i]) changed.push_back(path);
    const bool to_output = path == "-" && !session.options.json;
    if (!session.options.only_check_format && (texts[i] != formatted[i] || to_output)) write_file(path, formatted[i]);
  }
  if (session.options.json) print_json(Json{{"changed", changed}});
  else if (session.options.only_check_format)
    for (const std::string& path : changed) print_note(fmt::format("{} is not in the canonical layout", path));
  return session.options.only_check_format && !changed.empty() ? 1 : 0;
}

}  // namespace alea
