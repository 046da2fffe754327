// Whole programs at random, natively against the interpreter: states small and large, noise in init and in
// steps, episodes that end, advantages, adjoints carried back, sums with and without an index, arrays of params.
#include <catch2/catch.hpp>
#include <map>
#include <random>

#include "compiler/kernel/philox.h"
#include "compiler/kernel/schedule.h"
#include "runtime/noise.h"
#include "tests/unit/codegen_support.h"

using namespace alea;
using namespace alea::test;

namespace {

Type real(Shape shape = {}) { return {Scalar::real, 0, std::move(shape)}; }
Type boolean(Shape shape = {}) { return {Scalar::boolean, 0, std::move(shape)}; }

// Draws a program. Values stay within a few units: every node is squashed now and then.
class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {}

  Program program() {
    p.program.model = "random";
    p.program.horizon = pick({0, 1, 5, 40});
    p.program.has_gradient = true;
    ends_ = chance(0.6);
    shapes_ = {{}, {3}, {20}, {4, 5}};
    forward();
    backward();
    return p.program;
  }
  ParamArrays params() {
    ParamArrays values;
    for (const ProgramParam& param : p.program.params) values.push_back(numbers(element_count(param.type.shape)));
    return values;
  }
  std::vector<InputRows> inputs() {
    std::vector<InputRows> rows;
    for (const ProgramInput& input : p.program.inputs) rows.push_back({numbers(37 * element_count(input.type.shape)), 37});
    return rows;
  }
  bool chance(double probability) { return std::uniform_real_distribution<double>(0, 1)(random_) < probability; }

 private:
  template <class Value>
  Value pick(const std::vector<Value>& list) {
    return list[std::uniform_int_distribution<size_t>(0, list.size() - 1)(random_)];
  }
  int64_t pick(std::initializer_list<int64_t> list) { return pick(std::vector<int64_t>(list)); }
  std::vector<double> numbers(int64_t count) {
    std::vector<double> list;
    for (int64_t k = 0; k < count; ++k) list.push_back(std::uniform_real_distribution<double>(-1, 1)(random_));
    return list;
  }

  // A value of the shape from the pool, by broadcasting or summing one of another shape if need be.
  NodeId of_shape(const Shape& shape) {
    const NodeId node = pick(pool_);
    const Shape found = p.program.graph.shape(node);
    if (found == shape) return node;
    NodeId scalar = node;
    while (!p.program.graph.shape(scalar).empty()) scalar = p.make(Op::reduce_sum, {scalar}, {0});
    if (!found.empty()) scalar = p.unary(Op::tanh, scalar);
    if (shape.empty()) return scalar;
    return p.note_new([&] { return make_broadcast_leading(p.program.graph, scalar, shape); });
  }

  void grow(int count) {
    for (int k = 0; k < count; ++k) pool_.push_back(one());
  }
  NodeId one() {
    const Shape shape = pick(shapes_);
    switch (pick({0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10})) {
      case 0: return p.unary(Op::tanh, p.add(of_shape(shape), of_shape(shape)));
      case 1: return p.unary(Op::sin, of_shape(shape));
      case 2: return p.mul(of_shape(shape), of_shape(shape));
      case 3: return p.sub(of_shape(shape), of_shape(shape));
      case 4: return p.unary(Op::sigmoid, of_shape(shape));
      case 5: {
        const NodeId condition = p.raw(Op::less, boolean(shape), {of_shape(shape), of_shape(shape)});
        return p.raw(Op::select, real(shape), {condition, of_shape(shape), of_shape(shape)});
      }
      case 6:
        return p.unary(
            Op::tanh,
            p.make(Op::matmul,
                   {of_shape({4, 5}), p.note_new([&] { return make_slice(p.program.graph, of_shape({20}), 0, 3, 5); })}, {0}));
      case 7:
        return p.unary(Op::tanh, p.make(Op::matmul, {p.make(Op::transpose, {of_shape({4, 5})}, {1, 0}), of_shape({4, 5})}, {0}));
      case 8: return p.note_new([&] { return make_reshape(p.program.graph, of_shape({20}), {4, 5}); });
      case 9: return p.make(Op::gather, {of_shape({20}), p.unary(Op::abs, p.mul(30, of_shape(shape)))}, {0});
      default: return p.unary(Op::exp, p.unary(Op::negate, p.unary(Op::abs, of_shape(shape))));
    }
  }
  // Values that NaN (of an index beyond its table) must not reach: finite, and within 3.
  NodeId finite(NodeId node) {
    const Shape shape = p.program.graph.shape(node);
    const NodeId number = p.raw(Op::equal, boolean(shape), {node, node});
    return p.unary(Op::tanh, p.raw(Op::select, real(shape), {number, node, p.constant(0.25)}));
  }
  // What must not change once the episode has ended.
  NodeId guarded(NodeId value, NodeId otherwise) {
    return ends_ && alive_now_ ? p.raw(Op::select, p.program.graph.type(value), {alive_now_, value, otherwise}) : value;
  }

