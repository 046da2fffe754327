#include "tests/unit/models_systems.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

namespace alea::test {

namespace {

constexpr double pi = std::numbers::pi, none = std::numeric_limits<double>::quiet_NaN();

double at(const Values& values, const char* name, size_t k = 0) { return values.at(name).at(k); }

double wrapped(double x) {
  while (x >= pi) x -= 2 * pi;
  while (x < -pi) x += 2 * pi;
  return x;
}

StepResult pendulum(const Values& s) {
  const double th = at(s, "th"), om = at(s, "om"), u = at(s, "u");
  const double speed = std::clamp(om + (3 * 10.0 / 2 * std::sin(th) + 3 * u) * 0.05, -8.0, 8.0);
  return {{{"th", {th + speed * 0.05}}, {"om", {speed}}}, -(std::pow(wrapped(th), 2) + 0.1 * om * om + 0.001 * u * u), false};
}

StepResult cart_pole(const Values& s) {
  const double x = at(s, "x"), v = at(s, "v"), th = at(s, "th"), om = at(s, "om"), force = at(s, "right") > 0.5 ? 10 : -10;
  const double temp = (force + 0.05 * om * om * std::sin(th)) / 1.1;
  const double angular = (9.8 * std::sin(th) - std::cos(th) * temp) / (0.5 * (4.0 / 3 - 0.1 * std::cos(th) * std::cos(th) / 1.1));
  const double linear = temp - 0.05 * angular * std::cos(th) / 1.1;
  const double x1 = x + 0.02 * v, th1 = th + 0.02 * om;
  return {{{"x", {x1}}, {"v", {v + 0.02 * linear}}, {"th", {th1}}, {"om", {om + 0.02 * angular}}},
          1,
          std::abs(x1) > 2.4 || std::abs(th1) > 12 * 2 * pi / 360};
}

StepResult car(double x, double v, double push, double goal) {
  v = std::clamp(v + push - 0.0025 * std::cos(3 * x), -0.07, 0.07);
  x = std::clamp(x + v, -1.2, 0.6);
  const bool there = x >= goal && v >= 0;
  if (x == -1.2 && v < 0) v = 0;
  return {{{"x", {x}}, {"v", {v}}}, there ? 1.0 : 0.0, there};
}

StepResult mountain_car_continuous(const Values& s) {
  const double a = at(s, "a");
  StepResult result = car(at(s, "x"), at(s, "v"), 0.0015 * a, 0.45);
  result.reward = (result.ends ? 100 : 0) - 0.1 * a * a;
  return result;
}

StepResult mountain_car(const Values& s) {
  StepResult result = car(at(s, "x"), at(s, "v"), 0.001 * (at(s, "a") - 1), 0.5);
  result.reward = -1;
  return result;
}

// Accelerations of the two links by the equations of gymnasium's acrobot.py with m = l = I = 1, lc = 1/2.
std::array<double, 4> acrobot_flow(const std::array<double, 4>& s, double torque) {
  const auto [a1, a2, v1, v2] = s;
  const double d1 = 0.25 + (1 + 0.25 + std::cos(a2)) + 2, d2 = 0.25 + 0.5 * std::cos(a2) + 1;
  const double phi2 = 0.5 * 9.8 * std::cos(a1 + a2 - pi / 2);
  const double phi1 = -0.5 * v2 * v2 * std::sin(a2) - v1 * v2 * std::sin(a2) + 1.5 * 9.8 * std::cos(a1 - pi / 2) + phi2;
  const double second = (torque + d2 / d1 * phi1 - 0.5 * v1 * v1 * std::sin(a2) - phi2) / (0.25 + 1 - d2 * d2 / d1);
  return {v1, v2, -(d2 * second + phi1) / d1, second};
}

StepResult acrobot(const Values& s) {
  const std::array<double, 4> begin{at(s, "t1"), at(s, "t2"), at(s, "w1"), at(s, "w2")};
  const double torque = at(s, "a") - 1, dt = 0.2;
  const auto moved = [&](const std::array<double, 4>& k, double by) {
    std::array<double, 4> to = begin;
    for (size_t i = 0; i < 4; ++i) to[i] += by * k[i];
    return to;
  };
  const auto k1 = acrobot_flow(begin, torque), k2 = acrobot_flow(moved(k1, dt / 2), torque),
             k3 = acrobot_flow(moved(k2, dt / 2), torque), k4 = acrobot_flow(moved(k3, dt), torque);
  std::array<double, 4> end = begin;
  for (size_t i = 0; i < 4; ++i) end[i] += dt / 6 * (k1[i] + 2 * k2[i] + 2 * k3[i] + k4[i]);
  const double t1 = wrapped(end[0]), t2 = wrapped(end[1]);
  const bool above = -std::cos(t1) - std::cos(t1 + t2) > 1;
  return {
      {{"t1", {t1}}, {"t2", {t2}}, {"w1", {std::clamp(end[2], -4 * pi, 4 * pi)}}, {"w2", {std::clamp(end[3], -9 * pi, 9 * pi)}}},
      above ? 0.0 : -1.0,
      above};
}

// rllab's cart and pole: the two equations solved by elimination of the cart's acceleration.
StepResult cart_and_pole(const Values& s) {
  const double x = at(s, "x"), v = at(s, "v"), th = at(s, "th"), om = at(s, "om"), force = at(s, "force");
  const double M = 1, m = 0.1, l = 0.5, inertia = m * 1.01 / 12, g = 10, h = 0.05;
  const double sine = std::sin(th), cosine = std::cos(th);
  const double angular = (m * g * l * sine + m * l * cosine * (force - m * l * sine * om * om) / (M + m)) /
                         (inertia + m * l * l - m * l * m * l * cosine * cosine / (M + m));
  const double linear = (force - m * l * sine * om * om + m * l * cosine * angular) / (M + m);
  const double v1 = v + h * linear, om1 = om + h * angular, x1 = x + h * v1, th1 = th + h * om1;
  return {{{"x", {x1}}, {"v", {v1}}, {"th", {th1}}, {"om", {om1}}}, 0, false};
}

StepResult cart_pole_balancing(const Values& s) {
  StepResult result = cart_and_pole(s);
  const double x = at(result.next, "x"), th = at(result.next, "th"), force = at(s, "force");
  result.ends = std::abs(x) > 2.4 || std::abs(th) > 0.2;
  result.reward = result.ends ? 0 : 10 - (1 - std::cos(th)) - 1e-5 * force * force;
  return result;
}

StepResult cart_pole_swing_up(const Values& s) {
  StepResult result = cart_and_pole(s);
  result.ends = std::abs(at(result.next, "x")) > 3;
  result.reward = result.ends ? -100 : std::cos(at(result.next, "th"));
  return result;
}

// By Newton and Jacobians: (Σ m Jᵢ'Jᵢ + I wᵢwᵢ' + M e₀e₀') q'' = Q - Σ m Jᵢ'(biasᵢ - gravity), in cart place and absolute angles.
std::array<double, 6> double_pendulum_flow(const std::array<double, 6>& s, double force) {
  const double M = 10.47198, m = 4.19874, inertia = 0.154971, l = 0.3, L = 0.6;
  const std::array<double, 3> v{s[3], s[4], s[5]};
  const double s1 = std::sin(s[1]), c1 = std::cos(s[1]), s2 = std::sin(s[2]), c2 = std::cos(s[2]);
  const double jacobians[2][2][3] = {{{1, l * c1, 0}, {0, -l * s1, 0}}, {{1, L * c1, l * c2}, {0, -L * s1, -l * s2}}};
  const double bias[2][2] = {{-l * s1 * v[1] * v[1], -l * c1 * v[1] * v[1]},
                             {-L * s1 * v[1] * v[1] - l * s2 * v[2] * v[2], -L * c1 * v[1] * v[1] - l * c2 * v[2] * v[2]}};
  const double gravity[2] = {1e-5, -9.81};
  // The second joint turns by w2 - w1.
  double a[3][4] = {{M, 0, 0, force - 0.05 * v[0] + M * 1e-5},
                    {0, inertia, 0, -0.05 * v[1] + 0.05 * (v[2] - v[1])},
                    {0, 0, inertia, -0.05 * (v[2] - v[1])}};
  for (int body = 0; body < 2; ++body)
    for (int axis = 0; axis < 2; ++axis)
      for (int i = 0; i < 3; ++i) {
        const double* j = jacobians[body][axis];
        for (int k = 0; k < 3; ++k) a[i][k] += m * j[i] * j[k];
        a[i][3] -= m * j[i] * (bias[body][axis] - gravity[axis]);
      }
  for (int p = 0; p < 3; ++p)
    for (int row = p + 1; row < 3; ++row)
      for (int k = 3; k >= p; --k) a[row][k] -= a[row][p] / a[p][p] * a[p][k];
  std::array<double, 3> acceleration;
  for (size_t p = 3; p-- > 0;) {
    double rest = a[p][3];
    for (size_t k = p + 1; k < 3; ++k) rest -= a[p][k] * acceleration[k];
    acceleration[p] = rest / a[p][p];
  }
  return {v[0], v[1], v[2], acceleration[0], acceleration[1], acceleration[2]};
}

StepResult double_inverted_pendulum(const Values& s) {
  const double q1 = at(s, "q1"), v1 = at(s, "v1"), h = 0.01;
  std::array<double, 6> y{at(s, "x"), q1, q1 + at(s, "q2"), at(s, "vx"), v1, v1 + at(s, "v2")};
  for (int half = 0; half < 2; ++half) {
    const auto slope = [&](const std::array<double, 6>& k, double by) {
      std::array<double, 6> to = y;
      for (size_t i = 0; i < 6; ++i) to[i] += by * k[i];
      return double_pendulum_flow(to, 500 * at(s, "a"));
    };
    const auto k1 = slope({}, 0), k2 = slope(k1, h / 2), k3 = slope(k2, h / 2), k4 = slope(k3, h);
    for (size_t i = 0; i < 6; ++i) y[i] += h / 6 * (k1[i] + 2 * k2[i] + 2 * k3[i] + k4[i]);
  }
  const double tip_x = y[0] + 0.6 * std::sin(y[1]) + 0.6 * std::sin(y[2]), tip_y = 0.6 * std::cos(y[1]) + 0.6 * std::cos(y[2]);
  return {{{"x", {y[0]}}, {"q1", {y[1]}}, {"q2", {y[2] - y[1]}}, {"vx", {y[3]}}, {"v1", {y[4]}}, {"v2", {y[5] - y[4]}}},
          10 - 0.01 * tip_x * tip_x - (tip_y - 2) * (tip_y - 2) - 1e-3 * y[4] * y[4] - 5e-3 * (y[5] - y[4]) * (y[5] - y[4]),
          tip_y <= 1};
}

// In absolute angles, unlike the model: 4/3 m l² t1'' + m l²/2 cos(t1 - t2) t2'' = …
StepResult reacher(const Values& s) {
  const double q1 = at(s, "q1"), q2 = at(s, "q2"), v1 = at(s, "v1"), v2 = at(s, "v2"), l = 0.5, ml2 = l * l, h = 0.02;
  const double t1 = q1, t2 = q1 + q2, w1 = v1, w2 = v1 + v2;
  const double joint1 = at(s, "torque", 0) - 0.1 * v1, joint2 = at(s, "torque", 1) - 0.1 * v2;
  const double a11 = 4 * ml2 / 3, a12 = ml2 / 2 * std::cos(t1 - t2), a22 = ml2 / 3;
  const double f1 = joint1 - joint2 - ml2 / 2 * std::sin(t1 - t2) * w2 * w2, f2 = joint2 + ml2 / 2 * std::sin(t1 - t2) * w1 * w1;
  const double det = a11 * a22 - a12 * a12, turn1 = (a22 * f1 - a12 * f2) / det, turn2 = (a11 * f2 - a12 * f1) / det;
  const double v1_next = v1 + h * turn1, v2_next = v2 + h * (turn2 - turn1);
  const double off_x = l * std::cos(t1) + l * std::cos(t2) - at(s, "goal", 0);
  const double off_y = l * std::sin(t1) + l * std::sin(t2) - at(s, "goal", 1);
  return {{{"q1", {q1 + h * v1_next}},
           {"q2", {q2 + h * v2_next}},
           {"v1", {v1_next}},
           {"v2", {v2_next}},
           {"goal", {at(s, "goal", 0), at(s, "goal", 1)}}},
          off_x * off_x + off_y * off_y + 0.01 * (std::pow(at(s, "torque", 0), 2) + std::pow(at(s, "torque", 1), 2)),
          false};
}

StepResult point_mass(const Values& s) {
  StepResult result;
  for (size_t k = 0; k < 2; ++k) {
    const double p = at(s, "place", k), v = at(s, "speed", k), f = at(s, "force", k);
    result.next["place"].push_back(p + 0.1 * v);
    result.next["speed"].push_back(v + 0.1 * (f - 0.1 * v));
    result.reward += p * p + 0.1 * v * v + 0.01 * f * f;
  }
  return result;
}

StepResult quadcopter(const Values& s) {
  const double x = at(s, "x"), z = at(s, "z"), tilt = at(s, "tilt"), vx = at(s, "vx"), vz = at(s, "vz"), spin = at(s, "spin");
  const double a = at(s, "thrust", 0), b = at(s, "thrust", 1), lift = 0.486 * 9.81 + a + b;
  const double vx1 = vx - 0.02 * lift * std::sin(tilt) / 0.486, vz1 = vz + 0.02 * (lift * std::cos(tilt) / 0.486 - 9.81);
  const double spin1 = spin + 0.02 * 0.25 * (a - b) / 0.00383;
  return {{{"x", {x + 0.02 * vx1}},
           {"z", {z + 0.02 * vz1}},
           {"tilt", {tilt + 0.02 * spin1}},
           {"vx", {vx1}},
           {"vz", {vz1}},
           {"spin", {spin1}}},
          x * x + z * z + 0.1 * (1 - std::cos(tilt)) + 0.01 * (vx * vx + vz * vz) + 0.001 * spin * spin + 0.001 * (a * a + b * b),
          false};
}

StepResult bicycle(const Values& s) {
  const double y = at(s, "y"), heading = at(s, "heading"), speed = at(s, "speed"), steer = at(s, "steer"), pull = at(s, "pull");
  return {{{"x", {at(s, "x") + 0.1 * speed * std::cos(heading)}},
           {"y", {y + 0.1 * speed * std::sin(heading)}},
           {"heading", {heading + 0.1 * speed / 2.7 * std::tan(steer)}},
           {"speed", {speed + 0.1 * pull}}},
          y * y + heading * heading + 0.1 * (speed - 10) * (speed - 10) + 0.1 * steer * steer + 0.01 * pull * pull,
          false};
}

StepResult grid_world(const Values& s) {
  double row = at(s, "row"), column = at(s, "column");
  const bool end = (row == 0 && column == 0) || (row == 3 && column == 3);
  if (!end) {
    switch (static_cast<int>(at(s, "a"))) {
      case 0: row = std::max(row - 1, 0.0); break;
      case 1: row = std::min(row + 1, 3.0); break;
      case 2: column = std::max(column - 1, 0.0); break;
      default: column = std::min(column + 1, 3.0);
    }
  }
  return {{{"row", {row}}, {"column", {column}}}, end ? 0.0 : -1.0, end};
}

}  // namespace

const std::vector<System>& systems() {
  static const std::vector<System> all{
      {"pendulum_v1", 200, "u ~ uniform(-2, 2)", pendulum, -1229, 1.5},
      {"cart_pole_v1", 500, "right ~ bernoulli(0.5)", cart_pole, none, 0},
      {"mountain_car_continuous", 999, "a ~ uniform(-1, 1)", mountain_car_continuous, none, 0},
      {"mountain_car", 200, "a ~ categorical(ones(3))", mountain_car, none, 0},
      {"acrobot_v1", 500, "a ~ categorical(ones(3))", acrobot, none, 0},
      {"cart_pole_balancing", 500, "force ~ uniform(-10, 10)", cart_pole_balancing, 75.1, 0.2},
      {"cart_pole_swing_up", 500, "force ~ uniform(-10, 10)", cart_pole_swing_up, -152.3, 0.3},
      {"double_inverted_pendulum", 500, "a ~ uniform(-1, 1)", double_inverted_pendulum, 155.6, 0.3},
      {"reacher", 100, "torque ~ uniform(-1, 1)", reacher, none, 0},
      {"point_mass", 100, "force ~ uniform(-1, 1)", point_mass, none, 0},
      {"quadcopter", 100, "thrust ~ uniform(-2, 2)", quadcopter, none, 0},
      {"bicycle", 100, "steer ~ uniform(-0.5, 0.5)  pull ~ uniform(-3, 3)", bicycle, none, 0},
      {"chain_reacher", 100, "torque ~ uniform(-1, 1)", chain_reacher, none, 0},
      // Between Box2D's, as published (-415.4), and that of a closed form with less friction (-414.3).
      {"mountain_car_rllab", 500, "force ~ uniform(-1, 1)", mountain_car_rllab, -414.85, 0.55 / 3},
      // Published with MuJoCo. A return scatters by 5.5: 40 ms a sample.
      {"swimmer", 500, "torque ~ uniform(-50, 50)", swimmer, -1.7, 0.1, 1500, 0.12, 8},
      {"grid_world", 1000, "a ~ categorical(ones(4))", grid_world, -16, 0},
  };
  return all;
}

}  // namespace alea::test
