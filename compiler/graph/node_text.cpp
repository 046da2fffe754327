// Writing nodes as text.
#include "compiler/graph/node_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

namespace alea {

namespace {

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Characters, not bytes.
size_t width(std::string_view text) {
  return static_cast<size_t>(std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string axis_list(std::span<const int64_t> axes) {
  std::vector<std::string> words;
  for (const int64_t axis : axes) words.push_back(axis < 0 ? "_" : std::to_string(axis));
  return fmt::format("[{}]", fmt::join(words, ", "));
}

// The attributes in words.
std::string attribute_words(const Graph& graph, NodeId id) {
  const std::span<const int64_t> list = graph.attributes(id);
  if (list.empty()) return {};
  switch (graph.op(id)) {
    case Op::broadcast:
    case Op::transpose: return " as " + axis_list(list);
    case Op::slice:
    case Op::pad: return fmt::format(" along {} from {}", list[0], list[1]);
    case Op::cumsum: return fmt::format(" along {}{}", list[0], list[1] != 0 ? " reversed" : "");
    case Op::gather:
    case Op::scatter: break;
    default:
      if (kind(graph.op(id)) != OpKind::linear) return fmt::format(" along {}", list[0]);
  }
  return list[0] == 0 ? "" : fmt::format(" batch {}", list[0]);
}

}  // namespace

bool is_plain_name(std::string_view name) {
  if (name.empty() || !is_letter(name[0])) return false;
  if (name == "true" || name == "false" || name == "inf" || name == "nan") return false;
  return std::ranges::all_of(name, [](char c) { return is_letter(c) || is_digit(c) || c == '.' || c == '\''; });
}

std::string write_name(std::string_view name) {
  if (is_plain_name(name)) return std::string(name);
  std::string text = "\"";
  for (const char c : name) {
    if (c == '"' || c == '\\') text += {'\\', c};
    else if (c == '\n') text += "\\n";
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) text += ' ';
    else text += c;
  }
  return text + '"';
}

std::string write_real(double value) {
  if (std::isnan(value)) return "nan";
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".ein") == std::string::npos) text += ".0";
  return text;
}

void NameTable::add(std::string name) {
  ++uses_[name];
  names_.push_back(std::move(name));
}

std::string NameTable::reference(size_t index) const {
  if (index >= names_.size()) return std::to_string(index);
  return uses_.find(names_[index])->second == 1 && !names_[index].empty() ? write_name(names_[index]) : std::to_string(index);
}

void NodeWriter::suggest(NodeId id, const std::string& name) {
  if (!labels_[id].empty() || is_inline(id) || !is_plain_name(name) || name == "none") return;
  if (taken_.insert(name).second) labels_[id] = name;
}

void NodeWriter::list(NodeId id) {
  if (labels_[id].empty()) labels_[id] = "%" + std::to_string(next_++);
}

// Scalars whose type the literal shows.
bool NodeWriter::is_inline(NodeId id) const {
  if (!graph_.is_constant(id)) return false;
  const Type& type = graph_.type(id);
  const double value = graph_.values(id)[0];
  if (!type.shape.empty() || type.categories != 0) return false;
  switch (type.scalar) {
    case Scalar::real: return true;
    case Scalar::integer: return std::fabs(value) < 0x1p53 && value == std::floor(value) && !(value == 0 && std::signbit(value));
    case Scalar::boolean: return (value == 0 && !std::signbit(value)) || value == 1;
    case Scalar::category: return false;
  }
  return false;
}

std::string NodeWriter::reference(NodeId id) const {
  if (!id) return "none";
  if (!is_inline(id)) return labels_[id].empty() ? fmt::format("%?{}", id.index) : labels_[id];
  const double value = graph_.values(id)[0];
  switch (graph_.type(id).scalar) {
    case Scalar::real: return write_real(value);
    case Scalar::integer: return fmt::format("{:.0f}", value);
    case Scalar::boolean: return value != 0 ? "true" : "false";
    case Scalar::category: break;
  }
  return {};
}

std::string NodeWriter::expression(NodeId id, const std::string& entry) const {
  std::string line(text(graph_.op(id)));
  if (graph_.is_constant(id)) {
    const std::span<const double> values = graph_.values(id);
    std::vector<std::string> words;
    for (const double value : values) words.push_back(write_real(value));
    return line + (words.size() == 1 ? " " + words[0] : fmt::format(" [{}]", fmt::join(words, ", ")));
  }
  if (!entry.empty()) line += " " + entry;
  std::vector<std::string> operands;
  for (const NodeId input : graph_.inputs(id)) operands.push_back(reference(input));
  if (!operands.empty()) line += fmt::format("{}{}", entry.empty() ? " " : ": ", fmt::join(operands, ", "));
  return line + attribute_words(graph_, id);
}

void AlignedText::title(const std::string& name, const std::string& comment) {
  flush();
  if (!text_.empty()) text_ += "\n";
  text_ += comment.empty() ? name + "\n" : fmt::format("{:<54}  # {}\n", name, comment);
}

void AlignedText::row(std::string left, std::string type, std::string axes, std::string comment) {
  rows_.push_back({std::move(left), std::move(type), std::move(axes), std::move(comment)});
}

void AlignedText::flush() {
  constexpr size_t widest = 52;
  size_t left = 0, type = 0, axes = 0;
  const bool typed = std::ranges::any_of(rows_, [](const Row& row) { return !row.type.empty(); });
  for (const Row& row : rows_) {
    if (typed && row.type.empty()) continue;
    if (width(row.left) <= widest) left = std::max(left, width(row.left));
    if (width(row.type) <= 24) type = std::max(type, width(row.type));
    axes = std::max(axes, width(row.axes));
  }
  const auto pad = [](std::string& line, size_t column) {
    const size_t have = width(line);
    line += std::string(have < column ? column - have : 0, ' ');
  };
  for (const Row& row : rows_) {
    std::string line = "  " + row.left;
    if (!row.type.empty()) {
      pad(line, left + 2);
      line += " : " + row.type;
    }
    if (!row.axes.empty()) {
      pad(line, left + type + 5);
      line += "  " + row.axes;
    }
    if (!row.comment.empty()) {
      pad(line, typed ? left + type + 5 + (axes == 0 ? 0 : axes + 2) : left + 2);
      line += "  # " + row.comment;
    }
    text_ += line + "\n";
  }
  rows_.clear();
}

std::string AlignedText::str() {
  flush();
  return text_;
}

std::string line_of(const SourceMap* map, Span span) {
  if (map == nullptr || !span || span.source.index >= map->size()) return {};
  const SourceFile& file = (*map)[span.source];
  const std::string line = std::to_string(file.position(span.begin).line);
  if (span.source.index == 0) return line;
  const std::string& name = file.name();
  return name.substr(name.find_last_of('/') + 1) + ":" + line;
}

}  // namespace alea
