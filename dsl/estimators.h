// The names of estimators, what each takes, and how each passes the gradient: estimators.def, as a type and a table.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace alea {

// What is asked for at a draw; `automatic` leaves it to the compiler.
enum class AskedEstimator : uint8_t {
  automatic,
#define ESTIMATOR(name, ...) name,
#include "dsl/estimators.def"
#undef ESTIMATOR
};

enum class Passage : uint8_t { pathwise, credit, enumerate, relax };

struct EstimatorKind {
  AskedEstimator estimator{};
  std::string_view name;
  Passage passage{};
  std::string_view meaning;
  std::vector<std::string_view> arguments;
};

const std::vector<EstimatorKind>& estimator_kinds();

// Of any but `automatic`; internal error else.
const EstimatorKind& kind_of(AskedEstimator);
// As it is written: `auto`, `score`.
std::string_view text(AskedEstimator);
// What is written as `name`; nothing where it is no estimator.
std::optional<AskedEstimator> find_estimator(std::string_view name);
// The names of its arguments, the positional one first; empty for `automatic`.
std::vector<std::string> arguments_of(AskedEstimator);
// What to say of a name that is none: the nearest that is one, or all.
std::string known_estimators_hint(std::string_view name);
// Whether it is asked for, and passes the gradient so.
bool passes(AskedEstimator, Passage);

}  // namespace alea
