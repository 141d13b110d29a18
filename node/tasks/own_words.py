"""Probes made of what their generator wrote itself: a language model's text stands in no published source (R14).

Whoever could look a probe up in the crate would be honest on probes alone. These are the same kinds of text as the
node's candidates, so what makes one right or wrong has to be executed, or to follow from the crate's own words:

    good        the generator's own code: it passes all tests of the crate, and they notice when it is changed; its own
                tests: they pass on the published function and fail on at least half of its mutants
    slip        the generator's own code with one mutation in it; see `slip_check`
    words_of    the generator's own text, made about another item; see `words_of_check`

The control experiment is what keeps a generator from calling a right answer bad. A test that looks at line numbers, or
at the source itself, fails on any other version of a function, right or wrong. So a slip has to be one step of our own
mutation operators (`node.tasks.mutation`) away from a version that passes all tests, this one among them: then the
operator, or what it did to a value, is what the crate's own test contradicts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from node.tasks.anchors import Anchored
from node.tasks.changes import Replacement
from node.tasks.doctests import DOC_FILE_PREFIX
from node.tasks.evidence import means, project, source_of_test
from node.tasks.forms import is_wearing
from node.tasks.interface import ProbeCheck, StaticFinding
from node.tasks.likeness import asserts, best_fit, fit, subject_words
from node.tasks.mutation import Mutant, mutants, mutants_in, spread
from node.tasks.plans import MUTANTS_SCRUTINISED, MUTANTS_TRIED, killing_plan, scrutiny_for
from node.tasks.probe_evidence import Evidence
from node.tasks.snippets import edits_for, item_head, read_function
from node.tasks.syntax import functions, name_of, parse
from node.tasks.testcases import place_tests
from node.tasks.texts import DESCRIBED, TEXTS, is_foreign
from node.values.crate import Item
from node.values.verdict import CheckPlan, Edit, Expect, Step

SLIP_FIELDS: Mapping[str, str] = {
    "code_completion": "completion",
    "code_refactoring": "code_before",
    "code_optimization": "code_before",
}
"""The field that holds the generator's own code, where the example says of it that tests pass on it."""

NOTICED_SHARE = 2
"""Of the mutants tried of good code or by good tests, at least one in so many has to be noticed."""

OTHER_FIT_MIN = 3_000
"""Basis points of a text's words that have to be the author's about the item that it is said to be about."""

OTHER_BEST_MIN = 9_000
"""By `best_fit`, how well that item fits the text, compared with all others."""


# Code


@dataclass(frozen=True, slots=True)
class OwnCode:
    """The code that a generator wrote, and the function that it is part of."""

    field: str
    """Of the example."""
    text: str
    before: str
    """Of the function, what stands before it."""
    after: str

    def whole(self, text: str | None = None) -> str:
        """The function, with another text in the place of the generator's."""
        return self.before + (self.text if text is None else text) + self.after


def own_code(about: Anchored) -> OwnCode | None:
    """The generator's code; None for categories that claim no passing tests for any."""
    field = SLIP_FIELDS.get(about.form.category.name)
    if field is None:
        return None
    prefix, suffix = (about.text("prefix"), about.text("suffix")) if field == "completion" else ("", "")
    return OwnCode(field, about.text(field), prefix, suffix)


def own_mutants(code: OwnCode, item: Item, text: str | None = None) -> tuple[Mutant, ...]:
    """The mutants that change nothing but the generator's own text, their places in bytes of that text."""
    whole, start = code.whole(text).encode(), len(code.before.encode())
    end = len(whole) - len(code.after.encode())
    node = next((node for node in functions(parse(whole)) if name_of(node) == item.name), None)
    found = mutants_in(node) if node is not None else ()
    return tuple(
        replace(mutant, change=replace(mutant.change, start=mutant.change.start - start, end=mutant.change.end - start))
        for mutant in found
        if start <= mutant.change.start <= mutant.change.end <= end
    )


def with_change(text: str, change: Replacement) -> str:
    """A text with a change at its bytes."""
    data = text.encode()
    return (data[: change.start] + change.text.encode() + data[change.end :]).decode(errors="replace")


def version_edits(about: Anchored, item: Item, code: OwnCode, text: str | None = None) -> tuple[Edit, ...] | None:
    """What puts a version of the generator's code into the crate; empty for the published one, None for no version."""
    answer = read_function(code.whole(text), item.name)
    if answer is None or answer.head != item_head(about.view, item):
        return None
    return edits_for(about.view, item, answer)


