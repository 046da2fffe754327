// Candidates are tried: what compiles without an error, and without a bias that it has not always, is admissible.
#include "runtime/tool/candidates.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "runtime/errors.h"
#include "runtime/tool/progress.h"

namespace alea {

namespace {

struct Request {
  AskedEstimator estimator{};
  std::string text;
};

// What is tried at a node that has `chosen` now.
std::vector<Request> requests_at(const std::string& chosen) {
  std::vector<Request> requests;
  if (chosen == "split") requests.push_back({AskedEstimator::automatic, "auto"});
  for (const EstimatorKind& kind : estimator_kinds()) {
    // Two names for one estimator: the one that the node has.
    if (kind.passage == Passage::pathwise && kind.name != (chosen == "implicit" ? "implicit" : "reparam")) continue;
    requests.push_back({kind.estimator, std::string(kind.name)});
    if (kind.estimator == AskedEstimator::score)
      for (const char* baseline : {"none", "running"})
        requests.push_back({kind.estimator, fmt::format("score(baseline = {})", baseline)});
  }
  return requests;
}

std::string base_name(const std::string& request) { return request.substr(0, request.find('(')); }

const ExplainedNode* find_node(const Explanation& explanation, const std::string& name) {
  const ExplainedNode* found = nullptr;
  for (const ExplainedNode& node : explanation.nodes)
    if (node.name == name) found = &node;
  return found;
}

// What the model itself asks for at a draw, as a request.
std::string written_request(const Model& model, const std::string& node) {
  for (const GraphDraw& draw : model.compiled->graph.draws)
    if (draw.name == node && draw.estimator != AskedEstimator::automatic) {
      const std::string name(text(draw.estimator));
      return draw.baseline.empty() || draw.baseline == "loo" ? name : fmt::format("{}(baseline = {})", name, draw.baseline);
    }
  return "";
}

std::vector<double> flat(const std::vector<ParamEstimate>& params, bool errors) {
  std::vector<double> result;
  for (const ParamEstimate& param : params) {
    const std::vector<double>& part = errors ? param.standard_error : param.mean;
    result.insert(result.end(), part.begin(), part.end());
  }
  return result;
}

}  // namespace

std::optional<Candidate> make_candidate(Session& session, const ParsedFiles& files, const Model& base, const std::string& node,
                                        const std::string& request,
                                        const std::vector<std::pair<std::string, std::string>>& others) {
  PipelineOptions options;
  options.check = session.options.check;
  options.choose.estimators = estimator_requests(session);
  options.choose.estimators.insert(options.choose.estimators.end(), others.begin(), others.end());
  options.choose.estimators.emplace_back(node, request);
  Diagnostics diagnostics;
  auto compiled = compile(session.sources, files, options, diagnostics);
  if (!compiled || diagnostics.has_errors()) return std::nullopt;
  const ExplainedNode* explained = find_node(compiled->explanation, node);
  if (explained == nullptr || explained->estimator == "none") return std::nullopt;
  const std::string name = base_name(request);
  if (name != "auto" && explained->estimator != name) return std::nullopt;
  const bool relaxed = passes(find_estimator(name).value_or(AskedEstimator::automatic), Passage::relax);
  if (!explained->unbiased && !relaxed) return std::nullopt;
  Candidate candidate;
  candidate.request = request;
  candidate.shown = name == "auto" ? explained->estimator : request;
  candidate.unbiased = explained->unbiased;
  candidate.bias = explained->bias;
  candidate.model.compiled = std::make_unique<Compiled>(std::move(*compiled));
  candidate.model.params = base.params;
  candidate.model.inputs = base.inputs;
  candidate.engine =
      std::make_unique<Engine>(session, candidate.model, candidate.model.compiled->program, session.options.interpret);
  return candidate;
}

std::vector<NodeCandidates> find_candidates(Session& session, const ParsedFiles& files, const Model& base, bool only_unbiased) {
  std::vector<NodeCandidates> result;
  for (const ExplainedNode& node : base.compiled->explanation.nodes) {
    if (node.estimator == "none" || find_node(base.compiled->explanation, node.name) != &node) continue;
    NodeCandidates entry{node.name, node.distribution, node.span, {}};
    const std::string written = written_request(base, node.name);
    const std::string current = written.empty() ? node.estimator : written;
    for (const auto& [estimator, request] : requests_at(node.estimator)) {
      if (only_unbiased && passes(estimator, Passage::relax)) continue;
      auto candidate = make_candidate(session, files, base, node.name, request);
      if (!candidate) continue;
      candidate->chosen = request == current || (request == "auto" && written.empty());
      entry.candidates.push_back(std::move(*candidate));
    }
    result.push_back(std::move(entry));
  }
  return result;
}

std::vector<Measurement> measure(const std::vector<Candidate*>& candidates, const ParamArrays& params, int64_t samples,
                                 uint64_t seed) {
  constexpr int64_t most_blocks = 64, fewest_samples = 4 * group_size;
  const int64_t blocks = std::clamp<int64_t>(samples / fewest_samples, 2, most_blocks);
  const int64_t each = std::max<int64_t>(samples / blocks, 2 * group_size);
  const std::atomic<bool>* stop = catch_interrupts();
  std::vector<Measurement> result(candidates.size());
  std::vector<std::vector<double>> squares(candidates.size());
  int64_t done = 0;
  for (int64_t block = 0; block < blocks && !(stop != nullptr && *stop); ++block, ++done) {
    for (size_t k = 0; k < candidates.size(); ++k) {
      RunOptions options;
      options.samples = each;
      options.seed = seed + static_cast<uint64_t>(block) * 0x9E3779B97F4A7C15u;
      const Estimate estimate = candidates[k]->engine->run(params, options);
      Measurement& to = result[k];
      const std::vector<double> gradient = flat(estimate.gradient, false), error = flat(estimate.gradient, true);
      to.gradient.resize(gradient.size(), 0), squares[k].resize(gradient.size(), 0);
      for (size_t e = 0; e < gradient.size(); ++e) {
        to.gradient[e] += gradient[e];
        squares[k][e] += error[e] * error[e];
        to.variance += error[e] * error[e] * static_cast<double>(each);
      }
      to.mean += estimate.mean, to.standard_error += estimate.standard_error * estimate.standard_error;
      to.seconds += estimate.seconds;
      to.blocks.push_back(gradient);
    }
  }
  if (done == 0) throw NumericError{"interrupted before the first samples were done"};
  const auto count = static_cast<double>(done);
  for (size_t k = 0; k < result.size(); ++k) {
    Measurement& to = result[k];
    to.mean /= count, to.variance /= count, to.standard_error = std::sqrt(to.standard_error) / count;
    for (double& value : to.gradient) value /= count;
    for (const double square : squares[k]) to.gradient_error.push_back(std::sqrt(square) / count);
    // Sums of the same number round; nothing else makes an estimate without noise vary.
    to.exact = std::ranges::all_of(to.gradient_error, [](double error) { return error == 0; }) ||
               to.variance <= 1e-24 * std::max(1.0, to.gradient.empty() ? 0 : to.gradient[0] * to.gradient[0]);
  }
  return result;
}

std::optional<Difference> difference_from_rest(const std::vector<Measurement>& all, const std::vector<bool>& unbiased,
                                               size_t index) {
  const Measurement& own = all[index];
  std::optional<Difference> result;
  double squares = 0, error_squares = 0;
  for (size_t e = 0; e < own.gradient.size(); ++e) {
    // The others' mean, weighted by inverse variance; an exact one outweighs all.
    std::vector<double> weights(all.size(), 0);
    double total = 0;
    for (size_t k = 0; k < all.size(); ++k) {
      if (k == index || !unbiased[k]) continue;
      const double error = std::max(all[k].gradient_error[e], 1e-12 * std::max(1.0, std::fabs(all[k].gradient[e])));
      total += weights[k] = 1 / (error * error);
    }
    if (!(total > 0)) continue;
    const size_t blocks = own.blocks.size();
    double mean = 0, square = 0;
    for (size_t b = 0; b < blocks; ++b) {
      double difference = own.blocks[b][e];
      for (size_t k = 0; k < all.size(); ++k)
        if (weights[k] > 0) difference -= weights[k] / total * all[k].blocks[b][e];
      mean += difference, square += difference * difference;
    }
    const auto n = static_cast<double>(blocks);
    mean /= n;
    const double spread = std::sqrt(std::max(0.0, square / n - mean * mean) / (n - 1));
    // Below rounding there is no difference.
    const double floor = 1e-12 * std::max(1.0, std::fabs(own.gradient[e]));
    const double z = std::fabs(mean) <= floor ? 0 : mean / std::max(spread, floor / 4);
    if (!result) result.emplace();
    if (std::fabs(z) > std::fabs(result->z)) result->z = z;
    squares += mean * mean, error_squares += spread * spread;
  }
  if (result) result->norm = std::sqrt(squares), result->standard_error = std::sqrt(error_squares);
  return result;
}

}  // namespace alea
