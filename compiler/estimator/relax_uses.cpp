// Uses of relaxed values. A use either keeps the value discrete in kind (layout), turns it into real numbers by
// the rules above, or has no meaning.
#include "compiler/estimator/relax_uses.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace alea {
namespace {

using Kind = Relaxed::Kind;

Shape appended(Shape shape, int64_t axis) {
  shape.push_back(axis);
  return shape;
}

bool is_discrete(const Type& type) { return type.scalar != Scalar::real; }

}  // namespace

NodeId RelaxUses::op(NodeId like, Op o, std::initializer_list<NodeId> inputs, std::vector<int64_t> attributes) const {
  return make(to_, o, inputs, std::move(attributes), to_.add_span(from_.span(like)));
}

bool RelaxUses::uses_relaxed(NodeId id) const {
  return std::ranges::any_of(from_.inputs(id), [&](NodeId input) { return is_relaxed(input); });
}

// Σ_k k y_k
NodeId RelaxUses::number(NodeId id) const {
  const Relaxed& relaxed = relaxed_[id.index];
  if (relaxed.kind != Kind::category) return relaxed.node;
  const Shape shape = to_.shape(relaxed.node);
  std::vector<double> counting(static_cast<size_t>(shape.back()));
  std::iota(counting.begin(), counting.end(), 0);
  const NodeId values = to_.constant(Type{Scalar::real, 0, {shape.back()}}, counting);
  if (shape.size() <= 2) return op(id, Op::matmul, {relaxed.node, values}, {0});
  const NodeId weighted = op(id, Op::mul, {relaxed.node, make_broadcast_leading(to_, values, shape)});
  return op(id, Op::reduce_sum, {weighted}, {int64_t(shape.size()) - 1});
}

NodeId RelaxUses::truth(NodeId id) const {
  if (!is_relaxed(id)) return make_convert(to_, copy_of_(id), Scalar::real);
  return relaxed_[id.index].node;
}

void RelaxUses::relax(NodeId id) {
  const Op o = from_.op(id);
  Relaxed& result = relaxed_[id.index];
  const std::span<const NodeId> inputs = from_.inputs(id);
  const Relaxed first = inputs.empty() ? Relaxed{} : relaxed_[inputs[0].index];
  switch (kind(o)) {
    case OpKind::leaf: return;
    case OpKind::random:
      if (o == Op::noise_binomial && is_relaxed(inputs[0])) throw NoRelaxedMeaning{id, "a count that it sets the end of"};
      result = relax_number(id);
      // A count is drawn afresh, whatever its law: a discrete value like any other.
      if (is_discrete(from_.type(id))) result.kind = Kind::none;
      return;
    case OpKind::control:
      result = first;
      if (first.kind == Kind::category || first.kind == Kind::boolean) {
        if (o == Op::draw) throw NoRelaxedMeaning{id, "a discrete distribution that wraps it"};
        result.node = op(id, o, {first.node});
        return;
      }
      if (o == Op::draw && is_discrete(from_.type(id))) throw NoRelaxedMeaning{id, "a discrete distribution that wraps it"};
      result = relax_number(id);
      return;
    case OpKind::layout:
      if (o == Op::gather) result = relax_gather(id);
      else if (o == Op::argsort) throw NoRelaxedMeaning{id, "an order of values"};
      else result = relax_layout(id);
      return;
    case OpKind::elementwise:
      if (o == Op::equal || o == Op::not_equal) result = relax_equality(id);
      else if (o == Op::select) result = relax_select(id);
      else if (o == Op::logical_not) result = {Kind::boolean, op(id, Op::sub, {to_.constant(1), truth(inputs[0])}), {}};
      else if (o == Op::convert && is_discrete(from_.type(id)) && first.kind != Kind::number) result = first;
      else if (o == Op::convert) result = {Kind::number, number(inputs[0]), {}};
      else if (o == Op::logical_and || o == Op::logical_or)
        throw NoRelaxedMeaning{id, "a conjunction (write one `if` inside another)"};
      else if (o == Op::less || o == Op::less_equal) throw NoRelaxedMeaning{id, "an order between values"};
      else if (o == Op::floor_divide || o == Op::modulo || o == Op::floor || o == Op::ceil || o == Op::round ||
               o == Op::truncate || o == Op::sign)
        throw NoRelaxedMeaning{id, fmt::format("`{}` of it", text(o))};
      else result = relax_number(id);
      return;
    case OpKind::reduction:
      if (o == Op::argmax || o == Op::argmin) throw NoRelaxedMeaning{id, fmt::format("`{}`", text(o))};
      if (from_.type(id).scalar == Scalar::boolean) throw NoRelaxedMeaning{id, "a conjunction of several"};
      result = relax_number(id);
      return;
    case OpKind::linear: result = relax_number(id); return;
  }
}

