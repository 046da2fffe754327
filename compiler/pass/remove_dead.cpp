// Copies the nodes that are reached, as they are, and renames every reference to them.
#include "compiler/pass/remove_dead.h"

#include "compiler/graph/build.h"
#include "compiler/graph/references.h"

namespace alea {

StochasticGraph remove_dead(const StochasticGraph& from) {
  NodeTable<bool> needed(from.graph.size(), false);
  for_each_reference(from, [&](NodeId id) {
    if (id) needed[id] = true;
  });
  for (auto index = static_cast<uint32_t>(from.graph.size()); index-- > 0;)
    if (needed[NodeId{index}])
      for (const NodeId input : from.graph.inputs(NodeId{index})) needed[input] = true;

  StochasticGraph to = from;
  to.graph = Graph{};
  to.noises = {};
  NodeTable<NodeId> copy(from.graph.size());
  Table<NoiseId, NoiseId> noise(from.noises.size());
  for (uint32_t index = 0; index < from.graph.size(); ++index) {
    const NodeId id{index};
    if (!needed[id]) continue;
    std::vector<NodeId> inputs;
    for (const NodeId input : from.graph.inputs(id)) inputs.push_back(copy[input]);
    uint32_t payload = from.graph[id].payload;
    if (kind(from.graph.op(id)) == OpKind::random) {
      NoiseId& renamed = noise[NoiseId{payload}];
      if (!renamed) renamed = to.noises.add(from.noises[NoiseId{payload}]);
      payload = renamed.index;
    }
    copy[id] = copy_node(to.graph, from.graph, id, inputs, payload);
  }
  for_each_reference(to, [&](NodeId& id) {
    if (id) id = copy[id];
  });
  return to;
}

}  // namespace alea
