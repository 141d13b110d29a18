"""How many small mistakes a row's tests notice: mutants of many rows as arms in one build (`schemata`).

Only rows whose tests pass and notice a stub come here: it is the dearest question, some 10 ms of CPU time a mutant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from node.checks.guards.mutants import Mutant, mutants_of
from node.checks.rows.building import Linked, RowBuilder
from node.checks.rows.runs import Runner
from node.checks.rows.verdict import Mutants
from node.checks.schemata import Variant, blamed, instrument
from node.checks.syntax import BodyChange, FunctionSite
from node.checks.workshop import Workshop


@dataclass(frozen=True, slots=True)
class Subject:
    """A row to be changed, as its file stands in the build."""

    path: str
    text: bytes
    code: tuple[int, int]
    """Bytes of the row's code in `text`."""
    module: str
    """Its tests' module; empty when the build is its own."""
    cpu_ms: float
    """Of its tests, unchanged."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What came of a row's mutants."""

    mutants: Mutants
    cpu_ms: float


async def try_mutants(
    workshop: Workshop, builder: RowBuilder, subjects: Sequence[Subject], others: Mapping[str, bytes], limit: int
) -> tuple[Survey, ...]:
    """Make mutants of rows, run the rows' tests on each.

    Args:
        workshop: Of the batch.
        builder: Over the rows' package.
        subjects: Rows in one build.
        others: Other files of the build: its root.
        limit: Mutants per row, at most.

    Returns:
        For each row, in order. A build that fails for no reason that points at a mutant leaves all without any.
    """
    variants: dict[int, tuple[int, Variant]] = {}
    for index, subject in enumerate(subjects):
        for change in _changes(subject, limit):
            number = len(variants) + 1
            variants[number] = (index, Variant(number, ((subject.path, change),)))
    linked, left = await _build(builder, subjects, others, [variant for _, variant in variants.values()])
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


def _changes(subject: Subject, limit: int) -> Iterable[BodyChange]:
    start, end = subject.code
    code = subject.text[start:end].decode()
    for mutant in mutants_of(code, limit):
        if not mutant.target.lone_reason:
            yield _change(mutant, code, start)


def _change(mutant: Mutant, code: str, offset: int) -> BodyChange:
    target = mutant.target
    site = FunctionSite(offset + target.body, offset + target.body, offset + target.end, (), "")
    return BodyChange(site, mutant.body(code), "")


async def _build(
    builder: RowBuilder, subjects: Sequence[Subject], others: Mapping[str, bytes], variants: Iterable[Variant]
) -> tuple[Linked | None, frozenset[int]]:
    """Leave out mutants at which errors point until the rest builds."""
    sources = {subject.path: subject.text for subject in subjects}
    left = {variant.number: variant for variant in variants}
    while left:
        contents = instrument({**others, **sources}, "", tuple(left.values()), needs_declaration=False)
        linked = await builder.link({**others, **sources, **contents}, instrumented=True)
        if linked.built.ok:
            return linked, frozenset(left)
        guilty = blamed(linked.built.diagnostics) & left.keys()
        if not guilty:
            break
        left = {number: variant for number, variant in left.items() if number not in guilty}
    return None, frozenset()
