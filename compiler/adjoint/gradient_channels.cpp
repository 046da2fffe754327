// Each class of costs has its own adjoint channel; classes that nothing above tells apart share one.
#include <algorithm>

#include "compiler/adjoint/gradient_builder.h"
#include "dsl/diagnostic.h"

namespace alea {

bool GradientBuilder::varies(NodeId node, ClassSet classes) const {
  if (node.index >= plan.depends.size()) return false;
  for (size_t k = 0; k < plan.classes.size(); ++k)
    if ((classes >> k & 1) && (plan.depends[node] & plan.classes[k].targets)) return true;
  return false;
}

void GradientBuilder::find_channels() {
  channel.assign(plan.classes.size(), 0);
  for (size_t k = 0; mdp && k < plan.classes.size(); ++k) {
    size_t later = k | 1;
    channel[k] = int(later);
    for (size_t other = 1; other < later; other += 2) {
      bool same = true;
      for (uint32_t d = 0; d < model.draws.size(); ++d) {
        Estimator a = plan.in_class(DrawId{d}, plan.classes[later]), b = plan.in_class(DrawId{d}, plan.classes[other]);
        same &= a == Estimator::none || b == Estimator::none || is_held(a) == is_held(b);
      }
      if (same) {
        channel[k] = int(other);
        break;
      }
    }
  }
  for (uint32_t d = 0; d < model.draws.size(); ++d) {
    bool holds = false, passes = false;
    for (const CostClass& c : plan.classes) {
      Estimator e = plan.in_class(DrawId{d}, c);
      holds |= is_held(e), passes |= e == Estimator::reparam;
    }
    if (holds && passes) split.push_back(DrawId{d});
  }
  above = NodeTable<uint64_t>(plan.depends.size(), 0);
  for (uint32_t k = 0; k < above.size(); ++k) {
    NodeId id{k};
    uint64_t bits = graph.op(id) == Op::state || graph.op(id) == Op::final_state ? state_bit : 0;
    for (NodeId input : graph.inputs(id)) bits |= above[input];
    for (size_t s = 0; s < split.size(); ++s)
      if (model.draws[split[s]].node == id) bits |= uint64_t{1} << std::min<size_t>(s, 62);
    above[id] = bits;
  }
}

bool GradientBuilder::mergeable(NodeId node, ClassSet a, ClassSet b) const {
  if (node.index >= above.size()) return false;
  uint64_t bits = above[node];
  ClassSet both = a | b;
  for (size_t s = 0; s < split.size(); ++s) {
    if (!(bits >> std::min<size_t>(s, 62) & 1)) continue;
    if (s >= 62) return false;
    bool holds = false, passes = false;
    for (size_t k = 0; k < plan.classes.size(); ++k) {
      if (!(both >> k & 1)) continue;
      Estimator e = plan.in_class(split[s], plan.classes[k]);
      holds |= is_held(e), passes |= !is_held(e);
    }
    if (holds && passes) return false;
  }
  if (bits & state_bit) {
    int first = -1;
    for (size_t k = 0; k < plan.classes.size(); ++k) {
      if (!(both >> k & 1)) continue;
      if (first >= 0 && channel[k] != first) return false;
      first = channel[k];
    }
  }
  return true;
}

void GradientBuilder::accumulate(NodeId target, Phase phase, NodeId value, NodeId index) {
  auto [at, fresh] = accumulator_of.try_emplace(target.index);
  if (fresh) {
    Type type = graph.type(target);
    type.scalar = Scalar::real;
    at->second = program.accumulators.add({target, type, {}});
  }
  program.accumulators[at->second].contributions.push_back({phase, value, index});
}

Targets GradientBuilder::channel_targets(int c) const {
  Targets targets = 0;
  for (size_t k = 0; k < plan.classes.size(); ++k)
    if (plan.classes[k].later && channel[k] == c) targets |= plan.classes[k].targets;
  return targets;
}

ClassSet GradientBuilder::channel_classes(int c) const {
  ClassSet classes = 0;
  for (size_t k = 0; k < plan.classes.size(); ++k)
    if (plan.classes[k].later && channel[k] == c) classes |= ClassSet(1u << k);
  return classes;
}

void GradientBuilder::make_carries() {
  for (uint32_t s = 0; s < model.states.size(); ++s) {
    const GraphState& state = model.states[StateId{s}];
    Scalar scalar = graph.type(state.leaf).scalar;
    if (scalar != Scalar::real) continue;
    for (size_t c = 1; c < plan.classes.size(); c += 2) {
      if (channel[c] != int(c)) continue;
      Targets targets = channel_targets(int(c));
      bool moved = (plan.depends[state.init] | plan.depends[state.next]) & targets;
      Targets seen = plan.reaches[state.leaf] | (state.final_leaf ? plan.reaches[state.final_leaf] : 0);
      if (!moved || !(seen & (targets | targets >> 1))) continue;
      carry_of[{s, int(c)}] = program.carries.add({StateId{s}, state.type, {}, {}});
    }
  }
}

NodeId GradientBuilder::carry_leaf(AdjointCarryId id) {
  NodeId& leaf = carry_leaves[{id.index, current}];
  if (!leaf) leaf = graph.add(Op::adjoint, program.carries[id].type, {}, id.index);
  return leaf;
}

}  // namespace alea
