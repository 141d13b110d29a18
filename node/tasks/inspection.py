"""What can be said of an example by reading it beside the crate's source: problems that end it, measures that rate it.

Problems are facts; every node finds the same ones. Measures are named `<criterion>/<what>` after the four rating
criteria, in basis points, higher is better; `node.rating` decides what they weigh. They hold for any engine's example:
a language model's summary is compared with the author's words, not required to repeat them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from node.tasks.anchors import Anchored, anchor
from node.tasks.callplans import published_call
from node.tasks.categories import PLACEHOLDER, FormError
from node.tasks.costs import cost_of
from node.tasks.forms import validate
from node.tasks.measures import measures_of
from node.tasks.names import unknown_names
from node.tasks.prose import mentioned_names
from node.tasks.report import ReportError
from node.tasks.snippets import item_head, read_function, same_code, without_docs
from node.tasks.syntax import comments, free_identifiers, tokens
from node.tasks.view import SourceView
from node.values.crate import Item
from node.values.example import Example
from node.values.verdict import Inspection, Problem, ProblemKind

LEAK_TOKENS = 12
"""A run of this many tokens of the answer standing in the prompt is a leak; twelve is the length used for n-gram
decontamination elsewhere (facts/feasibility-rust.md section 7)."""

REPEATED_TOKENS = 8
"""Shorter completions may well occur twice in a function."""

LEAK_CHARS = 24
"""Texts are compared as a whole from this length on; shorter ones repeat by chance."""


def inspect(example: Example, view: SourceView) -> Inspection:
    """Read an example. Never raises: what cannot be read is malformed."""
    formal = validate(example)
    if formal:
        return Inspection(formal, ())
    try:
        about = anchor(example, view)
    except (FormError, ReportError) as error:
        return Inspection((Problem(ProblemKind.MALFORMED, str(error)),), ())
    problems = (*_wrong_crate(about), *_false_claims(about), *_leaks(about))
    return Inspection(problems, tuple(sorted(measures_of(about))))


def _false(text: str) -> Problem:
    return Problem(ProblemKind.FALSE_CLAIM, text)


def _wrong_crate(about: Anchored) -> Iterator[Problem]:
    example, pin = about.form.example, about.view.kb.pin
    told = (example.crate_name, example.crate_version, example.crate_checksum, example.license, example.edition)
    if told != (pin.name, pin.version, pin.checksum.hex(), pin.license, pin.edition):
        yield _false(
            f"is not about {pin.label} as pinned: crate, version, checksum, licence and edition must be its own"
        )


# What an example says about the source


def _false_claims(about: Anchored) -> Iterator[Problem]:
    if about.form.span is None:
        return
    if about.item is None:
        yield _false("nothing of the crate stands exactly at source_span")
        return
    rule = _CLAIMS[about.form.category.name]
    yield from rule(about, about.item)
    yield from _invented_members(about)


def _shows(about: Anchored, field: str) -> Iterator[Problem]:
    """A field must be the published code of the anchor; documentation left out, other comments free."""
    if not same_code(without_docs(about.text(field)), about.published()):
        yield _false(f"{field} is not the published code at source_span")


def _is_version_of(about: Anchored, item: Item, field: str, text: str | None = None) -> Iterator[Problem]:
    """A field must be a version of the anchor: a function of its name and signature."""
    answer = read_function(about.text(field) if text is None else text, item.name)
    if item.body is None or answer is None:
        yield _false(f"{field} does not hold the function `{item.name}` that stands at source_span")
    elif answer.head != item_head(about.view, item):
        yield _false(f"{field} changes the signature of `{item.name}`")


def _code_shown(about: Anchored, item: Item) -> Iterator[Problem]:
    del item
    yield from _shows(about, "code")


def _generation(about: Anchored, item: Item) -> Iterator[Problem]:
    yield from _is_version_of(about, item, "code")
    if item.name not in free_identifiers(about.text("description")) and item.name not in about.text("description"):
        yield _false(f"the description does not speak of `{item.name}`")


def _completion(about: Anchored, item: Item) -> Iterator[Problem]:
    published, prefix, suffix = about.published(), about.text("prefix"), about.text("suffix")
    if not (published.startswith(prefix) and published.endswith(suffix)):
        yield _false("prefix and suffix are not the published code around a gap")
    yield from _is_version_of(about, item, "completion", prefix + about.text("completion") + suffix)


def _tests(about: Anchored, item: Item) -> Iterator[Problem]:
    yield from _shows(about, "code_to_test")
    if item.body is None:
        yield _false("what stands at source_span is no function that could be tested")


def _pair(before: str, after: str) -> Callable[[Anchored, Item], Iterator[Problem]]:
    """Two versions of one function, different from each other."""

    def claims(about: Anchored, item: Item) -> Iterator[Problem]:
        for field in (before, after):
            yield from _is_version_of(about, item, field)
        if tokens(about.text(before)) == tokens(about.text(after)):
            yield _false(f"{before} and {after} are the same program")

    return claims


def _optimization(about: Anchored, item: Item) -> Iterator[Problem]:
    yield from _pair("code_before", "code_after")(about, item)
    if cost_of(about.text("code_before")).cheaper_than(cost_of(about.text("code_after"))):
        yield _false("code_after is counted dearer than code_before")


def _function_masked(about: Anchored, item: Item) -> Iterator[Problem]:
    if not same_code(about.text("code").replace(PLACEHOLDER, item.name), about.published()):
        yield _false("the masked code is not the published function at source_span")


def _variable_masked(about: Anchored, item: Item) -> Iterator[Problem]:
    del item
    if masked_name(about) is None:
        yield _false("the masked code is not the published function with one name masked")


def masked_name(about: Anchored) -> str | None:
    """The name that the published code has where the placeholder stands; None when there is no such name."""
    shown, published = tokens(about.text("code")), tokens(about.published())
    names = {theirs for mine, theirs in zip(shown, published, strict=False) if mine == PLACEHOLDER}
    rest = all(mine in {PLACEHOLDER, theirs} for mine, theirs in zip(shown, published, strict=False))
    return names.pop() if len(names) == 1 and rest and len(shown) == len(published) else None


def _call(about: Anchored, item: Item) -> Iterator[Problem]:
    if about.doctest is None and item.body is None:
        yield _false("what stands at source_span is neither a doc test nor a function")
    elif published_call(about) is None:
        yield _false("the shown code is not the beginning of the published code at source_span")


def _found(about: Anchored, item: Item) -> Iterator[Problem]:
    del item
    yield from _shows(about, "code_snippet")


def _commented(about: Anchored, item: Item) -> Iterator[Problem]:
    del item
    if comments(about.text("code")):
        yield _false("the code to comment holds comments already")
    yield from _shows(about, "code")
    if tokens(about.text("code")) != tokens(about.text("commented_code")):
        yield _false("commented_code is another program than code")


_CLAIMS: Mapping[str, Callable[[Anchored, Item], Iterator[Problem]]] = {
    "code_generation": _generation,
    "code_completion": _completion,
    "docstring_generation": _code_shown,
    "test_generation": _tests,
    "code_summarization": _code_shown,
    "bug_detection": _pair("buggy_code", "fixed_code"),
    "code_refactoring": _pair("code_before", "code_after"),
    "code_optimization": _optimization,
    "code_review": _pair("code_before", "code_after"),
    "function_naming": _function_masked,
    "variable_naming": _variable_masked,
    "api_usage_prediction": _call,
    "code_search": _found,
    "code_explanation": _code_shown,
    "comment_generation": _commented,
}

_PROSE_FIELDS = ("summary", "explanation", "docstring", "rationale", "review_comment", "bug_description")


def prose_of(about: Anchored) -> str:
    """The answer's running text, where its category has one."""
    return "\n".join(about.text(field) for field in _PROSE_FIELDS if field in about.form.outputs)


