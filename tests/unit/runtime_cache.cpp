// The cache of compiled kernels: what is kept comes back, what is damaged or of another key does not, and it stays in bounds.
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <thread>

#include "runtime/file.h"
#include "runtime/kernel_cache.h"

using namespace alea;
namespace fs = std::filesystem;

namespace {

struct Folder {
  fs::path path =
      fs::temp_directory_path() / ("alea_cache_" + std::to_string(std::hash<std::thread::id>()(std::this_thread::get_id())));
  Folder() { fs::remove_all(path); }
  ~Folder() { fs::remove_all(path); }
  std::string name() const { return path.string(); }
  std::vector<fs::path> files() const {
    std::vector<fs::path> list;
    for (const auto& entry : fs::directory_iterator(path)) list.push_back(entry.path());
    return list;
  }
};

bool holds(const Folder& folder, const std::string& key, const std::string& object) {
  const auto found = load_kernel(folder.name(), key);
  return found && found->objects == std::vector<std::string>{object} && found->workspace_bytes == 7 &&
         found->uniform_bytes == 8 && found->most_groups == 4;
}

}  // namespace

TEST_CASE("a kept kernel comes back, for its own key alone", "[cache]") {
  const Folder folder;
  CHECK(!load_kernel(folder.name(), "one"));
  save_kernel(folder.name(), "one", {7, 8, 4, {"object"}});
  save_kernel(folder.name(), "two", {7, 8, 4, {std::string("\0x", 2)}});
  CHECK(holds(folder, "one", "object"));
  CHECK(holds(folder, "two", std::string("\0x", 2)));
  CHECK(!load_kernel(folder.name(), "three"));
  const CachedKernel several{7, 8, 4, {"first", "", std::string(100, 'y')}};
  save_kernel(folder.name(), "several", several);
  CHECK(load_kernel(folder.name(), "several")->objects == several.objects);
  save_kernel(folder.name(), "none", {7, 8, 4, {}});
  CHECK(load_kernel(folder.name(), "none")->objects.empty());
  fs::remove_all(folder.path);
  save_kernel(folder.name(), "one", {7, 8, 4, {"object"}});
  save_kernel(folder.name(), "two", {7, 8, 4, {std::string("\0x", 2)}});
  // A file under the name of another key.
  const auto files = folder.files();
  REQUIRE(files.size() == 2);
  const bool first_is_one = read_file(files[0].string()).find("one") != std::string::npos;
  fs::copy_file(files[first_is_one ? 0 : 1], files[first_is_one ? 1 : 0], fs::copy_options::overwrite_existing);
  CHECK(holds(folder, "one", "object"));
  CHECK(!load_kernel(folder.name(), "two"));
  save_kernel(folder.name(), "two", {7, 8, 4, {"anew"}});
  CHECK(holds(folder, "two", "anew"));
}

TEST_CASE("a kernel damaged anywhere counts as missing", "[cache]") {
  const Folder folder;
  save_kernel(folder.name(), "key", {7, 8, 4, {"object"}});
  const std::string path = folder.files()[0].string(), whole = read_file(path);
  for (size_t k = 0; k < whole.size(); ++k) {
    std::string damaged = whole;
    damaged[k] = static_cast<char>(damaged[k] ^ 1);
    write_file(path, damaged);
    INFO(k);
    CHECK(!load_kernel(folder.name(), "key"));
    write_file(path, whole.substr(0, k));
    CHECK(!load_kernel(folder.name(), "key"));
  }
  write_file(path, whole + "more");
  CHECK(!load_kernel(folder.name(), "key"));
  write_file(path, whole);
  CHECK(holds(folder, "key", "object"));
}

TEST_CASE("many threads may keep one kernel at once", "[cache]") {
  const Folder folder;
  const std::string object(100'000, 'x');
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int k = 0; k < 8; ++k)
    threads.emplace_back([&] {
      for (int turn = 0; turn < 20; ++turn) {
        save_kernel(folder.name(), "key", {7, 8, 4, {object}});
        wrong += holds(folder, "key", object) ? 0 : 1;
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(folder.files().size() == 1);
}

TEST_CASE("many processes may keep kernels at once, and remove each other's", "[cache]") {
  const Folder folder;
  const std::string object(9'000, 'x');
  std::vector<pid_t> children;
  for (int k = 0; k < 6; ++k) {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      bool right = true;
      for (int turn = 0; turn < 50; ++turn) {
        const std::string key = std::to_string(turn % 5);
        save_kernel(folder.name(), key, {7, 8, 4, {object + key}}, 40'000);  // room for four
        const auto found = load_kernel(folder.name(), key);
        right = right && (!found || found->objects[0] == object + key);
      }
      _exit(right ? 0 : 1);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    CHECK(status == 0);
  }
  save_kernel(folder.name(), "last", {7, 8, 4, {object}}, 40'000);
  CHECK(holds(folder, "last", object));
  CHECK(folder.files().size() <= 4);
}

TEST_CASE("the cache stays within its bound: what was used longest ago goes first", "[cache]") {
  const Folder folder;
  const std::string object(1000, 'x');
  for (int k = 0; k < 20; ++k) {
    save_kernel(folder.name(), std::to_string(k), {7, 8, 4, {object}}, 6000);
    if (k > 0) CHECK(holds(folder, "0", object));  // used again each time
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  int64_t total = 0;
  for (const fs::path& file : folder.files()) total += static_cast<int64_t>(fs::file_size(file));
  CHECK(total <= 6000);
  CHECK(total > 3000);
  CHECK(holds(folder, "19", object));
  CHECK(!load_kernel(folder.name(), "1"));
  save_kernel(folder.name(), "large", {7, 8, 4, {std::string(5000, 'x')}}, 6000);
  CHECK(!load_kernel(folder.name(), "large"));
}

TEST_CASE("this code knows its build", "[cache]") { CHECK(code_version().size() >= 16); }
