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

// terms[direct] = A x and terms[fed_back] = B (K x).
struct Loop {
  size_t direct, fed_back;
  Product of_state, of_control, feedback;  // A, B, K
};

struct Sum {
  std::vector<NodeId> terms;
  std::vector<Loop> loops;
};

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
      if (graph_.op(*node) != Op::add || graph_.shape(*node).size() != 1 || inner_[*node]) continue;
      Sum sum{terms_of(*node), {}};
      find_loops(sum);
      if (!sum.loops.empty()) found.emplace(node->index, std::move(sum));
    }
    return found;
  }

 private:
  std::vector<NodeId> terms_of(NodeId root) {
    std::vector<NodeId> terms, pending{root};
    while (!pending.empty()) {
      const NodeId node = pending.back();
      pending.pop_back();
      const bool within =
          graph_.op(node) == Op::add && graph_.shape(node) == graph_.shape(root) && program_.phase[node] == Phase::step;
      if (node != root && !(within && readers_[node] == 1)) {
        terms.push_back(node);
        continue;
      }
      if (node != root) inner_[node] = true;
      pending.insert(pending.end(), {graph_.input(node, 1), graph_.input(node, 0)});
    }
    return terms;
  }

  // Products that something else reads are there in any case.
  void find_loops(Sum& sum) const {
    for (size_t k = 0; k < sum.terms.size(); ++k) {
      const auto control = product_of(program_, sum.terms[k]);
      const auto feedback = control ? product_of(program_, control->vector) : std::nullopt;
      if (!feedback || feedback->vector_first != control->vector_first || readers_[sum.terms[k]] != 1) continue;
      // The matrix costs as many multiplications a call as `width` steps of a sample save.
      const int64_t width = graph_.shape(feedback->vector)[0];
      if (program_.horizon < width) continue;
      for (size_t other = 0; other < sum.terms.size(); ++other) {
        const auto state = product_of(program_, sum.terms[other]);
        if (other == k || !state || readers_[sum.terms[other]] != 1 || state->vector != feedback->vector ||
            state->vector_first != feedback->vector_first || is_fed_back(sum, other))
          continue;
        sum.loops.push_back({other, k, *state, *control, *feedback});
        break;
      }
    }
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
    std::vector<NodeId> terms;
    for (const NodeId term : sum.terms) terms.push_back(copy_[term]);
    std::map<size_t, NodeId> matrices;  // of the direct terms: A + Σ B K
    for (const Loop& loop : sum.loops) {
      NodeId& matrix = matrices.try_emplace(loop.direct, copy_[loop.of_state.matrix]).first->second;
      const NodeId term = sum.terms[loop.fed_back];
      const NodeId product =
          multiply(copy_[loop.of_control.matrix], copy_[loop.feedback.matrix], loop.feedback.vector_first, term);
      matrix = add(matrix, product, term);
      place(Phase::uniform, rate_none);
      terms[loop.fed_back] = {};
    }
    for (const Loop& loop : sum.loops)
      terms[loop.direct] =
          multiply(matrices[loop.direct], copy_[loop.of_state.vector], loop.of_state.vector_first, sum.terms[loop.direct]);
    NodeId total;
    for (const NodeId term : terms)
      if (term) total = total ? add(total, term, root) : term;
    place(Phase::step, from_.rate[root]);
    return total;
  }
  // a b, or b a; with the place in the model of another node.
  NodeId multiply(NodeId a, NodeId b, bool swapped, NodeId like) {
    if (swapped) std::swap(a, b);
    return make(to_.graph, Op::matmul, {a, b}, {0}, span_of(like));
  }
  NodeId add(NodeId a, NodeId b, NodeId like) { return make(to_.graph, Op::add, {a, b}, {}, span_of(like)); }
  SpanId span_of(NodeId like) { return to_.graph.add_span(from_.graph.span(like)); }

  // Of the nodes made since the last call.
  void place(Phase phase, Rate rate) {
    while (to_.phase.size() < to_.graph.size()) {
      to_.phase.add(phase);
      to_.rate.add(rate);
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
