// Groups break at all their places or at none; a row of operators of one level is one group.
#include "dsl/format_documents.h"

namespace alea {

using namespace ast;

namespace {

constexpr int block_indentation = 2;

int level(BinaryOp op) {
  switch (op) {
    case BinaryOp::logical_or: return 1;
    case BinaryOp::logical_and: return 2;
    case BinaryOp::add:
    case BinaryOp::subtract: return 5;
    case BinaryOp::multiply:
    case BinaryOp::divide:
    case BinaryOp::floor_divide:
    case BinaryOp::modulo:
    case BinaryOp::matmul: return 6;
    case BinaryOp::power: return 8;
  }
  return 0;
}

bool is_spaced(BinaryOp op, Air air) {
  switch (op) {
    case BinaryOp::logical_or:
    case BinaryOp::logical_and: return true;
    case BinaryOp::add:
    case BinaryOp::subtract:
    case BinaryOp::matmul: return air != Air::none;
    case BinaryOp::multiply:
    case BinaryOp::divide:
    case BinaryOp::floor_divide:
    case BinaryOp::modulo: return air == Air::statement;
    case BinaryOp::power: return false;
  }
  return true;
}

Air inner(Air air) { return air == Air::none ? Air::none : Air::inside; }

}  // namespace

Document FormatDocuments::separated(std::vector<Document> elements) const {
  // Each element goes to a new line only when it does not fit on this one.
  std::vector<Document> parts;
  for (size_t i = 0; i < elements.size(); ++i) {
    std::vector<Document> element;
    if (i > 0) element.push_back(line());
    element.push_back(std::move(elements[i]));
    if (i + 1 < elements.size()) element.push_back(words(","));
    parts.push_back(group(std::move(element)));
  }
  return indent(block_indentation, std::move(parts));
}

Document FormatDocuments::range(ExprId low, ExprId high) const {
  return concat({expression(low, Air::none), words(".."), expression(high, Air::none)});
}

Document FormatDocuments::operand(ExprId id, Air air) const {
  Document document = expression(id, air);
  if (!text_.in_parentheses(file_.exprs[id].span)) return document;
  return concat({words("("), align({std::move(document)}), words(")")});
}

// A condition or a branch: a choice there keeps its parentheses.
Document FormatDocuments::branch(ExprId id, Air air) const {
  return std::holds_alternative<If>(file_.exprs[id].value) ? operand(id, air) : expression(id, air);
}

Document FormatDocuments::expression(ExprId id, Air air) const {
  const Expr& expr = file_.exprs[id];
  return std::visit([&](const auto& value) { return document(value, expr.span, air); }, expr.value);
}

Document FormatDocuments::document(const Number&, Span span, Air) const { return words(text_.source(span)); }

Document FormatDocuments::document(const Boolean& boolean, Span, Air) const { return words(boolean.value ? "true" : "false"); }

Document FormatDocuments::document(const Text& string, Span, Air) const { return words("\"" + string.value + "\""); }

Document FormatDocuments::document(const Name& name, Span, Air) const { return words(name.name + (name.primed ? "'" : "")); }

Document FormatDocuments::document(const List& list, Span span, Air air) const {
  std::vector<Document> elements;
  bool rows = list.elements.size() > 1;
  for (const ExprId element : list.elements) {
    elements.push_back(expression(element, inner(air)));
    rows = rows && std::holds_alternative<List>(file_.exprs[element].value);
  }
  if (!rows) return group({words("["), separated(std::move(elements)), words("]")});
  // A matrix has a line for each row if it does not fit on one line, or is written on several.
  std::vector<Document> parts;
  for (size_t i = 0; i < elements.size(); ++i) {
    if (i > 0) parts.push_back(concat({words(","), line()}));
    parts.push_back(std::move(elements[i]));
  }
  Document matrix = group({words("["), align(std::move(parts)), words("]")});
  matrix.broken = text_.source(span).find('\n') != std::string::npos;
  return matrix;
}

Document FormatDocuments::for_clause(const Ident& index, ExprId low, ExprId high) const {
  return concat({words("for " + index.name + " in "), range(low, high)});
}

Document FormatDocuments::generator(const Comprehension& value, Air air) const {
  return align({expression(value.body, inner(air)), line(), for_clause(value.index, value.low, value.high)});
}

Document FormatDocuments::document(const Comprehension& comprehension, Span, Air air) const {
  return group({words("["), generator(comprehension, air), words("]")});
}

Document FormatDocuments::document(const Unary& unary, Span, Air air) const {
  const bool negation = unary.op == UnaryOp::negate;
  return concat({words(negation ? "-" : "not "), operand(unary.operand, negation ? inner(air) : air)});
}

Document FormatDocuments::document(const Binary& binary, Span, Air air) const {
  const bool spaced = is_spaced(binary.op, air);
  // A row of operators of one level breaks before all of them or none.
  struct Step {
    BinaryOp op;
    ExprId right;
  };
  std::vector<Step> steps;
  ExprId leftmost;
  const Binary* row = &binary;
  for (;;) {
    steps.push_back({row->op, row->right});
    leftmost = row->left;
    const auto* left = std::get_if<Binary>(&file_.exprs[leftmost].value);
    if (left == nullptr || level(left->op) != level(binary.op) || binary.op == BinaryOp::power ||
        is_spaced(left->op, air) != spaced || text_.in_parentheses(file_.exprs[leftmost].span))
      break;
    row = left;
  }
  const Air within = inner(air);
  std::vector<Document> tail;
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    const std::string op(spelling(step->op));
    if (spaced) tail.push_back(concat({line(), words(op + " "), operand(step->right, within)}));
    else tail.push_back(concat({words(op), operand(step->right, within)}));
  }
  return group({operand(leftmost, within), indent(level(binary.op) > 5 ? block_indentation : 0, std::move(tail))});
}

