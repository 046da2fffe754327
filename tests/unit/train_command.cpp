// alea train from outside: what it reaches, that it goes on from a checkpoint and on any number of threads with the same
// bits, what it says when it diverges or is given a wrong checkpoint.
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <nlohmann/json.hpp>
#include <random>

#include "runtime/npy.h"
#include "tests/support/expectation.h"

using namespace alea;
using Catch::Matchers::Contains;
using Json = nlohmann::json;
namespace fs = std::filesystem;

namespace {

// A folder that is there during one test.
struct Folder {
  fs::path path = fs::temp_directory_path() / ("alea_train_" + std::to_string(getpid()));
  Folder() {
    fs::remove_all(path);
    fs::create_directories(path);
  }
  ~Folder() { fs::remove_all(path); }
  void write(const std::string& name, const std::string& text) const { test::write_text(path / name, text); }
  std::string read(const std::string& name) const { return test::read_text(path / name); }
  bool has(const std::string& name) const { return fs::exists(path / name); }
  test::CommandResult run(const std::string& line) const { return test::run_command(line, path); }
  Json json(const std::string& arguments) const {
    const auto result = run("alea train " + arguments + " --json");
    INFO(arguments << "\n" << result.out << result.error);
    REQUIRE(Json::accept(result.out));
    return Json::parse(result.out);
  }
};

const std::string binary = ALEA_BINARY_DIR "/bin/alea";

const char* const quadratic = R"(graph quadratic {
  param x: real[2] = [5, -3]
  z ~ normal(0, 1)
  cost sum(square(x - [1, 2])) + 0.1*z*x[0]
})";

// A coin whose reward is 3 for heads: trained by score with a baseline.
const char* const coin = R"(mdp coin {
  horizon 3
  state s: real = 0
  action heads: bool
  s' = s + (if heads then 1.0 else 0.0)
  reward if heads then 3.0 else 0.0
}
policy logit_policy for coin { param l: real  heads ~ bernoulli(logits = l) by score })";

}  // namespace

TEST_CASE("every optimiser finds the lowest point of a noisy quadratic") {
  const Folder folder;
  folder.write("q.alea", quadratic);
  for (const std::string optimiser : {"sgd", "momentum", "adam", "adamw", "rmsprop"}) {
    const Json json = folder.json("q.alea --steps 600 --lr-schedule cosine --lr " +
                                  std::string(optimiser == "sgd"        ? "0.1"
                                              : optimiser == "momentum" ? "0.02"
                                                                        : "0.05") +
                                  " --optimizer " + optimiser);
    INFO(optimiser << json);
    // Noise of 0.1 / √64 in the gradient leaves far less than this.
    CHECK(json["params"]["x"]["value"][0].get<double>() == Approx(1).margin(0.02));
    CHECK(json["params"]["x"]["value"][1].get<double>() == Approx(2).margin(0.02));
    CHECK(json["end"] == "steps");
    CHECK(json["evaluations"].size() == 11);
  }
}

TEST_CASE("a reward is raised, by score with a baseline too") {
  const Folder folder;
  folder.write("coin.alea", coin);
  const Json json = folder.json("coin.alea --steps 300 --lr 0.1");
  CHECK(json["params"]["l"]["value"][0].get<double>() > 3);
  CHECK(json["evaluations"].back()["evaluation"]["mean"].get<double>() > 8.5);
  const Json reached = folder.json("coin.alea --steps 300 --lr 0.1 --target 8 --eval-every 5");
  CHECK(reached["end"] == "target");
  CHECK(reached["steps"].get<int>() < 100);
  CHECK(reached["evaluations"].back()["evaluation"]["mean"].get<double>() >= 8);
}

