// Arrays that are computed row by row in one loop, and the softmax of Gumbel noise, natively and interpreted.
#include <catch2/catch.hpp>
#include <random>

#include "compiler/kernel/philox.h"
#include "runtime/noise.h"
#include "tests/unit/codegen_support.h"

using namespace alea;
using namespace alea::test;

namespace {

Type real(Shape shape = {}) { return {Scalar::real, 0, std::move(shape)}; }

// The greatest relative difference of the objectives of a group, over all blocks of lanes, whose bits must be the same.
template <class T>
double difference(const Program& program, const ParamArrays& params, int64_t count) {
  const GroupResult expected = interpret_group<T>(program, params, {}, 128, count, philox_noise<T>(program, 1));
  double worst = 0;
  std::vector<double> first;
  for (const int lanes : {16, 32, 64}) {
    JitOptions options;
    options.single_precision = std::is_same_v<T, float>;
    options.forward_lanes = lanes;
    const CompiledKernel kernel(program, options);
    Runner<T> runner{program, kernel, options.single_precision ? noise_functions_single() : noise_functions_double(), {}, {}};
    for (const auto& values : params) runner.params.insert(runner.params.end(), values.begin(), values.end());
    for (const ProgramNoise& noise : program.noises) runner.keys.push_back(noise_key(1, noise.name));
    std::vector<double> objective = runner.run(2, count, false).objective;
    objective.resize(static_cast<size_t>(count));
    for (size_t lane = 0; lane < objective.size(); ++lane) {
      const double error = std::fabs(objective[lane] - expected.objective[lane]) / (1 + std::fabs(expected.objective[lane]));
      worst = std::isnan(error) ? INFINITY : std::max(worst, error);
    }
    if (first.empty()) first = objective;
    CHECK(objective == first);
  }
  return worst;
}

class Arrays {
 public:
  ProgramBuilder p;
  static constexpr int64_t rows = 12;

  Arrays() {
    p.program.model = "rows";
    p.phase = Phase::init;
  }
  NodeId sum(NodeId node, int64_t axis) { return p.make(Op::reduce_sum, {node}, {axis}); }
  NodeId spread(NodeId node, const Shape& shape, std::vector<int64_t> axes) {
    return p.note_new([&] { return make_broadcast(p.program.graph, node, shape, std::move(axes)); });
  }
  // Read twice, so that it is kept in memory.
  NodeId objective_of(const std::vector<NodeId>& nodes) {
    NodeId total = p.constant(0);
    for (NodeId node : nodes) {
      const NodeId bounded = p.real(Op::div, {node, p.add(p.unary(Op::abs, node), p.constant(1))});
      total = p.add(total, p.note_new([&] { return make_sum_all(p.program.graph, bounded); }));
    }
    return total;
  }
};

}  // namespace

// Each array below is made of rows of the one before, or of its columns, or of other rows: what is not of the same row has to
// wait for all rows.
TEST_CASE("arrays row by row natively") {
  constexpr int64_t n = Arrays::rows;
  for (int what = 0; what < 7; ++what) {
    INFO("case " << what);
    Arrays a;
    ProgramBuilder& p = a.p;
    const Shape square{n, n};
    const NodeId x = p.noise(Op::noise_uniform, "x", real(square)), e = p.unary(Op::exp, x);
    const NodeId total = a.sum(e, 1), inverse = p.real(Op::div, {p.constant(1), total});
    const NodeId shares = p.mul(e, a.spread(inverse, square, {0, -1})), twice = p.add(shares, e);
    std::vector<NodeId> read{e, total, inverse, shares, twice};
    switch (what) {
      case 0: break;
      // The sum of row k in column k.
      case 1: read.push_back(p.mul(twice, a.spread(total, square, {-1, 0}))); break;
      case 2: read.push_back(p.sub(twice, p.make(Op::transpose, {shares}, {1, 0}))); break;
      case 3: read.push_back(p.mul(twice, a.spread(a.sum(shares, 0), square, {-1, 0}))); break;
      case 4: {
        std::vector<double> order(n);
        for (int64_t k = 0; k < n; ++k) order[static_cast<size_t>(k)] = static_cast<double>(n - 1 - k);
        const NodeId index = p.constant({Scalar::integer, 0, {n}}, order);
        read.push_back(p.mul(twice, p.make(Op::gather, {shares, index}, {0})));
        break;
      }
      case 5: {
        // Of other rows, and truths.
        const NodeId later = p.note_new([&] { return make_slice(p.program.graph, shares, 0, 1, n - 1); });
        const NodeId sooner = p.note_new([&] { return make_slice(p.program.graph, twice, 0, 0, n - 1); });
        const NodeId condition = p.make(Op::less, {later, sooner});
        read.push_back(p.make(Op::select, {condition, later, p.mul(sooner, later)}));
        read.push_back(p.make(Op::select, {condition, sooner, later}));
        break;
      }
      // Along the first axis alone.
      case 6: {
        const NodeId root = p.unary(Op::sqrt, total), more = p.add(root, inverse);
        read.insert(read.end(), {root, more, p.mul(more, a.spread(a.sum(more, 0), {n}, {-1}))});
        break;
      }
    }
    p.program.objective_init = a.objective_of(read);
    verify_program(p.program);
    CHECK(difference<double>(p.program, {}, 50) <= 1e-12);
    CHECK(difference<float>(p.program, {}, 50) <= 1e-5);
  }
}

