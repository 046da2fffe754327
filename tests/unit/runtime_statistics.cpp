// The fixed reduction tree and the workers.
#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <cmath>
#include <numeric>
#include <random>
#include <stdexcept>
#include <vector>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "runtime/statistics.h"
#include "runtime/threads.h"

using namespace alea;

namespace {

Partial group_partial(int64_t group, int64_t count) {
  std::mt19937_64 random(static_cast<uint64_t>(group));
  std::normal_distribution<double> normal(3, 2);
  std::vector<double> samples(static_cast<size_t>(count)), sum(2);
  for (double& x : samples) {
    x = normal(random);
    sum[0] += x;
    sum[1] += x * x;
  }
  Partial partial;
  set_moments<double>(partial.objective, samples);
  partial.gradient.sums.emplace_back(sum.begin(), sum.end());
  partial.gradient.count = static_cast<double>(count);
  return partial;
}

double first_error(const Moments& moments, int64_t groups) {
  std::vector<double> errors(1);
  standard_errors_of_groups(moments, groups, 0, errors);
  return errors[0];
}

Partial reduced(std::vector<int64_t> order, int64_t last_count) {
  TreeReduction reduction;
  const auto last = static_cast<int64_t>(order.size()) - 1;
  for (const int64_t group : order) reduction.add(0, group, group_partial(group, group == last ? last_count : 64));
  return reduction.finish();
}

}  // namespace

TEST_CASE("the tree gives the same bits in every order of arrival", "[statistics]") {
  for (const int64_t groups : {1, 2, 3, 7, 64, 101}) {
    std::vector<int64_t> order(static_cast<size_t>(groups));
    std::iota(order.begin(), order.end(), 0);
    const Partial first = reduced(order, 10);
    std::mt19937_64 random(1);
    for (int i = 0; i < 20; ++i) {
      std::shuffle(order.begin(), order.end(), random);
      const Partial again = reduced(order, 10);
      CHECK(again.groups == groups);
      CHECK(again.objective.mean == first.objective.mean);
      CHECK(again.objective.m2 == first.objective.m2);
      CHECK(again.gradient.mean == first.gradient.mean);
      CHECK(again.gradient.m2 == first.gradient.m2);
    }
  }
}

TEMPLATE_TEST_CASE("blocks of groups reduce to the same bits as groups alone", "[statistics]", double, float) {
  using T = TestType;
  using Samples = std::vector<T>;
  constexpr int64_t groups = 101;
  const auto samples_of = [](int64_t group) {
    Samples samples(group == groups - 1 ? 10 : 64);
    std::mt19937_64 random(static_cast<uint64_t>(group));
    std::normal_distribution<T> normal(3, 2);
    for (T& x : samples) x = normal(random);
    // One whose squares need more than single precision has, and one of equal samples.
    if (group % 16 == 5)
      for (T& x : samples) x *= T{1e-30F};
    if (group == 33) samples.assign(64, T{0.1F});
    return samples;
  };
  std::vector<Partial> results;
  for (const int level : {0, 1, 3, 6}) {
    TreeReduction tree;
    BlockReduction block;
    for (int64_t task = (groups - 1) >> level; task >= 0; --task) {
      for (int64_t group = task << level; group < std::min(groups, (task + 1) << level); ++group) {
        const Samples samples = samples_of(group);
        block.next_sums(1)[0] = std::accumulate(samples.begin(), samples.end(), 0.0);
        block.add<T>(samples);
      }
      block.move_to(tree, task << level);
    }
    results.push_back(tree.finish());
    CHECK(results.back().groups == groups);
    CHECK(results.back().objective.mean == results[0].objective.mean);
    CHECK(results.back().objective.m2 == results[0].objective.m2);
    CHECK(results.back().gradient.m2 == results[0].gradient.m2);
  }
  // Many at a time, in between some alone.
  Samples objectives;
  std::vector<double> sums;
  using Sizes = std::vector<int64_t>;
  for (const Sizes& sizes : {Sizes(25, 4), Sizes{1, 1, 1, 1, 4, 8, 16, 2, 2, 4, 8, 16, 32, 4}, Sizes{64, 1, 1, 2, 4, 8, 16, 4}}) {
    TreeReduction tree;
    BlockReduction block;
    int64_t group = 0;
    for (const int64_t size : sizes) {
      objectives.clear();
      sums.clear();
      for (const int64_t end = group + size; group < end; ++group) {
        const Samples samples = samples_of(group);
        objectives.insert(objectives.end(), samples.begin(), samples.end());
        sums.push_back(std::accumulate(samples.begin(), samples.end(), 0.0));
      }
      if (size > 1) {
        CHECK(block.add_full_groups<T>(objectives, sums));
        continue;
      }
      block.next_sums(1)[0] = sums[0];
      CHECK(block.add<T>(objectives));
    }
    const Samples samples = samples_of(group);
    block.next_sums(1)[0] = std::accumulate(samples.begin(), samples.end(), 0.0);
    CHECK(block.add<T>(samples));
    block.move_to(tree, 0);
    const Partial together = tree.finish();
    CHECK(together.groups == groups);
    CHECK(together.objective.mean == results[0].objective.mean);
    CHECK(together.objective.m2 == results[0].objective.m2);
    CHECK(together.gradient.mean == results[0].gradient.mean);
    CHECK(together.gradient.m2 == results[0].gradient.m2);
  }
  objectives.assign(128, 1);
  objectives[70] = INFINITY;
  CHECK_FALSE(BlockReduction().add_full_groups<T>(objectives, std::vector<double>{1, 2}));
  objectives[70] = 1;
  for (const double sum : {2.0, double{NAN}}) {
    BlockReduction block;
    CHECK(block.add_full_groups<T>(objectives, std::vector<double>{1, sum}));
    CHECK(block.gradients_finite() == std::isfinite(sum));
  }
}

