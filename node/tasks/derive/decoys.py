"""Bad probes: a good example of the source engine, spoiled so that only more than its declared checks shows it.

The spoiled one keeps form, length and declared results. What makes it wrong was executed, or stands in the source, and
is handed over as evidence (`node.tasks.probes`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from node.tasks.anchors import Anchored, anchor
from node.tasks.callplans import call_scrutiny
from node.tasks.categories import render as render_fields
from node.tasks.changes import changed_body
from node.tasks.derive.bench import Bench, touching, try_body
from node.tasks.derive.commenting import comment_text
from node.tasks.derive.documentation import documented
from node.tasks.derive.functions import substantial
from node.tasks.derive.naming import bindings, is_telling
from node.tasks.evidence import column_of_tests, declared, project, source_of_test
from node.tasks.inspection import inspect, masked_name
from node.tasks.likeness import overlap
from node.tasks.mutation import Mutant, mutants, spread
from node.tasks.plans import MUTANTS_TRIED, killing_plan, plan_for
from node.tasks.probes import MUTANT_FIELDS, Evidence, comments_in, is_foreign, shares_no_word, text_about
from node.tasks.prose import word_set
from node.tasks.report import Report
from node.tasks.snippets import is_from_trait_impl, render
from node.tasks.syntax import COMMENTS, body_of, comments, identifiers, leaves, parse, text_of
from node.tasks.testcases import TestBench
from node.tasks.trials import Miss, Trial
from node.values.crate import Item, Span
from node.values.example import Example
from node.values.verdict import CheckPlan, Edit, Expect, Outcome, TestName

TRIES_MAX = 6
"""Spoilings tried for one probe."""


@dataclass(frozen=True, slots=True)
class Decoy:
    """A bad probe and what shows that it is one."""

    example: Example
    evidence: Evidence


def spoiled(bench: Bench, good: Example) -> Trial[Decoy | Miss]:
    """Spoil a good example. The same example is always spoiled in the same way."""
    about = anchor(good, bench.view)
    assert about.item is not None, "the source engine anchors everything"
    if good.task_category in MUTANT_FIELDS:
        return (yield from _with_mutant(bench, about, about.item))
    if good.task_category == "test_generation":
        return (yield from _with_other_tests(bench, about, about.item))
    for decoy in itertools.islice(_SPOILERS[good.task_category](about, about.item), TRIES_MAX):
        if inspect(decoy.example, bench.view).problems:
            continue
        if (yield from _passes(bench, decoy)):
            return decoy
    return Miss("nothing else of the crate could be taken for it")


def _passes(bench: Bench, decoy: Decoy) -> Trial[bool]:
    """Whether the spoiled example keeps what it declares, and is wrong where that can be run."""
    plan = plan_for(decoy.example, bench.view)
    plans = [plan] if plan.steps else []
    if decoy.evidence.kind == "call":
        about = anchor(decoy.example, bench.view)
        assert about.item is not None, "spoiling keeps the anchor"
        (step,) = call_scrutiny(about, about.item).steps
        plans.append(CheckPlan((replace(step, expect=Expect.TESTS_FAIL),)))
    if not plans:
        return True
    if not bench.executes:
        return False
    results = yield tuple(plans)
    return all(result.checked and result.holds for result in results)


def _rewritten(about: Anchored, words: Mapping[str, str | tuple[str, ...]], report: Report | None = None) -> Example:
    """The example with other words in some fields; its tests and report too when `report` is given."""
    category, form = about.form.category, about.form
    inputs = {name: words.get(name, value) for name, value in form.inputs.items()}
    outputs = {name: words.get(name, value) for name, value in form.outputs.items()}
    changed = replace(
        form.example,
        input_data=render_fields(category.inputs, inputs),
        output_data=render_fields(category.outputs, outputs),
    )
    if report is None:
        return changed
    return replace(changed, test=column_of_tests(about.view, report.tests), check_report=report.text())


# Code with a mutant in it


def _with_mutant(bench: Bench, about: Anchored, item: Item) -> Trial[Decoy | Miss]:
    """The answer with a mutant that some tests which reach it do not notice; those are the ones named."""
    view = bench.view
    if not bench.executes or item.body is None or "pass these tests" in about.text("description"):
        return Miss("no test could show that it is wrong")
    tests = yield from touching(bench, item)
    for mutant in _candidates(about, item):
        body = changed_body(view, item, (mutant.change,))
        answer = _answer_with(about, item, body)
        if answer is None:
            continue
        observed, _ = yield from try_body(bench, item, body, tests, Expect.TESTS_FAIL)
        killers = [name for name in observed.failed if source_of_test(view, name)]
        blind = tuple(name for name in tests if name not in observed.failed)
        if observed.outcome is Outcome.HOLDS and killers and _still_shown(about, blind):
            named = declared(view, item, blind, first=_shown_tests(about, blind))
            report = _report(about, (Edit(item.body, body),), named)
            place = Span(item.body.path, mutant.change.start, mutant.change.end)
            killer = min(killers, key=lambda name: (len(source_of_test(view, name)), name))
            evidence = Evidence("mutant", place, mutant.change.text, killer)
            return Decoy(_rewritten(about, {MUTANT_FIELDS[about.form.category.name]: answer}, report), evidence)
    return Miss("no mutant slips past some of its tests")


def _candidates(about: Anchored, item: Item) -> Iterator[Mutant]:
    """Mutants of the published function, without the one that the example itself is about."""
    own = about.report.before.edits[0].text if about.report.before else ""
    found = mutants(about.view, item)
    return itertools.islice(
        (mutant for mutant in spread(found, 2 * TRIES_MAX) if changed_body(about.view, item, (mutant.change,)) != own),
        TRIES_MAX,
    )


def _answer_with(about: Anchored, item: Item, body: str) -> str | None:
    """What the answer field says with another body; None for a completion that does not reach the change."""
    whole = render(about.view, item, body)
    if about.form.category.name != "code_completion":
        return whole
    prefix, suffix = about.text("prefix"), about.text("suffix")
    inside = whole.startswith(prefix) and whole.endswith(suffix) and len(whole) > len(prefix) + len(suffix)
    return whole[len(prefix) : len(whole) - len(suffix)] if inside else None


def _shown_tests(about: Anchored, tests: Iterable[TestName]) -> tuple[TestName, ...]:
    """Those of `tests` that the example's context shows, which is where a bug's description takes its test from."""
    context = about.text("code_context")
    return tuple(name for name in tests if source_of_test(about.view, name).strip() in context)


def _still_shown(about: Anchored, blind: tuple[TestName, ...]) -> bool:
    """Whether the example still holds together: a bug's failing test must be one that the decoy passes."""
    return bool(blind) and (about.form.category.name != "bug_detection" or bool(_shown_tests(about, blind)))


