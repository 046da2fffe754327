// 64-bit marks are kept as four numbers of 16 bits: the archive's numbers are doubles.
#include "runtime/learn/checkpoint.h"

#include <fmt/format.h>

#include <bit>

#include "runtime/errors.h"
#include "runtime/npy.h"

namespace alea {

namespace {

constexpr double format_version = 1;

// FNV-1a, continued from `hash`.
uint64_t hash_bytes(std::string_view bytes, uint64_t hash = 0xcbf29ce484222325u) {
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

uint64_t hash_value(double value, uint64_t hash) { return (hash ^ std::bit_cast<uint64_t>(value)) * 0x9E3779B97F4A7C15u; }

Array array_of(std::vector<double> values) {
  const auto size = static_cast<int64_t>(values.size());
  return {{size}, std::move(values)};
}

Array array_of_mark(uint64_t mark) {
  std::vector<double> parts;
  for (int shift = 0; shift < 64; shift += 16) parts.push_back(static_cast<double>(mark >> shift & 0xFFFF));
  return array_of(std::move(parts));
}

// The sum over all arrays but its own.
uint64_t sum_of(const NamedArrays& arrays) {
  uint64_t sum = hash_bytes("alea checkpoint");
  for (const auto& [name, array] : arrays) {
    if (name == "sum") continue;
    sum = hash_bytes(name, sum);
    for (const int64_t length : array.shape) sum = hash_value(static_cast<double>(length), sum);
    for (const double value : array.values) sum = hash_value(value, sum) ^ sum >> 29;
  }
  return sum;
}

// Arrays go out and come in by the same names in the same order.
class Reader {
 public:
  Reader(NamedArrays arrays, const std::string& name) : arrays_(std::move(arrays)), name_(name) {}

  const std::vector<double>& values(const std::string& key) const {
    const auto found = arrays_.find(key);
    if (found == arrays_.end()) fail(fmt::format("it has no `{}`", key));
    return found->second.values;
  }
  double value(const std::string& key) const {
    const std::vector<double>& all = values(key);
    if (all.size() != 1) fail(fmt::format("its `{}` has the wrong size", key));
    return all[0];
  }
  uint64_t mark(const std::string& key) const {
    const std::vector<double>& parts = values(key);
    if (parts.size() != 4) fail(fmt::format("its `{}` has the wrong size", key));
    uint64_t mark = 0;
    for (size_t k = 0; k < 4; ++k) {
      if (!(parts[k] >= 0 && parts[k] <= 0xFFFF)) fail(fmt::format("its `{}` is no mark", key));
      mark |= static_cast<uint64_t>(parts[k]) << (16 * k);
    }
    return mark;
  }
  ParamArrays like(const ParamArrays& shape, const std::string& prefix) const {
    ParamArrays arrays;
    for (size_t k = 0; k < shape.size(); ++k) {
      arrays.push_back(values(fmt::format("{}.{}", prefix, k)));
      if (arrays.back().size() != shape[k].size()) fail(fmt::format("its `{}.{}` has the wrong size", prefix, k));
    }
    return arrays;
  }
  bool has(const std::string& key) const { return arrays_.contains(key); }
  const NamedArrays& arrays() const { return arrays_; }
  [[noreturn]] void fail(const std::string& why) const {
    throw FileError{fmt::format("{} is no whole checkpoint: {}", name_, why)};
  }

 private:
  NamedArrays arrays_;
  std::string name_;
};

void add(NamedArrays& arrays, const std::string& prefix, const ParamArrays& values) {
  for (size_t k = 0; k < values.size(); ++k) arrays[fmt::format("{}.{}", prefix, k)] = array_of(values[k]);
}

}  // namespace

uint64_t mark_of(std::string_view text) { return hash_bytes(text); }

uint64_t mark_of(const std::vector<InputRows>& inputs) {
  uint64_t hash = hash_bytes("inputs");
  for (const InputRows& input : inputs) {
    hash = hash_value(static_cast<double>(input.rows), hash);
    for (const double value : input.values) hash = hash_value(value, hash) ^ hash >> 29;
  }
  return hash;
}

std::string write_checkpoint(const TrainState& state, const RunMarks& marks) {
  NamedArrays arrays;
  arrays["format"] = array_of({format_version});
  arrays["mark.model"] = array_of_mark(marks.model);
  arrays["mark.settings"] = array_of_mark(marks.settings);
  arrays["mark.data"] = array_of_mark(marks.data);
  arrays["step"] = array_of({static_cast<double>(state.step)});
  arrays["interval"] = array_of({state.count, state.mean, state.m2});
  add(arrays, "param", state.params);
  if (!state.best.empty()) {
    add(arrays, "best", state.best);
    arrays["best_value"] = array_of({state.best_value});
  }
  for (size_t k = 0; k < state.memory.size(); ++k) {
    const std::string loss = fmt::format("loss.{}.", k);
    arrays[loss + "steps"] = array_of({static_cast<double>(state.memory[k].steps)});
    add(arrays, loss + "first", state.memory[k].first);
    add(arrays, loss + "second", state.memory[k].second);
    add(arrays, loss + "adapted", state.adapted[k]);
  }
  std::vector<double> curve;
  for (const CurvePoint& point : state.curve)
    curve.insert(curve.end(), {static_cast<double>(point.step), point.training_mean, point.training_error, point.evaluation_mean,
                               point.evaluation_error});
  arrays["curve"] = array_of(std::move(curve));
  arrays["sum"] = array_of_mark(sum_of(arrays));
  return write_npz(arrays);
}

TrainState read_checkpoint(std::string_view bytes, const std::string& name, const RunMarks& marks, const TrainState& fresh) {
  const Reader reader(read_npz(bytes, name), name);
  if (!reader.has("sum") || !reader.has("format")) reader.fail("it was not written by `alea train --checkpoint`");
  if (reader.mark("sum") != sum_of(reader.arrays())) reader.fail("it is damaged");
  if (reader.value("format") != format_version) reader.fail("another version of alea wrote it");
  const auto refuse = [&](std::string_view what) {
    throw UsageError{fmt::format("the checkpoint {} is of {}: it cannot be gone on from", name, what)};
  };
  if (reader.mark("mark.model") != marks.model) refuse("another model, or of other estimators or precision");
  if (reader.mark("mark.settings") != marks.settings) refuse("a run with other settings (seed, batch, optimiser, rate, …)");
  if (reader.mark("mark.data") != marks.data) refuse("a run with other data");

  TrainState state;
  state.step = static_cast<int64_t>(reader.value("step"));
  const std::vector<double>& interval = reader.values("interval");
  const std::vector<double>& curve = reader.values("curve");
  constexpr size_t columns = 5;
  if (interval.size() != 3 || curve.size() % columns != 0) reader.fail("its curve has the wrong size");
  state.count = interval[0], state.mean = interval[1], state.m2 = interval[2];
  state.params = reader.like(fresh.params, "param");
  if (reader.has("best_value")) {
    state.best = reader.like(fresh.params, "best");
    state.best_value = reader.value("best_value");
  }
  for (size_t k = 0; k < fresh.adapted.size(); ++k) {
    const std::string loss = fmt::format("loss.{}.", k);
    state.memory.push_back({static_cast<int64_t>(reader.value(loss + "steps")),
                            reader.like(fresh.memory[k].first, loss + "first"),
                            reader.like(fresh.memory[k].second, loss + "second")});
    state.adapted.push_back(reader.like(fresh.adapted[k], loss + "adapted"));
  }
  for (size_t at = 0; at < curve.size(); at += columns)
    state.curve.push_back({static_cast<int64_t>(curve[at]), curve[at + 1], curve[at + 2], curve[at + 3], curve[at + 4]});
  return state;
}

}  // namespace alea
