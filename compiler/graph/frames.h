// Values inside comprehensions and independent draws. A frame is one enclosing batch: its axes lead the axes
// of every value that varies along it, outer frames first. A value that does not vary along a frame lacks its
// axes and is shared, so that what does not depend on the position is computed once.
#pragma once
#include "compiler/graph/batch.h"

namespace alea {

struct Value {
  NodeId node;
  uint64_t frames = 0;  // bit k: it carries the axes of frame k
};

// Thrown where an array would have more than max_elements elements: the elaborator turns it into a diagnostic.
struct ArrayTooLarge {
  int64_t elements;
};

class Frames {
 public:
  explicit Frames(Graph& graph) : graph(graph) {}
  static constexpr size_t max_depth = 64;

  Graph& graph;
  std::vector<Shape> shapes;  // innermost last
  SpanId span;                // of the nodes being made

  uint64_t all() const { return shapes.size() == 64 ? ~uint64_t{0} : (uint64_t{1} << shapes.size()) - 1; }
  Shape shape_of(uint64_t frames) const;
  Type type(Value) const;                // of one element
  Value spread(Value, uint64_t frames);  // so that it carries these frames too
  Value constant(const Type&, double) const;
  Value counting(const Shape& shape, size_t axis) const;  // the position along one axis

  // The operation of one element, done on all.
  Value apply(Op, std::span<const Value>, std::vector<int64_t> attributes = {}, const Type& given = {});
  Value apply(Op op, std::initializer_list<Value> operands, std::vector<int64_t> attributes = {}, const Type& given = {}) {
    return apply(op, std::span<const Value>(operands.begin(), operands.size()), std::move(attributes), given);
  }
  Value broadcast(Value, const Shape& result, std::vector<int64_t> axes);
  Value broadcast_leading(Value, const Shape& result);
  Value reshape(Value, const Shape&);
  Value slice(Value, int64_t axis, int64_t start, int64_t length);
  Value convert(Value, const Type&);       // to the element type
  Value gather(Value table, Value index);  // along the table's first axis

 private:
  Value gather_crossed(Value table, Value index);
};

}  // namespace alea
