// The functions of the language that are no Alea: their names, their formals, and how their arguments' types
// give the result's.
#pragma once
#include <optional>
#include <span>
#include <string_view>

#include "dsl/typed_model.h"

namespace alea::check {

enum class BuiltinRule : uint8_t {
  real_unary,    // one argument, made real
  number_unary,  // keeps int or real
  real_binary,
  rounding,    // keeps real; an int is its own floor
  any_unary,   // any kind: stop
  to_integer,  // int(x)
  power,
  extremum,   // min, max: of one array, or elementwise of two
  reduction,  // of one array, or along one axis
  truth,      // any, all
  arg_extremum,
  along_last,  // keeps the shape
  logsumexp,
  filled,  // zeros, ones
  eye,
  onehot,
  reshape,
  flatten,
  concat,
  stack,
  length,
  shape,
  transpose,
  diag,
  outer,
  square_matrix,  // cholesky, inverse
  logdet,
  solve,
};

struct BuiltinFunction {
  std::string_view name;
  BuiltinRule rule;
  typed::Builtin builtin;
  std::string_view formals;  // "x", "a, b"; for messages and named arguments
  std::string_view meaning;  // its value and how smooth it is, for `alea doc`
};

std::span<const BuiltinFunction> builtin_functions();
const BuiltinFunction* find_builtin(std::string_view name);

// Noise that distributions are made of.
std::optional<typed::Primitive> find_primitive(std::string_view name);
std::string_view primitive_name(typed::Primitive);

}  // namespace alea::check
