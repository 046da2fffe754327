// Articulated systems by their bodies' Jacobians, in joint coordinates, apart from the models, which use closed forms in
// absolute angles; and rllab's car by Taylor series in place of derivatives worked out by hand.
#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "tests/unit/models_systems.h"

namespace alea::test {

namespace {

constexpr double pi = std::numbers::pi;
using Vector = std::vector<double>;
using Matrix = std::vector<Vector>;

// Gauss elimination with pivots.
Vector solve(Matrix a, Vector b) {
  const size_t n = b.size();
  for (size_t p = 0; p < n; ++p) {
    size_t best = p;
    for (size_t row = p; row < n; ++row)
      if (std::abs(a[row][p]) > std::abs(a[best][p])) best = row;
    std::swap(a[p], a[best]), std::swap(b[p], b[best]);
    for (size_t row = p + 1; row < n; ++row) {
      const double factor = a[row][p] / a[p][p];
      for (size_t k = p; k < n; ++k) a[row][k] -= factor * a[p][k];
      b[row] -= factor * b[p];
    }
  }
  for (size_t p = n; p-- > 0;) {
    for (size_t k = p + 1; k < n; ++k) b[p] -= a[p][k] * b[k];
    b[p] /= a[p][p];
  }
  return b;
}

// A rigid body in the plane: its centre's Jacobian (two rows) and that of its angle, and J' q', the centre's acceleration at
// q'' = 0.
struct Body {
  Vector jx, jy, jt;
  double bias_x = 0, bias_y = 0;
  double speed(const Vector& row, const Vector& v) const {
    double sum = 0;
    for (size_t k = 0; k < v.size(); ++k) sum += row[k] * v[k];
    return sum;
  }
};

// The centre is at Σ_k length_k (cos t_k, sin t_k) from a base whose coordinates, if any, are the first `base` ones; t_k is the
// sum of the joint coordinates 0 … k.
Body body_of(const std::vector<double>& lengths, size_t link, size_t base, const Vector& angles, const Vector& rates) {
  const size_t n = base + angles.size();
  Body body{Vector(n, 0), Vector(n, 0), Vector(n, 0)};
  if (base == 2) body.jx[0] = body.jy[1] = 1;
  double t = 0, w = 0;
  for (size_t k = 0; k < angles.size(); ++k) {
    t += angles[k], w += rates[k];
    for (size_t j = 0; j <= k; ++j) {
      body.jx[base + j] -= lengths[k] * std::sin(t);
      body.jy[base + j] += lengths[k] * std::cos(t);
    }
    body.bias_x -= lengths[k] * std::cos(t) * w * w;
    body.bias_y -= lengths[k] * std::sin(t) * w * w;
    if (k == link)
      for (size_t j = 0; j <= k; ++j) body.jt[base + j] = 1;
  }
  return body;
}

// Adds m J'J + I w'w to the mass matrix and J'(f - m bias) + w' torque to the right side.
void add_body(const Body& body, double m, double inertia, double fx, double fy, double torque, Matrix& mass, Vector& right) {
  for (size_t i = 0; i < right.size(); ++i) {
    for (size_t k = 0; k < right.size(); ++k)
      mass[i][k] += m * (body.jx[i] * body.jx[k] + body.jy[i] * body.jy[k]) + inertia * body.jt[i] * body.jt[k];
    right[i] += body.jx[i] * (fx - m * body.bias_x) + body.jy[i] * (fy - m * body.bias_y) + body.jt[i] * torque;
  }
}

// Accelerations of rllab's swimmer, q = (x, y, th, q1, q2).
Vector swimmer_acceleration(const Vector& q, const Vector& v, double u1, double u2) {
  const double m = 35.60472, inertia = 3.917571, axial = 0.173835, rho = 4000, mu = 0.1;
  const double along = std::sqrt(6 * (2 * inertia - axial) / m), across = std::sqrt(6 * axial / m), d = (along + 2 * across) / 3;
  const std::array<Vector, 3> lengths{Vector{1, 0, 0}, {0.5, -0.5, 0}, {0.5, -1, -0.5}};
  const Vector angles(q.begin() + 2, q.end()), rates(v.begin() + 2, v.end());
  Matrix mass(5, Vector(5, 0));
  Vector right{0, 0, 0, u1, u2};
  double t = 0;
  for (size_t link = 0; link < 3; ++link) {
    t += angles[link];
    const Body body = body_of(lengths[link], link, 2, angles, rates);
    const double vx = body.speed(body.jx, v), vy = body.speed(body.jy, v), w = body.speed(body.jt, v);
    const double vt = std::cos(t) * vx + std::sin(t) * vy, vn = std::cos(t) * vy - std::sin(t) * vx;
    const double ft = -3 * pi * d * mu * vt - 0.5 * rho * across * across * std::abs(vt) * vt;
    const double fn = -3 * pi * d * mu * vn - 0.5 * rho * along * across * std::abs(vn) * vn;
    const double torque =
        -pi * d * d * d * mu * w - rho * across * (std::pow(along, 4) + std::pow(across, 4)) * std::abs(w) * w / 64;
    add_body(body, m, inertia, std::cos(t) * ft - std::sin(t) * fn, std::sin(t) * ft + std::cos(t) * fn, torque, mass, right);
  }
  // argmin ½ (a - a0)'M(a - a0) + Σ 1/(2R) min(0, s a_j - reference)²: the set of active limits that agrees with itself.
  struct Limit {
    size_t j;
    double sign, reference, softness;
  };
  std::vector<Limit> limits;
  for (size_t j = 3; j < 5; ++j) {
    const double sign = q[j] > 0 ? -1 : 1, gap = 100 * pi / 180 - std::abs(q[j]);
    if (gap >= 0) continue;
    const double part = -gap / 0.001;
    const double smooth = part >= 1 ? 1 : part <= 0.5 ? 2 * part * part : 1 - 2 * (1 - part) * (1 - part);
    const double impedance = 0.9 + smooth * 0.05;
    const double stiffness = 1 / (0.95 * 0.95 * 0.02 * 0.02), damping = 2 / (0.95 * 0.02);
    limits.push_back({j, sign, -damping * sign * v[j] - stiffness * impedance * gap, (1 - impedance) / impedance * 0.418416});
  }
  for (size_t active = 0; active < (size_t{1} << limits.size()); ++active) {
    Matrix a = mass;
    Vector b = right;
    for (size_t k = 0; k < limits.size(); ++k) {
      if (!(active >> k & 1)) continue;
      const Limit& limit = limits[k];
      a[limit.j][limit.j] += 1 / limit.softness;
      b[limit.j] += limit.sign * limit.reference / limit.softness;
    }
    const Vector acceleration = solve(a, b);
    bool agrees = true;
    for (size_t k = 0; k < limits.size(); ++k) {
      const bool falls_short = limits[k].sign * acceleration[limits[k].j] < limits[k].reference;
      agrees = agrees && falls_short == static_cast<bool>(active >> k & 1);
    }
    if (agrees) return acceleration;
  }
  return {};
}

// A series f + f' e + f'' e²/2 in one variable.
struct Series {
  double value = 0, first = 0, second = 0;
};
Series operator+(Series a, Series b) { return {a.value + b.value, a.first + b.first, a.second + b.second}; }
Series operator-(Series a, Series b) { return {a.value - b.value, a.first - b.first, a.second - b.second}; }
Series operator*(Series a, Series b) {
  return {a.value * b.value, a.first * b.value + a.value * b.first,
          a.second * b.value + 2 * a.first * b.first + a.value * b.second};
}
Series operator*(double a, Series b) { return {a * b.value, a * b.first, a * b.second}; }
Series sin(Series a) {
  const double s = std::sin(a.value), c = std::cos(a.value);
  return {s, c * a.first, c * a.second - s * a.first * a.first};
}
Series cos(Series a) {
  const double s = std::sin(a.value), c = std::cos(a.value);
  return {c, -s * a.first, -s * a.second - c * a.first * a.first};
}

constexpr double k = pi / 2;

// What is 0 when both corners are on the curve.
Series misfit(Series tilt, Series s) { return sin(tilt) - 5 * (sin(k * s) * sin(0.2 * k * cos(tilt))); }

// The tilt by bisection, its derivatives one after the other: each enters the misfit's in proportion to ∂misfit/∂tilt.
Series tilt_of(double s) {
  double low = -1.5, high = 1.5;
  for (int halving = 0; halving < 80; ++halving) {
    const double middle = (low + high) / 2;
    (misfit({middle}, {s}).value > 0 ? high : low) = middle;
  }
  Series tilt{(low + high) / 2};
  const double slope = misfit({tilt.value, 1, 0}, {s}).first;
  tilt.first = -misfit(tilt, {s, 1, 0}).first / slope;
  tilt.second = -misfit(tilt, {s, 1, 0}).second / slope;
  return tilt;
}

struct Car {
  Series x, y, tilt;
};
Car car_at(double s) {
  const Series tilt = tilt_of(s), along{s, 1, 0};
  return {along - 0.115 * sin(tilt), Series{1} - cos(k * along) * cos(0.2 * k * cos(tilt)) + 0.115 * cos(tilt), tilt};
}

}  // namespace

StepResult swimmer(const Values& s) {
  const Vector &joints = s.at("q"), &rates = s.at("v"), &torque = s.at("torque");
  Vector q{s.at("x")[0], s.at("y")[0], s.at("th")[0], joints[0], joints[1]};
  Vector v{s.at("vx")[0], s.at("vy")[0], s.at("om")[0], rates[0], rates[1]};
  for (int substep = 0; substep < 50; ++substep) {
    const Vector acceleration = swimmer_acceleration(q, v, torque[0], torque[1]);
    for (size_t i = 0; i < 5; ++i) v[i] += 0.001 * acceleration[i];
    for (size_t i = 0; i < 5; ++i) q[i] += 0.001 * v[i];
  }
  // The speed of the common centre: the mean of the links'.
  double forward = 0;
  const std::array<Vector, 3> lengths{Vector{1, 0, 0}, {0.5, -0.5, 0}, {0.5, -1, -0.5}};
  for (size_t link = 0; link < 3; ++link) {
    const Body body = body_of(lengths[link], link, 2, {q.begin() + 2, q.end()}, {v.begin() + 2, v.end()});
    forward += body.speed(body.jx, v) / 3;
  }
  const double effort = std::pow(torque[0] / 50, 2) + std::pow(torque[1] / 50, 2);
  return {{{"x", {q[0]}},
           {"y", {q[1]}},
           {"th", {q[2]}},
           {"q", {q[3], q[4]}},
           {"vx", {v[0]}},
           {"vy", {v[1]}},
           {"om", {v[2]}},
           {"v", {v[3], v[4]}}},
          forward - 0.005 * effort,
          false};
}

StepResult chain_reacher(const Values& s) {
  const Vector &q = s.at("q"), &v = s.at("v"), &torque = s.at("torque"), &goal = s.at("goal");
  const size_t links = q.size();
  const double l = 0.5;
  Matrix mass(links, Vector(links, 0));
  Vector right;
  for (size_t i = 0; i < links; ++i) right.push_back(torque[i] - 0.1 * v[i]);
  double effort = 0, off_x = -goal[0], off_y = -goal[1], t = 0;
  for (size_t link = 0; link < links; ++link) {
    Vector lengths(links, 0);
    for (size_t before = 0; before < link; ++before) lengths[before] = l;
    lengths[link] = l / 2;
    add_body(body_of(lengths, link, 0, q, v), 1, l * l / 12, 0, 0, 0, mass, right);
    t += q[link];
    off_x += l * std::cos(t), off_y += l * std::sin(t);
    effort += torque[link] * torque[link];
  }
  const Vector acceleration = solve(mass, right);
  StepResult result;
  for (size_t i = 0; i < links; ++i) {
    const double speed = v[i] + 0.02 * acceleration[i];
    result.next["v"].push_back(speed);
    result.next["q"].push_back(q[i] + 0.02 * speed);
  }
  result.reward = off_x * off_x + off_y * off_y + 0.01 * effort;
  return result;
}

StepResult mountain_car_rllab(const Values& values) {
  const double s = values.at("s")[0], v = values.at("speed")[0], force = values.at("force")[0], h = 0.05;
  const double m = 0.4, inertia = 0.4 * 0.2 / 12, g = 10;
  const Car car = car_at(s);
  const double mass = m * (car.x.first * car.x.first + car.y.first * car.y.first) + inertia * car.tilt.first * car.tilt.first;
  const double half_slope =
      m * (car.x.first * car.x.second + car.y.first * car.y.second) + inertia * car.tilt.first * car.tilt.second;
  const double c = std::cos(car.tilt.value);
  const double push = force * (car.x.first * c + car.y.first * std::sin(car.tilt.value));
  // Each corner carries half of the weight across the slope, and slides along the curve.
  double path = 0;
  for (const double side : {-0.2, 0.2}) {
    const Series corner = Series{s, 1, 0} + side * cos(car.tilt);
    path += 0.5 * std::hypot(corner.first, k * std::sin(k * corner.value) * corner.first);
  }
  double speed = v + h * (push - m * g * car.y.first - half_slope * v * v) / mass;
  const double drag = h * 0.01 * m * g * c * path / mass;
  speed = std::abs(speed) <= drag ? 0 : speed - std::copysign(drag, speed);
  const Car next = car_at(s + h * speed);
  return {{{"s", {s + h * speed}}, {"speed", {speed}}}, next.y.value - 1, next.x.value >= 0.6 || std::abs(next.x.value) >= 2};
}

}  // namespace alea::test
