// Typing rules, one case a group of operations. Everything is checked before it is used, because the
// reader of program text relies on it.
#include "compiler/graph/infer.h"

#include <fmt/format.h>

namespace alea {

namespace {

using Operands = std::span<const Type* const>;
using Attributes = std::span<const int64_t>;

bool is_number(const Type& type) { return type.scalar != Scalar::boolean; }

// real if any operand is, else int: a category is a number like any other in arithmetic.
Scalar promoted(Operands operands) {
  for (const Type* operand : operands)
    if (operand->scalar == Scalar::real) return Scalar::real;
  return Scalar::integer;
}

std::string describe(Op op, Operands operands) {
  std::string list;
  for (const Type* operand : operands) list += (list.empty() ? "" : ", ") + to_string(*operand);
  return fmt::format("`{}` does not take ({})", text(op), list);
}

// The common shape of elementwise operands; false when two differ and neither is a scalar.
bool common_shape(Operands operands, Shape& shape) {
  shape.clear();
  bool known = false;
  for (const Type* operand : operands) {
    if (operand->shape.empty()) continue;
    if (known && operand->shape != shape) return false;
    shape = operand->shape;
    known = true;
  }
  return true;
}

bool is_axis(int64_t axis, const Shape& shape) { return axis >= 0 && axis < static_cast<int64_t>(shape.size()); }

std::string infer_elementwise(Op op, Operands operands, Type& result) {
  const std::string mismatch = describe(op, operands);
  const Type given = result;
  result = Type{};
  if (!common_shape(operands, result.shape)) return mismatch + ": the shapes differ";
  const auto numbers = [&] {
    for (const Type* operand : operands)
      if (!is_number(*operand)) return false;
    return true;
  };
  switch (op) {
    case Op::convert:
      result.scalar = given.scalar;
      result.categories = given.categories;
      return {};
    case Op::negate:
    case Op::abs:
    case Op::sign:
    case Op::add:
    case Op::sub:
    case Op::mul:
    case Op::max:
    case Op::min:
    case Op::floor_divide:
    case Op::modulo: result.scalar = promoted(operands); return numbers() ? std::string{} : mismatch;
    case Op::truncate: result.scalar = Scalar::integer; return numbers() ? std::string{} : mismatch;
    case Op::less:
    case Op::less_equal: result.scalar = Scalar::boolean; return numbers() ? std::string{} : mismatch;
    case Op::equal:
    case Op::not_equal:
      result.scalar = Scalar::boolean;
      return is_number(*operands[0]) == is_number(*operands[1]) ? std::string{} : mismatch;
    case Op::logical_not:
    case Op::logical_and:
    case Op::logical_or:
      result.scalar = Scalar::boolean;
      for (const Type* operand : operands)
        if (is_number(*operand)) return mismatch;
      return {};
    case Op::select: {
      const Type &then_type = *operands[1], &else_type = *operands[2];
      if (is_number(*operands[0]) || is_number(then_type) != is_number(else_type)) return mismatch;
      if (then_type.scalar == else_type.scalar && then_type.categories == else_type.categories) {
        result.scalar = then_type.scalar;
        result.categories = then_type.categories;
      } else {
        result.scalar = promoted(operands.subspan(1));
      }
      return {};
    }
    default: return numbers() ? std::string{} : mismatch;  // the functions of reals
  }
}

std::string infer_reduction(Op op, Operands operands, Attributes attributes, Type& result) {
  const Type& operand = *operands[0];
  if (attributes.size() != 1 || !is_axis(attributes[0], operand.shape)) return fmt::format("`{}` has a wrong axis", text(op));
  result = operand;
  result.shape.erase(result.shape.begin() + attributes[0]);
  switch (op) {
    case Op::reduce_max:
    case Op::reduce_min: return {};
    case Op::argmax:
    case Op::argmin: result = {Scalar::integer, 0, result.shape}; break;
    default: result = {promoted(operands), 0, result.shape}; break;
  }
  return is_number(operand) ? std::string{} : describe(op, operands);
}

std::string infer_broadcast(const Type& operand, Attributes attributes, Type& result) {
  if (attributes.size() != result.shape.size()) return "`broadcast` has not one axis an axis of the result";
  std::vector<bool> used(operand.shape.size(), false);
  for (size_t i = 0; i < attributes.size(); ++i) {
    const int64_t axis = attributes[i];
    if (axis == -1) continue;
    if (!is_axis(axis, operand.shape) || used[static_cast<size_t>(axis)]) return "`broadcast` has a wrong axis";
    used[static_cast<size_t>(axis)] = true;
    if (operand.shape[static_cast<size_t>(axis)] != result.shape[i]) return "`broadcast` changes an extent";
  }
  for (const bool is_used : used)
    if (!is_used) return "`broadcast` loses an axis";
  return {};
}

// [B.., I.., S..] against [B.., I..]: the leading axes are equal.
bool has_prefix(const Shape& shape, const Shape& prefix) {
  return shape.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), shape.begin());
}

