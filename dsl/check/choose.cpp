// The choice of model and policy: by name where one is given, else the only one there is.
#include "dsl/check/choose.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace alea::check {

namespace {

struct Block {
  const ast::Item* item = nullptr;
  FileId file;
};

const ast::Ident* model_name(const ast::Item& item) {
  if (const auto* graph = std::get_if<ast::Graph>(&item.value)) return &graph->name;
  if (const auto* mdp = std::get_if<ast::Mdp>(&item.value)) return &mdp->name;
  if (const auto* instance = std::get_if<ast::Instance>(&item.value)) return &instance->name;
  return nullptr;
}

// In the file itself, else in what it imports.
Block find_block(const ParsedFiles& files, const std::string& name, FileId file, int depth = 0) {
  for (const ast::Item& item : files.files[file].tree.items)
    if (const ast::Ident* known = model_name(item); known && known->name == name) return {&item, file};
  if (depth > 0) return {};
  for (const ImportedFile& import : files.files[file].imports)
    if (const Block found = find_block(files, name, import.file, depth + 1); found.item) return found;
  return {};
}

std::vector<std::string> known_models(const ParsedFiles& files, FileId file) {
  std::vector<std::string> names;
  const auto add = [&](FileId id) {
    for (const ast::Item& item : files.files[id].tree.items)
      if (const ast::Ident* name = model_name(item)) names.push_back(name->name);
  };
  add(file);
  for (const ImportedFile& import : files.files[file].imports) add(import.file);
  return names;
}

std::string suggestion(const std::string& word, const std::vector<std::string>& names) {
  const std::string near = nearest(word, names);
  if (!near.empty()) return fmt::format("did you mean `{}`?", near);
  return names.empty() ? "" : fmt::format("there is {}", fmt::join(names, ", "));
}

}  // namespace

bool has_actions(const ast::Mdp& mdp) {
  return std::any_of(mdp.body.begin(), mdp.body.end(),
                     [](const ast::Statement& s) { return std::holds_alternative<ast::Action>(s.value); });
}

bool all_actions_default(const ast::Mdp& mdp) {
  return std::all_of(mdp.body.begin(), mdp.body.end(), [](const ast::Statement& s) {
    const auto* action = std::get_if<ast::Action>(&s.value);
    return !action || action->default_value;
  });
}

std::optional<ModelChoice> find_model(const ParsedFiles& files, const std::string& name, FileId file, Span span,
                                      Diagnostics* diagnostics) {
  ModelChoice choice;
  choice.name = name;
  std::string wanted = name;
  std::vector<const ast::Item*> seen;
  for (;;) {
    const Block block = find_block(files, wanted, file);
    if (!block.item) {
      if (diagnostics)
        diagnostics->report(DiagnosticKind::unknown_model, span, {wanted}, suggestion(wanted, known_models(files, file)));
      return std::nullopt;
    }
    if (std::find(seen.begin(), seen.end(), block.item) != seen.end()) {
      std::vector<std::string> names;
      for (const ast::Item* item : seen) names.push_back(model_name(*item)->name);
      names.push_back(wanted);
      if (diagnostics) diagnostics->report(DiagnosticKind::instance_cycle, span, {fmt::format("{}", fmt::join(names, " → "))});
      return std::nullopt;
    }
    seen.push_back(block.item);
    choice.file = block.file;
    if (const auto* graph = std::get_if<ast::Graph>(&block.item->value)) {
      choice.graph = graph;
      if (choice.instances.empty()) return choice;
      if (diagnostics) diagnostics->report(DiagnosticKind::instance_of_graph, span, {wanted}, "only an mdp has instances");
      return std::nullopt;
    }
    if (const auto* mdp = std::get_if<ast::Mdp>(&block.item->value)) {
      choice.mdp = mdp;
      return choice;
    }
    const auto& instance = std::get<ast::Instance>(block.item->value);
    choice.instances.emplace_back(&instance, block.file);
    wanted = instance.of.name;
    span = instance.of.span;
    file = block.file;
  }
}

