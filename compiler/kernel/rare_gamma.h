// dx/dshape of gamma(shape, 1) draws at fixed CDF, over vectors of `width` doubles; included by one file for each kind of
// processor, so that nothing of it may be shared by the linker. In: shapes and draws. Out: derivatives, the same bits for
// any width and whatever stands beside a number.
#pragma once
#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "compiler/kernel/elementary_gamma.h"
#include "compiler/kernel/elementary_scalar.h"
#include "compiler/kernel/elementary_vector.h"
#include "compiler/kernel/rare.h"

namespace alea::rare {

// Where the sums below cancel: the upper tail, shapes beyond 1e9, and arguments outside the domain.
double gamma_grad_elsewhere(double shape, double x);

namespace {

// Up to x = a + 4 √a + 1, which is up to five digits of the upper tail, the derivative is
//   -(x/a) [(log x - ψ(a+1)) Σ c_n xⁿ - Σ c_n h_n xⁿ],  c_n = 1/((a+1) … (a+n)),  h_n = 1/(a+1) + … + 1/(a+n),
// and no sum cancels. For shapes up to 13 the sums are polynomials with a number of terms that the shape alone decides
// (what is left out is below 1e-11 of the whole); their coefficients are made once where the shape stays.
constexpr double largest_polynomial_shape = 13;
constexpr size_t most_terms = 66;

double terms_for(double shape) {
  constexpr std::array<std::pair<double, double>, 8> known = {
      {{0.1, 20}, {0.5, 28}, {1.2, 32}, {1.9, 36}, {2.75, 40}, {4.5, 48}, {7, 54}, {9, 58}}};
  for (const auto& [largest, terms] : known)
    if (shape <= largest) return terms;
  return most_terms;
}

template <int lanes>
struct GammaGradient {
  using LaneBuilder = elementary::VectorBuilder<double, lanes>;
  using Lanes = typename LaneBuilder::Value;
  using LaneReal = elementary::Real<LaneBuilder>;
  template <class Mask>
  static bool any(Mask mask) {
    return LaneBuilder::any(mask);
  }

  struct SeriesCoefficients {
    std::array<Lanes, most_terms + 1> of_sum, of_slope;  // c_n, c_n h_n
    size_t terms = 0;                                    // the most that a lane has
  };

  // store(n, c_n, c_n h_n) for n = 0 … most, over lanes or one number. The terms beyond a lane's own are zeros, which
  // leave its sums as they are, bit for bit.
  template <class Number, class Store>
  static void make_coefficients(Number a, Number own, size_t most, Store store) {
    Number term = constant_like(a, 1), harmonic = constant_like(a, 0);
    store(0, term, harmonic);
    for (size_t n = 1; n < most; n += 2) {
      // Two terms for one division; every lane has an even number of them.
      const Number next = a + static_cast<double>(n), after = a + static_cast<double>(n + 1), both = 1.0 / (next * after);
      const auto counts = constant_like(a, static_cast<double>(n)) < own;
      const auto add = [&](size_t to, Number inverse) {
        term = term * inverse;
        harmonic = harmonic + inverse;
        store(to, select(counts, term, 0.0), select(counts, term * harmonic, 0.0));
      };
      add(n, both * after);
      add(n + 1, both * next);
    }
  }

  static SeriesCoefficients coefficients_of_many(LaneReal a) {
    SeriesCoefficients result;
    LaneReal own = a;
    for (int lane = 0; lane < lanes; ++lane) {
      own.value[lane] = terms_for(a.value[lane]);
      result.terms = std::max(result.terms, static_cast<size_t>(own.value[lane]));
    }
    make_coefficients(a, own, result.terms, [&](size_t n, LaneReal of_sum, LaneReal of_slope) {
      result.of_sum[n] = of_sum.value, result.of_slope[n] = of_slope.value;
    });
    return result;
  }

