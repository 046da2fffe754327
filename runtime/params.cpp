// Lists are read as JSON, which is what a list of numbers looks like in the language too.
#include "runtime/params.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "dsl/diagnostic.h"
#include "runtime/errors.h"

namespace alea {

namespace {

std::string hint_for(const Table<ParamId, GraphParam>& params, const std::string& name) {
  std::vector<std::string> names;
  for (const GraphParam& param : params) names.push_back(param.name);
  if (names.empty()) return "; the model has none";
  const std::string near = nearest(name, names);
  return near.empty() ? "" : fmt::format("; did you mean `{}`?", near);
}

std::vector<ParamId> params_named(const Table<ParamId, GraphParam>& params, const std::string& name) {
  const bool group = name.ends_with(".*");
  const std::string prefix = group ? name.substr(0, name.size() - 1) : name;
  std::vector<ParamId> found;
  for (uint32_t index = 0; index < params.size(); ++index) {
    const ParamId id{index};
    if (group ? params[id].name.starts_with(prefix) : params[id].name == name) found.push_back(id);
  }
  if (found.empty()) throw UsageError{fmt::format("there is no param `{}`{}", name, hint_for(params, name))};
  return found;
}

void check_value(const GraphParam& param, double value) {
  if (!std::isfinite(value)) throw UsageError{fmt::format("param `{}` cannot be {}: params are finite", param.name, value)};
}

// The elements of a nested list, row-major, and its shape; ragged lists and anything but numbers are refused.
void flatten(const nlohmann::json& list, const std::string& name, size_t depth, Shape& shape, std::vector<double>& values) {
  if (list.is_number()) {
    if (depth != shape.size()) throw UsageError{fmt::format("the list for `{}` is ragged", name)};
    values.push_back(list.get<double>());
    return;
  }
  constexpr size_t deepest = 8;
  if (!list.is_array() || depth >= deepest)
    throw UsageError{fmt::format("the value of `{}` is no number and no list of numbers", name)};
  if (depth == shape.size()) {
    if (!values.empty()) throw UsageError{fmt::format("the list for `{}` is ragged", name)};
    shape.push_back(static_cast<int64_t>(list.size()));
  }
  if (shape[depth] != static_cast<int64_t>(list.size())) throw UsageError{fmt::format("the list for `{}` is ragged", name)};
  for (const auto& element : list) flatten(element, name, depth + 1, shape, values);
}

std::optional<double> whole_number(const std::string& text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

void assign(const GraphParam& param, const Shape& shape, const std::vector<double>& given, std::vector<double>& values) {
  for (const double value : given) check_value(param, value);
  const auto size = static_cast<size_t>(element_count(param.type.shape));
  const bool is_flat = shape.size() == 1 && given.size() == size;
  if (shape.empty()) {
    values.assign(size, given[0]);
  } else if (shape == param.type.shape || is_flat) {
    values = given;
  } else {
    throw UsageError{
        fmt::format("param `{}` is {}; the value given has shape {}", param.name, to_string(param.type), to_string(shape))};
  }
}

}  // namespace

ParamArrays zero_params(const Table<ParamId, GraphParam>& params) {
  ParamArrays values;
  for (const GraphParam& param : params)
    values.push_back(std::vector<double>(static_cast<size_t>(element_count(param.type.shape)), 0.0));
  return values;
}

void set_param(const Table<ParamId, GraphParam>& params, const std::string& text, ParamArrays& values) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) throw UsageError{fmt::format("`{}` is not of the form name=value", text)};
  const std::string name = text.substr(0, equals), value = text.substr(equals + 1);
  Shape shape;
  std::vector<double> elements;
  if (const auto number = whole_number(value)) {
    elements.push_back(*number);
  } else {
    const auto list = nlohmann::json::parse(value, nullptr, /*allow_exceptions=*/false);
    if (list.is_discarded())
      throw UsageError{fmt::format("the value of `{}` is no number and no list of numbers: `{}`", name, value)};
    flatten(list, name, 0, shape, elements);
  }
  for (const ParamId id : params_named(params, name)) assign(params[id], shape, elements, values[id.index]);
}

void set_params(const Table<ParamId, GraphParam>& params, const NamedArrays& arrays, ParamArrays& values) {
  for (const auto& [name, array] : arrays)
    for (const ParamId id : params_named(params, name)) {
      const GraphParam& param = params[id];
      if (array.shape != param.type.shape)
        throw UsageError{
            fmt::format("param `{}` is {}; the array given has shape {}", name, to_string(param.type), to_string(array.shape))};
      assign(param, array.shape, array.values, values[id.index]);
    }
}

NamedArrays arrays_among(const Table<ParamId, GraphParam>& params, NamedArrays arrays) {
  NamedArrays own;
  for (const GraphParam& param : params)
    if (const auto found = arrays.find(param.name); found != arrays.end()) own.insert(*found);
  return own.empty() ? arrays : own;
}

NamedArrays named_arrays(const Table<ParamId, GraphParam>& params, const ParamArrays& values) {
  NamedArrays arrays;
  for (uint32_t index = 0; index < params.size(); ++index) {
    const ParamId id{index};
    arrays[params[id].name] = {params[id].type.shape, values[index]};
  }
  return arrays;
}

}  // namespace alea
