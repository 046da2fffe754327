// The natural gradient (Amari 1998): d with (F + λ I) d = g, F the Fisher information of what is sampled, by conjugate
// gradients on products F v, so that F itself is never made. In: the products, the gradient, which elements are held.
// Out: d, how far the law moves along it, and how well the system is solved. The same arguments give the same bits.
#pragma once
#include <functional>
#include <optional>

#include "compiler/kernel/interpret.h"

namespace alea {

struct NaturalOptions {
  double damping = 1e-3;       // λ
  int64_t iterations = 10;     // of conjugate gradients, at most
  double tolerance = 1e-10;    // they end where |residual| ≤ tolerance |g|
  double most_divergence = 0;  // no step moves the law by a Kullback-Leibler divergence above this; 0: no bound
};

struct NaturalDirection {
  ParamArrays direction;
  double curvature = 0;  // d'(F + λ I) d: a step of length η moves the law by η² curvature / 2 nats, to second order
  int64_t iterations = 0;
};

// F v, of the params' sizes; nothing where it could not be had.
using FisherProduct = std::function<std::optional<ParamArrays>(const ParamArrays& v)>;

// Nothing where a product could not be had. Where `g` is 0 and `held` is true, d is 0.
std::optional<NaturalDirection> natural_direction(const NaturalOptions&, const FisherProduct&, const ParamArrays& g,
                                                  const std::vector<bool>& held);

// The rate, or less where a step of it would leave the trust region: η ≤ √(2 δ / d'F d).
double trusted_rate(const NaturalOptions&, const NaturalDirection&, double rate);

}  // namespace alea
