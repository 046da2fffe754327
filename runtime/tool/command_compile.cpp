// alea compile: what one stage makes of a model.
#include <fmt/format.h>

#include "compiler/kernel/read_program.h"
#include "dsl/ast_print.h"
#include "dsl/parser.h"
#include "runtime/errors.h"
#include "runtime/file.h"
#include "runtime/jit.h"
#include "runtime/tool/commands.h"
#include "runtime/tool/dot.h"
#include "runtime/tool/engine.h"

namespace alea {

namespace {

std::string emitted_text(Session& session) {
  const std::string& kind = session.options.emit;
  if (kind == "ast") {
    Diagnostics diagnostics;
    const SourceId source = load_source(session);
    if (is_program_text(session, source))
      throw UsageError{fmt::format("`--emit ast` needs a model; {} is a gradient program", session.options.files[0])};
    const ast::File file = parse(session.sources, source, diagnostics);
    require_no_errors(session, diagnostics);
    return ast::print(file);
  }
  const Model model = compile_model(session);
  if (kind == "graph" || kind == "dot") require_model(session, model, fmt::format("`--emit {}`", kind));
  if (kind == "graph") return print(model.compiled->graph, &session.sources);
  if (kind == "dot") return dot_text(*model.compiled);
  // A program's own lines are no model's: their numbers are left out.
  if (kind == "estimator")
    return print_program_file(model.compiled->program, model.compiled->initial_params,
                              model.is_program() ? nullptr : &session.sources);
  JitOptions options = jit_options(session);
  options.keep_text = true;
  const CompiledKernel kernel(model.compiled->program, options, CompiledKernel::Link::no);
  if (kind == "llvm-raw") return kernel.llvm_raw();
  if (kind == "llvm") return kernel.llvm();
  if (kind == "asm") return kernel.assembly();
  return kernel.objects()[0];
}

}  // namespace

int command_compile(Session& session) {
  const std::string text = emitted_text(session);
  const std::string& output = session.options.output;
  write_file(output.empty() ? "-" : output, text);
  return 0;
}

}  // namespace alea
