// Runs one stage: times it and hands its result's text to whoever asked for a dump.
#pragma once
#include <chrono>
#include <string>

#include "compiler/options.h"

namespace alea {

class Stages {
 public:
  explicit Stages(const PipelineOptions& options) : options_(options) {}

  template <class Step>
  auto run(Stage stage, Step step) {
    auto start = std::chrono::steady_clock::now();
    auto result = step();
    if (options_.time)
      options_.time(stage_names[static_cast<size_t>(stage)],
                    std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    return result;
  }
  template <class Text>
  void dump(const std::string& name, Text text) {
    ++number_;
    if (options_.dump) options_.dump(number_, name, text());
  }

 private:
  const PipelineOptions& options_;
  int number_ = 0;
};

}  // namespace alea
