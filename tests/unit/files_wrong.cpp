// Wrong models, each with all its errors. tests/files/wrong/*.alea hold many small models, each after a line
// `#### name`; the line at fault carries `# error: code: part of the message` (or the line after it carries
// `# error above: …`, where a comment cannot follow). A model's reports are exactly those named. ALEA_BLESS=1 writes
// the comments.
#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>
#include <sstream>

#include "compiler/pipeline.h"
#include "runtime/standard_files.h"
#include "tests/support/expectation.h"

using namespace alea;
namespace fs = std::filesystem;

namespace {

struct Expected {
  int line = 0;
  std::string level, code, message;
};

struct Section {
  std::string heading;             // the `####` line
  std::vector<std::string> lines;  // the model, without its expectations
  std::vector<Expected> expected;
};

const fs::path wrong_folder = fs::path(ALEA_SOURCE_DIR) / "tests" / "files" / "wrong";
const std::string levels[] = {"error", "warning"};

// Cuts `# error: …` comments off a line; several may follow each other.
void take_expectations(std::string& line, int number, std::vector<Expected>& expected) {
  size_t first = std::string::npos;
  for (size_t at = 0; at < line.size();) {
    size_t next = std::string::npos, text = 0;
    std::string level;
    for (const std::string& word : levels) {
      const std::string mark = "# " + word + ": ";
      const size_t found = line.find(mark, at);
      if (found < next) next = found, text = found + mark.size(), level = word;
    }
    if (next == std::string::npos) break;
    first = std::min(first, next);
    size_t end = line.size();
    for (const std::string& word : levels) end = std::min(end, line.find(" # " + word + ": ", text));
    const std::string body = line.substr(text, end - text);
    const size_t colon = body.find(": ");
    expected.push_back({number, level, body.substr(0, colon), colon == std::string::npos ? "" : body.substr(colon + 2)});
    at = end;
  }
  if (first == std::string::npos) return;
  line.resize(first);
  line.resize(line.find_last_not_of(' ') + 1);
}

std::vector<Section> read_sections(const std::string& text) {
  std::vector<Section> sections;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("#### ", 0) == 0) {
      sections.push_back({line, {}, {}});
      continue;
    }
    if (sections.empty()) continue;
    Section& section = sections.back();
    bool above = false;
    for (const std::string& level : levels) {
      const std::string mark = "# " + level + " above: ";
      if (line.rfind(mark, 0) != 0) continue;
      std::string rest = "# " + level + ": " + line.substr(mark.size());
      take_expectations(rest, static_cast<int>(section.lines.size()), section.expected);
      above = true;
    }
    if (above) continue;
    take_expectations(line, static_cast<int>(section.lines.size()) + 1, section.expected);
    section.lines.push_back(line);
  }
  for (Section& section : sections)
    while (!section.lines.empty() && section.lines.back().empty()) section.lines.pop_back();
  return sections;
}

// The heading may name the model, its policy and consts, as the command line does; --compile compiles where no single
// model is named.
PipelineOptions options_of(const std::string& heading) {
  PipelineOptions options;
  std::istringstream words(heading);
  for (std::string word; words >> word;) {
    if (word == "--model") words >> options.check.model;
    if (word == "--policy") words >> options.check.policy;
    if (word == "--set" && words >> word)
      options.check.constants[word.substr(0, word.find('='))] = word.substr(word.find('=') + 1);
    if (word == "--estimator" && words >> word) {
      const size_t equals = word.find('=');
      options.choose.estimators.emplace_back(word.substr(0, equals), word.substr(equals + 1));
    }
  }
  return options;
}

// Everything reported about a model, from its text to its gradient program.
std::vector<Diagnostic> diagnose(const std::string& text, const PipelineOptions& options, bool compile_anyway,
                                 SourceMap& sources) {
  Diagnostics diagnostics;
  const SourceId main = sources.add("model.alea", text);
  // What the models import lies beside the files that hold them.
  const Loader loader = [standard = file_loader()](const std::string& importer, const std::string& path, bool is_standard) {
    return standard(importer == "model.alea" ? (wrong_folder / importer).string() : importer, path, is_standard);
  };
  const auto files = parse_files(sources, main, loader, diagnostics);
  if (!diagnostics.has_errors()) check_file(sources, *files, options.check, diagnostics);
  if (!diagnostics.has_errors() && (model_names(*files).size() == 1 || !options.check.model.empty() || compile_anyway)) {
    Diagnostics of_model;
    compile(sources, *files, options, of_model);
    // What check_file said is said again by the compilation of the model.
    if (of_model.has_errors() || !of_model.sorted().empty()) return of_model.sorted();
  }
  return diagnostics.sorted();
}

