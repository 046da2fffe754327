// What the command line said about training and plotting. In: the words of `alea train` and `alea plot`. Out: settings in
// range, or a UsageError that names the option.
#pragma once
#include <optional>
#include <string>

#include "runtime/learn/train.h"

namespace CLI {
class App;
}

namespace alea {

struct TrainSettings {
  TrainOptions loop;
  Keep keep = Keep::last;
  std::string evaluation_model, evaluation_policy;  // empty: those that are trained
  std::vector<std::string> evaluation_data;         // empty: the data that are trained on
  std::vector<std::string> frozen;                  // params, or groups with .* behind
  std::string out, checkpoint, resume, log, plot;
  // As they were written, until they are checked.
  std::string steps_text, batch_text, per_row_text, every_text, evaluate_every_text, evaluation_samples_text;
  std::string optimiser_text = "adam", schedule_text = "constant", keep_text = "last";
  std::string iterations_text;
  std::optional<double> rate, damping, divergence;
};

struct PlotSettings {
  std::string output, title;
  std::vector<std::string> values;  // of trajectories; none: the states
  int64_t samples = 5;              // of trajectories
  std::vector<std::string> labels;
};

void add_train_options(CLI::App&, TrainSettings&);
void add_plot_options(CLI::App&, PlotSettings&);
void check_train_settings(TrainSettings&);

}  // namespace alea
