// A model's file, what it imports, and the two files that every model imports by itself: parsed once, kept
// for as long as anything checked from them lives. Imports may form a circle; a file is loaded once.
#pragma once
#include <string>
#include <vector>

#include "dsl/ast.h"
#include "dsl/check.h"

namespace alea {

using FileId = Id<struct FileTag>;

struct ImportedFile {
  FileId file;
  std::string alias;        // what a qualified name begins with: `nn` of `import std.nn`
  bool unqualified = true;  // its names also stand alone: there is no `as`
  Span span;
};

struct ParsedFile {
  ast::File tree;
  std::string name;
  bool standard = false;
  std::vector<ImportedFile> imports;
};

struct ParsedFiles {
  Table<FileId, ParsedFile> files;  // complete: nothing is added after parse_files
  FileId main;
  std::vector<FileId> automatic;  // prelude, distributions
};

}  // namespace alea
