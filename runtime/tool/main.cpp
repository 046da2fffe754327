// The command `alea`: everything is in run_tool.
#include "runtime/tool/tool.h"

int main(int argc, char** argv) { return alea::run_tool(argc, argv); }
