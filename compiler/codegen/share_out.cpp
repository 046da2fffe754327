// Shares a module's functions out, so that several threads translate them, each into an object file of its own. In: a module,
// the same in every thread's context. Out: which functions are whose; then the module with nobody else's bodies. Functions call
// each other across object files by their names.
#include <algorithm>

#include "compiler/codegen/emit.h"

namespace alea {
namespace {

// What translating it takes time in proportion to, some 17 microseconds each: vectors are several registers.
int64_t work_of(const llvm::Function& function) {
  int64_t work = 0;
  for (const llvm::BasicBlock& block : function)
    for (const llvm::Instruction& instruction : block) work += instruction.getType()->isVectorTy() ? 3 : 1;
  return work;
}

}  // namespace

std::vector<std::vector<std::string>> share_out(const llvm::Module& module, int most_parts) {
  // What a second thread's start and its own module take.
  constexpr int64_t worth_a_thread = 250;
  std::vector<std::pair<int64_t, std::string>> functions;
  int64_t total = 0;
  for (const llvm::Function& function : module)
    if (!function.isDeclaration()) {
      functions.emplace_back(work_of(function), function.getName().str());
      total += functions.back().first;
    }
  std::ranges::stable_sort(functions, std::ranges::greater(), &std::pair<int64_t, std::string>::first);
  const auto shared_among = [&](int parts) {
    // The largest first, each to who has least.
    std::vector<std::vector<std::string>> names(static_cast<size_t>(parts));
    std::vector<int64_t> work(names.size());
    for (const auto& [own, name] : functions) {
      const auto least = static_cast<size_t>(std::ranges::min_element(work) - work.begin());
      work[least] += own;
      names[least].push_back(name);
    }
    return std::pair(std::ranges::max(work), names);
  };
  auto best = shared_among(1);
  for (int parts = 2; parts <= most_parts; ++parts)
    if (auto more = shared_among(parts); more.first + worth_a_thread <= best.first) best = std::move(more);
  return best.second;
}

void keep_functions(llvm::Module& module, const std::vector<std::string>& names) {
  for (llvm::Function& function : module)
    if (!function.isDeclaration()) {
      if (std::ranges::find(names, function.getName()) == names.end()) function.deleteBody();
      function.setLinkage(llvm::GlobalValue::ExternalLinkage);
    }
  for (llvm::GlobalVariable& variable : llvm::make_early_inc_range(module.globals())) {
    variable.removeDeadConstantUsers();
    if (variable.use_empty()) variable.eraseFromParent();
  }
}

}  // namespace alea
