"""Probes out of a model's own answers: what it wrote where that is proven right, and the same spoiled and proven wrong.

A probe is made of the same kind of text as the candidates beside it, from the same model, the same prompt and the same
examination, so that nothing but being right or wrong tells it from them. Whatever comes out of here was executed as
everybody will execute it once it is revealed (`node.tasks.probes.probe_plan`); what cannot be proven is no probe.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from enum import Enum

from node.tasks.anchors import Anchored, anchor
from node.tasks.derive.bench import Bench, touching, try_bodies
from node.tasks.derive.decoy import Decoy, rewritten, turned
from node.tasks.derive.decoy_calls import with_other_call
from node.tasks.derive.decoys import without_assertions
from node.tasks.evidence import drawn, nameable, named_count, source_of_test
from node.tasks.likeness import asserts
from node.tasks.model.examination import Examiner, written_in
from node.tasks.model.states import Ended
from node.tasks.mutation import Mutant, spread
from node.tasks.own_words import OwnCode, own_code, own_mutants, version_edits, with_change
from node.tasks.probe_evidence import Evidence
from node.tasks.probes import REASON_FIELDS, probe_plan
from node.tasks.report import Report
from node.tasks.texts import DESCRIBED, TEXTS
from node.tasks.trials import Miss, Trial
from node.values.crate import Item, Span
from node.values.example import Example
from node.values.verdict import Outcome, Project, StepResult, TestName

MUTANTS_MAX = 24
"""Slips tried of one answer, all in one build."""

CALLS_MAX = 4
"""Other calls tried for one probe, one after the other."""

TRIES_MAX = 4
"""Answers that are tried for one probe: the one at its own number, then candidates' (`node.tasks.seating`)."""

DONORS = 2
"""Further answers that are asked for where a probe takes words that the model wrote about something else."""


class Way(Enum):
    """How a probe is made of answers."""

    AS_IS = "as it is"
    SLIP = "one mutation in its code, which a test that it does not name notices"
    HOLLOW = "its tests without what they assert"
    CALL = "its call with another argument, or of another function"
    REASON = "the reason that the model gave for another change"
    TEXT = "the text that the model wrote about another item"


EXCHANGES = frozenset({Way.REASON, Way.TEXT})
"""Ways that take words of another answer, about another item."""

_GOOD = frozenset(
    [
        "code_generation",
        "code_completion",
        "test_generation",
        "bug_detection",
        "code_refactoring",
        "code_optimization",
        "code_review",
        "api_usage_prediction",
    ]
)
_BAD: Mapping[str, Way] = {
    "code_generation": Way.TEXT,
    "code_completion": Way.SLIP,
    "docstring_generation": Way.TEXT,
    "test_generation": Way.HOLLOW,
    "code_summarization": Way.TEXT,
    "bug_detection": Way.REASON,
    "code_refactoring": Way.SLIP,
    "code_optimization": Way.SLIP,
    "code_review": Way.REASON,
    "api_usage_prediction": Way.CALL,
    "code_search": Way.TEXT,
    "code_explanation": Way.TEXT,
}


def way_of(category: str, *, good: bool) -> Way | None:
    """How a category's probes are made of answers; None where nothing would prove a model's answer right, or wrong.

    Of a text nothing proves that it is right but that the author wrote it; of a name and of comments neither.
    """
    if good:
        return Way.AS_IS if category in _GOOD else None
    return _BAD.get(category)


