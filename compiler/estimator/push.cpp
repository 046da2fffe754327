// In: a graph where a param reaches a jump directly. Out: the same model with one draw moved: v = a + b ε is
// drawn itself. The change of variables holds for every law on the whole real line:
//   log p_v(y) = log p_ε((y − a)/b) − log|b|
#include "compiler/estimator/push.h"

#include <algorithm>

#include "compiler/graph/build.h"
#include "compiler/graph/references.h"

namespace alea {
namespace {

struct Pushing {
  StochasticGraph& model;
  NodeTable<std::vector<NodeId>> users;
  NodeTable<uint8_t> from_draw;  // depends on the draw at hand
  NodeTable<uint8_t> live;       // see find_live

  bool is_state_value(NodeId id) const {
    for (const GraphState& state : model.states)
      if (state.next == id || state.init == id) return true;
    return false;
  }
  bool is_cost(NodeId id) const {
    return std::any_of(model.costs.begin(), model.costs.end(), [&](const GraphCost& c) { return c.value == id; });
  }
  // The users that matter to some cost or to another draw; the draw's own log density does not.
  void find_live(DrawId own) {
    live = NodeTable<uint8_t>(model.graph.size(), 0);
    for (const GraphCost& cost : model.costs) live[cost.value] = 1;
    for (const GraphTerminate& terminate : model.terminates) live[terminate.condition] = 1;
    for (const GraphState& state : model.states) live[state.next] = live[state.init] = 1;
    for (uint32_t k = 0; k < model.draws.size(); ++k) {
      const GraphDraw& draw = model.draws[DrawId{k}];
      if (DrawId{k} != own && draw.log_density) live[draw.log_density] = 1;
    }
    for (uint32_t k = uint32_t(model.graph.size()); k-- > 0;) {
      if (!live[NodeId{k}]) continue;
      for (NodeId input : model.graph.inputs(NodeId{k})) live[input] = 1;
    }
  }
  std::vector<NodeId> live_users(NodeId id) const {
    std::vector<NodeId> result;
    for (NodeId user : users[id])
      if (live[user]) result.push_back(user);
    return result;
  }

  void mark(NodeId draw) {
    from_draw = NodeTable<uint8_t>(model.graph.size(), 0);
    from_draw[draw] = 1;
    for (uint32_t k = draw.index + 1; k < model.graph.size(); ++k)
      for (NodeId input : model.graph.inputs(NodeId{k})) from_draw[NodeId{k}] |= from_draw[input];
  }

  // The farthest value that is affine in the draw and through which alone the draw reaches the costs.
  NodeId find_affine(const GraphDraw& draw, NodeId& comparison) {
    const Graph& graph = model.graph;
    NodeId at = draw.node, best;
    mark(draw.node);
    while (true) {
      std::vector<NodeId> next = live_users(at);
      if (next.size() != 1 || is_state_value(at) || is_cost(at)) break;
      NodeId user = next[0];
      if (graph.shape(user) != draw.batch) break;
      Op op = graph.op(user);
      if (op == Op::negate) {
        at = user;
        continue;
      }
      std::span<const NodeId> inputs = graph.inputs(user);
      if (op == Op::less || op == Op::less_equal) {
        if (from_draw[inputs[0]] + from_draw[inputs[1]] == 1) comparison = user;
        break;
      }
      if ((op != Op::add && op != Op::sub && op != Op::mul && !(op == Op::div && inputs[0] == at)) || inputs[0] == inputs[1])
        break;
      if (from_draw[inputs[0]] + from_draw[inputs[1]] != 1) break;
      at = user;
      if (op == Op::add || op == Op::sub) best = at;
    }
    return best;
  }

  // v as a + b·ε, from v back down to the draw.
  void decompose(NodeId v, NodeId draw, NodeId& a, NodeId& b) {
    Graph& graph = model.graph;
    if (v == draw) {
      a = graph.constant(0), b = graph.constant(1);
      return;
    }
    Op op = graph.op(v);
    std::vector<NodeId> inputs(graph.inputs(v).begin(), graph.inputs(v).end());
    size_t inner = inputs.size() == 1 || from_draw[inputs[0]] ? 0 : 1;
    decompose(inputs[inner], draw, a, b);
    if (op == Op::negate) {
      a = make(graph, op, {a}), b = make(graph, op, {b});
      return;
    }
    NodeId other = inputs[1 - inner];
    if (op == Op::add) a = make(graph, op, {a, other});
    else if (op == Op::sub) {
      a = inner == 0 ? make(graph, op, {a, other}) : make(graph, op, {other, a});
      if (inner == 1) b = make(graph, Op::negate, {b});
    } else {
      a = make(graph, op, {a, other}), b = make(graph, op, {b, other});
    }
  }
};

// Copies a graph node by node, so that ids can be remapped.
struct Copier {
  const Graph& from;
  Graph to;
  std::vector<NodeId> map;

