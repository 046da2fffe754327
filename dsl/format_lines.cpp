// Comments are taken in the order of the text, each when the statement after it, or the one that it follows on its line, is
// printed.
#include "dsl/format_lines.h"

#include <algorithm>

namespace alea {

using grammar::Token;

namespace {

constexpr int page_width = 110;
constexpr int block_indentation = 2;

std::string spaces(int count) { return std::string(static_cast<size_t>(count), ' '); }

size_t characters(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

}  // namespace

void FormatLines::print_document(const Document& document, int indentation) {
  const auto lines = lay_out(document, indentation, page_width);
  for (size_t i = 0; i < lines.size(); ++i) lines_.push_back({i == 0 ? spaces(indentation) + lines[i] : lines[i], {}});
}

void FormatLines::print_verbatim(uint32_t begin, uint32_t end, int indentation) {
  const size_t line_begin =
      text_.text.rfind('\n', begin) == std::string_view::npos || begin == 0 ? 0 : text_.text.rfind('\n', begin - 1) + 1;
  const int move = indentation - static_cast<int>(begin - line_begin);
  for (uint32_t at = begin; at < end;) {
    const uint32_t line_end = static_cast<uint32_t>(std::min<size_t>(text_.text.find('\n', at), end));
    std::string line(text_.text.substr(at, line_end - at));
    line.erase(line.find_last_not_of(" \t\r") + 1);
    if (at == begin) {
      line.insert(0, spaces(indentation));
    } else if (!line.empty()) {
      const size_t blanks = line.find_first_not_of(" \t");
      line = spaces(std::max(indentation, static_cast<int>(blanks) + move)) + line.substr(blanks);
    }
    lines_.push_back({std::move(line), {}});
    at = line_end + 1;
  }
  while (next_comment_ < text_.lexed.comments.size() && text_.lexed.comments[next_comment_].begin < end) ++next_comment_;
}

bool FormatLines::blank_line_between(uint32_t begin, uint32_t end) const {
  return begin < end && std::count(text_.text.begin() + begin, text_.text.begin() + end, '\n') > 1;
}

// A comment that follows on the line that ends at `end` goes to the line printed last.
void FormatLines::attach_trailing_comment(uint32_t& end, uint32_t limit) {
  if (next_comment_ >= text_.lexed.comments.size()) return;
  const grammar::Comment& comment = text_.lexed.comments[next_comment_];
  if (comment.begin < end || comment.begin >= limit || comment.own_line || lines_.empty()) return;
  if (text_.text.substr(end, comment.begin - end).find('\n') != std::string_view::npos) return;
  lines_.back().comment = std::string(text_.text.substr(comment.begin, comment.end - comment.begin));
  end = comment.end;
  ++next_comment_;
}

void FormatLines::print_comments(uint32_t& end, uint32_t limit, int indentation, bool& first, bool after_block) {
  for (; next_comment_ < text_.lexed.comments.size() && text_.lexed.comments[next_comment_].begin < limit; ++next_comment_) {
    const grammar::Comment& comment = text_.lexed.comments[next_comment_];
    if (!first && (after_block || blank_line_between(end, comment.begin))) lines_.push_back({});
    lines_.push_back({spaces(indentation) + std::string(text_.text.substr(comment.begin, comment.end - comment.begin)), {}});
    end = comment.end;
    first = after_block = false;
  }
}

void FormatLines::print_entries(const std::vector<Entry>& entries, uint32_t begin, uint32_t limit, int indentation) {
  uint32_t end = begin;
  bool first = true, after_block = false;
  if (begin > 0) attach_trailing_comment(end, entries.empty() ? limit : entries.front().begin);
  for (size_t i = 0; i < entries.size(); ++i) {
    const Entry& entry = entries[i];
    const size_t lines_before = lines_.size();
    print_comments(end, entry.begin, indentation, first, after_block);
    const bool commented = lines_.size() > lines_before;
    const bool apart = !commented && (after_block || entry.is_block);
    if (!first && (apart || blank_line_between(end, entry.begin))) lines_.push_back({});
    entry.print(indentation);
    end = entry.end;
    attach_trailing_comment(end, i + 1 < entries.size() ? entries[i + 1].begin : limit);
    first = false;
    after_block = entry.is_block;
  }
  print_comments(end, limit, indentation, first, after_block);
}

void FormatLines::print_block(const Document& header, Span span, const Token& brace, const std::vector<Entry>& entries,
                              int indentation) {
  const uint32_t closing = span.end - 1;
  if (entries.empty() && !text_.has_comment(span.begin, span.end)) {
    print_document(concat({header, words(" {}")}), indentation);
    return;
  }
  if (text_.has_comment(span.begin, brace.begin)) print_verbatim(span.begin, brace.end, indentation);
  else print_document(concat({header, words(" {")}), indentation);
  print_entries(entries, brace.end, closing, indentation + block_indentation);
  lines_.push_back({spaces(indentation) + "}", {}});
}

void FormatLines::print_simple(const Document& document, Span span, int indentation) {
  if (text_.has_comment(span.begin, span.end)) print_verbatim(span.begin, span.end, indentation);
  else print_document(document, indentation);
}

std::string FormatLines::joined_lines() const {
  std::string result;
  for (size_t i = 0; i < lines_.size();) {
    size_t end = i, column = 0;
    for (; end < lines_.size() && !lines_[end].comment.empty(); ++end)
      column = std::max(column, characters(lines_[end].text) + 2);
    if (end == i) {
      result += lines_[i++].text + "\n";
      continue;
    }
    for (; i < end; ++i)
      result += lines_[i].text + std::string(column - characters(lines_[i].text), ' ') + lines_[i].comment + "\n";
  }
  return result;
}

bool FormatLines::print_on_one_line(const Document& header, const Entry& body, int indentation) {
  const size_t before = lines_.size();
  print_document(concat({header, words(" { ")}), indentation);
  body.print(0);
  std::string text = lines_[before].text + " " + lines_.back().text + " }";
  const bool fits = lines_.size() == before + 2 && characters(text) <= page_width;
  lines_.resize(before);
  if (fits) lines_.push_back({std::move(text), {}});
  return fits;
}

}  // namespace alea
