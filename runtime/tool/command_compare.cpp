// alea compare: the admissible estimators of every node, side by side on shared noise.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "runtime/errors.h"
#include "runtime/text_table.h"
#include "runtime/tool/candidates.h"
#include "runtime/tool/commands.h"
#include "runtime/tool/progress.h"

namespace alea {

namespace {

// One number where the gradient has one element, else the norm.
std::string gradient_text(const Measurement& measurement, bool exact) {
  if (measurement.gradient.size() == 1 && exact) return number_text(measurement.gradient[0]);
  if (measurement.gradient.size() == 1)
    return fmt::format("{} ± {}", number_text(measurement.gradient[0]), number_text(measurement.gradient_error[0]));
  double square = 0, error = 0;
  for (const double value : measurement.gradient) square += value * value;
  for (const double value : measurement.gradient_error) error += value * value;
  const std::string norm = fmt::format("|{}|", number_text(std::sqrt(square)));
  return exact ? norm : fmt::format("{} ± {}", norm, number_text(std::sqrt(error)));
}

std::string short_number(double value) { return std::isfinite(value) ? fmt::format("{:.4g}", value) : "–"; }

// What is measured of all nodes, as text and as JSON.
class Comparison {
 public:
  Comparison(const Session& session, const Model& base, const std::vector<NodeCandidates>& nodes)
      : session_(session),
        samples_(static_cast<double>(session.options.samples)),
        times_(!session.options.no_times),
        biases_(std::ranges::any_of(
            nodes, [](const NodeCandidates& node) { return !std::ranges::all_of(node.candidates, &Candidate::unbiased); })),
        json_{{"model", base.compiled->graph.model}, {"samples", session.options.samples}, {"nodes", Json::array()}},
        table_(columns()) {
    std::vector<std::string> head{"node", "estimator", "", "gradient", "z", "variance"};
    if (biases_) head.insert(head.begin() + 4, "bias");
    if (times_) head.insert(head.end(), {"ns a sample", "variance × s"});
    table_.add(head);
  }

  // By variance, the quietest first: what cannot be had last.
  void add(const NodeCandidates& node, const std::vector<Measurement>& measured) {
    std::vector<bool> unbiased;
    for (const Candidate& candidate : node.candidates) unbiased.push_back(candidate.unbiased);
    std::vector<size_t> order(measured.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::ranges::stable_sort(order, [&](size_t a, size_t b) { return measured[a].variance < measured[b].variance; });
    Json entries = Json::array();
    for (const size_t k : order) {
      const Candidate& candidate = node.candidates[k];
      const std::optional<Difference> difference = difference_from_rest(measured, unbiased, k);
      differs_ = differs_ || (candidate.unbiased && difference && std::fabs(difference->z) > 5);
      add_row(k == order.front() ? node.node : "", candidate, measured[k], difference);
      entries.push_back(entry(candidate, measured[k], difference));
    }
    json_["nodes"].push_back({{"name", node.node}, {"distribution", node.distribution}, {"candidates", std::move(entries)}});
  }

  void print() const {
    if (session_.options.json) return print_json(json_);
    if (json_["nodes"].empty()) return print_out("no param reaches the law of a stochastic node: there is nothing to compare\n");
    print_out(table_.print(session_.colour_out));
    print_out(biases_ ? "\nbias: the norm of the difference from the unbiased others\n" : "\n");
    print_out(
        "z: the difference from the unbiased others of the element that differs most, in standard errors\n"
        "variance: of one sample's gradient, summed over its elements\n");
    if (differs_) print_note("alea: unbiased estimators differ by more than 5 standard errors; `alea verify` looks closer");
  }

 private:
  std::vector<Align> columns() const {
    std::vector<Align> result{Align::left, Align::left, Align::left, Align::right, Align::right, Align::right};
    result.insert(result.end(), (biases_ ? 1 : 0) + (times_ ? 2 : 0), Align::right);
    return result;
  }

  void add_row(const std::string& node, const Candidate& candidate, const Measurement& m,
               const std::optional<Difference>& difference) {
    const bool exact = m.exact && candidate.unbiased;
    const std::string marks = fmt::format("{}{}", candidate.chosen ? "chosen, " : "",
                                          exact                ? "exact"
                                          : candidate.unbiased ? "unbiased"
                                                               : "biased");
    std::vector<std::string> row{node,
                                 candidate.shown,
                                 marks,
                                 gradient_text(m, exact),
                                 difference ? fmt::format("{:+.2f}", difference->z) : "–",
                                 short_number(exact ? 0 : m.variance)};
    if (biases_) {
      const bool known = !candidate.unbiased && difference;
      row.insert(row.begin() + 4,
                 known ? fmt::format("{} ± {}", number_text(difference->norm), number_text(difference->standard_error)) : "");
    }
    if (times_) row.insert(row.end(), {short_number(1e9 * m.seconds / samples_), short_number(m.work_normalised(samples_))});
    table_.add(row);
  }

  Json entry(const Candidate& candidate, const Measurement& m, const std::optional<Difference>& difference) const {
    Json result{{"estimator", candidate.shown},
                {"unbiased", candidate.unbiased},
                {"exact", m.exact && candidate.unbiased},
                {"chosen", candidate.chosen},
                {"objective", {{"mean", json_number(m.mean)}, {"stderr", json_number(m.standard_error)}}},
                {"gradient", m.gradient},
                {"stderr", m.gradient_error},
                {"variance", json_number(m.variance)},
                {"seconds", json_number(m.seconds)},
                {"work_normalised_variance", json_number(m.work_normalised(samples_))},
                {"z", json_number(difference ? difference->z : std::numeric_limits<double>::quiet_NaN())}};
    if (candidate.unbiased) return result;
    result["bias"] = candidate.bias;
    if (difference)
      result["bias_norm"] = {{"mean", json_number(difference->norm)}, {"stderr", json_number(difference->standard_error)}};
    return result;
  }

  const Session& session_;
  const double samples_;
  const bool times_, biases_;
  bool differs_ = false;
  Json json_;
  TextTable table_;
};

}  // namespace

int command_compare(Session& session) {
  const Model base = prepare_model(session);
  if (base.is_program())
    throw UsageError{"a printed program has its estimators built in; compare those of the model that it came from"};
  std::vector<NodeCandidates> nodes = find_candidates(session, *base.files, base, /*only_unbiased=*/false);
  Comparison comparison(session, base, nodes);
  for (NodeCandidates& node : nodes) {
    std::vector<Candidate*> candidates;
    for (Candidate& candidate : node.candidates) candidates.push_back(&candidate);
    comparison.add(node, measure(candidates, base.params, session.options.samples, session.options.seed));
  }
  comparison.print();
  return status_done;
}

}  // namespace alea