def _report(about: Anchored, edits: tuple[Edit, ...], named: tuple[TestName, ...]) -> Report:
    before = about.report.before
    return replace(
        about.report,
        project=project(about.view, edits, named),
        before=None if before is None else project(about.view, before.edits, named),
        tests=named,
        tests_run=len(named),
        tests_passed=len(named),
    )


# Tests of something else


def _with_other_tests(bench: Bench, about: Anchored, item: Item) -> Trial[Decoy | Miss]:
    """Tests that only pass through the function on their way to what they test."""
    view = bench.view
    if is_from_trait_impl(view, item):
        return Miss("tests call it without naming it")
    tests = yield from touching(bench, item)
    passing = [
        name for name in tests if name in view.test_items and item.name not in identifiers(source_of_test(view, name))
    ]
    passing.sort(key=lambda name: (len(source_of_test(view, name)), name))
    for start in range(0, min(len(passing), TRIES_MAX), 2):
        names = tuple(sorted(passing[start : start + 2]))
        cases = tuple(render(view, view.test_items[name]) for name in names)
        plan = killing_plan(view, item, TestBench(names), MUTANTS_TRIED, required=1)
        (result,) = yield (plan,)
        if result.checked and result.holds:
            report = replace(
                _report(about, (), names),
                mutants_killed=sum(step.outcome is Outcome.HOLDS for step in result.steps[2:]),
            )
            return Decoy(_rewritten(about, {"test_cases": cases}, report), Evidence("tests_of"))
    return Miss("every test that reaches it calls it")


# Words of something else


def _turned(about: Anchored, found: list[Item], among: int = 4) -> list[Item]:
    """`found` from another start among its first few for each example, so that one item does not spoil them all."""
    start = about.form.example.claim[0] % max(1, min(among, len(found)))
    return found[start:] + found[:start]


