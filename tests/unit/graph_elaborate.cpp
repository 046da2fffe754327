// Elaboration of typed models built by hand: what the graph of each must hold.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "compiler/graph/build.h"
#include "compiler/graph/costs.h"
#include "compiler/graph/lower.h"
#include "compiler/graph/read_graph.h"
#include "compiler/kernel/interpret.h"
#include "tests/unit/graph_support.h"

using namespace alea;
using namespace alea::testing;
using typed::Builtin;

namespace {

Elaborated elaborated(const typed::Model& model) {
  Diagnostics diagnostics;
  std::optional<Elaborated> result = elaborate(model, diagnostics);
  for (const Diagnostic& diagnostic : diagnostics.sorted()) INFO(diagnostic.message);
  REQUIRE(result);
  // Its text reads back.
  const std::string text = print(result->graph);
  SourceMap map;
  Diagnostics wrong;
  const std::optional<StochasticGraph> again = read_graph(map, map.add("graph", text), wrong);
  for (const Diagnostic& diagnostic : wrong.sorted()) UNSCOPED_INFO(render(diagnostic, map, false));
  REQUIRE(again);
  CHECK(print(*again) == text);
  return std::move(*result);
}

std::string first_error(const typed::Model& model) {
  Diagnostics diagnostics;
  CHECK_FALSE(elaborate(model, diagnostics));
  REQUIRE(diagnostics.has_errors());
  return std::string(code(diagnostics.sorted()[0].kind));
}

// Whether `from` reads `to`, directly or not.
bool reads(const Graph& graph, NodeId from, NodeId to) {
  if (from == to) return true;
  for (const NodeId input : graph.inputs(from))
    if (reads(graph, input, to)) return true;
  return false;
}

}  // namespace

TEST_CASE("the first look's toy") {
  ModelBuilder b;
  b.model.name = "toy";
  const auto theta = b.param("theta", real({3}), b.constant(0.1));
  const auto choice = b.categorical("b", 3, theta);
  const auto x = b.normal("x", {}, b.call(Builtin::index, real(), {theta, choice}, {2, 0, 0}), b.constant(1));
  b.cost(b.call(Builtin::power, real(), {b.call(Builtin::subtract, real(), {x, b.constant(0.45)}), b.constant(2)}));
  b.name("b", choice);
  b.name("x", x);
  const Elaborated result = elaborated(b.model);
  const StochasticGraph& graph = result.graph;
  REQUIRE(graph.draws.size() == 2);
  const GraphDraw &first = graph.draws[DrawId{0}], &second = graph.draws[DrawId{1}];
  CHECK(first.name == "b");
  CHECK(first.categories == 3);
  CHECK(first.discrete);
  CHECK(graph.graph.type(first.log_density) == real());
  CHECK(reads(graph.graph, first.log_density, first.node));
  CHECK_FALSE(reads(graph.graph, first.log_density, graph.graph.input(first.node, 0)) !=
              reads(graph.graph, first.node, graph.graph.input(first.node, 0)));
  CHECK(second.arguments.size() == 2);
  CHECK(reads(graph.graph, second.arguments[0], first.node));
  CHECK(graph.noises.size() == 2);
  REQUIRE(graph.costs.size() == 1);
  CHECK(reads(graph.graph, graph.costs[0].value, second.node));
  const Placement placement = place(graph);
  CHECK(placement.phase[second.node] == Phase::init);
  CHECK(placement.rate[second.node] == rate_sample);
  // The program of initial values.
  CHECK(result.initial_params.names.size() == 1);
  CHECK(interpret_names(result.initial_params, {}, [](const NoiseRequest&) { return 0.0; })[0] ==
        std::vector<double>{0.1, 0.1, 0.1});
}

