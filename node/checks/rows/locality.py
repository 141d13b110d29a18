"""Whose traits and types a row implements for each other: of its own, or only other people's. Pure.

`impl Add<Mine> for &str` changes what other rows' expressions can mean, in both directions. It is told by names: one
that the row defines is its own, unless it may mean another where it is used.
"""

from __future__ import annotations

import re

from tree_sitter import Node

from node.checks.routing import base_name

_PRELUDE = frozenset(
    {b"Option", b"Result", b"String", b"Vec", b"Box", b"Clone", b"Copy", b"Send", b"Sync", b"Sized", b"Drop", b"Fn"}
    | {b"FnMut", b"FnOnce", b"AsRef", b"AsMut", b"Into", b"From", b"Default", b"Iterator", b"IntoIterator", b"Extend"}
    | {b"DoubleEndedIterator", b"ExactSizeIterator", b"FromIterator", b"ToOwned", b"ToString", b"TryFrom", b"TryInto"}
    | {b"Eq", b"PartialEq", b"Ord", b"PartialOrd", b"Future", b"IntoFuture"}
)
"""Traits and types that need no import."""
_FOR_REFERENCES = frozenset(
    {b"Add", b"Sub", b"Mul", b"Div", b"Rem", b"Neg", b"Not", b"BitAnd", b"BitOr", b"BitXor", b"Shl", b"Shr"}
    | {b"IntoIterator"}
)
"""Traits that the standard library implements for references to many types."""
_OWN_ROOTS = frozenset({b"self", b"super", b"crate"})
_WORDS = re.compile(rb"\w+")


class Ownership:
    """What a row defines, imports and implements, as far as a walk has come by."""

    def __init__(self) -> None:
        self._defined: dict[bytes, set[int]] = {}
        self._modules: set[bytes] = set()
        self._imports: list[tuple[bytes, ...]] = []
        self._impls: list[Node] = []

    def define(self, item: Node) -> None:
        """A type, a trait or a module."""
        name = item.child_by_field_name("name")
        if name is None or name.text is None:
            return
        if item.type == "mod_item":
            self._modules.add(name.text)
        elif item.parent is not None:
            self._defined.setdefault(name.text, set()).add(item.parent.id)

    def imports(self, declaration: Node) -> None:
        """A `use`."""
        what = declaration.child_by_field_name("argument")
        if what is not None and what.text is not None:
            several = (b"{",) if what.type == "use_list" else ()
            self._imports.append((*several, *_WORDS.findall(what.text), *((b"*",) if b"*" in what.text else ())))

    def implements(self, item: Node) -> None:
        """An `impl`."""
        self._impls.append(item)

    @property
    def reaches_out(self) -> bool:
        """Whether some trait that may be another's is implemented for a type that may be."""
        if not self._impls:
            return False
        roots = self._modules | _OWN_ROOTS
        foreign = set(_PRELUDE).union(*(words for words in self._imports if words and words[0] not in roots))
        return not all(self._is_local(item, foreign) for item in self._impls)

    def _is_local(self, item: Node, foreign: set[bytes]) -> bool:
        kind = item.child_by_field_name("trait")
        if kind is None:
            return True
        place = item.parent.id if item.parent is not None else -1
        names = [base_name(kind), base_name(item.child_by_field_name("type"))]
        return any(self._is_own(name, place, foreign) for name in names) or self._is_operator(item)

    def _is_own(self, name: bytes, place: int, foreign: set[bytes]) -> bool:
        """Whether a name that is used in an `impl` there means what the row defines."""
        defined = self._defined.get(name)
        if defined is None:
            return False
        # Beside its definition it cannot mean another; elsewhere a list of all that somebody has may bring one.
        return place in defined or not (name in foreign or b"*" in foreign)

    def _is_operator(self, item: Node) -> bool:
        """`impl Add for &Mine`: the standard library has many for references, so one more decides no inference."""
        operand = item.child_by_field_name("type")
        is_reference = operand is not None and operand.type == "reference_type"
        inner = operand.child_by_field_name("type") if operand is not None and is_reference else None
        named = _last_name(item.child_by_field_name("trait"))
        return inner is not None and named in _FOR_REFERENCES and _last_name(inner) in self._defined


def _last_name(node: Node | None) -> bytes:
    """What a type or a trait is called, without its path and its arguments."""
    if node is not None and node.type == "generic_type":
        node = node.child_by_field_name("type")
    if node is not None and node.type == "scoped_type_identifier":
        node = node.child_by_field_name("name")
    return (node.text or b"") if node is not None and node.type == "type_identifier" else b""
