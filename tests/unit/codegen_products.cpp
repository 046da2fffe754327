// Products of matrices natively against the interpreter: the weight gradients of layers inside and outside time, products that
// are fused into sums, and matrices with a lower triangle alone.
#include "compiler/kernel/schedule.h"
#include "tests/unit/codegen_compare.h"

using namespace alea;
using namespace alea::test;

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
