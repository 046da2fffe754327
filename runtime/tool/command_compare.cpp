// alea compare: the admissible estimators of every node, side by side on shared noise.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

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

}  // namespace

int command_compare(Session& session) {
  const Model base = prepare_model(session);
  if (base.is_program())
    throw UsageError{"a printed program has its estimators built in; compare those of the model that it came from"};
  std::vector<NodeCandidates> nodes = find_candidates(session, *base.files, base, /*only_unbiased=*/false);
  const auto samples = static_cast<double>(session.options.samples);
  Json json{{"model", base.compiled->graph.model}, {"samples", session.options.samples}, {"nodes", Json::array()}};
  const bool times = !session.options.no_times;
  const bool biases = std::ranges::any_of(
      nodes, [](const NodeCandidates& node) { return !std::ranges::all_of(node.candidates, &Candidate::unbiased); });
  std::vector<Align> columns{Align::left, Align::left, Align::left, Align::right, Align::right, Align::right};
  std::vector<std::string> head{"node", "estimator", "", "gradient", "z", "variance"};
  if (biases) columns.push_back(Align::right), head.insert(head.begin() + 4, "bias");
  if (times) columns.insert(columns.end(), 2, Align::right), head.insert(head.end(), {"ns a sample", "variance × s"});
  TextTable table(columns);
  table.add(head);
  bool differs = false;
  for (NodeCandidates& node : nodes) {
    std::vector<Candidate*> candidates;
    std::vector<bool> unbiased;
    for (Candidate& candidate : node.candidates) candidates.push_back(&candidate), unbiased.push_back(candidate.unbiased);
    const std::vector<Measurement> measured = measure(candidates, base.params, session.options.samples, session.options.seed);
    Json entries = Json::array();
    // By variance, the quietest first: what cannot be had last.
    std::vector<size_t> order(candidates.size());
    for (size_t k = 0; k < order.size(); ++k) order[k] = k;
    std::ranges::stable_sort(order, [&](size_t a, size_t b) { return measured[a].variance < measured[b].variance; });
    for (const size_t k : order) {
      const Candidate& candidate = node.candidates[k];
      const Measurement& m = measured[k];
      const std::optional<Difference> difference = difference_from_rest(measured, unbiased, k);
      const double z = difference ? difference->z : std::numeric_limits<double>::quiet_NaN();
      differs = differs || (candidate.unbiased && std::fabs(z) > 5);
      const bool exact = m.exact && candidate.unbiased;
      const std::string marks = fmt::format("{}{}", candidate.chosen ? "chosen, " : "",
                                            exact                ? "exact"
                                            : candidate.unbiased ? "unbiased"
                                                                 : "biased");
      const bool has_bias = !candidate.unbiased && difference;
      std::vector<std::string> row{k == order.front() ? node.node : "",
                                   candidate.shown,
                                   marks,
                                   gradient_text(m, exact),
                                   difference ? fmt::format("{:+.2f}", z) : "–",
                                   short_number(exact ? 0 : m.variance)};
      const auto bias = [&] {
        return fmt::format("{} ± {}", number_text(difference->norm), number_text(difference->standard_error));
      };
      if (biases) row.insert(row.begin() + 4, has_bias ? bias() : "");
      if (times) row.insert(row.end(), {short_number(1e9 * m.seconds / samples), short_number(m.work_normalised(samples))});
      table.add(row);
      entries.push_back({{"estimator", candidate.shown},
                         {"unbiased", candidate.unbiased},
                         {"exact", exact},
                         {"chosen", candidate.chosen},
                         {"objective", {{"mean", json_number(m.mean)}, {"stderr", json_number(m.standard_error)}}},
                         {"gradient", m.gradient},
                         {"stderr", m.gradient_error},
                         {"variance", json_number(m.variance)},
                         {"seconds", json_number(m.seconds)},
                         {"work_normalised_variance", json_number(m.work_normalised(samples))},
                         {"z", json_number(z)}});
      if (candidate.unbiased) continue;
      entries.back()["bias"] = candidate.bias;
      if (has_bias)
        entries.back()["bias_norm"] = {{"mean", json_number(difference->norm)},
                                       {"stderr", json_number(difference->standard_error)}};
    }
    json["nodes"].push_back({{"name", node.node}, {"distribution", node.distribution}, {"candidates", std::move(entries)}});
  }
  if (session.options.json) {
    print_json(json);
    return status_done;
  }
  if (nodes.empty()) {
    print_out("no param reaches the law of a stochastic node: there is nothing to compare\n");
    return status_done;
  }
  print_out(table.print(session.colour_out));
  print_out(biases ? "\nbias: the norm of the difference from the unbiased others\n" : "\n");
  print_out(
      "z: the difference from the unbiased others of the element that differs most, in standard errors\n"
      "variance: of one sample's gradient, summed over its elements\n");
  if (differs) print_note("alea: unbiased estimators differ by more than 5 standard errors; `alea verify` looks closer");
  return status_done;
}

}  // namespace alea
