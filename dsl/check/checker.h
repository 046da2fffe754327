// The checker of one model: scopes of lazily evaluated definitions over syntax trees, and the typed model
// that they fill. Evaluation is by abstract interpretation: a value is a typed expression or something
// that exists only here (value.h). A definition is evaluated when it is first needed, which sorts a block and finds
// its cycles. What failed is Poison (a null ExprId) and was reported.
//
// The functions are grouped by subject, one file each, in the order of the declarations.
#pragma once
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "dsl/check/expression_table.h"
#include "dsl/check/files.h"
#include "dsl/check/value.h"

namespace alea::check {

using typed::DrawId;
using Kind = DiagnosticKind;

// A table whose elements stay where they are when it grows.
template <class IdType, class Element>
class StableTable {
 public:
  IdType add(Element element) {
    elements_.push_back(std::move(element));
    return IdType{static_cast<uint32_t>(elements_.size() - 1)};
  }
  Element& operator[](IdType id) { return elements_[id.index]; }
  const Element& operator[](IdType id) const { return elements_[id.index]; }
  size_t size() const { return elements_.size(); }
  void shrink(size_t size) { elements_.resize(size); }

 private:
  std::deque<Element> elements_;
};

enum class DefinitionKind : uint8_t {
  bound,           // has its value already: an argument, a rebound name, an index
  formal_default,  // expression
  changed_const,   // a const with another expression: by an instance or the command line
  constant,
  function,
  param,
  module,
  dist,
  input,
  deterministic,
  stochastic,
  let_element,
  state,
  next_state,
  action,
  namespace_,
  model,
};

struct Definition {
  enum class Progress : uint8_t { untouched, active, done };
  std::string name;
  Span span;  // of the name where it is defined
  DefinitionKind kind{};
  Progress progress{};
  bool observed = false;
  ScopeId scope;                              // where its expressions are evaluated
  const ast::Statement* statement = nullptr;  // by kind
  const void* item = nullptr;                 // ast::Fn, Module, Dist, Param, Const of the file's top, Formal
  ast::ExprId expression;                     // formal_default, changed_const
  ScopeId expression_scope;                   // of changed_const
  size_t element = 0;                         // of let_element
  uint32_t payload = UINT32_MAX;              // of a state: StateId
  Value value;
};

enum class ScopeKind : uint8_t { file, graph, mdp, policy, instance, module, dist, local };

struct Scope {
  ScopeKind kind{};
  ScopeId parent;
  FileId file;         // whose tree the expressions are in
  ScopeId sees;        // a policy's mdp; an instance's mdp
  std::string prefix;  // of the qualified names of params and draws
  DrawId owner;        // of draws in a distribution's body
  const ast::Module* module = nullptr;
  Span span;  // where a module was instantiated
  std::unordered_map<std::string, DefinitionId> names;
  std::vector<DefinitionId> order;
};

struct Report {
  Kind kind;
  Span span;
  std::vector<std::string> arguments;
  std::string hint;
  bool kept = false;  // of a definition: stays when the expression that first asked for it is tried another way
};

struct CallSite {
  std::string name;
  Span span;
  const void* callee = nullptr;
  std::vector<const void*> functions;  // function arguments: the same call with others is no recursion
};

struct BoundFormal {
  const ast::Formal* formal = nullptr;
  bool given = false;
  Value value;
  Span span;
};

// A param, const, action … that several statements name.
struct Change {  // of a const, by an instance or the command line
  ast::ExprId expression;
  ScopeId scope;
};

struct ModelChoice {
  const ast::Graph* graph = nullptr;
  const ast::Mdp* mdp = nullptr;
  FileId file;                                                     // of the graph or mdp
  std::vector<std::pair<const ast::Instance*, FileId>> instances;  // outermost first
  const ast::Policy* policy = nullptr;
  FileId policy_file;
  std::string name, policy_name;  // policy_name: also `default` and `random`
  bool lenient_options = false;   // a const of --set need not be in this model
  bool open_actions = false;      // actions stay open: only to look for errors
};

inline constexpr size_t max_steps = 1'500'000;    // expressions evaluated while checking one model
inline constexpr int64_t max_unrolled = 10'000;   // turns of one `for`, elements of an unrolled comprehension
inline constexpr int max_definition_depth = 400;  // definitions that wait for one another

struct Checker {
  Checker(const SourceMap& sources, const ParsedFiles& files, const CheckOptions& options)
      : sources(sources), files(files), options(options), table(model) {}

