// Constants in, the folded constant out: the elementwise functions, then reductions, then the movers of
// elements; matrices are in fold_linear.cpp. Elementwise work on splats stays a splat.
#include "dsl/check/fold.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include "dsl/check/fold_linear.h"

namespace alea::check {

namespace {

using typed::Builtin;

double floor_modulo(double a, double b) { return a - b * std::floor(a / b); }

// NaN wins over any number, ties give the first.
double larger(double a, double b) { return std::isnan(a) ? a : std::isnan(b) ? b : b > a ? b : a; }
double smaller(double a, double b) { return std::isnan(a) ? a : std::isnan(b) ? b : b < a ? b : a; }

double softplus(double x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }
double sigmoid(double x) { return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x)); }

// psi(x): reflection below 0, recurrence up to 10, then the asymptotic series.
double digamma(double x) {
  if (x <= 0) {
    if (x == std::floor(x)) return std::numeric_limits<double>::quiet_NaN();
    return digamma(1 - x) - std::numbers::pi / std::tan(std::numbers::pi * x);
  }
  double sum = 0;
  for (; x < 10; ++x) sum -= 1 / x;
  const double r = 1 / (x * x);
  return sum + std::log(x) - 0.5 / x - r * (1. / 12 - r * (1. / 120 - r * (1. / 252 - r * (1. / 240 - r * (1. / 132)))));
}

// log Phi(x): erfc where it does not underflow, else the continued fraction of Mills' ratio.
double log_normal_cdf(double x) {
  if (x > -20) return std::log(0.5 * std::erfc(-x / std::numbers::sqrt2));
  double fraction = -x;
  for (int k = 40; k > 0; --k) fraction = -x + k / fraction;
  return -0.5 * x * x - 0.5 * std::log(2 * std::numbers::pi) - std::log(fraction);
}

// Newton steps on log Phi from a coarse start: quadratic, and exact in both tails by symmetry.
double normal_quantile(double p) {
  if (!(p >= 0 && p <= 1)) return std::numeric_limits<double>::quiet_NaN();
  if (p == 0) return -std::numeric_limits<double>::infinity();
  if (p == 1) return std::numeric_limits<double>::infinity();
  if (p > 0.5) return -normal_quantile(1 - p);
  const double target = std::log(p);
  double x = p > 0.02 ? (p - 0.5) * 2.5 : -std::sqrt(-2 * target);
  for (int step = 0; step < 60; ++step) {
    const double value = log_normal_cdf(x);
    const double slope = std::exp(-0.5 * x * x - 0.5 * std::log(2 * std::numbers::pi) - value);
    const double change = (value - target) / slope;
    x -= change;
    if (std::fabs(change) <= 1e-16 * std::fabs(x)) break;
  }
  return x;
}

double wrap(double x) {
  constexpr double turn = 2 * std::numbers::pi;
  return x - turn * std::floor((x + std::numbers::pi) / turn);
}

