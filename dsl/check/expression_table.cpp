// Sharing is by content: a hash over everything but the span, then a comparison. A comprehension over
// constants is evaluated element by element, within a budget.
#include "dsl/check/expression_table.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace alea::check {

namespace {

constexpr size_t max_batch_evaluations = 1 << 20;  // body expressions × elements

size_t mix(size_t hash, size_t value) { return (hash ^ value) * 0x9E3779B97F4A7C15ull + (hash >> 29); }

size_t hash_of(const typed::Expr& e) {
  size_t hash = mix(static_cast<size_t>(e.kind) * 256 + static_cast<size_t>(e.builtin), e.payload);
  hash = mix(hash, static_cast<size_t>(e.type.scalar) + 8 * static_cast<size_t>(e.type.categories));
  for (const int64_t extent : e.type.shape) hash = mix(hash, static_cast<size_t>(extent));
  for (const ExprId input : e.inputs) hash = mix(hash, input.index);
  for (const int64_t attribute : e.attributes) hash = mix(hash, static_cast<size_t>(attribute));
  for (const double value : e.values) {
    uint64_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    hash = mix(hash, bits);
  }
  return hash;
}

bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0);
}

bool same(const typed::Expr& a, const typed::Expr& b) {
  return a.kind == b.kind && a.builtin == b.builtin && a.payload == b.payload && a.type == b.type && a.inputs == b.inputs &&
         a.attributes == b.attributes && same_bits(a.values, b.values);
}

void unite(Facts& into, const Facts& from) {
  into.dependence |= from.dependence;
  if (from.free.empty()) return;
  std::vector<PlaceholderId> all;
  std::set_union(into.free.begin(), into.free.end(), from.free.begin(), from.free.end(), std::back_inserter(all));
  into.free = std::move(all);
}

}  // namespace

ExprId ExpressionTable::add(typed::Expr expr, Facts facts) {
  const size_t hash = hash_of(expr);
  const auto [first, last] = shared_.equal_range(hash);
  for (auto it = first; it != last; ++it)
    if (same(model_.exprs[it->second], expr)) return it->second;
  constant_elements_ += expr.values.size();
  if (model_.exprs.size() >= max_expressions || constant_elements_ > max_constant_elements) full_ = true;
  if (full_) {
    if (model_.exprs.size() >= max_expressions + 1000) return {};
    if (expr.values.size() > 1) return {};
  }
  facts_.add(std::move(facts));
  const ExprId id = model_.exprs.add(std::move(expr));
  shared_.emplace(hash, id);
  return id;
}

ExprId ExpressionTable::constant(const Type& type, std::vector<double> values, Span span) {
  typed::Expr expr;
  expr.kind = ExprKind::constant;
  expr.type = type;
  expr.values = std::move(values);
  expr.span = span;
  return add(std::move(expr), {});
}

ExprId ExpressionTable::leaf(ExprKind kind, const Type& type, uint32_t payload, uint16_t dependence, Span span) {
  typed::Expr expr;
  expr.kind = kind;
  expr.type = type;
  expr.payload = payload;
  expr.span = span;
  return add(std::move(expr), {dependence, {}});
}

ExprId ExpressionTable::placeholder(std::string name, const Type& type, uint16_t dependence, Span span, double low, double high) {
  const PlaceholderId id = model_.placeholders.add({std::move(name), type});
  if (low <= high) index_ranges_[id] = {low, high};
  typed::Expr expr;
  expr.kind = ExprKind::placeholder;
  expr.type = type;
  expr.payload = id.index;
  expr.span = span;
  return add(std::move(expr), {dependence, {id}});
}

ExprId ExpressionTable::call(Builtin builtin, const Type& type, std::vector<ExprId> inputs, std::vector<int64_t> attributes,
                             Span span) {
  const bool all_constant = std::all_of(inputs.begin(), inputs.end(), [&](ExprId id) { return is_constant(id); });
  if (all_constant) {
    std::vector<Constant> operands;
    for (const ExprId id : inputs) operands.push_back(constant_of(id));
    std::vector<const Constant*> pointers;
    for (const Constant& operand : operands) pointers.push_back(&operand);
    if (auto folded = fold(builtin, type, attributes, pointers)) return constant(type, std::move(folded->values), span);
  }
  typed::Expr expr;
  expr.kind = ExprKind::call;
  expr.builtin = builtin;
  expr.type = type;
  Facts facts;
  for (const ExprId id : inputs) unite(facts, facts_[id]);
  expr.inputs = std::move(inputs);
  expr.attributes = std::move(attributes);
  expr.span = span;
  return add(std::move(expr), std::move(facts));
}

ExprId ExpressionTable::batch(Shape shape, std::vector<typed::Binding> bindings, ExprId body, Span span) {
  Facts facts = facts_[body];
  for (const typed::Binding& binding : bindings) std::erase(facts.free, binding.placeholder);
  const bool closed = facts.free.empty();
  if (closed) facts.dependence &= static_cast<uint16_t>(~(on_index | on_formal));
  for (const typed::Binding& binding : bindings)
    if (binding.value) unite(facts, facts_[binding.value]);
  Type type = this->type(body);
  type.shape.insert(type.shape.begin(), shape.begin(), shape.end());
  typed::Batch batch{std::move(shape), std::move(bindings), body};
  if (facts.dependence == 0 && facts.free.empty()) {
    Environment environment;
    size_t budget = max_batch_evaluations;
    if (auto folded = evaluate_batch(batch, type, environment, budget)) return constant(type, std::move(folded->values), span);
  }
  typed::Expr expr;
  expr.kind = ExprKind::batch;
  expr.type = std::move(type);
  expr.payload = model_.batches.add(std::move(batch)).index;
  expr.span = span;
  return add(std::move(expr), std::move(facts));
}

