// The table of operations: adding a node finds the equal one first, so that equal pure nodes are one node.
// Types, attribute lists, constants and spans are tables of their own, shared in the same way.
#include "compiler/graph/graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "dsl/diagnostic.h"

namespace alea {

namespace {

struct Description {
  std::string_view text;
  int arity;
  OpKind kind;
};

constexpr Description descriptions[] = {
#define OP(name, text, arity, kind) {text, arity, OpKind::kind},
#include "compiler/graph/op.def"
#undef OP
};

uint64_t mix(uint64_t hash, uint64_t value) {
  hash ^= value + 0x9E3779B97F4A7C15 + (hash << 6) + (hash >> 2);
  return hash * 0xBF58476D1CE4E5B9;
}

uint64_t hash_of(const Type& type) {
  uint64_t hash = mix(static_cast<uint64_t>(type.scalar), static_cast<uint64_t>(type.categories));
  for (const int64_t extent : type.shape) hash = mix(hash, static_cast<uint64_t>(extent));
  return hash;
}

uint64_t hash_of(const std::vector<int64_t>& list) {
  uint64_t hash = list.size();
  for (const int64_t value : list) hash = mix(hash, static_cast<uint64_t>(value));
  return hash;
}

uint64_t hash_of(const std::vector<double>& values) {
  uint64_t hash = values.size();
  for (const double value : values) hash = mix(hash, std::bit_cast<uint64_t>(value));
  return hash;
}

uint64_t hash_of(const Span& span) { return mix(mix(span.source.index, span.begin), span.end); }

bool same(const Type& a, const Type& b) { return a == b; }
bool same(const Span& a, const Span& b) { return a == b; }
bool same(const std::vector<int64_t>& a, const std::vector<int64_t>& b) { return a == b; }

// By their bits: 0 and -0 are two constants, a NaN is itself.
bool same(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (std::bit_cast<uint64_t>(a[i]) != std::bit_cast<uint64_t>(b[i])) return false;
  return true;
}

template <class Value>
uint32_t intern(std::vector<Value>& table, std::unordered_multimap<uint64_t, uint32_t>& shared, Value value) {
  const uint64_t hash = hash_of(value);
  const auto [first, last] = shared.equal_range(hash);
  for (auto at = first; at != last; ++at)
    if (same(table[at->second], value)) return at->second;
  const auto index = static_cast<uint32_t>(table.size());
  table.push_back(std::move(value));
  shared.emplace(hash, index);
  return index;
}

}  // namespace

std::string_view text(Op op) { return descriptions[static_cast<size_t>(op)].text; }
int arity(Op op) { return descriptions[static_cast<size_t>(op)].arity; }
OpKind kind(Op op) { return descriptions[static_cast<size_t>(op)].kind; }

NodeId Graph::add(Op op, const Type& type, std::span<const NodeId> inputs, uint32_t payload, SpanId span) {
  if (inputs.size() > UINT16_MAX) internal_error(fmt::format("`{}` has {} operands", text(op), inputs.size()));
  const auto new_id = static_cast<uint32_t>(nodes_.size());
  for (const NodeId input : inputs)
    if (input.index >= new_id) internal_error(fmt::format("`{}` has an operand that does not exist", text(op)));

  Node node;
  node.op = op;
  node.arity = static_cast<uint16_t>(inputs.size());
  node.type = TypeId{intern(types_, shared_types_, type)};
  node.payload = payload;
  node.span = span;

  uint64_t hash = mix(mix(static_cast<uint64_t>(op), node.type.index), payload);
  for (const NodeId input : inputs) hash = mix(hash, input.index);
  // The adjoint of a state, and a sum over samples, is one value in each phase that reads it.
  const bool sharable = kind(op) != OpKind::random && op != Op::adjoint;
  if (sharable) {
    const auto [first, last] = shared_.equal_range(hash);
    for (auto at = first; at != last; ++at) {
      const Node& other = nodes_[at->second.index];
      if (other.op == op && other.type == node.type && other.payload == payload &&
          std::ranges::equal(this->inputs(at->second), inputs))
        return at->second;
    }
  }
  if (inputs.size() <= node.inputs.size()) {
    std::ranges::copy(inputs, node.inputs.begin());
  } else {
    const std::vector<NodeId> operands(inputs.begin(), inputs.end());  // `inputs` may lie in the pool
    node.inputs[0].index = static_cast<uint32_t>(operand_pool_.size());
    operand_pool_.insert(operand_pool_.end(), operands.begin(), operands.end());
  }
  nodes_.push_back(node);
  const NodeId id{new_id};
  if (sharable) shared_.emplace(hash, id);
  return id;
}

// Equal values are kept as one.
NodeId Graph::constant(const Type& type, std::vector<double> values, SpanId span) {
  const auto count = static_cast<size_t>(element_count(type.shape));
  if (values.size() != 1 && values.size() != count)
    internal_error(fmt::format("a constant of type {} has {} values", to_string(type), values.size()));
  const auto is_first = [&](double value) { return std::bit_cast<uint64_t>(value) == std::bit_cast<uint64_t>(values[0]); };
  if (values.empty()) values = {0.0};
  else if (std::ranges::all_of(values, is_first)) values.resize(1);
  values.shrink_to_fit();
  return add(Op::constant, type, {}, intern(constants_, shared_constants_, std::move(values)), span);
}

std::span<const NodeId> Graph::inputs(NodeId id) const {
  const Node& node = nodes_[id.index];
  if (node.arity <= node.inputs.size()) return {node.inputs.data(), node.arity};
  return {operand_pool_.data() + node.inputs[0].index, node.arity};
}

std::span<const int64_t> Graph::attributes(NodeId id) const {
  switch (kind(op(id))) {
    case OpKind::leaf:
    case OpKind::random:
    case OpKind::control: return {};
    case OpKind::elementwise:
    case OpKind::reduction:
    case OpKind::layout:
    case OpKind::linear: break;
  }
  const uint32_t payload = nodes_[id.index].payload;
  if (payload == UINT32_MAX) return {};
  return attributes_[payload];
}

std::span<const double> Graph::values(NodeId id) const { return constants_[nodes_[id.index].payload]; }

bool Graph::is_splat(NodeId id, double value) const {
  return is_constant(id) && values(id).size() == 1 && values(id)[0] == value;
}

Span Graph::span(NodeId id) const {
  const SpanId span = nodes_[id.index].span;
  return span ? spans_[span.index] : Span{};
}

AttributesId Graph::add_attributes(std::vector<int64_t> list) {
  return AttributesId{intern(attributes_, shared_attributes_, std::move(list))};
}

SpanId Graph::add_span(Span span) {
  if (!span) return {};
  return SpanId{intern(spans_, shared_spans_, span)};
}

}  // namespace alea
