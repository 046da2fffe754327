// Chunks of lanes and groups: chunks that leave the loop at different steps, and calls that take several groups, give what each
// gives alone.
#include <set>

#include "tests/unit/codegen_compare.h"

using namespace alea;
using namespace alea::test;

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

namespace {

// Returns the groups of a call.
template <class T>
int64_t compare_calls(const Program& program, JitOptions options, int64_t row_size) {
  options.single_precision = std::is_same_v<T, float>;
  const CompiledKernel kernel(program, options);
  const auto most = static_cast<uint64_t>(kernel.most_groups());
  REQUIRE(most >= 2);
  const NoiseFunctions& noise = options.single_precision ? noise_functions_single() : noise_functions_double();
  std::vector<T> rows;
  for (int64_t k = 0; k < row_size * 100; ++k) rows.push_back(static_cast<T>(std::sin(k)));
  Runner<T> runner{program, kernel, noise, {T(1.5), T(0.5), T(-1), T(2), T(-0.75), T(1.25)}, {rows}};
  constexpr uint64_t groups = 21;
  constexpr int64_t count = (groups - 1) * 64 + 10;
  for (const bool gradient : {true, false}) {
    NativeResult alone, together;
    const auto append = [&](NativeResult& to, uint64_t group, uint64_t of_call) {
      const int64_t own = std::min(static_cast<int64_t>(of_call) * 64, count - static_cast<int64_t>(group) * 64);
      const NativeResult result = runner.run(5 + group, own, gradient);
      to.objective.insert(to.objective.end(), result.objective.begin(), result.objective.begin() + own);
      to.gradient.insert(to.gradient.end(), result.gradient.begin(), result.gradient.end());
    };
    for (uint64_t group = 0; group < groups; ++group) append(alone, group, 1);
    for (uint64_t group = 0; group < groups; group += most) append(together, group, most);
    CHECK(together.objective == alone.objective);
    if (gradient) CHECK(together.gradient == alone.gradient);
  }
  return kernel.most_groups();
}

Program groups_program(int64_t row_size) {
  ProgramBuilder p;
  p.program.model = "groups";
  p.program.has_gradient = true;
  const NodeId scale = p.param("scale", real()), table = p.param("table", real({3})), pair = p.param("pair", real({2}));
  p.phase = Phase::init;
  const NodeId z = p.noise(Op::noise_normal, "z", real({2})), u = p.noise(Op::noise_uniform, "u", real());
  const NodeId shape = p.add(u, p.constant(1)), drawn = row_size > 1 ? p.noise(Op::noise_gamma, "g", real(), {shape}) : shape;
  const NodeId row = p.input("row", real({row_size}));
  const NodeId sines = p.unary(Op::sin, z);
  const NodeId row_sum = p.make(Op::reduce_sum, {row}, {0});
  const NodeId product = p.mul(row_sum, p.make(Op::reduce_sum, {p.mul(pair, sines)}, {0}));
  const NodeId which = p.unary(Op::floor, p.mul(3, u));
  const NodeId entry = p.make(Op::gather, {table, which}, {0});
  p.program.objective_init = p.add(p.mul(scale, p.add(product, drawn)), entry);
  const NodeId slope = p.add(product, drawn), one = p.add(p.constant(1), p.mul(0, u));
  const NodeId slopes = p.mul(p.mul(scale, row_sum), sines);
  p.phase = Phase::finish;
  p.program.params[ParamId{0}].gradient = p.accumulate(scale, {{Phase::init_backward, slope, {}}});
  p.program.params[ParamId{1}].gradient = p.accumulate(table, {{Phase::init_backward, one, which}});
  p.program.params[ParamId{2}].gradient = p.accumulate(pair, {{Phase::init_backward, slopes, {}}});
  verify_program(p.program);
  return p.program;
}

}  // namespace

// Where init is all there is, a call takes several groups, fewer the more memory each needs: to the bit what they give alone, the
// last one not full. The sums of a scalar and of a pair are kept in registers where the chunks are halves of a group or all of
// it, an indexed one in memory.
TEST_CASE("several groups in a call give what each gives alone") {
  std::set<int64_t> seen;
  for (const int64_t row_size : {1, 2, 16, 32, 56}) {
    const Program program = groups_program(row_size);
    std::vector<double> row;
    for (int64_t k = 0; k < row_size; ++k) row.push_back(0.5 - 0.01 * static_cast<double>(k));
    CHECK(difference<double>(program, {{1.5}, {0.5, -1, 2}, {-0.75, 1.25}}, {{row, 1}}, 5, 64) <= 1e-12);
    for (const int lanes : {0, 16, 32, 64}) {
      JitOptions options;
      options.forward_lanes = lanes;
      seen.insert(compare_calls<double>(program, options, row_size));
      seen.insert(compare_calls<float>(program, options, row_size));
    }
  }
  CHECK(seen == std::set<int64_t>{2, 4, 8, 16});
}
