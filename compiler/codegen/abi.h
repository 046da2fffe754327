// The contract between generated code and the runtime. In: plain pointers, valid for the call. Out: what
// the kernel writes through them. Generated code reads these structs by the offset of each field, so the
// order of the fields is part of every compiled object (abi_version goes into the key of the object cache).
//
// T is double or float, by the kernel's precision. A group is 64 samples: first_sample is a multiple of 64. A call takes
// one group, or as many as EmittedModule::most_groups; of the last one only the lanes below sample_count count: the
// others are computed and reach no sum.
#pragma once
#include <cstddef>
#include <cstdint>

#include "compiler/kernel/program.h"

namespace alea {

inline constexpr int abi_version = 3;

// Rows of one input, of the input's shape each, as T, one after another. Sample i reads row i mod row_count.
struct KernelInput {
  const void* rows;
  int64_t row_count;
};

// Draws for the 64 lanes from first_sample on, at times first_time … first_time + time_count - 1:
// writes T out[time][element][64].
using NoiseFill = void (*)(uint64_t key, uint64_t first_sample, uint64_t first_time, int64_t time_count, int64_t element_count,
                           void* out);
// Draws of a phase without time, for whole groups: writes T out[element][64], that of the next group `group_bytes` on.
using NoiseFillGroups = void (*)(uint64_t key, uint64_t first_sample, int64_t group_count, int64_t group_bytes,
                                 int64_t element_count, void* out);
// Draws with arguments, for `lanes` lanes from first_sample on, at one time: arguments and result are
// T[element][lanes]; `second` is null where the law has one argument.
using NoiseDraw = void (*)(uint64_t key, uint64_t first_sample, uint64_t time, int64_t element_count, int64_t lanes,
                           const void* first, const void* second, void* out);

struct NoiseFunctions {
  NoiseFill uniform, normal;
  NoiseFillGroups group_uniform, group_normal;
  NoiseDraw gamma, poisson, binomial, von_mises;
};

struct KernelArguments {
  const void* params;           // T, every param's elements in the order of Program::params
  void* uniform;                // what alea_uniform computed: CompiledKernel::uniform_bytes, 64-byte aligned
  void* arena;                  // CompiledKernel::workspace_bytes, 64-byte aligned, one per thread
  const KernelInput* inputs;    // by InputId
  const uint64_t* noise_keys;   // by NoiseId
  const NoiseFunctions* noise;  // of the kernel's precision
  void* objective;              // out, T, 64 a group: the samples' objectives
  double* gradient;             // out, as params, group after group: the sum of the group's gradients
  uint64_t first_sample;
  int64_t sample_count;  // 1 … 64 most_groups
};

// alea_uniform: once per call, fills `uniform` (reads params; uses the arena as scratch).
// alea_forward: the groups' objectives. alea_gradient: their objectives and gradients.
using KernelFunction = void (*)(const KernelArguments*);

}  // namespace alea
