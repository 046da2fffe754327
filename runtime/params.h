// The values of a model's params. In: the params' names and types, initial values, and what the user gave by name, as
// text (`theta=0.5`, `theta=[1, 2, 3]`) or as arrays of an .npz file. Out: one flat row-major array a param, of exactly
// its size and finite. What does not fit is a UsageError that names the param.
#pragma once
#include <string>
#include <vector>

#include "compiler/graph/stochastic_graph.h"
#include "compiler/kernel/interpret.h"
#include "runtime/npy.h"

namespace alea {

ParamArrays zero_params(const Table<ParamId, GraphParam>&);

// `text` is NAME=VALUE; a number is copied to every element, a list has the param's shape (or is flat). A name with a
// trailing `.*` means every param of the group.
void set_param(const Table<ParamId, GraphParam>&, const std::string& text, ParamArrays&);
// Every array must name a param; params without an array keep their values.
void set_params(const Table<ParamId, GraphParam>&, const NamedArrays&, ParamArrays&);
// Those of the arrays that name a param: a file may serve several policies, of which each has some. Where none does, all of
// them, to be refused.
NamedArrays arrays_among(const Table<ParamId, GraphParam>&, NamedArrays);
NamedArrays named_arrays(const Table<ParamId, GraphParam>&, const ParamArrays&);

}  // namespace alea
