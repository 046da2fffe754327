// alea plot draws several learning curves, or trajectories, over each other.
#include "runtime/tool/train_plot.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/data.h"
#include "runtime/errors.h"
#include "runtime/file.h"
#include "runtime/npy.h"
#include "runtime/report.h"
#include "runtime/tool/commands.h"
#include "runtime/tool/train_log.h"

namespace alea {

namespace {

std::string stem(const std::string& value) { return value.substr(0, value.find('[')); }

// The names in a table's first line; one with a comma stands in quotes.
std::vector<std::string> column_names(const std::string& line) {
  std::vector<std::string> names(1);
  bool quoted = false;
  for (const char c : line) {
    if (c == '"') quoted = !quoted;
    else if (c == ',' && !quoted) names.emplace_back();
    else if (c != '\r') names.back() += c;
  }
  return names;
}

// The table of `alea run --trace P.csv`, a row a sample and step, as the arrays [samples, steps] of its columns.
NamedArrays table_of_trajectories(const std::string& text, const std::string& path) {
  const std::vector<std::string> names = column_names(text.substr(0, text.find('\n')));
  if (names.size() < 3 || names[0] != "sample" || names[1] != "step")
    throw FileError{fmt::format("cannot read {}: its columns do not begin with sample and step", path)};
  const Array table = read_csv(text, path);
  const auto rows = static_cast<size_t>(table.shape[0]), columns = names.size();
  if (rows == 0 || table.shape[1] != static_cast<int64_t>(columns))
    throw FileError{fmt::format("cannot read {}: its rows are not as long as its line of names", path)};
  size_t steps = 1;
  while (steps < rows && table.values[steps * columns] == table.values[0]) ++steps;
  if (rows % steps != 0) throw FileError{fmt::format("cannot read {}: its samples have not equally many steps", path)};
  NamedArrays arrays;
  for (size_t column = 2; column < columns; ++column) {
    Array& array = arrays[names[column]];
    array.shape = {static_cast<int64_t>(rows / steps), static_cast<int64_t>(steps)};
    for (size_t row = 0; row < rows; ++row) array.values.push_back(table.values[row * columns + column]);
  }
  return arrays;
}

// One line for each of the first samples, element and wanted value of a trace: arrays [samples, steps, …].
void add_trajectories(const PlotSettings& settings, const NamedArrays& arrays, const std::string& label, Chart& chart) {
  for (const std::string& wanted : settings.values)
    if (std::ranges::none_of(arrays, [&](const auto& entry) { return stem(entry.first) == stem(wanted); }))
      throw UsageError{fmt::format("--value: the trajectories have no `{}`", stem(wanted))};
  for (const auto& [name, array] : arrays) {
    if (array.shape.size() < 2 || name == "alive") continue;
    const int64_t samples = array.shape[0], steps = array.shape[1];
    const Shape element(array.shape.begin() + 2, array.shape.end());
    const int64_t size = element_count(element);
    for (int64_t e = 0; e < size; ++e) {
      const std::string value = element_name(name, element, e);
      if (!settings.values.empty() && std::ranges::find(settings.values, value) == settings.values.end() &&
          std::ranges::find(settings.values, stem(name)) == settings.values.end())
        continue;
      for (int64_t sample = 0; sample < std::min(samples, settings.samples); ++sample) {
        Series series{fmt::format("{}{}{}", label, value, settings.samples > 1 ? fmt::format(", sample {}", sample) : ""),
                      {},
                      {},
                      {},
                      false};
        for (int64_t t = 0; t < steps; ++t) {
          series.x.push_back(static_cast<double>(t));
          series.y.push_back(array.values[static_cast<size_t>((sample * steps + t) * size + e)]);
        }
        chart.series.push_back(std::move(series));
      }
    }
  }
}

}  // namespace

Series evaluation_series(const std::string& name, const std::vector<CurvePoint>& curve) {
  Series series{name, {}, {}, {}, false};
  for (const CurvePoint& point : curve) {
    series.x.push_back(static_cast<double>(point.step));
    series.y.push_back(point.evaluation_mean);
    series.error.push_back(2 * point.evaluation_error);
  }
  return series;
}

Chart learning_curve(const std::string& title, bool maximise, const std::vector<CurvePoint>& curve) {
  Chart chart{title, "step", maximise ? "expected reward" : "expected cost", {evaluation_series("evaluation", curve)}};
  Series training{"in training", {}, {}, {}, true};
  for (const CurvePoint& point : curve) {
    training.x.push_back(static_cast<double>(point.step));
    training.y.push_back(point.training_mean);
  }
  chart.series.push_back(std::move(training));
  return chart;
}

int command_plot(Session& session) {
  const PlotSettings& settings = session.options.plot;
  if (!settings.output.ends_with(".svg")) throw UsageError{fmt::format("--output: `{}` does not end in .svg", settings.output)};
  Chart chart{settings.title, "step", "", {}};
  for (size_t k = 0; k < session.options.files.size(); ++k) {
    const std::string& path = session.options.files[k];
    const std::string label = k < settings.labels.size() ? settings.labels[k] : path;
    if (path.ends_with(".jsonl")) {
      chart.series.push_back(evaluation_series(label, read_log(read_file(path), path)));
      chart.y_label = "expected objective";
    } else if (path.ends_with(".npz") || path.ends_with(".csv")) {
      const NamedArrays arrays =
          path.ends_with(".npz") ? read_npz(read_file(path), path) : table_of_trajectories(read_file(path), path);
      add_trajectories(settings, arrays, session.options.files.size() > 1 ? label + ": " : "", chart);
    } else {
      throw UsageError{fmt::format("{} is neither a log (.jsonl) nor trajectories (.npz or .csv)", path)};
    }
  }
  if (chart.series.empty()) throw UsageError{"there is nothing to draw"};
  write_file(settings.output, draw(chart));
  return status_done;
}

}  // namespace alea
