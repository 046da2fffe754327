// The values that estimators need beside the params (temperature and weight of REBAR's control variate, running
// baselines), set by pilot runs on noise of their own, so that no estimate is biased by them.
#pragma once
#include "runtime/driver.h"

namespace alea {

// Sets the driver's adapted values for these params, unless they are already: the same to the bit for any number of
// threads, and whatever was run before. The pilot's seed is its own, so that no estimate shares its noise. Does nothing
// for a program that adapts nothing.
//   weight η: the gradient is g₀ + η h, so its variance is a parabola in η, and three runs give its lowest point
//   temperature τ: the best of a grid, each with its best η
//   baseline: the mean of what it is subtracted from, over the samples whose episode goes on, by a run without; where episodes
//   end, a run with the baseline 1 tells how many these are
void adapt(Driver&, const Program&, const ParamArrays&);

}  // namespace alea
