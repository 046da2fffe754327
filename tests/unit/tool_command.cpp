// The command from outside: exit statuses, the shape of its JSON, what it says when it is called wrongly.
#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/unit/tool_support.h"

using namespace alea;
using Catch::Matchers::Contains;
using Json = nlohmann::json;
namespace fs = std::filesystem;
using test::command, test::json_of, test::root;

namespace {

const std::string toy = R"(graph toy {
  param theta: real[3] = [0.1, 0.2, 0.3]
  b ~ categorical(logits = theta)
  x ~ normal(theta[b], 1)
  cost (x - 0.45)^2
})";

}  // namespace

TEST_CASE("a wrong command line has status 2 and says what is wrong") {
  for (const auto& [arguments, message] : std::vector<std::pair<std::string, std::string>>{
           {"gard x.alea", "did you mean `grad`?"},
           {"grad", "FILE"},
           {"grad std:cart_pole --samples 0", "--samples"},
           {"grad std:cart_pole --samples 1.5", "no whole number"},
           {"grad std:cart_pole --samples many", "no whole number"},
           {"grad std:cart_pole --threads 0", "--threads"},
           {"grad std:cart_pole --precision f16", "f16"},
           {"grad std:cart_pole --memory 64X", "no whole number"},
           {"grad std:cart_pole --memory 0", "--memory"},
           {"grad std:cart_pole --cpu x86-64", "lacks fused multiply-add"},
           {"grad std:cart_pole --cpu zenver4", "did you mean `znver4`?"},
           {"compile std:cart_pole --emit obj --cpu core2", "lacks fused multiply-add"},
           {"compile std:cart_pole --emit obj --target riscv64-linux-gnu", "there is no code for `riscv64-linux-gnu`"},
           {"compile std:cart_pole --emit obj --target aarch64-linux-gnu --cpu znver4", "no processor `znver4` of aarch64"},
           {"grad std:cart_pole --no-such-option", "--no-such-option"},
           {"compile std:cart_pole --emit nothing", "nothing"},
           {"compile std:cart_pole", "--emit"},
           {"grad std:gaussian", "--model"},
           {"grad std:gaussian --model skore", "did you mean `score`?"},
           {"grad std:cart_pole --param v=1", "no param `v`"},
           {"grad std:cart_pole --param w=[1,2]", "real[4]"},
           {"grad std:cart_pole --data x=rows.csv", "rows.csv"},
           {"grad std:cart_pole --set gravity", "name=value"},
       }) {
    const auto result = command(arguments);
    INFO(arguments << "\n" << result.error);
    CHECK((result.status == 2 || (arguments.find("--data") != std::string::npos && result.status == 4)));
    CHECK(result.out.empty());
    CHECK_THAT(result.error, Contains(message));
    const auto as_json = command(arguments + " --json");
    CHECK(as_json.status == result.status);
    REQUIRE(Json::accept(as_json.out));
    CHECK(Json::parse(as_json.out).at("errors").size() == 1);
  }
}

TEST_CASE("a file that cannot be read has status 4, a wrong model status 1") {
  CHECK(command("check nowhere.alea").status == 4);
  CHECK(command("check .").status == 4);
  CHECK_THAT(command("check std:cart_poel").error, Contains("std:cart_pole"));
  const auto wrong = command("check -", "graph g { cost thet }");
  CHECK(wrong.status == 1);
  CHECK_THAT(wrong.error, Contains("<stdin>:1:16: error: "));
  CHECK_THAT(wrong.error, Contains("^~~~"));
}

TEST_CASE("errors as JSON have their places") {
  const Json json = json_of("check -", "graph g { cost thet }");
  const Json& error = json.at("errors").at(0);
  CHECK(error.at("code") == "unknown_name");
  CHECK(error.at("file") == "<stdin>");
  CHECK(error.at("line") == 1);
  CHECK(error.at("column") == 16);
  CHECK(error.at("end_column") == 20);
  CHECK(error.contains("message"));
  CHECK(error.contains("hint"));
  CHECK(json_of("check -", toy) == Json{{"errors", Json::array()}});
}

