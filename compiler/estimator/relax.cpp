// In: a graph in which some draws ask to be relaxed. Out: the same model with continuous draws in their place.
// Nodes are copied in an order that has the logits of a relaxed draw before the draw.
#include "compiler/estimator/relax.h"

#include <algorithm>
#include <map>
#include <utility>

#include "compiler/estimator/relax_uses.h"
#include "compiler/estimator/requests.h"
#include "compiler/graph/references.h"
#include "compiler/pass/remove_dead.h"

namespace alea {
namespace {

bool wants_relaxation(const GraphDraw& draw) { return passes(draw.estimator, Passage::relax); }

std::vector<int64_t> first_axes(size_t rank) {
  std::vector<int64_t> axes;
  for (size_t k = 0; k < rank; ++k) axes.push_back(int64_t(k));
  return axes;
}

// [.., 1] stretched along a new last axis.
NodeId spread_last(Graph& graph, NodeId id, int64_t length) {
  Shape shape = graph.shape(id);
  std::vector<int64_t> axes = first_axes(shape.size());
  shape.push_back(length), axes.push_back(-1);
  return make_broadcast(graph, id, shape, axes);
}

struct Relaxation {
  const StochasticGraph& old;
  StochasticGraph& out;
  Graph& to;
  std::vector<Relaxed> relaxed;
  std::vector<NodeId> copy;
  std::vector<DrawId> draw_of;
  std::map<uint32_t, NoRelaxedMeaning> meaningless;  // why, of nodes of kind `nothing`

  SpanId here;  // of the draw that is being relaxed

  NodeId op(Op o, std::initializer_list<NodeId> inputs, std::vector<int64_t> attributes = {}) {
    return make(to, o, inputs, std::move(attributes), here);
  }
  NodeId uniform(const GraphDraw& draw, const Shape& shape) {
    const NoiseId noise = out.noises.add({draw.name + ".relaxed"});
    return to.add(Op::noise_uniform, Type{Scalar::real, 0, shape}, {}, noise.index, to.add_span(draw.span));
  }
  NodeId one_hot(NodeId category, int64_t categories) {
    const NodeId stretched = spread_last(to, category, categories);
    std::vector<double> counting;
    for (int64_t k = 0; k < element_count(to.shape(stretched)); ++k) counting.push_back(double(k % categories));
    const NodeId each = to.constant(Type{Scalar::integer, 0, to.shape(stretched)}, counting);
    return make_convert(to, op(Op::equal, {stretched, each}), Scalar::real);
  }
  // The value of `hard`, the derivative of `soft`.
  NodeId straight_through(NodeId hard, NodeId soft) {
    return op(Op::add, {op(Op::detach, {hard}), op(Op::sub, {soft, op(Op::detach, {soft})})});
  }

  // Bernoulli: y = σ((l + L)/τ), L standard logistic. Hard: l + L > 0. Without a temperature y = σ(l), and the hard value
  // that of `sample`, where there is one.
  NodeId relax_bernoulli(const GraphDraw& draw, NodeId logits, NodeId sample) {
    const bool hard = draw.estimator == AskedEstimator::straight_through;
    const bool probability = hard && !has_estimator_argument(draw, "tau");
    const auto real = [&](NodeId id) { return make_convert(to, id, Scalar::real); };
    const auto shifted = [&] {
      const NodeId u = uniform(draw, draw.batch);
      const NodeId logistic = op(Op::sub, {op(Op::log, {u}), op(Op::log1p, {op(Op::negate, {u})})});
      return op(Op::add, {logits, logistic});
    };
    const auto positive = [&](NodeId z) { return real(op(Op::less, {to.constant(0), z})); };
    if (probability) {
      const bool identity = estimator_argument(draw, "identity", 0) != 0;
      return straight_through(sample ? real(sample) : positive(shifted()), identity ? logits : op(Op::sigmoid, {logits}));
    }
    const NodeId z = shifted();
    const NodeId tau = to.constant(estimator_argument(draw, "tau", default_temperature));
    const NodeId y = op(Op::sigmoid, {op(Op::div, {z, tau})});
    return hard ? straight_through(positive(z), y) : y;
  }

  // Categorical: y = softmax((l + G)/τ), G standard Gumbel. Hard: argmax(l + G). Without a temperature as above.
  NodeId relax_categorical(const GraphDraw& draw, NodeId logits, NodeId sample) {
    const bool hard = draw.estimator == AskedEstimator::straight_through;
    const bool probability = hard && !has_estimator_argument(draw, "tau");
    const Shape shape = to.shape(logits);
    const auto shifted = [&] {
      const NodeId u = uniform(draw, shape);
      return op(Op::add, {logits, op(Op::negate, {op(Op::log, {op(Op::negate, {op(Op::log, {u})})})})});
    };
    const auto greatest = [&](NodeId z) {
      return one_hot(op(Op::argmax, {z}, {static_cast<int64_t>(shape.size()) - 1}), draw.categories);
    };
    if (probability)
      return straight_through(sample ? one_hot(sample, draw.categories) : greatest(shifted()), make_softmax(to, logits));
    const NodeId z = shifted();
    const NodeId tau = to.constant(estimator_argument(draw, "tau", default_temperature));
    const NodeId y = make_softmax(to, op(Op::div, {z, tau}));
    return hard ? straight_through(greatest(z), y) : y;
  }

