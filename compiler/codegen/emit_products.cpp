// Weight gradients of large layers outside time, Σ over the group's samples of left rightᵀ: the operands lie in memory for
// all lanes. Columns of the right one are turned, a panel at a time, so that a vector holds neighbouring columns of one
// sample; the panel stays in the first cache while tiles of 6 rows by 4 vectors are summed in registers, sample by sample
// in order: a sum is a chain of fused multiply-adds over the samples that count, whatever the tile.
#include <llvm/IR/Intrinsics.h>

#include "compiler/codegen/emitter.h"

namespace alea {
namespace {

constexpr int64_t tile_rows = 6, panel_vectors = 4;

class GroupProduct {
 public:
  // `to`: the first element's place, as numbers of the model's precision, or as doubles.
  GroupProduct(Emitter& emitter, NodeId outer, llvm::Value* to, bool as_doubles, bool add)
      : e(emitter),
        rows_(e.graph.shape(outer)[0]),
        columns_(e.graph.shape(outer)[1]),
        width_(e.schedule.modulus),
        to_(to),
        to_type_(as_doubles ? e.b.getDoubleTy() : e.real_type()),
        to_bytes_(as_doubles ? 8 : e.real_bytes()),
        add_(add),
        vector_(llvm::FixedVectorType::get(e.real_type(), static_cast<unsigned>(width_))) {
    left_ = e.offset(e.arena, kept_at(e.graph, e.schedule, product_operand(e.graph, outer, 0)));
    right_ = e.offset(e.arena, kept_at(e.graph, e.schedule, product_operand(e.graph, outer, 1)));
    panel_ = e.new_buffer(Type{Scalar::real, 0, {group_size, panel_vectors * width_}}, false).base;
  }

  void emit() {
    over(columns_, panel_vectors * width_, [&](llvm::Value* first_column, int64_t columns) {
      turn(first_column, columns);
      over(rows_, tile_rows, [&](llvm::Value* first_row, int64_t rows) { multiply(first_row, rows, first_column, columns); });
    });
  }

 private:
  // `length` in pieces of `size`, the last one perhaps shorter.
  void over(int64_t length, int64_t size, const std::function<void(llvm::Value*, int64_t)>& body) {
    const int64_t whole = length / size;
    if (whole > 0)
      e.rolled_loop(e.i64(whole), {}, [&](llvm::Value* t, const Emitter::Carried&) -> Emitter::Carried {
        body(e.b.CreateMul(t, e.i64(size)), size);
        return {};
      });
    if (length % size != 0) body(e.i64(whole * size), length % size);
  }

  // panel[sample][column] = right[first_column + column][sample]; 0 where the last vector has no column.
  void turn(llvm::Value* first_column, int64_t columns) {
    const int64_t column_bytes = group_size * e.real_bytes(), vector_bytes = width_ * e.real_bytes();
    e.rolled_loop(e.i64(group_size / width_), {}, [&](llvm::Value* part, const Emitter::Carried&) -> Emitter::Carried {
      llvm::Value* from = e.offset(e.offset(right_, first_column, column_bytes), part, vector_bytes);
      llvm::Value* to = e.offset(panel_, part, width_ * panel_vectors * vector_bytes);
      for (int64_t first = 0; first < columns; first += width_) {
        std::vector<llvm::Value*> vectors;
        for (int64_t k = first; k < first + width_; ++k) {
          vectors.push_back(llvm::Constant::getNullValue(vector_));
          if (k < columns) vectors.back() = e.b.CreateAlignedLoad(vector_, e.offset(from, k * column_bytes), llvm::Align(64));
        }
        vectors = transposed(std::move(vectors));
        for (int64_t sample = 0; sample < width_; ++sample)
          e.b.CreateAlignedStore(vectors[static_cast<size_t>(sample)],
                                 e.offset(to, (sample * panel_vectors + first / width_) * vector_bytes), llvm::Align(64));
      }
      return {};
    });
  }

  // Blocks of `step` by `step` elements change places across the diagonal, for each power of two.
  std::vector<llvm::Value*> transposed(std::vector<llvm::Value*> vectors) {
    const auto width = static_cast<size_t>(width_);
    for (size_t step = 1; step < width; step *= 2) {
      std::vector<int> upper, lower;
      for (size_t lane = 0; lane < width; ++lane) {
        const bool second = (lane & step) != 0;
        upper.push_back(static_cast<int>(second ? width + lane - step : lane));
        lower.push_back(static_cast<int>(second ? width + lane : lane + step));
      }
      for (size_t k = 0; k < width; ++k) {
        if ((k & step) != 0) continue;
        llvm::Value *a = vectors[k], *b = vectors[k + step];
        vectors[k] = e.b.CreateShuffleVector(a, b, upper);
        vectors[k + step] = e.b.CreateShuffleVector(a, b, lower);
      }
    }
    return vectors;
  }