// Many quantities are merged some at a time, sixteen groups in one pass, or four where the quantities are very many: to the bit
// as each alone.
TEST_CASE("many quantities merge as each alone", "[statistics]") {
  const auto sum_of = [](int64_t group, size_t k) {
    return 100 * std::sin(static_cast<double>(group) + 0.1 * static_cast<double>(k));
  };
  const std::vector<double> objective(64, 1.0), short_objective(9, 1.0);
  const auto reduced_from = [&](int64_t groups, size_t first, size_t size) {
    TreeReduction tree;
    BlockReduction block;
    for (int64_t group = 0; group < groups; ++group) {
      const std::span<double> sums = block.next_sums(size);
      for (size_t k = 0; k < size; ++k) sums[k] = sum_of(group, first + k);
      block.add<double>(group + 1 < groups ? objective : short_objective);
      block.move_to(tree, group);
    }
    return tree.finish().gradient;
  };
  for (const size_t size : {size_t{21}, size_t{140'000}})
    for (const int64_t groups : {1, 2, 9, 39}) {
      if (size > 21 && groups > 9) continue;
      const Moments all = reduced_from(groups, 0, size);
      REQUIRE(all.mean.size() == size);
      REQUIRE(all.m2.size() == size);
      for (const size_t k : {size_t{0}, size_t{7}, size_t{8}, size_t{20}, size - 1}) {
        const Moments one = reduced_from(groups, k, 1);
        CHECK(all.mean[k] == one.mean[0]);
        CHECK(all.m2[k] == one.m2[0]);
      }
      long double mean = 0, squares = 0, samples = 0;
      for (int64_t group = 0; group < groups; ++group) {
        mean += sum_of(group, 5);
        samples += group + 1 < groups ? 64 : 9;
      }
      mean /= samples;
      for (int64_t group = 0; group < groups; ++group) {
        const long double count = group + 1 < groups ? 64 : 9, step = sum_of(group, 5) / count - mean;
        squares += count * step * step;
      }
      CHECK(all.mean[5] == Approx(static_cast<double>(mean)).epsilon(1e-12));
      CHECK(all.m2[5] == Approx(static_cast<double>(squares)).epsilon(1e-11).margin(1e-12));
    }
}

// As after an exception in the middle of a block.
TEST_CASE("a block that is cleared leaves nothing behind", "[statistics]") {
  const std::vector<double> objective(64, 1.0);
  BlockReduction used, fresh;
  for (int group = 0; group < 11; ++group) {
    std::ranges::fill(used.next_sums(3), 100.0 * group);
    used.add<double>(objective);
  }
  used.next_sums(3)[0] = 5;
  used.clear();
  const auto reduced_by = [&](BlockReduction& block) {
    TreeReduction tree;
    for (int group = 0; group < 5; ++group) {
      std::ranges::fill(block.next_sums(7), group);
      block.add<double>(objective);
    }
    block.move_to(tree, 0);
    return tree.finish();
  };
  const Partial after = reduced_by(used), expected = reduced_by(fresh);
  CHECK(after.gradient.mean == expected.gradient.mean);
  CHECK(after.gradient.m2 == expected.gradient.m2);
}

TEST_CASE("in order, only about log2(groups) partials wait", "[statistics]") {
  TreeReduction reduction;
  for (int64_t group = 0; group < 4096; ++group) reduction.add(0, group, group_partial(group, 64));
  CHECK(reduction.most_partials() <= 13);
  CHECK(reduction.finish().groups == 4096);
  CHECK(reduction.finish().groups == 0);
}

TEST_CASE("means and standard errors are those of the definitions", "[statistics]") {
  constexpr int64_t groups = 5, last = 20;
  std::vector<double> all, means, counts;
  for (int64_t group = 0; group < groups; ++group) {
    std::mt19937_64 random(static_cast<uint64_t>(group));
    std::normal_distribution<double> normal(3, 2);
    double sum = 0;
    const int64_t count = group == groups - 1 ? last : 64;
    for (int64_t i = 0; i < count; ++i) {
      all.push_back(normal(random));
      sum += all.back();
    }
    means.push_back(sum / static_cast<double>(count));
    counts.push_back(static_cast<double>(count));
  }
  const auto n = static_cast<double>(all.size());
  const double mean = std::accumulate(all.begin(), all.end(), 0.0) / n;
  double squares = 0, between = 0;
  for (const double x : all) squares += (x - mean) * (x - mean);
  for (size_t g = 0; g < means.size(); ++g) between += counts[g] * (means[g] - mean) * (means[g] - mean);
  const Partial partial = reduced({0, 1, 2, 3, 4}, last);
  CHECK(partial.objective.mean[0] == Approx(mean).epsilon(1e-13));
  CHECK(standard_error_of_samples(partial.objective) == Approx(std::sqrt(squares / (n - 1) / n)).epsilon(1e-12));
  CHECK(partial.gradient.mean[0] == Approx(mean).epsilon(1e-13));
  CHECK(first_error(partial.gradient, groups) == Approx(std::sqrt(between / (groups - 1) / n)).epsilon(1e-12));

  const Partial one = reduced({0}, 64), short_pair = reduced({0, 1}, 63), pair = reduced({0, 1}, 64);
  CHECK(std::isnan(first_error(one.gradient, 1)));
  CHECK(std::isnan(first_error(short_pair.gradient, 2)));
  CHECK(first_error(pair.gradient, 2) > 0);
  Moments single;
  set_moments<double>(single, std::vector<double>{1.0});
  CHECK(std::isnan(standard_error_of_samples(single)));
}

TEST_CASE("group means estimate the error of one sample without bias", "[statistics]") {
  TreeReduction reduction;
  for (int64_t group = 0; group < 2000; ++group) reduction.add(0, group, group_partial(group, 64));
  const Partial partial = reduction.finish();
  const double error = first_error(partial.gradient, partial.groups);
  CHECK(error * std::sqrt(partial.gradient.count) == Approx(2).epsilon(0.08));
}

TEST_CASE("each task is done once, by any number of threads", "[threads]") {
  for (const int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    CHECK(pool.size() == threads);
    for (int round = 0; round < 50; ++round) {
      std::vector<std::atomic<int>> done(200);
      std::atomic<bool> wrong_worker = false;
      CHECK(pool.run(200, [&](int worker, int64_t task) {
        ++done[static_cast<size_t>(task)];
        if (worker < 0 || worker >= threads) wrong_worker = true;
      }) == 200);
      CHECK(std::ranges::all_of(done, [](const std::atomic<int>& times) { return times == 1; }));
      CHECK(!wrong_worker);
    }
    CHECK(pool.run(0, [](int, int64_t) {}) == 0);
  }
}

TEST_CASE("a stopped run has done a prefix of the tasks", "[threads]") {
  ThreadPool pool(3);
  std::vector<std::atomic<int>> done(10000);
  std::atomic<bool> stop = false;
  const int64_t count = pool.run(
      10000,
      [&](int, int64_t task) {
        ++done[static_cast<size_t>(task)];
        if (task == 100) stop = true;
      },
      &stop);
  CHECK(count > 100);
  CHECK(count < 10000);
  for (int64_t task = 0; task < 10000; ++task) CHECK(done[static_cast<size_t>(task)] == (task < count ? 1 : 0));
}

TEST_CASE("an exception of a task reaches the caller, and the pool goes on", "[threads]") {
  ThreadPool pool(2);
  CHECK_THROWS_AS(pool.run(100,
                           [](int, int64_t task) {
                             if (task == 3) throw std::runtime_error("three");
                           }),
                  std::runtime_error);
  std::atomic<int> done = 0;
  CHECK(pool.run(10, [&](int, int64_t) { ++done; }) == 10);
  CHECK(done == 10);
}

#if defined(__x86_64__)
TEST_CASE("tasks keep subnormal numbers whatever the host does", "[threads]") {
  const unsigned before = _mm_getcsr();
  _mm_setcsr(before | 0x8040);  // flush to zero, denormals are zero
  ThreadPool pool(2);
  std::atomic<int> kept = 0;
  volatile double tiny = 1e-310;
  pool.run(64, [&](int, int64_t) { kept += tiny * 0.5 > 0; });
  const unsigned after = _mm_getcsr();
  _mm_setcsr(before);
  CHECK(kept == 64);
  CHECK((after & 0x8040) == 0x8040);
}
#endif

TEST_CASE("moments of a group far from zero, with an outlier first, and of equal samples", "[statistics]") {
  std::mt19937_64 random(3);
  std::normal_distribution<double> normal;
  for (const double offset : {0.0, 1e8, -3e12})
    for (const double first : {0.0, 1e6}) {
      std::vector<double> samples(64);
      for (double& x : samples) x = offset + normal(random);
      samples[0] += first;
      long double mean = 0, squares = 0;
      for (const double x : samples) mean += static_cast<long double>(x) / 64;
      for (const double x : samples) squares += (x - mean) * (x - mean);
      Moments moments;
      set_moments<double>(moments, samples);
      CHECK(moments.mean[0] == Approx(static_cast<double>(mean)).epsilon(1e-13));
      CHECK(moments.m2[0] == Approx(static_cast<double>(squares)).epsilon(1e-13));
    }
  Moments moments;
  set_moments<double>(moments, std::vector<double>(64, 0.1));
  CHECK(moments.mean[0] == 0.1);
  CHECK(moments.m2[0] == 0);
}

// Deviations from the first sample are rounded to single precision; what is far from it counts by its distance.
TEST_CASE("moments of a group of floats, however large they are", "[statistics]") {
  std::mt19937_64 random(4);
  std::normal_distribution<double> normal;
  for (const double scale : {1e-42, 1e-30, 1e-12, 1.0, 1e12, 1e30, 1e37})
    for (const double offset : {0.0, 1.0, 1000.0})
      for (const double first : {0.0, 1e3}) {
        if (scale * (offset + first) > 1e38) continue;
        INFO("scale " << scale << ", offset " << offset << ", first " << first);
        std::vector<float> samples(64);
        for (float& x : samples) x = static_cast<float>(scale * (offset + normal(random)));
        samples[0] += static_cast<float>(scale * first);
        long double mean = 0, squares = 0;
        for (const float x : samples) mean += static_cast<long double>(x) / 64;
        for (const float x : samples) squares += (x - mean) * (x - mean);
        Moments moments;
        set_moments<float>(moments, samples);
        const auto spread = static_cast<double>(std::sqrt(squares));
        CHECK(std::fabs(moments.mean[0] - static_cast<double>(mean)) < 1e-6 * spread);
        CHECK(moments.m2[0] == Approx(static_cast<double>(squares)).epsilon(2e-5).margin(0));
      }
  Moments moments;
  set_moments<float>(moments, std::vector<float>(64, 0.1F));
  CHECK(moments.mean[0] == static_cast<double>(0.1F));
  CHECK(moments.m2[0] == 0);
  // Neither the mean nor a difference is a float.
  set_moments<float>(moments, std::vector<float>{3e38F, -3e38F, 3e38F, 3e38F});
  CHECK(moments.mean[0] == Approx(1.5e38));
  CHECK(moments.m2[0] == Approx(2.7e77));
}
