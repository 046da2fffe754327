// Section 3 of the language, as two tables: by block and by statement.
#include "dsl/grammar/places.h"

namespace alea::grammar {

const char* words(Place place) {
  switch (place) {
    case Place::file: return "at the top of a file";
    case Place::function: return "in a function's block";
    case Place::loop: return "in a `for` block";
    case Place::module: return "in a module";
    case Place::dist: return "in a distribution";
    case Place::graph: return "in a graph";
    case Place::mdp: return "in an mdp";
    case Place::policy: return "in a policy";
    case Place::instance: return "in an instance";
  }
  return "";
}

const char* belongs(NodeKind kind, bool stochastic) {
  switch (kind) {
    case NodeKind::const_:
    case NodeKind::param: return "at the top of a file, or in a graph, an mdp, a policy or a module";
    case NodeKind::let: return "in a graph, an mdp, a policy, a module or a function's block";
    case NodeKind::definition:
      return stochastic ? "in a graph, an mdp, a policy, a module or a distribution"
                        : "in a graph, an mdp, a policy, a module, a distribution or a function's block";
    case NodeKind::observe_names:
    case NodeKind::observe_definition: return "in an mdp or its policy";
    case NodeKind::for_:
    case NodeKind::return_: return "in a function's block";
    case NodeKind::fn: return "at the top of a file, or in a graph, an mdp or a policy";
    case NodeKind::input:
    case NodeKind::objective: return "in a graph, an mdp or a policy";
    case NodeKind::action:
    case NodeKind::terminate: return "in an mdp";
    case NodeKind::state:
    case NodeKind::next: return "in an mdp or its policy";
    case NodeKind::horizon:
    case NodeKind::discount: return "in an mdp or an instance";
    case NodeKind::support:
    case NodeKind::logpdf:
    case NodeKind::sample: return "in a distribution";
    case NodeKind::call:
      return "in a module";
      // clang-format off
    case NodeKind::token: case NodeKind::error: case NodeKind::choice: case NodeKind::chain: case NodeKind::operand:
    case NodeKind::parentheses: case NodeKind::list: case NodeKind::index: case NodeKind::subscript: case NodeKind::arguments:
    case NodeKind::argument: case NodeKind::member: case NodeKind::for_clause: case NodeKind::type: case NodeKind::shape:
    case NodeKind::categories: case NodeKind::law: case NodeKind::estimator: case NodeKind::value: case NodeKind::bounds:
    case NodeKind::modules: case NodeKind::module_list: case NodeKind::formals: case NodeKind::formal: case NodeKind::result_type:
    case NodeKind::block: case NodeKind::names: case NodeKind::import_: case NodeKind::module: case NodeKind::dist:
    case NodeKind::graph: case NodeKind::mdp: case NodeKind::policy: case NodeKind::instance:
      // clang-format on
      return "at the top of a file";
  }
  return "";
}

// Section 3 of the language, read by columns: what each block admits.
bool admits(Place place, NodeKind kind, bool stochastic) {
  using enum NodeKind;
  const bool is_item = kind == param || kind == input || kind == const_ || kind == NodeKind::fn || kind == let ||
                       kind == definition || kind == observe_names || kind == observe_definition || kind == action ||
                       kind == objective;
  switch (place) {
    case Place::file: return kind == const_ || kind == NodeKind::fn || kind == param;
    case Place::function:
    case Place::loop: return kind == let || kind == for_ || (kind == definition && !stochastic);
    case Place::module:
      return kind == param || kind == const_ || kind == let || kind == definition || kind == observe_names ||
             kind == observe_definition || kind == action || kind == call;
    case Place::dist: return kind == definition || kind == support || kind == sample || kind == logpdf;
    case Place::graph: return is_item;
    case Place::mdp:
      return is_item || kind == horizon || kind == discount || kind == state || kind == NodeKind::next || kind == terminate;
    case Place::policy: return is_item || kind == state || kind == NodeKind::next;
    case Place::instance: return (kind == definition && !stochastic) || kind == horizon || kind == discount;
  }
  return false;
}

}  // namespace alea::grammar
