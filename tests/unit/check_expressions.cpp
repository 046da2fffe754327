// Section 4 of the language: types, promotion, shapes, operators, indices, comprehensions; both sides of each rule.
#include <catch2/catch.hpp>
#include <limits>
#include <numbers>

#include "check_support.h"

using namespace alea;
using namespace alea::test;

namespace {

// The value of a constant expression.
std::vector<double> value(const std::string& expression) {
  const auto checked = check_graph_text("const y = " + expression + "  x = y  cost 0.0");
  INFO(expression << "\n" << checked->text());
  REQUIRE(checked->model);
  return values_of(*checked->model, "x");
}

std::string type(const std::string& expression, const std::string& before = "") {
  const auto checked = check_graph_text(before + "\nx = " + expression + "  cost 0.0");
  if (!checked->model) return checked->codes();
  return to_string(type_of(*checked->model, "x"));
}

std::string error(const std::string& expression, const std::string& before = "") {
  return check_graph_text(before + "\nx = " + expression + "  cost 0.0")->codes();
}

}  // namespace

TEST_CASE("arithmetic on constants is exact and typed") {
  CHECK(value("2 + 3 * 4") == std::vector<double>{14});
  CHECK(value("-2^2") == std::vector<double>{-4});
  CHECK(value("2^-1") == std::vector<double>{0.5});
  CHECK(value("7 // 2") == std::vector<double>{3});
  CHECK(value("-7 // 2") == std::vector<double>{-4});
  CHECK(value("-7 % 3") == std::vector<double>{2});
  CHECK(value("7.5 % 2") == std::vector<double>{1.5});
  CHECK(value("7 / 2") == std::vector<double>{3.5});
  CHECK(value("[1, 2] @ [3, 4]") == std::vector<double>{11});
  CHECK(value("[[1, 2], [3, 4]] @ [1, 1]") == std::vector<double>{3, 7});
  CHECK(value("0 < 1 <= 1") == std::vector<double>{1});
  CHECK(value("if 2 > 1 then 5 else 6") == std::vector<double>{5});
  CHECK(value("true + true") == std::vector<double>{2});
  CHECK(value("pi")[0] == std::numbers::pi);
  CHECK(value("-inf")[0] == -std::numeric_limits<double>::infinity());
}

TEST_CASE("kinds of numbers are promoted, never cut") {
  CHECK(type("1 + 2") == "int");
  CHECK(type("1 / 2") == "real");
  CHECK(type("1 + 0.5") == "real");
  CHECK(type("2 ^ 3") == "int");
  CHECK(type("2 ^ -3") == "real");
  CHECK(type("true * 2") == "int");
  CHECK(type("[1, 0.5]") == "real[2]");
  CHECK(type("[true, 2]") == "int[2]");
  CHECK(type("sum([true, false])") == "int");
  CHECK(type("mean([1, 2])") == "real");
  CHECK(type("floor(2.5)") == "real");
  CHECK(type("int(2.5)") == "int");
  CHECK(type("a + 1", "a ~ categorical([0.5, 0.5])") == "int");
  CHECK(type("a", "a ~ categorical([0.5, 0.5])") == "cat(2)");
  CHECK(type("b + 0.5", "b ~ bernoulli(0.5)") == "real");
  CHECK(error("y", "y: int = 0.5") == "type_mismatch");
  CHECK(error("y", "y: bool = 1") == "type_mismatch");
  CHECK(error("if 1 then 2 else 3") == "bool_expected");
  CHECK(error("not 1") == "bool_expected");
  CHECK(error("true and 1") == "bool_expected");
  CHECK(error("y", "y: cat(3) = 3") == "category_out_of_range");
  CHECK(type("y", "y: cat(3) = 2") == "cat(3)");
}

TEST_CASE("only scalars are copied to a shape") {
  CHECK(type("a * 2", "param a: real[3]") == "real[3]");
  CHECK(type("a + b", "param a: real[3]  param b: real[3]") == "real[3]");
  CHECK(error("a + b", "param a: real[3]  param b: real[4]") == "shape_mismatch");
  CHECK(error("a + b", "param a: real[2, 3]  param b: real[3]") == "shape_mismatch");
  CHECK(type("if c > 0 then a else 0", "param a: real[3]  param c: real[3]") == "real[3]");
  CHECK(type("if c > 0 then 1 else 0.5", "param c: real[3]") == "real[3]");
  CHECK(type("y", "y: real[2, 2] = 1") == "real[2, 2]");
  CHECK(error("y", "param a: real[3]  y: real[4] = a") == "type_mismatch");
  CHECK(type("a @ b", "param a: real[2, 3]  param b: real[3, 4]") == "real[2, 4]");
  CHECK(type("a @ b", "param a: real[3]  param b: real[3, 4]") == "real[4]");
  CHECK(error("a @ b", "param a: real[2, 3]  param b: real[2]") == "matmul_mismatch");
  CHECK(error("a @ 2", "param a: real[2, 3]") == "matmul_rank");
  CHECK(error("[1, [2, 3]]") == "elements_differ");
}

