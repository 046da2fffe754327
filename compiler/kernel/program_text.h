// What the writer and the reader of the estimator IR agree on: the order of sections, and the rates that are
// left unsaid because they follow.
#pragma once
#include "compiler/kernel/program.h"

namespace alea {

struct PhaseSection {
  Phase phase;
  std::string_view title, comment;
};
// In the order in which the phases run; `credit` comes between final and backward final.
inline constexpr PhaseSection phase_sections[] = {
    {Phase::uniform, "uniform", "once per call"},
    {Phase::init, "init", "per sample"},
    {Phase::step, "forward", "per sample and step, t = 0 … horizon-1"},
    {Phase::final, "final", "per sample, after the last step"},
    {Phase::final_backward, "backward final", "per sample"},
    {Phase::step_backward, "backward", "per sample and step, t = horizon-1 … 0"},
    {Phase::init_backward, "backward init", "per sample"},
    {Phase::finish, "finish", "once per group of samples"},
};

// The rate that a node has by what it reads and where it is.
inline Rate natural_rate(const Graph& graph, const NodeTable<Rate>& rates, NodeId id, Phase phase) {
  int rate = rate_none;
  for (const NodeId input : graph.inputs(id)) rate |= rates[input];
  const bool in_step = phase == Phase::step || phase == Phase::step_backward;
  switch (graph.op(id)) {
    case Op::time: rate = rate_time; break;
    case Op::input:
    case Op::final_state: rate = rate_sample; break;
    case Op::state: rate = rate_sample_time; break;
    case Op::adjoint:
    case Op::advantage: rate = in_step ? rate_sample_time : rate_sample; break;
    case Op::accumulated: rate = phase == Phase::finish ? rate_none : rate_sample; break;
    default:
      if (kind(graph.op(id)) == OpKind::random) rate = in_step ? rate_sample_time : rate_sample;
  }
  return static_cast<Rate>(rate);
}

}  // namespace alea
