// Every switch of the compiler, its flag and its meaning.
#pragma once
#include <array>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "compiler/estimator/choose.h"
#include "dsl/check.h"

namespace alea {

// The stages of compile(), in order (pipeline.cpp).
#define ALEA_STAGES(STAGE) \
  STAGE(check) STAGE(elaborate) STAGE(relax) STAGE(choose) STAGE(expand) STAGE(fork) STAGE(adjoint) STAGE(fisher)
#define STAGE(name) name,
enum class Stage : uint8_t { ALEA_STAGES(STAGE) };
#undef STAGE
#define STAGE(name) #name,
inline constexpr std::array stage_names{ALEA_STAGES(STAGE)};
#undef STAGE

struct PipelineOptions {
  CheckOptions check;               // --model, --policy, --set
  ChooseOptions choose;             // --estimator
  bool reasons = false;             // explain: why each estimator was chosen
  bool forward_only = false;        // no gradient is wanted: a model that has no admissible estimator is as good as any
  bool fisher_information = false;  // also the program of Fisher-vector products
  bool drop_score_paths = false;    // a deliberate mistake, for the tests that show it is one
  // --dump-dir: called after each stage with its number, its name and its text.
  std::function<void(int, const std::string&, const std::string&)> dump;
  // --time: called after each stage with its name and seconds.
  std::function<void(const std::string&, double)> time;
};

}  // namespace alea
