// Which statement belongs in which block. In: a block and the kind of a statement. Out: whether the block admits it, and
// the words for messages.
#pragma once
#include "dsl/grammar/tree.h"

namespace alea::grammar {

enum class Place : uint8_t { file, function, loop, module, dist, graph, mdp, policy, instance };

const char* words(Place);                                  // "in a graph"
bool admits(Place, NodeKind, bool stochastic);             // a definition is stochastic where it draws
const char* belongs(NodeKind statement, bool stochastic);  // "in an mdp or its policy"

}  // namespace alea::grammar
