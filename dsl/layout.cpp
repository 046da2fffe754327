// Layout after Wadler: a group stays on one line when it fits there together with the text that follows it
// up to the next place where a line may end.
#include "dsl/layout.h"

#include <algorithm>

namespace alea {

namespace {

struct Task {
  const Document* document;
  int indentation;
  bool flat;
};

int width_of(const std::string& text) {
  return static_cast<int>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

// Whether what comes next fits into `room` columns; `rest` is what follows, its last element first.
// A group that breaks in any case fits in no line.
bool fits(const Document& document, const std::vector<Task>& rest, int room) {
  std::vector<Task> tasks{{&document, 0, true}};
  size_t following = rest.size();
  bool inside = true;  // the document itself, not yet what follows
  while (room >= 0) {
    if (tasks.empty()) {
      inside = false;
      if (following == 0) return true;
      tasks.push_back(rest[--following]);
    }
    const Task task = tasks.back();
    tasks.pop_back();
    if (inside && task.document->broken) return false;
    switch (task.document->kind) {
      case Document::Kind::text: room -= width_of(task.document->text); break;
      case Document::Kind::line:
        if (!task.flat) return true;
        room -= width_of(task.document->text);
        break;
      case Document::Kind::concat:
      case Document::Kind::indent:
      case Document::Kind::align:
      case Document::Kind::group:
        for (auto part = task.document->parts.rbegin(); part != task.document->parts.rend(); ++part)
          tasks.push_back({&*part, task.indentation, task.flat});
        break;
    }
  }
  return false;
}

}  // namespace

Document words(std::string text) { return {Document::Kind::text, std::move(text), {}, 0, false}; }
Document line(std::string when_flat) { return {Document::Kind::line, std::move(when_flat), {}, 0, false}; }
Document concat(std::vector<Document> parts) { return {Document::Kind::concat, {}, std::move(parts), 0, false}; }
Document group(std::vector<Document> parts) { return {Document::Kind::group, {}, std::move(parts), 0, false}; }
Document align(std::vector<Document> parts) { return {Document::Kind::align, {}, std::move(parts), 0, false}; }
Document indent(int amount, std::vector<Document> parts) { return {Document::Kind::indent, {}, std::move(parts), amount, false}; }

std::vector<std::string> lay_out(const Document& document, int start, int width) {
  std::vector<std::string> lines(1);
  int column = start;
  std::vector<Task> tasks{{&document, start, false}};
  while (!tasks.empty()) {
    const Task task = tasks.back();
    tasks.pop_back();
    const Document& now = *task.document;
    const auto push_parts = [&](int indentation, bool flat) {
      for (auto part = now.parts.rbegin(); part != now.parts.rend(); ++part) tasks.push_back({&*part, indentation, flat});
    };
    switch (now.kind) {
      case Document::Kind::text:
        lines.back() += now.text;
        column += width_of(now.text);
        break;
      case Document::Kind::line:
        if (task.flat) {
          lines.back() += now.text;
          column += width_of(now.text);
        } else {
          lines.emplace_back(static_cast<size_t>(task.indentation), ' ');
          column = task.indentation;
        }
        break;
      case Document::Kind::concat: push_parts(task.indentation, task.flat); break;
      case Document::Kind::align: push_parts(column, task.flat); break;
      case Document::Kind::indent: push_parts(task.indentation + now.amount, task.flat); break;
      case Document::Kind::group:
        push_parts(task.indentation, !now.broken && (task.flat || fits(now, tasks, width - column)));
        break;
    }
  }
  for (std::string& text : lines) text.erase(text.find_last_not_of(' ') + 1);
  return lines;
}

}  // namespace alea
