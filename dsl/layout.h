// A small pretty printer: a document is text with places where a line may end, in groups that are either
// wholly on one line or broken at all their places. Documents are values; layout is linear in their size.
#pragma once
#include <memory>
#include <string>
#include <vector>

namespace alea {

struct Document {
  enum class Kind : uint8_t { text, line, concat, group, indent, align } kind = Kind::concat;
  std::string text;  // of a line: what stands there when it does not end: a space or nothing
  std::vector<Document> parts;
  int amount = 0;       // of indent
  bool broken = false;  // of a group: at all its places, even if it fits
};

Document words(std::string text);
Document line(std::string when_flat = " ");
Document concat(std::vector<Document> parts);
Document group(std::vector<Document> parts);
Document indent(int amount, std::vector<Document> parts);
Document align(std::vector<Document> parts);  // further lines begin below where this one is

// The lines of the document, the first without indentation, the others with theirs counted from `start`.
std::vector<std::string> lay_out(const Document&, int start, int width);

}  // namespace alea
