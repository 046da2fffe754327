// Pictures of training runs. In: evaluations by step. Out: a chart for runtime/plot.h.
#pragma once
#include "runtime/learn/train.h"
#include "runtime/plot.h"

namespace alea {

// Evaluations with a band of two standard errors, and the objective of the training steps beside them.
Chart learning_curve(const std::string& title, bool maximise, const std::vector<CurvePoint>&);
Series evaluation_series(const std::string& name, const std::vector<CurvePoint>&);

}  // namespace alea
