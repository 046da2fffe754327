// Files that are out to hurt: too large, too deep, too many, or no text at all. Each gets a clear error within a second
// and bounded memory from the command itself; nothing crashes it.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <nlohmann/json.hpp>

#include "tests/support/expectation.h"

using namespace alea;
namespace fs = std::filesystem;

namespace {

// Memory that the command may use beyond what it is linked to, in KiB.
constexpr long memory_limit = 1'500'000;

struct Outcome {
  test::CommandResult result;
  double seconds = 0;
};

Outcome check(const std::string& model, const std::string& options = {}) {
  const fs::path path =
      fs::temp_directory_path() / fmt::format("alea-hostile-{}.alea", std::hash<std::string>{}(options + model.substr(0, 99)));
  test::write_text(path, model);
  const auto begin = std::chrono::steady_clock::now();
  // Programs under the address sanitizer reserve far more than they use.
#ifdef __SANITIZE_ADDRESS__
  const std::string limit;
#else
  const std::string limit = fmt::format("ulimit -v {}; ", memory_limit);
#endif
  Outcome outcome{test::run_command(fmt::format("{}alea check {} {}", limit, options, path.string()), fs::temp_directory_path()),
                  0};
  outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  fs::remove(path);
  return outcome;
}

void refused(const std::string& what, const std::string& model, const std::string& code) {
  const Outcome outcome = check(model, "--json");
  INFO(what << "\n" << outcome.result.out.substr(0, 2000) << outcome.result.error.substr(0, 2000));
  CHECK(outcome.result.status == 1);
  CHECK(outcome.result.out.find("\"code\":\"" + code + "\"") != std::string::npos);
#if defined(NDEBUG) && !defined(__SANITIZE_ADDRESS__)
  CHECK(outcome.seconds < 1.0);
#endif
}

std::string repeat(const std::string& text, size_t count) {
  std::string result;
  result.reserve(text.size() * count);
  for (size_t i = 0; i < count; ++i) result += text;
  return result;
}

}  // namespace

