// Places, diagnostics, their rendering, and the names of types.
#include <catch2/catch.hpp>

#include "dsl/diagnostic.h"
#include "dsl/type.h"

using namespace alea;

TEST_CASE("a place is a line and a column in characters") {
  const SourceFile file("f", "ab\nθx\r\n\nlast");
  CHECK(file.position(0).line == 1);
  CHECK(file.position(0).column == 1);
  CHECK(file.position(2).column == 3);  // the newline belongs to its line
  CHECK(file.position(5).line == 2);
  CHECK(file.position(5).column == 2);
  CHECK(file.position(99).line == 4);
  CHECK(file.position(99).column == 5);
  CHECK(file.line(2) == "θx");
  CHECK(file.line(3).empty());
  CHECK(file.line(4) == "last");
  CHECK(file.line(0).empty());
  CHECK(file.line(5).empty());
}

TEST_CASE("a byte order mark has no column") {
  const SourceFile file("f",
                        "\xEF\xBB\xBF"
                        "ab");
  CHECK(file.position(3).column == 1);
  CHECK(file.position(4).column == 2);
}

TEST_CASE("a diagnostic shows its line, a caret range and its hint") {
  SourceMap sources;
  const SourceId id = sources.add("m.alea", "graph g {\n\tcost thet + θθ\n}\n");
  Diagnostics diagnostics;
  diagnostics.report(DiagnosticKind::unknown_name, Span{id, 16, 20}, {"thet"}, "did you mean `theta`?");
  CHECK(diagnostics.has_errors());
  CHECK(render(diagnostics.sorted()[0], sources, false) ==
        "m.alea:2:7: error: unknown name `thet`\n"
        "   cost thet + θθ\n"
        "        ^~~~\n"
        "  hint: did you mean `theta`?\n");
  CHECK(render(diagnostics.sorted()[0], sources, true).find("\x1b[") != std::string::npos);
}

TEST_CASE("what is rendered is printable whatever the source holds") {
  SourceMap sources;
  const SourceId id = sources.add("m", std::string("a\0b\x1b[31m\xFF\xC3 c", 13));
  Diagnostics diagnostics;
  diagnostics.report(DiagnosticKind::unknown_name, Span{id, 12, 13}, {"\x1b[2J"});
  const std::string text = render(diagnostics.sorted()[0], sources, false);
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(text.find('\0') == std::string::npos);
  CHECK(text.find('\xFF') == std::string::npos);
}

TEST_CASE("a range over several lines ends with its first line, a long line is cut around its place") {
  SourceMap sources;
  const SourceId id = sources.add("m", "ab cd\nef");
  Diagnostics diagnostics;
  diagnostics.report(DiagnosticKind::unknown_name, Span{id, 3, 8}, {"x"});
  CHECK(render(diagnostics.sorted()[0], sources, false) == "m:1:4: error: unknown name `x`\n  ab cd\n     ^~\n");

  const SourceId wide = sources.add("w", std::string(1000000, 'a') + " b " + std::string(1000000, 'c'));
  Diagnostics others;
  others.report(DiagnosticKind::unknown_name, Span{wide, 1000001, 1000002}, {"b"});
  const std::string text = render(others.sorted()[0], sources, false);
  CHECK(text.size() < 600);
  CHECK(text.find("…") != std::string::npos);
  CHECK(text.find(" b ") != std::string::npos);
}

TEST_CASE("a diagnostic without a place has only its message") {
  SourceMap sources;
  Diagnostics diagnostics;
  diagnostics.report(DiagnosticKind::unknown_name, Span{}, {"x"});
  CHECK(render(diagnostics.sorted()[0], sources, false) == "error: unknown name `x`\n");
}

TEST_CASE("diagnostics come in the order of their places, each once") {
  SourceMap sources;
  const SourceId id = sources.add("m", "abc");
  Diagnostics diagnostics;
  for (const uint32_t place : {2u, 0u, 2u, 1u})
    diagnostics.report(DiagnosticKind::unknown_name, Span{id, place, place + 1}, {"x"});
  const auto sorted = diagnostics.sorted();
  REQUIRE(sorted.size() == 3);
  CHECK(sorted[0].span.begin == 0);
  CHECK(sorted[2].span.begin == 2);
  CHECK(diagnostics.error_count() == 4);
  CHECK(code(sorted[0].kind) == "unknown_name");
}

TEST_CASE("the nearest name") {
  CHECK(nearest("thet", {"beta", "theta", "x"}) == "theta");
  CHECK(nearest("log_sdt", {"log_std", "log"}) == "log_std");
  CHECK(nearest("x", {"y", "z"}).empty());
  CHECK(nearest("abc", {"xyz", ""}).empty());
  CHECK(nearest("", {"a"}).empty());
}

TEST_CASE("our own mistakes are thrown") {
  CHECK_THROWS_AS(internal_error("a test of internal errors, all is well"), InternalError);
}

TEST_CASE("types as the language writes them") {
  CHECK(to_string(Type{}) == "real");
  CHECK(to_string(Type{Scalar::integer, 0, {3, 4}}) == "int[3, 4]");
  CHECK(to_string(Type{Scalar::category, 5, {}}) == "cat(5)");
  CHECK(to_string(Type{Scalar::boolean, 0, {2}}) == "bool[2]");
  CHECK(to_string(Shape{3, 4}) == "[3, 4]");
  CHECK(element_count({}) == 1);
  CHECK(element_count({3, 4}) == 12);
}
