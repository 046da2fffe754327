// alea tune: the measured choice of estimators (estimators.md 3, "By measurement"). A pilot over the unbiased estimators
// picks, node after node, what makes variance × time of the whole gradient smallest.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "runtime/errors.h"
#include "runtime/text_table.h"
#include "runtime/tool/by_clause.h"
#include "runtime/tool/candidates.h"
#include "runtime/tool/commands.h"

namespace alea {

namespace {

using Requests = std::vector<std::pair<std::string, std::string>>;

// Noise of the pilot, of the final comparison and of the mixture's weights, apart from one another.
uint64_t apart(uint64_t seed, uint64_t part) { return (seed + 1) * 0xD1342543DE82EF95u + part; }

// What is measured must be this much better before a node's estimator changes: timings are noisy.
constexpr double margin = 0.95;

struct Tuned {
  std::string node, before, after;
  Span span;
  double gain = 1;  // work-normalised variance of the whole gradient, before over after
};

Requests without(const Requests& requests, const std::string& node) {
  Requests result;
  for (const auto& request : requests)
    if (request.first != node) result.push_back(request);
  return result;
}

// Pathwise and score estimates of one node weighed by inverse variance, element by element, with weights from a pilot.
struct Mixture {
  std::string node;
  std::vector<double> weights;  // of the pathwise estimate
  std::vector<double> gradient;
  double variance = 0, work_normalised = 0, best_alone = 0;
};

std::optional<Mixture> mix(Session& session, const ParsedFiles& files, const Model& base, const NodeCandidates& node,
                           const Requests& others, int64_t samples) {
  auto pathwise = make_candidate(session, files, base, node.node, "reparam", others);
  auto score = make_candidate(session, files, base, node.node, "score", others);
  if (!pathwise || !score || !pathwise->unbiased || !score->unbiased) return std::nullopt;
  const std::vector<Candidate*> pair{&*pathwise, &*score};
  const auto pilot = measure(pair, base.params, samples, apart(session.options.seed, 2));
  const auto run = measure(pair, base.params, samples, apart(session.options.seed, 3));
  Mixture result{node.node, {}, {}, 0, 0, 0};
  const auto squared = [](double x) { return x * x; };
  for (size_t e = 0; e < pilot[0].gradient.size(); ++e) {
    const double p = squared(pilot[0].gradient_error[e]), s = squared(pilot[1].gradient_error[e]);
    const double weight = p + s > 0 ? s / (p + s) : 0.5;
    result.weights.push_back(weight);
    result.gradient.push_back(weight * run[0].gradient[e] + (1 - weight) * run[1].gradient[e]);
    // Over blocks: the two estimates share their noise.
    const size_t blocks = run[0].blocks.size();
    double mean = 0, square = 0;
    for (size_t b = 0; b < blocks; ++b) {
      const double value = weight * run[0].blocks[b][e] + (1 - weight) * run[1].blocks[b][e];
      mean += value, square += value * value;
    }
    const auto n = static_cast<double>(blocks);
    mean /= n;
    const double per_block = static_cast<double>(samples) / n;
    result.variance += std::max(0.0, square / n - mean * mean) * n / (n - 1) * per_block;
  }
  const auto count = static_cast<double>(samples);
  result.work_normalised = result.variance * (run[0].seconds + run[1].seconds) / count;
  result.best_alone = std::min(run[0].work_normalised(count), run[1].work_normalised(count));
  return result;
}

// What the pilot has found so far.
struct Tuning {
  Session& session;
  const Model& base;
  std::vector<NodeCandidates> nodes;
  Requests choice;  // where it differs from the model
  std::map<std::string, Tuned> tuned;
  std::vector<Mixture> mixtures;
  std::vector<std::string> written, not_written;

