// In: parsed files and options. Out: everything known about one model. One arrow, no way back: each stage is
// a function from one immutable value to another.
#include "compiler/pipeline.h"

#include "compiler/estimator/expand_enumeration.h"
#include "compiler/estimator/relax.h"
#include "compiler/estimator/requests.h"
#include "compiler/graph/elaborate.h"
#include "compiler/stage.h"

namespace alea {

std::optional<Compiled> compile(const SourceMap& sources, const ParsedFiles& files, const PipelineOptions& options,
                                Diagnostics& diagnostics) {
  Stages stages(options);
  Compiled compiled;

  // Names, types and shapes; functions, modules and distributions are specialised and inlined.
  auto typed = stages.run(Stage::check, [&] { return check_model(sources, files, options.check, diagnostics); });
  if (!typed || diagnostics.has_errors()) return std::nullopt;
  compiled.typed = std::move(*typed);
  stages.dump("typed", [&] { return print(compiled.typed); });
  // From here on every expression has a type and a known shape.

  auto elaborated = stages.run(Stage::elaborate, [&] { return elaborate(compiled.typed, diagnostics); });
  if (!elaborated || diagnostics.has_errors()) return std::nullopt;
  compiled.graph = std::move(elaborated->graph);
  compiled.initial_params = std::move(elaborated->initial_params);
  stages.dump("graph", [&] { return print(compiled.graph, &sources); });
  // From here on time is regions and carried states; nothing is unrolled, comprehensions are arrays.

  apply_requests(compiled.graph, options.choose.estimators, diagnostics);
  if (diagnostics.has_errors()) return std::nullopt;
  const StochasticGraph plain = compiled.graph;
  const bool relaxed = stages.run(Stage::relax, [&] { return relax_draws(compiled.graph, diagnostics); });
  if (diagnostics.has_errors()) return std::nullopt;
  // From here on a draw that asks for a relaxation is continuous.

  Diagnostics unheard;
  Diagnostics& of_choice = options.forward_only ? unheard : diagnostics;
  auto chosen = stages.run(Stage::choose, [&] { return choose_estimators(compiled.graph, options.choose, sources, of_choice); });
  if (!chosen && options.forward_only) {
    compiled.graph = plain;
    compiled.forward = build_gradient_program(plain, {}, {}, {.gradient = false});
    return compiled;
  }
  if (!chosen) return std::nullopt;
  compiled.chosen = std::move(*chosen);
  compiled.explanation = explain(compiled.graph, compiled.chosen, sources, options.reasons);
  // From here on every draw has an estimator for every class of costs that it reaches.

  Expanded expanded = stages.run(Stage::expand, [&] { return expand_enumeration(compiled.graph, compiled.chosen.plan); });
  // From here on no draw is enumerated: its outcomes are an array axis, weighted by their probabilities.

  stages.run(Stage::fork, [&] { return expand_forks(expanded), 0; });
  // From here on what forks has its rows beside it: what is downstream, evaluated again for other values.

  GradientOptions gradient_options{true, options.drop_score_paths};
  compiled.program = stages.run(
      Stage::adjoint, [&] { return build_gradient_program(expanded.graph, expanded.plan, expanded.forks, gradient_options); });
  gradient_options.gradient = false;
  // Forward alone, a relaxed draw is its hard self again: the objective is the model's.
  compiled.forward = build_gradient_program(relaxed ? plain : compiled.graph, compiled.chosen.plan, {}, gradient_options);
  if (options.fisher_information) compiled.fisher = stages.run(Stage::fisher, [&] { return fisher_information(plain); });
  stages.dump("estimator", [&] { return print(compiled.program, &sources); });
  // From here on nothing is random: noise is an input with a key.
  return compiled;
}

}  // namespace alea
