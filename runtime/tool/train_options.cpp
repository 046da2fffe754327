// Defaults that depend on other settings are filled in once all are known.
#include "runtime/tool/train_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cmath>

#include "runtime/errors.h"
#include "runtime/tool/options.h"

namespace alea {

namespace {

constexpr int64_t most_steps = int64_t{1} << 40;

double default_rate(OptimiserKind kind) {
  switch (kind) {
    case OptimiserKind::sgd:
    case OptimiserKind::momentum:
    case OptimiserKind::adam:
    case OptimiserKind::adamw: return 0.01;
    case OptimiserKind::rmsprop: return 0.001;
    case OptimiserKind::natural: return 0.1;
  }
  return 0.01;
}

void require_positive(const char* option, double value, bool zero_too) {
  if (!std::isfinite(value) || !(zero_too ? value >= 0 : value > 0))
    throw UsageError{fmt::format("{}: {} is not {}", option, value, zero_too ? "0 or more" : "above 0")};
}

void set_count(const char* option, const std::string& text, int64_t low, int64_t& count) {
  if (!text.empty()) count = parse_count(option, text, low, most_steps);
}

}  // namespace

void add_train_options(CLI::App& app, TrainSettings& settings) {
  TrainOptions& loop = settings.loop;
  app.add_option("--steps", settings.steps_text, "how many steps")->required();
  app.add_option("--batch", settings.batch_text, "samples per step (default 64)");
  app.add_option("--samples-per-row", settings.per_row_text,
                 "of a model with inputs: samples that read the same row (default 1)");
  app.add_option("--optimizer", settings.optimiser_text, "sgd, momentum, adam (default), adamw, rmsprop or natural")
      ->check(CLI::IsMember({"sgd", "momentum", "adam", "adamw", "rmsprop", "natural"}));
  app.add_option("--lr", settings.rate, "the learning rate (default 0.01; rmsprop 0.001, natural 0.1)");
  app.add_option("--lr-schedule", settings.schedule_text, "constant (default), linear or cosine to 0, step: a tenth each third")
      ->check(CLI::IsMember({"constant", "linear", "cosine", "step"}));
  app.add_option("--momentum", loop.optimiser.momentum, "of momentum, and adam's first decay (default 0.9)");
  app.add_option("--square-decay", loop.optimiser.square_decay, "adam's second decay (default 0.999), rmsprop's (0.99)");
  app.add_option("--weight-decay", loop.optimiser.weight_decay, "of adamw (default 0)");
  app.add_option("--damping", settings.damping, "of natural: what is added to the Fisher information (default 0.001)");
  app.add_option("--cg-iterations", settings.iterations_text, "of natural: conjugate-gradient iterations a step (default 10)");
  app.add_option("--kl", settings.divergence, "of natural: how far a step may move the law, in nats (default: no bound)");
  app.add_option("--clip-norm", loop.clip_norm, "the gradient's greatest norm (default: none)");
  app.add_option("--eval-every", settings.evaluate_every_text, "steps between evaluations (default: a tenth of all)");
  app.add_option("--eval-samples", settings.evaluation_samples_text, "samples of an evaluation (default 1000)");
  app.add_option("--eval-model", settings.evaluation_model, "the graph, mdp or instance that is evaluated");
  app.add_option("--eval-policy", settings.evaluation_policy, "the policy that is evaluated");
  app.add_option("--eval-data", settings.evaluation_data, "INPUT=FILE: data that are evaluated on")
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--freeze", settings.frozen, "NAME, or GROUP.*: params that are not trained")
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--target", loop.target, "end where an evaluation is this good");
  app.add_option("--keep", settings.keep_text, "the params that --out gets: the last (default) or those of the best evaluation")
      ->check(CLI::IsMember({"last", "best"}));
  app.add_option("--out", settings.out, "FILE.npz: the params that were found");
  app.add_option("--checkpoint", settings.checkpoint, "FILE: the state, to go on from");
  app.add_option("--every", settings.every_text, "steps between checkpoints (default: a tenth of all)");
  app.add_option("--resume", settings.resume, "FILE: go on from this checkpoint");
  app.add_option("--log", settings.log, "FILE.jsonl: one line a step and an evaluation");
  app.add_option("--plot", settings.plot, "FILE.svg: the learning curve");
}

void add_plot_options(CLI::App& app, PlotSettings& settings) {
  const auto add_list = [&](const char* name, std::vector<std::string>& list, const char* help) {
    app.add_option(name, list, help)->expected(1)->allow_extra_args(false)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  };
  app.add_option("-o,--output", settings.output, "FILE.svg")->required();
  app.add_option("--title", settings.title, "above the picture");
  add_list("--label", settings.labels, "of each file in turn (default: its name)");
  add_list("--value", settings.values, "of trajectories: what to draw, as x or x[1] (default: all)");
  app.add_option("--samples", settings.samples, "of trajectories: how many (default 5)");
}

void check_train_settings(TrainSettings& settings) {
  TrainOptions& loop = settings.loop;
  set_count("--steps", settings.steps_text, 1, loop.steps);
  set_count("--batch", settings.batch_text, 1, loop.batch);
  set_count("--samples-per-row", settings.per_row_text, 1, loop.samples_per_row);
  if (loop.samples_per_row > loop.batch) throw UsageError{"--samples-per-row: a row cannot have more samples than --batch"};
  loop.evaluate_every = loop.checkpoint_every = std::max<int64_t>(1, loop.steps / 10);
  set_count("--eval-every", settings.evaluate_every_text, 1, loop.evaluate_every);
  set_count("--eval-samples", settings.evaluation_samples_text, 1, loop.evaluation_samples);
  set_count("--every", settings.every_text, 1, loop.checkpoint_every);
  if (settings.checkpoint.empty()) loop.checkpoint_every = 0;
  loop.optimiser.kind = optimiser_named(settings.optimiser_text).value();
  loop.schedule = {schedule_named(settings.schedule_text).value(), settings.rate.value_or(default_rate(loop.optimiser.kind)),
                   loop.steps};
  settings.keep = settings.keep_text == "best" ? Keep::best : Keep::last;
  require_positive("--lr", loop.schedule.rate, false);
  require_positive("--clip-norm", loop.clip_norm, true);
  require_positive("--weight-decay", loop.optimiser.weight_decay, true);
  if (loop.optimiser.weight_decay > 0 && loop.optimiser.kind != OptimiserKind::adamw)
    throw UsageError{"--weight-decay: only adamw has it"};
  if (const bool asked = settings.damping || settings.divergence || !settings.iterations_text.empty();
      asked && loop.optimiser.kind != OptimiserKind::natural)
    throw UsageError{"--damping, --cg-iterations and --kl: only natural has them"};
  set_count("--cg-iterations", settings.iterations_text, 1, loop.natural.iterations);
  loop.natural.damping = settings.damping.value_or(loop.natural.damping);
  require_positive("--damping", loop.natural.damping, true);
  if (settings.divergence) require_positive("--kl", loop.natural.most_divergence = *settings.divergence, false);
  for (const auto& [option, value] :
       {std::pair("--momentum", loop.optimiser.momentum), {"--square-decay", loop.optimiser.square_decay.value_or(0)}})
    if (!(value >= 0 && value < 1)) throw UsageError{fmt::format("{}: {} is not in [0, 1)", option, value)};
  for (const auto& [option, path, end] : {std::tuple("--out", settings.out, ".npz"), {"--plot", settings.plot, ".svg"}})
    if (!path.empty() && !path.ends_with(end)) throw UsageError{fmt::format("{}: `{}` does not end in {}", option, path, end)};
}

}  // namespace alea