  int64_t samples() const { return session.options.samples; }
  const ParsedFiles& files() const { return *base.files; }
};

// The best estimator of one node, the others being as they are chosen now.
void tune_node(Tuning& tuning, const NodeCandidates& node) {
  const Requests others = without(tuning.choice, node.node);
  std::vector<Candidate> candidates;
  for (const Candidate& known : node.candidates)
    if (auto one = make_candidate(tuning.session, tuning.files(), tuning.base, node.node, known.request, others))
      one->chosen = known.chosen, candidates.push_back(std::move(*one));
  std::vector<Candidate*> pointers;
  for (Candidate& candidate : candidates) pointers.push_back(&candidate);
  const auto measured = measure(pointers, tuning.base.params, tuning.samples(), apart(tuning.session.options.seed, 1));
  const auto work = [&](size_t k) { return measured[k].work_normalised(static_cast<double>(tuning.samples())); };
  const auto found = std::ranges::find_if(tuning.choice, [&](const auto& request) { return request.first == node.node; });
  size_t now = 0;
  for (size_t k = 0; k < candidates.size(); ++k)
    if (found == tuning.choice.end() ? candidates[k].chosen : candidates[k].request == found->second) now = k;
  size_t best = now;
  for (size_t k = 0; k < candidates.size(); ++k)
    if (work(k) < margin * work(best)) best = k;
  Tuned& entry = tuning.tuned[node.node];
  if (entry.node.empty()) entry = {node.node, candidates[now].shown, "", node.span, 1};
  entry.after = candidates[best].shown;
  if (best == now) return;
  entry.gain *= work(now) / work(best);
  tuning.choice = others;
  tuning.choice.emplace_back(node.node, candidates[best].request);
}

Json json_of(const Tuning& tuning) {
  Json json{{"model", tuning.base.compiled->graph.model},
            {"samples", tuning.samples()},
            {"nodes", Json::array()},
            {"mixtures", Json::array()}};
  for (const NodeCandidates& node : tuning.nodes)
    if (const auto found = tuning.tuned.find(node.node); found != tuning.tuned.end()) {
      const Tuned& entry = found->second;
      json["nodes"].push_back(
          {{"name", entry.node}, {"before", entry.before}, {"estimator", entry.after}, {"gain", json_number(entry.gain)}});
    }
  for (const Mixture& mixture : tuning.mixtures)
    json["mixtures"].push_back({{"node", mixture.node},
                                {"weights", mixture.weights},
                                {"gradient", mixture.gradient},
                                {"variance", json_number(mixture.variance)},
                                {"work_normalised_variance", json_number(mixture.work_normalised)},
                                {"best_alone", json_number(mixture.best_alone)}});
  json["written"] = tuning.written;
  return json;
}

void print_tuning(const Tuning& tuning) {
  if (tuning.tuned.empty()) return print_out("no node has more than one unbiased estimator: there is nothing to tune\n");
  TextTable table({Align::left, Align::left, Align::left, Align::right});
  table.add({"node", "before", "measured choice", "gain"});
  for (const NodeCandidates& node : tuning.nodes)
    if (const auto found = tuning.tuned.find(node.node); found != tuning.tuned.end()) {
      const Tuned& entry = found->second;
      table.add({entry.node, entry.before, entry.after, fmt::format("{:.3g}×", entry.gain)});
    }
  print_out(table.print(tuning.session.colour_out));
  print_out("\ngain: variance × time of the whole gradient, before over after\n");
  for (const auto& [node, request] : tuning.choice) print_out(fmt::format("{} by {}\n", node, request));
  for (const Mixture& mixture : tuning.mixtures) {
    if (mixture.work_normalised >= margin * mixture.best_alone) continue;
    print_out(
        fmt::format("{}: pathwise and score estimates weighed by their inverse variances would gain {:.3g}× over the better\n",
                    mixture.node, mixture.best_alone / mixture.work_normalised));
  }
  for (const std::string& node : tuning.not_written)
    print_note(
        fmt::format("alea: `{}` is not drawn in {} itself: its clause is not written", node, tuning.session.options.files[0]));
}

}  // namespace

int command_tune(Session& session) {
  const Model base = prepare_model(session);
  if (base.is_program()) throw UsageError{"a printed program has its estimators built in; tune the model that it came from"};
  Tuning tuning{session, base, find_candidates(session, *base.files, base, /*only_unbiased=*/true), {}, {}, {}, {}, {}};
  for (int sweep = 0; sweep < (tuning.nodes.size() > 1 ? 2 : 1); ++sweep)
    for (const NodeCandidates& node : tuning.nodes)
      if (node.candidates.size() >= 2) tune_node(tuning, node);
  for (const NodeCandidates& node : tuning.nodes)
    if (auto mixture = mix(session, tuning.files(), base, node, without(tuning.choice, node.node), tuning.samples()))
      tuning.mixtures.push_back(std::move(*mixture));
  if (session.options.write) {
    tuning.not_written = write_by_clauses(session, base, tuning.choice);
    for (const auto& [node, request] : tuning.choice)
      if (std::ranges::find(tuning.not_written, node) == tuning.not_written.end()) tuning.written.push_back(node);
  }
  if (session.options.json) print_json(json_of(tuning));
  else print_tuning(tuning);
  return status_done;
}

}  // namespace alea
