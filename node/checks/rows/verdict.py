"""What is found out about a row. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from node.checks.diagnostics import Diagnostic, classes, error_codes, first_error


class RowState(Enum):
    """The verdict in one word."""

    PASS, FAIL, ERROR = "pass", "fail", "error"
    """`PASS`: it compiles and, where it has tests, at least one ran, all passed, and they notice a stub. `FAIL`: it
    does not; the reasons say why. `ERROR`: it was not tried, for a reason of its form or of this machine, which never
    says anything of the code."""


@dataclass(frozen=True, slots=True)
class Mutants:
    """Small changes of the row's functions, and how many of them its tests noticed."""

    made: int = 0
    """Those that compile."""
    killed: int = 0


@dataclass(frozen=True, slots=True)
class RowVerdict:
    """Everything that was observed of one row."""

    state: RowState
    reasons: tuple[str, ...] = ()
    """One line each, the first being the one that decided; empty when all is well."""
    parsed: bool | None = False
    """None where that was not asked or could not be."""
    formatted: bool | None = None
    """rustfmt would change nothing in the row's code; None where that was not asked or could not be."""
    compiled: bool = False
    """The code, as its target compiles it without tests."""
    clippy: tuple[str, ...] = ()
    """Clippy's lints on it, sorted with repetition."""
    warnings: tuple[str, ...] = ()
    """The compiler's own, sorted with repetition."""
    error_codes: tuple[str, ...] = ()
    error_classes: tuple[str, ...] = ()
    """Values of `ErrorClass`: ownership, lifetime, trait_bound, ..."""
    tests_passed: tuple[str, ...] = ()
    tests_failed: tuple[str, ...] = ()
    """Without a result too: their process ended before they did."""
    tests_ignored: tuple[str, ...] = ()
    vacuous: bool = False
    """The tests do not depend on the code; the reasons say how that shows."""
    stub_killed: bool | None = None
    """Whether some test fails when the code's functions panic, or its macros where it has none; None if not tried."""
    mutants: Mutants = Mutants()
    uses_unsafe: bool = False
    alone: str = ""
    """Why it was built on its own; empty when it shared builds with others."""
    cpu_ms: float = 0.0
    """Its own processes, and its share of what it had in common with others."""

    @property
    def clippy_clean(self) -> bool:
        """It compiles and clippy says nothing."""
        return self.compiled and not self.clippy

    @property
    def tests_run(self) -> int:
        """How many tests began."""
        return len(self.tests_passed) + len(self.tests_failed)


def agree(first: RowVerdict, second: RowVerdict) -> bool:
    """Whether two looks at a row saw the same; one that could not be taken contradicts nothing."""
    return RowState.ERROR in {first.state, second.state} or _shown(first) == _shown(second)


def _shown(verdict: RowVerdict) -> tuple[object, ...]:
    return verdict.state, verdict.compiled, verdict.tests_passed, verdict.tests_failed, verdict.tests_ignored


@dataclass(frozen=True, slots=True)
class Said:
    """What compilers said of one row, sorted into what is reported."""

    clippy: tuple[str, ...]
    warnings: tuple[str, ...]


def sort_warnings(diagnostics: Iterable[Diagnostic]) -> Said:
    """Names of lints by who has them; what clippy calls an error is a lint like others."""
    names = sorted(item.code or "uncoded" for item in diagnostics)
    return Said(
        tuple(name for name in names if name.startswith("clippy::")),
        tuple(name for name in names if not name.startswith("clippy::")),
    )


def refused(diagnostics: tuple[Diagnostic, ...], *, what: str) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Reason, codes and classes of a build that failed.

    Args:
        diagnostics: Of the build.
        what: What did not compile, e.g. `the code`.
    """
    first = first_error(diagnostics) or "the compiler crashed on it"
    return f"{what} does not compile: {first}", error_codes(diagnostics), classes(diagnostics)