TEST_CASE("indices and slices are as in NumPy, and checked") {
  const std::string m = "param m: real[3, 4]  param v: real[5]";
  CHECK(type("m[1]", m) == "real[4]");
  CHECK(type("m[1, 2]", m) == "real");
  CHECK(type("m[:, 2]", m) == "real[3]");
  CHECK(type("m[1:, :-1]", m) == "real[2, 3]");
  CHECK(type("v[:2]", m) == "real[2]");
  CHECK(value("[10, 20, 30][-1]") == std::vector<double>{30});
  CHECK(value("[10, 20, 30][1:]") == std::vector<double>{20, 30});
  CHECK(value("[[1, 2], [3, 4]][:, 0]") == std::vector<double>{1, 3});
  CHECK(error("v[5]", m) == "index_out_of_range");
  CHECK(error("v[-6]", m) == "index_out_of_range");
  CHECK(error("v[2:7]", m) == "slice_out_of_range");
  CHECK(error("v[0.5]", m) == "bad_index_type");
  CHECK(error("v[0, 0]", m) == "too_many_subscripts");
  CHECK(error("pi[0]") == "too_many_subscripts");
  CHECK(type("v[a]", m + "  a ~ categorical(v)") == "real");
  CHECK(type("m[a]", m + "  a ~ categorical(v[:3])") == "real[4]");
  CHECK(error("m[a]", m + "  a ~ categorical(v)") == "cat_index_too_large");
  CHECK(type("v[k]", m + "  k: cat(5)[7] ~ categorical(v)") == "real[7]");
}

TEST_CASE("comprehensions stack, and fold over constants") {
  CHECK(value("[i * i for i in 0..4]") == std::vector<double>{0, 1, 4, 9});
  CHECK(value("sum(i for i in 1..5)") == std::vector<double>{10});
  CHECK(value("max(i * (3 - i) for i in 0..4)") == std::vector<double>{2});
  CHECK(value("prod(i for i in 1..6)") == std::vector<double>{120});
  CHECK(value("[[if i == j then 1 else 0 for j in 0..2] for i in 0..2]") == std::vector<double>{1, 0, 0, 1});
  CHECK(type("[v[i] * i for i in 0..5]", "param v: real[5]") == "real[5]");
  CHECK(type("[m[i] for i in 0..3]", "param m: real[3, 4]") == "real[3, 4]");
  CHECK(type("sum(v[i] for i in 0..5)", "param v: real[5]") == "real");
  CHECK(type("sum(m[i] for i in 0..3)", "param m: real[3, 4]") == "real[4]");
  CHECK(error("[v[i + 1] for i in 0..5]", "param v: real[5]") == "index_reaches_out");
  CHECK(type("[if i > 0 then v[i - 1] else 0 for i in 0..5]", "param v: real[5]") == "real[5]");
  CHECK(value("sum(i for i in 3..3)") == std::vector<double>{0});
  CHECK(error("[i for i in 3..1]") == "backward_range");
  CHECK(error("[i for i in 0..a]", "param a: real") == "not_known");
  CHECK(error("[i for i in 0..2.5]") == "integer_expected");
  // The bound of a slice needs the index now: checked once for each.
  CHECK(value("[sum([1, 2, 3][:i]) for i in 0..4]") == std::vector<double>{0, 1, 3, 6});
  CHECK(error("[zeros(i) for i in 0..3]") == "elements_differ");
}

