// Which nodes of a program each phase computes: what the program's tables ask for, and what that reads.
#include "compiler/kernel/program.h"

namespace alea {

std::string_view text(Phase phase) {
  switch (phase) {
    case Phase::uniform: return "uniform";
    case Phase::init: return "init";
    case Phase::step: return "step";
    case Phase::final: return "final";
    case Phase::final_backward: return "final_backward";
    case Phase::step_backward: return "step_backward";
    case Phase::init_backward: return "init_backward";
    case Phase::finish: return "finish";
  }
  return {};
}

std::string_view text(AdaptedRole role) {
  switch (role) {
    case AdaptedRole::none: return "none";
    case AdaptedRole::baseline: return "baseline";
    case AdaptedRole::temperature: return "temperature";
    case AdaptedRole::weight: return "weight";
  }
  return {};
}

bool can_read(Phase reader, Phase read) {
  if (reader == read || read == Phase::uniform) return true;
  switch (reader) {
    case Phase::uniform: return false;
    case Phase::init: return false;
    case Phase::step:
    case Phase::final: return read == Phase::init;
    case Phase::final_backward:
    case Phase::init_backward: return read == Phase::init || read == Phase::final;
    case Phase::step_backward: return read == Phase::init || read == Phase::final || read == Phase::step;
    case Phase::finish: return read == Phase::init;
  }
  return false;
}

std::vector<NodeId> program_roots(const Program& program, bool with_names) {
  std::vector<NodeId> roots;
  const auto need = [&](NodeId node) {
    if (node) roots.push_back(node);
  };
  const bool without_objective = !program.objective_init && !program.objective_step && !program.objective_final;
  if (with_names || without_objective)
    for (const NamedNode& named : program.names) need(named.node);
  for_each_forward_reference(program, need);
  if (program.has_gradient) for_each_gradient_reference(program, need);
  return roots;
}

PhaseOrder order_phases(const Program& program, bool with_names) {
  NodeTable<bool> needed(program.graph.size(), false);
  for (const NodeId root : program_roots(program, with_names)) needed[root] = true;
  for (auto index = static_cast<uint32_t>(program.graph.size()); index-- > 0;)
    if (needed[NodeId{index}])
      for (const NodeId input : program.graph.inputs(NodeId{index})) needed[input] = true;
  PhaseOrder order;
  for (uint32_t index = 0; index < program.graph.size(); ++index)
    if (needed[NodeId{index}]) order.nodes[static_cast<size_t>(program.phase[NodeId{index}])].push_back(NodeId{index});
  return order;
}

}  // namespace alea
