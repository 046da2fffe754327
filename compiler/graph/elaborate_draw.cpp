// Draws: the sampling map over noise, the node that stands for the value, the log density over that node and
// the law's arguments, and what else estimators ask about a draw.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "compiler/graph/build.h"
#include "compiler/graph/elaborator.h"

namespace alea {

namespace {

using typed::Primitive;

Op noise_of(Primitive primitive) {
  switch (primitive) {
    case Primitive::none:
    case Primitive::standard_uniform: return Op::noise_uniform;
    case Primitive::standard_normal: return Op::noise_normal;
    case Primitive::standard_gamma: return Op::noise_gamma;
    case Primitive::poisson: return Op::noise_poisson;
    case Primitive::binomial: return Op::noise_binomial;
    case Primitive::standard_von_mises: return Op::noise_von_mises;
  }
  return Op::noise_uniform;
}

SupportKind support_of(typed::SupportKind kind) {
  switch (kind) {
    case typed::SupportKind::undeclared: return SupportKind::undeclared;
    case typed::SupportKind::real: return SupportKind::real;
    case typed::SupportKind::simplex: return SupportKind::simplex;
    case typed::SupportKind::interval: return SupportKind::interval;
    case typed::SupportKind::integers: return SupportKind::integers;
  }
  return SupportKind::undeclared;
}

Shape event_of(const typed::Draw& draw) {
  return {draw.type.shape.begin() + static_cast<int64_t>(std::min(draw.batch.size(), draw.type.shape.size())),
          draw.type.shape.end()};
}

}  // namespace

// With the axes of all frames: draws are independent along each.
Value Elaborator::carry_all(Value value, const Type& own) {
  value = frames_.convert(value, own);
  if (frames_.type(value).shape.empty() && !own.shape.empty()) value = frames_.broadcast_leading(value, own.shape);
  return frames_.spread(value, frames_.all());
}

// One noise an element. Its operands are stretched to the noise's shape unless they are one number for all.
Value Elaborator::elaborate_primitive(const typed::Draw& draw) {
  const uint64_t all = frames_.all();
  Shape shape = frames_.shape_of(all);
  shape.insert(shape.end(), draw.type.shape.begin(), draw.type.shape.end());
  std::vector<NodeId> operands;
  for (const typed::ExprId id : draw.arguments) {
    Value argument = value(id);
    const bool is_number = argument.frames == 0 && frames_.type(argument).shape.empty();
    if (!is_number) argument = carry_all(argument, Type{frames_.type(argument).scalar, 0, draw.type.shape});
    operands.push_back(argument.node);
  }
  const NoiseId noise = out_.noises.add({draw.name});
  const Scalar scalar =
      draw.primitive == Primitive::poisson || draw.primitive == Primitive::binomial ? Scalar::integer : Scalar::real;
  const NodeId node = out_.graph.add(noise_of(draw.primitive), {scalar, 0, shape}, operands, noise.index, frames_.span);
  return frames_.convert({node, all}, draw.type);
}

Value Elaborator::elaborate_draw(typed::DrawId id) {
  const typed::Draw& draw = model_.draws[id];
  const SpanId span = std::exchange(frames_.span, draw.span ? out_.graph.add_span(draw.span) : frames_.span);
  Value result;
  if (draw.primitive != Primitive::none) {
    result = elaborate_primitive(draw);
  } else {
    DrawId recorded;
    if (!plain_) {
      recorded = out_.draws.add({});
      draw_ids_[id] = recorded;
    }
    const uint64_t frame = draw.batch.empty() ? 0 : uint64_t{1} << frames_.shapes.size();
    for (const typed::Binding& formal : draw.formals) bind(formal, draw.batch, frame);
    if (frame != 0) push_frame(draw.batch, draw.span);
    const uint32_t outer = std::exchange(environment_, ++environments_);
    bodies_[id] = {frames_.shapes.size(), environment_};
    const Value sample = carry_all(value(draw.sample), {draw.type.scalar, draw.type.categories, event_of(draw)});
    result = sample;
    if (!plain_) {
      result.node = out_.graph.add(Op::draw, out_.graph.type(sample.node), {sample.node}, recorded.index, frames_.span);
      record_draw(draw, recorded, result);
    }
    environment_ = outer;
    if (frame != 0) frames_.shapes.pop_back();
    result.frames &= ~frame;
    if (!plain_) record_estimator(draw, out_.draws[recorded]);
  }
  frames_.span = span;
  return result;
}

// Inside the draw's frames, where its formals are bound.
void Elaborator::record_draw(const typed::Draw& draw, DrawId recorded, Value result) {
  GraphDraw entry;
  entry.name = draw.name;
  entry.distribution = draw.distribution;
  entry.law = draw.law;
  entry.span = draw.span;
  entry.law_span = draw.law_span;
  entry.region = region_ == Region::step ? Phase::step : Phase::init;
  entry.node = result.node;
  entry.batch = frames_.shape_of(frames_.all());
  for (const typed::Binding& formal : draw.formals) {
    entry.arguments.push_back(bound_[formal.placeholder].node);
    const typed::Placeholder& placeholder = model_.placeholders[formal.placeholder];
    if (draw.standard) entry.formals.push_back({placeholder.name, carry_all(bound_[formal.placeholder], placeholder.type).node});
  }
  if (draw.logpdf) {
    if (draw.value) bound_[draw.value] = result;
    entry.log_density = carry_all(value(draw.logpdf), Type{}).node;
  }
  entry.support = support_of(draw.support.kind);
  if (draw.support.low) entry.support_low = value(draw.support.low).node;
  if (draw.support.high) entry.support_high = value(draw.support.high).node;
  entry.low_open = draw.support.low_open;
  entry.high_open = draw.support.high_open;
  entry.discrete = draw.discrete;
  entry.categories = draw.type.scalar == Scalar::boolean ? 2 : draw.type.scalar == Scalar::category ? draw.type.categories : 0;
  if (entry.categories == 0 && entry.discrete && entry.support == SupportKind::integers) {
    // An integer between known ends.
    const auto known = [&](NodeId end) { return end && out_.graph.is_constant(end) && out_.graph.values(end).size() == 1; };
    if (known(entry.support_low) && known(entry.support_high)) {
      const double low = out_.graph.values(entry.support_low)[0], high = out_.graph.values(entry.support_high)[0];
      constexpr double most = 4096;
      if (std::isfinite(low) && high >= low && high - low < most) {
        entry.first_category = static_cast<int64_t>(low);
        entry.categories = static_cast<int64_t>(high - low) + 1;
      }
    }
  }
  for (const typed::DrawId inner : draw.inner)
    if (draw_ids_[inner]) {
      entry.inner.push_back(draw_ids_[inner]);
      out_.draws[draw_ids_[inner]].owner = recorded;
    }
  out_.draws[recorded] = std::move(entry);
}

void Elaborator::record_estimator(const typed::Draw& draw, GraphDraw& entry) {
  entry.estimator = draw.estimator.estimator;
  entry.estimator_span = entry.by_span = draw.estimator.span;
  entry.baseline = draw.estimator.baseline;
  std::vector<std::pair<std::string, double>> arguments;
  for (const auto& [name, expr] : draw.estimator.arguments) {
    const NodeId node = value(expr).node;
    if (!out_.graph.is_constant(node) || out_.graph.values(node).size() != 1)
      internal_error(fmt::format("`{}` of an estimator is no constant number, which the checker requires", name));
    arguments.emplace_back(name, out_.graph.values(node)[0]);
  }
  const NodeId baseline = draw.estimator.baseline_value ? value(draw.estimator.baseline_value).node : NodeId{};
  entry.estimator_arguments = std::move(arguments);
  entry.baseline_value = baseline;
}

}  // namespace alea
