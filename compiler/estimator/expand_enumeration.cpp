// In: a graph model and a plan that enumerates some draws. Out: the same expectation, those draws gone. One
// leading axis holds all joint outcomes; only what lies downstream of an enumerated draw carries it.
#include "compiler/estimator/expand_enumeration.h"

#include <algorithm>

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

class Enumeration {
 public:
  Enumeration(const StochasticGraph& model, const Plan& plan)
      : model_(model), result_{model, plan, {}}, graph_(result_.graph.graph), lifted_(graph_.size()) {
    for (uint32_t k = 0; k < model.draws.size(); ++k) {
      if (!(plan.choices[DrawId{k}].enumerate & plan.choices[DrawId{k}].active)) continue;
      enumerated_.push_back(DrawId{k});
      outcomes_ *= outcome_count(model.draws[DrawId{k}]);
    }
  }

  Expanded expand() {
    if (enumerated_.empty()) return std::move(result_);
    lay_out_outcomes();
    lift_downstream();
    weigh_costs(probability());
    rename_draws();
    for (NamedNode& named : result_.graph.names) named.node = now(named.node);
    find_active(result_.graph, result_.plan);
    result_.plan.reaches.resize(graph_.size(), 0);
    return std::move(result_);
  }

 private:
  NodeId now(NodeId id) const { return id && lifted_[id] ? lifted_[id] : id; }

  // Outcome j of the joint axis, draw by draw and element by element: digits of j, the last draw's last
  // element fastest.
  void lay_out_outcomes() {
    int64_t stride = outcomes_;
    for (DrawId id : enumerated_) {
      const GraphDraw& draw = model_.draws[id];
      const auto elements = static_cast<size_t>(element_count(draw.batch));
      stride /= outcome_count(draw);
      std::vector<double> values;
      for (int64_t j = 0; j < outcomes_; ++j) {
        int64_t digits = j / stride % outcome_count(draw);
        std::vector<double> row(elements, 0);
        for (size_t e = elements; e-- > 0;) {
          row[e] = static_cast<double>(draw.first_category + digits % draw.categories);
          digits /= draw.categories;
        }
        values.insert(values.end(), row.begin(), row.end());
      }
      Type type = graph_.type(draw.node);
      type.shape = with_axes({outcomes_}, type.shape);
      lifted_[draw.node] = graph_.constant(type, values);
    }
  }

  void lift_downstream() {
    const auto size = static_cast<uint32_t>(lifted_.size());
    for (uint32_t k = 0; k < size; ++k) {
      const NodeId id{k};
      if (lifted_[id]) continue;
      std::vector<NodeId> inputs;
      std::vector<bool> carries;
      for (NodeId input : graph_.inputs(id)) {
        inputs.push_back(now(input));
        carries.push_back(static_cast<bool>(lifted_[input]));
      }
      if (std::ranges::find(carries, true) != carries.end())
        lifted_[id] = lift_node(graph_, id, std::move(inputs), carries, {outcomes_});
    }
  }

  // The joint probability of each outcome, live: it carries the gradient of the enumerated laws.
  NodeId probability() {
    NodeId log_probability;
    for (DrawId id : enumerated_) {
      NodeId density = now(model_.draws[id].log_density);
      while (graph_.shape(density).size() > 1) density = make(graph_, Op::reduce_sum, {density}, {1});
      log_probability = log_probability ? make(graph_, Op::add, {log_probability, density}) : density;
    }
    return make(graph_, Op::exp, {log_probability});
  }
  void weigh_costs(NodeId probability) {
    for (GraphCost& cost : result_.graph.costs) {
      const NodeId value = lifted_[cost.value];
      if (!value) continue;
      std::vector<int64_t> map(graph_.shape(value).size(), -1);
      map[0] = 0;
      const NodeId weight = map.size() == 1 ? probability : make_broadcast(graph_, probability, graph_.shape(value), map);
      cost.value = make(graph_, Op::mul, {weight, value});
      cost.forked = true;
    }
  }

  void rename_draws() {
    for (GraphDraw& draw : result_.graph.draws) {
      const bool is_lifted = static_cast<bool>(lifted_[draw.node]);
      draw.node = now(draw.node);
      draw.log_density = now(draw.log_density);
      draw.baseline_value = now(draw.baseline_value);
      for (NodeId& argument : draw.arguments) argument = now(argument);
      // A formal has the draw's whole batch, so every formal of a lifted draw gets its rows.
      for (GraphFormal& formal : draw.formals) {
        const NodeId node = now(formal.node);
        const bool shared = is_lifted && node == formal.node;
        formal.node =
            shared ? make_broadcast_leading(graph_, node, with_axes({outcomes_}, graph_.shape(node)), graph_[node].span) : node;
      }
      if (is_lifted) draw.batch = with_axes({outcomes_}, draw.batch), draw.forked = true;
    }
    for (DrawId id : enumerated_) {
      result_.graph.draws[id].log_density = {};
      result_.plan.choices[id] = {};
    }
  }

  const StochasticGraph& model_;
  Expanded result_;
  Graph& graph_;
  std::vector<DrawId> enumerated_;
  int64_t outcomes_ = 1;
  NodeTable<NodeId> lifted_;  // null: does not vary with the outcome
};

}  // namespace

Expanded expand_enumeration(const StochasticGraph& model, const Plan& plan) { return Enumeration(model, plan).expand(); }

}  // namespace alea
