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

namespace {

Value take_module(Checker& checker, const InstanceList& list, const ast::Index& index, Span span, ScopeId scope) {
  const ast::Subscript& subscript = index.subscripts[0];
  if (subscript.slice || index.subscripts.size() != 1)
    return checker.fail(Kind::module_list_index, span, {}, "take one: `layer[i]`, of a list of lists `layer[i][j]`");
  const auto count = static_cast<int64_t>(list.size());
  const ExprId written = checker.evaluate_expression(subscript.index, scope);
  auto at = checker.known_integer(written, subscript.span, "the index into a list of modules");
  if (!at) return Poison{};
  if (*at < 0) *at += count;
  if (*at < 0 || *at >= count)
    return checker.fail(Kind::index_out_of_range, subscript.span,
                        {std::to_string(*at), std::to_string(count), std::to_string(count - 1)});
  const auto place = static_cast<size_t>(*at);
  if (list.lists.empty()) return InstanceRef{list.scopes[place]};
  return list.lists[place];
}

// The subscripts of one array, axis by axis: each says what is taken of its axis (the attributes of Builtin::index: whole
// or slice 0, first, length; one row 1, row, 0; a row that varies 2, 0, 0, with an operand), or reports what is wrong.
class Subscripts {
 public:
  Subscripts(Checker& checker, ExprId base, ScopeId scope)
      : c_(checker), base_(base), scope_(scope), result_(checker.type(base)) {
    result_.shape.clear();
    inputs_ = {base};
  }

  Value take(const ast::Index& index, Span span) {
    const Shape shape = c_.type(base_).shape;
    bool good = true;
    for (size_t axis = 0; axis < shape.size(); ++axis) {
      if (axis >= index.subscripts.size()) {
        keep(0, shape[axis]);
        continue;
      }
      const ast::Subscript& subscript = index.subscripts[axis];
      const bool taken = subscript.slice ? take_slice(subscript, shape[axis]) : take_one(subscript, shape[axis]);
      good = good && taken;
    }
    if (!good) return Poison{};
    return picks_ ? pick(span) : value_of(c_.call(Builtin::index, result_, inputs_, attributes_, span));
  }

 private:
  void keep(int64_t first, int64_t length) {
    attributes_.insert(attributes_.end(), {0, first, length});
    result_.shape.push_back(length);
  }
  template <class... Rest>
  bool wrong(Kind kind, Rest... rest) {
    c_.fail(kind, std::move(rest)...);
    return false;
  }

  bool take_slice(const ast::Subscript& subscript, int64_t extent) {
    int64_t bounds[2] = {0, extent};
    bool known = true;
    for (const int k : {0, 1}) {
      const ast::ExprId bound = k == 0 ? subscript.low : subscript.high;
      if (!bound) continue;
      const ExprId written = c_.evaluate_expression(bound, scope_);
      const auto number = c_.known_integer(written, c_.syntax(bound, scope_).span, "the bound of a slice");
      if (number) bounds[k] = *number < 0 ? *number + extent : *number;
      else known = false;
    }
    if (!known) return false;
    if (bounds[0] < 0 || bounds[1] > extent || bounds[0] > bounds[1])
      return wrong(Kind::slice_out_of_range, subscript.span,
                   std::vector<std::string>{c_.source_text(subscript.span), std::to_string(extent)});
    keep(bounds[0], bounds[1] - bounds[0]);
    return true;
  }

  bool take_one(const ast::Subscript& subscript, int64_t extent) {
    const ExprId at = c_.evaluate_expression(subscript.index, scope_);
    if (!at) return false;
    const Type type = c_.type(at);
    if (type.scalar == Scalar::real || type.scalar == Scalar::boolean)
      return wrong(Kind::bad_index_type, subscript.span, std::vector{to_string(type)}, "`int(x)` makes an int of it");
    if (const auto known = c_.table.scalar_constant(at)) return take_known(subscript, *known, extent);
    return take_varying(subscript, at, extent);
  }

