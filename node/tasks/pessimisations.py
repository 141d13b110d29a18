"""Rules whose worse form spends more: extra allocations, full walks, eager or repeated work. Each does the same.

Whether the published form is cheaper is counted afterwards on both texts (`node.tasks.costs`), not taken from the rule.
"""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from node.tasks.changes import Replacement, removal
from node.tasks.lexicon import ADAPTERS
from node.tasks.rewriting import Place, Rule, inside, method_call, text
from node.tasks.syntax import body_of, descend, leaves, text_of

Changes = tuple[Replacement, ...] | None

_ENDLESS = ("repeat", "cycle", "from_fn", "successors", "..)")
_CONSUMERS = frozenset({"sum", "max", "min", "fold", "for_each", "last", "collect", "max_by_key", "min_by_key", "eq"})
_LOOPS = frozenset({"for_expression", "while_expression", "loop_expression", "closure_expression"})
_OWNING = ("String::", "Vec::", "HashMap::", "HashSet::", "BTreeMap::", "VecDeque::", "vec!", "format!")


def _chain(node: Node) -> bool:
    """Whether `node` is a method call that gives an iterator which ends."""
    call = method_call(node)
    return call is not None and call[1] in ADAPTERS and not any(word in text_of(node) for word in _ENDLESS)


def _full_count(place: Place) -> Changes:
    """`iter.any(p)` as a count of all that satisfy it; `all` likewise."""
    call = method_call(place.node)
    if call is None or call[1] not in {"any", "all"} or len(call[2]) != 1 or not _chain(call[0]):
        return None
    test = text_of(call[2][0])
    if call[1] == "any":
        counted = f".map({test}).filter(|found| *found).count() > 0"
    else:
        counted = f".map({test}).filter(|found| !*found).count() == 0"
    return _parenthesised(place, f"{text_of(call[0])}{counted}")


def _parenthesised(place: Place, code: str) -> tuple[Replacement, ...]:
    """A comparison in place of a call, in brackets where an operator follows or precedes."""
    parent = place.node.parent
    tight = parent is not None and parent.type in {"binary_expression", "unary_expression", "field_expression"}
    return place.replace(f"({code})" if tight else code)


def _collected(place: Place) -> Changes:
    """A chain that is collected into a vector before it is consumed."""
    call = method_call(place.node)
    if call is None or not _chain(call[0]):
        return None
    receiver, name, arguments = call
    if name == "count" and not arguments:
        return (Replacement(receiver.end_byte, place.node.end_byte, ".collect::<Vec<_>>().len()"),)
    if name in _CONSUMERS:
        return (Replacement(receiver.end_byte, receiver.end_byte, ".collect::<Vec<_>>().into_iter()"),)
    return None


def _found_by_collecting(place: Place) -> Changes:
    """`iter.find(p)` as all that satisfy it collected, then the first."""
    call = method_call(place.node)
    if call is None or call[1] != "find" or len(call[2]) != 1 or not _chain(call[0]):
        return None
    found = f".filter({text_of(call[2][0])}).collect::<Vec<_>>().into_iter().next()"
    return (Replacement(call[0].end_byte, place.node.end_byte, found),)


def _cloned_result(place: Place) -> Changes:
    """A collection built in a local variable, cloned when it is returned."""
    node = place.node
    if node.type != "identifier" or not place.is_tail():
        return None
    for declaration in descend(body_of(place.function)):
        pattern = declaration.child_by_field_name("pattern") if declaration.type == "let_declaration" else None
        value = declaration.child_by_field_name("value") if pattern is not None else None
        if pattern is not None and text_of(pattern) == text_of(node) and text(value).startswith(_OWNING):
            return place.replace(f"{text_of(node)}.clone()")
    return None


def _owned_argument(place: Place) -> Changes:
    """A borrowed string or slice parameter copied before it is only read."""
    call = method_call(place.node)
    if call is None or call[0].type != "identifier":
        return None
    kind = dict(_borrowed_parameters(place.function)).get(text_of(call[0]))
    copying = {"str": ".to_string()", "slice": ".to_vec()"}.get(kind or "")
    if not copying or call[1] not in ADAPTERS | {"trim", "starts_with", "ends_with", "contains", "is_empty", "find"}:
        return None
    return (Replacement(call[0].end_byte, call[0].end_byte, copying),)


def _borrowed_parameters(function: Node) -> Iterator[tuple[str, str]]:
    parameters = function.child_by_field_name("parameters")
    for parameter in parameters.named_children if parameters else ():
        kind = parameter.child_by_field_name("type")
        inner = kind.child_by_field_name("type") if kind is not None and kind.type == "reference_type" else None
        name = text(parameter.child_by_field_name("pattern"))
        if inner is not None and text_of(inner) == "str":
            yield name, "str"
        elif inner is not None and inner.type == "array_type" and inner.child_by_field_name("length") is None:
            yield name, "slice"


def _copied_slice(place: Place) -> Changes:
    """`let part = &text[a..b];` with the part copied."""
    node = place.node
    value = place.child("value") if node.type == "let_declaration" else None
    if value is None or value.type != "reference_expression" or value.named_children[-1].type != "index_expression":
        return None
    index = value.named_children[-1]
    if index.named_children[-1].type != "range_expression" or text_of(value).startswith("&mut"):
        return None
    return (Replacement(value.end_byte, value.end_byte, ".to_owned()"),)


def _no_capacity(place: Place) -> Changes:
    """`with_capacity(n)` as `new()`."""
    function = place.child("function") if place.node.type == "call_expression" else None
    if function is None or not text_of(function).endswith("::with_capacity"):
        return None
    return place.replace(f"{text_of(function).removesuffix('with_capacity')}new()")


