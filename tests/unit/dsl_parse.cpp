// What the parser makes of each construct: the printed tree of small texts.
#include <catch2/catch.hpp>

#include "tests/unit/dsl_samples.h"

using namespace alea;
using test::parsed;

namespace {

std::string tree(const std::string& text) {
  const auto model = parsed(text);
  INFO(text << "\n" << model.reports());
  CHECK(!model.diagnostics.has_errors());
  return model.tree();
}

// An expression with all its parentheses, so that what binds how can be read in a line.
std::string shown(const ast::File& file, ast::ExprId id);

struct Show {
  const ast::File& file;
  std::string operator()(const ast::Number& n) const {
    return n.is_integer ? std::to_string(static_cast<int64_t>(n.value)) : "r";
  }
  std::string operator()(const ast::Boolean& b) const { return b.value ? "true" : "false"; }
  std::string operator()(const ast::Text& t) const { return "\"" + t.value + "\""; }
  std::string operator()(const ast::Name& n) const { return n.name + (n.primed ? "'" : ""); }
  std::string operator()(const ast::List& l) const {
    std::string text = "[";
    for (const auto e : l.elements) text += shown(file, e) + ",";
    return text + "]";
  }
  std::string operator()(const ast::Comprehension& c) const {
    return "{" + shown(file, c.body) + " | " + c.index.name + ":" + shown(file, c.low) + ".." + shown(file, c.high) + "}";
  }
  std::string operator()(const ast::Unary& u) const {
    return (u.op == ast::UnaryOp::negate ? "(-" : "(not ") + shown(file, u.operand) + ")";
  }
  std::string operator()(const ast::Binary& b) const {
    constexpr const char* ops[] = {" or ", " and ", "+", "-", "*", "/", "//", "%", "@", "^"};
    return "(" + shown(file, b.left) + ops[static_cast<int>(b.op)] + shown(file, b.right) + ")";
  }
  std::string operator()(const ast::Comparison& c) const {
    constexpr const char* ops[] = {"==", "!=", "<", "<=", ">", ">="};
    std::string text = "(" + shown(file, c.operands[0]);
    for (size_t i = 0; i < c.ops.size(); ++i) text += ops[static_cast<int>(c.ops[i])] + shown(file, c.operands[i + 1]);
    return text + ")";
  }
  std::string operator()(const ast::If& i) const {
    return "(" + shown(file, i.condition) + "?" + shown(file, i.then_value) + ":" + shown(file, i.else_value) + ")";
  }
  std::string operator()(const ast::Index& i) const {
    std::string text = shown(file, i.base) + "[";
    for (const auto& s : i.subscripts) {
      if (!s.slice) text += shown(file, s.index);
      if (s.low) text += shown(file, s.low);
      if (s.slice) text += ":";
      if (s.high) text += shown(file, s.high);
      text += ",";
    }
    return text + "]";
  }
  std::string operator()(const ast::Call& c) const {
    std::string text = shown(file, c.callee) + "(";
    for (const auto& a : c.arguments) text += (a.name.name.empty() ? "" : a.name.name + "=") + shown(file, a.value) + ",";
    return text + ")";
  }
  std::string operator()(const ast::Member& m) const { return shown(file, m.base) + "." + m.name.name; }
};

std::string shown(const ast::File& file, ast::ExprId id) { return std::visit(Show{file}, file.exprs[id].value); }

std::string expression(const std::string& text) {
  const auto model = parsed("const x = " + text);
  INFO(text << "\n" << model.reports());
  CHECK(!model.diagnostics.has_errors());
  REQUIRE(model.file.items.size() == 1);
  return shown(model.file, std::get<ast::Const>(model.file.items[0].value).value);
}

}  // namespace

