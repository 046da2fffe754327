// The canonical layout: what it looks like, that it keeps the tree and the comments, and that it is a fixed point.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "tests/unit/dsl_samples.h"

using namespace alea;
using test::formatted;
using test::parsed;

namespace {

std::string layout(const std::string& text) {
  const auto model = parsed(text);
  INFO(text << "\n" << model.reports());
  REQUIRE(!model.diagnostics.has_errors());
  return formatted(model);
}

// Formats a text that parses, and checks all that must hold.
void check_layout(const std::string& text) {
  const auto model = parsed(text);
  if (model.diagnostics.has_errors()) return;
  const std::string once = formatted(model);
  const auto again = parsed(once);
  INFO(text << "\n----\n" << once << "\n----\n" << again.reports());
  REQUIRE(!again.diagnostics.has_errors());
  CHECK(again.tree() == model.tree());
  CHECK(formatted(again) == once);
  CHECK(std::count(once.begin(), once.end(), '#') == std::count(text.begin(), text.end(), '#'));
}

std::vector<std::string> shipped_models() {
  std::vector<std::string> result = test::samples;
  for (const char* folder : {"stdlib", "examples"}) {
    const auto path = std::filesystem::path(ALEA_SOURCE_DIR) / folder;
    if (!std::filesystem::exists(path)) continue;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
      if (entry.path().extension() != ".alea") continue;
      std::ostringstream text;
      text << std::ifstream(entry.path()).rdbuf();
      result.push_back(text.str());
    }
  }
  std::ifstream page(std::filesystem::path(ALEA_SOURCE_DIR) / "docs/language.md");
  std::string snippet;
  bool inside = false;
  for (std::string line; std::getline(page, line);) {
    if (inside && line == "```") {
      result.push_back(snippet);
      inside = false;
    } else if (line == "```alea") {
      snippet.clear();
      inside = true;
    } else if (inside) {
      snippet += line + "\n";
    }
  }
  return result;
}

}  // namespace

TEST_CASE("the samples are in the canonical layout") {
  for (const auto& sample : test::samples) CHECK(layout(sample) == sample);
}

TEST_CASE("air around operators shows precedence") {
  CHECK(layout("const x=a*b") == "const x = a * b\n");
  CHECK(layout("const x = a * b+c ^ 2") == "const x = a*b + c^2\n");
  CHECK(layout("const x = f( a * b ,c=d )[ i+1 , 1 : n - 1]") == "const x = f(a*b, c = d)[i + 1, 1:n-1]\n");
  CHECK(layout("const x = - ( a+b )*c<d  and not e") == "const x = -(a + b)*c < d and not e\n");
  CHECK(layout("const x = (a)") == "const x = a\n");
  CHECK(layout("const x = W@y + (b)") == "const x = W @ y + (b)\n");
  CHECK(layout("const x = [ i*2 for i in 0 .. n - 1 ]") == "const x = [i*2 for i in 0..n-1]\n");
}

TEST_CASE("numbers keep their spelling, parentheses around operands stay") {
  CHECK(layout("const x = 1_000 + 1E5 + 0.50") == "const x = 1_000 + 1E5 + 0.50\n");
  CHECK(layout("const x = (1 - a) + ((b))") == "const x = (1 - a) + (b)\n");
  CHECK(layout("const x = 1 .y") == "const x = (1).y\n");
}

TEST_CASE("comments and single blank lines stay") {
  CHECK(layout("# first\n\n\n\nconst a = 1 # one\nconst bb = 2   # two\n\n\n# last\n") ==
        "# first\n\nconst a = 1   # one\nconst bb = 2  # two\n\n# last\n");
  CHECK(layout("graph g { # head\n\n  # own\n  x = 1 ; y = 2 # y\n  # end\n} # tail") ==
        "graph g {  # head\n  # own\n  x = 1\n  y = 2  # y\n  # end\n}  # tail\n");
  CHECK(layout("graph g {\n# nothing yet\n}") == "graph g {\n  # nothing yet\n}\n");
}

TEST_CASE("a statement with a comment inside keeps its lines") {
  CHECK(layout("graph g {\n    x = f(a, # one\n          b)\n}") == "graph g {\n  x = f(a, # one\n        b)\n}\n");
}

