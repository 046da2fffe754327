// Credit as the steps go (kernel/stream_credit.h): at each step a chunk adds to the step's rows of group sums, for each product
// Σ weight value and Σ weight over its lanes, and for each sum Σ score: lane i to slot i mod modulus, in the order of the lanes.
// Once all chunks have taken a block of steps, the products are centred and added to the gradient's slots, in the order of time:
//   slots += n/(n-1) (Σ weight value - (Σ weight / n) Σ value), Σ value being Σ score or its running sum.
// A chunk that has left the steps adds nothing, as its weights and scores are zero from there on.
#include <algorithm>
#include <map>

#include "compiler/codegen/emitter.h"

namespace alea {
namespace {

// The products of the emitter's phase, and where their rows are.
struct Streamed {
  const CreditProduct& product;
  int64_t row, elements;
  bool centred;
};
std::vector<Streamed> streamed_here(const Emitter& e) {
  std::vector<Streamed> found;
  const std::vector<CreditProduct>& products = e.schedule.options.products;
  for (size_t k = 0; k < products.size(); ++k)
    if (products[k].phase == e.phase)
      found.push_back({products[k], e.schedule.product_rows[k], element_count(e.program.accumulators[products[k].sum].type.shape),
                       products[k].baseline == Baseline::leave_one_out});
  return found;
}

// The sums whose scores are added up in the emitter's phase.
struct Scored {
  uint32_t sum;
  NodeId score;
  int64_t first, elements;
};
std::vector<Scored> scored_here(const Emitter& e) {
  std::vector<Scored> found;
  if (e.phase != Phase::step) return found;
  for (const CreditProduct& product : e.schedule.options.products) {
    const int64_t first = e.schedule.score_rows[product.sum];
    if (first < 0 || std::ranges::find(found, product.sum.index, &Scored::sum) != found.end()) continue;
    found.push_back({product.sum.index, product.score, first, element_count(e.program.accumulators[product.sum].type.shape)});
  }
  return found;
}

llvm::Type* slots_type(Emitter& e) {
  return llvm::FixedVectorType::get(e.real_type(), static_cast<unsigned>(e.schedule.modulus));
}
int64_t row_bytes(const Emitter& e) { return e.schedule.modulus * e.real_bytes(); }
int64_t step_bytes(const Emitter& e) { return e.schedule.group_sum_rows * row_bytes(e); }

llvm::Value* row_of(Emitter& e, llvm::Value* step, int64_t row) {
  return e.offset(e.offset(e.arena, e.schedule.group_sums + row * row_bytes(e)), step, step_bytes(e));
}

}  // namespace

// A step's weights and scores are zero in a lane that is not alive: where episodes end, the lanes beyond the samples begin
// dead, which saves a mask for each value.
bool Emitter::dead_beyond_count() const {
  return !schedule.options.products.empty() && program.alive && schedule.state_has_lanes[program.alive];
}

void Emitter::clear_group_sums(llvm::Value* count) {
  if (streamed_here(*this).empty() && scored_here(*this).empty()) return;
  b.CreateMemSet(offset(arena, schedule.group_sums), b.getInt8(0), b.CreateMul(count, i64(step_bytes(*this))), llvm::Align(64));
}

void Emitter::clear_score_sums() {
  const int64_t rows = schedule.group_sum_rows - schedule.first_score_row;
  if (rows > 0)
    b.CreateMemSet(offset(arena, schedule.score_sums), b.getInt8(0), static_cast<uint64_t>(rows * row_bytes(*this)),
                   llvm::Align(64));
}

void Emitter::add_to_group_sums(llvm::Value* step_of_block) {
  const int64_t modulus = schedule.modulus;
  const auto part = [&](llvm::Value* vector, int64_t first) { return b.CreateShuffleVector(vector, lanes_from(first, modulus)); };
  // Σ over the chunk's lanes of a b, or of a alone.
  const auto add = [&](int64_t row, llvm::Value* left, llvm::Value* right) {
    llvm::Value* at = row_of(*this, step_of_block, row);
    llvm::Value* sum = b.CreateAlignedLoad(slots_type(*this), at, llvm::Align(64));
    for (int64_t first = 0; first < lanes; first += modulus)
      sum = right == nullptr ? b.CreateFAdd(sum, part(left, first)) : fma(part(left, first), part(right, first), sum);
    b.CreateAlignedStore(sum, at, llvm::Align(64));
  };
  const bool dead = phase == Phase::step && dead_beyond_count();
  const auto counted = [&](llvm::Value* value) {
    return dead ? splat(value) : b.CreateSelect(valid(), splat(value), zero(true));
  };
  const auto element_at = [&](NodeId node, int64_t k) { return counted(element(node, constant_index(type(node).shape, k))); };
  for (const auto& [product, row, elements, centred] : streamed_here(*this)) {
    llvm::Value* weight = counted(scalar(product.weight));
    for (int64_t k = 0; k < elements; ++k) add(row + k, weight, element_at(product.value, k));
    if (centred) add(row + elements, weight, nullptr);
  }
  for (const Scored& scored : scored_here(*this))
    for (int64_t k = 0; k < scored.elements; ++k)
      add(schedule.first_score_row + scored.first + k, element_at(scored.score, k), nullptr);
}

namespace {

// The sums of a block of steps, in registers from step to step: each step's are made of the rows that its chunks have added to.
class GroupSums {
 public:
  GroupSums(Emitter& emitter, std::vector<Streamed> products, std::vector<Scored> scores)
      : e(emitter), products_(std::move(products)), scores_(std::move(scores)) {
    llvm::Value* samples = e.b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, e.sample_count(), e.i64(group_size));
    llvm::Value* n = e.b.CreateSIToFP(samples, e.real_type());
    // n / (n - 1), for one sample 1 with no mean.
    llvm::Value* several = e.b.CreateICmpUGT(samples, e.i64(1));
    factor_ = e.b.CreateSelect(several, e.b.CreateFDiv(n, e.b.CreateFSub(n, e.real(1))), e.real(1));
    share_ = e.b.CreateSelect(several, e.b.CreateFDiv(e.real(1), n), e.real(0));
  }

