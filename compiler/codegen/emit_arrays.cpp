// Operations on arrays: one node, one loop. Small results are registers (each element by itself), large ones
// buffers; layout operations on memory are views.
#include "compiler/codegen/emitter.h"
#include "dsl/diagnostic.h"

namespace alea {
namespace {

bool same(const std::vector<int64_t>& strides, const std::vector<int64_t>& other, const Shape& shape) {
  for (size_t axis = 0; axis < shape.size(); ++axis)
    if (shape[axis] != 1 && strides[axis] != other[axis]) return false;
  return true;
}

Index with_axis(const Index& index, size_t axis, llvm::Value* at) {
  Index result = index;
  result.insert(result.begin() + static_cast<std::ptrdiff_t>(axis), at);
  return result;
}

Index part(const Index& index, size_t begin, size_t end) {
  return {index.begin() + static_cast<std::ptrdiff_t>(begin), index.begin() + static_cast<std::ptrdiff_t>(end)};
}

}  // namespace

void Emitter::emit(NodeId node) {
  const Op op = graph.op(node);
  const Shape& shape = graph.shape(node);
  if (plan.tiled[node]) return emit_tiled(node);
  switch (kind(op)) {
    case OpKind::leaf: value(node); return;
    case OpKind::random:
      if (op == Op::noise_uniform || op == Op::noise_normal) value(node);
      else emit_draw(node);
      return;
    case OpKind::control: emit_view(node); return;
    case OpKind::elementwise:
      if (plan.form[node] == Form::inlined) return;
      if (plan.form[node] == Form::view) return emit_view(node);
      if (element_count(shape) > register_elements)
        for (NodeId input : graph.inputs(node)) prepare(input);
      emit_elements(node, [&](const Index& index) { return elementwise(node, index); });
      return;
    case OpKind::reduction: emit_reduction(node); return;
    case OpKind::layout:
      if (plan.form[node] == Form::inlined) return;
      switch (op) {
        case Op::cumsum: return emit_cumulative_sum(node);
        case Op::concat: return emit_concat(node);
        case Op::pad: return emit_pad(node);
        case Op::gather: return emit_gather(node);
        case Op::scatter: return emit_scatter(node);
        case Op::sort:
        case Op::argsort: return emit_called(node);
        default: return emit_view(node);
      }
    case OpKind::linear:
      if (plan.form[node] == Form::inlined) return;
      if (op == Op::matmul) return emit_matmul(node);
      if (op == Op::outer) return emit_outer(node);
      return emit_called(node);
  }
}

llvm::Value* Emitter::inlined(NodeId node, const Index& index) {
  if (graph.op(node) == Op::scatter) return scattered(node, index);
  if (graph.op(node) == Op::gather) return gathered(node, index);
  if (graph.op(node) == Op::broadcast) return element(graph.input(node, 0), broadcast_source(node, index));
  if (graph.op(node) != Op::outer) return elementwise(node, index);
  const bool with_lanes = node_lanes(node);
  const auto [left, right] = outer_operands(node, index);
  return b.CreateFMul(as(with_lanes, left), as(with_lanes, right));
}

// [batch.., m], [batch.., n] → [batch.., m, n]
std::pair<llvm::Value*, llvm::Value*> Emitter::outer_operands(NodeId node, const Index& index) {
  const size_t batch = static_cast<size_t>(graph.attributes(node)[0]);
  Index right = part(index, 0, batch);
  right.push_back(index.back());
  return {element(graph.input(node, 0), part(index, 0, batch + 1)), element(graph.input(node, 1), right)};
}

// --- views

// The operand's index for an index of a broadcast.
Index Emitter::broadcast_source(NodeId node, const Index& index) {
  const Shape& from = graph.shape(graph.input(node, 0));
  const std::span<const int64_t> axes = graph.attributes(node);
  Index at(from.size(), i64(0));
  for (size_t axis = 0; axis < index.size(); ++axis)
    if (axes[axis] >= 0 && from[static_cast<size_t>(axes[axis])] != 1) at[static_cast<size_t>(axes[axis])] = index[axis];
  return at;
}

Index Emitter::source_index(NodeId view, const Index& index) {
  const Shape &shape = graph.shape(view), &from = graph.shape(graph.input(view, 0));
  const std::span<const int64_t> attributes = graph.attributes(view);
  Index at(from.size());
  switch (graph.op(view)) {
    case Op::broadcast: return broadcast_source(view, index);
    case Op::transpose:
      for (size_t axis = 0; axis < index.size(); ++axis) at[static_cast<size_t>(attributes[axis])] = index[axis];
      return at;
    case Op::slice:
      at = index;
      at[static_cast<size_t>(attributes[0])] = b.CreateAdd(at[static_cast<size_t>(attributes[0])], i64(attributes[1]));
      return at;
    case Op::reshape: {
      llvm::Value* flat = i64(0);
      for (size_t axis = 0; axis < index.size(); ++axis) flat = b.CreateAdd(b.CreateMul(flat, i64(shape[axis])), index[axis]);
      for (size_t axis = from.size(); axis-- > 0;) {
        at[axis] = b.CreateURem(flat, i64(from[axis]));
        flat = b.CreateUDiv(flat, i64(from[axis]));
      }
      return at;
    }
    default: return index;
  }
}

std::optional<EmittedValue> Emitter::strided(NodeId view, const EmittedValue& source) {
  const NodeId from = graph.input(view, 0);
  const Shape &shape = graph.shape(view), &from_shape = graph.shape(from);
  const std::span<const int64_t> attributes = graph.attributes(view);
  EmittedValue found = source;
  found.elements.clear();
  switch (graph.op(view)) {
    case Op::broadcast:
      found.strides.assign(shape.size(), 0);
      for (size_t axis = 0; axis < shape.size(); ++axis)
        if (attributes[axis] >= 0 && from_shape[static_cast<size_t>(attributes[axis])] != 1)
          found.strides[axis] = source.strides[static_cast<size_t>(attributes[axis])];
      return found;
    case Op::transpose:
      for (size_t axis = 0; axis < shape.size(); ++axis)
        found.strides[axis] = source.strides[static_cast<size_t>(attributes[axis])];
      return found;
    case Op::slice:
      found.base = offset(source.base, attributes[1] * source.strides[static_cast<size_t>(attributes[0])]);
      return found;
    case Op::reshape: {
      const EmittedValue packed = memory(type(from), source.lanes, source.base, source.lane_width);
      if (!same(source.strides, packed.strides, from_shape)) return {};
      found.strides = memory(type(view), source.lanes, source.base, source.lane_width).strides;
      return found;
    }
    default: return found;
  }
}

void Emitter::emit_view(NodeId node) {
  const NodeId source = graph.input(node, 0);
  const Shape &shape = graph.shape(node), &from = graph.shape(source);
  const int64_t count = element_count(shape);
  // A register array is rearranged, or spread from one element, without any instruction.
  if (value(source).elements.size() == 1) {
    EmittedValue splatted = value(source);
    splatted.base = nullptr;
    splatted.strides.clear();
    values[node.index] = splatted;
    return;
  }
  if (count <= register_elements) {
    EmittedValue view{value(source).lanes, is_boolean(node), false, {}, nullptr, {}};
    for (int64_t k = 0; k < count; ++k) view.elements.push_back(element(source, source_index(node, constant_index(shape, k))));
    values[node.index] = view;
    return;
  }
  to_memory(source);
  const EmittedValue found = value(source);
  if (plan.form[node] == Form::view)
    if (const auto view = strided(node, found)) {
      values[node.index] = *view;
      return;
    }
  const EmittedValue target = result(node);
  if (graph.op(node) == Op::reshape) {
    // Over the operand's axes, the result at a running index: no division.
    const EmittedValue flat = memory(type(source), target.lanes, target.base, target.lane_width);
    each(from, [&](const Index& index) { store(flat, index, load(found, index)); });
  } else {
    each(shape, [&](const Index& index) { store(target, index, load(found, source_index(node, index))); });
  }
  values[node.index] = target;
}

// --- reductions

// sum + value for a sum that began at 0, and so is never -0: adding a selection of 0 leaves it, which is one masked addition.
llvm::Value* Emitter::add_from_zero(llvm::Value* sum, llvm::Value* value) {
  if (auto* selected = llvm::dyn_cast<llvm::SelectInst>(value); selected != nullptr && has_registers()) {
    const auto* otherwise = llvm::dyn_cast<llvm::Constant>(selected->getFalseValue());
    if (otherwise != nullptr && otherwise->isNullValue())
      return b.CreateSelect(selected->getCondition(), b.CreateFAdd(sum, selected->getTrueValue()), sum);
  }
  return b.CreateFAdd(sum, value);
}

void Emitter::emit_reduction(NodeId node) {
  const Op op = graph.op(node);
  const NodeId source = graph.input(node, 0);
  const size_t axis = static_cast<size_t>(graph.attributes(node)[0]);
  const int64_t length = graph.shape(source)[axis];
  const bool with_lanes = node_lanes(node);
  const Shape& shape = graph.shape(node);
  if (length > register_elements || element_count(shape) > register_elements) prepare(source);
  auto reduced = [&](const Index& index) -> llvm::Value* {
    auto at = [&](llvm::Value* k) { return as(with_lanes, element(source, with_axis(index, axis, k))); };
    if (op == Op::reduce_sum || op == Op::reduce_prod) {
      llvm::Value* start = as(with_lanes, real(op == Op::reduce_sum ? 0 : 1));
      return loop(length, {start}, [&](llvm::Value* k, Carried so_far) -> Carried {
        return {op == Op::reduce_sum ? add_from_zero(so_far[0], at(k)) : b.CreateFMul(so_far[0], at(k))};
      })[0];
    }
    const bool largest = op == Op::reduce_max || op == Op::argmax;
    if (is_boolean(source) && op != Op::argmax && op != Op::argmin) {
      llvm::Value* start = as(with_lanes, b.getInt1(!largest));
      return loop(length, {start}, [&](llvm::Value* k, Carried so_far) -> Carried {
        return {largest ? b.CreateOr(so_far[0], at(k)) : b.CreateAnd(so_far[0], at(k))};
      })[0];
    }
    if (length == 0) {
      const double infinity = std::numeric_limits<double>::infinity();
      return as(with_lanes, real(op == Op::reduce_max ? -infinity : op == Op::reduce_min ? infinity : 0));
    }
    auto number = [&](llvm::Value* k) {
      llvm::Value* value = at(k);
      return is_boolean(source) ? elementary(Op::convert, with_lanes, {{value}}) : value;
    };
    // The first element is the best so far; a later one replaces it when better or NaN, and NaN stays.
    const bool with_position = op == Op::argmax || op == Op::argmin;
    Carried best{number(i64(0))};
    if (with_position) best.push_back(as(with_lanes, real(0)));
    best = loop(length - 1, best, [&](llvm::Value* k, Carried so_far) -> Carried {
      llvm::Value* next = b.CreateAdd(k, i64(1));
      llvm::Value* candidate = number(next);
      llvm::Value* better = largest ? b.CreateFCmpUGT(candidate, so_far[0]) : b.CreateFCmpULT(candidate, so_far[0]);
      llvm::Value* replaces = b.CreateAnd(better, b.CreateFCmpORD(so_far[0], so_far[0]));
      Carried result{b.CreateSelect(replaces, candidate, so_far[0])};
      if (with_position) result.push_back(b.CreateSelect(replaces, as(with_lanes, b.CreateSIToFP(next, real_)), so_far[1]));
      return result;
    });
    return with_position ? best[1] : best[0];
  };
  emit_elements(node, reduced);
}

// Each element by itself: registers when there are few, else a loop into memory. Operands are prepared.
void Emitter::emit_elements(NodeId node, const std::function<llvm::Value*(const Index&)>& compute) {
  const Shape& shape = graph.shape(node);
  if (element_count(shape) <= register_elements) {
    EmittedValue computed{node_lanes(node), is_boolean(node), false, {}, nullptr, {}};
    for (int64_t k = 0; k < element_count(shape); ++k) computed.elements.push_back(compute(constant_index(shape, k)));
    values[node.index] = std::move(computed);
    return;
  }
  const EmittedValue target = result(node);
  const auto body = [&](const Index& index) { store(target, index, compute(index)); };
  if (row_ == nullptr) each(shape, body);
  else
    each({shape.begin() + 1, shape.end()}, [&](Index index) {
      index.insert(index.begin(), row_);
      body(index);
    });
  values[node.index] = target;
}

void Emitter::emit_cumulative_sum(NodeId node) {
  const NodeId source = graph.input(node, 0);
  const size_t axis = static_cast<size_t>(graph.attributes(node)[0]);
  const bool reverse = graph.attributes(node)[1] != 0, with_lanes = node_lanes(node);
  const Shape& shape = graph.shape(node);
  if (element_count(shape) > register_elements) prepare(source);
  Shape around = shape;
  around.erase(around.begin() + static_cast<std::ptrdiff_t>(axis));
  const EmittedValue target = result(node);
  each(around, [&](const Index& index) {
    loop(shape[axis], {zero(with_lanes)}, [&](llvm::Value* k, Carried so_far) -> Carried {
      llvm::Value* at = reverse ? b.CreateSub(i64(shape[axis] - 1), k) : k;
      const Index place = with_axis(index, axis, at);
      if (element_count(shape) > register_elements || llvm::isa<llvm::ConstantInt>(at)) {
        llvm::Value* total = b.CreateFAdd(so_far[0], as(with_lanes, element(source, place)));
        store(target, place, total);
        return {total};
      }
      internal_error("a loop over a register array");
    });
  });
  set_result(node, target);
}

void Emitter::emit_concat(NodeId node) {
  const size_t axis = static_cast<size_t>(graph.attributes(node)[0]);
  const Shape& shape = graph.shape(node);
  if (element_count(shape) <= register_elements) {
    emit_elements(node, [&](const Index& index) {
      int64_t at = llvm::cast<llvm::ConstantInt>(index[axis])->getSExtValue();
      for (NodeId input : graph.inputs(node)) {
        const int64_t length = graph.shape(input)[axis];
        if (at < length) {
          Index place = index;
          place[axis] = i64(at);
          return as(node_lanes(node), element(input, place));
        }
        at -= length;
      }
      internal_error("concat: an index beyond its operands");
    });
    return;
  }
  for (NodeId input : graph.inputs(node)) prepare(input);
  const EmittedValue target = result(node);
  int64_t start = 0;
  for (NodeId input : graph.inputs(node)) {
    EmittedValue rows = target;
    rows.base = offset(target.base, start * target.strides[axis]);
    each(graph.shape(input), [&](const Index& index) { store(rows, index, element(input, index)); });
    start += graph.shape(input)[axis];
  }
  values[node.index] = target;
}

void Emitter::emit_pad(NodeId node) {
  const size_t axis = static_cast<size_t>(graph.attributes(node)[0]);
  const int64_t start = graph.attributes(node)[1];
  const NodeId source = graph.input(node, 0);
  const Shape& shape = graph.shape(node);
  const int64_t length = graph.shape(source)[axis];
  llvm::Value* nothing = is_boolean(node) ? b.getInt1(false) : real(0);
  if (element_count(shape) <= register_elements) {
    emit_elements(node, [&](const Index& index) {
      const int64_t at = llvm::cast<llvm::ConstantInt>(index[axis])->getSExtValue() - start;
      if (at < 0 || at >= length) return as(node_lanes(node), nothing);
      Index place = index;
      place[axis] = i64(at);
      return as(node_lanes(node), element(source, place));
    });
    return;
  }
  prepare(source);
  const EmittedValue target = result(node);
  auto rows_from = [&](int64_t first) {
    EmittedValue rows = target;
    rows.base = offset(target.base, first * target.strides[axis]);
    return rows;
  };
  Shape before = shape, after = shape;
  before[axis] = start;
  after[axis] = shape[axis] - start - length;
  fill(rows_from(0), before, nothing);
  const EmittedValue inside = rows_from(start);
  each(graph.shape(source), [&](const Index& index) { store(inside, index, element(source, index)); });
  fill(rows_from(start + length), after, nothing);
  values[node.index] = target;
}

}  // namespace alea
