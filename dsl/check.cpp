// The entry points: one model, or everything in a file.
#include "dsl/check.h"

#include <algorithm>
#include <set>

#include "dsl/check/choose.h"

namespace alea {

namespace {

using check::Checker;
using check::ModelChoice;

bool check_choice(Checker& checker, const ModelChoice& choice, Diagnostics& diagnostics) {
  if (choice.graph) checker.check_graph(choice);
  else checker.check_mdp(choice);
  checker.flush(diagnostics);
  return !checker.failed();
}

}  // namespace

std::optional<typed::Model> check_model(const SourceMap& sources, const ParsedFiles& files, const CheckOptions& options,
                                        Diagnostics& diagnostics) {
  const auto choice = check::choose(files, options, diagnostics);
  if (!choice) return std::nullopt;
  Checker checker(sources, files, options);
  if (!check_choice(checker, *choice, diagnostics) || diagnostics.has_errors()) return std::nullopt;
  return std::move(checker.model);
}

void check_file(const SourceMap& sources, const ParsedFiles& files, const CheckOptions& options, Diagnostics& diagnostics) {
  std::unordered_set<const void*> entered;
  const auto run = [&](ModelChoice choice) {
    if (diagnostics.full()) return;
    choice.lenient_options = true;
    Checker checker(sources, files, options);
    check_choice(checker, choice, diagnostics);
    entered.insert(checker.entered.begin(), checker.entered.end());
  };
  const ParsedFile& main = files.files[files.main];
  std::set<const ast::Policy*> checked;
  std::map<std::string, Span> policy_names;
  for (const std::string& name : model_names(files)) {
    const auto choice = check::find_model(files, name, files.main, {}, &diagnostics);
    if (!choice) continue;
    if (choice->graph) {
      run(*choice);
      continue;
    }
    const auto policies = check::policies_for(files, *choice);
    for (const auto& policy : policies) {
      ModelChoice with = *choice;
      with.policy = policy.policy;
      with.policy_file = policy.file;
      with.policy_name = policy.policy->name.name;
      checked.insert(policy.policy);
      run(with);
    }
    if (policies.empty()) {
      ModelChoice open = *choice;
      open.open_actions = true;
      run(open);
    }
  }
  for (const ast::Item& item : main.tree.items) {
    const auto* policy = std::get_if<ast::Policy>(&item.value);
    if (!policy) continue;
    const auto [known, is_new] = policy_names.emplace(policy->mdp.name + " " + policy->name.name, policy->name.span);
    if (!is_new)
      diagnostics.report(DiagnosticKind::redefined, policy->name.span, {policy->name.name, "a policy for the same mdp"});
    if (checked.contains(policy)) continue;
    const auto choice = check::find_model(files, policy->mdp.name, files.main, policy->mdp.span, &diagnostics);
    if (!choice) continue;
    if (choice->graph) {
      diagnostics.report(DiagnosticKind::policy_for_graph, policy->mdp.span, {policy->name.name, policy->mdp.name});
      continue;
    }
    ModelChoice with = *choice;
    with.policy = policy;
    with.policy_file = files.main;
    with.policy_name = policy->name.name;
    run(with);
  }
  Checker rest(sources, files, options);
  rest.entered = std::move(entered);
  rest.check_unused(files.main);
  rest.flush(diagnostics);
}

}  // namespace alea
