#include "runtime/symbols.h"

#include <cstring>

#include "compiler/codegen/abi.h"
#include "compiler/kernel/elementary_large.h"
#include "compiler/kernel/rare.h"

namespace alea {
namespace {

// The rows of samples first_sample … first_sample + 63, turned: T out[element][64].
template <class T>
void gather_rows(const KernelInput* input, uint64_t first_sample, int64_t row_length, T* out) {
  const T* rows = static_cast<const T*>(input->rows);
  const auto row_count = static_cast<uint64_t>(input->row_count);
  for (uint64_t lane = 0; lane < group_size; ++lane) {
    const T* row = rows + (first_sample + lane) % row_count * static_cast<uint64_t>(row_length);
    for (int64_t k = 0; k < row_length; ++k) out[k * group_size + static_cast<int64_t>(lane)] = row[k];
  }
}

// first[lane] and second[lane] of x[lane] where the lane's bit of `where` is set.
template <class T>
void large_values(int64_t function, int64_t lanes, uint64_t where, const T* x, T* first, T* second) {
  for (int64_t lane = 0; lane < lanes; ++lane)
    if ((where >> lane & 1) != 0) {
      const auto values = elementary::large_values(static_cast<elementary::Large>(function), x[lane]);
      first[lane] = values.first;
      second[lane] = values.second;
    }
}

template <class Function>
const void* address(Function* function) {
  return reinterpret_cast<const void*>(function);
}

template <class T>
void add_functions(std::vector<Symbol>& symbols, const std::string& suffix) {
  auto add = [&](const char* name, const void* function) { symbols.push_back({std::string("alea_") + name + suffix, function}); };
  add("gather_rows", address(gather_rows<T>));
  add("large_values", address(large_values<T>));
  add("lgamma", address(rare::lgamma<T>));
  add("digamma", address(rare::digamma<T>));
  add("trigamma", address(rare::trigamma<T>));
  add("gamma_grad", address(rare::gamma_grad<T>));
  add("von_mises_grad", address(rare::von_mises_grad<T>));
  add("cholesky", address(rare::cholesky<T>));
  add("solve", address(rare::solve<T>));
  add("solve_lower", address(rare::solve_lower<T>));
  add("solve_upper", address(rare::solve_upper<T>));
  add("logdet", address(rare::logdet<T>));
  add("sort", address(rare::sort<T>));
  add("argsort", address(rare::argsort<T>));
}

}  // namespace

std::vector<Symbol> kernel_symbols() {
  std::vector<Symbol> symbols;
  add_functions<double>(symbols, "_f64");
  add_functions<float>(symbols, "_f32");
  symbols.push_back({"memset", address(static_cast<void* (*)(void*, int, size_t)>(std::memset))});
  symbols.push_back({"memcpy", address(static_cast<void* (*)(void*, const void*, size_t)>(std::memcpy))});
  symbols.push_back({"memmove", address(static_cast<void* (*)(void*, const void*, size_t)>(std::memmove))});
  return symbols;
}

}  // namespace alea