TEST_CASE("a linear-quadratic regulator is trained to the optimum of Riccati's recursion") {
  const Folder folder;
  // x' = A x + B u with A = [[1, 0.05], [0, 1]], B = [0.0025, 0.05], costs x·x + 0.1 u², x₀ ~ normal(0, I), 50 steps: the
  // optimum of all controls is tr P₀ = 33.4216768 with P_T = 0 and
  // P_t = I + A'P A - A'P B (0.1 + B'P B)⁻¹ B'P A, P = P_{t+1}.
  folder.write("regulator.alea", R"(import std.models.linear_quadratic
instance regulator of linear_quadratic {}
policy gain for linear_quadratic { param K: real[50, 2] = 1  u = -dot(K[time], x) })");
  const Json json = folder.json("regulator.alea --steps 2000 --batch 256 --lr 0.1 --lr-schedule cosine");
  const auto gains = json["params"]["K"]["value"].get<std::vector<double>>();

  using Matrix = std::array<std::array<double, 2>, 2>;
  const auto backwards = [](const std::vector<double>* gains) {
    Matrix p{};  // of the state after the last step
    for (int t = 49; t >= 0; --t) {
      // Columns of A and B through P.
      const auto form = [&](std::array<double, 2> v, std::array<double, 2> w) {
        double sum = 0;
        for (size_t i = 0; i < 2; ++i)
          for (size_t j = 0; j < 2; ++j) sum += v[i] * p[i][j] * w[j];
        return sum;
      };
      const std::array<double, 2> b{0.0025, 0.05};
      const std::array<std::array<double, 2>, 2> a{{{1, 0}, {0.05, 1}}};
      std::array<double, 2> k;
      for (size_t i = 0; i < 2; ++i) k[i] = gains ? (*gains)[static_cast<size_t>(2 * t) + i] : form(b, a[i]) / (0.1 + form(b, b));
      Matrix next;
      for (size_t i = 0; i < 2; ++i)
        for (size_t j = 0; j < 2; ++j)
          next[i][j] =
              (i == j) + form(a[i], a[j]) - k[i] * form(b, a[j]) - k[j] * form(a[i], b) + k[i] * k[j] * (0.1 + form(b, b));
      p = next;
    }
    return p[0][0] + p[1][1];
  };
  const double optimum = backwards(nullptr), trained = backwards(&gains);
  CHECK(optimum == Approx(33.4216768).epsilon(1e-8));
  CHECK(trained >= optimum);
  CHECK(trained < optimum * 1.001);
}

TEST_CASE("the thread count changes no bit") {
  const Folder folder;
  folder.write("coin.alea", coin);
  const std::string arguments = "train coin.alea --steps 20 --batch 512 --out ";
  CHECK(folder.run("alea " + arguments + "one.npz --threads 1").status == 0);
  CHECK(folder.run("alea " + arguments + "three.npz --threads 3").status == 0);
  CHECK(folder.read("one.npz") == folder.read("three.npz"));
}

TEST_CASE("a run that was killed or interrupted goes on to the same bits") {
  const Folder folder;
  folder.write("coin.alea", coin);
  const std::string common = "coin.alea --steps 3000 --batch 2048 --every 7 --eval-every 10 --lr-schedule linear ";
  REQUIRE(folder.run("alea train " + common + "--out whole.npz --log whole.jsonl --plot whole.svg").status == 0);
  // Ten times at a random moment; every fourth time it is asked to stop, which leaves a last checkpoint.
  std::mt19937 random(5);
  int killed = 0, resumed = 0;
  for (int attempt = 0; killed < 10; ++attempt) {
    REQUIRE(attempt < 100);
    const std::string resume = folder.has("state") ? " --resume state" : "";
    const double seconds = std::uniform_real_distribution(0.03, 0.2)(random);
    const auto result = folder.run("timeout -s " + std::string(attempt % 4 == 3 ? "INT " : "KILL ") + std::to_string(seconds) +
                                   " " + binary + " train " + common + "--log part.jsonl --checkpoint state" + resume);
    INFO(result.error);
    REQUIRE((result.status == 0 || result.status == 137 || result.status == 124));
    killed += result.status == 137;
    if (result.status == 0) fs::remove(folder.path / "state");
    resumed += !resume.empty();
  }
  CHECK(resumed >= 5);
  const auto last = folder.run("alea train " + common + "--log part.jsonl --checkpoint state --out part.npz --plot part.svg" +
                               (folder.has("state") ? " --resume state" : ""));
  INFO(last.error);
  REQUIRE(last.status == 0);
  CHECK(folder.read("part.npz") == folder.read("whole.npz"));
  CHECK(folder.read("part.jsonl") == folder.read("whole.jsonl"));
  CHECK(folder.read("part.svg") == folder.read("whole.svg"));
}