  void forward() {
    for (const Shape& shape : shapes_) {
      params_.push_back(p.param("w" + std::to_string(params_.size()), real(shape)));
      pool_.push_back(params_.back());
    }
    pool_.push_back(p.constant(0.5));
    pool_.push_back(p.constant(real({20}), numbers(20)));
    p.phase = Phase::uniform;
    grow(4);
    uniform_ = pool_;
    for (NodeId node : pool_)
      if (!p.program.graph.is_constant(node) && p.program.graph.op(node) != Op::param) targets_.push_back(node);
    p.phase = Phase::init;
    for (const Shape& shape : {Shape{}, Shape{20}})
      pool_.push_back(p.input("x" + std::to_string(p.program.inputs.size()), real(shape)));
    pool_.push_back(p.noise(Op::noise_normal, "first", real({3})));
    pool_.push_back(
        p.unary(Op::tanh, p.noise(Op::noise_gamma, "gamma", real({3}),
                                  {p.unary(Op::exp, p.program.graph.shape(params_[1]).empty() ? params_[0] : params_[1])})));
    grow(8);
    init_ = pool_;
    for (size_t k = uniform_.size(); k < pool_.size(); ++k) targets_.push_back(pool_[k]);
    p.program.objective_init = finite(of_shape({}));
    if (p.program.horizon > 0) steps();
    std::vector<NodeId> last = init_;
    p.phase = Phase::final;
    for (StateId state : states_) last.push_back(p.leaf(Op::final_state, p.program.states[state].type, state.index, rate_sample));
    pool_ = last;
    grow(4);
    final_ = pool_;
    p.program.objective_final = finite(of_shape({}));
  }
  void steps() {
    for (const Shape& shape : {Shape{}, Shape{3}, Shape{20}, Shape{4, 5}})
      if (chance(0.7)) states_.push_back(p.state("s" + std::to_string(states_.size()), real(shape), finite(of_shape(shape))));
    if (ends_) {
      alive_ = p.state("alive", boolean(), p.raw(Op::less, boolean(), {finite(of_shape({})), p.constant(0.6)}));
      p.program.alive = alive_;
    }
    // A state that does not vary with the sample.
    discount_ = p.state("discount", real(), p.constant(1));
    p.phase = Phase::step;
    pool_ = init_;
    std::vector<NodeId> now;
    for (StateId state : states_) now.push_back(p.leaf(Op::state, p.program.states[state].type, state.index, rate_sample_time));
    pool_.insert(pool_.end(), now.begin(), now.end());
    if (ends_) alive_now_ = p.leaf(Op::state, boolean(), alive_.index, rate_sample_time);
    const NodeId discount = p.leaf(Op::state, real(), discount_.index, rate_time);
    pool_.push_back(discount);
    pool_.push_back(p.mul(0.01, p.leaf(Op::time, {Scalar::integer, 0, {}}, UINT32_MAX, rate_time)));
    pool_.push_back(p.noise(Op::noise_normal, "kick", real()));
    pool_.push_back(p.noise(Op::noise_uniform, "coin", real({20})));
    grow(12);
    step_ = pool_;
    for (size_t k = 0; k < states_.size(); ++k)
      p.program.states[states_[k]].next = guarded(finite(of_shape(p.program.states[states_[k]].type.shape)), now[k]);
    p.program.states[discount_].next = p.mul(0.98, discount);
    if (ends_) {
      const NodeId goes_on = p.raw(Op::less, boolean(), {finite(of_shape({})), p.constant(0.7)});
      p.program.states[alive_].next = p.raw(Op::logical_and, boolean(), {alive_now_, goes_on});
    }
    cost_ = guarded(p.mul(discount, finite(of_shape({}))), p.constant(0));
    wide_cost_ = guarded(finite(of_shape({20})), p.note_new([&] { return make_zeros(p.program.graph, {20}); }));
    p.program.objective_step = cost_;
  }

