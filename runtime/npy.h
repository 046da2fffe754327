// NumPy's array files. In: the bytes of a .npy (one array) or .npz (a zip archive of them) file, of any numeric or
// boolean type, either byte order, C or Fortran order, stored or deflated. Out: named arrays of reals, row-major.
// The bytes may be hostile: every length is checked against what is there before anything is allocated.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/type.h"

namespace alea {

struct Array {
  Shape shape;
  std::vector<double> values;  // element_count(shape) of them
};
using NamedArrays = std::map<std::string, Array>;

// All throw FileError, with `name` in the message.
Array read_npy(std::string_view bytes, const std::string& name);
NamedArrays read_npz(std::string_view bytes, const std::string& name);

std::string write_npy(const Array&);        // version 1.0, little-endian f64
std::string write_npz(const NamedArrays&);  // stored, in the map's order: the same arrays give the same bytes

}  // namespace alea
