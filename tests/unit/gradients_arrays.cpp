// Sums of products of matrices and vectors, computed as one accumulation with what is made of them, and arrays that steps carry
// from place to place: native code gives what the interpreter does, whatever the lanes, the segments and the samples of a group.
#include <fmt/format.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "tests/unit/gradients_support.h"

using namespace alea;
using namespace alea::test;

namespace {

// Two sums of several terms and products, one with a constant lower triangle and one with transposed matrices; the policy's
// product has few elements or many.
std::string regulator(int64_t size, int64_t actions, int64_t horizon) {
  return fmt::format(R"(
mdp regulator {{
  horizon {2}
  const A = [[(if i == j then 0.7 else 0.3 * cos(1.0 * i + 2.0 * j) / {0}) for j in 0..{0}] for i in 0..{0}]
  const B = [[sin(1.0 * i * k + i) / {1} for k in 0..{1}] for i in 0..{0}]
  const L = [[(if j > i then 0.0 else 0.3 / (1 + i + j)) for j in 0..{0}] for i in 0..{0}]
  param drift: real[{0}] = [0.1 * sin(1.0 * i) for i in 0..{0}]
  state x: real[{0}] ~ normal(drift, 1)
  action u: real[{1}]
  x' ~ mvnormal(A @ x + (drift + B @ u), L)
  cost dot(x, x) + 0.1 * dot(u, u)
  final cost sum(abs(x))
}}
policy gain for regulator {{
  param K: real[{1}, {0}] = [[0.2 * cos(3.0 * i + j) for j in 0..{0}] for i in 0..{1}]
  u = K @ x
}}
)",
                     size, actions, horizon);
}

// A product alone and sums of products, made use of by cheap operations, by dear ones, by two, by a reduction; in init, in the
// steps and after them.
const std::string uses = R"(
mdp uses {
  horizon 5
  param W: real[18, 18] = [[sin(3.0 * i + j) / 8 for j in 0..18] for i in 0..18]
  param V: real[18, 3] = [[cos(1.0 * i + j) for j in 0..3] for i in 0..18]
  param b: real[18] = [0.2 * cos(5.0 * i) for i in 0..18]
  state x: real[18] ~ normal(0, 1)
  state s: real[3] = [0.1, 0.2, 0.3]
  kick ~ normal(0, 0.1)
  product = W @ x
  large = max(b + V @ s + product, 0.1 * b)
  slope = (x @ W - b) * tanh(x)
  x' = 0.5 * tanh(large) + slope * sigmoid(0.3 * x) + (if stop(x[0]) > 0 then W @ b + x else V @ s)
  s' = s + kick
  cost sum((W @ x + b)^2) + sum(x * (V @ s)) + dot(slope, product)
  final cost sum(W @ x + b * x) + dot(x, V @ s + W @ x)
}
)";

// Arrays that change places, one that stays, one that no sample differs in; and episodes that end early.
std::string places(int64_t horizon, bool ends) {
  return fmt::format(R"(
mdp places {{
  horizon {}
  param W: real[12, 12] = [[sin(3.0 * i + j) / 6 for j in 0..12] for i in 0..12]
  param c: real[12] = [0.1 * i for i in 0..12]
  state x: real[12] ~ normal(0, 1)
  state y: real[12] = 0.3 * c
  state same: real[12] = tanh(c) * x[0]
  state plan: real[12] = c
  state last: real[12] = c
  state marks: bool[12] = [i == 3 for i in 0..12]
  x' = y
  y' = 0.8 * x + 0.1 * W @ y + 0.01 * same
  plan' = 0.5 * (W @ plan + c)
  last' = x
  marks' = [stop(x[i]) > 0 for i in 0..12]
  cost dot(x, y) + dot(last, plan) + dot(same, y) + (if marks[2] then sum(x) else 0.1 * sum(y))
  final cost sum(x * plan) + sum(last) + dot(same, same)
  {}
}}
)",
                     horizon, ends ? "terminate stop(y'[1] > 0.8)" : "");
}

void check(const std::string& text) {
  const auto ready = make_ready(text);
  INFO(text << ready->errors);
  REQUIRE(ready->compiled);
  for (const int64_t samples : {3, 70}) {
    const Estimate slow = estimate(*ready, samples, false);
    CHECK(std::isfinite(slow.mean));
    JitOptions whole, parts;
    whole.arena_limit = 0;
    parts.arena_limit = 1;
    const Estimate quick = estimate(*ready, samples, true, false, whole);
    CHECK(quick.mean == Approx(slow.mean).epsilon(1e-12));
    for (size_t p = 0; p < slow.gradient.size(); ++p) {
      double scale = 0;
      for (const double g : slow.gradient[p].mean) scale = std::max(scale, std::abs(g));
      CHECK((scale > 0 || slow.gradient[p].mean.empty()));
      for (size_t k = 0; k < slow.gradient[p].mean.size(); ++k)
        CHECK(quick.gradient[p].mean[k] == Approx(slow.gradient[p].mean[k]).epsilon(1e-12).margin(1e-12 * scale));
    }
    CHECK(bits(estimate(*ready, samples, true, false, parts)) == bits(quick));
    for (const int lanes : {8, 16, 64}) {
      parts.forward_lanes = whole.forward_lanes = parts.backward_lanes = whole.backward_lanes = lanes;
      CHECK(bits(estimate(*ready, samples, true, false, parts)) == bits(estimate(*ready, samples, true, false, whole)));
    }
    CHECK(estimate(*ready, samples, true, true).mean == Approx(estimate(*ready, samples, false, true).mean).epsilon(1e-4));
  }
}

}  // namespace

