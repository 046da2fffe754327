// Groups handed out to threads, each with a workspace; their moments merged; what is not finite found again (driver.h).
#include "runtime/driver.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "compiler/kernel/philox.h"
#include "dsl/diagnostic.h"
#include "runtime/memory.h"
#include "runtime/noise.h"

namespace alea {

namespace {

std::string bytes_text(int64_t bytes) {
  const bool large = bytes >= 1 << 20;
  return fmt::format("{:.1f} {}", static_cast<double>(bytes) / (large ? 1 << 20 : 1 << 10), large ? "MiB" : "KiB");
}

Memory allocated(int64_t bytes) {
  Memory memory = allocate(bytes);
  if (!memory) throw MachineError{fmt::format("{} of memory could not be had", bytes_text(bytes))};
  return memory;
}

int64_t default_memory_limit() {
  return static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) / 4 * 3 * static_cast<int64_t>(sysconf(_SC_PAGESIZE));
}

// Of one group, or as many as Parts::most_groups: writes the objectives and, unless null, the sums of the gradients.
using GroupFunction = std::function<void(int worker, uint64_t first_sample, int64_t count, double* objective, double* gradient)>;

// What a thread needs for its groups, kept from run to run.
struct Worker {
  BlockReduction block;
  std::vector<double> objectives, sums;  // of a call; of the sums those of several groups
};

template <class T>
std::vector<T> converted(const std::vector<double>& values) {
  return std::vector<T>(values.begin(), values.end());
}

// Rounded to T. What is there already is not written: other threads' caches may keep it.
template <class T>
T* write_changed(const std::vector<double>& values, T* to) {
  constexpr size_t size = 256;
  [[maybe_unused]] std::array<T, size> rounded;
  for (size_t first = 0; first < values.size(); first += size) {
    const size_t count = std::min(size, values.size() - first);
    const T* from = nullptr;
    if constexpr (std::is_same_v<T, double>) {
      from = values.data() + first;
    } else {
      for (size_t k = 0; k < count; ++k) rounded[k] = static_cast<T>(values[first + k]);
      from = rounded.data();
    }
    if (std::memcmp(to, from, count * sizeof(T)) != 0) std::memcpy(to, from, count * sizeof(T));
    to += count;
  }
  return to;
}

// Groups are handed out 2^level at a time, so that handing out costs nothing beside them, but for at most some 20 ms,
// so that a run stops soon. One group is tried for its time, where there are so many that this is lost.
template <class TryGroup>
int block_level(int64_t groups, int threads, TryGroup try_group) {
  constexpr int most = 8;
  const int64_t per_thread = groups / threads / 16;
  if (per_thread < 2) return 0;
  const auto begin = std::chrono::steady_clock::now();
  try_group();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  int level = 0;
  while (level < most && int64_t{2} << level <= per_thread && seconds * static_cast<double>(int64_t{2} << level) < 0.02) ++level;
  return level;
}

}  // namespace

struct Driver::Parts {
  const Program& program;
  const CompiledKernel* kernel;
  bool single_precision;
  ThreadPool pool;
  std::vector<InputRows> inputs;
  std::vector<std::vector<double>> rows_double;  // what the kernel reads, by InputId
  std::vector<std::vector<float>> rows_single;
  std::vector<Memory> arenas;  // by worker
  std::vector<Worker> workers;
  TreeReduction reduction;
  Memory uniform;
  std::vector<double> params_double;  // what the kernel reads
  std::vector<float> params_single;
  size_t gradient_size = 0;
  int64_t most_groups = 1;
  ParamArrays adapted;
  std::optional<ParamArrays> adapted_to;

  Parts(const Program& the_program, const CompiledKernel* the_kernel, const DriverOptions& options)
      : program(the_program), kernel(the_kernel), single_precision(options.single_precision), pool(options.threads) {
    for (const ProgramParam& param : program.params) {
      const auto size = static_cast<size_t>(element_count(param.type.shape));
      gradient_size += size;
      if (param.role != AdaptedRole::none) adapted.emplace_back(size, param.initial);
    }
    if (kernel == nullptr) return;
    const int64_t limit = options.memory_limit > 0 ? options.memory_limit : default_memory_limit();
    const int64_t each = kernel->workspace_bytes(), shared = kernel->uniform_bytes();
    // Compared by division: the product may not fit.
    if (shared > limit || each > (limit - shared) / pool.size())
      throw MachineError{fmt::format(
          "`{}` needs {} of workspace for each thread, of which there are {}, and at most {} may be used in all; fewer "
          "threads or single precision need less",
          program.model, bytes_text(each), pool.size(), bytes_text(limit))};
    // Worth the millisecond where workspaces are large.
    constexpr int64_t large = 4 << 20;
    if (each > large) give_back_after_compiling();
    for (int worker = 0; worker < pool.size(); ++worker) arenas.push_back(allocated(each));
    uniform = allocated(shared);
    most_groups = kernel->most_groups();
  }

