// Functions, modules and distributions: specialisation, shape names, functions as arguments, params by name,
// draws over arrays, densities.
#include <catch2/catch.hpp>

#include "check_support.h"

using namespace alea;
using namespace alea::test;

namespace {

std::string codes(const std::string& top, const std::string& lines) {
  return check_model_text(top + "\ngraph g {\n" + lines + "\n}\n")->codes();
}

std::string type(const std::string& top, const std::string& lines) {
  const auto checked = check_model_text(top + "\ngraph g {\n" + lines + "\ncost 0.0 }\n");
  if (!checked->model) return checked->codes();
  return to_string(type_of(*checked->model, "x"));
}

std::vector<double> value(const std::string& top, const std::string& expression) {
  const auto checked = check_model_text(top + "\ngraph g { const y = " + expression + " x = y cost 0.0 }");
  INFO(checked->text());
  REQUIRE(checked->model);
  return values_of(*checked->model, "x");
}

const typed::Draw* draw(const typed::Model& model, const std::string& name) {
  for (const typed::Draw& d : model.draws)
    if (d.name == name) return &d;
  return nullptr;
}

}  // namespace

TEST_CASE("functions are specialised per use") {
  CHECK(value("fn f(x) = x + x", "f(1)") == std::vector<double>{2});
  CHECK(type("fn f(x) = x + x", "param a: real[3] x = f(a)") == "real[3]");
  CHECK(value("fn f(x, k = 2) = x * k", "f(3) + f(3, 10) + f(k = 1, x = 1)") == std::vector<double>{37});
  CHECK(value("fn f(x) { y = x * 2  y = y + 1  return y }", "f(5)") == std::vector<double>{11});
  CHECK(value("fn f(n: int) { s = 0  for i in 0..n { s = s + i }  return s }", "f(5)") == std::vector<double>{10});
  CHECK(value("fn f(n: int) { v = [1]  for i in 0..n { v = concat(v, v) }  return v }", "length(f(3))") ==
        std::vector<double>{8});
  CHECK(value("fn f(x) { let [a, b] = x  return b - a }", "f([3, 5])") == std::vector<double>{2});
  CHECK(value("fn f(a, b = a * 2) = a + b", "f(1)") == std::vector<double>{3});
  CHECK(codes("fn f(x) = x", "cost f()") == "missing_argument");
  CHECK(codes("fn f(x) = x", "cost f(1, 2)") == "too_many_arguments");
  CHECK(codes("fn f(x) = x", "cost f(y = 1)") == "unknown_argument");
  CHECK(codes("fn f(x) = x", "cost f(1, x = 1)") == "repeated_argument");
  CHECK(codes("fn f(x, y) = x", "cost f(y = 1, 2)") == "positional_after_named");
  CHECK(codes("fn f(x) = f(x - 1)", "cost f(1)") == "recursion");
  CHECK(codes("fn f(x) = g2(x) fn g2(x) = f(x)", "cost f(1)") == "recursion");
  CHECK(codes("fn f(x, x) = x", "cost f(1, 2)") == "redefined");
}

TEST_CASE("types and shape names of formals") {
  CHECK(value("fn f(x: real[n]) = n", "f([1, 2, 3])") == std::vector<double>{3});
  CHECK(type("fn f(x: real[n], y: real[n]) = x + y", "x = f([1, 2], [3, 4])") == "real[2]");
  CHECK(codes("fn f(x: real[n], y: real[n]) = x + y", "cost f([1, 2], [3, 4, 5])") == "type_mismatch");
  CHECK(codes("fn f(x: real[n, m]) = n", "cost f([1, 2])") == "wrong_rank");
  CHECK(codes("const n = 3 fn f(x: real[n]) = n", "cost f([1, 2])") == "type_mismatch");
  CHECK(codes("fn f(x: real) = x", "cost f([1, 2])") == "scalar_formal");
  CHECK(codes("fn f(x: int) = x", "cost f(0.5)") == "type_mismatch");
  CHECK(type("fn f(x: real) = x", "x = f(1)") == "real");
  CHECK(codes("fn f(x: real[n]) -> real[n] = x[0]", "cost f([1, 2])") == "");
  CHECK(codes("fn f(x: real[n]) -> int = x[0]", "cost f([1, 2])") == "type_mismatch");
  CHECK(type("fn f(n: int, x: real[2 * n]) = x[:n]", "param a: real[6] x = f(3, a)") == "real[3]");
}