TEST_CASE("a checkpoint that is damaged, foreign or of other settings is refused") {
  const Folder folder;
  folder.write("q.alea", quadratic);
  folder.write("coin.alea", coin);
  REQUIRE(folder.run("alea train q.alea --steps 10 --checkpoint state").status == 0);
  const std::string whole = folder.read("state");
  const auto refused = [&](const std::string& arguments, int status, const std::string& message) {
    const auto result = folder.run("alea train " + arguments);
    INFO(arguments << result.error);
    CHECK(result.status == status);
    CHECK_THAT(result.error, Contains(message));
  };
  refused("coin.alea --steps 20 --resume state", 2, "another model");
  refused("q.alea --steps 20 --seed 1 --resume state", 2, "other settings");
  refused("q.alea --steps 20 --precision f32 --resume state", 2, "precision");
  refused("q.alea --steps 20 --resume nowhere", 4, "nowhere");
  folder.write("half", whole.substr(0, whole.size() / 2));
  refused("q.alea --steps 20 --resume half", 4, "half");
  folder.write("text", "not a checkpoint");
  refused("q.alea --steps 20 --resume text", 4, "text");
  // One bit of a number in the middle.
  int noticed = 0;
  for (size_t at = 200; at < whole.size(); at += whole.size() / 7) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 4);
    folder.write("damaged", damaged);
    noticed += folder.run("alea train q.alea --steps 20 --eval-every 1 --resume damaged").status != 0;
  }
  CHECK(noticed >= 5);
}

TEST_CASE("a full disk ends the run with status 4 and leaves the old checkpoint whole") {
  const Folder folder;
  folder.write("q.alea", quadratic);
  REQUIRE(folder.run("alea train q.alea --steps 10 --eval-every 5 --checkpoint state").status == 0);
  const std::string whole = folder.read("state");
  const auto full = folder.run("bash -c \"trap '' XFSZ; ulimit -f 1; exec " + binary +
                               " train q.alea --steps 20 --eval-every 5 --resume state "
                               "--checkpoint state\"");
  INFO(full.error);
  CHECK(full.status == 4);
  CHECK_THAT(full.error, Contains("cannot write state"));
  CHECK(folder.read("state") == whole);
  CHECK(folder.run("alea train q.alea --steps 10 --log /dev/full").status == 4);
}

TEST_CASE("divergence is told with its step and its node, and the last good params are kept") {
  const Folder folder;
  folder.write("root.alea", "graph g {\n  param x: real = 5\n  z ~ normal(0, 1)\n  y = sqrt(x - 0.1*z)\n  cost y\n}\n");
  const auto result = folder.run("alea train root.alea --steps 300 --lr 0.1 --optimizer sgd --out good.npz");
  CHECK(result.status == 3);
  CHECK_THAT(result.error, Contains("diverged in step 1") && Contains("`y` at root.alea:4:7 is"));
  const NamedArrays kept = read_npz(folder.read("good.npz"), "good.npz");
  CHECK(kept.at("x").values[0] > 0.2);
  CHECK(kept.at("x").values[0] < 0.6);
  // The step before was still made: at these params the objective is finite on most samples.
  CHECK(folder.run("alea run root.alea --params good.npz --samples 64").status == 0);
}

TEST_CASE("params go out and in, and a run begins from them") {
  const Folder folder;
  folder.write("q.alea", quadratic);
  REQUIRE(folder.run("alea train q.alea --steps 200 --lr 0.1 --out p.npz").status == 0);
  // Of another model it takes what it has; nothing is an error.
  folder.write("part.alea", "graph part { param x: real[2]  param other: real = 7  cost sum(square(x - [1, 2])) + other }");
  const auto part = folder.run("alea run part.alea --params p.npz --samples 64 --json");
  CHECK(Json::parse(part.out)["objective"]["mean"].get<double>() == Approx(7).margin(1e-3));
  folder.write("none.alea", "graph none { param y: real  cost y }");
  CHECK(folder.run("alea run none.alea --params p.npz").status == 2);
  const Json again = folder.json("q.alea --params p.npz --steps 1");
  CHECK(again["evaluations"][0]["evaluation"]["mean"].get<double>() < 0.1);
}

