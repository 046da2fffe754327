// compare and tune from outside: the shape of what they print as data, the order in which estimators are ranked where the
// variances are known, what tune picks and writes, and what both refuse.
#include <catch2/catch.hpp>
#include <cmath>
#include <map>

#include "runtime/tool/by_clause.h"
#include "tests/unit/gradients_support.h"
#include "tests/unit/tool_support.h"

using namespace alea;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;
using test::command, test::json_of, test::Folder;

namespace {

std::map<std::string, Json> by_estimator(const Json& node) {
  std::map<std::string, Json> result;
  for (const Json& candidate : node.at("candidates")) result[candidate.at("estimator")] = candidate;
  return result;
}

const std::string wave = "graph wave {\n  param mu: real = 1\n  x ~ normal(mu, 1)\n  cost cos(5 * x)\n}\n";

const std::string toy =
    "graph toy {\n  param theta: real[3] = [0.1, 0.2, 0.3]\n  b ~ categorical(logits = theta)\n  x ~ normal(theta[b], 1)\n"
    "  cost (x - 0.45)^2\n}\n";

}  // namespace

TEST_CASE("compare: one object with the documented shape") {
  const Json json = json_of("compare - --samples 20000 --seed 3", toy);
  CHECK(json.at("model") == "toy");
  CHECK(json.at("samples") == 20000);
  REQUIRE(json.at("nodes").size() == 2);
  CHECK(json.at("nodes")[0].at("name") == "b");
  CHECK(json.at("nodes")[1].at("name") == "x");
  for (const Json& node : json.at("nodes")) {
    int chosen = 0;
    double before = 0;
    for (const Json& candidate : node.at("candidates")) {
      INFO(candidate.dump());
      CHECK(candidate.at("estimator").is_string());
      CHECK(candidate.at("unbiased").is_boolean());
      chosen += candidate.at("chosen").get<bool>();
      CHECK(candidate.at("variance").get<double>() >= before);  // the quietest first
      before = candidate.at("variance");
      CHECK(candidate.at("seconds").get<double>() > 0);
      CHECK(candidate.at("work_normalised_variance").get<double>() ==
            Approx(candidate.at("variance").get<double>() * candidate.at("seconds").get<double>() / 20000));
      CHECK(candidate.at("gradient").size() == 3);
      CHECK(candidate.at("stderr").size() == 3);
      CHECK(candidate.contains("bias") != candidate.at("unbiased").get<bool>());
      if (candidate.at("unbiased").get<bool>()) CHECK(std::fabs(candidate.at("z").get<double>()) < 5);
    }
    CHECK(chosen == 1);
  }
  const auto b = by_estimator(json.at("nodes")[0]);
  for (const char* estimator : {"enumerate", "score", "score(baseline = none)", "rebar", "straight_through", "gumbel"})
    CHECK(b.contains(estimator));
  CHECK(!b.contains("disarm"));
  CHECK(b.at("enumerate").at("chosen") == true);
  CHECK(b.at("gumbel").at("unbiased") == false);
  CHECK_THAT(b.at("gumbel").at("bias").get<std::string>(), Contains("relaxed"));
}

// Problem 26 at k = 5: variances 0.2957 measure-valued, 0.5 by score without a baseline, 12.5 pathwise.
TEST_CASE("compare ranks the estimators of E cos 5x by variance, and tune leaves pathwise") {
  const Json json = json_of("compare - --samples 6400000", wave);
  const auto candidates = by_estimator(json.at("nodes").at(0));
  const auto variance = [&](const char* name) { return candidates.at(name).at("variance").get<double>(); };
  CHECK(variance("measure_valued") == Approx(0.2957168).epsilon(0.02));
  CHECK(variance("score(baseline = none)") == Approx(0.5).epsilon(0.02));
  CHECK(variance("reparam") == Approx(12.5).epsilon(0.02));
  CHECK(variance("measure_valued") < variance("score"));
  CHECK(variance("score") < variance("reparam"));
  CHECK(candidates.at("reparam").at("chosen") == true);
  const Json tuned = json_of("tune - --samples 100000", wave).at("nodes").at(0);
  CHECK(tuned.at("before") == "reparam");
  CHECK(tuned.at("estimator") != "reparam");
  CHECK(tuned.at("gain").get<double>() > 2);
}

