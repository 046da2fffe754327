// In: a graph model and a plan that enumerates some draws. Out: the same expectation, those draws gone. One
// leading axis holds all joint outcomes; only what lies downstream of an enumerated draw carries it.
#include "compiler/estimator/expand_enumeration.h"

#include "compiler/estimator/choose.h"
#include "compiler/estimator/lift.h"
#include "compiler/graph/build.h"

namespace alea {
namespace {

int64_t outcome_count(const GraphDraw& draw) {
  int64_t count = 1;
  for (int64_t k = 0; k < element_count(draw.batch); ++k) count *= draw.categories;
  return count;
}

}  // namespace

Expanded expand_enumeration(const StochasticGraph& model, const Plan& plan) {
  Expanded result{model, plan, {}};
  std::vector<DrawId> enumerated;
  int64_t outcomes = 1;
  for (uint32_t k = 0; k < model.draws.size(); ++k) {
    if (!(plan.choices[DrawId{k}].enumerate & plan.choices[DrawId{k}].active)) continue;
    enumerated.push_back(DrawId{k});
    outcomes *= outcome_count(model.draws[DrawId{k}]);
  }
  if (enumerated.empty()) return result;
  Graph& graph = result.graph.graph;
  Table<DrawId, GraphDraw>& draws = result.graph.draws;
  size_t old_size = graph.size();
  std::vector<NodeId> lifted(old_size);  // null: does not vary with the outcome
  std::vector<NodeId> current(old_size);
  std::vector<DrawId> draw_of(old_size);
  for (uint32_t k = 0; k < draws.size(); ++k) draw_of[draws[DrawId{k}].node.index] = DrawId{k};

  // Outcome j of the joint axis, draw by draw and element by element: digits of j, the last draw's last
  // element fastest.
  int64_t stride = outcomes;
  for (DrawId id : enumerated) {
    const GraphDraw& draw = model.draws[id];
    int64_t elements = element_count(draw.batch);
    stride /= outcome_count(draw);
    std::vector<double> values;
    for (int64_t j = 0; j < outcomes; ++j) {
      int64_t digits = j / stride % outcome_count(draw);
      std::vector<double> row(size_t(elements), 0);
      for (int64_t e = elements; e-- > 0;) {
        row[size_t(e)] = double(draw.first_category + digits % draw.categories);
        digits /= draw.categories;
      }
      values.insert(values.end(), row.begin(), row.end());
    }
    Type type = graph.type(draw.node);
    type.shape = with_axes({outcomes}, type.shape);
    lifted[draw.node.index] = graph.constant(type, values);
  }

  Shape axis{outcomes};
  for (uint32_t k = 0; k < old_size; ++k) {
    NodeId id{k};
    if (lifted[k]) continue;
    std::vector<NodeId> inputs;
    std::vector<bool> carries;
    bool any = false;
    for (NodeId input : graph.inputs(id)) {
      bool carried = bool(lifted[input.index]);
      inputs.push_back(carried ? lifted[input.index] : input);
      carries.push_back(carried);
      any |= carried;
    }
    if (any) lifted[k] = lift_node(graph, id, std::move(inputs), carries, axis);
  }
  auto now = [&](NodeId id) { return id && lifted[id.index] ? lifted[id.index] : id; };

  // The joint probability of each outcome, live: it carries the gradient of the enumerated laws.
  NodeId log_probability;
  for (DrawId id : enumerated) {
    NodeId density = now(model.draws[id].log_density);
    while (graph.shape(density).size() > 1) density = make(graph, Op::reduce_sum, {density}, {1});
    log_probability = log_probability ? make(graph, Op::add, {log_probability, density}) : density;
  }
  NodeId probability = make(graph, Op::exp, {log_probability});
  for (GraphCost& cost : result.graph.costs) {
    if (!lifted[cost.value.index]) continue;
    NodeId value = lifted[cost.value.index];
    std::vector<int64_t> map(graph.shape(value).size(), -1);
    map[0] = 0;
    NodeId weight = map.size() == 1 ? probability : make_broadcast(graph, probability, graph.shape(value), map);
    cost.value = make(graph, Op::mul, {weight, value});
    cost.forked = true;
  }
  for (uint32_t k = 0; k < draws.size(); ++k) {
    GraphDraw& draw = draws[DrawId{k}];
    bool is_lifted = bool(lifted[draw.node.index]);
    draw.node = now(draw.node);
    draw.log_density = now(draw.log_density);
    draw.baseline_value = now(draw.baseline_value);
    for (NodeId& argument : draw.arguments) argument = now(argument);
    // A formal has the draw's whole batch, so every formal of a lifted draw gets its rows.
    for (GraphFormal& formal : draw.formals) {
      const NodeId node = now(formal.node);
      const bool shared = is_lifted && node == formal.node;
      formal.node = shared ? make_broadcast_leading(graph, node, with_axes(axis, graph.shape(node)), graph[node].span) : node;
    }
    if (is_lifted) draw.batch = with_axes({outcomes}, draw.batch), draw.forked = true;
  }
  for (DrawId id : enumerated) {
    draws[id].log_density = {};
    result.plan.choices[id] = {};
  }
  for (NamedNode& named : result.graph.names) named.node = now(named.node);
  find_active(result.graph, result.plan);
  result.plan.reaches.resize(graph.size(), 0);
  return result;
}

}  // namespace alea