TEST_CASE("functions are arguments") {
  CHECK(value("fn apply(f, x) = f(x) fn twice(x) = 2 * x", "apply(twice, 4) + apply(abs, -1)") == std::vector<double>{9});
  CHECK(value("fn apply(f, x) = f(x) fn again(x) = apply(square, x) + 1", "apply(again, 3)") == std::vector<double>{10});
  CHECK(codes("fn f(x) = x", "cost f") == "not_a_value");
  CHECK(codes("fn f(x) = x + 1", "cost f(sin)") == "not_a_value");
  CHECK(codes("", "a = 1 cost a(2)") == "not_callable");
  CHECK(codes("", "cost normal(0, 1)") == "distribution_called");
}

TEST_CASE("modules own params with qualified names") {
  const auto checked = check_model_text("import std.nn graph g { param f: mlp(3, [4, 5], 2) y = f([1, 2, 3]) cost y }");
  INFO(checked->text());
  REQUIRE(checked->model);
  std::vector<std::string> names;
  for (const typed::Param& param : checked->model->params) names.push_back(param.name);
  CHECK(names == std::vector<std::string>{"f.layer.0.W", "f.layer.0.b", "f.layer.1.W", "f.layer.1.b", "f.out.W", "f.out.b"});
  CHECK(to_string(checked->model->params[typed::ParamId{2}].type) == "real[5, 4]");
  const std::string nn = "import std.nn";
  CHECK(codes(nn, "param f: mlp(3, [], 2) cost f([1, 2, 3])") == "");
  CHECK(codes(nn, "param f: mlp(3, [4], 2, act = relu) cost f([1, 2, 3])") == "");
  CHECK(codes(nn, "param f: mlp(3, [4], 2) cost f([1, 2])") == "type_mismatch");
  CHECK(codes(nn, "param f: mlp(3, [4]) cost f([1, 2])") == "missing_argument");
  CHECK(codes(nn, "param f: mpl(3, [4], 1) cost 1") == "unknown_name");
  CHECK(codes(nn, "param f: tanh(3) cost 1") == "not_a_module");
  CHECK(codes(nn, "cost mlp(3, [4], 1)") == "module_called");
  CHECK(codes(nn, "param f: linear(2, 2) = 3 cost f([1, 2])") == "module_param_value");
  CHECK(codes(nn, "param f: linear(2, 2) cost sum(f.W) + f.b[0]") == "");
  CHECK(codes(nn, "param f: linear(2, 2) cost f.w") == "unknown_member");
  CHECK(codes(nn, "param f: linear(2, 2) cost f + 1") == "not_a_value");
  CHECK(type(nn, "param f: [linear(2, 2) for i in 0..3] x = f[1]([1, 2])") == "real[2]");
  CHECK(codes(nn, "param f: [linear(2, 2) for i in 0..3] cost f[3]([1, 2])") == "index_out_of_range");
  CHECK(codes(nn, "param f: [linear(2, 2) for i in 0..3] cost f([1, 2])") == "not_callable");
  CHECK(type(nn, "param f: [linear(2, 2) for i in 0..3] x = [f[i]([1, 2]) for i in 0..3]") == "real[3, 2]");
  CHECK(codes("module m() { param f: m() call(x) = x }", "param f: m() cost f(1)") == "recursion");
  CHECK(codes("module noisy(n: int) { param w: real[n] z: real[n] ~ normal(w, 1) call(x: real[n]) = z @ x }",
              "param f: noisy(2) cost f([1, 2])") == "");
}

TEST_CASE("a stochastic node is drawn element by element") {
  const auto checked =
      check_graph_text("param m: real[3]  x ~ normal(m, 1)  y: real[4] ~ normal(0, 1)  k ~ categorical(logits = [m, m])  cost x");
  INFO(checked->text());
  REQUIRE(checked->model);
  const typed::Draw* x = draw(*checked->model, "x");
  REQUIRE(x);
  CHECK(x->batch == Shape{3});
  REQUIRE(x->formals.size() == 2);
  CHECK(checked->model->placeholders[x->formals[0].placeholder].name == "mean");
  CHECK(x->logpdf);
  CHECK(x->law == "normal(m, 1)");
  REQUIRE(x->inner.size() == 1);
  CHECK(checked->model->draws[x->inner[0]].name == "x.z");
  CHECK(checked->model->draws[x->inner[0]].primitive == typed::Primitive::standard_normal);
  CHECK(draw(*checked->model, "y")->batch == Shape{4});
  const typed::Draw* k = draw(*checked->model, "k");
  CHECK(k->batch == Shape{2});
  CHECK(to_string(k->type) == "cat(3)[2]");
  CHECK(k->discrete);
}

