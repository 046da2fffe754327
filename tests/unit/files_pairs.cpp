// The table of estimators and distributions in docs/estimators.md is what tests/gradients/pairs-*.alea hold. In: those
// files' cases. Out: the table between its two marks; ALEA_BLESS=1 writes it. Every shipped distribution has its file.
#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "tests/support/expectation.h"

using namespace alea;
namespace fs = std::filesystem;

namespace {

const fs::path root = ALEA_SOURCE_DIR;
const std::string begin_mark = "<!-- pairs: written by the tests (ALEA_BLESS=1) from tests/gradients/pairs-*.alea -->\n";
const std::string end_mark = "<!-- end of pairs -->\n";

const std::vector<std::string> estimators{"reparam", "implicit", "score",  "enumerate",       "measure_valued",
                                          "disarm",  "rebar",    "gumbel", "straight_through"};

struct Pair {
  std::set<std::string> points;  // the params' values
  bool biased = false;
};

// By estimator: `# case [--estimator …] param=value … | truths | x=estimator`.
std::map<std::string, Pair> pairs_in(const std::string& text) {
  std::map<std::string, Pair> result;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string hash, verb, word, point, estimator;
    if (!(words >> hash >> verb) || hash != "#" || (verb != "case" && verb != "biased")) continue;
    int part = 0;
    while (words >> word) {
      if (word == "|") {
        ++part;
      } else if (part == 0 && word.starts_with("--")) {
        std::string value;
        words >> value;
        // Constants of the case are part of its point; what is asked for is said once more at the end.
        if (word != "--estimator") point += value + " ";
      } else if (part == 0) {
        point += word + " ";
      } else if (part == 2) {
        estimator = word.substr(word.find('=') + 1);
      }
    }
    Pair& pair = result[estimator];
    pair.points.insert(point);
    pair.biased = pair.biased || verb == "biased";
  }
  return result;
}

}  // namespace

TEST_CASE("the table of estimators and distributions is what the tests hold") {
  std::string table = "| distribution |";
  for (const std::string& name : estimators) table += " `" + name + "` |";
  table += " held by |\n| --- |";
  for (size_t k = 0; k < estimators.size(); ++k) table += " --- |";
  table += " --- |\n";
  std::set<std::string> covered;
  std::vector<fs::path> files = test::files_in(root / "tests" / "gradients", ".alea");
  std::sort(files.begin(), files.end());
  // pairs-DISTRIBUTION.alea, pairs-DISTRIBUTION-more.alea
  std::map<std::string, std::vector<fs::path>> by_distribution;
  for (const fs::path& path : files) {
    const std::string name = path.stem().string();
    if (name.starts_with("pairs-")) by_distribution[name.substr(6, name.find('-', 6) - 6)].push_back(path);
  }
  for (const auto& [distribution, held_by] : by_distribution) {
    covered.insert(distribution);
    std::string text, links;
    for (const fs::path& path : held_by) {
      text += test::read_text(path);
      links += fmt::format("{0}[{1}](../tests/gradients/{1})", links.empty() ? "" : ", ", path.filename().string());
    }
    const std::map<std::string, Pair> pairs = pairs_in(text);
    table += fmt::format("| `{}` |", distribution);
    for (const std::string& estimator : estimators) {
      const auto found = pairs.find(estimator);
      if (found == pairs.end()) {
        table += " |";
        continue;
      }
      INFO(distribution << " by " << estimator);
      CHECK(found->second.points.size() >= 3);
      CHECK(found->second.biased == (estimator == "gumbel" || estimator == "straight_through"));
      table += found->second.biased ? " biased |" : " yes |";
    }
    table += fmt::format(" {} |\n", links);
    for (const auto& [estimator, pair] : pairs) {
      INFO(distribution << ": no column for " << estimator);
      CHECK(std::find(estimators.begin(), estimators.end(), estimator) != estimators.end());
    }
  }

  const std::string shipped = test::read_text(root / "stdlib" / "distributions.alea");
  const std::regex declaration("(^|\n)dist ([a-z_]+)\\(");
  for (auto at = std::sregex_iterator(shipped.begin(), shipped.end(), declaration); at != std::sregex_iterator(); ++at) {
    INFO((*at)[2].str());
    CHECK(covered.contains((*at)[2].str()));
  }

  const fs::path page = root / "docs" / "estimators.md";
  const std::string text = test::read_text(page);
  const size_t begin = text.find(begin_mark), end = text.find(end_mark);
  REQUIRE(begin != std::string::npos);
  REQUIRE(end != std::string::npos);
  const size_t from = begin + begin_mark.size();
  if (test::blessing()) test::write_text(page, text.substr(0, from) + "\n" + table + "\n" + text.substr(end));
  else CHECK(text.substr(from, end - from) == "\n" + table + "\n");
}