TEST_CASE("an estimate without noise is exact, and the others agree with it") {
  const auto candidates = by_estimator(
      json_of("compare - --samples 100000", "graph g { param l: real = 1  b ~ bernoulli(logits = l)  cost (b - 0.45)^2 }")
          .at("nodes")
          .at(0));
  for (const char* name : {"enumerate", "measure_valued"}) {
    CHECK(candidates.at(name).at("exact") == true);
    CHECK(candidates.at(name).at("gradient").at(0).get<double>() == Approx(0.0196611933241));
  }
  CHECK(candidates.at("score").at("exact") == false);
  // Straight-through is off by far more than its error: z says so.
  CHECK(candidates.at("straight_through").at("gradient").at(0).get<double>() == Approx(0.110518940997).epsilon(0.05));
  CHECK(std::fabs(candidates.at("straight_through").at("z").get<double>()) > 100);
}

TEST_CASE("tune: one object with what it measured, and mixtures have weights") {
  const Json json =
      json_of("tune - --samples 20000", "graph g {\n  param mu: real[2] = [0.5, 1]\n  x ~ normal(mu, 1)\n  cost sum(x^2)\n}");
  CHECK(json.at("model") == "g");
  CHECK(json.at("samples") == 20000);
  CHECK(json.at("written").empty());
  const Json& node = json.at("nodes").at(0);
  for (const char* key : {"name", "before", "estimator", "gain"}) CHECK(node.contains(key));
  const Json& mixture = json.at("mixtures").at(0);
  CHECK(mixture.at("node") == "x");
  REQUIRE(mixture.at("weights").size() == 2);
  // Pathwise has the variance 4, score 13 and 19 (mu^4 + 14 mu^2 + 15 less a baseline's part): most weight to the former.
  for (const Json& weight : mixture.at("weights")) {
    CHECK(weight.get<double>() > 0.6);
    CHECK(weight.get<double>() < 1);
  }
  CHECK(mixture.at("gradient").at(0).get<double>() == Approx(1).margin(0.1));
  CHECK(mixture.at("gradient").at(1).get<double>() == Approx(2).margin(0.1));
  // Measured over 64 blocks, to 13 %; pathwise alone has 8 for the two.
  CHECK(mixture.at("variance").get<double>() < 1.5 * 8);
  CHECK(mixture.at("variance").get<double>() > 0.3 * 8);
}

TEST_CASE("tune --write: the clauses parse, mean what was measured, and nothing else changes") {
  const Folder folder;
  const fs::path file = folder.file("wave.alea", "# a wave\n" + wave);
  const std::string path = file.string();
  const Json tuned = json_of("tune " + path + " --samples 100000 --write");
  CHECK(tuned.at("written") == Json::array({"x"}));
  const std::string choice = tuned.at("nodes").at(0).at("estimator");
  CHECK(test::read_text(file) ==
        "# a wave\ngraph wave {\n  param mu: real = 1\n  x ~ normal(mu, 1) by " + choice + "\n  cost cos(5 * x)\n}\n");
  CHECK(command("check " + path).status == 0);
  const Json written = json_of("grad " + path + " --samples 1000"),
             asked = json_of("grad - --samples 1000 --estimator 'x=" + choice + "'", wave);
  CHECK(written.at("gradient") == asked.at("gradient"));
  CHECK(written.at("estimators") == asked.at("estimators"));
  // Tuned once more, what it has stands for what it had.
  CHECK(json_of("tune " + path + " --samples 20000").at("nodes").at(0).at("before") == choice);
}

