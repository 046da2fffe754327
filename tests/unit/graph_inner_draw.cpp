// A draw of a distribution's body is one draw, however many elements of a comprehension read it.
#include <catch2/catch.hpp>

#include "check_support.h"
#include "compiler/graph/elaborate.h"

using namespace alea;

namespace {

std::vector<Shape> noise_shapes(const std::string& text) {
  const auto checked = test::check_model_text(text);
  INFO(checked->text());
  REQUIRE(checked->model);
  Diagnostics diagnostics;
  const auto elaborated = elaborate(*checked->model, diagnostics);
  REQUIRE(elaborated);
  std::vector<Shape> shapes;
  const Graph& graph = elaborated->graph.graph;
  for (uint32_t i = 0; i < graph.size(); ++i)
    if (kind(graph.op(NodeId{i})) == OpKind::random) shapes.push_back(graph.shape(NodeId{i}));
  return shapes;
}

}  // namespace

TEST_CASE("a comprehension in a distribution's body reads one draw") {
  const std::string d = "dist d(a) { u ~ uniform(0, 1) sample sum(a * u * i for i in 0..3) }\n";
  CHECK(noise_shapes(d + "graph g { param a: real x ~ d(a) cost x }") == std::vector<Shape>{{}});
  CHECK(noise_shapes(d + "graph g { param a: real[5] x ~ d(a) cost x }") == std::vector<Shape>{{5}});
  CHECK(noise_shapes("graph g { y = sum(u * i for i in 0..3) u ~ normal(0, 1) cost y }") == std::vector<Shape>{{}});
  CHECK(noise_shapes("dist e(a) { k: real[2] ~ normal(a, 1) sample sum(k[i] for i in 0..2) }\n"
                     "graph g { param a: real[5] x ~ e(a) cost x }") == std::vector<Shape>{{5, 2}});
}
