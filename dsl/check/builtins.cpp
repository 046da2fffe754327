// Calls of builtin functions: arguments in, one typed call out. Each rule says what it takes and what comes
// out; a report names the function, what it wants and what it got.
#include "dsl/check/builtins.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "dsl/check/builtin_call.h"

namespace alea::check {

namespace {

using enum BuiltinRule;

constexpr BuiltinFunction functions[] = {
    {"abs", number_unary, Builtin::abs, "x", "|x|; a kink at 0"},
    {"sign", number_unary, Builtin::sign, "x", "-1, 0 or 1; a jump at 0"},
    {"floor", rounding, Builtin::floor, "x", "the greatest whole number up to x; jumps"},
    {"ceil", rounding, Builtin::ceil, "x", "the least whole number from x on; jumps"},
    {"round", rounding, Builtin::round, "x", "the nearest whole number, halves to the even one; jumps"},
    {"sqrt", real_unary, Builtin::sqrt, "x", "the root; a steep end at 0"},
    {"exp", real_unary, Builtin::exp, "x", "e^x"},
    {"expm1", real_unary, Builtin::expm1, "x", "e^x - 1, which keeps its digits near 0"},
    {"log", real_unary, Builtin::log, "x", "natural; a pole at 0"},
    {"log1p", real_unary, Builtin::log1p, "x", "log(1 + x), which keeps its digits near 0; a pole at -1"},
    {"sin", real_unary, Builtin::sin, "x", "x in radians"},
    {"cos", real_unary, Builtin::cos, "x", "x in radians"},
    {"tan", real_unary, Builtin::tan, "x", "x in radians; poles at odd multiples of pi/2"},
    {"asin", real_unary, Builtin::asin, "x", "in [-pi/2, pi/2]; steep ends at -1 and 1"},
    {"acos", real_unary, Builtin::acos, "x", "in [0, pi]; steep ends at -1 and 1"},
    {"atan", real_unary, Builtin::atan, "x", "in (-pi/2, pi/2)"},
    {"sinh", real_unary, Builtin::sinh, "x", "(e^x - e^-x)/2"},
    {"cosh", real_unary, Builtin::cosh, "x", "(e^x + e^-x)/2"},
    {"tanh", real_unary, Builtin::tanh, "x", "sinh(x)/cosh(x)"},
    {"sigmoid", real_unary, Builtin::sigmoid, "x", "1/(1 + e^-x)"},
    {"softplus", real_unary, Builtin::softplus, "x", "log(1 + e^x)"},
    {"erf", real_unary, Builtin::erf, "x", "2/√pi ∫ e^-t² dt over [0, x]"},
    {"erfc", real_unary, Builtin::erfc, "x", "1 - erf(x), which keeps its digits"},
    {"lgamma", real_unary, Builtin::lgamma, "x", "log |Γ(x)|; poles at 0, -1, …"},
    {"digamma", real_unary, Builtin::digamma, "x", "the derivative of log Γ(x); poles at 0, -1, …"},
    {"normal_quantile", real_unary, Builtin::normal_quantile, "p",
     "x with P(Z ≤ x) = p for a standard normal Z; poles at 0 and 1"},
    {"log_normal_cdf", real_unary, Builtin::log_normal_cdf, "x", "log P(Z ≤ x) for a standard normal Z, far into the lower tail"},
    {"wrap", real_unary, Builtin::wrap, "x",
     "the angle x in [-pi, pi): a jump at the cut, but a kink or nothing in even and periodic functions of it"},
    {"nonzero", number_unary, Builtin::nonzero, "x",
     "x, with the promise that it is never 0: no pole of 1/nonzero(x) counts; `alea verify` checks it"},
    {"stop", any_unary, Builtin::stop, "x",
     "x, with no gradient through it: what it reaches past it is counted as biased where it matters"},
    {"int", to_integer, Builtin::truncate, "x", "the whole part, towards 0; jumps"},
    {"atan2", real_binary, Builtin::atan2, "y, x", "the angle of the point (x, y), in [-pi, pi]; a cut at x < 0, y = 0"},
    {"pow", power, Builtin::power, "x, y", "x^y"},
    {"max", extremum, Builtin::maximum, "x, y",
     "the greater, or with one argument the greatest element; a kink where they are equal"},
    {"min", extremum, Builtin::minimum, "x, y", "the less, or with one argument the least element; a kink where they are equal"},
    {"sum", reduction, Builtin::sum, "x", "of all elements, or along `axis`"},
    {"prod", reduction, Builtin::prod, "x", "of all elements, or along `axis`"},
    {"mean", reduction, Builtin::mean, "x", "of all elements, or along `axis`"},
    {"any", truth, Builtin::any, "x", "whether an element is true"},
    {"all", truth, Builtin::all, "x", "whether every element is true"},
    {"argmax", arg_extremum, Builtin::argmax, "x", "the index of the greatest element, the first of equals; jumps"},
    {"argmin", arg_extremum, Builtin::argmin, "x", "the index of the least element, the first of equals; jumps"},
    {"cumsum", along_last, Builtin::cumsum, "x", "sums of the elements so far, along the last axis"},
    {"sort", along_last, Builtin::sort, "x", "ascending along the last axis; kinks where two are equal"},
    {"softmax", along_last, Builtin::softmax, "x", "e^x / Σ e^x along the last axis"},
    {"log_softmax", along_last, Builtin::log_softmax, "x", "x - log Σ e^x along the last axis"},
    {"logsumexp", BuiltinRule::logsumexp, Builtin::logsumexp, "x", "log Σ e^x along the last axis"},
    {"zeros", filled, Builtin::broadcast, "shape", "an array of zeros"},
    {"ones", filled, Builtin::broadcast, "shape", "an array of ones"},
    {"eye", BuiltinRule::eye, Builtin::diag, "n", "the identity matrix, n by n"},
    {"onehot", BuiltinRule::onehot, Builtin::onehot, "a, K", "K numbers: 1 at index a, 0 elsewhere"},
    {"reshape", BuiltinRule::reshape, Builtin::reshape, "x, shape", "the same elements, row by row, in another shape"},
    {"flatten", BuiltinRule::flatten, Builtin::reshape, "x", "all elements as a vector, row by row"},
    {"concat", BuiltinRule::concat, Builtin::concat, "x, y, …", "arrays one behind the other along the first axis"},
    {"stack", BuiltinRule::stack, Builtin::stack, "x, y, …", "arrays side by side on a new first axis"},
    {"length", BuiltinRule::length, Builtin::broadcast, "x", "how many elements the first axis has"},
    {"shape", BuiltinRule::shape, Builtin::broadcast, "x", "the length of each axis"},
    {"transpose", BuiltinRule::transpose, Builtin::transpose, "x", "the last two axes exchanged"},
    {"diag", BuiltinRule::diag, Builtin::diag, "x", "the diagonal matrix of a vector; the diagonal of a matrix"},
    {"outer", BuiltinRule::outer, Builtin::outer, "a, b", "the matrix a_i b_j"},
    {"cholesky", square_matrix, Builtin::cholesky, "a", "lower L with L Lᵀ = a, for symmetric positive definite a"},
    {"inverse", square_matrix, Builtin::inverse, "a", "a⁻¹; a is assumed regular"},
    {"logdet", BuiltinRule::logdet, Builtin::logdet, "a", "log |det a|; a is assumed regular"},
    {"solve", BuiltinRule::solve, Builtin::solve, "a, b", "x with a x = b; a is assumed regular"},
    {"solve_lower", BuiltinRule::solve, Builtin::solve_lower, "a, b", "x with a x = b, of a the lower triangle"},
    {"solve_upper", BuiltinRule::solve, Builtin::solve_upper, "a, b", "x with a x = b, of a the upper triangle"},
};

constexpr std::array primitives = {
    std::pair{std::string_view("standard_uniform"), typed::Primitive::standard_uniform},
    std::pair{std::string_view("standard_normal"), typed::Primitive::standard_normal},
    std::pair{std::string_view("standard_gamma"), typed::Primitive::standard_gamma},
    std::pair{std::string_view("standard_von_mises"), typed::Primitive::standard_von_mises},
    std::pair{std::string_view("poisson_count"), typed::Primitive::poisson},
    std::pair{std::string_view("binomial_count"), typed::Primitive::binomial},
};

std::vector<std::string> split_names(std::string_view list) {
  std::vector<std::string> names;
  while (!list.empty()) {
    const size_t comma = list.find(", ");
    names.emplace_back(list.substr(0, comma));
    list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 2);
  }
  return names;
}

}  // namespace

