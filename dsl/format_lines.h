// The lines of the formatted text. In: documents and statements in the order of the text. Out: the lines, with the
// comments and single blank lines of the text put back by position. A statement with a comment inside keeps its own lines,
// moved to its new indentation, because no rule could place that comment better than its author.
#pragma once
#include <functional>
#include <vector>

#include "dsl/format_text.h"
#include "dsl/layout.h"

namespace alea {

// One statement or item of a block: where it is in the text, and what prints it.
struct Entry {
  uint32_t begin = 0, end = 0;
  std::function<void(int indentation)> print;
  bool is_block = false;  // stands apart from its neighbours
};

class FormatLines {
 public:
  explicit FormatLines(const FormatText& text) : text_(text) {}

  // The document, broken over lines.
  void print_document(const Document& document, int indentation);
  // The statement as it is written, its lines moved together to the new indentation.
  void print_verbatim(uint32_t begin, uint32_t end, int indentation);
  // The document, or, where a comment stands inside it, the text.
  void print_simple(const Document& document, Span span, int indentation);
  // Entries between `begin` (the end of a brace, or the file's beginning) and `limit`.
  void print_entries(const std::vector<Entry>& entries, uint32_t begin, uint32_t limit, int indentation);
  // `header {`, the entries, `}`.
  void print_block(const Document& header, Span span, const grammar::Token& brace, const std::vector<Entry>& entries,
                   int indentation);
  // `header { body }`, where it fits; prints nothing otherwise.
  bool print_on_one_line(const Document& header, const Entry& body, int indentation);
  // Comments at the ends of neighbouring lines stand below each other.
  std::string joined_lines() const;

 private:
  struct Line {
    std::string text;     // with its indentation
    std::string comment;  // at its end
  };

  bool blank_line_between(uint32_t begin, uint32_t end) const;
  void attach_trailing_comment(uint32_t& end, uint32_t limit);
  void print_comments(uint32_t& end, uint32_t limit, int indentation, bool& first, bool after_block);

  const FormatText& text_;
  std::vector<Line> lines_;
  size_t next_comment_ = 0;  // the first that is not printed yet
};

}  // namespace alea