def _invented_members(about: Anchored) -> Iterator[Problem]:
    """`Type::member` of the crate's own types must exist: the one invention that a text can be convicted of."""
    for name in mentioned_names(prose_of(about)):
        owner, _, member = name.rpartition("::")
        if owner.rpartition("::")[2] in about.view.types and member and unknown_names(about.view, (member,)):
            yield _false(f"speaks of `{name}`, which the crate does not have")


# What stands in the prompt already


def _leaks(about: Anchored) -> Iterator[Problem]:
    rule = _LEAKS.get(about.form.category.name)
    if rule is not None and rule(about):
        yield Problem(ProblemKind.CONTAMINATED, "the answer stands in the prompt")


def shares_run(answer: str, prompt: str, length: int = LEAK_TOKENS) -> bool:
    """Whether `length` consecutive tokens of `answer` (all of it, when shorter) stand in `prompt`."""
    wanted, given = tokens(answer), tokens(prompt)
    size = min(length, len(wanted))
    runs = {given[start : start + size] for start in range(len(given) - size + 1)}
    return any(wanted[start : start + size] in runs for start in range(len(wanted) - size + 1))


def _body_told(about: Anchored) -> bool:
    answer = read_function(about.text("code"))
    prompt = about.text("description") + "\n" + about.text("code_context")
    return answer is not None and shares_run(answer.body[1:-1], prompt)


def _text_told(field: str) -> Callable[[Anchored], bool]:
    def told(about: Anchored) -> bool:
        answer = " ".join(re.sub(r"//[/!]?", " ", about.text(field)).split())
        prompt = " ".join(re.sub(r"//[/!]?", " ", " ".join(map(about.text, about.form.inputs))).split())
        return len(answer) >= LEAK_CHARS and answer in prompt

    return told


def _name_told(field: str) -> Callable[[Anchored], bool]:
    """Whether the name that was masked shows elsewhere; of a free-standing example, the name that is the answer."""

    def told(about: Anchored) -> bool:
        meant = about.text(field)
        if about.item is not None:
            meant = about.item.name if field == "function_name" else masked_name(about) or meant
        given = f"{about.text('code')}\n{about.text('code_context')}"
        return re.search(rf"\b{re.escape(meant)}\b", given) is not None

    return told


def _completion_told(about: Anchored) -> bool:
    completion = about.text("completion").strip()
    return len(tokens(completion)) >= REPEATED_TOKENS and completion in about.text("prefix") + "\n" + about.text(
        "suffix"
    )


_LEAKS: Mapping[str, Callable[[Anchored], bool]] = {
    "code_generation": _body_told,
    "code_completion": _completion_told,
    "docstring_generation": _text_told("docstring"),
    "code_summarization": _text_told("summary"),
    "code_explanation": _text_told("explanation"),
    "function_naming": _name_told("function_name"),
    "variable_naming": _name_told("variable_name"),
    "api_usage_prediction": lambda about: about.text("next_api_call") in about.text("code"),
    "code_search": lambda about: shares_run(about.text("code_snippet"), about.text("query")),
}
