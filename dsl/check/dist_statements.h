// The one statement of a kind in a distribution's body, or null.
#pragma once
#include "dsl/ast.h"

namespace alea::check {

template <class Statement>
const Statement* find_statement(const ast::Dist& dist) {
  for (const ast::Statement& statement : dist.body)
    if (const auto* found = std::get_if<Statement>(&statement.value)) return found;
  return nullptr;
}

}  // namespace alea::check
