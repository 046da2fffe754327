// Whole programs at random, natively against the interpreter: states small and large, noise in init and in
// steps, episodes that end, advantages, adjoints carried back, sums with and without an index, arrays of params.
#include <map>
#include <random>

#include "tests/unit/codegen_compare.h"

using namespace alea;
using namespace alea::test;

namespace {

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
