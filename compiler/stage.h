// Runs one stage: times it and hands its result's text to whoever asked for a dump.
#pragma once
#include <algorithm>
#include <chrono>
#include <string>

#include "compiler/options.h"
#include "dsl/diagnostic.h"

namespace alea {

class Stages {
 public:
  explicit Stages(const PipelineOptions& options) : options_(options) {}

  template <class Step>
  auto run(const std::string& name, Step step) {
    if (std::ranges::find(stage_names, name) == stage_names.end()) internal_error("`" + name + "` is no stage of the pipeline");
    auto start = std::chrono::steady_clock::now();
    auto result = step();
    if (options_.time) options_.time(name, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
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