TEST_CASE("shapes of draws") {
  const std::string m = "param m: real[3] param l: real[3, 3] ";
  CHECK(type("", m + "x ~ mvnormal(m, l)") == "real[3]");
  CHECK(type("", m + "x: real[5, 3] ~ mvnormal(m, l)") == "real[5, 3]");
  CHECK(type("", m + "x ~ dirichlet(exp(m))") == "real[3]");
  CHECK(type("", m + "x ~ gumbel_softmax(m, 0.5)") == "real[3]");
  CHECK(type("", m + "x ~ bernoulli(logits = m)") == "bool[3]");
  CHECK(type("", m + "x ~ poisson(exp(m))") == "int[3]");
  CHECK(type("", m + "x ~ delta(m)") == "real[3]");
  CHECK(type("", m + "x: real ~ bernoulli(0.5)") == "real");
  CHECK(codes("", m + "x: int ~ normal(0, 1) cost x") == "type_mismatch");
  CHECK(codes("", m + "x ~ normal(m, [1, 2]) cost x") == "shape_mismatch");
  CHECK(codes("", m + "x: real[2] ~ normal(m, 1) cost x") == "draw_shape");
  CHECK(codes("", m + "x ~ mvnormal(m, [[1.0]]) cost x") == "type_mismatch");
  CHECK(codes("", m + "x ~ categorical(0.5) cost x") == "wrong_rank");
  CHECK(codes("", "x ~ bernoulli() cost x") == "formal_cycle");
  CHECK(codes("", "x ~ normal(0) cost x") == "missing_argument");
  CHECK(codes("", "x ~ normal(0, 1, 2) cost x") == "too_many_arguments");
  CHECK(codes("", "x ~ normal(0, sigma = 1) cost x") == "unknown_argument");
  CHECK(codes("", "x ~ standard_normal() cost x") == "noise_outside_dist");
}

TEST_CASE("every distribution of the standard library draws, with its density") {
  for (const std::string law : {"normal(0.1, 2)",
                                "lognormal(0, 1)",
                                "truncated_normal(0, 1, -1, inf)",
                                "uniform(0, 2)",
                                "exponential(2)",
                                "laplace(0, 1)",
                                "logistic(0, 1)",
                                "gumbel(0, 1)",
                                "cauchy(0, 1)",
                                "weibull(2, 1)",
                                "student_t(3, 0, 1)",
                                "gamma(2, 1)",
                                "beta(2, 3)",
                                "von_mises(0, 2)",
                                "bernoulli(0.3)",
                                "bernoulli(logits = 0.3)",
                                "categorical([0.2, 0.8])",
                                "categorical(logits = [0.2, 0.8])",
                                "binomial(5, 0.3)",
                                "poisson(3)",
                                "geometric(0.2)",
                                "dirichlet([1, 2, 3])",
                                "mvnormal([0, 0], [[1.0, 0.0], [0.5, 1.0]])",
                                "gumbel_softmax([0.1, 0.2], 0.5)"}) {
    const auto checked = check_graph_text("x ~ " + law + "  cost x");
    INFO(law << "\n" << checked->text());
    REQUIRE(checked->model);
    const typed::Draw* x = draw(*checked->model, "x");
    REQUIRE(x);
    CHECK(x->logpdf);
    CHECK(x->support.kind != typed::SupportKind::undeclared);
    const auto varying = check_graph_text("param p: real[2] x: real[4] ~ normal(p[0], exp(p[1])) cost x");
    CHECK(varying->model);
  }
  CHECK(!draw(*check_graph_text("x ~ delta(1.0) cost x")->model, "x")->logpdf);
}