  // What must be copied before a node.
  std::vector<NodeId> before(NodeId id) const {
    const std::span<const NodeId> inputs = old.graph.inputs(id);
    std::vector<NodeId> result(inputs.begin(), inputs.end());
    if (draw_of[id.index] && wants_relaxation(old.draws[draw_of[id.index]]))
      result.push_back(given_formal(old.draws[draw_of[id.index]]).node);
    return result;
  }

  void copy_node(RelaxUses& uses, NodeId id) {
    const DrawId draw_id = draw_of[id.index];
    if (draw_id && wants_relaxation(old.draws[draw_id])) {
      const GraphDraw& draw = old.draws[draw_id];
      here = to.add_span(draw.span);
      const NodeId given = given_formal(draw).node;
      if (const auto found = meaningless.find(given.index); found != meaningless.end()) throw found->second;
      const auto value = [&](NodeId node) { return uses.is_relaxed(node) ? uses.number(node) : copy[node.index]; };
      const NodeId logits = make_logits(to, draw, value(given));
      // A sampling map that reads a relaxed draw has no relaxed meaning and needs none: the same law is sampled anew.
      const NodeId mapped = old.graph.input(id, 0), sample = uses.is_relaxed(mapped) ? NodeId{} : copy[mapped.index];
      const bool boolean = old.graph.type(id).scalar == Scalar::boolean;
      const NodeId y = boolean ? relax_bernoulli(draw, logits, sample) : relax_categorical(draw, logits, sample);
      const NodeId node = to.add(Op::draw, to.type(y), {y}, draw_id.index, to.add_span(draw.span));
      relaxed[id.index] = {boolean ? Relaxed::Kind::boolean : Relaxed::Kind::category, node, {}};
      return;
    }
    if (uses.uses_relaxed(id)) {
      for (const NodeId input : old.graph.inputs(id)) {
        if (relaxed[input.index].kind != Relaxed::Kind::nothing) continue;
        relaxed[id.index] = relaxed[input.index];
        meaningless[id.index] = meaningless[input.index];
        return;
      }
      try {
        uses.relax(id);
      } catch (const NoRelaxedMeaning& use) {
        relaxed[id.index] = {Relaxed::Kind::nothing, {}, {}};
        meaningless[id.index] = use;
      }
      if (relaxed[id.index].kind == Relaxed::Kind::none) copy[id.index] = relaxed[id.index].node;
      return;
    }
    std::vector<NodeId> inputs;
    for (const NodeId input : old.graph.inputs(id)) inputs.push_back(copy[input.index]);
    copy[id.index] = make_copy(to, old.graph, id, inputs);
  }

  void check_tables(const RelaxUses& uses) const {
    const auto discrete = [](const Type& type) { return type.scalar != Scalar::real; };
    for (const GraphState& state : old.states)
      for (const NodeId value : {state.init, state.next})
        if (uses.is_relaxed(value) && discrete(state.type)) throw NoRelaxedMeaning{value, "a state of a discrete type"};
    for (const GraphTerminate& terminate : old.terminates)
      if (uses.is_relaxed(terminate.condition)) throw NoRelaxedMeaning{terminate.condition, "the end of the episode"};
    for (const GraphDraw& draw : old.draws)
      for (const NodeId end : {draw.support_low, draw.support_high})
        if (end && uses.is_relaxed(end)) throw NoRelaxedMeaning{end, "a support"};
  }

