// A progress bar on standard error. In: how much is done of how much. Out: one line, rewritten at most ten times a second,
// from half a second after the start on, and wiped at the end; nothing at all where it is not wanted.
#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string_view>

namespace alea {

class Progress {
 public:
  Progress(bool wanted, int64_t total, const char* unit = "samples");
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  // `note` is said behind the rate and the time left.
  void update(int64_t done, std::string_view note = {});

 private:
  using Clock = std::chrono::steady_clock;
  bool wanted_ = false, shown_ = false;
  int64_t total_ = 0;
  const char* unit_;
  Clock::time_point start_, last_;
};

// From now on Ctrl-C sets the flag that is returned instead of ending the process; a second one ends it.
const std::atomic<bool>* catch_interrupts();

}  // namespace alea