TEST_CASE("an mdp: regions, rates, the number of steps") {
  ModelBuilder b;
  b.model.name = "walk";
  b.model.is_mdp = true;
  b.model.maximise = true;
  b.model.horizon = 7;
  const auto k = b.param("k", real());
  const auto start = b.normal("x", {}, b.constant(0), b.constant(1));
  const auto x = b.state("x", real(), start);
  const auto gust = b.normal("gust", {}, b.constant(0), k);
  b.model.states[x].next = b.call(Builtin::add, real(), {b.read(x), gust});
  const auto schedule = b.call(Builtin::multiply, real(), {k, b.call(Builtin::convert, real(), {b.time()})});
  b.cost(b.call(Builtin::multiply, real(), {schedule, b.read_next(x)}));
  b.cost(b.call(Builtin::add, real(), {b.read(x), b.call(Builtin::convert, real(), {b.time()})}), true);
  b.name("x", start);
  b.name("gust", gust);
  b.name("schedule", schedule);

  SECTION("without an end, the last time is the horizon") {
    const Elaborated result = elaborated(b.model);
    const StochasticGraph& graph = result.graph;
    CHECK(graph.states.size() == 1);
    const Placement placement = place(graph);
    CHECK(graph.draws[DrawId{0}].region == Phase::init);
    CHECK(placement.phase[graph.draws[DrawId{0}].node] == Phase::init);
    CHECK(placement.phase[graph.draws[DrawId{1}].node] == Phase::step);
    const NodeId schedule_node = graph.names[2].node;
    CHECK(placement.rate[schedule_node] == rate_time);
    CHECK(placement.phase[schedule_node] == Phase::step);
    CHECK(placement.rate[graph.states[StateId{0}].leaf] == rate_sample_time);
    REQUIRE(graph.costs.size() == 3);  // the final line has two terms
    CHECK(graph.costs[1].region == Phase::final);
    CHECK(graph.graph.is_splat(graph.costs[2].value, 7));
  }
  SECTION("with one, a hidden state counts") {
    b.model.terminates.push_back(
        {b.call(Builtin::stop, boolean(), {b.call(Builtin::less, boolean(), {b.constant(1), b.read_next(x)})}), {}});
    const Elaborated result = elaborated(b.model);
    const StochasticGraph& graph = result.graph;
    REQUIRE(graph.states.size() == 2);
    CHECK(graph.states[StateId{1}].name == "steps");
    CHECK(graph.states[StateId{1}].final_leaf);
    CHECK(graph.terminates[0].stopped);
    CHECK(graph.graph.op(graph.terminates[0].condition) == Op::less);
    CHECK(place(graph).rate[graph.states[StateId{1}].leaf] == rate_sample_time);  // it stops with the sample's end
  }
  SECTION("a final objective cannot read a step's draw") {
    b.cost(gust, true);
    CHECK(first_error(b.model) == "final_reads_draw");
  }
  SECTION("nor can a first value") {
    b.state("y", real(), gust);
    b.model.states[typed::StateId{1}].next = gust;
    Diagnostics diagnostics;
    CHECK_THROWS_AS(elaborate(b.model, diagnostics), InternalError);  // the checker refuses such models
  }
  SECTION("nor a next value there") {
    const auto late = b.read_next(x);
    b.state("y", real(), late);
    Diagnostics diagnostics;
    CHECK_THROWS_AS(elaborate(b.model, diagnostics), InternalError);
  }
}

TEST_CASE("independent draws are one array of noise") {
  ModelBuilder b;
  b.model.name = "many";
  const auto mean = b.param("mean", real({5})), width = b.param("width", real());
  const auto x = b.normal("x", {5}, mean, width);
  b.cost(b.call(Builtin::sum, real(), {b.call(Builtin::power, real({5}), {x, b.constant(2)})}, {-1}));
  const Elaborated result = elaborated(b.model);
  const StochasticGraph& graph = result.graph;
  const GraphDraw& draw = graph.draws[DrawId{0}];
  CHECK(draw.batch == Shape{5});
  CHECK(graph.graph.shape(draw.node) == Shape{5});
  CHECK(graph.graph.shape(draw.log_density) == Shape{5});
  CHECK(graph.graph.shape(draw.arguments[1]).empty());  // shared by all
  REQUIRE(graph.costs.size() == 1);
  CHECK(graph.graph.shape(graph.costs[0].value) == Shape{5});  // the sum is left off
  CHECK(graph.noises.size() == 1);
}

