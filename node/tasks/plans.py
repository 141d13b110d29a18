"""What must hold of an example, as steps to execute: derived from its own fields and the published source alone.

An example anchored in the source (`source_path`, `source_span`) is about the item that stands there: its code is put in
that item's place. One without an anchor is put into an integration test file of its own, with the crate as dependency.
Tests are taken by name from the report and their text from the published crate: a generator can choose which of the
crate's tests it rests its claim on, not what they say. `plan_for` is the claim, hence a fact; `scrutiny_for` goes
beyond the claim, hence an opinion: a bad answer that passes the named tests shows there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from node.tasks.anchors import Anchored, anchor
from node.tasks.callplans import call_plan, call_scrutiny
from node.tasks.categories import PLACEHOLDER
from node.tasks.doctests import DOC_TEST, doc_test_file, docstring_of, undocumented, unhidden
from node.tasks.evidence import project, related_cases
from node.tasks.free_standing import free_standing_steps
from node.tasks.mutation import mutants, mutated, spread
from node.tasks.prose import read_markdown
from node.tasks.snippets import edits_for, read_function, stub_body
from node.tasks.testcases import ROW_FILE, TestBench, place_tests
from node.tasks.view import SourceView
from node.values.crate import Item, Span
from node.values.example import Example
from node.values.verdict import AddedFile, CheckPlan, Edit, Expect, Project, Step, TestName, TestTarget

MUTANTS_TRIED = 5
"""That a rater derives to see whether generated tests catch anything; one killed is enough for the claim."""

MUTANTS_SCRUTINISED = 12

PUBLISHED_DOC, ANSWER_DOC = "published-doc", "answer-doc"
"""Names of scrutiny steps that come in pairs: a doc test on the published crate, and on the answer."""

NOTHING = CheckPlan(())


def plan_for(example: Example, view: SourceView) -> CheckPlan:
    """The claim of an example that `inspect` finds nothing wrong with.

    Raises:
        FormError, ReportError: The example is not of its category's form (`inspect` says so without raising).
    """
    about = anchor(example, view)
    if about.item is None:
        steps = free_standing_steps(about)
        return CheckPlan(steps, required=1 if any(step.name.startswith("mutant-") for step in steps) else -1)
    return _CLAIMS[example.task_category](about, about.item)


def scrutiny_for(example: Example, view: SourceView) -> CheckPlan:
    """What to execute beyond the claim: all tests instead of the named ones, more mutants, clippy on the answer.

    Empty when the answer is the published text, of which the baseline already says everything, and for free-standing
    examples, of which there is nothing beyond the claim.

    Raises:
        FormError, ReportError: As for `plan_for`.
    """
    about = anchor(example, view)
    rule = _SCRUTINIES.get(example.task_category)
    return rule(about, about.item) if rule and about.item else NOTHING


def _edits(about: Anchored, item: Item, snippet: str) -> tuple[Edit, ...]:
    answer = read_function(snippet, item.name)
    return edits_for(about.view, item, answer) if answer else (Edit(item.code_span, snippet),)


def _tested(about: Anchored, name: str, edits: tuple[Edit, ...], expect: Expect, *, lint: bool = False) -> Step:
    return Step(name, project(about.view, edits, about.tests), expect, about.tests, lint)


def _stub(about: Anchored, item: Item) -> Step:
    """The named tests reach the function: they fail when it only panics."""
    assert item.body is not None, "only functions are stubbed"
    return _tested(about, "stub", (Edit(item.body, stub_body(about.view, item)),), Expect.TESTS_FAIL)


def _compiles(about: Anchored, name: str, edits: tuple[Edit, ...] = (), *, lint: bool = False) -> Step:
    return Step(name, project(about.view, edits), Expect.COMPILES, (), lint)


def _generation(about: Anchored, item: Item) -> CheckPlan:
    edits = _edits(about, item, about.text("code"))
    return CheckPlan((_tested(about, "answer", edits, Expect.TESTS_PASS), _stub(about, item)))


def completed(about: Anchored) -> str:
    """The function that a completion makes of what is shown around it."""
    return about.text("prefix") + about.text("completion") + about.text("suffix")


def _completion(about: Anchored, item: Item) -> CheckPlan:
    edits = _edits(about, item, completed(about))
    if about.tests:
        return CheckPlan((_tested(about, "answer", edits, Expect.TESTS_PASS),))
    return CheckPlan((_compiles(about, "answer", edits),))


def _docstring(about: Anchored, item: Item) -> CheckPlan:
    view, docstring = about.view, about.text("docstring")
    place = item.doc_span or Span(item.code_span.path, item.code_span.start, item.code_span.start)
    changed = () if docstring == docstring_of(item) else (Edit(place, docstring + ("" if item.doc_span else "\n")),)
    steps = [_compiles(about, "answer", changed)]
    cases = doc_tests_of(view, item, docstring)
    if cases:
        names = tuple(sorted(name for name, _ in cases))
        files = tuple(sorted(file for _, file in cases))
        steps.append(Step("docs", Project(view.kb.pin, (), files), Expect.TESTS_PASS, names))
    return CheckPlan(tuple(steps))


def doc_tests_of(view: SourceView, item: Item, docstring: str) -> tuple[tuple[TestName, AddedFile], ...]:
    """The doc tests that a docstring holds, as integration tests; the published ones under their own names."""
    if docstring == docstring_of(item):
        return tuple((case.name, case.file) for case in view.doc_cases.values() if case.item == item)
    blocks = [block for block in read_markdown(undocumented(docstring)).code if block.is_doctest]
    found: list[tuple[TestName, AddedFile]] = []
    for number, block in enumerate(blocks):
        stem = f"{ROW_FILE}_{number}"
        text = doc_test_file(
            unhidden(block.code), view.crate_name, view.kb.pin.edition, should_panic="should_panic" in block.flags
        )
        found.append((TestName(TestTarget.INTEGRATION.value, stem, DOC_TEST), AddedFile(f"tests/{stem}.rs", text)))
    return tuple(found)


def _tests(about: Anchored, item: Item) -> CheckPlan:
    placed = place_tests(about.view, item, about.text("test_context"), about.form.texts("test_cases"))
    return killing_plan(about.view, item, placed, MUTANTS_TRIED, required=1)


def killing_plan(view: SourceView, item: Item, placed: TestBench, count: int, *, required: int) -> CheckPlan:
    """Tests pass on the published function, and fail on a stub and on at least `required` of `count` mutants of it."""
    assert item.body is not None, "only functions have tests"

    place = item.body

    def step(name: str, body: str | None, expect: Expect) -> Step:
        edits = placed.edits if body is None else (*placed.edits, Edit(place, body))
        files = tuple(sorted(placed.files + project(view, (), placed.names).files))
        return Step(name, Project(view.kb.pin, tuple(sorted(edits)), files), expect, placed.names)

    tried = spread(mutants(view, item), count)
    steps = [step("answer", None, Expect.TESTS_PASS), step("stub", stub_body(view, item), Expect.TESTS_FAIL)]
    steps += [
        step(f"mutant-{number}", mutated(view, item, mutant), Expect.TESTS_FAIL)
        for number, mutant in enumerate(tried, start=1)
    ]
    return CheckPlan(tuple(steps), required)


def _bug(about: Anchored, item: Item) -> CheckPlan:
    fixed, buggy = (_edits(about, item, about.text(name)) for name in ("fixed_code", "buggy_code"))
    # A report that names error codes claims that the bug is the compile error itself.
    broken = Step("before", project(about.view, buggy), Expect.DOES_NOT_COMPILE)
    before = broken if about.report.error_codes else _tested(about, "before", buggy, Expect.TESTS_FAIL)
    return CheckPlan((_tested(about, "answer", fixed, Expect.TESTS_PASS), before))


def _rewrite(about: Anchored, item: Item) -> CheckPlan:
    after, before = (_edits(about, item, about.text(name)) for name in ("code_after", "code_before"))
    both = (
        _tested(about, "answer", after, Expect.TESTS_PASS),
        _tested(about, "before", before, Expect.TESTS_PASS),
    )
    return CheckPlan((*both, _stub(about, item)) if about.tests else both)


def _review(about: Anchored, item: Item) -> CheckPlan:
    after, before = (_edits(about, item, about.text(name)) for name in ("code_after", "code_before"))
    return CheckPlan((_tested(about, "answer", after, Expect.TESTS_PASS), _compiles(about, "before", before)))


def _function_name(about: Anchored, item: Item) -> CheckPlan:
    """The function under another name, beside the published one: nothing else calls it, nothing may clash with it."""
    name = about.text("function_name")
    answer = read_function(about.text("code").replace(PLACEHOLDER, name), name)
    if name == item.name or answer is None:
        return CheckPlan((_compiles(about, "answer"),))
    end = item.code_span.end
    copy = Edit(Span(item.code_span.path, end, end), f"\n#[allow(dead_code)]\n{answer.code}")
    return CheckPlan((_compiles(about, "answer", (copy,)),))


def _variable_name(about: Anchored, item: Item) -> CheckPlan:
    """The name fits, and the placeholder does too: the code was masked consistently."""
    masked = about.text("code")
    named = _edits(about, item, masked.replace(PLACEHOLDER, about.text("variable_name")))
    return CheckPlan((_compiles(about, "answer", named), _compiles(about, "masked", _edits(about, item, masked))))


def _commented(about: Anchored, item: Item) -> CheckPlan:
    return CheckPlan((_compiles(about, "answer", _edits(about, item, about.text("commented_code"))),))


def _nothing(about: Anchored, item: Item) -> CheckPlan:
    del about, item
    return NOTHING


Claim = Callable[[Anchored, Item], CheckPlan]

_CLAIMS: Mapping[str, Claim] = {
    "code_generation": _generation,
    "code_completion": _completion,
    "docstring_generation": _docstring,
    "test_generation": _tests,
    "code_summarization": _nothing,
    "bug_detection": _bug,
    "code_refactoring": _rewrite,
    "code_optimization": _rewrite,
    "code_review": _review,
    "function_naming": _function_name,
    "variable_naming": _variable_name,
    "api_usage_prediction": call_plan,
    "code_search": _nothing,
    "code_explanation": _nothing,
    "comment_generation": _commented,
}


# Beyond the claim


def _answer_scrutiny(field: str) -> Claim:
    """All tests of the crate, and clippy, on an answer that is not the published text."""

    def scrutinise(about: Anchored, item: Item) -> CheckPlan:
        text = completed(about) if field == "completion" else about.text(field)
        return CheckPlan(tuple(_all_tests(about, item, "answer", text, lint=True)))

    return scrutinise


def _rewrite_scrutiny(about: Anchored, item: Item) -> CheckPlan:
    """All tests on both versions: whoever says that behaviour is unchanged says it of what no named test looks at."""
    steps = [
        *_all_tests(about, item, "answer", about.text("code_after"), lint=True),
        *_all_tests(about, item, "before", about.text("code_before")),
    ]
    return CheckPlan(tuple(steps))


def _all_tests(about: Anchored, item: Item, name: str, text: str, *, lint: bool = False) -> Iterator[Step]:
    """All tests of the crate on a version of a function, and the doc tests near it; nothing for the published one."""
    edits = _edits(about, item, text)
    if not edits:
        return
    yield Step(name, project(about.view, edits), Expect.TESTS_PASS, (), lint=lint)
    for case in related_cases(about.view, item):
        # A doc test counts only where it passes on the published crate, so each is run on both.
        for step, changed in ((PUBLISHED_DOC, ()), (ANSWER_DOC, edits)):
            yield Step(step, project(about.view, changed, (case.name,)), Expect.TESTS_PASS, (case.name,))


def _test_scrutiny(about: Anchored, item: Item) -> CheckPlan:
    placed = place_tests(about.view, item, about.text("test_context"), about.form.texts("test_cases"))
    return killing_plan(about.view, item, placed, MUTANTS_SCRUTINISED, required=0)


_SCRUTINIES: Mapping[str, Claim] = {
    "code_generation": _answer_scrutiny("code"),
    "code_completion": _answer_scrutiny("completion"),
    "test_generation": _test_scrutiny,
    "bug_detection": _answer_scrutiny("fixed_code"),
    "code_refactoring": _rewrite_scrutiny,
    "code_optimization": _rewrite_scrutiny,
    "code_review": _answer_scrutiny("code_after"),
    "api_usage_prediction": call_scrutiny,
}
