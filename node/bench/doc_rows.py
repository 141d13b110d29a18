"""A crate's own doc tests as rows: what somebody checks who makes examples like those of its documentation."""

from __future__ import annotations

from pathlib import Path

from node.checking.reading import PackageKey, Row
from node.checks.rows import Example
from node.crates.store import CrateStore
from node.errors import OperatorError
from node.tasks.doctests import body_of_test, unhidden
from node.values.crate import DocTest, KnowledgeBase

_RUN = frozenset({"rust"})
"""Flags of doc tests that are run as they stand."""


def read_doc_tests(crate: str, folder: Path) -> tuple[Row, ...]:
    """Every doc test of a crate that runs as it stands, each text once: a library with nothing but that unit test.

    Args:
        crate: `name` or `name@version`, of the registry: cargo fetches it by these as well.
        folder: Keeps fetched crates.

    Raises:
        OperatorError: No such crate, or it has no such doc tests.
        TransientError: The registry is not reachable.
    """
    store = CrateStore(folder)
    source = store.acquire(crate)
    rows = rows_of(store.knowledge(source).base)
    if not rows:
        raise OperatorError(f"{source.pin.label} has no doc tests that run", hint="Name a crate that has some.")
    return rows


def rows_of(base: KnowledgeBase) -> tuple[Row, ...]:
    """The same of a crate that is known."""
    bodies = {body_of_test(unhidden(doc.code)): None for item in base.items for doc in item.doctests if _is_run(doc)}
    package = PackageKey(base.pin.edition, base.pin.name, base.pin.version)
    return tuple(as_row(f"{base.pin.name}-{number}", package, body) for number, body in enumerate(bodies))


def _is_run(doc: DocTest) -> bool:
    """As it stands: an inner attribute is for a crate's root, which a function's body is none."""
    return set(doc.flags) <= _RUN and "#![" not in doc.code


def as_row(identifier: str, package: PackageKey, body: str) -> Row:
    """A library with nothing but one unit test of that body (`body_of_test`)."""
    code = f"#[cfg(test)]\nmod tests {{\n#[test]\nfn shows() {{\n{body}\n}}\n}}\n"
    return Row(identifier, package, Example(code), "")
