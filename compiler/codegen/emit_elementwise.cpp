// Elementwise operations: arithmetic, comparisons and selections as instructions, elementary functions by the
// templates of compiler/kernel/elementary.h over a builder of LLVM values.
#include <llvm/IR/CFG.h>
#include <llvm/IR/Intrinsics.h>
#include <llvm/IR/IntrinsicsX86.h>

#include "compiler/codegen/emitter.h"
#include "compiler/kernel/constants.h"
#include "compiler/kernel/elementary.h"
#include "dsl/diagnostic.h"

namespace alea {
namespace {

// Whether every way to `block`, of those emitted so far, passes `earlier`. May miss it where the two lie far apart.
bool is_passed(const llvm::BasicBlock* earlier, const llvm::BasicBlock* block) {
  constexpr int far_apart = 256;
  for (int turn = 0; block != nullptr && turn < far_apart; ++turn) {
    if (block == earlier) return true;
    const llvm::BasicBlock* before = block->getSinglePredecessor();
    // After a branch around one block: the block that branches.
    if (before == nullptr && block->hasNPredecessors(2))
      for (const llvm::BasicBlock* around : llvm::predecessors(block))
        if (const llvm::BasicBlock* branching = around->getSinglePredecessor();
            branching != nullptr && llvm::is_contained(llvm::predecessors(block), branching))
          before = branching;
    block = before;
  }
  return false;
}

// The builder of elementary_builder.h.
template <class T>
struct LlvmBuilder {
  using Real = T;
  using Value = llvm::Value*;
  using Whole = llvm::Value*;
  using Mask = llvm::Value*;

  Emitter& emitter;
  bool lanes;
  llvm::IRBuilder<>& b = emitter.b;

  llvm::Type* type(llvm::Type* element) const { return lanes ? emitter.lanes_type(element) : element; }
  llvm::Type* whole_type() const { return type(b.getIntNTy(sizeof(T) * 8)); }

  Value constant(double x) { return llvm::ConstantFP::get(type(emitter.real_type()), static_cast<double>(static_cast<T>(x))); }
  Value add(Value x, Value y) { return b.CreateFAdd(x, y); }
  Value sub(Value x, Value y) { return b.CreateFSub(x, y); }
  Value mul(Value x, Value y) { return b.CreateFMul(x, y); }
  Value div(Value x, Value y) { return b.CreateFDiv(x, y); }
  Value fma(Value x, Value y, Value z) { return emitter.fma(x, y, z); }
  Value neg(Value x) { return b.CreateFNeg(x); }
  Value abs(Value x) { return b.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, x); }
  Value sqrt(Value x) { return b.CreateUnaryIntrinsic(llvm::Intrinsic::sqrt, x); }
  Value floor(Value x) { return b.CreateUnaryIntrinsic(llvm::Intrinsic::floor, x); }
  Value round_even(Value x) { return b.CreateUnaryIntrinsic(llvm::Intrinsic::roundeven, x); }
  Mask less(Value x, Value y) { return b.CreateFCmpOLT(x, y); }
  Mask less_equal(Value x, Value y) { return b.CreateFCmpOLE(x, y); }
  Mask equal(Value x, Value y) { return b.CreateFCmpOEQ(x, y); }
  Value select(Mask mask, Value x, Value y) { return b.CreateSelect(mask, x, y); }
  Mask mask_and(Mask x, Mask y) { return b.CreateAnd(x, y); }
  Mask mask_or(Mask x, Mask y) { return b.CreateOr(x, y); }
  Mask mask_not(Mask x) { return b.CreateNot(x); }
  Whole bits(Value x) { return b.CreateBitCast(x, whole_type()); }
  Value value(Whole x) { return b.CreateBitCast(x, type(emitter.real_type())); }
  Whole whole_constant(uint64_t x) { return llvm::ConstantInt::get(whole_type(), sizeof(T) == 4 ? static_cast<uint32_t>(x) : x); }
  Whole whole_add(Whole x, Whole y) { return b.CreateAdd(x, y); }
  Whole whole_sub(Whole x, Whole y) { return b.CreateSub(x, y); }
  Whole whole_and(Whole x, Whole y) { return b.CreateAnd(x, y); }
  Whole whole_or(Whole x, Whole y) { return b.CreateOr(x, y); }
  Whole whole_xor(Whole x, Whole y) { return b.CreateXor(x, y); }
  Whole whole_shift_left(Whole x, int count) { return b.CreateShl(x, static_cast<uint64_t>(count)); }
  Whole whole_shift_right(Whole x, int count) { return b.CreateLShr(x, static_cast<uint64_t>(count)); }
  Mask whole_nonzero(Whole x) { return b.CreateICmpNE(x, llvm::Constant::getNullValue(x->getType())); }
  Value number(Whole x) { return b.CreateUIToFP(x, type(emitter.real_type())); }

