// The rare case of elementary_builder.h: sin, cos and wrap of arguments beyond largest_reduced, by Payne and
// Hanek's reduction with as many digits of 2/pi as the argument's exponent asks for. One number at a time.
#pragma once
#include "compiler/kernel/elementary_builder.h"

namespace alea::elementary {

double rare_value(Rare, double x);
float rare_value(Rare, float x);

}  // namespace alea::elementary