def executed_good(about: Anchored, item: Item) -> ProbeCheck:
    """What makes an answer that nobody published good."""
    if about.form.category.name == "test_generation":
        return _good_tests(about, item)
    code = own_code(about)
    if code is None or code.field != "completion" or not about.tests:
        return _refused("the answer is not the author's, and nothing executed would show that it is right")
    tried = spread(own_mutants(code, item), MUTANTS_TRIED)
    if not tried:
        return _refused("nothing in the answer can be changed to see whether tests look at it")
    # Doc tests are no part of "all tests" (`Baseline`): where they are all there is, they are the ones to notice.
    tests = about.tests if all(test.file.startswith(DOC_FILE_PREFIX) for test in about.tests) else ()
    versions = [version_edits(about, item, code, with_change(code.text, mutant.change)) for mutant in tried]
    steps = tuple(
        Step(f"mutant-{number}", project(about.view, edits or (), tests), Expect.TESTS_FAIL, tests)
        for number, edits in enumerate(versions, start=1)
    )
    noticed = CheckPlan(steps, required=-(-len(steps) // NOTICED_SHARE))
    return ProbeCheck(StaticFinding(holds=True, reason="tests look at the answer"), (*unlinted(about), noticed))


def unlinted(about: Anchored) -> tuple[CheckPlan, ...]:
    """All tests on what the example claims to be right, as raters run them, without clippy.

    Nothing where that is the published code.
    """
    plan = scrutiny_for(about.form.example, about.view)
    steps = tuple(replace(step, lint=False) for step in plan.steps)
    return (replace(plan, steps=steps),) if steps else ()


def _good_tests(about: Anchored, item: Item) -> ProbeCheck:
    cases = about.form.texts("test_cases")
    placed = place_tests(about.view, item, about.text("test_context"), cases)
    if not all(asserts(case) and means(about.view, case, item) for case in cases):
        return _refused("some test asserts nothing, or never calls the function")
    tried = len(spread(mutants(about.view, item), MUTANTS_SCRUTINISED))
    plan = killing_plan(about.view, item, placed, MUTANTS_SCRUTINISED, required=max(1, -(-tried // NOTICED_SHARE)))
    return ProbeCheck(StaticFinding(holds=True, reason="the tests notice changes"), (plan,))


def slip_check(about: Anchored, item: Item, evidence: Evidence) -> ProbeCheck:
    """The generator's own code with one mutation: a published test that is not named fails on it and on nothing else.

    `place` is the mutated bytes of the field whose name its path is, `text` what stood there before, `test` the test
    that notices. What stood there before has to pass all tests of the crate.
    """
    code, place, test = own_code(about), evidence.place, evidence.test
    if code is None or place is None or test is None or place.path != code.field:
        return _refused("a slip has a place in the generator's own code, the text before it and a test that notices")
    data = code.text.encode()
    if not 0 <= place.start <= place.end <= len(data):
        return _refused("the place is outside the code")
    if not about.tests or test in about.tests or not source_of_test(about.view, test):
        return _refused("the noticing test is one of those named, or not the crate's")
    right = with_change(code.text, Replacement(place.start, place.end, evidence.text))
    if is_wearing(right):
        return _refused("what stood there before would keep the parser busy")
    end = place.start + len(evidence.text.encode())
    change = Replacement(place.start, end, data[place.start : place.end].decode(errors="replace"))
    if change not in {mutant.change for mutant in own_mutants(code, item, right)}:
        return _refused("what stood there before is not one mutation away")
    wrong_edits, right_edits = (version_edits(about, item, code, text) for text in (code.text, right))
    if not wrong_edits or right_edits is None:
        return _refused("the answer is the published code, or what it was before is no version of it")
    steps = [
        Step("published", project(about.view, (), (test,)), Expect.TESTS_PASS, (test,)),
        Step("answer", project(about.view, wrong_edits, (test,)), Expect.TESTS_FAIL, (test,)),
    ]
    if right_edits:  # of the published code the baseline says it
        steps += [
            Step("original", project(about.view, right_edits, (test,)), Expect.TESTS_PASS, (test,)),
            Step("original-all", project(about.view, right_edits), Expect.TESTS_PASS),
        ]
    finding = StaticFinding(holds=True, reason="one mutation of the generator's own code")
    return ProbeCheck(finding, (CheckPlan(tuple(steps)),))


# Texts


def words_of_check(about: Anchored, item: Item, evidence: Evidence) -> ProbeCheck:
    """The generator's own text is about another item: its words are what the author says of that one, not of this.

    Both halves are needed. A text that merely shares no words with the author may be a good one in other words; one
    that speaks of another item in the author's words about it is wrong here, and no rater's reading could say else.
    """
    category, place = about.form.category.name, evidence.place
    other = about.view.item_at(place.path, place.start, place.end) if place else None
    if category not in TEXTS or other is None or other == item or not (item.doc and other.doc):
        return _refused("the place holds no other documented item whose text this could be")
    text = about.text(TEXTS[category][0]).partition(DESCRIBED)[0]
    told, known = subject_words(about.view, text), about.view.vocabularies
    is_theirs = fit(told, known.get(other, frozenset())) >= OTHER_FIT_MIN
    holds = is_theirs and best_fit(told, other, known) >= OTHER_BEST_MIN and is_foreign(about.view, text, item)
    return ProbeCheck(StaticFinding(holds=holds, reason=f"the text is about `{other.path}`"), ())


def _refused(reason: str) -> ProbeCheck:
    return ProbeCheck(StaticFinding(holds=False, reason=reason), ())
