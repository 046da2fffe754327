// Subscripts: constants are checked and counted from the end when negative, slices have known bounds, an int or
// cat that varies becomes an operand, an array of them picks element by element. Lists of modules take
// known indices only.
#include <fmt/format.h>

#include <algorithm>

#include "dsl/check/checker.h"

namespace alea::check {

namespace {

Value value_of(ExprId id) { return id ? Value(id) : Value(Poison{}); }

}  // namespace

ExprId Checker::take_row(ExprId base, int64_t row, Span span) {
  Type result = type(base);
  std::vector<int64_t> attributes{1, row, 0};
  for (size_t axis = 1; axis < result.shape.size(); ++axis) attributes.insert(attributes.end(), {0, 0, result.shape[axis]});
  result.shape.erase(result.shape.begin());
  return call(Builtin::index, std::move(result), {base}, std::move(attributes), span);
}

Value Checker::evaluate_index(const ast::Index& index, Span span, ScopeId scope) {
  const Value base_value = evaluate(index.base, scope);
  if (is_poison(base_value)) return Poison{};
  if (const auto* list = std::get_if<InstanceList>(&base_value)) {
    const ast::Subscript& subscript = index.subscripts[0];
    if (subscript.slice || index.subscripts.size() != 1)
      return fail(Kind::module_list_index, span, {}, "take one: `layer[i]`, of a list of lists `layer[i][j]`");
    const auto count = static_cast<int64_t>(list->size());
    auto at = known_integer(evaluate_expression(subscript.index, scope), subscript.span, "the index into a list of modules");
    if (!at) return Poison{};
    if (*at < 0) *at += count;
    if (*at < 0 || *at >= count)
      return fail(Kind::index_out_of_range, subscript.span,
                  {std::to_string(*at), std::to_string(count), std::to_string(count - 1)});
    const auto place = static_cast<size_t>(*at);
    if (list->lists.empty()) return InstanceRef{list->scopes[place]};
    return list->lists[place];
  }
  const ExprId base = expression_of(base_value, syntax(index.base, scope).span);
  if (!base) return Poison{};
  const Type base_type = type(base);
  if (index.subscripts.size() > base_type.shape.size())
    return fail(Kind::too_many_subscripts, span, {std::to_string(index.subscripts.size()), to_string(base_type)},
                base_type.shape.empty() ? "a scalar has no elements; annotate a formal that takes an array: `x: real[n]`" : "");

  Type result = base_type;
  result.shape.clear();
  std::vector<ExprId> inputs{base};
  std::vector<int64_t> attributes;
  ExprId picks;  // an array of indices
  bool good = true;
  for (size_t axis = 0; axis < base_type.shape.size(); ++axis) {
    const int64_t extent = base_type.shape[axis];
    if (axis >= index.subscripts.size()) {
      attributes.insert(attributes.end(), {0, 0, extent});
      result.shape.push_back(extent);
      continue;
    }
    const ast::Subscript& subscript = index.subscripts[axis];
    if (subscript.slice) {
      int64_t bounds[2] = {0, extent};
      for (const int k : {0, 1}) {
        const ast::ExprId bound = k == 0 ? subscript.low : subscript.high;
        if (!bound) continue;
        const auto known = known_integer(evaluate_expression(bound, scope), syntax(bound, scope).span, "the bound of a slice");
        if (!known) {
          good = false;
          continue;
        }
        bounds[k] = *known < 0 ? *known + extent : *known;
      }
      if (!good) continue;
      if (bounds[0] < 0 || bounds[1] > extent || bounds[0] > bounds[1]) {
        fail(Kind::slice_out_of_range, subscript.span, {source_text(subscript.span), std::to_string(extent)});
        good = false;
        continue;
      }
      attributes.insert(attributes.end(), {0, bounds[0], bounds[1] - bounds[0]});
      result.shape.push_back(bounds[1] - bounds[0]);
      continue;
    }
    const ExprId at = evaluate_expression(subscript.index, scope);
    if (!at) {
      good = false;
      continue;
    }
    const Type at_type = type(at);
    if (at_type.scalar == Scalar::real || at_type.scalar == Scalar::boolean) {
      fail(Kind::bad_index_type, subscript.span, {to_string(at_type)}, "`int(x)` makes an int of it");
      good = false;
      continue;
    }
    if (const auto known = table.scalar_constant(at)) {
      int64_t row = static_cast<int64_t>(*known);
      if (row < 0) row += extent;
      if (row < 0 || row >= extent) {
        if (guards_ == 0 || extent == 0)
          fail(Kind::index_out_of_range, subscript.span,
               {fmt::format("{:.0f}", *known), std::to_string(extent), std::to_string(extent - 1)},
               row == extent ? "indices begin at 0" : "");
        // In a branch that an earlier condition keeps from counting any element will do.
        good = good && guards_ > 0 && extent > 0;
        row = 0;
      }
      attributes.insert(attributes.end(), {1, row, 0});
      continue;
    }
    // Indices that vary: an interval that must leave the array is an error where nothing guards it.
    const auto range = table.integer_range(at);
    if (range && guards_ == 0 && (range->low < 0 || range->high >= static_cast<double>(extent))) {
      if (at_type.scalar == Scalar::category)
        fail(Kind::cat_index_too_large, subscript.span, {to_string(at_type), std::to_string(extent)});
      else
        fail(Kind::index_reaches_out, subscript.span,
             {fmt::format("{:.0f}", range->low), fmt::format("{:.0f}", range->high), std::to_string(extent)});
      good = false;
      continue;
    }
    if (extent == 0) {
      fail(Kind::index_out_of_range, subscript.span, {source_text(subscript.span), "0", "none"});
      good = false;
      continue;
    }
    attributes.insert(attributes.end(), {2, 0, 0});
    if (at_type.shape.empty()) {
      inputs.push_back(convert_scalar(at, Scalar::integer, subscript.span));
      continue;
    }
    if (picks || !result.shape.empty()) {
      fail(Kind::index_arrays, subscript.span, {}, "write a comprehension: `[m[i[k], j[k]] for k in 0..n]`");
      good = false;
      continue;
    }
    picks = convert_scalar(at, Scalar::integer, subscript.span);
    inputs.push_back(picks);
  }
  if (!good) return Poison{};
  if (!picks) return value_of(call(Builtin::index, std::move(result), std::move(inputs), std::move(attributes), span));
  // Element by element of the array of indices.
  const Shape batch = type(picks).shape;
  Type whole = result;
  whole.shape.insert(whole.shape.begin(), batch.begin(), batch.end());
  if (!size_fits(whole, span)) return Poison{};
  const ExprId one = table.placeholder("index", {Scalar::integer, 0, {}}, on_index, span);
  std::replace(inputs.begin(), inputs.end(), picks, one);
  const ExprId body = call(Builtin::index, std::move(result), std::move(inputs), std::move(attributes), span);
  if (!body) return Poison{};
  return value_of(table.batch(batch, {{PlaceholderId{table[one].payload}, picks}}, body, span));
}

}  // namespace alea::check
