// Every kind of syntax error: where it is shown, what it says, and that the errors after it are found too.
#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "tests/unit/dsl_samples.h"

using namespace alea;
using test::parsed;

namespace {

// "line:column-end_column code | message | hint" for each error; columns count characters.
std::vector<std::string> errors(const std::string& text) {
  const auto model = parsed(text);
  std::vector<std::string> result;
  for (const auto& d : model.diagnostics.sorted()) {
    const auto begin = model.sources[d.span.source].position(d.span.begin);
    const auto end = model.sources[d.span.source].position(d.span.end);
    result.push_back(fmt::format("{}:{}-{} {} | {} | {}", begin.line, begin.column, end.column, code(d.kind), d.message, d.hint));
  }
  return result;
}

// One error, at `place`, of the kind, whose message and hint contain the words.
void check_one(const std::string& text, const std::string& place, const std::string& kind, const std::string& words = "") {
  const auto all = errors(text);
  INFO(text << "\n" << parsed(text).reports());
  REQUIRE(all.size() == 1);
  CHECK(all[0].substr(0, all[0].find(" |")) == place + " " + kind);
  CHECK(all[0].find(words) != std::string::npos);
}

}  // namespace

TEST_CASE("errors in the text itself") {
  check_one("const a = 1 \xFF", "1:13-14", "invalid_utf8", "0xFF");
  check_one("# \xC3\n", "1:3-4", "invalid_utf8", "0xC3");
  check_one(std::string("const a = 1 \0 \n", 15), "1:13-14", "control_character", "0x00");
  check_one(
      "const a =\xC2\xA0"
      "1",
      "1:10-11", "invisible_character", "U+00A0");
  check_one("const a = 1 ?", "1:13-14", "stray_character", "if c then a else b");
  check_one("const a = 1 $", "1:13-14", "stray_character", "`$`");
  check_one("const a = 1 – 2", "1:13-14", "stray_character", "write `-`");
  check_one("mdp m { a'' = 1 }", "1:11-12", "stray_prime", "one prime");
  check_one("mdp m { a ' = 1 }", "1:11-12", "stray_prime", "without a space");
  check_one("const a = 'b'", "1:11-14", "single_quoted_string", "double quotes");
  check_one("const a = \"b\nconst c = 1", "1:11-13", "unterminated_string", "on the same line");
  check_one("const a = 1.", "1:11-13", "real_needs_digits", "write `1.0`");
  check_one("const a = .5", "1:11-13", "real_needs_digits", "write `0.5`");
  check_one("const a = 1.e5", "1:11-15", "real_needs_digits", "write `1.0e5`");
  check_one("const a = 12abc", "1:11-16", "malformed_number", "`12abc`");
  check_one("const a = 0x1F", "1:11-15", "malformed_number", "decimal");
  check_one("const a = 1__0", "1:11-15", "malformed_number");
  check_one("const a = 1_", "1:11-13", "malformed_number");
  check_one("const a = 2e-", "1:11-14", "malformed_number");
  check_one("const a = 1e999", "1:11-16", "number_too_large", "`inf`");
  check_one("const a = 9007199254740993000", "1:11-30", "integer_too_large", "2^53");
  check_one("const a = b ** 2", "1:13-15", "double_star", "`^`");
  check_one("const a = b && c", "1:13-15", "c_style_and", "`and`");
  check_one("const a = b || c", "1:13-15", "c_style_or", "`or`");
  check_one("const a = !b", "1:11-12", "c_style_not", "`not`");
  check_one("const a := b", "1:9-11", "colon_equals", "`=`");
  check_one("const a <- b", "1:9-11", "left_arrow", "`~`");
  check_one("const a = b <> c", "1:13-15", "angle_not_equal", "`!=`");
  check_one("fn f(x) { x += 1 return x }", "1:13-15", "compound_assignment", "x = x +");
  CHECK(errors("const a = b => c")[0].find("fat_arrow") != std::string::npos);
}

