// Arrays of more than a few elements are summarised in the text: whoever wants all their numbers wants JSON.
#include "runtime/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "runtime/text_table.h"

namespace alea {

namespace {

using Json = nlohmann::ordered_json;

constexpr size_t most_elements_shown = 8, most_estimators_shown = 24, most_names_shown = 3;

// JSON has no NaN and no infinity: null.
Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json numbers(const std::vector<double>& values) {
  Json list = Json::array();
  for (const double value : values) list.push_back(number(value));
  return list;
}

std::string error_text(double standard_error) { return std::isnan(standard_error) ? "-" : number_text(standard_error); }

double norm(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value * value;
  return std::sqrt(sum);
}

// "x reparam, k score"; of many nodes "reparam of 4999 nodes (x, y, z, …), score of k".
std::string estimators_text(const std::vector<ReportedEstimator>& estimators) {
  struct Group {
    std::string estimator;
    std::vector<std::string> nodes;
  };
  std::vector<Group> groups;
  std::vector<std::string> list;
  for (const ReportedEstimator& e : estimators) {
    if (e.estimator == "none") continue;
    const std::string estimator = e.unbiased ? e.estimator : fmt::format("{} (biased: {})", e.estimator, e.bias);
    list.push_back(fmt::format("{} {}", e.node, estimator));
    auto group = std::ranges::find(groups, estimator, &Group::estimator);
    if (group == groups.end()) group = groups.insert(group, {estimator, {}});
    group->nodes.push_back(e.node);
  }
  if (list.size() <= most_estimators_shown) return fmt::format("{}", fmt::join(list, ", "));
  list.clear();
  for (const auto& [estimator, nodes] : groups) {
    const size_t shown = std::min(nodes.size(), most_names_shown);
    const std::string names =
        fmt::format("{}", fmt::join(nodes.begin(), nodes.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
    list.push_back(shown == nodes.size() ? fmt::format("{} of {}", estimator, names)
                                         : fmt::format("{} of {} nodes ({}, …)", estimator, nodes.size(), names));
  }
  return fmt::format("{}", fmt::join(list, ", "));
}

}  // namespace

std::string element_name(const std::string& name, const Shape& shape, int64_t flat_index) {
  if (shape.empty()) return name;
  std::string indices;
  for (size_t axis = shape.size(); axis-- > 0;) {
    indices = fmt::format("{}{}{}", flat_index % shape[axis], indices.empty() ? "" : ", ", indices);
    flat_index /= shape[axis];
  }
  return fmt::format("{}[{}]", name, indices);
}

std::string report_text(const Report& report, bool colour) {
  std::string text = bold(report.model, colour);
  if (!report.policy.empty()) text += fmt::format(", policy {}", report.policy);
  text += fmt::format("    {} samples, seed {}{}", report.samples, report.seed, report.single_precision ? ", f32" : "");
  if (report.interrupted) text += "    (interrupted)";
  text += "\n\n";

  TextTable table({Align::left, Align::right, Align::right});
  const char* objective = report.maximise ? "expected reward" : "expected cost";
  table.add({"", "estimate", "standard error"});
  table.add({objective, number_text(report.mean), error_text(report.standard_error)});
  bool summarised = false;
  for (const ReportedGradient& gradient : report.gradient) {
    if (gradient.mean.size() > most_elements_shown) {
      summarised = true;
      table.add({fmt::format("|d {}|  {}", gradient.param, to_string(gradient.shape)), number_text(norm(gradient.mean)),
                 error_text(norm(gradient.standard_error))});
      continue;
    }
    for (size_t i = 0; i < gradient.mean.size(); ++i)
      table.add({"d " + element_name(gradient.param, gradient.shape, static_cast<int64_t>(i)), number_text(gradient.mean[i]),
                 error_text(gradient.standard_error[i])});
  }
  text += table.print(colour);
  if (summarised) text += "\n|d …| is the norm of a large array's gradient; --json gives every element.\n";

  if (report.has_gradient && !report.estimators.empty()) {
    const std::string estimators = estimators_text(report.estimators);
    if (!estimators.empty()) text += fmt::format("\nestimators: {}\n", estimators);
  }
  if (report.has_gradient && !report.bias.empty()) text += fmt::format("the gradient is biased ({})\n", report.bias);
  return text;
}

Json report_json(const Report& report) {
  Json json;
  json["model"] = report.model;
  json["policy"] = report.policy.empty() ? Json(nullptr) : Json(report.policy);
  json["samples"] = report.samples;
  json["seed"] = report.seed;
  json["precision"] = report.single_precision ? "f32" : "f64";
  json["objective"] = {{"mean", number(report.mean)}, {"stderr", number(report.standard_error)}};
  if (report.has_gradient) {
    json["gradient"] = Json::object();
    for (const ReportedGradient& gradient : report.gradient)
      json["gradient"][gradient.param] = {
          {"shape", gradient.shape}, {"mean", numbers(gradient.mean)}, {"stderr", numbers(gradient.standard_error)}};
  }
  json["estimators"] = Json::object();
  for (const ReportedEstimator& e : report.estimators)
    json["estimators"][e.node] = {{"name", e.estimator}, {"unbiased", e.unbiased}};
  json["seconds"] = {{"compile", number(report.compile_seconds)}, {"run", number(report.run_seconds)}};
  json["threads"] = report.threads;
  if (report.interrupted) json["interrupted"] = true;
  return json;
}

bool all_finite(const Report& report, std::string& where) {
  if (!std::isfinite(report.mean)) {
    where = report.maximise ? "the expected reward" : "the expected cost";
    return false;
  }
  for (const ReportedGradient& gradient : report.gradient)
    for (size_t i = 0; i < gradient.mean.size(); ++i)
      if (!std::isfinite(gradient.mean[i])) {
        where = fmt::format("the gradient in {}", element_name(gradient.param, gradient.shape, static_cast<int64_t>(i)));
        return false;
      }
  return true;
}

}  // namespace alea