TEST_CASE("the shipped training examples reach what their pages say") {
  struct Example {
    std::string name, arguments;
    double at_least;
  };
  for (const Example& example : std::vector<Example>{
           {"cart_pole_score", "--model practice --eval-model game --steps 100 --lr 0.1 --eval-samples 100", 500},
           {"mountain_car_search",
            "--model valley --policy search --eval-policy sure --eval-model valley --steps 1000 --batch 256 --lr 0.1 "
            "--lr-schedule linear",
            97},
           {"acrobot_search",
            "--model swing --policy search --eval-model swing --eval-policy sure --steps 1000 --batch 512 --lr 0.05 "
            "--lr-schedule "
            "linear",
            -75},
           {"pendulum_pathwise",
            "--model anywhere --policy neural --eval-model whole --steps 600 --batch 256 --lr 0.02 --lr-schedule cosine "
            "--clip-norm 1",
            -152},
           {"swing_up_pathwise",
            "--model practice --eval-model game --eval-policy neural --steps 1000 --batch 256 --lr 0.01 --lr-schedule cosine "
            "--clip-norm 0.1",
            455}}) {
    const auto result =
        test::run_command("alea train std:" + example.name + " " + example.arguments + " --json", ALEA_SOURCE_DIR);
    INFO(example.name << result.error);
    REQUIRE(result.status == 0);
    CHECK(Json::parse(result.out)["evaluations"].back()["evaluation"]["mean"].get<double>() >= example.at_least);
  }
}

TEST_CASE("losses of one file share their params, and one model is trained while another is judged") {
  const Folder folder;
  folder.write("two.alea", R"(param a: real = 2
param b: real = 4
graph actor { z ~ normal(0, 0.1)  cost (a - stop(b))^2 + z*a }
graph critic { z ~ normal(0, 0.1)  cost (b - 1)^2 + z*b }
graph apart { cost (a - 1)^2 + (b - 1)^2 })");
  const Json from = folder.json("two.alea --model actor,critic --eval-model apart --steps 1 --param b=7 --lr 1e-9");
  CHECK(from["evaluations"][0]["evaluation"]["mean"].get<double>() == Approx(37));
  const Json json = folder.json("two.alea --model actor,critic --eval-model apart --steps 400 --lr 0.05 --lr-schedule linear");
  CHECK(json["params"]["a"]["value"][0].get<double>() == Approx(1).margin(0.03));
  CHECK(json["params"]["b"]["value"][0].get<double>() == Approx(1).margin(0.03));
  CHECK(json["evaluations"][0]["evaluation"]["mean"].get<double>() == Approx(10));
}

TEST_CASE("frozen params stay as they are") {
  const Folder folder;
  folder.write("two.alea",
               "import std.nn\ngraph g { param a: real = 3  param f: linear(1, 1)  cost (a - 1)^2 + sum(square(f([1.0]) - 5)) }");
  const Json json = folder.json("two.alea --freeze 'f.*' --steps 300 --lr 0.1 --optimizer momentum --param 'f.*=2'");
  CHECK(json["params"]["a"]["value"][0].get<double>() == Approx(1).margin(1e-3));
  CHECK(json["params"]["f.W"]["value"][0] == 2.0);
  CHECK(json["params"]["f.b"]["value"][0] == 2.0);
  CHECK(folder.run("alea train two.alea --freeze c --steps 1").status == 2);
  CHECK(folder.run("alea train two.alea --freeze a --freeze 'f.*' --steps 1").status == 2);
}

TEST_CASE("rows of data are taken in shuffled batches") {
  const Folder folder;
  std::string rows = "x,y\n";
  for (int k = 0; k < 100; ++k) rows += std::to_string(0.02 * k - 1) + "," + std::to_string(0.06 * k - 3 + 0.5) + "\n";
  folder.write("rows.csv", rows);
  folder.write("line.alea",
               "graph line {\n  input row: real[2]\n  param slope: real\n  param offset: real\n"
               "  cost (slope*row[0] + offset - row[1])^2\n}\n");
  const Json json =
      folder.json("line.alea --data row=rows.csv --steps 500 --batch 10 --lr 0.1 --lr-schedule cosine --eval-samples 100");
  CHECK(json["params"]["slope"]["value"][0].get<double>() == Approx(3).margin(1e-3));
  CHECK(json["params"]["offset"]["value"][0].get<double>() == Approx(0.5).margin(1e-3));
}

