// Section 5 of the language: graphs, mdps, policies, instances, params, inputs, consts.
#include <catch2/catch.hpp>

#include "check_support.h"

using namespace alea;
using namespace alea::test;

namespace {

const std::string walk = R"(
const scale = 2.0
mdp walk {
  horizon n
  const n = 10
  const step_size = 0.5 * scale
  state x: real ~ normal(0, 1)
  state count: int = 0
  action u: real in [-1, 1] = 0
  gust ~ normal(0, 0.1)
  x' = x + step_size * u + gust
  count' = count + 1
  far = abs(x')
  reward -far
  final reward -x^2
  terminate far > 10
}
)";

std::string mdp_error(const std::string& lines, const std::string& policy = "") {
  return check_file_text("mdp m {\n" + lines + "\n}\n" + (policy.empty() ? "" : "policy p for m {\n" + policy + "\n}\n"))
      ->codes();
}

const std::string observed =
    "horizon 5 state x: real = 0 state y: real = 1 action u: real n ~ normal(0, 1) z = y + n observe o = x + 1 "
    "x' = x + u y' = y + n cost x ";
const std::string open_states =
    "horizon 5 input d: real state x: real = 0 action u: real n ~ normal(0, 1) z = x + d w = x + n x' = x + u cost x ";

}  // namespace

TEST_CASE("a graph's definitions hold in any order") {
  const auto checked = check_graph_text("c = b + 1  b = a * 2  const a = 3  cost c");
  REQUIRE(checked->model);
  CHECK(values_of(*checked->model, "c") == std::vector<double>{7});
  CHECK(check_graph_text("a = b  b = a  cost a")->codes() == "definition_cycle");
  CHECK(check_graph_text("x ~ normal(y, 1)  y = x + 1  cost x")->codes() == "definition_cycle");
  CHECK(check_graph_text("a = b + 1  b = c  c = a  cost a")->text().find("a → b → c → a") != std::string::npos);
}

TEST_CASE("objectives add up and use one word") {
  const auto checked = check_graph_text("param a: real[3]  cost a^2  cost 1");
  REQUIRE(checked->model);
  CHECK(checked->model->objectives.size() == 2);
  CHECK(!checked->model->maximise);
  CHECK(check_graph_text("param a: real  reward a")->model->maximise);
  CHECK(check_graph_text("param a: real  reward a  cost a")->codes() == "mixed_objective");
  CHECK(check_graph_text("param a: real")->codes() == "no_objective");
  CHECK(check_graph_text("param a: real")->model);  // a warning
}

TEST_CASE("names are defined once, and hide functions and distributions") {
  CHECK(check_graph_text("a = 1  a = 2  cost a")->codes() == "redefined");
  CHECK(check_graph_text("let [a, b] = [1, 2]  b = 2  cost a")->codes() == "redefined");
  CHECK(check_graph_text("param mean: real  x ~ normal(mean, 1)  cost x")->codes() == "");
  CHECK(check_graph_text("normal = 1  x ~ normal(0, 1)  cost x")->codes() == "not_a_distribution");
  CHECK(check_graph_text("sum = 1  cost sum([1, 2])")->codes() == "not_callable");
  CHECK(check_graph_text("pi = 3  cost pi")->codes() == "builtin_redefined");
  CHECK(check_graph_text("time = 3  cost time")->codes() == "");
  CHECK(mdp_error("horizon 3 time = 3 cost time") == "builtin_redefined");
  CHECK(check_file_text("const a = 1 const a = 2 graph g { cost a }")->codes() == "redefined");
  CHECK(check_file_text("fn relu(x) = 7 graph g { y = relu(0) cost y }")->codes() == "");
}

TEST_CASE("unknown names come with a suggestion") {
  const auto checked = check_graph_text("param log_std: real  cost exp(log_sdt)");
  CHECK(checked->codes() == "unknown_name");
  CHECK(checked->text().find("did you mean `log_std`?") != std::string::npos);
  CHECK(checked->text().find("model.alea:2:") != std::string::npos);
  CHECK(check_graph_text("x ~ nomral(0, 1)  cost x")->text().find("did you mean `normal`?") != std::string::npos);
  CHECK(check_graph_text("x ~ sin(1)  cost x")->codes() == "not_a_distribution");
}

