// All inputs come from one counter hash, so that any language can rebuild them:
//   z = seed 0xD1342543DE82EF95 + (k + 1) 0x9E3779B97F4A7C15, mixed;  U(seed, k) = (⌊z / 2^11⌋ + ½) 2^-53
//   N(seed, n) = √(-2 ln U(seed, 2n)) cos(2 pi U(seed, 2n + 1))
#include "tests/bench/workloads.h"

#include <cmath>
#include <numbers>

namespace alea::bench {

namespace {

double uniform(uint64_t seed, uint64_t k) {
  uint64_t z = seed * 0xD1342543DE82EF95u + (k + 1) * 0x9E3779B97F4A7C15u;
  z ^= z >> 30;
  z *= 0xBF58476D1CE4E5B9u;
  z ^= z >> 27;
  z *= 0x94D049BB133111EBu;
  z ^= z >> 31;
  return (static_cast<double>(z >> 11) + 0.5) * 0x1p-53;
}
double centred(uint64_t seed, uint64_t k) { return 2 * uniform(seed, k) - 1; }
double normal(uint64_t seed, uint64_t n) {
  return std::sqrt(-2 * std::log(uniform(seed, 2 * n))) * std::cos(2 * std::numbers::pi * uniform(seed, 2 * n + 1));
}

constexpr uint64_t row_count = 1024;

template <class Value>
InputRows input(uint64_t width, Value value) {
  InputRows input;
  input.rows = static_cast<int64_t>(row_count);
  for (uint64_t row = 0; row < row_count; ++row)
    for (uint64_t k = 0; k < width; ++k) input.values.push_back(value(row, k));
  return input;
}

std::vector<InputRows> pendulum_start(uint64_t seed) {
  return {input(1, [&](uint64_t i, uint64_t) { return centred(seed + 1, i) * std::numbers::pi; }),
          input(1, [&](uint64_t i, uint64_t) { return centred(seed + 2, i); })};
}

template <class Value>
Matrix matrix(std::string name, uint64_t rows, uint64_t columns, Value value) {
  Matrix matrix{std::move(name), rows, columns, {}};
  for (uint64_t i = 0; i < rows; ++i)
    for (uint64_t j = 0; j < columns; ++j) matrix.values.push_back(value(i, j));
  return matrix;
}

Workload w1() {
  Workload w{"w1", hand_w1, 1024, 200, 4.05, 1.79, 1e-2, {}, {}, {}};
  w.params = [] { return std::vector<double>{0.1, -0.2, -0.3, 0.05, -0.7}; };
  w.inputs = [] { return pendulum_start(101); };
  return w;
}

Workload w2() {
  Workload w{"w2", hand_w2, 256, 200, 577, 284, 1e-2, {}, {}, {}};
  w.params = [] {
    std::vector<double> values;
    for (uint64_t k = 0; k < 4481; ++k) values.push_back(centred(204, k) / (k < 256 ? std::sqrt(3.0) : 8.0));
    values.push_back(-0.7);
    return values;
  };
  w.inputs = [] { return pendulum_start(201); };
  return w;
}

Workload w3() {
  Workload w{"w3", hand_w3, 1024, 200, 4.07, 1.84, 5e-2, {}, {}, {}};
  w.params = [] { return std::vector<double>{0.1, 0.2, 5, 2, 0.02}; };
  w.inputs = [] { return std::vector{input(4, [](uint64_t i, uint64_t k) { return 0.05 * centred(302, k * 1024 + i); })}; };
  return w;
}

Workload w4() {
  Workload w{"w4", hand_w4, 512, 100, 0, 0, 1e-3, {}, {}, {}};
  w.constants = [] {
    return std::vector{
        matrix("A", 16, 16, [](uint64_t i, uint64_t j) { return (i == j ? 0.9 : 0) + 0.02 * normal(403, i * 16 + j); }),
        matrix("B", 16, 4, [](uint64_t i, uint64_t j) { return 0.1 * normal(404, i * 4 + j); }),
        matrix("L", 16, 16, [](uint64_t i, uint64_t j) {
          const double x = 0.02 * normal(405, i * 16 + j);
          return j < i ? x : i == j ? 0.1 + std::abs(x) : 0.0;
        })};
  };
  w.params = [] {
    std::vector<double> values;
    for (uint64_t k = 0; k < 64; ++k) values.push_back(-0.1 * normal(406, k));
    return values;
  };
  w.inputs = [] { return std::vector{input(16, [](uint64_t i, uint64_t k) { return normal(402, k * 512 + i % 512); })}; };
  return w;
}

Workload w5() {
  Workload w{"w5", hand_w5, 1024, 64, 0, 0, 1e-3, {}, {}, {}};
  w.params = [] {
    std::vector<double> values;
    for (uint64_t k = 0; k < 640; ++k) values.push_back(0.5 * normal(502, k));
    constexpr uint64_t first_layer = 128 * 640 + 128, all = first_layer + 128 + 1;
    for (uint64_t k = 0; k < all; ++k) values.push_back(centred(503, k) / std::sqrt(k < first_layer ? 640.0 : 128.0));
    return values;
  };
  return w;
}

Workload w6() {
  Workload w{"w6", hand_w6, 9'999'872, 1, 3.02, 1.24, 1e-4, {}, {}, {}};  // ten million, to whole blocks
  w.params = [] { return std::vector<double>{0.3, 1.2}; };
  return w;
}

Workload w7() {
  Workload w{"w7", hand_w7, 256, 200, 0, 0, 1e-2, {}, {}, {}};
  w.params = [] {
    std::vector<double> values;
    constexpr uint64_t weights = 64 * 18 + 64 + 64 * 64 + 64 + 4 * 64 + 4;
    for (uint64_t k = 0; k < weights; ++k) values.push_back(centred(704, k) / (k < 64 * 18 + 64 ? std::sqrt(18.0) : 8.0));
    values.insert(values.end(), 4, -0.7);
    return values;
  };
  w.inputs = [] {
    return std::vector{input(12, [](uint64_t i, uint64_t k) { return (k < 3 ? 1 : 0.2) * centred(702, i * 12 + k); })};
  };
  return w;
}

Workload w8() {
  Workload w{"w8", hand_w8, 256, 1, 0, 0, 1e-3, {}, {}, {}};
  w.params = [] {
    std::vector<double> values;
    constexpr uint64_t first = 256 * 64 + 256, all = first + 256 * 256 + 256 + 8 * 256 + 8;
    for (uint64_t k = 0; k < all; ++k) values.push_back(centred(803, k) / (k < first ? 8 : 16));
    return values;
  };
  return w;
}

Workload w9() {
  Workload w{"w9", hand_w9, 1024, 1000, 0, 0, 1e-2, {}, {}, {}};
  w.constants = [] {
    return std::vector{matrix("table", 1000, 8, [](uint64_t i, uint64_t k) { return centred(901, i * 8 + k); })};
  };
  w.params = [] {
    std::vector<double> values;
    for (uint64_t k = 0; k < 8000; ++k) values.push_back(0.5 * normal(902, k));
    return values;
  };
  return w;
}

}  // namespace

const std::vector<Workload>& workloads() {
  static const std::vector<Workload> all = {w1(), w2(), w3(), w4(), w5(), w6(), w7(), w8(), w9()};
  return all;
}

}  // namespace alea::bench