  const SourceMap& sources;
  const ParsedFiles& files;
  const CheckOptions& options;
  typed::Model model;
  ExpressionTable table;
  std::vector<Report> reports;
  std::unordered_set<const void*> entered;  // functions, modules and distributions that were specialised

  // --- blocks.cpp: a whole model
  void check_graph(const ModelChoice&);
  // --- mdp.cpp
  void check_mdp(const ModelChoice&);
  // --- unused.cpp: names in what no model uses
  void check_unused(FileId);
  void flush(Diagnostics&);
  bool failed() const;

  // --- report.cpp
  Poison fail(Kind, Span, std::vector<std::string> arguments = {}, std::string hint = {});
  bool step(Span);  // false: the budget is spent
  std::string source_text(Span) const;
  std::string place(Span) const;  // "line 12", with the file when it is another than the main one
  bool is_standard(Span) const;
  const ParsedFile& file_of(FileId) const;

  // --- scope.cpp: names
  ScopeId add_scope(ScopeKind, ScopeId parent, FileId);
  ScopeId file_scope(FileId);
  DefinitionId define(ScopeId, std::string name, Span, DefinitionKind, const ast::Statement* = nullptr,
                      const void* item = nullptr);
  void define_statement(ScopeId, const ast::Statement&);
  void bind(ScopeId, const std::string& name, Span, Value);
  void release(ScopeId);
  bool in_time(ScopeId) const;
  struct Found {
    DefinitionId definition;
    bool hidden = false;  // of the mdp, and the policy does not see it
    bool ambiguous = false;
  };
  Found find(std::string_view name, ScopeId);
  Found find_in_file(std::string_view name, FileId);
  bool visible_to_policy(DefinitionId, ScopeId mdp);
  Value resolve(const std::string& name, Span, ScopeId);
  Value resolve_primed(const std::string& name, Span, ScopeId);
  std::vector<std::string> visible_names(ScopeId);
  std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) const;
  Value force(DefinitionId);
  Value evaluate_definition(DefinitionId);
  void report_cycle(DefinitionId);
  DefinitionId action_among(std::vector<DefinitionId>::const_iterator, std::vector<DefinitionId>::const_iterator) const;
  Value evaluate_const(DefinitionId, const ast::Const&, ast::ExprId expression, ScopeId);

  // --- types.cpp: types, promotion, shapes, constants that are needed now
  std::optional<Type> type_of(const ast::TypeExpr&, ScopeId);
  bool size_fits(const Type&, Span);
  std::optional<int64_t> known_integer(ExprId, Span, const std::string& what);
  std::optional<double> known_real(ExprId, Span, const std::string& what);
  bool require_known(ExprId, Span, const std::string& what);
  std::string dependence_text(ExprId) const;
  ExprId expression_of(const Value&, Span);
  ExprId convert_scalar(ExprId, Scalar, Span);
  ExprId coerce(ExprId, const Type& target, Span, const std::string& what);
  ExprId coerce_scalar(ExprId, const Type& target, Span, const std::string& what);
  ExprId broadcast(ExprId, const Shape&, Span);
  std::optional<Shape> common_shape(const Shape&, const Shape&, Span, const std::string& what);
  ExprId real_constant(double, Span);
  ExprId integer_constant(int64_t, Span);
  ExprId boolean_constant(bool, Span);
  ExprId numeric(ExprId, Span, const std::string& what);  // bool → int, cat → int
  ExprId real(ExprId, Span, const std::string& what);
  ExprId call(Builtin, Type, std::vector<ExprId>, std::vector<int64_t> attributes, Span);
  const Type& type(ExprId id) const { return table.type(id); }

