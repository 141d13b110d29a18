"""What a row's tests lack by their text alone, in the words of its verdict. Pure."""

from __future__ import annotations

from tree_sitter import Node

from node.checks.guards.early import early_code
from node.checks.guards.kinds import Vacuity
from node.checks.guards.reach import Watched, doubtful_assertions
from node.checks.guards.vacuity import Reading, wholly_vacuous
from node.checks.rows.example import Example, SourceText

_BY_EXECUTION = frozenset({Vacuity.NO_TEST.value, Vacuity.IGNORED.value, Vacuity.CONFIGURED_OUT.value})
"""What the harness says too, and better: it sees the tests that macros make."""


def empty_tests(example: Example, source: SourceText, root: Node) -> tuple[tuple[str, ...], tuple[Watched, ...]]:
    """Why none of a row's tests can show anything, empty as long as one of them can; and then what to watch in a run.

    Args:
        example: A row with tests. What its context holds counts as part of the code: tests may come to it through that.
        source: Its file.
        root: The file's syntax tree.
    """
    early = early_code(f"{example.context}\n{example.code}\n{example.tests}")
    if early:
        return (f"{early} could run before what watches its tests, so that they prove nothing",), ()
    reading = _read(example, source, root)
    found = wholly_vacuous(reading)
    told = [reason for reason in found if reason.kind not in _BY_EXECUTION]
    watched = doubtful_assertions(reading) if not found and not root.has_error else ()
    return tuple(f"{reason.test} {reason.text}" if reason.test else reason.text for reason in told), watched


def _read(example: Example, source: SourceText, root: Node) -> Reading:
    if not root.has_error:
        return Reading.of_file(root, source.tests[0])
    # What is wrong in one part must not make another unreadable.
    code = f"{example.context}\n\n{example.code}" if example.context else example.code
    return Reading.of_texts(source.text[slice(*source.tests)].decode(errors="replace"), code)