  void backward() {
    auto contribute = [&](NodeId target, Contribution contribution) { contributions_[target.index].push_back(contribution); };
    auto some = [&](Phase phase, NodeId nothing) {
      for (NodeId target : targets_) {
        if (chance(0.4)) continue;
        const bool of_samples = p.has_sample(target);
        // A value that varies with the sample gets what lacks only the time.
        if (of_samples && phase != Phase::step_backward) continue;
        const Shape shape = p.program.graph.shape(target);
        const NodeId value =
            guarded(finite(of_shape(shape)),
                    nothing ? p.note_new([&] { return make_broadcast_leading(p.program.graph, nothing, shape); }) : NodeId{});
        contribute(target, {phase, value, {}});
        if (shape == Shape{4, 5} && !alive_now_ && chance(0.5)) {
          const NodeId left = p.note_new([&] { return make_slice(p.program.graph, finite(of_shape({20})), 0, 2, 4); });
          const NodeId right = p.note_new([&] { return make_slice(p.program.graph, finite(of_shape({20})), 0, 7, 5); });
          contribute(target, {phase, p.raw(Op::outer, real({4, 5}), {left, right}, {0}), {}});
        }
        if (!shape.empty() && chance(0.5)) {
          const NodeId index = p.mul(10, of_shape({}));
          const Shape rest(shape.begin() + 1, shape.end());
          NodeId row = finite(of_shape({}));
          if (!rest.empty()) row = p.note_new([&] { return make_broadcast_leading(p.program.graph, row, rest); });
          const NodeId none = rest.empty() ? p.constant(0) : p.note_new([&] { return make_zeros(p.program.graph, rest); });
          contribute(target, {phase, guarded(row, none), index});
        }
      }
    };
    const NodeId final_cost = p.program.objective_final;
    const AdvantageId of_init = p.program.advantages.add(
        {"a", Phase::init, real(), p.program.objective_init, cost_, final_cost, Baseline::leave_one_out, {}, ""});

    p.phase = Phase::final_backward;
    const NodeId alive_in_loop = alive_now_;
    alive_now_ = {};
    pool_ = final_;
    grow(4);
    some(Phase::final_backward, {});
    std::vector<AdjointCarryId> carries;
    for (StateId state : states_)
      carries.push_back(
          p.program.carries.add({state, p.program.states[state].type, finite(of_shape(p.program.states[state].type.shape)), {}}));

    if (p.program.horizon > 0) {
      p.phase = Phase::step_backward;
      alive_now_ = alive_in_loop;
      pool_ = step_;
      const AdvantageId of_step = p.program.advantages.add({"b",
                                                            Phase::step,
                                                            real(),
                                                            cost_,
                                                            cost_,
                                                            final_cost,
                                                            pick({0, 1}) == 0 ? Baseline::none : Baseline::leave_one_out,
                                                            {},
                                                            ""});
      const AdvantageId of_wide =
          p.program.advantages.add({"c", Phase::step, real({20}), wide_cost_, cost_, {}, Baseline::leave_one_out, {}, ""});
      pool_.push_back(p.unary(Op::tanh, p.leaf(Op::advantage, real(), of_step.index, rate_sample_time)));
      pool_.push_back(p.unary(Op::tanh, p.leaf(Op::advantage, real({20}), of_wide.index, rate_sample_time)));
      std::vector<NodeId> adjoints;
      for (AdjointCarryId carry : carries)
        adjoints.push_back(p.leaf(Op::adjoint, p.program.carries[carry].type, carry.index, rate_sample_time));
      pool_.insert(pool_.end(), adjoints.begin(), adjoints.end());
      grow(10);
      for (size_t k = 0; k < carries.size(); ++k)
        p.program.carries[carries[k]].step_value =
            guarded(finite(of_shape(p.program.carries[carries[k]].type.shape)), adjoints[k]);
      some(Phase::step_backward, p.constant(0));
      alive_now_ = {};
    }

    p.phase = Phase::init_backward;
    pool_ = init_;
    pool_.push_back(p.unary(Op::tanh, p.leaf(Op::advantage, real(), of_init.index, rate_sample)));
    for (AdjointCarryId carry : carries)
      pool_.push_back(p.leaf(Op::adjoint, p.program.carries[carry].type, carry.index, rate_sample));
    for (NodeId target : targets_)
      if (p.has_sample(target) && contributions_.contains(target.index))
        pool_.push_back(p.unary(Op::tanh, p.accumulate(target, contributions_.at(target.index))));
    grow(8);
    targets_.insert(targets_.end(), params_.begin(), params_.end());
    some(Phase::init_backward, {});

    p.phase = Phase::finish;
    pool_ = uniform_;
    std::vector<NodeId> found;
    for (NodeId target : targets_)
      if (!p.has_sample(target) && contributions_.contains(target.index)) {
        const NodeId sum = p.accumulate(target, contributions_.at(target.index));
        found.push_back(sum);
        pool_.push_back(sum);
      }
    for (uint32_t k = 0; k < params_.size(); ++k) {
      NodeId gradient;
      for (NodeId sum : found)
        if (p.program.graph.shape(sum) == p.program.params[ParamId{k}].type.shape)
          gradient = gradient ? p.add(gradient, p.mul(pick({1, 2, 3}), sum)) : sum;
      p.program.params[ParamId{k}].gradient = gradient;
    }
  }

