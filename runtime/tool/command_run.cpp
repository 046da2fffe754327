// alea run and alea grad: the objective, and its gradient.
#include <fmt/format.h>

#include <algorithm>

#include "runtime/errors.h"
#include "runtime/tool/commands.h"
#include "runtime/tool/engine.h"
#include "runtime/tool/progress.h"
#include "runtime/tool/trace.h"

namespace alea {

namespace {

void note_speed(const Model& model, const Report& report) {
  const double steps =
      static_cast<double>(report.samples) * static_cast<double>(std::max<int64_t>(1, model.compiled->graph.horizon));
  print_note(fmt::format("{:.3g} s to compile, {:.3g} s to run ({:.3g} ns a sample and step), threads: {}",
                         report.compile_seconds, report.run_seconds, 1e9 * report.run_seconds / steps, report.threads));
}

}  // namespace

int command_run(Session& session) {
  const bool gradient = session.options.command == Command::grad;
  const Model model = prepare_model(session, gradient ? Wanted::gradient : Wanted::forward);
  // Forward alone, every draw is drawn: nothing is enumerated.
  const Program& program = gradient ? model.compiled->program : model.compiled->forward;
  Engine engine(session, model, program, session.options.interpret);

  Estimate estimate;
  {
    Progress progress(session.progress, session.options.samples);
    RunOptions options;
    options.samples = session.options.samples;
    options.seed = session.options.seed;
    options.gradient = gradient;
    options.stop = catch_interrupts();
    options.progress = [&](int64_t done) { progress.update(done); };
    estimate = engine.run(model.params, options);
  }
  if (estimate.samples == 0) throw NumericError{"interrupted before the first samples were done"};

  const Report report = make_report(session, model, engine, estimate, gradient);
  if (session.options.json) print_json(report_json(report));
  else print_out(report_text(report, session.colour_out));
  if (!session.options.trace.empty()) write_trace(session, model);
  if (session.progress) note_speed(model, report);

  std::string where;
  if (!all_finite(report, where)) {
    const std::string place = estimate.non_finite ? "; " + place_of(session, program, *estimate.non_finite) : "";
    print_note(fmt::format("alea: {} is not finite{}", where, place));
    return status_numbers;
  }
  return report.interrupted ? status_interrupted : status_done;
}

}  // namespace alea
