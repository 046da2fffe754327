#include "runtime/threads.h"

#include <algorithm>
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
    quit_ = true;
  }
  start_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadPool::work(int worker) {
  const StandardArithmetic arithmetic;
  uint64_t seen = 0;
  for (;;) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      start_.wait(lock, [&] { return quit_ || generation_ != seen; });
      if (quit_) return;
      seen = generation_;
      job = job_;
    }
    take_tasks(worker, job);
    const std::lock_guard lock(mutex_);
    if (--busy_ == 0) done_.notify_all();
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
  {
    const std::lock_guard lock(mutex_);
    job_ = job;
    next_ = 0;
    failed_ = false;
    error_ = nullptr;
    busy_ = static_cast<int>(threads_.size());
    ++generation_;
  }
  start_.notify_all();
  {
    const StandardArithmetic arithmetic;
    take_tasks(0, job);
  }
  std::unique_lock lock(mutex_);
  done_.wait(lock, [&] { return busy_ == 0; });
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  return std::min(next_.load(), tasks);
}

}  // namespace alea