  static constexpr int register_lanes = 64 / sizeof(T);
  bool has_registers() const { return lanes && emitter.has_registers(); }
  llvm::Constant* no_register() const {
    return llvm::Constant::getNullValue(llvm::FixedVectorType::get(emitter.real_type(), register_lanes));
  }
  llvm::Constant* all_of_register() const { return llvm::ConstantInt::getAllOnesValue(b.getIntNTy(register_lanes)); }
  llvm::Constant* rounding_of_mxcsr() const { return b.getInt32(4); }

  Value scale(Value x, Value k) {
    if (!limits())
      return elementary::scale_by_halves(elementary::Real<LlvmBuilder>{this, x}, elementary::Real<LlvmBuilder>{this, k}).value;
    return emitter.by_registers(
        sizeof(T) == 8 ? llvm::Intrinsic::x86_avx512_mask_scalef_pd_512 : llvm::Intrinsic::x86_avx512_mask_scalef_ps_512,
        register_lanes, {x, k}, {no_register(), all_of_register(), rounding_of_mxcsr()});
  }

  bool limits() { return has_registers(); }
  Value limit(Value x, double bound) {
    constexpr uint32_t least_magnitude = 2;
    return emitter.by_registers(
        sizeof(T) == 8 ? llvm::Intrinsic::x86_avx512_mask_range_pd_512 : llvm::Intrinsic::x86_avx512_mask_range_ps_512,
        register_lanes, {x, constant(bound)},
        {b.getInt32(least_magnitude), no_register(), all_of_register(), rounding_of_mxcsr()});
  }

  bool split(Value x, Value& m, Value& e) {
    if (!has_registers()) return false;
    constexpr bool is_double = sizeof(T) == 8;
    constexpr auto significand =
        is_double ? llvm::Intrinsic::x86_avx512_mask_getmant_pd_512 : llvm::Intrinsic::x86_avx512_mask_getmant_ps_512;
    constexpr auto exponent =
        is_double ? llvm::Intrinsic::x86_avx512_mask_getexp_pd_512 : llvm::Intrinsic::x86_avx512_mask_getexp_ps_512;
    constexpr uint32_t from_three_quarters = 3, negative_to_nan = 2 << 2;
    m = emitter.by_registers(
        significand, register_lanes, {x},
        {b.getInt32(from_three_quarters | negative_to_nan), no_register(), all_of_register(), rounding_of_mxcsr()});
    const auto exponent_of = [&](Value of) {
      return emitter.by_registers(exponent, register_lanes, {of}, {no_register(), all_of_register(), rounding_of_mxcsr()});
    };
    e = b.CreateFSub(exponent_of(x), exponent_of(m));
    return true;
  }

