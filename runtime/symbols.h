// The functions that generated code may call: one table, no search of the process. All are compiled ahead of
// time and take whole chunks of lanes.
#pragma once
#include <string>
#include <vector>

namespace alea {

struct Symbol {
  std::string name;
  const void* address;
};
std::vector<Symbol> kernel_symbols();

}  // namespace alea
