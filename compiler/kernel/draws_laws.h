// Laws that need rejection or a search, over a builder of doubles (elementary_builder.h): the same arithmetic for one
// draw (compiler/kernel/draws.cpp) and for vectors of draws (runtime/noise_kernel.h). In: the law's arguments and the
// words of one attempt. Out: a proposal and whether it is accepted, or one step of a search.
//
// Each law has, over plain numbers, `valid(a, b)`: arguments outside its domain give NaN; `searched(a, b)`, where it
// searches: then the words of attempt 0 alone decide, else the first accepted attempt 1, 2, …; `finished(a, b)`, where it
// finishes: the accepted value goes through `finish`, with the words of attempt 0; and `rounded`: the draw in T.
#pragma once
#include <cmath>
#include <limits>

#include "compiler/kernel/elementary_normal.h"
#include "compiler/kernel/elementary_trigonometry.h"
#include "compiler/kernel/philox.h"

namespace alea::elementary {

// Plain functions of a file that is compiled for several processors: never shared by the linker.
#define ALEA_PLAIN [[gnu::always_inline]] static inline

inline constexpr uint64_t last_attempt = 0xffff;

template <class B>
struct Words {
  Whole<B> word[4];
  Real<B> first() const { return uniform_of_word(joined_words(word[0], word[1])); }
  Real<B> second() const { return uniform_of_word(joined_words(word[2], word[3])); }
  // Of the last two words alone: coarser, where first() is taken too.
  Real<B> third() const { return half_of_word(word[2]); }
  Real<B> fourth() const { return half_of_word(word[3]); }
  Mask<B> coin() const { return nonzero(word[2] & 1); }  // a bit that second() leaves out

 private:
  static Real<B> half_of_word(Whole<B> w) { return fma(to_real(w, 0), 0x1p-32, 0x1p-33); }
};

template <class B>
struct Proposal {
  Real<B> value;
  Mask<B> accepted;
};

// The outcomes 0, 1, … in turn until their probabilities sum to u: `more` where the search goes on. It goes on at the same
// outcome, `step`, wherever it does, so that what an outcome needs does not wait for the one before.
template <class B>
struct Search {
  Real<B> u, k, probability, sum;
  Mask<B> more;
  Real<B> step, odds;            // odds: what a law keeps from its beginning
  void advance(Real<B> ratio) {  // of the next outcome's probability to this one's
    step = step + 1.0;
    k = select(more, step, k);
    // Where the search has ended they go on for nothing: the sum never falls below u again.
    probability = probability * ratio;
    sum = sum + probability;
  }
};

// What log k! - (k log k - k + ½ log 2πk) is for k = 1 … 15; for 0, where k log k counts as 0 and ½ log 2πk as ½ log 2π, too.
alignas(64) inline constexpr double stirling_rests[16] = {
    -0x1.d67f1c864beb5p-1, 0x1.4c071bcda0a5bp-4, 0x1.52a9b923ea649p-5, 0x1.c579a268d80b3p-6,
    0x1.54a2662fd78a9p-6,  0x1.10b4e513fcbedp-6, 0x1.c6b167bebdf36p-7, 0x1.85d4d612e4a86p-7,
    0x1.552805e7b3076p-7,  0x1.2f4871b12ab64p-7, 0x1.10f9d4c0743a7p-7, 0x1.f0593088014f8p-8,
    0x1.c7018733aa9c6p-8,  0x1.a40514700f36cp-8, 0x1.86076c002d4a7p-8, 0x1.6c08f6f194a10p-8};

// The same for every whole k ≥ 0, by a table and from 16 on by the series Σ B_2j / (2j (2j-1) k^(2j-1)).
template <class B>
Real<B> stirling_rest(Real<B> k) {
  const Mask<B> tabled = k < 16.0;
  const Real<B> inverse = 1.0 / select(tabled, 16.0, k);
  const Whole<B> index = bits(select(tabled, k, 0.0) + Format<B>::rounder);
  const Real<B> table = {k.builder, k.builder->look_up(stirling_rests, index.value)};
  return select(tabled, table, inverse * polynomial(inverse * inverse, 1.0 / 12, -1.0 / 360, 1.0 / 1260, -1.0 / 1680));
}

// log k! for whole k ≥ 0
template <class B>
Real<B> log_factorial(Real<B> k) {
  const Real<B> logarithm = log_of_normal(select(k < 1.0, 1.0, k));
  return fma(k + 0.5, logarithm, 0x1.d67f1c864beb5p-1 - k) + stirling_rest(k);
}

// gamma(shape, 1), Marsaglia and Tsang 2000. For shape ≥ 1: d v with d = shape - 1/3, v = (1 + z/√(9 d))³ for a normal z,
// accepted when log u < z²/2 + d (1 - v + log v). For shape < 1: gamma(shape + 1) u^(1/shape), in logarithms; what
// underflows is the smallest normal number.
struct GammaLaw {
  static constexpr bool searches = false, finishes = true;
  ALEA_PLAIN bool valid(double shape, double) { return shape > 0 && shape <= std::numeric_limits<double>::max(); }
  ALEA_PLAIN bool finished(double shape, double) { return shape < 1; }
  template <class T>
  ALEA_PLAIN T rounded(double x) {
    const T value = static_cast<T>(x);
    return value < std::numeric_limits<T>::min() ? std::numeric_limits<T>::min() : value;
  }
  template <class B>
  static Proposal<B> attempt(const Words<B>& words, Real<B> shape, Real<B>) {
    const Real<B> d = select(shape < 1.0, shape + 1.0, shape) - 1.0 / 3, c = 1.0 / sqrt(9.0 * d);
    const Real<B> z = sqrt(-2.0 * log_of_normal(words.first())) * sincos_of_turns(words.third()).cos;
    const Real<B> root = fma(c, z, 1.0);
    const Real<B> v = root * root * root;
    const Mask<B> below =
        log_of_normal(words.fourth()) < fma(0.5 * z, z, d * (1.0 - v + log_of_normal(select(v < 1e-300, 1e-300, v))));
    return {smallest_normal_or(d * v), (0.0 < root) & below};
  }
  template <class B>
  static Real<B> finish(const Words<B>& words, Real<B> value, Real<B> shape, Real<B>) {
    return smallest_normal_or(exp(log(value) + log_of_normal(words.first()) / shape));
  }

