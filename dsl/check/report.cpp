// Reports: where an error inside the standard library is shown (at the user's call), which of several at one
// place counts (the first), and the budget that keeps a small file from being checked for ever.
#include <fmt/format.h>

#include <tuple>

#include "dsl/check/checker.h"

namespace alea::check {

std::string kind_of(const Value& value) {
  struct Describe {
    std::string operator()(const Poison&) const { return "an error"; }
    std::string operator()(const ExprId&) const { return "a value"; }
    std::string operator()(const FunctionRef&) const { return "a function"; }
    std::string operator()(const BuiltinRef&) const { return "a function"; }
    std::string operator()(const ModuleRef&) const { return "a module"; }
    std::string operator()(const InstanceRef&) const { return "a group of params"; }
    std::string operator()(const InstanceList&) const { return "a list of modules"; }
    std::string operator()(const DistRef&) const { return "a distribution"; }
    std::string operator()(const PrimitiveRef&) const { return "primitive noise"; }
    std::string operator()(const NamespaceRef&) const { return "an imported file"; }
    std::string operator()(const ModelRef& m) const { return m.kind; }
    std::string operator()(const TextValue&) const { return "a text"; }
  };
  return std::visit(Describe{}, value);
}

std::string describe(const Definition& definition) {
  switch (definition.kind) {
    case DefinitionKind::bound:
    case DefinitionKind::formal_default: return "a local name";
    case DefinitionKind::changed_const:
    case DefinitionKind::constant: return "a const";
    case DefinitionKind::function: return "a function";
    case DefinitionKind::param: return "a param";
    case DefinitionKind::module: return "a module";
    case DefinitionKind::dist: return "a distribution";
    case DefinitionKind::input: return "an input";
    case DefinitionKind::deterministic:
    case DefinitionKind::let_element: return "a node";
    case DefinitionKind::stochastic: return "a stochastic node";
    case DefinitionKind::state: return "a state";
    case DefinitionKind::next_state: return "the next value of a state";
    case DefinitionKind::action: return "an action";
    case DefinitionKind::namespace_: return "an imported file";
    case DefinitionKind::model: return "a block";
  }
  return "a name";
}

const ParsedFile& Checker::file_of(FileId id) const {
  const size_t count = files.files.size();
  return id.index < count ? files.files[id] : option_files_[id.index - count];
}

bool Checker::is_standard(Span span) const {
  if (!span) return false;
  for (const ParsedFile& file : files.files)
    if (file.tree.source == span.source) return file.standard;
  return false;
}

std::string Checker::place(Span span) const {
  if (!span) return "the command line";
  const SourceFile& file = sources[span.source];
  const std::string line = fmt::format("line {}", file.position(span.begin).line);
  return span.source == files.files[files.main].tree.source ? line : fmt::format("{} of {}", line, file.name());
}

std::string Checker::source_text(Span span) const {
  if (!span) return {};
  std::string text;
  bool comment = false;
  for (const char c : sources[span.source].text().substr(span.begin, span.end - span.begin)) {
    if (c == '#') comment = true;
    if (c == '\n') comment = false;
    const bool space = comment || c == ' ' || c == '\t' || c == '\n' || c == '\r';
    if (!space) text += c;
    else if (!text.empty() && text.back() != ' ') text += ' ';
  }
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

Poison Checker::fail(Kind kind, Span span, std::vector<std::string> arguments, std::string hint) {
  if (quiet_ > 0) return {};
  constexpr size_t max_reports = 1000;
  if (reports.size() >= max_reports) {
    stopped_ = true;
    return {};
  }
  if (is_standard(span)) {
    // The user's call is where it can be mended.
    for (auto site = calls_.rbegin(); site != calls_.rend(); ++site) {
      if (is_standard(site->span)) continue;
      const std::string inside = fmt::format("this is about what is inside `{}`, {}", site->name, place(span));
      hint = hint.empty() ? inside : fmt::format("{}; {}", hint, inside);
      span = site->span;
      break;
    }
  } else if (hint.empty() && !calls_.empty()) {
    const CallSite& site = calls_.back();
    if (site.span && !is_standard(site.span))
      hint = fmt::format("as called at {}: {}", place(site.span), source_text(site.span).substr(0, 60));
  }
  reports.push_back({kind, span, std::move(arguments), std::move(hint)});
  return {};
}

bool Checker::step(Span span) {
  if (stopped_) return false;
  if (++steps_ <= max_steps && !table.full()) return true;
  quiet_ = 0;
  fail(Kind::model_too_large, span, {std::to_string(table.full() ? max_expressions : max_steps)},
       "comprehensions over arrays take no room; loops in functions and calls are copied for each turn and use");
  stopped_ = true;
  return false;
}

bool Checker::failed() const {
  for (const Report& report : reports)
    if (severity(report.kind) == Severity::error) return true;
  return false;
}

void Checker::flush(Diagnostics& diagnostics) {
  std::set<std::tuple<Kind, uint32_t, uint32_t, uint32_t>> told;
  for (const Report& report : reports) {
    if (diagnostics.full()) return;
    if (!told.emplace(report.kind, report.span.source.index, report.span.begin, report.span.end).second) continue;
    diagnostics.report(report.kind, report.span, report.arguments, report.hint);
  }
}

}  // namespace alea::check