Document FormatDocuments::document(const Comparison& comparison, Span, Air air) const {
  std::vector<Document> parts{operand(comparison.operands[0], inner(air))};
  for (size_t i = 0; i < comparison.ops.size(); ++i)
    parts.push_back(
        concat({line(), words(std::string(spelling(comparison.ops[i])) + " "), operand(comparison.operands[i + 1], inner(air))}));
  return group(std::move(parts));
}

Document FormatDocuments::document(const If& choice, Span, Air air) const {
  const Air within = inner(air);
  std::vector<Document> parts;
  const If* now = &choice;
  for (;;) {
    parts.push_back(concat({words("if "), branch(now->condition, within), words(" then "), branch(now->then_value, within),
                            line(), words("else ")}));
    const auto* next = std::get_if<If>(&file_.exprs[now->else_value].value);
    if (next == nullptr) break;
    now = next;
  }
  parts.push_back(expression(now->else_value, within));
  return group({align(std::move(parts))});
}

Document FormatDocuments::document(const Index& index, Span, Air air) const {
  std::vector<Document> subscripts;
  for (const Subscript& subscript : index.subscripts) {
    if (!subscript.slice) {
      subscripts.push_back(expression(subscript.index, inner(air)));
      continue;
    }
    std::vector<Document> parts;
    if (subscript.low) parts.push_back(expression(subscript.low, Air::none));
    parts.push_back(words(":"));
    if (subscript.high) parts.push_back(expression(subscript.high, Air::none));
    subscripts.push_back(concat(std::move(parts)));
  }
  return concat({operand(index.base, air), group({words("["), separated(std::move(subscripts)), words("]")})});
}

Document FormatDocuments::arguments(const std::vector<Argument>& list, Air air) const {
  std::vector<Document> parts;
  for (const Argument& argument : list) {
    Document value = expression(argument.value, inner(air));
    parts.push_back(argument.name.name.empty() ? std::move(value)
                                               : concat({words(argument.name.name + " = "), std::move(value)}));
  }
  return group({words("("), separated(std::move(parts)), words(")")});
}

