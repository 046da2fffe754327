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

void Emitter::add_group_sums(llvm::Value* count) {
  const std::vector<Streamed> here = streamed_here(*this);
  const std::vector<Scored> scored_sums = scored_here(*this);
  if (here.empty() && scored_sums.empty()) return;
  llvm::Value* samples = b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, sample_count(), i64(group_size));
  llvm::Value* n = b.CreateSIToFP(samples, real_type());
  // n / (n - 1), for one sample 1 with no mean.
  llvm::Value* several = b.CreateICmpUGT(samples, i64(1));
  llvm::Value* factor = b.CreateSelect(several, b.CreateFDiv(n, b.CreateFSub(n, real(1))), real(1));
  llvm::Value* share = b.CreateSelect(several, b.CreateFDiv(real(1), n), real(0));
  const auto spread = [&](llvm::Value* value) { return b.CreateVectorSplat(static_cast<unsigned>(schedule.modulus), value); };
  // By sum: the gradient's slots, and the running sums of the scores.
  struct Place {
    size_t slots = 0, scores = 0;
    bool has_slots = false;
  };
  std::map<uint32_t, Place> places;
  std::vector<llvm::Value*> addresses;
  Carried carried;
  const auto carry = [&](int64_t from, int64_t elements) {
    const size_t first = carried.size();
    for (int64_t k = 0; k < elements; ++k) {
      addresses.push_back(offset(arena, from + k * row_bytes(*this)));
      carried.push_back(b.CreateAlignedLoad(slots_type(*this), addresses.back(), llvm::Align(64)));
    }
    return first;
  };
  const auto carry_scores = [&](int64_t first, int64_t elements) {
    return carry(schedule.score_sums + first * row_bytes(*this), elements);
  };
  for (const Scored& scored : scored_sums) places[scored.sum].scores = carry_scores(scored.first, scored.elements);
  for (const auto& [product, row, elements, centred] : here) {
    Place& place = places[product.sum.index];
    if (place.has_slots) continue;
    place.has_slots = true;
    place.slots = carry(schedule.accumulators[product.sum].offset, elements);
    if (centred && phase != Phase::step) place.scores = carry_scores(schedule.score_rows[product.sum], elements);
  }
  carried = rolled_loop(count, carried, [&](llvm::Value* step, Carried now) {
    const auto load_row = [&](int64_t row) {
      return b.CreateAlignedLoad(slots_type(*this), row_of(*this, step, row), llvm::Align(64));
    };
    Carried next = now;
    std::map<uint32_t, std::vector<llvm::Value*>> scores;  // of this step, by sum
    for (const Scored& scored : scored_sums)
      for (int64_t k = 0; k < scored.elements; ++k) {
        std::vector<llvm::Value*>& own = scores[scored.sum];
        own.push_back(load_row(schedule.first_score_row + scored.first + k));
        llvm::Value*& running = next[places[scored.sum].scores + static_cast<size_t>(k)];
        running = b.CreateFAdd(running, own.back());
      }
    for (const auto& [product, row, elements, centred] : here) {
      const Place& place = places[product.sum.index];
      llvm::Value* mean = centred ? spread(b.CreateFNeg(b.CreateFMul(lane_sum(load_row(row + elements)), share))) : nullptr;
      for (int64_t k = 0; k < elements; ++k) {
        const auto at = static_cast<size_t>(k);
        llvm::Value* sum = load_row(row + k);
        if (centred) {
          llvm::Value* value = product.scores == Scores::own      ? scores[product.sum.index][at]
                               : product.scores == Scores::before ? now[place.scores + at]
                                                                  : next[place.scores + at];
          sum = b.CreateFMul(fma(mean, value, sum), spread(factor));
        }
        next[place.slots + at] = b.CreateFAdd(next[place.slots + at], sum);
      }
    }
    return next;
  });
  for (size_t k = 0; k < addresses.size(); ++k) b.CreateAlignedStore(carried[k], addresses[k], llvm::Align(64));
}

}  // namespace alea
