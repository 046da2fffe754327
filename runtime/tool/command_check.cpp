// alea check: the diagnostics of a file and nothing else.
#include "runtime/tool/commands.h"

namespace alea {

int command_check(Session& session) {
  const auto files = load_files(session);
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