std::optional<double> elementwise(Builtin builtin, const Type& result, double a, double b, double c) {
  switch (builtin) {
    case Builtin::negate: return -a;
    case Builtin::add: return a + b;
    case Builtin::subtract: return a - b;
    case Builtin::multiply: return a * b;
    case Builtin::divide: return a / b;
    case Builtin::power: return std::pow(a, b);
    case Builtin::floor_divide: return std::floor(a / b);
    case Builtin::modulo: return floor_modulo(a, b);
    case Builtin::less: return a < b;
    case Builtin::less_equal: return a <= b;
    case Builtin::equal: return a == b;
    case Builtin::not_equal: return a != b;
    case Builtin::logical_and: return a != 0 && b != 0;
    case Builtin::logical_or: return a != 0 || b != 0;
    case Builtin::logical_not: return a == 0;
    case Builtin::select: return a != 0 ? b : c;
    case Builtin::convert:
    case Builtin::broadcast: return a;
    case Builtin::truncate: return std::trunc(a);
    case Builtin::to_category: return std::clamp(a, 0.0, static_cast<double>(result.categories - 1));
    case Builtin::abs: return std::fabs(a);
    case Builtin::sign: return a > 0 ? 1.0 : a < 0 ? -1.0 : a;
    case Builtin::floor: return std::floor(a);
    case Builtin::ceil: return std::ceil(a);
    case Builtin::round: return std::nearbyint(a);
    case Builtin::sqrt: return std::sqrt(a);
    case Builtin::exp: return std::exp(a);
    case Builtin::expm1: return std::expm1(a);
    case Builtin::log: return std::log(a);
    case Builtin::log1p: return std::log1p(a);
    case Builtin::sin: return std::sin(a);
    case Builtin::cos: return std::cos(a);
    case Builtin::tan: return std::tan(a);
    case Builtin::asin: return std::asin(a);
    case Builtin::acos: return std::acos(a);
    case Builtin::atan: return std::atan(a);
    case Builtin::sinh: return std::sinh(a);
    case Builtin::cosh: return std::cosh(a);
    case Builtin::tanh: return std::tanh(a);
    case Builtin::sigmoid: return sigmoid(a);
    case Builtin::softplus: return softplus(a);
    case Builtin::erf: return std::erf(a);
    case Builtin::erfc: return std::erfc(a);
    case Builtin::lgamma: return std::lgamma(a);
    case Builtin::digamma: return digamma(a);
    case Builtin::normal_quantile: return normal_quantile(a);
    case Builtin::log_normal_cdf: return log_normal_cdf(a);
    case Builtin::wrap: return wrap(a);
    case Builtin::atan2: return std::atan2(a, b);
    case Builtin::maximum: return larger(a, b);
    case Builtin::minimum: return smaller(a, b);
    case Builtin::stop:
    case Builtin::nonzero:
#define BUILTIN(name)
#define ARRAY_BUILTIN(name) case Builtin::name:
#include "dsl/builtin.def"
#undef BUILTIN
      return std::nullopt;
  }
  return std::nullopt;
}

using Values = std::vector<double>;

double reduce(Builtin builtin, const Values& v) {
  switch (builtin) {
    case Builtin::sum: return std::accumulate(v.begin(), v.end(), 0.0);
    case Builtin::mean: return std::accumulate(v.begin(), v.end(), 0.0) / static_cast<double>(v.size());
    case Builtin::prod: return std::accumulate(v.begin(), v.end(), 1.0, std::multiplies<>());
    case Builtin::reduce_max: return std::accumulate(v.begin() + 1, v.end(), v[0], larger);
    case Builtin::reduce_min: return std::accumulate(v.begin() + 1, v.end(), v[0], smaller);
    case Builtin::any: return std::any_of(v.begin(), v.end(), [](double x) { return x != 0; });
    case Builtin::all: return std::all_of(v.begin(), v.end(), [](double x) { return x != 0; });
    case Builtin::argmax: return static_cast<double>(std::max_element(v.begin(), v.end()) - v.begin());
    case Builtin::argmin: return static_cast<double>(std::min_element(v.begin(), v.end()) - v.begin());
    case Builtin::logsumexp: {
      const double top = std::accumulate(v.begin() + 1, v.end(), v[0], larger);
      if (std::isinf(top)) return top;
      double sum = 0;
      for (const double x : v) sum += std::exp(x - top);
      return top + std::log(sum);
    }
    default: return 0;  // only the reductions above come here
  }
}

bool is_reduction(Builtin builtin) {
  return builtin == Builtin::sum || builtin == Builtin::mean || builtin == Builtin::prod || builtin == Builtin::reduce_max ||
         builtin == Builtin::reduce_min || builtin == Builtin::any || builtin == Builtin::all || builtin == Builtin::argmax ||
         builtin == Builtin::argmin || builtin == Builtin::logsumexp;
}

// Lines of `operand` along `axis` (-1: one line of all elements), in row-major order of what remains.
struct Lines {
  int64_t outer = 1, length = 1, inner = 1;
};
Lines lines_along(const Shape& shape, int64_t axis) {
  if (axis < 0) return {1, element_count(shape), 1};
  Lines lines;
  for (size_t k = 0; k < shape.size(); ++k)
    (static_cast<int64_t>(k) < axis ? lines.outer : static_cast<int64_t>(k) == axis ? lines.length : lines.inner) *= shape[k];
  return lines;
}

Values reduce_lines(Builtin builtin, const Constant& operand, int64_t axis) {
  const Lines lines = lines_along(operand.type.shape, axis);
  Values result, line(static_cast<size_t>(lines.length));
  for (int64_t o = 0; o < lines.outer; ++o)
    for (int64_t i = 0; i < lines.inner; ++i) {
      for (int64_t k = 0; k < lines.length; ++k)
        line[static_cast<size_t>(k)] = operand.at((o * lines.length + k) * lines.inner + i);
      result.push_back(reduce(builtin, line));
    }
  return result;
}

