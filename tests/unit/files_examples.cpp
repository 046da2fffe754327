// The examples and the pages that users read say what the command prints: every transcript in them (`$ alea …` and what
// follows) is run again and compared. ALEA_BLESS=1 accepts. Every shipped .alea file is in the canonical layout.
#include <catch2/catch.hpp>

#include "tests/support/expectation.h"

using namespace alea;
namespace fs = std::filesystem;

namespace {

const fs::path root = ALEA_SOURCE_DIR;

std::vector<fs::path> pages() {
  std::vector<fs::path> pages{root / "README.md"};
  for (const char* folder : {"docs", "examples"})
    for (const char* extension : {".md", ".txt"})
      for (const fs::path& path : test::files_in(root / folder, extension)) pages.push_back(path);
  return pages;
}

}  // namespace

TEST_CASE("every transcript is what the command prints") {
  size_t transcripts = 0;
  for (const fs::path& page : pages()) {
    const std::string text = test::read_text(page);
    if (text.find("$ alea ") == std::string::npos) continue;
    ++transcripts;
    INFO(page.string());
    // In an example's folder its own files are named without a path.
    const bool in_example = page.parent_path().parent_path() == root / "examples";
    const std::string replayed = test::replay_transcripts(text, in_example ? page.parent_path() : root);
    if (test::blessing()) test::write_text(page, replayed);
    else CHECK(replayed == text);
  }
  CHECK(transcripts >= 9);
}

TEST_CASE("every shipped model is in the canonical layout and has no errors") {
  size_t models = 0;
  for (const char* folder : {"stdlib", "examples"})
    for (const fs::path& path : test::files_in(root / folder, ".alea")) {
      ++models;
      const auto format = test::run_command("alea fmt --check '" + path.string() + "'", root);
      const auto check = test::run_command("alea check '" + path.string() + "'", root);
      INFO(path.string() << "\n" << format.error << check.error);
      CHECK(format.status == 0);
      CHECK(check.status == 0);
    }
  CHECK(models >= 10);
}

TEST_CASE("every model on a page about models has no errors") {
  for (const auto& [page, at_least] : {std::pair<const char*, size_t>{"language.md", 2}, {"models.md", 1}}) {
    const std::string text = test::read_text(root / "docs" / page);
    size_t models = 0;
    for (size_t at = text.find("```alea\n"); at != std::string::npos; at = text.find("```alea\n", at + 1)) {
      const size_t begin = at + 8, end = text.find("```", begin);
      const std::string model = text.substr(begin, end - begin);
      const auto result = test::run_command("alea check -", root, model);
      INFO(model << result.error);
      CHECK(result.status == 0);
      ++models;
    }
    CHECK(models >= at_least);
  }
}

TEST_CASE("every example has a model, a page and an expected output") {
  for (const auto& entry : fs::directory_iterator(root / "examples")) {
    if (!entry.is_directory()) continue;
    const std::string name = entry.path().filename().string();
    INFO(name);
    CHECK(fs::exists(entry.path() / (name + ".alea")));
    CHECK(fs::exists(entry.path() / "README.md"));
    CHECK(fs::exists(entry.path() / "expected.txt"));
  }
}