  void multiply(llvm::Value* first_row, int64_t rows, llvm::Value* first_column, int64_t columns) {
    const int64_t vectors = (columns + width_ - 1) / width_, vector_bytes = width_ * e.real_bytes(),
                  row_bytes = group_size * e.real_bytes();
    llvm::Value* left = e.offset(left_, first_row, row_bytes);
    llvm::Value* corner = e.offset(e.offset(to_, first_row, columns_ * to_bytes_), first_column, to_bytes_);
    const Emitter::Carried sums = e.rolled_loop(
        e.sample_count(), Emitter::Carried(static_cast<size_t>(rows * vectors), llvm::Constant::getNullValue(vector_)),
        [&](llvm::Value* sample, Emitter::Carried so_far) {
          fetch_line(corner, columns, sample);
          llvm::Value* from = e.offset(panel_, sample, panel_vectors * vector_bytes);
          std::vector<llvm::Value*> across;
          for (int64_t v = 0; v < vectors; ++v)
            across.push_back(e.b.CreateAlignedLoad(vector_, e.offset(from, v * vector_bytes), llvm::Align(64)));
          for (int64_t r = 0; r < rows; ++r) {
            llvm::Value* at = e.offset(e.offset(left, sample, e.real_bytes()), r * row_bytes);
            llvm::Value* own = e.b.CreateVectorSplat(
                static_cast<unsigned>(width_),
                e.b.CreateAlignedLoad(e.real_type(), at, llvm::Align(static_cast<uint64_t>(e.real_bytes()))));
            for (int64_t v = 0; v < vectors; ++v) {
              llvm::Value*& sum = so_far[static_cast<size_t>(r * vectors + v)];
              sum = e.fma(own, across[static_cast<size_t>(v)], sum);
            }
          }
          return so_far;
        });
    const llvm::Align align(static_cast<uint64_t>(to_bytes_));
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t v = 0; v < vectors; ++v) {
        llvm::Value* value = sums[static_cast<size_t>(r * vectors + v)];
        if (const int64_t there = std::min(width_, columns - v * width_); there < width_) {
          std::vector<int> first;
          for (int64_t c = 0; c < there; ++c) first.push_back(static_cast<int>(c));
          value = e.b.CreateShuffleVector(value, first);
        }
        const auto lanes = llvm::cast<llvm::FixedVectorType>(value->getType())->getNumElements();
        value = e.b.CreateFPExt(value, llvm::FixedVectorType::get(to_type_, lanes));
        llvm::Value* at = e.offset(corner, (r * columns_ + v * width_) * to_bytes_);
        if (add_) value = e.b.CreateFAdd(e.b.CreateAlignedLoad(value->getType(), at, align), value);
        e.b.CreateAlignedStore(value, at, align);
      }
  }

  // One after another, the lines of the result are on their way while the tile is summed.
  void fetch_line(llvm::Value* corner, int64_t columns, llvm::Value* sample) {
    constexpr int64_t line = 64;
    const int64_t lines = std::max<int64_t>(columns * to_bytes_ / line, 1);
    llvm::Value* row = e.offset(corner, e.b.CreateUDiv(sample, e.i64(lines)), columns_ * to_bytes_);
    e.b.CreateIntrinsic(
        llvm::Intrinsic::prefetch, {e.b.getPtrTy()},
        {e.offset(row, e.b.CreateURem(sample, e.i64(lines)), line), e.b.getInt32(1), e.b.getInt32(3), e.b.getInt32(1)});
  }

  Emitter& e;
  int64_t rows_, columns_, width_;
  llvm::Value* to_;
  llvm::Type* to_type_;
  int64_t to_bytes_;
  bool add_;
  llvm::Type* vector_;
  llvm::Value *left_ = nullptr, *right_ = nullptr, *panel_ = nullptr;
};

}  // namespace

std::optional<int64_t> Emitter::place_in_gradient(AccumulatorId id) const {
  const Accumulator& accumulator = program.accumulators[id];
  if (schedule.accumulators[id].form != AccumulatorForm::product || accumulator.contributions.size() != 1) return {};
  const auto is_sum = [&](NodeId node) { return node && graph.op(node) == Op::accumulated && graph[node].payload == id.index; };
  for (NodeId node : schedule.order[static_cast<size_t>(Phase::finish)])
    if (std::ranges::any_of(graph.inputs(node), is_sum)) return {};
  std::optional<int64_t> found;
  int64_t first = 0;
  for (const ProgramParam& param : program.params) {
    if (is_sum(param.gradient)) {
      if (found || param.type.shape != accumulator.type.shape) return {};
      found = first;
    }
    first += element_count(param.type.shape);
  }
  return found;
}

llvm::Function* emit_products(ModuleContext& context) {
  const auto& areas = context.schedule.accumulators;
  bool any = false;
  for (uint32_t k = 0; k < areas.size(); ++k) any = any || areas[AccumulatorId{k}].form == AccumulatorForm::product;
  if (!any) return nullptr;
  Emitter e(context, Phase::finish, 1, "products_phase");
  for (uint32_t k = 0; k < areas.size(); ++k) {
    const AccumulatorId id{k};
    if (areas[id].form != AccumulatorForm::product) continue;
    const std::vector<Contribution>& contributions = e.program.accumulators[id].contributions;
    if (const auto first = e.place_in_gradient(id)) {
      llvm::Value* gradient = e.argument(offsetof(KernelArguments, gradient), e.b.getPtrTy());
      GroupProduct(e, contributions[0].value, e.offset(gradient, *first * 8), true, false).emit();
      continue;
    }
    bool add = false;
    for (const Contribution& contribution : contributions) {
      GroupProduct(e, contribution.value, e.offset(e.arena, areas[id].reduced), false, add).emit();
      add = true;
    }
  }
  e.b.CreateRetVoid();
  return e.function;
}

}  // namespace alea