  explicit Copier(const Graph& graph) : from(graph), map(graph.size()) {}
  NodeId at(NodeId id) const { return id ? map[id.index] : id; }
  NodeId copy(NodeId id) {
    const Node& node = from[id];
    SpanId span = node.span ? to.add_span(from.span(id)) : SpanId{};
    if (node.op == Op::constant) {
      std::span<const double> values = from.values(id);
      return to.constant(from.type(id), std::vector<double>(values.begin(), values.end()), span);
    }
    std::vector<NodeId> inputs;
    for (NodeId input : from.inputs(id)) inputs.push_back(at(input));
    uint32_t payload = node.payload;
    bool has_attributes =
        kind(node.op) == OpKind::reduction || kind(node.op) == OpKind::layout || kind(node.op) == OpKind::linear;
    if (has_attributes && payload != UINT32_MAX) {
      std::span<const int64_t> attributes = from.attributes(id);
      payload = to.add_attributes(std::vector<int64_t>(attributes.begin(), attributes.end())).index;
    }
    return to.add(node.op, from.type(id), inputs, payload, span);
  }
};

}  // namespace

bool push_params_into_laws(StochasticGraph& model, const PathFacts& facts) {
  Pushing pushing{model, find_users(model.graph), {}, {}};
  NodeTable<uint8_t> parametric = find_parametric(model);
  for (uint32_t d = 0; d < model.draws.size(); ++d) {
    GraphDraw draw = model.draws[DrawId{d}];
    if (draw.discrete || !draw.log_density || draw.support != SupportKind::real || draw.owner) continue;
    if (model.graph.shape(draw.node) != draw.batch || !(facts.reach[draw.node] & facts.jump[draw.node])) continue;
    NodeId comparison;
    pushing.find_live(DrawId{d});
    NodeId v = pushing.find_affine(draw, comparison);
    Graph& graph = model.graph;
    bool through_comparison = false;
    if (comparison &&
        !(v && parametric[v] && !parametric[graph.input(comparison, pushing.from_draw[graph.input(comparison, 0)] ? 1 : 0)])) {
      // left < right becomes left − right < 0, and the difference is the value to draw.
      NodeId left = graph.input(comparison, 0), right = graph.input(comparison, 1);
      if (!parametric[left] && !parametric[right]) continue;
      v = graph.add(Op::sub, Type{Scalar::real, 0, graph.shape(comparison)}, {left, right}, UINT32_MAX, graph[comparison].span);
      through_comparison = true;
      pushing.mark(draw.node);
    }
    if (!v || !pushing.from_draw[v] || graph.shape(v) != draw.batch) continue;
    pushing.mark(draw.node);
    NodeId a, b;
    pushing.decompose(v, draw.node, a, b);
    if (!pushing.from_draw[v] || (a.index < parametric.size() && !parametric[a] && b.index < parametric.size() && !parametric[b]))
      continue;

    // Copy everything; where v is made, a draw node follows it, and its users read that.
    size_t old_size = graph.size();
    Copier copier(graph);
    NodeId drawn;
    // The nodes of a and b may come after v in the old order: copy what v needs first, in id order.
    std::vector<bool> needed(old_size, false);
    std::vector<NodeId> stack{v, a, b};
    while (!stack.empty()) {
      NodeId id = stack.back();
      stack.pop_back();
      if (needed[id.index]) continue;
      needed[id.index] = true;
      for (NodeId input : graph.inputs(id)) stack.push_back(input);
    }
    for (uint32_t k = 0; k < old_size; ++k)
      if (needed[k]) copier.map[k] = copier.copy(NodeId{k});
    Span span = draw.span;
    drawn = copier.to.add(Op::draw, graph.type(v), {copier.at(v)}, DrawId{uint32_t(model.draws.size())}.index,
                          copier.to.add_span(span));
    for (uint32_t k = 0; k < old_size; ++k) {
      NodeId id{k};
      if (needed[k]) continue;
      if (through_comparison && id == comparison) {
        copier.map[k] = copier.to.add(graph.op(id), graph.type(id), {drawn, copier.to.constant(0)}, UINT32_MAX,
                                      copier.to.add_span(graph.span(id)));
        continue;
      }
      copier.map[v.index] = drawn;  // what reads v from here on reads the draw
      copier.map[k] = copier.copy(id);
    }
    copier.map[v.index] = drawn;
    // log p_ε at (y − a)/b, with the draw's node replaced.
    NodeId new_a = copier.at(a), new_b = copier.at(b);
    Graph& to = copier.to;
    NodeId standard = make(to, Op::div, {make(to, Op::sub, {drawn, new_a}), new_b});
    std::vector<bool> under(old_size, false);
    under[draw.node.index] = true;
    std::vector<NodeId> density_map = copier.map;
    density_map[draw.node.index] = standard;
    for (uint32_t k = draw.node.index + 1; k <= draw.log_density.index; ++k) {
      NodeId id{k};
      bool touched = false;
      std::vector<NodeId> inputs;
      for (NodeId input : graph.inputs(id)) touched |= under[input.index], inputs.push_back(density_map[input.index]);
      if (!touched) continue;
      under[k] = true;
      if (kind(graph.op(id)) == OpKind::random || graph.op(id) == Op::draw) continue;
      if (kind(graph.op(id)) == OpKind::elementwise) {
        density_map[k] = make(to, graph.op(id), inputs, {}, to.add_span(graph.span(id)));
      } else {
        const Node& node = graph[id];
        std::span<const int64_t> attributes = graph.attributes(id);
        uint32_t payload = attributes.empty() ? node.payload : to.add_attributes({attributes.begin(), attributes.end()}).index;
        density_map[k] = to.add(node.op, graph.type(id), inputs, payload, to.add_span(graph.span(id)));
      }
    }
    NodeId density = density_map[draw.log_density.index];
    density = make(to, Op::sub, {density, make(to, Op::log, {make(to, Op::abs, {new_b})})});

    GraphDraw moved = draw;
    moved.node = drawn;
    moved.arguments = {new_a, new_b};
    for (NodeId argument : draw.arguments) moved.arguments.push_back(copier.at(argument));
    moved.log_density = density;
    moved.law = draw.law + ", shifted by a param";
    moved.formals = {};
    moved.inner = {DrawId{d}};
    moved.support_low = moved.support_high = {};
    for_each_reference(model, [&](NodeId& id) { id = copier.at(id); });
    model.draws[DrawId{d}].owner = DrawId{uint32_t(model.draws.size())};
    model.draws.add(moved);
    model.graph = std::move(copier.to);
    return true;
  }
  return false;
}

}  // namespace alea
