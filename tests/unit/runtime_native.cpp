// Native code against the interpreter through the driver: every elementwise operation to the bit, and whole runs.
#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "compiler/graph/build.h"
#include "runtime/driver.h"

using namespace alea;

namespace {

NodeId placed(Program& program, Phase phase, Rate rate, NodeId node) {
  if (node.index == program.phase.size()) {
    program.phase.add(phase);
    program.rate.add(rate);
  }
  return node;
}

// The objective of sample i is op(x_i, y_i), booleans as numbers.
Program one_operation(Op op) {
  Program program;
  program.model = std::string(text(op));
  Graph& graph = program.graph;
  const Type real, boolean{Scalar::boolean, 0, {}};
  std::vector<NodeId> inputs;
  for (const char* name : {"x", "y"}) {
    const InputId id = program.inputs.add({name, real});
    inputs.push_back(placed(program, Phase::init, rate_sample, graph.add(Op::input, real, {}, id.index)));
  }
  const bool logical = op == Op::logical_and || op == Op::logical_or || op == Op::logical_not;
  const NodeId zero = placed(program, Phase::uniform, rate_none, graph.constant(0));
  const auto truth = [&](NodeId x) { return placed(program, Phase::init, rate_sample, graph.add(Op::less, boolean, {zero, x})); };
  std::vector<NodeId> operands;
  if (op == Op::select) operands = {truth(inputs[0]), inputs[0], inputs[1]};
  else if (op == Op::convert) operands = {truth(inputs[0])};
  else
    for (int k = 0; k < arity(op); ++k)
      operands.push_back(logical ? truth(inputs[static_cast<size_t>(k)]) : inputs[static_cast<size_t>(k)]);
  // `make` knows the result's type: an integer for truncate, a boolean for comparisons.
  const NodeId value = placed(program, Phase::init, rate_sample, make(graph, op, operands));
  program.objective_init = graph.type(value).scalar == Scalar::real
                               ? value
                               : placed(program, Phase::init, rate_sample, graph.add(Op::convert, real, {value}));
  return program;
}

// Pairs that cover edges and magnitudes; the second number is a plausible second argument for every operation.
std::vector<InputRows> arguments(bool positive) {
  const double infinity = std::numeric_limits<double>::infinity();
  const std::vector<double> xs = {0.3,       -0.3,         1.0,   -1.0,   0.0,    -0.0,   2.5,     -2.5, 7.25, -7.25,
                                  20.0,      -20.0,        0.75,  100.0,  -100.0, 1e-3,   1e-9,    1e9,  -1e9, 1e15,
                                  -1e15,     1e20,         1e30,  -1e30,  0.5,    0.9999, 3.14159, 12.5, 88.5, infinity,
                                  -infinity, std::nan(""), -95.0, -103.5, -709.5, -740.0, -745.1,  709.7};
  const std::vector<double> ys = {0.7, 2.0, -1.5, 3.0, 0.25, -0.6, 11.0, 1.0};
  InputRows x, y;
  for (size_t i = 0; i < xs.size() * ys.size(); ++i) {
    x.values.push_back(positive ? std::fabs(xs[i % xs.size()]) : xs[i % xs.size()]);
    y.values.push_back(positive ? std::fabs(ys[i / xs.size()]) : ys[i / xs.size()]);
  }
  x.rows = y.rows = static_cast<int64_t>(x.values.size());
  return {x, y};
}

}  // namespace

TEST_CASE("native elementwise operations give the interpreter's bits", "[native]") {
  for (int index = 0; index < op_count; ++index) {
    const auto op = static_cast<Op>(index);
    if (kind(op) != OpKind::elementwise) continue;
    const Program program = one_operation(op);
    INFO(text(op));
    REQUIRE(program_error(program) == "");
    for (const bool single : {false, true}) {
      JitOptions jit;
      jit.single_precision = single;
      const CompiledKernel kernel(program, jit);
      DriverOptions options;
      options.threads = 1;
      options.single_precision = single;
      Driver native(program, &kernel, options), interpreted(program, nullptr, options);
      // The implicit derivatives are defined for positive first arguments; one sample a run shows each value.
      const std::vector<InputRows> rows = arguments(op == Op::gamma_grad || op == Op::von_mises_grad);
      for (int64_t i = 0; i < rows[0].rows; ++i) {
        std::vector<InputRows> one = {{{rows[0].values[static_cast<size_t>(i)]}, 1},
                                      {{rows[1].values[static_cast<size_t>(i)]}, 1}};
        if (op == Op::gamma_grad && !(one[0].values[0] < 1e5)) continue;
        native.set_inputs(one);
        interpreted.set_inputs(one);
        RunOptions run;
        run.samples = 1;
        const double a = native.run({}, run).mean, b = interpreted.run({}, run).mean;
        INFO(text(op) << (single ? " f32 " : " f64 ") << one[0].values[0] << " " << one[1].values[0] << ": " << a << " " << b);
        CHECK(((std::isnan(a) && std::isnan(b)) || std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b)));
      }
    }
  }
}

TEST_CASE("a kernel that does not fit the memory is refused", "[native]") {
  const Program program = one_operation(Op::add);
  const CompiledKernel kernel(program, {});
  DriverOptions options;
  options.threads = 2;
  options.memory_limit = 1;
  CHECK_THROWS_AS(Driver(program, &kernel, options), MachineError);
}
