// The noise: known answers of Philox, blocks against the reference draw by draw for every compilation, and the laws.
#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <set>
#include <utility>
#include <vector>

#include "compiler/kernel/draws.h"
#include "compiler/kernel/elementary.h"
#include "compiler/kernel/philox.h"
#include "runtime/noise.h"

using namespace alea;

TEST_CASE("Philox4x32-10 gives the published words") {
  // Random123's kat_vectors.
  CHECK(philox({0, 0, 0, 0}, 0) == PhiloxWords{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, 0xffffffffffffffff) ==
        PhiloxWords{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0x299f31d0a4093822) ==
        PhiloxWords{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

namespace {

template <class T>
void compare_blocks(NoiseFill fill, T (*reference)(uint64_t, bool, uint64_t, uint64_t, uint64_t)) {
  const uint64_t key = noise_key(7, "u");
  int64_t wrong = 0;
  for (const uint64_t first_sample : {uint64_t{0}, uint64_t{192}, (uint64_t{1} << 32) - 64, uint64_t{5} << 32})
    for (const uint64_t first_time : {0, 1, 2, 3, 6})
      for (const int64_t time_count : {1, 2, 5}) {
        constexpr int64_t elements = 3;
        std::vector<T> out(static_cast<size_t>(64 * elements * time_count) + 1, T{-100});
        fill(key, first_sample, first_time, time_count, elements, out.data());
        for (int64_t t = 0; t < time_count; ++t)
          for (int64_t e = 0; e < elements; ++e)
            for (int64_t lane = 0; lane < 64; ++lane) {
              const T expected = reference(key, true, first_sample + static_cast<uint64_t>(lane),
                                           first_time + static_cast<uint64_t>(t), static_cast<uint64_t>(e));
              wrong += std::memcmp(&expected, &out[static_cast<size_t>((t * elements + e) * 64 + lane)], sizeof(T)) != 0;
            }
        wrong += out.back() != T{-100};
      }
  CHECK(wrong == 0);
}

// Groups of draws without time, each after a gap; two of them lie across a multiple of 2^32 samples.
template <class T>
void compare_groups(NoiseFillGroups fill, T (*reference)(uint64_t, bool, uint64_t, uint64_t, uint64_t)) {
  const uint64_t key = noise_key(7, "u");
  constexpr int64_t elements = 3, gap = 32, width = 64 * elements + gap;
  int64_t wrong = 0;
  for (const uint64_t first_sample : {uint64_t{0}, uint64_t{192}, (uint64_t{1} << 32) - 64, uint64_t{5} << 32})
    for (const int64_t groups : {1, 2, 5}) {
      std::vector<T> out(static_cast<size_t>(width * groups), T{-100});
      fill(key, first_sample, groups, width * static_cast<int64_t>(sizeof(T)), elements, out.data());
      for (int64_t group = 0; group < groups; ++group) {
        for (int64_t k = 0; k < 64 * elements; ++k) {
          const T expected =
              reference(key, false, first_sample + static_cast<uint64_t>(64 * group + k % 64), 0, static_cast<uint64_t>(k / 64));
          wrong += std::memcmp(&expected, &out[static_cast<size_t>(group * width + k)], sizeof(T)) != 0;
        }
        for (int64_t k = 64 * elements; k < width; ++k) wrong += out[static_cast<size_t>(group * width + k)] != T{-100};
      }
    }
  CHECK(wrong == 0);
}

// Kolmogorov and Smirnov's distance of the draws from a continuous law.
double distance(std::vector<double> draws, const std::function<double(double)>& cdf) {
  std::sort(draws.begin(), draws.end());
  const auto n = static_cast<double>(draws.size());
  double worst = 0;
  for (size_t i = 0; i < draws.size(); ++i) {
    const double f = cdf(draws[i]);
    worst = std::max({worst, static_cast<double>(i + 1) / n - f, f - static_cast<double>(i) / n});
  }
  return worst;
}
// Exceeded once in 10^5 tries.
double critical(size_t count) { return 2.47 / std::sqrt(static_cast<double>(count)); }

double normal_cdf(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }

template <class T>
std::vector<double> collect(NoiseFill fill, NoiseFillGroups fill_groups, int64_t time_count) {
  std::vector<T> block(64 * 4 * 16);
  std::vector<double> draws;
  for (uint64_t group = 0; group < 40; ++group) {
    if (time_count > 0) fill(noise_key(11, "x"), 64 * group, 0, time_count, 4, block.data());
    else fill_groups(noise_key(11, "x"), 64 * group, 1, 0, 4, block.data());
    draws.insert(draws.end(), block.begin(), block.begin() + 64 * 4 * std::max<int64_t>(time_count, 1));
  }
  return draws;
}

constexpr int draw_count = 100000;
std::vector<double> repeat(const std::function<double(const DrawAddress&)>& draw) {
  std::vector<double> draws;
  for (uint64_t i = 0; i < draw_count; ++i) draws.push_back(draw({noise_key(3, "g"), i / 10, i % 10, 2}));
  return draws;
}

// Pearson's statistic over outcomes 0 … K-1 and the rest, in standard deviations from its mean.
double chi_squared(const std::vector<double>& draws, const std::function<double(double)>& probability, int outcomes) {
  std::vector<double> counts(static_cast<size_t>(outcomes) + 1, 0);
  for (const double k : draws) ++counts[static_cast<size_t>(std::min<double>(k, outcomes))];
  double statistic = 0, rest = 1, cells = -1, pooled_expected = 0, pooled_count = 0;
  for (int k = 0; k <= outcomes; ++k) {
    const double p = k < outcomes ? probability(k) : std::max(rest, 0.0);
    rest -= p;
    pooled_expected += p * draw_count;
    pooled_count += counts[static_cast<size_t>(k)];
    if (pooled_expected < 10) continue;
    statistic += (pooled_count - pooled_expected) * (pooled_count - pooled_expected) / pooled_expected;
    ++cells;
    pooled_expected = pooled_count = 0;
  }
  return (statistic - cells) / std::sqrt(2 * cells);
}

// Regularised lower incomplete gamma function by its series.
double gamma_cdf(double a, double x) {
  if (x > a + 40 + 20 * std::sqrt(a)) return 1;
  double term = 1, sum = 1;
  for (int n = 1; n < 10000 && term > 1e-17 * sum; ++n) sum += term *= x / (a + n);
  return std::exp(a * std::log(x) - x - std::lgamma(a + 1)) * sum;
}

}  // namespace

TEST_CASE("every compilation of the noise gives the reference's bits") {
  for (const NoiseKernel& kernel : noise_kernels()) {
    INFO(kernel.name);
    compare_blocks<double>(kernel.in_double.uniform, uniform_draw<double>);
    compare_groups<double>(kernel.in_double.group_uniform, uniform_draw<double>);
    compare_blocks<double>(kernel.in_double.normal, normal_draw<double>);
    compare_groups<double>(kernel.in_double.group_normal, normal_draw<double>);
    compare_blocks<float>(kernel.in_single.uniform, uniform_draw<float>);
    compare_groups<float>(kernel.in_single.group_uniform, uniform_draw<float>);
    compare_blocks<float>(kernel.in_single.normal, normal_draw<float>);
    compare_groups<float>(kernel.in_single.group_normal, normal_draw<float>);
  }
}

TEST_CASE("uniform and normal draws have their laws") {
  for (const int64_t time_count : {0, 7, 16}) {
    for (const bool single : {false, true}) {
      const NoiseFunctions& noise = single ? noise_functions_single() : noise_functions_double();
      const auto collected = [&](NoiseFill fill, NoiseFillGroups groups) {
        return single ? collect<float>(fill, groups, time_count) : collect<double>(fill, groups, time_count);
      };
      const std::vector<double> uniform = collected(noise.uniform, noise.group_uniform),
                                normal = collected(noise.normal, noise.group_normal);
      CHECK(distance(uniform, [](double x) { return x; }) < critical(uniform.size()));
      CHECK(distance(normal, normal_cdf) < critical(normal.size()));
      CHECK(std::ranges::all_of(uniform, [](double u) { return u > 0 && u < 1; }));
      double fourth = 0, product = 0;
      for (size_t i = 0; i < normal.size(); ++i) {
        fourth += std::pow(normal[i], 4);
        product += normal[i] * normal[(i + 64) % normal.size()];
      }
      const auto n = static_cast<double>(normal.size());
      CHECK(std::fabs(fourth / n - 3) < 4.5 * std::sqrt(96 / n));
      CHECK(std::fabs(product / n) < 4.5 / std::sqrt(n));
      CHECK(std::set<double>(normal.begin(), normal.end()).size() > normal.size() * 99 / 100);
    }
  }
}

TEST_CASE("the extreme words stay inside the open interval") {
  const PhiloxWords low{0, 0, 0, 0}, high{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff};
  CHECK(uniforms_of<double>(low)[0] > 0);
  CHECK(uniforms_of<double>(high)[0] < 1);
  CHECK(uniforms_of<float>(low)[0] > 0);
  CHECK(uniforms_of<float>(high)[3] < 1);
  for (const PhiloxWords& words : {low, high}) {
    for (const double x : normals_of<double>(words)) CHECK(std::isfinite(x));
    for (const float x : normals_of<float>(words)) CHECK(std::isfinite(x));
  }
}

namespace {

// The largest errors of what normal draws are made of: -2 log u against the larger of 1 and itself, and the direction's two
// coordinates, in steps 2^-52 (f32: 2^-23).
template <class T>
std::pair<double, double> errors_of_normal_parts(int count) {
  using B = elementary::ScalarBuilder<T>;
  using Word = typename B::Whole;
  constexpr int width = 8 * sizeof(T);
  constexpr long double quarter_turn = 1.570796326794896619231321691639751442L;
  const long double step = std::numeric_limits<T>::epsilon();
  B builder;
  double of_logarithm = 0, of_direction = 0;
  for (int i = 0; i < count; ++i) {
    const PhiloxWords words = philox({static_cast<uint32_t>(i), 0, 0, 0}, 9);
    const auto word = static_cast<Word>(uint64_t{words[1]} << 32 | words[0]);
    const T u = fine_uniform_of_word(elementary::Whole<B>{&builder, word}).value;
    for (const T x : {u, T(1) - u / 1000, T(1), std::numeric_limits<T>::epsilon() * u}) {
      const long double exact = -2 * std::log(static_cast<long double>(x));
      const long double found = minus_two_log(elementary::Real<B>{&builder, x}).value;
      CHECK(found >= 0);
      of_logarithm = std::max(of_logarithm, static_cast<double>(std::fabs(found - exact) / std::max(1.0L, exact) / step));
    }
    // The bits below the two highest, the last of them set.
    const int bits = std::numeric_limits<T>::digits - 1;
    const auto below = static_cast<Word>(static_cast<Word>(word << 2) >> (width - bits)) | Word{1};
    const long double f = std::ldexp(static_cast<long double>(below), -bits) - 0.5L;
    long double x = std::cos(f * quarter_turn), y = std::sin(f * quarter_turn);
    if (word >> (width - 1) & 1) x = -x;
    if (word >> (width - 2) & 1) std::swap(x, y);
    const auto direction = direction_of_word(elementary::Whole<B>{&builder, word});
    const long double error = std::max(std::fabs(x - direction.x.value), std::fabs(y - direction.y.value)) / step;
    of_direction = std::max(of_direction, static_cast<double>(error));
  }
  return {of_logarithm, of_direction};
}

}  // namespace

TEST_CASE("normal draws are those of Box and Muller to the last places") {
  const auto [logarithm, direction] = errors_of_normal_parts<double>(20000);
  CHECK(logarithm < 1.5);
  CHECK(direction < 0.75);
  const auto [single_logarithm, single_direction] = errors_of_normal_parts<float>(20000);
  CHECK(single_logarithm < 1.5);
  CHECK(single_direction < 0.75);
}

TEST_CASE("the two normal draws of a pair are independent") {
  const auto check = [](auto zero) {
    using T = decltype(zero);
    constexpr int count = 200000;
    double product = 0, squares = 0, skewed = 0;
    std::array<int, 8> octants{};
    for (int i = 0; i < count; ++i) {
      const auto draws = normals_of<T>(philox({static_cast<uint32_t>(i), 7, 0, 0}, 3));
      const double x = draws[0], y = draws[1];
      product += x * y;
      squares += x * x * y * y - 1;
      skewed += std::fabs(x) * y;
      ++octants[(x < 0 ? 4 : 0) + (y < 0 ? 2 : 0) + (std::fabs(x) < std::fabs(y) ? 1 : 0)];
    }
    const double deviation = std::sqrt(count);
    CHECK(std::fabs(product) < 4 * deviation);
    CHECK(std::fabs(squares) < 4 * std::sqrt(8.0) * deviation);
    CHECK(std::fabs(skewed) < 4 * deviation);
    for (const int in_octant : octants) CHECK(std::fabs(in_octant - count / 8.0) < 4 * std::sqrt(count * 7 / 64.0));
  };
  check(0.0);
  check(0.0f);
}

TEST_CASE("gamma draws have their law, in the open support") {
  for (const double shape : {0.05, 0.5, 1.0, 3.7, 80.0}) {
    const std::vector<double> draws = repeat([&](const DrawAddress& at) { return draw_gamma(at, shape); });
    INFO(shape);
    CHECK(distance(draws, [&](double x) { return gamma_cdf(shape, x); }) < critical(draws.size()));
  }
  for (uint64_t i = 0; i < 1000; ++i) {
    CHECK(draw_gamma({1, i, 0, 0}, 1e-3) > 0);
    CHECK(gamma_as<float>({1, i, 0, 0}, 1e-3F) > 0);
  }
  CHECK(std::isnan(draw_gamma({1, 0, 0, 0}, -1)));
  CHECK(std::isnan(draw_gamma({1, 0, 0, 0}, 0)));
}

TEST_CASE("poisson and binomial draws have their laws") {
  for (const double rate : {0.3, 9.5, 11.0, 60.0}) {
    const auto draws = repeat([&](const DrawAddress& at) { return draw_poisson(at, rate); });
    INFO(rate);
    CHECK(chi_squared(
              draws, [&](double k) { return std::exp(k * std::log(rate) - rate - std::lgamma(k + 1)); },
              static_cast<int>(rate + 6 * std::sqrt(rate) + 4)) < 4.5);
  }
  for (const auto& [n, p] : {std::pair{5.0, 0.3}, {20.0, 0.9}, {60.0, 0.4}, {200.0, 0.75}}) {
    const auto draws = repeat([&, n = n, p = p](const DrawAddress& at) { return draw_binomial(at, n, p); });
    INFO(n << " " << p);
    CHECK(chi_squared(
              draws,
              [&, n = n, p = p](double k) {
                return std::exp(std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1) + k * std::log(p) +
                                (n - k) * std::log1p(-p));
              },
              static_cast<int>(n)) < 4.5);
  }
  CHECK(draw_poisson({1, 0, 0, 0}, 0) == 0);
  CHECK(draw_binomial({1, 0, 0, 0}, 10, 0) == 0);
  CHECK(draw_binomial({1, 0, 0, 0}, 10, 1) == 10);
  CHECK(draw_binomial({1, 0, 0, 0}, 0, 0.5) == 0);
  CHECK(std::isnan(draw_poisson({1, 0, 0, 0}, -1)));
  CHECK(std::isnan(draw_binomial({1, 0, 0, 0}, 10, 1.5)));
}

TEST_CASE("von Mises draws have their law") {
  for (const double concentration : {0.0, 0.05, 0.5, 4.0, 300.0}) {
    const auto draws = repeat([&](const DrawAddress& at) { return draw_von_mises(at, concentration); });
    // The CDF by the trapezium rule, which is exact to rounding for periodic densities; then linear between its points.
    constexpr int steps = 40000;
    std::vector<double> cumulative(steps + 1, 0);
    const auto density = [&](int i) { return std::exp(concentration * (std::cos(2 * M_PI * i / steps - M_PI) - 1)); };
    for (int i = 0; i < steps; ++i)
      cumulative[static_cast<size_t>(i) + 1] = cumulative[static_cast<size_t>(i)] + 0.5 * (density(i) + density(i + 1));
    INFO(concentration);
    CHECK(distance(draws, [&](double x) {
            const double place = std::min((x + M_PI) / (2 * M_PI) * steps, steps - 1.0);
            const auto i = static_cast<size_t>(place);
            return (cumulative[i] + (place - static_cast<double>(i)) * (cumulative[i + 1] - cumulative[i])) / cumulative[steps];
          }) < critical(draws.size()));
    CHECK(std::ranges::all_of(draws, [](double x) { return x >= -M_PI && x < M_PI; }));
  }
}

namespace {

// Arguments through all of a law's cases, 300 draws over lanes and elements in one call.
template <class T>
void compare_draws(NoiseDraw fill, const std::function<T(const DrawAddress&, T, T)>& reference, const std::vector<double>& firsts,
                   const std::vector<double>& seconds, int64_t lanes) {
  constexpr int64_t elements = 5;
  std::vector<T> first, second, out(static_cast<size_t>(elements * lanes));
  for (size_t i = 0; i < out.size(); ++i) {
    first.push_back(static_cast<T>(firsts[i % firsts.size()]));
    second.push_back(static_cast<T>(seconds[i / 3 % seconds.size()]));
  }
  int64_t wrong = 0;
  for (const uint64_t first_sample : {uint64_t{128}, (uint64_t{1} << 32) - 32}) {
    fill(9, first_sample, 5, elements, lanes, first.data(), second.data(), out.data());
    for (int64_t e = 0; e < elements; ++e)
      for (int64_t lane = 0; lane < lanes; ++lane) {
        const auto i = static_cast<size_t>(e * lanes + lane);
        const T one =
            reference({9, first_sample + static_cast<uint64_t>(lane), 5, static_cast<uint64_t>(e)}, first[i], second[i]);
        wrong += !((one != one && out[i] != out[i]) || std::memcmp(&one, &out[i], sizeof one) == 0);
      }
  }
  CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("blocks of draws with arguments are the draws one by one, whatever the lanes") {
  const std::vector<double> shapes = {0.1, 1e-3, 0.99, 1, 3, 50, 1e4, -1, 0.5, 2, 7};
  const std::vector<double> rates = {0, 1e-3, 0.5, 9.9, 10, 60, 1e6, -1, 4, 4, 300};
  const std::vector<double> counts = {0, 1, 20, 100, 1000, 3.5, 1e6}, chances = {0.3, 0, 1, 0.5, 0.9, 1e-5, 1.5};
  const std::vector<double> concentrations = {0, 0.05, 0.5, 4, 300, 1e6, 1e9, -1};
  for (const NoiseKernel& kernel : noise_kernels())
    for (const int64_t lanes : {1, 8, 60, 64}) {
      INFO(kernel.name << " " << lanes);
      using D = double;
      using F = float;
      const NoiseFunctions &d = kernel.in_double, &f = kernel.in_single;
      compare_draws<D>(d.gamma, [](auto& at, D a, D) { return gamma_as<D>(at, a); }, shapes, {0}, lanes);
      compare_draws<F>(f.gamma, [](auto& at, F a, F) { return gamma_as<F>(at, a); }, shapes, {0}, lanes);
      compare_draws<D>(d.poisson, [](auto& at, D a, D) { return draw_poisson(at, a); }, rates, {0}, lanes);
      compare_draws<F>(f.poisson, [](auto& at, F a, F) { return static_cast<F>(draw_poisson(at, a)); }, rates, {0}, lanes);
      compare_draws<D>(d.binomial, [](auto& at, D n, D p) { return draw_binomial(at, n, p); }, counts, chances, lanes);
      compare_draws<F>(
          f.binomial, [](auto& at, F n, F p) { return static_cast<F>(draw_binomial(at, n, p)); }, counts, chances, lanes);
      compare_draws<D>(d.von_mises, [](auto& at, D a, D) { return von_mises_as<D>(at, a); }, concentrations, {0}, lanes);
      compare_draws<F>(f.von_mises, [](auto& at, F a, F) { return von_mises_as<F>(at, a); }, concentrations, {0}, lanes);
    }
}
