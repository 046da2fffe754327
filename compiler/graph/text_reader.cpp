// Words, lines, and the grammar of one node.
#include "compiler/graph/text_reader.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <limits>

#include "compiler/graph/infer.h"
#include "compiler/graph/node_text.h"

namespace alea {

namespace {

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_control(char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t' && c != '\r') || c == 0x7F; }

// The length of the UTF-8 character at the front; 0: none begins there.
size_t character_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xC0) != 0x80) return 0;
  if ((first == 0xE0 && byte(1) < 0xA0) || (first == 0xED && byte(1) > 0x9F) || (first == 0xF0 && byte(1) < 0x90) ||
      (first == 0xF4 && byte(1) > 0x8F))
    return 0;
  return length;
}

const std::map<std::string_view, Op>& ops_by_text() {
  static const std::map<std::string_view, Op> table = {
#define OP(name, text, arity, kind) {text, Op::name},
#include "compiler/graph/op.def"
#undef OP
  };
  return table;
}

}  // namespace

TextReader::TextReader(const SourceMap& map, SourceId source, Diagnostics& diagnostics)
    : text_(map[source].text()), source_(source), diagnostics_(diagnostics) {
  for (size_t i = 0; i < text_.size();) {
    const size_t length = character_length(text_.substr(i));
    const auto at = static_cast<uint32_t>(i);
    if (length == 0) fail("what stands here is not UTF-8", {source, at, at + 1});
    if (is_control(text_[i])) fail("a control character stands here", {source, at, at + 1});
    i += length;
  }
  uint32_t begin = 0;
  while (begin < text_.size()) {
    const size_t newline = text_.find('\n', begin);
    const auto end = static_cast<uint32_t>(newline == std::string_view::npos ? text_.size() : newline);
    split(begin, end);
    begin = end + 1;
  }
}

void TextReader::fail(const std::string& message, Span span) const {
  diagnostics_.report(DiagnosticKind::wrong_program_text, span, {message});
  throw WrongText{};
}

void TextReader::fail(const std::string& message) const {
  const auto end = static_cast<uint32_t>(text_.size());
  fail(message, at_end() ? Span{source_, end, end} : peek().span);
}

void TextReader::split(uint32_t begin, uint32_t end) {
  TextLine line;
  line.indented = begin < end && (text_[begin] == ' ' || text_[begin] == '\t');
  uint32_t i = begin;
  const auto add = [&](Word::Kind kind, uint32_t from, std::string text) {
    line.words.push_back({kind, std::move(text), {source_, from, i}});
  };
  while (i < end) {
    const char c = text_[i];
    const uint32_t from = i;
    if (c == ' ' || c == '\t' || c == '\r') {
      ++i;
    } else if (c == '#') {
      break;
    } else if (c == '"') {
      std::string text;
      for (++i; i < end && text_[i] != '"'; ++i) {
        if (text_[i] == '\\' && i + 1 < end) ++i, text += text_[i] == 'n' ? '\n' : text_[i];
        else text += text_[i];
      }
      if (i >= end) fail("this quote is not closed", {source_, from, end});
      ++i;
      add(Word::Kind::text, from, std::move(text));
    } else if (is_letter(c)) {
      while (i < end && (is_letter(text_[i]) || is_digit(text_[i]) || text_[i] == '.' || text_[i] == '\'')) ++i;
      add(Word::Kind::name, from, std::string(text_.substr(from, i - from)));
    } else if (c == '%' || is_digit(c) || c == '-' || c == '+') {
      for (++i; i < end && (is_letter(text_[i]) || is_digit(text_[i]) || text_[i] == '.' ||
                            ((text_[i] == '-' || text_[i] == '+') && (text_[i - 1] == 'e' || text_[i - 1] == 'E')));)
        ++i;
      if (c == '+' && i < end && text_[i] == '=' && i == from + 1) {
        ++i;
        add(Word::Kind::sign, from, "+=");
      } else {
        add(c == '%' ? Word::Kind::node : Word::Kind::number, from, std::string(text_.substr(from, i - from)));
      }
    } else {
      ++i;
      add(Word::Kind::sign, from, std::string(1, c));
    }
  }
  if (line.words.empty()) return;
  line.span = {source_, line.words.front().span.begin, line.words.back().span.end};
  line.words.push_back({Word::Kind::end, "", {source_, line.span.end, line.span.end}});
  lines_.push_back(std::move(line));
}

void TextReader::next_line() {
  if (!at_line_end()) fail(fmt::format("expected the end of the line, found `{}`", peek().text));
  ++line_;
  word_ = 0;
}

