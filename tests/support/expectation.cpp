// Commands run through the shell, with files for their outputs, so that no pipe can fill up.
#include "tests/support/expectation.h"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace alea::test {

namespace fs = std::filesystem;

bool blessing() {
  const char* bless = std::getenv("ALEA_BLESS");
  return bless && std::string(bless) == "1";
}

std::string read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

void write_text(const fs::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

std::vector<fs::path> files_in(const fs::path& folder, const std::string& extension) {
  std::vector<fs::path> files;
  if (fs::is_directory(folder))
    for (const auto& entry : fs::recursive_directory_iterator(folder))
      if (entry.is_regular_file() && entry.path().extension() == extension) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

CommandResult run_command(const std::string& line, const fs::path& folder, const std::string& input) {
  const fs::path scratch = fs::temp_directory_path() / fmt::format("alea-test-{}", getpid());
  fs::create_directories(scratch);
  write_text(scratch / "in", input);
  const std::string command =
      fmt::format("cd '{}' && alea() {{ '{}' \"$@\"; }} && {{ {}\n}} < '{}' > '{}' 2> '{}'", folder.string(), ALEA_COMMAND, line,
                  (scratch / "in").string(), (scratch / "out").string(), (scratch / "error").string());
  const int status = std::system(command.c_str());
  CommandResult result{WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), read_text(scratch / "out"),
                       read_text(scratch / "error")};
  fs::remove_all(scratch);
  return result;
}

std::string replay_transcripts(const std::string& text, const fs::path& folder) {
  std::string replayed;
  bool inside = false;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("$ alea", 0) == 0) {
      const CommandResult result = run_command(line.substr(2), folder);
      if (inside) replayed += "\n";
      replayed += line + "\n" + result.out + result.error;
      if (result.status != 0) replayed += fmt::format("[status {}]\n", result.status);
      inside = true;
    } else if (!inside || line.rfind("```", 0) == 0) {
      replayed += line + "\n";
      inside = false;
    }
  }
  return replayed;
}

}  // namespace alea::test
