// The values that elementary functions are compared with: in MPFR, and for many arguments in long double, to within a hundredth
// of a double's unit in the last place. In: any argument for MPFR, for long double those where the value is a finite number.
#pragma once
#include <mpfr.h>

#include <algorithm>
#include <cmath>
#include <functional>

namespace alea::exact {

struct Number {
  Number() { mpfr_init2(value, 128); }
  ~Number() { mpfr_clear(value); }
  Number(const Number&) = delete;
  Number& operator=(const Number&) = delete;
  mpfr_t value;
};

using Exact = std::function<void(mpfr_t result, const mpfr_t x, const mpfr_t y)>;

using Quick = long double (*)(long double);

inline Exact unary(int (*function)(mpfr_t, const mpfr_t, mpfr_rnd_t)) {
  return [function](mpfr_t result, const mpfr_t x, const mpfr_t) { function(result, x, MPFR_RNDN); };
}

inline void exact_sigmoid(mpfr_t result, const mpfr_t x, const mpfr_t) {
  Number z;
  mpfr_neg(z.value, x, MPFR_RNDN);
  mpfr_exp(z.value, z.value, MPFR_RNDN);
  mpfr_add_ui(z.value, z.value, 1, MPFR_RNDN);
  mpfr_ui_div(result, 1, z.value, MPFR_RNDN);
}
inline long double quick_sigmoid(long double x) { return 1 / (1 + std::exp(-x)); }
inline long double quick_softplus(long double x) { return std::max(x, 0.0L) + std::log1p(std::exp(-std::fabs(x))); }
inline void exact_softplus(mpfr_t result, const mpfr_t x, const mpfr_t) {
  Number z;
  if (mpfr_cmp_ui(x, 1000) > 0) {
    mpfr_set(result, x, MPFR_RNDN);
    return;
  }
  mpfr_exp(z.value, x, MPFR_RNDN);
  mpfr_log1p(result, z.value, MPFR_RNDN);
}
inline void normal_cdf(mpfr_t result, const mpfr_t x) {
  Number z;
  mpfr_set_ui(z.value, 2, MPFR_RNDN);
  mpfr_sqrt(z.value, z.value, MPFR_RNDN);
  mpfr_div(z.value, x, z.value, MPFR_RNDN);
  mpfr_neg(z.value, z.value, MPFR_RNDN);
  mpfr_erfc(z.value, z.value, MPFR_RNDN);
  mpfr_div_2ui(result, z.value, 1, MPFR_RNDN);
}
inline void exact_log_normal_cdf(mpfr_t result, const mpfr_t x, const mpfr_t) {
  Number z, upper;
  if (mpfr_cmp_si(x, -10000) < 0) {  // erfc leaves MPFR's range: -x²/2 - log(-x √(2 pi)), the rest is below 1/x²
    mpfr_const_pi(upper.value, MPFR_RNDN);
    mpfr_mul_2ui(upper.value, upper.value, 1, MPFR_RNDN);
    mpfr_sqrt(upper.value, upper.value, MPFR_RNDN);
    mpfr_mul(upper.value, upper.value, x, MPFR_RNDN);
    mpfr_neg(upper.value, upper.value, MPFR_RNDN);
    mpfr_log(upper.value, upper.value, MPFR_RNDN);
    mpfr_sqr(z.value, x, MPFR_RNDN);
    mpfr_div_2ui(z.value, z.value, 1, MPFR_RNDN);
    mpfr_add(result, z.value, upper.value, MPFR_RNDN);
    mpfr_neg(result, result, MPFR_RNDN);
  } else if (mpfr_sgn(x) > 0) {
    mpfr_neg(z.value, x, MPFR_RNDN);
    normal_cdf(upper.value, z.value);
    mpfr_neg(upper.value, upper.value, MPFR_RNDN);
    mpfr_log1p(result, upper.value, MPFR_RNDN);
  } else {
    normal_cdf(upper.value, x);
    mpfr_log(result, upper.value, MPFR_RNDN);
  }
}
// Φ(-x), x ≥ 0, in long double: erfc(y) for the rounded y = x / √2, times e^(y² - x²/2).
inline long double upper_normal(long double x) {
  const long double y = x / std::sqrt(2.0L), of_y = y * y, of_x = 0.5L * x * x;
  const long double apart = (of_y - of_x) + (std::fma(y, y, -of_y) - std::fma(0.5L * x, x, -of_x));
  return 0.5L * std::erfc(y) * std::exp(apart);
}
inline long double quick_log_normal_cdf(long double x) {
  if (x >= 0) return std::log1p(-upper_normal(x));
  if (x > -100) return std::log(upper_normal(-x));
  const long double z = 1 / (x * x);  // Mills' ratio, to z^6
  const long double series = z * (-1 + z * (3 + z * (-15 + z * (105 - z * 945))));
  return -0.5L * x * x - std::log(-x * std::sqrt(2 * std::acos(-1.0L))) + std::log1p(series);
}
// Newton's method for log Φ(-x) = log of the tail, or next to ½ for erf, from Abramowitz and Stegun's 26.2.23.
inline long double quick_normal_quantile(long double p) {
  const long double tail = std::min(p, 1 - p), root_two_pi = std::sqrt(2 * std::acos(-1.0L));
  const long double t = std::sqrt(-2 * std::log(tail));
  long double x = t - (2.515517L + t * (0.802853L + t * 0.010328L)) / (1 + t * (1.432788L + t * (0.189269L + t * 0.001308L)));
  for (int i = 0; i < 3; ++i) {
    const long double density = std::exp(-0.5L * x * x) / root_two_pi;
    if (tail > 0.25L) {
      x += ((0.5L - tail) - 0.5L * std::erf(x / std::sqrt(2.0L))) / density;
    } else {
      const long double upper = upper_normal(x);
      x += (std::log(upper) - std::log(tail)) * upper / density;
    }
  }
  return p < 0.5L ? -x : x;
}
// Newton's method from the value under test would be circular: from bisection's instead, for log Φ(x) = log p.
inline void exact_normal_quantile(mpfr_t result, const mpfr_t p, const mpfr_t) {
  if (mpfr_nan_p(p) || mpfr_sgn(p) <= 0 || mpfr_cmp_ui(p, 1) >= 0) {
    if (mpfr_zero_p(p)) mpfr_set_inf(result, -1);
    else if (!mpfr_nan_p(p) && mpfr_cmp_ui(p, 1) == 0) mpfr_set_inf(result, 1);
    else mpfr_set_nan(result);
    return;
  }
  if (mpfr_cmp_d(p, 0.5) == 0) {
    mpfr_set_zero(result, 1);
    return;
  }
  Number low, high, middle, value, slope, log_p;
  mpfr_set_si(low.value, -39, MPFR_RNDN);
  mpfr_set_si(high.value, 39, MPFR_RNDN);
  for (int i = 0; i < 28; ++i) {
    mpfr_add(middle.value, low.value, high.value, MPFR_RNDN);
    mpfr_div_2ui(middle.value, middle.value, 1, MPFR_RNDN);
    normal_cdf(value.value, middle.value);
    mpfr_set(mpfr_cmp(value.value, p) < 0 ? low.value : high.value, middle.value, MPFR_RNDN);
  }
  mpfr_log(log_p.value, p, MPFR_RNDN);
  for (int i = 0; i < 4; ++i) {
    mpfr_sqr(slope.value, middle.value, MPFR_RNDN);
    mpfr_div_si(slope.value, slope.value, -2, MPFR_RNDN);
    mpfr_exp(slope.value, slope.value, MPFR_RNDN);
    mpfr_const_pi(value.value, MPFR_RNDN);
    mpfr_mul_2ui(value.value, value.value, 1, MPFR_RNDN);
    mpfr_sqrt(value.value, value.value, MPFR_RNDN);
    mpfr_div(slope.value, slope.value, value.value, MPFR_RNDN);
    normal_cdf(value.value, middle.value);
    mpfr_div(slope.value, value.value, slope.value, MPFR_RNDN);
    mpfr_log(value.value, value.value, MPFR_RNDN);
    mpfr_sub(value.value, value.value, log_p.value, MPFR_RNDN);
    mpfr_mul(value.value, value.value, slope.value, MPFR_RNDN);
    mpfr_sub(middle.value, middle.value, value.value, MPFR_RNDN);
  }
  mpfr_set(result, middle.value, MPFR_RNDN);
}
inline void exact_wrap(mpfr_t result, const mpfr_t x, const mpfr_t) {
  Number wide, turn, k;
  for (mpfr_ptr each : {wide.value, turn.value, k.value}) mpfr_set_prec(each, 1400);
  mpfr_const_pi(turn.value, MPFR_RNDN);
  mpfr_mul_2ui(turn.value, turn.value, 1, MPFR_RNDN);
  mpfr_div(k.value, x, turn.value, MPFR_RNDN);
  mpfr_round(k.value, k.value);
  mpfr_mul(k.value, k.value, turn.value, MPFR_RNDN);
  mpfr_sub(wide.value, x, k.value, MPFR_RNDN);
  mpfr_set(result, wide.value, MPFR_RNDN);
}

}  // namespace alea::exact