class Prober:
    """Makes probes of one crate out of examples that a model wrote, and proves them.

    Args:
        bench: The crate.
        examiner: Examines them like candidates.
        salt: Nobody else's; decides which tests they name.
    """

    def __init__(self, bench: Bench, examiner: Examiner, salt: bytes) -> None:
        self._bench, self._examiner, self._salt = bench, examiner, salt

    def trial(self, way: Way, own: Example | Ended, donors: Sequence[Example] = ()) -> Trial[Decoy | Miss]:
        """Make a probe of one answer, with words of others where the way takes them."""
        if not isinstance(own, Example):
            return Miss("there is no answer")
        outcome: Decoy | Miss = Miss("the answer cannot be spoiled")
        for spoiled in (yield from self._spoiled(way, own, donors)):
            outcome = yield from self._proven(spoiled)
            if isinstance(outcome, Decoy):
                return outcome
        return outcome

    def _spoiled(self, way: Way, own: Example, donors: Sequence[Example]) -> Trial[tuple[Decoy, ...]]:
        """What to try: probes that look right to whoever made them, not proven yet."""
        about = anchor(own, self._bench.view)
        assert about.item is not None, "candidates are anchored"
        if way is Way.AS_IS:
            return (Decoy(own, Evidence("good")),)
        if way is Way.SLIP:
            return (yield from self._slips(about, about.item))
        if way is Way.HOLLOW:
            return tuple(_hollow(about))
        if way is Way.CALL:
            return tuple(itertools.islice(with_other_call(about, about.item), CALLS_MAX))
        others = (anchor(donor, self._bench.view) for donor in donors)
        return tuple(_exchanged(about, other) for other in others if other.item not in {None, about.item})

    def _proven(self, made: Decoy) -> Trial[Decoy | Miss]:
        """The probe with its report, once everything holds that it declares and that its evidence says."""
        bench, example = self._bench, made.example
        if made.evidence.kind != "good":
            found = yield from self._examiner.trial(unreported(bench, example), executes=bench.executes)
            if not isinstance(found, Example):
                return Miss(found.end.value)
            example = found
        check = probe_plan(made.evidence.encode(), example, bench.view)
        if not check.static.holds:
            return Miss(check.static.reason)
        if check.plans and not bench.executes:
            return Miss("nothing can be executed here")
        results = (yield check.plans) if check.plans else ()
        if not all(result.checked and result.holds for result in results):
            return Miss("it cannot be proven by execution")
        return Decoy(example, made.evidence)

    def _slips(self, about: Anchored, item: Item) -> Trial[tuple[Decoy, ...]]:
        """The answer with one mutation in it that the tests it names do not notice and another one does."""
        code = own_code(about)
        tests = yield from touching(self._bench, item)
        if code is None or not about.tests:
            return ()
        pool = nameable(self._bench.view, item, tests)
        tried = [
            (mutant, edits[0].text)
            for mutant in spread(own_mutants(code, item), MUTANTS_MAX)
            if (edits := version_edits(about, item, code, with_change(code.text, mutant.change)))
        ]
        seen = yield from try_bodies(self._bench, item, [body for _, body in tried], tests)
        found = [
            decoy
            for (mutant, _), observed in zip(tried, seen, strict=True)
            if (decoy := self._slip(about, code, mutant, observed, pool)) is not None
        ]
        return tuple(turned(about, found, len(found)))

    def _slip(
        self, about: Anchored, code: OwnCode, mutant: Mutant, observed: StepResult, pool: Sequence[TestName]
    ) -> Decoy | None:
        """Named are as many tests as a candidate names, by chance; but only such as the mutant passes."""
        noticing = [name for name in observed.failed if source_of_test(self._bench.view, name)]
        passing = [name for name in pool if name not in observed.failed]
        if observed.outcome is not Outcome.HOLDS or not noticing or len(passing) < named_count(pool):
            return None
        change = mutant.change
        was = code.text.encode()[change.start : change.end].decode()
        place = Span(code.field, change.start, change.start + len(change.text.encode()))
        killer = min(noticing, key=lambda name: (len(source_of_test(self._bench.view, name)), name))
        named = drawn(passing, named_count(pool), self._salt + about.form.example.claim)
        words = {code.field: with_change(code.text, change)}
        spoilt = rewritten(about, words, replace(about.report, tests=named))
        return Decoy(spoilt, Evidence("slip", place, was, killer))


def _hollow(about: Anchored) -> Iterator[Decoy]:
    cases = tuple(map(without_assertions, about.form.texts("test_cases")))
    if not any(map(asserts, cases)):
        yield Decoy(rewritten(about, {"test_cases": cases}), Evidence("hollow"))


def _exchanged(about: Anchored, other: Anchored) -> Decoy:
    """The example with what the model said of the other one in the place of what it said of this one."""
    category = about.form.category.name
    field = REASON_FIELDS.get(category) or TEXTS[category][0]
    _, mark, kept = about.text(field).partition(DESCRIBED)
    text = other.text(field).partition(DESCRIBED)[0]
    assert other.item is not None, "candidates are anchored"
    evidence = Evidence("beside") if category in REASON_FIELDS else Evidence("words_of", other.item.code_span)
    example = rewritten(about, {field: text + mark + kept})
    # As many tokens as the model needs for words of this length: the count of others would tell.
    lengths = [len(written_in(made)) for made in (example, about.form.example)]
    return Decoy(replace(example, completion_tokens=example.completion_tokens * lengths[0] // lengths[1]), evidence)


def unreported(bench: Bench, example: Example) -> Example:
    """The example as it was when the model had just answered: it is examined anew, like any candidate."""
    about = anchor(example, bench.view)
    tests = () if example.task_category == "test_generation" else about.tests
    report = Report(Project(bench.view.kb.pin), tests=tests)
    return replace(example, check_report=report.text(), rustc_version="")
