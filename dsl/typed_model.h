// What check() promises: one model (a graph, or an mdp with its policy), with every name resolved, every
// function, module and distribution specialised and inlined, every type and shape known, every const
// evaluated. Expressions form one append-only table, operands before users; a named node is simply shared.
// Nothing here says where in time a value is computed: that is elaboration's business.
#pragma once
#include <string>
#include <vector>

#include "dsl/estimators.h"
#include "dsl/ids.h"
#include "dsl/source.h"
#include "dsl/type.h"

namespace alea::typed {

enum class Builtin : uint8_t {
#define BUILTIN(name) name,
#include "dsl/builtin.def"
#undef BUILTIN
};

using ExprId = Id<struct ExprTag>;
using ParamId = Id<struct ParamTag>;
using InputId = Id<struct InputTag>;
using StateId = Id<struct StateTag>;
using DrawId = Id<struct DrawTag>;
using PlaceholderId = Id<struct PlaceholderTag>;
using BatchId = Id<struct BatchTag>;

enum class ExprKind : uint8_t {
  constant,     // values: one for all elements, or row-major
  param,        // payload: ParamId
  input,        // payload: InputId
  state,        // payload: StateId; before the step (in `final`: after the last; in a state's init: its initial value)
  next_state,   // payload: StateId; after the step
  time,         // the step index; in `final` the number of steps taken
  draw,         // payload: DrawId; the value of a stochastic node
  placeholder,  // payload: PlaceholderId; bound by the enclosing Batch or Draw
  call,         // builtin
  batch,        // payload: BatchId
};

struct Expr {
  ExprKind kind{};
  Builtin builtin{};
  Type type;
  std::vector<ExprId> inputs;
  std::vector<int64_t> attributes;  // see builtin.def
  std::vector<double> values;       // of a constant
  uint32_t payload = UINT32_MAX;
  Span span;
};

// A placeholder stands for one element of its value along the batch axes.
//   index:   the position along the (only) batch axis plus `offset`; value is null
//   element: value has the batch shape followed by the placeholder's shape, or just the latter (shared by all)
struct Binding {
  PlaceholderId placeholder;
  ExprId value;
  int64_t offset = 0;
};

// The body, once per element of `shape`, all elements at once: [body for i in a..b], and a function of
// scalars applied over arrays. Result type: shape followed by the body's.
struct Batch {
  Shape shape;
  std::vector<Binding> bindings;
  ExprId body;
};

enum class Primitive : uint8_t { none, standard_uniform, standard_normal, standard_gamma, poisson, binomial, standard_von_mises };

enum class SupportKind : uint8_t { undeclared, real, simplex, interval, integers };
struct Support {
  SupportKind kind{};
  ExprId low, high;  // inside the draw's batch; null where there is none
  bool low_open = false, high_open = false;
};

struct EstimatorRequest {  // `by name(arguments)`
  AskedEstimator estimator{};
  std::vector<std::pair<std::string, ExprId>> arguments;  // numeric ones: constants
  std::string baseline;  // score(baseline = none | loo | running | value(e)): its name, e in `baseline_value`
  ExprId baseline_value;
  Span span;
};

// A stochastic node. Its distribution's body is inlined: `sample` is the value as a function of the
// formals' placeholders and of inner draws; `logpdf` of the formals' placeholders and of `value`.
// All of them live inside the batch (`batch` leading axes of independent draws).
struct Draw {
  std::string name;          // qualified, as written: x, th', f.z; inner ones: x.u
  std::string distribution;  // normal
  std::string law;           // as written: normal(mean(obs)[0], exp(log_std))
  Span span, law_span;
  Type type;  // batch followed by the event's shape
  Shape batch;
  bool discrete = false;  // bool, int or cat
  bool standard = false;  // its distribution is the standard library's: estimators know it by name
  Primitive primitive = Primitive::none;
  std::vector<ExprId> arguments;  // of a primitive: inside the owner's batch
  std::vector<Binding> formals;   // of a dist: element bindings
  ExprId sample;                  // null for a primitive
  PlaceholderId value;
  ExprId logpdf;  // null: score is refused
  Support support;
  std::vector<DrawId> inner;
  DrawId owner;  // the draw whose body this one is in, or null
  EstimatorRequest estimator;
};

struct Placeholder {
  std::string name;
  Type type;
};

struct Param {
  std::string name;  // qualified: mean.layer.0.W
  Type type;
  ExprId init;  // may contain draws; null: zero
  Span span;
};

struct Input {
  std::string name;
  Type type;
  Span span;
};

struct State {
  std::string name;
  Type type;
  ExprId init;
  ExprId next;  // null: keeps its value
  Span span;
};

struct Objective {
  ExprId value;
  bool final = false;
  Span span;
};

struct Terminate {
  ExprId condition;  // scalar bool, may be `stop(...)`
  Span span;
};

struct NamedValue {
  std::string name;
  ExprId value;
  Span span;
  bool observed = false;
};

struct Model {
  std::string name, policy;  // policy empty for a graph or a chain without actions
  bool is_mdp = false;
  bool maximise = false;  // reward
  int64_t horizon = 0;
  double discount = 1;
  Table<ExprId, Expr> exprs;
  Table<PlaceholderId, Placeholder> placeholders;
  Table<BatchId, Batch> batches;
  Table<ParamId, Param> params;
  Table<InputId, Input> inputs;
  Table<StateId, State> states;
  Table<DrawId, Draw> draws;
  std::vector<NamedValue> nodes;  // deterministic and stochastic nodes in source order
  std::vector<Objective> objectives;
  std::vector<Terminate> terminates;
};

}  // namespace alea::typed