TEST_CASE("sums of products are one accumulation", "[arrays]") {
  for (const auto& [size, actions] : std::initializer_list<std::pair<int64_t, int64_t>>{{9, 2}, {16, 4}, {19, 11}})
    check(regulator(size, actions, 6));
}

TEST_CASE("what is made of products", "[arrays]") { check(uses); }

// A product that a sum computes with itself ends no chain of what is made of another product.
TEST_CASE("sums of products and of multiples of products", "[arrays]") {
  for (const char* sum : {"0.5 * (A @ x) + C @ x", "C @ x + 0.5 * (A @ x)", "(A @ x) * x + C @ x", "C @ x - (A @ x) * x",
                          "0.5 * (A @ x - C @ y) + C @ x", "0.7 * tanh(A @ x) + 0.1 * (A @ (C @ sin(x)))"})
    check(fmt::format(R"(
graph g {{
  param A: real[12, 12] = [[sin(3.0 * i + j) / 6 for j in 0..12] for i in 0..12]
  param C: real[12, 12] = [[cos(1.0 * i + j) / 6 for j in 0..12] for i in 0..12]
  x: real[12] ~ normal(0, 1)
  y: real[12] ~ normal(0, 1)
  cost sum(({})^2)
}}
)",
                      sum));
}

TEST_CASE("arrays go from place to place", "[arrays]") {
  for (const int64_t horizon : {1, 2, 40, 71})
    for (const bool ends : {false, true}) check(places(horizon, ends));
}

// What has no elements has no room either: nothing may be read or written there.
TEST_CASE("arrays without elements", "[arrays]") {
  check(R"(
graph g {
  param e: real[0]
  param w: real[20]
  param table: real[5]
  x: real[20] ~ normal(0, 1)
  y: real[0] ~ normal(0, 1)
  k ~ categorical([0.2, 0.2, 0.2, 0.2, 0.2])
  cost sum(e * y) + sum(w * x * x) + table[k]
}
)");
  check(R"(
mdp m {
  horizon 7
  param e: real[0]
  param W: real[3, 20] = 0.1
  param V: real[0, 20]
  state x: real[20] ~ normal(0, 1)
  state z: real[0] ~ normal(0, 1)
  kick: real[20] ~ normal(0, 0.1)
  x' = 0.9 * tanh(x) + kick
  z' = z + e
  cost sum(e * z) + sum((W @ x)^2) + sum(V @ x)
}
)");
}

// Its quantities are merged in ranges, by all threads, where no more groups wait than are merged at once.
TEST_CASE("threads change no bit of a large gradient", "[gradients]") {
  const auto ready = make_ready(
      "graph g {\n  param w: real[150, 41] = 0.01\n  param b: real[150] = 0.1\n  x: real[41] ~ normal(0, 1)\n"
      "  h = tanh(w @ x + b)\n  cost 1e-3*dot(h, h)\n}\n");
  INFO(ready->errors);
  REQUIRE(ready->compiled);
  const Program& program = ready->compiled->program;
  const CompiledKernel kernel(program, {});
  // One group in part; one; some in part; as many as wait at most; more; a tree's right end.
  for (const int64_t samples : {10, 64, 300, 512, 1024, 1088, 4096, 5000}) {
    INFO(samples);
    std::vector<uint64_t> expected;
    for (const int threads : {1, 2, 3, 8}) {
      Driver driver(program, &kernel, {.threads = threads});
      RunOptions run;
      run.samples = samples;
      Estimate found = driver.run(ready->params, run);
      if (expected.empty()) expected = bits(found);
      CHECK(bits(found) == expected);
#if defined(__x86_64__)
      // Nor does the rounding or the flushing of denormals that the program around has set.
      for (const unsigned mode : {0x9fc0U, 0x5f80U}) {
        const unsigned before = _mm_getcsr();
        _mm_setcsr(mode);
        const Estimate as_set = driver.run(ready->params, run);
        _mm_setcsr(before);
        CHECK(bits(as_set) == expected);
      }
#endif
      // Again, in the memory of the first, after runs without a gradient and after other params.
      for (const int64_t fewer : {samples, samples / 3 + 1}) {
        RunOptions objective = run;
        objective.gradient = false;
        objective.samples = fewer;
        CHECK(driver.run(ready->params, objective).gradient.empty());
        CHECK(bits(driver.run(ready->params, run)) == expected);
      }
      ParamArrays others = ready->params;
      others[0][4000] = 0.5;
      found = driver.run(others, run, std::move(found));
      CHECK(bits(found) != expected);
      CHECK(bits(driver.run(ready->params, run, std::move(found))) == expected);
      others[1][3] = INFINITY;
      others[0][123] = NAN;
      const Estimate bad = driver.run(others, run);
      REQUIRE(bad.non_finite);
      CHECK(bad.non_finite->first_sample == 0);
    }
    // Each group's part of the mean, alone.
    if (samples % 64 != 0 || samples > 1024) continue;
    Driver driver(program, nullptr, {.threads = 1});
    RunOptions run;
    run.samples = samples;
    const Estimate slowly = driver.run(ready->params, run);
    const Estimate quickly = Driver(program, &kernel, {.threads = 2}).run(ready->params, run);
    for (size_t k = 0; k < slowly.gradient[0].mean.size(); k += 97) {
      CHECK(quickly.gradient[0].mean[k] == Approx(slowly.gradient[0].mean[k]).epsilon(1e-9).margin(1e-12));
      if (samples > 64)
        CHECK(quickly.gradient[0].standard_error[k] == Approx(slowly.gradient[0].standard_error[k]).epsilon(1e-9));
    }
  }
}
