// Aligned columns for people. In: rows of cells (UTF-8). Out: lines whose columns line up, two spaces apart, without
// trailing spaces.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace alea {

enum class Align : uint8_t { left, right };

class TextTable {
 public:
  explicit TextTable(std::vector<Align> columns) : columns_(std::move(columns)) {}
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  bool empty() const { return rows_.empty(); }
  // `heading`: the first row is printed in bold where colour is wanted.
  std::string print(bool colour, bool heading = true) const;

 private:
  std::vector<Align> columns_;
  std::vector<std::vector<std::string>> rows_;
};

size_t display_width(std::string_view);  // in characters
std::string bold(std::string_view, bool colour);

// Six significant digits; nan and inf by name.
std::string number_text(double);

}  // namespace alea