std::string infer_gather(Operands operands, Attributes attributes, Type& result) {
  const Shape &table = operands[0]->shape, &index = operands[1]->shape;
  if (attributes.size() != 1 || attributes[0] < 0) return "`gather` lacks its number of batch axes";
  const auto batch = static_cast<size_t>(std::min<int64_t>(attributes[0], 64));
  if (batch >= table.size() || batch > index.size() || !is_number(*operands[1])) return describe(Op::gather, operands);
  if (!std::equal(table.begin(), table.begin() + static_cast<int64_t>(batch), index.begin()))
    return describe(Op::gather, operands) + ": the batch axes differ";
  result = *operands[0];
  result.shape = index;
  result.shape.insert(result.shape.end(), table.begin() + static_cast<int64_t>(batch) + 1, table.end());
  return {};
}

std::string infer_scatter(Operands operands, Attributes attributes, Type& result) {
  const Shape &values = operands[0]->shape, &index = operands[1]->shape;
  if (attributes.size() != 1 || attributes[0] < 0) return "`scatter` lacks its number of batch axes";
  const auto batch = static_cast<size_t>(std::min<int64_t>(attributes[0], 64));
  if (batch > index.size() || !has_prefix(values, index) || !is_number(*operands[0]) || !is_number(*operands[1]))
    return describe(Op::scatter, operands);
  Shape expected(index.begin(), index.begin() + static_cast<int64_t>(batch));
  if (batch >= result.shape.size()) return "`scatter` has a result without a table axis";
  expected.push_back(result.shape[batch]);
  expected.insert(expected.end(), values.begin() + static_cast<int64_t>(index.size()), values.end());
  if (result.shape != expected) return fmt::format("`scatter` gives {}, not {}", to_string(expected), to_string(result.shape));
  result = {promoted(operands.first(1)), 0, result.shape};
  return {};
}

std::string infer_layout(Op op, Operands operands, Attributes attributes, Type& result) {
  if (op == Op::gather) return infer_gather(operands, attributes, result);
  if (op == Op::scatter) return infer_scatter(operands, attributes, result);
  if (operands.empty()) return fmt::format("`{}` has no operands", text(op));
  const Type& operand = *operands[0];
  const Shape given = result.shape;
  result = operand;
  switch (op) {
    case Op::cumsum:
      if (attributes.size() != 2 || !is_axis(attributes[0], operand.shape) || attributes[1] < 0 || attributes[1] > 1)
        return "`cumsum` has a wrong axis";
      result.scalar = promoted(operands);
      result.categories = 0;
      return is_number(operand) ? std::string{} : describe(op, operands);
    case Op::sort: return !operand.shape.empty() && is_number(operand) ? std::string{} : describe(op, operands);
    case Op::argsort:
      result = {Scalar::integer, 0, operand.shape};
      return !operand.shape.empty() && is_number(operand) ? std::string{} : describe(op, operands);
    case Op::broadcast: result.shape = given; return infer_broadcast(operand, attributes, result);
    case Op::reshape:
      result.shape = given;
      if (!is_valid_shape(given) || element_count(given) != element_count(operand.shape))
        return describe(op, operands) + " to " + to_string(given);
      return {};
    case Op::transpose: {
      if (attributes.size() != operand.shape.size()) return "`transpose` has not one axis an axis of the operand";
      std::vector<bool> used(operand.shape.size(), false);
      for (size_t i = 0; i < attributes.size(); ++i) {
        if (!is_axis(attributes[i], operand.shape) || used[static_cast<size_t>(attributes[i])])
          return "`transpose` has a wrong axis";
        used[static_cast<size_t>(attributes[i])] = true;
        result.shape[i] = operand.shape[static_cast<size_t>(attributes[i])];
      }
      return {};
    }
    case Op::slice:
    case Op::pad: {
      if (attributes.size() != 2 || !is_axis(attributes[0], operand.shape) || given.size() != operand.shape.size())
        return fmt::format("`{}` has a wrong axis", text(op));
      const auto axis = static_cast<size_t>(attributes[0]);
      const int64_t from = op == Op::slice ? operand.shape[axis] : given[axis],
                    length = op == Op::slice ? given[axis] : operand.shape[axis];
      if (attributes[1] < 0 || attributes[1] > from || length > from - attributes[1])
        return fmt::format("`{}` reaches beyond the end of its axis", text(op));
      result.shape[axis] = given[axis];
      if (result.shape != given) return fmt::format("`{}` changes another axis", text(op));
      return op == Op::slice || is_number(operand) ? std::string{} : describe(op, operands);
    }
    case Op::concat: {
      if (attributes.size() != 1 || !is_axis(attributes[0], operand.shape)) return "`concat` has a wrong axis";
      const auto axis = static_cast<size_t>(attributes[0]);
      int64_t total = 0;
      bool same_scalar = true;
      for (const Type* part : operands) {
        Shape shape = part->shape;
        if (shape.size() != operand.shape.size() || is_number(*part) != is_number(operand)) return describe(op, operands);
        total += shape[axis];
        shape[axis] = operand.shape[axis];
        if (shape != operand.shape) return describe(op, operands);
        same_scalar = same_scalar && part->scalar == operand.scalar && part->categories == operand.categories;
      }
      result.shape[axis] = total;
      if (!same_scalar) {
        result.scalar = promoted(operands);
        result.categories = 0;
      }
      return {};
    }
    default: return fmt::format("`{}` is no layout operation", text(op));
  }
}

