// One case a function of builtin.def. Most are one operation; the composite ones have their formula above them.
#include "compiler/graph/lower.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <optional>

#include "dsl/diagnostic.h"

namespace alea {

namespace {

using typed::Builtin;
using Operands = std::span<const Value>;
using Attributes = std::span<const int64_t>;

// Elements from which a varying index selects by comparing with each, or by permuting a register.
constexpr int64_t short_row = 16;

// Functions that are one elementwise operation.
std::optional<Op> elementwise(Builtin builtin) {
  switch (builtin) {
    case Builtin::negate: return Op::negate;
    case Builtin::add: return Op::add;
    case Builtin::subtract: return Op::sub;
    case Builtin::multiply: return Op::mul;
    case Builtin::divide: return Op::div;
    case Builtin::power: return Op::pow;
    case Builtin::floor_divide: return Op::floor_divide;
    case Builtin::modulo: return Op::modulo;
    case Builtin::less: return Op::less;
    case Builtin::less_equal: return Op::less_equal;
    case Builtin::equal: return Op::equal;
    case Builtin::not_equal: return Op::not_equal;
    case Builtin::logical_and: return Op::logical_and;
    case Builtin::logical_or: return Op::logical_or;
    case Builtin::logical_not: return Op::logical_not;
    case Builtin::select: return Op::select;
    case Builtin::truncate: return Op::truncate;
    case Builtin::abs: return Op::abs;
    case Builtin::sign: return Op::sign;
    case Builtin::floor: return Op::floor;
    case Builtin::ceil: return Op::ceil;
    case Builtin::round: return Op::round;
    case Builtin::sqrt: return Op::sqrt;
    case Builtin::exp: return Op::exp;
    case Builtin::expm1: return Op::expm1;
    case Builtin::log: return Op::log;
    case Builtin::log1p: return Op::log1p;
    case Builtin::sin: return Op::sin;
    case Builtin::cos: return Op::cos;
    case Builtin::tan: return Op::tan;
    case Builtin::asin: return Op::asin;
    case Builtin::acos: return Op::acos;
    case Builtin::atan: return Op::atan;
    case Builtin::sinh: return Op::sinh;
    case Builtin::cosh: return Op::cosh;
    case Builtin::tanh: return Op::tanh;
    case Builtin::sigmoid: return Op::sigmoid;
    case Builtin::softplus: return Op::softplus;
    case Builtin::erf: return Op::erf;
    case Builtin::erfc: return Op::erfc;
    case Builtin::lgamma: return Op::lgamma;
    case Builtin::digamma: return Op::digamma;
    case Builtin::normal_quantile: return Op::normal_quantile;
    case Builtin::log_normal_cdf: return Op::log_normal_cdf;
    case Builtin::wrap: return Op::wrap;
    case Builtin::atan2: return Op::atan2;
    case Builtin::maximum: return Op::max;
    case Builtin::minimum: return Op::min;
    case Builtin::stop: return Op::stop;
    case Builtin::nonzero: return Op::nonzero;
    case Builtin::convert:
    case Builtin::to_category:
    case Builtin::broadcast:
#define BUILTIN(name)
#define ARRAY_BUILTIN(name) case Builtin::name:
#include "dsl/builtin.def"
#undef BUILTIN
      return std::nullopt;
  }
  return std::nullopt;
}

struct Lowering {
  Frames& frames;
  const Type& result;

  Shape shape(Value value) const { return frames.type(value).shape; }
  int64_t rank(Value value) const { return static_cast<int64_t>(shape(value).size()); }
  Value real(double value) const { return frames.constant(Type{}, value); }
  Value call(Op op, std::initializer_list<Value> operands, std::vector<int64_t> attributes = {}) const {
    return frames.apply(op, operands, std::move(attributes));
  }

  // Along one axis, or along all from the last (-1).
  Value reduce(Op op, Value value, int64_t axis) const {
    if (axis >= 0) return call(op, {value}, {axis});
    if (op == Op::argmax || op == Op::argmin) return call(op, {frames.reshape(value, {element_count(shape(value))})}, {0});
    while (rank(value) > 0) value = call(op, {value}, {rank(value) - 1});
    return value;
  }

