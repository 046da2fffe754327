// The library: compile a model, run it, differentiate it.
//
//   auto model = alea::compile_file("pendulum.alea", {.policy = "linear"});
//   if (!model) { std::cerr << model.error(); return 1; }
//   auto params = model->initial_params(/*seed=*/0);          // named flat arrays
//   params["gain"][1] = -2;
//   auto g = model->gradient(params, {.samples = 10'000, .seed = 1});
//   g.objective.mean, g.gradient["gain"].mean[0], g.gradient["gain"].standard_error[0]
//
// Needs nothing but the standard library and Eigen to include. A model is immutable; its runs may not overlap in time.
#pragma once
#include <Eigen/Core>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace alea::api {

// Where the package was installed: its CMake files say it.
#ifndef ALEA_DATA_DIR
#define ALEA_DATA_DIR ""
#endif

struct CompileOptions {
  std::string model;  // needed where the file has several
  std::string policy;
  std::map<std::string, std::string> constants;   // name → expression
  std::map<std::string, std::string> estimators;  // node → estimator, as `by` in the model
  bool single_precision = false;
  bool interpret = false;  // the slow, obvious backend
  int threads = 0;         // 0: all
};

struct RunSettings {
  std::int64_t samples = 10'000;
  std::uint64_t seed = 0;
};

// A flat, row-major array with its shape.
struct NamedArray {
  std::vector<std::int64_t> shape;
  std::vector<double> values;
  double& operator[](std::size_t index) { return values[index]; }
  double operator[](std::size_t index) const { return values[index]; }
  Eigen::Map<Eigen::VectorXd> vector() { return {values.data(), static_cast<Eigen::Index>(values.size())}; }
  // Of an array with two axes.
  Eigen::Map<Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>> matrix() {
    return {values.data(), static_cast<Eigen::Index>(shape.at(0)), static_cast<Eigen::Index>(shape.at(1))};
  }
};
using Params = std::map<std::string, NamedArray>;
// Rows of each input: the first axis counts them. Sample i reads row i mod rows.
using Inputs = std::map<std::string, NamedArray>;

struct ObjectiveEstimate {
  double mean = 0, standard_error = 0;  // the error is NaN where there are too few samples
};
struct GradientEstimate {
  std::vector<std::int64_t> shape;
  std::vector<double> mean, standard_error;
};
struct ModelEstimate {
  ObjectiveEstimate objective;
  std::map<std::string, GradientEstimate> gradient;  // empty after `run`
  std::int64_t samples = 0;
};

class Model {
 public:
  Params initial_params(std::uint64_t seed = 0) const;
  // Throw std::invalid_argument where a param or an input is missing, unknown or of another shape.
  void set_inputs(const Inputs&);
  ModelEstimate run(const Params&, const RunSettings& = {}) const;
  ModelEstimate gradient(const Params&, const RunSettings& = {}) const;

  struct Parts;
  explicit Model(std::shared_ptr<Parts> parts) : parts_(std::move(parts)) {}

 private:
  std::shared_ptr<Parts> parts_;
};

// A model, or what is wrong with it, rendered as the command renders it.
class CompileResult {
 public:
  CompileResult(Model model) : model_(std::move(model)) {}
  explicit CompileResult(std::string error) : error_(std::move(error)) {}
  explicit operator bool() const { return model_.has_value(); }
  Model& operator*() { return *model_; }
  Model* operator->() { return &*model_; }
  const std::string& error() const { return error_; }

 private:
  std::optional<Model> model_;
  std::string error_;
};

// `data_folder` holds stdlib/ and examples/; where it does not they are looked for beside the program.
CompileResult compile_file(const std::string& path, const CompileOptions& = {}, const std::string& data_folder = ALEA_DATA_DIR);
CompileResult compile_text(const std::string& text, const CompileOptions& = {}, const std::string& data_folder = ALEA_DATA_DIR);

}  // namespace alea::api

namespace alea {
using api::compile_file;
using api::compile_text;
}  // namespace alea
