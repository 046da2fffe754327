// alea check: the diagnostics of a file and nothing else.
#include "compiler/kernel/read_program.h"
#include "runtime/tool/commands.h"
#include "runtime/tool/engine.h"

namespace alea {

int command_check(Session& session) {
  const SourceId source = load_source(session);
  if (is_program_text(session, source)) {
    Diagnostics diagnostics;
    read_program_file(session.sources, source, diagnostics);
    require_no_errors(session, diagnostics);
    if (session.options.json) print_json(Json{{"errors", Json::array()}});
    return status_done;
  }
  const auto files = load_files(session, source);
  // Naming a model checks it as the other commands would compile it.
  if (!session.options.check.model.empty() || !session.options.check.policy.empty()) {
    require_one_model(session, *files);
    Diagnostics diagnostics;
    check_model(session.sources, *files, session.options.check, diagnostics);
    require_no_errors(session, diagnostics);
  }
  if (session.options.json) print_json(Json{{"errors", Json::array()}});
  return status_done;
}

}  // namespace alea
