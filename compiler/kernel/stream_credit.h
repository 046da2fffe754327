// Credit without a reversed sweep. In: a gradient program. Out: one that adds up the same gradient as its steps go forward, where
// every adjoint is a score times one credit Q and no state carries an adjoint, that is, where no score's params depend on θ
// through a pathwise value. With g_t the score's adjoint for a credit of one, own_t, later_t and later_final as in
// ProgramAdvantage, and C_t = Σ_{k<t} g_k the running sum of scores, exchanging the sums over time gives
//   Σ_t g_t Q_t = Σ_t (own_t g_t + later_t C_t) + later_final C_H.
// The mean over the group that leave-one-out takes from Q_t passes through the same exchange, so that each product w v on the
// right becomes, over the n samples i,
//   n/(n-1) (Σ_i w_i v_i - (Σ_i w_i)(Σ_i v_i) / n),
// which a step's own samples suffice for: no tape. Samples that have ended have w_i = g_i = 0 and keep their C_i, so that
// Σ_i C_i is best had as the running sum of Σ_i g_i.
#pragma once
#include <optional>
#include <vector>

#include "compiler/kernel/program.h"

namespace alea {

// What the weight is multiplied by: the step's score g_t, or C_t, or C_{t+1}.
enum class Scores : uint8_t { own, before, after };
// Added to the sum, at every step or once in `final`: Σ_i weight value, centred over the group as above for leave_one_out.
struct CreditProduct {
  Phase phase{};  // step or final
  NodeId weight;  // a scalar
  NodeId value;   // of the sum's shape
  Scores scores{};
  NodeId score;  // g_t, of every product of one sum the same
  AccumulatorId sum;
  Baseline baseline = Baseline::none;
};

struct StreamedCredit {
  Program program;  // its accumulators have no contributions but the products
  std::vector<CreditProduct> products;
};

// Running sums of at most so many elements: each takes a register's worth of every lane through the steps.
inline constexpr int64_t most_streamed = 16;

std::optional<StreamedCredit> stream_credit(const Program&);

}  // namespace alea