  template <class T>
  const std::vector<std::vector<T>>& kernel_rows() const {
    if constexpr (std::is_same_v<T, double>) return rows_double;
    else return rows_single;
  }
  template <class T>
  std::vector<T>& kernel_params() {
    if constexpr (std::is_same_v<T, double>) return params_double;
    else return params_single;
  }

  // By ParamId: the model's own, then the adapted ones.
  ParamArrays all_params(const ParamArrays& own) const {
    ParamArrays params = own;
    params.insert(params.end(), adapted.begin(), adapted.end());
    return params;
  }

  // The native kernel's groups, after its uniform phase. The groups read the params and inputs of `this`; what else they read
  // is kept alive by the function.
  template <class T>
  GroupFunction native_groups(const ParamArrays& own_params, uint64_t seed, bool gradient) {
    struct Bound {
      std::vector<KernelInput> inputs;
      std::vector<uint64_t> keys;
    };
    const auto bound = std::make_shared<Bound>();
    std::vector<T>& params = kernel_params<T>();
    params.resize(gradient_size);
    T* to = params.data();
    for (const ParamArrays* arrays : {&own_params, &std::as_const(adapted)})
      for (const std::vector<double>& values : *arrays) to = write_changed(values, to);
    for (size_t k = 0; k < inputs.size(); ++k) bound->inputs.push_back({kernel_rows<T>()[k].data(), inputs[k].rows});
    for (const ProgramNoise& noise : program.noises) bound->keys.push_back(noise_key(seed, noise.name));
    KernelArguments arguments{};
    arguments.params = params.data();
    arguments.uniform = uniform.get();
    arguments.inputs = bound->inputs.data();
    arguments.noise_keys = bound->keys.data();
    arguments.noise = std::is_same_v<T, double> ? &noise_functions_double() : &noise_functions_single();
    arguments.arena = arenas[0].get();
    arguments.sample_count = 1;
    {
      const StandardArithmetic arithmetic;
      kernel->uniform()(&arguments);
    }
    const KernelFunction function = gradient ? kernel->gradient() : kernel->forward();
    return [this, bound, arguments, function](int worker, uint64_t first_sample, int64_t count, double* objective, double* sums) {
      KernelArguments own = arguments;
      own.arena = arenas[static_cast<size_t>(worker)].get();
      own.objective = objective;
      own.gradient = sums;
      own.first_sample = first_sample;
      own.sample_count = count;
      function(&own);
    };
  }

  template <class T>
  GroupFunction interpreted_groups(const ParamArrays& own_params, uint64_t seed, bool gradient) {
    return [this, params = all_params(own_params), noise = philox_noise<T>(program, seed), gradient](
               int, uint64_t first_sample, int64_t count, double* objective, double* sums) {
      GroupOptions options;
      options.gradient = gradient;
      const GroupResult result = interpret_group<T>(program, params, inputs, first_sample, count, noise, options);
      std::ranges::copy(result.objective, objective);
      for (const std::vector<double>& sum : result.gradient) sums = std::ranges::copy(sum, sums).out;
    };
  }

  GroupFunction groups(const ParamArrays& own_params, uint64_t seed, bool gradient) {
    if (kernel != nullptr)
      return single_precision ? native_groups<float>(own_params, seed, gradient)
                              : native_groups<double>(own_params, seed, gradient);
    return single_precision ? interpreted_groups<float>(own_params, seed, gradient)
                            : interpreted_groups<double>(own_params, seed, gradient);
  }

  // Means and standard errors of the gradient, by all threads, a range of quantities each at a time. Returns whether it is
  // finite.
  bool finish_gradient(Partial& total, Estimate& estimate) {
    struct Part {
      size_t first;
      ParamEstimate* estimate;
    };
    std::vector<Part> by_param;
    size_t all = 0, own = 0, of_adapted = 0;
    for (const ProgramParam& param : program.params) {
      by_param.push_back({all, param.role == AdaptedRole::none ? &estimate.gradient[own++] : &estimate.adapted[of_adapted++]});
      const auto size = static_cast<size_t>(element_count(param.type.shape));
      by_param.back().estimate->mean.resize(size);
      by_param.back().estimate->standard_error.resize(size);
      all += size;
    }
    WaitingGroups waiting(total.gradient);
    std::atomic<bool> finite = true;
    const size_t range = pool.size() == 1 ? std::max<size_t>(all, 1) : 4096;
    const auto finish_range = [&](int, int64_t task) {
      const size_t from = static_cast<size_t>(task) * range, to = std::min(all, from + range);
      waiting.merge(from, to);
      const double* const mean = total.gradient.mean.data();
      if (!all_finite({mean + from, mean + to})) finite = false;
      for (const Part& part : by_param) {
        const size_t first = std::max(from, part.first), end = std::min(to, part.first + part.estimate->mean.size());
        if (first >= end) continue;
        std::copy(mean + first, mean + end, part.estimate->mean.data() + (first - part.first));
        standard_errors_of_groups(total.gradient, total.groups, first,
                                  std::span(part.estimate->standard_error).subspan(first - part.first, end - first));
      }
    };
    if (all <= range) finish_range(0, 0);
    else pool.run(static_cast<int64_t>((all + range - 1) / range), finish_range);
    reduction.take_back(waiting.finish());
    return finite;
  }