  bool take_known(const ast::Subscript& subscript, double number, int64_t extent) {
    auto row = static_cast<int64_t>(number);
    if (row < 0) row += extent;
    if (row < 0 || row >= extent) {
      // In a branch that an earlier condition keeps from counting any element will do.
      const bool guarded = c_.guards_ > 0 && extent > 0;
      if (!guarded)
        return wrong(Kind::index_out_of_range, subscript.span,
                     std::vector{fmt::format("{:.0f}", number), std::to_string(extent), std::to_string(extent - 1)},
                     row == extent ? "indices begin at 0" : "");
      row = 0;
    }
    attributes_.insert(attributes_.end(), {1, row, 0});
    return true;
  }

  // An interval that must leave the array is an error where nothing guards it.
  bool take_varying(const ast::Subscript& subscript, ExprId at, int64_t extent) {
    const Type type = c_.type(at);
    const auto range = c_.table.integer_range(at);
    if (range && c_.guards_ == 0 && (range->low < 0 || range->high >= static_cast<double>(extent))) {
      if (type.scalar == Scalar::category)
        return wrong(Kind::cat_index_too_large, subscript.span, std::vector{to_string(type), std::to_string(extent)});
      return wrong(Kind::index_reaches_out, subscript.span,
                   std::vector{fmt::format("{:.0f}", range->low), fmt::format("{:.0f}", range->high), std::to_string(extent)});
    }
    if (extent == 0)
      return wrong(Kind::index_out_of_range, subscript.span,
                   std::vector<std::string>{c_.source_text(subscript.span), "0", "none"});
    attributes_.insert(attributes_.end(), {2, 0, 0});
    if (!type.shape.empty() && (picks_ || !result_.shape.empty()))
      return wrong(Kind::index_arrays, subscript.span, std::vector<std::string>{},
                   "write a comprehension: `[m[i[k], j[k]] for k in 0..n]`");
    inputs_.push_back(c_.convert_scalar(at, Scalar::integer, subscript.span));
    if (!type.shape.empty()) picks_ = inputs_.back();
    return true;
  }

  // Element by element of the array of indices.
  Value pick(Span span) {
    const Shape batch = c_.type(picks_).shape;
    Type whole = result_;
    whole.shape.insert(whole.shape.begin(), batch.begin(), batch.end());
    if (!c_.size_fits(whole, span)) return Poison{};
    const ExprId one = c_.table.placeholder("index", {Scalar::integer, 0, {}}, on_index, span);
    std::ranges::replace(inputs_, picks_, one);
    const ExprId body = c_.call(Builtin::index, result_, inputs_, attributes_, span);
    if (!body) return Poison{};
    return value_of(c_.table.batch(batch, {{PlaceholderId{c_.table[one].payload}, picks_}}, body, span));
  }

  Checker& c_;
  ExprId base_;
  ScopeId scope_;
  Type result_;
  std::vector<ExprId> inputs_;
  std::vector<int64_t> attributes_;
  ExprId picks_;  // an array of indices
};

}  // namespace

Value Checker::evaluate_index(const ast::Index& index, Span span, ScopeId scope) {
  const Value value = evaluate(index.base, scope);
  if (is_poison(value)) return Poison{};
  if (const auto* list = std::get_if<InstanceList>(&value)) return take_module(*this, *list, index, span, scope);
  const ExprId base = expression_of(value, syntax(index.base, scope).span);
  if (!base) return Poison{};
  const Type& array = type(base);
  if (index.subscripts.size() > array.shape.size())
    return fail(Kind::too_many_subscripts, span, {std::to_string(index.subscripts.size()), to_string(array)},
                array.shape.empty() ? "a scalar has no elements; annotate a formal that takes an array: `x: real[n]`" : "");
  return Subscripts(*this, base, scope).take(index, span);
}

}  // namespace alea::check
