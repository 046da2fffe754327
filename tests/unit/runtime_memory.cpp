// What compiling leaves behind goes back: pages as their file has them, and no others.
#include <sys/mman.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "runtime/memory.h"

using namespace alea;

namespace {

constexpr size_t page_bytes = 4096;
// Alone in its pages, among the constants.
alignas(page_bytes) extern const volatile char constants[page_bytes];
alignas(page_bytes) const volatile char constants[page_bytes] = {1, 2, 3};

// Resident pages of files.
int64_t file_pages() {
  int64_t total = 0, resident = 0, of_files = 0;
  std::ifstream("/proc/self/statm") >> total >> resident >> of_files;
  return of_files;
}

// Reads all code of this program, as a compiler that has done all it can.
uint64_t read_code() {
  std::ifstream maps("/proc/self/maps");
  std::string line;
  uint64_t sum = 0;
  while (std::getline(maps, line)) {
    uintptr_t begin = 0, end = 0;
    char mode[5] = {}, path[4096] = {};
    if (std::sscanf(line.c_str(), "%lx-%lx %4s %*s %*s %*s %4095s", &begin, &end, mode, path) != 4) continue;
    if (std::string(mode) != "r-xp" || std::string(path).find("test_runtime") == std::string::npos) continue;
    for (uintptr_t at = begin; at < end; at += page_bytes) sum += *reinterpret_cast<const volatile unsigned char*>(at);
  }
  return sum;
}

}  // namespace

TEST_CASE("code goes back to the system, and what was written to it does not") {
  REQUIRE(sysconf(_SC_PAGESIZE) == page_bytes);
  const uint64_t code = read_code();
  auto* written = const_cast<char*>(&constants[0]);
  REQUIRE(mprotect(written, page_bytes, PROT_READ | PROT_WRITE) == 0);
  const_cast<volatile char*>(written)[1] = 7;
  REQUIRE(mprotect(written, page_bytes, PROT_READ) == 0);
  const int64_t before = file_pages();
  give_back_after_compiling();
  const int64_t after = file_pages();
  // LLVM's code alone is more than 10 MB.
  CHECK(after < before - (int64_t{10} << 20) / static_cast<int64_t>(page_bytes));
  CHECK(constants[0] == 1);
  CHECK(constants[1] == 7);
  CHECK(constants[2] == 3);
  CHECK(read_code() == code);
}
