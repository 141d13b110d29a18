"""Probes: examples whose verdict is known to the generator and provable to everybody once it is revealed (R14).

A good probe is an ordinary example: its answer is the published text, or what execution proves. A bad one has the same
form and passes the checks it declares, and is wrong all the same. The evidence names what makes it wrong in the
published source, and, where that can be run, the published test that fails on it:

    good        the answer is the author's                                         every category
    mutant      the answer holds one mutant; it survives the named tests, another published test kills it
                (generation, completion, bug detection, refactoring, optimisation, review)
    beside      the reason quotes code, none of it near the change                 bug, refactoring, optimising, review
    text_of     the text is the author's about another item                        docstring, summary, search, explain
                (of generation the description: the answer is not what was asked for)
    name_of     the name is that of another function, or of a variable elsewhere   naming
    call        another call of the crate that compiles; the test around it fails  api usage
    tests_of    tests of something else that only pass through the function        test generation
    hollow      tests that call the function and assert nothing                    test generation
    comments_of the comments are another function's                                comment generation
    slip, words_of, and good of what nobody published                              `node.tasks.own_words`

How an honest rater notices a bad one without knowing that it is a probe: `mutant`, `slip` and `call` fail
`scrutiny_for` (all tests instead of the named ones), so `semantic_validity/all_tests` is 0; `text_of`, `words_of`,
`name_of` and `comments_of` lower `semantic_validity/author_words`, `author_name` and `fits_best`; of `beside`
`semantic_validity/speaks_of_change` is 0, of `tests_of` `calls_target`, of `hollow` `asserts`, both with few
`mutants_killed`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from node.tasks.anchors import Anchored, anchor
from node.tasks.callplans import call_scrutiny, published_call
from node.tasks.categories import FormError
from node.tasks.changes import Replacement, changed_body
from node.tasks.derive.commenting import comment_text
from node.tasks.derive.documentation import explanation_of
from node.tasks.derive.testing import as_test
from node.tasks.doctests import docstring_of
from node.tasks.evidence import means, project, source_of_test
from node.tasks.inspection import inspect, masked_name
from node.tasks.interface import ProbeCheck, StaticFinding
from node.tasks.likeness import asserts, best_fit, comment_words, overlap, quotes, speaks_of_change
from node.tasks.own_words import executed_good, slip_check, unlinted, words_of_check
from node.tasks.plans import NOTHING, plan_for
from node.tasks.probe_evidence import Evidence, EvidenceError, decode_evidence
from node.tasks.prose import read_markdown, word_set
from node.tasks.report import ReportError
from node.tasks.snippets import edits_for, is_from_trait_impl, read_function, render, same_code
from node.tasks.syntax import comments, free_identifiers, identifiers, tokens
from node.tasks.testcases import place_tests
from node.tasks.texts import DESCRIBED, FIT_MAX, KINSHIP_MAX, TEXTS, is_foreign, query_for, sentence_of, text_about
from node.tasks.view import SourceView
from node.values.crate import Item
from node.values.example import Example
from node.values.verdict import CheckPlan, Edit, Expect, Step, TestName

QUOTE_TOKENS_MIN = 3
"""A shorter quote says nothing: `0`, `x`, a name."""

MUTANT_FIELDS: Mapping[str, str] = {
    "code_generation": "code",
    "code_completion": "completion",
    "bug_detection": "fixed_code",
    "code_refactoring": "code_after",
    "code_optimization": "code_after",
    "code_review": "code_after",
}
"""The field of the answer that a `mutant` probe spoils."""

REASON_FIELDS: Mapping[str, str] = {
    "bug_detection": "bug_description",
    "code_refactoring": "rationale",
    "code_optimization": "rationale",
    "code_review": "review_comment",
}
"""The field of the answer that a `beside` probe exchanges."""

UNCHANGED_BEHAVIOUR = frozenset(["code_refactoring", "code_optimization"])
"""Whose examples say that two versions do the same."""


def probe_plan(data: bytes, example: Example, view: SourceView) -> ProbeCheck:
    """What has to hold for revealed evidence to be true. Never raises for what others sent."""
    try:
        evidence = decode_evidence(data)
        about = anchor(example, view)
        claim = plan_for(example, view)
    except (EvidenceError, FormError, ReportError) as error:
        return _refused(str(error))
    if about.item is None or inspect(example, view).problems:
        return _refused("a probe is a sound example of something published")
    rule = _CHECKS.get(evidence.kind)
    if rule is None:
        return _refused(f"no probe is of kind {evidence.kind[:40]!r}")
    check = rule(about, about.item, evidence)
    plans = (claim, *check.plans)
    return ProbeCheck(check.static, tuple(plan for plan in plans if plan.steps))


def _refused(reason: str) -> ProbeCheck:
    return ProbeCheck(StaticFinding(holds=False, reason=reason), ())


def _static(holds: bool, reason: str) -> ProbeCheck:
    return ProbeCheck(StaticFinding(holds=holds, reason=reason), ())


# Good ones


def answer_is_published(about: Anchored, item: Item) -> bool:
    """Whether an example's answer is what the author wrote."""
    rule = _PUBLISHED.get(about.form.category.name)
    return rule is not None and rule(about, item)