TEST_CASE("comprehensions become operations on arrays") {
  ModelBuilder b;
  b.model.name = "grid";
  const auto w = b.param("w", real({3, 4})), v = b.param("v", real({4}));
  const auto i = b.placeholder("i", integer()), j = b.placeholder("j", integer());
  SECTION("[w[i, :] @ v for i] is w @ v") {
    const auto row = b.call(Builtin::index, real({4}), {w, i.expr}, {2, 0, 0, 0, 0, 4});
    const auto all = b.batch(real({3}), {3}, {{i.id, {}, 0}}, b.call(Builtin::matmul, real(), {row, v}));
    b.cost(all);
    const Elaborated result = elaborated(b.model);
    const Graph& graph = result.graph.graph;
    const NodeId value = result.graph.costs[0].value;
    REQUIRE(graph.op(value) == Op::matmul);
    CHECK(graph.op(graph.input(value, 0)) == Op::param);
  }
  SECTION("[[w[i, j] v[j] + i for j] for i]") {
    const auto element = b.call(Builtin::index, real(), {w, i.expr, j.expr}, {2, 0, 0, 2, 0, 0});
    const auto product = b.call(Builtin::multiply, real(), {element, b.call(Builtin::index, real(), {v, j.expr}, {2, 0, 0})});
    const auto sum = b.call(Builtin::add, real(), {product, b.call(Builtin::convert, real(), {i.expr})});
    const auto inner = b.batch(real({4}), {4}, {{j.id, {}, 0}}, sum);
    const auto outer = b.batch(real({3, 4}), {3}, {{i.id, {}, 0}}, inner);
    b.name("m", outer);
    b.cost(outer);
    const Elaborated result = elaborated(b.model);
    CHECK(result.graph.graph.shape(result.graph.names[0].node) == Shape{3, 4});
    CHECK(result.graph.graph.size() < 30);
  }
  SECTION("a value that does not vary is broadcast at the end") {
    const auto all = b.batch(real({3, 4}), {3}, {{i.id, {}, 0}}, b.call(Builtin::exp, real({4}), {v}));
    b.name("m", all);
    b.cost(all);
    const Elaborated result = elaborated(b.model);
    const NodeId node = result.graph.names[0].node;
    CHECK(result.graph.graph.op(node) == Op::broadcast);
    CHECK(result.graph.graph.op(result.graph.graph.input(node, 0)) == Op::exp);
  }
  SECTION("a draw that a comprehension reads is drawn once") {
    const auto x = b.normal("x", {}, b.constant(0), b.constant(1));
    const auto all =
        b.batch(real({3}), {3}, {{i.id, {}, 0}}, b.call(Builtin::add, real(), {x, b.call(Builtin::convert, real(), {i.expr})}));
    b.cost(all);
    b.cost(x);
    const Elaborated result = elaborated(b.model);
    CHECK(result.graph.draws.size() == 1);
    CHECK(result.graph.graph.shape(result.graph.draws[DrawId{0}].node).empty());
  }
  SECTION("an array that is too large is the model's fault") {
    const auto k = b.placeholder("k", integer());
    const auto inner =
        b.batch(real({10000}), {10000}, {{j.id, {}, 0}},
                b.call(Builtin::convert, real(),
                       {b.call(Builtin::add, integer(), {i.expr, b.call(Builtin::multiply, integer(), {j.expr, k.expr})})}));
    const auto middle = b.batch(real({10000, 10000}), {10000}, {{i.id, {}, 0}}, inner);
    const auto outer = b.batch(real({2, 10000, 10000}), {2}, {{k.id, {}, 0}}, middle);
    b.cost(outer);
    CHECK(first_error(b.model) == "array_too_large");
  }
}

TEST_CASE("long chains need no deep recursion") {
  ModelBuilder b;
  b.model.name = "chain";
  const auto p = b.param("p", real());
  auto x = p;
  for (int i = 0; i < 40000; ++i) x = b.call(i % 2 == 0 ? Builtin::sin : Builtin::exp, real(), {x});
  b.cost(x);
  Diagnostics diagnostics;
  CHECK(elaborate(b.model, diagnostics));
  for (int i = 0; i < 80000; ++i) x = b.call(i % 2 == 0 ? Builtin::sin : Builtin::exp, real(), {x});
  b.cost(x);
  CHECK(first_error(b.model) == "too_many_operations");
}

TEST_CASE("objective lines are split into terms") {
  Graph graph;
  const NodeId x = graph.add(Op::param, real(), {}, 0), v = graph.add(Op::param, real({3}), {}, 1);
  // 2 (x − Σ v) + 5  →  2x, −2v, 5
  const NodeId difference = make(graph, Op::sub, {x, make_sum_all(graph, v)});
  const NodeId value = make(graph, Op::add, {make(graph, Op::mul, {difference, graph.constant(2.0)}), graph.constant(5.0)});
  const std::vector<NodeId> terms = additive_terms(graph, value);
  REQUIRE(terms.size() == 3);
  CHECK(terms[0] == make(graph, Op::mul, {x, graph.constant(2.0)}));
  CHECK(terms[1] == make(graph, Op::mul, {v, graph.constant(-2.0)}));
  CHECK(graph.is_splat(terms[2], 5));
  // a scalar added to an array counts once an element
  const std::vector<NodeId> stretched = additive_terms(graph, make(graph, Op::add, {v, x}));
  REQUIRE(stretched.size() == 2);
  CHECK((stretched[0] == make(graph, Op::mul, {x, graph.constant(3.0)}) ||
         stretched[1] == make(graph, Op::mul, {x, graph.constant(3.0)})));
}

TEST_CASE("softmax and its kin stand infinite operands") {
  const double infinity = std::numeric_limits<double>::infinity();
  Graph graph;
  Frames frames(graph);
  const auto of = [&](Builtin builtin, std::vector<double> x) {
    const auto n = static_cast<int64_t>(x.size());
    const Value result = lower(frames, builtin, std::vector<Value>{{graph.constant(real({n}), x)}}, {},
                               builtin == Builtin::logsumexp ? real() : real({n}));
    const auto values = graph.values(result.node);
    return std::vector<double>(values.begin(), values.end());
  };
  CHECK(of(Builtin::logsumexp, {-infinity, -infinity})[0] == -infinity);
  CHECK(of(Builtin::logsumexp, {1000, -infinity})[0] == 1000);
  CHECK(of(Builtin::logsumexp, {infinity, 0})[0] == infinity);
  CHECK(of(Builtin::softmax, {-infinity, 3}) == std::vector<double>{0, 1});
  CHECK(of(Builtin::log_softmax, {0, 0})[0] == Approx(-std::log(2.0)));
}