  // Lanes of divisions would take as many times as long.
  static SeriesCoefficients coefficients_of_one(LaneBuilder& builder, double shape) {
    elementary::ScalarBuilder<double> scalar;
    using Number = elementary::Real<elementary::ScalarBuilder<double>>;
    SeriesCoefficients result;
    result.terms = static_cast<size_t>(terms_for(shape));
    make_coefficients(Number{&scalar, shape}, Number{&scalar, terms_for(shape)}, result.terms,
                      [&](size_t n, Number of_sum, Number of_slope) {
                        result.of_sum[n] = builder.constant(of_sum.value), result.of_slope[n] = builder.constant(of_slope.value);
                      });
    return result;
  }

  // Several pieces side by side, because one alone would wait for itself.
  template <size_t pieces>
  struct SeriesSums {
    std::array<Lanes, pieces> sum, slope;
  };
  template <size_t pieces>
  static SeriesSums<pieces> evaluate(const SeriesCoefficients& series, const std::array<Lanes, pieces>& x) {
    SeriesSums<pieces> result;
    LaneBuilder builder;
    // Written out by the index sequence: only so do the sums stay in registers.
    [&]<size_t... k>(std::index_sequence<k...>) {
      ((result.sum[k] = series.of_sum[series.terms], result.slope[k] = series.of_slope[series.terms]), ...);
      for (size_t n = series.terms; n-- > 0;) {
        const Lanes of_sum = series.of_sum[n], of_slope = series.of_slope[n];
        ((result.sum[k] = builder.fma(result.sum[k], x[k], of_sum)), ...);
        ((result.slope[k] = builder.fma(result.slope[k], x[k], of_slope)), ...);
      }
    }(std::make_index_sequence<pieces>());
    return result;
  }

  static LaneReal gamma_grad_of(LaneReal a, LaneReal x, LaneReal digamma_above, Lanes of_sum, Lanes of_slope) {
    const LaneReal sum{x.builder, of_sum}, slope{x.builder, of_slope};
    return -(x / a) * ((log(x) - digamma_above) * sum - slope);
  }

  // For larger shapes, term by term. A lane's sums stand still once its own terms are lost in them, so that they do not
  // depend on the other lanes.
  static LaneReal gamma_grad_series(LaneReal a, LaneReal x, LaneReal digamma_above) {
    LaneReal term = constant_like(a, 1), harmonic = constant_like(a, 0), sum = term, slope = harmonic, part = harmonic, place = a;
    auto more = x == x;
    while (any(more.value)) {
      // Asked of the terms before these, so that the sums need not wait for the answer.
      const LaneReal lost = 1e-12 * select(slope < 1e-8 * sum, 1e-8 * sum, slope);
      const auto counts = (lost < select(term < part, part, term)) | (place <= x);
      // Two terms for one division.
      const LaneReal next = place + 1.0, after = place + 2.0, both = 1.0 / (next * after);
      place = after;
      for (const LaneReal& inverse : {both * after, both * next}) {
        term = term * (x * inverse);
        harmonic = harmonic + inverse;
        part = term * harmonic;
        sum = select(more, sum + term, sum);
        slope = select(more, slope + part, slope);
      }
      more = more & counts;
    }
    return gamma_grad_of(a, x, digamma_above, sum.value, slope.value);
  }

  // The numbers as doubles; ones where there are no more. Whole pieces are read as such.
  template <class T>
  static LaneReal load(LaneBuilder& builder, const T* from, int64_t count) {
    LaneReal result{&builder, builder.constant(1)};
    if (count >= lanes)
      for (int k = 0; k < lanes; ++k) result.value[k] = static_cast<double>(from[k]);
    else
      for (int64_t k = 0; k < count; ++k) result.value[k] = static_cast<double>(from[k]);
    return result;
  }

  static auto shapes_in_range(LaneReal a) { return (0.0 < a) & (a <= 1e9); }
  // Where the sums do not cancel.
  static auto is_summed(LaneReal a, LaneReal x) { return shapes_in_range(a) & (0.0 < x) & (x <= fma(sqrt(a), 4.0, a + 1.0)); }