  std::mt19937_64 random_;
  ProgramBuilder p;
  bool ends_ = false;
  std::vector<Shape> shapes_;
  std::vector<NodeId> pool_, uniform_, init_, step_, final_, params_, targets_;
  std::vector<StateId> states_;
  StateId alive_, discount_;
  NodeId alive_now_, cost_, wide_cost_;
  std::map<uint32_t, std::vector<Contribution>> contributions_;
};

template <class T>
double difference(const Program& program, const ParamArrays& params, const std::vector<InputRows>& inputs, uint64_t seed,
                  int64_t count, JitOptions options = {}) {
  options.single_precision = std::is_same_v<T, float>;
  const CompiledKernel kernel(program, options);
  Runner<T> runner{program, kernel, options.single_precision ? noise_functions_single() : noise_functions_double(), {}, {}};
  for (const auto& values : params) runner.params.insert(runner.params.end(), values.begin(), values.end());
  for (const auto& rows : inputs) runner.inputs.emplace_back(rows.values.begin(), rows.values.end());
  for (const ProgramNoise& noise : program.noises) runner.keys.push_back(noise_key(seed, noise.name));
  const GroupResult expected = interpret_group<T>(program, params, inputs, 128, count, philox_noise<T>(program, seed));
  double worst = 0;
  // Twice, so that nothing may depend on what an earlier group left in the arena.
  for (int turn = 0; turn < 2; ++turn) {
    const NativeResult native = runner.run(2, count);
    for (size_t lane = 0; lane < static_cast<size_t>(count); ++lane)
      worst = std::max(worst,
                       std::fabs(native.objective[lane] - expected.objective[lane]) / (1 + std::fabs(expected.objective[lane])));
    size_t at = 0;
    for (const auto& sums : expected.gradient)
      for (double sum : sums) {
        const double error = std::fabs(native.gradient[at++] - sum) / (1 + std::fabs(sum));
        worst = std::isnan(error) ? INFINITY : std::max(worst, error);
      }
    CHECK(runner.run(2, count, false).objective == native.objective);
  }
  return worst;
}

}  // namespace