  // The interpreter's search through one group.
  template <class T>
  std::optional<NonFinite> first_non_finite(const ParamArrays& own_params, uint64_t seed, uint64_t first_sample, int64_t count,
                                            bool in_gradient) {
    GroupOptions options;
    options.gradient = in_gradient;
    options.find_non_finite = true;
    options.find_in_gradient = in_gradient;
    const StandardArithmetic arithmetic;
    return interpret_group<T>(program, all_params(own_params), inputs, first_sample, count, philox_noise<T>(program, seed),
                              options)
        .non_finite;
  }
};

Driver::Driver(const Program& program, const CompiledKernel* kernel, const DriverOptions& options)
    : parts_(std::make_unique<Parts>(program, kernel, options)) {}
Driver::~Driver() = default;

const ParamArrays& Driver::adapted() const { return parts_->adapted; }

void Driver::set_adapted(ParamArrays values, std::optional<ParamArrays> set_for) {
  parts_->adapted = std::move(values);
  parts_->adapted_to = std::move(set_for);
}

bool Driver::is_adapted_to(const ParamArrays& params) const { return parts_->adapted_to == params; }

int Driver::threads() const { return parts_->pool.size(); }

void Driver::set_inputs(std::vector<InputRows> inputs) {
  parts_->inputs = std::move(inputs);
  parts_->adapted_to.reset();
  parts_->rows_double.clear();
  parts_->rows_single.clear();
  if (parts_->kernel == nullptr) return;
  for (const InputRows& input : parts_->inputs) {
    if (parts_->single_precision) parts_->rows_single.push_back(converted<float>(input.values));
    else parts_->rows_double.push_back(input.values);
  }
}

