// The edge of the command: every failure becomes a message and an exit status here, and nowhere else.
#include "runtime/tool/tool.h"

#include <fmt/format.h>

#include <cstring>
#include <exception>
#include <new>

#include "runtime/errors.h"
#include "runtime/tool/commands.h"
#include "runtime/tool/engine.h"

namespace alea {

namespace {

int dispatch(Session& session) {
  switch (session.options.command) {
    case Command::check: return command_check(session);
    case Command::format: return command_format(session);
    case Command::explain: return command_explain(session);
    case Command::compile: return command_compile(session);
    case Command::run:
    case Command::grad: return command_run(session);
    case Command::verify: return command_verify(session);
    case Command::bench: return command_bench(session);
    case Command::train: return command_train(session);
    case Command::plot: return command_plot(session);
    case Command::doc: return command_doc(session);
    case Command::compare: return command_compare(session);
    case Command::tune: return command_tune(session);
  }
  internal_error("a command without its function");
}

// A failure that is not the model's, in the same shape as a diagnostic.
int fail(ExitStatus status, const char* code, const std::string& message, bool json) {
  if (json) {
    Json error{{"code", code}, {"message", message}};
    for (const char* key : {"file", "line", "column", "end_column", "hint"}) error[key] = nullptr;
    print_json(Json{{"errors", Json::array({std::move(error)})}});
  } else {
    print_note("alea: " + message);
  }
  return status;
}

int run_session(Session& session) {
  try {
    return dispatch(session);
  } catch (const Stopped&) { return status_done; } catch (const ModelError& error) {
    if (session.options.json) {
      print_json(json_of(error.diagnostics, session.sources));
    } else {
      const std::string text = text_of(error.diagnostics, session.sources, session.colour_error);
      std::fwrite(text.data(), 1, text.size(), stderr);
    }
    return status_model;
  }
}

}  // namespace

int run_tool(int argc, const char* const* argv) {
  bool json = false;
  for (int k = 1; k < argc; ++k) json = json || std::strcmp(argv[k], "--json") == 0;
  try {
    ParsedOptions parsed = parse_options(argc, argv);
    if (!parsed.options) {
      print_out(parsed.text);
      return argc < 2 ? status_usage : status_done;
    }
    Session session(std::move(*parsed.options));
    return run_session(session);
  } catch (const UsageError& error) {
    return fail(status_usage, "usage", error.message, json);
  } catch (const NumericError& error) {
    return fail(status_numbers, "numbers", error.message, json);
  } catch (const FileError& error) { return fail(status_file, "file", error.message, json); } catch (const MachineError& error) {
    return fail(status_file, "machine", error.message, json);
  } catch (const InternalError& error) {
    // The text, with what was at hand, is on standard error already.
    return json ? fail(status_internal, "internal", "internal error: " + error.message, json) : status_internal;
  } catch (const std::bad_alloc&) {
    return fail(status_file, "memory", "there is not enough memory", json);
  } catch (const std::exception& error) {
    return fail(status_internal, "internal", fmt::format("internal error: {}", error.what()), json);
  }
}

}  // namespace alea
