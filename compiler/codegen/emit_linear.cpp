// Linear algebra. Products run over register tiles: four rows of the operand without lanes, or of the left
// one, by a chunk of lanes, the summed index innermost and in order, with fused multiply-add. Factorisations
// and sorting are calls of compiled functions over [element][lanes].
#include "compiler/codegen/emitter.h"
#include "compiler/graph/simplify.h"
#include "dsl/diagnostic.h"

namespace alea {

bool is_lower_triangle(const Graph& graph, NodeId matrix) {
  const Shape& shape = graph.shape(matrix);
  if (graph.op(matrix) != Op::constant || shape.size() != 2 || shape[0] != shape[1]) return false;
  const std::span<const double> values = graph.values(matrix);
  if (values.size() != static_cast<size_t>(shape[0] * shape[1])) return false;
  for (int64_t i = 0; i < shape[0]; ++i)
    for (int64_t j = i + 1; j < shape[1]; ++j)
      if (values[static_cast<size_t>(i * shape[1] + j)] != 0) return false;
  return true;
}

// 0 times a number adds nothing: each row of a triangle ends at its diagonal.
Emitter::Carried Emitter::over_columns(int64_t count, llvm::Value* triangle, Carried sums,
                                       const std::function<Carried(llvm::Value*, size_t, Carried)>& add) {
  const auto full = [&](llvm::Value* k, Carried so_far) { return add(k, 0, std::move(so_far)); };
  if (triangle == nullptr) return loop(count, std::move(sums), full);
  sums = rolled_loop(b.CreateAdd(triangle, i64(1)), std::move(sums), full);
  for (size_t row = 1; row < sums.size(); ++row)
    sums = add(b.CreateAdd(triangle, i64(static_cast<int64_t>(row))), row, std::move(sums));
  return sums;
}

// c[i, j] = Σ_k a[i, k] b[k, j]; a vector stands for one row, resp. one column.
void Emitter::emit_matmul(NodeId node) {
  const NodeId left = graph.input(node, 0), right = graph.input(node, 1);
  const size_t batch = static_cast<size_t>(graph.attributes(node)[0]);
  const Shape &a = graph.shape(left), &c = graph.shape(right), &shape = graph.shape(node);
  const bool left_matrix = a.size() == batch + 2, right_matrix = c.size() == batch + 2;
  const int64_t rows = left_matrix ? a[batch] : 1, columns = right_matrix ? c[batch + 1] : 1, inner = a.back();
  const bool with_lanes = node_lanes(node);
  const bool small = element_count(shape) <= register_elements;
  if (!small || inner > register_elements || rows > tile_rows || columns > tile_rows) {
    prepare(left);
    prepare(right);
  }
  auto left_at = [&](Index at, llvm::Value* i, llvm::Value* k) {
    if (left_matrix) at.push_back(i);
    at.push_back(k);
    return element(left, at);
  };
  auto right_at = [&](Index at, llvm::Value* k, llvm::Value* j) {
    at.push_back(k);
    if (right_matrix) at.push_back(j);
    return element(right, at);
  };
  // A tile of `width` results along one axis: along the rows unless only the columns can share loads.
  const bool along_rows = rows >= columns || (rows >= tile_rows && !node_lanes(left));
  const bool triangle = along_rows && batch == 0 && !small && is_lower_triangle(graph, left) && is_surely_finite(graph, right);
  auto tile = [&](const Index& batches, llvm::Value* first, int64_t width, llvm::Value* other) {
    const Carried sums(static_cast<size_t>(width), zero(with_lanes));
    return over_columns(inner, triangle ? first : nullptr, sums, [&](llvm::Value* k, size_t row, Carried so_far) {
      llvm::Value* shared = as(with_lanes, along_rows ? right_at(batches, k, other) : left_at(batches, other, k));
      for (size_t r = row; r < so_far.size(); ++r) {
        llvm::Value* at = b.CreateAdd(first, i64(static_cast<int64_t>(r)));
        llvm::Value* own = as(with_lanes, along_rows ? left_at(batches, at, k) : right_at(batches, k, at));
        so_far[r] = along_rows ? fma(own, shared, so_far[r]) : fma(shared, own, so_far[r]);
      }
      return so_far;
    });
  };
  auto result_index = [&](Index at, llvm::Value* along, llvm::Value* other) {
    if (left_matrix) at.push_back(along_rows ? along : other);
    if (right_matrix) at.push_back(along_rows ? other : along);
    return at;
  };
  const int64_t length = along_rows ? rows : columns, across = along_rows ? columns : rows;
  const Shape batches_shape(shape.begin(), shape.begin() + static_cast<std::ptrdiff_t>(batch));
  if (small) {
    EmittedValue computed{with_lanes, false, false, Carried(static_cast<size_t>(element_count(shape))), nullptr, {}};
    auto flat = [&](const Index& index) {
      int64_t at = 0;
      for (size_t axis = 0; axis < index.size(); ++axis)
        at = at * shape[axis] + llvm::cast<llvm::ConstantInt>(index[axis])->getSExtValue();
      return static_cast<size_t>(at);
    };
    each(batches_shape, [&](const Index& batches) {
      for (int64_t other = 0; other < across; ++other)
        for (int64_t first = 0; first < length; first += tile_rows) {
          const int64_t width = std::min(tile_rows, length - first);
          const Carried sums = tile(batches, i64(first), width, i64(other));
          for (int64_t r = 0; r < width; ++r)
            computed.elements[flat(result_index(batches, i64(first + r), i64(other)))] = sums[static_cast<size_t>(r)];
        }
    });
    values[node.index] = std::move(computed);
    return;
  }
  const EmittedValue target = result(node);
  auto store_tile = [&](const Index& batches, llvm::Value* first, int64_t width, llvm::Value* other) {
    const Carried sums = tile(batches, first, width, other);
    for (int64_t r = 0; r < width; ++r)
      store(target, result_index(batches, b.CreateAdd(first, i64(r)), other), sums[static_cast<size_t>(r)]);
  };
  auto over_batches = [&](const Index& batches) {
    const auto turn = [&](llvm::Value* other, Carried) -> Carried {
      const int64_t whole = length / tile_rows;
      if (whole > 0)
        rolled_loop(i64(whole), {}, [&](llvm::Value* t, Carried) -> Carried {
          store_tile(batches, b.CreateMul(t, i64(tile_rows)), tile_rows, other);
          return {};
        });
      if (length % tile_rows != 0) store_tile(batches, i64(whole * tile_rows), length % tile_rows, other);
      return {};
    };
    if (across == 1) turn(i64(0), {});
    else rolled_loop(i64(across), {}, turn);
  };
  // Batch axes always as loops: the body is long.
  Index batches;
  std::function<void(size_t)> nest = [&](size_t axis) {
    if (axis == batch) return over_batches(batches);
    rolled_loop(i64(batches_shape[axis]), {}, [&](llvm::Value* i, Carried) -> Carried {
      batches.push_back(i);
      nest(axis + 1);
      batches.pop_back();
      return {};
    });
  };
  nest(0);
  values[node.index] = target;
}

void Emitter::emit_outer(NodeId node) {
  if (element_count(graph.shape(node)) > register_elements)
    for (NodeId input : graph.inputs(node)) prepare(input);
  emit_elements(node, [&](const Index& index) { return inlined(node, index); });
}

void Emitter::emit_called(NodeId node) {
  const Op op = graph.op(node);
  const NodeId source = graph.input(node, 0);
  const Shape& from = graph.shape(source);
  const bool with_lanes = node_lanes(node);
  const bool sorts = op == Op::sort || op == Op::argsort;
  // What one call covers: the last axis of a sort, the last two of a matrix; a loop runs over the axes before.
  const size_t batch = sorts ? from.size() - 1 : static_cast<size_t>(graph.attributes(node)[0]);
  const int64_t width = with_lanes ? lanes : 1;
  std::vector<EmittedValue> operands;
  for (NodeId input : graph.inputs(node)) {
    EmittedValue packed = contiguous(input);
    if (with_lanes && !packed.lanes) {
      EmittedValue spread = new_buffer(type(input), true);
      each(graph.shape(input), [&](const Index& index) { store(spread, index, load(packed, index)); });
      packed = spread;
    }
    operands.push_back(packed);
  }
  Type number = type(node);
  number.scalar = Scalar::real;
  const EmittedValue target = new_buffer(number, with_lanes, node);
  llvm::Type *size = b.getInt64Ty(), *pointer = b.getPtrTy();
  const Shape batches(from.begin(), from.begin() + static_cast<std::ptrdiff_t>(batch));
  each(batches, [&](const Index& index) {
    std::vector<llvm::Type*> types{size};
    std::vector<llvm::Value*> passed{i64(from[batch])};
    auto pass = [&](llvm::Type* type, llvm::Value* value) {
      types.push_back(type);
      passed.push_back(value);
    };
    if (op == Op::solve || op == Op::solve_lower || op == Op::solve_upper) {
      const Shape& right = graph.shape(graph.input(node, 1));
      pass(size, i64(right.size() == batch + 2 ? right.back() : 1));
    }
    pass(size, i64(width));
    for (const EmittedValue& operand : operands) pass(pointer, address(operand, index));
    pass(pointer, address(target, index));
    b.CreateCall(external(symbol(text(op)), types), passed);
  });
  if (schedule.home[node] == Home::phase) return set_result(node, target);
  const EmittedValue home = result(node);
  each(graph.shape(node), [&](const Index& index) { store(home, index, load(target, index)); });
  set_result(node, home);
}

// Noise whose law has arguments: drawn here, for the chunk's lanes.
void Emitter::emit_draw(NodeId node) {
  const Op op = graph.op(node);
  size_t field = 0;
  switch (op) {
    case Op::noise_gamma: field = offsetof(NoiseFunctions, gamma); break;
    case Op::noise_poisson: field = offsetof(NoiseFunctions, poisson); break;
    case Op::noise_binomial: field = offsetof(NoiseFunctions, binomial); break;
    case Op::noise_von_mises: field = offsetof(NoiseFunctions, von_mises); break;
    default: internal_error("`" + std::string(text(op)) + "` takes no arguments", print(program));
  }
  const Shape& shape = graph.shape(node);
  Type number = type(node);
  number.scalar = Scalar::real;
  llvm::Value* operands[2] = {llvm::ConstantPointerNull::get(b.getPtrTy()), llvm::ConstantPointerNull::get(b.getPtrTy())};
  for (size_t k = 0; k < graph.inputs(node).size(); ++k) {
    const NodeId input = graph.input(node, static_cast<int>(k));
    prepare(input);
    EmittedValue argument_values = new_buffer(number, true);
    each(shape, [&](const Index& index) { store(argument_values, index, operand(input, index)); });
    operands[k] = argument_values.base;
  }
  const EmittedValue drawn = new_buffer(number, true, node);
  llvm::Type *word = b.getInt64Ty(), *pointer = b.getPtrTy();
  auto* signature = llvm::FunctionType::get(b.getVoidTy(), {word, word, word, word, word, pointer, pointer, pointer}, false);
  llvm::Value* first = b.CreateAdd(first_sample(), chunk);
  b.CreateCall(signature, noise_function(field),
               {noise_key(NoiseId{graph[node].payload}), first, time ? time : i64(0), i64(element_count(shape)), i64(lanes),
                operands[0], operands[1], drawn.base});
  if (schedule.home[node] == Home::phase) return set_result(node, drawn);
  const EmittedValue home = result(node);
  each(shape, [&](const Index& index) { store(home, index, load(drawn, index)); });
  set_result(node, home);
}

}  // namespace alea
