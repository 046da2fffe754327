// Functions that make arrays, take them apart and move their elements, and linear algebra.
#include <fmt/format.h>

#include "dsl/check/builtin_call.h"

namespace alea::check {

std::optional<Shape> BuiltinCall::known_shape(size_t first) const {
  Shape shape;
  for (size_t k = first; k < operands.size(); ++k) {
    const Type found = type(k);
    if (found.shape.size() == 1 && operands.size() == first + 1) {
      if (found.scalar == Scalar::real && found.shape[0] > 0) {
        wrong(k, "a shape of ints");
        return std::nullopt;
      }
      if (!checker.require_known(operands[k], spans[k], "a shape")) return std::nullopt;
      const Constant values = checker.table.constant_of(operands[k]);
      for (int64_t i = 0; i < found.shape[0]; ++i) shape.push_back(static_cast<int64_t>(values.at(i)));
      break;
    }
    const auto extent = checker.known_integer(operands[k], spans[k], "a shape");
    if (!extent) return std::nullopt;
    shape.push_back(*extent);
  }
  return shape;
}

ExprId BuiltinCall::lay_out() const {
  const auto negative = [&](const Shape& shape) {
    for (const int64_t extent : shape)
      if (extent < 0) {
        checker.fail(Kind::negative_extent, spans.back(), {std::to_string(extent)});
        return true;
      }
    return false;
  };
  switch (function.rule) {
    case BuiltinRule::filled: {
      if (!count(1, SIZE_MAX)) return {};
      const auto shape = known_shape(0);
      if (!shape || negative(*shape)) return {};
      const Type result{Scalar::real, 0, *shape};
      if (!checker.size_fits(result, span)) return {};
      return checker.table.constant(result, {function.name == "ones" ? 1.0 : 0.0}, span);
    }
    case BuiltinRule::eye: {
      if (!count(1, 1)) return {};
      const auto n = checker.known_integer(operands[0], spans[0], "the size of a matrix");
      if (!n || negative({*n})) return {};
      if (!checker.size_fits({Scalar::real, 0, {*n, *n}}, span)) return {};
      return emit({Scalar::real, 0, {*n, *n}}, {checker.table.constant({Scalar::real, 0, {*n}}, {1}, span)});
    }
    case BuiltinRule::onehot: {
      if (!count(1, 2)) return {};
      const Type found = type(0);
      if (found.scalar == Scalar::real) return wrong(0, "an int or a cat", "`int(x)` makes an int of it");
      int64_t categories = found.scalar == Scalar::boolean ? 2 : found.categories;
      if (operands.size() == 2) {
        const auto given = checker.known_integer(operands[1], spans[1], "the number of categories");
        if (!given) return {};
        if (*given < 1 || *given < categories) {
          checker.fail(Kind::onehot_categories, spans[1], {std::to_string(*given), to_string(found)});
          return {};
        }
        categories = *given;
      }
      if (categories == 0) return wrong(0, "a cat, or the number of categories as a second argument", "write `onehot(a, K)`");
      Type result{Scalar::real, 0, found.shape};
      result.shape.push_back(categories);
      return emit(std::move(result), {convert(operands[0], Scalar::integer)});
    }
    case BuiltinRule::reshape: {
      if (!count(2, SIZE_MAX)) return {};
      auto shape = known_shape(1);
      if (!shape) return {};
      const int64_t total = element_count(type(0).shape);
      // One -1 stands for what is left.
      int64_t rest = -1, product = 1;
      for (size_t k = 0; k < shape->size(); ++k) {
        if ((*shape)[k] == -1 && rest < 0) rest = static_cast<int64_t>(k);
        else if ((*shape)[k] > 0 && product > max_elements / (*shape)[k]) product = max_elements + 1;
        else product *= (*shape)[k];
      }
      if (rest >= 0 && product > 0 && total % product == 0) {
        (*shape)[static_cast<size_t>(rest)] = total / product;
        product = total;
      }
      if (product != total || negative(*shape)) {
        checker.fail(Kind::reshape_count, span,
                     {to_string(type(0)), std::to_string(total), to_string(*shape), std::to_string(product)});
        return {};
      }
      Type result = type(0);
      result.shape = *shape;
      return emit(std::move(result), {operands[0]});
    }
    case BuiltinRule::flatten: {
      if (!count(1, 1)) return {};
      Type result = type(0);
      result.shape = {element_count(result.shape)};
      return emit(std::move(result), {operands[0]});
    }
    case BuiltinRule::concat: {
      if (!count(1, SIZE_MAX)) return {};
      if (operands.size() == 1) return type(0).shape.empty() ? wrong(0, "arrays") : operands[0];
      std::vector<ExprId> parts;
      std::optional<Type> joined;
      int64_t total = 0;
      for (size_t k = 0; k < operands.size(); ++k) {
        const Type part = type(k);
        if (part.shape.empty()) return wrong(k, "arrays", "a scalar in brackets is a vector: `concat([a], b)`");
        total += part.shape[0];
        if (element_count(part.shape) == 0) continue;  // an empty list has no kind of its own
        if (!joined) {
          joined = part;
        } else {
          if (Shape(part.shape.begin() + 1, part.shape.end()) != Shape(joined->shape.begin() + 1, joined->shape.end())) {
            checker.fail(Kind::concat_shapes, spans[k], {to_string(*joined), to_string(part)});
            return {};
          }
          if (part.scalar != joined->scalar || part.categories != joined->categories) {
            joined->scalar = part.scalar == Scalar::real || joined->scalar == Scalar::real ? Scalar::real : Scalar::integer;
            joined->categories = 0;
          }
        }
        parts.push_back(operands[k]);
      }
      if (!joined) return operands[0];
      for (ExprId& part : parts) part = checker.coerce_scalar(part, *joined, span, "a part");
      if (parts.size() == 1) return parts[0];
      joined->shape[0] = total;
      return emit(*joined, std::move(parts));
    }
    case BuiltinRule::stack:
      if (!count(1, SIZE_MAX)) return {};
      if (operands.size() == 1) return type(0).shape.empty() ? wrong(0, "arrays, or a list of them") : operands[0];
      return checker.stack(operands, spans, span);
    case BuiltinRule::length:
      if (!count(1, 1)) return {};
      if (type(0).shape.empty()) return wrong(0, "an array");
      return checker.integer_constant(type(0).shape[0], span);
    case BuiltinRule::shape: {
      if (!count(1, 1)) return {};
      const Shape found = type(0).shape;
      std::vector<double> values(found.begin(), found.end());
      const auto rank = static_cast<int64_t>(values.size());
      if (values.empty()) values.push_back(0);
      return checker.table.constant({Scalar::integer, 0, {rank}}, std::move(values), span);
    }
    default: return {};  // the other rules are elsewhere
  }
}

ExprId BuiltinCall::linear() const {
  const auto square = [&](size_t k) {
    const Shape shape = type(k).shape;
    if (shape.size() == 2 && shape[0] == shape[1]) return true;
    wrong(k, "a square matrix");
    return false;
  };
  switch (function.rule) {
    case BuiltinRule::transpose: {
      if (!count(1, 1)) return {};
      Type result = type(0);
      if (result.shape.size() < 2)
        return wrong(0, "a matrix", result.shape.size() == 1 ? "`@` takes a vector on either side as it is" : "");
      std::swap(result.shape[result.shape.size() - 1], result.shape[result.shape.size() - 2]);
      return emit(std::move(result), {operands[0]});
    }
    case BuiltinRule::diag: {
      if (!count(1, 1)) return {};
      const ExprId a = number(0);
      if (!a) return {};
      Type result = checker.type(a);
      if (result.shape.size() == 1) {
        result.shape.push_back(result.shape[0]);
      } else {
        if (!square(0)) return {};
        result.shape.pop_back();
      }
      return emit(std::move(result), {a});
    }
    case BuiltinRule::outer: {
      if (!count(2, 2)) return {};
      for (const size_t k : {size_t{0}, size_t{1}})
        if (type(k).shape.size() != 1) return wrong(k, "two vectors");
      return emit({Scalar::real, 0, {type(0).shape[0], type(1).shape[0]}}, {real(0), real(1)});
    }
    case BuiltinRule::square_matrix:
      if (!count(1, 1) || !square(0)) return {};
      return emit({Scalar::real, 0, type(0).shape}, {real(0)});
    case BuiltinRule::logdet:
      if (!count(1, 1) || !square(0)) return {};
      return emit({}, {real(0)});
    case BuiltinRule::solve: {
      if (!count(2, 2) || !square(0)) return {};
      const Shape b = type(1).shape;
      if ((b.size() != 1 && b.size() != 2) || b[0] != type(0).shape[0])
        return wrong(1, fmt::format("a right side of {} rows", type(0).shape[0]));
      return emit({Scalar::real, 0, b}, {real(0), real(1)});
    }
    default: return {};  // the other rules are elsewhere
  }
}

}  // namespace alea::check
