// Weight gradients of large layers outside time, Σ over the group's samples of left rightᵀ: the operands lie in memory for
// all lanes, and are multiplied tile by tile of 4 × 4 elements in registers. A tile sums `modulus` lanes side by side over
// the parts of the group in order, then over those by a fixed tree. Lanes that do not count are loaded as 0.
#include "compiler/codegen/emitter.h"

namespace alea {
namespace {

constexpr int64_t tile = 4;

class GroupProduct {
 public:
  GroupProduct(Emitter& emitter, NodeId outer, int64_t to, bool add)
      : e(emitter),
        rows_(e.graph.shape(outer)[0]),
        columns_(e.graph.shape(outer)[1]),
        to_(to),
        add_(add),
        lanes_(llvm::FixedVectorType::get(e.real_type(), static_cast<unsigned>(e.schedule.modulus))) {
    left_ = e.offset(e.arena, e.schedule.offset[product_operand(e.graph, outer, 0)]);
    right_ = e.offset(e.arena, e.schedule.offset[product_operand(e.graph, outer, 1)]);
  }

  void emit() {
    // Eight columns stay in the first cache while the rows pass by.
    over(columns_, 2 * tile, [&](llvm::Value* first_column, int64_t columns) {
      over(rows_, tile, [&](llvm::Value* first_row, int64_t rows) {
        for (int64_t c = 0; c < columns; c += tile)
          multiply(first_row, rows, e.b.CreateAdd(first_column, e.i64(c)), std::min(tile, columns - c));
      });
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

  void multiply(llvm::Value* first_row, int64_t rows, llvm::Value* first_column, int64_t columns) {
    const int64_t modulus = e.schedule.modulus, element_bytes = group_size * e.real_bytes(),
                  part_bytes = modulus * e.real_bytes();
    llvm::Constant* zero = llvm::Constant::getNullValue(lanes_);
    std::vector<llvm::Constant*> own;
    for (int64_t lane = 0; lane < modulus; ++lane) own.push_back(e.b.getInt64(static_cast<uint64_t>(lane)));
    llvm::Value* count = e.argument(offsetof(KernelArguments, sample_count), e.b.getInt64Ty());
    const Emitter::Carried sums = e.rolled_loop(
        e.i64(group_size / modulus), Emitter::Carried(static_cast<size_t>(rows * columns), zero),
        [&](llvm::Value* part, Emitter::Carried so_far) {
          llvm::Value* left_over = e.b.CreateSub(count, e.b.CreateMul(part, e.i64(modulus)));
          llvm::Value* counted =
              e.b.CreateICmpSLT(llvm::ConstantVector::get(own), e.b.CreateVectorSplat(static_cast<unsigned>(modulus), left_over));
          auto load = [&](llvm::Value* operand, llvm::Value* first, int64_t k) {
            llvm::Value* element = e.offset(e.offset(operand, first, element_bytes), k * element_bytes);
            llvm::Value* value = e.b.CreateAlignedLoad(lanes_, e.offset(element, part, part_bytes), llvm::Align(64));
            return e.b.CreateSelect(counted, value, zero);
          };
          std::vector<llvm::Value*> across;
          for (int64_t c = 0; c < columns; ++c) across.push_back(load(right_, first_column, c));
          for (int64_t r = 0; r < rows; ++r) {
            llvm::Value* value = load(left_, first_row, r);
            for (int64_t c = 0; c < columns; ++c) {
              llvm::Value*& sum = so_far[static_cast<size_t>(r * columns + c)];
              sum = e.fma(value, across[static_cast<size_t>(c)], sum);
            }
          }
          return so_far;
        });
    store(first_row, first_column, columns, sums);
  }

  // The sums over the lanes of `modulus` vectors at a time, as one vector: neighbours are added, then pairs of them, and
  // so on, each step halving the number of vectors.
  llvm::Value* lane_sums(Emitter::Carried vectors) {
    const auto width = static_cast<int>(e.schedule.modulus);
    for (int step = 1; step < width; step *= 2) {
      Emitter::Carried halved;
      for (size_t k = 0; k < vectors.size(); k += 2) {
        std::vector<int> low, high;
        for (int lane = 0; lane < width; ++lane) {
          // Lane i of the result belongs to vector i mod 2 step: to the first one while that is below `step`.
          const int from = lane / (2 * step) * (2 * step) + lane % step + (lane % (2 * step) < step ? 0 : width);
          low.push_back(from);
          high.push_back(from + step);
        }
        halved.push_back(e.b.CreateFAdd(e.b.CreateShuffleVector(vectors[k], vectors[k + 1], low),
                                        e.b.CreateShuffleVector(vectors[k], vectors[k + 1], high)));
      }
      vectors = std::move(halved);
    }
    return vectors[0];
  }

  void store(llvm::Value* first_row, llvm::Value* first_column, int64_t columns, const Emitter::Carried& sums) {
    // Vector r tile + c, with nothing in the columns that the last tile of a row lacks.
    Emitter::Carried vectors;
    for (size_t k = 0; k < sums.size(); ++k) {
      vectors.push_back(sums[k]);
      if (static_cast<int64_t>(k) % columns == columns - 1)
        while (vectors.size() % tile != 0) vectors.push_back(llvm::Constant::getNullValue(lanes_));
    }
    const auto width = static_cast<size_t>(e.schedule.modulus);
    const size_t filled = vectors.size();
    while (vectors.size() % width != 0) vectors.push_back(llvm::Constant::getNullValue(lanes_));
    const llvm::Align align(static_cast<uint64_t>(e.real_bytes()));
    llvm::Value* corner =
        e.offset(e.offset(e.offset(e.arena, to_), first_row, columns_ * e.real_bytes()), first_column, e.real_bytes());
    for (size_t first = 0; first < filled; first += width) {
      const auto begin = vectors.begin() + static_cast<std::ptrdiff_t>(first);
      llvm::Value* sum = lane_sums({begin, begin + static_cast<std::ptrdiff_t>(width)});
      for (size_t k = 0; k < width && first + k < filled; k += tile) {
        const auto row = static_cast<int64_t>((first + k) / tile);
        std::vector<int> of_row;
        for (int64_t c = 0; c < columns; ++c) of_row.push_back(static_cast<int>(k) + static_cast<int>(c));
        llvm::Value* at = e.offset(corner, row * columns_ * e.real_bytes());
        llvm::Value* value = e.b.CreateShuffleVector(sum, of_row);
        if (add_) value = e.b.CreateFAdd(e.b.CreateAlignedLoad(value->getType(), at, align), value);
        e.b.CreateAlignedStore(value, at, align);
      }
    }
  }

  Emitter& e;
  int64_t rows_, columns_, to_;
  bool add_;
  llvm::Type* lanes_;
  llvm::Value *left_ = nullptr, *right_ = nullptr;
};

}  // namespace

llvm::Function* emit_products(ModuleContext& context) {
  const auto& areas = context.schedule.accumulators;
  bool any = false;
  for (uint32_t k = 0; k < areas.size(); ++k) any = any || areas[AccumulatorId{k}].form == AccumulatorForm::product;
  if (!any) return nullptr;
  Emitter e(context, Phase::finish, 1, "products_phase");
  for (uint32_t k = 0; k < areas.size(); ++k) {
    if (areas[AccumulatorId{k}].form != AccumulatorForm::product) continue;
    bool add = false;
    for (const Contribution& contribution : e.program.accumulators[AccumulatorId{k}].contributions) {
      GroupProduct(e, contribution.value, areas[AccumulatorId{k}].reduced, add).emit();
      add = true;
    }
  }
  e.b.CreateRetVoid();
  return e.function;
}

}  // namespace alea
