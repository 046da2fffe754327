// Bytes in, tokens and comments out. Whatever the bytes, the tokens lie in order inside the text, the last
// is `end`, and every byte that belongs to no token, comment or white space was reported.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <iterator>
#include <limits>

#include "dsl/grammar/token.h"

namespace alea::grammar {

namespace {

using enum TokenKind;

template <class Meaning>
struct Spelt {
  std::string_view text;
  Meaning meaning;
};

constexpr Spelt<TokenKind> keywords[] = {
    {"const", kw_const},     {"fn", kw_fn},           {"return", kw_return},     {"let", kw_let},
    {"for", kw_for},         {"param", kw_param},     {"input", kw_input},       {"state", kw_state},
    {"observe", kw_observe}, {"action", kw_action},   {"cost", kw_cost},         {"reward", kw_reward},
    {"final", kw_final},     {"horizon", kw_horizon}, {"discount", kw_discount}, {"terminate", kw_terminate},
    {"by", kw_by},           {"if", kw_if},           {"then", kw_then},         {"else", kw_else},
    {"and", kw_and},         {"or", kw_or},           {"not", kw_not},           {"in", kw_in},
    {"true", kw_true},       {"false", kw_false},     {"real", kw_real},         {"int", kw_int},
    {"bool", kw_bool},       {"cat", kw_cat},         {"learner", kw_learner},   {"extern", kw_extern},
};

// Longer spellings before their prefixes.
constexpr Spelt<TokenKind> punctuation[] = {
    {"//", floor_slash},   {"..", range},     {"->", arrow},      {"==", equal},       {"!=", not_equal},    {"<=", less_equal},
    {">=", greater_equal}, {"(", left_paren}, {")", right_paren}, {"[", left_bracket}, {"]", right_bracket}, {"{", left_brace},
    {"}", right_brace},    {",", comma},      {":", colon},       {";", semicolon},    {".", dot},           {"~", tilde},
    {"=", assign},         {"<", less},       {">", greater},     {"+", plus},         {"-", minus},         {"*", star},
    {"/", slash},          {"%", percent},    {"@", at},          {"^", caret},
};

constexpr Spelt<Word> words[] = {
    {"import", Word::import}, {"as", Word::as},           {"module", Word::module},   {"dist", Word::dist},
    {"graph", Word::graph},   {"mdp", Word::mdp},         {"policy", Word::policy},   {"instance", Word::instance},
    {"of", Word::of},         {"call", Word::call},       {"support", Word::support}, {"sample", Word::sample},
    {"logpdf", Word::logpdf}, {"entropy", Word::entropy}, {"simplex", Word::simplex},
};

// Operators of other languages, read as ours once reported.
struct Foreign {
  std::string_view spelling;
  DiagnosticKind kind;
  TokenKind meant;
};
constexpr std::array foreign_operators = {
    Foreign{"**", DiagnosticKind::double_star, caret},         Foreign{"&&", DiagnosticKind::c_style_and, kw_and},
    Foreign{"||", DiagnosticKind::c_style_or, kw_or},          Foreign{":=", DiagnosticKind::colon_equals, assign},
    Foreign{"<-", DiagnosticKind::left_arrow, assign},         Foreign{"=>", DiagnosticKind::fat_arrow, arrow},
    Foreign{"<>", DiagnosticKind::angle_not_equal, not_equal},
};

// Characters that look like an operator of the language and are none.
struct Lookalike {
  char32_t character;
  std::string_view meant;
};
constexpr std::array lookalikes = {
    Lookalike{0x2212, "-"},    Lookalike{0x2013, "-"},  Lookalike{0x2014, "-"},  Lookalike{0x00D7, "*"},
    Lookalike{0x00B7, "*"},    Lookalike{0x22C5, "*"},  Lookalike{0x00F7, "/"},  Lookalike{0x2264, "<="},
    Lookalike{0x2265, ">="},   Lookalike{0x2260, "!="}, Lookalike{0x2192, "->"}, Lookalike{0x223C, "~"},
    Lookalike{0x2032, "'"},    Lookalike{0x2019, "'"},  Lookalike{0x201C, "\""}, Lookalike{0x201D, "\""},
    Lookalike{0x221E, "inf"},  Lookalike{0x00B2, "^2"}, Lookalike{0x00B3, "^3"}, Lookalike{0x2026, ".."},
    Lookalike{0x221A, "sqrt"},
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

struct Character {
  char32_t code = 0;
  uint32_t length = 0;  // in bytes; 0 when the bytes are no valid UTF-8
};

Character decode(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[at + i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const uint32_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC2 ? 2 : 0;
  if (length == 0 || lead > 0xF4 || at + length > text.size()) return {};
  char32_t code = lead & (0xFF >> (length + 1));
  for (uint32_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3F);
  }
  const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  if (overlong || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return {};
  return {code, length};
}

bool is_greek(char32_t code) {
  return (code >= 0x0391 && code <= 0x03A9 && code != 0x03A2) || (code >= 0x03B1 && code <= 0x03C9) || code == 0x03D1 ||
         code == 0x03D5 || code == 0x03D6 || code == 0x03F5;
}

class Lexer {
 public:
  Lexer(SourceId source, std::string_view text, Diagnostics& diagnostics) : diagnostics_(diagnostics) {
    lexed_.source = source;
    lexed_.text = text;
  }

  Lexed run() {
    if (text().starts_with("\xEF\xBB\xBF")) at_ = 3;
    while (at_ < text().size() && !diagnostics_.full()) next();
    // A lexer that gave up leaves no half-read text behind for the grammar to complain about.
    const uint32_t end = at_ < text().size() ? at_ : static_cast<uint32_t>(text().size());
    push(TokenKind::end, end, end);
    return std::move(lexed_);
  }

 private:
  std::string_view text() const { return lexed_.text; }
  char peek(size_t ahead = 0) const { return at_ + ahead < text().size() ? text()[at_ + ahead] : '\0'; }
  std::string_view from(uint32_t begin) const { return text().substr(begin, at_ - begin); }
  Diagnostic& report(DiagnosticKind kind, uint32_t begin, uint32_t end, const std::vector<std::string>& arguments = {},
                     std::string hint = {}) {
    return diagnostics_.report(kind, Span{lexed_.source, begin, end}, arguments, std::move(hint));
  }
  void push(TokenKind kind, uint32_t begin, uint32_t end, Word word = Word::none) {
    lexed_.tokens.push_back({kind, word, line_is_empty_, begin, end});
    line_is_empty_ = false;
  }

  void next() {
    const char c = peek();
    if (c == '\n') {
      line_is_empty_ = true;
      ++at_;
    } else if (c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v') {
      ++at_;
    } else if (c == '#') {
      comment();
    } else if (is_digit(c) || (c == '.' && is_digit(peek(1)))) {
      number();
    } else if (is_letter(c) || static_cast<unsigned char>(c) >= 0x80) {
      name_or_stranger();
    } else if (c == '"') {
      string();
    } else if (c == '\'') {
      lone_prime();
    } else {
      operator_or_stranger();
    }
  }

  void comment() {
    const uint32_t begin = at_;
    while (at_ < text().size() && peek() != '\n') {
      const Character character = decode(text(), at_);
      if (character.length == 0) report(DiagnosticKind::invalid_utf8, at_, at_ + 1, {hexadecimal(peek())});
      if (diagnostics_.full()) break;
      at_ += std::max<uint32_t>(character.length, 1);
    }
    uint32_t end = at_;
    while (text()[end - 1] == ' ' || text()[end - 1] == '\t' || text()[end - 1] == '\r') --end;
    lexed_.comments.push_back({begin, end, line_is_empty_});
  }

  static std::string hexadecimal(char byte) { return fmt::format("0x{:02X}", static_cast<unsigned char>(byte)); }

  void digits(bool& malformed) {
    bool after_digit = false;
    for (;; ++at_) {
      if (is_digit(peek())) {
        after_digit = true;
      } else if (peek() == '_') {
        malformed = malformed || !after_digit || !is_digit(peek(1));
        after_digit = false;
      } else {
        break;
      }
    }
  }

  void number() {
    const uint32_t begin = at_;
    bool malformed = false, real = false;
    const bool starts_with_point = peek() == '.';
    if (!starts_with_point) digits(malformed);
    bool ends_with_point = false;
    if (peek() == '.' && peek(1) != '.') {
      real = true;
      ++at_;
      ends_with_point = !is_digit(peek());
      if (!ends_with_point) digits(malformed);
    }
    if ((peek() == 'e' || peek() == 'E') && !(ends_with_point && is_letter(peek(1)))) {
      real = true;
      ++at_;
      if (peek() == '+' || peek() == '-') ++at_;
      if (is_digit(peek())) digits(malformed);
      else malformed = true;
    }
    if (!ends_with_point && (is_letter(peek()) || is_digit(peek()))) {  // 12abc, 0x1F, 1e5x
      while (is_letter(peek()) || is_digit(peek())) ++at_;
      malformed = true;
    }
    const std::string_view spelling = from(begin);
    push(real ? real_number : integer, begin, at_);
    if (malformed) {
      const bool other_base =
          spelling.size() > 1 && spelling[0] == '0' && (spelling[1] == 'x' || spelling[1] == 'X' || spelling[1] == 'b');
      report(DiagnosticKind::malformed_number, begin, at_, {shortened(spelling)},
             other_base ? "numbers are decimal" : "digits, `_` between digits, a point and an exponent: `1_000`, `0.5`, `2e-3`");
    } else if (starts_with_point) {
      report(DiagnosticKind::real_needs_digits, begin, at_, {shortened(spelling)},
             fmt::format("write `0{}`", shortened(spelling)));
    } else if (ends_with_point) {
      std::string mended(spelling);
      mended.insert(mended.find('.') + 1, "0");
      report(DiagnosticKind::real_needs_digits, begin, at_, {shortened(spelling)}, fmt::format("write `{}`", shortened(mended)));
    } else if (const double value = number_value(spelling); !std::isfinite(value)) {
      report(DiagnosticKind::number_too_large, begin, at_, {shortened(spelling)}, "write `inf` for infinity");
    } else if (!real && value > 9007199254740992.0) {
      report(DiagnosticKind::integer_too_large, begin, at_, {shortened(spelling)},
             "write it as a real, with a point or an exponent");
    }
  }

  static std::string shortened(std::string_view spelling) {
    return spelling.size() <= 40 ? std::string(spelling) : std::string(spelling.substr(0, 37)) + "...";
  }

  void name_or_stranger() {
    const uint32_t begin = at_;
    while (at_ < text().size()) {
      if (is_letter(peek()) || (at_ > begin && is_digit(peek()))) {
        ++at_;
      } else if (static_cast<unsigned char>(peek()) >= 0x80) {
        const Character character = decode(text(), at_);
        if (!is_greek(character.code)) break;
        at_ += character.length;
      } else {
        break;
      }
    }
    if (at_ == begin) return stranger();
    const std::string_view spelling = from(begin);
    const TokenKind keyword = keyword_of(spelling);
    if (keyword == name && peek() == '\'') {
      ++at_;
      push(primed_name, begin, at_);
      if (peek() == '\'') {
        const uint32_t extra = at_;
        while (peek() == '\'') ++at_;
        report(DiagnosticKind::stray_prime, extra, at_, {},
               fmt::format("one prime is the next value: `{}'`", shortened(spelling)));
      }
      return;
    }
    const auto word = std::find_if(std::begin(words), std::end(words), [&](const auto& entry) { return entry.text == spelling; });
    push(keyword, begin, at_, keyword == name && word != std::end(words) ? word->meaning : Word::none);
  }

  void stranger() {
    const uint32_t begin = at_;
    const Character character = decode(text(), at_);
    if (character.length == 0) {
      ++at_;
      report(DiagnosticKind::invalid_utf8, begin, at_, {hexadecimal(text()[begin])}, "model files are UTF-8");
      return;
    }
    at_ += character.length;
    if (character.code == 0x00A0 || character.code == 0xFEFF || (character.code >= 0x2000 && character.code <= 0x200F)) {
      report(DiagnosticKind::invisible_character, begin, at_, {fmt::format("U+{:04X}", static_cast<uint32_t>(character.code))},
             "write an ordinary space");
      return;
    }
    const auto alike =
        std::find_if(lookalikes.begin(), lookalikes.end(), [&](const auto& l) { return l.character == character.code; });
    std::string hint = "names have Latin and Greek letters, digits and `_`";
    if (alike != lookalikes.end()) hint = fmt::format("write `{}`", alike->meant);
    report(DiagnosticKind::stray_character, begin, at_, {std::string(from(begin))}, std::move(hint));
    if (alike == lookalikes.end()) return;
    const auto meant =
        std::find_if(std::begin(punctuation), std::end(punctuation), [&](const auto& p) { return p.text == alike->meant; });
    if (meant != std::end(punctuation)) push(meant->meaning, begin, at_);
  }

  // The line's end closes what the quote left open.
  void string() {
    const uint32_t begin = at_++;
    while (at_ < text().size() && peek() != '"' && peek() != '\n') {
      const Character character = decode(text(), at_);
      if (character.length == 0)
        report(DiagnosticKind::invalid_utf8, at_, at_ + 1, {hexadecimal(peek())}, "model files are UTF-8");
      if (diagnostics_.full()) return;
      at_ += std::max<uint32_t>(character.length, 1);
    }
    if (peek() == '"') {
      ++at_;
    } else {
      if (peek(static_cast<size_t>(-1)) == '\r') --at_;
      report(DiagnosticKind::unterminated_string, begin, at_, {}, "close it with `\"` on the same line");
    }
    push(TokenKind::string, begin, at_);
  }

  void lone_prime() {
    const uint32_t begin = at_;
    const size_t line_end = std::min(text().find('\n', at_), text().size());
    const size_t closing = text().find('\'', at_ + 1);
    if (closing < line_end) {
      at_ = static_cast<uint32_t>(closing + 1);
      report(DiagnosticKind::single_quoted_string, begin, at_, {}, "write it in `\"…\"`");
      push(TokenKind::string, begin, at_);
    } else {
      ++at_;
      report(DiagnosticKind::stray_prime, begin, at_, {}, "it stands directly after the name, without a space");
    }
  }

  void operator_or_stranger() {
    const uint32_t begin = at_;
    const std::string_view rest = text().substr(at_);
    // `x<-1` is a comparison; only with a space after it is `<-` meant as an arrow.
    const auto foreign = std::find_if(foreign_operators.begin(), foreign_operators.end(), [&](const Foreign& f) {
      return rest.starts_with(f.spelling) && (f.spelling != "<-" || (rest.size() > 2 && rest[2] == ' '));
    });
    if (foreign != foreign_operators.end()) {
      at_ += static_cast<uint32_t>(foreign->spelling.size());
      report(foreign->kind, begin, at_);
      push(foreign->meant, begin, at_);
      return;
    }
    if (rest.size() > 1 && rest[1] == '=' && std::string_view("+-*/%^@").find(rest[0]) != std::string_view::npos) {
      at_ += 2;
      report(DiagnosticKind::compound_assignment, begin, at_, {std::string(from(begin))},
             fmt::format("write `x = x {} …`, which a function's block allows", rest[0]));
      push(assign, begin, at_);
      return;
    }
    const auto known =
        std::find_if(std::begin(punctuation), std::end(punctuation), [&](const auto& p) { return rest.starts_with(p.text); });
    if (known != std::end(punctuation)) {
      at_ += static_cast<uint32_t>(known->text.size());
      push(known->meaning, begin, at_);
      return;
    }
    ++at_;
    const char c = rest[0];
    if (c == '!') {
      report(DiagnosticKind::c_style_not, begin, at_);
      push(kw_not, begin, at_);
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      // Binary files come as runs of such bytes: one message a run.
      while (at_ < text().size() && (static_cast<unsigned char>(peek()) < 0x20 || peek() == 0x7F) && peek() != '\n') ++at_;
      report(DiagnosticKind::control_character, begin, at_, {hexadecimal(c)});
    } else {
      std::string hint;
      if (c == '?') hint = "a choice is written `if c then a else b`";
      if (c == '&') hint = "write `and`";
      if (c == '|') hint = "write `or`; the size of a value is `abs(x)`";
      if (c == '\\') hint = "a statement goes on over line ends by itself";
      report(DiagnosticKind::stray_character, begin, at_, {std::string(1, c)}, std::move(hint));
    }
  }

  Lexed lexed_;
  Diagnostics& diagnostics_;
  uint32_t at_ = 0;
  bool line_is_empty_ = true;
};

}  // namespace

Lexed lex(const SourceMap& sources, SourceId source, Diagnostics& diagnostics) {
  return Lexer(source, sources[source].text(), diagnostics).run();
}

bool is_keyword(TokenKind kind) { return kind >= kw_const && kind <= kw_extern; }

std::string_view spelling(TokenKind kind) {
  for (const auto& [text, keyword] : keywords)
    if (keyword == kind) return text;
  for (const auto& [text, sign] : punctuation)
    if (sign == kind) return text;
  return {};
}

TokenKind keyword_of(std::string_view text) {
  for (const auto& [keyword_text, keyword] : keywords)
    if (keyword_text == text) return keyword;
  return name;
}

bool is_reserved_word(std::string_view text) { return keyword_of(text) != name; }

double number_value(std::string_view spelling) {
  std::string digits;
  for (const char c : spelling)
    if (c != '_') digits += c;
  double value = 0;
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (result.ec == std::errc::result_out_of_range) {
    // from_chars does not tell too large from too small. Only a negative exponent or a leading 0. makes a number small.
    const bool small = digits.find("e-") != std::string::npos || digits.find("E-") != std::string::npos ||
                       digits.find_first_not_of("0.") == std::string::npos || digits.starts_with("0.");
    return small ? 0.0 : std::numeric_limits<double>::infinity();
  }
  return value;
}

}  // namespace alea::grammar
