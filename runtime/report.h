// What an estimate says, for people and for programs. In: the numbers of one run and what they are about. Out: a text
// without anything that changes from run to run, or the JSON object of `alea run` and `alea grad`.
#pragma once
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "dsl/type.h"

namespace alea {

struct ReportedGradient {
  std::string param;
  Shape shape;
  std::vector<double> mean, standard_error;  // flat, row-major; the errors are NaN where there are too few samples
};

struct ReportedEstimator {
  std::string node, estimator;  // estimator: reparam, score, enumerate, split, none, …
  bool unbiased = true;
  std::string bias;  // why it is not
};

struct Report {
  std::string model, policy;  // policy empty where there is none
  bool maximise = false;
  int64_t samples = 0;
  uint64_t seed = 0;
  bool single_precision = false;
  double mean = 0, standard_error = 0;
  bool has_gradient = false;
  std::vector<ReportedGradient> gradient;
  std::vector<ReportedEstimator> estimators;
  std::string bias;  // of the model as a whole; empty: none
  double compile_seconds = 0, run_seconds = 0;
  int threads = 1;
  bool interrupted = false;  // `samples` were done of the more that were asked for
};

std::string report_text(const Report&, bool colour);
nlohmann::ordered_json report_json(const Report&);

// True when every mean of the report is finite; `where` names the first that is not.
bool all_finite(const Report&, std::string& where);

// theta[1, 2]: the name of one element of an array.
std::string element_name(const std::string& name, const Shape&, int64_t flat_index);

}  // namespace alea
