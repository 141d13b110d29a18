"""Rules whose worse form is longer or less idiomatic and does the same: clippy knows most of them by name."""

from __future__ import annotations

from tree_sitter import Node

from node.tasks.changes import Replacement
from node.tasks.lexicon import ADAPTERS
from node.tasks.rewriting import CLOSURES, STEP, Place, Rule, inside, method_call, shifted, spans_lines, text
from node.tasks.syntax import COMMENTS, body_of, descend, text_of

Changes = tuple[Replacement, ...] | None

_BLOCK_LIKE = frozenset(
    {
        "if_expression",
        "match_expression",
        "loop_expression",
        "while_expression",
        "for_expression",
        "block",
        "unsafe_block",
        "return_expression",
        "macro_invocation",
    }
)
_SIMPLE = frozenset({"identifier", "field_expression", "integer_literal", "self", "scoped_identifier", "char_literal"})


NESTED_LINES_MAX = 24
"""Lines that a rewrite may move into a block: more would be one change and a page of white space."""


def _single_let(node: Node) -> tuple[str, str] | None:
    """Pattern and value of a condition that is one `let`."""
    condition = node.child_by_field_name("condition")
    if condition is None or condition.type != "let_condition":
        return None
    return text(condition.child_by_field_name("pattern")), text(condition.child_by_field_name("value"))


def _early_return(place: Place) -> Changes:
    """`if c { return x; } rest` as `if c { return x; } else { rest }`."""
    statement = place.node
    branch = statement.named_children[0] if statement.type == "expression_statement" else None
    if branch is None or branch.type != "if_expression" or branch.child_by_field_name("alternative"):
        return None
    block, body = branch.child_by_field_name("consequence"), body_of(place.function)
    inner = [child for child in block.named_children if child.type not in COMMENTS] if block else []
    rest = [child for child in body.named_children if child.start_byte > statement.start_byte]
    if statement.parent != body or not inner or not text_of(inner[-1]).startswith("return") or len(rest) < 2:
        return None
    if any(spans_lines(child) for child in rest) or not place.returns() or rest[-1].type.endswith("statement"):
        return None
    if rest[-1].end_point.row - rest[0].start_point.row > NESTED_LINES_MAX:
        return None
    indent = place.indent()
    moved = place.source[rest[0].start_byte : rest[-1].end_byte].decode(errors="replace")
    nested = f" else {{\n{indent}{STEP}{shifted(moved)}\n{indent}}}"
    return (Replacement(statement.end_byte, rest[-1].end_byte, nested),)


def _any_all(place: Place) -> Changes:
    """A final `iter.any(|p| c)` or `all` as a loop with early returns."""
    call = method_call(place.node)
    if call is None or call[1] not in {"any", "all"} or not place.is_tail() or len(call[2]) != 1:
        return None
    receiver, name, (closure,) = call
    body = closure.child_by_field_name("body")
    parameters = closure.child_by_field_name("parameters")
    if closure.type != "closure_expression" or body is None or parameters is None or body.type == "block":
        return None
    pattern = text_of(parameters)[1:-1].split(":")[0].strip()
    test, verdict = (text_of(body), "true") if name == "any" else (f"!({text_of(body)})", "false")
    indent = place.indent()
    other = "false" if verdict == "true" else "true"
    loop = f"for {pattern} in {text_of(receiver)} {{\n{indent}{STEP}if {test} {{\n{indent}{STEP * 2}return {verdict};"
    return place.replace(f"{loop}\n{indent}{STEP}}}\n{indent}}}\n{indent}{other}")


def _if_let(place: Place) -> Changes:
    """`if let P = e {A} else {B}` as a `match` with two arms."""
    node = place.node
    found = _single_let(node) if node.type == "if_expression" else None
    block, other = place.child("consequence"), place.child("alternative")
    if found is None or block is None or spans_lines(node) or (node.parent and node.parent.type == "else_clause"):
        return None
    fallback = other.named_children[-1] if other else None
    if fallback is not None and fallback.type != "block":
        return None
    indent = place.indent()
    arms = f"{found[0]} => {shifted(text_of(block))}", f"_ => {shifted(text_of(fallback)) if fallback else '{}'}"
    return place.replace(f"match {found[1]} {{\n{indent}{STEP}{arms[0]}\n{indent}{STEP}{arms[1]}\n{indent}}}")


