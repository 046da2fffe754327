// The same gradient in eager PyTorch, by a Python process of its own (torch_workloads.py): told to run once, it answers with
// the seconds that it took. What it starts with is held to a known value there.
#pragma once
#include <cstdio>
#include <string>

namespace alea::bench {

class TorchProcess {
 public:
  TorchProcess(const std::string& workload, bool single, int threads);
  ~TorchProcess();
  TorchProcess(const TorchProcess&) = delete;
  TorchProcess& operator=(const TorchProcess&) = delete;
  bool ready() const { return ready_; }
  double run();  // seconds

 private:
  std::string answer();
  int process_ = -1;
  std::FILE *to_ = nullptr, *from_ = nullptr;
  bool ready_ = false;
};

// Whether torch_workloads.py has the workload.
bool torch_has(const std::string& workload);

}  // namespace alea::bench
