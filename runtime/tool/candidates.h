// The estimators that each node of a model could have, made ready to run, and what runs of them say. In: a session.
// Out: per node its candidates; measurements on shared noise, block by block, the candidates taking turns.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/tool/engine.h"

namespace alea {

// A request as after `by`: `score(baseline = none)`; `auto` for the compiler's own choice.
struct Candidate {
  std::string request;
  std::string shown;  // as printed: `split` for an automatic choice that differs between costs
  bool unbiased = true;
  std::string bias;
  bool chosen = false;  // what the model has now
  Model model;
  std::unique_ptr<Engine> engine;
};

struct NodeCandidates {
  std::string node, distribution;
  Span span;
  std::vector<Candidate> candidates;
};

// (node, request) pairs over those of the command line. Nothing where that is not admissible: an error, or biased while
// an unbiased form of the estimator exists for other models.
std::optional<Candidate> make_candidate(Session&, const ParsedFiles&, const Model& base, const std::string& node,
                                        const std::string& request,
                                        const std::vector<std::pair<std::string, std::string>>& others = {});
// The candidates of every node that a param moves. Only unbiased ones where `only_unbiased`.
std::vector<NodeCandidates> find_candidates(Session&, const ParsedFiles&, const Model& base, bool only_unbiased);

// What one candidate's runs said. `gradients`: by block, all params in a row.
struct Measurement {
  double mean = 0, standard_error = 0;           // of the objective
  std::vector<double> gradient, gradient_error;  // all params in a row
  double variance = 0;                           // trace of the covariance of one sample's gradient
  double seconds = 0;                            // for all samples
  bool exact = false;                            // no noise at all
  std::vector<std::vector<double>> blocks;
  double work_normalised(double samples) const { return variance * seconds / samples; }
};

// Runs every candidate on the same noise, `samples` in all, in blocks with seeds of their own. Stops early at an
// interrupt; throws NumericError when nothing was done.
std::vector<Measurement> measure(const std::vector<Candidate*>&, const ParamArrays&, int64_t samples, uint64_t seed);

// A candidate's gradient less that of the others (unbiased ones, by inverse variance), from paired differences between blocks.
struct Difference {
  double norm = 0, standard_error = 0;  // over the elements
  double z = 0;                         // the largest over the elements, in its standard errors
};
// Nothing where there is nothing to compare with.
std::optional<Difference> difference_from_rest(const std::vector<Measurement>&, const std::vector<bool>& unbiased, size_t index);

}  // namespace alea
