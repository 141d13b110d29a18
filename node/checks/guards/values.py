"""Values of a type, told by its text: what may stand for a function's result, or for what it is handed. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

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
_INTEGERS = frozenset(f"{sign}{bits}" for sign in "ui" for bits in (8, 16, 32, 64, 128, "size"))
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
    if kind in _INTEGERS:
        return ("0", "1")
    name, _, inside = kind.removeprefix("std::").removeprefix("io::").partition("<")
    if name == "Option":
        return ("None", *(f"Some({value})" for value in sure_values(inside[:-1], known)[:1]))
    if name == "Result":
        return tuple(f"Ok({value})" for value in sure_values(_parts(inside[:-1])[0], known))
    if kind.startswith("(") and kind.endswith(")"):
        each = [sure_values(part, known) for part in _parts(kind[1:-1]) if part]
        return (f"({', '.join(values[0] for values in each)},)",) if all(each) else ()
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
    if kind in _MORE or kind in _INTEGERS:
        return (*sure_values(kind), _MORE.get(kind, "2"))
    return sure_values(kind, known) or ((_ANY,) if name not in known and _MAY_HAVE_ANY.match(kind) is not None else ())


_INSIDE_MAX = 3
_MORE = {"char": "'y'", "String": '"y".to_string()', "&str": '"y"', "&'staticstr": '"y"', "f32": "2.0", "f64": "2.0"}
"""A third value: who notices none of three says little of what comes out."""
_MAY_HAVE_ANY = re.compile(r"(?!impl\b|dyn\b|fn\b|Self\b|[A-Z]\b)[A-Za-z\[]")
"""Neither a reference nor of a name with one letter, which is a parameter."""


def arguments_for(kind: str, known: Known) -> tuple[str, ...]:
    """Values that a parameter may be given instead of what was handed in.

    Args:
        kind: Its type, as it is written.
        known: What is known of the row's own types.
    """
    reference = _REFERENCE.match(kind)
    inside = kind[reference.end() :].replace(" ", "") if reference is not None else kind.replace(" ", "")
    if reference is None:
        return sure_values(inside, known) if inside != "()" else ()
    if inside == "str":
        return _SIMPLE["&str"]
    return ("&[]",) if inside.startswith("[") else tuple(f"&{value}" for value in sure_values(inside, known))


_REFERENCE = re.compile(r"&\s*(?:'\w+\s*)?(?!mut\b)")


def values_of_own_types(items: Iterable[Declared]) -> dict[str, tuple[str, ...]]:
    """For each type of a row's own what is plainly a value of it: variants without fields, or its default."""
    found: dict[str, tuple[str, ...]] = {}
    with_default: set[str] = set()
    for item in items:
        if item.node.type in {"struct_item", "enum_item"}:
            found[item.name] = _variants(item) if item.node.type == "enum_item" else ()
            derives = (attribute for attribute in item.attributes if attribute_name(attribute) == "derive")
            if any("Default" in identifiers(attribute) for attribute in derives):
                with_default.add(item.name)
        elif item.node.type == "impl_item" and text_of(item.node.child_by_field_name("trait")) == "Default":
            with_default.add(text_of(item.node.child_by_field_name("type")).partition("<")[0])
    for name in with_default & found.keys():
        found[name] = found[name] or (_ANY,)
    return found


def _variants(item: Declared) -> tuple[str, ...]:
    plain = (
        text_of(node.child_by_field_name("name"))
        for node in walk(item.node)
        if node.type == "enum_variant" and node.child_by_field_name("body") is None
    )
    return tuple(f"{item.name}::{name}" for name in plain)[:_VARIANTS_MAX]


_VARIANTS_MAX = 2


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
