"""What is to be checked, and what came of it: the language between tasks, checks and ratings.

A *project* is a crate's published source with edits, or files of their own beside it. A *plan* is a list of steps
over projects; each step says what must hold. The engine is free to run many plans' steps in one build; the verdict of
a step must be the one that an isolated cargo run of its project would give.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from node.values.crate import CratePin, Span


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """Replace the bytes of `span` in the crate's published file by `text`. Edits of one project do not overlap."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True, order=True)
class AddedFile:
    """A file that the crate does not publish, e.g. an integration test made from a doc test."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Project:
    """An exact cargo project: a crate, what is changed in it, and what is added."""

    crate: CratePin
    edits: tuple[Edit, ...] = ()
    files: tuple[AddedFile, ...] = ()


class TestTarget(Enum):
    """Where a test lives."""

    __test__ = False  # pytest would collect it

    LIBRARY = "library"
    """A unit test of the library; its name is the path below the crate, e.g. `tests::parses`."""
    INTEGRATION = "integration"
    """In `tests/<file>.rs` of the project, published or added; `file` names it."""


@dataclass(frozen=True, slots=True, order=True)
class TestName:
    """One test as the harness lists it."""

    __test__ = False

    target: str
    """Value of a `TestTarget`."""
    file: str
    """Stem of the integration test file; empty for library tests."""
    name: str


class Expect(Enum):
    """What a step claims."""

    COMPILES = "compiles"
    """The library target compiles (cargo check)."""
    TESTS_PASS = "tests_pass"  # noqa: S105  (no password)
    """The project compiles, every named test ran, and all passed."""
    TESTS_FAIL = "tests_fail"
    """The project compiles, every named test ran or the run died, and at least one failed."""
    DOES_NOT_COMPILE = "does_not_compile"


@dataclass(frozen=True, slots=True)
class Step:
    """One claim about one project."""

    name: str
    """What the step shows, e.g. `answer`, `stub`, `mutant-2`."""
    project: Project
    expect: Expect
    tests: tuple[TestName, ...] = ()
    """Empty with TESTS_PASS or TESTS_FAIL: all tests that pass on the unchanged crate (its `Baseline`)."""
    lint: bool = False
    """Also run clippy over the project's library and report what it says inside the edited spans."""


@dataclass(frozen=True, slots=True)
class CheckPlan:
    """Everything that must hold for one example. Empty steps: nothing executable is claimed."""

    steps: tuple[Step, ...]
    required: int = -1
    """How many of the steps named `mutant-*` must hold; -1 for all. The other steps must all hold."""


class Outcome(Enum):
    """How a step ended."""

    HOLDS = "holds"
    FAILS = "fails"
    TIMED_OUT = "timed_out"
    """The project's tests or its build exceeded their CPU time; counts as failing tests, never as passing."""
    UNCHECKED = "unchecked"
    """Infrastructure: no toolchain, dependencies unavailable, sandbox set-up failed. Never a verdict."""


@dataclass(frozen=True, slots=True)
class StepResult:
    """What was observed for one step. Holds no times: equal inputs give equal results."""

    name: str
    outcome: Outcome
    compiled: bool
    tests_run: int
    tests_passed: int
    failed: tuple[TestName, ...]
    """Tests that ran and did not pass, sorted; for a run that died, those without a result."""
    error_codes: tuple[str, ...]
    """E0xxx codes and lint names of errors, sorted, each once."""
    lints: tuple[str, ...]
    """Clippy and rustc warnings inside the edited spans, sorted with repetition; empty when not asked for."""
    reason: str
    """One line for people, e.g. `2 of 3 tests passed; failed: tests::overflow`."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """How the unchanged crate behaves, executed in the sandbox: what every other verdict is read against."""

    builds: bool
    tests: tuple[TestName, ...]
    """Unit and integration tests that ran and passed twice, sorted."""
    failing: tuple[TestName, ...]
    """Tests that did not pass both times; never used as evidence for anything."""
    reason: str
    """Why it does not build or has no tests; empty when all is well."""
    ignored: tuple[TestName, ...] = ()
    """Tests that are marked not to run, sorted."""


@dataclass(frozen=True, slots=True)
class PlanResult:
    """The verdict on a plan."""

    steps: tuple[StepResult, ...]
    holds: bool
    checked: bool
    """False when some step was UNCHECKED: then `holds` says nothing."""
    rustc: str
    """Release of the compiler, e.g. `1.95.0`; empty when unchecked."""
    sandbox: str
    """Level under which it ran: `strict`, `standard`, `container`, `none`; empty when unchecked."""


class ProblemKind(Enum):
    """How an inspection can end an example without executing anything."""

    MALFORMED = "malformed"
    """Not of its category's form: wrong keys, empty answer, beyond a bound, does not parse as Rust."""
    FALSE_CLAIM = "false_claim"
    """States something about the source that is not so: a span that holds other text, a name that does not exist."""
    CONTAMINATED = "contaminated"
    """The answer stands in the prompt, or the text is that of a known benchmark."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason against an example."""

    kind: ProblemKind
    text: str


@dataclass(frozen=True, slots=True)
class Inspection:
    """What can be said of an example from its text and the crate's source alone, the same on every node."""

    problems: tuple[Problem, ...]
    measures: tuple[tuple[str, int], ...]
    """Named quantities in basis points, sorted by name, e.g. `("doc_words", 6200)`; `node.rating` weighs them."""
