// Reading the text of node_text.h: lines into words, words into nodes. The text is of unknown origin: whatever
// it holds, the answer is a graph or a diagnostic. Types are not checked here (type_error does that); ids are.
#pragma once
#include <map>

#include "compiler/graph/graph.h"
#include "dsl/diagnostic.h"

namespace alea {

// Thrown after the diagnostic.
struct WrongText {};

struct Word {
  enum class Kind : uint8_t { name, text, number, node, sign, end };
  Kind kind = Kind::end;
  std::string text;  // of a name or quoted text: what it stands for; of a node: with its %
  Span span;
};

struct TextLine {
  bool indented = false;
  std::vector<Word> words;  // the last is `end`
  Span span;
};

class TextReader {
 public:
  TextReader(const SourceMap&, SourceId, Diagnostics&);

  // Lines that hold anything. `line` is the one being read; past the end it holds nothing.
  bool at_end() const { return line_ >= lines_.size(); }
  const TextLine& line() const { return lines_[line_]; }
  bool next_line_is_indented() const { return line_ < lines_.size() && lines_[line_].indented; }
  void next_line();  // what is left over on this one is an error

  const Word& peek() const { return lines_[line_].words[word_]; }
  bool at_line_end() const { return peek().kind == Word::Kind::end; }
  Word take();
  bool take_if(std::string_view);  // a name or sign of this text
  void expect(std::string_view);
  std::string name(std::string_view what);  // a name or quoted text
  int64_t integer(int64_t low, int64_t high);
  double real();
  Type type();
  std::vector<int64_t> integer_list();  // [1, 2]; _ is -1
  [[noreturn]] void fail(const std::string& message) const;
  [[noreturn]] void fail(const std::string& message, Span) const;

 private:
  void split(uint32_t begin, uint32_t end);
  std::string_view text_;
  SourceId source_;
  Diagnostics& diagnostics_;
  std::vector<TextLine> lines_;
  size_t line_ = 0, word_ = 0;
};

// One table's names, for references by name or number.
class EntryTable {
 public:
  void add(const std::string& name);
  size_t size() const { return size_; }
  uint32_t reference(TextReader&, std::string_view what) const;

 private:
  std::map<std::string, int64_t, std::less<>> index_;  // -1: not unique
  size_t size_ = 0;
};

class NodeReader {
 public:
  NodeReader(TextReader& reader, Graph& graph) : reader_(reader), graph_(graph) {}

  struct Tables {
    const EntryTable *params = nullptr, *inputs = nullptr, *states = nullptr, *noises = nullptr, *draws = nullptr,
                     *adjoints = nullptr, *advantages = nullptr, *accumulators = nullptr;
  };
  Tables tables;

  // `label = op … : type`, without what follows the type.
  NodeId definition();
  bool at_definition() const;
  NodeId operand();          // a label or a scalar literal
  NodeId operand_or_none();  // also `none`

 private:
  uint32_t payload(Op);
  uint32_t attributes(Op);
  NodeId constant();
  TextReader& reader_;
  Graph& graph_;
  std::map<std::string, NodeId, std::less<>> labels_;
};

}  // namespace alea