// As the operation was, over real operands.
Relaxed RelaxUses::relax_number(NodeId id) const {
  std::vector<NodeId> inputs;
  for (const NodeId input : from_.inputs(id)) inputs.push_back(plain_or_number(input));
  const std::vector<int64_t> attributes(from_.attributes(id).begin(), from_.attributes(id).end());
  const SpanId span = to_.add_span(from_.span(id));
  const Op o = from_.op(id);
  if (kind(o) == OpKind::random || o == Op::draw)
    return {Kind::number, to_.add(o, from_.type(id), inputs, from_[id].payload, span), {}};
  Type type = from_.type(id);
  if (is_discrete(type)) type = {Scalar::real, 0, type.shape};
  return {Kind::number, make_of_type(to_, o, type, inputs, attributes, span), {}};
}

Relaxed RelaxUses::relax_layout(NodeId id) const {
  const std::span<const NodeId> inputs = from_.inputs(id);
  const Op o = from_.op(id);
  const bool all_categories =
      std::ranges::all_of(inputs, [&](NodeId input) { return relaxed_[input.index].kind == Kind::category; });
  const bool all_booleans =
      std::ranges::all_of(inputs, [&](NodeId input) { return relaxed_[input.index].kind == Kind::boolean; });
  if (all_booleans) {
    Relaxed result = relax_number(id);
    result.kind = Kind::boolean;
    return result;
  }
  const bool moves = o == Op::broadcast || o == Op::reshape || o == Op::transpose || o == Op::slice || o == Op::concat;
  if (!all_categories || !moves) return relax_number(id);
  std::vector<NodeId> operands;
  for (const NodeId input : inputs) operands.push_back(relaxed_[input.index].node);
  const int64_t categories = to_.shape(operands[0]).back();
  const auto rank = int64_t(from_.shape(inputs[0]).size());
  std::vector<int64_t> attributes(from_.attributes(id).begin(), from_.attributes(id).end());
  Relaxed result{Kind::category, {}, {}};
  if (o == Op::broadcast) {
    if (!attributes.empty() && attributes.back() == -1) {
      std::vector<int64_t> before(attributes.begin(), attributes.end() - 1);
      Shape shape(from_.shape(id).begin(), from_.shape(id).end() - 1);
      bool kept = std::ranges::equal(before, [&] {
        std::vector<int64_t> axes(static_cast<size_t>(rank));
        std::iota(axes.begin(), axes.end(), 0);
        return axes;
      }());
      if (kept) result.spread_from = operands[0];
    }
    attributes.push_back(rank);
  } else if (o == Op::transpose) {
    attributes.push_back(rank);
  }
  const Type type{Scalar::real, 0, appended(from_.shape(id), categories)};
  result.node = make_of_type(to_, o, type, operands, attributes, to_.add_span(from_.span(id)));
  return result;
}

// table [B.., T, S..], index [B.., I..]: Σ_k y[B.., I.., k] table[B.., k, S..], as a product of matrices.
Relaxed RelaxUses::relax_gather(NodeId id) const {
  const NodeId table = from_.input(id, 0), index = from_.input(id, 1);
  const Relaxed& at = relaxed_[index.index];
  const auto batch_axes = size_t(from_.attributes(id)[0]);
  if (at.kind == Kind::number) throw NoRelaxedMeaning{id, "an index computed from it (write `v[w]` with w itself)"};
  if (at.kind == Kind::none) {
    const Relaxed& values = relaxed_[table.index];
    if (values.kind != Kind::category) {
      Relaxed result = relax_number(id);
      if (values.kind == Kind::boolean) result.kind = Kind::boolean;
      return result;
    }
    const Type type{Scalar::real, 0, appended(from_.shape(id), to_.shape(values.node).back())};
    const std::vector<NodeId> operands{values.node, copy_of_(index)};
    return {
        Kind::category, make_of_type(to_, Op::gather, type, operands, {int64_t(batch_axes)}, to_.add_span(from_.span(id))), {}};
  }
  // A truth used as an index: [1 − y, y].
  const auto of_two = [&](NodeId y) {
    Shape shape = to_.shape(y);
    shape.push_back(1);
    const NodeId yes = make_reshape(to_, y, shape), no = op(id, Op::sub, {to_.constant(1), yes});
    return op(id, Op::concat, {no, yes}, {int64_t(shape.size()) - 1});
  };
  NodeId y = at.kind == Kind::boolean ? of_two(at.node) : at.node, values = plain_or_number(table);
  if (to_.type(values).scalar == Scalar::boolean) values = make_convert(to_, values, Scalar::real);
  const int64_t categories = to_.shape(y).back();
  const Shape table_shape = to_.shape(values);
  const int64_t length = table_shape[batch_axes];
  if (length > categories) values = make_slice(to_, values, int64_t(batch_axes), 0, categories);
  if (length < categories) throw NoRelaxedMeaning{id, "an index beyond the table's end"};
  const Shape index_shape = from_.shape(index);
  const Shape batch(table_shape.begin(), table_shape.begin() + long(batch_axes));
  const Shape picked(index_shape.begin() + long(batch_axes), index_shape.end());
  const Shape entry(table_shape.begin() + long(batch_axes) + 1, table_shape.end());
  const auto with = [&](std::initializer_list<int64_t> axes) {
    Shape shape = batch;
    shape.insert(shape.end(), axes.begin(), axes.end());
    return shape;
  };
  if (!picked.empty()) y = make_reshape(to_, y, with({element_count(picked), categories}));
  if (!entry.empty()) values = make_reshape(to_, values, with({categories, element_count(entry)}));
  const NodeId product = op(id, Op::matmul, {y, values}, {int64_t(batch_axes)});
  const NodeId node = make_reshape(to_, product, from_.shape(id));
  const bool is_truth = from_.type(id).scalar == Scalar::boolean;
  return {is_truth ? Kind::boolean : Kind::number, node, {}};
}

