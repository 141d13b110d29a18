"""Bad probes made of words: the text, name, comments or reasons that belong to something else of the crate."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from node.tasks.anchors import Anchored, anchor
from node.tasks.derive.commenting import comment_text
from node.tasks.derive.decoy import Decoy, rewritten, turned
from node.tasks.derive.documentation import documented
from node.tasks.derive.faults import marked, told
from node.tasks.derive.functions import substantial
from node.tasks.derive.naming import bindings, is_telling
from node.tasks.derive.reviews import comment_on
from node.tasks.evidence import project
from node.tasks.inspection import masked_name
from node.tasks.likeness import overlap
from node.tasks.mutation import mutants
from node.tasks.pessimisations import PESSIMISATIONS
from node.tasks.probe_evidence import Evidence
from node.tasks.probes import REASON_FIELDS, is_beside_code, is_beside_the_point, shares_no_word
from node.tasks.prose import word_set
from node.tasks.refactorings import REFACTORINGS
from node.tasks.rewriting import Rewrite, rewrites
from node.tasks.snippets import is_from_trait_impl, render
from node.tasks.syntax import COMMENTS, body_of, comments, identifiers, leaves, parse, text_of
from node.tasks.texts import DESCRIBED, is_foreign, text_about
from node.values.crate import Item

_FAILING = re.compile(r" The (?:test `\w+`|example from the documentation) fails because of it\.$")
_COUNTED = re.compile(r"The result is the same, and .*?\.(?= Clippy|$)")


def with_other_text(field: str) -> Callable[[Anchored, Item], Iterator[Decoy]]:
    """The author's text about the item most like this one that is still about something else."""

    def spoil(about: Anchored, item: Item) -> Iterator[Decoy]:
        view, category = about.view, about.form.category.name
        own = word_set(item.doc)
        found = [other for other, _, _ in documented(view) if other != item and other.kind == item.kind]
        found.sort(key=lambda other: (-overlap(word_set(other.doc), own), other.span))
        foreign = [other for other in found if is_foreign(view, text_about(category, view, other), item)]
        for other in turned(about, foreign):
            text = text_about(category, view, other)
            if text:
                report = replace(about.report, tests=(), tests_run=0, tests_passed=0, project=project(view))
                documented_by_tests = category == "docstring_generation" and about.tests
                spoilt = rewritten(about, {field: text}, report if documented_by_tests else None)
                yield Decoy(spoilt, Evidence("text_of", other.code_span))

    return spoil


def with_other_function_name(about: Anchored, item: Item) -> Iterator[Decoy]:
    """The name of a function that gives the same type, and of which no word fits."""
    returned = item.signature.partition("->")[2]
    view = about.view
    found = [other for other in substantial(view) if is_telling(other.name) and not is_from_trait_impl(view, other)]
    found.sort(key=lambda other: (other.signature.partition("->")[2] != returned, other.span))
    for other in turned(about, found):
        if shares_no_word(other.name, item.name):
            yield Decoy(rewritten(about, {"function_name": other.name}), Evidence("name_of", other.code_span))


def with_other_variable_name(about: Anchored, item: Item) -> Iterator[Decoy]:
    """A variable's name out of another function."""
    meant, taken = masked_name(about), identifiers(about.text("code"))
    for other in turned(about, list(substantial(about.view)), len(about.view.functions)):
        node = about.view.node(other)
        names = sorted({text_of(name) for name in bindings(body_of(node))}) if node else []
        fitting = [name for name in names if is_telling(name) and name not in taken]
        for name in fitting:
            if other != item and meant is not None and shares_no_word(name, meant):
                yield Decoy(rewritten(about, {"variable_name": name}), Evidence("name_of", other.code_span))


def with_other_comments(about: Anchored, item: Item) -> Iterator[Decoy]:
    """Another function's comments in the places of this one's."""
    commented = about.text("commented_code")
    for other in turned(about, list(about.view.functions), len(about.view.functions)):
        lines = [line for line in comments(render(about.view, other)) if line.startswith("//")]
        if other != item and lines:
            spoilt = _recommented(commented, [comment_text(line) for line in lines])
            if is_beside_code(about.view, spoilt, item):
                yield Decoy(rewritten(about, {"commented_code": spoilt}), Evidence("comments_of", other.code_span))


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


def with_other_description(about: Anchored, item: Item) -> Iterator[Decoy]:
    """The author's documentation of another item above this one's signature: nobody could answer what is asked."""
    _, mark, signature = about.text("description").partition(DESCRIBED)
    if not (mark and item.doc):
        return
    for decoy in with_other_text("description")(about, item):
        told = anchor(decoy.example, about.view).text("description")
        yield replace(decoy, example=rewritten(about, {"description": told + mark + signature}))


# Reasons of another change


def with_other_reason(about: Anchored, item: Item) -> Iterator[Decoy]:
    """What would be said of another change: the words are right somewhere, the code they quote is not here."""
    name = about.form.category.name
    field = REASON_FIELDS[name]
    of_mutant = name == "bug_detection" or (name == "code_review" and "clippy reports" not in about.text(field))
    reasons = _of_mutants(about, item) if of_mutant else _of_rewrites(about, item)
    before, after = (about.text(part) for part in ("buggy_code", "fixed_code"))
    if name != "bug_detection":
        before, after = (about.text(part) for part in ("code_before", "code_after"))
    for reason in reasons:
        if is_beside_the_point(reason, before, after):
            yield Decoy(rewritten(about, {field: reason}), Evidence("beside"))


def _of_mutants(about: Anchored, item: Item) -> Iterator[str]:
    """As the example tells its bug, but another one of the same function."""
    found = [mutant for mutant in mutants(about.view, item) if mutant.now and "…" not in mutant.was + mutant.now]
    failing = _FAILING.search(about.text("bug_description"))
    for mutant in turned(about, found, len(found)):
        _, line = marked(about.view, item, mutant)
        if about.form.category.name == "code_review":
            yield comment_on(item, mutant, line)
        else:
            yield told(mutant, line) + (failing[0] if failing else "")


def _of_rewrites(about: Anchored, item: Item) -> Iterator[str]:
    """As the example gives its reason, but for a rewrite of another function."""
    rules = PESSIMISATIONS if about.form.category.name == "code_optimization" else REFACTORINGS
    others = [other for other in substantial(about.view) if other != item]
    for other in turned(about, others, len(others)):
        for rewrite in rewrites(about.view, other, rules):
            if rewrite.is_quotable():
                yield _reason(about, rewrite)


def _reason(about: Anchored, rewrite: Rewrite) -> str:
    why = rewrite.rule.why(rewrite)
    if about.form.category.name == "code_refactoring":
        return f"{why} Behaviour is unchanged."
    if about.form.category.name == "code_review":
        line = about.text("review_comment").partition(":")[0]
        lint = next(iter(rewrite.rule.lints), "style")
        return f"{line}: clippy reports `{lint}`. {why} Behaviour stays the same."
    counted = _COUNTED.search(about.text("rationale"))
    return f"{why} {counted[0]}" if counted else why
