"""What must hold of a predicted call: in the place where the published code has its own, it compiles."""

from __future__ import annotations

import re

from node.tasks.anchors import Anchored
from node.tasks.doctests import DOC_TEST, doc_test_file
from node.tasks.evidence import project
from node.tasks.snippets import edits_for, read_function
from node.tasks.syntax import tokens
from node.tasks.view import SourceView
from node.values.crate import Item
from node.values.verdict import AddedFile, CheckPlan, Edit, Expect, Project, Step, TestName, TestTarget

COMPILES = "swarm_compiles"
"""An empty test: that it ran shows that the file around it compiled."""

ROW_FILE = "swarm_row"


def published_call(about: Anchored) -> str | None:
    """The call with which the published code goes on after the shown part; None when it is not shown as published."""
    text, shown = about.published(), about.text("code")
    if not text.startswith(shown):
        return None
    return text[len(shown) : len(shown) + _call_length(text[len(shown) :])]


def _call_length(rest: str) -> int:
    """How far the call at the start of `rest` reaches: to the bracket that closes its arguments."""
    depth = 0
    quoted = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])\'')
    at = 0
    while at < len(rest):
        literal = quoted.match(rest, at)
        if literal:
            at = literal.end()
            continue
        depth += (rest[at] in "([{") - (rest[at] in ")]}")
        at += 1
        if depth <= 0 and rest[at - 1] in ")]}":
            return at if depth == 0 else at - 1
    return at


def with_call(about: Anchored) -> str | None:
    """The published code with the predicted call in the place of its own; None when the shown part is not published."""
    call = published_call(about)
    if call is None:
        return None
    shown = about.text("code")
    return shown + about.text("next_api_call") + about.published()[len(shown) + len(call) :]


def call_plan(about: Anchored, item: Item) -> CheckPlan:
    """The call compiles in its place; a call that is the published one is part of a test that passes."""
    code = with_call(about)
    if code is None:
        return CheckPlan(())
    if about.doctest is None and not item.is_test:
        return CheckPlan((Step("answer", project(about.view, _in_place(about, item, code)), Expect.COMPILES),))
    step = _run(about, item, code, COMPILES)
    if tokens(code) == tokens(about.published()):
        names = _published_tests(about, item)
        step = Step("answer", project(about.view, (), names), Expect.TESTS_PASS, names)
    return CheckPlan((step,) if step else ())


def _in_place(about: Anchored, item: Item, code: str) -> tuple[Edit, ...]:
    answer = read_function(code, item.name)
    return edits_for(about.view, item, answer) if answer else (Edit(item.code_span, code),)


def call_scrutiny(about: Anchored, item: Item) -> CheckPlan:
    """The test around another call than the published one still passes; all tests, for a call inside the library."""
    code = with_call(about)
    if code is None or tokens(code) == tokens(about.published()):
        return CheckPlan(())
    if about.doctest is None and not item.is_test:
        return CheckPlan((Step("answer", project(about.view, _in_place(about, item, code)), Expect.TESTS_PASS),))
    step = _run(about, item, code, DOC_TEST if about.doctest else item.name)
    return CheckPlan((step,) if step else ())


def _published_tests(about: Anchored, item: Item) -> tuple[TestName, ...]:
    if about.doctest is None:
        return (about.view.test_name(item),)
    suffix = f"_{about.doctest.index}"
    cases = about.view.doc_cases.values()
    return tuple(case.name for case in cases if case.item == item and case.name.file.endswith(suffix))


def _run(about: Anchored, item: Item, code: str, test: str) -> Step | None:
    """Run the test called `test` of the code around the call, or the empty one beside it."""
    view = about.view
    if about.doctest is not None:
        file = AddedFile(f"tests/{ROW_FILE}.rs", _doc_file(view, code, "should_panic" in about.doctest.flags))
        name = TestName(TestTarget.INTEGRATION.value, ROW_FILE, test)
        return Step("answer", Project(view.kb.pin, (), (file,)), Expect.TESTS_PASS, (name,))
    answer = read_function(code, item.name)
    if answer is None:
        return None
    beside = f"{answer.code}\n\n#[test]\nfn {COMPILES}() {{}}\n"
    published = view.test_name(item)
    name = TestName(published.target, published.file, published.name.removesuffix(item.name) + test)
    return Step("answer", project(view, (Edit(item.code_span, beside),)), Expect.TESTS_PASS, (name,))


def _doc_file(view: SourceView, code: str, should_panic: bool) -> str:
    text = doc_test_file(code, view.crate_name, view.kb.pin.edition, should_panic=should_panic)
    return f"{text}\n#[test]\nfn {COMPILES}() {{}}\n"