TEST_CASE("check prints nothing when all is well") {
  const auto result = command("check -", toy);
  CHECK(result.status == 0);
  CHECK(result.out.empty());
  CHECK(result.error.empty());
}

TEST_CASE("grad as JSON has the documented shape") {
  const Json json = json_of("grad - --samples 10000 --seed 3 --threads 2", toy);
  CHECK(json.at("model") == "toy");
  CHECK(json.at("policy").is_null());
  CHECK(json.at("samples") == 10000);
  CHECK(json.at("seed") == 3);
  CHECK(json.at("precision") == "f64");
  CHECK(json.at("threads") == 2);
  CHECK(json.at("objective").at("mean").is_number());
  CHECK(json.at("objective").at("stderr").is_number());
  const Json& theta = json.at("gradient").at("theta");
  CHECK(theta.at("shape") == Json{3});
  CHECK(theta.at("mean").size() == 3);
  CHECK(theta.at("stderr").size() == 3);
  CHECK(json.at("estimators").at("b") == Json{{"name", "enumerate"}, {"unbiased", true}});
  CHECK(json.at("estimators").at("x") == Json{{"name", "reparam"}, {"unbiased", true}});
  CHECK(json.at("seconds").at("compile").is_number());
  CHECK(json.at("seconds").at("run").is_number());
}

TEST_CASE("the estimators of many nodes are counted, and some named") {
  std::string model = "graph g {\n  param p: real = 0.3\n";
  for (int k = 0; k < 40; ++k) model += fmt::format("  x{} ~ normal(p, 1)\n  cost x{}\n", k, k);
  const auto of = [](const std::string& text) { return command("grad - --samples 64", text).out; };
  CHECK_THAT(of(model + "}\n"), Contains("estimators: reparam of 40 nodes (x0, x1, x2, …)\n"));
  CHECK_THAT(of(model + "  y ~ poisson(exp(p))\n  cost y\n}\n"), Contains("reparam of 40 nodes (x0, x1, x2, …), score of y\n"));
  CHECK_THAT(of(toy), Contains("estimators: x reparam, b enumerate") || Contains("estimators: b enumerate, x reparam"));
}

TEST_CASE("run as JSON is grad's without the gradient, and a model without params has an empty one") {
  CHECK_FALSE(json_of("run - --samples 1000", toy).contains("gradient"));
  CHECK(json_of("grad - --samples 1000", "graph g { x ~ normal(0, 1) cost x^2 }").at("gradient") == Json::object());
}

TEST_CASE("a model without an admissible estimator runs forward all the same") {
  const std::string bang = "graph g { param theta: real = 0.3 cost if theta > 0 then 1.0 else 0.0 }";
  CHECK(command("grad - --samples 100", bang).status == 1);
  CHECK(json_of("run - --samples 100", bang).at("objective").at("mean") == 1.0);
}

TEST_CASE("standard errors are null below two groups of samples") {
  const Json json = json_of("grad - --samples 64", toy);
  CHECK(json.at("gradient").at("theta").at("stderr").at(0).is_null());
}

TEST_CASE("results are the same bits for any number of threads") {
  Json one = json_of("grad std:cart_pole --samples 5000 --threads 1"),
       three = json_of("grad std:cart_pole --samples 5000 --threads 3");
  for (Json* json : {&one, &three}) {
    json->erase("seconds");
    json->erase("threads");
  }
  CHECK(one == three);
}

TEST_CASE("consts, params and seeds from the command line count") {
  const auto mean = [](const std::string& options) {
    return json_of("run - --samples 1000 " + options,
                   "graph g { const k = 1 param p: real = 2 x ~ normal(0, 1) cost k * p + 0 * x }")
        .at("objective")
        .at("mean")
        .get<double>();
  };
  CHECK(mean("") == 2);
  CHECK(mean("--set k=3") == 6);
  CHECK(mean("--param p=5") == 5);
  CHECK(json_of("run - --samples 1000 --seed 1", toy).at("objective") !=
        json_of("run - --samples 1000 --seed 2", toy).at("objective"));
}

