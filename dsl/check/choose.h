// Which model and which policy: names to blocks, over the main file and what it imports.
#pragma once
#include <optional>

#include "dsl/check/checker.h"

namespace alea::check {

struct PolicyRef {
  const ast::Policy* policy = nullptr;
  FileId file;
};

// The graph, mdp or instance (with all that it changes) of that name, as seen from `file`; policy not chosen.
// A missing model or a circle of instances is reported at `span`.
std::optional<ModelChoice> find_model(const ParsedFiles&, const std::string& name, FileId file, Span, Diagnostics*);
// The policies that serve it: for the mdp itself or for an instance on the way to it. Main file first.
std::vector<PolicyRef> policies_for(const ParsedFiles&, const ModelChoice&);
bool has_actions(const ast::Mdp&);
bool all_actions_default(const ast::Mdp&);
std::optional<ModelChoice> choose(const ParsedFiles&, const CheckOptions&, Diagnostics&);

}  // namespace alea::check
