// In: a graph where a param reaches a jump directly. Out: the same model with one draw moved: v = a + b ε is
// drawn itself. The change of variables holds for every law on the whole real line:
//   log p_v(y) = log p_ε((y − a)/b) − log|b|
#include "compiler/estimator/push.h"

#include <algorithm>
#include <optional>

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

// ε, and what is drawn in its place: value = a + b ε, where with a comparison, left < right, the value is left − right.
struct Move {
  DrawId draw;
  NodeId value, a, b;
  NodeId comparison;
};

std::optional<Move> find_move(Pushing& pushing, const PathFacts& facts, const NodeTable<uint8_t>& parametric, DrawId id) {
  StochasticGraph& model = pushing.model;
  Graph& graph = model.graph;
  const GraphDraw& draw = model.draws[id];
  if (draw.discrete || !draw.log_density || draw.support != SupportKind::real || draw.owner) return {};
  if (graph.shape(draw.node) != draw.batch || !(facts.reach[draw.node] & facts.jump[draw.node])) return {};
  Move move{id, {}, {}, {}, {}};
  NodeId comparison;
  pushing.find_live(id);
  move.value = pushing.find_affine(draw, comparison);
  const auto other_side = [&] {
    const NodeId left = graph.input(comparison, 0);
    return pushing.from_draw[left] ? graph.input(comparison, 1) : left;
  };
  if (comparison && !(move.value && parametric[move.value] && !parametric[other_side()])) {
    const NodeId left = graph.input(comparison, 0), right = graph.input(comparison, 1);
    if (!parametric[left] && !parametric[right]) return {};
    const Type type{Scalar::real, 0, graph.shape(comparison)};
    move.value = graph.add(Op::sub, type, {left, right}, UINT32_MAX, graph[comparison].span);
    move.comparison = comparison;
    pushing.mark(draw.node);
  }
  if (!move.value || !pushing.from_draw[move.value] || graph.shape(move.value) != draw.batch) return {};
  pushing.mark(draw.node);
  pushing.decompose(move.value, draw.node, move.a, move.b);
  const auto is_free = [&](NodeId node) { return node.index < parametric.size() && !parametric[node]; };
  if (is_free(move.a) && is_free(move.b)) return {};
  return move;
}

// Copies the graph; where the value is made a draw follows it, and what reads the value reads that.
class Mover {
 public:
  Mover(StochasticGraph& model, const Move& move)
      : model_(model), from_(model.graph), move_(move), draw_(model.draws[move.draw]), map_(from_.size()) {}

  void run() {
    const DrawId added{static_cast<uint32_t>(model_.draws.size())};
    copy_all(added);
    GraphDraw moved = draw_;
    moved.node = drawn_;
    moved.arguments = {map_[move_.a], map_[move_.b]};
    for (NodeId argument : draw_.arguments) moved.arguments.push_back(at(argument));
    moved.log_density = density();
    moved.baseline_value = at(draw_.baseline_value);
    moved.law = draw_.law + ", shifted by a param";
    moved.formals = {};
    moved.inner = {move_.draw};
    moved.support_low = moved.support_high = {};
    for_each_reference(model_, [&](NodeId& id) { id = at(id); });
    model_.draws[move_.draw].owner = added;
    model_.draws.add(std::move(moved));
    model_.graph = std::move(to_);
  }

 private:
  NodeId at(NodeId id) const { return id ? map_[id] : id; }
  NodeId copy(NodeId id) { return copy_node(to_, from_, id, operands(id, map_), from_[id].payload); }
  std::vector<NodeId> operands(NodeId id, const NodeTable<NodeId>& map) const {
    std::vector<NodeId> result;
    for (NodeId input : from_.inputs(id)) result.push_back(map[input]);
    return result;
  }

  // What the draw's arguments need may come after the value in the old order: that is copied first.
  void copy_all(DrawId added) {
    NodeTable<bool> first(from_.size(), false);
    for (NodeId node : {move_.value, move_.a, move_.b}) first[node] = true;
    for (auto index = static_cast<uint32_t>(from_.size()); index-- > 0;)
      if (first[NodeId{index}])
        for (NodeId input : from_.inputs(NodeId{index})) first[input] = true;
    for (uint32_t index = 0; index < from_.size(); ++index)
      if (const NodeId id{index}; first[id]) map_[id] = copy(id);
    drawn_ = to_.add(Op::draw, from_.type(move_.value), {map_[move_.value]}, added.index, to_.add_span(draw_.span));
    map_[move_.value] = drawn_;
    for (uint32_t index = 0; index < from_.size(); ++index) {
      const NodeId id{index};
      if (first[id]) continue;
      if (id == move_.comparison)
        map_[id] = to_.add(from_.op(id), from_.type(id), {drawn_, to_.constant(0)}, UINT32_MAX, to_.add_span(from_.span(id)));
      else map_[id] = copy(id);
    }
  }

  // log p_ε((y − a)/b) − log|b|: the old density with (y − a)/b in the place of ε.
  NodeId density() {
    const NodeId a = map_[move_.a], b = map_[move_.b];
    NodeTable<NodeId> map = map_;
    NodeTable<bool> changed(from_.size(), false);
    map[draw_.node] = make(to_, Op::div, {make(to_, Op::sub, {drawn_, a}), b});
    changed[draw_.node] = true;
    for (uint32_t index = draw_.node.index + 1; index <= draw_.log_density.index; ++index) {
      const NodeId id{index};
      const std::span<const NodeId> inputs = from_.inputs(id);
      if (std::ranges::none_of(inputs, [&](NodeId input) { return changed[input]; })) continue;
      changed[id] = true;
      if (kind(from_.op(id)) == OpKind::random || from_.op(id) == Op::draw) continue;
      map[id] = make_copy(to_, from_, id, operands(id, map));
    }
    return make(to_, Op::sub, {map[draw_.log_density], make(to_, Op::log, {make(to_, Op::abs, {b})})});
  }

  StochasticGraph& model_;
  const Graph& from_;
  const Move move_;
  const GraphDraw draw_;
  Graph to_;
  NodeTable<NodeId> map_;
  NodeId drawn_;
};

}  // namespace

bool push_params_into_laws(StochasticGraph& model, const PathFacts& facts) {
  Pushing pushing{model, find_users(model.graph), {}, {}};
  const NodeTable<uint8_t> parametric = find_parametric(model);
  for (uint32_t d = 0; d < model.draws.size(); ++d)
    if (const auto move = find_move(pushing, facts, parametric, DrawId{d})) {
      Mover(model, *move).run();
      return true;
    }
  return false;
}

}  // namespace alea
