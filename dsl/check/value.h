// What a name or an expression means to the checker: a typed expression, or something that exists only
// while checking (a function, a module, a distribution). Poison stands for whatever failed and was reported;
// everything done with it is silent.
#pragma once
#include <string>
#include <variant>
#include <vector>

#include "dsl/ast.h"
#include "dsl/typed_model.h"

namespace alea::check {

using typed::ExprId;
using ScopeId = Id<struct ScopeTag>;
using DefinitionId = Id<struct DefinitionTag>;

struct BuiltinFunction;

struct Poison {};
struct FunctionRef {
  const ast::Fn* function = nullptr;
  ScopeId scope;  // where it is defined
};
struct BuiltinRef {
  const BuiltinFunction* function = nullptr;
};
struct ModuleRef {
  const ast::Module* module = nullptr;
  ScopeId scope;
};
struct InstanceRef {  // a module with its params, constants and nodes
  ScopeId scope;
};
struct InstanceList {  // of modules, or of such lists; one of the two is empty
  std::vector<ScopeId> scopes;
  std::vector<InstanceList> lists;
  size_t size() const { return scopes.size() + lists.size(); }
};
struct DistRef {
  const ast::Dist* dist = nullptr;
  ScopeId scope;
};
struct PrimitiveRef {
  typed::Primitive primitive{};
};
struct NamespaceRef {
  ScopeId scope;  // of a file
};
struct ModelRef {  // a graph, mdp, policy or instance: no value
  std::string kind;
};
struct TextValue {
  std::string text;
};

using Value = std::variant<Poison, ExprId, FunctionRef, BuiltinRef, ModuleRef, InstanceRef, InstanceList, DistRef, PrimitiveRef,
                           NamespaceRef, ModelRef, TextValue>;

inline bool is_instance(const Value& value) {
  return std::holds_alternative<InstanceRef>(value) || std::holds_alternative<InstanceList>(value);
}
inline void append(InstanceList& list, Value&& instance) {
  if (const auto* one = std::get_if<InstanceRef>(&instance)) list.scopes.push_back(one->scope);
  else list.lists.push_back(std::move(std::get<InstanceList>(instance)));
}
inline bool is_poison(const Value& value) { return std::holds_alternative<Poison>(value); }
std::string kind_of(const Value&);  // "a function", "a distribution": for messages

}  // namespace alea::check
