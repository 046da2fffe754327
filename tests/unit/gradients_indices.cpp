// Look-ups by an index that differs from sample to sample, in and beyond tables too long to compare with each element: natively
// as interpreted, and, for a processor that neither gathers nor scatters, in straight lines.
#include <sstream>

#include "runtime/jit_target.h"
#include "tests/unit/gradients_support.h"

using namespace alea;
using namespace alea::test;

namespace {

// Indices from -2 to `rows` + 1 where `beyond`; what is looked up there is NaN, and replaced.
std::string look_ups(int rows, int count, bool beyond) {
  std::string text = R"(
graph g {
  param t: real[ROWS] ~ normal(0, 1)
  param M: real[ROWS, 2] ~ normal(0, 1)
  u: real[COUNT] ~ uniform(LOW, HIGH)
  y: real[ROWS] ~ normal(0, 1)
  a = [t[int(floor(u[i]))] for i in 0..COUNT]
  d = [y[int(floor(u[i]))] for i in 0..COUNT]
  e = [sum(M[int(floor(u[i]))]) for i in 0..COUNT]
  cost sum([if u[i] >= 0 and u[i] < ROWS then (a[i] + d[i])*sin(e[i]) else u[i] for i in 0..COUNT])
})";
  const auto put = [&](const std::string& name, int number) {
    for (size_t at = 0; (at = text.find(name, at)) != std::string::npos;) text.replace(at, name.size(), std::to_string(number));
  };
  put("ROWS", rows), put("COUNT", count), put("LOW", beyond ? -2 : 0), put("HIGH", beyond ? rows + 2 : rows);
  return text;
}

}  // namespace

TEST_CASE("look-ups by varying indices natively, in tables and beyond", "[indices]") {
  for (const bool beyond : {false, true})
    for (const int rows : {17, 40, 65})
      for (const int count : {3, 8, 11}) {
        const auto ready = make_ready(look_ups(rows, count, beyond));
        INFO(rows << " rows, " << count << " look-ups\n" << ready->errors);
        REQUIRE(ready->compiled);
        const Estimate slow = estimate(*ready, 131, false);
        for (const char* cpu : {"", "x86-64-v3"}) {
          JitOptions options;
          if (*cpu != 0) options.target = named_target("", cpu);
          const Estimate quick = estimate(*ready, 131, true, false, options);
          CHECK(quick.mean == Approx(slow.mean).epsilon(1e-12));
          REQUIRE(std::isfinite(quick.mean));
          for (size_t p = 0; p < 2; ++p)
            for (size_t k = 0; k < slow.gradient[p].mean.size(); ++k)
              CHECK(quick.gradient[p].mean[k] == Approx(slow.gradient[p].mean[k]).epsilon(1e-12).margin(1e-13));
        }
      }
}

// An open-loop plan: s' = 0.9 s + u[t], with E Σ s² in closed form.
TEST_CASE("look-ups by the time, in a table of params", "[indices]") {
  constexpr int horizon = 10;
  const auto ready = make_ready(R"(
mdp plan {
  horizon 10
  param u: real[10] = [0.2 + 0.1 * sin(1.0 * i) for i in 0..10]
  param W: real[12, 3] = [[0.01 * cos(i + 2.0 * j) for j in 0..3] for i in 0..12]
  state s: real ~ normal(0, 0.2)
  state k: int = 2
  s' = 0.9 * s + u[time] + sum(W[k])
  k' = k + 1
  cost s^2
}
)");
  INFO(ready->errors);
  REQUIRE(ready->compiled);
  // s_t = 0.9^t s_0 + m_t.
  const int64_t samples = 100'000;
  for (const bool single : {false, true}) {
    const Estimate found = estimate(*ready, samples, true, single);
    std::vector<double> plain(horizon);
    for (int t = 0; t < horizon; ++t) {
      plain[t] = 0.2 + 0.1 * std::sin(t);
      for (int j = 0; j < 3; ++j) plain[t] += 0.01 * std::cos(t + 2 + 2.0 * j);
    }
    std::vector<double> mean(horizon, 0);
    for (int t = 0; t + 1 < horizon; ++t) mean[t + 1] = 0.9 * mean[t] + plain[t];
    // d E Σ s² / d u_t = Σ_{k > t} 2 E s_k 0.9^(k - t - 1), with E s_k = m_k.
    for (int t = 0; t < horizon; ++t) {
      double truth = 0;
      for (int k = t + 1; k < horizon; ++k) truth += 2 * mean[k] * std::pow(0.9, k - t - 1);
      CHECK(std::abs(found.gradient[0].mean[t] - truth) <= 4 * found.gradient[0].standard_error[t]);
      for (int j = 0; j < 3; ++j) {
        const auto at = static_cast<size_t>(3 * (t + 2) + j);
        CHECK(found.gradient[1].mean[at] == Approx(found.gradient[0].mean[t]).epsilon(1e-5).margin(1e-12));
      }
      if (t + 1 < horizon) {
        CHECK(truth > 0);
        CHECK(found.gradient[0].standard_error[t] < 0.01 * truth);
      }
    }
  }
  const Estimate slow = estimate(*ready, 131, false), quick = estimate(*ready, 131, true);
  for (size_t p = 0; p < 2; ++p)
    for (size_t k = 0; k < slow.gradient[p].mean.size(); ++k)
      CHECK(quick.gradient[p].mean[k] == Approx(slow.gradient[p].mean[k]).epsilon(1e-12).margin(1e-13));
}

// A branch for every lane makes thousands of blocks, over which LLVM took half a minute.
TEST_CASE("look-ups for a processor that neither gathers nor scatters have no branch a lane", "[indices]") {
  const auto ready = make_ready(look_ups(65, 8, true));
  REQUIRE(ready->compiled);
  JitOptions options;
  options.target = named_target("", "x86-64-v3");
  options.keep_text = true;
  std::istringstream lines(CompiledKernel(ready->compiled->program, options, CompiledKernel::Link::no).assembly());
  int jumps = 0;
  for (std::string line; std::getline(lines, line);) jumps += line.starts_with("\tj") ? 1 : 0;
  CHECK(jumps > 0);
  CHECK(jumps < 200);
}
