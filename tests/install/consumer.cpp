// The gradient of E x² for x ~ normal(m, 1), by a function that only the installed standard library has: 2 m.
#include <alea/alea.hpp>
#include <cmath>
#include <iostream>

int main() {
  auto model = alea::compile_text("graph g { param m: real = 1.5 x ~ normal(m, 1) cost installed_square(x) }");
  if (!model) {
    std::cerr << model.error();
    return 1;
  }
  const auto estimate = model->gradient(model->initial_params(), {.samples = 100'000, .seed = 1});
  const auto& gradient = estimate.gradient.at("m");
  std::cout << gradient.mean[0] << " +- " << gradient.standard_error[0] << "\n";
  return std::abs(gradient.mean[0] - 3) < 4 * gradient.standard_error[0] && gradient.standard_error[0] < 0.01 ? 0 : 2;
}