std::optional<Constant> ExpressionTable::evaluate_batch(const typed::Batch& batch, const Type& result, Environment& environment,
                                                        size_t& budget) const {
  // The body's expressions, operands first; an inner batch is one expression here, with its own body below it.
  std::vector<ExprId> order;
  std::unordered_map<ExprId, size_t> position;
  std::vector<ExprId> pending{batch.body};
  while (!pending.empty()) {
    const ExprId id = pending.back();
    pending.pop_back();
    if (!position.emplace(id, 0).second) continue;
    order.push_back(id);
    const typed::Expr& expr = model_.exprs[id];
    pending.insert(pending.end(), expr.inputs.begin(), expr.inputs.end());
    if (expr.kind != ExprKind::batch) continue;
    for (const typed::Binding& binding : model_.batches[typed::BatchId{expr.payload}].bindings)
      if (binding.value) pending.push_back(binding.value);
  }
  std::sort(order.begin(), order.end());
  for (size_t i = 0; i < order.size(); ++i) position[order[i]] = i;

  const int64_t count = element_count(batch.shape), body_count = element_count(type(batch.body).shape);
  const size_t work = static_cast<size_t>(count) * order.size();
  if (work > budget || count * body_count > max_folded_elements) return std::nullopt;
  budget -= work;
  std::vector<Constant> outer;  // values of the bindings, which live outside
  for (const typed::Binding& binding : batch.bindings) {
    if (!binding.value) {
      outer.emplace_back();
    } else if (is_constant(binding.value)) {
      outer.push_back(constant_of(binding.value));
    } else {
      return std::nullopt;
    }
  }
  Constant all{result, {}};
  std::vector<Constant> values(order.size());
  for (int64_t element = 0; element < count; ++element) {
    for (size_t b = 0; b < batch.bindings.size(); ++b) {
      const typed::Binding& binding = batch.bindings[b];
      const Type& type = model_.placeholders[binding.placeholder].type;
      Constant value{type, {static_cast<double>(element + binding.offset)}};
      if (binding.value) {
        const int64_t size = element_count(type.shape);
        const bool shared = outer[b].type.shape.size() == type.shape.size();
        value.values.clear();
        for (int64_t k = 0; k < (outer[b].splat() ? 1 : size); ++k)
          value.values.push_back(outer[b].at(shared ? k : element * size + k));
      }
      environment[binding.placeholder] = std::move(value);
    }
    for (size_t i = 0; i < order.size(); ++i) {
      const typed::Expr& expr = model_.exprs[order[i]];
      std::optional<Constant> value;
      if (expr.kind == ExprKind::constant) {
        if (element > 0) continue;
        value = constant_of(order[i]);
      } else if (expr.kind == ExprKind::placeholder) {
        const auto bound = environment.find(PlaceholderId{expr.payload});
        if (bound != environment.end()) value = bound->second;
      } else if (expr.kind == ExprKind::call) {
        std::vector<const Constant*> operands;
        for (const ExprId input : expr.inputs) operands.push_back(&values[position[input]]);
        value = fold(expr.builtin, expr.type, expr.attributes, operands);
      } else if (expr.kind == ExprKind::batch) {
        value = evaluate_batch(model_.batches[typed::BatchId{expr.payload}], expr.type, environment, budget);
      }
      if (!value) return std::nullopt;
      values[i] = std::move(*value);
    }
    const Constant& value = values[position[batch.body]];
    for (int64_t k = 0; k < body_count; ++k) all.values.push_back(value.at(k));
  }
  if (all.values.empty()) all.values.push_back(0);
  return all;
}

std::optional<double> ExpressionTable::scalar_constant(ExprId id) const {
  const typed::Expr& expr = model_.exprs[id];
  if (expr.kind != ExprKind::constant || !expr.type.shape.empty()) return std::nullopt;
  return expr.values[0];
}

// An interval of an integer expression: exact for one index shifted and scaled, else wide.
std::optional<IntegerRange> ExpressionTable::integer_range(ExprId id, int depth) const {
  const typed::Expr& expr = model_.exprs[id];
  if (expr.type.scalar == Scalar::real || depth > 16) return std::nullopt;
  if (const auto value = scalar_constant(id)) return IntegerRange{*value, *value};
  if (expr.kind == ExprKind::placeholder) {
    const auto range = index_ranges_.find(PlaceholderId{expr.payload});
    if (range != index_ranges_.end()) return range->second;
  }
  if (expr.type.scalar == Scalar::boolean) return IntegerRange{0, 1};
  if (expr.type.scalar == Scalar::category) return IntegerRange{0, static_cast<double>(expr.type.categories - 1)};
  if (expr.kind != ExprKind::call) return std::nullopt;
  const auto operand = [&](size_t k) { return integer_range(expr.inputs[k], depth + 1); };
  switch (expr.builtin) {
    case Builtin::convert: return operand(0);
    case Builtin::negate:
      if (const auto a = operand(0)) return IntegerRange{-a->high, -a->low};
      return std::nullopt;
    case Builtin::add:
    case Builtin::subtract:
    case Builtin::multiply: {
      const auto a = operand(0), b = operand(1);
      if (!a || !b) return std::nullopt;
      if (expr.builtin == Builtin::add) return IntegerRange{a->low + b->low, a->high + b->high};
      if (expr.builtin == Builtin::subtract) return IntegerRange{a->low - b->high, a->high - b->low};
      const auto [low, high] = std::minmax({a->low * b->low, a->low * b->high, a->high * b->low, a->high * b->high});
      return IntegerRange{low, high};
    }
    default: return std::nullopt;
  }
}

}  // namespace alea::check
