// Diagnostics: wording from diagnostics.def, collection, order, and their rendering as text. Whatever the
// source holds, what is rendered is valid UTF-8 without control characters and no line is long.
#include "dsl/diagnostic.h"

#include <fmt/args.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <numeric>
#include <tuple>

namespace alea {

namespace {

struct Wording {
  std::string_view code;
  Severity severity;
  std::string_view text;
};

constexpr Wording wordings[] = {
#define DIAGNOSTIC(name, level, wording) {#name, Severity::level, wording},
#include "dsl/diagnostics.def"
#undef DIAGNOSTIC
};

const Wording& wording(DiagnosticKind kind) { return wordings[static_cast<size_t>(kind)]; }

// The source line as it can be printed: one entry per column. Broken bytes and control characters become one
// replacement character each; a tab one space, so that the carets below need no tabs.
std::vector<std::string> printable_columns(std::string_view line) {
  std::vector<std::string> columns;
  for (size_t i = 0; i < line.size();) {
    const auto byte = static_cast<unsigned char>(line[i]);
    const size_t length = byte < 0x80 ? 1 : byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 0;
    bool whole = length > 0 && byte < 0xF8 && i + length <= line.size();
    for (size_t k = 1; whole && k < length; ++k) whole = (static_cast<unsigned char>(line[i + k]) & 0xC0) == 0x80;
    const bool control = byte < 0x20 || byte == 0x7F || (byte == 0xC2 && whole && static_cast<unsigned char>(line[i + 1]) < 0xA0);
    if (byte == '\t') columns.emplace_back(" ");
    else if (!whole || control) columns.emplace_back("\xEF\xBF\xBD");
    else columns.emplace_back(line.substr(i, length));
    i += whole ? length : 1;
    // Column numbers count every byte that does not continue a character: a stray continuation byte has none.
    while (!whole && i < line.size() && (static_cast<unsigned char>(line[i]) & 0xC0) == 0x80) ++i;
  }
  return columns;
}

std::string printable(std::string_view text) {
  std::string result;
  for (const auto& column : printable_columns(text)) result += column;
  return result;
}

size_t edit_distance(std::string_view a, std::string_view b) {
  // Two transposed neighbours count as one edit, as people make it.
  std::vector<size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  std::iota(last.begin(), last.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before = last;
    last = row;
  }
  return last[b.size()];
}

constexpr size_t widest_line = 160;  // characters of a source line that are shown
constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

bool continues_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

size_t step_back(std::string_view line, size_t at, size_t characters) {
  for (; at > 0 && characters > 0; --characters) {
    --at;
    while (at > 0 && continues_character(line[at])) --at;
  }
  return at;
}

size_t step_forward(std::string_view line, size_t at, size_t characters) {
  for (; at < line.size() && characters > 0; --characters) {
    ++at;
    while (at < line.size() && continues_character(line[at])) ++at;
  }
  return at;
}

}  // namespace

std::string_view code(DiagnosticKind kind) { return wording(kind).code; }
Severity severity(DiagnosticKind kind) { return wording(kind).severity; }
std::string_view text_of(DiagnosticKind kind) { return wording(kind).text; }

Diagnostic& Diagnostics::report(DiagnosticKind kind, Span span, const std::vector<std::string>& arguments, std::string hint) {
  fmt::dynamic_format_arg_store<fmt::format_context> store;
  for (const auto& argument : arguments) store.push_back(argument);
  if (severity(kind) == Severity::error) ++errors_;
  const std::string_view text = text_of(kind);
  all_.push_back({kind, fmt::vformat(fmt::string_view(text.data(), text.size()), store), span, std::move(hint)});
  return all_.back();
}

std::vector<Diagnostic> Diagnostics::sorted() const {
  const auto key = [](const Diagnostic& d) {
    return std::tie(d.span.source.index, d.span.begin, d.span.end, d.kind, d.message, d.hint);
  };
  std::vector<Diagnostic> result = all_;
  std::stable_sort(result.begin(), result.end(), [&](const Diagnostic& a, const Diagnostic& b) { return key(a) < key(b); });
  result.erase(
      std::unique(result.begin(), result.end(), [&](const Diagnostic& a, const Diagnostic& b) { return key(a) == key(b); }),
      result.end());
  return result;
}

std::string render(const Diagnostic& diagnostic, const SourceMap& sources, bool colour) {
  const auto paint = [colour](std::string_view escape, std::string_view text) {
    return colour ? fmt::format("\x1b[{}m{}\x1b[0m", escape, text) : std::string(text);
  };
  const bool is_error = severity(diagnostic.kind) == Severity::error;
  const std::string level = paint(is_error ? "1;31" : "1;35", is_error ? "error:" : "warning:");
  const std::string message = paint("1", printable(diagnostic.message));
  std::string text;
  if (diagnostic.span) {
    const SourceFile& file = sources[diagnostic.span.source];
    const LineColumn begin = file.position(diagnostic.span.begin);
    const LineColumn end = file.position(std::max(diagnostic.span.begin, diagnostic.span.end));
    text = fmt::format("{} {} {}\n", paint("1", fmt::format("{}:{}:{}:", file.name(), begin.line, begin.column)), level, message);

    // The line is seen through a window around its place, so that a line of megabytes costs no more than another.
    const std::string_view line = file.line(begin.line);
    const auto line_begin = static_cast<size_t>(line.data() - file.text().data());
    const size_t at = std::min<size_t>(diagnostic.span.begin - line_begin, line.size());
    const size_t from = step_back(line, at, widest_line / 2);
    const size_t to = step_forward(line, from, widest_line);
    size_t mark_end = end.line == begin.line ? std::min<size_t>(diagnostic.span.end - line_begin, to) : to;
    mark_end = std::max(mark_end, at);
    std::string_view before = line.substr(from, at - from);
    if (from == 0 && begin.line == 1 && before.starts_with(byte_order_mark)) before.remove_prefix(byte_order_mark.size());
    const std::string_view marked = line.substr(at, mark_end - at), after = line.substr(mark_end, to - mark_end);
    const size_t padding = printable_columns(before).size() + (from > 0 ? 1 : 0);
    const size_t width = std::max<size_t>(printable_columns(marked).size(), 1);
    text += fmt::format("  {}{}{}{}{}\n", from > 0 ? "…" : "", printable(before), printable(marked), printable(after),
                        to < line.size() ? "…" : "");
    text += fmt::format("  {}{}\n", std::string(padding, ' '), paint("1;32", "^" + std::string(width - 1, '~')));
  } else {
    text = fmt::format("{} {}\n", level, message);
  }
  if (!diagnostic.hint.empty()) text += fmt::format("  {} {}\n", paint("1;36", "hint:"), printable(diagnostic.hint));
  return text;
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  constexpr size_t longest_word = 64;
  if (word.empty() || word.size() > longest_word) return {};
  // A third of the letters may differ: `thet` is near `theta`, `a` is near nothing but another case of itself.
  size_t best_distance = std::max<size_t>(word.size() / 3, word.size() > 1 ? 1 : 0) + 1;
  std::string best;
  for (const auto& candidate : candidates) {
    if (candidate.size() >= word.size() + best_distance || word.size() >= candidate.size() + best_distance) continue;
    if (candidate == word) continue;
    const size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

void internal_error(std::string message, std::string ir) {
  std::string text = "internal error: " + message + "\nthis is a mistake of the compiler, not of your model\n";
  if (!ir.empty()) text += ir + "\n";
  std::fputs(text.c_str(), stderr);
  throw InternalError{std::move(message)};
}

}  // namespace alea