TEST_CASE("a failed name makes no followers") {
  const auto checked = check_graph_text("a = zap + 1  b = a * 2  c = sin(b) + a[0]  cost c");
  CHECK(checked->codes() == "unknown_name");
  CHECK(check_graph_text("a = zap  b = zop  cost a + b")->codes() == "unknown_name unknown_name");
}

TEST_CASE("let takes a vector apart") {
  const auto checked = check_graph_text("let [a, b] = [10, 20]  y = b - a  cost y");
  REQUIRE(checked->model);
  CHECK(values_of(*checked->model, "y") == std::vector<double>{10});
  CHECK(check_graph_text("let [a, b] = [1, 2, 3]  cost a")->codes() == "let_count");
  CHECK(check_graph_text("let [a, b] = 3  cost a")->codes() == "let_count");
}

TEST_CASE("params are real, their initial values known") {
  const auto checked =
      check_graph_text("const k = 2  param a: real[k] = 0.5  param b: real ~ normal(0, 0.1)  param c: real  cost sum(a) + b + c");
  REQUIRE(checked->model);
  REQUIRE(checked->model->params.size() == 3);
  CHECK(checked->model->params[typed::ParamId{0}].init);
  CHECK(checked->model->draws[checked->model->draws.size() ? typed::DrawId{0} : typed::DrawId{}].name == "b");
  CHECK(!checked->model->params[typed::ParamId{2}].init);
  CHECK(check_graph_text("param k: int  cost k")->codes() == "param_not_real");
  CHECK(check_graph_text("param a: real  param b: real = a  cost b")->codes() == "initial_not_known");
  CHECK(check_graph_text("param a: real[2] = [1, 2, 3]  cost a")->codes() == "type_mismatch");
  const auto shared = check_model_text("param w: real = 1 graph a { cost w } graph b { cost w^2 }", {.model = "b"});
  REQUIRE(shared->model);
  CHECK(shared->model->params.size() == 1);
}

TEST_CASE("an mdp has states, next values, a final objective and an end") {
  const auto checked = check_model_text(walk);
  INFO(checked->text());
  REQUIRE(checked->model);
  const typed::Model& m = *checked->model;
  CHECK(m.policy == "default");
  CHECK(m.horizon == 10);
  CHECK(m.states.size() == 2);
  CHECK(m.states[typed::StateId{1}].type.scalar == Scalar::integer);
  CHECK(m.objectives.size() == 2);
  CHECK(m.objectives[1].final);
  CHECK(m.terminates.size() == 1);
  CHECK(m.maximise);
}

TEST_CASE("the default and the random policy") {
  CHECK(check_model_text(walk, {.policy = "random"})->model->draws.size() > check_model_text(walk)->model->draws.size());
  CHECK(check_model_text("mdp m { horizon 3 action u: real x = u cost x }")->codes() == "no_policy");
  CHECK(check_model_text("mdp m { horizon 3 action u: real x = u cost x }", {.policy = "random"})->codes() == "random_undefined");
  CHECK(check_model_text("mdp m { horizon 3 action u: real x = u cost x }", {.policy = "default"})->codes() ==
        "no_default_action");
  CHECK(check_model_text("mdp m { horizon 3 action u: cat(4)[2] action b: bool action k: int in [2, 5] cost u + b + k }",
                         {.policy = "random"})
            ->codes() == "");
  CHECK(check_model_text("mdp m { horizon 3 cost time }")->codes() == "");
  const std::string own = "mdp m { horizon 3 action u: real = 1 cost u } policy default for m { u = 2 }";
  CHECK(check_model_text(own, {.policy = "default"})->model->policy == "default");
}

