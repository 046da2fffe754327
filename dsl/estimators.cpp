// The table of estimators.def.
#include "dsl/estimators.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "dsl/diagnostic.h"

namespace alea {

const std::vector<EstimatorKind>& estimator_kinds() {
  static const std::vector<EstimatorKind> kinds{
#define ESTIMATOR(name, passage, meaning, ...) {AskedEstimator::name, #name, Passage::passage, meaning, {__VA_ARGS__}},
#include "dsl/estimators.def"
#undef ESTIMATOR
  };
  return kinds;
}

const EstimatorKind& kind_of(AskedEstimator estimator) {
  const auto found = std::ranges::find(estimator_kinds(), estimator, &EstimatorKind::estimator);
  if (found == estimator_kinds().end()) internal_error("`auto` is no kind of estimator");
  return *found;
}

std::string_view text(AskedEstimator estimator) {
  return estimator == AskedEstimator::automatic ? "auto" : kind_of(estimator).name;
}

std::optional<AskedEstimator> find_estimator(std::string_view name) {
  if (name == "auto") return AskedEstimator::automatic;
  const auto found = std::ranges::find(estimator_kinds(), name, &EstimatorKind::name);
  if (found == estimator_kinds().end()) return std::nullopt;
  return found->estimator;
}

std::vector<std::string> arguments_of(AskedEstimator estimator) {
  if (estimator == AskedEstimator::automatic) return {};
  const std::vector<std::string_view>& arguments = kind_of(estimator).arguments;
  return {arguments.begin(), arguments.end()};
}

std::string known_estimators_hint(std::string_view name) {
  std::vector<std::string> known{"auto"};
  for (const EstimatorKind& kind : estimator_kinds()) known.emplace_back(kind.name);
  const std::string near = nearest(name, known);
  return near.empty() ? fmt::format("one of `{}`", fmt::join(known, "`, `")) : "did you mean `" + near + "`?";
}

bool passes(AskedEstimator estimator, Passage passage) {
  return estimator != AskedEstimator::automatic && kind_of(estimator).passage == passage;
}

}  // namespace alea