// Where nothing but the order of the factors says that it is a softmax, it is computed as it is written: that is what the other
// form is held to.
TEST_CASE("the softmax of Gumbel noise is that of its definition") {
  const double infinity = INFINITY;
  // Rows of six locations.
  const std::vector<double> locations = {0,   0,         0,    0,    0,   0, 1,    -2, 3, 0.5, 7,   -4,
                                         300, 290,       -300, 280,  299, 0, -1e8, -1, 1, 1e8, 1e3, 1000,
                                         -50, -infinity, -1e5, -100, 0,   1, 2,    2,  1, 3,   -45, 30};
  constexpr int64_t rows = 6, columns = 6;
  const Shape shape{rows, columns};
  for (const int inverse : {1, 2})
    for (const int written : {0, 1, 2}) {
      INFO(inverse << " " << written);
      Arrays a;
      ProgramBuilder& p = a.p;
      const NodeId location = p.param("location", real(shape)), u = p.noise(Op::noise_uniform, "u", real(shape));
      const NodeId exponential = p.make(Op::negate, {p.make(Op::log, {u})});
      NodeId noise = p.make(Op::negate, {p.make(Op::log, {exponential})});
      if (written == 1) noise = p.make(Op::draw, {noise});
      NodeId x = p.make(Op::add, {location, noise});
      if (inverse == 2) x = written == 2 ? p.make(Op::mul, {x, p.constant(2)}) : p.make(Op::div, {x, p.constant(0.5)});
      const NodeId largest = p.make(Op::reduce_max, {x}, {1});
      const NodeId powers = p.make(Op::exp, {p.make(Op::sub, {x, a.spread(largest, shape, {0, -1})})});
      const NodeId shares = a.spread(p.make(Op::div, {p.constant(1), a.sum(powers, 1)}), shape, {0, -1});
      const NodeId y = p.make(Op::mul, {powers, shares}), plain = p.raw(Op::mul, real(shape), {powers, shares});
      CHECK(y != plain);
      // e^(location - s) is of the param alone.
      REQUIRE(p.program.graph.op(y) == Op::mul);
      for (const NodeId factor : p.program.graph.inputs(y)) CHECK(p.program.graph.op(factor) != Op::exp);
      const NodeId error = p.real(Op::abs, {p.sub(y, plain)});
      const NodeId relative = p.real(Op::div, {error, p.add(plain, p.constant(1e-30))});
      p.program.objective_init = p.note_new([&] { return make_sum_all(p.program.graph, relative); });
      verify_program(p.program);
      const ParamArrays params = {locations};
      CHECK(difference<double>(p.program, params, 64) <= 1e-12);
      CHECK(difference<float>(p.program, params, 64) <= 1e-4);
      for (const double error_of :
           interpret_group<double>(p.program, params, {}, 0, 64, philox_noise<double>(p.program, 0)).objective)
        CHECK(error_of < 1e-11);
      for (const double error_of :
           interpret_group<float>(p.program, params, {}, 0, 64, philox_noise<float>(p.program, 0)).objective)
        CHECK(error_of < 3e-3);
    }
  // Another temperature, another axis, no noise, locations of samples: as written.
  Arrays a;
  ProgramBuilder& p = a.p;
  const NodeId location = p.param("location", real(shape)), u = p.noise(Op::noise_uniform, "u", real(shape));
  const NodeId noise = p.make(Op::negate, {p.make(Op::log, {p.make(Op::negate, {p.make(Op::log, {u})})})});
  const auto softmax = [&](NodeId x, int64_t axis) {
    const std::vector<int64_t> axes = axis == 1 ? std::vector<int64_t>{0, -1} : std::vector<int64_t>{-1, 0};
    const NodeId largest = p.make(Op::reduce_max, {x}, {axis});
    const NodeId powers = p.make(Op::exp, {p.make(Op::sub, {x, a.spread(largest, shape, axes)})});
    const NodeId y = p.make(Op::mul, {powers, a.spread(p.make(Op::div, {p.constant(1), a.sum(powers, axis)}), shape, axes)});
    const auto inputs = p.program.graph.inputs(y);
    return std::ranges::find(inputs, powers) != inputs.end();
  };
  const NodeId perturbed = p.make(Op::add, {location, noise});
  CHECK(softmax(p.make(Op::div, {perturbed, p.constant(0.3)}), 1));
  CHECK(softmax(p.make(Op::mul, {perturbed, p.param("inverse", real())}), 1));
  CHECK(softmax(perturbed, 0));
  CHECK(softmax(location, 1));
  CHECK(softmax(p.make(Op::add, {p.noise(Op::noise_normal, "x", real(shape)), noise}), 1));
  CHECK(softmax(p.make(Op::add, {p.input("row", real(shape)), noise}), 1));
  CHECK_FALSE(softmax(p.make(Op::add, {p.unary(Op::sin, location), noise}), 1));
  CHECK_FALSE(softmax(perturbed, 1));
}