TEST_CASE("operators bind as the grammar's levels say") {
  CHECK(expression("1 + 2 * 3") == "(1+(2*3))");
  CHECK(expression("1 - 2 - 3") == "((1-2)-3)");
  CHECK(expression("a / b * c // d % e @ f") == "(((((a/b)*c)//d)%e)@f)");
  CHECK(expression("-x^2") == "(-(x^2))");
  CHECK(expression("x^-2") == "(x^(-2))");
  CHECK(expression("2^3^4") == "(2^(3^4))");
  CHECK(expression("2^-3^2 * 4") == "((2^(-(3^2)))*4)");
  CHECK(expression("--a * -b") == "((-(-a))*(-b))");
  CHECK(expression("a + -b - c") == "((a+(-b))-c)");
  CHECK(expression("not a == b and c or d") == "(((not (a==b)) and c) or d)");
  CHECK(expression("not not a") == "(not (not a))");
  CHECK(expression("a or b and not c") == "(a or (b and (not c)))");
  CHECK(expression("0 < a <= b == c") == "(0<a<=b==c)");
  CHECK(expression("(0 < a) < b") == "((0<a)<b)");
  CHECK(expression("a < b + 1 and c != d") == "((a<(b+1)) and (c!=d))");
  CHECK(expression("(a + b) * c") == "((a+b)*c)");
}

TEST_CASE("an else reaches as far right as it can") {
  CHECK(expression("if a then b else c + 1") == "(a?b:(c+1))");
  CHECK(expression("(if a then b else c) + 1") == "((a?b:c)+1)");
  CHECK(expression("if a then b else if c then d else e") == "(a?b:(c?d:e))");
  CHECK(expression("if a then if b then c else d else e") == "(a?(b?c:d):e)");
}

TEST_CASE("what follows a primary") {
  CHECK(expression("f(x)[0, 1:, :2, :, 1:2].y(z = 3)") == "f(x,)[0,1:,:2,:,1:2,].y(z=3,)");
  CHECK(expression("normal.logpdf(x, 0, 1,)") == "normal.logpdf(x,0,1,)");
  CHECK(expression("f(a == b, c = d)") == "f((a==b),c=d,)");
  CHECK(expression("sum(w[i]*x[i] for i in 0..n)") == "sum({(w[i,]*x[i,]) | i:0..n},)");
  CHECK(expression("[i for i in a+1..b]") == "{i | i:(a+1)..b}");
  CHECK(expression("[[1, 2], [], \"s\", true, th']") == "[[1,2,],[],\"s\",true,th',]");
  CHECK(expression("f()") == "f()");
}

TEST_CASE("numbers and names") {
  CHECK(expression("1_000") == "1000");
  CHECK(expression("0.5 + 2e-3 + 1E5") == "((r+r)+r)");
  CHECK(expression("[k for k in 0..n]") == "{k | k:0..n}");
  CHECK(expression("θ_1 + μ + σ2 + _a") == "(((θ_1+μ)+σ2)+_a)");
  CHECK(expression(
            "import + as + module + dist + graph + mdp + policy + instance + of + call + support + sample + logpdf + entropy")
            .find("entropy") != std::string::npos);
  const auto model = parsed("const a = 9007199254740992 const b = 2.5e-3 const c = 1e-400");
  CHECK(!model.diagnostics.has_errors());
  CHECK(std::get<ast::Number>(model.file.exprs[ast::ExprId{0}].value).value == 9007199254740992.0);
  CHECK(std::get<ast::Number>(model.file.exprs[ast::ExprId{1}].value).value == 2.5e-3);
  CHECK(std::get<ast::Number>(model.file.exprs[ast::ExprId{2}].value).value == 0.0);
}