TEST_CASE("images are read as IDX files, and judged on others than those trained on") {
  const Folder folder;
  // Two images of 1 x 2 bytes, then three.
  const auto idx = [](const std::string& bytes) {
    return std::string("\0\0\x08\x03\0\0\0", 7) + static_cast<char>(bytes.size() / 2) + std::string("\0\0\0\x01\0\0\0\x02", 8) +
           bytes;
  };
  folder.write("a-ubyte", idx("\x0a\x14\x1e\x28"));          // 10, 20; 30, 40
  folder.write("b-ubyte", idx("\x01\x02\x03\x04\x05\xfe"));  // …; 5, 254
  REQUIRE(folder.run("gzip -k b-ubyte").status == 0);
  folder.write("mean.alea", "graph mean { input image: real[2]  param m: real[2]  cost sum(square(image - m)) }");
  const Json json =
      folder.json("mean.alea --data image=a-ubyte --eval-data image=b-ubyte.gz --eval-samples 3 --steps 1 --lr 0.001");
  // At m = 0, over the three others: (1 + 4 + 9 + 16 + 25 + 254²)/3.
  CHECK(json["evaluations"][0]["evaluation"]["mean"].get<double>() == Approx((55 + 254.0 * 254) / 3));
  const auto trained = folder.json("mean.alea --data image=a-ubyte --steps 400 --lr 0.2 --lr-schedule linear --optimizer sgd");
  CHECK(trained["params"]["m"]["value"][0].get<double>() == Approx(20));
  CHECK(trained["params"]["m"]["value"][1].get<double>() == Approx(30));
  folder.write("short-ubyte", idx("\x0a\x14\x1e\x28").substr(0, 17));
  CHECK(folder.run("alea train mean.alea --data image=short-ubyte --steps 1").status == 4);
  folder.write("none-ubyte", "text");
  CHECK(folder.run("alea train mean.alea --data image=none-ubyte --steps 1").status == 4);
}

TEST_CASE("a wrong model and a wrong option of train are named") {
  const Folder folder;
  folder.write("wrong.alea", "graph g { param a: real  cost a + b }");
  const auto wrong = folder.run("alea train wrong.alea --steps 5");
  CHECK(wrong.status == 1);
  CHECK_THAT(wrong.error, Contains("wrong.alea:1:35"));
  CHECK(folder.run("alea train q.alea --steps 5").status == 4);
  folder.write("q.alea", quadratic);
  folder.write("fixed.alea", "graph g { z ~ normal(0, 1)  cost z }");
  for (const auto& [arguments, message] : std::vector<std::pair<std::string, std::string>>{
           {"q.alea", "--steps"},
           {"q.alea --steps 0", "--steps"},
           {"q.alea --steps 5 --lr 0", "--lr"},
           {"q.alea --steps 5 --lr nan", "--lr"},
           {"q.alea --steps 5 --optimizer adma", "adma"},
           {"q.alea --steps 5 --momentum 1", "--momentum"},
           {"q.alea --steps 5 --out p.txt", ".npz"},
           {"q.alea --steps 5 --plot p.png", ".svg"},
           {"q.alea --steps 5 --batch 4 --samples-per-row 8", "--samples-per-row"},
           {"q.alea --steps 5 --weight-decay 0.1", "adamw"},
           {"fixed.alea --steps 5", "no params"},
       }) {
    const auto result = folder.run("alea train " + arguments);
    INFO(arguments << "\n" << result.error);
    CHECK(result.status == 2);
    CHECK_THAT(result.error, Contains(message));
  }
}