TEST_CASE("constants given from outside, and instances, change consts and what is computed from them") {
  CheckOptions options;
  options.constants = {{"n", "3 + 4"}, {"scale", "10"}};
  options.policy = "random";
  const auto checked = check_model_text(walk, options);
  INFO(checked->text());
  REQUIRE(checked->model);
  CHECK(checked->model->horizon == 7);
  CHECK(print(*checked->model).find("constant 5") != std::string::npos);
  options.constants = {{"m", "1"}};
  CHECK(check_model_text(walk, options)->codes() == "unknown_constant");
  options.constants = {{"x", "1"}};
  CHECK(check_model_text(walk, options)->codes() == "not_a_const");
  options.constants = {{"n", "1 +"}};
  CHECK(check_model_text(walk, options)->codes() == "bad_option");
  options.constants = {{"n", "zap"}};
  CHECK(check_model_text(walk, options)->codes() == "unknown_name");

  const std::string instances = walk +
                                "instance long of walk { n = 20 step_size = 3 discount 0.9 }\ninstance longer of long { n = 2 * "
                                "int(step_size) horizon 33 }\n";
  const auto first = check_model_text(instances, {.model = "long"});
  INFO(first->text());
  REQUIRE(first->model);
  CHECK(first->model->horizon == 20);
  CHECK(first->model->discount == 0.9);
  const auto second = check_model_text(instances, {.model = "longer"});
  INFO(second->text());
  REQUIRE(second->model);
  CHECK(second->model->horizon == 33);
  CHECK(second->model->discount == 0.9);
  CHECK(check_file_text(walk + "instance a of walk { m = 1 }")->codes() == "unknown_constant");
  CHECK(check_file_text(walk + "instance a of walk { x = 1 }")->codes() == "not_a_const");
  CHECK(check_file_text(walk + "instance a of wlak { n = 1 }")->codes() == "unknown_model");
  CHECK(check_file_text(walk + "instance a of b { n = 1 } instance b of a { n = 2 }")->has("instance_cycle"));
  CHECK(check_file_text(walk + "instance a of walk { n = 2 * n }")->codes() == "definition_cycle");
  CHECK(check_file_text(walk + "graph g { cost 1 } instance a of g { n = 1 }")->codes() == "instance_of_graph");
}

TEST_CASE("shapes follow a changed const") {
  const std::string text = "graph g { const n = 2  const w = [i * 1.0 for i in 0..n]  param a: real[n]  y = a * w  cost y }";
  CheckOptions options;
  options.constants = {{"n", "5"}};
  CHECK(to_string(type_of(*check_model_text(text, options)->model, "y")) == "real[5]");
}

TEST_CASE("what is wrong in an mdp") {
  CHECK(mdp_error("state x: real = 0 cost x") == "no_horizon");
  CHECK(mdp_error("horizon 0 cost 1") == "bad_horizon");
  CHECK(mdp_error("horizon 2.5 cost 1") == "integer_expected");
  CHECK(mdp_error("horizon 1000000000000 cost 1") == "bad_horizon");
  CHECK(mdp_error("horizon 5 discount -1 cost 1") == "bad_discount");
  CHECK(mdp_error("horizon 5 x' = 1 cost 1") == "unknown_state");
  CHECK(mdp_error("horizon 5 x = 1 x' = 1 cost 1") == "prime_of_no_state");
  CHECK(mdp_error("horizon 5 state x: real = 0 x' = x' + 1 cost x") == "definition_cycle");
  CHECK(mdp_error("horizon 5 state x: real = 0 state y: real = 0 x' = y' y' = x' cost x") == "definition_cycle");
  CHECK(mdp_error("horizon 5 state x: real = 0 x' = 1 x' = 2 cost x") == "redefined");
  CHECK(mdp_error("horizon 5 state x: int = 0 x' = 0.5 cost x") == "type_mismatch");
  CHECK(mdp_error("horizon 5 state x: real = y state y: real = x cost x") == "initial_cycle");
  CHECK(mdp_error("horizon 5 state x: real = 1 state y: real = x cost y") == "");
  CHECK(mdp_error("horizon 5 n ~ normal(0, 1) state x: real = n cost x") == "initial_reads_step");
  CHECK(mdp_error("horizon 5 state x: real = y' state y: real = 0 y' = y + 1 cost x") == "initial_reads_step");
  CHECK(mdp_error("horizon 5 state x: real[2] = 0 terminate x > 1 cost x") == "terminate_type");
  CHECK(mdp_error("horizon 5 state x: real = 0 terminate x cost x") == "terminate_type");
  CHECK(mdp_error("horizon 5 state x: real = 0 terminate stop(x > 1) cost x") == "");
  CHECK(mdp_error("horizon 5 action a: cat(3) in [0, 2] cost a") == "discrete_bounds");
  CHECK(mdp_error("horizon 5 action a: real in [2, 1] cost a") == "empty_bounds");
  CHECK(mdp_error("horizon 5 state x: real[3] ~ normal(0, 1) x' ~ normal(x, [1, 2, 3]) cost x") == "");
  CHECK(mdp_error("horizon 5 state x: real[3] ~ normal([1, 2], 1) cost x") == "draw_shape");
  CHECK(mdp_error("horizon 5 observe zap cost 1") == "unknown_name");
}