TEST_CASE("statements of every kind") {
  for (const auto& sample : test::samples) {
    const auto model = parsed(sample);
    INFO(model.reports());
    CHECK(!model.diagnostics.has_errors());
    CHECK(!model.file.items.empty());
  }
  CHECK(tree("graph g { param x: cat(2)[3] = 1; x ~ f(1) by score(baseline = loo) cost x }") ==
        "graph g\n  param x\n    type cat\n      categories\n        int 2\n      extent\n        int 3\n    value\n      int 1\n"
        "  draw x\n    ~ f\n      argument\n        int 1\n    by score\n      argument baseline\n        name loo\n"
        "  cost\n    name x\n");
  CHECK(tree("fn f(a: real[n], b = 2) -> int { for i in 0..3 { a = i } let [c, d] = a return c }") ==
        "fn f\n  formal a\n    type real\n      extent\n        name n\n  formal b\n    default\n      int 2\n  type int\n"
        "  for i\n    low\n      int 0\n    high\n      int 3\n    define a\n      name i\n  let [c, d]\n    name a\n  return\n  "
        "  name c\n");
  CHECK(tree("mdp m { observe a, b observe c ~ d() final cost e' e' ~ f() action u: bool in [0, 1] = 1 terminate g }") ==
        "mdp m\n  observe a, b\n  observe draw c\n    ~ d\n  final cost\n    name e'\n  next e\n    ~ f\n"
        "  action u\n    type bool\n    low\n      int 0\n    high\n      int 1\n    default\n      int 1\n  terminate\n    name "
        "g\n");
  CHECK(tree("dist d() { support [0, 1) sample 1 } dist e() { support simplex sample 1 entropy = 2 } dist f() { support real "
             "sample 1 }"
             " dist g() { support (a)..b sample 1 entropy ~ n() }") ==
        "dist d\n  support interval open-high\n    low\n      int 0\n    high\n      int 1\n  sample\n    int 1\n"
        "dist e\n  support simplex\n  sample\n    int 1\n  entropy\n    int 2\n"
        "dist f\n  support real\n  sample\n    int 1\n"
        "dist g\n  support integers\n    low\n      name a\n    high\n      name b\n  sample\n    int 1\n  draw entropy\n    ~ "
        "n\n");
  CHECK(tree("import a.b as c import \"d\" instance i of m { k = 1 horizon 2 discount 3 }") ==
        "import a.b as c\nimport \"d\"\ninstance i of m\n  change k\n    int 1\n  horizon\n    int 2\n  discount\n    int 3\n");
  CHECK(
      tree("param f: [std.nn.mlp(2) for i in 0..3] param g: nn.mlp(1)") ==
      "param f\n  module std.nn.mlp\n    argument\n      int 2\n    for i\n      low\n        int 0\n      high\n        int 3\n"
      "param g\n  module nn.mlp\n    argument\n      int 1\n");
}

TEST_CASE("contextual words are names where they begin nothing") {
  CHECK(tree("mdp m { sample = 1 support: real = 2 call ~ f() graph = 3 logpdf' = 4 entropy = 5 instance = 6 import = 7 }")
            .find("define import") != std::string::npos);
  CHECK(tree("const time = 1 const simplex = 2 const of = 3").find("const of") != std::string::npos);
}

TEST_CASE("layout does not matter to the parser") {
  const std::string text = "graph g{x=1;y~n(x)cost x}";
  CHECK(tree(text) == tree("graph\r\n g\t{ # c\r\n;;x\n=\n1\ny ~ n(x,) cost x };\n"));
  CHECK(tree("\xEF\xBB\xBF" + text) == tree(text));
  CHECK(tree("").empty());
  CHECK(tree("\xEF\xBB\xBF").empty());
  CHECK(tree("# only a comment").empty());
}

TEST_CASE("spans lie where the text is, children precede parents") {
  for (const auto& sample : test::samples) {
    const auto model = parsed(sample);
    for (size_t i = 0; i < model.file.exprs.size(); ++i) {
      const ast::Expr& expr = model.file.exprs[ast::ExprId{static_cast<uint32_t>(i)}];
      CHECK(expr.span.source == model.source);
      CHECK(expr.span.begin < expr.span.end);
      CHECK(expr.span.end <= sample.size());
      if (const auto* binary = std::get_if<ast::Binary>(&expr.value)) {
        CHECK(binary->left.index < i);
        CHECK(binary->right.index < i);
        CHECK(expr.span.begin <= model.file.exprs[binary->left].span.begin);
        CHECK(expr.span.end >= model.file.exprs[binary->right].span.end);
      }
    }
  }
  const auto model = parsed("const x = ((a + b)) * c");
  const auto& product = model.file.exprs[std::get<ast::Const>(model.file.items[0].value).value];
  CHECK(product.span.begin == 10);
  CHECK(product.span.end == 23);
}