// Along the last axis, keeping the shape.
Values map_last_axis(Builtin builtin, const Constant& operand) {
  const auto length = static_cast<size_t>(operand.type.shape.back());
  const auto count = static_cast<size_t>(element_count(operand.type.shape));
  Values result(count);
  for (size_t i = 0; i < count; ++i) result[i] = operand.at(static_cast<int64_t>(i));
  for (size_t start = 0; start < count && length > 0; start += length) {
    const auto first = result.begin() + static_cast<ptrdiff_t>(start), last = first + static_cast<ptrdiff_t>(length);
    if (builtin == Builtin::cumsum) {
      std::partial_sum(first, last, first);
    } else if (builtin == Builtin::sort) {
      std::sort(first, last);
    } else {
      const double total = reduce(Builtin::logsumexp, Values(first, last));
      for (auto x = first; x != last; ++x) *x = builtin == Builtin::softmax ? std::exp(*x - total) : *x - total;
    }
  }
  return result;
}

// attributes: per base axis {0, start, length}, {1, i, 0} or {2, 0, 0}: the next of `indices`.
std::optional<Values> take(const Constant& base, std::span<const int64_t> attributes, std::span<const Constant* const> indices) {
  Values result;
  const size_t rank = base.type.shape.size();
  std::vector<int64_t> start(rank), length(rank);
  size_t used = 0;
  for (size_t axis = 0; axis < rank; ++axis) {
    const int64_t extent = base.type.shape[axis];
    const int64_t mode = attributes[3 * axis];
    start[axis] = mode == 2 ? static_cast<int64_t>(indices[used++]->at(0)) : attributes[3 * axis + 1];
    length[axis] = mode == 0 ? attributes[3 * axis + 2] : 1;
    if (length[axis] == 0) return result;
    if (start[axis] < 0 || start[axis] + length[axis] > extent) return std::nullopt;
  }
  std::vector<int64_t> at(rank, 0);
  for (;;) {
    int64_t offset = 0;
    for (size_t axis = 0; axis < rank; ++axis) offset = offset * base.type.shape[axis] + start[axis] + at[axis];
    result.push_back(base.at(offset));
    size_t axis = rank;
    while (axis > 0 && ++at[axis - 1] == length[axis - 1]) at[--axis] = 0;
    if (axis == 0) return result;
  }
}

Values all_of(const Constant& constant) {
  Values values(static_cast<size_t>(element_count(constant.type.shape)));
  for (size_t i = 0; i < values.size(); ++i) values[i] = constant.at(static_cast<int64_t>(i));
  return values;
}

std::optional<Values> fold_linear(Builtin builtin, std::span<const Constant* const> operands) {
  const Values a = all_of(*operands[0]);
  const Shape& shape = operands[0]->type.shape;
  const auto extent = [](const Shape& s, size_t k) { return static_cast<size_t>(s[k]); };
  if (builtin == Builtin::matmul || builtin == Builtin::outer) {
    const Values b = all_of(*operands[1]);
    const Shape& other = operands[1]->type.shape;
    if (builtin == Builtin::outer) return multiply(a, b, a.size(), 1, b.size());
    const size_t inner = extent(shape, shape.size() - 1);
    if (inner == 0) return Values(1, 0.0);
    const size_t rows = shape.size() == 2 ? extent(shape, 0) : 1, columns = other.size() == 2 ? extent(other, 1) : 1;
    return multiply(a, b, rows, inner, columns);
  }
  const size_t n = extent(shape, 0);
  if (n > 200) return std::nullopt;  // cubic work belongs to the run
  switch (builtin) {
    case Builtin::cholesky: return cholesky(a, n);
    case Builtin::logdet: return Values{log_abs_determinant(a, n)};
    case Builtin::inverse: {
      Matrix identity(n * n, 0.0);
      for (size_t i = 0; i < n; ++i) identity[i * n + i] = 1;
      return solve(a, identity, n, n);
    }
    default: break;
  }
  const Values b = all_of(*operands[1]);
  const size_t columns = n == 0 ? 0 : b.size() / n;
  if (builtin == Builtin::solve) return solve(a, b, n, columns);
  return solve_triangular(a, b, n, columns, builtin == Builtin::solve_lower);
}

