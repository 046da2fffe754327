// The typed model as text: one line a thing, ids as %n, only what the model reaches, deterministic.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "dsl/check.h"

namespace alea {

namespace {

using typed::ExprId;
using typed::ExprKind;

const char* name_of(typed::Builtin builtin) {
  static constexpr const char* names[] = {
#define BUILTIN(name) #name,
#include "dsl/builtin.def"
#undef BUILTIN
  };
  return names[static_cast<size_t>(builtin)];
}

struct Printer {
  const typed::Model& model;
  std::vector<bool> reached = std::vector<bool>(model.exprs.size());
  std::vector<bool> draw_reached = std::vector<bool>(model.draws.size());
  std::string text;

  void reach(ExprId root) {
    std::vector<ExprId> pending{root};
    while (!pending.empty()) {
      const ExprId id = pending.back();
      pending.pop_back();
      if (!id || reached[id.index]) continue;
      reached[id.index] = true;
      const typed::Expr& expr = model.exprs[id];
      pending.insert(pending.end(), expr.inputs.begin(), expr.inputs.end());
      if (expr.kind == ExprKind::batch) {
        const typed::Batch& batch = model.batches[typed::BatchId{expr.payload}];
        pending.push_back(batch.body);
        for (const typed::Binding& binding : batch.bindings) pending.push_back(binding.value);
      }
      if (expr.kind == ExprKind::draw && !draw_reached[expr.payload]) {
        draw_reached[expr.payload] = true;
        const typed::Draw& draw = model.draws[typed::DrawId{expr.payload}];
        pending.insert(pending.end(), draw.arguments.begin(), draw.arguments.end());
        for (const typed::Binding& binding : draw.formals) pending.push_back(binding.value);
        pending.insert(pending.end(),
                       {draw.sample, draw.logpdf, draw.support.low, draw.support.high, draw.estimator.baseline_value});
      }
    }
  }

  static std::string id(ExprId expr) { return expr ? fmt::format("%{}", expr.index) : "-"; }

  std::string bindings(const std::vector<typed::Binding>& list) const {
    std::vector<std::string> parts;
    for (const typed::Binding& binding : list)
      parts.push_back(binding.value ? fmt::format("?{} in {}", binding.placeholder.index, id(binding.value))
                                    : fmt::format("?{} from {}", binding.placeholder.index, binding.offset));
    return fmt::format("{}", fmt::join(parts, ", "));
  }

  std::string operation(const typed::Expr& expr) const {
    switch (expr.kind) {
      case ExprKind::constant: {
        std::vector<double> shown(expr.values.begin(),
                                  expr.values.begin() + static_cast<ptrdiff_t>(std::min<size_t>(expr.values.size(), 16)));
        return fmt::format("constant {}{}", fmt::join(shown, " "), shown.size() < expr.values.size() ? " …" : "");
      }
      case ExprKind::param: return "param " + model.params[typed::ParamId{expr.payload}].name;
      case ExprKind::input:
        return expr.payload < model.inputs.size() ? "input " + model.inputs[typed::InputId{expr.payload}].name : "open action";
      case ExprKind::state: return "state " + model.states[typed::StateId{expr.payload}].name;
      case ExprKind::next_state: return "next " + model.states[typed::StateId{expr.payload}].name;
      case ExprKind::time: return "time";
      case ExprKind::draw: return "draw " + model.draws[typed::DrawId{expr.payload}].name;
      case ExprKind::placeholder: return fmt::format("?{} {}", expr.payload, model.placeholders[PlaceholderOf(expr)].name);
      case ExprKind::call: {
        std::vector<std::string> inputs;
        for (const ExprId input : expr.inputs) inputs.push_back(id(input));
        return fmt::format("{} {}{}", name_of(expr.builtin), fmt::join(inputs, " "),
                           expr.attributes.empty() ? "" : fmt::format(" {{{}}}", fmt::join(expr.attributes, ", ")));
      }
      case ExprKind::batch: {
        const typed::Batch& batch = model.batches[typed::BatchId{expr.payload}];
        return fmt::format("batch {} [{}] {}", to_string(batch.shape), bindings(batch.bindings), id(batch.body));
      }
    }
    return "";
  }

