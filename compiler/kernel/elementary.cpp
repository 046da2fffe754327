#include "compiler/kernel/elementary.h"

#include <string>

#include "compiler/kernel/elementary_scalar.h"
#include "compiler/kernel/rare.h"
#include "dsl/diagnostic.h"

namespace alea::elementary {

namespace {

// lgamma and its kin exist for double alone.
template <class T, class Function>
T in_double(Function function, T x) {
  ScalarBuilder<double> builder;
  return static_cast<T>(function(Real<ScalarBuilder<double>>{&builder, static_cast<double>(x)}).value);
}

template <class T>
T apply_to(Op op, std::span<const T> operands) {
  ScalarBuilder<T> builder;
  const auto operand = [&](size_t k) { return Real<ScalarBuilder<T>>{&builder, operands[k]}; };
  const auto of_truth = [](bool truth) { return truth ? T{1} : T{0}; };
  switch (op) {
    case Op::negate: return -operands[0];
    case Op::abs: return abs(operand(0)).value;
    case Op::sign: return sign(operand(0)).value;
    case Op::floor: return floor(operand(0)).value;
    case Op::ceil: return ceil(operand(0)).value;
    case Op::round: return round_even(operand(0)).value;
    case Op::truncate: return truncate(operand(0)).value;
    case Op::convert: return operands[0];
    case Op::sqrt: return sqrt(operand(0)).value;
    case Op::exp: return exp(operand(0)).value;
    case Op::expm1: return expm1(operand(0)).value;
    case Op::log: return log(operand(0)).value;
    case Op::log1p: return log1p(operand(0)).value;
    case Op::sin: return sin(operand(0)).value;
    case Op::cos: return cos(operand(0)).value;
    case Op::tan: return tan(operand(0)).value;
    case Op::asin: return asin(operand(0)).value;
    case Op::acos: return acos(operand(0)).value;
    case Op::atan: return atan(operand(0)).value;
    case Op::sinh: return sinh(operand(0)).value;
    case Op::cosh: return cosh(operand(0)).value;
    case Op::tanh: return tanh(operand(0)).value;
    case Op::sigmoid: return sigmoid(operand(0)).value;
    case Op::softplus: return softplus(operand(0)).value;
    case Op::erf: return erf(operand(0)).value;
    case Op::erfc: return erfc(operand(0)).value;
    case Op::lgamma: return in_double([](auto x) { return lgamma(x); }, operands[0]);
    case Op::digamma: return in_double([](auto x) { return digamma(x); }, operands[0]);
    case Op::trigamma: return in_double([](auto x) { return trigamma(x); }, operands[0]);
    case Op::normal_quantile: return normal_quantile(operand(0)).value;
    case Op::log_normal_cdf: return log_normal_cdf(operand(0)).value;
    case Op::wrap: return wrap(operand(0)).value;
    case Op::logical_not: return of_truth(operands[0] == 0);
    case Op::add: return operands[0] + operands[1];
    case Op::sub: return operands[0] - operands[1];
    case Op::mul: return operands[0] * operands[1];
    case Op::div: return operands[0] / operands[1];
    case Op::pow: return pow(operand(0), operand(1)).value;
    case Op::atan2: return atan2(operand(0), operand(1)).value;
    case Op::max: return max(operand(0), operand(1)).value;
    case Op::min: return min(operand(0), operand(1)).value;
    case Op::floor_divide: return floor_divide(operand(0), operand(1)).value;
    case Op::modulo: return modulo(operand(0), operand(1)).value;
    case Op::less: return of_truth(operands[0] < operands[1]);
    case Op::less_equal: return of_truth(operands[0] <= operands[1]);
    case Op::equal: return of_truth(operands[0] == operands[1]);
    case Op::not_equal: return of_truth(operands[0] != operands[1]);
    case Op::logical_and: return of_truth(operands[0] != 0 && operands[1] != 0);
    case Op::logical_or: return of_truth(operands[0] != 0 || operands[1] != 0);
    case Op::gamma_grad:
      return static_cast<T>(rare::gamma_grad(static_cast<double>(operands[0]), static_cast<double>(operands[1])));
    case Op::von_mises_grad:
      return static_cast<T>(rare::von_mises_grad(static_cast<double>(operands[0]), static_cast<double>(operands[1])));
    case Op::select: return operands[0] != 0 ? operands[1] : operands[2];
    case Op::constant:
    case Op::param:
    case Op::input:
    case Op::state:
    case Op::final_state:
    case Op::time:
    case Op::adjoint:
    case Op::advantage:
    case Op::accumulated:
    case Op::noise_uniform:
    case Op::noise_normal:
    case Op::noise_gamma:
    case Op::noise_poisson:
    case Op::noise_binomial:
    case Op::noise_von_mises:
    case Op::draw:
    case Op::stop:
    case Op::detach:
    case Op::nonzero:
    case Op::reduce_sum:
    case Op::reduce_prod:
    case Op::reduce_max:
    case Op::reduce_min:
    case Op::argmax:
    case Op::argmin:
    case Op::cumsum:
    case Op::sort:
    case Op::argsort:
    case Op::broadcast:
    case Op::reshape:
    case Op::transpose:
    case Op::slice:
    case Op::pad:
    case Op::concat:
    case Op::gather:
    case Op::scatter:
    case Op::matmul:
    case Op::outer:
    case Op::cholesky:
    case Op::solve:
    case Op::solve_lower:
    case Op::solve_upper:
    case Op::logdet: break;
  }
  internal_error("not an elementwise operation: number " + std::to_string(static_cast<int>(op)));
}

}  // namespace

double apply(Op op, std::span<const double> operands) { return apply_to(op, operands); }
float apply(Op op, std::span<const float> operands) { return apply_to(op, operands); }
double apply(Op op, double x) { return apply_to<double>(op, {&x, 1}); }
float apply(Op op, float x) { return apply_to<float>(op, {&x, 1}); }
double apply(Op op, double x, double y) {
  const double operands[2] = {x, y};
  return apply_to<double>(op, operands);
}
float apply(Op op, float x, float y) {
  const float operands[2] = {x, y};
  return apply_to<float>(op, operands);
}

}  // namespace alea::elementary
