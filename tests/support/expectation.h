// What tests of text share: reading test files, accepting what comes out (ALEA_BLESS=1), running the command.
#pragma once
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace alea::test {

bool blessing();  // ALEA_BLESS=1: expectations are rewritten, not checked

std::string read_text(const std::filesystem::path&);
void write_text(const std::filesystem::path&, const std::string&);
std::vector<std::filesystem::path> files_in(const std::filesystem::path& folder, const std::string& extension);

struct CommandResult {
  int status = 0;
  std::string out, error;
};
// Runs a shell command line in `folder`; `alea` in it is the command that was built.
CommandResult run_command(const std::string& line, const std::filesystem::path& folder, const std::string& input = {});

// The text with its transcripts replaced by what the commands print now. A transcript begins with a line `$ alea …` and
// goes on to the next such line, to a line of ```, or to the end. Exit statuses other than 0 are printed as [status n];
// what goes to standard error follows what goes to standard output.
std::string replay_transcripts(const std::string& text, const std::filesystem::path& folder);

}  // namespace alea::test