TEST_CASE("random programs natively") {
  for (uint64_t seed = 1; seed <= 24; ++seed) {
    INFO("seed " << seed);
    Generator generator(seed);
    const Program program = generator.program();
    const ParamArrays params = generator.params();
    const std::vector<InputRows> inputs = generator.inputs();
    verify_program(program);
    CHECK(difference<double>(program, params, inputs, seed, seed % 3 == 0 ? 64 : static_cast<int64_t>(seed)) <= 1e-12);
  }
}

// Chunks of lanes leave the loop when none of their samples is alive: the sweep back of a chunk begins where that one left,
// whatever the lanes asked for. Sample i lives for its input's number of steps, and in each of them adds its state to the
// gradient.
TEST_CASE("chunks that leave at different steps natively") {
  ProgramBuilder p;
  p.program.model = "lives";
  p.program.horizon = 40;
  p.program.has_gradient = true;
  const NodeId weight = p.param("w", real()), life = p.input("life", real());
  const StateId state = p.state("x", real(), life), alive = p.state("alive", boolean(), p.constant(boolean(), {1}));
  p.program.alive = alive;
  p.phase = Phase::step;
  const NodeId x = p.leaf(Op::state, real(), state.index, rate_sample_time);
  const NodeId alive_now = p.leaf(Op::state, boolean(), alive.index, rate_sample_time);
  const NodeId left = p.sub(x, p.constant(1));
  p.program.states[state].next = p.raw(Op::select, real(), {alive_now, left, x});
  p.program.states[alive].next =
      p.raw(Op::logical_and, boolean(), {alive_now, p.raw(Op::less, boolean(), {p.constant(0.5), left})});
  p.program.objective_step = p.raw(Op::select, real(), {alive_now, p.mul(weight, x), p.constant(0)});
  const NodeId product = p.raw(Op::select, real(), {alive_now, x, p.constant(0)});
  p.phase = Phase::finish;
  p.program.params[ParamId{0}].gradient = p.accumulate(weight, {{Phase::step_backward, product, {}}});
  verify_program(p.program);
  std::vector<InputRows> inputs(1);
  inputs[0].rows = 64;
  for (int lane = 0; lane < 64; ++lane) inputs[0].values.push_back(1 + (lane / 8 * 11) % 37 + lane % 3);
  for (const auto& [forward, backward] :
       std::initializer_list<std::pair<int, int>>{{8, 8}, {8, 32}, {16, 64}, {32, 8}, {64, 64}}) {
    JitOptions lanes;
    lanes.forward_lanes = forward;
    lanes.backward_lanes = backward;
    INFO(forward << " lanes forward, " << backward << " backward");
    CHECK(difference<double>(p.program, {{0.5}}, inputs, 1, 64, lanes) <= 1e-12);
    CHECK(difference<double>(p.program, {{0.5}}, inputs, 1, 41, lanes) <= 1e-12);
  }
}

