// A signal handler can reach nothing but globals: the flag below is the one there is.
#include "runtime/tool/progress.h"

#include <fmt/format.h>

#include <csignal>
#include <cstdio>

namespace alea {

namespace {

std::atomic<bool> interrupt_flag{false};
static_assert(std::atomic<bool>::is_always_lock_free);

extern "C" void on_interrupt(int) {
  interrupt_flag = true;
  std::signal(SIGINT, SIG_DFL);
}

}  // namespace

Progress::Progress(bool wanted, int64_t total, const char* unit)
    : wanted_(wanted), total_(total), unit_(unit), start_(Clock::now()), last_(start_) {}

Progress::~Progress() {
  if (shown_) std::fputs("\r\x1b[K", stderr);
}

void Progress::update(int64_t done, std::string_view note) {
  using namespace std::chrono_literals;
  const auto now = Clock::now();
  if (!wanted_ || done <= 0 || now - start_ < 500ms || (shown_ && now - last_ < 100ms)) return;
  shown_ = true;
  last_ = now;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const double rate = static_cast<double>(done) / seconds, share = static_cast<double>(done) / static_cast<double>(total_);
  constexpr int width = 30;
  const int filled = static_cast<int>(share * width);
  const std::string line =
      fmt::format("\r\x1b[K[{:#<{}}{:.<{}}] {:3.0f}%  {:.3g} {}/s  {:.0f} s left{}{}", "", filled, "", width - filled,
                  100 * share, rate, unit_, static_cast<double>(total_ - done) / rate, note.empty() ? "" : "  ", note);
  std::fputs(line.c_str(), stderr);
  std::fflush(stderr);
}

const std::atomic<bool>* catch_interrupts() {
  std::signal(SIGINT, on_interrupt);
  return &interrupt_flag;
}

}  // namespace alea
