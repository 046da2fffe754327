// Mutated model files through the front end and the compiler, until the time is up. In: seconds (default 60) and a seed.
// Out: nothing when no input crashes, hangs or ends in an internal error; else the input, in a file, and status 1. A crash
// leaves the input in the file too: it is written before it is tried.
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <ctime>
#include <random>

#include "compiler/pipeline.h"
#include "dsl/format.h"
#include "dsl/parser.h"
#include "runtime/standard_files.h"
#include "tests/support/expectation.h"

using namespace alea;

namespace {

using Random = std::mt19937_64;

const char* const words[] = {
    "param",         "~",         "normal(0, 1)", "(",      ")",         "[",  "]", "{",   "}", "if", "then", "else",
    "for i in 0..3", "cost",      "real[3]",      "cat(2)", "'",         "\"", "#", "1e9", "-", "^",  "@",    "..",
    "stop(",         "terminate", "state",        "= 0",    "1000000000"};

std::string mutated(const std::vector<std::string>& corpus, Random& random) {
  std::string text = corpus[random() % corpus.size()];
  const int changes = 1 + static_cast<int>(random() % 6);
  for (int k = 0; k < changes && !text.empty(); ++k) {
    const size_t at = random() % text.size(), length = std::min<size_t>(1 + random() % 40, text.size() - at);
    switch (random() % 6) {
      case 0: text.erase(at, length); break;
      case 1: text.insert(at, text.substr(random() % text.size(), length)); break;
      case 2: text[at] = static_cast<char>(random()); break;
      case 3: text.insert(at, words[random() % std::size(words)]); break;
      case 4: text.replace(at, length, words[random() % std::size(words)]); break;
      case 5: {
        const std::string& other = corpus[random() % corpus.size()];
        const size_t from = random() % other.size();
        text.insert(at, other.substr(from, 1 + random() % 200));
        break;
      }
    }
  }
  return text;
}

// Parses, formats, checks and compiles; what is wrong with the text is its own business.
void try_text(const std::string& text) {
  SourceMap sources;
  Diagnostics diagnostics;
  const SourceId main = sources.add("fuzz.alea", text);
  const auto files = parse_files(sources, main, file_loader(), diagnostics);
  if (!diagnostics.has_errors()) {
    Diagnostics again;
    const std::string once = format(sources, main, parse(sources, main, again));
    const SourceId formatted = sources.add("formatted.alea", once);
    if (format(sources, formatted, parse(sources, formatted, again)) != once) throw InternalError{"formatting twice differs"};
    check_file(sources, *files, {}, diagnostics);
  }
  for (const Diagnostic& diagnostic : diagnostics.sorted()) render(diagnostic, sources, false);
  if (diagnostics.has_errors()) return;
  for (const std::string& name : model_names(*files)) {
    PipelineOptions options;
    options.check.model = name;
    Diagnostics of_model;
    compile(sources, *files, options, of_model);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 60;
  Random random(argc > 2 ? static_cast<uint64_t>(std::atoll(argv[2])) : std::random_device{}());
  std::vector<std::string> corpus;
  for (const char* folder : {"/examples", "/stdlib", "/tests/files/wrong"})
    for (const auto& path : test::files_in(std::string(ALEA_SOURCE_DIR) + folder, ".alea")) {
      const std::string text = test::read_text(path);
      // The wrong models one by one, the others whole.
      for (size_t at = 0; at < text.size();) {
        const size_t next = text.find("\n#### ", at + 1);
        corpus.push_back(text.substr(at, next - at));
        at = next == std::string::npos ? text.size() : next;
      }
    }
  const std::string input = (std::filesystem::temp_directory_path() / fmt::format("alea-fuzz-{}.alea", ::getpid())).string();
  const auto start = std::chrono::steady_clock::now();
  const auto elapsed = [&](auto since) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - since).count();
  };
  size_t count = 0;
  for (; elapsed(start) < seconds; ++count) {
    const std::string text = mutated(corpus, random);
    test::write_text(input, text);
    const std::clock_t begin = std::clock();  // of this process: on a busy machine others take their time too
    try {
      try_text(text);
    } catch (const InternalError& error) {
      fmt::print("internal error: {}; the input is in {}\n", error.message, input);
      return 1;
    }
    constexpr double longest = 10;
    if (const double took = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC; took > longest) {
      fmt::print("took {:.1f} s; the input is in {}\n", took, input);
      return 1;
    }
  }
  std::filesystem::remove(input);
  fmt::print("{} inputs\n", count);
}