def _same_field(field: str) -> Callable[[Anchored, Item], bool]:
    return lambda about, item: about.text(field) == render(about.view, item)


def _tests_are_published(about: Anchored, item: Item) -> bool:
    placed = place_tests(about.view, item, about.text("test_context"), about.form.texts("test_cases"))
    cases = about.form.texts("test_cases")
    documented = {as_test(item, case) for case in about.view.doc_cases.values() if case.item == item}
    if set(cases) <= documented:
        return True
    calling = all(means(about.view, case, item) for case in cases)
    return calling and all(name in about.view.test_items for name in placed.names)


_PUBLISHED: Mapping[str, Callable[[Anchored, Item], bool]] = {
    "code_generation": _same_field("code"),
    "code_completion": lambda about, item: (
        about.text("prefix") + about.text("completion") + about.text("suffix") == render(about.view, item)
    ),
    "docstring_generation": lambda about, item: about.text("docstring") == docstring_of(item),
    "test_generation": _tests_are_published,
    "code_summarization": lambda about, item: about.text("summary") == sentence_of(item),
    "bug_detection": _same_field("fixed_code"),
    "code_refactoring": _same_field("code_after"),
    "code_optimization": _same_field("code_after"),
    "code_review": _same_field("code_after"),
    "function_naming": lambda about, item: about.text("function_name") == item.name,
    "variable_naming": lambda about, _: about.text("variable_name") == masked_name(about),
    "api_usage_prediction": lambda about, _: about.text("next_api_call") == published_call(about),
    "code_search": lambda about, item: about.text("query") == query_for(about.view, item),
    "code_explanation": lambda about, item: about.text("explanation") == explanation_of(read_markdown(item.doc)),
    "comment_generation": _same_field("commented_code"),
}


def _good(about: Anchored, item: Item, evidence: Evidence) -> ProbeCheck:
    """The author's answer to what is asked; where behaviour is to be unchanged, all tests pass on both versions."""
    del evidence
    if not _is_asked_for(about, item):
        return _refused("the words beside the answer are not about it")
    if not answer_is_published(about, item):
        return executed_good(about, item)
    check = _static(holds=True, reason="the author published the answer")
    return replace(check, plans=unlinted(about)) if about.form.category.name in UNCHANGED_BEHAVIOUR else check


def _is_asked_for(about: Anchored, item: Item) -> bool:
    """Whether the words beside a published answer are about it: what `beside` and `text_of` exchange."""
    category = about.form.category.name
    if category == "code_generation":
        return _describes(about, item)
    field = REASON_FIELDS.get(category)
    return field is None or speaks_of_change(about.text(field), *_versions(about))


def _describes(about: Anchored, item: Item) -> bool:
    """Whether a description is about the function: by the author's words, or where there are none by a test of it."""
    told = about.text("description").partition(DESCRIBED)[0]
    if item.doc:
        return not is_foreign(about.view, told, item)
    return any(source_of_test(about.view, name).strip() in told for name in about.tests)


# Bad ones


def _mutant(about: Anchored, item: Item, evidence: Evidence) -> ProbeCheck:
    """The answer is the published function with one change, and a published test that is not named fails on it."""
    field = MUTANT_FIELDS.get(about.form.category.name)
    place, test, body = evidence.place, evidence.test, item.body
    if field is None or place is None or test is None or body is None or place.path != body.path:
        return _refused("a mutant has a place, a text and a test that kills it")
    if not body.start <= place.start <= place.end <= body.end or test in about.tests:
        return _refused("the change is outside the function, or the killing test is one of those named")
    text = about.text("prefix") + about.text("completion") + about.text("suffix")
    answer = read_function(text if field == "completion" else about.text(field), item.name)
    change = Replacement(place.start, place.end, evidence.text)
    if answer is None or not same_code(answer.body, changed_body(about.view, item, (change,))):
        return _refused("the answer is not the published function with that change")
    edits = edits_for(about.view, item, answer)
    return ProbeCheck(
        StaticFinding(holds=bool(edits), reason="one change to the published function"),
        (_kills(about.view, edits, test),),
    )


def _kills(view: SourceView, edits: tuple[Edit, ...], test: TestName) -> CheckPlan:
    passes = Step("published", project(view, (), (test,)), Expect.TESTS_PASS, (test,))
    fails = Step("answer", project(view, edits, (test,)), Expect.TESTS_FAIL, (test,))
    return CheckPlan((passes, fails))


def _other_item(about: Anchored, item: Item, evidence: Evidence) -> Item | None:
    place = evidence.place
    other = about.view.item_at(place.path, place.start, place.end) if place else None
    return other if other is not None and other != item else None


def _text_of(about: Anchored, item: Item, evidence: Evidence) -> ProbeCheck:
    category = about.form.category.name
    other = _other_item(about, item, evidence)
    if category not in TEXTS or other is None:
        return _refused("the place holds no other item whose text this could be")
    text = about.text(TEXTS[category][0]).partition(DESCRIBED)[0]
    holds = text == text_about(category, about.view, other) and is_foreign(about.view, text, item)
    return _static(holds, f"the text is the author's about `{other.path}`")


