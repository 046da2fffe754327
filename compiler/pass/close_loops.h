// A linear system under linear feedback steps by one matrix: A x ± B (K x) becomes (A ± B K) x where neither samples nor time
// change A, B and K. The matrix is made once a call; it rounds as |A| + |B| |K| bounds it, and so do the products apart.
#pragma once
#include "compiler/kernel/program.h"

namespace alea {

// For gradient programs: their adjoint is that of the system as it was written. Leaves all other values as they are.
Program close_loops(Program);

}  // namespace alea
