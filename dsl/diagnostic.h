// What the user did wrong: collected, never thrown, several per run. Each has a kind from
// diagnostics.def, a message that says what was expected and found, a place, and, where there is a
// likely mend, a hint. Rendering (text with a caret range, JSON) happens once, at the end.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "dsl/source.h"

namespace alea {

enum class DiagnosticKind : uint16_t {
#define DIAGNOSTIC(name, severity, text) name,
#include "dsl/diagnostics.def"
#undef DIAGNOSTIC
};

enum class Severity : uint8_t { error, warning };

std::string_view code(DiagnosticKind);  // "unknown_name": stable, for JSON and tests
Severity severity(DiagnosticKind);
std::string_view text_of(DiagnosticKind);  // the wording, with {} for its arguments (fmt)

struct Diagnostic {
  DiagnosticKind kind{};
  std::string message;  // lower case, no full stop, code in backticks
  Span span;
  std::string hint;  // empty when there is none
};

class Diagnostics {
 public:
  // Formats the kind's wording with `arguments`, in order.
  Diagnostic& report(DiagnosticKind, Span, const std::vector<std::string>& arguments = {}, std::string hint = {});
  bool has_errors() const { return errors_ > 0; }
  size_t error_count() const { return errors_; }
  bool full() const { return errors_ >= limit; }  // stages may stop early once it is
  // Sorted by place, duplicates dropped.
  std::vector<Diagnostic> sorted() const;
  static constexpr size_t limit = 100;

 private:
  std::vector<Diagnostic> all_;
  size_t errors_ = 0;
};

// "file:line:column: error: message", the line itself, a caret range, the hint.
std::string render(const Diagnostic&, const SourceMap&, bool colour);
// The nearest of `candidates` by edit distance, or empty when none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

// Our own mistake, never the user's: prints what is at hand, says that it is our fault, throws InternalError.
struct InternalError {
  std::string message;
};
[[noreturn]] void internal_error(std::string message, std::string ir = {});

}  // namespace alea
