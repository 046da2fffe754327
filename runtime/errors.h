// What can go wrong beside the model: thrown where it is found, caught once, at the edge of the command or the library.
// The exit status of the command is given beside each.
#pragma once
#include <string>

namespace alea {

struct UsageError {  // 2: an option's value does not fit the model
  std::string message;
};
struct NumericError {  // 3: it ran, and the numbers are not finite or do not agree
  std::string message;
};
struct FileError {  // 4: a file could not be read or written
  std::string message;
};

}  // namespace alea