def _question_mark(place: Place) -> Changes:
    """`e?` as a `match` that returns the error."""
    node = place.node
    if node.type != "try_expression" or inside(node, CLOSURES | {"try_block"}, place.function):
        return None
    parent = node.parent
    if parent is None or parent.type not in {
        "let_declaration",
        "expression_statement",
        "arguments",
        "tuple_expression",
    }:
        return None
    operand, indent = text_of(node.children[0]), place.indent()
    if place.returns().startswith("Option"):
        good, bad = "Some(value) => value,", "None => return None,"
    elif "Result" in place.returns():
        good, bad = "Ok(value) => value,", "Err(error) => return Err(error.into()),"
    else:
        return None
    return place.replace(f"match {operand} {{\n{indent}{STEP}{good}\n{indent}{STEP}{bad}\n{indent}}}")


def _while_let(place: Place) -> Changes:
    """`while let P = e {B}` as `loop { match e { P => B, _ => break } }`."""
    node = place.node
    found = _single_let(node) if node.type == "while_expression" else None
    body = place.child("body")
    if found is None or body is None or spans_lines(node) or node.children[0].type == "label":
        return None
    indent = place.indent()
    inner, deep = indent + STEP, indent + STEP * 2
    arms = f"{found[0]} => {shifted(text_of(body), STEP * 2)}\n{deep}_ => break,"
    return place.replace(f"loop {{\n{inner}match {found[1]} {{\n{deep}{arms}\n{inner}}}\n{indent}}}")


def _let_else(place: Place) -> Changes:
    """`let P(x) = e else { leave };` as `let x = match e { P(x) => x, _ => leave };`."""
    node = place.node
    pattern, value, leave = place.child("pattern"), place.child("value"), place.child("alternative")
    if node.type != "let_declaration" or pattern is None or value is None or leave is None:
        return None
    names = [text_of(leaf) for leaf in descend(pattern) if leaf.type == "identifier" and leaf.parent == pattern][1:]
    if len(names) != 1 or spans_lines(node):
        return None
    indent = place.indent()
    arms = f"{text_of(pattern)} => {names[0]},\n{indent}{STEP}_ => {shifted(text_of(leave))}"
    return place.replace(f"let {names[0]} = match {text_of(value)} {{\n{indent}{STEP}{arms}\n{indent}}};")


def _matches(place: Place) -> Changes:
    """`matches!(e, P)` as a `match` that gives `true` or `false`."""
    node = place.node
    if node.type != "macro_invocation" or text_of(node.children[0]) != "matches":
        return None
    inner = text_of(node.children[-1])[1:-1].strip().rstrip(",")
    depth = 0
    for at, character in enumerate(inner):
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            indent = place.indent()
            arms = f"{inner[at + 1 :].strip()} => true,\n{indent}{STEP}_ => false,"
            return place.replace(f"match {inner[:at]} {{\n{indent}{STEP}{arms}\n{indent}}}")
    return None


def _for_loop(place: Place) -> Changes:
    """`for p in e {B}` as a `while let` over an iterator kept by hand."""
    node = place.node
    pattern, value, body = place.child("pattern"), place.child("value"), place.child("body")
    if node.type != "for_expression" or pattern is None or value is None or body is None:
        return None
    if node.children[0].type == "label" or (node.parent and node.parent.type != "expression_statement"):
        return None
    name, indent = place.fresh("iter"), place.indent()
    call = method_call(value)
    given = text_of(value) if value.type in _SIMPLE | {"call_expression"} else f"({text_of(value)})"
    iterated = given if call is not None and call[1] in ADAPTERS else f"{given}.into_iter()"
    loop = f"while let Some({text_of(pattern)}) = {name}.next() {text_of(body)}"
    return place.replace(f"let mut {name} = {iterated};\n{indent}{loop}")