  template <size_t n>
  Value look_up(const T (&table)[n], Whole index) {
    llvm::Constant* all = llvm::ConstantDataArray::get(b.getContext(), llvm::ArrayRef<T>(table));
    const auto part = [&](size_t first, size_t count) -> llvm::Value* {
      return llvm::ConstantDataVector::get(b.getContext(), llvm::ArrayRef<T>(table + first, count));
    };
    if (has_registers())
      return emitter.by_registers(
          sizeof(T) == 8 ? llvm::Intrinsic::x86_avx512_vpermi2var_pd_512 : llvm::Intrinsic::x86_avx512_vpermi2var_ps_512,
          register_lanes, {part(0, n / 2), index, part(n / 2, n / 2)});
    if (constexpr int eight = 8; sizeof(T) == 4 && lanes && emitter.lanes % eight == 0 && emitter.has_feature("+avx2")) {
      // Eight elements at a time by the index's lowest bits, of which the higher ones choose.
      llvm::SmallVector<llvm::Value*, n / eight> found;
      for (size_t first = 0; first < n; first += eight)
        found.push_back(emitter.by_registers(llvm::Intrinsic::x86_avx2_permps, eight, {part(first, eight), index}));
      for (int bit = 3; found.size() > 1; ++bit) {
        llvm::Value* upper = b.CreateICmpSLT(b.CreateShl(index, static_cast<uint64_t>(31 - bit)), whole_constant(0));
        for (size_t k = 0; k < found.size() / 2; ++k) found[k] = b.CreateSelect(upper, found[2 * k + 1], found[2 * k]);
        found.resize(found.size() / 2);
      }
      return found[0];
    }
    const llvm::Align align(sizeof(T));
    llvm::GlobalVariable* place = nullptr;
    for (llvm::GlobalVariable& variable : emitter.context.module.globals())
      if (variable.hasInitializer() && variable.getInitializer() == all) place = &variable;
    if (place == nullptr) {
      place = new llvm::GlobalVariable(emitter.context.module, all->getType(), true, llvm::GlobalValue::PrivateLinkage, all);
      place->setAlignment(align);
    }
    llvm::Value* address = b.CreateGEP(emitter.real_type(), place, b.CreateAnd(index, whole_constant(n - 1)));
    if (!lanes) return b.CreateAlignedLoad(emitter.real_type(), address, align);
    return b.CreateMaskedGather(type(emitter.real_type()), address, align);
  }

  // The lanes that are no less, a bit each.
  llvm::Value* lanes_of(Whole x, uint64_t least) {
    llvm::Value* mask = b.CreateICmpUGE(x, llvm::ConstantInt::get(x->getType(), least));
    if (lanes) mask = b.CreateBitCast(mask, b.getIntNTy(llvm::cast<llvm::FixedVectorType>(x->getType())->getNumElements()));
    return b.CreateZExt(mask, b.getInt64Ty());
  }

  // `values`, but where a lane is no less than a power of two, hardly ever, what `call` leaves of them in memory. It gets the
  // places of x and of the values.
  template <class Call>
  Emitter::Carried where_any(Whole number, uint64_t least, Value x, Emitter::Carried values, Call call) {
    // Where one is no less than a power of two, the bits of all are.
    llvm::Value* any = number;
    for (int count = emitter.lanes / 2; lanes && count >= register_lanes; count /= 2)
      any = b.CreateOr(b.CreateShuffleVector(any, lanes_from(0, count)), b.CreateShuffleVector(any, lanes_from(count, count)));
    const auto changed = [&](Emitter::Carried usual) {
      const llvm::Align align(sizeof(T));
      const int64_t bytes = (lanes ? emitter.lanes : 1) * emitter.real_bytes();
      std::vector<llvm::Value*> places;
      const auto keep = [&](Value value) {
        places.push_back(emitter.offset(emitter.call_area(), static_cast<int64_t>(places.size()) * bytes));
        b.CreateAlignedStore(value, places.back(), align);
      };
      keep(x);
      for (Value value : usual) keep(value);
      call(places);
      for (size_t k = 0; k < usual.size(); ++k) usual[k] = b.CreateAlignedLoad(usual[k]->getType(), places[k + 1], align);
      return usual;
    };
    return emitter.unless(b.CreateICmpNE(lanes_of(any, least), emitter.i64(0)), std::move(values), changed);
  }