TEST_CASE("a second process takes the kernel from the cache, to the same bits") {
  const test::Folder cache;
  const auto run = [&] {
    auto result = test::run_command("XDG_CACHE_HOME=" + cache.path.string() + " alea grad - --json", root, toy);
    INFO(result.error);
    REQUIRE(result.status == 0);
    Json json = Json::parse(result.out);
    json.erase("seconds");
    return json;
  };
  const Json first = run();
  REQUIRE(!fs::is_empty(cache.path));
  CHECK(run() == first);
}

TEST_CASE("doc says what each name means") {
  for (const auto& [name, expected] : std::vector<std::pair<std::string, std::string>>{
           {"normal", "distribution, std/distributions.alea:"},
           {"normal", "sample mean + std*z"},
           {"std.nn.mlp", "std.nn.mlp: module, std/nn.alea:"},
           {"nn.mlp", "std.nn.mlp: module"},
           {"score", "by score(baseline = …)"},
           {"gumbel", "gumbel: estimator"},
           {"gumbel", "gumbel: distribution"},
           {"sqrt", "sqrt(x)\nthe root; a steep end at 0"},
           {"pendulum_v1", "mdp pendulum_v1 {"},
       }) {
    INFO(name);
    CHECK_THAT(command("doc " + name).out, Contains(expected));
  }
  const auto unknown = command("doc normol");
  CHECK(unknown.status == 2);
  CHECK_THAT(unknown.error, Contains("did you mean `normal`?"));
  // Every name is listed, and found by what it is listed as, with a text.
  const Json names = json_of("doc").at("names");
  CHECK(names.size() > 150);
  for (const char* name : {"std.models.swimmer.swimmer", "softmax", "std.policies.squashed_normal"}) {
    const Json entries = json_of(std::string("doc ") + name).at("entries");
    REQUIRE(entries.size() == 1);
    CHECK(entries[0].at("name") == name);
    CHECK(entries[0].at("text").get<std::string>().size() > 10);
  }
}

TEST_CASE("explain --why-not answers for every estimator") {
  const std::string model = R"(graph g {
  param t: real = 0.5
  b ~ bernoulli(logits = t)
  x ~ normal(t, 1)
  y ~ gamma(2, exp(t))
  z ~ poisson(exp(t)) by score
  e ~ normal(0, 1)
  cost b + (if x > 1 then 1 else 0) + y + z + e
})";
  for (const auto& [asked, reason] : std::vector<std::pair<std::string, std::string>>{
           {"reparam x", "x → (x > 1) at 8:16: a jump"},
           {"score x", "`score` is what was chosen"},
           {"score y", "`reparam` is admissible, and tried first"},
           {"reparam b", "its values are discrete"},
           {"score b", "all outcomes are summed instead, with no noise"},
           {"enumerate b", "`enumerate` is what was chosen"},
           {"enumerate z", "its support is not finite and known"},
           {"rebar b", "it is unbiased, costs more evaluations, and is used where `by rebar` asks for it"},
           {"disarm z", "`poisson` is not among its laws"},
           {"measure_valued z", "`score` was asked for by name"},
           {"score z", "`score` is what was chosen: `score` was asked for by name"},
           {"gumbel b", "it is biased, and used only where `by gumbel` asks for it"},
           {"straight_through x", "`normal` is not among its laws"},
           {"score e", "no param reaches its law: it is only sampled"},
       }) {
    const auto result = command("explain - --why-not " + asked, model);
    INFO(asked << "\n" << result.out << result.error);
    CHECK(result.status == 0);
    CHECK_THAT(result.out, Contains(reason));
  }
  CHECK(json_of("explain - --why-not reparam b", model) ==
        Json{{"node", "b"}, {"estimator", "reparam"}, {"reason", "its values are discrete"}});
  CHECK(command("explain - --why-not skore x", model).status == 2);
  CHECK_THAT(command("explain - --why-not skore x", model).error, Contains("did you mean `score`?"));
  CHECK_THAT(command("explain - --why-not score q", model).error, Contains("`q` is no stochastic node of `g`"));
}

