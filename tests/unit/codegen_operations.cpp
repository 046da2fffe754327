// Every operation of op.def, natively against the interpreter: small arrays (registers) and large ones
// (buffers), operands that vary with the sample, operands that do not, in init and in a step whose values the
// reversed sweep reads, in double and single precision.
#include <catch2/catch.hpp>
#include <random>

#include "compiler/kernel/elementary.h"
#include "runtime/noise.h"
#include "tests/unit/codegen_support.h"

using namespace alea;
using namespace alea::test;

namespace {

enum class Source : uint8_t { input, param, constant };

struct Operand {
  Type type;
  double low = -2, high = 2;
};
struct Case {
  std::string name;
  Op op;
  std::vector<Operand> operands;
  std::vector<int64_t> attributes;
  double tolerance = 1e-13;
  // Instead of `make`, for results whose shape needs more than operands.
  std::function<NodeId(ProgramBuilder&, std::vector<NodeId>)> build;
};

Type real(Shape shape) { return {Scalar::real, 0, std::move(shape)}; }
Type boolean(Shape shape) { return {Scalar::boolean, 0, std::move(shape)}; }

std::vector<Case> elementwise_cases() {
  std::vector<Case> cases;
  auto unary = [&](Op op, double low, double high) {
    for (const Shape& shape : {Shape{3}, Shape{2, 11}}) cases.push_back({std::string(text(op)), op, {{real(shape), low, high}}});
  };
  auto binary = [&](Op op, double low, double high, double low2, double high2) {
    for (const Shape& shape : {Shape{3}, Shape{2, 11}}) {
      cases.push_back({std::string(text(op)), op, {{real(shape), low, high}, {real(shape), low2, high2}}});
      cases.push_back({std::string(text(op)), op, {{real({}), low, high}, {real(shape), low2, high2}}});
    }
  };
  for (Op op : {Op::negate,  Op::abs,      Op::sign, Op::floor, Op::ceil,           Op::round, Op::truncate,
                Op::exp,     Op::expm1,    Op::tan,  Op::atan,  Op::sinh,           Op::cosh,  Op::tanh,
                Op::sigmoid, Op::softplus, Op::erf,  Op::erfc,  Op::log_normal_cdf, Op::wrap})
    unary(op, -6, 6);
  for (Op op : {Op::sin, Op::cos}) unary(op, -6, 6);
  for (Op op : {Op::sin, Op::cos, Op::wrap}) unary(op, -1e18, 1e18);  // beyond what is reduced inline
  for (double largest : {800.0, 1e18}) unary(Op::exp, -largest, largest);
  for (Op op : {Op::sqrt, Op::log, Op::log1p, Op::lgamma, Op::digamma, Op::trigamma}) unary(op, 0.01, 9);
  for (Op op : {Op::asin, Op::acos}) unary(op, -1, 1);
  unary(Op::normal_quantile, 0, 1);
  for (Op op : {Op::add, Op::sub, Op::mul, Op::div, Op::atan2, Op::max, Op::min}) binary(op, -3, 3, -3, 3);
  binary(Op::pow, 0, 4, -2, 2);
  binary(Op::floor_divide, -9, 9, 0.5, 3);
  binary(Op::modulo, -9, 9, 0.5, 3);
  for (Op op : {Op::less, Op::less_equal, Op::equal, Op::not_equal}) binary(op, -1, 1, -1, 1);
  binary(Op::gamma_grad, 0.2, 5, 0.1, 4);
  binary(Op::von_mises_grad, 0.2, 5, -3, 3);
  for (const Shape& shape : {Shape{3}, Shape{2, 11}}) {
    for (Op op : {Op::logical_and, Op::logical_or, Op::equal, Op::not_equal})
      cases.push_back({std::string(text(op)) + " of booleans", op, {{boolean(shape)}, {boolean(shape)}}});
    for (Op op : {Op::logical_not, Op::convert}) cases.push_back({std::string(text(op)), op, {{boolean(shape)}}});
    cases.push_back({"select", Op::select, {{boolean(shape)}, {real(shape)}, {real(shape)}}});
    cases.push_back({"select of booleans", Op::select, {{boolean(shape)}, {boolean(shape)}, {boolean(shape)}}});
    cases.push_back({"select by one", Op::select, {{boolean({})}, {real(shape)}, {real({})}}});
  }
  return cases;
}

std::vector<Case> array_cases() {
  std::vector<Case> cases;
  for (const Shape& shape : {Shape{3}, Shape{40}, Shape{2, 3}, Shape{4, 5, 6}})
    for (int64_t axis = 0; axis < static_cast<int64_t>(shape.size()); ++axis) {
      for (Op op : {Op::reduce_sum, Op::reduce_prod, Op::reduce_max, Op::reduce_min, Op::argmax, Op::argmin})
        cases.push_back({std::string(text(op)), op, {{real(shape)}}, {axis}});
      for (Op op : {Op::reduce_max, Op::reduce_min}) cases.push_back({"any, all", op, {{boolean(shape)}}, {axis}});
      for (int64_t reverse : {0, 1}) cases.push_back({"cumsum", Op::cumsum, {{real(shape)}}, {axis, reverse}});
      Shape other = shape;
      other[static_cast<size_t>(axis)] = 2;
      cases.push_back({"concat", Op::concat, {{real(shape)}, {real(other)}}, {axis}});
      cases.push_back({"slice", Op::slice, {{real(shape)}}, {}, 1e-13, [axis](ProgramBuilder& p, std::vector<NodeId> x) {
                         return p.note_new([&] {
                           return make_slice(p.program.graph, x[0], axis, 1,
                                             p.program.graph.shape(x[0])[static_cast<size_t>(axis)] - 1);
                         });
                       }});
      cases.push_back({"pad", Op::pad, {{real(shape)}}, {}, 1e-13, [axis](ProgramBuilder& p, std::vector<NodeId> x) {
                         return p.note_new([&] {
                           return make_pad(p.program.graph, x[0], axis, 2,
                                           p.program.graph.shape(x[0])[static_cast<size_t>(axis)] + 5);
                         });
                       }});
    }
  for (const Shape& shape : {Shape{4}, Shape{30}, Shape{3, 6}})
    for (Op op : {Op::sort, Op::argsort}) cases.push_back({std::string(text(op)), op, {{real(shape)}}});
  cases.push_back({"transpose", Op::transpose, {{real({2, 3})}}, {1, 0}});
  cases.push_back({"transpose", Op::transpose, {{real({4, 5, 6})}}, {2, 0, 1}});
  auto reshaped = [](Shape shape) {
    return [shape](ProgramBuilder& p, std::vector<NodeId> x) {
      return p.note_new([&] { return make_reshape(p.program.graph, x[0], shape); });
    };
  };
  cases.push_back({"reshape", Op::reshape, {{real({2, 3})}}, {}, 1e-13, reshaped({6})});
  cases.push_back({"reshape", Op::reshape, {{real({4, 6})}}, {}, 1e-13, reshaped({2, 12})});
  cases.push_back(
      {"reshape of a transpose", Op::reshape, {{real({4, 6})}}, {}, 1e-13, [](ProgramBuilder& p, std::vector<NodeId> x) {
         const NodeId turned = p.make(Op::transpose, {x[0]}, {1, 0});
         return p.note_new([&] { return make_reshape(p.program.graph, turned, {3, 8}); });
       }});
  // Under another name the value outlives its phase, so that it is computed where that lies.
  for (Op name : {Op::detach, Op::draw})
    cases.push_back(
        {"another name for a sum", name, {{real({20, 3})}}, {}, 1e-13, [name](ProgramBuilder& p, std::vector<NodeId> x) {
           const NodeId sum = p.make(Op::reduce_sum, {x[0]}, {1});
           return p.raw(name, p.program.graph.type(sum), {sum});
         }});
  for (const Shape& shape : {Shape{}, Shape{3}, Shape{2, 11}}) {
    cases.push_back(
        {"exp of infinities", Op::exp, {{real(shape), -1, 1}}, {}, 1e-13, [](ProgramBuilder& p, std::vector<NodeId> x) {
           return p.make(Op::exp, {p.make(Op::mul, {p.make(Op::mul, {x[0], p.constant(1e300)}), p.constant(1e300)})});
         }});
    cases.push_back({"exp of NaN", Op::exp, {{real(shape), -1, 1}}, {}, 1e-13, [](ProgramBuilder& p, std::vector<NodeId> x) {
                       return p.make(Op::exp, {p.make(Op::sqrt, {x[0]})});
                     }});
  }
  // Both come from one reduction; some samples' arguments lie beyond what is reduced inline, some do not.
  for (const Shape& shape : {Shape{}, Shape{3}, Shape{2, 11}})
    for (double largest : {3.0, 1e14, 1e18})
      cases.push_back({"sine and cosine",
                       Op::sin,
                       {{real(shape), -largest, largest}},
                       {},
                       1e-13,
                       [](ProgramBuilder& p, std::vector<NodeId> x) {
                         const NodeId sine = p.make(Op::sin, {x[0]}), cosine = p.make(Op::cos, {x[0]});
                         return p.make(Op::sub, {p.make(Op::mul, {sine, cosine}), p.make(Op::mul, {cosine, cosine})});
                       }});
  // How many bounds lie below a product, which is computed once for all of them.
  cases.push_back({"counts",
                   Op::reduce_sum,
                   {{real({20, 7})}, {real({20})}, {real({20})}},
                   {},
                   1e-13,
                   [](ProgramBuilder& p, std::vector<NodeId> x) {
                     const NodeId product = p.make(Op::mul, {x[1], x[2]});
                     const NodeId all = p.note_new([&] { return make_broadcast(p.program.graph, product, {20, 7}, {0, -1}); });
                     const NodeId count = p.make(Op::select, {p.make(Op::less, {x[0], all}), p.constant(1), p.constant(0)});
                     return p.make(Op::reduce_sum, {count}, {1});
                   }});
  auto spread = [](Shape shape, std::vector<int64_t> axes) {
    return [shape, axes](ProgramBuilder& p, std::vector<NodeId> x) {
      return p.note_new([&] { return make_broadcast(p.program.graph, x[0], shape, axes); });
    };
  };
  cases.push_back({"broadcast", Op::broadcast, {{real({})}}, {}, 1e-13, spread({20}, {-1})});
  cases.push_back({"broadcast", Op::broadcast, {{real({3})}}, {}, 1e-13, spread({2, 3}, {-1, 0})});
  cases.push_back({"broadcast", Op::broadcast, {{real({5})}}, {}, 1e-13, spread({5, 7}, {0, -1})});
  cases.push_back({"broadcast", Op::broadcast, {{real({5})}}, {}, 1e-13, spread({7, 5}, {-1, 0})});
  // Tables that lie in one register or two, that are short enough for a chain of selections, and longer ones; indices beyond
  // the table on both sides.
  for (int64_t length : {5, 12, 24, 40}) {
    const Operand index{real({}), -1, static_cast<double>(length)}, indices{real({3}), 0, static_cast<double>(length) - 0.001};
    cases.push_back({"gather", Op::gather, {{real({length})}, index}, {0}});
    cases.push_back({"gather", Op::gather, {{real({length})}, indices}, {0}});
    cases.push_back({"gather rows", Op::gather, {{real({length, 4})}, indices}, {0}});
    cases.push_back(
        {"gather in batches", Op::gather, {{real({2, length, 4})}, {real({2, 3}), 0, static_cast<double>(length) - 0.001}}, {1}});
    const Operand around{real({20}), -1, static_cast<double>(length)};
    cases.push_back({"gather in each row", Op::gather, {{real({20, length})}, around}, {1}});
    cases.push_back({"sum of what is gathered",
                     Op::gather,
                     {{real({20, length})}, around},
                     {},
                     1e-13,
                     [](ProgramBuilder& p, std::vector<NodeId> x) {
                       // no NaN: the index clipped
                       const NodeId inside =
                           p.make(Op::max,
                                  {p.make(Op::min, {x[1], p.constant(static_cast<double>(p.program.graph.shape(x[0])[1]) - 0.5)}),
                                   p.constant(0)});
                       return p.make(Op::reduce_sum, {p.make(Op::gather, {x[0], inside}, {1})}, {0});
                     }});
    cases.push_back({"gather of booleans", Op::gather, {{boolean({length})}, index}, {0}});
    auto scattered = [length](int64_t batch) {
      return [length, batch](ProgramBuilder& p, std::vector<NodeId> x) {
        return p.note_new([&] { return make_scatter(p.program.graph, x[0], x[1], length, batch); });
      };
    };
    cases.push_back({"scatter", Op::scatter, {{real({})}, index}, {}, 1e-13, scattered(0)});
    cases.push_back({"scatter", Op::scatter, {{real({3})}, indices}, {}, 1e-13, scattered(0)});
    cases.push_back({"scatter rows", Op::scatter, {{real({3, 4})}, indices}, {}, 1e-13, scattered(0)});
    cases.push_back({"scatter in batches",
                     Op::scatter,
                     {{real({2, 3, 4})}, {real({2, 3}), 0, static_cast<double>(length) - 0.001}},
                     {},
                     1e-13,
                     scattered(1)});
  }
  for (const auto& [m, k, n] : std::initializer_list<std::array<int64_t, 3>>{{2, 3, 2}, {7, 20, 5}, {3, 4, 30}, {33, 2, 3}}) {
    cases.push_back({"matrix times matrix", Op::matmul, {{real({m, k})}, {real({k, n})}}, {0}});
    cases.push_back({"matrix times vector", Op::matmul, {{real({m, k})}, {real({k})}}, {0}});
    cases.push_back({"vector times matrix", Op::matmul, {{real({k})}, {real({k, n})}}, {0}});
    cases.push_back({"vector times vector", Op::matmul, {{real({k})}, {real({k})}}, {0}});
    cases.push_back({"batched product", Op::matmul, {{real({2, m, k})}, {real({2, k, n})}}, {1}});
    cases.push_back({"batched matrix times vector", Op::matmul, {{real({2, m, k})}, {real({2, k})}}, {1}});
    cases.push_back({"outer", Op::outer, {{real({m})}, {real({n})}}, {0}});
    cases.push_back({"batched outer", Op::outer, {{real({3, m})}, {real({3, n})}}, {1}});
  }
  auto definite = [](ProgramBuilder& p, NodeId matrix, int64_t n) {
    // M Mᵀ + n I
    std::vector<double> identity(static_cast<size_t>(n * n), 0.0);
    for (int64_t k = 0; k < n; ++k) identity[static_cast<size_t>(k * n + k)] = static_cast<double>(n);
    const NodeId turned = p.make(Op::transpose, {matrix}, {1, 0});
    return p.make(Op::add, {p.make(Op::matmul, {matrix, turned}, {0}), p.constant(real({n, n}), identity)});
  };
  for (int64_t n : {2, 5}) {
    auto of_definite = [n, definite](Op op) {
      return [op, n, definite](ProgramBuilder& p, std::vector<NodeId> x) {
        x[0] = definite(p, x[0], n);
        return p.make(op, x, {0});
      };
    };
    cases.push_back({"cholesky", Op::cholesky, {{real({n, n})}}, {}, 1e-12, of_definite(Op::cholesky)});
    cases.push_back({"logdet", Op::logdet, {{real({n, n})}}, {}, 1e-12, of_definite(Op::logdet)});
    for (Op op : {Op::solve, Op::solve_lower, Op::solve_upper}) {
      cases.push_back({std::string(text(op)), op, {{real({n, n})}, {real({n})}}, {}, 1e-12, of_definite(op)});
      cases.push_back({std::string(text(op)), op, {{real({n, n})}, {real({n, 3})}}, {}, 1e-12, of_definite(op)});
    }
  }
  cases.push_back({"solve in batches", Op::solve, {{real({2, 3, 3})}, {real({2, 3})}}, {1}, 1e-10});
  return cases;
}

// Σ_i w_i x_i of an array; booleans count as 0 and 1, NaN as 7, infinities as 11 and 13.
NodeId observed(ProgramBuilder& p, NodeId node) {
  const Type type = p.program.graph.type(node);
  const Type numbers = real(type.shape);
  NodeId value = node;
  if (type.scalar == Scalar::boolean) value = p.make(Op::convert, {value});
  if (type.scalar != Scalar::real) value = p.raw(Op::add, numbers, {value, p.constant(0)});
  const Type truths = boolean(type.shape);
  const NodeId finite = p.raw(Op::equal, truths, {p.raw(Op::sub, numbers, {value, value}), p.constant(0)});
  const NodeId positive = p.raw(Op::less, truths, {p.constant(0), value}),
               negative = p.raw(Op::less, truths, {value, p.constant(0)});
  const NodeId other = p.raw(Op::select, numbers,
                             {positive, p.constant(11), p.raw(Op::select, numbers, {negative, p.constant(13), p.constant(7)})});
  value = p.raw(Op::select, numbers, {finite, value, other});
  std::vector<double> weights;
  for (int64_t k = 0; k < element_count(type.shape); ++k) weights.push_back(std::cos(1.0 + static_cast<double>(k)));
  if (!type.shape.empty()) value = p.raw(Op::mul, numbers, {value, p.constant(numbers, weights)});
  while (!p.program.graph.shape(value).empty()) {
    Type reduced = p.program.graph.type(value);
    reduced.shape.pop_back();
    value = p.raw(Op::reduce_sum, reduced, {value}, {static_cast<int64_t>(reduced.shape.size())});
  }
  return value;
}

struct Data {
  ParamArrays params;
  std::vector<InputRows> inputs;
};

// The operation in `phase`: init, or a step of three.
Program program_of(const Case& tested, const std::vector<Source>& sources, Phase phase, Data& data, std::mt19937& random) {
  ProgramBuilder p;
  p.program.model = "operation";
  p.program.horizon = phase == Phase::step ? 3 : 0;
  p.program.has_gradient = true;
  std::vector<NodeId> operands;
  const NodeId scale = p.param("scale", Type{});
  data.params.push_back({1.0});
  for (size_t k = 0; k < tested.operands.size(); ++k) {
    const Operand& operand = tested.operands[k];
    const bool is_boolean = operand.type.scalar == Scalar::boolean;
    const int64_t count = element_count(operand.type.shape), rows = sources[k] == Source::input ? 70 : 1;
    std::uniform_real_distribution<double> numbers(operand.low, operand.high);
    std::vector<double> values;
    for (int64_t i = 0; i < rows * count; ++i) {
      double value = is_boolean ? (numbers(random) > 0 ? 1 : 0) : static_cast<float>(numbers(random));
      // Equal operands now and then.
      if (!is_boolean && operand.low < 0 && i % 5 == 0) value = std::round(value);
      values.push_back(value);
    }
    NodeId leaf;
    const std::string name = "x" + std::to_string(k);
    const Type stored = is_boolean ? real(operand.type.shape) : operand.type;
    switch (sources[k]) {
      case Source::input:
        leaf = p.input(name, stored);
        data.inputs.push_back({values, rows});
        break;
      case Source::param:
        leaf = p.param(name, stored);
        data.params.push_back(values);
        break;
      case Source::constant: leaf = p.constant(stored, values); break;
    }
    p.phase = sources[k] == Source::input ? Phase::init : Phase::uniform;
    if (is_boolean) leaf = p.raw(Op::less, operand.type, {p.constant(0.5), leaf});
    operands.push_back(leaf);
  }
  p.phase = phase;
  if (phase == Phase::step) {
    // Operands of the step vary with time: a zero state is added to numbers.
    const StateId zero = p.state("zero", Type{}, p.constant(0));
    const NodeId now = p.leaf(Op::state, Type{}, zero.index, rate_sample_time);
    p.program.states[zero].next = p.mul(1, now);
    for (size_t k = 0; k < operands.size(); ++k)
      if (tested.operands[k].type.scalar == Scalar::real) operands[k] = p.real(Op::add, {operands[k], now});
  }
  const NodeId result = tested.build ? tested.build(p, operands) : p.make(tested.op, operands, tested.attributes);
  const NodeId seen = p.mul(scale, observed(p, result));
  (phase == Phase::step ? p.program.objective_step : p.program.objective_init) = seen;
  // The reversed sweep reads the result, and sums it over the samples.
  p.phase = phase == Phase::step ? Phase::step_backward : Phase::init_backward;
  const NodeId again = observed(p, result);
  const Phase backward = p.phase;
  p.phase = Phase::finish;
  p.program.params[ParamId{0}].gradient = p.accumulate(scale, {{backward, again, {}}});
  return p.program;
}

template <class T>
void compare(const Case& tested, const Program& program, const Data& data) {
  JitOptions options;
  options.single_precision = std::is_same_v<T, float>;
  const CompiledKernel kernel(program, options);
  const NoiseFunctions& noise = options.single_precision ? noise_functions_single() : noise_functions_double();
  Runner<T> runner{program, kernel, noise, {}, {}};
  for (const auto& values : data.params) runner.params.insert(runner.params.end(), values.begin(), values.end());
  for (const auto& rows : data.inputs) runner.inputs.emplace_back(rows.values.begin(), rows.values.end());
  const NativeResult native = runner.run(1, 50);
  const GroupResult expected = interpret_group<T>(program, data.params, data.inputs, 64, 50, philox_noise<T>(program, 1));
  const double tolerance = options.single_precision ? 2e-5 : tested.tolerance;
  double worst = 0;
  for (size_t lane = 0; lane < 50; ++lane) {
    const double scale = 1 + std::fabs(expected.objective[lane]) + static_cast<double>(data.inputs.size());
    const double error = std::fabs(native.objective[lane] - expected.objective[lane]) / scale;
    worst = std::isnan(error) ? INFINITY : std::max(worst, error);
  }
  CHECK(worst <= tolerance * 10);
  CHECK(native.gradient[0] == Approx(expected.gradient[0][0]).epsilon(tolerance * 100).margin(tolerance * 1000));
}

void check(const std::vector<Case>& cases) {
  std::mt19937 random(7);
  for (const Case& tested : cases) {
    const size_t arity = tested.operands.size();
    // All varying; all but one operand varying; none varying.
    std::vector<std::vector<Source>> mixtures{std::vector<Source>(arity, Source::input),
                                              std::vector<Source>(arity, Source::param)};
    for (size_t k = 0; arity > 1 && k < arity; ++k) {
      mixtures.emplace_back(arity, Source::input);
      mixtures.back()[k] = k % 2 == 0 ? Source::param : Source::constant;
    }
    for (size_t k = 0; k < mixtures.size(); ++k)
      for (Phase phase : {Phase::init, Phase::step}) {
        if (phase == Phase::step && k != 0) continue;
        std::string place = tested.name + " mixture " + std::to_string(k) + (phase == Phase::step ? " step" : " init");
        for (const Operand& operand : tested.operands) place += " " + to_string(operand.type);
        INFO(place);
        Data data;
        const Program program = program_of(tested, mixtures[k], phase, data, random);
        verify_program(program);
        compare<double>(tested, program, data);
        if (k == 0 && phase == Phase::init) compare<float>(tested, program, data);
      }
  }
}

}  // namespace