// A recurrent layer: its weight gradient is large enough to be added some steps at a time, and the steps are
// no multiple of that.
TEST_CASE("the weight gradient of a layer natively") {
  constexpr int64_t size = 27;
  for (int64_t horizon : {3, 8, 19}) {
    ProgramBuilder p;
    p.program.model = "layer";
    p.program.horizon = horizon;
    p.program.has_gradient = true;
    const NodeId weights = p.param("W", real({size, size}));
    const NodeId first = p.input("x", real({size}));
    const StateId state = p.state("h", real({size}), first);
    p.phase = Phase::step;
    const NodeId before = p.leaf(Op::state, real({size}), state.index, rate_sample_time);
    const NodeId kick = p.noise(Op::noise_normal, "kick", real({size}));
    const NodeId after = p.unary(Op::tanh, p.add(p.make(Op::matmul, {weights, before}, {0}), kick));
    p.program.states[state].next = after;
    p.program.objective_step = p.make(Op::reduce_sum, {p.mul(after, after)}, {0});
    p.phase = Phase::step_backward;
    const AdjointCarryId carry =
        p.program.carries.add({state, real({size}), p.note_new([&] { return make_zeros(p.program.graph, {size}); }), {}});
    const NodeId later = p.leaf(Op::adjoint, real({size}), carry.index, rate_sample_time);
    const NodeId inside = p.mul(p.add(later, p.mul(2, after)), p.sub(p.constant(1), p.mul(after, after)));
    p.program.carries[carry].step_value = p.make(Op::matmul, {inside, weights}, {0});
    const NodeId product = p.raw(Op::outer, real({size, size}), {inside, before}, {0});
    p.phase = Phase::finish;
    p.program.params[ParamId{0}].gradient = p.accumulate(weights, {{Phase::step_backward, product, {}}});
    verify_program(p.program);
    ParamArrays params(1);
    for (int64_t k = 0; k < size * size; ++k) params[0].push_back(0.3 * std::sin(static_cast<double>(k)));
    std::vector<InputRows> inputs(1);
    inputs[0].rows = 70;
    for (int64_t k = 0; k < size * 70; ++k) inputs[0].values.push_back(std::cos(static_cast<double>(k)));
    CHECK(difference<double>(p.program, params, inputs, 5, 64) <= 1e-12);
    CHECK(difference<double>(p.program, params, inputs, 5, 23) <= 1e-12);
    CHECK(difference<float>(p.program, params, inputs, 5, 23) <= 1e-4);
  }
}

// The same for a layer outside time: the operands of the product are kept for all samples. Its adjoint is computed in init, so
// that no backward phase is left, or in init_backward; its tiles do not fill the matrix; and the layer is used twice. What it is
// fed is computed, drawn or given.
TEST_CASE("the weight gradient of a layer outside time natively") {
  constexpr int64_t rows = 27, columns = 38;
  enum class Fed { computed, drawn, given };
  for (const bool in_one_sweep : {true, false})
    // One product is the gradient, or what it is made of; two are added up.
    for (const auto& [uses, read, fed] : {std::tuple{1, false, Fed::computed},
                                          {1, true, Fed::drawn},
                                          {1, false, Fed::given},
                                          {2, false, Fed::computed},
                                          {2, true, Fed::drawn}}) {
      ProgramBuilder p;
      p.program.model = "layer";
      p.program.has_gradient = true;
      const NodeId weights = p.param("W", real({rows, columns}));
      p.phase = Phase::init;
      const NodeId source = fed == Fed::given ? p.input("x", real({columns})) : p.noise(Op::noise_normal, "x", real({columns}));
      const NodeId x = p.unary(fed == Fed::computed ? Op::tanh : Op::stop, source);
      std::vector<InputRows> inputs(fed == Fed::given ? 1 : 0);
      for (InputRows& input : inputs) {
        input.rows = 70;
        for (int64_t k = 0; k < columns * 70; ++k) input.values.push_back(std::cos(static_cast<double>(k)));
      }
      const NodeId y = p.unary(Op::tanh, p.make(Op::matmul, {weights, x}, {0}));
      const NodeId z = p.unary(Op::sin, p.make(Op::matmul, {weights, p.mul(x, x)}, {0}));
      p.program.objective_init = p.make(Op::reduce_sum, {uses == 1 ? p.mul(y, y) : p.mul(y, z)}, {0});
      std::vector<Contribution> contributions;
      const NodeId by_y = p.mul(p.mul(2, y), p.sub(p.constant(1), p.mul(y, y)));
      contributions.push_back({Phase::init_backward, p.raw(Op::outer, real({rows, columns}), {by_y, x}, {0}), {}});
      if (uses == 2) {
        const NodeId by_z = p.mul(y, p.unary(Op::cos, z));
        contributions.push_back({Phase::init_backward, p.raw(Op::outer, real({rows, columns}), {by_z, p.mul(x, x)}, {0}), {}});
      }
      if (!in_one_sweep)
        for (const Contribution& contribution : contributions) {
          p.program.phase[p.program.graph.input(contribution.value, 0)] = Phase::init_backward;
          p.program.phase[contribution.value] = Phase::init_backward;
        }
      p.phase = Phase::finish;
      const NodeId sum = p.accumulate(weights, contributions);
      p.program.params[ParamId{0}].gradient = read ? p.mul(0.5, sum) : sum;
      verify_program(p.program);
      const Schedule schedule = make_schedule(p.program, {});
      CHECK(schedule.one_sweep == in_one_sweep);
      CHECK(schedule.accumulators[AccumulatorId{0}].form == AccumulatorForm::product);
      ParamArrays params(1);
      for (int64_t k = 0; k < rows * columns; ++k) params[0].push_back(0.3 * std::sin(static_cast<double>(k)));
      CHECK(difference<double>(p.program, params, inputs, 5, 64) <= 1e-12);
      CHECK(difference<double>(p.program, params, inputs, 5, 23) <= 1e-12);
      CHECK(difference<float>(p.program, params, inputs, 5, 23) <= 1e-4);
    }
}