TEST_CASE("explain as JSON has the documented shape") {
  const Json json = json_of("explain -", toy);
  CHECK(json.at("model") == "toy");
  const Json& node = json.at("nodes").at(0);
  CHECK(node.at("name") == "b");
  CHECK(node.at("line") == 3);
  CHECK(node.at("column").is_number());
  CHECK(node.at("distribution") == "categorical");
  CHECK(node.at("estimator") == "enumerate");
  CHECK(node.at("unbiased") == true);
  CHECK(node.at("reason").is_string());
  CHECK(node.at("costs").at(0).contains("cost"));
  CHECK(node.at("costs").at(0).contains("estimator"));
}

TEST_CASE("numbers that are not finite have status 3 and a place") {
  const auto result = command("grad - --samples 1000", "graph g { param a: real = 1 x ~ normal(a, 1) cost log(x) + a }");
  CHECK(result.status == 3);
  CHECK_THAT(result.error, Contains("not finite"));
  CHECK_THAT(result.error, Contains("sample"));
  // infinity - infinity is a NaN with a sign on some processors.
  const auto signed_nan = command("grad - --samples 64", "graph g { param a: real = 1 b = exp(1000*a) cost b - 2*b }");
  CHECK(signed_nan.status == 3);
  CHECK_THAT(signed_nan.out + signed_nan.error, !Contains("-nan"));
}

TEST_CASE("every kind of text is emitted, and nothing else but it") {
  for (const char* kind : {"ast", "graph", "estimator", "llvm", "llvm-raw", "asm", "obj", "dot"}) {
    INFO(kind);
    const auto result = command(std::string("compile std:cart_pole --emit ") + kind);
    CHECK(result.status == 0);
    CHECK(result.out.size() > 200);
    CHECK(result.error.empty());
    CHECK(command(std::string("compile std:cart_pole --emit ") + kind).out == result.out);
  }
  CHECK_THAT(command("compile std:cart_pole --emit dot").out, Contains("right") && Contains("circle"));
}

TEST_CASE("fmt is idempotent, keeps comments, and checks") {
  const std::string messy = "graph   g{ # why\n param a:real\n\n\n cost a*a }\n";
  const auto once = command("fmt -", messy);
  CHECK(once.status == 0);
  CHECK_THAT(once.out, Contains("# why"));
  CHECK(command("fmt -", once.out).out == once.out);
  CHECK(command("fmt --check -", messy).status == 1);
  CHECK(command("fmt --check -", once.out).status == 0);
}

TEST_CASE("trajectories are kept, one row a sample and step") {
  const fs::path path = fs::temp_directory_path() / "alea-test-trace.csv";
  CHECK(command("run std:cart_pole --samples 3 --quiet --trace " + path.string()).status == 0);
  const std::string text = test::read_text(path);
  CHECK(std::count(text.begin(), text.end(), '\n') == 1 + 3 * 200);
  CHECK_THAT(text.substr(0, text.find('\n')), Contains("sample,step") && Contains("right") && Contains("alive"));
  fs::remove(path);
}

TEST_CASE("help and version have status 0") {
  CHECK(command("--help").status == 0);
  CHECK_THAT(command("grad --help").out, Contains("--samples"));
  CHECK_THAT(command("--version").out, Contains("alea 0."));
  CHECK(command("").status == 2);
}

TEST_CASE("a kernel comes from the cache the second time, and gives the same numbers") {
  const fs::path folder = fs::temp_directory_path() / ("alea_tool_cache_" + std::to_string(getpid()));
  fs::remove_all(folder);
  const std::string arguments = "grad std:cart_pole --samples 256 --time";
  const auto with_cache = [&] { return test::run_command("XDG_CACHE_HOME=" + folder.string() + " alea " + arguments, root, {}); };
  const auto first = with_cache(), second = with_cache();
  const auto without = test::run_command("ALEA_CACHE=off alea " + arguments, root, {});
  fs::remove_all(folder);
  CHECK(first.status == 0);
  CHECK_THAT(first.error, Contains("generate") && !Contains("from cache"));
  CHECK_THAT(second.error, Contains("from cache") && !Contains("generate"));
  CHECK_THAT(without.error, Contains("generate") && !Contains("from cache"));
  CHECK(second.out == first.out);
  CHECK(without.out == first.out);
}

