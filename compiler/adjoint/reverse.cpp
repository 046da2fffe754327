// In: seeds at nodes of the region. Out: through `leave`, the adjoint of every value outside that a param
// reaches. The adjoint of a value is the one sample's at hand, also where the value itself
// does not vary with the sample: the sum over samples is taken where the adjoint leaves. Where an
// adjoint leaves a guarded part into a value with a weaker guard, it passes select(guard, adjoint, 0): in a
// branch not taken 0 · ∞ would be NaN.
#include "compiler/adjoint/reverse.h"

#include <algorithm>
#include <iterator>
#include <map>

#include "compiler/adjoint/rules.h"
#include "dsl/diagnostic.h"

namespace alea {
namespace {

constexpr size_t max_literals = 8;
// So many slices of a value give their adjoints one by one, each padded to the value's length: zeros that are added where they
// are read take no memory, a concatenation does.
constexpr size_t most_padded = 8;

struct Sweep {
  Graph& graph;
  const RegionRules& rules;
  std::map<uint32_t, std::vector<Flowing>, std::greater<>> pending;  // by node, last first
  std::map<uint32_t, std::vector<Literal>> guards;

  bool passes(NodeId user, ClassSet classes) const { return rules.inside(user) && rules.varies(user, classes); }

  // The literals of `user` that also hold for its k-th operand.
  std::vector<Literal> inherited(NodeId user, int k) {
    std::vector<Literal> result;
    bool elementwise = kind(graph.op(user)) == OpKind::elementwise || graph.op(user) == Op::draw;
    NodeId operand = graph.input(user, k);
    bool same_shape = elementwise && graph.shape(operand) == graph.shape(user);
    auto keep = [&](const Literal& literal) {
      if (graph.shape(literal.first).empty() || (same_shape && graph.shape(literal.first) == graph.shape(operand)))
        result.push_back(literal);
    };
    for (const Literal& literal : guards[user.index]) keep(literal);
    if (graph.op(user) == Op::select && k > 0) keep({graph.input(user, 0), k == 1});
    std::sort(result.begin(), result.end());
    result.erase(std::unique(result.begin(), result.end()), result.end());
    if (result.size() > max_literals) result.resize(max_literals);
    return result;
  }

  // Which nodes the adjoint will pass, and under which guard each of them counts: the intersection over users.
  void find_guards(const std::vector<RegionSeed>& seeds) {
    std::map<uint32_t, ClassSet, std::greater<>> waiting;
    auto meet = [&](NodeId node, std::vector<Literal> literals, ClassSet classes) {
      auto [at, fresh] = waiting.try_emplace(node.index, classes);
      at->second |= classes;
      if (fresh) {
        guards[node.index] = std::move(literals);
        return;
      }
      std::vector<Literal>& old = guards[node.index];
      std::vector<Literal> both;
      std::set_intersection(old.begin(), old.end(), literals.begin(), literals.end(), std::back_inserter(both));
      old = std::move(both);
    };
    for (const RegionSeed& seed : seeds) meet(seed.node, rules.guard, seed.flowing.classes);
    while (!waiting.empty()) {
      auto [index, classes] = *waiting.begin();
      waiting.erase(waiting.begin());
      NodeId node{index};
      if (!passes(node, classes)) {
        guards[index].clear();  // outside everything counts
        continue;
      }
      for (int k = 0; k < int(graph.inputs(node).size()); ++k) {
        NodeId operand = graph.input(node, k);
        if (rules.varies(operand, classes) || graph.op(operand) == Op::draw) meet(operand, inherited(node, k), classes);
      }
    }
  }

  NodeId zero() { return graph.constant(0); }
  NodeId guarded(const Literal& literal, NodeId value) {
    auto choose = [&](NodeId x) {
      return literal.second ? make(graph, Op::select, {literal.first, x, zero()})
                            : make(graph, Op::select, {literal.first, zero(), x});
    };
    // Both operands of a product that is not formed here are selected.
    if (graph.op(value) == Op::outer && graph.attributes(value)[0] == 0) {
      return make(graph, Op::outer, {choose(graph.input(value, 0)), choose(graph.input(value, 1))}, {0});
    }
    return choose(value);
  }

  // Selects by the literals of `user` that do not hold for the operand.
  NodeId guard_contribution(NodeId user, NodeId operand, NodeId value) {
    const std::vector<Literal>& weaker = guards[operand.index];
    for (const Literal& literal : guards[user.index]) {
      if (std::binary_search(weaker.begin(), weaker.end(), literal)) continue;
      const Shape& shape = graph.shape(literal.first);
      if (shape.empty() || shape == graph.shape(value)) value = guarded(literal, value);
    }
    return value;
  }

  // Adjoints of slices, pads of them, beyond the first few: they are put side by side when the node's turn comes, or at the end.
  struct Pads {
    size_t count = 0;
    std::vector<NodeId> waiting;
  };
  std::map<std::pair<uint32_t, ClassSet>, Pads> pads;
  bool waits(NodeId node, const Flowing& flowing) {
    if (graph.op(flowing.adjoint) != Op::pad) return false;
    Pads& of_node = pads[{node.index, flowing.classes}];
    if (++of_node.count <= most_padded) return false;
    of_node.waiting.push_back(flowing.adjoint);
    return true;
  }

  void add_to(NodeId node, const Flowing& flowing) {
    std::vector<Flowing>& list = pending[node.index];
    if (!waits(node, flowing)) add_to(list, flowing);
  }
  void add_to(std::vector<Flowing>& list, const Flowing& flowing) {
    for (Flowing& other : list) {
      if (other.classes != flowing.classes) continue;
      other.adjoint = make(graph, Op::add, {other.adjoint, flowing.adjoint});
      return;
    }
    list.push_back(flowing);
  }