std::optional<Values> fold_values(Builtin builtin, const Type& result, std::span<const int64_t> attributes,
                                  std::span<const Constant* const> operands) {
  const Constant& first = *operands[0];
  if (is_reduction(builtin)) {
    const int64_t axis = builtin == Builtin::logsumexp ? static_cast<int64_t>(first.type.shape.size()) - 1
                         : attributes.empty()          ? -1
                                                       : attributes[0];
    return reduce_lines(builtin, first, axis);
  }
  switch (builtin) {
    case Builtin::cumsum:
    case Builtin::sort:
    case Builtin::softmax:
    case Builtin::log_softmax: return map_last_axis(builtin, first);
    case Builtin::stack:
    case Builtin::concat: {
      Values values;
      for (const Constant* operand : operands) {
        const Values part = all_of(*operand);
        values.insert(values.end(), part.begin(), part.end());
      }
      return values;
    }
    case Builtin::reshape: return first.values;
    case Builtin::transpose: {
      const Shape& shape = first.type.shape;
      const int64_t columns = shape[shape.size() - 1], rows = shape[shape.size() - 2];
      Values values;
      for (int64_t matrix = 0; matrix < element_count(shape) / std::max<int64_t>(rows * columns, 1); ++matrix)
        for (int64_t j = 0; j < columns; ++j)
          for (int64_t i = 0; i < rows; ++i) values.push_back(first.at((matrix * rows + i) * columns + j));
      return values;
    }
    case Builtin::diag: {
      const int64_t n = first.type.shape[0];
      Values values(static_cast<size_t>(element_count(result.shape)), 0.0);
      for (int64_t i = 0; i < n; ++i) {
        if (first.type.shape.size() == 1) values[static_cast<size_t>(i * n + i)] = first.at(i);
        else values[static_cast<size_t>(i)] = first.at(i * n + i);
      }
      return values;
    }
    case Builtin::onehot: {
      const int64_t categories = result.shape.back();
      Values values(static_cast<size_t>(element_count(result.shape)), 0.0);
      for (int64_t i = 0; i < element_count(first.type.shape); ++i) {
        const double hot = first.at(i);
        if (hot >= 0 && hot < static_cast<double>(categories))
          values[static_cast<size_t>(i * categories + static_cast<int64_t>(hot))] = 1;
      }
      return values;
    }
    case Builtin::index: return take(first, attributes, operands.subspan(1));
    case Builtin::matmul:
    case Builtin::outer:
    case Builtin::cholesky:
    case Builtin::solve:
    case Builtin::solve_lower:
    case Builtin::solve_upper:
    case Builtin::inverse:
    case Builtin::logdet: return fold_linear(builtin, operands);
    case Builtin::stop:
    case Builtin::nonzero: return std::nullopt;
    default: break;
  }
  // Elementwise: a splat of splats, else element by element.
  const auto value_at = [&](size_t operand, int64_t i) { return operand < operands.size() ? operands[operand]->at(i) : 0.0; };
  const bool splat = std::all_of(operands.begin(), operands.end(), [](const Constant* c) { return c->splat(); });
  const int64_t count = splat ? 1 : element_count(result.shape);
  Values values(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    const auto value = elementwise(builtin, result, value_at(0, i), value_at(1, i), value_at(2, i));
    if (!value) return std::nullopt;
    values[static_cast<size_t>(i)] = *value;
  }
  return values;
}

}  // namespace

std::optional<Constant> fold(Builtin builtin, const Type& result, std::span<const int64_t> attributes,
                             std::span<const Constant* const> operands) {
  if (operands.empty() || element_count(result.shape) > max_folded_elements) return std::nullopt;
  for (const Constant* operand : operands)
    if (!operand->splat() && element_count(operand->type.shape) > max_folded_elements) return std::nullopt;
  const bool empty_line = is_reduction(builtin) && element_count(operands[0]->type.shape) == 0 && builtin != Builtin::sum &&
                          builtin != Builtin::prod && builtin != Builtin::any && builtin != Builtin::all;
  if (empty_line) return std::nullopt;
  auto values = fold_values(builtin, result, attributes, operands);
  if (!values) return std::nullopt;
  // Elements that are all equal need one value; an array without elements too (its value is never read).
  if (values->empty()) values->push_back(0);
  if (values->size() > 1 && std::all_of(values->begin(), values->end(), [&](double v) { return v == values->front(); }))
    values->resize(1);
  return Constant{result, std::move(*values)};
}

}  // namespace alea::check
