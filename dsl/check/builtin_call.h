// One call of a builtin function while it is checked: its evaluated arguments and what the rules need.
#pragma once
#include "dsl/check/builtins.h"
#include "dsl/check/checker.h"

namespace alea::check {

struct BuiltinCall {
  Checker& checker;
  const BuiltinFunction& function;
  Span span;
  std::vector<ExprId> operands;
  std::vector<Span> spans;
  ExprId axis;  // of `axis = k`; null: all
  Span axis_span;
  bool generator = false;  // the operand is a comprehension's stack: reduce its first axis

  std::string name() const { return std::string(function.name); }
  std::string signature() const;
  bool takes_axis() const {
    return function.rule == BuiltinRule::reduction || function.rule == BuiltinRule::truth ||
           function.rule == BuiltinRule::extremum || function.rule == BuiltinRule::arg_extremum;
  }
  bool takes_generator() const {
    return function.rule == BuiltinRule::reduction || function.rule == BuiltinRule::extremum ||
           function.rule == BuiltinRule::truth;
  }
  bool count(size_t least, size_t most) const;
  ExprId number(size_t k) const;
  ExprId real(size_t k) const;
  Type type(size_t k) const;
  Type checker_type(ExprId id) const { return checker.type(id); }
  ExprId convert(ExprId id, Scalar scalar) const { return checker.convert_scalar(id, scalar, span); }
  ExprId wrong(size_t k, const std::string& wanted, std::string hint = {}) const;
  ExprId emit(Type result, std::vector<ExprId> inputs, std::vector<int64_t> attributes = {}) const;

  ExprId reduce() const;   // reductions.cpp
  ExprId lay_out() const;  // layout.cpp
  ExprId linear() const;   // layout.cpp
  std::optional<int64_t> known_axis(const Shape&) const;
  std::optional<Shape> known_shape(size_t first) const;  // of the arguments from `first` on: a list or several ints
};

}  // namespace alea::check
