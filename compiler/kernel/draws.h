// Draws from laws that need rejection. In: the noise's key, the draw's sample, time (0 without time) and element,
// and the law's arguments. Out: a draw, a pure function of these: attempt k of a draw uses counter attempt k alone,
// so that no draw depends on another lane's luck. In single precision the draw is rounded, and stays in the open
// support. Arguments outside the law's domain give NaN. How each is drawn: draws_laws.h.
#pragma once
#include <cstdint>

namespace alea {

struct DrawAddress {
  uint64_t key, sample, time, element;
};

double draw_gamma(const DrawAddress&, double shape);  // gamma(shape, 1)
double draw_poisson(const DrawAddress&, double rate);
double draw_binomial(const DrawAddress&, double n, double p);
double draw_von_mises(const DrawAddress&, double concentration);  // centred, in [-pi, pi)

// Rounded to single precision where T is float, within the open support.
template <class T>
T gamma_as(const DrawAddress&, T shape);
template <class T>
T von_mises_as(const DrawAddress&, T concentration);

}  // namespace alea
