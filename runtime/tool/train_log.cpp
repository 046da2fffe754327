// Numbers that are not finite are null.
#include "runtime/tool/train_log.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <limits>
#include <sstream>

#include "runtime/errors.h"
#include "runtime/file.h"

namespace alea {

namespace {

// Lines up to and with `step`; a last line that a killed process left unfinished is none.
std::string lines_up_to(const std::string& text, int64_t step) {
  std::istringstream lines(text);
  std::string kept;
  for (std::string line; std::getline(lines, line);) {
    const auto json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object() || !json.contains("step") || !json["step"].is_number_integer() || json["step"].get<int64_t>() > step)
      continue;
    kept += line + "\n";
  }
  return kept;
}

double number_of(const Json& json, const char* key) {
  return json.contains(key) && json[key].is_number() ? json[key].get<double>() : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

TrainLog::TrainLog(std::string path, int64_t resumed) : path_(std::move(path)) {
  if (path_.empty()) return;
  std::error_code error;
  const bool old = resumed >= 0 && std::filesystem::is_regular_file(path_, error);
  write_file(path_, old ? lines_up_to(read_file(path_), resumed) : std::string{});
  file_.open(path_, std::ios::app);
  if (!file_) throw FileError{fmt::format("cannot write {}: {}", path_, std::strerror(errno))};
}

void TrainLog::write(const Json& json) {
  if (path_.empty()) return;
  file_ << json.dump() << '\n';
  if (!file_) throw FileError{fmt::format("cannot write {}: {}", path_, std::strerror(errno))};
}

void TrainLog::add(const StepRecord& record, const std::string& loss) {
  if (path_.empty()) return;
  Json json{{"step", record.step}};
  if (!loss.empty()) json["loss"] = loss;
  json["objective"] = json_number(record.objective);
  json["stderr"] = json_number(record.standard_error);
  json["gradient_norm"] = json_number(record.gradient_norm);
  json["rate"] = json_number(record.rate);
  write(json);
}

void TrainLog::add(const CurvePoint& point) {
  if (path_.empty()) return;
  write(evaluation_json(point));
  flush();
}

void TrainLog::flush() {
  if (path_.empty()) return;
  file_.flush();
  if (!file_) throw FileError{fmt::format("cannot write {}: {}", path_, std::strerror(errno))};
}

Json evaluation_json(const CurvePoint& point) {
  return Json{{"step", point.step},
              {"training", {{"mean", json_number(point.training_mean)}, {"stderr", json_number(point.training_error)}}},
              {"evaluation", {{"mean", json_number(point.evaluation_mean)}, {"stderr", json_number(point.evaluation_error)}}}};
}

std::vector<CurvePoint> read_log(const std::string& text, const std::string& name) {
  std::vector<CurvePoint> curve;
  std::istringstream lines(text);
  int64_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    const auto json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object() || !json.contains("step") || !json["step"].is_number_integer())
      throw FileError{fmt::format("cannot read {}: line {} is none of a training log", name, number)};
    if (!json.contains("evaluation") || !json["evaluation"].is_object()) continue;
    const Json training = json.value("training", Json::object());
    curve.push_back({json["step"].get<int64_t>(), number_of(training, "mean"), number_of(training, "stderr"),
                     number_of(json["evaluation"], "mean"), number_of(json["evaluation"], "stderr")});
  }
  return curve;
}

}  // namespace alea
