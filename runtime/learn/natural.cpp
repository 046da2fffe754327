// Conjugate gradients (Hestenes and Stiefel 1952), from d = 0: α = r'r / p'A p, d ← d + α p, r ← r - α A p,
// p ← r + (r'r)ₙₑᵥ / (r'r) p, with A = F + λ I.
#include "runtime/learn/natural.h"

#include <algorithm>
#include <cmath>

namespace alea {

namespace {

double dot(const ParamArrays& x, const ParamArrays& y) {
  double total = 0;
  for (size_t a = 0; a < x.size(); ++a)
    for (size_t e = 0; e < x[a].size(); ++e) total += x[a][e] * y[a][e];
  return total;
}

// x ← s x + f y
void update(ParamArrays& x, double s, double f, const ParamArrays& y) {
  for (size_t a = 0; a < x.size(); ++a)
    for (size_t e = 0; e < x[a].size(); ++e) x[a][e] = s * x[a][e] + f * y[a][e];
}

}  // namespace

std::optional<NaturalDirection> natural_direction(const NaturalOptions& options, const FisherProduct& product,
                                                  const ParamArrays& g, const std::vector<bool>& held) {
  NaturalDirection result;
  result.direction = g;
  update(result.direction, 0, 0, g);
  ParamArrays residual = g, along = g;
  double length = dot(residual, residual);
  const double goal = options.tolerance * options.tolerance * length;
  for (; result.iterations < options.iterations && length > goal; ++result.iterations) {
    std::optional<ParamArrays> image = product(along);
    if (!image) return std::nullopt;
    for (size_t a = 0; a < held.size(); ++a)
      if (held[a]) std::ranges::fill((*image)[a], 0.0);
    update(*image, 1, options.damping, along);
    const double curvature = dot(along, *image);
    if (!(curvature > 0)) break;  // nothing bends the law this way, and nothing damps
    const double step = length / curvature;
    update(result.direction, 1, step, along);
    update(residual, 1, -step, *image);
    const double next = dot(residual, residual);
    update(along, next / length, 1, residual);
    length = next;
  }
  // d'A d = d'(g - r)
  result.curvature = std::max(0.0, dot(result.direction, g) - dot(result.direction, residual));
  return result;
}

double trusted_rate(const NaturalOptions& options, const NaturalDirection& natural, double rate) {
  if (options.most_divergence <= 0 || natural.curvature <= 0) return rate;
  return std::min(rate, std::sqrt(2 * options.most_divergence / natural.curvature));
}

}  // namespace alea
