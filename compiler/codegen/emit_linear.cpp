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

namespace {

// c[i, j] = Σ_k a[i, k] b[k, j], for each index of the batch axes; a vector stands for one row, resp. one column.
class MatrixProduct {
 public:
  MatrixProduct(Emitter& emitter, NodeId node)
      : e(emitter),
        node_(node),
        left_(e.graph.input(node, 0)),
        right_(e.graph.input(node, 1)),
        batch_(static_cast<size_t>(e.graph.attributes(node)[0])),
        shape_(e.graph.shape(node)),
        with_lanes_(e.node_lanes(node)) {
    const Shape &a = e.graph.shape(left_), &c = e.graph.shape(right_);
    left_matrix_ = a.size() == batch_ + 2;
    right_matrix_ = c.size() == batch_ + 2;
    const int64_t rows = left_matrix_ ? a[batch_] : 1, columns = right_matrix_ ? c[batch_ + 1] : 1;
    inner_ = a.back();
    small_ = element_count(shape_) <= register_elements;
    reads_memory_ = !small_ || inner_ > register_elements || rows > tile_rows || columns > tile_rows;
    along_rows_ = rows >= columns || (rows >= tile_rows && !e.node_lanes(left_));
    length_ = along_rows_ ? rows : columns;
    across_ = along_rows_ ? columns : rows;
    triangle_ = along_rows_ && batch_ == 0 && !small_ && is_lower_triangle(e.graph, left_) && is_surely_finite(e.graph, right_);
  }

  void emit() {
    if (reads_memory_) {
      e.prepare(left_);
      e.prepare(right_);
    }
    if (small_) in_registers();
    else in_memory();
  }

 private:
  llvm::Value* left(Index at, llvm::Value* i, llvm::Value* k) {
    if (left_matrix_) at.push_back(i);
    at.push_back(k);
    return e.as(with_lanes_, e.element(left_, at));
  }
  llvm::Value* right(Index at, llvm::Value* k, llvm::Value* j) {
    at.push_back(k);
    if (right_matrix_) at.push_back(j);
    return e.as(with_lanes_, e.element(right_, at));
  }

  // `width` results along one axis, from `first` on.
  Emitter::Carried tile(const Index& batches, llvm::Value* first, int64_t width, llvm::Value* other) {
    const Emitter::Carried nothing(static_cast<size_t>(width), e.zero(with_lanes_));
    return e.over_columns(inner_, triangle_ ? first : nullptr, nothing, [&](llvm::Value* k, size_t row, Emitter::Carried sums) {
      llvm::Value* shared = along_rows_ ? right(batches, k, other) : left(batches, other, k);
      for (size_t r = row; r < sums.size(); ++r) {
        llvm::Value* at = e.b.CreateAdd(first, e.i64(static_cast<int64_t>(r)));
        llvm::Value* own = along_rows_ ? left(batches, at, k) : right(batches, k, at);
        sums[r] = along_rows_ ? e.fma(own, shared, sums[r]) : e.fma(shared, own, sums[r]);
      }
      return sums;
    });
  }
  Index result_index(Index at, llvm::Value* along, llvm::Value* other) {
    if (left_matrix_) at.push_back(along_rows_ ? along : other);
    if (right_matrix_) at.push_back(along_rows_ ? other : along);
    return at;
  }
  Shape batches() const { return {shape_.begin(), shape_.begin() + static_cast<std::ptrdiff_t>(batch_)}; }

  void in_registers() {
    EmittedValue computed{with_lanes_, false, false, Emitter::Carried(static_cast<size_t>(element_count(shape_))), nullptr, {}};
    e.each(batches(), [&](const Index& at) {
      for (int64_t other = 0; other < across_; ++other)
        for (int64_t first = 0; first < length_; first += tile_rows) {
          const Emitter::Carried sums = tile(at, e.i64(first), std::min(tile_rows, length_ - first), e.i64(other));
          for (size_t r = 0; r < sums.size(); ++r)
            computed.elements[flat(result_index(at, e.i64(first + static_cast<int64_t>(r)), e.i64(other)))] = sums[r];
        }
    });
    e.values[node_.index] = std::move(computed);
  }
  size_t flat(const Index& index) const {
    int64_t at = 0;
    for (size_t axis = 0; axis < index.size(); ++axis)
      at = at * shape_[axis] + llvm::cast<llvm::ConstantInt>(index[axis])->getSExtValue();
    return static_cast<size_t>(at);
  }

  void in_memory() {
    target_ = e.result(node_);
    Index at;
    over_batches(at);
    e.values[node_.index] = target_;
  }
  // Batch axes always as loops: the body is long.
  void over_batches(Index& at) {
    if (at.size() == batch_) return over_tiles(at);
    e.rolled_loop(e.i64(shape_[at.size()]), {}, [&](llvm::Value* i, const Emitter::Carried&) -> Emitter::Carried {
      at.push_back(i);
      over_batches(at);
      at.pop_back();
      return {};
    });
  }
  void over_tiles(const Index& batches) {
    const auto line = [&](llvm::Value* other, const Emitter::Carried&) -> Emitter::Carried {
      const int64_t whole = length_ / tile_rows;
      if (whole > 0)
        e.rolled_loop(e.i64(whole), {}, [&](llvm::Value* t, const Emitter::Carried&) -> Emitter::Carried {
          store_tile(batches, e.b.CreateMul(t, e.i64(tile_rows)), tile_rows, other);
          return {};
        });
      if (length_ % tile_rows != 0) store_tile(batches, e.i64(whole * tile_rows), length_ % tile_rows, other);
      return {};
    };
    if (across_ == 1) line(e.i64(0), {});
    else e.rolled_loop(e.i64(across_), {}, line);
  }
  void store_tile(const Index& batches, llvm::Value* first, int64_t width, llvm::Value* other) {
    const Emitter::Carried sums = tile(batches, first, width, other);
    for (size_t r = 0; r < sums.size(); ++r)
      e.store(target_, result_index(batches, e.b.CreateAdd(first, e.i64(static_cast<int64_t>(r))), other), sums[r]);
  }

  Emitter& e;
  NodeId node_, left_, right_;
  size_t batch_;
  Shape shape_;
  bool with_lanes_, left_matrix_ = false, right_matrix_ = false;
  int64_t inner_ = 0;
  bool small_ = false, reads_memory_ = false, triangle_ = false;
  bool along_rows_ = false;  // tiles go along the rows, unless only the columns can share loads
  int64_t length_ = 0, across_ = 0;
  EmittedValue target_;
};

}  // namespace

void Emitter::emit_matmul(NodeId node) { MatrixProduct(*this, node).emit(); }

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