TEST_CASE("logs and trajectories are drawn over each other") {
  const Folder folder;
  folder.write("coin.alea", coin);
  REQUIRE(folder.run("alea train coin.alea --steps 20 --log a.jsonl --seed 1 --plot curve.svg").status == 0);
  REQUIRE(folder.run("alea train coin.alea --steps 20 --log b.jsonl --seed 2").status == 0);
  REQUIRE(folder.run("alea plot a.jsonl b.jsonl --label first --label 'a<b' -o both.svg").status == 0);
  const std::string both = folder.read("both.svg");
  CHECK_THAT(both, Contains(">first</text>") && Contains(">a&lt;b</text>") && Contains("<polygon"));
  CHECK_THAT(folder.read("curve.svg"), Contains("coin, policy logit_policy") && Contains("in training"));
  REQUIRE(folder.run("alea run coin.alea --samples 64 --trace t.npz").status == 0);
  REQUIRE(folder.run("alea plot t.npz --value s --samples 3 -o t.svg").status == 0);
  CHECK_THAT(folder.read("t.svg"), Contains("s, sample 2"));
  CHECK(folder.run("alea plot t.npz --value nothing -o t.svg").status == 2);
  // The same picture from the table of the same trajectories.
  REQUIRE(folder.run("alea run coin.alea --samples 64 --trace t.csv").status == 0);
  REQUIRE(folder.run("alea plot t.csv --value s --samples 3 -o table.svg").status == 0);
  CHECK(folder.read("table.svg") == folder.read("t.svg"));
  CHECK(folder.run("alea plot t.csv --value nothing -o t.svg").status == 2);
  folder.write("numbers.csv", "x,y\n1,2\n");
  CHECK(folder.run("alea plot numbers.csv -o t.svg").status == 4);
  folder.write("short.csv", "sample,step,x\n0,0,1\n0,1,2\n1,0,3\n");
  CHECK(folder.run("alea plot short.csv -o t.svg").status == 4);
  CHECK(folder.run("alea plot coin.alea -o t.svg").status == 2);
  CHECK(folder.run("alea plot nowhere.jsonl -o t.svg").status == 4);
}

TEST_CASE("random actions are in the trajectories") {
  const Folder folder;
  folder.write("coin.alea", coin);
  REQUIRE(folder.run("alea run coin.alea --policy random --samples 64 --trace t.npz").status == 0);
  const NamedArrays trace = read_npz(folder.read("t.npz"), "t.npz");
  REQUIRE(trace.contains("heads"));
  double heads = 0;
  for (int64_t sample = 0; sample < 64; ++sample)
    for (int64_t t = 0; t + 1 < 3; ++t) {
      const auto at = static_cast<size_t>(3 * sample + t);
      CHECK(trace.at("s").values[at + 1] == trace.at("s").values[at] + trace.at("heads").values[at]);
      heads += trace.at("heads").values[at];
    }
  CHECK(heads > 30);
  CHECK(heads < 98);
}

TEST_CASE("an imported mdp is run, trained and judged by its name") {
  const Folder folder;
  folder.write("policies.alea",
               "import std.models.pendulum_v1\ninstance short of pendulum_v1 { horizon 10 }\n"
               "policy linear for pendulum_v1 { param w: real[3]  u = dot(w, obs) }\n");
  const Json whole = Json::parse(folder.run("alea run policies.alea --model pendulum_v1 --samples 640 --json").out);
  CHECK(whole["model"] == "pendulum_v1");
  CHECK(whole["objective"]["mean"].get<double>() == Approx(-1200).margin(150));
  const Json judged = folder.json("policies.alea --model short --eval-model pendulum_v1 --steps 1 --lr 1e-9");
  CHECK(judged["evaluations"][0]["evaluation"]["mean"].get<double>() == Approx(-1200).margin(150));
  const auto unknown = folder.run("alea run policies.alea --model pendulum_v2");
  CHECK(unknown.status == 2);
  CHECK_THAT(unknown.error, Contains("did you mean `pendulum_v1`?"));
  // A file of policies alone stands for the mdp that they serve.
  folder.write("alone.alea",
               "import std.models.pendulum_v1\npolicy linear for pendulum_v1 { param w: real[3]  u = dot(w, obs) }\n");
  CHECK(folder.run("alea run alone.alea --samples 64").status == 0);
}

TEST_CASE("what is judged needs no estimator: a policy that jumps may be") {
  const Folder folder;
  folder.write("jump.alea", R"(mdp m { horizon 5  state x: real ~ normal(0, 1)  action u: real  x' = x + u  cost x*x }
policy noisy for m { param k: real = -0.5  u ~ normal(k*x, 0.3) }
policy sure for m { param k: real = -0.5  u = if abs(x) > 0.1 then k*x else 0.0 })");
  CHECK(folder.run("alea grad jump.alea --policy sure --samples 64").status == 1);
  const Json json = folder.json("jump.alea --policy noisy --eval-policy sure --steps 20 --lr 0.02");
  CHECK(json["evaluations"].back()["evaluation"]["mean"].get<double>() <
        json["evaluations"][0]["evaluation"]["mean"].get<double>());
}
