"""Which functions of a row its tests may run, told by names. Pure.

A mistake in a function that no test comes to is no test's to notice. Who is called by its own name comes first; what
types implement may be called by nobody's name (`Display`, `Add`, `Drop`), and counts once the type is named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tree_sitter import Node

from node.checks.guards.reading import Declared, declared, identifiers, outermost

_WITH_WORDS = frozenset({"function_item", "macro_definition", "const_item", "static_item"})


def steps_from_tests(root: Node, tests_start: int) -> Mapping[int, int]:
    """How many steps it takes from the tests to each function that they may run, by where its body begins.

    Args:
        root: Of a row's whole file.
        tests_start: Behind the row's code; what stands there is tests, and so is what is there for tests only.
    """
    names, others = _parted(root, tests_start)
    return _steps_from(names, _by_name(others))


def names_from_tests(root: Node, tests_start: int) -> frozenset[str]:
    """All names that the tests use, and those by which constants and statics of these names are made."""
    of_tests, others = _parted(root, tests_start)
    held = {item.name: item for item in others if item.node.type in {"const_item", "static_item"}}
    names: set[str] = set()
    waiting = set(of_tests)
    while waiting:
        names |= waiting
        waiting = set().union(*(identifiers(held[name].node) for name in waiting & held.keys())) - names
    return frozenset(names)


def _parted(root: Node, tests_start: int) -> tuple[frozenset[str], list[Declared]]:
    """Names that the tests use, and the items that are not for tests."""
    items = declared(root.children)
    of_tests = [item for item in items if item.in_tests or item.node.start_byte >= tests_start]
    others = [item for item in items if not (item.in_tests or item.node.start_byte >= tests_start)]
    return frozenset().union(*map(identifiers, outermost(of_tests))), others


def _by_name(items: Iterable[Declared]) -> dict[str, list[tuple[Declared, int]]]:
    """Items that hold words by each name that leads to them, and what it costs to come by that name."""
    found: dict[str, list[tuple[Declared, int]]] = {}
    for item in items:
        if item.node.type in _WITH_WORDS:
            found.setdefault(item.name, []).append((item, 1))
            for name in _implementing(item):
                found.setdefault(name, []).append((item, 2))
    return found


def _implementing(item: Declared) -> frozenset[str]:
    """Of a function that some type has through a trait, the names in that type."""
    above = item.node.parent.parent if item.is_member and item.node.parent is not None else None
    if above is None or above.type != "impl_item" or above.child_by_field_name("trait") is None:
        return frozenset()
    kind = above.child_by_field_name("type")
    return identifiers(kind) if kind is not None else frozenset()


def _steps_from(names: Iterable[str], behind: Mapping[str, Sequence[tuple[Declared, int]]]) -> dict[int, int]:
    steps: dict[int, int] = {}
    read: set[int] = set()
    layers: list[set[str]] = [set(names)]
    seen: set[str] = set()
    for depth in range(2 * len(behind) + 2):
        here = layers[depth] - seen if depth < len(layers) else set()
        seen |= here
        for name in sorted(here):
            for item, cost in behind.get(name, ()):
                start = item.node.start_byte
                body = item.body
                if body is not None and item.node.type == "function_item":
                    steps[body.start_byte] = min(steps.get(body.start_byte, depth + cost), depth + cost)
                if start not in read:
                    read.add(start)
                    layers += [set() for _ in range(depth + cost + 1 - len(layers))]
                    layers[depth + cost] |= identifiers(item.node)
    return steps
