// Source text and places in it. A Span is two byte offsets into one SourceFile of a SourceMap; line and
// column are computed only when something is printed.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/ids.h"

namespace alea {

using SourceId = Id<struct SourceTag>;

struct Span {
  SourceId source{};
  uint32_t begin = 0;  // byte offset of the first character
  uint32_t end = 0;    // one past the last
  explicit operator bool() const { return bool(source); }
  bool operator==(const Span&) const = default;
};

struct LineColumn {
  int line = 0;    // from 1
  int column = 0;  // from 1, in characters (UTF-8 code points), not bytes
};

class SourceFile {
 public:
  SourceFile(std::string name, std::string text);
  const std::string& name() const { return name_; }
  std::string_view text() const { return text_; }
  LineColumn position(uint32_t offset) const;
  std::string_view line(int number) const;  // without its newline; empty when out of range

 private:
  std::string name_, text_;
  std::vector<uint32_t> line_starts_;
};

// All files of one compilation: the model and what it imports. Files never move once added.
class SourceMap {
 public:
  SourceId add(std::string name, std::string text);
  const SourceFile& operator[](SourceId id) const { return *files_[id.index]; }
  size_t size() const { return files_.size(); }

 private:
  std::vector<std::unique_ptr<SourceFile>> files_;
};

}  // namespace alea
