"""A row that is changed, and what came of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from node.checks.rows.verdict import Mutants

TELLING = 3
"""Fewer mutants than this may all be changes that nobody could notice."""
HALVINGS = 3
"""How often rows are halved that do not build together, and none of which can be blamed."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A row to be changed, as its file stands in the build."""

    path: str
    text: bytes
    code: tuple[int, int]
    """Bytes of the row's code in `text`."""
    module: str
    """Its tests' module; empty when the build is its own."""
    cpu_ms: float
    """Of its tests, unchanged."""
    has_stub: bool = True
    """Its tests have been tried on functions that panic."""


NO_MUTANTS = Mutants()


@dataclass(frozen=True, slots=True)
class Survey:
    """What came of a row's mutants."""

    mutants: Mutants = NO_MUTANTS
    cpu_ms: float = 0.0
    stub_killed: bool | None = None
    """Whether they notice that its macros panic; None where that was not tried."""

    @property
    def is_unmoved(self) -> bool:
        """The row's tests notice none."""
        return not self.mutants.killed

    def __add__(self, other: Survey) -> Survey:
        """Both together; of the stub the later."""
        one, two = self.mutants, other.mutants
        stub = self.stub_killed if other.stub_killed is None else other.stub_killed
        return Survey(Mutants(one.made + two.made, one.killed + two.killed), self.cpu_ms + other.cpu_ms, stub)