// x² - z with x² not a number of double precision: only a fused difference is exact. A product with two readers is rounded.
TEST_CASE("products are fused into sums, natively and interpreted") {
  for (const bool read_twice : {false, true})
    for (const bool product_first : {true, false}) {
      ProgramBuilder p;
      p.program.model = "fused";
      const NodeId x = p.input("x", real()), z = p.input("z", real());
      p.phase = Phase::init;
      const NodeId square = p.mul(x, x), difference_of = product_first ? p.sub(square, z) : p.sub(z, square);
      p.program.objective_init = read_twice ? p.add(difference_of, p.sub(square, square)) : difference_of;
      verify_program(p.program);
      const std::vector<InputRows> inputs = {{{1 + 0x1p-30}, 1}, {{1 + 0x1p-29}, 1}};
      const double exact = read_twice ? 0 : product_first ? 0x1p-60 : -0x1p-60;
      const GroupResult slow = interpret_group<double>(p.program, {}, inputs, 0, 1, philox_noise<double>(p.program, 0));
      CHECK(slow.objective[0] == exact);
      const CompiledKernel kernel(p.program, {});
      Runner<double> runner{p.program, kernel, noise_functions_double(), {}, {}};
      for (const auto& rows : inputs) runner.inputs.push_back(rows.values);
      CHECK(runner.run(0, 1, false).objective[0] == exact);
    }
}

namespace {

template <class T>
void compare_calls(const Program& program, JitOptions options) {
  options.single_precision = std::is_same_v<T, float>;
  const CompiledKernel kernel(program, options);
  const auto most = static_cast<uint64_t>(kernel.most_groups());
  REQUIRE(most >= 2);
  const NoiseFunctions& noise = options.single_precision ? noise_functions_single() : noise_functions_double();
  std::vector<T> rows;
  for (int k = 0; k < 2 * 100; ++k) rows.push_back(static_cast<T>(std::sin(k)));
  Runner<T> runner{program, kernel, noise, {T(1.5), T(0.5), T(-1), T(2)}, {rows}};
  constexpr int64_t count = 3 * 64 + 10;
  for (const bool gradient : {true, false}) {
    NativeResult alone, together;
    const auto append = [&](NativeResult& to, uint64_t group, uint64_t groups) {
      const int64_t own = std::min(static_cast<int64_t>(groups) * 64, count - static_cast<int64_t>(group) * 64);
      const NativeResult result = runner.run(5 + group, own, gradient);
      to.objective.insert(to.objective.end(), result.objective.begin(), result.objective.begin() + own);
      to.gradient.insert(to.gradient.end(), result.gradient.begin(), result.gradient.end());
    };
    for (uint64_t group = 0; group < 4; ++group) append(alone, group, 1);
    for (uint64_t group = 0; group < 4; group += most) append(together, group, most);
    CHECK(together.objective == alone.objective);
    if (gradient) CHECK(together.gradient == alone.gradient);
  }
}

}  // namespace