TEST_CASE("something else was expected") {
  check_one("const = 1", "1:7-8", "unexpected_token", "expected a name after `const`, found `=`");
  check_one("const a = = 1", "1:11-12", "unexpected_token", "expected an expression after `=`, found `=`");
  check_one("const a = 1 +\nconst b = 1", "1:13-14", "unexpected_token", "expected an expression after `+`, found `const`");
  check_one("const a = 1 +", "1:13-14", "unexpected_token", "found the end of the file");
  check_one("const a = [1, 2, ]", "1:18-19", "unexpected_token", "remove the comma");
  check_one("const a = f(b c)", "1:15-16", "unexpected_token", "expected `,` or `)` after `b`");
  check_one("graph g { x ~ normal\n}", "1:15-21", "unexpected_token", "~ normal(0, 1)");
  check_one("param a = 1", "1:9-10", "unexpected_token", "expected `:` and a type or a module");
  check_one("graph g { y = 2 x }", "1:17-18", "unexpected_token", "product");
  check_one("graph g { a = b = c }", "1:17-18", "unexpected_token", "a statement defines one name");
  check_one("graph g {\n  cosd x = 1\n}", "2:3-7", "unexpected_token", "did you mean `cost`?");
  check_one("graph g {\n  a[0] = 1\n}", "2:4-5", "unexpected_token", "whole value");
  check_one("fn f() { for i in 0:3 { } return 1 }", "1:20-21", "unexpected_token", "low..high");
  check_one("policy p of m { }", "1:10-12", "unexpected_token", "`for` and the mdp's name");
  check_one("graph 3 { cost 1 }", "1:7-8", "unexpected_token", "expected a name after `graph`");
  check_one("graph g { x ~ f([1] for i in 0..3) }", "1:21-24", "unexpected_token", "write a list");
}

TEST_CASE("common mistakes have messages of their own") {
  check_one("const a == 1", "1:9-11", "double_equals", "write `=`");
  check_one("graph g {\n  y == 4\n}", "2:5-7", "double_equals");
  check_one("const cost = 1", "1:7-11", "reserved_name", "`cost_`");
  check_one("learner x", "1:1-8", "reserved_name");
  check_one("param p': real", "1:7-9", "misplaced_prime", "write `p`");
  check_one("param p: float = 1", "1:10-15", "unknown_type", "did you mean `real`?");
  check_one("input p: rael", "1:10-14", "unknown_type", "did you mean `real`?");
  check_one("graph g {\n  z ~ normal(0, 1\n  w = 3\n}", "2:13-14", "unclosed_bracket", "expected `)` before `w`");
  check_one("const a = (1 + 2", "1:11-12", "unclosed_bracket", "the end of the file");
  check_one("graph g {\n  x = [1, 2\n}", "2:7-8", "unclosed_bracket", "`]`");
  check_one("graph g {\n  cost 1\n", "1:9-10", "unclosed_block", "the end of the file");
  check_one("mdp g {\n  horizon 1\ngraph h { cost 1 }", "1:7-8", "unclosed_block", "before `graph`");
  check_one("graph g { cost 1 }\n}", "2:1-2", "stray_closing");
  check_one("graph g { cost 1 ) }", "1:18-19", "stray_closing", "`)`");
  check_one("const a = if b then 1 elif c then 2 else 3", "1:23-27", "elif_word", "else if");
  check_one("const f = lambda x: x + 1", "1:11-17", "lambda", "fn f(x)");
  check_one("const f = x -> x", "1:13-15", "lambda");
  check_one("graph g {\n  if a then b else c\n}", "2:3-5", "if_statement");
  check_one("graph g { cost a if b else c }", "1:18-20", "python_conditional", "if c then a else b");
  check_one("const a = if b 1 else 2", "1:11-13", "missing_then", "found `1`");
  check_one("const a = if b then 1\nconst c = 1", "1:11-13", "missing_else", "found `const`");
  check_one("const a = 1 + if b then c else d", "1:15-17", "if_needs_parentheses", "after `+`");
  check_one("const a = b == not c", "1:16-19", "not_needs_parentheses", "after `==`");
  check_one("const a = - not c", "1:13-16", "not_needs_parentheses", "after `-`");
}