  Value mean(Value value, int64_t axis) const {
    const int64_t count = axis >= 0 ? shape(value)[static_cast<size_t>(axis)] : element_count(shape(value));
    return call(Op::div, {reduce(Op::reduce_sum, value, axis), real(static_cast<double>(count))});
  }

  // A value along the last axis, again for each element of that axis.
  Value along_last(Value value, const Shape& whole) const {
    std::vector<int64_t> axes(whole.size(), -1);
    std::iota(axes.begin(), axes.end() - 1, 0);
    return frames.broadcast(value, whole, axes);
  }

  // m = max x, or 0 where that is infinite. Any m gives the same result, so its own gradient is left out.
  Value shift(Value x) const {
    const Value largest = reduce(Op::reduce_max, x, rank(x) - 1);
    const Value finite = call(Op::less, {call(Op::abs, {largest}), real(std::numeric_limits<double>::infinity())});
    return call(Op::detach, {call(Op::select, {finite, largest, real(0)})});
  }

  // softmax x = exp(x − m) / Σ exp(x − m);  log softmax x = (x − m) − log Σ exp(x − m);
  // logsumexp x = m + log Σ exp(x − m)
  Value exponential(Builtin builtin, Value x) const {
    const Value m = shift(x);
    const Value moved = call(Op::sub, {x, along_last(m, shape(x))});
    const Value powers = call(Op::exp, {moved});
    const Value total = reduce(Op::reduce_sum, powers, rank(x) - 1);
    if (builtin == Builtin::logsumexp) return call(Op::add, {m, call(Op::log, {total})});
    if (builtin == Builtin::softmax) {
      // One division for all of an axis.
      const Value inverse = call(Op::div, {frames.constant(Type{}, 1), total});
      return call(Op::mul, {powers, along_last(inverse, shape(x))});
    }
    return call(Op::sub, {moved, along_last(call(Op::log, {total}), shape(x))});
  }

  Value concat(std::vector<Value> parts) const {
    constexpr size_t most = 4096;  // operands of one node
    while (parts.size() > most) {
      std::vector<Value> larger;
      for (size_t i = 0; i < parts.size(); i += most)
        larger.push_back(frames.apply(Op::concat, std::span(parts).subspan(i, std::min(most, parts.size() - i)), {0}));
      parts = std::move(larger);
    }
    return frames.apply(Op::concat, parts, {0});
  }

  Value stack(Operands operands) const {
    std::vector<Value> parts;
    for (const Value& operand : operands) {
      Shape longer = shape(operand);
      longer.insert(longer.begin(), 1);
      parts.push_back(frames.reshape(operand, longer));
    }
    return concat(std::move(parts));
  }

  Value swap_last_axes(Value value) const {
    std::vector<int64_t> axes(shape(value).size());
    std::iota(axes.begin(), axes.end(), 0);
    if (axes.size() >= 2) std::swap(axes[axes.size() - 1], axes[axes.size() - 2]);
    return call(Op::transpose, {value}, axes);
  }

  // Vector to matrix: v_i where i = j, else 0. Matrix to vector: row i at position i.
  Value diagonal(Value value) const {
    if (rank(value) == 1) {
      const Shape square = {shape(value)[0], shape(value)[0]};
      const Value on = call(Op::equal, {frames.counting(square, 0), frames.counting(square, 1)});
      return call(Op::select, {on, frames.broadcast(value, square, {0, -1}), real(0)});
    }
    const int64_t length = std::min(shape(value)[0], shape(value)[1]);
    return call(Op::gather, {frames.slice(value, 0, 0, length), frames.counting({length}, 0)}, {1});
  }

  // 1 where the position along the last axis is the index, else 0.
  Value one_hot(Value index) const {
    const Shape whole = result.shape;
    const Value positions = frames.counting(whole, whole.size() - 1);
    const Value hit = call(Op::equal, {along_last(index, whole), positions});
    return frames.convert(hit, Type{});
  }

