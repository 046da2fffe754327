// Places in source text: line starts are found once per file, a place by binary search in them. Columns
// count UTF-8 characters; a byte that is no valid UTF-8 counts as one.
#include "dsl/source.h"

#include <algorithm>

namespace alea {

SourceFile::SourceFile(std::string name, std::string text) : name_(std::move(name)), text_(std::move(text)) {
  line_starts_.push_back(0);
  for (size_t i = 0; i < text_.size(); ++i)
    if (text_[i] == '\n') line_starts_.push_back(static_cast<uint32_t>(i + 1));
}

LineColumn SourceFile::position(uint32_t offset) const {
  offset = std::min(offset, static_cast<uint32_t>(text_.size()));
  const auto next_line = std::upper_bound(line_starts_.begin(), line_starts_.end(), offset);
  const auto line = next_line - line_starts_.begin();
  uint32_t start = *(next_line - 1);
  if (start == 0 && text_.starts_with("\xEF\xBB\xBF")) start = std::min<uint32_t>(3, offset);  // a byte order mark has no column
  const auto continues = [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; };
  const auto inside = std::count_if(text_.begin() + start, text_.begin() + offset, continues);
  return {static_cast<int>(line), static_cast<int>(offset - start - inside + 1)};
}

std::string_view SourceFile::line(int number) const {
  if (number < 1 || static_cast<size_t>(number) > line_starts_.size()) return {};
  const size_t begin = line_starts_[number - 1];
  const size_t end = static_cast<size_t>(number) < line_starts_.size() ? line_starts_[number] - 1 : text_.size();
  std::string_view text = std::string_view(text_).substr(begin, end - begin);
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

SourceId SourceMap::add(std::string name, std::string text) {
  files_.push_back(std::make_unique<SourceFile>(std::move(name), std::move(text)));
  return SourceId{static_cast<uint32_t>(files_.size() - 1)};
}

}  // namespace alea
