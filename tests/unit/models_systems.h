// Every standard model once more, in plain C++ and apart from Alea: what one step does to its states.
#pragma once
#include <map>
#include <string>
#include <vector>

namespace alea::test {

using Values = std::map<std::string, std::vector<double>>;

struct StepResult {
  Values next;        // of the states
  double reward = 0;  // or cost
  bool ends = false;
};

struct System {
  std::string name;
  int horizon = 0;
  std::string policy;  // uniform actions, in words of the model's own
  StepResult (*step)(const Values& states_and_actions);
  // Uniform actions: the mean return that rl-systems of the literature give or that is known exactly, and what is left
  // open of it by rounding, by its own standard error, or between two sources. NaN: the model has no such number.
  double random_return = 0, open = 0;
  // Of the return, and the greatest error that is told from it, as a share.
  int64_t samples = 40000;
  double share = 0.01;
  int64_t compared = 64;  // samples whose every step is compared
};

// models_articulated.cpp
StepResult swimmer(const Values&);
StepResult chain_reacher(const Values&);
StepResult mountain_car_rllab(const Values&);

const std::vector<System>& systems();

}  // namespace alea::test