def _range_contains(place: Place) -> Changes:
    """`(a..=b).contains(&x)` as two comparisons."""
    call = method_call(place.node)
    if call is None or call[1] != "contains" or len(call[2]) != 1 or call[2][0].type != "reference_expression":
        return None
    spread = call[0].named_children[0] if call[0].type == "parenthesized_expression" else None
    if spread is None or spread.type != "range_expression" or len(spread.children) != 3:
        return None
    low, dots, high = spread.children
    value = text_of(call[2][0].named_children[-1])
    upper = "<=" if dots.type == "..=" else "<"
    both = f"{value} >= {text_of(low)} && {value} {upper} {text_of(high)}"
    whole = place.node.parent is not None and place.node.parent.type in {"if_expression", "let_declaration", "block"}
    return place.replace(both if whole else f"({both})")


def _collapsed_if(place: Place) -> Changes:
    """`if a && b {X}` as two nested `if`s."""
    node = place.node
    condition, block = place.child("condition"), place.child("consequence")
    if node.type != "if_expression" or condition is None or block is None or place.child("alternative"):
        return None
    if condition.type != "binary_expression" or text(condition.child_by_field_name("operator")) != "&&":
        return None
    if spans_lines(node) or "let " in text_of(condition) or (node.parent and node.parent.type == "else_clause"):
        return None
    left, right = (text(condition.child_by_field_name(side)) for side in ("left", "right"))
    indent = place.indent()
    return place.replace(f"if {left} {{\n{indent}{STEP}if {right} {shifted(text_of(block))}\n{indent}}}")


def _else_if(place: Place) -> Changes:
    """`else if c {..}` as `else { if c {..} }`."""
    node = place.node
    inner = node.named_children[-1] if node.type == "else_clause" and node.named_children else None
    if inner is None or inner.type != "if_expression" or spans_lines(inner):
        return None
    indent = place.indent()
    return place.replace(f"else {{\n{indent}{STEP}{shifted(text_of(inner))}\n{indent}}}")


def _method_chain(place: Place) -> Changes:
    """Iterator and option methods as the longer chains that they replace."""
    call = method_call(place.node)
    if call is None:
        return None
    receiver, name, arguments = call
    given = ", ".join(map(text_of, arguments))
    longer = {
        ("find", 1): f".filter({given}).next()",
        ("flat_map", 1): f".map({given}).flatten()",
        ("is_some_and", 1): f".map_or(false, {given})",
        ("copied", 0): ".map(|item| *item)",
        ("cloned", 0): ".map(|item| item.clone())",
        ("unwrap_or_default", 0): ".unwrap_or_else(Default::default)",
        ("nth", 1): f".skip({given}).next()",
    }.get((name, len(arguments)))
    if longer is None or (name == "nth" and given == "0"):
        return None
    return (Replacement(receiver.end_byte, place.node.end_byte, longer),)


def _unwrap_or(place: Place) -> Changes:
    """`e.unwrap_or(d)` on an option as a `match`."""
    call = method_call(place.node)
    if call is None or call[1] != "unwrap_or" or len(call[2]) != 1 or call[2][0].type not in _SIMPLE:
        return None
    indent = place.indent()
    arms = f"Some(value) => value,\n{indent}{STEP}None => {text_of(call[2][0])},"
    return place.replace(f"match {text_of(call[0])} {{\n{indent}{STEP}{arms}\n{indent}}}")


def _state_test(place: Place) -> Changes:
    """`if x.is_some()` as `if let Some(_) = x`."""
    node = place.node
    condition = place.child("condition") if node.type in {"if_expression", "while_expression"} else None
    call = method_call(condition) if condition is not None else None
    patterns = {"is_some": "Some(_)", "is_none": "None", "is_ok": "Ok(_)", "is_err": "Err(_)"}
    if condition is None or call is None or call[1] not in patterns or call[2]:
        return None
    written = f"let {patterns[call[1]]} = {text_of(call[0])}"
    return (Replacement(condition.start_byte, condition.end_byte, written),)


