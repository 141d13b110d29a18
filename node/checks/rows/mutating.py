"""How many small mistakes a row's tests notice: mutants of many rows as arms in one build (`schemata`).

Only rows whose tests pass and notice a stub come here: it is the dearest question, some 10 ms of CPU time a mutant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from node.checks.diagnostics import Diagnostic
from node.checks.guards.mutants import OPAQUE, Mutant, further_mutants_of, handing_on_mutants_of, mutants_of
from node.checks.guards.reading import walk
from node.checks.guards.tested import steps_from_tests
from node.checks.rows.building import Linked, RowBuilder, root_of
from node.checks.rows.copies import try_copies
from node.checks.rows.example import LIBRARY
from node.checks.rows.runs import Runner
from node.checks.rows.survey import HALVINGS, TELLING, Subject, Survey
from node.checks.rows.verdict import Mutants
from node.checks.schemata import CONST_FN, Variant, blamed, instrument
from node.checks.syntax import BodyChange, FunctionSite, parse_rust, says_of_its_surroundings
from node.checks.workshop import Workshop

_Maker = Callable[[str, int, Mapping[int, int]], Sequence[Mutant]]


async def try_mutants(
    workshop: Workshop, builder: RowBuilder, subjects: Sequence[Subject], limit: int
) -> tuple[Survey, ...]:
    """Make mutants of rows, run the rows' tests on each; more of them while none is noticed.

    Where few compile, those of further families come next; and before it is said of a row that it notices none, the
    rest of the first ones.

    Args:
        workshop: Of the batch.
        builder: Over the rows' package.
        subjects: Rows in one build.
        limit: Mutants per row, at most, if one of them is noticed; twice as many of each kind after that.

    Returns:
        For each row, in order. A row at which errors point has no mutants.
    """
    unchanged = subjects
    subjects = [replace(subject, text=_without_words_of_bodies(subject.text)) for subject in subjects]
    surveys = list(await _survey(workshop, builder, subjects, mutants_of, limit))

    async def try_more(make: _Maker, limit: int, chosen: Sequence[int]) -> None:
        more = await _survey(workshop, builder, [subjects[index] for index in chosen], make, limit)
        for index, found in zip(chosen, more, strict=True):
            surveys[index] = surveys[index] + found

    def few() -> list[int]:
        return [index for index, found in enumerate(surveys) if found.is_unmoved and found.mutants.made < TELLING]

    await try_more(_further, 2 * limit, few())
    chosen = few()
    copied = await try_copies(workshop, builder, [unchanged[index] for index in chosen], limit)
    for index, found in zip(chosen, copied, strict=True):
        surveys[index] = surveys[index] + found
    accused = [index for index, found in enumerate(surveys) if found.is_unmoved and found.mutants.made >= TELLING]
    await try_more(_others, limit, accused)
    return tuple(surveys)


def _further(code: str, limit: int, steps: Mapping[int, int]) -> tuple[Mutant, ...]:
    """At most so many of each further kind, each once: a build for the few that need them is dear enough."""
    kinds = (make(code, limit, steps) for make in (further_mutants_of, handing_on_mutants_of))
    return tuple(dict.fromkeys(chain.from_iterable(kinds)))


def _others(code: str, limit: int, steps: Mapping[int, int]) -> tuple[Mutant, ...]:
    """At most twice as many that are not among the first."""
    first = mutants_of(code, limit, steps)
    return tuple(mutant for mutant in mutants_of(code, 3 * limit, steps) if mutant not in first)[: 2 * limit]


async def _survey(
    workshop: Workshop,
    builder: RowBuilder,
    subjects: Sequence[Subject],
    make: _Maker,
    limit: int,
    halvings: int = HALVINGS,
) -> tuple[Survey, ...]:
    """What the tests notice of the mutants that `make` makes, for each row.

    Rows that do not build together, and none of which can be blamed, are parted as often as `halvings` says.
    """
    variants: dict[int, tuple[int, Variant]] = {}
    for index, subject in enumerate(subjects):
        for change in _changes(subject, make, limit):
            number = len(variants) + 1
            variants[number] = (index, Variant(number, ((subject.path, change),)))
    linked, left = await _build(builder, subjects, [variant for _, variant in variants.values()])
    if linked is None and left and halvings and len(subjects) > 1:
        middle = len(subjects) // 2
        parts = (subjects[:middle], subjects[middle:])
        found = [await _survey(workshop, builder, part, make, limit, halvings - 1) for part in parts]
        return (*found[0], *found[1])
    made = [0] * len(subjects)
    killed = [0] * len(subjects)
    cpu_ms = [linked.built.cpu_ms / len(subjects) if linked is not None else 0.0] * len(subjects)
    if linked is not None:
        async with workshop.workers.session() as session:
            runner = Runner(workshop, session, linked, rows=len(left))
            for number in sorted(left):
                index, _ = variants[number]
                subject = subjects[index]
                run = await runner.run(module=subject.module, variant=number, bound_ms=subject.cpu_ms)
                cpu_ms[index] += run.cpu_ms
                if run.undefined:
                    continue  # What a broken invariant does next may differ from run to run: it shows nothing.
                made[index] += 1
                killed[index] += not run.all_passed
    return tuple(Survey(Mutants(*numbers), spent) for *numbers, spent in zip(made, killed, cpu_ms, strict=True))


def _without_words_of_bodies(text: bytes) -> bytes:
    """A file with blanks for what bodies say of their functions: where arms stand, nothing may."""
    if not any(mark in text for mark in (b"//!", b"/*!", b"#![")):
        return text
    for node in walk(parse_rust(text)):
        body = node.child_by_field_name("body") if node.type == "function_item" else None
        for child in body.children if body is not None else ():
            if says_of_its_surroundings(child):
                start, end = child.start_byte, child.end_byte
                text = text[:start] + _NO_BREAK.sub(b" ", text[start:end]) + text[end:]
    return text


_NO_BREAK = re.compile(rb"[^\n]")


def _changes(subject: Subject, make: _Maker, limit: int) -> Iterable[BodyChange]:
    start, end = subject.code
    code = subject.text[start:end].decode()
    steps = steps_from_tests(parse_rust(subject.text), end)
    for mutant in make(code, limit, {body - start: count for body, count in steps.items()}):
        reason = mutant.target.lone_reason
        if reason in _TOGETHER or (
            reason == CONST_FN and _is_run_only(subject.text) and "default()" not in mutant.text
        ):
            yield _change(mutant, code, start)


_TOGETHER = frozenset({"", "async fn", OPAQUE})
"""Functions in which arms of a match may stand, for the body or an expression in it."""
_BEFORE_RUN = re.compile(
    rb"\bconst\b(?!\s+(?:unsafe\s+|extern\b[^;{]*)?fn\b)|(?<!')\bstatic\b|\benum\b|;[^;\]\n]*\([^;\]\n]*\]|<\s*\{"
)
"""Where the compiler may run a function, of which then no change is ever seen."""


def _is_run_only(text: bytes) -> bool:
    return _BEFORE_RUN.search(text) is None


def _change(mutant: Mutant, code: str, offset: int) -> BodyChange:
    target = mutant.target
    if target.lone_reason == OPAQUE:
        site = FunctionSite(offset + mutant.start, offset + mutant.start, offset + mutant.end, (), "")
        return BodyChange(site, mutant.text, "")
    site = FunctionSite(offset + target.body, offset + target.body, offset + target.end, (), target.lone_reason)
    return BodyChange(site, mutant.body(code), "")


async def _build(
    builder: RowBuilder, subjects: Sequence[Subject], variants: Iterable[Variant]
) -> tuple[Linked | None, frozenset[int]]:
    """Leave out mutants at which errors point, then all of rows at which they do, until the rest builds.

    Without a build, what is left is what failed together.
    """
    names = [subject.module for subject in subjects if subject.module]
    files = {subject.path: subject.text for subject in subjects} | ({LIBRARY: root_of(names)} if names else {})
    left = {variant.number: variant for variant in variants}
    while left:
        contents = instrument(files, "", tuple(left.values()), needs_declaration=False)
        linked = await builder.link({**files, **contents}, instrumented=True)
        if linked.built.ok:
            return linked, frozenset(left)
        guilty = blamed(linked.built.diagnostics) & left.keys() or _of_files(linked.built.diagnostics, left)
        if not guilty:
            break
        left = {number: variant for number, variant in left.items() if number not in guilty}
    return None, frozenset(left)


def _of_files(diagnostics: Iterable[Diagnostic], variants: Mapping[int, Variant]) -> set[int]:
    """Variants that change a file at which an error points."""
    files = {place.file for item in diagnostics if item.error for place in item.primary}
    return {number for number, variant in variants.items() if any(path in files for path, _ in variant.changes)}
