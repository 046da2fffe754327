// Finds the sums of the steps that hold A x and B (K x), and copies the program with these sums made anew.
#include "compiler/pass/close_loops.h"

#include <algorithm>
#include <map>
#include <optional>

#include "compiler/graph/build.h"
#include "compiler/kernel/fuse.h"

namespace alea {
namespace {

// matrix · vector, or vector · matrix, the matrix of the uniform phase.
struct Product {
  NodeId matrix, vector;
  bool vector_first = false;
};

std::optional<Product> product_of(const Program& program, NodeId node) {
  const Graph& graph = program.graph;
  if (graph.op(node) != Op::matmul || graph.attributes(node)[0] != 0 || graph.shape(node).size() != 1) return {};
  Product found{graph.input(node, 0), graph.input(node, 1)};
  if (graph.shape(found.matrix).size() == 1) {
    std::swap(found.matrix, found.vector);
    found.vector_first = true;
  }
  if (program.phase[found.matrix] != Phase::uniform || graph.shape(found.matrix).size() != 2) return {};
  return found;
}

struct Term {
  NodeId node;
  bool negative = false;
};

// terms[direct] = A x and terms[fed_back] = B (K x), or one with the sign of the other, or B (-(K x)).
struct Loop {
  size_t direct, fed_back;
  Product of_state, of_control, feedback;  // A, B, K
  bool differs = false;                    // A - B K
};

struct Sum {
  std::vector<Term> terms;
  std::vector<Loop> loops;
};

bool is_sum(Op op) { return op == Op::add || op == Op::sub; }

class LoopFinder {
 public:
  explicit LoopFinder(const Program& program)
      : program_(program),
        graph_(program.graph),
        order_(order_phases(program)),
        readers_(count_readers(program, order_)),
        inner_(graph_.size(), false) {}

  // By the node of the whole sum.
  std::map<uint32_t, Sum> find() {
    std::map<uint32_t, Sum> found;
    const auto& nodes = order_.nodes[static_cast<size_t>(Phase::step)];
    for (auto node = nodes.rbegin(); node != nodes.rend(); ++node) {
      if (!is_sum(graph_.op(*node)) || graph_.shape(*node).size() != 1 || inner_[*node]) continue;
      Sum sum{terms_of(*node), {}};
      find_loops(sum);
      if (!sum.loops.empty()) found.emplace(node->index, std::move(sum));
    }
    return found;
  }

 private:
  std::vector<Term> terms_of(NodeId root) {
    std::vector<Term> terms, pending{{root, false}};
    while (!pending.empty()) {
      const auto [node, negative] = pending.back();
      pending.pop_back();
      const bool within =
          is_sum(graph_.op(node)) && graph_.shape(node) == graph_.shape(root) && program_.phase[node] == Phase::step;
      if (node != root && !(within && readers_[node] == 1)) {
        terms.push_back({node, negative});
        continue;
      }
      if (node != root) inner_[node] = true;
      pending.push_back({graph_.input(node, 1), negative != (graph_.op(node) == Op::sub)});
      pending.push_back({graph_.input(node, 0), negative});
    }
    return terms;
  }

  // Products that something else reads are there in any case.
  void find_loops(Sum& sum) const {
    for (size_t k = 0; k < sum.terms.size(); ++k) {
      const auto control = product_of(program_, sum.terms[k].node);
      if (!control || readers_[sum.terms[k].node] != 1 || is_direct(sum, k)) continue;
      const bool negated = graph_.op(control->vector) == Op::negate;
      const auto feedback = product_of(program_, negated ? graph_.input(control->vector, 0) : control->vector);
      if (!feedback || feedback->vector_first != control->vector_first) continue;
      // The matrix costs as many multiplications a call as `width` steps of a sample save.
      const int64_t width = graph_.shape(feedback->vector)[0];
      if (program_.horizon < width) continue;
      for (size_t other = 0; other < sum.terms.size(); ++other) {
        const auto state = product_of(program_, sum.terms[other].node);
        if (other == k || !state || readers_[sum.terms[other].node] != 1 || state->vector != feedback->vector ||
            state->vector_first != feedback->vector_first || is_fed_back(sum, other))
          continue;
        const bool differs = negated != (sum.terms[other].negative != sum.terms[k].negative);
        sum.loops.push_back({other, k, *state, *control, *feedback, differs});
        break;
      }
    }
  }
  // B (K x) may be fed back to A x, or C (D (K x)) to B (K x), not both.
  static bool is_direct(const Sum& sum, size_t term) {
    return std::ranges::any_of(sum.loops, [&](const Loop& loop) { return loop.direct == term; });
  }
  static bool is_fed_back(const Sum& sum, size_t term) {
    return std::ranges::any_of(sum.loops, [&](const Loop& loop) { return loop.fed_back == term; });
  }