Word TextReader::take() {
  const Word word = peek();
  if (word.kind != Word::Kind::end) ++word_;
  return word;
}

bool TextReader::take_if(std::string_view text) {
  if ((peek().kind != Word::Kind::name && peek().kind != Word::Kind::sign) || peek().text != text) return false;
  ++word_;
  return true;
}

void TextReader::expect(std::string_view text) {
  if (!take_if(text))
    fail(at_line_end() ? fmt::format("expected `{}`", text) : fmt::format("expected `{}`, found `{}`", text, peek().text));
}

std::string TextReader::name(std::string_view what) {
  if (peek().kind != Word::Kind::name && peek().kind != Word::Kind::text) fail(fmt::format("expected {}", what));
  return take().text;
}

int64_t TextReader::integer(int64_t low, int64_t high) {
  int64_t value = 0;
  const std::string& text = peek().text;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (peek().kind != Word::Kind::number || error != std::errc{} || end != text.data() + text.size() || value < low ||
      value > high)
    fail(fmt::format("expected an integer from {} to {}", low, high));
  take();
  return value;
}

double TextReader::real() {
  const std::string& text = peek().text;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool number = peek().kind == Word::Kind::number || text == "inf" || text == "nan";
  if (!number || error != std::errc{} || end != text.data() + text.size()) fail("expected a number");
  take();
  return value;
}

Type TextReader::type() {
  Type type;
  const Word word = take();
  if (word.text == "real") type.scalar = Scalar::real;
  else if (word.text == "int") type.scalar = Scalar::integer;
  else if (word.text == "bool") type.scalar = Scalar::boolean;
  else if (word.text == "cat") {
    type.scalar = Scalar::category;
    expect("(");
    type.categories = integer(1, max_elements);
    expect(")");
  } else {
    fail("expected a type", word.span);
  }
  if (take_if("[")) {
    do type.shape.push_back(integer(0, max_elements));
    while (take_if(","));
    expect("]");
  }
  if (type.shape.size() > 64 || !is_valid_shape(type.shape)) fail("this type has too many elements", word.span);
  return type;
}

std::vector<int64_t> TextReader::integer_list() {
  std::vector<int64_t> list;
  expect("[");
  if (take_if("]")) return list;
  do {
    if (take_if("_")) list.push_back(-1);
    else list.push_back(integer(0, max_elements));
  } while (take_if(","));
  expect("]");
  return list;
}

void EntryTable::add(const std::string& name) {
  const auto [at, is_new] = index_.emplace(name, static_cast<int64_t>(size_));
  if (!is_new) at->second = -1;
  ++size_;
}

uint32_t EntryTable::reference(TextReader& reader, std::string_view what) const {
  const Word& word = reader.peek();
  if (word.kind == Word::Kind::number) {
    if (size_ == 0) reader.fail(fmt::format("there is no {}", what));
    return static_cast<uint32_t>(reader.integer(0, static_cast<int64_t>(size_) - 1));
  }
  if (word.kind != Word::Kind::name && word.kind != Word::Kind::text) reader.fail(fmt::format("expected the name of {}", what));
  const auto found = index_.find(word.text);
  if (found == index_.end() || found->second < 0) reader.fail(fmt::format("`{}` names no {}", word.text, what));
  reader.take();
  return static_cast<uint32_t>(found->second);
}

bool NodeReader::at_definition() const {
  const std::vector<Word>& words = reader_.line().words;
  return words.size() > 2 && (words[0].kind == Word::Kind::node || words[0].kind == Word::Kind::name) &&
         words[1].kind == Word::Kind::sign && words[1].text == "=";
}

NodeId NodeReader::operand_or_none() { return reader_.take_if("none") ? NodeId{} : operand(); }

NodeId NodeReader::operand() {
  const Word word = reader_.peek();
  if (word.kind == Word::Kind::number || word.text == "inf" || word.text == "nan") {
    const bool whole = word.kind == Word::Kind::number && word.text.find_first_of(".einEIN") == std::string::npos;
    if (!whole) return graph_.constant(reader_.real());
    constexpr int64_t most = int64_t{1} << 53;
    return graph_.constant({Scalar::integer, 0, {}}, {static_cast<double>(reader_.integer(-most, most))});
  }
  if (word.kind == Word::Kind::name && (word.text == "true" || word.text == "false")) {
    reader_.take();
    return graph_.constant({Scalar::boolean, 0, {}}, {word.text == "true" ? 1.0 : 0.0});
  }
  if (word.kind != Word::Kind::node && word.kind != Word::Kind::name) reader_.fail("expected a node");
  const auto found = labels_.find(word.text);
  if (found == labels_.end()) reader_.fail(fmt::format("`{}` is not defined above", word.text));
  reader_.take();
  return found->second;
}