std::string bless(const Section& section, const std::vector<Diagnostic>& reported, const SourceMap& sources) {
  std::string text = section.heading + "\n";
  for (size_t i = 0; i < section.lines.size(); ++i) {
    const std::string& line = section.lines[i];
    std::string same, above;
    for (const Diagnostic& d : reported) {
      const int number = d.span ? sources[d.span.source].position(d.span.begin).line : 1;
      const int shown = std::clamp(number, 1, static_cast<int>(section.lines.size()));
      if (shown != static_cast<int>(i) + 1) continue;
      const char* level = severity(d.kind) == Severity::error ? "error" : "warning";
      const std::string comment = fmt::format("{}: {}", code(d.kind), d.message);
      // A comment cannot follow an open string, and must not hide in one.
      if (line.find('"') != std::string::npos) above += fmt::format("# {} above: {}\n", level, comment);
      else same += fmt::format("{}# {}: {}", same.empty() && !line.empty() ? "  " : same.empty() ? "" : " ", level, comment);
    }
    text += line + same + "\n" + above;
  }
  return text;
}

void check_section(const Section& section, const std::vector<Diagnostic>& reported, const SourceMap& sources) {
  std::vector<bool> matched(section.expected.size());
  for (const Diagnostic& d : reported) {
    INFO(render(d, sources, false));
    const int line = d.span ? sources[d.span.source].position(d.span.begin).line : 1;
    bool found = false;
    for (size_t k = 0; k < section.expected.size() && !found; ++k) {
      const Expected& expected = section.expected[k];
      const std::string level = severity(d.kind) == Severity::error ? "error" : "warning";
      // An error at the end of the text is shown on its last line.
      const int shown = std::clamp(line, 1, std::max(1, static_cast<int>(section.lines.size())));
      found = !matched[k] && expected.line == shown && expected.level == level && expected.code == code(d.kind) &&
              d.message.find(expected.message) != std::string::npos;
      if (found) matched[k] = true;
    }
    CHECK(found);
  }
  for (size_t k = 0; k < section.expected.size(); ++k) {
    INFO("not reported, line " << section.expected[k].line << ": " << section.expected[k].code << ": "
                               << section.expected[k].message);
    CHECK(matched[k]);
  }
}

}  // namespace

TEST_CASE("every wrong model gets exactly its errors, each at its place") {
  size_t models = 0;
  for (const fs::path& path : test::files_in(wrong_folder, ".alea")) {
    std::string blessed;
    const std::string text = test::read_text(path);
    blessed = text.substr(0, text.find("#### "));
    for (const Section& section : read_sections(text)) {
      std::string model;
      for (const std::string& line : section.lines) model += line + "\n";
      SourceMap sources;
      const auto reported =
          diagnose(model, options_of(section.heading), section.heading.find("--compile") != std::string::npos, sources);
      ++models;
      INFO(path.filename().string() << " " << section.heading);
      if (test::blessing()) {
        blessed += bless(section, reported, sources) + "\n";
      } else {
        CHECK(!section.expected.empty());
        check_section(section, reported, sources);
      }
    }
    while (blessed.ends_with("\n\n")) blessed.pop_back();
    if (test::blessing()) test::write_text(path, blessed);
  }
  CHECK(models >= 150);
}

TEST_CASE("every kind of diagnostic has a wrong model that shows it") {
  std::set<std::string> shown;
  for (const fs::path& path : test::files_in(wrong_folder, ".alea"))
    for (const Section& section : read_sections(test::read_text(path)))
      for (const Expected& expected : section.expected) shown.insert(expected.code);
  // Models that are too large to be written down are made by the tests of hostile files; programs are no models.
  std::string made;
  for (const char* file : {"files_hostile.cpp", "tool_programs.cpp"})
    made += test::read_text(fs::path(ALEA_SOURCE_DIR) / "tests" / "unit" / file);
  for (const char* name : {
#define DIAGNOSTIC(name, severity, text) #name,
#include "dsl/diagnostics.def"
#undef DIAGNOSTIC
       }) {
    INFO(name);
    CHECK((shown.contains(name) || made.find(fmt::format("\"{}\"", name)) != std::string::npos));
  }
}
