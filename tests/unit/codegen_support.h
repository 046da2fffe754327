// Programs built by hand, and running them natively, for the tests of code generation.
#pragma once
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <numbers>

#include "compiler/graph/build.h"
#include "compiler/kernel/interpret.h"
#include "runtime/jit.h"

namespace alea::test {

// Adds nodes to a program phase by phase. An operation is placed where its operands are, in the earliest phase
// that can read them, since equal nodes are one; its rate is the union of theirs.
class ProgramBuilder {
 public:
  Program program;
  Phase phase = Phase::uniform;

  NodeId note(NodeId node, Phase of, uint8_t rate) {
    if (program.phase.size() <= node.index) {
      program.phase.resize(program.graph.size(), Phase::uniform);
      program.rate.resize(program.graph.size(), rate_none);
    }
    if (known_.size() <= node.index) known_.resize(program.graph.size(), false);
    if (!known_[node.index]) {
      known_[node.index] = true;
      program.phase[node] = of;
      program.rate[node] = static_cast<Rate>(rate);
    }
    return node;
  }
  NodeId constant(double value) { return note(program.graph.constant(value), Phase::uniform, rate_none); }
  NodeId constant(const Type& type, std::vector<double> values) {
    return note(program.graph.constant(type, std::move(values)), Phase::uniform, rate_none);
  }
  NodeId leaf(Op op, const Type& type, uint32_t payload, uint8_t rate) {
    return note(program.graph.add(op, type, std::initializer_list<NodeId>{}, payload), phase, rate);
  }
  NodeId param(const std::string& name, const Type& type) {
    const ParamId id = program.params.add({name, type, {}});
    return note(program.graph.add(Op::param, type, std::initializer_list<NodeId>{}, id.index), Phase::uniform, rate_none);
  }
  NodeId input(const std::string& name, const Type& type) {
    const InputId id = program.inputs.add({name, type});
    return note(program.graph.add(Op::input, type, std::initializer_list<NodeId>{}, id.index), Phase::init, rate_sample);
  }
  NodeId noise(Op op, const std::string& name, const Type& type, std::initializer_list<NodeId> arguments = {}) {
    const NoiseId id = program.noises.add({name});
    return note(program.graph.add(op, type, arguments, id.index), phase, phase == Phase::step ? rate_sample_time : rate_sample);
  }
  StateId state(const std::string& name, const Type& type, NodeId init) { return program.states.add({name, type, init, {}}); }
  // An operation as it is written, without simplification.
  NodeId raw(Op op, const Type& type, std::vector<NodeId> inputs, std::vector<int64_t> attributes = {}) {
    const uint32_t payload = attributes.empty() ? UINT32_MAX : program.graph.add_attributes(std::move(attributes)).index;
    return note(program.graph.add(op, type, std::span<const NodeId>(inputs), payload), phase_of(inputs), rate_of(inputs));
  }
  NodeId real(Op op, std::vector<NodeId> inputs) {
    Type type;
    for (NodeId input : inputs)
      if (!program.graph.shape(input).empty()) type.shape = program.graph.shape(input);
    return raw(op, type, std::move(inputs));
  }
  NodeId add(NodeId a, NodeId b) { return real(Op::add, {a, b}); }
  NodeId sub(NodeId a, NodeId b) { return real(Op::sub, {a, b}); }
  NodeId mul(NodeId a, NodeId b) { return real(Op::mul, {a, b}); }
  NodeId mul(double a, NodeId b) { return mul(constant(a), b); }
  NodeId unary(Op op, NodeId a) { return real(op, {a}); }
  // As the compiler makes it; the nodes that this takes belong to the phase at hand.
  NodeId make(Op op, std::vector<NodeId> inputs, std::vector<int64_t> attributes = {}) {
    return note_new([&] { return alea::make(program.graph, op, std::span<const NodeId>(inputs), std::move(attributes)); });
  }
  template <class Make>
  NodeId note_new(Make make_node) {
    const size_t before = program.graph.size();
    const NodeId node = make_node();
    for (size_t k = before; k < program.graph.size(); ++k) {
      const NodeId made{static_cast<uint32_t>(k)};
      const auto inputs = program.graph.inputs(made);
      note(made, phase_of({inputs.begin(), inputs.end()}), rate_of({inputs.begin(), inputs.end()}));
    }
    return node;
  }
  Phase phase_of(const std::vector<NodeId>& inputs) const {
    Phase latest = Phase::uniform;
    bool reads_step = false;
    for (NodeId input : inputs) {
      latest = std::max(latest, program.phase[input]);
      reads_step = reads_step || program.phase[input] == Phase::step;
    }
    return latest == Phase::final && reads_step ? phase : latest;
  }
  uint8_t rate_of(const std::vector<NodeId>& inputs) const {
    uint8_t rate = rate_none;
    for (NodeId input : inputs) rate |= program.rate[input];
    return rate;
  }
  // The gradient of a param is the sum of `value` over samples (and time).
  NodeId accumulate(NodeId target, std::vector<Contribution> contributions) {
    const Type type = program.graph.type(target);
    const AccumulatorId id = program.accumulators.add({target, type, std::move(contributions)});
    const bool of_samples = has_sample(target);
    return note(program.graph.add(Op::accumulated, type, std::initializer_list<NodeId>{}, id.index),
                of_samples ? Phase::init_backward : Phase::finish, of_samples ? rate_sample : rate_none);
  }
  bool has_sample(NodeId node) const { return (program.rate[node] & rate_sample) != 0; }