namespace {

// What `op` gives for `values`, one a sample, on a processor.
template <class T>
std::vector<double> native_values(Op op, const std::vector<double>& values, const std::string& cpu) {
  ProgramBuilder p;
  p.program.has_gradient = true;
  const NodeId x = p.input("x", real({}));
  p.phase = Phase::init;
  p.program.objective_init = p.real(op, {x});
  JitOptions options;
  options.single_precision = std::is_same_v<T, float>;
  if (!cpu.empty()) options.target = named_target("", cpu);
  const CompiledKernel kernel(p.program, options);
  Runner<T> runner{p.program, kernel, options.single_precision ? noise_functions_single() : noise_functions_double(), {}, {}};
  runner.inputs.emplace_back(values.begin(), values.end());
  return runner.run(1, 64).objective;
}

template <class T>
void check_values(const std::vector<double>& values) {
  for (const Op op : {Op::log, Op::exp, Op::sin, Op::cos, Op::wrap, Op::sigmoid, Op::softplus, Op::tanh, Op::expm1})
    for (const std::string cpu : {"", "x86-64-v3"}) {
      const std::vector<double> native = native_values<T>(op, values, cpu);
      for (size_t lane = 0; lane < values.size(); ++lane) {
        INFO(text(op) << " of " << values[lane] << (cpu.empty() ? "" : " for ") << cpu);
        const double expected = elementary::apply(op, static_cast<T>(values[lane]));
        // Without NaN's payload.
        CHECK((native[lane] == expected || (std::isnan(native[lane]) && std::isnan(expected))));
      }
    }
}

template <class T>
void check_edges() {
  using Limits = std::numeric_limits<T>;
  constexpr double large = Limits::infinity();
  std::vector<double> values{
      0.0,           -0.0, -1.0, -large, large, Limits::quiet_NaN(),   Limits::denorm_min(), Limits::min() / 3, Limits::min(),
      Limits::max(), 0.5,  0.75, 1.0,    1.5,   -Limits::denorm_min(), Limits::min() * 0.75};
  for (const double edge : {std::log(Limits::max()), std::log(Limits::min()), std::log(Limits::denorm_min())})
    for (const double beside : {-1e-4, 0.0, 1e-4}) values.push_back(static_cast<T>(edge * (1 + beside)));
  for (const double huge : {1e4, 1e9, 1e18, 1e37}) values.insert(values.end(), {static_cast<T>(huge), static_cast<T>(-huge)});
  std::mt19937 random(3);
  while (values.size() < 64) values.push_back(static_cast<T>(std::exp(std::uniform_real_distribution<double>(-80, 80)(random))));
  check_values<T>(values);
  // Those that need no case of their own anywhere, as far as exp has none; then a single lane that does.
  const double most = (sizeof(T) == 8 ? elementary::usual_exponents_double : elementary::usual_exponents_single) * std::log(2.0);
  for (size_t k = 0; k < values.size(); ++k) values[k] = static_cast<T>(most * (static_cast<double>(k) / 32 - 1));
  check_values<T>(values);
  for (const double beyond : {-1.01, 1.01, 3.0}) {
    values[5] = static_cast<T>(beyond * most);
    check_values<T>(values);
  }
}

}  // namespace

TEST_CASE("functions at every edge natively: the interpreter's bits, on any processor") {
  check_edges<double>();
  check_edges<float>();
}

TEST_CASE("elementwise operations natively") { check(elementwise_cases()); }
TEST_CASE("array operations natively") { check(array_cases()); }
