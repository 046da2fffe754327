// The work of elaboration on expressions: one typed expression table in, nodes of one graph out, each
// expression elaborated once a region (and, where placeholders occur in it, once a batch).
#pragma once
#include <unordered_map>

#include "compiler/graph/elaborate.h"
#include "compiler/graph/frames.h"

namespace alea {

// Thrown after a diagnostic beyond which there is nothing to go on with.
struct Unelaborated {};

// What a region sees of the states: init their first values, step the values before the step, final the
// values after the last one.
enum class Region : uint8_t { init, step, final };

class Elaborator {
 public:
  // `plain`: draws leave no record, as for the initial values of params.
  Elaborator(const typed::Model&, StochasticGraph&, Diagnostics&, bool plain);

  NodeId evaluate(typed::ExprId, Region);  // of an expression outside of all batches
  Region region_of_draw(typed::DrawId draw) const {
    return plain_ || !model_.is_mdp || is_initial_[draw] ? Region::init : Region::step;
  }

 private:
  using Key = uint64_t;

  Key key(typed::ExprId) const;
  bool is_closed(typed::ExprId id) const { return free_[id].empty(); }
  Value value(typed::ExprId);
  void dependencies(typed::ExprId, std::vector<typed::ExprId>&) const;
  Value build(typed::ExprId);
  Value build_batch(const typed::Batch&);
  Value build_state(const typed::Expr&);
  Value build_time();
  StateId step_counter();
  Value build_draw(typed::DrawId);
  Value elaborate_draw(typed::DrawId);
  Value elaborate_primitive(const typed::Draw&);
  void record_draw(const typed::Draw&, DrawId, Value value);
  void record_estimator(const typed::Draw&, GraphDraw&);
  void bind(const typed::Binding&, const Shape& batch, uint64_t frame);
  void push_frame(const Shape&, Span);
  Value carry_all(Value, const Type& own);
  Value lacking(const Type& type) { return frames_.constant(type, 0); }
  void find_free_placeholders();
  void find_initial_draws();
  void limit_size();

  const typed::Model& model_;
  StochasticGraph& out_;
  Diagnostics& diagnostics_;
  bool plain_;
  Frames frames_;
  Region region_ = Region::init;
  uint32_t environment_ = 0, environments_ = 0;  // one an entered batch or draw
  Span place_;
  std::unordered_map<Key, Value> memo_;
  Table<typed::ExprId, std::vector<typed::PlaceholderId>> free_;
  Table<typed::PlaceholderId, Value> bound_;
  StateId steps_;  // a hidden state, null until it is needed
  struct Body {    // of a draw: where its inner draws are elaborated
    size_t depth = 0;
    uint32_t environment = 0;
  };
  Table<typed::DrawId, Body> bodies_;
  Table<typed::DrawId, Value> draw_values_;
  Table<typed::DrawId, DrawId> draw_ids_;
  Table<typed::DrawId, bool> is_initial_;
};

}  // namespace alea
