// What the tests of the language's front share: reading a text, and models that use every construct.
#pragma once
#include <string>
#include <vector>

#include "dsl/ast_print.h"
#include "dsl/format.h"
#include "dsl/parser.h"

namespace alea::test {

struct Parsed {
  SourceMap sources;
  SourceId source;
  Diagnostics diagnostics;
  ast::File file;

  std::string tree() const { return ast::print(file); }
  std::string reports() const {
    std::string text;
    for (const auto& diagnostic : diagnostics.sorted()) text += render(diagnostic, sources, false);
    return text;
  }
};

inline Parsed parsed(const std::string& text, const std::string& name = "model.alea") {
  Parsed result;
  result.source = result.sources.add(name, text);
  result.file = parse(result.sources, result.source, result.diagnostics);
  return result;
}

inline std::string formatted(const Parsed& model) { return format(model.sources, model.source, model.file); }

inline const std::vector<std::string> samples = {
    R"(import std.nn

const g = 10.0

mdp pendulum {
  horizon 200
  discount 1.0
  const m = 1.0  # overridable: --set m=2
  const l = 1.0
  const dt = 0.05

  state th: real ~ uniform(-pi, pi)  # the initial distribution
  state om: real ~ uniform(-1, 1)
  observe obs = [cos(th), sin(th), om]
  action u: real in [-5, 5]  # left open: a policy fills it; the mdp sees it clipped to its bounds

  torque = 2 * tanh(u)
  om' = om + (3*g/(2*l)*sin(th) + 3/(m*l^2)*torque)*dt
  th' = th + om'*dt
  reward -((1 - cos(th)) + 0.1*om^2 + 0.001*torque^2)
}

policy gaussian for pendulum {
  param mean: mlp(3, [64, 64], 1)
  param log_std: real = -0.5
  u ~ normal(mean(obs)[0], exp(log_std))
}

graph toy {  # no time, no policy: any stochastic graph
  param theta: real[3] = [0.1, 0.2, 0.3]
  b ~ categorical(logits = theta)
  x ~ normal(theta[b], 1)
  cost (x - 0.45)^2
}
)",
    R"(module mlp(n: int, hidden: int[k], m: int, act = tanh) {
  const size = concat([n], hidden)
  param layer: [linear(size[i], size[i + 1]) for i in 0..k]  # params layer.0.W, layer.0.b, …
  param out: linear(size[k], m)
  call(x: real[n]) -> real[m] {
    h = x
    for i in 0..k { h = act(layer[i](h)) }
    return out(h)
  }
}
)",
    R"(import "other.alea" as other
import std.ode as ode
const N = 1_000
const v: real[2, 3] = [[1, 2, 3],
                       [4.0, 5, 6e-2]]
fn f(x: real[n], y = 2, g) -> real[n] = x^-y^2 + -g(x)[0, 1:, :2, :, 1:2] @ sum(x[i] for i in 0..n-1)
fn g(x) {
  let [a, b] = x
  a: real = a + 1
  for i in 0..3 {
    a = a // i
    # inside
    a = a % i
  }
  return if a < b <= 3 and not b == 2 or true then a else if a > 0 then b else -b
}
param shared: real ~ normal(0, 1)

dist shifted(mu, s = 1) {
  z ~ normal(0, 1) by score(baseline = loo)
  support (0, inf]
  sample mu + s*z
  logpdf(x) = -x^2
  entropy = 0.5 * log(s)
}

dist counted(n) {
  z ~ normal(0, 1)
  support 0..n+1
  sample floor(z)
  logpdf(x) {
    y = x
    return y
  }
}

graph static {
  input x: real[4]
  θ ~ normal(0, 1) by score
  b: cat(4) ~ categorical(logits = x)
  c = "a"
  cost sum(a*b for a in 0..3)
  fn q(x) = x
  final reward normal.logpdf(b, 0, 1)
}

mdp chain {
  horizon 10
  state th: real = 0
  state k: cat(3)[2] ~ categorical([1, 2, 3])
  observe th, k
  observe o: real = th
  observe p ~ normal(th', 1)
  action u: real[2] in [-1, 1] = 0
  action w: bool
  th' ~ normal(th, 1) by reparam
  k' = k
  terminate th > 3
  # words that are names here
  sample = 3
  graph = 2
  support ~ normal(graph, sample)
  cost [i for i in 0..3][0] != false
}

policy p for chain {
  state h: real = 0
  h' = h + 1
  u ~ normal(h, 1)
}

instance longer of chain {
  discount 0.5
  dt = 3
  horizon 20
}
)"};

}  // namespace alea::test
