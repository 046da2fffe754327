// Groups handed out to threads, each with a workspace; their moments merged; what is not finite found again (driver.h).
#include "runtime/driver.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
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
template <class T>
using GroupFunction = std::function<void(int worker, uint64_t first_sample, int64_t count, T* objective, double* gradient)>;

// What a thread needs for its groups, kept from run to run.
struct Worker {
  BlockReduction block;
  Numbers objectives_double;  // of a call
  std::vector<float, LineAllocator<float>> objectives_single;
  std::vector<double> sums;  // of a call for several groups

  template <class T>
  auto& objectives() {
    if constexpr (std::is_same_v<T, double>) return objectives_double;
    else return objectives_single;
  }
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
  GroupFunction<T> native_groups(const ParamArrays& own_params, uint64_t seed, bool gradient) {
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
    return [this, bound, arguments, function](int worker, uint64_t first_sample, int64_t count, T* objective, double* sums) {
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
  GroupFunction<T> interpreted_groups(const ParamArrays& own_params, uint64_t seed, bool gradient) {
    return [this, params = all_params(own_params), noise = philox_noise<T>(program, seed), gradient](
               int, uint64_t first_sample, int64_t count, T* objective, double* sums) {
      GroupOptions options;
      options.gradient = gradient;
      const GroupResult result = interpret_group<T>(program, params, inputs, first_sample, count, noise, options);
      for (const double value : result.objective) *objective++ = static_cast<T>(value);
      for (const std::vector<double>& sum : result.gradient) sums = std::ranges::copy(sum, sums).out;
    };
  }

  template <class T>
  GroupFunction<T> groups(const ParamArrays& own_params, uint64_t seed, bool gradient) {
    return kernel != nullptr ? native_groups<T>(own_params, seed, gradient) : interpreted_groups<T>(own_params, seed, gradient);
  }

  void check_sizes(const ParamArrays& params) const {
    if (inputs.size() != program.inputs.size() || params.size() + adapted.size() != program.params.size())
      internal_error("a run has not as many inputs or params as its program");
    for (uint32_t k = 0, own = 0; k < program.params.size(); ++k) {
      const ProgramParam& param = program.params[ParamId{k}];
      if (param.role == AdaptedRole::none && params[own++].size() != static_cast<size_t>(element_count(param.type.shape)))
        internal_error("a run's values for the param `" + param.name + "` are not as many as it has elements");
    }
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

namespace {

constexpr int64_t none = std::numeric_limits<int64_t>::max();

// A run's groups, of which any thread may take some: they are added to the reduction, and the first that is not finite is kept.
template <class T>
class Groups {
 public:
  Groups(GroupFunction<T> function, std::vector<Worker>& workers, int64_t samples, size_t gradient_size, int64_t most_groups)
      : function_(std::move(function)), workers_(workers), samples_(samples), gradient_size_(gradient_size), most_(most_groups) {
    for (Worker& worker : workers) {
      worker.block.clear();
      worker.objectives<T>().resize(static_cast<size_t>(most_groups * group_size));
      if (most_groups > 1) worker.sums.resize(static_cast<size_t>(most_groups) * gradient_size);
    }
  }

  int64_t count() const { return (samples_ + group_size - 1) / group_size; }
  int64_t samples_before(int64_t group) const { return std::min(group * group_size, samples_); }
  int64_t first_bad() const { return first_bad_; }

  // Runs one without adding it. Returns its sums, which another takes the place of.
  std::span<double> try_group(int number, int64_t index) {
    Worker& worker = workers_[static_cast<size_t>(number)];
    const std::span<double> sums = worker.block.next_sums(gradient_size_);
    call(number, index, index + 1, worker.objectives<T>().data(), sums.data());
    return sums;
  }

  // The task's 2^level groups, of as many as there are.
  void run(int number, int64_t task, int level, TreeReduction& reduction) {
    const int64_t first = task << level, end = std::min(count(), (task + 1) << level),
                  each = std::min(most_, int64_t{1} << level);
    for (int64_t index = first; index < end; index += each) add(number, index, std::min(index + each, end));
    BlockReduction& block = workers_[static_cast<size_t>(number)].block;
    if (level > 0 && !block.gradients_finite()) find_bad(number, first, end);
    block.move_to(reduction, first);
  }

  // The first among groups whose merged gradient is not finite: each once more, for merging adds their sums up and looks
  // only at the result. None, where it is the merger that overflows.
  void find_bad(int number, int64_t first, int64_t end) {
    for (int64_t index = first; index < end; ++index)
      if (!all_finite(try_group(number, index))) return report_bad(index);
  }

  // A group's objectives, computed once more.
  std::vector<T> objectives_again(int64_t index) {
    try_group(0, index);
    const T* objectives = workers_[0].objectives<T>().data();
    return {objectives, objectives + (samples_before(index + 1) - samples_before(index))};
  }

 private:
  void call(int number, int64_t first, int64_t end, T* objectives, double* sums) {
    function_(number, static_cast<uint64_t>(first * group_size), samples_before(end) - samples_before(first), objectives, sums);
  }

  void report_bad(int64_t index) {
    for (int64_t bad = first_bad_; index < bad && !first_bad_.compare_exchange_weak(bad, index);) {}
  }

  // In one call: as many as divide the first one's number, or fewer where the samples end.
  void add(int number, int64_t first, int64_t end) {
    Worker& worker = workers_[static_cast<size_t>(number)];
    const int64_t count = end - first, samples = samples_before(end) - samples_before(first);
    T* const all = worker.objectives<T>().data();
    const auto objectives_of = [&](int64_t from, int64_t to) { return std::span<const T>(all + from, all + to); };
    if (count == 1) {
      call(number, first, end, all, worker.block.next_sums(gradient_size_).data());
      if (!worker.block.add(objectives_of(0, samples))) report_bad(first);
      return;
    }
    call(number, first, end, all, worker.sums.data());
    const std::span<const double> sums(worker.sums.data(), static_cast<size_t>(count) * gradient_size_);
    const bool together = samples == count * group_size && std::has_single_bit(static_cast<uint64_t>(count));
    if (together && worker.block.add_full_groups(objectives_of(0, samples), sums)) return;
    for (int64_t k = 0; k < count; ++k) {
      const auto own = objectives_of(k * group_size, std::min((k + 1) * group_size, samples));
      bool finite = all_finite(own);
      if (!together) {
        std::ranges::copy(sums.subspan(static_cast<size_t>(k) * gradient_size_, gradient_size_),
                          worker.block.next_sums(gradient_size_).begin());
        finite = worker.block.add(own);
      }
      if (!finite) report_bad(first + k);
    }
  }

  const GroupFunction<T> function_;
  std::vector<Worker>& workers_;
  const int64_t samples_;
  const size_t gradient_size_;
  const int64_t most_;
  std::atomic<int64_t> first_bad_ = none;
};

}  // namespace

Estimate Driver::run(const ParamArrays& params, const RunOptions& options, Estimate reused) {
  if (parts_->single_precision) run_as<float>(params, options, reused);
  else run_as<double>(params, options, reused);
  return reused;
}

template <class T>
void Driver::run_as(const ParamArrays& params, const RunOptions& options, Estimate& estimate) {
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  Parts& parts = *parts_;
  parts.check_sizes(params);
  const bool gradient = options.gradient && parts.program.has_gradient;
  TreeReduction& reduction = parts.reduction;
  reduction.finish();  // of what an exception may have left
  parts.workers.resize(static_cast<size_t>(parts.pool.size()));
  Groups<T> groups(parts.groups<T>(params, options.seed, gradient), parts.workers, std::max<int64_t>(options.samples, 1),
                   gradient ? parts.gradient_size : 0, parts.most_groups);
  reduction.expect(groups.count());
  const int level = block_level(groups.count(), parts.pool.size(), [&] {
    const StandardArithmetic arithmetic;
    groups.try_group(0, 0);
  });
  std::atomic<int64_t> finished = 0;
  auto last_progress = begin;
  const auto run_task = [&](int worker, int64_t task) {
    groups.run(worker, task, level, reduction);
    finished += groups.samples_before((task + 1) << level) - groups.samples_before(task << level);
    if (worker == 0 && options.progress && Clock::now() - last_progress > std::chrono::milliseconds(100)) {
      last_progress = Clock::now();
      options.progress(finished);
    }
  };
  const int64_t tasks = (groups.count() + (int64_t{1} << level) - 1) >> level;
  const int64_t done = std::min(groups.count(), parts.pool.run(tasks, run_task, options.stop) << level);

  estimate.samples = groups.samples_before(done);
  estimate.interrupted = done < groups.count();
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
  if (level == 0 && !finite) groups.find_bad(0, 0, done);
  if (const int64_t bad = groups.first_bad(); bad != none) {
    const std::vector<T> objectives = groups.objectives_again(bad);
    NonFiniteReport report{static_cast<uint64_t>(bad) * group_size, all_finite(std::span<const T>(objectives)), {}};
    report.value = parts.first_non_finite<T>(params, options.seed, report.first_sample, static_cast<int64_t>(objectives.size()),
                                             report.in_gradient);
    estimate.non_finite = report;
  }
  estimate.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
}

}  // namespace alea