  // Results to memory, those where the sums cancel by other means.
  template <class T, class Mask>
  static void store_gamma_grads(int64_t count, LaneReal result, Mask summed, const T* shape, const T* x, T* out) {
    if (count >= lanes)
      for (int k = 0; k < lanes; ++k) out[k] = static_cast<T>(result.value[k]);
    else
      for (int64_t k = 0; k < count; ++k) out[k] = static_cast<T>(result.value[k]);
    if (!any((!summed).value)) return;
    for (int64_t k = 0; k < std::min<int64_t>(count, lanes); ++k)
      if (summed.value[k] == 0)
        out[k] = static_cast<T>(gamma_grad_elsewhere(static_cast<double>(shape[k]), static_cast<double>(x[k])));
  }

  // One small shape for all.
  template <class T>
  [[gnu::flatten]] static void gamma_grads_of_one(int64_t count, const T* shape, const T* x, T* out) {
    constexpr size_t pieces = 4;
    LaneBuilder builder;
    const LaneReal a{&builder, builder.constant(static_cast<double>(shape[0]))}, digamma_above = elementary::digamma(a + 1.0);
    const SeriesCoefficients series = coefficients_of_one(builder, a.value[0]);
    for (int64_t i = 0; i < count; i += lanes * static_cast<int64_t>(pieces)) {
      std::array<Lanes, pieces> value;
      std::array<decltype(is_summed(a, a)), pieces> summed;
      for (size_t k = 0; k < pieces; ++k) {
        const int64_t at = i + lanes * static_cast<int64_t>(k);
        const LaneReal loaded = load(builder, x + at, count - at);
        summed[k] = is_summed(a, loaded);
        value[k] = select(summed[k], loaded, 1e-3).value;
      }
      const SeriesSums<pieces> sums = evaluate(series, value);
      for (size_t k = 0; k < pieces; ++k) {
        const int64_t at = i + lanes * static_cast<int64_t>(k);
        if (at >= count) break;
        const LaneReal result = gamma_grad_of(a, {&builder, value[k]}, digamma_above, sums.sum[k], sums.slope[k]);
        store_gamma_grads(count - at, result, summed[k], shape + at, x + at, out + at);
      }
    }
  }

  template <class T>
  [[gnu::flatten]] static void gamma_grads_of_many(int64_t count, const T* shape, const T* x, T* out) {
    LaneBuilder builder;
    LaneReal last{&builder, builder.constant(elementary::Format<LaneBuilder>::nan)}, digamma_above = last;
    for (int64_t i = 0; i < count; i += lanes) {
      LaneReal a = load(builder, shape + i, count - i), value = load(builder, x + i, count - i);
      const auto summed = is_summed(a, value);
      a = select(shapes_in_range(a), a, 1.0);
      value = select(summed, value, 1e-3);
      if (any((!(a == last)).value)) {
        last = a;
        digamma_above = elementary::digamma(a + 1.0);
      }
      // A lane of the other kind runs along with harmless numbers.
      const auto large = constant_like(a, largest_polynomial_shape) < a;
      LaneReal result = value;
      if (any(large.value)) result = gamma_grad_series(select(large, a, 1.0), select(large, value, 1e-3), digamma_above);
      if (any((!large).value)) {
        const LaneReal small = select(large, 1.0, a);
        const SeriesSums<1> sums = evaluate<1>(coefficients_of_many(small), {value.value});
        result = select(large, result, gamma_grad_of(small, value, digamma_above, sums.sum[0], sums.slope[0]));
      }
      store_gamma_grads(count - i, result, summed, shape + i, x + i, out + i);
    }
  }

  // out[i] = dx/dshape: the same bits whatever stands beside a number.
  template <class T>
  static void gamma_grads(int64_t count, const T* shape, const T* x, T* out) {
    const bool one = std::all_of(shape, shape + count, [&](T other) { return other == shape[0]; });
    if (one && shape[0] > 0 && shape[0] <= static_cast<T>(largest_polynomial_shape)) gamma_grads_of_one(count, shape, x, out);
    else gamma_grads_of_many(count, shape, x, out);
  }
};

}  // namespace

}  // namespace alea::rare
