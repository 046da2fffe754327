// Syntax tree in, indented text out: a line for each item, statement and expression, children two spaces
// deeper. It holds all of the tree but the spans, so that equal texts mean equal trees.
#include "dsl/ast_print.h"

#include <fmt/format.h>

#include <string_view>

namespace alea::ast {

namespace {

std::string_view spelling(TypeExpr::Kind kind) {
  switch (kind) {
    case TypeExpr::Kind::real: return "real";
    case TypeExpr::Kind::integer: return "int";
    case TypeExpr::Kind::boolean: return "bool";
    case TypeExpr::Kind::category: return "cat";
  }
  return "";
}

std::string_view spelling(Support::Kind kind) {
  switch (kind) {
    case Support::Kind::real: return "real";
    case Support::Kind::simplex: return "simplex";
    case Support::Kind::interval: return "interval";
    case Support::Kind::integers: return "integers";
  }
  return "";
}

class Printer {
 public:
  explicit Printer(const File& file) : file_(file) {}

  std::string run() {
    for (const Item& item : file_.items) std::visit([this](const auto& value) { print(value); }, item.value);
    return std::move(text_);
  }

 private:
  template <class... Arguments>
  void line(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    text_.append(2 * static_cast<size_t>(depth_), ' ');
    fmt::format_to(std::back_inserter(text_), format, std::forward<Arguments>(arguments)...);
    text_ += '\n';
  }
  template <class Body>
  void inside(Body body) {
    ++depth_;
    body();
    --depth_;
  }
  static std::string joined(const std::vector<Ident>& names, std::string_view separator) {
    std::string result;
    for (const Ident& name : names) result += (result.empty() ? "" : std::string(separator)) + name.name;
    return result;
  }

  // A part that may be absent, under a heading of its own.
  void part(std::string_view heading, ExprId expr) {
    if (!expr) return;
    line("{}", heading);
    inside([&] { print(expr); });
  }

  // ---- expressions

  void print(ExprId id) {
    std::visit([this](const auto& value) { print(value); }, file_.exprs[id].value);
  }
  void print(const Number& number) {
    if (number.is_integer) line("int {:.0f}", number.value);
    else line("real {}", number.value);
  }
  void print(const Boolean& boolean) { line("{}", boolean.value); }
  void print(const Text& string) { line("string \"{}\"", string.value); }
  void print(const Name& name) { line("name {}{}", name.name, name.primed ? "'" : ""); }
  void print(const List& list) {
    line("list");
    inside([&] {
      for (const ExprId element : list.elements) print(element);
    });
  }
  void print(const Comprehension& comprehension) {
    line("for {}", comprehension.index.name);
    inside([&] {
      part("low", comprehension.low);
      part("high", comprehension.high);
      part("each", comprehension.body);
    });
  }
  void print(const Unary& unary) {
    line("unary {}", spelling(unary.op));
    inside([&] { print(unary.operand); });
  }
  // A row of operators, from left to right: each takes all that stands above it.
  void print(const Binary& binary) {
    std::vector<const Binary*> row;
    for (const Binary* now = &binary; now != nullptr; now = std::get_if<Binary>(&file_.exprs[now->left].value))
      row.push_back(now);
    line("binary");
    inside([&] {
      print(row.back()->left);
      for (auto now = row.rbegin(); now != row.rend(); ++now) part(spelling((*now)->op), (*now)->right);
    });
  }
  void print(const Comparison& comparison) {
    std::string ops;
    for (const CompareOp op : comparison.ops) ops += fmt::format(" {}", spelling(op));
    line("compare{}", ops);
    inside([&] {
      for (const ExprId operand : comparison.operands) print(operand);
    });
  }
  void print(const If& choice) {
    line("if");
    inside([&] {
      for (const If* now = &choice;;) {
        print(now->condition);
        part("then", now->then_value);
        const If* next = std::get_if<If>(&file_.exprs[now->else_value].value);
        if (next == nullptr) return part("else", now->else_value);
        line("else if");
        now = next;
      }
    });
  }
  void print(const Index& index) {
    line("index");
    inside([&] {
      print(index.base);
      for (const Subscript& subscript : index.subscripts) {
        line("{}", subscript.slice ? "slice" : "at");
        inside([&] {
          if (subscript.index) print(subscript.index);
          part("low", subscript.low);
          part("high", subscript.high);
        });
      }
    });
  }
  void print(const Call& call) {
    line("call{}", call.generator ? " over" : "");
    inside([&] {
      print(call.callee);
      print(call.arguments);
    });
  }
  void print(const Member& member) {
    line("member {}", member.name.name);
    inside([&] { print(member.base); });
  }
  void print(const std::vector<Argument>& arguments) {
    for (const Argument& argument : arguments) {
      line("argument{}{}", argument.name.name.empty() ? "" : " ", argument.name.name);
      inside([&] { print(argument.value); });
    }
  }

  // ---- parts of statements