TEST_CASE("statements stand where they belong") {
  check_one("cost 1", "1:1-5", "misplaced_statement", "at the top of a file; it belongs in a graph, an mdp or a policy");
  check_one("x = 1", "1:1-2", "misplaced_statement", "const x =");
  check_one("x ~ n()", "1:1-2", "misplaced_statement", "`x ~ …`");
  check_one("graph g { horizon 1 }", "1:11-18", "misplaced_statement",
            "`horizon` in a graph; it belongs in an mdp or an instance");
  check_one("graph g { x' = 1 }", "1:11-13", "misplaced_statement", "`x' = …` in a graph");
  check_one("graph g { return 1 }", "1:11-17", "misplaced_statement", "a function's block");
  check_one("graph g { for i in 0..3 { x = 1 } }", "1:11-14", "misplaced_statement");
  check_one("graph g { sample 1 }", "1:11-17", "misplaced_statement", "in a distribution");
  check_one("graph g { state x: real = 1 }", "1:11-16", "misplaced_statement");
  check_one("graph g { call(x) = 1 }", "1:11-15", "misplaced_statement", "in a module");
  check_one("policy p for m { terminate 1 }", "1:18-27", "misplaced_statement");
  check_one("policy p for m { horizon 1 }", "1:18-25", "misplaced_statement");
  check_one("fn f() { cost 1 return 1 }", "1:10-14", "misplaced_statement", "in a function's block");
  check_one("fn f() { x ~ n() return 1 }", "1:10-11", "misplaced_statement");
  check_one("fn f() { for i in 0..1 { return 1 } return 1 }", "1:26-32", "misplaced_statement", "in a `for` block");
  check_one("dist d() { const k = 1 sample 1 }", "1:12-17", "misplaced_statement", "in a distribution");
  check_one("module m() { fn f() = 1 call() = 1 }", "1:14-16", "misplaced_statement");
  check_one("instance i of m { cost 1 }", "1:19-23", "misplaced_statement", "in an instance");
  check_one("instance i of m { a: real = 1 }", "1:22-26", "annotated_change");
  check_one("dist d() { sample 1 entropy: real = 1 }", "1:30-34", "typed_entropy");
}

TEST_CASE("blocks have what they need, once") {
  check_one("fn f(x) { y = x }", "1:17-18", "missing_return");
  check_one("fn f(x) { return x y = 2 }", "1:20-21", "statement_after_return", "`y = …`");
  check_one("dist d() { z ~ n() }", "1:6-7", "missing_sample", "`dist d`");
  check_one("module m() { const k = 1 }", "1:8-9", "missing_call", "`module m`");
  check_one("dist d() { sample 1 sample 2 }", "1:21-29", "repeated_clause", "second `sample` in a distribution");
  check_one("dist d() { sample 1 support real support real }", "1:34-46", "repeated_clause");
  check_one("dist d() { sample 1 logpdf(x) = 1 logpdf(x) = 1 }", "1:35-48", "repeated_clause");
  check_one("dist d() { sample 1 entropy = 1 entropy = 1 }", "1:33-44", "repeated_clause");
  check_one("module m() { call() = 1 call() = 2 }", "1:25-35", "repeated_clause");
  check_one("mdp m { horizon 1 horizon 2 }", "1:19-28", "repeated_clause");
  check_one("instance i of m { discount 1 discount 2 }", "1:30-40", "repeated_clause");
  // A statement that could not be read may have been the one that lacks.
  check_one("dist d() { sample = = }", "1:21-22", "unexpected_token");
  check_one("fn f() { return + }", "1:17-18", "unexpected_token");
}

TEST_CASE("several errors in one run, without followers") {
  const auto all = errors(R"(graph a {
  x = = 3
  y = f(1, 2
  const cost = 3
  z = if x then 3
  w = 2
  horizon 3
  cos x
  param p: flot = 3
  v = lambda x: x
  cost 1
}
graph {
  cost 1
}
fn f(x { return 3 }
mdp m {
  horizon 3
  th' = (1
}
)");
  std::vector<std::string> kinds;
  for (const auto& each : all) kinds.push_back(each.substr(0, each.find(" |")));
  CHECK(kinds == std::vector<std::string>{"2:7-8 unexpected_token", "3:8-9 unclosed_bracket", "4:9-13 reserved_name",
                                          "5:7-9 missing_else", "7:3-10 misplaced_statement", "8:3-6 unexpected_token",
                                          "9:12-16 unknown_type", "10:7-13 lambda", "13:7-8 unexpected_token",
                                          "16:5-6 unclosed_bracket", "19:9-10 unclosed_bracket"});
}

TEST_CASE("what could be read is in the tree") {
  const auto model = parsed("const a = 1\nconst b = =\nconst c = 2\ngraph g { x = 1 y = = z = 2 }\n");
  CHECK(model.diagnostics.error_count() == 2);
  CHECK(model.tree() == "const a\n  int 1\nconst c\n  int 2\ngraph g\n  define x\n    int 1\n");
}
