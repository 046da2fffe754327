// The syntax tree: plain structs, expressions in one append-only table named by ExprId. What parse()
// promises: every ExprId is in range, children precede parents, spans lie in the file, precedence and
// comparison chains are folded, nesting is at most max_nesting deep. A row of binary operators nests to the left without
// bound, a row of `else if` to the right: what walks the tree walks along these in a loop.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "dsl/ids.h"
#include "dsl/source.h"

namespace alea::ast {

inline constexpr int max_nesting = 256;

using ExprId = Id<struct AstExprTag>;

enum class UnaryOp : uint8_t { negate, logical_not };
enum class BinaryOp : uint8_t { logical_or, logical_and, add, subtract, multiply, divide, floor_divide, modulo, matmul, power };
enum class CompareOp : uint8_t { equal, not_equal, less, less_equal, greater, greater_equal };

std::string_view spelling(UnaryOp);  // "not"
std::string_view spelling(BinaryOp);
std::string_view spelling(CompareOp);

struct Ident {
  std::string name;
  Span span;
};

struct Number {
  double value = 0;
  bool is_integer = false;  // written without point and exponent
};
struct Boolean {
  bool value = false;
};
struct Text {
  std::string value;
};
struct Name {
  std::string name;
  bool primed = false;  // th'
};
struct List {
  std::vector<ExprId> elements;
};
struct Comprehension {  // [body for index in low .. high], also the argument of sum(body for …)
  ExprId body;
  Ident index;
  ExprId low, high;
};
struct Unary {
  UnaryOp op{};
  ExprId operand;
};
struct Binary {
  BinaryOp op{};
  ExprId left, right;
};
struct Comparison {  // a < b <= c: operands.size() == ops.size() + 1
  std::vector<ExprId> operands;
  std::vector<CompareOp> ops;
};
struct If {
  ExprId condition, then_value, else_value;
};
struct Subscript {
  bool slice = false;
  ExprId index;      // when not a slice
  ExprId low, high;  // of a slice; an absent bound is a null id
  Span span;
};
struct Index {
  ExprId base;
  std::vector<Subscript> subscripts;
};
struct Argument {
  Ident name;  // name.name empty when positional
  ExprId value;
};
struct Call {
  ExprId callee;
  std::vector<Argument> arguments;
  bool generator = false;  // sum(e for i in a..b): one argument, a Comprehension
};
struct Member {
  ExprId base;
  Ident name;
};

struct Expr {
  std::variant<Number, Boolean, Text, Name, List, Comprehension, Unary, Binary, Comparison, If, Index, Call, Member> value;
  Span span;
};

struct TypeExpr {
  enum class Kind : uint8_t { real, integer, boolean, category } kind{};
  ExprId categories;  // of cat(K)
  std::vector<ExprId> shape;
  Span span;
};

struct Formal {
  Ident name;
  std::optional<TypeExpr> type;
  ExprId default_value;  // null when there is none
};

struct DistCall {  // the right side of `~`
  Ident name;
  std::vector<Argument> arguments;
  Span span;
};

struct Estimator {  // by score(baseline = loo)
  Ident name;
  std::vector<Argument> arguments;
  Span span;
};

struct Statement;
struct Block {  // of a function: binds, then return; `result` alone for `= expr`
  std::vector<Statement> binds;
  ExprId result;
};

struct Const {
  Ident name;
  std::optional<TypeExpr> type;
  ExprId value;
};
struct Let {
  std::vector<Ident> names;
  ExprId value;
};
struct Deterministic {
  Ident name;
  std::optional<TypeExpr> type;
  ExprId value;
  bool observed = false;
};
struct Stochastic {
  Ident name;
  std::optional<TypeExpr> type;
  DistCall law;
  std::optional<Estimator> estimator;
  bool observed = false;
};
struct For {
  Ident index;
  ExprId low, high;
  std::vector<Statement> body;
};  // in function blocks only
struct Fn {
  Ident name;
  std::vector<Formal> formals;
  std::optional<TypeExpr> result_type;
  Block body;
};
struct ModuleRange {  // for index in low..high
  Ident index;
  ExprId low, high;
};
struct ModuleRef {  // mlp(3, [64, 64], 1) or [linear(…) for i in 0..k]
  std::vector<Ident> path;
  std::vector<Argument> arguments;
  std::vector<ModuleRange> ranges;  // of a list, the outermost first
  Span span;
};
struct Param {
  Ident name;
  std::variant<TypeExpr, ModuleRef> type;
  ExprId value;                 // `= e`
  std::optional<DistCall> law;  // `~ d(…)`
};
struct Input {
  Ident name;
  TypeExpr type;
};
struct Observe {
  std::vector<Ident> names;
};
struct Action {
  Ident name;
  TypeExpr type;
  ExprId low, high, default_value;
};  // null ids when absent
struct State {
  Ident name;
  TypeExpr type;
  ExprId value;
  std::optional<DistCall> law;
};
struct Next {
  Ident state;
  ExprId value;
  std::optional<DistCall> law;
  std::optional<Estimator> estimator;
};
struct Objective {
  bool final = false;
  bool reward = false;
  ExprId value;
};
struct Horizon {
  ExprId value;
};
struct Discount {
  ExprId value;
};
struct Terminate {
  ExprId condition;
};
struct Support {
  enum class Kind : uint8_t { real, simplex, interval, integers } kind{};
  ExprId low, high;
  bool low_open = false, high_open = false;
  Span span;
};
struct Logpdf {
  Ident value;
  Block body;
};
struct Entropy {
  ExprId value;
};
struct Sample {
  ExprId value;
};
struct CallDef {
  std::vector<Formal> formals;
  std::optional<TypeExpr> result_type;
  Block body;
};

// One statement of any block or of the file; which kinds may stand where is the grammar's business.
struct Statement {
  std::variant<Const, Let, Deterministic, Stochastic, For, Fn, Param, Input, Observe, Action, State, Next, Objective, Horizon,
               Discount, Terminate, Support, Logpdf, Entropy, Sample, CallDef>
      value;
  Span span;
};

struct Import {
  std::vector<Ident> path;  // import std.nn
  std::string file;         // import "…"
  Ident alias;              // name empty when absent
  Span span;
};
struct Module {
  Ident name;
  std::vector<Formal> formals;
  std::vector<Statement> body;
};
struct Dist {
  Ident name;
  std::vector<Formal> formals;
  std::vector<Statement> body;
};
struct Graph {
  Ident name;
  std::vector<Statement> body;
};
struct Mdp {
  Ident name;
  std::vector<Statement> body;
};
struct Policy {
  Ident name, mdp;
  std::vector<Statement> body;
};
struct Instance {
  Ident name, of;
  std::vector<std::pair<Ident, ExprId>> changes;
  ExprId horizon, discount;
};

struct Item {
  std::variant<Import, Const, Fn, Param, Module, Dist, Graph, Mdp, Policy, Instance> value;
  Span span;
};

struct File {
  SourceId source;
  Table<ExprId, Expr> exprs;
  std::vector<Item> items;
};

}  // namespace alea::ast
