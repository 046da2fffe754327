// The command from outside, for the tests of it: run from the root of the sources, with its output as data, and in
// folders of their own.
#pragma once
#include <unistd.h>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/support/expectation.h"

namespace alea::test {

inline const std::filesystem::path root = ALEA_SOURCE_DIR;

inline CommandResult command(const std::string& arguments, const std::string& input = {}) {
  return run_command("alea " + arguments, root, input);
}

// What it prints with --json: one line, one object.
inline nlohmann::json json_of(const std::string& arguments, const std::string& input = {}) {
  const CommandResult result = command(arguments + " --json", input);
  INFO(arguments << "\n" << result.out << result.error);
  REQUIRE(nlohmann::json::accept(result.out));
  CHECK(result.out.find('\n') == result.out.size() - 1);
  return nlohmann::json::parse(result.out);
}

// A folder of its own, gone when the test ends.
struct Folder {
  std::filesystem::path path = std::filesystem::temp_directory_path() / ("alea_test_" + std::to_string(getpid()));
  Folder() {
    std::filesystem::remove_all(path);
    std::filesystem::create_directories(path);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::filesystem::path file(const std::string& name, const std::string& text) const {
    write_text(path / name, text);
    return path / name;
  }
};

}  // namespace alea::test