  void large(elementary::Large function, Whole number, uint64_t least, Value x, Value& first, Value& second) {
    const Emitter::Carried both = where_any(number, least, x, {first, second}, [&](const std::vector<llvm::Value*>& places) {
      llvm::Type *pointer = b.getPtrTy(), *word = b.getInt64Ty();
      b.CreateCall(emitter.external(emitter.symbol("large_values"), {word, word, word, pointer, pointer, pointer}),
                   {emitter.i64(static_cast<int64_t>(function)), emitter.i64(lanes ? emitter.lanes : 1), lanes_of(number, least),
                    places[0], places[1], places[2]});
    });
    first = both[0];
    second = both[1];
  }

  Value exp_or(Value usual, Whole number, uint64_t least, Value x) {
    // One number is not worth a branch.
    if (!lanes) return elementary::exp_of_any(elementary::Real<LlvmBuilder>{this, x}).value;
    return where_any(number, least, x, {usual}, [&](const std::vector<llvm::Value*>& places) {
      b.CreateCall(exp_in_memory(x->getType()), {places[0], places[1]});
    })[0];
  }

  // The module's function (from, to).
  llvm::Function* exp_in_memory(llvm::Type* type) {
    const std::string name = "exp_of_any_" + std::to_string(emitter.lanes);
    if (llvm::Function* there = emitter.context.module.getFunction(name)) return there;
    llvm::Type* pointer = b.getPtrTy();
    auto* function = llvm::Function::Create(llvm::FunctionType::get(b.getVoidTy(), {pointer, pointer}, false),
                                            llvm::GlobalValue::InternalLinkage, name, emitter.context.module);
    function->addFnAttr(llvm::Attribute::NoInline);
    function->addFnAttr(llvm::Attribute::Cold);
    set_target_attributes(emitter.context, *function);
    const llvm::IRBuilderBase::InsertPointGuard guard(b);
    b.SetInsertPoint(llvm::BasicBlock::Create(b.getContext(), "entry", function));
    const llvm::Align align(sizeof(T));
    const elementary::Real<LlvmBuilder> x{this, b.CreateAlignedLoad(type, function->getArg(0), align)};
    b.CreateAlignedStore(elementary::exp_of_any(x).value, function->getArg(1), align);
    b.CreateRetVoid();
    return function;
  }
};

// sin or cos. Both come from one reduction and two polynomials, and often both are needed: where the other one has been
// computed on the way here, it is there. LLVM does not see this, because of the branch for large arguments.
template <class T>
llvm::Value* sine_or_cosine(LlvmBuilder<T>& builder, Op op, llvm::Value* x) {
  Emitter& emitter = builder.emitter;
  SineAndCosine& known = emitter.sines_and_cosines[x];
  if (known.block == nullptr || !is_passed(known.block, builder.b.GetInsertBlock())) {
    const auto both = elementary::sincos(elementary::Real<LlvmBuilder<T>>{&builder, x});
    known = {both.sin.value, both.cos.value, builder.b.GetInsertBlock()};
  }
  return op == Op::sin ? known.sine : known.cosine;
}

template <class T>
llvm::Value* apply(Emitter& emitter, Op op, bool lanes, std::span<llvm::Value* const> operands) {
  using B = LlvmBuilder<T>;
  B builder{emitter, lanes};
  llvm::IRBuilder<>& b = emitter.b;
  auto x = [&](size_t k) { return elementary::Real<B>{&builder, operands[k]}; };
  auto boolean = [&] { return operands[0]->getType()->isIntOrIntVectorTy(1); };
  switch (op) {
    case Op::negate: return b.CreateFNeg(operands[0]);
    case Op::abs: return elementary::abs(x(0)).value;
    case Op::sign: return elementary::sign(x(0)).value;
    case Op::floor: return elementary::floor(x(0)).value;
    case Op::ceil: return elementary::ceil(x(0)).value;
    case Op::round: return elementary::round_even(x(0)).value;
    case Op::truncate: return elementary::truncate(x(0)).value;
    case Op::convert: return boolean() ? b.CreateSelect(operands[0], builder.constant(1), builder.constant(0)) : operands[0];
    case Op::sqrt: return elementary::sqrt(x(0)).value;
    case Op::exp: return elementary::exp(x(0)).value;
    case Op::expm1: return elementary::expm1(x(0)).value;
    case Op::log: return elementary::log(x(0)).value;
    case Op::log1p: return elementary::log1p(x(0)).value;
    case Op::sin:
    case Op::cos: return sine_or_cosine(builder, op, operands[0]);
    case Op::tan: return elementary::tan(x(0)).value;
    case Op::asin: return elementary::asin(x(0)).value;
    case Op::acos: return elementary::acos(x(0)).value;
    case Op::atan: return elementary::atan(x(0)).value;
    case Op::sinh: return elementary::sinh(x(0)).value;
    case Op::cosh: return elementary::cosh(x(0)).value;
    case Op::tanh: return elementary::tanh(x(0)).value;
    case Op::sigmoid: return elementary::sigmoid(x(0)).value;
    case Op::softplus: return elementary::softplus(x(0)).value;
    case Op::erf: return elementary::erf(x(0)).value;
    case Op::erfc: return elementary::erfc(x(0)).value;
    case Op::normal_quantile: return elementary::normal_quantile(x(0)).value;
    case Op::log_normal_cdf: return elementary::log_normal_cdf(x(0)).value;
    case Op::wrap: return elementary::wrap(x(0)).value;
    case Op::pow: return elementary::pow(x(0), x(1)).value;
    case Op::atan2: return elementary::atan2(x(0), x(1)).value;
    case Op::max: return elementary::max(x(0), x(1)).value;
    case Op::min: return elementary::min(x(0), x(1)).value;
    case Op::floor_divide: return elementary::floor_divide(x(0), x(1)).value;
    case Op::modulo: return elementary::modulo(x(0), x(1)).value;
    case Op::lgamma: return emitter.call_rare("lgamma", lanes, operands);
    case Op::digamma: return emitter.call_rare("digamma", lanes, operands);
    case Op::trigamma: return emitter.call_rare("trigamma", lanes, operands);
    case Op::gamma_grad: return emitter.call_rare("gamma_grad", lanes, operands);
    case Op::von_mises_grad: return emitter.call_rare("von_mises_grad", lanes, operands);
    case Op::logical_not: return b.CreateNot(operands[0]);
    case Op::add: return b.CreateFAdd(operands[0], operands[1]);
    case Op::sub: return b.CreateFSub(operands[0], operands[1]);
    case Op::mul: return b.CreateFMul(operands[0], operands[1]);
    case Op::div: return b.CreateFDiv(operands[0], operands[1]);
    case Op::less: return b.CreateFCmpOLT(operands[0], operands[1]);
    case Op::less_equal: return b.CreateFCmpOLE(operands[0], operands[1]);
    case Op::equal:
      return boolean() ? b.CreateNot(b.CreateXor(operands[0], operands[1])) : b.CreateFCmpOEQ(operands[0], operands[1]);
    case Op::not_equal: return boolean() ? b.CreateXor(operands[0], operands[1]) : b.CreateFCmpUNE(operands[0], operands[1]);
    case Op::logical_and: return b.CreateAnd(operands[0], operands[1]);
    case Op::logical_or: return b.CreateOr(operands[0], operands[1]);
    case Op::select: return b.CreateSelect(operands[0], operands[1], operands[2]);
    default: internal_error("`" + std::string(text(op)) + "` is not elementwise", print(emitter.program));
  }
}

template <class T>
llvm::Value* divide(Emitter& emitter, bool lanes, llvm::Value* x, double divisor) {
  LlvmBuilder<T> builder{emitter, lanes};
  return elementary::divide_by_constant(elementary::Real<LlvmBuilder<T>>{&builder, x}, constant_in<T>(divisor)).value;
}

}  // namespace