  static typed::PlaceholderId PlaceholderOf(const typed::Expr& expr) { return typed::PlaceholderId{expr.payload}; }

  void line(const std::string& content) { text += content + "\n"; }
};

const char* name_of(typed::SupportKind kind) {
  switch (kind) {
    case typed::SupportKind::undeclared: return "undeclared";
    case typed::SupportKind::real: return "real";
    case typed::SupportKind::simplex: return "simplex";
    case typed::SupportKind::interval: return "interval";
    case typed::SupportKind::integers: return "integers";
  }
  return "";
}

}  // namespace

std::string print(const typed::Model& model) {
  Printer p{model};
  for (const typed::Param& param : model.params) p.reach(param.init);
  for (const typed::State& state : model.states) p.reach(state.init), p.reach(state.next);
  for (const typed::NamedValue& node : model.nodes) p.reach(node.value);
  for (const typed::Objective& objective : model.objectives) p.reach(objective.value);
  for (const typed::Terminate& terminate : model.terminates) p.reach(terminate.condition);

  p.line(
      fmt::format("{} {}{}", model.is_mdp ? "mdp" : "graph", model.name, model.policy.empty() ? "" : " policy " + model.policy));
  if (model.is_mdp) p.line(fmt::format("horizon {} discount {}", model.horizon, model.discount));
  for (const typed::Param& param : model.params)
    p.line(fmt::format("param {}: {} init {}", param.name, to_string(param.type), Printer::id(param.init)));
  for (const typed::Input& input : model.inputs) p.line(fmt::format("input {}: {}", input.name, to_string(input.type)));
  for (const typed::State& state : model.states)
    p.line(fmt::format("state {}: {} init {} next {}", state.name, to_string(state.type), Printer::id(state.init),
                       Printer::id(state.next)));
  for (size_t i = 0; i < model.draws.size(); ++i) {
    const typed::Draw& draw = model.draws[typed::DrawId{static_cast<uint32_t>(i)}];
    if (!p.draw_reached[i]) continue;
    std::string content =
        fmt::format("draw {}: {} ~ {} batch {}", draw.name, to_string(draw.type), draw.law, to_string(draw.batch));
    if (draw.primitive != typed::Primitive::none) {
      for (const ExprId argument : draw.arguments) content += " " + Printer::id(argument);
    } else {
      content += fmt::format(" [{}] sample {} logpdf {}{} support {}", p.bindings(draw.formals), Printer::id(draw.sample),
                             draw.logpdf ? fmt::format("?{} ", draw.value.index) : "", Printer::id(draw.logpdf),
                             name_of(draw.support.kind));
      if (draw.support.kind == typed::SupportKind::interval || draw.support.kind == typed::SupportKind::integers)
        content += fmt::format(" {}{}, {}{}", draw.support.low_open ? "(" : "[", Printer::id(draw.support.low),
                               Printer::id(draw.support.high), draw.support.high_open ? ")" : "]");
    }
    if (draw.estimator.estimator != AskedEstimator::automatic) content += fmt::format(" by {}", text(draw.estimator.estimator));
    if (!draw.estimator.baseline.empty()) content += " baseline " + draw.estimator.baseline;
    p.line(content);
  }
  for (size_t i = 0; i < model.exprs.size(); ++i) {
    const ExprId id{static_cast<uint32_t>(i)};
    if (p.reached[i]) p.line(fmt::format("%{}: {} = {}", i, to_string(model.exprs[id].type), p.operation(model.exprs[id])));
  }
  for (const typed::NamedValue& node : model.nodes)
    p.line(fmt::format("{}{} = {}", node.observed ? "observe " : "node ", node.name, Printer::id(node.value)));
  for (const typed::Objective& objective : model.objectives)
    p.line(fmt::format("{}{} {}", objective.final ? "final " : "", model.maximise ? "reward" : "cost",
                       Printer::id(objective.value)));
  for (const typed::Terminate& terminate : model.terminates) p.line("terminate " + Printer::id(terminate.condition));
  return p.text;
}

}  // namespace alea