TEST_CASE("a policy sees what the mdp observes") {
  CHECK(mdp_error(observed, "u = o") == "");
  CHECK(mdp_error(observed, "u = x") == "not_observed");
  CHECK(mdp_error(observed, "u = z") == "not_observed");
  CHECK(mdp_error(observed + " observe x", "u = x + time") == "");
  CHECK(mdp_error(open_states, "u = x + z + d") == "");
  CHECK(mdp_error(open_states, "u = n") == "not_observed");
  CHECK(mdp_error(open_states, "u = w") == "not_observed");
  CHECK(mdp_error(open_states, "u = x'") == "policy_reads_next");
}

TEST_CASE("a policy fills actions, with memory, params and objectives of its own") {
  CHECK(mdp_error(open_states, "param k: real state h: real[2] = 0 h' = h * 0.5 + x u ~ normal(k * h[0], 1) cost u^2") == "");
  CHECK(mdp_error(open_states, "y = 1") == "policy_lacks_action");
  CHECK(mdp_error(open_states, "u = [1, 2]") == "type_mismatch");
  CHECK(mdp_error(open_states, "u ~ normal([1, 2], 1)") == "draw_shape");
  CHECK(mdp_error(open_states, "u = 0 z = 1") == "policy_name_taken");
  CHECK(mdp_error(open_states, "param u: real") == "action_not_node");
  CHECK(mdp_error(open_states, "u = 0 x' = 3") == "policy_sets_mdp");
  CHECK(mdp_error(open_states, "u = 0 reward 1") == "mixed_objective");
  CHECK(mdp_error("horizon 3 action a: cat(3) cost a", "a ~ categorical([1, 1, 1])") == "");
  CHECK(mdp_error("horizon 3 action a: cat(3) cost a", "a ~ categorical([1, 1, 1, 1])") == "type_mismatch");
  CHECK(mdp_error("horizon 3 action a: cat(3) cost a", "a = time") == "");
  CHECK(mdp_error("horizon 3 action a: real[3] cost a", "a ~ normal(0, 1)") == "");
  CHECK(mdp_error("horizon 3 action a: real[3] cost a", "a = 0.5") == "");
  CHECK(check_file_text("mdp m { horizon 3 cost 1 } policy p for n { }")->codes() == "unknown_model");
  CHECK(check_file_text("graph m { cost 1 } policy p for m { }")->codes() == "policy_for_graph");
}

TEST_CASE("the policy's draw is clipped before the mdp sees it") {
  const auto checked =
      check_model_text("mdp m { horizon 3 action u: real in [-1, 1] v = u cost v } policy p for m { u ~ normal(0, 5) w = u }");
  INFO(checked->text());
  REQUIRE(checked->model);
  const typed::Model& m = *checked->model;
  for (const typed::NamedValue& node : m.nodes) {
    const typed::Expr& expr = m.exprs[node.value];
    if (node.name == "v") CHECK((expr.kind == typed::ExprKind::call && expr.builtin == typed::Builtin::minimum));
    if (node.name == "w") CHECK(expr.kind == typed::ExprKind::draw);
  }
}

TEST_CASE("the choice of model and policy") {
  const std::string two = "graph a { cost 1.0 } graph b { cost 2.0 }";
  CHECK(check_model_text(two)->codes() == "several_models");
  CHECK(check_model_text(two, {.model = "b"})->model->name == "b");
  CHECK(check_model_text(two, {.model = "c"})->codes() == "unknown_model");
  CHECK(check_model_text(two, {.model = "a", .policy = "p"})->codes() == "policy_for_graph");
  CHECK(check_model_text("const a = 1")->codes() == "no_model");
  const std::string policies = "mdp m { horizon 2 action u: real cost u } policy p for m { u = 0 } policy q for m { u = 1 }";
  CHECK(check_model_text(policies)->codes() == "several_policies");
  CHECK(check_model_text(policies, {.policy = "q"})->model->policy == "q");
  CHECK(check_model_text(policies, {.policy = "z"})->codes() == "unknown_policy");
}