std::span<const BuiltinFunction> builtin_functions() { return functions; }

const BuiltinFunction* find_builtin(std::string_view name) {
  const auto* found = std::find_if(std::begin(functions), std::end(functions), [&](const auto& f) { return f.name == name; });
  return found == std::end(functions) ? nullptr : found;
}

std::optional<typed::Primitive> find_primitive(std::string_view name) {
  for (const auto& [known, primitive] : primitives)
    if (known == name) return primitive;
  return std::nullopt;
}

std::string_view primitive_name(typed::Primitive primitive) {
  for (const auto& [name, known] : primitives)
    if (known == primitive) return name;
  return "none";
}

std::string BuiltinCall::signature() const { return fmt::format("{}({})", function.name, function.formals); }

bool BuiltinCall::count(size_t least, size_t most) const {
  if (operands.size() >= least && operands.size() <= most) return true;
  const std::string wanted = least == most ? std::to_string(least)
                             : most > 1000 ? fmt::format("at least {}", least)
                                           : fmt::format("{} or {}", least, most);
  checker.fail(Kind::builtin_arguments, span, {std::string(function.name), wanted, std::to_string(operands.size())}, signature());
  return false;
}

ExprId BuiltinCall::number(size_t k) const { return checker.numeric(operands[k], spans[k], name()); }
ExprId BuiltinCall::real(size_t k) const { return checker.real(operands[k], spans[k], name()); }
Type BuiltinCall::type(size_t k) const { return checker.type(operands[k]); }

