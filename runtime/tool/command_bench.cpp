// alea bench: how fast a model is. Runs are short and many, and the best one counts: on a shared machine all others
// measure the neighbours.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "runtime/text_table.h"
#include "runtime/tool/commands.h"
#include "runtime/tool/engine.h"
#include "runtime/tool/progress.h"

namespace alea {

namespace {

struct Speed {
  double best = std::numeric_limits<double>::infinity(), median = 0;  // ns a sample and step
};

Speed measure(Engine& engine, const Model& model, RunOptions options, double steps) {
  constexpr double total_seconds = 2.0;
  constexpr size_t fewest = 5, most = 400;
  std::vector<double> times;
  double spent = 0;
  Estimate estimate;
  while (times.size() < fewest || (spent < total_seconds && times.size() < most)) {
    estimate = engine.run(model.params, options, std::move(estimate));
    const double seconds = estimate.seconds;
    if (options.stop && *options.stop) break;
    spent += seconds;
    times.push_back(1e9 * seconds / steps);
  }
  Speed speed;
  if (times.empty()) return speed;
  std::sort(times.begin(), times.end());
  speed.best = times.front();
  speed.median = times[times.size() / 2];
  return speed;
}

}  // namespace

int command_bench(Session& session) {
  const Model model = prepare_model(session);
  Engine engine(session, model, model.compiled->program, session.options.interpret);
  const int64_t horizon = std::max<int64_t>(1, model.compiled->graph.horizon);
  const double steps = static_cast<double>(session.options.samples) * static_cast<double>(horizon);

  RunOptions options;
  options.samples = session.options.samples;
  options.seed = session.options.seed;
  options.stop = catch_interrupts();
  options.gradient = false;
  const Speed forward = measure(engine, model, options, steps);
  options.gradient = true;
  const Speed gradient = measure(engine, model, options, steps);
  const double compile_seconds = model.seconds + engine.seconds();
  const int64_t workspace = engine.kernel() ? engine.kernel()->workspace_bytes() : 0;

  if (session.options.json) {
    const auto json = [](const Speed& speed) {
      return Json{{"best", json_number(speed.best)}, {"median", json_number(speed.median)}};
    };
    print_json(Json{{"model", model.compiled->graph.model},
                    {"policy", model.compiled->graph.policy.empty() ? Json(nullptr) : Json(model.compiled->graph.policy)},
                    {"samples", session.options.samples},
                    {"horizon", horizon},
                    {"precision", session.options.single_precision ? "f32" : "f64"},
                    {"threads", engine.threads()},
                    {"nanoseconds", {{"forward", json(forward)}, {"gradient", json(gradient)}}},
                    {"seconds", {{"compile", compile_seconds}}},
                    {"workspace_bytes", workspace}});
    return status_done;
  }
  TextTable table({Align::left, Align::right, Align::right});
  table.add({"ns a sample and step", "best", "median"});
  table.add({"forward", fmt::format("{:.3g}", forward.best), fmt::format("{:.3g}", forward.median)});
  table.add({"gradient", fmt::format("{:.3g}", gradient.best), fmt::format("{:.3g}", gradient.median)});
  print_out(table.print(session.colour_out));
  print_out(fmt::format("\n{} samples of {} steps, {}, threads: {}; {:.3g} ms to compile; {:.1f} KiB of workspace a thread\n",
                        session.options.samples, horizon, session.options.single_precision ? "f32" : "f64", engine.threads(),
                        1e3 * compile_seconds, static_cast<double>(workspace) / 1024));
  return status_done;
}

}  // namespace alea