TEST_CASE("densities, entropies and divergences in closed form") {
  CHECK(value("", "normal.logpdf(0.5, 0, 1)")[0] == Approx(-1.0439385332046727));
  CHECK(value("", "normal.entropy(0, 2)")[0] == Approx(2.112085713764618));
  CHECK(value("", "normal.kl(0, 1, 1, 2)")[0] == Approx(0.4431471805599453));
  CHECK(value("", "normal.kl(0.3, 1, 0.3, 1)")[0] == Approx(0).margin(1e-15));
  CHECK(value("", "laplace.logpdf(1, 0, 2)")[0] == Approx(-1.8862943611198906));
  CHECK(value("", "logistic.logpdf(0.5, 0, 1)")[0] == Approx(-1.4481539683602134));
  CHECK(value("", "gumbel.logpdf(0.5, 0, 1)")[0] == Approx(-1.1065306597126334));
  CHECK(value("", "cauchy.logpdf(1, 0, 1)")[0] == Approx(-1.8378770664093453));
  CHECK(value("", "student_t.logpdf(0, 3, 0, 1)")[0] == Approx(-1.0008888496236013));
  CHECK(value("", "student_t.entropy(3, 0, 1)")[0] == Approx(1.7734775782270724));
  CHECK(value("", "gamma.logpdf(2, 3, 2)")[0] == Approx(-1.2274112777602188));
  CHECK(value("", "gamma.entropy(3, 2)")[0] == Approx(1.1544313298030658));
  CHECK(value("", "beta.logpdf(0.25, 2, 3)")[0] == Approx(0.5232481437645479));
  CHECK(value("", "weibull.logpdf(0.5, 2, 1)")[0] == Approx(-0.25));
  CHECK(value("", "exponential.logpdf(1, 2)")[0] == Approx(-1.3068528194400546));
  CHECK(value("", "lognormal.logpdf(2, 0, 1)")[0] == Approx(-1.8523122207237186));
  CHECK(value("", "dirichlet.logpdf([0.2, 0.3, 0.5], [1, 2, 3])")[0] == Approx(1.504077396776274));
  CHECK(value("", "mvnormal.logpdf([1.0, 2.0], [0.0, 0.0], [[1.0, 0.0], [0.5, 2.0]])")[0] == Approx(-3.3122742469692406));
  CHECK(value("", "von_mises.logpdf(0.5, 0, 2)")[0] == Approx(-0.9067054841115563));
  CHECK(value("", "truncated_normal.logpdf(0.5, 0, 1, -1, 1)")[0] == Approx(-0.6622233869025465));
  CHECK(value("", "truncated_normal.logpdf(0.5, 0, 1, 0, inf)")[0] == Approx(-0.3507913526447274));
  CHECK(value("", "bernoulli.logpdf(true, 0.25)")[0] == Approx(std::log(0.25)));
  CHECK(value("", "bernoulli.logpdf(false, p = 0.25)")[0] == Approx(std::log(0.75)));
  CHECK(value("", "bernoulli.entropy(0.25)")[0] == Approx(0.5623351446188083));
  CHECK(value("", "categorical.logpdf(1, [1, 3])")[0] == Approx(std::log(0.75)));
  CHECK(value("", "categorical.entropy([1, 3])")[0] == Approx(0.5623351446188083));
  CHECK(value("", "poisson.logpdf(2, 3)")[0] == Approx(-1.4959226032237254));
  CHECK(value("", "binomial.logpdf(2, 5, 0.3)")[0] == Approx(-1.1753853474740237));
  CHECK(value("", "binomial.logpdf(5, 5, 1)")[0] == Approx(0).margin(1e-12));
  CHECK(value("", "geometric.logpdf(2, 0.2)")[0] == Approx(-2.0557250150625195));
  CHECK(value("", "gumbel_softmax.logpdf([0.3, 0.7], [0.0, 0.0], 1)")[0] ==
        Approx(std::log(1 / (0.3 * 0.3 * 0.7 * 0.7) / std::pow(1 / 0.3 + 1 / 0.7, 2))));
  CHECK(value("", "normal.logpdf([0.0, 0.5], 0, 1)").size() == 2);
  CHECK(type("", "param m: real[3] x = normal.kl(m, 1, 0, exp(m))") == "real[3]");
  CHECK(codes("", "cost poisson.entropy(3)") == "no_closed_form");
  CHECK(codes("", "cost truncated_normal.kl(0, 1, 0, 1, 0, 1, 0, 1)") == "no_closed_form");
  CHECK(codes("", "cost delta.logpdf(1, 2)") == "no_closed_form");
  CHECK(codes("", "cost normal.lgpdf(1, 0, 1)") == "unknown_method");
  CHECK(codes("", "cost normal.logpdf") == "method_not_called");
  CHECK(codes("", "cost normal.logpdf([[1, 2]], [1, 2, 3], 1)") == "shape_mismatch");
  CHECK(codes("", "cost categorical.logpdf(3, [1, 2, 1])") == "category_out_of_range");
}