  void add_waiting_pads(NodeId node, std::vector<Flowing>& list) {
    for (auto at = pads.lower_bound({node.index, 0}); at != pads.end() && at->first.first == node.index; at = pads.erase(at))
      for (NodeId sum : sums_of_pads(at->second.waiting)) add_to(list, {at->first.second, sum});
  }

  std::vector<NodeId> sums_of_pads(const std::vector<NodeId>& some) {
    std::map<int64_t, std::vector<NodeId>> by_axis;
    for (NodeId pad : some) by_axis[graph.attributes(pad)[0]].push_back(pad);
    std::vector<NodeId> sums;
    for (const auto& [axis, pads_along] : by_axis) std::ranges::copy(sums_of_pads(pads_along, axis), std::back_inserter(sums));
    return sums;
  }

  // The sum of pads along an axis, as few summands: what overlaps without being the same slice goes into different ones.
  std::vector<NodeId> sums_of_pads(const std::vector<NodeId>& some, int64_t axis) {
    const auto along = static_cast<size_t>(axis);
    std::map<std::pair<int64_t, int64_t>, NodeId> slices;  // by start and length
    for (NodeId pad : some) {
      const NodeId slice = graph.input(pad, 0);
      NodeId& sum = slices[{graph.attributes(pad)[1], graph.shape(slice)[along]}];
      sum = sum ? make(graph, Op::add, {sum, slice}) : slice;
    }
    Shape shape = graph.shape(some[0]);
    const int64_t length = shape[along];
    std::vector<NodeId> sums;
    while (!slices.empty()) {
      std::vector<NodeId> parts;
      int64_t end = 0;
      const auto fill_up_to = [&](int64_t start) {
        shape[along] = start - end;
        if (start > end)
          parts.push_back(
              graph.constant({Scalar::real, 0, shape}, std::vector<double>(static_cast<size_t>(element_count(shape)))));
      };
      for (auto at = slices.begin(); at != slices.end();) {
        const auto [start, extent] = at->first;
        if (start < end) {
          ++at;
          continue;
        }
        fill_up_to(start);
        parts.push_back(at->second);
        end = start + extent;
        at = slices.erase(at);
      }
      fill_up_to(length);
      sums.push_back(parts.size() == 1 ? parts[0] : make(graph, Op::concat, parts, {axis}));
    }
    return sums;
  }

  void merge(NodeId node, std::vector<Flowing>& list) {
    for (size_t a = 0; a < list.size(); ++a) {
      for (size_t b = a + 1; b < list.size();) {
        if (!rules.mergeable(node, list[a].classes, list[b].classes)) {
          ++b;
          continue;
        }
        list[a].classes |= list[b].classes;
        list[a].adjoint = make(graph, Op::add, {list[a].adjoint, list[b].adjoint});
        list.erase(list.begin() + long(b));
      }
    }
  }

  void pull(NodeId node, const Flowing& flowing) {
    int arity = int(graph.inputs(node).size());
    bool elementwise = kind(graph.op(node)) == OpKind::elementwise;
    bool node_has_samples = rules.rate(node) & rate_sample;
    for (int k = 0; k < arity; ++k) {
      NodeId operand = graph.input(node, k);
      if (!rules.varies(operand, flowing.classes)) continue;
      bool crosses = !rules.inside(operand);
      bool loses_samples = node_has_samples && !(rules.rate(operand) & rate_sample);
      // The adjoint of a gather from a value outside stays sparse: an indexed contribution.
      if (graph.op(node) == Op::gather && k == 0 && crosses && loses_samples && graph.attributes(node)[0] == 0) {
        NodeId value = guard_contribution(node, operand, flowing.adjoint);
        rules.leave(operand, flowing.classes, value, graph.input(node, 1));
        continue;
      }
      NodeId value = pull_back(graph, node, flowing.adjoint, k);
      if (!value || graph.is_splat(value, 0)) continue;
      value = guard_contribution(node, operand, value);
      if (elementwise && graph.shape(operand).empty() && !graph.shape(value).empty()) value = make_sum_all(graph, value);
      if (graph.shape(value) != graph.shape(operand)) {
        if (!graph.shape(value).empty()) internal_error("an adjoint of another shape than its value");
        value = make_broadcast(graph, value, graph.shape(operand), std::vector<int64_t>(graph.shape(operand).size(), -1));
      }
      if (!crosses) add_to(operand, {flowing.classes, value});
      else if (!waits(operand, {flowing.classes, value})) rules.leave(operand, flowing.classes, value, {});
    }
  }

  void run(const std::vector<RegionSeed>& seeds) {
    find_guards(seeds);
    for (const RegionSeed& seed : seeds) {
      if (!rules.varies(seed.node, seed.flowing.classes)) continue;
      if (rules.inside(seed.node)) add_to(seed.node, seed.flowing);
      else rules.leave(seed.node, seed.flowing.classes, seed.flowing.adjoint, {});
    }
    while (!pending.empty()) {
      NodeId node{pending.begin()->first};
      std::vector<Flowing> list = std::move(pending.begin()->second);
      pending.erase(pending.begin());
      add_waiting_pads(node, list);
      merge(node, list);
      for (const Flowing& flowing : list) {
        if (passes(node, flowing.classes)) pull(node, flowing);
      }
    }
    for (const auto& [target, of_target] : pads)
      for (NodeId sum : sums_of_pads(of_target.waiting)) rules.leave(NodeId{target.first}, target.second, sum, {});
  }
};

}  // namespace

void reverse_region(Graph& graph, const RegionRules& rules, const std::vector<RegionSeed>& seeds) {
  Sweep sweep{graph, rules, {}, {}, {}};
  sweep.run(seeds);
}

}  // namespace alea