// What the payload of an operation names, if it has one.
uint32_t NodeReader::payload(Op op) {
  const auto entry = [&](const EntryTable* table, std::string_view what) {
    if (table == nullptr) reader_.fail(fmt::format("`{}` has no place here", text(op)));
    return table->reference(reader_, what);
  };
  switch (op) {
    case Op::param: return entry(tables.params, "param");
    case Op::input: return entry(tables.inputs, "input");
    case Op::state:
    case Op::final_state: return entry(tables.states, "state");
    case Op::adjoint: return entry(tables.adjoints, "adjoint");
    case Op::advantage: return entry(tables.advantages, "advantage");
    case Op::accumulated: return entry(tables.accumulators, "sum");
    case Op::draw:
      return tables.draws != nullptr ? entry(tables.draws, "draw") : static_cast<uint32_t>(reader_.integer(0, max_elements));
    default:
      if (kind(op) == OpKind::random) return entry(tables.noises, "noise");
      return UINT32_MAX;
  }
}

uint32_t NodeReader::attributes(Op op) {
  std::vector<int64_t> list;
  switch (op) {
    case Op::broadcast:
    case Op::transpose:
      reader_.expect("as");
      list = reader_.integer_list();
      break;
    case Op::slice:
    case Op::pad:
      reader_.expect("along");
      list.push_back(reader_.integer(0, 63));
      reader_.expect("from");
      list.push_back(reader_.integer(0, max_elements));
      break;
    case Op::cumsum:
      reader_.expect("along");
      list.push_back(reader_.integer(0, 63));
      list.push_back(reader_.take_if("reversed") ? 1 : 0);
      break;
    case Op::concat:
      reader_.expect("along");
      list.push_back(reader_.integer(0, 63));
      break;
    case Op::gather:
    case Op::scatter: list.push_back(reader_.take_if("batch") ? reader_.integer(0, 63) : 0); break;
    default:
      if (kind(op) == OpKind::reduction) {
        reader_.expect("along");
        list.push_back(reader_.integer(0, 63));
      } else if (kind(op) == OpKind::linear) {
        list.push_back(reader_.take_if("batch") ? reader_.integer(0, 63) : 0);
      }
  }
  return list.empty() ? UINT32_MAX : graph_.add_attributes(std::move(list)).index;
}

NodeId NodeReader::constant() {
  std::vector<double> values;
  const Span span = reader_.peek().span;
  if (reader_.take_if("[")) {
    do values.push_back(reader_.real());
    while (reader_.take_if(","));
    reader_.expect("]");
  } else {
    values.push_back(reader_.real());
  }
  reader_.expect(":");
  const Type type = reader_.type();
  if (values.size() != 1 && static_cast<int64_t>(values.size()) != element_count(type.shape))
    reader_.fail(fmt::format("{} values for {}", values.size(), to_string(type)), span);
  return graph_.constant(type, std::move(values));
}

NodeId NodeReader::definition() {
  const Word label = reader_.take();
  if (labels_.contains(label.text)) reader_.fail(fmt::format("`{}` is defined twice", label.text), label.span);
  reader_.expect("=");
  const Word word = reader_.take();
  const auto found = ops_by_text().find(word.text);
  if (found == ops_by_text().end()) reader_.fail(fmt::format("`{}` is no operation", word.text), word.span);
  const Op op = found->second;
  const size_t before = graph_.size();
  NodeId id;
  if (op == Op::constant) {
    id = constant();
  } else {
    const uint32_t entry = payload(op);
    std::vector<NodeId> operands;
    if (arity(op) != 0) {
      if (entry != UINT32_MAX) reader_.expect(":");
      do operands.push_back(operand());
      while (reader_.take_if(","));
    }
    if (operands.size() > UINT16_MAX || (arity(op) >= 0 && operands.size() != static_cast<size_t>(arity(op))))
      reader_.fail(fmt::format("`{}` does not take {} operands", word.text, operands.size()), word.span);
    const uint32_t list = attributes(op);
    reader_.expect(":");
    const Type type = reader_.type();
    const size_t constants = graph_.size();
    id = graph_.add(op, type, operands, entry != UINT32_MAX ? entry : list, graph_.add_span(reader_.line().span));
    if (id.index < constants) reader_.fail("this node is there already", label.span);
    if (const std::string error = type_error(graph_, id); !error.empty()) reader_.fail(error, word.span);
  }
  if (op == Op::constant && id.index < before) reader_.fail("this constant is there already", label.span);
  labels_.emplace(label.text, id);
  return id;
}

}  // namespace alea
