// The commands, one function each: prints what tool.md says it prints, and gives the exit status.
#pragma once
#include "runtime/tool/session.h"

namespace alea {

enum ExitStatus : int {
  status_done = 0,
  status_model = 1,
  status_usage = 2,
  status_numbers = 3,  // not finite, or not what they should be
  status_file = 4,     // also: the machine lacks something
  status_internal = 70,
  status_interrupted = 130,
};

int command_check(Session&);
int command_format(Session&);
int command_explain(Session&);
int command_compile(Session&);
int command_run(Session&);  // run and grad
int command_verify(Session&);
int command_bench(Session&);
int command_train(Session&);
int command_plot(Session&);
int command_doc(Session&);
int command_compare(Session&);
int command_tune(Session&);

}  // namespace alea