  // --- expressions.cpp
  const ast::Expr& syntax(ast::ExprId, ScopeId) const;
  Value evaluate(ast::ExprId, ScopeId);
  ExprId evaluate_expression(ast::ExprId, ScopeId);
  Value evaluate_list(const ast::List&, Span, ScopeId);
  Value evaluate_unary(const ast::Unary&, Span, ScopeId);
  Value evaluate_binary(const ast::Binary&, Span, ScopeId);
  Value evaluate_comparison(const ast::Comparison&, Span, ScopeId);
  Value evaluate_if(const ast::If&, Span, ScopeId);
  Value evaluate_member(const ast::Member&, Span, ScopeId);
  ExprId arithmetic(ast::BinaryOp, ExprId, ExprId, Span);
  ExprId compare(ast::CompareOp, ExprId, ExprId, Span);
  ExprId logical(ast::BinaryOp, ExprId, ExprId, Span left, Span right, Span);
  ExprId select(ExprId condition, ExprId then_value, ExprId else_value, Span);
  ExprId matmul(ExprId, ExprId, Span);
  ExprId stack(std::vector<ExprId>, std::vector<Span>, Span);
  std::optional<Type> join(const std::vector<ExprId>&, Span, const std::vector<Span>&, const std::string& what);

  // --- index.cpp
  Value evaluate_index(const ast::Index&, Span, ScopeId);
  ExprId take_row(ExprId, int64_t, Span);

  // --- comprehensions.cpp
  Value evaluate_comprehension(const ast::Comprehension&, Span, ScopeId);
  std::optional<std::pair<int64_t, int64_t>> evaluate_range(ast::ExprId low, ast::ExprId high, ScopeId);
  Value unroll(const ast::Comprehension&, int64_t low, int64_t high, Span, ScopeId);

  // --- functions.cpp: arguments, calls
  std::optional<std::vector<BoundFormal>> match_arguments(const std::string& callee, const std::vector<ast::Formal>&,
                                                          const std::vector<ast::Argument>&, Span, ScopeId caller);
  bool bind_formals(ScopeId, const std::string& callee, const std::vector<ast::Formal>&, std::vector<BoundFormal>&, Span);
  void bind_shape(ScopeId, const ast::TypeExpr&, const Shape&);
  Value evaluate_call(const ast::Call&, Span, ScopeId);
  Value call_value(const Value& callee, const std::string& name, const ast::Call&, Span, ScopeId);
  Value call_function(const FunctionRef&, const std::vector<ast::Argument>&, Span, ScopeId);
  Value call_function_with(const FunctionRef&, std::vector<BoundFormal>, Span);
  Value call_instance(const InstanceRef&, const std::string& name, const std::vector<ast::Argument>&, Span, ScopeId);
  Value evaluate_block(const ast::Block&, ScopeId);
  bool run_binds(const std::vector<ast::Statement>&, ScopeId);
  Value check_result(const Value&, const std::optional<ast::TypeExpr>&, const ast::Block&, ScopeId);
  bool enter(const std::string& name, Span, const void* callee, const std::vector<BoundFormal>&);
  void leave();
  Value let_element(ExprId, const ast::Let&, size_t element, Span);

  // --- builtins.cpp, reductions.cpp, layout.cpp
  Value call_builtin(const BuiltinFunction&, const ast::Call&, Span, ScopeId);

  // --- modules.cpp
  Value evaluate_param(const ast::Param&, const std::string& name, Span, ScopeId);
  Value instantiate(const ast::ModuleRef&, const std::string& name, ScopeId, size_t level = 0);
  Value instantiate_one(const ast::ModuleRef&, const std::string& name, ScopeId);
  Value member_of_instance(const InstanceRef&, const ast::Ident&);