  const Program& program_;
  const Graph& graph_;
  PhaseOrder order_;
  NodeTable<uint32_t> readers_;
  NodeTable<bool> inner_;
};

class Copier {
 public:
  Copier(const Program& from, Program& to) : from_(from), to_(to), copy_(from.graph.size()) {}

  void run(const std::map<uint32_t, Sum>& sums) {
    for (uint32_t index = 0; index < from_.graph.size(); ++index) {
      const NodeId id{index};
      if (const auto sum = sums.find(index); sum != sums.end()) {
        copy_[id] = closed(sum->second, id);
        continue;
      }
      std::vector<NodeId> inputs;
      for (const NodeId input : from_.graph.inputs(id)) inputs.push_back(copy_[input]);
      copy_[id] = copy_node(to_.graph, from_.graph, id, inputs, from_.graph[id].payload);
      place(from_.phase[id], from_.rate[id]);
    }
    const auto rename = [&](NodeId& id) {
      if (id) id = copy_[id];
    };
    for_each_forward_reference(to_, rename);
    for_each_gradient_reference(to_, rename);
    for (NamedNode& named : to_.names) rename(named.node);
  }

 private:
  NodeId closed(const Sum& sum, NodeId root) {
    std::vector<Term> terms = sum.terms;
    for (Term& term : terms) term.node = copy_[term.node];
    std::map<size_t, NodeId> matrices;  // of the direct terms: A ± B K …
    for (const Loop& loop : sum.loops) {
      NodeId& matrix = matrices.try_emplace(loop.direct, copy_[loop.of_state.matrix]).first->second;
      const NodeId like = sum.terms[loop.fed_back].node;
      const NodeId product =
          multiply(copy_[loop.of_control.matrix], copy_[loop.feedback.matrix], loop.feedback.vector_first, like);
      matrix = add(matrix, {product, loop.differs}, like);
      terms[loop.fed_back].node = {};
    }
    for (const Loop& loop : sum.loops)
      terms[loop.direct].node =
          multiply(matrices[loop.direct], copy_[loop.of_state.vector], loop.of_state.vector_first, sum.terms[loop.direct].node);
    std::ranges::stable_partition(terms, [](const Term& term) { return !term.negative; });
    NodeId total;
    for (const Term& term : terms)
      if (term.node) total = add(total, term, root);
    place_made();
    return total;
  }
  // a b, or b a; with the place in the model of another node.
  NodeId multiply(NodeId a, NodeId b, bool swapped, NodeId like) {
    if (swapped) std::swap(a, b);
    return make(to_.graph, Op::matmul, {a, b}, {0}, span_of(like));
  }
  NodeId add(NodeId sum, Term term, NodeId like) {
    const SpanId span = span_of(like);
    if (!sum) return term.negative ? make(to_.graph, Op::negate, {term.node}, {}, span) : term.node;
    return make(to_.graph, term.negative ? Op::sub : Op::add, {sum, term.node}, {}, span);
  }
  SpanId span_of(NodeId like) { return to_.graph.add_span(from_.graph.span(like)); }

  // Of the node copied last, where it is new.
  void place(Phase phase, Rate rate) {
    if (to_.phase.size() == to_.graph.size()) return;
    to_.phase.add(phase);
    to_.rate.add(rate);
  }
  // Of the nodes made since the last call: where the last of their operands is. Terms that become neighbours may be folded to
  // constants.
  void place_made() {
    while (to_.phase.size() < to_.graph.size()) {
      const NodeId id{static_cast<uint32_t>(to_.phase.size())};
      Phase phase = Phase::uniform;
      uint8_t rate = rate_none;
      for (const NodeId input : to_.graph.inputs(id)) {
        phase = std::max(phase, to_.phase[input]);
        rate |= to_.rate[input];
      }
      to_.phase.add(phase);
      to_.rate.add(static_cast<Rate>(rate));
    }
  }

  const Program& from_;
  Program& to_;
  NodeTable<NodeId> copy_;
};

}  // namespace

Program close_loops(Program from) {
  const std::map<uint32_t, Sum> sums = LoopFinder(from).find();
  if (sums.empty()) return from;
  Program to = from;
  to.graph = Graph{};
  to.phase = {};
  to.rate = {};
  Copier(from, to).run(sums);
  return to;
}

}  // namespace alea