TEST_CASE("a clause is put behind the law, in place of the one that is there") {
  const auto with = [](const std::string& draw, const std::string& request) {
    const std::string before = "graph g {\n  param m: real = 1\n  ", after = "\n  cost x\n}\n";
    const auto ready = test::make_ready(before + draw + after);
    INFO(ready->errors);
    REQUIRE(ready->compiled);
    const std::string text = with_by_clause(before + draw + after, ready->compiled->graph.draws[DrawId{0}], request);
    REQUIRE(test::make_ready(text)->compiled);
    REQUIRE(text.starts_with(before));
    REQUIRE(text.ends_with(after));
    return text.substr(before.size(), text.size() - before.size() - after.size());
  };
  CHECK(with("x ~ normal(m, abs(1))", "score") == "x ~ normal(m, abs(1)) by score");
  CHECK(with("x ~ normal(m, 1) by score(baseline = none)", "reparam") == "x ~ normal(m, 1) by reparam");
  CHECK(with("x ~ normal(m, 1)\n    by score", "auto") == "x ~ normal(m, 1)");
  CHECK(with("x ~ normal(m,  # )\n  1)  # why", "score") == "x ~ normal(m,  # )\n  1) by score  # why");
  CHECK(with("x ~ normal(m, 1)\n  bystander = 1", "score") == "x ~ normal(m, 1) by score\n  bystander = 1");
}

TEST_CASE("tune --write: what cannot be written is said, and the model stays") {
  const Folder folder;
  const std::string needed = "is not drawn in - itself";
  CHECK_THAT(command("tune - --samples 20000 --write", wave).error, Contains(needed));
  CHECK(json_of("tune - --samples 20000 --write", wave).at("written").empty());
  // A name so long that no other file can stand beside it: it can be read and not replaced, by anybody.
  const fs::path file = folder.file(std::string(250, 'w') + ".alea", wave);
  const auto result = command("tune " + file.string() + " --samples 20000 --write");
  CHECK(result.status == 4);
  CHECK_THAT(result.error, Contains("cannot write"));
  CHECK(test::read_text(file) == wave);
  // What is read only stays as it is, though its folder would let it be replaced.
  const fs::path closed = folder.file("closed.alea", wave);
  fs::permissions(closed, fs::perms::owner_read);
  if (access(closed.c_str(), W_OK) != 0) {  // the superuser may write all
    CHECK(command("tune " + closed.string() + " --samples 20000 --write").status == 4);
    CHECK(test::read_text(closed) == wave);
  }
}

TEST_CASE("tune --write follows a link to the model, and keeps its permissions") {
  const Folder folder;
  const fs::path file = folder.file("model.alea", wave), link = folder.path / "link.alea";
  fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write);
  fs::create_symlink(file, link);
  CHECK(json_of("tune " + link.string() + " --samples 100000 --write").at("written") == Json::array({"x"}));
  CHECK(fs::is_symlink(link));
  CHECK_THAT(test::read_text(file), Contains(" by "));
  CHECK(fs::status(file).permissions() == (fs::perms::owner_read | fs::perms::owner_write));
}

TEST_CASE("printed programs have nothing to compare or tune") {
  const std::string program = command("compile - --emit estimator", wave).out;
  for (const char* name : {"compare", "tune"}) {
    const auto result = command(std::string(name) + " - --samples 1000", program);
    CHECK(result.status == 2);
    CHECK_THAT(result.error, Contains("estimators built in"));
    CHECK(result.out.empty());
  }
}

TEST_CASE("a model without a choice to make says so") {
  const std::string fixed = "graph g { param a: real  x ~ normal(0, 1)  cost (x - a)^2 }";
  CHECK_THAT(command("compare - --samples 1000", fixed).out, Contains("nothing to compare"));
  CHECK_THAT(command("tune - --samples 1000", fixed).out, Contains("nothing to tune"));
  CHECK(json_of("compare - --samples 1000", fixed).at("nodes").empty());
}
