// Whatever a file holds: no crash, no hang, bounded memory, and an error that says what is wrong.
#include <catch2/catch.hpp>
#include <chrono>

#include "check_support.h"

using namespace alea;
using namespace alea::test;

namespace {

struct Timed {
  std::string codes;
  double seconds;
};

Timed timed(const std::string& text) {
  const auto begin = std::chrono::steady_clock::now();
  const auto checked = check_file_text(text);
  return {checked->codes(), std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count()};
}

void refuses(const std::string& text, const std::string& wanted, double limit = 5) {
  const Timed t = timed(text);
  INFO(text.substr(0, 200) << "\n" << t.codes << " after " << t.seconds << " s");
  CHECK(t.codes.find(wanted) != std::string::npos);
  CHECK(t.seconds < limit);
}

}  // namespace

TEST_CASE("huge things are refused at once") {
  refuses("graph g { param a: real[1000000000] cost a }", "extent_too_large", 1);
  refuses("graph g { param a: real[100000, 100000] cost a }", "extent_too_large", 1);
  refuses("graph g { param a: real[3000000000, 3000000000, 3000000000] cost a }", "extent_too_large", 1);
  refuses("graph g { cost sum(i for i in 0..1000000000) }", "comprehension_too_long", 1);
  refuses("graph g { x = [[i + j for i in 0..10000] for j in 0..10000] cost x }", "extent_too_large", 1);
  refuses("graph g { x = zeros(100000, 100000) cost x }", "extent_too_large", 1);
  refuses("graph g { param a: real[10000] cost outer(a, a) @ a }", "extent_too_large", 1);
  refuses("graph g { x ~ categorical(zeros(1000000000)) cost x }", "extent_too_large", 1);
  refuses("graph g { x: cat(1000000000) = 0 cost x }", "bad_categories", 1);
  refuses("mdp m { horizon 1000000000000 cost 1 }", "bad_horizon", 1);
  refuses("import std.nn graph g { param f: linear(100000, 100000) cost 1 }", "extent_too_large", 1);
  refuses("import std.nn graph g { param f: [linear(1, 1) for i in 0..1000000] cost 1 }", "unrolled_too_long", 1);
  refuses("fn f(x) { for i in 0..1000000000 { x = x + 1 } return x } graph g { cost f(1) }", "unrolled_too_long", 1);
  refuses("graph g { x = [zeros(i)[0] for i in 1..1000000] cost x }", "unrolled_too_long", 1);
  refuses("graph g { x = 2^100 cost x }", "integer_overflow", 1);
  refuses("graph g { x = reshape([1, 2], [4000000000, 4000000000]) cost x }", "reshape_count", 1);
}

TEST_CASE("copies without end are stopped") {
  std::string doubling = "fn f0(x) = sin(x)\n";
  for (int i = 1; i < 60; ++i)
    doubling += "fn f" + std::to_string(i) + "(x) = f" + std::to_string(i - 1) + "(x + " + std::to_string(i) + ") * f" +
                std::to_string(i - 1) + "(x)\n";
  refuses(doubling + "graph g { param a: real cost f59(a) }", "model_too_large", 60);
  std::string nested =
      "fn f(x) { for i in 0..1000 { for j in 0..1000 { for k in 0..1000 { x = sin(x) } } } return x } graph g { param a: real "
      "cost f(a) }";
  refuses(nested, "model_too_large", 60);
}

TEST_CASE("long chains of definitions and calls are cut, not overflowed") {
  std::string chain = "graph g {\n";
  for (int i = 0; i < 3000; ++i) chain += "x" + std::to_string(i) + " = x" + std::to_string(i + 1) + " + 1\n";
  chain += "x3000 = 1 cost x0 }";
  const Timed t = timed(chain);
  CHECK(t.seconds < 20);
  std::string calls = "fn f0(x) = x\n";
  for (int i = 1; i < 500; ++i) calls += "fn f" + std::to_string(i) + "(x) = f" + std::to_string(i - 1) + "(x) + 1\n";
  refuses(calls + "graph g { cost f499(1) }", "calls_too_deep");
  // In order, a long chain is fine.
  std::string forward = "graph g {\nparam x0: real\n";
  for (int i = 0; i < 3000; ++i) forward += "x" + std::to_string(i + 1) + " = x" + std::to_string(i) + " + 1\n";
  CHECK(timed(forward + "cost x3000 }").codes == "");
}

TEST_CASE("odd but short texts end with a report") {
  for (const std::string text : {"graph g { cost [] }",
                                 "graph g { cost min([]) }",
                                 "graph g { cost \"text\" }",
                                 "graph g { x = x }",
                                 "graph g { cost sum }",
                                 "graph g { const n = n cost n }",
                                 "graph g { param a: real[a] cost a }",
                                 "graph g { fn f(x) = g(x) cost f(1) }",
                                 "mdp m { }",
                                 "policy p for q { }",
                                 "instance i of i { }",
                                 "graph g { x ~ x(1) cost x }",
                                 "dist d() { sample d } graph g { x ~ d() cost x }",
                                 "module m() { call(x) = m } graph g { param f: m() cost f(1) }",
                                 "graph g { cost normal.kl }",
                                 "graph g { cost normal.kl() }",
                                 "graph g { cost pi.x }",
                                 "graph g { cost time }",
                                 "graph g { x = y' cost x }",
                                 "graph g { cost max(i for i in 0..0) }",
                                 "graph g { cost [i for i in 0..3][i] }",
                                 "graph g { cost if [true] then 1 else [2, 3] }",
                                 "graph g { let [a] = a cost a }",
                                 "fn f(f) = f(f) graph g { cost f(f) }",
                                 "mdp m { horizon horizon_ cost 1 }",
                                 "mdp m { horizon 3 state s: real = s' s' = s cost s }",
                                 "mdp m { horizon 3 action u: real in [u, u] cost u } policy p for m { u = u }",
                                 "graph g { cost onehot(true) @ onehot(3, 2) }",
                                 "graph g { cost [[1, 2], [3]] }",
                                 "graph g { x: cat(0) = 0 cost x }",
                                 "graph g { x: real[-1] = 0 cost x }",
                                 "graph g { cost solve([[0.0]], [1.0]) }",
                                 "graph g { cost cholesky([[-1.0]]) }",
                                 "graph g { x = 1 // (1 - 1) cost x }"}) {
    const Timed t = timed(text);
    INFO(text << "\n" << t.codes);
    CHECK(t.seconds < 2);
  }
}

TEST_CASE("several errors in one run, each at its place") {
  const auto checked =
      check_file_text("graph g {\n  a = zip\n  b = [1, 2] + [1, 2, 3]\n  c: int = 0.5\n  d = a + b + c\n  cost d\n}\n");
  CHECK(checked->codes() == "unknown_name shape_mismatch type_mismatch");
  CHECK(checked->text().find("model.alea:3:7: error: `+`: shapes [2] and [3] differ") != std::string::npos);
  CHECK(checked->text().find("^~~~~~~~~~~~~~~~~~") != std::string::npos);
}

TEST_CASE("an error inside the standard library is shown at the call") {
  const auto checked = check_graph_text("param a: real[2] param b: real[3] y = hypot(a, b) cost y");
  CHECK(checked->codes() == "shape_mismatch");
  CHECK(checked->text().find("model.alea:2:") != std::string::npos);
  CHECK(checked->text().find("hypot") != std::string::npos);
}