def shares_no_word(name: str, other: str) -> bool:
    """Whether two identifiers have no word in common."""
    return name != other and not word_set(name) & word_set(other)


def _name_of(about: Anchored, item: Item, evidence: Evidence) -> ProbeCheck:
    other = _other_item(about, item, evidence)
    if other is None:
        return _refused("the place holds no other function")
    if about.form.category.name == "function_naming":
        name = about.text("function_name")
        return _static(name == other.name and shares_no_word(name, item.name), f"the name is that of `{other.path}`")
    name, meant = about.text("variable_name"), masked_name(about)
    elsewhere = name in free_identifiers(about.view.text(other.code_span))
    holds = meant is not None and elsewhere and shares_no_word(name, meant)
    return _static(holds, f"the name is that of a variable of `{other.path}`")


def _call(about: Anchored, item: Item, evidence: Evidence) -> ProbeCheck:
    """Another call than the published one: it compiles, and the test around it fails."""
    del evidence
    scrutiny = call_scrutiny(about, item)
    if scrutiny == NOTHING:
        return _refused("the call is the published one")
    (step,) = scrutiny.steps
    fails = CheckPlan((Step("answer", step.project, Expect.TESTS_FAIL, step.tests),))
    return ProbeCheck(StaticFinding(holds=True, reason="not the published call"), (fails,))


def _tests_of(about: Anchored, item: Item, evidence: Evidence) -> ProbeCheck:
    del evidence
    cases = about.form.texts("test_cases")
    placed = place_tests(about.view, item, about.text("test_context"), cases)
    published = all(name in about.view.test_items for name in placed.names)
    named = is_from_trait_impl(about.view, item) or any(item.name in identifiers(case) for case in cases)
    return _static(published and not named, f"published tests that never call `{item.name}`")


def _hollow(about: Anchored, item: Item, evidence: Evidence) -> ProbeCheck:
    """That these tests pass, and fail when the function only panics, is their claim and executed as such."""
    del evidence
    cases = about.form.texts("test_cases")
    if not cases or _tests_are_published(about, item):
        return _refused("the author's own tests may leave it to others to assert")
    return _static(not any(map(asserts, cases)), "the tests assert nothing")


def _beside(about: Anchored, item: Item, evidence: Evidence) -> ProbeCheck:
    del item, evidence
    field = REASON_FIELDS.get(about.form.category.name)
    if field is None:
        return _refused("the category gives no reason for a change")
    return _static(is_beside_the_point(about.text(field), *_versions(about)), "the reason is not about what changed")


def _versions(about: Anchored) -> tuple[str, str]:
    """The code before and after the change that a reason is given for."""
    if about.form.category.name == "bug_detection":
        return about.text("buggy_code"), about.text("fixed_code")
    return about.text("code_before"), about.text("code_after")


def is_beside_the_point(reason: str, before: str, after: str) -> bool:
    """Whether a reason quotes code that stands in neither version, and nothing of where they differ."""
    versions = [tokens(before), tokens(after)]
    long = [quote for quote in quotes(reason) if len(quote) >= QUOTE_TOKENS_MIN]
    absent = any(not any(_holds_run(version, quote) for version in versions) for quote in long)
    return absent and not speaks_of_change(reason, before, after)


def _holds_run(code: tuple[str, ...], run: tuple[str, ...]) -> bool:
    return any(code[start : start + len(run)] == run for start in range(len(code) - len(run) + 1))


def is_beside_code(view: SourceView, commented: str, item: Item) -> bool:
    """Whether the comments of a piece of code are about another function than `item`."""
    told, own = comment_words(commented), comment_words(render(view, item))
    return overlap(told, own) <= KINSHIP_MAX and best_fit(told, item, view.commented) <= FIT_MAX


def comments_in(code: str) -> frozenset[str]:
    """What the comments of a piece of code say."""
    return frozenset(comment_text(comment) for comment in comments(code))


def _comments_of(about: Anchored, item: Item, evidence: Evidence) -> ProbeCheck:
    other = _other_item(about, item, evidence)
    told = comments_in(about.text("commented_code"))
    if about.form.category.name != "comment_generation" or other is None or not told:
        return _refused("the place holds no other function whose comments these could be")
    theirs, own = comments_in(render(about.view, other)), comments_in(render(about.view, item))
    beside = is_beside_code(about.view, about.text("commented_code"), item)
    return _static(told <= theirs and not told & own and beside, f"the comments are those of `{other.path}`")


_CHECKS: Mapping[str, Callable[[Anchored, Item, Evidence], ProbeCheck]] = {
    "good": _good,
    "mutant": _mutant,
    "text_of": _text_of,
    "name_of": _name_of,
    "call": _call,
    "tests_of": _tests_of,
    "hollow": _hollow,
    "beside": _beside,
    "comments_of": _comments_of,
    "slip": slip_check,
    "words_of": words_of_check,
}