  void run() {
    const auto size = uint32_t(old.graph.size());
    relaxed.resize(size), copy.resize(size), draw_of.resize(size);
    for (uint32_t k = 0; k < old.draws.size(); ++k) draw_of[old.draws[DrawId{k}].node.index] = DrawId{k};
    RelaxUses uses(old.graph, to, relaxed, [&](NodeId id) { return copy[id.index]; });
    std::vector<uint8_t> done(size, 0);
    std::vector<NodeId> stack;
    for (uint32_t k = 0; k < size; ++k) {
      stack.push_back(NodeId{k});
      while (!stack.empty()) {
        const NodeId id = stack.back();
        const size_t waiting = stack.size();
        if (!done[id.index])
          for (const NodeId needed : before(id))
            if (!done[needed.index]) stack.push_back(needed);
        if (stack.size() > waiting) continue;
        stack.pop_back();
        if (std::exchange(done[id.index], uint8_t{1})) continue;
        copy_node(uses, id);
      }
    }
    check_tables(uses);
    for (uint32_t k = 0; k < out.draws.size(); ++k) {
      GraphDraw& draw = out.draws[DrawId{k}];
      if (!wants_relaxation(draw)) continue;
      draw.discrete = false, draw.categories = 0;
      draw.log_density = {};
      draw.support = SupportKind::undeclared;
      draw.support_low = draw.support_high = {};
    }
    // A density that nothing but a score function would need is done without.
    for (GraphDraw& draw : out.draws)
      if (draw.log_density && meaningless.contains(draw.log_density.index)) draw.log_density = {};
    for_each_reference(out, [&](NodeId& id) {
      if (!id) return;
      if (const auto found = meaningless.find(id.index); found != meaningless.end()) throw found->second;
      const Relaxed& now = relaxed[id.index];
      const bool is_draw = draw_of[id.index] && wants_relaxation(old.draws[draw_of[id.index]]);
      id = now.kind == Relaxed::Kind::none ? copy[id.index] : is_draw ? now.node : uses.number(id);
    });
  }
};

}  // namespace

NodeId make_softmax(Graph& graph, NodeId id) {
  const auto op = [&](Op o, std::initializer_list<NodeId> inputs, std::vector<int64_t> attributes = {}) {
    return make(graph, o, inputs, std::move(attributes));
  };
  const Shape shape = graph.shape(id);
  const auto last = int64_t(shape.size()) - 1;
  const NodeId largest = op(Op::detach, {op(Op::reduce_max, {id}, {last})});
  const NodeId exponential = op(Op::exp, {op(Op::sub, {id, spread_last(graph, largest, shape.back())})});
  const NodeId inverse = op(Op::div, {graph.constant(1.0), op(Op::reduce_sum, {exponential}, {last})});
  return op(Op::mul, {exponential, spread_last(graph, inverse, shape.back())});
}

NodeId make_log_sum_exp(Graph& graph, NodeId id) {
  const Shape shape = graph.shape(id);
  const auto last = int64_t(shape.size()) - 1;
  const NodeId largest = make(graph, Op::detach, {make(graph, Op::reduce_max, {id}, {last})});
  const NodeId shifted = make(graph, Op::exp, {make(graph, Op::sub, {id, spread_last(graph, largest, shape.back())})});
  return make(graph, Op::add, {largest, make(graph, Op::log, {make(graph, Op::reduce_sum, {shifted}, {last})})});
}

bool relax_draws(StochasticGraph& model, Diagnostics& diagnostics) {
  if (std::ranges::none_of(model.draws, wants_relaxation)) return false;
  StochasticGraph out = model;
  out.graph = Graph{};
  Relaxation relaxation{model, out, out.graph, {}, {}, {}, {}, {}};
  try {
    relaxation.run();
  } catch (const NoRelaxedMeaning& use) {
    const auto asks = std::ranges::find_if(model.draws, wants_relaxation);
    const Span span = model.graph.span(use.use);
    diagnostics.report(DiagnosticKind::no_relaxed_meaning, span ? span : asks->estimator_span,
                       {asks->name, std::string(text(asks->estimator)), use.what},
                       "use it as `onehot(w)`, `v[w]`, `w == k` with a constant k, `if w == k then … else …`, or as a number");
    return true;
  }
  model = remove_dead(out);  // the sampling maps of the hard draws
  return true;
}

std::optional<StochasticGraph> relax_one(const StochasticGraph& model, DrawId id, std::string& why) {
  StochasticGraph asked = model;
  for (GraphDraw& draw : asked.draws) draw.estimator = AskedEstimator::automatic;
  asked.draws[id].estimator = AskedEstimator::gumbel;
  StochasticGraph out = asked;
  out.graph = Graph{};
  Relaxation relaxation{asked, out, out.graph, {}, {}, {}, {}, {}};
  try {
    relaxation.run();
  } catch (const NoRelaxedMeaning& use) {
    why = use.what;
    return std::nullopt;
  }
  return out;
}

std::vector<NodeId> relax_downstream(StochasticGraph& model, DrawId draw, NodeId y, const std::vector<NodeId>& wanted) {
  const Graph before = model.graph;
  const auto size = uint32_t(before.size());
  const NodeId from = model.draws[draw].node;
  std::vector<Relaxed> relaxed(size);
  std::vector<bool> needed(size, false);
  for (const NodeId id : wanted)
    if (id) needed[id.index] = true;
  for (uint32_t k = size; k-- > 0;)
    if (needed[k])
      for (const NodeId input : before.inputs(NodeId{k})) needed[input.index] = true;
  RelaxUses uses(before, model.graph, relaxed, [&](NodeId id) { return make(model.graph, Op::detach, {id}); });
  const bool boolean = before.type(from).scalar == Scalar::boolean;
  relaxed[from.index] = {boolean ? Relaxed::Kind::boolean : Relaxed::Kind::category, y, {}};
  for (uint32_t k = from.index + 1; k < size; ++k) {
    const NodeId id{k};
    if (!needed[k] || !uses.uses_relaxed(id)) continue;
    if (before.op(id) == Op::draw) relaxed[k] = relaxed[before.input(id, 0).index];
    else uses.relax(id);
  }
  std::vector<NodeId> result;
  for (const NodeId id : wanted) result.push_back(id && uses.is_relaxed(id) ? uses.number(id) : NodeId{});
  return result;
}

}  // namespace alea