TEST_CASE("blocks stand apart, functions take their shortest form") {
  CHECK(layout("const a = 1 graph g { cost 1 } graph h {} const b = 2") ==
        "const a = 1\n\ngraph g {\n  cost 1\n}\n\ngraph h {}\n\nconst b = 2\n");
  CHECK(layout("fn f(x) { return x }") == "fn f(x) = x\n");
  CHECK(layout("fn f(x) { # why\n return x }") == "fn f(x) {  # why\n  return x\n}\n");
  CHECK(layout("fn f(x) { for i in 0..3\n{ x = i }\n return (x) }") == "fn f(x) {\n  for i in 0..3 { x = i }\n  return x\n}\n");
}

TEST_CASE("long statements are broken, matrices by rows") {
  const std::string name(40, 'a');
  CHECK(layout("const x = " + name + " + " + name + " + " + name) ==
        "const x = " + name + "\n    + " + name + "\n    + " + name + "\n");
  CHECK(layout("const x = [[1, 2],\n[3, 4]]") == "const x = [[1, 2],\n           [3, 4]]\n");
  CHECK(layout("const x = [[1, 2], [3, 4]]") == "const x = [[1, 2], [3, 4]]\n");
  for (const std::string& text :
       {"const x = if " + name + " then " + name + " else if " + name + " then " + name + " else " + name,
        "const x = f(" + name + ", " + name + ", b = g(" + name + ", " + name + "))"}) {
    std::istringstream lines(layout(text));
    for (std::string line; std::getline(lines, line);) CHECK(line.size() <= 110);
    check_layout(text);
  }
}

TEST_CASE("what ships formats to a fixed point with the same tree") {
  for (const auto& model : shipped_models()) check_layout(model);
}

TEST_CASE("deep models format in linear time") {
  const auto repeat = [](const std::string& text, int count) {
    std::string result;
    for (int i = 0; i < count; ++i) result += text;
    return result;
  };
  check_layout("fn f() {" + repeat("for i in 0..1 {", 200) + repeat("}", 200) + " return 1 }");
  check_layout("fn f() {" + repeat("for i in 0..1 {", 200) + "x = 1" + repeat("}", 200) + " return 1 }");
  check_layout("const x = " + repeat("f(", 200) + "1" + repeat(", 2)", 200));
  check_layout("const x = " + repeat("if a then ", 200) + "1" + repeat(" else 2", 200));
  check_layout("const x = " + repeat("[", 200) + "1" + repeat(" for i in 0..2]", 200));
}

TEST_CASE("mutated models never crash the front, and format to a fixed point where they parse") {
  const std::vector<std::string> seeds = shipped_models();
  const std::vector<std::string> words = {
      "(",     ")",       "[",     "]",    "{",      "}",  "=",   "~",        ":",       ",",        "..",      "for i in 0..3",
      "if",    "then",    "else",  "not ", "-",      "^",  "+",   "*",        " and ",   "# c\n",    "\n",      "\n\n",
      "\"s\"", "th'",     "const", "cost", "return", "by", "1.5", "observe ", "sample ", "support ", "entropy", "(a)",
      "; ",    "# k\n  ", "\t",    "\r\n", "param",  "in", "@",   "=="};
  std::mt19937 random(1);
  const auto below = [&random](size_t limit) { return random() % limit; };
  for (int round = 0; round < 1500; ++round) {
    std::string text = seeds[below(seeds.size())];
    for (size_t edits = 1 + below(4); edits > 0; --edits) {
      const size_t place = below(text.size() + 1);
      switch (below(4)) {
        case 0: text.insert(place, words[below(words.size())]); break;
        case 1: text.erase(place, below(6)); break;
        case 2:
          if (place < text.size()) text[place] = static_cast<char>(below(256));
          break;
        default: text.insert(place, text.substr(below(text.size() + 1), below(30)));
      }
    }
    const std::string reports = parsed(text).reports();
    INFO(reports);
    CHECK(reports.find("5boost") == std::string::npos);  // a parser without a name for people
    check_layout(text);
  }
}
