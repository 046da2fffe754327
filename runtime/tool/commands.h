// The commands, one function each: prints what tool.md says it prints, and gives the exit status.
#pragma once
#include "runtime/tool/session.h"

namespace alea {

int command_check(Session&);
int command_format(Session&);
int command_explain(Session&);
int command_compile(Session&);
int command_run(Session&);  // run and grad
int command_verify(Session&);
int command_bench(Session&);

}  // namespace alea