  Value identity(int64_t n) const {
    const Shape square = {n, n};
    return frames.convert(call(Op::equal, {frames.counting(square, 0), frames.counting(square, 1)}), Type{});
  }

  // base[…, index, …] at one axis: that axis first, gathered, then the index's axes where it was.
  Value gather_at(Value base, Value index, size_t axis) const {
    const size_t axes = shape(base).size(), added = shape(index).size();
    std::vector<int64_t> order;
    if (axis > 0) {
      order.push_back(static_cast<int64_t>(axis));
      for (size_t i = 0; i < axes; ++i)
        if (i != axis) order.push_back(static_cast<int64_t>(i));
      base = call(Op::transpose, {base}, order);
    }
    Value picked = frames.gather(base, index);
    if (axis == 0 || added == 0) return picked;
    order.clear();
    for (size_t i = 0; i < axis; ++i) order.push_back(static_cast<int64_t>(added + i));
    for (size_t i = 0; i < added; ++i) order.push_back(static_cast<int64_t>(i));
    for (size_t i = axis; i + 1 < axes; ++i) order.push_back(static_cast<int64_t>(added + i));
    return call(Op::transpose, {picked}, order);
  }

  struct Dynamic {
    Value index;
    size_t axis;
  };

  // Whether the index is surely one of 0 … length − 1: a category, or constants.
  bool is_within(Value index, int64_t length) const {
    NodeId node = index.node;
    if (frames.graph.op(node) == Op::convert) node = frames.graph.input(node, 0);
    const Type& type = frames.graph.type(node);
    if (type.scalar == Scalar::category) return type.categories <= length;
    if (!frames.graph.is_constant(node)) return false;
    return std::ranges::all_of(frames.graph.values(node),
                               [&](double value) { return value >= 0 && value < static_cast<double>(length); });
  }

  // Whether the index is the comprehension's own, as i in [… for i in a..b]: a gather by it is a slice.
  bool counts_up(Value index) const {
    if (index.frames == 0 || !frames.graph.is_constant(index.node)) return false;
    const std::span<const double> values = frames.graph.values(index.node);
    for (size_t i = 1; i < values.size(); ++i)
      if (values[i] != values[0] + static_cast<double>(i)) return false;
    return values.size() > 1;
  }

  // table[i, j] = (table as one axis)[i n + j], so that one element is fetched and not a row first. Only for
  // indices within their axes: of others no element may be read but NaN. Both must vary along the same frames,
  // else rows are shared. Each i with a short row of its own: code generation selects from it.
  Value merge_indices(Value base, std::vector<Dynamic>& dynamic) const {
    for (size_t k = 0; k + 1 < dynamic.size();) {
      const Dynamic &first = dynamic[k], &second = dynamic[k + 1];
      const Shape whole = shape(base);
      const int64_t rows = whole[first.axis], columns = first.axis + 1 < whole.size() ? whole[first.axis + 1] : 0;
      if (second.axis != first.axis + 1 || rank(first.index) != 0 || rank(second.index) != 0 ||
          first.index.frames != second.index.frames || !is_within(first.index, rows) || !is_within(second.index, columns) ||
          (counts_up(first.index) && columns <= short_row)) {
        ++k;
        continue;
      }
      Shape merged = whole;
      merged[first.axis] = rows * columns;
      merged.erase(merged.begin() + static_cast<int64_t>(second.axis));
      base = frames.reshape(base, merged);
      const Value row_start =
          call(Op::mul, {first.index, frames.constant({Scalar::integer, 0, {}}, static_cast<double>(columns))});
      // Within the merged axis, and known to be: a category of rows · columns values.
      const Value position = frames.convert(call(Op::add, {row_start, second.index}), {Scalar::category, rows * columns, {}});
      dynamic[k].index = position;
      dynamic.erase(dynamic.begin() + static_cast<int64_t>(k) + 1);
      for (size_t later = k + 1; later < dynamic.size(); ++later) --dynamic[later].axis;
    }
    return base;
  }

