"""What every trial works with: the crate, whether anything runs here, and how a finished example is put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from node.tasks.categories import TABLE, FormError, Values, render
from node.tasks.doctests import DocCase
from node.tasks.evidence import column_of_tests, project, related_cases, source_of_test
from node.tasks.report import Report
from node.tasks.sites import Site
from node.tasks.snippets import stub_body
from node.tasks.trials import Miss, Trial
from node.tasks.view import SourceView
from node.values.crate import Item, Span
from node.values.example import Example
from node.values.verdict import CheckPlan, Edit, Expect, Outcome, PlanResult, Project, Step, StepResult, TestName

ENGINE = "source/1"
"""Name and version of the source engine; the version changes when its examples do."""


@dataclass(frozen=True, slots=True)
class Bench:
    """One crate on the bench."""

    view: SourceView
    executes: bool
    """Whether a toolchain is there and the unchanged crate builds."""


@dataclass(frozen=True, slots=True)
class Deriver:
    """How one category's examples come out of source code."""

    category: str
    group_size: int
    """Sites tried for one number at most."""
    sites: Callable[[SourceView], Iterable[Site]]
    trial: Callable[[Bench, Site], Trial[Example | Miss]]


@dataclass(frozen=True, slots=True)
class Draft:
    """The words of an example before the provenance is added."""

    category: str
    span: Span
    inputs: Values
    outputs: Values


def compose(view: SourceView, draft: Draft, report: Report, rustc: str) -> Example | Miss:
    """The example, or a miss when a field is beyond its bound."""
    category = TABLE[draft.category]
    pin = view.kb.pin
    try:
        inputs, outputs = render(category.inputs, draft.inputs), render(category.outputs, draft.outputs)
    except FormError:
        return Miss("beyond a bound")
    return Example(
        crate_name=pin.name,
        input_data=inputs,
        output_data=outputs,
        task_category=draft.category,
        test=column_of_tests(view, report.tests),
        crate_version=pin.version,
        crate_checksum=pin.checksum.hex(),
        license=pin.license,
        edition=pin.edition,
        rustc_version=rustc,
        source_path=draft.span.path,
        source_span=f"{draft.span.start}..{draft.span.end}",
        engine=ENGINE,
        model=None,
        prompt_digest=None,
        check_report=report.text(),
        prompt_tokens=0,  # No model read or wrote a token.
        completion_tokens=0,
    )


@dataclass(frozen=True, slots=True)
class Published:
    """What the compiler says of the unchanged crate."""

    compiled: bool | None
    """None when nothing can be executed here."""
    rustc: str


def published(bench: Bench) -> Trial[Published]:
    """Whether the unchanged library compiles, asked once per crate."""
    if not bench.executes:
        return Published(None, "")
    step = Step("published", Project(bench.view.kb.pin), Expect.COMPILES)
    (result,) = yield (CheckPlan((step,)),)
    if not result.checked:
        return Published(None, "")
    return Published(result.steps[0].compiled, result.rustc)


def touching(bench: Bench, item: Item) -> Trial[tuple[TestName, ...]]:
    """The tests that fail when the body of `item` panics: the crate's own, and doc tests of the item and its type."""
    view = bench.view
    if not bench.executes or item.body is None:
        return ()
    stub = Edit(item.body, stub_body(view, item))
    unit = CheckPlan((Step("stub", project(view, (stub,)), Expect.TESTS_FAIL),))
    cases = related_cases(view, item)
    results = yield (unit, *(_case_plan(view, stub, case) for case in cases))
    failed = results[0].steps[0].failed if _holds(results[0]) else ()
    known = tuple(name for name in failed if source_of_test(view, name))
    documented = tuple(case.name for case, result in zip(cases, results[1:], strict=True) if _holds(result))
    return tuple(sorted(known + documented))


def _case_plan(view: SourceView, stub: Edit, case: DocCase) -> CheckPlan:
    tests = (case.name,)
    passes = Step("answer", project(view, (), tests), Expect.TESTS_PASS, tests)
    fails = Step("stub", project(view, (stub,), tests), Expect.TESTS_FAIL, tests)
    return CheckPlan((passes, fails))


def _holds(result: PlanResult) -> bool:
    return result.checked and result.holds


def try_body(
    bench: Bench, item: Item, body: str, tests: Sequence[TestName], expect: Expect, *, lint: bool = False
) -> Trial[tuple[StepResult, str]]:
    """Run tests against another body of a function. Returns what was observed and the compiler's release."""
    (result,) = yield (_body_plan(bench, item, body, tests, expect, lint=lint),)
    return _observed(result), result.rustc


def try_bodies(
    bench: Bench, item: Item, bodies: Sequence[str], tests: Sequence[TestName]
) -> Trial[tuple[StepResult, ...]]:
    """Run tests, some of which should fail, against several other bodies of a function, in one build."""
    results = yield tuple(_body_plan(bench, item, body, tests, Expect.TESTS_FAIL) for body in bodies)
    return tuple(map(_observed, results))


def _body_plan(
    bench: Bench, item: Item, body: str, tests: Sequence[TestName], expect: Expect, *, lint: bool = False
) -> CheckPlan:
    assert item.body is not None, "only functions have another body"
    changed = project(bench.view, (Edit(item.body, body),), tests)
    return CheckPlan((Step("before", changed, expect, tuple(tests), lint),))


def _observed(result: PlanResult) -> StepResult:
    observed = result.steps[0]
    return observed if result.checked else replace(observed, outcome=Outcome.UNCHECKED)
