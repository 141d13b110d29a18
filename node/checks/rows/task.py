"""A row as it is to be settled: its file, what can be done with it, and what its tests lack by their text. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from node.checks.rows.emptiness import empty_tests
from node.checks.rows.example import Example, SourceText, assemble
from node.checks.rows.shape import Shape, look_at
from node.checks.syntax import parse_rust


@dataclass(frozen=True, slots=True)
class Task:
    """A row to be settled."""

    source: SourceText
    shape: Shape
    tests_given: bool
    """Tests came with the row, or stand in its code: some must run."""
    static: tuple[str, ...] = ()
    """What is wrong with its tests by their text alone."""

    @property
    def is_tested(self) -> bool:
        """Whether to build it with the test harness; what only mentions tests may turn out to have none."""
        return self.tests_given or self.shape.may_have_tests


def make_task(example: Example, edition: str) -> Task:
    """What there is to settle about a row that is compiled in a package of that edition."""
    source = assemble(example)
    root = parse_rust(source.text)
    shape = look_at(source, root, edition=edition)
    given = bool(example.tests.strip()) or shape.has_tests
    return Task(source, shape, given, empty_tests(example, source, root) if given else ())
