// After an episode's end its states keep their values, and `alive` is 0.
#include "runtime/tool/trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "runtime/errors.h"
#include "runtime/file.h"
#include "runtime/npy.h"

namespace alea {

namespace {

struct Column {
  std::string name;
  bool in_steps = false;
  size_t size = 1;  // elements
  Array array;      // samples, steps where in_steps, the value's own axes
};

// Values of named nodes, filled in while the interpreter runs.
class Recorder {
 public:
  Recorder(const Program& program, int64_t samples) : program_(program), samples_(samples) {
    for (const NamedNode& named : program.names) add(named.name, named.node);
    // States as they are before each step, and `alive`, which is one of them.
    for (uint32_t index = 0; index < program.graph.size(); ++index) {
      const Node& node = program.graph[NodeId{index}];
      if (node.op != Op::state) continue;
      const StateId id{node.payload};
      add(id == program.alive ? "alive" : program.states[id].name, NodeId{index});
    }
  }

  void record(const TraceEvent& event, int64_t first_sample, int64_t count) {
    const auto [begin, end] = columns_of_.equal_range(event.node);
    for (auto entry = begin; entry != end; ++entry) {
      Column& column = columns_[entry->second];
      const bool shared = event.values.size() == column.size;  // one lane for all samples
      for (int64_t lane = 0; lane < count; ++lane) {
        const int64_t sample = first_sample + lane;
        const auto row = static_cast<size_t>(column.in_steps ? sample * program_.horizon + event.time.value_or(0) : sample);
        const auto from = event.values.subspan(shared ? 0 : static_cast<size_t>(lane) * column.size, column.size);
        std::copy(from.begin(), from.end(), column.array.values.begin() + static_cast<int64_t>(row * column.size));
      }
    }
  }

  NamedArrays arrays() const {
    NamedArrays arrays;
    for (const Column& column : columns_) arrays[column.name] = column.array;
    return arrays;
  }

  // Only values that vary over the steps, where there are steps: a table has one kind of row.
  std::string csv() const {
    const bool steps = std::any_of(columns_.begin(), columns_.end(), [](const Column& c) { return c.in_steps; });
    std::vector<const Column*> shown;
    std::string text = steps ? "sample,step" : "sample";
    for (const Column& column : columns_) {
      if (column.in_steps != steps) continue;
      shown.push_back(&column);
      const Shape shape(column.array.shape.begin() + (steps ? 2 : 1), column.array.shape.end());
      for (size_t e = 0; e < column.size; ++e) {
        const std::string name = element_name(column.name, shape, static_cast<int64_t>(e));
        text += name.find(',') == std::string::npos ? "," + name : fmt::format(",\"{}\"", name);
      }
    }
    text += "\n";
    const int64_t horizon = steps ? program_.horizon : 1;
    for (int64_t row = 0; row < samples_ * horizon; ++row) {
      text += steps ? fmt::format("{},{}", row / horizon, row % horizon) : fmt::format("{}", row);
      for (const Column* column : shown)
        for (size_t e = 0; e < column->size; ++e)
          text += fmt::format(",{}", column->array.values[static_cast<size_t>(row) * column->size + e]);
      text += "\n";
    }
    return text;
  }

 private:
  void add(const std::string& name, NodeId node) {
    constexpr size_t most_values = 500'000'000;
    Column column;
    column.name = name;
    column.in_steps = program_.phase[node] == Phase::step;
    const Shape& shape = program_.graph.shape(node);
    column.size = static_cast<size_t>(element_count(shape));
    column.array.shape = {samples_};
    if (column.in_steps) column.array.shape.push_back(program_.horizon);
    column.array.shape.insert(column.array.shape.end(), shape.begin(), shape.end());
    size_t values = column.size;
    for (const int64_t length : {samples_, column.in_steps ? program_.horizon : 1}) {
      if (length > 0 && values > most_values / static_cast<size_t>(length))
        throw UsageError{"the trajectories are too many to keep; ask for fewer --samples"};
      values *= static_cast<size_t>(length);
    }
    total_ += values;
    if (total_ > most_values) throw UsageError{"the trajectories are too many to keep; ask for fewer --samples"};
    column.array.values.resize(values);
    columns_of_.emplace(node, columns_.size());
    columns_.push_back(std::move(column));
  }

  const Program& program_;
  int64_t samples_;
  size_t total_ = 0;
  std::vector<Column> columns_;
  std::unordered_multimap<NodeId, size_t> columns_of_;
};

template <class T>
void record_all(const Session& session, const Model& model, Recorder& recorder) {
  const Program& program = model.compiled->forward;
  const NoiseSource noise = philox_noise<T>(program, session.options.seed);
  for (int64_t first = 0; first < session.options.samples; first += group_size) {
    const int64_t count = std::min<int64_t>(group_size, session.options.samples - first);
    GroupOptions options;
    options.gradient = false;
    options.trace = [&](const TraceEvent& event) { recorder.record(event, first, count); };
    interpret_group<T>(program, model.params, model.inputs, static_cast<uint64_t>(first), count, noise, options);
  }
}

}  // namespace

void write_trace(const Session& session, const Model& model) {
  const std::string& path = session.options.trace;
  if (!path.ends_with(".npz") && !path.ends_with(".csv"))
    throw UsageError{fmt::format("--trace: `{}` ends in neither .npz nor .csv", path)};
  Recorder recorder(model.compiled->forward, session.options.samples);
  if (session.options.single_precision) record_all<float>(session, model, recorder);
  else record_all<double>(session, model, recorder);
  write_file(path, path.ends_with(".npz") ? write_npz(recorder.arrays()) : recorder.csv());
}

}  // namespace alea