ExprId BuiltinCall::wrong(size_t k, const std::string& wanted, std::string hint) const {
  checker.fail(Kind::builtin_argument_type, spans[k], {name(), wanted, to_string(type(k))}, std::move(hint));
  return {};
}

ExprId BuiltinCall::emit(Type result, std::vector<ExprId> inputs, std::vector<int64_t> attributes) const {
  return checker.call(function.builtin, std::move(result), std::move(inputs), std::move(attributes), span);
}

namespace {

ExprId unary(const BuiltinCall& c) {
  if (!c.count(1, 1)) return {};
  switch (c.function.rule) {
    case real_unary: {
      const ExprId x = c.real(0);
      return x ? c.emit(c.checker_type(x), {x}) : x;
    }
    case number_unary: {
      const ExprId x = c.number(0);
      return x ? c.emit(c.checker_type(x), {x}) : x;
    }
    case rounding: {
      const ExprId x = c.number(0);
      return !x || c.checker_type(x).scalar == Scalar::integer ? x : c.emit(c.checker_type(x), {x});
    }
    case any_unary: return c.emit(c.type(0), {c.operands[0]});
    case to_integer:
      if (c.type(0).scalar != Scalar::real) return c.convert(c.operands[0], Scalar::integer);
      return c.emit({Scalar::integer, 0, c.type(0).shape}, {c.operands[0]});
    default: return {};
  }
}

}  // namespace

Value Checker::call_builtin(const BuiltinFunction& function, const ast::Call& call, Span span, ScopeId scope) {
  BuiltinCall c{*this, function, span, {}, {}, {}, {}, call.generator};
  const std::vector<std::string> formals = split_names(function.formals);
  bool good = true;
  std::vector<ExprId> named(formals.size());
  for (const ast::Argument& argument : call.arguments) {
    const Span value_span = syntax(argument.value, scope).span;
    const ExprId value = evaluate_expression(argument.value, scope);
    good = good && value;
    if (argument.name.name.empty()) {
      c.operands.push_back(value);
      c.spans.push_back(value_span);
      continue;
    }
    if (argument.name.name == "axis" && c.takes_axis()) {
      c.axis = value;
      c.axis_span = value_span;
      continue;
    }
    const auto known = std::find(formals.begin(), formals.end(), argument.name.name);
    if (known == formals.end()) {
      std::vector<std::string> names = formals;
      if (c.takes_axis()) names.emplace_back("axis");
      const std::string near = did_you_mean(argument.name.name, names);
      fail(Kind::unknown_argument, argument.name.span, {c.name(), argument.name.name}, near.empty() ? c.signature() : near);
      good = false;
    } else if (static_cast<size_t>(known - formals.begin()) != c.operands.size()) {
      fail(Kind::builtin_named_order, argument.name.span, {c.name(), argument.name.name}, c.signature());
      good = false;
    } else {
      c.operands.push_back(value);
      c.spans.push_back(value_span);
    }
  }
  if (call.generator && !c.takes_generator()) {
    fail(Kind::generator_argument, span, {c.name()},
         fmt::format("in brackets it is a list: `{}([e for i in a..b])`", function.name));
    good = false;
  }
  if (!good) return Poison{};
  ExprId result;
  switch (function.rule) {
    case real_unary:
    case number_unary:
    case rounding:
    case any_unary:
    case to_integer: result = unary(c); break;
    case real_binary: {
      if (!c.count(2, 2)) break;
      const ExprId a = c.real(0), b = c.real(1);
      if (!a || !b) break;
      const auto shape = common_shape(type(a).shape, type(b).shape, span, fmt::format("`{}`", function.name));
      if (shape) result = c.emit({Scalar::real, 0, *shape}, {a, b});
      break;
    }
    case power:
      if (c.count(2, 2)) result = arithmetic(ast::BinaryOp::power, c.operands[0], c.operands[1], span);
      break;
    case extremum:
    case reduction:
    case truth:
    case arg_extremum:
    case along_last:
    case BuiltinRule::logsumexp: result = c.reduce(); break;
    case filled:
    case BuiltinRule::eye:
    case BuiltinRule::onehot:
    case BuiltinRule::reshape:
    case BuiltinRule::flatten:
    case BuiltinRule::concat:
    case BuiltinRule::stack:
    case BuiltinRule::length:
    case BuiltinRule::shape: result = c.lay_out(); break;
    case BuiltinRule::transpose:
    case BuiltinRule::diag:
    case BuiltinRule::outer:
    case square_matrix:
    case BuiltinRule::logdet:
    case BuiltinRule::solve: result = c.linear(); break;
  }
  return result ? Value(result) : Value(Poison{});
}

}  // namespace alea::check