  void add(llvm::Value* count) {
    Emitter::Carried carried = load();
    carried = e.rolled_loop(count, carried, [&](llvm::Value* step, const Emitter::Carried& now) {
      Emitter::Carried next = now;
      std::map<uint32_t, std::vector<llvm::Value*>> own;
      for (const Scored& scored : scores_) own[scored.sum] = add_scores(scored, step, next);
      for (const Streamed& streamed : products_) add_product(streamed, step, own[streamed.product.sum.index], now, next);
      return next;
    });
    for (size_t k = 0; k < addresses_.size(); ++k) e.b.CreateAlignedStore(carried[k], addresses_[k], llvm::Align(64));
  }

 private:
  // By sum, where what is carried begins: the gradient's slots, and the running sums of the scores.
  struct Place {
    size_t slots = 0, scores = 0;
    bool has_slots = false;
  };

  Emitter::Carried load() {
    Emitter::Carried carried;
    const auto carry = [&](int64_t from, int64_t elements) {
      const size_t first = carried.size();
      for (int64_t k = 0; k < elements; ++k) {
        addresses_.push_back(e.offset(e.arena, from + k * row_bytes(e)));
        carried.push_back(e.b.CreateAlignedLoad(slots_type(e), addresses_.back(), llvm::Align(64)));
      }
      return first;
    };
    const auto carry_scores = [&](int64_t first, int64_t elements) {
      return carry(e.schedule.score_sums + first * row_bytes(e), elements);
    };
    for (const Scored& scored : scores_) places_[scored.sum].scores = carry_scores(scored.first, scored.elements);
    for (const auto& [product, row, elements, centred] : products_) {
      Place& place = places_[product.sum.index];
      if (place.has_slots) continue;
      place.has_slots = true;
      place.slots = carry(e.schedule.accumulators[product.sum].offset, elements);
      if (centred && e.phase != Phase::step) place.scores = carry_scores(e.schedule.score_rows[product.sum], elements);
    }
    return carried;
  }

  llvm::Value* load_row(llvm::Value* step, int64_t row) {
    return e.b.CreateAlignedLoad(slots_type(e), row_of(e, step, row), llvm::Align(64));
  }
  llvm::Value* spread(llvm::Value* value) { return e.b.CreateVectorSplat(static_cast<unsigned>(e.schedule.modulus), value); }

  // Returns the step's own.
  std::vector<llvm::Value*> add_scores(const Scored& scored, llvm::Value* step, Emitter::Carried& next) {
    std::vector<llvm::Value*> own;
    for (int64_t k = 0; k < scored.elements; ++k) {
      own.push_back(load_row(step, e.schedule.first_score_row + scored.first + k));
      llvm::Value*& running = next[places_[scored.sum].scores + static_cast<size_t>(k)];
      running = e.b.CreateFAdd(running, own.back());
    }
    return own;
  }
  // Σ weight value; where it is centred n/(n-1) (Σ weight value - mean weight Σ score).
  void add_product(const Streamed& streamed, llvm::Value* step, const std::vector<llvm::Value*>& own, const Emitter::Carried& now,
                   Emitter::Carried& next) {
    const auto& [product, row, elements, centred] = streamed;
    const Place& place = places_[product.sum.index];
    llvm::Value* mean =
        centred ? spread(e.b.CreateFNeg(e.b.CreateFMul(e.lane_sum(load_row(step, row + elements)), share_))) : nullptr;
    for (int64_t k = 0; k < elements; ++k) {
      const auto at = static_cast<size_t>(k);
      llvm::Value* sum = load_row(step, row + k);
      if (centred) {
        llvm::Value* score = product.scores == Scores::own      ? own[at]
                             : product.scores == Scores::before ? now[place.scores + at]
                                                                : next[place.scores + at];
        sum = e.b.CreateFMul(e.fma(mean, score, sum), spread(factor_));
      }
      next[place.slots + at] = e.b.CreateFAdd(next[place.slots + at], sum);
    }
  }

  Emitter& e;
  std::vector<Streamed> products_;
  std::vector<Scored> scores_;
  llvm::Value *factor_ = nullptr, *share_ = nullptr;
  std::map<uint32_t, Place> places_;
  std::vector<llvm::Value*> addresses_;
};

}  // namespace

void Emitter::add_group_sums(llvm::Value* count) {
  std::vector<Streamed> products = streamed_here(*this);
  std::vector<Scored> scores = scored_here(*this);
  if (products.empty() && scores.empty()) return;
  GroupSums(*this, std::move(products), std::move(scores)).add(count);
}

}  // namespace alea