def _with_other_text(field: str) -> Callable[[Anchored, Item], Iterator[Decoy]]:
    """The author's text about the item most like this one that is still about something else."""

    def spoil(about: Anchored, item: Item) -> Iterator[Decoy]:
        view, category = about.view, about.form.category.name
        own = word_set(item.doc)
        found = [other for other, _, _ in documented(view) if other != item and other.kind == item.kind]
        found.sort(key=lambda other: (-overlap(word_set(other.doc), own), other.span))
        foreign = [other for other in found if is_foreign(text_about(category, view, other), item)]
        for other in _turned(about, foreign):
            text = text_about(category, view, other)
            if text:
                report = replace(about.report, tests=(), tests_run=0, tests_passed=0, project=project(view))
                spoilt = _rewritten(about, {field: text}, report if about.tests else None)
                yield Decoy(spoilt, Evidence("text_of", other.code_span))

    return spoil


def _with_other_function_name(about: Anchored, item: Item) -> Iterator[Decoy]:
    """The name of a function that gives the same type, and of which no word fits."""
    returned = item.signature.partition("->")[2]
    view = about.view
    found = [other for other in substantial(view) if is_telling(other.name) and not is_from_trait_impl(view, other)]
    found.sort(key=lambda other: (other.signature.partition("->")[2] != returned, other.span))
    for other in _turned(about, found):
        if shares_no_word(other.name, item.name):
            yield Decoy(_rewritten(about, {"function_name": other.name}), Evidence("name_of", other.code_span))


def _with_other_variable_name(about: Anchored, item: Item) -> Iterator[Decoy]:
    """A variable's name out of another function."""
    meant, taken = masked_name(about), identifiers(about.text("code"))
    for other in _turned(about, list(substantial(about.view)), len(about.view.functions)):
        node = about.view.node(other)
        names = sorted({text_of(name) for name in bindings(body_of(node))}) if node else []
        fitting = [name for name in names if is_telling(name) and name not in taken]
        for name in fitting:
            if other != item and meant is not None and shares_no_word(name, meant):
                yield Decoy(_rewritten(about, {"variable_name": name}), Evidence("name_of", other.code_span))


def _with_other_call(about: Anchored, item: Item) -> Iterator[Decoy]:
    """A public function with the same parameters and result in place of the one that is called."""
    del item
    call = about.text("next_api_call")
    name = call.partition("(")[0].rpartition("::")[2]
    for meant in about.view.named(name):
        for other in about.view.functions:
            shape = (other.signature.replace(other.name, "_", 1), other.container is None)
            alike = shape == (meant.signature.replace(name, "_", 1), meant.container is None)
            if other.public and alike and other.name != name and other.parent == meant.parent:
                spoilt = call.replace(f"{name}(", f"{other.name}(", 1)
                qualified = spoilt if "::" in call or other.container else f"{about.view.crate_name}::{spoilt}"
                yield Decoy(_rewritten(about, {"next_api_call": qualified}), Evidence("call"))


def _with_other_comments(about: Anchored, item: Item) -> Iterator[Decoy]:
    """Another function's comments in the places of this one's."""
    commented = about.text("commented_code")
    for other in _turned(about, list(about.view.functions), len(about.view.functions)):
        lines = [line for line in comments(render(about.view, other)) if line.startswith("//")]
        if other != item and lines:
            spoilt = _recommented(commented, [comment_text(line) for line in lines])
            if not comments_in(spoilt) & comments_in(commented):
                yield Decoy(_rewritten(about, {"commented_code": spoilt}), Evidence("comments_of", other.code_span))


def _recommented(code: str, texts: list[str]) -> str:
    """`code` with its comments replaced by `texts`, in order and again from the start."""
    data = code.encode()
    pieces: list[bytes] = []
    at = 0
    found = (leaf for leaf in leaves(parse(data)) if leaf.type in COMMENTS)
    for leaf, text in zip(found, itertools.cycle(texts), strict=False):
        end = leaf.end_byte - (1 if text_of(leaf).endswith("\n") else 0)
        pieces += [data[at : leaf.start_byte], f"// {text}".encode()]
        at = end
    return b"".join([*pieces, data[at:]]).decode()


_SPOILERS: Mapping[str, Callable[[Anchored, Item], Iterator[Decoy]]] = {
    "docstring_generation": _with_other_text("docstring"),
    "code_summarization": _with_other_text("summary"),
    "code_search": _with_other_text("query"),
    "code_explanation": _with_other_text("explanation"),
    "function_naming": _with_other_function_name,
    "variable_naming": _with_other_variable_name,
    "api_usage_prediction": _with_other_call,
    "comment_generation": _with_other_comments,
}