Estimate Driver::run(const ParamArrays& params, const RunOptions& options, Estimate reused) {
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  Parts& parts = *parts_;
  if (parts.inputs.size() != parts.program.inputs.size() || params.size() + parts.adapted.size() != parts.program.params.size())
    internal_error("a run has not as many inputs or params as its program");
  for (uint32_t k = 0, own = 0; k < parts.program.params.size(); ++k) {
    const ProgramParam& param = parts.program.params[ParamId{k}];
    if (param.role == AdaptedRole::none && params[own++].size() != static_cast<size_t>(element_count(param.type.shape)))
      internal_error("a run's values for the param `" + param.name + "` are not as many as it has elements");
  }
  const bool gradient = options.gradient && parts.program.has_gradient;
  const size_t gradient_size = gradient ? parts.gradient_size : 0;
  const int64_t samples = std::max<int64_t>(options.samples, 1), groups = (samples + group_size - 1) / group_size;
  const GroupFunction group = parts.groups(params, options.seed, gradient);

  TreeReduction& reduction = parts.reduction;
  std::vector<Worker>& workers = parts.workers;
  reduction.finish();  // of what an exception may have left
  reduction.expect(groups);
  workers.resize(static_cast<size_t>(parts.pool.size()));
  for (Worker& worker : workers) {
    worker.block.clear();
    worker.objectives.resize(static_cast<size_t>(parts.most_groups * group_size));
    if (parts.most_groups > 1) worker.sums.resize(static_cast<size_t>(parts.most_groups) * gradient_size);
  }
  constexpr int64_t none = std::numeric_limits<int64_t>::max();
  std::atomic<int64_t> finished = 0, first_bad = none;
  auto last_progress = begin;
  const auto report_bad = [&](int64_t index) {
    for (int64_t bad = first_bad; index < bad && !first_bad.compare_exchange_weak(bad, index);) {}
  };
  // The first among groups whose merged gradient is not finite: each once more, for merging adds their sums up and looks
  // only at the result. None, where it is the merger that overflows.
  const auto find_bad = [&](int number, int64_t from, int64_t end) {
    Worker& worker = workers[static_cast<size_t>(number)];
    for (int64_t index = from; index < end; ++index) {
      const std::span<double> sums = worker.block.next_sums(gradient_size);
      group(number, static_cast<uint64_t>(index * group_size), std::min<int64_t>(group_size, samples - index * group_size),
            worker.objectives.data(), sums.data());
      if (!all_finite(sums)) return report_bad(index);
    }
  };
  // `count` groups, as many as divide the first one's number, or fewer where the samples end.
  const auto run_groups = [&](int number, int64_t first, int64_t count) {
    Worker& worker = workers[static_cast<size_t>(number)];
    const int64_t first_sample = first * group_size, sample_count = std::min(count * group_size, samples - first_sample);
    const std::span<const double> objectives(worker.objectives.data(), static_cast<size_t>(sample_count));
    if (count == 1) {
      group(number, static_cast<uint64_t>(first_sample), sample_count, worker.objectives.data(),
            worker.block.next_sums(gradient_size).data());
      if (!worker.block.add(objectives)) report_bad(first);
      return;
    }
    group(number, static_cast<uint64_t>(first_sample), sample_count, worker.objectives.data(), worker.sums.data());
    const std::span<const double> sums(worker.sums.data(), static_cast<size_t>(count) * gradient_size);
    const bool together = sample_count == count * group_size && (count & (count - 1)) == 0;
    if (together && worker.block.add_full_groups(objectives, sums)) return;
    for (int64_t k = 0; k < count; ++k) {
      const auto own = objectives.subspan(static_cast<size_t>(k * group_size),
                                          static_cast<size_t>(std::min<int64_t>(group_size, sample_count - k * group_size)));
      const auto sum = sums.subspan(static_cast<size_t>(k) * gradient_size, gradient_size);
      bool finite = all_finite(own) && all_finite(sum);
      if (!together) {
        std::ranges::copy(sum, worker.block.next_sums(gradient_size).begin());
        finite = worker.block.add(own);
      }
      if (!finite) report_bad(first + k);
    }
  };
  const int level = block_level(groups, parts.pool.size(), [&] {
    const StandardArithmetic arithmetic;
    group(0, 0, group_size, workers[0].objectives.data(), workers[0].block.next_sums(gradient_size).data());
  });
  const int64_t call = std::min(parts.most_groups, int64_t{1} << level);
  const int64_t tasks_done =
      parts.pool.run((groups + (int64_t{1} << level) - 1) >> level,
                     [&](int worker, int64_t task) {
                       const int64_t first = task << level, end = std::min(groups, (task + 1) << level);
                       for (int64_t index = first; index < end; index += call)
                         run_groups(worker, index, std::min(call, end - index));
                       BlockReduction& block = workers[static_cast<size_t>(worker)].block;
                       if (level > 0 && !block.gradients_finite()) find_bad(worker, first, end);
                       block.move_to(reduction, first);
                       finished += std::min(end * group_size, samples) - first * group_size;
                       if (worker == 0 && options.progress && Clock::now() - last_progress > std::chrono::milliseconds(100)) {
                         last_progress = Clock::now();
                         options.progress(finished);
                       }
                     },
                     options.stop);
  const int64_t done = std::min(groups, tasks_done << level);

  Estimate& estimate = reused;
  estimate.samples = std::min(done * group_size, samples);
  estimate.interrupted = done < groups;
  estimate.mean = estimate.standard_error = std::numeric_limits<double>::quiet_NaN();
  estimate.non_finite.reset();
  const StandardArithmetic arithmetic;  // as the workers have it
  Partial total = reduction.finish_but_waiting();
  const bool has_gradient = gradient && total.groups > 0;
  if (total.groups > 0) {
    estimate.mean = total.objective.mean[0];
    estimate.standard_error = standard_error_of_samples(total.objective);
  }
  estimate.gradient.resize(has_gradient ? params.size() : 0);
  estimate.adapted.resize(has_gradient ? parts.adapted.size() : 0);
  const bool finite = !has_gradient || parts.finish_gradient(total, estimate);
  reduction.take_back(std::move(total));
  if (level == 0 && !finite) find_bad(0, 0, done);
  if (first_bad != none) {
    const auto first_sample = static_cast<uint64_t>(first_bad) * group_size;
    const int64_t count = std::min<int64_t>(group_size, samples - first_bad * group_size);
    NonFiniteReport report{first_sample, false, {}};
    std::array<double, group_size> objective{};
    group(0, first_sample, count, objective.data(), workers[0].block.next_sums(gradient_size).data());
    report.in_gradient = all_finite(std::span<const double>(objective.data(), static_cast<size_t>(count)));
    report.value = parts.single_precision
                       ? parts.first_non_finite<float>(params, options.seed, first_sample, count, report.in_gradient)
                       : parts.first_non_finite<double>(params, options.seed, first_sample, count, report.in_gradient);
    estimate.non_finite = report;
  }
  estimate.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  return reused;
}

}  // namespace alea
