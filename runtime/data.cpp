// Files are read by their ending. A column file (.csv) has no shape beyond its rows, and images (IDX) are often read as
// vectors, so each row's numbers fill the input in row-major order; other arrays must have the input's shape behind their first
// axis.
#include "runtime/data.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "dsl/diagnostic.h"
#include "runtime/errors.h"
#include "runtime/file.h"
#include "runtime/idx.h"

namespace alea {

namespace {

constexpr std::string_view separators = ",;\t ";

// The numbers of one line; false when something in it is no number.
bool read_row(std::string_view line, std::vector<double>& row) {
  row.clear();
  for (size_t at = 0;;) {
    while (at < line.size() && line[at] == ' ') ++at;
    if (at == line.size()) return !row.empty();
    if (line[at] == '+') ++at;
    double value = 0;
    const auto [stop, error] = std::from_chars(line.data() + at, line.data() + line.size(), value);
    if (error != std::errc{}) return false;
    row.push_back(value);
    at = static_cast<size_t>(stop - line.data());
    // One separator, with spaces about it; spaces alone separate too.
    bool separated = at == line.size();
    for (; at < line.size() && line[at] == ' '; ++at) separated = true;
    if (at < line.size() && separators.find(line[at]) != std::string_view::npos) {
      ++at;
      separated = true;
      if (line.find_first_not_of(' ', at) == std::string_view::npos) return false;  // nothing after the last comma
    }
    if (!separated) return false;
  }
}

bool is_idx(const std::string& place) { return place.ends_with("-ubyte") || place.ends_with("-ubyte.gz"); }

Array read_array(const std::string& input, const std::string& place) {
  const size_t colon = place.rfind(".npz:");
  if (colon != std::string::npos) {
    const std::string path = place.substr(0, colon + 4), key = place.substr(colon + 5);
    NamedArrays arrays = read_npz(read_file(path), path);
    const auto found = arrays.find(key);
    if (found != arrays.end()) return std::move(found->second);
    std::vector<std::string> keys;
    for (const auto& [name, array] : arrays) keys.push_back(name);
    throw UsageError{fmt::format("{} has no array `{}`; it has {}", path, key, fmt::join(keys, ", "))};
  }
  if (place.ends_with(".npz")) {
    // Without a key: the array of the input's own name, or the only one.
    NamedArrays arrays = read_npz(read_file(place), place);
    const auto found = arrays.find(input);
    if (found != arrays.end()) return std::move(found->second);
    if (arrays.size() == 1) return std::move(arrays.begin()->second);
    throw UsageError{fmt::format("{} has several arrays and none named `{}`; say which: {}:KEY", place, input, place)};
  }
  if (place.ends_with(".npy")) return read_npy(read_file(place), place);
  if (place.ends_with(".csv")) return read_csv(read_file(place), place);
  if (is_idx(place)) return read_idx(read_file(place), place);
  throw UsageError{
      fmt::format("data for `{}`: `{}` ends in none of .npy, .npz, .npz:KEY, .csv, -ubyte, -ubyte.gz", input, place)};
}

void check_values(const GraphInput& input, const std::vector<double>& values, size_t row_size) {
  for (size_t i = 0; i < values.size(); ++i) {
    const double value = values[i];
    bool fits = false;
    switch (input.type.scalar) {
      case Scalar::real: fits = std::isfinite(value); break;
      case Scalar::integer: fits = std::nearbyint(value) == value && std::abs(value) <= 9007199254740992.0; break;
      case Scalar::boolean: fits = value == 0 || value == 1; break;
      case Scalar::category:
        fits = std::nearbyint(value) == value && value >= 0 && value < static_cast<double>(input.type.categories);
        break;
    }
    if (!fits)
      throw UsageError{fmt::format("input `{}` is {}; row {} holds {}", input.name, to_string(input.type), i / row_size, value)};
  }
}

}  // namespace

Array read_csv(std::string_view text, const std::string& name) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  Array array;
  std::vector<double> row;
  int64_t rows = 0, columns = 0;
  for (int line_number = 1; !text.empty(); ++line_number) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.find_first_not_of(separators) == std::string_view::npos) continue;
    if (!read_row(line, row)) {
      if (line_number == 1) continue;  // the names of the columns
      throw FileError{fmt::format("cannot read {}: line {} is no row of numbers", name, line_number)};
    }
    if (rows > 0 && static_cast<int64_t>(row.size()) != columns)
      throw FileError{
          fmt::format("cannot read {}: line {} has {} numbers, the lines above {}", name, line_number, row.size(), columns)};
    columns = static_cast<int64_t>(row.size());
    array.values.insert(array.values.end(), row.begin(), row.end());
    ++rows;
  }
  array.shape = {rows, columns};
  return array;
}

std::vector<InputRows> load_inputs(const Table<InputId, GraphInput>& inputs, const std::vector<std::string>& bindings) {
  NamedArrays arrays;
  for (const std::string& binding : bindings) {
    const size_t equals = binding.find('=');
    if (equals == std::string::npos || equals == 0) throw UsageError{fmt::format("`{}` is not of the form input=FILE", binding)};
    const std::string name = binding.substr(0, equals), place = binding.substr(equals + 1);
    Array array = read_array(name, place);
    // Columns and pixels fill the input's shape in row-major order.
    for (const GraphInput& input : inputs)
      if (input.name == name && (place.ends_with(".csv") || is_idx(place)) &&
          element_count(Shape(array.shape.begin() + 1, array.shape.end())) == element_count(input.type.shape)) {
        array.shape.resize(1);
        array.shape.insert(array.shape.end(), input.type.shape.begin(), input.type.shape.end());
      }
    arrays[name] = std::move(array);
  }
  return bind_inputs(inputs, arrays);
}

std::vector<InputRows> bind_inputs(const Table<InputId, GraphInput>& inputs, const NamedArrays& arrays) {
  std::vector<std::string> names;
  for (const GraphInput& input : inputs) names.push_back(input.name);
  for (const auto& [name, array] : arrays) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    const std::string near = nearest(name, names);
    throw UsageError{
        fmt::format("there is no input `{}`{}", name, near.empty() ? "" : fmt::format("; did you mean `{}`?", near))};
  }
  std::vector<InputRows> data;
  std::string first;
  for (const GraphInput& input : inputs) {
    const auto found = arrays.find(input.name);
    if (found == arrays.end())
      throw UsageError{fmt::format("input `{}` has no data; bind it with --data {}=FILE", input.name, input.name)};
    const Array& array = found->second;
    Shape row_shape(array.shape.begin() + (array.shape.empty() ? 0 : 1), array.shape.end());
    const bool is_column = input.type.shape.empty() && row_shape == Shape{1};
    if (array.shape.empty() || (row_shape != input.type.shape && !is_column)) {
      const std::string rest = input.type.shape.empty() ? "[rows]" : "[rows, " + to_string(input.type.shape).substr(1);
      throw UsageError{fmt::format("input `{}` is {}, so that its data have shape {}; those given have {}", input.name,
                                   to_string(input.type), rest, to_string(array.shape))};
    }
    const int64_t rows = array.shape[0];
    if (rows == 0) throw UsageError{fmt::format("the data of input `{}` have no rows", input.name)};
    if (!first.empty() && rows != data.front().rows)
      throw UsageError{fmt::format("input `{}` has {} rows and `{}` has {}; all have the same number", first, data.front().rows,
                                   input.name, rows)};
    if (first.empty()) first = input.name;
    check_values(input, array.values, static_cast<size_t>(element_count(input.type.shape)));
    data.push_back({array.values, rows});
  }
  return data;
}

}  // namespace alea
