// The command `alea`. In: the words of the command line. Out: its exit status, what it prints, the files it writes.
// Nothing is thrown out of it.
#pragma once

namespace alea {

// 0 done, 1 the model is wrong, 2 the command line is wrong, 3 the numbers are not finite or do not agree, 4 a file
// could not be read or written.
int run_tool(int argc, const char* const* argv);

}  // namespace alea
