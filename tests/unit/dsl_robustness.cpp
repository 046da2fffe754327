// Nothing that a file holds may crash the parser, hang it, or make it use unbounded memory.
#include <catch2/catch.hpp>
#include <random>

#include "tests/unit/dsl_samples.h"

using namespace alea;
using test::parsed;

namespace {

std::string repeat(const std::string& text, int count) {
  std::string result;
  result.reserve(text.size() * static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) result += text;
  return result;
}

bool reports_only(const test::Parsed& model, const std::string& wanted) {
  const auto all = model.diagnostics.sorted();
  for (const auto& diagnostic : all)
    if (code(diagnostic.kind) != wanted) return false;
  return !all.empty();
}

constexpr int many = 100'000;

}  // namespace

TEST_CASE("nesting without bound is refused") {
  for (const std::string& text :
       {"const a = " + repeat("(", many) + "1" + repeat(")", many), "const a = " + repeat("(", many),
        "const a = " + repeat("[", many), "const a = " + repeat("a[", many), "const a = " + repeat("f(", many),
        "const a = " + repeat("if ", many), "const a = " + repeat("if true then ", many), "param a: " + repeat("[", many),
        repeat("fn f() {", many), "fn f() {" + repeat("for i in 0..1 {", many)}) {
    INFO(text.substr(0, 40));
    CHECK(reports_only(parsed(text), "nesting_too_deep"));
  }
}

TEST_CASE("rows of signs, powers and indices without bound are refused") {
  for (const std::string& text : {"const a = " + repeat("-", many) + "1", "const a = " + repeat("not ", many) + "true",
                                  "const a = " + repeat("1^", many) + "1", "const a = a" + repeat("[0]", many),
                                  "const a = a" + repeat("()", many), "const a = a" + repeat(".b", many)}) {
    INFO(text.substr(0, 40));
    CHECK(reports_only(parsed(text), "chain_too_long"));
  }
  CHECK(!parsed("const a = " + repeat("1<", many) + "1").diagnostics.has_errors());  // one comparison, not nested
}

TEST_CASE("rows of operators and of else if have no bound of their own") {
  for (const std::string& text :
       {"const a = " + repeat("1+", many) + "1", "const a = " + repeat("1*2-", many) + "1",
        "const a = " + repeat("true and ", many) + "false", "const a = " + repeat("if true then 1 else ", many) + "1",
        "const a = (" + repeat("1+", 10'000) + "1) * (" + repeat("if false then 2 else ", 10'000) + "3)"}) {
    INFO(text.substr(0, 40));
    const auto model = parsed(text);
    CHECK(!model.diagnostics.has_errors());
    CHECK(model.tree().size() < 100 * text.size());
    const std::string once = test::formatted(model);
    CHECK(test::formatted(parsed(once)) == once);
  }
}

TEST_CASE("nesting within the bound is read, and the tree is no deeper than promised") {
  for (const std::string& text :
       {"const a = " + repeat("(", 250) + "1" + repeat(")", 250), "const a = " + repeat("[", 250) + "1" + repeat("]", 250),
        "const a = " + repeat("f(1, ", 250) + "1" + repeat(")", 250), "const a = " + repeat("-", 250) + "1",
        "const a = " + repeat("1+", 250) + "1", "const a = " + repeat("if true then 1 else ", 250) + "1",
        "fn f() {" + repeat("for i in 0..1 {", 250) + repeat("}", 250) + " return 1 }"}) {
    const auto model = parsed(text);
    INFO(text.substr(0, 40) << "\n" << model.reports());
    CHECK(!model.diagnostics.has_errors());
  }
  // Each part is within the bound, the whole is not.
  CHECK(reports_only(parsed("const a = " + repeat("(1+", 200) + repeat("-", 200) + "1" + repeat(")", 200)), "chain_too_long"));
}

TEST_CASE("a file that is too large is refused before it is read") {
  CHECK(reports_only(parsed(std::string(max_source_bytes + 1, 'x')), "source_too_large"));
  CHECK(!parsed("#" + std::string(max_source_bytes - 1, 'x')).diagnostics.has_errors());
}

TEST_CASE("large files within the bound are read in linear time") {
  CHECK(parsed(repeat("const a = 1\n", 100'000)).file.items.size() == 100'000);
  CHECK(!parsed("const a = [" + repeat("1,", 300'000) + "1]").diagnostics.has_errors());
  CHECK(!parsed("const " + repeat("a", 1'000'000) + " = 1").diagnostics.has_errors());
  CHECK(reports_only(parsed("const a = " + repeat("1", 1'000'000)), "number_too_large"));
}

TEST_CASE("errors are counted, not collected without end") {
  for (const std::string& text :
       {repeat("'a' ", many), repeat("const 1\n", many), repeat("graph g {\n", many), repeat("\xFF", many),
        "graph a {\n" + repeat(" x = f(\n", many), repeat(")", many), repeat("}", many), repeat("{", many), repeat("a' ", many),
        std::string(many, '\0'), repeat("\"", many), repeat("import ", many)}) {
    const auto model = parsed(text);
    INFO(text.substr(0, 40));
    CHECK(model.diagnostics.sorted().size() <= Diagnostics::limit + 2);
    CHECK(model.reports().size() < 200'000);
  }
}

TEST_CASE("random bytes and random words") {
  std::mt19937 random(7);
  const std::vector<std::string> words = {"const",  "a",    "=",     "(",    ")",   "{",   "}",      "if",     "then", "else",
                                          "graph",  "1",    "+",     "[",    "]",   "~",   "fn",     "for",    "in",   "..",
                                          ",",      ":",    "not",   "-",    "^",   "#\n", "\n",     "\"",     ".",    "'",
                                          "return", "cost", "param", "real", "th'", "mdp", "policy", "module", "dist", "call"};
  for (int round = 0; round < 300; ++round) {
    std::string bytes, text;
    for (int i = 0; i < 200; ++i) bytes += static_cast<char>(random() % 256);
    for (int i = 0; i < 100; ++i) text += words[random() % words.size()] + " ";
    for (const auto& each : {bytes, text, "graph g {" + text, "fn f() { " + text, "dist d() { " + text}) {
      const auto model = parsed(each);
      if (!model.diagnostics.has_errors()) test::formatted(model);
      model.reports();
      model.tree();
    }
  }
}

TEST_CASE("every beginning of a model is read without harm") {
  for (const auto& sample : test::samples)
    for (size_t length = 0; length < sample.size(); length += 3) parsed(sample.substr(0, length)).reports();
}