TEST_CASE("a user's distribution") {
  const std::string skew = "dist skew(mean, std = 1.0) { z ~ normal(0, 1) w = exp(z) sample mean + std * w }";
  const auto checked = check_model_text(skew + "graph g { param m: real[3] x ~ skew(m) cost x }");
  INFO(checked->text());
  REQUIRE(checked->model);
  const typed::Draw* x = draw(*checked->model, "x");
  REQUIRE(x);
  CHECK(x->batch == Shape{3});
  CHECK(!x->logpdf);
  CHECK(x->support.kind == typed::SupportKind::undeclared);
  CHECK(draw(*checked->model, "x.z"));
  CHECK(draw(*checked->model, "x.z.z")->primitive == typed::Primitive::standard_normal);
  CHECK(codes("dist d(a) { z ~ normal(0, 1) support real sample a + z logpdf(x) = z }", "x ~ d(1) cost x") ==
        "density_reads_noise");
  CHECK(codes("dist d(a) { z ~ normal(0, 1) support [z, 1] sample a + z }", "x ~ d(1) cost x") == "density_reads_noise");
  CHECK(codes("dist d(a) { z ~ d(a) sample z }", "x ~ d(1) cost x") == "recursion");
  CHECK(codes("dist d(a) { a = 1 sample a }", "x ~ d(1) cost x") == "redefined");
  CHECK(codes("dist pair(m: real[2]) { z: real[2] ~ normal(m, 1) support real sample z logpdf(x) = sum(normal.logpdf(x, m, 1)) }",
              "x ~ pair([1, 2]) y = pair.logpdf(x, [0, 0]) cost y") == "");
}

TEST_CASE("estimators by hand") {
  CHECK(codes("", "param t: real x ~ normal(t, 1) by score(baseline = none) cost x") == "");
  CHECK(codes("", "param t: real v = t * 2 x ~ normal(t, 1) by score(baseline = value(v)) cost x") == "");
  CHECK(codes("", "param t: real x ~ bernoulli(t) by gumbel(tau = 0.5) cost x") == "");
  CHECK(codes("", "x ~ normal(0, 1) by scroe cost x") == "unknown_estimator");
  CHECK(codes("", "x ~ normal(0, 1) by score(baseline = zap) cost x") == "unknown_baseline");
  CHECK(codes("", "x ~ normal(0, 1) by reparam(tau = 1) cost x") == "estimator_argument");
  CHECK(codes("", "x ~ bernoulli(0.5) by gumbel(tau = 0) cost x") == "bad_tau");
}

TEST_CASE("modules stand in lists, and in lists of lists") {
  const auto checked = check_model_text(
      "import std.nn graph g { param f: [[linear(i + 1, j + 2) for i in 0..2] for j in 0..3] cost sum(f[2][1]([1, 2])) "
      "cost sum([f[j] for j in 0..3][0][0]([1])) }");
  INFO(checked->text());
  REQUIRE(checked->model);
  CHECK(checked->model->params.size() == 12);
  CHECK(checked->model->params[typed::ParamId{10}].name == "f.2.1.W");
  CHECK(to_string(checked->model->params[typed::ParamId{10}].type) == "real[4, 2]");
  CHECK(codes("import std.nn", "param f: [[linear(1, 1) for i in 0..k] for k in 0..3] cost f[2][1]([1])[0] + f[0][0]([1])[0]") ==
        "index_out_of_range");
}

TEST_CASE("a row of else if: the first condition that holds, and one type for all") {
  const std::string row = "fn f(k) = if k == 0 then 1 else if k == 1 then 2.5 else if k == 2 then 3 else 4\n";
  CHECK(value(row, "[f(0), f(1), f(2), f(3)]") == std::vector<double>{1, 2.5, 3, 4});
  CHECK(type(row, "x = f(2)") == "real");
  CHECK(type("fn f(k) = if k == 0 then 1 else if k == 1 then 2 else 3", "x = f(1)") == "int");
  CHECK(type("", "param w: real x = if w < 0 then 1 else if w < 1 then 2 else [w, 3]") == "real[2]");
  CHECK(type("", "param w: real x = if w < 0 then 1 else if true then 2 else w") == "real");
  CHECK(codes("", "param w: real cost if w < 0 then 1 else if 3 then 2 else w") == "bool_expected");
  CHECK(codes("", "param w: real cost if true then w else if w < 0 then y else z") == "unknown_name unknown_name");
  CHECK(value("", "1 - 2 - 3 * 4 / 2 - 5") == std::vector<double>{-12});
}