TEST_CASE("nesting without end is refused") {
  refused("parentheses", "graph g { cost " + repeat("(", 100'000) + "1" + repeat(")", 100'000) + " }", "nesting_too_deep");
  refused("open parentheses", "graph g { cost " + repeat("(", 100'000), "nesting_too_deep");
  refused("lists", "graph g { cost sum(" + repeat("[", 100'000) + "1" + repeat("]", 100'000) + ") }", "nesting_too_deep");
  refused("blocks", "graph g " + repeat("{ ", 100'000), "unclosed_block");
  refused("signs", "graph g { cost " + repeat("-", 100'000) + "1 }", "chain_too_long");
  refused("ifs", "graph g { cost " + repeat("if true then ", 20'000) + "1" + repeat(" else 2", 20'000) + " }",
          "nesting_too_deep");
}

TEST_CASE("rows of ten thousand operators, and of hundreds of else if, run") {
  const auto gradient = [](const std::string& cost) {
    const std::string model =
        "graph g { param w: real = 0.5 c ~ categorical([0.25, 0.5, 0.25]) x ~ normal(w, 1) cost " + cost + " }";
    const auto result = test::run_command("alea grad - --json --samples 128", fs::temp_directory_path(), model);
    INFO(result.out << result.error.substr(0, 1000));
    REQUIRE(result.status == 0);
    return nlohmann::json::parse(result.out).at("gradient").at("w").at("mean").at(0).get<double>();
  };
  CHECK(gradient(repeat("x*0.0001 + ", 10'000) + "w") == Approx(2).epsilon(1e-9));
  CHECK(gradient(repeat("2*w - w - ", 10'000) + "x") == Approx(2 - 1 - 3 * 9999 - 1));
  std::string known = "x * (";
  for (int i = 0; i < 10'000; ++i) known += fmt::format("if 7000 == {0} then {0} else ", i);
  CHECK(gradient(known + "1)") == Approx(7000));
  CHECK(gradient("x * (" + repeat("if c == 1 then 3 else if c == 0 then 3 else ", 150) + "3)") == Approx(3));
}

TEST_CASE("files beyond the limit are refused unread") {
  refused("100 MB of spaces", std::string(100'000'000, ' '), "source_too_large");
  refused("5 MB of statements", "graph g {" + repeat(" cost 1", 700'000) + " }", "source_too_large");
}

TEST_CASE("arrays and loops without end are refused") {
  refused("an array", "graph g { param a: real[1000000000] cost sum(a) }", "extent_too_large");
  refused("a horizon", "mdp m { horizon 1000000000000 state s: real = 0 s' = 0.5 * s cost s }", "bad_horizon");
  refused("a comprehension", "graph g { cost sum(i for i in 0..1000000000) }", "comprehension_too_long");
  refused("nested comprehensions",
          "graph g { x = [[[[i + j + k + l for i in 0..1000] for j in 0..1000] for k in 0..1000] for l in 0..1000] cost sum(x) }",
          "extent_too_large");
}

TEST_CASE("definitions, calls and operations without end are refused") {
  std::string chain = "graph g { x0 = 1", calls = "fn f0(x) = sin(x)\n";
  for (int i = 1; i <= 100'000; ++i) chain += fmt::format(" x{} = x{} + 1", i, i - 1);
  for (int i = 1; i <= 300; ++i) calls += fmt::format("fn f{}(x) = f{}(x) + 1\n", i, i - 1);
  std::string backwards = "graph g { cost x0";
  for (int i = 0; i < 20'000; ++i) backwards += fmt::format(" x{} = x{} + 1", i, i + 1);
  refused("a chain of definitions", backwards + " x20000 = 1 }", "definitions_too_deep");
  CHECK(check(chain + " cost x100000 }").result.status == 0);
  refused("a chain of calls", calls + "graph g { cost f300(1) }", "calls_too_deep");
}

TEST_CASE("imports without end are refused") {
  const fs::path folder = fs::temp_directory_path() / "alea-hostile-imports";
  fs::create_directories(folder);
  std::string model;
  for (int i = 0; i < 1100; ++i) {
    model += fmt::format("import file{}\n", i);
    test::write_text(folder / fmt::format("file{}.alea", i), "const c = 1\n");
  }
  test::write_text(folder / "main.alea", model + "graph g { cost 1 }\n");
  const test::CommandResult result = test::run_command("alea check --json main.alea", folder);
  fs::remove_all(folder);
  CHECK(result.status == 1);
  CHECK(result.out.find(fmt::format("\"code\":\"{}\"", "too_many_files")) != std::string::npos);
}

TEST_CASE("bytes that are no text are refused with a place") {
  uint64_t state = 1;
  for (int round = 0; round < 20; ++round) {
    std::string bytes;
    for (int i = 0; i < 10'000; ++i) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      bytes += static_cast<char>(state >> 56);
    }
    const Outcome outcome = check(bytes);
    CHECK(outcome.result.status == 1);
    CHECK(outcome.result.error.find(":1:") != std::string::npos);
  }
  CHECK(check("").result.status == 0);
  CHECK(check(std::string(1000, '\0')).result.status == 1);
}

TEST_CASE("a model that is cut off or has a byte changed crashes nothing") {
  const std::string model = test::read_text(fs::path(ALEA_SOURCE_DIR) / "examples" / "cart_pole" / "cart_pole.alea");
  uint64_t state = 7;
  for (int round = 0; round < 200; ++round) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    std::string text = model;
    const size_t place = (state >> 33) % model.size();
    if (round % 2 == 0) text.resize(place);
    else text[place] = static_cast<char>(state >> 25);
    const int status = check(text).result.status;
    INFO(text);
    CHECK((status == 0 || status == 1));
  }
}
