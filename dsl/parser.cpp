// One file's text in, its syntax tree out: bytes to tokens, tokens to the parse tree, that to the AST.
// Size is bounded before anything is read, nesting while it is; every stage is linear in the text.
#include "dsl/parser.h"

#include <string>

#include "dsl/grammar/build_ast.h"

namespace alea {

ast::File parse(const SourceMap& sources, SourceId source, Diagnostics& diagnostics) {
  const std::string_view text = sources[source].text();
  if (text.size() > max_source_bytes) {
    diagnostics.report(DiagnosticKind::source_too_large, Span{source, 0, 0},
                       {std::to_string(text.size()), std::to_string(max_source_bytes)});
    ast::File nothing;
    nothing.source = source;
    return nothing;
  }
  const grammar::Lexed lexed = grammar::lex(sources, source, diagnostics);
  const grammar::Tree tree = grammar::parse_tree(lexed, diagnostics);
  return grammar::build_ast(lexed, tree, diagnostics);
}

}  // namespace alea
