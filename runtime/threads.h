// Workers that live as long as the pool. In: a number of tasks and a function. Out: the function was called once for
// each task handed out; tasks are handed out in order, so that those done are always 0 … n-1. The calling thread is
// worker 0. Arithmetic is the standard's: subnormal numbers are kept and rounding is to nearest, whatever the host
// program set.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace alea {

// Sets the processor's floating-point mode, and puts it back.
class StandardArithmetic {
 public:
  StandardArithmetic();
  ~StandardArithmetic();
  StandardArithmetic(const StandardArithmetic&) = delete;
  StandardArithmetic& operator=(const StandardArithmetic&) = delete;

 private:
  uint64_t before_;
};

int thread_count(int wanted);  // 0: as many as the machine has

class ThreadPool {
 public:
  explicit ThreadPool(int threads);  // as thread_count
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const { return static_cast<int>(threads_.size()) + 1; }
  // Returns the number of tasks done: all, or fewer when `stop` became true. An exception of a task ends the hand-out
  // and is thrown again here.
  int64_t run(int64_t tasks, const std::function<void(int worker, int64_t task)>&, const std::atomic<bool>* stop = nullptr);

 private:
  struct Job {
    int64_t tasks = 0;
    const std::function<void(int, int64_t)>* function = nullptr;
    const std::atomic<bool>* stop = nullptr;
  };
  void work(int worker);
  void take_tasks(int worker, const Job&);
  bool is_new(uint64_t seen) const { return quit_.load() || generation_.load() != seen; }

  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable start_, done_;
  Job job_;
  std::atomic<uint64_t> generation_ = 0;  // written under the mutex, as are the next three
  std::atomic<int> busy_ = 0;
  std::atomic<bool> quit_ = false;
  int asleep_ = 0;  // workers
  std::atomic<int64_t> next_ = 0;
  std::atomic<bool> failed_ = false;
  std::exception_ptr error_;
};

}  // namespace alea