 private:
  template <class B>
  static Real<B> smallest_normal_or(Real<B> x) {
    return select(x < Format<B>::min_normal, Format<B>::min_normal, x);
  }
};

// By search below a rate of 10, else Hörmann 1993, PTRS.
struct PoissonLaw {
  static constexpr bool searches = true, finishes = false;
  ALEA_PLAIN bool valid(double rate, double) { return rate >= 0 && rate <= std::numeric_limits<double>::max(); }
  ALEA_PLAIN bool searched(double rate, double) { return rate < 10; }
  template <class T>
  ALEA_PLAIN T rounded(double x) {
    return static_cast<T>(x);
  }
  template <class B>
  static Search<B> begin(const Words<B>& words, Real<B> rate, Real<B>) {
    const Real<B> none = exp(-rate), u = words.first();
    const Real<B> zero = constant_like(rate, 0.0);
    return {u, zero, none, none, none < u, zero, zero};
  }
  template <class B>
  static void advance(Search<B>& search, Real<B> rate, Real<B>) {
    search.advance(rate / (search.step + 1.0));
    search.more = (search.sum < search.u) & (search.k < 1000.0);
  }
  template <class B>
  static Real<B> found(const Search<B>& search, Real<B>, Real<B>) {
    return search.k;
  }
  template <class B>
  static Proposal<B> attempt(const Words<B>& words, Real<B> rate, Real<B>) {
    const Real<B> b = fma(sqrt(rate), 2.53, 0.931), a = fma(b, 0.02483, -0.059);
    const Real<B> inverse_alpha = 1.1239 + 1.1328 / (b - 3.4), v_r = 0.9277 - 3.6224 / (b - 2.0);
    const Real<B> u = words.first() - 0.5, v = words.second(), us = 0.5 - abs(u);
    const Real<B> k = floor((2.0 * a / us + b) * u + rate + 0.43);
    const Mask<B> at_once = (0.07 <= us) & (v <= v_r);
    const Mask<B> refused = (k < 0.0) | ((us < 0.013) & (us < v));
    // log (v / (α (a/us² + b))) ≤ k log rate - rate - log k!, with k (log rate - log k), which keeps its digits, and √(2πk)
    // taken to the left.
    const Real<B> whole = select(k < 0.0, 0.0, k), positive = select(whole < 1.0, 1.0, whole);
    const Real<B> left = v * inverse_alpha * sqrt(0x1.921fb54442d18p+2 * positive) / (a / (us * us) + b);
    const Mask<B> below = log_of_normal(left) <= fma(whole, log_of_normal(rate / positive), whole - rate) - stirling_rest(whole);
    return {k, at_once | ((!refused) & below)};
  }
};

// For p ≤ ½, else mirrored: by search where n p < 10, P_k = P_{k-1} (n - k + 1) p / (k (1 - p)), else Hörmann 1993, BTRS.
struct BinomialLaw {
  static constexpr bool searches = true, finishes = false;
  ALEA_PLAIN bool valid(double n, double p) {
    return n >= 0 && n <= std::numeric_limits<double>::max() && n == std::floor(n) && p >= 0 && p <= 1;
  }
  ALEA_PLAIN bool searched(double n, double p) { return n * (p <= 0.5 ? p : 1 - p) < 10; }
  template <class T>
  ALEA_PLAIN T rounded(double x) {
    return static_cast<T>(x);
  }
  template <class B>
  static Search<B> begin(const Words<B>& words, Real<B> n, Real<B> p) {
    const Real<B> none = exp(n * log1p(-smaller(p))), u = words.first();
    const Real<B> zero = constant_like(n, 0.0), q = smaller(p);
    return {u, zero, none, none, (none < u) & (0.0 < n), zero, q / (1.0 - q)};
  }
  template <class B>
  static void advance(Search<B>& search, Real<B> n, Real<B>) {
    search.advance(search.odds * (n - search.step) / (search.step + 1.0));
    search.more = (search.sum < search.u) & (search.k < n) & (0.0 < search.probability);
  }
  template <class B>
  static Real<B> found(const Search<B>& search, Real<B> n, Real<B> p) {
    return mirrored(search.k, n, p);
  }
  template <class B>
  static Proposal<B> attempt(const Words<B>& words, Real<B> n, Real<B> p) {
    const Real<B> q = smaller(p), deviation = sqrt(n * q * (1.0 - q));
    const Real<B> b = fma(deviation, 2.53, 1.15), a = fma(b, 0.0248, fma(q, 0.01, -0.0873)), c = fma(n, q, 0.5);
    const Real<B> alpha = (2.83 + 5.1 / b) * deviation, v_r = 0.92 - 4.2 / b;
    const Real<B> mode = floor((n + 1.0) * q), log_odds = log(q / (1.0 - q));
    const Real<B> h = log_factorial(mode) + log_factorial(n - mode);
    const Real<B> u = words.first() - 0.5, v = words.second(), us = 0.5 - abs(u);
    const Real<B> k = floor((2.0 * a / us + b) * u + c);
    const Mask<B> inside = (0.0 <= k) & (k <= n);
    const Real<B> whole = select(inside, k, 0.0);
    const Mask<B> below = log_of_normal(v * alpha / (a / (us * us) + b)) <=
                          h - log_factorial(whole) - log_factorial(n - whole) + (whole - mode) * log_odds;
    return {mirrored(k, n, p), inside & (((0.07 <= us) & (v <= v_r)) | below)};
  }