std::string infer_linear(Op op, Operands operands, Attributes attributes, Type& result) {
  const std::string mismatch = describe(op, operands);
  if (attributes.size() != 1 || attributes[0] < 0) return fmt::format("`{}` lacks its number of batch axes", text(op));
  const auto batch = static_cast<size_t>(std::min<int64_t>(attributes[0], 64));
  std::vector<Shape> inner;
  for (const Type* operand : operands) {
    if (!is_number(*operand) || operand->shape.size() < batch) return mismatch;
    if (!std::equal(operand->shape.begin(), operand->shape.begin() + static_cast<int64_t>(batch), operands[0]->shape.begin()))
      return mismatch + ": the batch axes differ";
    inner.emplace_back(operand->shape.begin() + static_cast<int64_t>(batch), operand->shape.end());
  }
  Shape shape(operands[0]->shape.begin(), operands[0]->shape.begin() + static_cast<int64_t>(batch));
  const auto is_square = [](const Shape& matrix) { return matrix.size() == 2 && matrix[0] == matrix[1]; };
  const auto is_vector_or_matrix = [](const Shape& s) { return s.size() == 1 || s.size() == 2; };
  switch (op) {
    case Op::matmul:
      if (!is_vector_or_matrix(inner[0]) || !is_vector_or_matrix(inner[1]) || inner[0].back() != inner[1].front())
        return mismatch;
      shape.insert(shape.end(), inner[0].begin(), inner[0].end() - 1);
      shape.insert(shape.end(), inner[1].begin() + 1, inner[1].end());
      break;
    case Op::outer:
      if (inner[0].size() != 1 || inner[1].size() != 1) return mismatch;
      shape.insert(shape.end(), {inner[0][0], inner[1][0]});
      break;
    case Op::cholesky:
      if (!is_square(inner[0])) return mismatch;
      shape = operands[0]->shape;
      break;
    case Op::solve:
    case Op::solve_lower:
    case Op::solve_upper:
      if (!is_square(inner[0]) || !is_vector_or_matrix(inner[1]) || inner[1][0] != inner[0][0]) return mismatch;
      shape = operands[1]->shape;
      break;
    case Op::logdet:
      if (!is_square(inner[0])) return mismatch;
      break;
    default: return fmt::format("`{}` is no operation of linear algebra", text(op));
  }
  result = {Scalar::real, 0, shape};
  return {};
}

}  // namespace

bool is_valid_shape(const Shape& shape) {
  int64_t count = 1;
  for (const int64_t extent : shape) {
    if (extent < 0 || extent > max_elements) return false;
    count *= extent;
    if (count > max_elements) return false;
  }
  return true;
}

std::string infer_type(Op op, std::span<const Type* const> operands, std::span<const int64_t> attributes, Type& result) {
  if (arity(op) >= 0 && operands.size() != static_cast<size_t>(arity(op)))
    return fmt::format("`{}` takes {} operands, not {}", text(op), arity(op), operands.size());
  std::string error;
  switch (kind(op)) {
    case OpKind::leaf: break;
    case OpKind::random:
      for (const Type* operand : operands)
        if (!is_number(*operand) || (!operand->shape.empty() && operand->shape != result.shape)) error = describe(op, operands);
      break;
    case OpKind::control: result = *operands[0]; break;
    case OpKind::elementwise: error = infer_elementwise(op, operands, result); break;
    case OpKind::reduction: error = infer_reduction(op, operands, attributes, result); break;
    case OpKind::layout: error = infer_layout(op, operands, attributes, result); break;
    case OpKind::linear: error = infer_linear(op, operands, attributes, result); break;
  }
  if (error.empty() && !is_valid_shape(result.shape))
    error = fmt::format("`{}` gives too many elements: {}", text(op), to_string(result.shape));
  return error;
}

std::string type_error(const Graph& graph, NodeId id) {
  std::vector<const Type*> operands;
  for (const NodeId input : graph.inputs(id)) operands.push_back(&graph.type(input));
  Type result = graph.type(id);
  std::string error = infer_type(graph.op(id), operands, graph.attributes(id), result);
  if (error.empty() && result != graph.type(id))
    error = fmt::format("`{}` has type {}, not {}", text(graph.op(id)), to_string(result), to_string(graph.type(id)));
  return error;
}

}  // namespace alea