TEST_CASE("AVX2 and AVX-512 give the same bits") {
  const auto numbers = [](const std::string& arguments) {
    const Json json = json_of("grad " + arguments);
    return Json{json.at("objective"), json.at("gradient")};
  };
  for (const std::string model : {"std:pendulum --policy neural --samples 70", "std:cart_pole --samples 300 --precision f32"}) {
    const Json here = numbers(model);
    CHECK(numbers(model + " --cpu x86-64-v3") == here);
    const auto wide = command("grad --cpu x86-64-v4 " + model);
    if (wide.status == 0) CHECK(numbers(model + " --cpu x86-64-v4") == here);
    else CHECK_THAT(wide.error, Contains("this machine cannot run") && Contains("avx512f"));
  }
}

TEST_CASE("code can be made for a machine that is not at hand, not run") {
  const auto object = command("compile --emit obj --target aarch64-linux-gnu -", toy);
  CHECK(object.status == 0);
  CHECK(object.out.substr(1, 3) == "ELF");
  CHECK_THAT(command("compile --emit asm --cpu znver5 -", toy).out, Contains("zmm"));
  CHECK_THAT(command("compile --emit asm --cpu haswell -", toy).out, Contains("ymm") && !Contains("zmm"));
}

TEST_CASE("the option --memory bounds the workspace of all threads, and changes no number") {
  const std::string model = "std:pendulum --policy linear --samples 200 --seed 1";
  const Json whole = json_of("grad " + model + " --threads 2");
  const Json part = json_of("grad " + model + " --threads 2 --memory 400K");
  CHECK(part.at("gradient") == whole.at("gradient"));
  CHECK(part.at("objective") == whole.at("objective"));
  CHECK(json_of("bench " + model + " --threads 2 --memory 400K").at("workspace_bytes") <= 200 * 1024);
  CHECK(json_of("bench " + model + " --threads 2").at("workspace_bytes") > 200 * 1024);
  const auto refused = command("grad " + model + " --threads 2 --memory 100K");
  CHECK(refused.status == 4);
  CHECK_THAT(refused.error, Contains("of workspace for each thread, of which there are 2, and at most 100.0 KiB"));
}

TEST_CASE("a model that ran before is not compiled again, and gives the same numbers") {
  const fs::path folder = fs::temp_directory_path() / ("alea_tool_cache_" + std::to_string(getpid()));
  const auto run = [&](const std::string& options) {
    return test::run_command("XDG_CACHE_HOME=" + folder.string() + " alea grad - --time --samples 100 --threads 1 " + options,
                             root, toy);
  };
  const auto first = run(""), second = run(""), other = run("--cpu x86-64-v3");
  const auto files = std::distance(fs::directory_iterator(folder / "alea"), fs::directory_iterator());
  fs::remove_all(folder);
  CHECK_THAT(first.error, Contains("generate") && !Contains("from cache"));
  CHECK_THAT(second.error, Contains("from cache") && !Contains("generate"));
  CHECK_THAT(other.error, Contains("generate"));
  CHECK(second.out == first.out);
  CHECK(other.out == first.out);
  CHECK(files == 2);
}

TEST_CASE("the library's files are shown by their names in it") {
  const auto folder = std::filesystem::temp_directory_path();
  // The hint's place is in the imported model.
  const auto wrong = test::run_command("alea run std:pendulum_v1 --samples 64", folder);
  INFO(wrong.error);
  CHECK(wrong.status == 1);
  CHECK_THAT(wrong.error, Catch::Matchers::Contains("std/models/pendulum_v1.alea:"));
  CHECK_THAT(wrong.error, !Catch::Matchers::Contains(ALEA_SOURCE_DIR));
  // Also where one of them is what is checked.
  for (const std::string file : {"prelude", "distributions", "nn", "policies"})
    CHECK(test::run_command("alea check " ALEA_SOURCE_DIR "/stdlib/" + file + ".alea", folder).status == 0);
}
