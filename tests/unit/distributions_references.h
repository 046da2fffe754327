// The distributions once more, to 50 digits, for the tests of densities, entropies and divergences: each from its textbook
// formula, by Boost's multiprecision numbers. In: a law's arguments and a value. Out: its log density there.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "distributions_support.h"

namespace alea::test {

using Wide = Digits50;
using WidePoint = std::vector<Wide>;

struct Reference {
  std::string name;
  std::vector<std::string> formals;
  std::vector<std::vector<double>> points;
  std::function<Wide(const WidePoint&, const Wide& x)> log_density;
  bool discrete = false;
  std::vector<double> further;  // values in the support besides what is drawn
  // Ends of the support; integrals of densities stop where nothing is left.
  std::function<double(const std::vector<double>&)> low, high;
  bool entropy = false, divergence = false;  // in closed form in the language
};

const std::vector<Reference>& references();

// log Φ(high) - Φ(low), in the tail where the interval lies.
Wide log_normal_mass(const Wide& low, const Wide& high);

}  // namespace alea::test
