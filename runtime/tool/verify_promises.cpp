// `a / nonzero(b)` promises that b is bounded away from 0. In: a model. Out: the promises that its own samples break. A
// value in a branch that is not taken, or after an episode's end, breaks none: only lanes in which the conditions of all
// selects hold, through which alone the value is used, are looked at.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <set>

#include "runtime/tool/verify.h"

namespace alea {

namespace {

// A value counts where the condition has this value.
struct Guard {
  NodeId condition;
  bool holds = true;
  auto operator<=>(const Guard&) const = default;
};

// For each node the guards through which every use of it goes. Nodes follow their operands in the graph.
NodeTable<std::set<Guard>> find_guards(const Program& program) {
  const Graph& graph = program.graph;
  NodeTable<std::set<Guard>> guards;
  guards.resize(graph.size(), {});
  std::vector<bool> is_used(graph.size(), false);
  const auto use = [&](NodeId node, std::set<Guard> under) {
    if (!is_used[node.index]) {
      guards[node] = std::move(under);
      is_used[node.index] = true;
      return;
    }
    std::set<Guard> both;
    std::ranges::set_intersection(guards[node], under, std::inserter(both, both.end()));
    guards[node] = std::move(both);
  };
  for (const NodeId root : program_roots(program)) use(root, {});
  for (uint32_t index = static_cast<uint32_t>(graph.size()); index-- > 0;) {
    const NodeId node{index};
    if (!is_used[index]) continue;
    for (size_t k = 0; k < graph.inputs(node).size(); ++k) {
      std::set<Guard> under = guards[node];
      if (graph.op(node) == Op::select && k > 0) under.insert({graph.input(node, 0), k == 1});
      use(graph.input(node, k), std::move(under));
    }
  }
  return guards;
}

struct Sighting {
  double value = 0;
  uint64_t sample = 0;
};

// Of one element of one promise at one step.
struct Signs {
  std::optional<Sighting> negative, positive;
};

struct Promise {
  NodeId node;
  std::set<Guard> guards;
  std::map<std::pair<int64_t, int64_t>, Signs> signs;  // by step (-1: none) and element
  double nearest = INFINITY, farthest = 0;             // of |b|
  std::optional<std::string> broken;
};

std::string at(uint64_t sample, int64_t step) {
  return step < 0 ? fmt::format("sample {}", sample) : fmt::format("sample {}, step {}", sample, step);
}

class Watch {
 public:
  explicit Watch(const Program& program) : program_(program) {
    const NodeTable<std::set<Guard>> guards = find_guards(program);
    for (uint32_t index = 0; index < program.graph.size(); ++index) {
      const NodeId node{index};
      if (program.graph.op(node) != Op::nonzero || program.phase[node] > Phase::final) continue;
      promises_.push_back({node, guards[node], {}, INFINITY, 0, {}});
      kept_[node] = {};
      for (const Guard& guard : guards[node]) kept_[guard.condition] = {};
    }
  }
  bool any() const { return !promises_.empty(); }

  void begin_group(uint64_t first_sample, int64_t count) {
    first_sample_ = first_sample;
    count_ = count;
    time_ = -1;
  }
  void see(const TraceEvent& event) {
    const int64_t time = event.time.value_or(-1);
    if (time != time_) {
      look(time_);
      time_ = time;
    }
    const auto kept = kept_.find(event.node);
    if (kept != kept_.end()) kept->second.assign(event.values.begin(), event.values.end());
  }
  void end_group() { look(time_); }

  std::vector<BrokenPromise> broken() const {
    std::vector<BrokenPromise> result;
    for (const Promise& promise : promises_) {
      const Span span = program_.graph.span(promise.node);
      if (promise.broken) {
        result.push_back({span, *promise.broken});
        continue;
      }
      // Both signs and nothing near 0 between them is a jump of b, not a way through 0.
      if (promise.nearest > 0.01 * promise.farthest) continue;
      for (const auto& [place, signs] : promise.signs)
        if (signs.negative && signs.positive) {
          result.push_back({span, fmt::format("its operand changes sign: {:.3g} in {}, {:.3g} in {}", signs.negative->value,
                                              at(signs.negative->sample, place.first), signs.positive->value,
                                              at(signs.positive->sample, place.first))});
          break;
        }
    }
    return result;
  }

 private:
  // What the phase, or the step, that has just ended computed.
  void look(int64_t time) {
    for (Promise& promise : promises_) {
      const bool in_step = program_.phase[promise.node] == Phase::step;
      if (in_step != (time >= 0)) continue;
      look(promise, time);
    }
  }

  void look(Promise& promise, int64_t time) {
    const std::vector<double>& values = kept_.at(promise.node);
    const int64_t elements = element_count(program_.graph.shape(promise.node));
    if (values.empty() || elements == 0) return;
    const bool shared = static_cast<int64_t>(values.size()) == elements;
    for (int64_t lane = 0; lane < (shared ? 1 : count_); ++lane)
      for (int64_t e = 0; e < elements; ++e) {
        if (!counts(promise, lane, e, elements)) continue;
        const double value = values[static_cast<size_t>(lane * elements + e)];
        const uint64_t sample = first_sample_ + static_cast<uint64_t>(lane);
        if (value == 0 && !promise.broken) promise.broken = fmt::format("its operand is 0 in {}", at(sample, time));
        promise.nearest = std::min(promise.nearest, std::abs(value));
        promise.farthest = std::max(promise.farthest, std::abs(value));
        Signs& signs = promise.signs[{time, e}];
        std::optional<Sighting>& seen = value < 0 ? signs.negative : signs.positive;
        if (!seen && value != 0) seen = Sighting{value, sample};
      }
  }

  bool counts(const Promise& promise, int64_t lane, int64_t element, int64_t elements) const {
    for (const Guard& guard : promise.guards) {
      const std::vector<double>& values = kept_.at(guard.condition);
      const int64_t own = element_count(program_.graph.shape(guard.condition));
      if (values.empty() || (own != 1 && own != elements)) continue;  // it cannot be told for which element it holds
      const bool shared = static_cast<int64_t>(values.size()) == own;
      const double value = values[static_cast<size_t>((shared ? 0 : lane * own) + (own == 1 ? 0 : element))];
      if ((value != 0) != guard.holds) return false;
    }
    return true;
  }

  const Program& program_;
  std::vector<Promise> promises_;
  std::map<NodeId, std::vector<double>> kept_;
  uint64_t first_sample_ = 0;
  int64_t count_ = 0, time_ = -1;
};

}  // namespace

void check_promises(const Session& session, const Model& model, double seconds, Verification& result) {
  using Clock = std::chrono::steady_clock;
  constexpr uint64_t most_samples = 4096;
  const Program& program = model.compiled->forward;
  Watch watch(program);
  if (!watch.any()) return;
  const NoiseSource noise = philox_noise<double>(program, session.options.seed);
  const auto begin = Clock::now();
  uint64_t most = most_samples;
  if (session.options.samples > 0) most = std::min<uint64_t>(most, static_cast<uint64_t>(session.options.samples));
  for (uint64_t first = 0; first < most; first += group_size) {
    const auto count = static_cast<int64_t>(std::min<uint64_t>(group_size, most - first));
    watch.begin_group(first, count);
    GroupOptions options;
    options.gradient = false;
    options.trace = [&](const TraceEvent& event) { watch.see(event); };
    interpret_group<double>(program, model.params, model.inputs, first, count, noise, options);
    watch.end_group();
    if (session.options.samples == 0 && std::chrono::duration<double>(Clock::now() - begin).count() > seconds) break;
  }
  result.promises = watch.broken();
}

}  // namespace alea