bool Emitter::has_feature(const char* name) const { return context.options.features.find(name) != std::string::npos; }
bool Emitter::has_registers() const { return lanes % register_lanes() == 0 && has_feature("+avx512dq"); }

llvm::Value* Emitter::by_registers(llvm::Intrinsic::ID function, int width, llvm::ArrayRef<llvm::Value*> operands,
                                   llvm::ArrayRef<llvm::Value*> rest) {
  llvm::SmallVector<llvm::Value*, 8> parts;
  for (int first = 0; first < lanes; first += width) {
    llvm::SmallVector<int, 16> own;
    for (int lane = 0; lane < width; ++lane) own.push_back(first + lane);
    llvm::SmallVector<llvm::Value*, 6> passed;
    for (llvm::Value* operand : operands) {
      const auto* type = llvm::cast<llvm::FixedVectorType>(operand->getType());
      passed.push_back(static_cast<int>(type->getNumElements()) == width ? operand : b.CreateShuffleVector(operand, own));
    }
    passed.append(rest.begin(), rest.end());
    parts.push_back(b.CreateIntrinsic(function, {}, passed));
  }
  while (parts.size() > 1) {
    llvm::SmallVector<llvm::Value*, 8> joined;
    for (size_t i = 0; i < parts.size(); i += 2) {
      const auto half = static_cast<int>(llvm::cast<llvm::FixedVectorType>(parts[i]->getType())->getNumElements());
      llvm::SmallVector<int, 64> both;
      for (int lane = 0; lane < 2 * half; ++lane) both.push_back(lane);
      joined.push_back(b.CreateShuffleVector(parts[i], parts[i + 1], both));
    }
    parts = joined;
  }
  return parts[0];
}