std::vector<PolicyRef> policies_for(const ParsedFiles& files, const ModelChoice& choice) {
  std::vector<PolicyRef> policies;
  for (uint32_t f = 0; f < files.files.size(); ++f) {
    const FileId file{f};
    for (const ast::Item& item : files.files[file].tree.items) {
      const auto* policy = std::get_if<ast::Policy>(&item.value);
      if (!policy) continue;
      const auto served = find_model(files, policy->mdp.name, file, policy->mdp.span, nullptr);
      if (!served || served->mdp != choice.mdp) continue;
      // For an instance: only where the choice is that instance or one made from it.
      const bool on_the_way = served->instances.empty() ||
                              std::any_of(choice.instances.begin(), choice.instances.end(),
                                          [&](const auto& instance) { return instance.first == served->instances[0].first; });
      if (on_the_way) policies.push_back({policy, file});
    }
  }
  return policies;
}

std::optional<ModelChoice> choose(const ParsedFiles& files, const CheckOptions& options, Diagnostics& diagnostics) {
  const ParsedFile& main = files.files[files.main];
  std::string name = options.model;
  if (name.empty()) {
    std::vector<std::string> names = model_names(files);
    if (names.empty())
      // A file of policies for an imported mdp stands for that mdp.
      for (const ast::Item& item : main.tree.items)
        if (const auto* policy = std::get_if<ast::Policy>(&item.value))
          if (std::find(names.begin(), names.end(), policy->mdp.name) == names.end()) names.push_back(policy->mdp.name);
    if (names.empty()) {
      diagnostics.report(DiagnosticKind::no_model, {}, {main.name}, "write `graph name { … }` or `mdp name { … }`");
      return std::nullopt;
    }
    if (names.size() > 1) {
      diagnostics.report(DiagnosticKind::several_models, {}, {main.name, fmt::format("{}", fmt::join(names, ", "))},
                         fmt::format("say which: --model {}", names[0]));
      return std::nullopt;
    }
    name = names[0];
  }
  auto choice = find_model(files, name, files.main, {}, &diagnostics);
  if (!choice) return std::nullopt;
  if (choice->graph) {
    if (options.policy.empty()) return choice;
    diagnostics.report(DiagnosticKind::policy_for_graph, {}, {options.policy, name});
    return std::nullopt;
  }
  const std::vector<PolicyRef> policies = policies_for(files, *choice);
  std::vector<std::string> names;
  for (const PolicyRef& policy : policies) names.push_back(policy.policy->name.name);
  const auto take = [&](const PolicyRef& policy) {
    choice->policy = policy.policy;
    choice->policy_file = policy.file;
    choice->policy_name = policy.policy->name.name;
    return choice;
  };
  if (!options.policy.empty()) {
    for (const PolicyRef& policy : policies)
      if (policy.policy->name.name == options.policy) return take(policy);
    if (options.policy == "default" || options.policy == "random") {
      choice->policy_name = options.policy;
      return choice;
    }
    names.insert(names.end(), {"default", "random"});
    diagnostics.report(DiagnosticKind::unknown_policy, {}, {options.policy, name}, suggestion(options.policy, names));
    return std::nullopt;
  }
  if (policies.size() == 1) return take(policies[0]);
  if (policies.size() > 1) {
    diagnostics.report(DiagnosticKind::several_policies, choice->mdp->name.span,
                       {name, fmt::format("{}", fmt::join(names, ", "))}, fmt::format("say which: --policy {}", names[0]));
    return std::nullopt;
  }
  if (!has_actions(*choice->mdp)) return choice;
  if (all_actions_default(*choice->mdp)) {
    choice->policy_name = "default";
    return choice;
  }
  diagnostics.report(DiagnosticKind::no_policy, choice->mdp->name.span, {name},
                     fmt::format("write `policy p for {} {{ … }}`, or run it with --policy random", name));
  return std::nullopt;
}

}  // namespace alea::check

namespace alea {

std::vector<std::string> models_in_reach(const ParsedFiles& files) { return check::known_models(files, files.main); }

}  // namespace alea
