// The text of nodes, shared by the printed graph and the printed gradient program:
//
//   label = op table-entry: operand, operand along 0     type     @axes     # line
//
// A scalar constant is written where it is used. Labels are names of the model where they are unique, else
// numbers in the order of the lines: %1, %2, …
#pragma once
#include <map>
#include <set>

#include "compiler/graph/graph.h"

namespace alea {

std::string write_name(std::string_view);  // as it is where it is a plain name, else quoted
bool is_plain_name(std::string_view);
std::string write_real(double);  // reads back to the same bits; never looks like an integer

// References to the entries of one table: by name, or by number where the name is not unique.
class NameTable {
 public:
  void add(std::string name);
  std::string reference(size_t index) const;
  std::string bare(size_t index) const { return names_[index]; }
  size_t size() const { return names_.size(); }

 private:
  std::vector<std::string> names_;
  std::map<std::string, int, std::less<>> uses_;
};

class NodeWriter {
 public:
  explicit NodeWriter(const Graph& graph) : graph_(graph), labels_(graph.size()) {}

  // Asks for a name before numbers are given out; the first to ask for a name has it.
  void suggest(NodeId, const std::string& name);
  // Lists the node: numbers it unless it has a name. In the order of the lines.
  void list(NodeId);
  bool is_inline(NodeId) const;
  bool has_label(NodeId id) const { return !labels_[id].empty(); }
  std::string reference(NodeId) const;
  // Right of the equals sign; `entry` is what the payload names, if anything.
  std::string expression(NodeId, const std::string& entry) const;

 private:
  const Graph& graph_;
  NodeTable<std::string> labels_;
  std::set<std::string, std::less<>> taken_;
  int next_ = 1;
};

// Lines of up to four columns, aligned.
class AlignedText {
 public:
  void title(const std::string& name, const std::string& comment = {});
  void row(std::string left, std::string type = {}, std::string axes = {}, std::string comment = {});
  std::string str();

 private:
  struct Row {
    std::string left, type, axes, comment;
  };
  void flush();
  std::string text_;
  std::vector<Row> rows_;
};

// "14"; of an imported file "nn.alea:14"; empty where there is no place.
std::string line_of(const SourceMap*, Span);

}  // namespace alea
