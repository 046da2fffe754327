// What the command says about small models. tests/files/explain/*.alea and tests/files/graph/*.alea are models that carry
// what `alea explain` and `alea compile --emit graph` print about them, as comments after a line `#### output`.
// ALEA_BLESS=1 writes it. Lines of the standard library change with it: their numbers are left out.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <regex>
#include <sstream>

#include "tests/support/expectation.h"

using namespace alea;
namespace fs = std::filesystem;

namespace {

const std::string mark = "\n#### output\n";

std::string commented(const std::string& text) {
  std::string result;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) result += line.empty() ? "#\n" : "# " + line + "\n";
  return result;
}

std::string printed(const fs::path& path, const std::string& arguments) {
  const auto result = test::run_command(fmt::format("alea {}", fmt::format(fmt::runtime(arguments), path.filename().string())),
                                        path.parent_path());
  static const std::regex standard_line(R"(\b(prelude|distributions|nn|ode)\.alea:[0-9]+)");
  std::string text = std::regex_replace(result.out + result.error, standard_line, "$1.alea");
  if (result.status != 0) text += fmt::format("[status {}]\n", result.status);
  return text;
}

// Each model of the folder, and what the command prints about it.
void check_folder(const std::string& folder, const std::string& arguments) {
  const auto files = test::files_in(fs::path(ALEA_SOURCE_DIR) / "tests" / "files" / folder, ".alea");
  CHECK(files.size() >= 12);
  for (const fs::path& path : files) {
    INFO(path.string());
    const std::string text = test::read_text(path);
    const size_t end = text.find(mark);
    const std::string model = end == std::string::npos ? text : text.substr(0, end);
    const std::string expected = model + mark + commented(printed(path, arguments));
    if (test::blessing()) test::write_text(path, expected);
    else CHECK(text == expected);
  }
}

}  // namespace

TEST_CASE("golden: explain says which estimator each draw has, and why") { check_folder("explain", "explain {}"); }

TEST_CASE("golden: the stochastic graph is what the model says") { check_folder("graph", "compile {} --emit graph"); }