 private:
  template <class B>
  static Real<B> smaller(Real<B> p) {
    return select(p <= 0.5, p, 1.0 - p);
  }
  template <class B>
  static Real<B> mirrored(Real<B> k, Real<B> n, Real<B> p) {
    return select(p <= 0.5, k, n - k);
  }
};

// Centred, in [-pi, pi): Best and Fisher 1979, by a wrapped Cauchy envelope. Its parameter loses its digits at small
// concentrations, where a uniform envelope does as well, and at large ones, where the draw is taken as normal: the laws
// differ by less than 1/(8 κ).
struct VonMisesLaw {
  static constexpr bool searches = false, finishes = false;
  ALEA_PLAIN bool valid(double concentration, double) {
    return concentration >= 0 && concentration <= std::numeric_limits<double>::max();
  }
  // The single-precision pi is beyond pi: it counts as -pi.
  template <class T>
  ALEA_PLAIN T rounded(double x) {
    constexpr T pi = static_cast<T>(2 * half_pi_high<ScalarBuilder<double>>);
    const T value = static_cast<T>(x);
    return value >= pi ? -pi : value;
  }
  template <class B>
  static Proposal<B> attempt(const Words<B>& words, Real<B> concentration, Real<B>) {
    constexpr double half_pi = half_pi_high<B>;
    const Real<B> u = words.first(), v = words.second();
    const Mask<B> flat = concentration < 0.1, sharp = 1e7 < concentration;
    const Real<B> even = 2.0 * half_pi * fma(u, 2.0, -1.0);
    const Mask<B> even_accepted = log(v) < concentration * (cos(even) - 1.0);
    const Real<B> nearly_normal = normal_quantile(u) / sqrt(concentration);
    const Real<B> kappa = select(flat | sharp, 1.0, concentration);
    const Real<B> tau = 1.0 + sqrt(1.0 + 4.0 * kappa * kappa);
    const Real<B> rho = (tau - sqrt(2.0 * tau)) / (2.0 * kappa);
    const Real<B> r = (1.0 + rho * rho) / (2.0 * rho);
    const Real<B> z = sincos_of_turns(0.5 * u).cos;
    const Real<B> f = (1.0 + r * z) / (r + z), c = kappa * (r - f);
    const Mask<B> peaked_accepted = (v < c * (2.0 - c)) | (c <= log(c / v) + 1.0);
    const Real<B> within = select(1.0 < f, 1.0, select(f < -1.0, -1.0, f));
    const Real<B> x = acos(within);
    const Real<B> peaked = select(words.coin() | (2.0 * half_pi <= x), -x, x);
    return {select(flat, even, select(sharp, nearly_normal, peaked)),
            sharp | (flat & even_accepted) | ((!flat) & peaked_accepted)};
  }
};

#undef ALEA_PLAIN

}  // namespace alea::elementary