llvm::Value* Emitter::fma(llvm::Value* x, llvm::Value* y, llvm::Value* z) {
  return b.CreateIntrinsic(z->getType(), llvm::Intrinsic::fma, {x, y, z});
}

bool is_transcendental(Op op) {
  switch (op) {
    case Op::exp:
    case Op::expm1:
    case Op::log:
    case Op::log1p:
    case Op::sin:
    case Op::cos:
    case Op::tan:
    case Op::asin:
    case Op::acos:
    case Op::atan:
    case Op::sinh:
    case Op::cosh:
    case Op::tanh:
    case Op::sigmoid:
    case Op::softplus:
    case Op::erf:
    case Op::erfc:
    case Op::normal_quantile:
    case Op::log_normal_cdf:
    case Op::wrap:
    case Op::pow:
    case Op::atan2: return true;
    default: return false;
  }
}

// One function of the module for an elementary function and a number of lanes.
llvm::Value* Emitter::outlined(Op op, bool with_lanes, std::span<llvm::Value* const> operands) {
  const std::string name = std::string(text(op)) + "_of_" + std::to_string(with_lanes ? lanes : 1);
  llvm::Function* callee = context.module.getFunction(name);
  if (!callee) {
    llvm::Type* type = operands[0]->getType();
    std::vector<llvm::Type*> types(operands.size(), type);
    types.push_back(b.getPtrTy());
    callee = llvm::Function::Create(llvm::FunctionType::get(type, types, false), llvm::GlobalValue::InternalLinkage, name,
                                    context.module);
    callee->addFnAttr(llvm::Attribute::NoInline);
    set_target_attributes(context, *callee);
    const llvm::IRBuilderBase::InsertPointGuard guard(b);
    llvm::Function* const caller = function;
    llvm::Value* const own_arena = arena;
    function = callee;
    arena = callee->getArg(static_cast<unsigned>(operands.size()));
    b.SetInsertPoint(llvm::BasicBlock::Create(b.getContext(), "entry", callee));
    std::vector<llvm::Value*> passed;
    for (unsigned k = 0; k < operands.size(); ++k) passed.push_back(callee->getArg(k));
    outlines = false;
    b.CreateRet(elementary(op, with_lanes, passed));
    outlines = true;
    function = caller;
    arena = own_arena;
  }
  std::vector<llvm::Value*> passed(operands.begin(), operands.end());
  passed.push_back(arena);
  return b.CreateCall(callee, passed);
}