  // Constant positions and slices first, which move nothing; then each index that varies.
  Value index(Operands operands, Attributes attributes) const {
    Value base = operands[0];
    std::vector<Dynamic> dynamic;
    size_t axis = 0, next = 1;
    for (size_t i = 0; i + 2 < attributes.size(); i += 3) {
      if (attributes[i] == 0) {
        base = frames.slice(base, static_cast<int64_t>(axis++), attributes[i + 1], attributes[i + 2]);
      } else if (attributes[i] == 1) {
        base = frames.slice(base, static_cast<int64_t>(axis), attributes[i + 1], 1);
        Shape shorter = shape(base);
        shorter.erase(shorter.begin() + static_cast<int64_t>(axis));
        base = frames.reshape(base, shorter);
      } else {
        dynamic.push_back({operands[next++], axis++});
      }
    }
    base = merge_indices(base, dynamic);
    int64_t moved = 0;  // an index of r axes puts r axes in the place of one
    for (const Dynamic& one : dynamic) {
      base = gather_at(base, one.index, static_cast<size_t>(static_cast<int64_t>(one.axis) + moved));
      moved += rank(one.index) - 1;
    }
    return base;
  }

  Value lower(Builtin builtin, Operands operands, Attributes attributes) const {
    if (const std::optional<Op> op = elementwise(builtin)) return frames.apply(*op, operands);
    const Value x = operands[0];
    const int64_t axis = attributes.empty() ? -1 : attributes[0];
    switch (builtin) {
      case Builtin::convert: return x;  // `coerce` does it
      case Builtin::to_category:        // clipped into 0 … K−1
        return call(Op::min, {call(Op::max, {x, frames.constant({Scalar::integer, 0, {}}, 0)}),
                              frames.constant({Scalar::integer, 0, {}}, static_cast<double>(result.categories - 1))});
      case Builtin::sum: return reduce(Op::reduce_sum, x, axis);
      case Builtin::prod: return reduce(Op::reduce_prod, x, axis);
      case Builtin::reduce_max:
      case Builtin::any: return reduce(Op::reduce_max, x, axis);
      case Builtin::reduce_min:
      case Builtin::all: return reduce(Op::reduce_min, x, axis);
      case Builtin::mean: return mean(x, axis);
      case Builtin::argmax: return reduce(Op::argmax, x, axis);
      case Builtin::argmin: return reduce(Op::argmin, x, axis);
      case Builtin::cumsum: return call(Op::cumsum, {x}, {rank(x) - 1, 0});
      case Builtin::sort: return call(Op::sort, {x});
      case Builtin::softmax:
      case Builtin::log_softmax:
      case Builtin::logsumexp: return exponential(builtin, x);
      case Builtin::broadcast: return frames.broadcast_leading(x, result.shape);
      case Builtin::stack: return stack(operands);
      case Builtin::concat: return concat({operands.begin(), operands.end()});
      case Builtin::reshape: return frames.reshape(x, result.shape);
      case Builtin::transpose: return swap_last_axes(x);
      case Builtin::diag: return diagonal(x);
      case Builtin::onehot: return one_hot(x);
      case Builtin::index: return index(operands, attributes);
      case Builtin::matmul: return frames.apply(Op::matmul, operands, {0});
      case Builtin::outer: return frames.apply(Op::outer, operands, {0});
      case Builtin::cholesky: return frames.apply(Op::cholesky, operands, {0});
      case Builtin::solve: return frames.apply(Op::solve, operands, {0});
      case Builtin::solve_lower: return frames.apply(Op::solve_lower, operands, {0});
      case Builtin::solve_upper: return frames.apply(Op::solve_upper, operands, {0});
      case Builtin::inverse: return call(Op::solve, {x, identity(shape(x)[0])}, {0});  // A⁻¹ = the solution of A X = I
      case Builtin::logdet: return call(Op::logdet, {x}, {0});
      default: break;
    }
    internal_error("a built-in function without a lowering");
  }
};

}  // namespace

Value lower(Frames& frames, typed::Builtin builtin, std::span<const Value> operands, std::span<const int64_t> attributes,
            const Type& result) {
  return frames.convert(Lowering{frames, result}.lower(builtin, operands, attributes), result);
}

}  // namespace alea