TEST_CASE("imports: relative, standard, with and without a name") {
  const std::map<std::string, std::string> others = {
      {"lib.alea", "const k = 3 fn twice(x) = 2 * x module m() { param w: real call(x) = w * x }"},
      {"base.alea", "mdp base { horizon 3 const c = 1 action u: real cost u * c }"},
      {"circle.alea", "import \"model.alea\" const z = 1"},
      {"other.alea", "const k = 4"}};
  CHECK(check_file_text("import lib graph g { cost twice(k) }", {}, others)->codes() == "");
  CHECK(check_file_text("import \"lib.alea\" as lib graph g { cost lib.twice(lib.k) }", {}, others)->codes() == "");
  CHECK(check_file_text("import lib as l graph g { cost twice(1) }", {}, others)->codes() == "unknown_name");
  CHECK(check_file_text("import lib as l graph g { param f: l.m() cost f(1) }", {}, others)->codes() == "");
  CHECK(check_file_text("import lib as l graph g { cost l.zap }", {}, others)->codes() == "unknown_member");
  CHECK(check_file_text("import nothing graph g { cost 1 }", {}, others)->codes() == "import_not_found");
  CHECK(check_file_text("import lib import other graph g { cost k }", {}, others)->codes() == "ambiguous_name");
  CHECK(check_file_text("import lib import other graph g { cost lib.k + other.k }", {}, others)->codes() == "");
  CHECK(check_file_text("import lib const k = 9 graph g { cost k }", {}, others)->codes() == "");
  CHECK(check_file_text("import \"circle.alea\" graph g { cost z }", {}, others)->has("import_not_found"));
  CHECK(check_file_text("import std.nn as nn graph g { param f: nn.mlp(2, [3], 1) cost f([1, 2]) }")->codes() == "");
  CHECK(check_model_text("import base policy p for base { u = 1 }", {}, others)->model->name == "base");
  CHECK(check_model_text("import base instance i of base { c = 2 } policy p for base { u = 1 }", {.model = "i"}, others)->model);
}

TEST_CASE("errors anywhere in a file are found, used or not") {
  CHECK(check_file_text("fn f(x) = zap(x) graph g { cost 1 }")->codes() == "unknown_name");
  CHECK(check_file_text("module m(n: int) { param w: real[n] call(x) = w * zap } graph g { cost 1 }")->codes() == "unknown_name");
  CHECK(check_file_text("dist d(a) { z ~ normal(0, 1) sample a + z + zap } graph g { cost 1 }")->codes() == "unknown_name");
  CHECK(check_file_text("dist d(a) { z ~ nomral(0, 1) sample a + z } graph g { cost 1 }")->codes() == "unknown_distribution");
  CHECK(check_file_text("graph g { fn f(x) = x + zap cost 1 }")->codes() == "unknown_name");
  CHECK(check_file_text("const a = zap graph g { cost 1 }")->codes() == "unknown_name");
  CHECK(check_file_text("graph a { cost zip } graph b { cost zap }")->codes() == "unknown_name unknown_name");
  CHECK(check_file_text("mdp m { horizon 3 action u: real cost zap } ")->codes() == "unknown_name");
}

TEST_CASE("the models of the language's reference check") {
  const auto text = read_text(std::string(ALEA_SOURCE_DIR) + "/docs/language.md");
  REQUIRE(text);
  int blocks = 0;
  for (size_t at = text->find("```alea\n"); at != std::string::npos; at = text->find("```alea\n", at + 1)) {
    const size_t begin = at + 8, end = text->find("```", begin);
    const auto checked = check_file_text(text->substr(begin, end - begin));
    INFO(text->substr(begin, end - begin) << "\n" << checked->text());
    // A module on its own reads the standard library's layers.
    if (text->substr(begin, 7) == "module ")
      CHECK(check_file_text("import std.nn\n" + text->substr(begin, end - begin))->codes() == "");
    else CHECK(checked->codes() == "");
    ++blocks;
  }
  CHECK(blocks >= 2);
}

TEST_CASE("a branch that is known not to be taken may not fit, but its names exist") {
  CHECK(check_graph_text("const n = 0  param v: real[3]  y = if n > 0 then v[7] else 0.0  cost y")->codes() == "");
  CHECK(check_graph_text("const n = 0  y = if n > 0 then zap else 0.0  cost y")->codes() == "unknown_name");
}