 private:
  std::vector<bool> known_;
};

struct AlignedFree {
  void operator()(void* memory) const { std::free(memory); }
};
using AlignedMemory = std::unique_ptr<void, AlignedFree>;
inline AlignedMemory aligned_memory(int64_t bytes) {
  const auto size = static_cast<size_t>((bytes + 127) / 64 * 64);
  AlignedMemory memory(std::aligned_alloc(64, size));
  // What a kernel reads before writing it would be seen.
  std::memset(memory.get(), 0xff, size);
  return memory;
}

struct NativeResult {
  std::vector<double> objective, gradient;
};

// Runs one kernel over groups of 64. T is double or float, as the kernel.
template <class T>
struct Runner {
  const Program& program;
  const CompiledKernel& kernel;
  const NoiseFunctions& noise;
  std::vector<T> params;
  std::vector<std::vector<T>> inputs;  // rows after rows
  std::vector<uint64_t> keys = {};
  AlignedMemory uniform = {}, arena = {};

  void prepare() {
    uniform = aligned_memory(kernel.uniform_bytes());
    arena = aligned_memory(kernel.workspace_bytes());
    if (keys.empty())
      for (uint32_t k = 0; k < program.noises.size(); ++k) keys.push_back(0x1234 + k);
  }
  // Several groups, one after another, where `count` is more than 64.
  NativeResult run(uint64_t group, int64_t count, bool gradient = true) {
    if (!arena) prepare();
    NativeResult result;
    const auto groups = static_cast<size_t>((count + 63) / 64);
    int64_t size = 0;
    for (const ProgramParam& param : program.params) size += element_count(param.type.shape);
    result.gradient.assign(static_cast<size_t>(size) * groups, std::nan(""));
    std::vector<KernelInput> rows;
    for (uint32_t k = 0; k < inputs.size(); ++k)
      rows.push_back(
          {inputs[k].data(), static_cast<int64_t>(inputs[k].size()) / element_count(program.inputs[InputId{k}].type.shape)});
    std::vector<T> objective(64 * groups, std::numeric_limits<T>::quiet_NaN());
    const KernelArguments arguments{params.data(),    uniform.get(),          arena.get(), rows.data(), keys.data(), &noise,
                                    objective.data(), result.gradient.data(), group * 64,  count};
    kernel.uniform()(&arguments);
    (gradient ? kernel.gradient() : kernel.forward())(&arguments);
    result.objective.assign(objective.begin(), objective.end());
    return result;
  }
};

// The counter hash of the benchmarks.
inline double benchmark_uniform(uint64_t seed, uint64_t k) {
  uint64_t z = seed * 0xD1342543DE82EF95u + (k + 1) * 0x9E3779B97F4A7C15u;
  z ^= z >> 30;
  z *= 0xBF58476D1CE4E5B9u;
  z ^= z >> 27;
  z *= 0x94D049BB133111EBu;
  z ^= z >> 31;
  return (static_cast<double>(z >> 11) + 0.5) * 0x1p-53;
}
inline double benchmark_normal(uint64_t seed, uint64_t n) {
  return std::sqrt(-2 * std::log(benchmark_uniform(seed, 2 * n))) *
         std::cos(2 * std::numbers::pi * benchmark_uniform(seed, 2 * n + 1));
}

}  // namespace alea::test
