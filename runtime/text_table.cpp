// A character is one column wide: names and numbers hold no wider ones.
#include "runtime/text_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace alea {

size_t display_width(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string bold(std::string_view text, bool colour) {
  return colour ? fmt::format("\x1b[1m{}\x1b[0m", text) : std::string(text);
}

// What is no number has no sign worth telling.
std::string number_text(double value) { return std::isnan(value) ? "nan" : fmt::format("{:.6g}", value); }

std::string TextTable::print(bool colour, bool heading) const {
  std::vector<size_t> widths(columns_.size());
  for (const auto& row : rows_)
    for (size_t k = 0; k < row.size(); ++k) widths[k] = std::max(widths[k], display_width(row[k]));
  std::string text;
  for (size_t r = 0; r < rows_.size(); ++r) {
    std::string line;
    for (size_t k = 0; k < rows_[r].size(); ++k) {
      const std::string& cell = rows_[r][k];
      const std::string padding(widths[k] - display_width(cell), ' ');
      if (k > 0) line += "  ";
      line += columns_[k] == Align::right ? padding + cell : cell + padding;
    }
    line.resize(line.find_last_not_of(' ') + 1);
    text += (heading && r == 0 ? bold(line, colour) : line) + "\n";
  }
  return text;
}

}  // namespace alea