// w == k is y_k; for an array of constants each element has its own k.
Relaxed RelaxUses::relax_equality(NodeId id) const {
  const bool negated = from_.op(id) == Op::not_equal;
  const auto finish = [&](NodeId node) -> Relaxed {
    return {Kind::boolean, negated ? op(id, Op::sub, {to_.constant(1), node}) : node, {}};
  };
  NodeId left = from_.input(id, 0), right = from_.input(id, 1);
  if (!is_relaxed(left)) std::swap(left, right);
  const Relaxed& relaxed = relaxed_[left.index];
  if (is_relaxed(right) || !from_.is_constant(right) || relaxed.kind == Kind::number)
    throw NoRelaxedMeaning{id, "a comparison with a value that varies"};
  const std::span<const double> constants = from_.values(right);
  if (relaxed.kind == Kind::boolean) {
    if (constants.size() != 1) throw NoRelaxedMeaning{id, "a comparison with several values"};
    return finish(constants[0] != 0 ? relaxed.node : op(id, Op::sub, {to_.constant(1), relaxed.node}));
  }
  const Shape& shape = from_.shape(id);
  const auto categories = static_cast<size_t>(to_.shape(relaxed.node).back());
  // One k for all: that slice of y. A scalar w beside an array of constants is stretched over it first.
  if (constants.size() == 1) {
    const auto k = int64_t(constants[0]);
    if (k < 0 || size_t(k) >= categories || double(k) != constants[0]) return finish(make_zeros(to_, shape));
    const NodeId slice = make_slice(to_, relaxed.node, int64_t(to_.shape(relaxed.node).size()) - 1, k, 1);
    const NodeId picked = make_reshape(to_, slice, from_.shape(left));
    return finish(picked);
  }
  // The constants count 0 … K−1 along the last axis over which w was stretched: y itself.
  bool counts = relaxed.spread_from && !shape.empty() && size_t(shape.back()) == categories;
  for (size_t j = 0; counts && j < constants.size(); ++j) counts = constants[j] == double(j % categories);
  if (counts) return finish(make_reshape(to_, relaxed.spread_from, shape));
  if (from_.shape(left).empty() && shape.size() == 1 && size_t(shape[0]) == categories) {
    bool straight = true;
    for (size_t j = 0; j < constants.size(); ++j) straight &= constants[j] == double(j);
    if (straight) return finish(relaxed.node);
  }
  // Each element its own k: Σ_k y_k [k is it].
  std::vector<double> mask;
  for (const double constant : constants)
    for (size_t k = 0; k < categories; ++k) mask.push_back(constant == double(k) ? 1 : 0);
  const Shape full = appended(shape, int64_t(categories));
  const NodeId here = to_.constant(Type{Scalar::real, 0, full}, mask);
  NodeId y = relaxed.node;
  if (to_.shape(y) != full) y = make_broadcast_leading(to_, y, full);
  return finish(op(id, Op::reduce_sum, {op(id, Op::mul, {here, y})}, {int64_t(full.size()) - 1}));
}

// y p + (1 − y) q
Relaxed RelaxUses::relax_select(NodeId id) const {
  const NodeId condition = from_.input(id, 0), yes = from_.input(id, 1), no = from_.input(id, 2);
  const bool is_truth = from_.type(id).scalar == Scalar::boolean;
  const auto branch = [&](NodeId node) { return is_truth ? truth(node) : plain_or_number(node); };
  const Kind result = is_truth ? Kind::boolean : Kind::number;
  if (!is_relaxed(condition)) {
    // Branches that are categories stay so where both are.
    const Relaxed &a = relaxed_[yes.index], &b = relaxed_[no.index];
    if (a.kind == Kind::category && b.kind == Kind::category && from_.shape(condition).empty())
      return {Kind::category, op(id, Op::select, {copy_of_(condition), a.node, b.node}), {}};
    return {result, op(id, Op::select, {copy_of_(condition), branch(yes), branch(no)}), {}};
  }
  const NodeId y = truth(condition);
  const NodeId rest = op(id, Op::sub, {to_.constant(1), y});
  return {result, op(id, Op::add, {op(id, Op::mul, {y, branch(yes)}), op(id, Op::mul, {rest, branch(no)})}), {}};
}

}  // namespace alea