def _is_empty(place: Place) -> Changes:
    """`x.is_empty()` as a comparison of its length."""
    call = method_call(place.node)
    if call is None or call[1] != "is_empty" or call[2]:
        return None
    parent = place.node.parent
    length = f"{text_of(call[0])}.len()"
    if parent is not None and parent.type == "unary_expression" and text_of(parent.children[0]) == "!":
        return (Replacement(parent.start_byte, parent.end_byte, f"{length} > 0"),)
    casts = parent is not None and parent.type in {"type_cast_expression", "field_expression"}
    return place.replace(f"({length} == 0)" if casts else f"{length} == 0")


def _assign_operator(place: Place) -> Changes:
    """`a += b` as `a = a + b`."""
    left, right, operator = place.child("left"), place.child("right"), place.child("operator")
    if place.node.type != "compound_assignment_expr" or left is None or right is None or operator is None:
        return None
    if left.type not in {"identifier", "field_expression", "index_expression"} or "(" in text_of(left):
        return None
    value = text_of(right) if right.type in _SIMPLE | {"call_expression"} else f"({text_of(right)})"
    return place.replace(f"{text_of(left)} = {text_of(left)} {text_of(operator)[:-1]} {value}")


def _shorthand(place: Place) -> Changes:
    """`Point { x, y }` as `Point { x: x, y: y }`."""
    node = place.node
    if node.type != "shorthand_field_initializer":
        return None
    return place.replace(f"{text_of(node)}: {text_of(node)}")


def _bool_tail(place: Place) -> Changes:
    """A final condition as `if condition { true } else { false }`."""
    node = place.node
    kinds = {"binary_expression", "unary_expression"}
    if place.returns() != "bool" or not place.is_tail() or node.type not in kinds or spans_lines(node):
        return None
    indent = place.indent()
    branches = f"{{\n{indent}{STEP}true\n{indent}}} else {{\n{indent}{STEP}false\n{indent}}}"
    return place.replace(f"if {text_of(node)} {branches}")


def _let_and_return(place: Place) -> Changes:
    """A final call as `let result = call; result`."""
    node = place.node
    if not place.is_tail() or node.type in _BLOCK_LIKE | _SIMPLE or not place.returns() or spans_lines(node):
        return None
    name, indent = place.fresh("result"), place.indent()
    return place.replace(f"let {name} = {text_of(node)};\n{indent}{name}")


def _final_return(place: Place) -> Changes:
    """The final expression with a `return` that it does not need."""
    node = place.node
    if not place.is_tail() or node.type in _BLOCK_LIKE or not place.returns():
        return None
    return place.replace(f"return {text_of(node)};")


REFACTORINGS = (
    Rule("early_return", _early_return, once=True),
    Rule("any_all", _any_all, once=True),
    Rule("question_mark", _question_mark),
    Rule("let_else", _let_else),
    Rule("while_let", _while_let),
    Rule("if_let", _if_let),
    Rule("matches", _matches),
    Rule("for_loop", _for_loop),
    Rule("range_contains", _range_contains),
    Rule("method_chain", _method_chain),
    Rule("unwrap_or", _unwrap_or),
    Rule("state_test", _state_test),
    Rule("collapsed_if", _collapsed_if),
    Rule("else_if", _else_if),
    Rule("is_empty", _is_empty),
    Rule("shorthand", _shorthand),
    Rule("bool_tail", _bool_tail),
    Rule("assign_operator", _assign_operator),
    Rule("let_and_return", _let_and_return),
    Rule("final_return", _final_return),
)
"""Those that change most first: the order in which they are offered."""

LATE_RULES = {"final_return": 4, "let_and_return": 4, "shorthand": 3, "bool_tail": 2, "assign_operator": 2}
"""Rules that change little; used only where a function offers nothing else, or all others have had their turns."""
