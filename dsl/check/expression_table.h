// The typed expressions of one model as they are made: equal ones are shared, constants are folded, and
// every expression's dependence is known. Types are the caller's business; here only sizes are bounded.
#pragma once
#include <optional>
#include <unordered_map>
#include <vector>

#include "dsl/check.h"
#include "dsl/check/fold.h"
#include "dsl/typed_model.h"

namespace alea::check {

using typed::Builtin;
using typed::ExprId;
using typed::ExprKind;
using typed::PlaceholderId;

// What an expression depends on; no bit set and no free placeholder: known at compile time.
enum Dependence : uint16_t {
  on_param = 1,
  on_input = 2,
  on_state = 4,
  on_next_state = 8,
  on_time = 16,
  on_draw = 32,
  on_formal = 64,   // a distribution's formal or value
  on_index = 128,   // the index of a comprehension
  on_action = 256,  // an action that nothing fills (a block checked without a policy)
};

struct Facts {
  uint16_t dependence = 0;
  std::vector<PlaceholderId> free;  // sorted
};

struct IntegerRange {
  double low, high;  // both attained or beyond
};

class ExpressionTable {
 public:
  explicit ExpressionTable(typed::Model& model) : model_(model) {}

  ExprId constant(const Type&, std::vector<double> values, Span);
  ExprId leaf(ExprKind, const Type&, uint32_t payload, uint16_t dependence, Span);
  ExprId placeholder(std::string name, const Type&, uint16_t dependence, Span, double low = 0, double high = -1);
  // Folds where all inputs are constants. The result is null when the type has too many elements: `too_large` says so.
  ExprId call(Builtin, const Type&, std::vector<ExprId> inputs, std::vector<int64_t> attributes, Span);
  ExprId batch(Shape, std::vector<typed::Binding>, ExprId body, Span);

  const typed::Expr& operator[](ExprId id) const { return model_.exprs[id]; }
  const Type& type(ExprId id) const { return model_.exprs[id].type; }
  const Facts& facts(ExprId id) const { return facts_[id]; }
  bool is_constant(ExprId id) const { return model_.exprs[id].kind == ExprKind::constant; }
  Constant constant_of(ExprId id) const { return {model_.exprs[id].type, model_.exprs[id].values}; }
  std::optional<double> scalar_constant(ExprId) const;
  std::optional<IntegerRange> integer_range(ExprId, int depth = 0) const;
  bool full() const { return full_; }  // too many expressions, or too many constant elements

 private:
  ExprId add(typed::Expr, Facts);
  using Environment = std::unordered_map<PlaceholderId, Constant>;
  std::optional<Constant> evaluate_batch(const typed::Batch&, const Type& result, Environment&, size_t& budget) const;

  typed::Model& model_;
  Table<ExprId, Facts> facts_;
  std::unordered_multimap<size_t, ExprId> shared_;
  std::unordered_map<PlaceholderId, IntegerRange> index_ranges_;
  size_t constant_elements_ = 0;
  bool full_ = false;
};

inline constexpr size_t max_constant_elements = 1 << 25;  // kept in memory, all constants together

}  // namespace alea::check
