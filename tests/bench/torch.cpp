#include "tests/bench/torch.h"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

namespace alea::bench {

TorchProcess::TorchProcess(const std::string& workload, bool single, int threads) {
  std::array<int, 2> down{}, up{};
  if (pipe(down.data()) != 0 || pipe(up.data()) != 0) return;
  const std::string count = std::to_string(threads), script = ALEA_SOURCE_DIR "/tests/bench/torch_workloads.py";
  process_ = fork();
  if (process_ == 0) {
    dup2(down[0], STDIN_FILENO);
    dup2(up[1], STDOUT_FILENO);
    for (int end : {down[0], down[1], up[0], up[1]}) close(end);
    for (const char* name : {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"}) setenv(name, count.c_str(), 1);
    execl("/usr/bin/python3", "python3", script.c_str(), workload.c_str(), single ? "f32" : "f64", count.c_str(), nullptr);
    _exit(127);
  }
  close(down[0]);
  close(up[1]);
  to_ = fdopen(down[1], "w");
  from_ = fdopen(up[0], "r");
  ready_ = process_ > 0 && answer() == "ready\n";
}

TorchProcess::~TorchProcess() {
  if (to_ != nullptr) std::fclose(to_);  // the end of its input ends it
  if (from_ != nullptr) std::fclose(from_);
  if (process_ > 0) waitpid(process_, nullptr, 0);
}

std::string TorchProcess::answer() {
  std::array<char, 64> line{};
  return std::fgets(line.data(), line.size(), from_) == nullptr ? std::string() : line.data();
}

double TorchProcess::run() {
  std::fputs("run\n", to_);
  std::fflush(to_);
  return std::strtod(answer().c_str(), nullptr);
}

bool torch_has(const std::string& workload) { return workload == "w1" || workload == "w2" || workload == "w4"; }

}  // namespace alea::bench
