"""What makes all tests of a row empty: they bring what they test or assert with, or the code asks for tests. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from tree_sitter import Node

from node.checks.guards import bodies
from node.checks.guards.kinds import Reason, Vacuity
from node.checks.guards.reading import (
    Declared,
    attribute_name,
    identifiers,
    introduced,
    mentions,
    name_of,
    text_of,
    walk,
)


def redefinitions(given: Sequence[Declared], code: Sequence[Declared], roots: Sequence[Node]) -> Iterator[Reason]:
    """Items of the tests that stand in front of what they claim to test, or of what they claim to assert with.

    Args:
        given: The tests' own items, in whichever part of the row they stand.
        code: Items of the code.
        roots: All of the tests.
    """
    targets = {name for item in code if not item.is_member for name in introduced(item)[:1]}
    functions = sum(item.node.type == "function_item" for item in given)
    told = b"".join(root.text or b"" for root in roots)
    renames = _RENAMES.search(told) is not None or bodies.NAMED_CLOSURE.search(told) is not None
    might = renames or told.count(b"fn") > functions
    shadowed = {name for root in roots for name in _shadowed(root)} if might else set()
    own = {item.name for item in given if not item.is_member and not item.is_test and item.node.type != "mod_item"}
    for name in sorted((own | shadowed) & targets):
        yield Reason("", Vacuity.TARGET_REDEFINED.value, f"the tests define {name} themselves")
    macros = {item.name for item in (*given, *code) if item.node.type == "macro_definition"}
    if macros or b"macro_rules" in told:
        made = b"".join([told, *(item.node.text or b"" for item in code if item.node.type.startswith("macro_"))])
        macros.update(name.decode() for found in _MADE_ASSERTION.finditer(made) for name in found.groups(b""))
    for name in sorted((macros | shadowed) & bodies.ASSERTIONS):
        yield Reason("", Vacuity.ASSERTION_REDEFINED.value, f"{name}! is a macro of the row's own")


def other_code_in_tests(code: Sequence[Declared]) -> Iterator[Reason]:
    """Items of the code that are others when they are tested."""
    names = Counter(item.name for item in code if not item.is_member)
    several = [item for item in code if names[item.name] > 1]
    for name in sorted({item.name for item in several if any(map(_asks_for_tests, item.attributes))}):
        yield Reason("", Vacuity.OTHER_CODE_IN_TESTS.value, f"{name} is another one when it is tested")
    for item in code:
        might = item.node.type == "function_item" and mentions(item.node, b"cfg")
        if might and any(map(_asks_for_tests, walk(item.node))):
            yield Reason("", Vacuity.OTHER_CODE_IN_TESTS.value, f"{item.name} is another one when it is tested")


def _asks_for_tests(node: Node) -> bool:
    """`cfg!(test)`, or a statement under `#[cfg(test)]` or `#[cfg(not(test))]`."""
    if node.type == "macro_invocation":
        return text_of(node.child_by_field_name("macro")) == "cfg" and "test" in identifiers(node)
    return node.type == "attribute_item" and attribute_name(node) == "cfg" and "test" in identifiers(node)


_MADE_ASSERTION = re.compile(
    rb"\bmacro_rules\s*!\s*((?:debug_)?assert(?:_eq|_ne)?)\b|[(,\[{]\s*((?:debug_)?assert(?:_eq|_ne)?)\s*[,)\]}]"
)
"""A macro's definition inside another's, or the name of an assertion as what a macro is to make something of."""
_RENAMES = re.compile(rb"\bas\b|\bmacro_rules\b")
"""Without any of these, named closures and functions inside others, a text gives nothing a new meaning."""


def _shadowed(root: Node) -> Iterator[str]:
    """Names that an import renames something to, a nested item defines, or a closure is bound to."""
    for node in walk(root):
        if node.type == "use_as_clause":
            path = text_of(node.child_by_field_name("path"))
            alias = text_of(node.child_by_field_name("alias"))
            if path.rsplit("::", 1)[-1] != alias:
                yield alias
        elif node.type == "let_declaration":
            value = node.child_by_field_name("value")
            if value is not None and value.type == "closure_expression":
                yield text_of(node.child_by_field_name("pattern"))
        elif node.type in {"function_item", "macro_definition"} and node.parent and node.parent.type == "block":
            yield name_of(node)
