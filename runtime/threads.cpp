// Workers that wait awake for a moment and then asleep, and the floating-point mode that all compute in (threads.h).
#include "runtime/threads.h"

#include <algorithm>
#include <chrono>
#include <utility>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace alea {

namespace {

uint64_t floating_point_mode() {
#if defined(__x86_64__)
  return _mm_getcsr();
#elif defined(__aarch64__)
  uint64_t mode;
  asm volatile("mrs %0, fpcr" : "=r"(mode));
  return mode;
#else
  return 0;
#endif
}

void set_floating_point_mode([[maybe_unused]] uint64_t mode) {
#if defined(__x86_64__)
  _mm_setcsr(static_cast<unsigned>(mode));
#elif defined(__aarch64__)
  asm volatile("msr fpcr, %0" ::"r"(mode));
#endif
}

// Round to nearest, no flushing to zero, no traps.
#if defined(__x86_64__)
constexpr uint64_t standard_mode = 0x1f80;
#else
constexpr uint64_t standard_mode = 0;
#endif

// Who waits for a moment only, as between the steps of a training run, does so awake: to be woken takes some 30 µs, as long as
// a group of samples. Whether the condition came to hold.
template <class Condition>
bool holds_soon(const Condition& condition) {
  constexpr auto patience = std::chrono::milliseconds(1);
  const auto begin = std::chrono::steady_clock::now();
  for (;;) {
    for (int k = 0; k < 64; ++k) {
      if (condition()) return true;
#if defined(__x86_64__)
      _mm_pause();
#endif
    }
    if (std::chrono::steady_clock::now() - begin > patience) return false;
    std::this_thread::yield();
  }
}

}  // namespace

StandardArithmetic::StandardArithmetic() : before_(floating_point_mode()) { set_floating_point_mode(standard_mode); }
StandardArithmetic::~StandardArithmetic() { set_floating_point_mode(before_); }

int thread_count(int wanted) { return wanted > 0 ? wanted : std::max(1, static_cast<int>(std::thread::hardware_concurrency())); }

ThreadPool::ThreadPool(int threads) {
  for (int worker = 1; worker < thread_count(threads); ++worker) threads_.emplace_back([this, worker] { work(worker); });
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    quit_.store(true);
  }
  start_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadPool::work(int worker) {
  const StandardArithmetic arithmetic;
  uint64_t seen = 0;
  for (;;) {
    Job job;
    holds_soon([&] { return is_new(seen); });
    {
      std::unique_lock lock(mutex_);
      ++asleep_;
      start_.wait(lock, [&] { return is_new(seen); });
      --asleep_;
      if (quit_.load()) return;
      seen = generation_.load();
      job = job_;
    }
    take_tasks(worker, job);
    const std::lock_guard lock(mutex_);
    if (busy_.fetch_sub(1) == 1) done_.notify_all();
  }
}

void ThreadPool::take_tasks(int worker, const Job& job) {
  while (!failed_.load() && (job.stop == nullptr || !job.stop->load())) {
    const int64_t task = next_.fetch_add(1);
    if (task >= job.tasks) return;
    try {
      (*job.function)(worker, task);
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!error_) error_ = std::current_exception();
      failed_ = true;
    }
  }
}

int64_t ThreadPool::run(int64_t tasks, const std::function<void(int, int64_t)>& function, const std::atomic<bool>* stop) {
  const Job job{tasks, &function, stop};
  bool someone_asleep = false;
  {
    const std::lock_guard lock(mutex_);
    job_ = job;
    next_ = 0;
    failed_ = false;
    error_ = nullptr;
    busy_.store(static_cast<int>(threads_.size()));
    generation_.fetch_add(1);
    someone_asleep = asleep_ > 0;
  }
  if (someone_asleep) start_.notify_all();
  {
    const StandardArithmetic arithmetic;
    take_tasks(0, job);
  }
  const auto all_done = [&] { return busy_.load() == 0; };
  holds_soon(all_done);
  std::unique_lock lock(mutex_);
  done_.wait(lock, all_done);
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  return std::min(next_.load(), tasks);
}

}  // namespace alea
