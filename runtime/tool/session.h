// One run of the command: its settings, the model's text, and where things are printed. What every command shares:
// reading a model, printing diagnostics as text or as JSON, refusing a wrong model.
#pragma once
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "dsl/check.h"
#include "runtime/tool/options.h"

namespace alea {

using Json = nlohmann::ordered_json;  // keys in the order in which they are written

// The model is wrong: the diagnostics to show. Exit status 1.
struct ModelError {
  std::vector<Diagnostic> diagnostics;
};

struct Session {
  explicit Session(ToolOptions);

  ToolOptions options;
  SourceMap sources;
  bool colour_out = false, colour_error = false;  // terminals, and NO_COLOR is not set
  bool progress = false;                          // standard error is a terminal, and not --quiet
};

// Reads the model's text; throws FileError.
SourceId load_source(Session&);
// Parses the file and its imports and checks every block of it; throws ModelError. Warnings are printed.
std::shared_ptr<const ParsedFiles> load_files(Session&, SourceId main);
// UsageError where the options name no model and the file has several, or name one that is not there.
void require_one_model(const Session&, const ParsedFiles&);

// Throws ModelError when there are errors; prints warnings otherwise, once.
void require_no_errors(const Session&, const Diagnostics&);

void print_out(std::string_view text);   // standard output
void print_json(const Json&);            // one object, one line end
void print_note(std::string_view text);  // standard error, a line

Json json_of(const std::vector<Diagnostic>&, const SourceMap&);  // {"errors": […]}
std::string text_of(const std::vector<Diagnostic>&, const SourceMap&, bool colour);

// A number of JSON: null where it is not finite.
Json json_number(double);

}  // namespace alea
