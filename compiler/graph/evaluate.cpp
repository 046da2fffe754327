// Values of operations on row-major lists of elements. Sums and products run in index order, sums from 0 and
// products from 1; linear algebra is linear.h's. An index that is no element of its axis gives NaN (false for
// booleans) when read and is dropped when written. Elementwise functions are elementary.h's.
#include "compiler/graph/evaluate.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "compiler/graph/build.h"
#include "compiler/graph/linear.h"
#include "compiler/kernel/elementary.h"
#include "dsl/diagnostic.h"

namespace alea {

namespace {

using Values = std::vector<double>;
using View = std::span<const double>;

// [outer, length, inner] around one axis.
struct AxisView {
  int64_t outer = 1, length = 1, inner = 1;
};

AxisView around(const Shape& shape, size_t axis) {
  AxisView view;
  for (size_t i = 0; i < axis; ++i) view.outer *= shape[i];
  view.length = shape[axis];
  for (size_t i = axis + 1; i < shape.size(); ++i) view.inner *= shape[i];
  return view;
}

std::vector<int64_t> strides_of(const Shape& shape) {
  std::vector<int64_t> strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
  return strides;
}

// result[i] = operand at Σ_k i_k step_k, for all i of `shape` in order.
Values gather_strided(const Shape& shape, const std::vector<int64_t>& steps, View operand) {
  const int64_t count = element_count(shape);
  Values result(static_cast<size_t>(count));
  std::vector<int64_t> index(shape.size(), 0);
  int64_t from = 0;
  for (int64_t to = 0; to < count; ++to) {
    result[static_cast<size_t>(to)] = operand[static_cast<size_t>(from)];
    for (size_t axis = shape.size(); axis-- > 0;) {
      from += steps[axis];
      if (++index[axis] < shape[axis]) break;
      from -= steps[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return result;
}

// NaN wins; of equals the first.
bool replaces(Op op, double best, double candidate) {
  if (std::isnan(best)) return false;
  if (std::isnan(candidate)) return true;
  return op == Op::reduce_max || op == Op::argmax ? candidate > best : candidate < best;
}

Values reduce(Op op, const Shape& shape, size_t axis, View operand) {
  const AxisView view = around(shape, axis);
  Values result(static_cast<size_t>(view.outer * view.inner));
  const double infinity = std::numeric_limits<double>::infinity();
  for (int64_t o = 0; o < view.outer; ++o)
    for (int64_t i = 0; i < view.inner; ++i) {
      const double* first = operand.data() + o * view.length * view.inner + i;
      double total = op == Op::reduce_sum ? 0 : 1;
      int64_t best = 0;
      if (op == Op::reduce_sum) {
        for (int64_t k = 0; k < view.length; ++k) total += first[k * view.inner];
      } else if (op == Op::reduce_prod) {
        for (int64_t k = 0; k < view.length; ++k) total *= first[k * view.inner];
      } else {
        for (int64_t k = 1; k < view.length; ++k)
          if (replaces(op, first[best * view.inner], first[k * view.inner])) best = k;
        if (op == Op::argmax || op == Op::argmin) total = static_cast<double>(best);
        else if (view.length > 0) total = first[best * view.inner];
        else total = op == Op::reduce_max ? -infinity : infinity;
      }
      result[static_cast<size_t>(o * view.inner + i)] = total;
    }
  return result;
}

Values cumulative_sum(const Shape& shape, size_t axis, bool reverse, View operand) {
  const AxisView view = around(shape, axis);
  Values result(operand.size());
  for (int64_t o = 0; o < view.outer; ++o)
    for (int64_t i = 0; i < view.inner; ++i) {
      double total = 0;
      for (int64_t k = 0; k < view.length; ++k) {
        const int64_t at = (o * view.length + (reverse ? view.length - 1 - k : k)) * view.inner + i;
        total += operand[static_cast<size_t>(at)];
        result[static_cast<size_t>(at)] = total;
      }
    }
  return result;
}

// Ascending, NaN last, stable.
Values sorted(Op op, const Shape& shape, View operand) {
  const int64_t length = shape.back();
  Values result(operand.size());
  std::vector<int64_t> order(static_cast<size_t>(length));
  for (size_t row = 0; length > 0 && row < operand.size(); row += static_cast<size_t>(length)) {
    std::iota(order.begin(), order.end(), 0);
    const double* values = operand.data() + row;
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
      return std::isnan(values[b]) ? !std::isnan(values[a]) : values[a] < values[b];
    });
    for (int64_t k = 0; k < length; ++k)
      result[row + static_cast<size_t>(k)] =
          op == Op::sort ? values[order[static_cast<size_t>(k)]] : static_cast<double>(order[static_cast<size_t>(k)]);
  }
  return result;
}

// The element that an index held in a real lane names; -1: none.
int64_t position(double index, int64_t length) {
  return index >= 0 && index < static_cast<double>(length) ? static_cast<int64_t>(index) : -1;
}

// Sizes of gather and scatter: table [batch, length, slice], index [batch, count].
struct Indexed {
  int64_t batch = 1, length = 1, count = 1, slice = 1;
};

Indexed indexed(const Shape& table, const Shape& index, int64_t batch_axes) {
  Indexed sizes;
  const auto batch = static_cast<size_t>(batch_axes);
  for (size_t i = 0; i < batch; ++i) sizes.batch *= table[i];
  sizes.length = table[batch];
  for (size_t i = batch; i < index.size(); ++i) sizes.count *= index[i];
  for (size_t i = batch + 1; i < table.size(); ++i) sizes.slice *= table[i];
  return sizes;
}

Values gather(const Indexed& sizes, bool boolean, View table, View index) {
  Values result(static_cast<size_t>(sizes.batch * sizes.count * sizes.slice), boolean ? 0.0 : std::nan(""));
  for (int64_t b = 0; b < sizes.batch; ++b)
    for (int64_t i = 0; i < sizes.count; ++i) {
      const int64_t at = position(index[static_cast<size_t>(b * sizes.count + i)], sizes.length);
      if (at < 0) continue;
      std::copy_n(table.begin() + (b * sizes.length + at) * sizes.slice, sizes.slice,
                  result.begin() + (b * sizes.count + i) * sizes.slice);
    }
  return result;
}

Values scatter(const Indexed& sizes, View values, View index) {
  Values result(static_cast<size_t>(sizes.batch * sizes.length * sizes.slice), 0.0);
  for (int64_t b = 0; b < sizes.batch; ++b)
    for (int64_t i = 0; i < sizes.count; ++i) {
      const int64_t at = position(index[static_cast<size_t>(b * sizes.count + i)], sizes.length);
      if (at < 0) continue;
      for (int64_t s = 0; s < sizes.slice; ++s)
        result[static_cast<size_t>((b * sizes.length + at) * sizes.slice + s)] +=
            values[static_cast<size_t>((b * sizes.count + i) * sizes.slice + s)];
    }
  return result;
}

double logarithm(double x) { return elementary::apply(Op::log, x); }

Values linear(Op op, const Type& type, std::span<const Type* const> types, int64_t batch_axes, std::span<const View> operands) {
  const auto batch = static_cast<size_t>(batch_axes);
  int64_t batches = 1;
  for (size_t i = 0; i < batch; ++i) batches *= types[0]->shape[i];
  const Shape a(types[0]->shape.begin() + batch_axes, types[0]->shape.end());
  const Shape b = types.size() > 1 ? Shape(types[1]->shape.begin() + batch_axes, types[1]->shape.end()) : Shape{};
  Values result(static_cast<size_t>(element_count(type.shape)));
  const int64_t a_size = element_count(a), b_size = element_count(b),
                c_size = batches == 0 ? 0 : element_count(type.shape) / batches;
  const int64_t n = a[0];
  const int64_t columns = b.size() == 2 ? b[1] : 1;
  Values work(static_cast<size_t>(n * n)), diagonal(static_cast<size_t>(n));
  for (int64_t k = 0; k < batches; ++k) {
    const double* left = operands[0].data() + k * a_size;
    const double* right = operands.size() > 1 ? operands[1].data() + k * b_size : nullptr;
    double* to = result.data() + k * c_size;
    if (op == Op::matmul) {
      matrix_product(a.size() == 2 ? n : 1, a.back(), columns, left, right, to);
    } else if (op == Op::outer) {
      for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j < b[0]; ++j) to[i * b[0] + j] = left[i] * right[j];
    } else if (op == Op::cholesky) {
      cholesky_factor(n, left, to);
    } else if (op == Op::solve) {
      solve_system(n, columns, left, right, to, work.data());
    } else if (op == Op::solve_lower || op == Op::solve_upper) {
      solve_triangular(op == Op::solve_lower, n, columns, left, right, to);
    } else {  // logdet: Σ log |u_ii|
      elimination_diagonal(n, left, diagonal.data(), work.data());
      *to = 0;
      for (const double pivot : diagonal) *to += logarithm(std::fabs(pivot));
    }
  }
  return result;
}

Values elementwise(Op op, const Type& type, std::span<const View> operands) {
  const bool splat = std::ranges::all_of(operands, [](View operand) { return operand.size() == 1; });
  Values result(splat ? 1 : static_cast<size_t>(element_count(type.shape)));
  std::array<double, 3> arguments{};
  for (size_t i = 0; i < result.size(); ++i) {
    for (size_t k = 0; k < operands.size(); ++k) arguments[k] = operands[k].size() == 1 ? operands[k][0] : operands[k][i];
    result[i] = elementary::apply(op, std::span<const double>(arguments.data(), operands.size()));
  }
  return result;
}

Values layout(Op op, const Type& type, std::span<const Type* const> types, std::span<const int64_t> attributes,
              std::span<const View> operands) {
  const Shape& shape = types[0]->shape;
  const View operand = operands[0];
  if (op == Op::cumsum) return cumulative_sum(shape, static_cast<size_t>(attributes[0]), attributes[1] != 0, operand);
  if (op == Op::sort || op == Op::argsort) return sorted(op, shape, operand);
  if (op == Op::reshape) return Values(operand.begin(), operand.end());
  if (op == Op::gather)
    return gather(indexed(shape, types[1]->shape, attributes[0]), type.scalar == Scalar::boolean, operand, operands[1]);
  if (op == Op::scatter) return scatter(indexed(type.shape, types[1]->shape, attributes[0]), operand, operands[1]);
  const std::vector<int64_t> strides = strides_of(shape);
  if (op == Op::broadcast || op == Op::transpose) {
    std::vector<int64_t> steps(type.shape.size(), 0);
    for (size_t i = 0; i < steps.size(); ++i)
      if (attributes[i] >= 0) steps[i] = strides[static_cast<size_t>(attributes[i])];
    return gather_strided(type.shape, steps, operand);
  }
  const auto axis = static_cast<size_t>(attributes[0]);
  if (op == Op::slice)
    return gather_strided(type.shape, strides,
                          operand.subspan(std::min(operand.size(), static_cast<size_t>(attributes[1] * strides[axis]))));
  // pad and concat: copy each operand's rows to where they start.
  Values result(static_cast<size_t>(element_count(type.shape)), 0.0);
  const AxisView to = around(type.shape, axis);
  int64_t start = op == Op::pad ? attributes[1] : 0;
  for (size_t k = 0; k < operands.size(); ++k) {
    const int64_t run = types[k]->shape[axis] * to.inner;
    for (int64_t o = 0; o < to.outer; ++o)
      std::copy_n(operands[k].begin() + o * run, run, result.begin() + (o * to.length + start) * to.inner);
    start += types[k]->shape[axis];
  }
  return result;
}

}  // namespace

std::vector<double> evaluate_operation(Op op, const Type& type, std::span<const Type* const> types,
                                       std::span<const int64_t> attributes, std::span<const std::span<const double>> operands) {
  if (kind(op) == OpKind::elementwise) return elementwise(op, type, operands);
  std::vector<Values> expanded;
  std::vector<View> whole;
  expanded.reserve(operands.size());
  for (size_t k = 0; k < operands.size(); ++k) {
    const auto count = static_cast<size_t>(element_count(types[k]->shape));
    if (operands[k].size() == 1 && count != 1) whole.emplace_back(expanded.emplace_back(count, operands[k][0]));
    else whole.push_back(operands[k]);
  }
  switch (kind(op)) {
    case OpKind::reduction: return reduce(op, types[0]->shape, static_cast<size_t>(attributes[0]), whole[0]);
    case OpKind::layout: return layout(op, type, types, attributes, whole);
    case OpKind::linear: return linear(op, type, types, attributes[0], whole);
    case OpKind::control: return Values(whole[0].begin(), whole[0].end());
    case OpKind::elementwise:
    case OpKind::leaf:
    case OpKind::random: break;
  }
  internal_error(std::string("`") + std::string(text(op)) + "` has no value of its own");
}

std::vector<double> evaluate(const Graph& graph, NodeId id, std::span<const std::span<const double>> operands) {
  std::vector<const Type*> types;
  for (const NodeId input : graph.inputs(id)) types.push_back(&graph.type(input));
  std::vector<double> result = evaluate_operation(graph.op(id), graph.type(id), types, graph.attributes(id), operands);
  const auto count = static_cast<size_t>(element_count(graph.shape(id)));
  if (result.size() == 1 && count != 1) result.assign(count, result[0]);
  return result;
}

}  // namespace alea
