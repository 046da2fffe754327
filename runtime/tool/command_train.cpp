// alea train: a loss or several are compiled, stepped on and judged; the state, the log, the picture and the params go to
// files, a table of evaluations to people. Ctrl-C ends it like a last step. On divergence it says where, and gives the
// last params at which all was finite.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "runtime/errors.h"
#include "runtime/file.h"
#include "runtime/learn/checkpoint.h"
#include "runtime/npy.h"
#include "runtime/params.h"
#include "runtime/text_table.h"
#include "runtime/tool/commands.h"
#include "runtime/tool/engine.h"
#include "runtime/tool/progress.h"
#include "runtime/tool/train_log.h"
#include "runtime/tool/train_plot.h"

namespace alea {

namespace {

// One compiled model of the file, with what runs it.
struct Part {
  Model model;
  std::vector<InputRows> rows;  // of what is trained: its driver gets those of a step
  const Program* program = nullptr;
  std::unique_ptr<Engine> engine;
  std::unique_ptr<Engine> fisher;  // of Fisher-vector products, for `natural`
};

// `pattern` is a param's name, or a group's with .* behind it.
bool names(const std::string& pattern, const std::string& param) {
  return pattern.ends_with(".*") ? param.starts_with(pattern.substr(0, pattern.size() - 1)) : param == pattern;
}

// `natural` has a metric for what the laws of draws depend on, and for nothing else.
void require_metric(const Model& model, const std::vector<std::string>& frozen) {
  const StochasticGraph& graph = model.compiled->graph;
  const FisherInformation& fisher = *model.compiled->fisher;
  for (const DrawId id : fisher.undensified)
    throw UsageError{
        fmt::format("--optimizer natural: `{}` has no log density to take the Fisher information of", graph.draws[id].name)};
  if (fisher.unmoved.size() == graph.params.size())
    throw UsageError{
        fmt::format("--optimizer natural: the law of no draw of `{}` depends on a param, so that there is no Fisher "
                    "information; take another optimizer",
                    graph.model)};
  for (const ParamId id : fisher.unmoved)
    if (const std::string& name = graph.params[id].name;
        std::ranges::none_of(frozen, [&](const std::string& pattern) { return names(pattern, name); }))
      throw UsageError{
          fmt::format("--optimizer natural: the law of no draw depends on `{}`; freeze it (--freeze {}), or take "
                      "another optimizer",
                      name, name)};
}

// What is judged is compiled like what is trained, but for its name and the estimators that it does not need.
std::unique_ptr<Part> make_part(Session& session, const std::string& model, const std::string& policy, bool judge) {
  const ToolOptions whole = session.options;
  ToolOptions& options = session.options;
  options.check.model = model;
  options.check.policy = policy;
  options.params.clear();  // they are set once it is known which there are
  options.params_file.clear();
  if (judge) {
    options.quiet = true, options.estimators.clear();  // warnings were printed
    if (!options.train.evaluation_data.empty()) options.data = options.train.evaluation_data;
  }
  const bool natural = !judge && options.train.loop.optimiser.kind == OptimiserKind::natural;
  auto part = std::make_unique<Part>();
  part->model = prepare_model(session, judge ? Wanted::forward : natural ? Wanted::gradient_and_fisher : Wanted::gradient);
  if (!judge) part->rows = std::move(part->model.inputs), part->model.inputs.clear();
  part->program = judge ? &part->model.compiled->forward : &part->model.compiled->program;
  part->engine = std::make_unique<Engine>(session, part->model, *part->program, options.interpret);
  if (natural && !part->model.is_program()) {
    require_metric(part->model, options.train.frozen);
    part->fisher = std::make_unique<Engine>(session, part->model, part->model.compiled->fisher->program, options.interpret);
  }
  options = whole;
  return part;
}

std::vector<std::string> models_of(const std::string& list) {
  std::vector<std::string> names(1);
  for (const char c : list) {
    if (c == ',') names.emplace_back();
    else names.back() += c;
  }
  return names;
}

// Every param of every loss once, by name.
struct Trained {
  Table<ParamId, GraphParam> params;
  ParamArrays values;
  std::optional<size_t> find(const std::string& name) const {
    for (uint32_t k = 0; k < params.size(); ++k)
      if (params[ParamId{k}].name == name) return k;
    return std::nullopt;
  }
};

std::vector<Loss> make_losses(const std::vector<std::unique_ptr<Part>>& parts, const std::vector<std::string>& frozen,
                              Trained& trained) {
  std::vector<Loss> losses;
  for (const auto& part : parts) {
    Loss loss{&part->engine->driver(), part->program, {}, {}, &part->rows, part->fisher ? &part->fisher->driver() : nullptr};
    const auto& params = part->model.compiled->graph.params;
    if (params.size() == 0 || !part->program->has_gradient)
      throw UsageError{fmt::format("`{}` has no params to train", part->program->model)};
    for (uint32_t k = 0; k < params.size(); ++k) {
      const GraphParam& param = params[ParamId{k}];
      auto place = trained.find(param.name);
      if (!place) {
        place = trained.params.size();
        trained.params.add(param);
        trained.values.push_back(part->model.params[k]);
      } else if (trained.params[ParamId{static_cast<uint32_t>(*place)}].type.shape != param.type.shape) {
        throw UsageError{fmt::format("param `{}` has another shape in `{}`", param.name, part->program->model)};
      }
      loss.params.push_back(*place);
      loss.frozen.push_back(std::ranges::any_of(frozen, [&](const std::string& pattern) { return names(pattern, param.name); }));
    }
    if (std::ranges::all_of(loss.frozen, [](bool each) { return each; }))
      throw UsageError{fmt::format("--freeze: no param of `{}` is left to train", part->program->model)};
    losses.push_back(std::move(loss));
  }
  for (const std::string& pattern : frozen)
    if (std::ranges::none_of(trained.params, [&](const GraphParam& param) { return names(pattern, param.name); }))
      throw UsageError{fmt::format("--freeze: there is no param `{}`", pattern)};
  return losses;
}

Judge make_judge(Part& part, const Trained& trained) {
  Judge judge{&part.engine->driver(), part.model.params, {}, part.program->maximise};
  for (const GraphParam& param : part.model.compiled->graph.params) judge.trained.push_back(trained.find(param.name));
  return judge;
}

RunMarks marks_of(const std::vector<std::unique_ptr<Part>>& parts, const Part& judge, const ToolOptions& options) {
  const TrainOptions& loop = options.train.loop;
  std::string model = options.single_precision ? "f32\n" : "f64\n";
  for (const auto& part : parts) model += print(*part->program);
  model += print(*judge.program);
  const bool length_matters = loop.schedule.kind != ScheduleKind::constant;
  const std::string settings =
      fmt::format("{} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {}", loop.batch, loop.samples_per_row, loop.seed,
                  name_of(loop.optimiser.kind), loop.optimiser.momentum, loop.optimiser.square_decay.value_or(-1),
                  loop.optimiser.weight_decay, name_of(loop.schedule.kind), loop.schedule.rate, length_matters ? loop.steps : 0,
                  loop.clip_norm, loop.evaluate_every, loop.evaluation_samples, loop.adapt_every, loop.natural.damping,
                  loop.natural.iterations, loop.natural.most_divergence);
  uint64_t data = mark_of(judge.model.inputs);
  for (const auto& part : parts) data = data * 31 + mark_of(part->rows);
  return {mark_of(model), mark_of(settings), data};
}

std::string divergence_text(const Session& session, const Divergence& divergence, const std::vector<std::unique_ptr<Part>>& parts,
                            const Part& judge, const Trained& trained) {
  const Part& part = divergence.loss ? *parts[*divergence.loss] : judge;
  std::string text = divergence.loss ? fmt::format("training diverged in step {}", divergence.step)
                                     : fmt::format("the params before step {} cannot be evaluated", divergence.step);
  const Program& program = divergence.in_fisher ? part.model.compiled->fisher->program : *part.program;
  if (divergence.report)
    text += (divergence.in_fisher ? " in the Fisher information: " : ": ") + place_of(session, program, *divergence.report);
  if (divergence.param)
    text += fmt::format(": param `{}` is no longer finite after it",
                        trained.params[ParamId{static_cast<uint32_t>(*divergence.param)}].name);
  return text;
}

std::string_view name_of(TrainEnd end) {
  switch (end) {
    case TrainEnd::steps: return "steps";
    case TrainEnd::target: return "target";
    case TrainEnd::interrupted: return "interrupted";
    case TrainEnd::diverged: return "diverged";
  }
  return {};
}

std::string title_of(const Part& part) {
  const Program& program = *part.program;
  return program.policy.empty() ? program.model : fmt::format("{}, policy {}", program.model, program.policy);
}

struct Summary {
  const ToolOptions& options;
  const std::vector<std::unique_ptr<Part>>& parts;
  const Part& judge;
  const Trained& trained;
  const TrainState& state;
  const ParamArrays& kept;
  TrainEnd end;
  double seconds;
};

std::string summary_text(const Summary& summary, bool colour) {
  const TrainOptions& loop = summary.options.train.loop;
  std::string text = bold(title_of(*summary.parts[0]), colour);
  text += fmt::format("    {} step{} of {} samples, seed {}, {}", summary.state.step, summary.state.step == 1 ? "" : "s",
                      loop.batch, loop.seed, name_of(loop.optimiser.kind));
  if (summary.end != TrainEnd::steps)
    text += fmt::format("    ({})", summary.end == TrainEnd::target ? "target reached" : name_of(summary.end));
  text += "\n\n";
  TextTable table({Align::right, Align::right, Align::right, Align::right});
  table.add({"step", "in training", summary.judge.program->maximise ? "expected reward" : "expected cost", "standard error"});
  const auto cell = [](double value) { return std::isnan(value) ? std::string("-") : number_text(value); };
  // At most some twenty lines, the last one always.
  const std::vector<CurvePoint>& curve = summary.state.curve;
  const size_t every = (curve.size() + 19) / 20;
  for (size_t k = 0; k < curve.size(); ++k)
    if (k % every == 0 || k + 1 == curve.size())
      table.add({fmt::format("{}", curve[k].step), cell(curve[k].training_mean), cell(curve[k].evaluation_mean),
                 cell(curve[k].evaluation_error)});
  text += table.print(colour);

  constexpr size_t most_shown = 8;
  TextTable values({Align::left, Align::right});
  values.add({"param", summary.options.train.keep == Keep::best ? "best" : "last"});
  for (uint32_t k = 0; k < summary.trained.params.size(); ++k) {
    const GraphParam& param = summary.trained.params[ParamId{k}];
    const std::vector<double>& elements = summary.kept[k];
    if (elements.size() > most_shown) values.add({param.name, to_string(param.type)});
    else
      for (size_t e = 0; e < elements.size(); ++e)
        values.add({element_name(param.name, param.type.shape, static_cast<int64_t>(e)), number_text(elements[e])});
  }
  return text + "\n" + values.print(colour);
}

Json summary_json(const Summary& summary) {
  const TrainOptions& loop = summary.options.train.loop;
  const Program& program = *summary.parts[0]->program;
  Json json;
  json["model"] = program.model;
  json["policy"] = program.policy.empty() ? Json(nullptr) : Json(program.policy);
  json["steps"] = summary.state.step;
  json["batch"] = loop.batch;
  json["seed"] = loop.seed;
  json["precision"] = summary.options.single_precision ? "f32" : "f64";
  json["optimizer"] = name_of(loop.optimiser.kind);
  json["end"] = name_of(summary.end);
  json["evaluations"] = Json::array();
  for (const CurvePoint& point : summary.state.curve) json["evaluations"].push_back(evaluation_json(point));
  json["params"] = Json::object();
  for (uint32_t k = 0; k < summary.trained.params.size(); ++k) {
    const GraphParam& param = summary.trained.params[ParamId{k}];
    json["params"][param.name] = {{"shape", param.type.shape}, {"value", summary.kept[k]}};
  }
  json["seconds"] = json_number(summary.seconds);
  json["threads"] = summary.parts[0]->engine->threads();
  return json;
}

}  // namespace

int command_train(Session& session) {
  ToolOptions& options = session.options;
  TrainSettings& settings = options.train;
  settings.loop.seed = options.seed;
  const auto start = std::chrono::steady_clock::now();

  std::vector<std::unique_ptr<Part>> parts;
  for (const std::string& name : models_of(options.check.model))
    parts.push_back(make_part(session, name, options.check.policy, /*judge=*/false));
  require_model(session, parts[0]->model, "`train`");
  Trained trained;
  const std::vector<Loss> losses = make_losses(parts, settings.frozen, trained);
  const std::string& model = settings.evaluation_model;
  const std::string& policy = settings.evaluation_policy;
  if (const std::string& file = options.params_file; !file.empty())
    set_params(trained.params, arrays_among(trained.params, read_npz(read_file(file), file)), trained.values);
  for (const std::string& text : options.params) set_param(trained.params, text, trained.values);
  const std::unique_ptr<Part> judging =
      make_part(session, model.empty() ? parts[0]->program->model : model,
                policy.empty() ? (model.empty() ? parts[0]->program->policy : options.check.policy) : policy, /*judge=*/true);
  Judge judge = make_judge(*judging, trained);

  const RunMarks marks = marks_of(parts, *judging, options);
  TrainState state = first_state(losses, trained.values);
  if (!settings.resume.empty()) state = read_checkpoint(read_file(settings.resume), settings.resume, marks, state);
  TrainLog log(settings.log, settings.resume.empty() ? -1 : state.step);
  settings.loop.stop = catch_interrupts();

  const auto save = [&](const TrainState& now) {
    if (!settings.checkpoint.empty()) write_file(settings.checkpoint, write_checkpoint(now, marks));
  };
  TrainResult result;
  {
    Progress progress(session.progress, settings.loop.steps, "steps");
    std::string note;
    TrainEvents events;
    events.stepped = [&](const StepRecord& record) {
      log.add(record, losses.size() > 1 ? parts[record.loss]->program->model : "");
      progress.update(record.step, note.empty() ? fmt::format("{:.4g}", record.objective) : note);
    };
    events.evaluated = [&](const CurvePoint& point) {
      log.add(point);
      note = fmt::format("{:.4g} ± {:.2g}", point.evaluation_mean, point.evaluation_error);
    };
    events.checkpoint = [&](const TrainState& now) {
      log.flush();
      save(now);
    };
    result = train(losses, judge, settings.loop, state, events);
  }
  log.flush();
  if (result.end != TrainEnd::diverged) save(state);
  const ParamArrays& kept = settings.keep == Keep::best && !state.best.empty() ? state.best : state.params;
  if (!settings.out.empty()) write_file(settings.out, write_npz(named_arrays(trained.params, kept)));
  if (!settings.plot.empty()) write_file(settings.plot, draw(learning_curve(title_of(*parts[0]), judge.maximise, state.curve)));

  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const Summary summary{options, parts, *judging, trained, state, kept, result.end, seconds};
  if (options.json) print_json(summary_json(summary));
  else print_out(summary_text(summary, session.colour_out));
  if (session.progress) print_note(fmt::format("{:.3g} s, threads: {}", seconds, parts[0]->engine->threads()));
  switch (result.end) {
    case TrainEnd::steps:
    case TrainEnd::target: return status_done;
    case TrainEnd::interrupted: return status_interrupted;
    case TrainEnd::diverged: break;
  }
  print_note(fmt::format("alea: {}; what is kept are the {} params",
                         divergence_text(session, *result.divergence, parts, *judging, trained),
                         settings.keep == Keep::best ? "best" : "last finite"));
  return status_numbers;
}

}  // namespace alea
