// The graph of operations: an append-only table of 32-byte nodes, operands before users, so that forward
// is a loop up and reverse a loop down. Equal pure nodes are shared as they are made; a random node never
// is, nor is `adjoint`, which is another value in each phase. Facts about nodes (rate, phase, smoothness, plan) sit in side
// tables keyed by NodeId.
#pragma once
#include <array>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dsl/ids.h"
#include "dsl/source.h"
#include "dsl/type.h"

namespace alea {

enum class Op : uint8_t {
#define OP(name, text, arity, kind) name,
#include "compiler/graph/op.def"
#undef OP
};
enum class OpKind : uint8_t { leaf, random, control, elementwise, reduction, layout, linear };

std::string_view text(Op);
int arity(Op);  // -1: any
OpKind kind(Op);
inline constexpr int op_count = 0
#define OP(name, text, arity, kind) +1
#include "compiler/graph/op.def"
#undef OP
    ;

using NodeId = Id<struct NodeTag>;
using TypeId = Id<struct TypeTag>;
using SpanId = Id<struct SpanTag>;
using ConstantId = Id<struct ConstantTag>;
using ParamId = Id<struct ParamTag>;
using InputId = Id<struct InputTag>;
using StateId = Id<struct StateTag>;
using NoiseId = Id<struct NoiseTag>;
using DrawId = Id<struct DrawTag>;
using AttributesId = Id<struct AttributesTag>;

struct Node {
  Op op{};
  uint8_t flags = 0;
  uint16_t arity = 0;
  TypeId type{};
  std::array<NodeId, 4> inputs{};  // beyond four: inputs[0].index is an offset into the operand pool
  uint32_t payload = UINT32_MAX;   // by op: see op.def; otherwise an AttributesId
  SpanId span{};                   // the model text it came from, or null
};
static_assert(sizeof(Node) == 32);

class Graph {
 public:
  // Adds a node, or finds the equal one. `make` in build.h is what most code calls: it infers the type,
  // folds constants and applies the algebraic identities.
  NodeId add(Op, const Type&, std::span<const NodeId> inputs, uint32_t payload = UINT32_MAX, SpanId = {});
  NodeId add(Op op, const Type& type, std::initializer_list<NodeId> inputs, uint32_t payload = UINT32_MAX, SpanId span = {}) {
    return add(op, type, std::span<const NodeId>(inputs.begin(), inputs.size()), payload, span);
  }
  NodeId constant(const Type&, std::vector<double> values, SpanId = {});  // one value stands for all elements
  NodeId constant(double value) { return constant(Type{}, {value}); }

  const Node& operator[](NodeId id) const { return nodes_[id.index]; }
  Op op(NodeId id) const { return nodes_[id.index].op; }
  std::span<const NodeId> inputs(NodeId) const;
  NodeId input(NodeId id, int k) const { return inputs(id)[static_cast<size_t>(k)]; }
  const Type& type(NodeId id) const { return types_[nodes_[id.index].type.index]; }
  const Shape& shape(NodeId id) const { return type(id).shape; }
  std::span<const int64_t> attributes(NodeId) const;
  std::span<const double> values(NodeId constant_node) const;  // size 1 or the element count
  // The value of a scalar or splat constant.
  bool is_constant(NodeId id) const { return nodes_[id.index].op == Op::constant; }
  bool is_splat(NodeId id, double value) const;
  Span span(NodeId) const;
  size_t size() const { return nodes_.size(); }

  AttributesId add_attributes(std::vector<int64_t>);  // equal lists are shared
  SpanId add_span(Span);

 private:
  struct Key;
  std::vector<Node> nodes_;
  std::vector<NodeId> operand_pool_;
  std::vector<Type> types_;
  std::vector<std::vector<int64_t>> attributes_;
  std::vector<std::vector<double>> constants_;
  std::vector<Span> spans_;
  std::unordered_multimap<uint64_t, NodeId> shared_;
  std::unordered_multimap<uint64_t, uint32_t> shared_types_, shared_attributes_, shared_constants_, shared_spans_;
};

template <class Value>
using NodeTable = Table<NodeId, Value>;

}  // namespace alea