// Where init is all there is, a call takes several groups: to the bit what they give alone, the last one not full. The sums of a
// scalar are kept in registers where the chunks are halves of a group or all of it, an indexed one in memory.
TEST_CASE("several groups in a call give what each gives alone") {
  ProgramBuilder p;
  p.program.model = "groups";
  p.program.has_gradient = true;
  const NodeId scale = p.param("scale", real()), table = p.param("table", real({3}));
  p.phase = Phase::init;
  const NodeId z = p.noise(Op::noise_normal, "z", real({2})), u = p.noise(Op::noise_uniform, "u", real());
  const NodeId shape = p.add(u, p.constant(1)), drawn = p.noise(Op::noise_gamma, "g", real(), {shape});
  const NodeId row = p.input("row", real({2}));
  const NodeId product = p.make(Op::reduce_sum, {p.mul(row, p.unary(Op::sin, z))}, {0});
  const NodeId which = p.unary(Op::floor, p.mul(3, u));
  const NodeId entry = p.make(Op::gather, {table, which}, {0});
  p.program.objective_init = p.add(p.mul(scale, p.add(product, drawn)), entry);
  const NodeId slope = p.add(product, drawn), one = p.add(p.constant(1), p.mul(0, u));
  p.phase = Phase::finish;
  p.program.params[ParamId{0}].gradient = p.accumulate(scale, {{Phase::init_backward, slope, {}}});
  p.program.params[ParamId{1}].gradient = p.accumulate(table, {{Phase::init_backward, one, which}});
  verify_program(p.program);
  CHECK(difference<double>(p.program, {{1.5}, {0.5, -1, 2}}, {{{0.5, -0.25}, 1}}, 5, 64) <= 1e-12);
  for (const int lanes : {0, 16, 32, 64}) {
    JitOptions options;
    options.forward_lanes = lanes;
    compare_calls<double>(p.program, options);
    compare_calls<float>(p.program, options);
  }
}

// What lies above the diagonal is left out, but not where it may meet an infinity.
TEST_CASE("products with a lower triangle natively") {
  constexpr int64_t size = 11;
  std::vector<double> values;
  for (int64_t i = 0; i < size; ++i)
    for (int64_t j = 0; j < size; ++j) values.push_back(j <= i ? std::sin(static_cast<double>(i * size + j)) : 0);
  for (const bool finite : {true, false}) {
    ProgramBuilder p;
    p.program.model = "triangle";
    const NodeId matrix = p.constant(real({size, size}), values);
    p.phase = Phase::init;
    const NodeId x = finite ? p.noise(Op::noise_normal, "x", real({size})) : p.input("x", real({size}));
    const NodeId y = p.make(Op::matmul, {matrix, x}, {0});
    p.program.objective_init = p.make(Op::reduce_sum, {p.mul(y, y)}, {0});
    verify_program(p.program);
    std::vector<InputRows> inputs;
    if (!finite) inputs = {{std::vector<double>(size, 1.0), 1}};
    if (!finite) inputs[0].values.back() = INFINITY;
    const CompiledKernel kernel(p.program, {});
    Runner<double> runner{p.program, kernel, noise_functions_double(), {}, {}, {noise_key(0, "x")}};
    for (const auto& rows : inputs) runner.inputs.push_back(rows.values);
    const NativeResult native = runner.run(0, 40, false);
    const GroupResult slow = interpret_group<double>(p.program, {}, inputs, 0, 40, philox_noise<double>(p.program, 0));
    for (size_t lane = 0; lane < 40; ++lane) {
      if (finite) CHECK(native.objective[lane] == Approx(slow.objective[lane]).epsilon(1e-13));
      else CHECK(std::isnan(native.objective[lane]));
    }
  }
}