TEST_CASE("builtin functions check what they are given") {
  const std::string m = "param m: real[3, 4]  param v: real[5]  param s: real[3, 3]";
  CHECK(type("sum(m)", m) == "real");
  CHECK(type("sum(m, axis = 0)", m) == "real[4]");
  CHECK(type("max(m, axis = -1)", m) == "real[3]");
  CHECK(type("max(m, 0)", m) == "real[3, 4]");
  CHECK(error("sum(m, axis = 2)", m) == "bad_axis");
  CHECK(error("max(m, 0, axis = 0)", m) != "");
  CHECK(type("transpose(m)", m) == "real[4, 3]");
  CHECK(type("flatten(m)", m) == "real[12]");
  CHECK(type("reshape(m, [2, 6])", m) == "real[2, 6]");
  CHECK(type("reshape(m, [2, -1])", m) == "real[2, 6]");
  CHECK(error("reshape(m, [5, 2])", m) == "reshape_count");
  CHECK(type("concat(v, [1], v)", m) == "real[11]");
  CHECK(error("concat(v, m)", m) == "concat_shapes");
  CHECK(type("stack(v, v)", m) == "real[2, 5]");
  CHECK(type("softmax(m)", m) == "real[3, 4]");
  CHECK(type("logsumexp(m)", m) == "real[3]");
  CHECK(type("argmax(v)", m) == "int");
  CHECK(type("argmax(m, axis = 1)", m) == "int[3]");
  CHECK(error("argmax(m)", m) == "builtin_argument_type");
  CHECK(type("onehot(2, 5)", m) == "real[5]");
  CHECK(type("onehot(a)", "a ~ categorical([0.5, 0.5])") == "real[2]");
  CHECK(error("onehot(2)", m) == "builtin_argument_type");
  CHECK(type("cholesky(s)", m) == "real[3, 3]");
  CHECK(error("cholesky(m)", m) == "builtin_argument_type");
  CHECK(type("solve(s, v[:3])", m) == "real[3]");
  CHECK(error("solve(s, v)", m) == "builtin_argument_type");
  CHECK(type("outer(v, v)", m) == "real[5, 5]");
  CHECK(type("diag(s)", m) == "real[3]");
  CHECK(type("diag(v)", m) == "real[5, 5]");
  CHECK(type("zeros(2, 3)") == "real[2, 3]");
  CHECK(type("ones([2, 3])") == "real[2, 3]");
  CHECK(type("eye(3)") == "real[3, 3]");
  CHECK(type("length(m)", m) == "int");
  CHECK(type("shape(m)", m) == "int[2]");
  CHECK(error("sin()") == "builtin_arguments");
  CHECK(error("sin(1, 2)") == "builtin_arguments");
  CHECK(error("sum(v, axes = 0)", m) == "unknown_argument");
  CHECK(error("sin(i for i in 0..3)") == "generator_argument");
  CHECK(type("any(v > 0)", m) == "bool");
  CHECK(error("any(v)", m) == "builtin_argument_type");
  CHECK(value("eye(2)") == std::vector<double>{1, 0, 0, 1});
  CHECK(value("inverse([[2.0, 0.0], [0.0, 4.0]])") == std::vector<double>{0.5, 0, 0, 0.25});
  CHECK(value("logdet([[2.0, 0.0], [0.0, 0.5]])")[0] == Approx(0).margin(1e-15));
  CHECK(value("cumsum([1, 2, 3])") == std::vector<double>{1, 3, 6});
  CHECK(value("transpose([[1, 2], [3, 4]])") == std::vector<double>{1, 3, 2, 4});
}

TEST_CASE("the prelude's functions") {
  CHECK(value("relu([-1.0, 2.0])") == std::vector<double>{0, 2});
  CHECK(value("clip([-3.0, 0.5, 3.0], -1, 1)") == std::vector<double>{-1, 0.5, 1});
  CHECK(value("norm([3.0, 4.0])") == std::vector<double>{5});
  CHECK(value("norm([[1.0, 1.0], [1.0, 1.0]])") == std::vector<double>{2});
  CHECK(value("hypot(3, 4)") == std::vector<double>{5});
  CHECK(value("step([-1.0, 0.0, 1.0])") == std::vector<double>{0, 1, 1});
  CHECK(value("trace([[1.0, 2.0], [3.0, 4.0]])") == std::vector<double>{5});
  CHECK(value("normal_cdf(0)")[0] == Approx(0.5));
  CHECK(value("xlogy(0, 0)") == std::vector<double>{0});
  CHECK(value("log1mexp(-1e-10)")[0] == Approx(std::log(1e-10)));
  CHECK(value("log1mexp(-50.0)")[0] == Approx(-std::exp(-50.0)));
  CHECK(value("normal_quantile(0.975)")[0] == Approx(1.959963984540054).epsilon(1e-14));
  CHECK(value("digamma(1.0)")[0] == Approx(-0.5772156649015329).epsilon(1e-13));
}

TEST_CASE("what is not known at compile time is refused where it must be") {
  CHECK(error("y", "param a: real  const y = a") == "not_known");
  CHECK(error("zeros(k)", "k ~ poisson(3)") == "not_known");
  CHECK(error("v[k:]", "param v: real[3]  k ~ poisson(3)") == "not_known");
  CHECK(error("y[0]", "const y = [sum(i * j for j in 0..3000) for i in 0..3000]") == "");
  CHECK(error("2 // 0") == "integer_division_by_zero");
  CHECK(error("10^20") == "integer_overflow");
}
