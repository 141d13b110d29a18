"""Values of a type, told by its text: what may stand for a function's result, or for what it is handed. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from tree_sitter import Node

from node.checks.guards.reading import Declared, attribute_name, identifiers, text_of, walk

_SIMPLE = {
    "": ("()",),
    "()": ("()",),
    "bool": ("true", "false"),
    "char": ("'x'",),
    "String": ("String::new()", '"xyzzy".to_string()'),
    "&str": ('""', '"xyzzy"'),
    "&'staticstr": ('""', '"xyzzy"'),
    "f32": ("0.0", "1.0"),
    "f64": ("0.0", "1.0"),
    "fmt::Result": ("Ok(())",),
    "std::fmt::Result": ("Ok(())",),
    "std::cmp::Ordering": ("::core::cmp::Ordering::Equal",),
    "cmp::Ordering": ("::core::cmp::Ordering::Equal",),
    "Ordering": ("::core::cmp::Ordering::Equal",),
}
INTEGERS = frozenset(f"{sign}{bits}" for sign in "ui" for bits in (8, 16, 32, 64, 128, "size"))
_EMPTY = ("HashMap<", "BTreeMap<", "HashSet<", "BTreeSet<", "VecDeque<", "BinaryHeap<")
_ANY = "Default::default()"
Known = Mapping[str, Sequence[str]]
"""Values of a row's own types, by the types' names; none for one that is known to have no value as plain as that."""


def sure_values(kind: str, known: Known | None = None) -> tuple[str, ...]:
    """Values that are surely of a type.

    Args:
        kind: The type's text without white space.
        known: What is known of the row's own types.
    """
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    if kind in INTEGERS:
        return ("0", "1")
    name, _, inside = kind.removeprefix("std::").removeprefix("io::").partition("<")
    if name == "Option":
        return ("None", *(f"Some({value})" for value in sure_values(inside[:-1], known)[:1]))
    if name == "Result":
        return tuple(f"Ok({value})" for value in sure_values(_parts(inside[:-1])[0], known))
    if kind.startswith("(") and kind.endswith(")"):
        each = [sure_values(part, known) for part in _parts(kind[1:-1]) if part]
        return (f"({', '.join(values[0] for values in each)},)",) if all(each) else ()
    if name.rsplit("::", 1)[-1] == "Poll" and inside:
        values = sure_values(inside[:-1], known)
        return (f"{name}::Pending", *(f"{name}::Ready({value})" for value in values))
    if name == "Vec":
        return (_ANY, *(f"::std::vec![{value}]" for value in sure_values(inside[:-1], known)[:1]))
    if known is not None and name in known:
        return tuple(known[name])
    return (_ANY,) if kind.startswith(_EMPTY) else ()


def likely_values(kind: str, known: Known) -> tuple[str, ...]:
    """More values of a type, an error among them, some of which may be of another: that is the compiler's to say."""
    name, _, inside = kind.removeprefix("std::").removeprefix("io::").partition("<")
    if name == "Option":
        return ("None", *(f"Some({value})" for value in likely_values(inside[:-1], known)[:_INSIDE_MAX]))
    if name == "Result":
        parts = _parts(inside[:-1])
        good = [f"Ok({value})" for value in likely_values(parts[0], known)]
        errors = sure_values(parts[1], known)[:1] if len(parts) > 1 else ()
        return (*good, *(f"Err({value})" for value in errors))
    if kind in _MORE or kind in INTEGERS:
        return (*sure_values(kind), _MORE.get(kind, "2"))
    return sure_values(kind, known) or ((_ANY,) if name not in known and _MAY_HAVE_ANY.match(kind) is not None else ())


_INSIDE_MAX = 3
_MORE = {"char": "'y'", "String": '"y".to_string()', "&str": '"y"', "&'staticstr": '"y"', "f32": "2.0", "f64": "2.0"}
"""A third value: who notices none of three says little of what comes out."""
_MAY_HAVE_ANY = re.compile(r"(?!impl|dyn|fn\(|unsafefn|extern|Self\b|[A-Z]\b)[A-Za-z\[]")
"""Neither a reference nor a function, nor of a name with one letter, which is a parameter. White space is left out."""


def arguments_for(kind: str, known: Known) -> tuple[str, ...]:
    """Values that a parameter may be given instead of what was handed in.

    Args:
        kind: Its type, as it is written.
        known: What is known of the row's own types.
    """
    reference = _REFERENCE.match(kind)
    inside = kind[reference.end() if reference is not None else 0 :].replace(" ", "")
    if reference is None:
        return likely_values(inside, known) if inside != "()" else ()
    if inside == "str":
        return likely_values("&str", known)
    return ("&[]",) if inside.startswith("[") else tuple(f"&{value}" for value in likely_values(inside, known))


_REFERENCE = re.compile(r"&\s*(?:'\w+\s*)?(?!mut\b)")


def values_of_own_types(items: Sequence[Declared]) -> dict[str, tuple[str, ...]]:
    """For each type of a row's own what is plainly of it: its default, variants without fields, plain fields."""
    types = {item.name: item for item in items if item.node.type in {"struct_item", "enum_item"}}
    with_default = {name for name, item in types.items() if _derives_default(item)}
    for item in items:
        if item.node.type == "impl_item" and text_of(item.node.child_by_field_name("trait")) == "Default":
            with_default.add(text_of(item.node.child_by_field_name("type")).partition("<")[0])
    found: dict[str, tuple[str, ...]] = {}
    for name, item in types.items():
        found[name] = (_ANY,) if name in with_default else ()
        found[name] += _variants(item) if item.node.type == "enum_item" else _made_of_fields(item)
    return found


def _derives_default(item: Declared) -> bool:
    derives = (attribute for attribute in item.attributes if attribute_name(attribute) == "derive")
    return any("Default" in identifiers(attribute) for attribute in derives)


def _made_of_fields(item: Declared) -> tuple[str, ...]:
    """A struct of the row's own with plain values in its fields; two where there are two of some."""
    body = item.node.child_by_field_name("body")
    if body is None:
        return (item.name,)
    is_tuple = body.type == "ordered_field_declaration_list"
    kinds = body.children_by_field_name("type") if is_tuple else [node for node in body.named_children if _name(node)]
    each = [sure_values(_kind(node, is_tuple=is_tuple)) or (_ANY,) for node in kinds]
    made = []
    for number in range(2 if any(len(values) > 1 for values in each) else 1):
        chosen = [values[min(number, len(values) - 1)] for values in each]
        if is_tuple:
            made.append(f"{item.name}({', '.join(chosen)})")
        else:
            named = (f"{_name(node)}: {value}" for node, value in zip(kinds, chosen, strict=True))
            made.append(f"{item.name} {{ {', '.join(named)} }}")
    return tuple(made)


def _name(field: Node) -> str:
    return text_of(field.child_by_field_name("name")) if field.type == "field_declaration" else ""


def _kind(field: Node, *, is_tuple: bool) -> str:
    return text_of(field if is_tuple else field.child_by_field_name("type")).replace(" ", "")


def _variants(item: Declared) -> tuple[str, ...]:
    plain = (
        text_of(node.child_by_field_name("name"))
        for node in walk(item.node)
        if node.type == "enum_variant" and node.child_by_field_name("body") is None
    )
    return tuple(f"{item.name}::{name}" for name in plain)[:_VARIANTS_MAX]


_VARIANTS_MAX = 3


def _parts(types: str) -> list[str]:
    """A list of types at its outermost commas."""
    parts, depth = [""], 0
    for letter in types:
        depth += (letter in "<([") - (letter in ">)]")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts
