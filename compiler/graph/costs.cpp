// Splitting objective lines. Throughout, an array stands for the sum of its elements.
#include "compiler/graph/costs.h"

#include <algorithm>
#include <cmath>

#include "compiler/graph/build.h"

namespace alea {

namespace {

constexpr size_t max_parts = 16;   // of a list, beyond which it stays an array
constexpr size_t max_terms = 256;  // of one line; the rest stays in one piece

bool is_number(const Graph& graph, NodeId id) { return graph.is_constant(id) && graph.values(id).size() == 1; }

struct Term {
  NodeId node;
  double factor;
};

// The terms that one term is the sum of, or nothing.
std::vector<Term> split(Graph& graph, const Term& term) {
  const NodeId id = term.node;
  // Σ over the elements of `id` of an operand that is repeated over them.
  const auto part = [&](NodeId operand, double sign) {
    const auto repeats =
        static_cast<double>(element_count(graph.shape(id)) / std::max<int64_t>(1, element_count(graph.shape(operand))));
    return Term{operand, sign * repeats * term.factor};
  };
  if (element_count(graph.shape(id)) == 0) return {};
  switch (graph.op(id)) {
    case Op::add: return {part(graph.input(id, 0), 1), part(graph.input(id, 1), 1)};
    case Op::sub: return {part(graph.input(id, 0), 1), part(graph.input(id, 1), -1)};
    case Op::negate: return {part(graph.input(id, 0), -1)};
    case Op::mul:
      if (is_number(graph, graph.input(id, 1)) && std::isfinite(graph.values(graph.input(id, 1))[0]))
        return {part(graph.input(id, 0), graph.values(graph.input(id, 1))[0])};
      return {};
    case Op::div:
      if (is_number(graph, graph.input(id, 1)) && std::isnormal(graph.values(graph.input(id, 1))[0]))
        return {part(graph.input(id, 0), 1 / graph.values(graph.input(id, 1))[0])};
      return {};
    case Op::reduce_sum: return {{graph.input(id, 0), term.factor}};
    case Op::concat: {
      if (graph.inputs(id).size() > max_parts) return {};
      std::vector<Term> parts;
      for (const NodeId input : graph.inputs(id)) parts.push_back({input, term.factor});
      return parts;
    }
    case Op::broadcast:
    case Op::reshape:
    case Op::transpose: return {part(graph.input(id, 0), 1)};
    default: return {};
  }
}

}  // namespace

std::vector<NodeId> additive_terms(Graph& graph, NodeId value) {
  std::vector<Term> pending = {{value, 1}}, whole;
  while (!pending.empty()) {
    const Term term = pending.back();
    pending.pop_back();
    const std::vector<Term> parts = pending.size() + whole.size() < max_terms ? split(graph, term) : std::vector<Term>{};
    if (parts.empty()) whole.push_back(term);
    else pending.insert(pending.end(), parts.rbegin(), parts.rend());  // the first on top: the order of the text
  }
  std::vector<NodeId> terms;
  double constant = 0;
  bool has_constant = false;
  for (const Term& term : whole) {
    if (is_number(graph, term.node) && graph.shape(term.node).empty()) {
      constant += term.factor * graph.values(term.node)[0];
      has_constant = true;
      continue;
    }
    const NodeId factor = graph.constant(term.factor);
    const Span span = graph.span(term.node) ? graph.span(term.node) : graph.span(value);
    NodeId node = graph.type(term.node).scalar == Scalar::real ? term.node : make_convert(graph, term.node, Scalar::real);
    if (term.factor != 1) node = make(graph, Op::mul, {node, factor}, {}, graph.add_span(span));
    terms.push_back(node);
  }
  if (has_constant && (constant != 0 || terms.empty())) terms.push_back(graph.constant(constant));
  return terms;
}

}  // namespace alea