llvm::Value* Emitter::elementary(Op op, bool with_lanes, std::span<llvm::Value* const> operands) {
  if (outlines && is_transcendental(op)) return outlined(op, with_lanes, operands);
  return context.options.precision == Precision::f64 ? apply<double>(*this, op, with_lanes, operands)
                                                     : apply<float>(*this, op, with_lanes, operands);
}

llvm::Value* Emitter::elementwise(NodeId node, const Index& index) {
  const bool with_lanes = node_lanes(node);
  if (const FusedSide side = schedule.fused[node]; side != FusedSide::none) {
    const FusedSum sum = fused_sum(graph, node, side);
    auto at = [&](NodeId part) { return as(with_lanes, operand(part, index)); };
    llvm::Value *x = at(sum.x), *y = sum.y == sum.x ? x : at(sum.y), *z = at(sum.z);
    return fma(sum.negate_x ? b.CreateFNeg(x) : x, y, sum.negate_z ? b.CreateFNeg(z) : z);
  }
  if (const auto divisor = constant_divisor(graph, node)) {
    llvm::Value* x = as(with_lanes, operand(graph.input(node, 0), index));
    return context.options.precision == Precision::f64 ? divide<double>(*this, with_lanes, x, *divisor)
                                                       : divide<float>(*this, with_lanes, x, *divisor);
  }
  std::vector<llvm::Value*> operands;
  const auto inputs = graph.inputs(node);
  for (size_t k = 0; k < inputs.size(); ++k)
    operands.push_back(k > 0 && inputs[k] == inputs[0] ? operands[0] : as(with_lanes, operand(inputs[k], index)));
  return elementary(graph.op(node), with_lanes, operands);
}

std::string Emitter::symbol(llvm::StringRef name) const {
  return "alea_" + name.str() + (context.options.precision == Precision::f64 ? "_f64" : "_f32");
}

llvm::FunctionCallee Emitter::external(llvm::StringRef name, llvm::ArrayRef<llvm::Type*> parameters) {
  return context.module.getOrInsertFunction(name, llvm::FunctionType::get(b.getVoidTy(), parameters, false));
}

// Functions of the symbol table over arrays: (count, operand …, out).
llvm::Value* Emitter::call_rare(llvm::StringRef name, bool with_lanes, std::span<llvm::Value* const> operands) {
  const int64_t count = with_lanes ? lanes : 1;
  const llvm::Align align(static_cast<uint64_t>(real_bytes()));
  llvm::Value* memory = call_area();
  std::vector<llvm::Type*> types{b.getInt64Ty()};
  std::vector<llvm::Value*> passed{i64(count)};
  for (size_t k = 0; k <= operands.size(); ++k) {
    llvm::Value* at = offset(memory, static_cast<int64_t>(k) * count * real_bytes());
    if (k < operands.size()) b.CreateAlignedStore(operands[k], at, align);
    types.push_back(b.getPtrTy());
    passed.push_back(at);
  }
  b.CreateCall(external(symbol(name), types), passed);
  return b.CreateAlignedLoad(with_lanes ? lanes_type(real_) : real_, passed.back(), align);
}

}  // namespace alea
