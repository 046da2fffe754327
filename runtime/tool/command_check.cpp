// alea check: the diagnostics of a file and nothing else.
#include "runtime/tool/commands.h"

namespace alea {

int command_check(Session& session) {
  // Naming a model checks it as the other commands would compile it; otherwise every block of the file is checked.
  if (session.options.check.model.empty() && session.options.check.policy.empty()) load_files(session);
  else load_model(session);
  if (session.options.json) print_json(Json{{"errors", Json::array()}});
  return 0;
}

}  // namespace alea