  void print(const TypeExpr& type) {
    line("type {}", spelling(type.kind));
    inside([&] {
      part("categories", type.categories);
      for (const ExprId extent : type.shape) part("extent", extent);
    });
  }
  void print(const std::optional<TypeExpr>& type) {
    if (type) print(*type);
  }
  void print(const std::optional<DistCall>& law) {
    if (!law) return;
    line("~ {}", law->name.name);
    inside([&] { print(law->arguments); });
  }
  void print(const std::optional<Estimator>& estimator) {
    if (!estimator) return;
    line("by {}", estimator->name.name);
    inside([&] { print(estimator->arguments); });
  }
  void print(const ModuleRef& module) {
    line("module {}", joined(module.path, "."));
    inside([&] {
      print(module.arguments);
      for (const ModuleRange& range : module.ranges) {
        line("for {}", range.index.name);
        inside([&] {
          part("low", range.low);
          part("high", range.high);
        });
      }
    });
  }
  void print(const std::vector<Formal>& formals) {
    for (const Formal& formal : formals) {
      line("formal {}", formal.name.name);
      inside([&] {
        print(formal.type);
        part("default", formal.default_value);
      });
    }
  }
  void print(const Block& block) {
    print(block.binds);
    part("return", block.result);
  }
  void print(const std::vector<Statement>& statements) {
    for (const Statement& statement : statements) std::visit([this](const auto& value) { print(value); }, statement.value);
  }

  // ---- statements

  void print(const Const& statement) {
    line("const {}", statement.name.name);
    inside([&] {
      print(statement.type);
      print(statement.value);
    });
  }
  void print(const Let& statement) {
    line("let [{}]", joined(statement.names, ", "));
    inside([&] { print(statement.value); });
  }
  void print(const Deterministic& statement) {
    line("{}define {}", statement.observed ? "observe " : "", statement.name.name);
    inside([&] {
      print(statement.type);
      print(statement.value);
    });
  }
  void print(const Stochastic& statement) {
    line("{}draw {}", statement.observed ? "observe " : "", statement.name.name);
    inside([&] {
      print(statement.type);
      print(std::optional<DistCall>(statement.law));
      print(statement.estimator);
    });
  }
  void print(const For& statement) {
    line("for {}", statement.index.name);
    inside([&] {
      part("low", statement.low);
      part("high", statement.high);
      print(statement.body);
    });
  }
  void print(const Fn& statement) {
    line("fn {}", statement.name.name);
    inside([&] {
      print(statement.formals);
      print(statement.result_type);
      print(statement.body);
    });
  }
  void print(const Param& statement) {
    line("param {}", statement.name.name);
    inside([&] {
      std::visit([this](const auto& type) { print(type); }, statement.type);
      part("value", statement.value);
      print(statement.law);
    });
  }
  void print(const Input& statement) {
    line("input {}", statement.name.name);
    inside([&] { print(statement.type); });
  }
  void print(const Observe& statement) { line("observe {}", joined(statement.names, ", ")); }
  void print(const Action& statement) {
    line("action {}", statement.name.name);
    inside([&] {
      print(statement.type);
      part("low", statement.low);
      part("high", statement.high);
      part("default", statement.default_value);
    });
  }
  void print(const State& statement) {
    line("state {}", statement.name.name);
    inside([&] {
      print(statement.type);
      part("value", statement.value);
      print(statement.law);
    });
  }
  void print(const Next& statement) {
    line("next {}", statement.state.name);
    inside([&] {
      part("value", statement.value);
      print(statement.law);
      print(statement.estimator);
    });
  }
  void print(const Objective& statement) {
    line("{}{}", statement.final ? "final " : "", statement.reward ? "reward" : "cost");
    inside([&] { print(statement.value); });
  }
  void print(const Horizon& statement) { part("horizon", statement.value); }
  void print(const Discount& statement) { part("discount", statement.value); }
  void print(const Terminate& statement) { part("terminate", statement.condition); }
  void print(const Support& statement) {
    line("support {}{}{}", spelling(statement.kind), statement.low_open ? " open-low" : "",
         statement.high_open ? " open-high" : "");
    inside([&] {
      part("low", statement.low);
      part("high", statement.high);
    });
  }
  void print(const Logpdf& statement) {
    line("logpdf {}", statement.value.name);
    inside([&] { print(statement.body); });
  }
  void print(const Entropy& statement) { part("entropy", statement.value); }
  void print(const Sample& statement) { part("sample", statement.value); }
  void print(const CallDef& statement) {
    line("call");
    inside([&] {
      print(statement.formals);
      print(statement.result_type);
      print(statement.body);
    });
  }

  // ---- items

  void print(const Import& item) {
    const std::string what = item.path.empty() ? fmt::format("\"{}\"", item.file) : joined(item.path, ".");
    line("import {}{}{}", what, item.alias.name.empty() ? "" : " as ", item.alias.name);
  }
  void print(const Module& item) {
    line("module {}", item.name.name);
    inside([&] {
      print(item.formals);
      print(item.body);
    });
  }
  void print(const Dist& item) {
    line("dist {}", item.name.name);
    inside([&] {
      print(item.formals);
      print(item.body);
    });
  }
  void print(const Graph& item) {
    line("graph {}", item.name.name);
    inside([&] { print(item.body); });
  }
  void print(const Mdp& item) {
    line("mdp {}", item.name.name);
    inside([&] { print(item.body); });
  }
  void print(const Policy& item) {
    line("policy {} for {}", item.name.name, item.mdp.name);
    inside([&] { print(item.body); });
  }
  void print(const Instance& item) {
    line("instance {} of {}", item.name.name, item.of.name);
    inside([&] {
      for (const auto& [name, value] : item.changes) part(fmt::format("change {}", name.name), value);
      part("horizon", item.horizon);
      part("discount", item.discount);
    });
  }

  const File& file_;
  std::string text_;
  int depth_ = 0;
};

}  // namespace

std::string print(const File& file) { return Printer(file).run(); }

}  // namespace alea::ast