Document FormatDocuments::document(const Call& call, Span, Air air) const {
  if (!call.generator) return concat({operand(call.callee, air), arguments(call.arguments, air)});
  const auto& body = std::get<Comprehension>(file_.exprs[call.arguments[0].value].value);
  return concat({operand(call.callee, air), group({words("("), generator(body, air), words(")")})});
}

Document FormatDocuments::document(const Member& member, Span, Air air) const {
  Document base = operand(member.base, air);
  // `1 .x` must not become the number `1.` and a name.
  const bool number =
      std::holds_alternative<Number>(file_.exprs[member.base].value) && !text_.in_parentheses(file_.exprs[member.base].span);
  if (number) base = concat({words("("), std::move(base), words(")")});
  return concat({std::move(base), words("." + member.name.name)});
}

Document FormatDocuments::type(const TypeExpr& type) const {
  std::vector<Document> parts;
  switch (type.kind) {
    case TypeExpr::Kind::real: parts.push_back(words("real")); break;
    case TypeExpr::Kind::integer: parts.push_back(words("int")); break;
    case TypeExpr::Kind::boolean: parts.push_back(words("bool")); break;
    case TypeExpr::Kind::category:
      parts.push_back(concat({words("cat("), expression(type.categories, Air::inside), words(")")}));
      break;
  }
  if (!type.shape.empty()) {
    std::vector<Document> extents;
    for (const ExprId extent : type.shape) extents.push_back(expression(extent, Air::inside));
    parts.push_back(group({words("["), separated(std::move(extents)), words("]")}));
  }
  return concat(std::move(parts));
}

Document FormatDocuments::annotation(const std::optional<TypeExpr>& annotation) const {
  return annotation ? concat({words(": "), type(*annotation)}) : concat({});
}

Document FormatDocuments::value(ExprId id) const {
  return id ? concat({words(" = "), indent(continuation, {expression(id, Air::statement)})}) : concat({});
}

Document FormatDocuments::law(const std::optional<DistCall>& law) const {
  return law ? concat({words(" ~ " + law->name.name), indent(continuation, {arguments(law->arguments, Air::inside)})})
             : concat({});
}

Document FormatDocuments::estimator(const std::optional<Estimator>& estimator) const {
  if (!estimator) return concat({});
  std::vector<Document> parts{words("by " + estimator->name.name)};
  if (!estimator->arguments.empty()) parts.push_back(arguments(estimator->arguments, Air::inside));
  return group({indent(continuation, {line(), concat(std::move(parts))})});
}

Document FormatDocuments::formals(const std::vector<Formal>& list) const {
  std::vector<Document> parts;
  for (const Formal& formal : list) {
    Document preset = formal.default_value ? concat({words(" = "), expression(formal.default_value, Air::inside)}) : concat({});
    parts.push_back(concat({words(formal.name.name), annotation(formal.type), std::move(preset)}));
  }
  return group({words("("), indent(continuation - block_indentation, {separated(std::move(parts))}), words(")")});
}

Document FormatDocuments::result(const std::optional<TypeExpr>& result_type) const {
  return result_type ? concat({words(" -> "), type(*result_type)}) : concat({});
}

Document FormatDocuments::module_ref(const ModuleRef& module) const {
  std::string path;
  for (const Ident& part : module.path) path += (path.empty() ? "" : ".") + part.name;
  Document call = concat({words(path), indent(continuation, {arguments(module.arguments, Air::inside)})});
  for (auto range = module.ranges.rbegin(); range != module.ranges.rend(); ++range)
    call = group({words("["), std::move(call), indent(continuation, {line()}), for_clause(range->index, range->low, range->high),
                  words("]")});
  return call;
}

Document FormatDocuments::with_value(const std::string& word, ExprId id) const {
  return concat({words(word + " "), indent(continuation, {expression(id, Air::statement)})});
}

std::string FormatDocuments::names(const std::vector<Ident>& list) {
  std::string result;
  for (const Ident& name : list) result += (result.empty() ? "" : ", ") + name.name;
  return result;
}

}  // namespace alea
