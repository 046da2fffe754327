// IDX files, in which MNIST and its kin come: a magic number that says the element's type and the number of axes, the axes'
// lengths, the elements, big-endian; often compressed by gzip. In: the bytes, of unknown origin. Out: an array of reals. Every
// length is checked against what is there before anything is allocated; throws FileError with `name`.
#pragma once
#include <string>
#include <string_view>

#include "runtime/npy.h"

namespace alea {

Array read_idx(std::string_view bytes, const std::string& name);

}  // namespace alea
