// Indexing: gathers from tables and scatters into them, by an index that may differ from lane to lane.
//
// A varying index reads a short row of a table that the samples share by a permutation of the registers that hold the row, where
// the processor has one, else by comparing with each element; a longer row from memory, every lane at its own address.
#include <llvm/IR/Intrinsics.h>
#include <llvm/IR/IntrinsicsX86.h>

#include "compiler/codegen/emitter.h"

namespace alea {
namespace {

Index part(const Index& index, size_t begin, size_t end) {
  return {index.begin() + static_cast<std::ptrdiff_t>(begin), index.begin() + static_cast<std::ptrdiff_t>(end)};
}

Index joined(Index index, const Index& more) {
  index.insert(index.end(), more.begin(), more.end());
  return index;
}

// Up to so many rows a varying index selects by comparing with each.
constexpr int64_t chain_length = 16;

int64_t row_length(const Graph& graph, NodeId gather) {
  return graph.shape(graph.input(gather, 0))[static_cast<size_t>(graph.attributes(gather)[0])];
}

}  // namespace

// The index clamped into the table, for memory safety, and whether it was inside. NaN is outside. Since every lane's place is
// in the table, lanes are loaded and stored without a mask, which a processor that has no such instructions would take a branch
// for in every lane, and LLVM seconds for the blocks.
Emitter::Position Emitter::position(llvm::Value* index, int64_t length) {
  auto constant = [&](double number) { return llvm::ConstantFP::get(index->getType(), number); };
  llvm::Value* inside =
      b.CreateAnd(b.CreateFCmpOGE(index, constant(0)), b.CreateFCmpOLT(index, constant(static_cast<double>(length))));
  llvm::Value* clamped = b.CreateSelect(inside, index, constant(0));
  llvm::Type* narrow = b.getInt32Ty();
  if (index->getType()->isVectorTy()) narrow = lanes_type(narrow);
  llvm::Value* where = b.CreateFPToSI(clamped, narrow);
  return {index->getType()->isVectorTy() ? where : b.CreateSExt(where, b.getInt64Ty()), inside};
}

// The row lies in two registers at most, its elements side by side.
bool Emitter::permutes(NodeId node) {
  const NodeId table = graph.input(node, 0);
  const size_t batch = static_cast<size_t>(graph.attributes(node)[0]);
  if (!has_registers() || is_boolean(node) || !node_lanes(graph.input(node, 1)) || node_lanes(table)) return false;
  if (graph.shape(table).size() != batch + 1 || row_length(graph, node) > 2 * register_lanes()) return false;
  to_memory(table);
  return value(table).strides[batch] == real_bytes();
}

void Emitter::prepare_gather(NodeId node, bool in_loop) {
  const NodeId table = graph.input(node, 0), indices = graph.input(node, 1);
  const bool chain = node_lanes(indices) && (row_length(graph, node) <= chain_length || is_boolean(node));
  if (permutes(node)) {
    if (in_loop) prepare(indices);
    return;
  }
  if (!chain || in_loop || row_length(graph, node) > register_elements) prepare(table);
  if (!chain) to_memory(table);
  if (in_loop) prepare(indices);
}

void Emitter::emit_gather(NodeId node) {
  prepare_gather(node, element_count(graph.shape(node)) > register_elements);
  emit_elements(node, [&](const Index& index) { return gathered(node, index); });
}

// out[batch.., i.., slice..] = table[batch.., index[batch.., i..], slice..], NaN where the index is beyond the table
llvm::Value* Emitter::gathered(NodeId node, const Index& index) {
  prepare_gather(node, false);  // where the loops around were not: they are unrolled
  const NodeId table = graph.input(node, 0), indices = graph.input(node, 1);
  const size_t batch = static_cast<size_t>(graph.attributes(node)[0]), index_axes = graph.shape(indices).size();
  const int64_t length = row_length(graph, node);
  llvm::Value* missing = is_boolean(node) ? b.getInt1(false) : real(std::numeric_limits<double>::quiet_NaN());
  const Index batches = part(index, 0, batch), slice = part(index, index_axes, index.size());
  llvm::Value* wanted = element(indices, part(index, 0, index_axes));
  const auto row = [&](llvm::Value* k) { return joined(joined(batches, {k}), slice); };
  const bool varying = node_lanes(indices), whole = type(indices).scalar != Scalar::real;
  const auto floored = [&] { return whole ? splat(wanted) : elementary(Op::floor, true, {{splat(wanted)}}); };
  if (permutes(node)) return permuted(address(value(table), row(i64(0))), length, floored());
  if (varying && (length <= chain_length || is_boolean(node))) {
    // NaN compares false with every row.
    llvm::Value* const position = floored();
    return loop(length, {splat(missing)}, [&](llvm::Value* k, Carried so_far) -> Carried {
      llvm::Value* here = b.CreateFCmpOEQ(position, splat(b.CreateSIToFP(k, real_)));
      return {b.CreateSelect(here, splat(element(table, row(k))), so_far[0])};
    })[0];
  }
  const Position at = position(wanted, length);
  if (!varying) {
    const bool with_lanes = node_lanes(node);
    llvm::Value* found = as(with_lanes, load(value(table), row(at.where)));
    return b.CreateSelect(at.inside, found, as(with_lanes, missing));
  }
  llvm::Value* found = b.CreateMaskedGather(lanes_type(real_), lane_addresses(value(table), row(i64(0)), batch, at.where),
                                            llvm::Align(static_cast<uint64_t>(real_bytes())));
  return b.CreateSelect(at.inside, found, splat(missing));
}

// row[wanted] for whole numbers, NaN for others. Adding 2^52 (2^23) leaves a whole number in the low bits; what is then
// below `length`, unsigned, lay between 0 and it.
llvm::Value* Emitter::permuted(llvm::Value* row, int64_t length, llvm::Value* wanted) {
  const bool is_double = real_bytes() == 8;
  const int width = register_lanes();
  llvm::Type* words = lanes_type(b.getIntNTy(static_cast<unsigned>(8 * real_bytes())));
  llvm::Constant* unit = llvm::ConstantFP::get(lanes_type(real_), is_double ? 0x1p52 : 0x1p23);
  llvm::Value* index = b.CreateSub(b.CreateBitCast(b.CreateFAdd(wanted, unit), words), b.CreateBitCast(unit, words));
  llvm::Value* inside = b.CreateICmpULT(index, llvm::ConstantInt::get(words, static_cast<uint64_t>(length)));
  const llvm::Align align(static_cast<uint64_t>(real_bytes()));
  auto* part_type = llvm::FixedVectorType::get(real_, static_cast<unsigned>(width));
  const auto elements_from = [&](int64_t first) -> llvm::Value* {
    llvm::Value* at = offset(row, first * real_bytes());
    if (length - first >= width) return b.CreateAlignedLoad(part_type, at, align);
    std::vector<llvm::Constant*> there;
    for (int64_t k = first; k < first + width; ++k) there.push_back(b.getInt1(k < length));
    return b.CreateMaskedLoad(part_type, at, align, llvm::ConstantVector::get(there), llvm::Constant::getNullValue(part_type));
  };
  llvm::Value* found = nullptr;
  if (length <= width)
    found = by_registers(is_double ? llvm::Intrinsic::x86_avx512_permvar_df_512 : llvm::Intrinsic::x86_avx512_permvar_sf_512,
                         width, {elements_from(0), index});
  else
    found =
        by_registers(is_double ? llvm::Intrinsic::x86_avx512_vpermi2var_pd_512 : llvm::Intrinsic::x86_avx512_vpermi2var_ps_512,
                     width, {elements_from(0), index, elements_from(width)});
  return b.CreateSelect(inside, found, splat(real(std::numeric_limits<double>::quiet_NaN())));
}

// Addresses of element `index` of an array, each lane with its own position along `axis`.
llvm::Value* Emitter::lane_addresses(const EmittedValue& array, const Index& index, size_t axis, llvm::Value* where) {
  llvm::Value* wide = b.CreateSExt(where, lanes_type(b.getInt64Ty()));
  llvm::Value* bytes = b.CreateMul(wide, splat(i64(array.strides[axis])));
  if (array.lanes) {
    std::vector<llvm::Constant*> own;
    for (int lane = 0; lane < lanes; ++lane) own.push_back(b.getInt64(static_cast<uint64_t>(lane * real_bytes())));
    bytes = b.CreateAdd(bytes, llvm::ConstantVector::get(own));
  }
  return b.CreateGEP(b.getInt8Ty(), address(array, index), bytes);
}

// out[batch.., k, slice..] = index[batch..] = k ? source[batch.., slice..] : 0
llvm::Value* Emitter::scattered(NodeId node, const Index& index) {
  const size_t batch = static_cast<size_t>(graph.attributes(node)[0]);
  const Index batches = part(index, 0, batch);
  llvm::Value* wanted = element(graph.input(node, 1), batches);
  llvm::Value* row = b.CreateSIToFP(index[batch], real_);
  llvm::Value* here = b.CreateFCmpOEQ(wanted, as(wanted->getType()->isVectorTy(), row));
  llvm::Value* source = element(graph.input(node, 0), joined(batches, part(index, batch + 1, index.size())));
  // The sum with 0, as where rows receive several.
  llvm::Value* added = as(node_lanes(node), b.CreateFAdd(source, as(source->getType()->isVectorTy(), real(0))));
  return b.CreateSelect(here, added, zero(node_lanes(node)));
}

void Emitter::emit_scatter(NodeId node) {
  const NodeId source = graph.input(node, 0), indices = graph.input(node, 1);
  const size_t batch = static_cast<size_t>(graph.attributes(node)[0]);
  const Shape &shape = graph.shape(node), &from = graph.shape(source), &index_shape = graph.shape(indices);
  const int64_t length = shape[batch];
  const bool with_lanes = node_lanes(node), varying = node_lanes(indices);
  if (element_count(from) > register_elements) {
    prepare(source);
    prepare(indices);
  }
  const EmittedValue target = result(node);
  fill(target, shape, real(0));
  if (length == 0) return set_result(node, target);
  each(from, [&](const Index& index) {
    const Index batches = part(index, 0, batch), slice = part(index, index_shape.size(), index.size());
    auto row = [&](llvm::Value* k) { return joined(joined(batches, {k}), slice); };
    llvm::Value* added = as(with_lanes, element(source, index));
    const Position at = position(element(indices, part(index, 0, index_shape.size())), length);
    if (!varying) {
      llvm::Value* before = load(target, row(at.where));
      store(target, row(at.where), b.CreateSelect(at.inside, b.CreateFAdd(before, added), before));
      return;
    }
    // Every lane has its own table, so no two addresses are equal.
    llvm::Value* addresses = lane_addresses(target, row(i64(0)), batch, at.where);
    const llvm::Align align(static_cast<uint64_t>(real_bytes()));
    llvm::Value* before = b.CreateMaskedGather(lanes_type(real_), addresses, align);
    b.CreateMaskedScatter(b.CreateSelect(at.inside, b.CreateFAdd(before, added), before), addresses, align);
  });
  set_result(node, target);
}

}  // namespace alea