  // --- distributions.cpp, densities.cpp, estimator_request.cpp
  Value resolve_distribution(const ast::Ident&, ScopeId);
  ExprId evaluate_draw(const std::string& name, Span, const ast::DistCall&, const std::optional<Type>& target,
                       const ast::Estimator*, ScopeId, const std::string& target_text, DrawId* made = nullptr);
  ExprId draw_from(const Value& dist, const std::string& name, Span, const ast::DistCall&, const std::optional<Type>& target,
                   const ast::Estimator*, ScopeId, const std::string& target_text, DrawId* made);
  ExprId draw_bound(const DistRef&, std::vector<BoundFormal>, const std::string& name, Span, Span law_span, std::string law_text,
                    const std::optional<Type>& target, typed::EstimatorRequest, DrawId owner, const std::string& target_text,
                    DrawId* made);
  ExprId primitive_draw(typed::Primitive, const std::string& name, Span, const ast::DistCall&, const std::optional<Type>& target,
                        ScopeId);
  struct Opened {  // a distribution or function of elements, its formals bound
    ScopeId scope;
    std::vector<typed::Binding> bindings;
    Shape batch;
  };
  std::optional<Opened> open_elementwise(const std::string& callee, const std::vector<ast::Formal>&, std::vector<BoundFormal>,
                                         ScopeId definition_scope, ScopeKind, Span, bool always_placeholders,
                                         const Shape& more_batch = {});
  bool define_dist_body(const ast::Dist&, ScopeId);
  Value call_method(const DistRef&, const std::string& method, const ast::Call&, Span, ScopeId);
  struct MethodCall {
    const DistRef& callee;
    const ast::Call& call;
    std::string name;  // normal.logpdf
    Span span;
    ScopeId scope;
  };
  ExprId call_kl(const MethodCall&);
  ExprId call_entropy(const MethodCall&);
  ExprId call_logpdf(const MethodCall&);
  ExprId density_at(const MethodCall&, ExprId x, Span x_span, std::vector<BoundFormal>);
  std::optional<Type> event_type(const DistRef&, const std::vector<BoundFormal>&, Span);
  uint16_t law_dependence(ExprId draw) const;
  ExprId density(const ast::Logpdf&, ExprId value, ScopeId);
  ExprId over_batch(const Opened&, ExprId body, Span);
  typed::EstimatorRequest evaluate_estimator(const ast::Estimator&, ScopeId);

  // --- blocks.cpp
  void define_block(ScopeId, const std::vector<ast::Statement>&);
  void force_block(ScopeId);
  void check_objectives(ScopeId, const std::vector<ast::Statement>&);
  void collect_nodes(ScopeId);
  void apply_options(const std::vector<ScopeId>& places);
  std::optional<std::pair<FileId, ast::ExprId>> parse_option(const std::string& name, const std::string& text);
  const ast::Const* find_const(const std::string& name, const std::vector<ScopeId>& places, ScopeId& where);

  // --- mdp.cpp
  void check_timing(const ModelChoice&, ScopeId mdp, const std::vector<ScopeId>& instances);
  void check_terminate(const ast::Terminate&, ScopeId);
  void mark_observed(ScopeId mdp, const std::vector<ast::Statement>&);
  Value evaluate_state(DefinitionId, const ast::State&);
  Value evaluate_next(DefinitionId, const ast::Next&);
  void evaluate_initial(DefinitionId, const ast::State&);
  void check_initial_cycles();
  Value evaluate_action(DefinitionId, const ast::Action&);
  ExprId random_action(const std::string& name, Span, const Type&, ExprId low, ExprId high);
  std::optional<Type> action_type(ScopeId policy, const std::string& name);
  std::vector<ScopeId> apply_instances(const ModelChoice&, ScopeId mdp);
  void check_policy_names(ScopeId policy, ScopeId mdp);

  // --- unused.cpp
  struct NameWalk;
  void walk_names(ast::ExprId, ScopeId);  // of a branch that is not taken
  void walk_function(const ast::Fn&, ScopeId);

  StableTable<ScopeId, Scope> scopes_;
  StableTable<DefinitionId, Definition> definitions_;
  std::unordered_map<FileId, ScopeId> file_scopes_;
  std::deque<ParsedFile> option_files_;  // the texts of --set
  std::vector<DefinitionId> active_;
  std::vector<CallSite> calls_;
  std::set<PlaceholderId> unroll_wanted_;
  std::unordered_map<const ast::Const*, Change> changes_;
  bool mdp_observes_ = false;
  const ModelChoice* choice_ = nullptr;
  ScopeId policy_scope_;
  int guards_ = 0;  // conditions that may keep an expression from counting
  int quiet_ = 0;   // reports are dropped
  int nesting_ = 0;
  size_t steps_ = 0;
  bool stopped_ = false;
};

// The name of a definition as users write it, and the scope's own name of a type of thing.
std::string describe(const Definition&);

}  // namespace alea::check