def _eager(place: Place) -> Changes:
    """`unwrap_or_else(|| f())` as `unwrap_or(f())`, and its kin."""
    call = method_call(place.node)
    plain = {"unwrap_or_else": "unwrap_or", "ok_or_else": "ok_or", "or_insert_with": "or_insert"}
    if call is None or call[1] not in plain or len(call[2]) != 1:
        return None
    closure = call[2][0]
    body = closure.child_by_field_name("body")
    if closure.type != "closure_expression" or text(closure.child_by_field_name("parameters")) != "||" or body is None:
        return None
    if body.type not in {"call_expression", "macro_invocation"}:
        return None
    return (Replacement(call[0].end_byte, place.node.end_byte, f".{plain[call[1]]}({text_of(body)})"),)


def _formatted_write(place: Place) -> Changes:
    """`write!(f, ...)` as `f.write_str(&format!(...))`."""
    node = place.node
    if node.type != "macro_invocation" or text_of(node.children[0]) != "write":
        return None
    target, comma, rest = text_of(node.children[-1])[1:-1].partition(",")
    if not comma or "{" not in rest:
        return None
    return place.replace(f"{target.strip()}.write_str(&format!({rest.strip().rstrip(',')}))")


def _pushed_string(place: Place) -> Changes:
    """`s.push(c)` as `s.push_str(&c.to_string())`."""
    call = method_call(place.node)
    if call is None or call[1] != "push" or len(call[2]) != 1:
        return None
    given = text_of(call[2][0])
    operand = given if call[2][0].type in {"identifier", "char_literal", "field_expression"} else f"({given})"
    return (Replacement(call[0].end_byte, place.node.end_byte, f".push_str(&{operand}.to_string())"),)


def _owned_cow(place: Place) -> Changes:
    """`Cow::Borrowed(x)` as an owned copy."""
    function = place.child("function") if place.node.type == "call_expression" else None
    arguments = place.child("arguments")
    if function is None or arguments is None or not text_of(function).endswith("Cow::Borrowed"):
        return None
    path = text_of(function).removesuffix("Borrowed")
    return place.replace(f"{path}Owned({text_of(arguments)[1:-1]}.to_owned())")


def _case_compared(place: Place) -> Changes:
    """`a.eq_ignore_ascii_case(b)` as a comparison of two lower-case copies."""
    call = method_call(place.node)
    if call is None or call[1] != "eq_ignore_ascii_case" or len(call[2]) != 1:
        return None
    other = text_of(call[2][0]).removeprefix("&")
    return _parenthesised(place, f"{text_of(call[0])}.to_ascii_lowercase() == {other}.to_ascii_lowercase()")


def _stable_sort(place: Place) -> Changes:
    """`sort_unstable` as `sort`."""
    function = place.child("function") if place.node.type == "call_expression" else None
    name = function.child_by_field_name("field") if function is not None else None
    if name is None or not text_of(name).startswith("sort_unstable"):
        return None
    return (Replacement(name.start_byte, name.end_byte, text_of(name).replace("sort_unstable", "sort")),)


def _repeated(place: Place) -> Changes:
    """A length or count that is computed once before a loop, computed at each use instead."""
    node = place.node
    pattern, value = place.child("pattern"), place.child("value")
    if node.type != "let_declaration" or pattern is None or value is None or pattern.type != "identifier":
        return None
    call = method_call(value)
    if call is None or call[1] != "count" or call[2] or "mut " in text_of(node):
        return None
    uses = [leaf for leaf in leaves(place.function) if text_of(leaf) == text_of(pattern) and leaf != pattern]
    stable = {text_of(leaf) for leaf in leaves(value) if leaf.type == "identifier"} <= _unchanged(place.function)
    plain = all(leaf.type == "identifier" and not inside(leaf, _OPAQUE, place.function) for leaf in uses)
    if not (stable and plain and any(inside(leaf, _LOOPS, place.function) for leaf in uses)):
        return None
    inlined = [Replacement(leaf.start_byte, leaf.end_byte, text_of(value)) for leaf in uses]
    return (removal(node), *inlined)


_OPAQUE = frozenset({"token_tree", "shorthand_field_initializer", "let_condition"})


def _unchanged(function: Node) -> frozenset[str]:
    """Names that nothing in the function can change: no `mut` stands before them, nor in their parameter's type."""
    changing: set[str] = set()
    for node in descend(function):
        if node.type in {"mutable_specifier", "mut"}:
            after = node.next_sibling
            changing |= {text_of(after)} if after is not None else set()
        elif node.type == "parameter" and text(node.child_by_field_name("type")).startswith("&mut"):
            changing.add(text(node.child_by_field_name("pattern")))
    return frozenset(text_of(leaf) for leaf in leaves(function) if leaf.type == "identifier") - changing


PESSIMISATIONS = (
    Rule("repeated", _repeated, once=True),
    Rule("full_count", _full_count, once=True),
    Rule("collected", _collected, once=True),
    Rule("found_by_collecting", _found_by_collecting, once=True),
    Rule("owned_argument", _owned_argument),
    Rule("copied_slice", _copied_slice),
    Rule("no_capacity", _no_capacity),
    Rule("formatted_write", _formatted_write),
    Rule("owned_cow", _owned_cow),
    Rule("pushed_string", _pushed_string),
    Rule("eager", _eager),
    Rule("case_compared", _case_compared),
    Rule("stable_sort", _stable_sort),
    Rule("cloned_result", _cloned_result),
)
"""Those that cost most first: the order in which they are offered."""
